/* Takes the logs that are asked for, syncs the files of each all at once, tells it; see flusher.h.
 */
#include "log/store/flusher.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/store_state.h"

#include <stdlib.h>

/* One file under way. */
struct flusher_sync {
    struct list_link link;
    struct io_request request;
    struct read_gate_sync gate_sync;
    struct flusher *flusher;
    struct log *log;
    struct segment *segment;
};

static struct log *flusher_log(struct list_link *link)
{
    return list_member(link, struct log, flush_link);
}

static void flusher_run(struct flusher *flusher);

static void flusher_post(struct flusher *flusher)
{
    if (!flusher->is_posted) {
        flusher->is_posted = true;
        io_post(flusher->store->io, &flusher->request);
    }
}

/* The epochs of the log found no room. Nothing was synced and nothing has changed; a store that
 * closes cannot wait for room. */
static bool flusher_is_put_off(struct flusher *flusher, struct log *log)
{
    struct store *store = flusher->store;
    if (log->flush_error != ERROR_NO_SPACE || store->phase != STORE_OPEN) {
        return false;
    }
    bool is_put_off = log_on_write_error(log, log->flush_error, "flush") == ERROR_NO_SPACE;
    log->flush_error = 0;
    log->is_dirty = true;
    flusher_ask_later(flusher);
    return is_put_off;
}

/* A log that was deleted meanwhile is in no list and goes into none. */
static void flusher_finish(struct flusher *flusher, struct log *log)
{
    struct store *store = flusher->store;
    log->is_flushing = false;
    flusher->running_count--;
    flusher->flush_count++;
    flusher->flush_ns_total += (int64_t)(io_now(store->io) - log->flush_started_ns);
    bool is_put_off = flusher_is_put_off(flusher, log);
    if (log->flush_error != 0) {
        store_fence(store, "flush", log->name, log->flush_error);
    }
    if (!list_has(&log->flush_link)) {
        return;
    }
    list_remove(&log->flush_link);
    if (!store->is_fenced && !is_put_off) {
        log_on_synced(log, log->flushing);
    }
    if (log->is_dirty) {
        list_add(log->is_flush_asked ? &flusher->asked : &flusher->dirty, &log->flush_link);
    }
}

static void flusher_free_sync(struct flusher_sync *sync)
{
    list_remove(&sync->link);
    read_gate_sync_end(&sync->flusher->store->gate, &sync->gate_sync);
    segment_unpin(sync->segment);
    log_release(sync->log);
    free(sync);
}

static void flusher_on_synced(struct io_request *request, int64_t result)
{
    struct flusher_sync *sync = request->owner;
    struct flusher *flusher = sync->flusher;
    struct store *store = flusher->store;
    struct log *log = sync->log;
    if (result < 0 && log->flush_error == 0) {
        log->flush_error = result == ERROR_NO_SPACE ? ERROR_IO : (int)result;
    }
    bool is_last = --log->sync_count == 0;
    if (is_last) {
        flusher_finish(flusher, log);
    }
    flusher_free_sync(sync);
    if (is_last) {
        flusher_run(flusher);
        store_on_synced(store);
        store_settle(store);
        store_on_quiet(store);
    }
}

static int flusher_sync_segment(struct flusher *flusher, struct log *log, struct segment *segment)
{
    struct io_file *file = NULL;
    int error = segment_sync_index(segment);
    if (error != 0 || !segment->is_dirty) {
        return error;
    }
    error = segment_open_file(segment, &file);
    if (error != 0) {
        return error;
    }
    struct flusher_sync *sync = memory_new(struct flusher_sync);
    *sync = (struct flusher_sync){
        .request = {.done = flusher_on_synced, .owner = sync},
        .flusher = flusher,
        .log = log,
        .segment = segment,
    };
    list_add(&flusher->syncs, &sync->link);
    read_gate_sync_start(&flusher->store->gate, &sync->gate_sync);
    segment->is_dirty = false;
    segment_pin(segment);
    log->pending_count++;
    log->sync_count++;
    io_file_sync_async(flusher->store->io, &sync->request, file);
    return 0;
}

/* Dirty segments are the last ones; only the growing one may be clean behind a dirty one. */
static int flusher_sync_log(struct flusher *flusher, struct log *log)
{
    log->flushing = log_end_mark(log);
    log->is_dirty = false;
    log->is_flush_asked = false;
    int error = epoch_cache_write(&log->epochs, log->home.io, log->directory);
    for (int32_t i = log->segment_count - 1; error == 0 && i >= 0; i--) {
        struct segment *segment = log->segments[i];
        if (segment->is_dirty || segment->is_index_dirty) {
            error = flusher_sync_segment(flusher, log, segment);
            error = error == ERROR_NO_SPACE ? ERROR_IO : error; /* pages are lost */
        } else if (i < log->segment_count - 1) {
            break;
        }
    }
    return error;
}

