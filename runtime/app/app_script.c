/* Reads a script and what it requires; see app_script.h. */
#include "runtime/app/app_script.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/transform/aggregator_plugin.h"
#include "runtime/transform/format_plugin.h"
#include "runtime/transform/transform.h"

#include <stdlib.h>
#include <string.h>

struct app_script_reader {
    struct io *io;
    const struct app_options *options; /* modules lie beside its path */
};

static int app_script_read_file(struct io *io, const char *path, struct buffer *out)
{
    struct io_file *file;
    uint64_t size = 0;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        return error;
    }
    error = io_file_size(io, file, &size);
    if (error == 0 && size > SCRIPT_TEXT_SIZE_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        uint8_t *room = buffer_reserve(out, (size_t)size);
        int64_t count = io_file_read(io, file, room, (size_t)size, 0, IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        out->size += count < 0 ? 0 : (size_t)count;
    }
    io_file_close(io, file);
    return error;
}

/* From the bundle, or beside the script. */
static int app_script_find_file(const struct app_script_reader *reader, const char *file_name,
                                struct buffer *out)
{
    struct bytes content;
    if (reader->options->bundle != NULL) {
        bool is_there = app_bundle_find(reader->options->bundle, file_name, &content);
        buffer_add_bytes(out, is_there ? content : (struct bytes){0});
        return is_there ? 0 : ERROR_NOT_FOUND;
    }
    const char *slash = strrchr(reader->options->path, '/');
    size_t folder_size = slash == NULL ? 0 : (size_t)(slash - reader->options->path) + 1;
    struct buffer path;
    buffer_init(&path);
    buffer_add(&path, reader->options->path, folder_size);
    buffer_add_string(&path, file_name);
    int error = app_script_read_file(reader->io, buffer_string(&path), out);
    buffer_fini(&path);
    return error;
}

static int app_script_read_beside(void *owner, const char *file_name, struct buffer *out)
{
    const struct app_script_reader *reader = owner;
    size_t start = out->size;
    int error = app_script_find_file(reader, file_name, out);
    if (error == 0 && reader->options->read != NULL) {
        app_bundle_add(reader->options->read, file_name,
                       bytes_make(out->data + start, out->size - start));
    }
    return error;
}

static const char *app_script_name(const struct app_options *options)
{
    const char *path = options->bundle != NULL ? options->bundle->script : options->path;
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static struct plugin_setting *app_script_settings(const struct script_option *options, size_t count)
{
    struct plugin_setting *settings = memory_zero(count, sizeof *settings);
    for (size_t i = 0; i < count; i++) {
        settings[i] = (struct plugin_setting){.name = options[i].name, .value = options[i].value};
    }
    return settings;
}

/* What is wrong with a plugin, or with an option of it, at a place of the script. */
static int app_script_refuse(const char *plugin, const char *place, const struct report *inner,
                             struct report *report)
{
    bool has_option = inner->place[0] != 0;
    return report_add(report, place, "plugin %s: %s%s%s%s", plugin, has_option ? "option '" : "",
                      inner->place, has_option ? "' " : "", inner->text);
}

static int app_script_open_plugin(void *owner, const struct script_plugin *plugin,
                                  struct topology_node *node, struct report *report)
{
    const struct app_options *options = ((const struct app_script_reader *)owner)->options;
    struct plugin_setting *settings = app_script_settings(plugin->options, plugin->option_count);
    struct transform_options wanted = {.name = plugin->name,
                                       .settings = settings,
                                       .setting_count = plugin->option_count,
                                       .aliases = plugin->aliases,
                                       .stores = plugin->stores,
                                       .store_count = plugin->store_count,
                                       .format = plugin->format};
    struct transform *transform;
    struct report inner = {0};
    int error = transform_open(options->plugin_directories, options->plugin_directory_count,
                               &wanted, &transform, &inner);
    free(settings);
    if (error != 0) {
        return app_script_refuse(plugin->name, node->place, &inner, report);
    }
    transform_describe(transform, node);
    return 0;
}

static void app_script_free_aggregator(void *owner)
{
    aggregator_plugin_close(owner);
}

static int app_script_open_aggregator(void *owner, const struct script_aggregator *aggregator,
                                      const char *place, struct script_aggregator_owner *out,
                                      struct report *report)
{
    const struct app_options *options = ((const struct app_script_reader *)owner)->options;
    struct plugin_setting *settings =
        app_script_settings(aggregator->options, aggregator->option_count);
    struct aggregator_plugin_options wanted = {.name = aggregator->name,
                                               .field = aggregator->field,
                                               .settings = settings,
                                               .setting_count = aggregator->option_count};
    struct aggregator_plugin *opened;
    struct report inner = {0};
    int error = aggregator_plugin_open(options->plugin_directories, options->plugin_directory_count,
                                       &wanted, &opened, &inner);
    free(settings);
    if (error != 0) {
        return app_script_refuse(aggregator->name, place, &inner, report);
    }
    *out = (struct script_aggregator_owner){.aggregator = aggregator_plugin_aggregator(opened),
                                            .owner = opened,
                                            .free = app_script_free_aggregator};
    return 0;
}

static int app_script_open_format(void *owner, const char *name,
                                  const struct value_options *formatted,
                                  const struct value_format **out, struct report *report)
{
    const struct app_options *options = ((const struct app_script_reader *)owner)->options;
    return format_plugin_open(options->plugin_directories, options->plugin_directory_count, name,
                              formatted, out, report);
}

static void app_script_print(void *owner, const char *text)
{
    app_log_add(owner, "print", text);
}

int app_script_open(struct io *io, const struct app_options *options, struct report *report,
                    struct script **out)
{
    const char *path = options->path;
    struct app_script_reader reader = {.io = io, .options = options};
    struct buffer text;
    buffer_init(&text);
    int error = app_script_read_beside(&reader, app_script_name(options), &text);
    if (error != 0) {
        report_add(report, path, "the script %s cannot be read: %s", path, error_text(error));
    } else {
        struct script_options wanted = {.name = app_script_name(options),
                                        .text = buffer_bytes(&text),
                                        .limits = options->limits,
                                        .read_file = app_script_read_beside,
                                        .open_plugin = app_script_open_plugin,
                                        .open_aggregator = app_script_open_aggregator,
                                        .open_format = app_script_open_format,
                                        .owner = &reader,
                                        .print = options->log == NULL ? NULL : app_script_print,
                                        .print_owner = options->log};
        error = script_open(&wanted, report, out);
    }
    buffer_fini(&text);
    return error;
}
