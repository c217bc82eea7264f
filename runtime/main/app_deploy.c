/* The commands; see app_deploy.h. What they change, and how, is deploy.h. */
#include "runtime/main/app_deploy.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/app/app_change.h"
#include "runtime/cli/change_grid.h"
#include "runtime/host/deployment.h"
#include "runtime/main/deploy.h"
#include "runtime/main/plugin_places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPLOY_CANARY_MS = 10 * 60 * 1000 };

struct deploy_values {
    struct errand_flags errand;
    struct flag_list plugins;
    const char *canary; /* "1/8" */
    int64_t canary_ms;
    bool is_dry;
};

/* --- app deploy ------------------------------------------------------------------------------- */

static void deploy_on_failed(void *owner, const char *reason, bool is_final)
{
    (void)owner;
    (void)reason;
    (void)is_final;
}

static void deploy_on_closed(void *owner)
{
    (void)owner;
}

/* Judges a script; NULL after a complaint in the report. */
static struct app *deploy_judge(struct command_world *world, const struct plugin_places *plugins,
                                const char *path, const struct app_bundle *bundle,
                                struct app_bundle *read, struct report *report)
{
    static const struct app_events events = {.failed = deploy_on_failed};
    const struct app_options options = {.path = path,
                                        .bundle = bundle,
                                        .read = read,
                                        .client = client_options_default(),
                                        .plugin_directories = plugins->items,
                                        .plugin_directory_count = plugins->count};
    struct app *app = NULL;
    return app_new(world->io, &options, &events, NULL, &app, report) == 0 ? app : NULL;
}

struct deploy_changes {
    struct grid grid;
    struct errand *errand;
    bool is_refused;
};

static void deploy_on_change(void *owner, const struct app_change *change)
{
    struct deploy_changes *changes = owner;
    change_grid_add(&changes->grid, bytes_from_string(change->what),
                    bytes_from_string(change->name), bytes_from_string(change->fate),
                    bytes_from_string(change->why));
    if (change->is_refused && !changes->is_refused) {
        changes->is_refused = true;
        command_fail(changes->errand->world, "the store %s cannot be used: %s", change->name,
                     change->why);
    }
}

/* Beside what is current; false when that refuses it. */
static bool deploy_compare_plans(struct deploy *deploy, const struct plugin_places *plugins,
                                 const struct app *app, bool is_canary)
{
    struct report report = {0};
    struct deploy_changes changes = {.errand = deploy->errand};
    struct app *old =
        deploy_judge(deploy->errand->world, plugins, "", &deploy->current, NULL, &report);
    if (old == NULL) {
        buffer_printf(&deploy->errand->out, "version %" PRId64 " cannot be compared: %s\n",
                      deploy->current.version, report.text);
        return true;
    }
    change_grid_init(&changes.grid);
    app_change_each(old, app, deploy_on_change, &changes);
    if (!deploy->errand->is_json) {
        grid_print(&changes.grid, false, &deploy->errand->out);
    }
    grid_fini(&changes.grid);
    bool is_fine = !changes.is_refused;
    if (is_fine && is_canary &&
        app_canary_fits(app_topology(old), app_topology(app), &report) != 0) {
        command_fail(deploy->errand->world, "%s", report.text);
        is_fine = false;
    }
    app_close(old, deploy_on_closed, NULL);
    return is_fine;
}

/* One line, or an object. */
static void deploy_tell(struct deploy *deploy, int64_t version, const char *text)
{
    struct buffer *out = &deploy->errand->out;
    if (deploy->errand->is_json) {
        buffer_printf(out, "{\"app\":\"%s\",\"version\":%" PRId64 ",\"status\":\"%s\"}\n",
                      deploy->app, version, text);
    } else if (version > 0) {
        buffer_printf(out, "%s: version %" PRId64 " %s\n", deploy->app, version, text);
    } else {
        buffer_printf(out, "%s: %s\n", deploy->app, text);
    }
}

static int64_t deploy_next_version(const struct deploy *deploy)
{
    int64_t newest = deploy->current.version;
    for (size_t i = 0; i < deploy->version_count; i++) {
        newest = deploy->versions[i].version > newest ? deploy->versions[i].version : newest;
    }
    return newest + 1;
}

