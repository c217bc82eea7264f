/* Where the value of an option comes from.
 *
 * A topic option is looked for in five places: the topic itself, this broker's dynamic values, the
 * dynamic values of all brokers, server.properties, and the default of its row. Below the topic it
 * has another name, sometimes several with other units (topic_synonyms.def); so does a group's
 * (group_synonyms.def). A broker option has the last four places, one of a subscription to client
 * metrics the first and the last.
 *
 * Owns:   nothing; the maps (name to char *) are borrowed, what describe returns lives in the
 *         arena.
 * Keeps:  the order of a description's synonyms is the order of precedence; the first is the value.
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "log/base/map.h"
#include "log/meta/broker_options.h"
#include "log/meta/client_metrics_options.h"
#include "log/meta/group_options.h"
#include "log/meta/topic_options.h"

/* Kafka's numbers (DescribeConfigs). */
enum config_source {
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_BROKER = 2,
    CONFIG_SOURCE_ALL_BROKERS = 3,
    CONFIG_SOURCE_FILE = 4,
    CONFIG_SOURCE_DEFAULT = 5,
    CONFIG_SOURCE_LOGGER = 6,
    CONFIG_SOURCE_CLIENT_METRICS = 7,
    CONFIG_SOURCE_GROUP = 8,
};

/* NULL stands for an empty layer. */
struct config_layers {
    const struct map *own; /* of the topic, the group or the subscription */
    const struct map *broker;
    const struct map *all_brokers;
    const struct map *file;
};

struct config_synonym {
    const char *name;
    const char *value; /* NULL for null */
    enum config_source source;
};

struct config_entry {
    const char *name;
    const char *value; /* NULL for null and for secrets */
    enum config_source source;
    bool is_read_only;
    bool is_sensitive;
    int8_t type; /* option_kafka_type */
    const char *doc;
    const struct config_synonym *synonyms;
    size_t synonym_count;
};

/* Fills the options of a topic (or with layers->own NULL of a topic without any of its own). The
 * struct is initialised or zeroed before. Values that are refused are left out: they were judged
 * when they were set. */
void config_read_topic(const struct config_layers *layers, struct topic_options *out);
void config_read_broker(const struct config_layers *layers, struct broker_options *out);
void config_read_group(const struct config_layers *layers, struct group_options *out);
void config_read_client_metrics(const struct config_layers *layers,
                                struct client_metrics_options *out);
/* Every option in the order of the rows. */
size_t config_describe_topic(const struct config_layers *layers, struct arena *arena,
                             struct config_entry **out);
size_t config_describe_broker(const struct config_layers *layers, struct arena *arena,
                              struct config_entry **out);
size_t config_describe_group(const struct config_layers *layers, struct arena *arena,
                             struct config_entry **out);
size_t config_describe_client_metrics(const struct config_layers *layers, struct arena *arena,
                                      struct config_entry **out);
