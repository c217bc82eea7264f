/* See operation.h. A row of the table below is what can be asked; its functions run on the shards
 * of the applications: one gathers on each further thread, then the other ends on the first. */
#include "runtime/main/operation.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/app/app_store.h"
#include "runtime/app/app_tap.h"
#include "runtime/app/app_view.h"
#include "runtime/format/record_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATUS_OK = 200,
    STATUS_BAD = 400,
    STATUS_NONE = 404,
    STATUS_NOT_ALLOWED = 405,
    STATUS_CONFLICT = 409,
    STATUS_FAILED = 500,
    STATUS_UNAVAILABLE = 503
};

const char *const operation_parameters[OPERATION_PARAMETER_COUNT] = {
    "key", "from", "to", "prefix", "limit", "after", "dry"};

struct operation_row;

struct operation {
    struct host_visit visit;
    struct http_answer *answer;
    const struct operation_row *row;
    char *app;      /* NULL: all */
    char *argument; /* "" without */
    struct app_store_look look;
    struct buffer text[3]; /* key, from, to, as far as they were given */
    struct buffer out;
    bool is_dry;
    int64_t after[HOST_THREAD_MAX]; /* of lines that were seen; of a tap on each thread */
    unsigned status;                /* 0: not known yet */
    /* What was gathered on the threads before. */
    struct app_totals totals[HOST_SCRIPT_MAX];
    struct app_view_places places;
    struct buffer parts; /* of a description, or records of a tap */
    int64_t lost;        /* records of a tap */
};

struct operation_row {
    const char *method;
    const char *verb;   /* behind the application's name; NULL: /apps itself */
    bool has_argument;  /* one more part of the path */
    bool needs_running; /* the application must be there */
    /* On a further thread, with the worker there; NULL: it is not asked. As below. */
    bool (*gather)(struct operation *operation, struct app *app, size_t thread);
    /* True when the answer is whole; false to be called again. */
    bool (*look)(struct operation *operation, struct host_app *app);
};

/* --- On the applications' shard --- */

static void operation_add(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\":", name);
    record_json_write_bytes(out, bytes_from_string(text));
}

static bool operation_gather_totals(struct operation *operation, struct app *app, size_t thread)
{
    (void)thread;
    app_totals_add(&operation->totals[0], app);
    return true;
}

static void operation_add_sample(struct buffer *out, const char *name,
                                 const struct canary_sample *sample)
{
    buffer_printf(out, "\"%s\":{\"in\":%" PRId64 ",\"errors\":%" PRId64 ",\"p99_us\":%.1f}", name,
                  sample->in_count, sample->error_count,
                  (double)canary_sample_percentile(sample, 0.99) / 1e3);
}

/* "canary":{"version":4,"share":"1/8","since":…,"for_ms":…,"trial":{…},"rest":{…}}, */
static void operation_add_canary(struct buffer *out, const struct canary_order *canary,
                                 const struct app_totals *totals)
{
    if (canary == NULL || !totals->has_canary) {
        return;
    }
    buffer_printf(out,
                  "\"canary\":{\"version\":%" PRId64 ",\"share\":\"%d/%d\",\"since\":%" PRId64
                  ",\"for_ms\":%" PRId64 ",",
                  canary->bundle.version, (int)canary->share.part, (int)canary->share.whole,
                  canary->at_ms, canary->for_ms);
    operation_add_sample(out, "trial", &totals->canary_trial);
    buffer_add_byte(out, ',');
    operation_add_sample(out, "rest", &totals->canary_rest);
    buffer_add_string(out, "},");
}

/* `totals`: of its workers on the further threads. */
static void operation_add_app(struct operation *operation, struct host_app *app,
                              struct app_totals *totals)
{
    struct buffer *out = &operation->out;
    buffer_add_byte(out, '{');
    operation_add(out, "name", host_app_name(app));
    buffer_add_byte(out, ',');
    operation_add(out, "script", host_app_script(app));
    buffer_add_byte(out, ',');
    operation_add(out, "state", host_app_state_name(host_app_state(app)));
    if (host_app_version(app) > 0) {
        buffer_printf(out, ",\"version\":%" PRId64, host_app_version(app));
    }
    buffer_printf(out, ",\"threads\":%zu,\"restarts\":%" PRId64 ",",
                  host_thread_count(operation->visit.host), host_app_restart_count(app));
    operation_add(out, "reason", host_app_reason(app));
    if (host_app_running(app) != NULL) {
        buffer_add_byte(out, ',');
        app_totals_add(totals, host_app_running(app));
        operation_add_canary(out, host_app_canary(app), totals);
        app_view_write_totals(host_app_running(app), totals, out);
    }
}

