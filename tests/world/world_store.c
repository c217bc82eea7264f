/* A seeded campaign over log/store alone: producers append in order, twice and with gaps; logs
 * roll, are cleaned, cut, deleted and made again; the disk fails, fills and loses power at any
 * operation.
 *
 *     world_store SEED [COUNT [expect [LIE]]]
 *
 * After every event the store's own invariants are checked. After every reopening each acknowledged
 * batch is there with its bytes, the log is a prefix of what was appended, a second recovery
 * changes nothing, and the producers are what a replay gives. A failure prints one line: seed,
 * step, what is wrong. With `expect` a bug was planted (see README.md), and finding none is the
 * failure.
 *
 * Thread: one. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/log_read.h"
#include "log/store/store.h"
#include "tests/sim/sim.h"
#include "tests/world/store_liar.h"
#include "tests/world/store_model.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WORLD_LOG_COUNT = 3,
    WORLD_STEP_COUNT = 400,
    WORLD_PRODUCER_COUNT = 4,
    WORLD_KEY_COUNT = 20,
    WORLD_LIAR_COUNT = 256
};

#define WORLD_MILLISECOND UINT64_C(1000000)

struct world_log {
    struct log *log; /* NULL while there is none */
    struct store_model model;
    struct log_settings settings;
    int32_t leader_epoch;
    bool is_certain; /* false: it has no records yet, or a deletion failed half way */
    bool exists;
};

struct world_wait {
    struct log_flush_wait wait;
    struct world *world;
    struct world_log *log;
    int generation; /* of the process that asked */
    bool is_pending;
};

struct world_read {
    struct log_read read;
    struct world *world;
    struct world_log *log;
    bool is_pending;
};

enum { WORLD_WAIT_COUNT = 16, WORLD_READ_COUNT = 4 };

struct world {
    struct sim *sim;
    uint64_t seed;
    int step;
    const char *action;
    enum store_lie lie;
    struct store_liar liars[WORLD_LIAR_COUNT]; /* one per process */
    int generation;
    struct store_options options;
    struct store *store;
    struct world_log logs[WORLD_LOG_COUNT];
    struct world_wait waits[WORLD_WAIT_COUNT];
    struct world_read reads[WORLD_READ_COUNT];
    struct buffer batch;
    uint64_t crash_at; /* operation index at which the process ends; 0: none */
    enum sim_verdict crash_verdict;
    bool is_crashed;
    bool is_closed;
    bool is_verbose; /* one seed alone: every operation is printed */
    bool is_fenced;  /* nothing may be acknowledged any more */
    jmp_buf failed;
    char why[512];
};

/* The world that runs; for the handler of a broken check. */
static struct world *world_now;

__attribute__((noreturn, format(printf, 2, 3))) static void world_fail(struct world *world,
                                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->why, sizeof world->why, format, arguments);
    va_end(arguments);
    longjmp(world->failed, 1);
}

static void world_on_check(const char *condition, const char *file, int line)
{
    world_fail(world_now, "check(%s) at %s:%d", condition, file, line);
}

static uint64_t world_random(struct world *world, uint64_t below)
{
    return sim_random(world->sim, below);
}

static bool world_chance(struct world *world, uint64_t percent)
{
    return world_random(world, 100) < percent;
}

static struct io *world_io(struct world *world)
{
    return &world->liars[world->generation].io;
}

/* Everything visible counts as promised: a reader may have seen it. */
static void world_note(struct world *world)
{
    for (int i = 0; i < WORLD_LOG_COUNT; i++) {
        struct world_log *log = &world->logs[i];
        if (log->log == NULL || log_status(log->log) == ERROR_CORRUPT) {
            continue;
        }
        int64_t flushed = log_flushed_offset(log->log);
        if (flushed > log->model.acked_offset) {
            log->model.acked_offset = flushed;
        }
        if (log_start_offset(log->log) > log->model.start_limit) {
            log->model.start_limit = log_start_offset(log->log);
        }
    }
}

static void world_on_event(void *owner)
{
    struct world *world = owner;
    if (world->store != NULL && !world->is_crashed) {
        store_check(world->store);
        world_note(world);
    }
}