/* On a part of the tasks; the order borrows the bundle. */
static int deploy_try(struct deploy *deploy, const struct deploy_values *values,
                      const struct app_bundle *bundle)
{
    struct canary_order order = {.state = CANARY_ORDER_RUNNING,
                                 .at_ms = bundle->at_ms,
                                 .for_ms = values->canary_ms,
                                 .bundle = *bundle};
    check(canary_share_parse(values->canary, &order.share) == 0);
    int code = deploy_put_canary(deploy, &order);
    if (code == COMMAND_OK) {
        deploy_tell(
            deploy, bundle->version,
            arena_printf(&deploy->errand->arena, "runs on %s of the tasks", values->canary));
    }
    return code;
}

static int32_t deploy_partition_count(const struct metadata_response *metadata, const char *topic)
{
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *found = &metadata->topics.items[i];
        if (found->error_code == 0 && bytes_equal_string(found->name, topic)) {
            return found->partitions.count;
        }
    }
    return 0;
}

/* Of the part with the most tasks; 0: its topics are not there yet. */
static int32_t deploy_count_tasks(const struct topology *topology,
                                  const struct metadata_response *metadata)
{
    int32_t most = 0;
    for (size_t i = 0; i < topology_part_count(topology); i++) {
        const struct topology_part *part = topology_part_at(topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            int32_t count = deploy_partition_count(metadata, part->topics[j]);
            most = count > most ? count : most;
        }
    }
    return most;
}

/* A version that has all of the tasks is compared with none. */
static int deploy_check_share(struct deploy *deploy, const char *text, const struct app *app)
{
    struct errand *errand = deploy->errand;
    struct canary_share share;
    const struct metadata_response *metadata = NULL;
    check(canary_share_parse(text, &share) == 0);
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "reading what topics there are");
    }
    int32_t count = deploy_count_tasks(app_topology(app), metadata);
    if (count == 0 || canary_share_splits(share, count)) {
        return COMMAND_OK;
    }
    if (count == 1) {
        return command_fail(errand->world,
                            "%s: its topics have one partition, so that nothing is left to compare "
                            "with; deploy it for all tasks, without --canary",
                            deploy->app);
    }
    return command_fail(errand->world,
                        "%s: its topics have %d partitions, and --canary %s takes all of them, so "
                        "that nothing is left to compare with; --canary 1/%d takes one",
                        deploy->app, (int)count, text, (int)count);
}

static int deploy_put(struct deploy *deploy, const struct deploy_values *values,
                      const struct plugin_places *plugins, const struct app *app,
                      struct app_bundle *bundle)
{
    bool is_canary = values->canary != NULL;
    int code = deploy_read(deploy);
    if (code != COMMAND_OK) {
        return code;
    }
    bool has_current = deploy->current.version > 0;
    if (has_current && app_bundle_is_same(&deploy->current, bundle)) {
        deploy_tell(deploy, deploy->current.version, "is deployed already");
        return COMMAND_OK;
    }
    if (!has_current && is_canary) {
        return command_fail(deploy->errand->world,
                            "%s: there is no version to compare with; deploy it for all tasks",
                            deploy->app);
    }
    if (has_current && !deploy_compare_plans(deploy, plugins, app, is_canary)) {
        return COMMAND_FAILED;
    }
    code = is_canary ? deploy_check_share(deploy, values->canary, app) : COMMAND_OK;
    if (code != COMMAND_OK) {
        return code;
    }
    bundle->version = deploy_next_version(deploy);
    bundle->at_ms = io_wall_clock(deploy->errand->world->io);
    if (values->is_dry) {
        deploy_tell(deploy, bundle->version, "would be deployed");
        return COMMAND_OK;
    }
    if (is_canary) {
        return deploy_try(deploy, values, bundle);
    }
    code = deploy_put_version(deploy, bundle);
    if (code == COMMAND_OK) {
        deploy_tell(deploy, bundle->version, "deployed");
    }
    return code;
}

/* False after a complaint. */
static bool deploy_fits(struct command_world *world, const struct app_bundle *bundle)
{
    struct buffer text;
    buffer_init(&text);
    app_bundle_write(bundle, &text);
    size_t size = text.size;
    buffer_fini(&text);
    if (size > APP_BUNDLE_SIZE_MAX) {
        command_fail(world,
                     "%s and the files beside it take %zu bytes, more than the %d of a "
                     "version; keep what is large out of the script",
                     bundle->script, size, APP_BUNDLE_SIZE_MAX);
    }
    return size <= APP_BUNDLE_SIZE_MAX;
}