/* Starts what is asked for, in a turn of io. A flush whose files are all clean ends at once. */
static void flusher_run(struct flusher *flusher)
{
    struct store *store = flusher->store;
    while (!store->is_fenced && flusher->running_count < FLUSHER_RUNNING_MAX &&
           !list_is_empty(&flusher->asked)) {
        struct log *log = flusher_log(list_take(&flusher->asked));
        list_add(&flusher->running, &log->flush_link);
        flusher->running_count++;
        log->is_flushing = true;
        log->flush_started_ns = io_now(store->io);
        log->flush_error = flusher_sync_log(flusher, log);
        if (log->sync_count == 0) {
            flusher_finish(flusher, log);
        }
    }
}

static void flusher_on_turn(struct io_request *request, int64_t result)
{
    (void)result;
    struct flusher *flusher = request->owner;
    struct store *store = flusher->store;
    flusher->is_posted = false;
    flusher_run(flusher);
    store_settle(store);
    store_on_quiet(store);
}

static void flusher_on_delay(struct io_timer *timer)
{
    flusher_ask_all(timer->owner);
}

void flusher_init(struct flusher *flusher, struct store *store)
{
    *flusher = (struct flusher){
        .store = store,
        .request = {.done = flusher_on_turn, .owner = flusher},
        .timer = {.fired = flusher_on_delay, .owner = flusher},
    };
    list_init(&flusher->dirty);
    list_init(&flusher->asked);
    list_init(&flusher->running);
    list_init(&flusher->syncs);
}

static void flusher_forget(struct list *logs)
{
    for (list_each (logs, link)) {
        list_remove(link);
    }
}

void flusher_fini(struct flusher *flusher)
{
    io_timer_stop(flusher->store->io, &flusher->timer);
    for (list_each (&flusher->syncs, link)) {
        flusher_free_sync(list_member(link, struct flusher_sync, link));
    }
    flusher_forget(&flusher->dirty);
    flusher_forget(&flusher->asked);
    flusher_forget(&flusher->running);
}

void flusher_add(struct flusher *flusher, struct log *log)
{
    log->is_dirty = true;
    if (!list_has(&log->flush_link)) {
        list_add(&flusher->dirty, &log->flush_link);
    }
}

void flusher_ask(struct flusher *flusher, struct log *log)
{
    if (!log->is_dirty || log->is_flush_asked) {
        return;
    }
    log->is_flush_asked = true;
    if (!log->is_flushing) {
        list_remove(&log->flush_link);
        list_add(&flusher->asked, &log->flush_link);
        flusher_post(flusher);
    }
}

void flusher_ask_all(struct flusher *flusher)
{
    for (list_each (&flusher->dirty, link)) {
        flusher_ask(flusher, flusher_log(link));
    }
    for (list_each (&flusher->running, link)) {
        flusher_ask(flusher, flusher_log(link));
    }
}

void flusher_ask_within(struct flusher *flusher, int64_t delay_ms)
{
    bool is_started = flusher->timer.private_state != NULL;
    uint64_t delay_ns = io_delay_ns(delay_ms);
    uint64_t due_ns = io_now(flusher->store->io) + delay_ns;
    if (!is_started || due_ns < flusher->timer_due_ns) {
        flusher->timer_due_ns = due_ns;
        io_timer_start(flusher->store->io, &flusher->timer, delay_ns);
    }
}

void flusher_ask_later(struct flusher *flusher)
{
    bool is_started = flusher->timer.private_state != NULL;
    if (!is_started) {
        flusher_ask_within(flusher, FLUSHER_DELAY_MS);
    }
}

void flusher_remove(struct flusher *flusher, struct log *log)
{
    (void)flusher;
    list_remove(&log->flush_link);
}

bool flusher_is_idle(const struct flusher *flusher)
{
    bool has_more = !list_is_empty(&flusher->dirty) || !list_is_empty(&flusher->asked);
    return flusher->running_count == 0 && !flusher->is_posted &&
           (!has_more || flusher->store->is_fenced);
}

static void flusher_check_list(const struct list *logs, bool is_asked, bool is_flushing)
{
    for (list_each (logs, link)) {
        const struct log *log = flusher_log(link);
        check(log->is_flushing == is_flushing);
        check(is_flushing || log->is_dirty);
        check(is_flushing || log->is_flush_asked == is_asked);
        check(!is_flushing || log->sync_count > 0);
        check(!log->is_flush_asked || log->is_dirty);
    }
}

void flusher_check(const struct flusher *flusher)
{
    const struct store *store = flusher->store;
    check(flusher->running_count >= 0);
    check(flusher->running_count <= FLUSHER_RUNNING_MAX);
    check(flusher->running_count > 0 || list_is_empty(&flusher->running));
    flusher_check_list(&flusher->dirty, false, false);
    flusher_check_list(&flusher->asked, true, false);
    flusher_check_list(&flusher->running, false, true);
    if (store_is_writable(store)) {
        bool is_full = flusher->running_count == FLUSHER_RUNNING_MAX;
        check(list_is_empty(&flusher->asked) || flusher->is_posted || is_full);
        check(list_is_empty(&flusher->dirty) || flusher->timer.private_state != NULL ||
              store->options.durability != STORE_DURABILITY_FSYNC);
    }
}