static enum sim_verdict world_on_operation(void *owner, const struct sim_call *call)
{
    struct world *world = owner;
    if (world->is_verbose) {
        printf("%" PRIu64 " %s %s %" PRIu64 " %" PRIu64 "\n", call->index,
               sim_operation_name(call->operation), call->path, call->position, call->size);
    }
    if (world->crash_at == 0 || call->index < world->crash_at) {
        return SIM_GO_ON;
    }
    world->crash_at = 0;
    world->is_crashed = true;
    return world->crash_verdict;
}

static void world_set_faults(struct world *world, bool is_on)
{
    struct sim_plan *plan = sim_plan(world->sim, 0);
    struct sim_plan quiet = sim_plan_default();
    *plan = quiet;
    plan->can_allocate = world_chance(world, 50);
    plan->read_again = (uint32_t)world_random(world, 1000000);
    plan->sync = (struct sim_range){10000, 5000000};
    if (!is_on) {
        return;
    }
    if (world_chance(world, 50)) {
        plan->no_space[SIM_FILE_WRITE] = (uint32_t)world_random(world, 300000);
        plan->no_space[SIM_FILE_OPEN] = (uint32_t)world_random(world, 100000);
        plan->no_space[SIM_FILE_ALLOCATE] = (uint32_t)world_random(world, 300000);
    } else if (world_chance(world, 50)) {
        plan->io_error[world_random(world, SIM_OPERATION_COUNT)] =
            (uint32_t)world_random(world, 100000);
    }
}

static void world_open_once(struct world *world)
{
    world->is_crashed = false;
    world->is_fenced = false;
    world->generation++;
    check(world->generation < WORLD_LIAR_COUNT);
    store_liar_init(&world->liars[world->generation], sim_io(world->sim, 0), world->lie);
    world->store = NULL;
    struct report report = {{0}, {0}};
    int error = store_open(world_io(world), &world->options, &world->store, &report);
    if (error != 0) {
        world->store = NULL;
        if (!world->is_crashed) {
            world_fail(world, "cannot open: %s (%s)", error_name(error), report.text);
        }
    }
}

static struct log *world_find(struct world *world, int index)
{
    return store_find_log(world->store, "orders", index);
}

static void world_adopt(struct world *world)
{
    for (int i = 0; i < WORLD_LOG_COUNT; i++) {
        struct world_log *log = &world->logs[i];
        log->log = world_find(world, i);
        if (log->is_certain && log->exists != (log->log != NULL)) {
            world_fail(world, "log %d %s", i, log->exists ? "is gone" : "came back");
        }
        log->exists = log->log != NULL;
        log->is_certain = log->log == NULL || log_end_offset(log->log) > 0;
        if (log->log == NULL) {
            store_model_fini(&log->model);
            continue;
        }
        log_set_settings(log->log, &log->settings);
        if (!store_model_adopt(&log->model, log->log)) {
            world_fail(world, "log %d: %s", i, log->model.why);
        }
        int error = log_check_replay(log->log);
        if (error != 0) {
            world_fail(world, "log %d: replay fails: %s", i, error_name(error));
        }
    }
    store_check(world->store);
}

/* A new process, whose recovery may be interrupted too, more than once. */
static void world_open(struct world *world)
{
    world_set_faults(world, false);
    do {
        if (world_chance(world, 20)) {
            world->crash_at = sim_operation_count(world->sim, 0) + world_random(world, 60);
            world->crash_verdict = world_chance(world, 50) ? SIM_CRASH : SIM_CRASH_AFTER;
        }
        world_open_once(world);
        world->crash_at = 0;
        if (world->is_crashed && world->store != NULL) {
            sim_kill(world->sim, 0);
            store_abandon(world->store);
            world->store = NULL;
        }
    } while (world->store == NULL);
    world_adopt(world);
    if (world_chance(world, 30)) {
        /* Twice is the same as once: all of it is durable already. */
        sim_crash(world->sim, 0);
        store_abandon(world->store);
        world_open_once(world);
        world_adopt(world);
    }
    world_set_faults(world, world_chance(world, 60));
}

