/* Aggregators of libraries; see aggregator_plugin.h. */
#include "runtime/transform/aggregator_plugin.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/transform/plugin_instance.h"

#include <stdlib.h>
#include <string.h>

struct aggregator_plugin {
    struct plugin_instance instance;
    const struct tidemill_aggregator *functions;
    struct aggregator aggregator;
    struct summary_kind kind;
    char *kind_name;
    bool is_open;
    struct buffer scratch; /* a decoded string */
    struct json result;
};

/* --- Calls ------------------------------------------------------------------------------------ */

static const char *reason(void *owner)
{
    const struct aggregator_plugin *it = owner;
    return plugin_instance_reason(&it->instance);
}

static struct tidemill_bytes bytes_of(struct bytes view)
{
    return tidemill_bytes_make(view.data, view.size);
}

static void show_number(const struct number *number, struct tidemill_input *out)
{
    out->type = number->is_integer ? TIDEMILL_INTEGER : TIDEMILL_REAL;
    out->integer = number->is_integer ? number->integer : 0;
    out->real = number_real(number);
}

/* A value as the plugin sees it. */
static struct tidemill_input show(struct aggregator_plugin *it, const struct summary_input *input)
{
    struct tidemill_input out = {.size = sizeof out, .timestamp_ms = input->time_ms};
    struct number number = number_from_integer(1);
    if (input->token == JSON_ABSENT) {
        show_number(&number, &out);
        return out;
    }
    enum json_kind kind = (enum json_kind)json_token(input->json, input->token)->kind;
    out.text = bytes_of(json_raw(input->json, input->token));
    switch (kind) {
    case JSON_NUMBER:
        check(number_read(input->json, input->token, &number));
        show_number(&number, &out);
        break;
    case JSON_STRING:
        buffer_clear(&it->scratch);
        out.type = TIDEMILL_STRING;
        out.text = bytes_of(json_string(input->json, input->token, &it->scratch));
        break;
    case JSON_NULL: /* is never added */
    case JSON_FALSE:
    case JSON_TRUE:
        out.type = TIDEMILL_BOOL;
        out.integer = kind == JSON_TRUE;
        break;
    case JSON_ARRAY:
        out.type = TIDEMILL_ARRAY;
        break;
    case JSON_OBJECT:
        out.type = TIDEMILL_OBJECT;
        break;
    }
    return out;
}

static int add(struct summary_parameter parameter, const struct summary_input *input,
               struct bytes summary, struct buffer *out)
{
    struct aggregator_plugin *it = parameter.owner;
    struct tidemill_input shown = show(it, input);
    plugin_instance_begin(&it->instance, out);
    return plugin_instance_end(
        &it->instance, it->functions->add(&it->instance.context, &shown, bytes_of(summary)));
}

static int subtract(struct summary_parameter parameter, const struct summary_input *input,
                    struct bytes summary, struct buffer *out)
{
    struct aggregator_plugin *it = parameter.owner;
    struct tidemill_input shown = show(it, input);
    plugin_instance_begin(&it->instance, out);
    return plugin_instance_end(
        &it->instance, it->functions->subtract(&it->instance.context, &shown, bytes_of(summary)));
}

static int merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                 struct buffer *out)
{
    struct aggregator_plugin *it = parameter.owner;
    plugin_instance_begin(&it->instance, out);
    return plugin_instance_end(
        &it->instance,
        it->functions->merge(&it->instance.context, bytes_of(left), bytes_of(right)));
}

static int tell(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                struct buffer *json)
{
    struct aggregator_plugin *it = parameter.owner;
    plugin_instance_begin(&it->instance, json);
    int error = plugin_instance_end(
        &it->instance, it->functions->result(&it->instance.context, bytes_of(summary), span_ms));
    if (error == 0 && json_parse(&it->result, plugin_instance_written(&it->instance, json)) != 0) {
        error = plugin_instance_refuse(&it->instance, "the aggregator's result is not JSON");
    }
    return error;
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* A constant for ever, as long as nothing changes that a state may depend on. */
static char *make_kind_name(const struct aggregator_plugin *it,
                            const struct aggregator_plugin_options *options)
{
    struct buffer name;
    buffer_init(&name);
    buffer_printf(&name, "plugin %s %u", options->name, it->functions->state_version);
    for (size_t i = 0; i < options->setting_count; i++) {
        buffer_printf(&name, " %s=%s", options->settings[i].name, options->settings[i].value);
    }
    char *copy = memory_string(buffer_string(&name));
    buffer_fini(&name);
    return copy;
}

static void make_aggregator(struct aggregator_plugin *it)
{
    const struct tidemill_kind *kind = it->instance.context.kind;
    static const enum summary_takes takes[] = {[TIDEMILL_TAKES_NUMBERS] = SUMMARY_NUMBERS,
                                               [TIDEMILL_TAKES_SCALARS] = SUMMARY_SCALARS,
                                               [TIDEMILL_TAKES_VALUES] = SUMMARY_VALUES};
    bool needs_path = (kind->capabilities & TIDEMILL_PATH_OPTIONAL) == 0;
    it->kind = (struct summary_kind){.name = it->kind_name,
                                     .takes = takes[it->functions->takes],
                                     .reason = reason,
                                     .add = add,
                                     .subtract = it->functions->subtract == NULL ? NULL : subtract,
                                     .merge = merge};
    it->aggregator =
        (struct aggregator){.name = kind->name,
                            .argument = needs_path ? AGGREGATOR_PATH : AGGREGATOR_PATH_OR_NONE,
                            .summary = &it->kind,
                            .tell = tell};
}

static int open_instance(struct aggregator_plugin *it,
                         const struct aggregator_plugin_options *options,
                         const char *const *directories, size_t directory_count,
                         struct report *report)
{
    struct plugin_instance_options wanted = {.directories = directories,
                                             .directory_count = directory_count,
                                             .name = options->name,
                                             .label = options->field,
                                             .settings = options->settings,
                                             .setting_count = options->setting_count};
    int error = plugin_instance_init(&it->instance, TIDEMILL_AGGREGATOR, AGGREGATOR_PLUGIN_SIZE_MAX,
                                     &wanted, report);
    if (error != 0) {
        return error;
    }
    it->functions = it->instance.context.kind->aggregator;
    if (it->functions->open != NULL && it->functions->open(&it->instance.context) != TIDEMILL_OK) {
        return report_add(report, NULL, "%s", reason(it));
    }
    it->is_open = true;
    return 0;
}

int aggregator_plugin_open(const char *const *directories, size_t directory_count,
                           const struct aggregator_plugin_options *options,
                           struct aggregator_plugin **out, struct report *report)
{
    struct aggregator_plugin *it = memory_new(struct aggregator_plugin);
    json_init(&it->result);
    buffer_init(&it->scratch);
    int error = open_instance(it, options, directories, directory_count, report);
    if (error != 0) {
        aggregator_plugin_close(it);
        return error;
    }
    it->kind_name = make_kind_name(it, options);
    make_aggregator(it);
    *out = it;
    return 0;
}

void aggregator_plugin_close(struct aggregator_plugin *it)
{
    if (it == NULL) {
        return;
    }
    if (it->is_open && it->functions->close != NULL) {
        it->functions->close(&it->instance.context);
    }
    plugin_instance_fini(&it->instance);
    json_fini(&it->result);
    buffer_fini(&it->scratch);
    free(it->kind_name);
    free(it);
}

const struct aggregator *aggregator_plugin_aggregator(const struct aggregator_plugin *it)
{
    return &it->aggregator;
}
