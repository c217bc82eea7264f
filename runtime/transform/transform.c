/* From a name and settings to a step of a plan; see transform.h. */
#include "runtime/transform/transform.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/plugin/plugin.h"
#include "runtime/transform/transform_node.h"

#include <stdlib.h>
#include <string.h>

struct transform {
    struct plugin *plugin;
    const struct tidemill_kind *kind;
    struct plugin_options *options;
    struct topology_timer *timers;
    const struct value_format *format;
    char **aliases;
    char **stores;
    size_t store_count;
};

static bool has_store(const struct transform_options *options, const char *alias)
{
    for (size_t i = 0; i < options->store_count; i++) {
        if (strcmp(options->aliases[i], alias) == 0) {
            return true;
        }
    }
    return false;
}

static int validate_stores(const struct transform *transform,
                           const struct transform_options *options, struct report *report)
{
    const char *const *needed = transform->kind->transform->stores;
    for (; needed != NULL && *needed != NULL; needed++) {
        if (!has_store(options, *needed)) {
            return report_add(report, NULL,
                              "the transform %s needs a store '%s'; write stores = { %s = S.kv { "
                              "value = \"bytes\" } }",
                              options->name, *needed, *needed);
        }
    }
    return 0;
}

static void copy_stores(struct transform *transform, const struct transform_options *options)
{
    transform->aliases = memory_zero(options->store_count, sizeof *transform->aliases);
    transform->stores = memory_zero(options->store_count, sizeof *transform->stores);
    for (size_t i = 0; i < options->store_count; i++) {
        transform->aliases[i] = memory_string(options->aliases[i]);
        transform->stores[i] = memory_string(options->stores[i]);
    }
    transform->store_count = options->store_count;
}

/* An interval that an option says was not seen by the loader. */
static int read_timers(struct transform *transform, struct report *report)
{
    const struct tidemill_transform *functions = transform->kind->transform;
    const struct tidemill_option_value *values = plugin_options_values(transform->options);
    transform->timers = memory_zero(functions->timer_count, sizeof *transform->timers);
    for (size_t i = 0; i < functions->timer_count; i++) {
        const struct tidemill_timer *timer = &functions->timers[i];
        int64_t interval_ms = timer->interval_ms;
        if (timer->option != NULL) {
            const struct tidemill_option *row = plugin_options_find(transform->kind, timer->option);
            interval_ms = values[row - transform->kind->options].integer;
        }
        if (interval_ms <= 0) {
            return report_add(report, NULL, "option '%s' must be longer than nothing",
                              timer->option);
        }
        transform->timers[i] = (struct topology_timer){.clock = timer->clock == TIDEMILL_STREAM_TIME
                                                                    ? TOPOLOGY_STREAM_TIME
                                                                    : TOPOLOGY_WALL_CLOCK,
                                                       .interval_ms = interval_ms};
    }
    return 0;
}

int transform_open(const char *const *directories, size_t directory_count,
                   const struct transform_options *options, struct transform **out,
                   struct report *report)
{
    struct transform *transform = memory_new(struct transform);
    int error = plugin_open_kind(options->name, TIDEMILL_TRANSFORM, directories, directory_count,
                                 &transform->plugin, &transform->kind, report);
    if (error == 0) {
        error = plugin_options_parse(transform->kind, options->settings, options->setting_count,
                                     &transform->options, report);
    }
    if (error == 0) {
        error = validate_stores(transform, options, report);
    }
    if (error == 0) {
        error = read_timers(transform, report);
    }
    if (error == 0) {
        transform->format = options->format;
        copy_stores(transform, options);
        error = transform_node_validate(transform, report);
    }
    if (error != 0) {
        transform_close(transform);
        return error;
    }
    *out = transform;
    return 0;
}

void transform_close(struct transform *transform)
{
    if (transform == NULL) {
        return;
    }
    for (size_t i = 0; i < transform->store_count; i++) {
        free(transform->aliases[i]);
        free(transform->stores[i]);
    }
    free(transform->aliases);
    free(transform->stores);
    free(transform->timers);
    plugin_options_free(transform->options);
    plugin_close(transform->plugin);
    free(transform);
}

static struct node *make_node(void *owner, const char *name)
{
    return transform_node_new(name, owner);
}

static void free_owner(void *owner)
{
    transform_close(owner);
}

void transform_describe(struct transform *transform, struct topology_node *out)
{
    out->timers = transform->timers;
    out->timer_count = transform->kind->transform->timer_count;
    out->changes_key = (transform->kind->capabilities & TIDEMILL_KEEPS_KEY) == 0;
    out->make = make_node;
    out->owner = transform;
    out->free_owner = free_owner;
}

const struct tidemill_kind *transform_kind(const struct transform *transform)
{
    return transform->kind;
}

const struct tidemill_option_value *transform_values(const struct transform *transform)
{
    return plugin_options_values(transform->options);
}

const struct value_format *transform_format(const struct transform *transform)
{
    return transform->format;
}

size_t transform_store_count(const struct transform *transform)
{
    return transform->store_count;
}

const char *transform_store(const struct transform *transform, size_t index, const char **alias)
{
    check(index < transform->store_count);
    *alias = transform->aliases[index];
    return transform->stores[index];
}
