/* The connectors of an application: from the script's definitions to running ones. */
#include "log/base/memory.h"
#include "runtime/app/app_state.h"

#include <stdlib.h>

static int app_open_connector(struct app *app, const struct script_connector *from,
                              struct report *report)
{
    struct plugin_setting *settings = memory_zero(from->option_count + 2, sizeof *settings);
    struct buffer topics;
    struct buffer clock;
    size_t count = 0;
    buffer_init(&topics);
    buffer_init(&clock);
    topology_clock_name(app->topology, &clock);
    for (size_t i = 0; i < from->topic_count; i++) {
        buffer_printf(&topics, "%s%s", i == 0 ? "" : ",", from->topics[i]);
    }
    if (from->topic_count > 0) {
        settings[count++] = (struct plugin_setting){.name = from->is_sink ? "topics" : "topic",
                                                    .value = buffer_string(&topics)};
    }
    if (from->pattern != NULL) {
        settings[count++] = (struct plugin_setting){.name = "topics.regex", .value = from->pattern};
    }
    for (size_t i = 0; i < from->option_count; i++) {
        settings[count++] =
            (struct plugin_setting){.name = from->options[i].name, .value = from->options[i].value};
    }
    struct connector_definition definition = {.application = app_name(app),
                                              .name = from->name,
                                              .type = from->type,
                                              .is_source = !from->is_sink,
                                              .settings = settings,
                                              .setting_count = count,
                                              .instance_id = app->options.instance_id,
                                              .left_alone = buffer_string(&clock)};
    int error =
        connector_new(app->io, app->options.plugin_directories, app->options.plugin_directory_count,
                      &definition, &app->connectors[app->connector_count], report);
    if (error == 0) {
        app->connector_count++;
    }
    buffer_fini(&clock);
    buffer_fini(&topics);
    free(settings);
    return error;
}

int app_connectors_open(struct app *app, struct report *report)
{
    size_t count = 0;
    const struct script_connector *connectors = script_connectors(app->script, &count);
    int error = 0;
    app->connectors = memory_zero(count, sizeof(struct connector *));
    for (size_t i = 0; i < count && error == 0; i++) {
        struct report inner = {0};
        error = app_open_connector(app, &connectors[i], &inner);
        if (error != 0) {
            report_add(report, connectors[i].place, "%s", inner.text);
        }
    }
    return error;
}

void app_describe(const struct app *app, struct buffer *out)
{
    size_t count = 0;
    const struct script_connector *connectors = script_connectors(app->script, &count);
    topology_describe(app->topology, out);
    for (size_t i = 0; i < count; i++) {
        const struct script_connector *connector = &connectors[i];
        buffer_printf(out, "  %s %s (%s)", connector->is_sink ? "sink" : "source", connector->name,
                      connector->type);
        if (connector->pattern != NULL) {
            buffer_printf(out, " reads topics that match %s", connector->pattern);
        }
        for (size_t j = 0; j < connector->topic_count; j++) {
            buffer_printf(out, "%s%s",
                          j > 0                ? ", "
                          : connector->is_sink ? " reads "
                                               : " writes ",
                          connector->topics[j]);
        }
        buffer_add_byte(out, '\n');
    }
}

void app_connectors_start(struct app *app)
{
    for (size_t i = 0; i < app->connector_count; i++) {
        connector_start(app->connectors[i], &app->options.client);
    }
}