static int deploy_app(struct command_world *world, const struct deploy_values *values,
                      const struct plugin_places *plugins, const struct app *app,
                      struct app_bundle *bundle)
{
    struct errand errand;
    struct deploy deploy;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != COMMAND_OK) {
        return code;
    }
    deploy_init(&deploy, &errand, app_name(app));
    code = deploy_put(&deploy, values, plugins, app, bundle);
    deploy_fini(&deploy);
    errand_close(&errand);
    return code;
}

static int run_deploy(struct command_world *world, const void *given,
                      const struct flag_list *arguments)
{
    const struct deploy_values *values = given;
    const char *path = arguments->items[0];
    const char *slash = strrchr(path, '/');
    struct plugin_places plugins;
    struct report report = {0};
    struct app_bundle bundle;
    struct canary_share share;
    if (values->canary != NULL && canary_share_parse(values->canary, &share) != 0) {
        return command_misuse(
            world,
            "--canary takes a part of the partitions, such as 1/8, of %d parts at "
            "most, not '%s'",
            CANARY_WHOLE_MAX, values->canary);
    }
    if (values->canary == NULL && values->canary_ms != DEPLOY_CANARY_MS) {
        return command_misuse(world, "--canary-for says how long a version runs on a part of the "
                                     "tasks; name the part, such as --canary 1/8");
    }
    app_bundle_init(&bundle);
    plugin_places_find(&plugins, &values->plugins);
    struct app *app = deploy_judge(world, &plugins, path, NULL, &bundle, &report);
    if (app == NULL) {
        app_bundle_fini(&bundle);
        return command_fail(world, "%s%s%s", report.place, report.place[0] == 0 ? "" : ": ",
                            report.text);
    }
    bundle.app = memory_string(app_name(app));
    bundle.script = memory_string(slash == NULL ? path : slash + 1);
    int code = deploy_fits(world, &bundle) ? deploy_app(world, values, &plugins, app, &bundle)
                                           : COMMAND_FAILED;
    app_close(app, deploy_on_closed, NULL);
    app_bundle_fini(&bundle);
    return code;
}

/* --- The other commands ----------------------------------------------------------------------- */

/* Opens, reads what the topic has of the application, and lets `use` do the rest. */
static int deploy_run(struct command_world *world, const void *given, const char *app,
                      int (*use)(struct deploy *deploy, const char *argument), const char *argument)
{
    const struct deploy_values *values = given;
    struct errand errand;
    struct deploy deploy;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != COMMAND_OK) {
        return code;
    }
    deploy_init(&deploy, &errand, app);
    code = deploy_read(&deploy);
    if (code == COMMAND_OK && deploy.current.version == 0 && deploy.version_count == 0) {
        code = command_fail(world,
                            "%s: no such application is deployed; 'tidemill app deploy' "
                            "does it",
                            app);
    }
    code = code == COMMAND_OK ? use(&deploy, argument) : code;
    deploy_fini(&deploy);
    errand_close(&errand);
    return code;
}

static void deploy_add_time(struct grid *grid, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[40];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    grid_add_string(grid, text);
}

static const char *deploy_status(struct deploy *deploy, int64_t version)
{
    const struct canary_order *canary = &deploy->canary;
    if (version == deploy->current.version) {
        return "current";
    }
    if (!deploy->has_canary || version != canary->bundle.version) {
        return "kept";
    }
    if (canary->state == CANARY_ORDER_RUNNING) {
        return arena_printf(&deploy->errand->arena, "on %d/%d of the tasks",
                            (int)canary->share.part, (int)canary->share.whole);
    }
    bool is_told = canary->state == CANARY_ORDER_ROLLED_BACK && canary->why != NULL;
    return !is_told ? "kept" : arena_printf(&deploy->errand->arena, "rolled back: %s", canary->why);
}

