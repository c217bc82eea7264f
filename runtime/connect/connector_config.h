/* What a connector's definition says, judged: the kind, its parsed options, the framework's own.
 *
 * Owns:   the plugin library, the options, copies of the names.
 * Thread: the shard of `io`, which plugins may ask for the time while they judge. */
#pragma once

#include "runtime/connect/connector.h"
#include "runtime/plugin/plugin.h"

enum { CONNECTOR_CONFIG_TOPIC_MAX = 256 };

struct connector_config {
    struct io *io;
    char *name;
    char *id; /* APPLICATION:NAME; neither may have a colon */
    bool is_source;
    const char *instance_id; /* borrowed */
    struct plugin *plugin;
    const struct tidemill_kind *kind;
    struct plugin_options *options;
    char *topics[CONNECTOR_CONFIG_TOPIC_MAX];
    size_t topic_count;
    char *topic_pattern;     /* instead of topics; or NULL */
    char *left_alone;        /* a topic that it never matches, as its dead letters; or NULL */
    char *dead_letter_topic; /* NULL: none */
    bool is_from_latest;
};

/* ERROR_INVALID with the report filled; then there is nothing to end. */
must_use int connector_config_read(struct connector_config *config, struct io *io,
                                   const char *const *directories, size_t directory_count,
                                   const struct connector_definition *definition,
                                   struct report *report);
void connector_config_fini(struct connector_config *config);
