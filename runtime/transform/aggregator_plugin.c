/* Aggregators of libraries; see aggregator_plugin.h. */
#include "runtime/transform/aggregator_plugin.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/plugin/plugin.h"
#include "runtime/transform/transform_host.h"

#include <stdlib.h>
#include <string.h>

struct aggregator_plugin {
    struct tidemill_context context; /* first, so that the plugin's pointer is ours */
    struct plugin *plugin;
    const struct tidemill_aggregator *functions;
    struct plugin_options *options;
    struct aggregator aggregator;
    struct summary_kind kind;
    char *field;
    char *kind_name;
    bool is_open;
    struct buffer *out; /* of the running call; else NULL */
    size_t start;       /* of what the call writes */
    bool has_failed;    /* a function of the host refused something */
    char failure[512];
    struct buffer scratch; /* a decoded string */
    struct json result;
};

static struct aggregator_plugin *aggregator_plugin_of(struct tidemill_context *context)
{
    return (struct aggregator_plugin *)(void *)context;
}

/* --- The host --------------------------------------------------------------------------------- */

static void host_fail(struct tidemill_context *context, const char *text)
{
    struct aggregator_plugin *it = aggregator_plugin_of(context);
    snprintf(it->failure, sizeof it->failure, "%s", text);
}

/* What an aggregator keeps depends on values alone. */
static int64_t host_now_ms(struct tidemill_context *context)
{
    (void)context;
    return -1;
}

static enum tidemill_status refuse(struct aggregator_plugin *it, const char *text)
{
    it->has_failed = true;
    host_fail(&it->context, text);
    return TIDEMILL_REJECT;
}

static enum tidemill_status host_write(struct tidemill_context *context, struct tidemill_bytes part)
{
    struct aggregator_plugin *it = aggregator_plugin_of(context);
    if (it->out == NULL) {
        return refuse(it, "the aggregator wrote outside of a call");
    }
    if (part.size > AGGREGATOR_PLUGIN_SIZE_MAX - (it->out->size - it->start)) {
        return refuse(it, "the aggregator wrote more than 1 MiB");
    }
    buffer_add(it->out, part.data, part.size);
    return TIDEMILL_OK;
}

static const struct tidemill_host host_functions = {.size = sizeof host_functions,
                                                    .abi_major = TIDEMILL_ABI_MAJOR,
                                                    .abi_minor = TIDEMILL_ABI_MINOR,
                                                    .log = transform_host_log,
                                                    .fail = host_fail,
                                                    .metric_add = transform_host_metric,
                                                    .metric_set = transform_host_metric,
                                                    .now_ms = host_now_ms,
                                                    .write = host_write};

/* --- Calls ------------------------------------------------------------------------------------ */

static void begin(struct aggregator_plugin *it, struct buffer *out)
{
    check(it->out == NULL);
    it->out = out;
    it->start = out->size;
    it->has_failed = false;
    it->failure[0] = 0;
}

static int end(struct aggregator_plugin *it, enum tidemill_status status)
{
    it->out = NULL;
    if (status == TIDEMILL_OK && it->has_failed) {
        status = TIDEMILL_REJECT;
    }
    if (status == TIDEMILL_OK) {
        return 0;
    }
    return status == TIDEMILL_REJECT ? ERROR_INVALID : ERROR_CANCELLED;
}

static const char *reason(void *owner)
{
    const struct aggregator_plugin *it = owner;
    return it->failure[0] == 0 ? "the aggregator failed and said nothing" : it->failure;
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
    begin(it, out);
    return end(it, it->functions->add(&it->context, &shown, bytes_of(summary)));
}

static int subtract(struct summary_parameter parameter, const struct summary_input *input,
                    struct bytes summary, struct buffer *out)
{
    struct aggregator_plugin *it = parameter.owner;
    struct tidemill_input shown = show(it, input);
    begin(it, out);
    return end(it, it->functions->subtract(&it->context, &shown, bytes_of(summary)));
}

static int merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                 struct buffer *out)
{
    struct aggregator_plugin *it = parameter.owner;
    begin(it, out);
    return end(it, it->functions->merge(&it->context, bytes_of(left), bytes_of(right)));
}

static int tell(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                struct buffer *json)
{
    struct aggregator_plugin *it = parameter.owner;
    begin(it, json);
    int error = end(it, it->functions->result(&it->context, bytes_of(summary), span_ms));
    struct bytes written = bytes_make(json->data + it->start, json->size - it->start);
    if (error == 0 && json_parse(&it->result, written) != 0) {
        refuse(it, "the aggregator's result is not JSON");
        error = ERROR_INVALID;
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
    const struct tidemill_kind *kind = it->context.kind;
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

/* The kind's own judgement, and its instance. */
static int open_instance(struct aggregator_plugin *it, struct report *report)
{
    const struct tidemill_kind *kind = it->context.kind;
    enum tidemill_status status = TIDEMILL_OK;
    if (kind->validate != NULL) {
        status = kind->validate(&it->context);
    }
    if (status == TIDEMILL_OK && it->functions->open != NULL) {
        status = it->functions->open(&it->context);
    }
    it->is_open = status == TIDEMILL_OK;
    return it->is_open ? 0 : report_add(report, NULL, "%s", reason(it));
}

int aggregator_plugin_open(const char *const *directories, size_t directory_count,
                           const struct aggregator_plugin_options *options,
                           struct aggregator_plugin **out, struct report *report)
{
    struct aggregator_plugin *it = memory_new(struct aggregator_plugin);
    const struct tidemill_kind *kind = NULL;
    json_init(&it->result);
    buffer_init(&it->scratch);
    int error = plugin_open_kind(options->name, TIDEMILL_AGGREGATOR, directories, directory_count,
                                 &it->plugin, &kind, report);
    if (error == 0) {
        error = plugin_options_parse(kind, options->settings, options->setting_count, &it->options,
                                     report);
    }
    if (error == 0) {
        it->functions = kind->aggregator;
        it->field = memory_string(options->field);
        it->kind_name = make_kind_name(it, options);
        it->context = (struct tidemill_context){.size = sizeof it->context,
                                                .task_count = 1,
                                                .connector = it->field,
                                                .host = &host_functions,
                                                .kind = kind,
                                                .values = plugin_options_values(it->options)};
        make_aggregator(it);
        error = open_instance(it, report);
    }
    if (error != 0) {
        aggregator_plugin_close(it);
        return error;
    }
    *out = it;
    return 0;
}

void aggregator_plugin_close(struct aggregator_plugin *it)
{
    if (it == NULL) {
        return;
    }
    if (it->is_open && it->functions->close != NULL) {
        it->functions->close(&it->context);
    }
    plugin_options_free(it->options);
    plugin_close(it->plugin);
    json_fini(&it->result);
    buffer_fini(&it->scratch);
    free(it->field);
    free(it->kind_name);
    free(it);
}

const struct aggregator *aggregator_plugin_aggregator(const struct aggregator_plugin *it)
{
    return &it->aggregator;
}