static int deploy_list(struct deploy *deploy, const char *argument)
{
    static const struct grid_column columns[] = {{"VERSION", "version", true},
                                                 {"DEPLOYED", "deployed", false},
                                                 {"SCRIPT", "script", false},
                                                 {"FILES", "files", true},
                                                 {"STATUS", "status", false}};
    (void)argument;
    struct grid grid;
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < deploy->version_count; i++) {
        const struct app_bundle *bundle = &deploy->versions[i];
        grid_add_number(&grid, bundle->version);
        deploy_add_time(&grid, bundle->at_ms);
        grid_add_string(&grid, bundle->script);
        grid_add_number(&grid, (int64_t)bundle->count);
        grid_add_string(&grid, deploy_status(deploy, bundle->version));
    }
    grid_print(&grid, deploy->errand->is_json, &deploy->errand->out);
    grid_fini(&grid);
    return COMMAND_OK;
}

/* The version that was asked for, or the newest one before the current; NULL after a complaint. */
static struct app_bundle *deploy_choose(struct deploy *deploy, const char *argument)
{
    int64_t version = 0;
    struct app_bundle *found = NULL;
    if (argument != NULL && text_parse_int64(argument, &version) != 0) {
        command_fail(deploy->errand->world, "'%s' is no version", argument);
        return NULL;
    }
    for (size_t i = 0; i < deploy->version_count; i++) { /* the oldest first */
        bool is_wanted = argument != NULL ? deploy->versions[i].version == version
                                          : deploy->versions[i].version < deploy->current.version;
        found = is_wanted ? &deploy->versions[i] : found;
    }
    if (found == NULL && argument == NULL) {
        command_fail(deploy->errand->world,
                     "%s: no version before %" PRId64 " is kept; 'tidemill app versions %s' lists "
                     "them",
                     deploy->app, deploy->current.version, deploy->app);
    } else if (found == NULL) {
        command_fail(deploy->errand->world,
                     "%s has no such version any more; 'tidemill app versions %s' lists them",
                     deploy->app, deploy->app);
    }
    return found;
}

static int deploy_use(struct deploy *deploy, struct app_bundle *bundle)
{
    bundle->at_ms = io_wall_clock(deploy->errand->world->io);
    int code = deploy_make_current(deploy, bundle);
    if (code == COMMAND_OK) {
        deploy_tell(deploy, bundle->version, "is current");
    }
    return code;
}

static int deploy_promote(struct deploy *deploy, const char *argument)
{
    (void)argument;
    if (!deploy_is_trying(deploy)) {
        return command_fail(deploy->errand->world,
                            "%s: no version runs on a part of the tasks; 'tidemill app versions "
                            "%s' lists them",
                            deploy->app, deploy->app);
    }
    return deploy_use(deploy, &deploy->canary.bundle);
}

static int deploy_go_back(struct deploy *deploy, const char *argument)
{
    if (argument == NULL && deploy_is_trying(deploy)) {
        int code = deploy_stop_canary(deploy);
        if (code == COMMAND_OK) {
            deploy_tell(deploy, deploy->canary.bundle.version, "is rolled back");
        }
        return code;
    }
    struct app_bundle *bundle = deploy_choose(deploy, argument);
    if (bundle == NULL) {
        return COMMAND_FAILED;
    }
    return deploy_use(deploy, bundle);
}

static int deploy_end(struct deploy *deploy, const char *argument)
{
    (void)argument;
    int code = deploy_remove(deploy);
    if (code == COMMAND_OK) {
        deploy_tell(deploy, 0, "removed");
    }
    return code;
}

static int run_versions(struct command_world *world, const void *values,
                        const struct flag_list *arguments)
{
    return deploy_run(world, values, arguments->items[0], deploy_list, NULL);
}

static int run_rollback(struct command_world *world, const void *values,
                        const struct flag_list *arguments)
{
    return deploy_run(world, values, arguments->items[0], deploy_go_back,
                      arguments->count > 1 ? arguments->items[1] : NULL);
}

static int run_promote(struct command_world *world, const void *values,
                       const struct flag_list *arguments)
{
    return deploy_run(world, values, arguments->items[0], deploy_promote, NULL);
}

static int run_rm(struct command_world *world, const void *values,
                  const struct flag_list *arguments)
{
    return deploy_run(world, values, arguments->items[0], deploy_end, NULL);
}

