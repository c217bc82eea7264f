/* Takes the dirty logs, syncs their files all at once, tells the logs; see flusher.h. */
#include "log/store/flusher.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/store_state.h"

#include <stdlib.h>

/* One file under way. */
struct flusher_sync {
    struct list_link link;
    struct io_request request;
    struct flusher *flusher;
    struct log *log;
    struct segment *segment;
};

static struct log *flusher_log(struct list_link *link)
{
    return list_member(link, struct log, flush_link);
}

static void flusher_start(struct flusher *flusher);

static void flusher_finish(struct flusher *flusher)
{
    struct store *store = flusher->store;
    flusher->is_running = false;
    if (flusher->error != 0) {
        flusher->is_asked = false;
        store_fence(store, "flush", "", flusher->error);
    } else {
        flusher->flush_count++;
        flusher->flush_ns_total += (int64_t)(io_now(store->io) - flusher->started_ns);
    }
    struct list_link *link = NULL;
    while ((link = list_take(&flusher->flushing)) != NULL) {
        struct log *log = flusher_log(link);
        if (!store->is_fenced) {
            log_on_synced(log, log->flushing);
        }
        if (log->is_dirty) {
            list_add(&flusher->dirty, link);
        }
    }
    store_on_synced(store);
    if (flusher->is_asked) {
        flusher_start(flusher);
    }
    store_settle(store);
    store_on_quiet(store);
}

static void flusher_free_sync(struct flusher_sync *sync)
{
    list_remove(&sync->link);
    segment_unpin(sync->segment);
    log_release(sync->log);
    free(sync);
}

static void flusher_on_synced(struct io_request *request, int64_t result)
{
    struct flusher_sync *sync = request->owner;
    struct flusher *flusher = sync->flusher;
    flusher_free_sync(sync);
    if (result < 0 && flusher->error == 0) {
        flusher->error = (int)result;
    }
    if (--flusher->pending_count == 0) {
        flusher_finish(flusher);
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
    segment->is_dirty = false;
    segment_pin(segment);
    log->pending_count++;
    flusher->pending_count++;
    io_file_sync_async(flusher->store->io, &sync->request, file);
    return 0;
}

/* Dirty segments are the last ones; only the growing one may be clean behind a dirty one. */
static int flusher_sync_log(struct flusher *flusher, struct log *log)
{
    log->flushing = log_end_mark(log);
    log->is_dirty = false;
    int error = epoch_cache_write(&log->epochs, log->home.io, log->directory);
    for (int32_t i = log->segment_count - 1; error == 0 && i >= 0; i--) {
        struct segment *segment = log->segments[i];
        if (segment->is_dirty || segment->is_index_dirty) {
            error = flusher_sync_segment(flusher, log, segment);
        } else if (i < log->segment_count - 1) {
            break;
        }
    }
    return error;
}

static void flusher_on_turn(struct io_request *request, int64_t result)
{
    (void)result;
    struct flusher *flusher = request->owner;
    struct store *store = flusher->store;
    if (flusher->is_running) {
        if (flusher->pending_count == 0) {
            flusher_finish(flusher);
        }
        return;
    }
    if (flusher->is_asked) {
        flusher_start(flusher);
    }
    store_on_quiet(store);
}

/* Runs in a turn of its own. Files are synced by their requests; when there is none to sync, or the
 * first of them failed at once, the end comes with the next turn. */
static void flusher_start(struct flusher *flusher)
{
    check(!flusher->is_running);
    flusher->is_asked = false;
    io_timer_stop(flusher->store->io, &flusher->timer);
    if (flusher->store->is_fenced) {
        return;
    }
    flusher->is_running = true;
    flusher->error = 0;
    flusher->started_ns = io_now(flusher->store->io);
    struct list_link *link = NULL;
    while (flusher->error == 0 && (link = list_take(&flusher->dirty)) != NULL) {
        list_add(&flusher->flushing, link);
        flusher->error = flusher_sync_log(flusher, flusher_log(link));
    }
    if (flusher->pending_count == 0) {
        io_post(flusher->store->io, &flusher->request);
    }
}

static void flusher_on_delay(struct io_timer *timer)
{
    flusher_ask(timer->owner);
}

void flusher_init(struct flusher *flusher, struct store *store)
{
    *flusher = (struct flusher){
        .store = store,
        .request = {.done = flusher_on_turn, .owner = flusher},
        .timer = {.fired = flusher_on_delay, .owner = flusher},
    };
    list_init(&flusher->dirty);
    list_init(&flusher->flushing);
    list_init(&flusher->syncs);
}

void flusher_fini(struct flusher *flusher)
{
    io_timer_stop(flusher->store->io, &flusher->timer);
    for (list_each (&flusher->syncs, link)) {
        flusher_free_sync(list_member(link, struct flusher_sync, link));
    }
    for (list_each (&flusher->dirty, link)) {
        list_remove(link);
    }
    for (list_each (&flusher->flushing, link)) {
        list_remove(link);
    }
}

void flusher_add(struct flusher *flusher, struct log *log)
{
    log->is_dirty = true;
    if (!list_has(&log->flush_link)) {
        list_add(&flusher->dirty, &log->flush_link);
    }
}

void flusher_ask(struct flusher *flusher)
{
    if (flusher->is_asked) {
        return;
    }
    flusher->is_asked = true;
    if (!flusher->is_running) {
        io_post(flusher->store->io, &flusher->request);
    }
}

void flusher_ask_later(struct flusher *flusher)
{
    bool is_started = flusher->timer.private_state != NULL;
    if (!flusher->is_asked && !is_started) {
        io_timer_start(flusher->store->io, &flusher->timer, FLUSHER_DELAY_MS * UINT64_C(1000000));
    }
}

void flusher_remove(struct flusher *flusher, struct log *log)
{
    (void)flusher;
    list_remove(&log->flush_link);
}

bool flusher_is_idle(const struct flusher *flusher)
{
    return !flusher->is_running && !flusher->is_asked;
}

void flusher_check(const struct flusher *flusher)
{
    check(flusher->is_running || flusher->pending_count == 0);
    check(flusher->is_running || list_is_empty(&flusher->flushing));
    const struct store *store = flusher->store;
    if (store_is_writable(store) && store->options.durability == STORE_DURABILITY_FSYNC &&
        !list_is_empty(&flusher->dirty)) {
        check(flusher->is_running || flusher->is_asked || flusher->timer.private_state != NULL);
    }
}
