/* The rows of topic options and the rules that a row cannot say; see topic_options.h. */
#include "log/meta/topic_options.h"

#include "log/base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct option_row topic_options_rows[] = {
#define OPTION(...) OPTION_ROW(struct topic_options, __VA_ARGS__)
#include "log/meta/topic_options.def"
#undef OPTION
};
const size_t topic_options_row_count = sizeof topic_options_rows / sizeof *topic_options_rows;

const struct option_row *topic_options_find(const char *name)
{
    return option_find(topic_options_rows, topic_options_row_count, name);
}

void topic_options_init(struct topic_options *options)
{
    *options = (struct topic_options){0};
    option_set_defaults(topic_options_rows, topic_options_row_count, options);
}

void topic_options_fini(struct topic_options *options)
{
    option_fini(topic_options_rows, topic_options_row_count, options);
}

void topic_options_copy(const struct topic_options *from, struct topic_options *to)
{
    option_copy(topic_options_rows, topic_options_row_count, from, to);
}

/* Moves over digits and returns whether there were any. */
static bool topic_options_skip_number(const char **at)
{
    const char *start = *at;
    while (isdigit((unsigned char)**at)) {
        (*at)++;
    }
    return *at > start;
}

/* "" or "*" or "0:1,0:2": pairs of partition and broker. */
static bool topic_options_is_replica_list(const char *list)
{
    if (list == NULL || *list == 0 || strcmp(list, "*") == 0) {
        return true;
    }
    for (;;) {
        if (!topic_options_skip_number(&list) || *list++ != ':' ||
            !topic_options_skip_number(&list)) {
            return false;
        }
        if (*list == 0) {
            return true;
        }
        if (*list++ != ',') {
            return false;
        }
    }
}

static int topic_options_validate(const struct topic_options *options, struct report *report)
{
    if (options->compression_gzip_level == 0) {
        report_add(report, NULL, "compression.gzip.level: must be -1 or from 1 to 9");
        return ERROR_INVALID_CONFIG;
    }
    if (options->min_compaction_lag_ms > options->max_compaction_lag_ms) {
        report_add(report, NULL,
                   "min.compaction.lag.ms (%" PRId64 ") is above max.compaction.lag.ms (%" PRId64
                   ")",
                   options->min_compaction_lag_ms, options->max_compaction_lag_ms);
        return ERROR_INVALID_CONFIG;
    }
    if (options->remote_storage_enable) {
        report_add(report, NULL, "remote.storage.enable: this broker has no tiered storage");
        return ERROR_INVALID_CONFIG;
    }
    if (!topic_options_is_replica_list(options->leader_throttled_replicas) ||
        !topic_options_is_replica_list(options->follower_throttled_replicas)) {
        report_add(report, NULL,
                   "replication.throttled.replicas: must be * or a list like 0:1,0:2 of "
                   "partition:broker");
        return ERROR_INVALID_CONFIG;
    }
    return 0;
}

int topic_options_override(struct topic_options *options, const struct map *values,
                           struct report *report)
{
    for (map_each (values, entry)) {
        char *name = bytes_to_string(entry->key);
        int error = option_assign(topic_options_rows, topic_options_row_count, name,
                                  (const char *)entry->value, options, report);
        free(name);
        if (error != 0) {
            return ERROR_INVALID_CONFIG;
        }
    }
    return topic_options_validate(options, report);
}

bool topic_options_is_compacted(const struct topic_options *options)
{
    return option_list_has(options->cleanup_policy, "compact");
}

bool topic_options_is_deleted(const struct topic_options *options)
{
    return option_list_has(options->cleanup_policy, "delete");
}
