/* Lives; see app_process.h. */
#include "tests/world/app_process.h"

#include "tests/world/node_world.h"

#include <stdio.h>
#include <string.h>

enum {
    APP_PROCESS_PATIENCE_S = 120,
    APP_PROCESS_LIMP_S = 20, /* somebody looks at a broker that cannot write */
    APP_PROCESS_REQUEST_TIMEOUT_MS = 3000,
};

void app_process_init(struct app_process *process, struct node_world *world, int machine,
                      const char *folder, const char *script)
{
    struct io *io = sim_io(world->sim, machine);
    struct io_file *file;
    struct bytes part = bytes_from_string(script);
    *process = (struct app_process){.world = world, .machine = machine, .folder = folder};
    check(io_file_open(io, "app.lua", IO_OPEN_WRITE | IO_OPEN_CREATE, &file) == 0);
    check(io_file_write(io, file, &part, 1, 0) == 0);
    io_file_close(io, file);
}

static void app_process_on_failed(void *owner, const char *reason, bool is_final)
{
    struct app_process *process = owner;
    process->has_failed = true;
    process->failure_count++;
    if (is_final || reason[0] == 0) {
        node_world_fail(process->world, "an application failed for good: %s", reason);
    }
    if (process->world->is_verbose) {
        printf("process %d failed: %s\n", process->machine, reason);
    }
}

/* --- What is left of the state --- */

static void app_process_name(const struct app_process *process, const char *kind, int number,
                             char out[200])
{
    snprintf(out, 200, "%s/%d-%s%d", process->folder, process->machine, kind, number);
}

/* Of the life before: now and then a copy that comes back much later. */
static void app_process_inherit(struct app_process *process, const char *directory)
{
    struct node_world *world = process->world;
    const struct app_disk *before = process->disk;
    uint64_t fate = node_world_random(world, 100);
    if (before != NULL && fate < 65) {
        app_disk_copy(app_disk_remains(before), directory);
    } else if (fate < 85 && process->kept[0] != 0) {
        app_disk_copy(process->kept, directory);
    }
    if (before != NULL && node_world_chance(world, 25)) {
        app_process_name(process, "kept", process->life, process->kept);
        app_disk_copy(app_disk_remains(before), process->kept);
    }
    if (process->may_be_faulty && node_world_chance(world, 15)) {
        app_disk_wound(world, directory);
    }
}

static void app_process_make_disk(struct app_process *process)
{
    char directory[200];
    process->life++;
    app_process_name(process, "life", process->life, directory);
    app_process_inherit(process, directory);
    process->disk =
        app_disk_new(process->world, sim_io(process->world->sim, process->machine), directory);
    if (process->may_be_faulty && node_world_chance(process->world, 50)) {
        process->disk->fail_percent = (uint32_t)node_world_random(process->world, 10);
        process->disk->full_percent = (uint32_t)node_world_random(process->world, 60);
    }
    process->disk->is_doomed = process->may_be_faulty && node_world_chance(process->world, 25);
}

/* --- Lives --- */

void app_process_start(struct app_process *process)
{
    static const struct app_events events = {.failed = app_process_on_failed};
    struct io *io = sim_io(process->world->sim, process->machine);
    struct report report = {0};
    struct app_options options = {
        .path = "app.lua", .client = client_options_default(), .instance_id = process->instance_id};
    snprintf(process->home, sizeof process->home, "machine %d", process->machine);
    options.home = process->home;
    options.standby_count = process->standby_count;
    options.recovery_lag = process->recovery_lag;
    options.client.bootstrap = "node0:9092";
    options.client.request_timeout_ms = APP_PROCESS_REQUEST_TIMEOUT_MS;
    if (process->folder != NULL) {
        app_process_make_disk(process);
        io = app_disk_io(process->disk);
    }
    process->has_failed = false;
    if (app_new(io, &options, &events, process, &process->app, &report) != 0) {
        node_world_fail(process->world, "%s: %s", report.place, report.text);
    }
    app_start(process->app, process->folder == NULL ? NULL : process->disk->directory);
}

static void app_process_on_closed(void *owner)
{
    ((struct app_process *)owner)->is_closed = true;
}

static void app_process_count(struct app_process *process)
{
    process->rollback_count += app_rollback_count(process->app);
    process->checkpoint_count += process->disk == NULL ? 0 : process->disk->checkpoint_count;
}

/* A process that dies in the middle of its stop is killed. */
void app_process_stop(struct app_process *process)
{
    struct node_world *world = process->world;
    struct app *app = process->app;
    uint64_t limit_ns = sim_now(world->sim) + APP_PROCESS_PATIENCE_S * NODE_WORLD_SECOND;
    uint64_t heal_ns = sim_now(world->sim) + APP_PROCESS_LIMP_S * NODE_WORLD_SECOND;
    app_process_count(process);
    process->app = NULL;
    process->is_closed = false;
    app_close(app, app_process_on_closed, process);
    while (!process->is_closed) {
        if (process->disk != NULL && process->disk->is_dead) {
            sim_kill(world->sim, process->machine);
            return;
        }
        bool is_well = node_process_is_well(&world->process);
        if (world->process.is_gone || (!is_well && sim_now(world->sim) > heal_ns)) {
            node_process_end(&world->process, false);
            node_process_start(&world->process);
            node_process_set_faults(&world->process, false);
        }
        if (!sim_step(world->sim) || sim_now(world->sim) > limit_ns) {
            node_world_fail(world, "an application does not stop");
        }
    }
}

void app_process_kill(struct app_process *process)
{
    app_process_count(process);
    process->app = NULL;
    process->death_count++;
    sim_kill(process->world->sim, process->machine);
}

void app_process_revive(struct app_process *process)
{
    if (process->app == NULL) {
        return;
    }
    if (process->disk != NULL && process->disk->is_dead) {
        app_process_kill(process);
        app_process_start(process);
    } else if (process->has_failed) {
        app_process_stop(process);
        app_process_start(process);
    }
}

void app_process_check(const struct app_process *process)
{
    if (process->app != NULL) {
        app_check(process->app);
    }
}
