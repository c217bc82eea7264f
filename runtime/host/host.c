/* The shards of a host; see host_state.h for who runs where. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/host/host_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The owner's shard --- */

void host_on_news(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_news *news = request->owner;
    struct host *host = news->host;
    if (news->is_notice) {
        host->events->noticed(host->owner, news->application, news->reason);
    } else if (news->reason == NULL) {
        host->over_count--;
    } else {
        host->over_count += news->is_final;
        host->is_refused = host->is_refused || news->is_refused;
        host->events->failed(host->owner, news->application, news->reason, news->is_final);
    }
    free(news->application);
    free(news->reason);
    free(news);
}

/* --- The applications' shard --- */

static void host_on_shard_ended(struct io_request *request, int64_t result);

/* The last application is closed and the last visit over: the owner may end the shard. */
void host_shard_end_if_closed(struct host *host)
{
    if (!host->is_stopping || host->is_ended || host->visit_count > 0 || host->deployment != NULL) {
        return;
    }
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].app != NULL || host->apps[i].is_closing) {
            return;
        }
    }
    host->is_ended = true;
    io_timer_stop(host->shard_io, &host->metrics_timer);
    host->end_request = (struct io_request){.done = host_on_shard_ended, .owner = host};
    io_post(host->io, &host->end_request);
}

static void host_shard_on_open(void *owner, struct io *io)
{
    struct host *host = owner;
    host->shard_io = io;
    for (size_t i = 0; i < host->options->script_count && host->error == 0; i++) {
        struct host_app *row = &host->apps[host->app_count++];
        host_shard_init_app(row, host, host->options->scripts[i]);
        host->error = host_shard_open_app(row, &host->report);
    }
}

static void host_shard_on_start_request(struct io_request *request, int64_t result)
{
    (void)result;
    struct host *host = request->owner;
    for (size_t i = 0; i < host->app_count; i++) {
        host_shard_start_app(&host->apps[i]);
    }
    if (host->options->is_following) {
        host_shard_follow(host);
    }
    host->metrics_timer = (struct io_timer){.fired = host_shard_on_metrics_time, .owner = host};
    io_timer_start(host->shard_io, &host->metrics_timer, (uint64_t)HOST_METRICS_MS * 1000000);
}

static void host_shard_on_stop(void *owner, struct io *io)
{
    (void)io;
    struct host *host = owner;
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].next != NULL) {
            host_app_drop_next(&host->apps[i], host->apps[i].next);
        }
        if (host->apps[i].app != NULL) { /* judged, never started */
            host->apps[i].is_over = true;
            app_close(host->apps[i].app, host_shard_on_closed, &host->apps[i]);
        }
        host_shard_empty(&host->apps[i]);
    }
}

static void host_shard_on_stop_request(struct io_request *request, int64_t result)
{
    (void)result;
    struct host *host = request->owner;
    host->is_stopping = true;
    for (size_t i = 0; i < host->app_count; i++) {
        io_timer_stop(host->shard_io, &host->apps[i].timer);
        host_shard_close(&host->apps[i]);
    }
    host_shard_unfollow(host);
    host_shard_end_if_closed(host);
}

/* --- Visits --- */

static void host_on_visited(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_visit *visit = request->owner;
    visit->done(visit);
}

static void host_shard_on_visit_turn(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_visit *visit = request->owner;
    struct host *host = visit->host;
    bool is_over = visit->visit(visit, host);
    visit->request = (struct io_request){
        .done = is_over ? host_on_visited : host_shard_on_visit_turn, .owner = visit};
    io_post(is_over ? host->io : host->shard_io, &visit->request);
    if (is_over) {
        host->visit_count--;
        host_shard_end_if_closed(host);
    }
}

static void host_visit_go_on(struct host_visit *visit);

/* On a further thread. */
static void host_thread_on_visit_turn(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_visit *visit = request->owner;
    if (visit->visit_thread(visit, visit->host, visit->thread)) {
        host_visit_go_on(visit);
    } else {
        io_post(visit->host->threads[visit->thread]->io, &visit->request);
    }
}

