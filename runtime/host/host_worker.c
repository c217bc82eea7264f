/* Orders from the lead, and notes to it; see host_worker.h. */
#include "runtime/host/host_worker.h"

#include "log/base/memory.h"
#include "runtime/host/host_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum host_order_kind { HOST_ORDER_START, HOST_ORDER_PAUSE, HOST_ORDER_CLOSE };

struct host_order {
    struct io_request post;
    struct host_worker *worker;
    enum host_order_kind kind;
    bool is_paused;
    struct app_bundle files; /* to start with */
    struct app_bundle canary;
    struct canary_share canary_share;
    char *path;
};

enum host_note_kind {
    HOST_NOTE_FAILED,
    HOST_NOTE_REFUSED,
    HOST_NOTE_CANARY_FAILED,
    HOST_NOTE_NOTICED,
    HOST_NOTE_OUTDATED,
    HOST_NOTE_LINES,
    HOST_NOTE_CLOSED,
};

struct host_note {
    struct io_request post;
    struct host_worker *worker;
    enum host_note_kind kind;
    bool is_final;
    char *text;
    struct app_log *lines;
};

/* --- On the lead's shard: notes --- */

static void host_worker_on_note(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_note *note = request->owner;
    struct host_worker *worker = note->worker;
    struct host_app *row = &worker->host->apps[worker->place];
    switch (note->kind) {
    case HOST_NOTE_FAILED:
        host_shard_on_failed(row, note->text, note->is_final);
        break;
    case HOST_NOTE_REFUSED:
        host_shard_on_refused(row, note->text);
        break;
    case HOST_NOTE_CANARY_FAILED:
        host_shard_on_canary_failed(row, note->text);
        break;
    case HOST_NOTE_NOTICED:
        host_shard_on_noticed(row, note->text);
        break;
    case HOST_NOTE_OUTDATED:
        host_shard_on_outdated(row);
        break;
    case HOST_NOTE_LINES:
        app_log_append(row->log, note->lines);
        io_post(worker->io, &worker->told);
        break;
    case HOST_NOTE_CLOSED:
        worker->is_open = false;
        host_shard_on_part_closed(row);
        break;
    }
    app_log_free(note->lines);
    free(note->text);
    free(note);
}

/* --- On the worker's shard --- */

static struct host_note *host_thread_note(struct host_worker *worker, enum host_note_kind kind,
                                          const char *text)
{
    struct host_note *note = memory_new(struct host_note);
    note->worker = worker;
    note->kind = kind;
    note->text = memory_string(text);
    note->post = (struct io_request){.done = host_worker_on_note, .owner = note};
    return note;
}

static void host_thread_send(struct host_note *note)
{
    io_post(note->worker->host->shard_io, &note->post);
}

/* What was printed, and at the end that it is the end; one after the other. */
static void host_thread_tell(struct host_worker *worker)
{
    if (worker->is_telling) {
        return;
    }
    if (!app_log_is_empty(worker->log)) {
        struct host_note *note = host_thread_note(worker, HOST_NOTE_LINES, NULL);
        note->lines = app_log_take(worker->log);
        worker->is_telling = true;
        host_thread_send(note);
    } else if (worker->is_closing && worker->app == NULL) {
        worker->is_closing = false;
        host_thread_send(host_thread_note(worker, HOST_NOTE_CLOSED, NULL));
    }
}

static void host_thread_on_line(void *owner)
{
    host_thread_tell(owner);
}

static void host_thread_on_told(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_worker *worker = request->owner;
    worker->is_telling = false;
    host_thread_tell(worker);
}

/* Only told: the lead closes what failed, and its siblings. */
static void host_thread_on_failed(void *owner, const char *reason, bool is_final)
{
    struct host_note *note = host_thread_note(owner, HOST_NOTE_FAILED, reason);
    note->is_final = is_final;
    host_thread_send(note);
}

static void host_thread_on_refused(void *owner, const char *reason)
{
    host_thread_send(host_thread_note(owner, HOST_NOTE_REFUSED, reason));
}

static void host_thread_on_canary_failed(void *owner, const char *reason)
{
    host_thread_send(host_thread_note(owner, HOST_NOTE_CANARY_FAILED, reason));
}

static void host_thread_on_noticed(void *owner, const char *text)
{
    host_thread_send(host_thread_note(owner, HOST_NOTE_NOTICED, text));
}

static void host_thread_on_outdated(void *owner)
{
    host_thread_send(host_thread_note(owner, HOST_NOTE_OUTDATED, NULL));
}

static void host_thread_on_closed(void *owner)
{
    struct host_worker *worker = owner;
    worker->app = NULL;
    host_thread_tell(worker);
}

static void host_thread_start_app(struct host_worker *worker, struct host_order *order)
{
    static const struct app_events events = {.failed = host_thread_on_failed,
                                             .refused = host_thread_on_refused,
                                             .canary_failed = host_thread_on_canary_failed,
                                             .noticed = host_thread_on_noticed,
                                             .outdated = host_thread_on_outdated};
    struct report report = {0};
    struct app_options options = host_shard_app_options(worker->host);
    if (worker->log == NULL) {
        worker->log = app_log_new(worker->io);
        worker->told = (struct io_request){.done = host_thread_on_told, .owner = worker};
        app_log_on_add(worker->log, host_thread_on_line, worker);
    }
    free(worker->path);
    worker->path = order->path;
    order->path = NULL;
    options.path = worker->path;
    options.bundle = &order->files;
    options.canary = order->canary.version > 0 ? &order->canary : NULL;
    options.canary_share = order->canary_share;
    options.log = worker->log;
    options.leaves_connectors = true;
    options.instance_id = options.instance_id == NULL ? NULL : worker->instance_id;
    if (app_new(worker->io, &options, &events, worker, &worker->app, &report) != 0) {
        worker->app = NULL;
        host_thread_on_failed(worker, report.text, true);
        return;
    }
    app_pause(worker->app, order->is_paused);
    app_start(worker->app, worker->host->state_directory);
}

