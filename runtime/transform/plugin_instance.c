/* Plugins that write; see plugin_instance.h. */
#include "runtime/transform/plugin_instance.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/transform/transform_host.h"

#include <stdlib.h>

static struct plugin_instance *plugin_instance_of(struct tidemill_context *context)
{
    return (struct plugin_instance *)(void *)context;
}

static void host_fail(struct tidemill_context *context, const char *text)
{
    struct plugin_instance *it = plugin_instance_of(context);
    snprintf(it->failure, sizeof it->failure, "%s", text);
}

/* What is made depends on what is given alone. */
static int64_t host_now_ms(struct tidemill_context *context)
{
    (void)context;
    return -1;
}

int plugin_instance_refuse(struct plugin_instance *it, const char *text)
{
    it->has_failed = true;
    host_fail(&it->context, text);
    return ERROR_INVALID;
}

static enum tidemill_status host_write(struct tidemill_context *context, struct tidemill_bytes part)
{
    struct plugin_instance *it = plugin_instance_of(context);
    char text[100];
    if (it->out == NULL) {
        plugin_instance_refuse(it, "the plugin wrote outside of a call");
        return TIDEMILL_REJECT;
    }
    if (part.size > it->size_max - (it->out->size - it->start)) {
        snprintf(text, sizeof text, "the plugin wrote more than %zu MiB", it->size_max >> 20);
        plugin_instance_refuse(it, text);
        return TIDEMILL_REJECT;
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

int plugin_instance_init(struct plugin_instance *it, enum tidemill_kind_type type, size_t size_max,
                         const struct plugin_instance_options *options, struct report *report)
{
    const struct tidemill_kind *kind = NULL;
    int error = plugin_open_kind(options->name, type, options->directories,
                                 options->directory_count, &it->plugin, &kind, report);
    if (error == 0) {
        error = plugin_options_parse(kind, options->settings, options->setting_count, &it->options,
                                     report);
    }
    if (error != 0) {
        return error;
    }
    it->label = memory_string(options->label);
    it->size_max = size_max;
    it->context = (struct tidemill_context){.size = sizeof it->context,
                                            .task_count = 1,
                                            .connector = it->label,
                                            .host = &host_functions,
                                            .kind = kind,
                                            .values = plugin_options_values(it->options)};
    if (kind->validate != NULL && kind->validate(&it->context) != TIDEMILL_OK) {
        return report_add(report, NULL, "%s", plugin_instance_reason(it));
    }
    return 0;
}

void plugin_instance_fini(struct plugin_instance *it)
{
    plugin_options_free(it->options);
    plugin_close(it->plugin);
    free(it->label);
}

void plugin_instance_begin(struct plugin_instance *it, struct buffer *out)
{
    check(it->out == NULL);
    it->out = out;
    it->start = out->size;
    it->has_failed = false;
    it->failure[0] = 0;
}

int plugin_instance_end(struct plugin_instance *it, enum tidemill_status status)
{
    check(it->out != NULL);
    it->out = NULL;
    if (status == TIDEMILL_OK && it->has_failed) {
        status = TIDEMILL_REJECT;
    }
    if (status == TIDEMILL_OK) {
        return 0;
    }
    return status == TIDEMILL_REJECT ? ERROR_INVALID : ERROR_CANCELLED;
}

struct bytes plugin_instance_written(const struct plugin_instance *it, const struct buffer *out)
{
    return out->size == 0 ? (struct bytes){0}
                          : bytes_make(out->data + it->start, out->size - it->start);
}

const char *plugin_instance_reason(const struct plugin_instance *it)
{
    return it->failure[0] == 0 ? "the plugin failed and said nothing" : it->failure;
}