static void world_forget_process(struct world *world)
{
    for (int i = 0; i < WORLD_WAIT_COUNT; i++) {
        world->waits[i].is_pending = false;
    }
    for (int i = 0; i < WORLD_READ_COUNT; i++) {
        world->reads[i].is_pending = false;
    }
    for (int i = 0; i < WORLD_LOG_COUNT; i++) {
        world->logs[i].log = NULL;
    }
}

static void world_reopen(struct world *world)
{
    if (world->store != NULL) {
        world_note(world);
        sim_kill(world->sim, 0); /* not every operation has an after at which to die */
        store_abandon(world->store);
    }
    world_forget_process(world);
    world_open(world);
}

static void world_on_flushed(struct log_flush_wait *wait, int error)
{
    struct world_wait *waiter = wait->owner;
    struct world *world = waiter->world;
    if (!waiter->is_pending || waiter->generation != world->generation) {
        world_fail(world, "a waiter was called twice");
    }
    waiter->is_pending = false;
    if (error == 0 && wait->offset > waiter->log->model.acked_offset && waiter->log->log != NULL) {
        waiter->log->model.acked_offset = wait->offset;
    }
    if (error == 0 && world->is_fenced && waiter->log->log != NULL &&
        wait->offset > log_flushed_offset(waiter->log->log)) {
        world_fail(world, "acknowledged after the store was fenced");
    }
}

static void world_wait(struct world *world, struct world_log *log)
{
    for (int i = 0; i < WORLD_WAIT_COUNT; i++) {
        struct world_wait *waiter = &world->waits[i];
        if (!waiter->is_pending) {
            *waiter = (struct world_wait){
                .wait = {.done = world_on_flushed,
                         .owner = waiter,
                         .offset = log_end_offset(log->log)},
                .world = world,
                .log = log,
                .generation = world->generation,
                .is_pending = true,
            };
            log_wait_flushed(log->log, &waiter->wait);
            return;
        }
    }
}

static void world_build(struct world *world, struct world_log *log)
{
    struct batch_builder builder;
    enum compress_codec codec = world_chance(world, 20) ? COMPRESS_LZ4 : COMPRESS_NONE;
    batch_builder_init(&builder, codec);
    if (world_chance(world, 70)) {
        builder.producer_id = (int64_t)world_random(world, WORLD_PRODUCER_COUNT);
        builder.producer_epoch = 0;
        builder.base_sequence = 0;
        /* Most go on where the last one ended; some repeat an old one; some leave a gap. */
        int back = world_chance(world, 20) ? (int)world_random(world, 7) : 0;
        for (size_t i = log->model.count; i > 0; i--) {
            const struct batch *last = &log->model.batches[i - 1].header;
            if (last->producer_id == builder.producer_id && !batch_is_control(last) &&
                back-- <= 0) {
                builder.producer_epoch = last->producer_epoch;
                builder.base_sequence =
                    world_chance(world, 20) ? last->base_sequence : batch_last_sequence(last) + 1;
                break;
            }
        }
        builder.attributes = world_chance(world, 40) ? BATCH_TRANSACTIONAL : 0;
        builder.base_sequence += world_chance(world, 5) ? 1 + (int32_t)world_random(world, 3) : 0;
        if (world_chance(world, 3)) {
            builder.producer_epoch++;
            builder.base_sequence = world_chance(world, 80) ? 0 : 5;
        }
        builder.producer_epoch = (int16_t)(builder.producer_epoch -
                                           (builder.producer_epoch > 0 && world_chance(world, 3)));
    }
    int64_t now_ms = io_wall_clock(world_io(world));
    int count = 1 + (int)world_random(world, 4);
    uint8_t value[600];
    for (int i = 0; i < count; i++) {
        size_t size = world_random(world, world_chance(world, 10) ? sizeof value : 60);
        for (size_t k = 0; k < size; k++) {
            value[k] = (uint8_t)world_random(world, 256);
        }
        uint8_t key = (uint8_t)world_random(world, WORLD_KEY_COUNT);
        bool is_tombstone = log->settings.is_compacted && world_chance(world, 15);
        batch_builder_add(&builder, now_ms - (int64_t)world_random(world, 1000),
                          bytes_make(&key, sizeof key),
                          is_tombstone ? bytes_make(NULL, 0) : bytes_make(value, size), NULL, 0);
    }
    buffer_clear(&world->batch);
    int error = batch_builder_finish(&builder, &world->batch);
    check(error == 0);
    batch_builder_fini(&builder);
}

