/* A plugin that makes bytes of what it is given, aggregator or format: its library, options and
 * context, and the calls in which it writes.
 *
 * Owns:   the library, the options, the failure of the last call.
 * Keeps:  (1) one call writes at most size_max bytes; past them it counts as rejected, whatever the
 *             plugin returns;
 *         (2) nothing can be written outside of a call.
 * Thread: the script's, and its tasks'. */
#pragma once

#include "log/base/report.h"
#include "runtime/plugin/plugin.h"
#include "runtime/plugin/plugin_options.h"

struct plugin_instance {
    struct tidemill_context context; /* first, so that the plugin's pointer is ours */
    struct plugin *plugin;
    struct plugin_options *options;
    char *label;
    size_t size_max;
    struct buffer *out; /* of the running call; else NULL */
    size_t start;       /* of what the call writes */
    bool has_failed;    /* a function of the host refused something */
    char failure[512];
};

/* Where libraries are, and what a person wrote. */
struct plugin_instance_options {
    const char *const *directories;
    size_t directory_count;
    const char *name;  /* of the plugin and of its kind */
    const char *label; /* context->connector */
    const struct plugin_setting *settings;
    size_t setting_count;
};

/* Loads the library, judges the options, and asks the kind itself for its judgement; `it` is zero
 * before. ERROR_NOT_FOUND when there is no such library. To be finished in any case. */
must_use int plugin_instance_init(struct plugin_instance *it, enum tidemill_kind_type type,
                                  size_t size_max, const struct plugin_instance_options *options,
                                  struct report *report);
void plugin_instance_fini(struct plugin_instance *it);

void plugin_instance_begin(struct plugin_instance *it, struct buffer *out);
/* 0, ERROR_INVALID when the call was rejected, or ERROR_CANCELLED when it cannot go on at all. */
must_use int plugin_instance_end(struct plugin_instance *it, enum tidemill_status status);
/* What the call has written so far. */
struct bytes plugin_instance_written(const struct plugin_instance *it, const struct buffer *out);
/* ERROR_INVALID, with the reason. */
int plugin_instance_refuse(struct plugin_instance *it, const char *text);
/* What the last call that failed said. */
const char *plugin_instance_reason(const struct plugin_instance *it);