static void operation_gather_list(struct operation *operation, struct host *host, size_t thread)
{
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        const struct app *app = host_thread_app_at(host, thread, i);
        if (app != NULL) {
            app_totals_add(&operation->totals[i], app);
        }
    }
}

static void operation_list(struct operation *operation, struct host *host)
{
    buffer_add_string(&operation->out, "{\"apps\":[");
    const char *between = "";
    for (size_t i = 0; i < host_app_count(host); i++) {
        struct host_app *app = host_app_at(host, i);
        if (app != NULL) {
            buffer_add_string(&operation->out, between);
            operation_add_app(operation, app, &operation->totals[i]);
            buffer_add_byte(&operation->out, '}');
            between = ",";
        }
    }
    buffer_add_string(&operation->out, "]}\n");
    operation->status = STATUS_OK;
}

static bool operation_end(struct operation *operation)
{
    buffer_add_string(&operation->out, "}\n");
    operation->status = STATUS_OK;
    return true;
}

static bool operation_gather_description(struct operation *operation, struct app *app,
                                         size_t thread)
{
    app_view_add_parts(app, thread, &operation->parts);
    return operation_gather_totals(operation, app, thread);
}

static bool operation_describe(struct operation *operation, struct host_app *app)
{
    struct buffer *out = &operation->out;
    operation_add_app(operation, app, &operation->totals[0]);
    if (host_app_running(app) != NULL) {
        app_view_add_parts(host_app_running(app), 0, &operation->parts);
        buffer_add_string(out, ",\"parts\":[");
        buffer_add_bytes(out, buffer_bytes(&operation->parts));
        buffer_add_string(out, "],");
        app_view_write_connectors(host_app_running(app), out);
    }
    return operation_end(operation);
}

static bool operation_plan(struct operation *operation, struct host_app *app)
{
    buffer_add_byte(&operation->out, '{');
    app_view_write_plan(host_app_running(app), &operation->out);
    return operation_end(operation);
}

static bool operation_gather_stores(struct operation *operation, struct app *app, size_t thread)
{
    (void)thread;
    app_view_add_places(app, &operation->places);
    return true;
}

static bool operation_stores(struct operation *operation, struct host_app *app)
{
    app_view_add_places(host_app_running(app), &operation->places);
    buffer_add_byte(&operation->out, '{');
    app_view_write_stores(host_app_running(app), &operation->places, &operation->out);
    return operation_end(operation);
}

static bool operation_logs(struct operation *operation, struct host_app *app)
{
    buffer_add_byte(&operation->out, '{');
    app_log_write(host_app_log(app), operation->after[0], operation->look.count_max,
                  &operation->out);
    return operation_end(operation);
}

static bool operation_gather_tap(struct operation *operation, struct app *app, size_t thread)
{
    (void)app_tap_read(app, operation->argument, &operation->after[thread], &operation->lost,
                       &operation->parts);
    return true;
}

/* Where to go on: a number, or with several threads as many, joined by dots. */
static void operation_add_last(struct operation *operation)
{
    size_t count = host_thread_count(operation->visit.host);
    const char *quote = count > 1 ? "\"" : "";
    buffer_printf(&operation->out, "\"last\":%s", quote);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&operation->out, "%s%" PRId64, i > 0 ? "." : "",
                      operation->after[i] < 0 ? 0 : operation->after[i]);
    }
    buffer_add_string(&operation->out, quote);
}

static bool operation_tap(struct operation *operation, struct host_app *app)
{
    struct buffer *out = &operation->out;
    if (!app_tap_read(host_app_running(app), operation->argument, &operation->after[0],
                      &operation->lost, &operation->parts)) {
        operation->status =
            http_refuse(out, STATUS_NONE, "%s has no node '%s'; 'tidemill app plan %s' lists them",
                        host_app_name(app), operation->argument, host_app_name(app));
        return true;
    }
    buffer_add_string(out, "{\"records\":[");
    buffer_add_bytes(out, buffer_bytes(&operation->parts));
    buffer_add_string(out, "],");
    operation_add_last(operation);
    buffer_printf(out, ",\"lost\":%" PRId64, operation->lost);
    return operation_end(operation);
}