static void world_on_duplicate(struct world *world, const struct log_append *out,
                               const struct store_model_batch *original)
{
    if (original == NULL) {
        world_fail(world, "taken for a duplicate at offset %" PRId64, out->base_offset);
    }
    if (out->base_offset != original->header.base_offset ||
        out->last_offset != batch_last_offset(&original->header)) {
        world_fail(world, "a duplicate of %" PRId64 " was answered with %" PRId64,
                   original->header.base_offset, out->base_offset);
    }
}

static void world_append(struct world *world, struct world_log *log)
{
    world_build(world, log);
    struct batch batch;
    int error = batch_read_header(buffer_bytes(&world->batch), &batch, NULL);
    check(error == 0);
    const struct store_model_batch *original = NULL;
    int expected = batch.producer_id < 0 ? 0 : store_model_judge(&log->model, &batch, &original);
    log->leader_epoch += world_chance(world, 3) ? 1 : 0;
    struct log_append out = {0};
    error = log_append(log->log, world->batch.data, world->batch.size, log->leader_epoch,
                       LOG_ORIGIN_CLIENT, &out);
    if (world->is_fenced && error == 0 && !out.is_duplicate) {
        world_fail(world, "an append worked after the store was fenced");
    }
    if (error == 0 && out.is_duplicate) {
        world_on_duplicate(world, &out, original);
        return;
    }
    if (error == 0 && (original != NULL || expected < 0)) {
        world_fail(world, "an append was taken that should be %s",
                   original != NULL ? "a duplicate" : error_name(expected));
    }
    if (error == 0) {
        if (out.base_offset != log->model.end_offset) {
            world_fail(world, "appended at %" PRId64 " instead of %" PRId64, out.base_offset,
                       log->model.end_offset);
        }
        store_model_append(&log->model, world->batch.data, world->batch.size);
        log->is_certain = true;
        if (world_chance(world, 50)) {
            world_wait(world, log);
        }
        return;
    }
    bool is_refusal =
        error == ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER || error == ERROR_INVALID_PRODUCER_EPOCH;
    if (is_refusal && expected == 0) {
        world_fail(world, "a good append was refused: %s", error_name(error));
    }
    if (!is_refusal && original == NULL && expected >= 0 && error != ERROR_FENCED) {
        store_model_doubt(&log->model, world->batch.data, world->batch.size);
    }
}

/* A coordinator's marker for one of the producers, whether it has a transaction or not. */
static void world_end_transaction(struct world *world, struct world_log *log)
{
    int64_t producer_id = (int64_t)world_random(world, WORLD_PRODUCER_COUNT);
    const struct batch *last = store_model_find_last(&log->model, producer_id);
    if (last == NULL) {
        return;
    }
    const uint8_t key[] = {0, 0, 0, world_chance(world, 50)};
    const uint8_t value[] = {0, 0, 0, 0, 0, 1};
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = producer_id;
    builder.producer_epoch = last->producer_epoch;
    builder.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    batch_builder_add(&builder, io_wall_clock(world_io(world)), bytes_make(key, sizeof key),
                      bytes_make(value, sizeof value), NULL, 0);
    buffer_clear(&world->batch);
    int error = batch_builder_finish(&builder, &world->batch);
    check(error == 0);
    batch_builder_fini(&builder);
    struct log_append out = {0};
    error = log_append(log->log, world->batch.data, world->batch.size, log->leader_epoch,
                       LOG_ORIGIN_COORDINATOR, &out);
    if (error == 0) {
        store_model_append(&log->model, world->batch.data, world->batch.size);
        log->is_certain = true;
    } else {
        store_model_doubt(&log->model, world->batch.data, world->batch.size);
    }
}

