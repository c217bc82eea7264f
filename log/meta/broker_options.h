/* What can be set per broker: server.properties, its names, and what they mean.
 *
 * Values travel as text in a map (name to char *, owned by the map) until all layers are there; see
 * config.h for their order. Unknown names are kept, so that files made for Kafka work, and
 * the person is told which known name is near.
 * Owns:   the strings in the struct; broker_options_fini frees them.
 * Thread: any; the struct's. */
#pragma once

#include "log/base/map.h"
#include "log/base/option.h"

enum broker_options_flag {
    BROKER_OPTIONS_UNSET = OPTION_FLAG_FIRST,        /* has no value until one is given */
    BROKER_OPTIONS_IGNORED = OPTION_FLAG_FIRST << 1, /* accepted and without effect */
    BROKER_OPTIONS_MISSED = OPTION_FLAG_FIRST << 2,  /* ignored, and whoever set it counts on it */
};

enum broker_options_durability {
    BROKER_OPTIONS_DURABILITY_FSYNC,
    BROKER_OPTIONS_DURABILITY_INTERVAL,
    BROKER_OPTIONS_DURABILITY_OS
};

enum broker_options_migration {
    BROKER_OPTIONS_MIGRATION_BOTH,
    BROKER_OPTIONS_MIGRATION_UPGRADE,
    BROKER_OPTIONS_MIGRATION_DOWNGRADE,
    BROKER_OPTIONS_MIGRATION_NONE
};

struct broker_options {
#define OPTION OPTION_FIELD
#include "log/meta/broker_options.def"
#undef OPTION
};

extern const struct option_row broker_options_rows[];
extern const size_t broker_options_row_count;

/* NULL when there is no such option; knows broker.id as node.id. */
const struct option_row *broker_options_find(const char *name);
void broker_options_init(struct broker_options *options);
void broker_options_fini(struct broker_options *options);
/* The first of log.dirs, or log.dir; lives as long as the options. The size of the first of several
 * directories is in *size. */
const char *broker_options_data_dir(const struct broker_options *options, size_t *size);

/* Called with a sentence and its place for a name that is not known, and for one that is and has no
 * effect: both are kept. */
typedef void (*broker_options_warn)(void *owner, const struct report *warning);
typedef void (*broker_options_each)(void *owner, const char *name, const char *value,
                                    const char *place);

/* Who hears what is wrong with values that belong together; either may be NULL. */
struct broker_options_ears {
    broker_options_warn warn;   /* what is understood and left out */
    broker_options_warn refuse; /* every mistake, where a report keeps the first */
    void *owner;
};

/* Whether nobody misses what it would do: files made for Kafka are full of such. */
bool broker_options_is_moot(const char *name);
/* Why there is no row for an option; false when nobody knows the name. */
bool broker_options_explain(const char *name, struct report *report);
/* Puts one value into the map after judging it. ERROR_INVALID with a sentence. `place` may be NULL;
 * `warn` too. */
must_use int broker_options_put(struct map *values, const char *name, const char *value,
                                const char *place, broker_options_warn warn, void *owner,
                                struct report *report);
/* Reads the text of a properties file (key=value, # and ! comments, a backslash continues a line)
 * in its order: a later line is to win. Judges nothing. Places are "FILE:LINE". */
void broker_options_read_properties(struct bytes text, const char *file, broker_options_each each,
                                    void *owner);
/* "KAFKA_LOG_DIRS" to "log.dirs" (one underscore is a point, two an underscore, three a dash);
 * false when the variable has no such prefix. */
bool broker_options_from_variable(const char *variable, struct buffer *name);