/* `name`: of the application. */
static bool operation_end_look(struct operation *operation, const char *name,
                               enum app_store_result result)
{
    const char *store = operation->argument;
    switch (result) {
    case APP_STORE_AGAIN:
        return false;
    case APP_STORE_DONE:
        buffer_printf(&operation->out, "],\"more\":%s}\n",
                      operation->look.has_more ? "true" : "false");
        operation->status = STATUS_OK;
        break;
    case APP_STORE_UNKNOWN:
        operation->status = http_refuse(&operation->out, STATUS_NONE,
                                        "%s has no store '%s'; 'tidemill store ls %s' lists them",
                                        name, store, name);
        break;
    case APP_STORE_HIDDEN:
        operation->status =
            http_refuse(&operation->out, STATUS_CONFLICT,
                        "the store %s holds what its step keeps for itself alone", store);
        break;
    case APP_STORE_CORRUPT:
        operation->status = http_refuse(&operation->out, STATUS_FAILED,
                                        "the store %s holds something else than it should", store);
        break;
    }
    return true;
}

static void operation_begin_look(struct operation *operation, const struct app *app)
{
    struct app_store_look *look = &operation->look;
    if (operation->out.size == 0) {
        buffer_add_byte(&operation->out, '{');
        operation_add(&operation->out, "app", app_name(app));
        buffer_add_byte(&operation->out, ',');
        operation_add(&operation->out, "store", operation->argument);
        buffer_add_string(&operation->out, ",\"rows\":[");
    }
    look->store = operation->argument;
    look->out = &operation->out;
}

/* Rows of the partitions that a further thread has; their order is that of threads, then of
 * partitions. */
static bool operation_gather_look(struct operation *operation, struct app *app, size_t thread)
{
    (void)thread;
    if (operation->status != 0 || operation->look.has_more ||
        app_store_is_global(app, operation->argument)) {
        return true;
    }
    operation_begin_look(operation, app);
    enum app_store_result result = app_store_step(app, &operation->look);
    if (result != APP_STORE_DONE) {
        return operation_end_look(operation, app_name(app), result);
    }
    app_store_go_on(&operation->look);
    return true;
}

static bool operation_look(struct operation *operation, struct host_app *app)
{
    struct app *running = host_app_running(app);
    if (operation->status != 0) {
        return true;
    }
    operation_begin_look(operation, running);
    return operation_end_look(operation, host_app_name(app),
                              operation->look.has_more ? APP_STORE_DONE
                                                       : app_store_step(running, &operation->look));
}

static bool operation_set_paused(struct operation *operation, struct host_app *app, bool is_paused)
{
    host_app_pause(app, is_paused);
    operation_add_app(operation, app, &operation->totals[0]);
    return operation_end(operation);
}

static bool operation_pause(struct operation *operation, struct host_app *app)
{
    return operation_set_paused(operation, app, true);
}

static bool operation_resume(struct operation *operation, struct host_app *app)
{
    return operation_set_paused(operation, app, false);
}

/* POST …/reload, or ?dry=1 to see only what it would change. */
static bool operation_reload(struct operation *operation, struct host_app *app)
{
    struct report report = {0};
    struct app *next = host_app_read_next(app, &report);
    struct app *old = host_app_running(app);
    buffer_add_byte(&operation->out, '{');
    operation_add(&operation->out, "name", host_app_name(app));
    buffer_add_byte(&operation->out, ',');
    bool is_fine = next != NULL;
    if (is_fine && old != NULL) {
        is_fine = app_view_write_changes(old, next, &operation->out, &report);
    } else {
        buffer_add_string(&operation->out, "\"changes\":[]");
    }
    if (!is_fine) {
        operation->status =
            http_refuse(&operation->out, STATUS_CONFLICT, "%s%s%s; what runs goes on", report.place,
                        report.place[0] == 0 ? "" : ": ", report.text);
    } else {
        buffer_printf(&operation->out, ",\"reloading\":%s}\n",
                      operation->is_dry ? "false" : "true");
        operation->status = STATUS_OK;
    }
    if (is_fine && !operation->is_dry) {
        host_app_use_next(app, next);
    } else if (next != NULL) {
        host_app_drop_next(app, next);
    }
    return true;
}