/* Nothing at or above the stable offset is known to be decided. */
static void world_find_aborts(struct world *world, struct world_log *log)
{
    if (world->is_fenced) {
        return; /* a cut may have been left half done */
    }
    int64_t start_offset = log_start_offset(log->log);
    int64_t stable_offset = log_stable_offset(log->log);
    for (int64_t id = 0; id < WORLD_PRODUCER_COUNT; id++) {
        int64_t first_offset = INT64_MAX;
        if (store_model_has_open(&log->model, id, &first_offset) && stable_offset > first_offset &&
            stable_offset > start_offset) {
            world_fail(world, "stable offset %" PRId64 " above an open transaction at %" PRId64,
                       stable_offset, first_offset);
        }
    }
    if (stable_offset > start_offset && log_status(log->log) == 0) {
        uint64_t count = (uint64_t)(stable_offset - start_offset);
        int64_t offset = start_offset + (int64_t)world_random(world, count);
        int64_t end_offset =
            offset + 1 + (int64_t)world_random(world, (uint64_t)(stable_offset - offset));
        if (!store_model_compare_aborts(&log->model, log->log, offset, end_offset)) {
            world_fail(world, "%s", log->model.why);
        }
    }
}

static void world_judge_read(struct world *world, struct world_log *log, int64_t offset,
                             struct bytes bytes, int error)
{
    if (error == 0 && log->log != NULL && !store_model_compare(&log->model, offset, bytes)) {
        world_fail(world, "%s", log->model.why);
    }
    bool is_known = error == 0 || error == ERROR_IO || error == ERROR_NOT_FOUND ||
                    error == ERROR_OFFSET_OUT_OF_RANGE || error == ERROR_CANCELLED ||
                    error == ERROR_NO_SPACE;
    if (!is_known) {
        world_fail(world, "a read at %" PRId64 " answered %s", offset, error_name(error));
    }
}

static void world_on_read(struct log_read *read, int error)
{
    struct world_read *reader = read->owner;
    reader->is_pending = false;
    if (!reader->world->is_crashed) {
        world_judge_read(reader->world, reader->log, read->offset, buffer_bytes(&read->bytes),
                         error);
    }
}

static void world_read(struct world *world, struct world_log *log)
{
    struct world_read *reader = &world->reads[world_random(world, WORLD_READ_COUNT)];
    if (reader->is_pending) {
        return;
    }
    struct buffer kept = reader->read.bytes;
    int64_t start = log_start_offset(log->log);
    int64_t span = log_end_offset(log->log) - start;
    *reader = (struct world_read){
        .read = {.offset = start + (int64_t)world_random(world, (uint64_t)span + 1),
                 .limit_offset = log_end_offset(log->log),
                 .size_max = world_random(world, 3000),
                 .is_first_whole = world_chance(world, 70),
                 .may_wait = world_chance(world, 30),
                 .done = world_on_read,
                 .owner = reader,
                 .bytes = kept},
        .world = world,
        .log = log,
        .is_pending = true,
    };
    int error = 0;
    if (log_read(log->log, &reader->read, &error)) {
        reader->is_pending = false;
        if (world->is_crashed) {
            return;
        }
        world_judge_read(world, log, reader->read.offset, buffer_bytes(&reader->read.bytes), error);
        if (error == 0 && reader->read.is_first_whole &&
            reader->read.offset < log_end_offset(log->log) && reader->read.bytes.size == 0) {
            world_fail(world, "a read at %" PRId64 " found nothing", reader->read.offset);
        }
    }
}

/* The first record at or after a time, by looking at every record. */
static int64_t world_scan_time(const struct world_log *log, int64_t start, int64_t timestamp_ms)
{
    for (size_t i = 0; i < log->model.count; i++) {
        struct batch_iterator iterator;
        struct batch_record record;
        if (batch_last_offset(&log->model.batches[i].header) < start) {
            continue;
        }
        int error = batch_iterator_open(&iterator, &log->model.batches[i].header, 1 << 20);
        check(error == 0);
        int64_t found = -1;
        while (found < 0 && batch_iterator_next(&iterator, &record) > 0) {
            if (record.offset >= start && record.timestamp_ms >= timestamp_ms) {
                found = record.offset;
            }
        }
        batch_iterator_close(&iterator);
        if (found >= 0) {
            return found;
        }
    }
    return -1;
}