static void host_thread_on_order(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_order *order = request->owner;
    struct host_worker *worker = order->worker;
    switch (order->kind) {
    case HOST_ORDER_START:
        check(worker->app == NULL);
        host_thread_start_app(worker, order);
        break;
    case HOST_ORDER_PAUSE:
        if (worker->app != NULL) {
            app_pause(worker->app, order->is_paused);
        }
        break;
    case HOST_ORDER_CLOSE:
        worker->is_closing = true;
        if (worker->app != NULL) {
            app_close(worker->app, host_thread_on_closed, worker);
        } else {
            host_thread_tell(worker);
        }
        break;
    }
    app_bundle_fini(&order->files);
    app_bundle_fini(&order->canary);
    free(order->path);
    free(order);
}

struct app *host_thread_app_at(struct host *host, size_t thread, size_t index)
{
    check(thread > 0);
    check(thread < host->thread_count);
    const struct host_worker *worker = &host->threads[thread]->workers[index];
    return worker->is_closing ? NULL : worker->app;
}

size_t host_thread_find(struct host *host, size_t thread, const char *name)
{
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        const struct app *app = host_thread_app_at(host, thread, i);
        if (app != NULL && strcmp(app_name(app), name) == 0) {
            return i;
        }
    }
    return HOST_SCRIPT_MAX;
}

/* --- On the lead's shard: orders --- */

static struct host_order *host_worker_order(struct host_worker *worker, enum host_order_kind kind)
{
    struct host_order *order = memory_new(struct host_order);
    order->worker = worker;
    order->kind = kind;
    order->post = (struct io_request){.done = host_thread_on_order, .owner = order};
    return order;
}

static void host_worker_send(struct host_order *order)
{
    io_post(order->worker->io, &order->post);
}

static struct host_worker *host_worker_of(const struct host_app *row, size_t thread)
{
    struct host *host = row->host;
    return &host->threads[thread]->workers[row - host->apps];
}

void host_worker_start_all(struct host_app *row)
{
    bool has_tasks = topology_part_count(app_topology(row->app)) > 0;
    for (size_t i = 1; has_tasks && i < row->host->thread_count; i++) {
        struct host_worker *worker = host_worker_of(row, i);
        struct host_order *order = host_worker_order(worker, HOST_ORDER_START);
        check(!worker->is_open);
        worker->is_open = true;
        app_bundle_copy(&order->files, app_files(row->app));
        if (row->canary != NULL && app_canary_version(row->app) == row->canary->bundle.version) {
            app_bundle_copy(&order->canary, &row->canary->bundle);
            order->canary_share = row->canary->share;
        }
        order->path = memory_string(row->script);
        order->is_paused = row->is_paused;
        host_worker_send(order);
    }
}

/* To those that are there. */
static void host_worker_send_all(const struct host_app *row, enum host_order_kind kind)
{
    for (size_t i = 1; i < row->host->thread_count; i++) {
        struct host_worker *worker = host_worker_of(row, i);
        if (worker->is_open) {
            struct host_order *order = host_worker_order(worker, kind);
            order->is_paused = row->is_paused;
            host_worker_send(order);
        }
    }
}

void host_worker_pause_all(struct host_app *row)
{
    if (!row->is_closing) { /* else the next order to start says it */
        host_worker_send_all(row, HOST_ORDER_PAUSE);
    }
}

void host_worker_close_all(struct host_app *row)
{
    host_worker_send_all(row, HOST_ORDER_CLOSE);
}

bool host_worker_is_any_open(const struct host_app *row)
{
    for (size_t i = 1; i < row->host->thread_count; i++) {
        if (host_worker_of(row, i)->is_open) {
            return true;
        }
    }
    return false;
}

/* --- On the shard that owns the host --- */

static void host_thread_on_open(void *owner, struct io *io)
{
    struct host_thread *thread = owner;
    const char *instance_id = thread->host->options->instance_id;
    thread->io = io;
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        struct host_worker *worker = &thread->workers[i];
        *worker = (struct host_worker){.host = thread->host, .io = io, .place = i};
        snprintf(worker->instance_id, sizeof worker->instance_id, "%s-%zu",
                 instance_id == NULL ? "" : instance_id, thread->index);
    }
}

static void host_thread_on_stop(void *owner, struct io *io)
{
    (void)io;
    struct host_thread *thread = owner;
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        struct host_worker *worker = &thread->workers[i];
        check(worker->app == NULL);
        app_log_free(worker->log);
        free(worker->path);
    }
}

struct host_thread *host_thread_start(struct host *host, size_t index)
{
    static const struct shard_events events = {.start = host_thread_on_open,
                                               .stop = host_thread_on_stop};
    struct host_thread *thread = memory_new(struct host_thread);
    char name[SHARD_NAME_SIZE];
    thread->host = host;
    thread->index = index;
    snprintf(name, sizeof name, "mill-%zu", index);
    thread->shard = shard_start(host->io, name, &events, thread);
    return thread;
}

void host_thread_join(struct host_thread *thread)
{
    shard_stop(thread->shard);
    shard_join(thread->shard);
    free(thread);
}