static const struct operation_row operation_rows[] = {
    {"GET", NULL, false, false, operation_gather_totals, NULL},
    {"GET", "", false, false, operation_gather_description, operation_describe},
    {"GET", "plan", false, true, NULL, operation_plan},
    {"GET", "logs", false, false, NULL, operation_logs},
    {"GET", "stores", false, true, operation_gather_stores, operation_stores},
    {"GET", "stores", true, true, operation_gather_look, operation_look},
    {"GET", "tap", true, true, operation_gather_tap, operation_tap},
    {"POST", "pause", false, false, operation_gather_totals, operation_pause},
    {"POST", "resume", false, false, operation_gather_totals, operation_resume},
    {"POST", "reload", false, false, NULL, operation_reload},
};

static bool operation_on_visit_thread(struct host_visit *visit, struct host *host, size_t thread)
{
    struct operation *operation = visit->owner;
    if (operation->row->look == NULL) {
        operation_gather_list(operation, host, thread);
        return true;
    }
    size_t place = host_thread_find(host, thread, operation->app);
    struct app *app = place == HOST_SCRIPT_MAX ? NULL : host_thread_app_at(host, thread, place);
    bool is_there = app != NULL && (!operation->row->needs_running || app_is_running(app));
    return !is_there || operation->row->gather(operation, app, thread);
}

static bool operation_on_visit(struct host_visit *visit, struct host *host)
{
    struct operation *operation = visit->owner;
    if (operation->row->look == NULL) {
        operation_list(operation, host);
        return true;
    }
    struct host_app *app = host_app_find(host, operation->app);
    if (app == NULL) {
        operation->status = http_refuse(
            &operation->out, STATUS_NONE,
            "no application is named '%s' here; 'tidemill app ls' lists them", operation->app);
        return true;
    }
    if (operation->row->needs_running &&
        (host_app_running(app) == NULL || !app_is_running(host_app_running(app)))) {
        operation->status = http_refuse(&operation->out, STATUS_UNAVAILABLE, "%s is %s; ask again",
                                        operation->app, host_app_state_name(host_app_state(app)));
        return true;
    }
    return operation->row->look(operation, app);
}

/* --- On the main thread --- */

static void operation_on_done(struct host_visit *visit)
{
    struct operation *operation = visit->owner;
    http_answer(operation->answer, operation->status, &operation->out);
    app_store_end(&operation->look);
    for (size_t i = 0; i < sizeof operation->text / sizeof *operation->text; i++) {
        buffer_fini(&operation->text[i]);
    }
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        app_totals_fini(&operation->totals[i]);
    }
    app_view_places_fini(&operation->places);
    buffer_fini(&operation->parts);
    free(operation->app);
    free(operation->argument);
    free(operation);
}

static void operation_refuse(struct http_answer *answer, unsigned status, const char *text)
{
    struct buffer out;
    buffer_init(&out);
    http_refuse(&out, status, "%s", text);
    http_answer(answer, status, &out);
}

/* A parameter of the query as bytes, kept in `place`; null when it is not there. */
static struct bytes operation_take(const struct http_request *request, const char *name,
                                   struct buffer *place)
{
    const char *text = request->query(request, name);
    if (text == NULL) {
        return (struct bytes){0};
    }
    buffer_add_string(place, text);
    buffer_string(place); /* there, also when it is empty */
    return buffer_bytes(place);
}

/* Numbers joined by dots: one, or one for each thread; those that are missing stay -1. */
static bool operation_read_after(struct operation *operation, const char *text)
{
    for (size_t i = 0; i < HOST_THREAD_MAX; i++) {
        operation->after[i] = -1;
    }
    for (size_t i = 0; text != NULL && i < HOST_THREAD_MAX; i++) {
        char number[32];
        size_t size = strcspn(text, ".");
        snprintf(number, sizeof number, "%.*s", (int)size, text);
        if (size >= sizeof number || text_parse_int64(number, &operation->after[i]) != 0) {
            return false;
        }
        text = text[size] == '.' ? text + size + 1 : NULL;
    }
    return text == NULL;
}