static void world_find_time(struct world *world, struct world_log *log)
{
    if (log->model.count == 0 || log->model.is_compacted) {
        return; /* of a compacted log it is not known what is left */
    }
    size_t index = world_random(world, log->model.count);
    int64_t timestamp_ms =
        log->model.batches[index].header.max_timestamp + (int64_t)world_random(world, 5) - 2;
    struct log_position found;
    int error = log_find_time(log->log, timestamp_ms, INT64_MAX, &found);
    if (error != 0 || world->is_crashed || world->is_fenced) {
        return; /* of a fenced store a cut may have been left half done */
    }
    int64_t expected = world_scan_time(log, log_start_offset(log->log), timestamp_ms);
    if (found.offset != expected) {
        world_fail(world, "time %" PRId64 " is at offset %" PRId64 ", found %" PRId64, timestamp_ms,
                   expected, found.offset);
    }
}

static void world_make(struct world *world, int index)
{
    struct world_log *log = &world->logs[index];
    log->settings = log_settings_default();
    log->settings.segment_size = 2000 + (int64_t)world_random(world, 6000);
    log->settings.index_interval_size = (int64_t)world_random(world, 600);
    log->settings.file_delete_delay_ms = (int64_t)world_random(world, 2000);
    struct wire_uuid id = {{(uint8_t)index, (uint8_t)world_random(world, 256)}};
    log->settings.is_compacted = world_chance(world, 40);
    log->settings.is_deleted = !log->settings.is_compacted || world_chance(world, 50);
    log->settings.min_dirty_ratio = (double)world_random(world, 60) / 100;
    log->settings.delete_retention_ms = (int64_t)world_random(world, 3000);
    log->settings.min_compaction_lag_ms = world_chance(world, 20) ? 500 : 0;
    store_model_init(&log->model);
    log->model.is_compacted = log->settings.is_compacted;
    log->leader_epoch = 0;
    int error = store_create_log(world->store, "orders", index, id, &log->settings, &log->log);
    log->exists = error == 0;
    log->is_certain = false; /* until it has records */
    if (error != 0) {
        log->log = NULL;
    }
}

static void world_delete(struct world *world, struct world_log *log)
{
    int error = store_delete_log(world->store, log->log);
    if (error == 0) {
        log->log = NULL;
        log->exists = false;
        store_model_fini(&log->model);
    } else {
        log->is_certain = false;
    }
    (void)world;
}

static void world_move_start(struct world *world, struct world_log *log)
{
    int64_t start = log_start_offset(log->log);
    int64_t span = log_flushed_offset(log->log) - start;
    int64_t offset = start + (int64_t)world_random(world, (uint64_t)span + 1);
    int error = log_set_start_offset(log->log, offset);
    if (offset > log->model.start_limit) {
        log->model.start_limit = offset;
    }
    if (error == 0) {
        log->model.start_offset = log_start_offset(log->log);
    }
}

static void world_cut(struct world *world, struct world_log *log)
{
    int64_t start = log_start_offset(log->log);
    int64_t span = log_end_offset(log->log) - start;
    int64_t back = (int64_t)world_random(world, (uint64_t)(span < 20 ? span : 20) + 1);
    int64_t offset = log_end_offset(log->log) - back;
    if (log->model.is_compacted && offset < log_flushed_offset(log->log)) {
        return; /* what shadowed others may not go; nobody cuts below a high watermark */
    }
    int error = log_truncate(log->log, offset);
    if (log->model.start_offset > log_start_offset(log->log)) {
        log->model.start_offset = log_start_offset(log->log); /* it lay inside the last batch */
    }
    if (error == 0) {
        /* Where compaction left nothing the log ends with the batch before. */
        bool is_lower = log->model.is_compacted && log_end_offset(log->log) < offset;
        store_model_truncate(&log->model, is_lower ? log_end_offset(log->log) : offset);
        if (log_end_offset(log->log) != log->model.end_offset) {
            world_fail(world, "cut at %" PRId64 " to %" PRId64 " instead of %" PRId64, offset,
                       log_end_offset(log->log), log->model.end_offset);
        }
    } else {
        /* Somewhere between; nothing above the cut is promised any more. */
        int64_t acked = log->model.acked_offset < offset ? log->model.acked_offset : offset;
        for (size_t i = 0; i < log->model.count; i++) {
            const struct batch *batch = &log->model.batches[i].header;
            if (batch_next_offset(batch) > offset && batch->base_offset < acked) {
                acked = batch->base_offset;
            }
        }
        acked = log->model.is_compacted ? log->model.start_offset : acked;
        log->model.acked_offset = acked;
        world->is_fenced = true;
    }
}