/* From any thread of the applications to the next; back to the first at the end. */
static void host_visit_go_on(struct host_visit *visit)
{
    struct host *host = visit->host;
    bool is_last = ++visit->thread >= host->thread_count;
    visit->request = (struct io_request){
        .done = is_last ? host_shard_on_visit_turn : host_thread_on_visit_turn, .owner = visit};
    io_post(is_last ? host->shard_io : host->threads[visit->thread]->io, &visit->request);
}

void host_shard_visit(struct host_visit *visit)
{
    struct host *host = visit->host;
    host->visit_count++;
    visit->thread = 0;
    if (visit->visit_thread != NULL && host->thread_count > 1) {
        host_visit_go_on(visit);
    } else {
        visit->request = (struct io_request){.done = host_shard_on_visit_turn, .owner = visit};
        host_shard_on_visit_turn(&visit->request, 0);
    }
}

static void host_shard_on_visit(struct io_request *request, int64_t result)
{
    (void)result;
    host_shard_visit(request->owner);
}

/* --- The owner's shard again --- */

static void host_free(struct host *host)
{
    shard_stop(host->shard);
    shard_join(host->shard);
    for (size_t i = 1; i < host->thread_count; i++) {
        host_thread_join(host->threads[i]);
    }
    buffer_fini(&host->metrics);
    free(host);
}

static void host_on_shard_ended(struct io_request *request, int64_t result)
{
    (void)result;
    struct host *host = request->owner;
    void (*stopped)(void *owner) = host->stopped;
    void *owner = host->stopped_owner;
    host_free(host);
    stopped(owner);
}

static void host_choose_home(struct host *host)
{
    uint64_t number;
    io_random(host->io, &number, sizeof number);
    snprintf(host->home, sizeof host->home, "%016" PRIx64, number);
}

int host_new(struct io *io, const struct host_options *options, const struct host_events *events,
             void *owner, struct host **out, struct report *report)
{
    static const struct shard_events shard_events = {.start = host_shard_on_open,
                                                     .stop = host_shard_on_stop};
    struct host *host = memory_new(struct host);
    host->io = io;
    host->options = options;
    host->events = events;
    host->owner = owner;
    host_choose_home(host);
    host->thread_count = options->thread_count == 0 ? 1 : options->thread_count;
    check(host->thread_count <= HOST_THREAD_MAX);
    for (size_t i = 1; i < host->thread_count; i++) {
        host->threads[i] = host_thread_start(host, i);
    }
    host->shard = shard_start(io, "mill", &shard_events, host);
    int error = host->error;
    if (error != 0) {
        *report = host->report;
        host_free(host);
        return error;
    }
    *out = host;
    return 0;
}

void host_start(struct host *host, const char *state_directory)
{
    host->state_directory = state_directory;
    host->start_request = (struct io_request){.done = host_shard_on_start_request, .owner = host};
    io_post(shard_io(host->shard), &host->start_request);
}

bool host_is_over(const struct host *host)
{
    bool is_any_left =
        host->options->is_following || host->over_count < host->options->script_count;
    return host->is_refused || !is_any_left;
}

void host_stop(struct host *host, void (*stopped)(void *owner), void *owner)
{
    host->stopped = stopped;
    host->stopped_owner = owner;
    host->stop_request = (struct io_request){.done = host_shard_on_stop_request, .owner = host};
    io_post(shard_io(host->shard), &host->stop_request);
}

void host_visit(struct host *host, struct host_visit *visit)
{
    visit->host = host;
    visit->request = (struct io_request){.done = host_shard_on_visit, .owner = visit};
    io_post(shard_io(host->shard), &visit->request);
}

size_t host_thread_count(const struct host *host)
{
    return host->thread_count;
}

void host_write_metrics(const struct host *host, struct buffer *out)
{
    buffer_add_bytes(out, buffer_bytes(&host->metrics));
}
