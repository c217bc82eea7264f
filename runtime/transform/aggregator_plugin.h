/* An aggregator that is a plugin: S.plugin("mean", "$.ms", {...}) in a script.
 *
 * To the aggregate it is an aggregator like the native ones, made for one field of one step: its
 * kind of summary calls the plugin. The name of that kind, which the layout of accumulators is made
 * of, says the plugin, the version of its states and the options of the script, so that states of
 * another meaning are refused instead of misread.
 *
 * Owns:   the library, the options, the plugin's instance.
 * Keeps:  (1) a state and a result have at most AGGREGATOR_PLUGIN_SIZE_MAX bytes;
 *         (2) a result is one JSON text.
 * Thread: the script's, and its tasks'. */
#pragma once

#include "log/base/report.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/plugin/plugin_options.h"

enum { AGGREGATOR_PLUGIN_SIZE_MAX = 1 << 20 };

struct aggregator_plugin;

struct aggregator_plugin_options {
    const char *name;                      /* of the plugin and of its kind */
    const char *field;                     /* of the result */
    const struct plugin_setting *settings; /* sorted by name */
    size_t setting_count;
};

/* Loads NAME.so from the first directory that has it. */
must_use int aggregator_plugin_open(const char *const *directories, size_t directory_count,
                                    const struct aggregator_plugin_options *options,
                                    struct aggregator_plugin **out, struct report *report);
/* Nobody may use its aggregator any more. NULL is fine. */
void aggregator_plugin_close(struct aggregator_plugin *it);
/* Its owner, in the words of summary_parameter, is `it`. */
const struct aggregator *aggregator_plugin_aggregator(const struct aggregator_plugin *it);