static void world_clean(struct world *world, struct world_log *log)
{
    log->settings.retention_size =
        world_chance(world, 50) ? (int64_t)world_random(world, 20000) : -1;
    log->settings.retention_ms = world_chance(world, 50) ? (int64_t)world_random(world, 5000) : -1;
    log->settings.segment_ms =
        world_chance(world, 30) ? (int64_t)world_random(world, 3000) : INT64_C(604800000);
    log_set_settings(log->log, &log->settings);
    int64_t result = log_clean(log->log);
    log->settings.retention_size = -1;
    log->settings.retention_ms = -1;
    log_set_settings(log->log, &log->settings);
    world_note(world);
    if (result >= 0) {
        log->model.start_offset = log_start_offset(log->log);
    }
}

/* Often only an event or two, so that the next action meets flushes and reads under way. */
static void world_pass_time(struct world *world)
{
    if (world_chance(world, 50)) {
        uint64_t count = 1 + world_random(world, 4);
        while (!world->is_crashed && count-- > 0 && sim_step(world->sim)) {}
        return;
    }
    uint64_t span = world_chance(world, 90) ? 20 : world_chance(world, 80) ? 2000 : 400000;
    uint64_t until = sim_now(world->sim) + (1 + world_random(world, span)) * WORLD_MILLISECOND;
    while (!world->is_crashed && sim_now(world->sim) < until && sim_step(world->sim)) {}
}

static void world_on_closed(void *owner)
{
    struct world *world = owner;
    world->is_closed = true;
    world->store = NULL;
    for (int i = 0; i < WORLD_LOG_COUNT; i++) {
        world->logs[i].log = NULL;
    }
}

static void world_close(struct world *world)
{
    world->is_closed = false;
    store_close(world->store, world_on_closed, world);
    while (!world->is_closed && !world->is_crashed) {
        if (!sim_step(world->sim)) {
            world_fail(world, "the store never closed");
        }
    }
    if (!world->is_crashed) {
        for (int i = 0; i < WORLD_WAIT_COUNT; i++) {
            if (world->waits[i].is_pending) {
                world_fail(world, "a waiter was forgotten when the store closed");
            }
        }
        if (world_chance(world, 50)) {
            sim_crash(world->sim, 0);
        } else {
            sim_kill(world->sim, 0);
        }
        world_forget_process(world);
        world_open(world);
    }
}

static void world_end_process(struct world *world)
{
    switch (world_random(world, 4)) {
    case 0:
        world->action = "kill";
        sim_kill(world->sim, 0);
        break;
    case 1:
        world->action = "close";
        world_close(world);
        if (!world->is_crashed) {
            return;
        }
        break;
    default:
        world->action = "crash";
        sim_crash(world->sim, 0);
        break;
    }
    world_reopen(world);
}

struct world_action {
    const char *name;
    uint64_t weight;
    void (*run)(struct world *world, struct world_log *log);
};

static void world_act(struct world *world)
{
    static const struct world_action actions[] = {
        {"append", 60, world_append},
        {"read", 15, world_read},
        {"find time", 4, world_find_time},
        {"end transaction", 12, world_end_transaction},
        {"find aborts", 8, world_find_aborts},
        {"move start", 1, world_move_start},
        {"cut", 1, world_cut},
        {"clean", 2, world_clean},
        {"delete", 1, world_delete},
    };
    int index = (int)world_random(world, WORLD_LOG_COUNT);
    struct world_log *log = &world->logs[index];
    if (log->log == NULL) {
        if (log->is_certain) {
            world->action = "make";
            world_make(world, index);
        }
        return;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        total += actions[i].weight;
    }
    uint64_t pick = world_random(world, total);
    const struct world_action *action = actions;
    while (pick >= action->weight) {
        pick -= action->weight;
        action++;
    }
    world->action = action->name;
    action->run(world, log);
}