static const struct flag deploy_flags[] = {
    FLAG(0, "canary", STRING, struct deploy_values, canary, "PART/WHOLE",
         "first on a part of the tasks, such as 1/8"),
    FLAG(0, "canary-for", DURATION, struct deploy_values, canary_ms, "TIME",
         "before it becomes current (default: 10m; 0: not by itself)"),
    FLAG(0, "dry-run", BOOL, struct deploy_values, is_dry, NULL, "only tell what it would change"),
    FLAG(0, "plugins", LIST, struct deploy_values, plugins, "DIR", "more places for plugins"),
    ERRAND_OUTPUT_FLAG(struct deploy_values),
    ERRAND_FLAGS(struct deploy_values),
};

static const struct deploy_values deploy_initial = {.canary_ms = DEPLOY_CANARY_MS};

static const struct flag few_flags[] = {
    ERRAND_OUTPUT_FLAG(struct deploy_values),
    ERRAND_FLAGS(struct deploy_values),
};

const struct command app_deploy_command = {
    .noun = "app",
    .verb = "deploy",
    .arguments = "APP.lua",
    .summary = "makes this version of an application the current one",
    .examples = "tidemill app deploy shop.lua --dry-run\n"
                "tidemill app deploy shop.lua -b kafka1:9092\n"
                "tidemill app deploy shop.lua --canary 1/8 --canary-for 30m\n",
    .details =
        "The script, its modules and what its formats name are judged, compared with what is\n"
        "current, and written to the topic " DEPLOYMENT_TOPIC ". Each process started with\n"
        "'tidemill run --deployed' lets it take the place of what runs: stores go on by their\n"
        "names. A version that fails in its first minute, for good or three times, makes the\n"
        "one before it current again. Connectors' files and plugins are each machine's own.\n"
        "With --canary it runs on the tasks of some partitions first, with their stores, and is\n"
        "compared with the version on the others: when more of its records fail, or they take\n"
        "more than twice as long, it is rolled back by itself, everywhere; else it becomes\n"
        "current after a while. 'app promote' and 'app rollback' need not wait. A part that takes\n"
        "all of the partitions is refused, since nothing would be left to compare with.\n",
    COMMAND_FLAGS(deploy_flags),
    .values_size = sizeof(struct deploy_values),
    .initial = &deploy_initial,
    .argument_min = 1,
    .argument_max = 1,
    .run = run_deploy,
};

const struct command app_deploy_versions_command = {
    .noun = "app",
    .verb = "versions",
    .arguments = "APP",
    .summary = "lists the versions of a deployed application",
    .examples = "tidemill app versions shop\n",
    COMMAND_FLAGS(few_flags),
    .values_size = sizeof(struct deploy_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run_versions,
};

const struct command app_deploy_rollback_command = {
    .noun = "app",
    .verb = "rollback",
    .arguments = "APP [VERSION]",
    .summary = "makes an earlier version current again, or ends one on a part of the tasks",
    .examples = "tidemill app rollback shop\n"
                "tidemill app rollback shop 3\n",
    .details =
        "Without VERSION the one that runs on a part of the tasks ends ('app deploy --canary');\n"
        "if there is none, the newest one before the current becomes current. The ten newest are\n"
        "kept.\n",
    COMMAND_FLAGS(few_flags),
    .values_size = sizeof(struct deploy_values),
    .argument_min = 1,
    .argument_max = 2,
    .run = run_rollback,
};

const struct command app_deploy_promote_command = {
    .noun = "app",
    .verb = "promote",
    .arguments = "APP",
    .summary = "makes the version on a part of the tasks the current one",
    .examples = "tidemill app promote shop\n",
    .details = "It was deployed with 'app deploy --canary'; this does not wait for its time.\n",
    COMMAND_FLAGS(few_flags),
    .values_size = sizeof(struct deploy_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run_promote,
};

const struct command app_deploy_rm_command = {
    .noun = "app",
    .verb = "rm",
    .arguments = "APP",
    .summary = "ends a deployed application everywhere",
    .examples = "tidemill app rm shop\n",
    .details =
        "Its group, its stores and its topics stay: deployed again it goes on. 'tidemill app\n"
        "reset' makes it forget.\n",
    COMMAND_FLAGS(few_flags),
    .values_size = sizeof(struct deploy_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run_rm,
};
