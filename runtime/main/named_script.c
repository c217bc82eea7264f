/* See named_script.h. */
#include "runtime/main/named_script.h"

#include "log/base/error.h"
#include "runtime/app/app_script.h"
#include "runtime/main/plugin_places.h"

#include <string.h>

/* Whoever writes ".lua" or a folder means a file. */
static bool named_script_is_file(struct io *io, const char *name)
{
    static const char ending[] = ".lua";
    struct io_file_info info;
    size_t size = strlen(name), ending_size = sizeof ending - 1;
    bool has_ending = size > ending_size && strcmp(name + size - ending_size, ending) == 0;
    return has_ending || strchr(name, '/') != NULL || io_path_info(io, name, &info) == 0;
}

static int named_script_read(struct named_script *named, const struct app_options *options)
{
    struct command_world *world = named->deploy.errand->world;
    struct report report = {0};
    if (app_script_open(world->io, options, &report, &named->script) != 0) {
        named->script = NULL;
        return command_fail(world, "%s%s%s", report.place, report.place[0] == 0 ? "" : ": ",
                            report.text);
    }
    return COMMAND_OK;
}

int named_script_open(struct named_script *named, struct errand *errand, const char *name,
                      const struct flag_list *plugins)
{
    struct plugin_places places;
    *named = (struct named_script){0};
    deploy_init(&named->deploy, errand, name);
    app_bundle_init(&named->read);
    plugin_places_find(&places, plugins);
    struct app_options options = {
        .path = name, .plugin_directories = places.items, .plugin_directory_count = places.count};
    if (named_script_is_file(errand->world->io, name)) {
        options.read = &named->read;
        named->files = &named->read;
        return named_script_read(named, &options);
    }
    int code = deploy_read(&named->deploy);
    if (code != COMMAND_OK) {
        return code;
    }
    if (named->deploy.current.version == 0) {
        return command_fail(
            errand->world,
            "%s: there is no such file, and no application of this name is deployed; "
            "name its script, such as %s.lua",
            name, name);
    }
    named->files = options.bundle = &named->deploy.current;
    options.path = named->deploy.current.script;
    return named_script_read(named, &options);
}

void named_script_close(struct named_script *named)
{
    script_close(named->script);
    app_bundle_fini(&named->read);
    deploy_fini(&named->deploy);
    *named = (struct named_script){0};
}