static void world_take_step(struct world *world)
{
    world->action = "pass time";
    if (world->is_verbose) {
        printf("step %d\n", world->step);
    }
    if (world_chance(world, 30)) {
        world_pass_time(world);
    } else if (world_chance(world, 3)) {
        world_end_process(world);
    } else if (world_chance(world, 2)) {
        world->crash_at = sim_operation_count(world->sim, 0) + 1 + world_random(world, 40);
        world->crash_verdict = (enum sim_verdict)(SIM_CRASH + (int)world_random(world, 4));
    } else {
        world_act(world);
    }
    if (world->is_crashed) {
        world_reopen(world);
        return;
    }
    store_check(world->store);
    world_note(world);
    world->is_fenced = store_status(world->store) != 0;
    if (world->is_fenced && world_chance(world, 20)) {
        sim_crash(world->sim, 0);
        world_reopen(world);
    }
}

static void world_free(struct world *world)
{
    if (world->store != NULL) {
        store_abandon(world->store);
    }
    for (int i = 0; i < WORLD_LOG_COUNT; i++) {
        store_model_fini(&world->logs[i].model);
    }
    for (int i = 0; i < WORLD_READ_COUNT; i++) {
        buffer_fini(&world->reads[i].read.bytes);
    }
    buffer_fini(&world->batch);
    sim_free(world->sim);
    free(world);
}

/* False when the seed found something; it is printed then, and the memory is left as it is. */
static bool world_run(uint64_t seed, enum store_lie lie, bool is_verbose)
{
    struct world *world = memory_new(struct world);
    world->seed = seed;
    world->lie = lie;
    world->is_verbose = is_verbose;
    world->sim = sim_new(seed, 1);
    world->options = store_options_default("/data");
    world->options.open_file_max = 4;
    world->options.checkpoint_interval_ms = 1000;
    world->options.snapshot_size = 500;
    world->options.retention_check_interval_ms = 5000;
    world->options.cleaner.backoff_ms = 1 + (int64_t)world_random(world, 300);
    world->options.cleaner.map_size = 24 * (int64_t)world_random(world, 50);
    world->action = "open";
    world_now = world;
    for (int i = 0; i < WORLD_LOG_COUNT; i++) {
        world->logs[i].is_certain = true;
    }
    if (setjmp(world->failed) != 0) {
        printf("seed %" PRIu64 ", step %d (%s): %s\n", seed, world->step, world->action,
               world->why);
        return false;
    }
    sim_on_event(world->sim, world_on_event, world);
    sim_on_operation(world->sim, world_on_operation, world);
    world_open(world);
    for (world->step = 1; world->step <= WORLD_STEP_COUNT; world->step++) {
        world_take_step(world);
    }
    world->action = "end";
    world->crash_at = 0;
    sim_crash(world->sim, 0);
    world_reopen(world);
    world_free(world);
    return true;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: %s SEED [COUNT [expect [LIE]]]\n", arguments[0]);
        return 2;
    }
    uint64_t seed = strtoull(arguments[1], NULL, 10);
    uint64_t seed_count = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    bool is_planted = count > 3;
    enum store_lie lie = count > 4 ? store_liar_find(arguments[4]) : STORE_LIE_NONE;
    if (lie == STORE_LIE_COUNT) {
        fprintf(stderr, "unknown lie: %s\n", arguments[4]);
        return 2;
    }
    trace_set_stream(seed_count == 1 ? stderr : NULL);
    if (seed_count == 1) {
        trace_set_level(TRACE_INFO);
    }
    check_on_failure(world_on_check);
    int failure_count = 0;
    for (uint64_t i = 0; i < seed_count; i++) {
        failure_count += world_run(seed + i, lie, seed_count == 1) ? 0 : 1;
        if (is_planted && failure_count > 0) {
            break;
        }
    }
    fflush(stdout);
    /* A found bug leaves its world behind as it is; no leak check then. */
    if (failure_count > 0) {
        _exit(is_planted ? 0 : 1);
    }
    return is_planted ? 1 : 0;
}