/* False when the limit is none. */
static bool operation_read_query(struct operation *operation, const struct http_request *request)
{
    struct app_store_look *look = &operation->look;
    const char *limit = request->query(request, "limit");
    if (!operation_read_after(operation, request->query(request, "after"))) {
        return false;
    }
    operation->is_dry = request->query(request, "dry") != NULL;
    look->count_max = OPERATION_LIMIT_DEFAULT;
    if (limit != NULL && (text_parse_int64(limit, &look->count_max) != 0 || look->count_max < 1 ||
                          look->count_max > OPERATION_LIMIT_MAX)) {
        return false;
    }
    look->key = operation_take(request, "key", &operation->text[0]);
    look->from = operation_take(request, "from", &operation->text[1]);
    look->to = operation_take(request, "to", &operation->text[2]);
    const char *prefix = request->query(request, "prefix");
    if (prefix != NULL && prefix[0] != '\0' && operation->text[1].size == 0 &&
        operation->text[2].size == 0) {
        buffer_add_string(&operation->text[1], prefix);
        buffer_add_string(&operation->text[2], prefix);
        look->from = buffer_bytes(&operation->text[1]);
        operation->text[2].size =
            bytes_end_of_prefix(operation->text[2].data, operation->text[2].size);
        look->to =
            operation->text[2].size == 0 ? (struct bytes){0} : buffer_bytes(&operation->text[2]);
    }
    return true;
}

/* NAME, NAME/VERB or NAME/VERB/ARGUMENT. NULL: there is no such thing; *other is what there is of
 * another method, or NULL. */
static const struct operation_row *operation_find(struct operation *operation,
                                                  const struct http_request *request,
                                                  const struct operation_row **other)
{
    const char *name = request->suffix;
    const char *verb = strchr(name, '/');
    size_t name_size = verb == NULL ? strlen(name) : (size_t)(verb - name);
    verb = verb == NULL ? "" : verb + 1;
    const char *argument = strchr(verb, '/');
    size_t verb_size = argument == NULL ? strlen(verb) : (size_t)(argument - verb);
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    operation->app = bytes_to_string(bytes_make(name, name_size));
    operation->argument = memory_string(argument == NULL ? "" : argument + 1);
    for (size_t i = 1; i < sizeof operation_rows / sizeof *operation_rows; i++) {
        const struct operation_row *row = &operation_rows[i];
        if (strlen(row->verb) != verb_size || memcmp(row->verb, verb, verb_size) != 0 ||
            row->has_argument != (argument != NULL)) {
            continue;
        }
        if (strcmp(row->method, method) == 0) {
            return row;
        }
        *other = row;
    }
    return NULL;
}

static void operation_ask(void *owner, const struct http_request *request,
                          struct http_answer *answer)
{
    struct operation_desk *desk = owner;
    bool is_list = strcmp(request->path, "/apps") == 0;
    if (desk->host == NULL) {
        operation_refuse(answer, STATUS_UNAVAILABLE, "no application runs here");
        return;
    }
    struct operation *operation = memory_new(struct operation);
    operation->answer = answer;
    operation->visit = (struct host_visit){
        .visit = operation_on_visit, .done = operation_on_done, .owner = operation};
    const struct operation_row *other = NULL;
    operation->row = is_list ? &operation_rows[0] : operation_find(operation, request, &other);
    if (operation->row == NULL && other != NULL) {
        answer->allow = other->method;
        operation->status =
            http_refuse(&operation->out, STATUS_NOT_ALLOWED, "%s is not allowed here; use %s",
                        request->method, other->method);
        operation_on_done(&operation->visit);
        return;
    }
    if (operation->row == NULL) {
        operation->status = http_refuse(&operation->out, STATUS_NONE, "nothing is at %s for %s",
                                        request->path, request->method);
        operation_on_done(&operation->visit);
        return;
    }
    if (!operation_read_query(operation, request)) {
        operation->status =
            http_refuse(&operation->out, STATUS_BAD,
                        "after and limit are numbers, limit from 1 to %d", OPERATION_LIMIT_MAX);
        operation_on_done(&operation->visit);
        return;
    }
    operation->visit.visit_thread =
        operation->row->gather == NULL ? NULL : operation_on_visit_thread;
    host_visit(desk->host, &operation->visit);
}

void operation_make_routes(struct operation_desk *desk,
                           struct http_route routes[OPERATION_ROUTE_COUNT])
{
    static const struct {
        const char *method;
        const char *path;
    } places[OPERATION_ROUTE_COUNT] = {{"GET", "/apps"}, {"GET", "/apps/"}, {"POST", "/apps/"}};
    for (size_t i = 0; i < OPERATION_ROUTE_COUNT; i++) {
        routes[i] = (struct http_route){.method = places[i].method,
                                        .path = places[i].path,
                                        .ask = operation_ask,
                                        .owner = desk};
    }
}
