/* Metadata requests; see refresher.h. */
#include "runtime/client/refresher.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/backoff.h"

#include <stdlib.h>

enum { REFRESHER_METADATA_KEY = 3 };

struct refresher {
    struct client *client;
    struct io *io;
    struct catalog *catalog;
    struct list waiting; /* not asked for yet */
    struct list current; /* asked for by `call` */
    bool is_asking;      /* `call` is out */
    bool is_all;         /* it asks for all topics */
    bool is_stopped;
    struct client_call call;
    struct metadata_request request;
    struct arena arena;
    struct io_timer timer; /* starts the next request */
    struct io_timer age;
    struct backoff backoff;
    struct client_refresh aged; /* our own wish, when the age timer fired */
    const char **aged_topics;
};

static void refresher_start_age(struct refresher *refresher)
{
    int64_t age_ms = client_get_options(refresher->client)->metadata_max_age_ms;
    io_timer_start(refresher->io, &refresher->age, (uint64_t)age_ms * 1000000u);
}

static void refresher_finish(struct list *list, int error)
{
    struct list_link *link;
    while ((link = list_take(list)) != NULL) {
        struct client_refresh *refresh = list_member(link, struct client_refresh, link);
        refresh->done(refresh, error);
    }
}

/* After a failure: those whose time is up are told, the others wait for the next try. */
static void refresher_repeat(struct refresher *refresher, int error)
{
    struct list late;
    list_init(&late);
    uint64_t now = io_now(refresher->io);
    struct list_link *link;
    while ((link = list_take(&refresher->current)) != NULL) {
        struct client_refresh *refresh = list_member(link, struct client_refresh, link);
        bool is_late =
            now >= refresh->deadline || error == ERROR_CANCELLED || error == ERROR_UNSUPPORTED;
        list_add(is_late ? &late : &refresher->waiting, link);
    }
    if (!list_is_empty(&refresher->waiting) && !refresher->is_stopped) {
        io_timer_start(refresher->io, &refresher->timer,
                       backoff_next(&refresher->backoff, refresher->io));
    }
    refresher_finish(&late, error);
}

static void refresher_on_done(struct client_call *call, int error, int16_t version,
                              const void *response)
{
    (void)version;
    struct refresher *refresher = call->owner;
    refresher->is_asking = false;
    if (error == 0) {
        error = error_from_code(((const struct metadata_response *)response)->error_code);
    }
    if (error != 0) {
        trace(TRACE_INFO, "refresher.failed", TRACE_STRING("error", error_name(error)));
        refresher_repeat(refresher, error);
        return;
    }
    backoff_clear(&refresher->backoff);
    catalog_apply(refresher->catalog, response, refresher->is_all);
    /* An answer about some topics does not make the others young. */
    bool is_ageing = refresher->age.private_state != NULL || refresher->aged_topics != NULL;
    if (refresher->is_all || !is_ageing) {
        refresher_start_age(refresher);
    }
    if (!list_is_empty(&refresher->waiting)) {
        io_timer_start(refresher->io, &refresher->timer, 0);
    }
    refresher_finish(&refresher->current, 0);
}

/* The wishes of one kind, taken together: `may_create` counts for all topics of a request. */
static bool refresher_take_kind(struct refresher *refresher)
{
    const struct client_refresh *first =
        list_member(refresher->waiting.head.next, struct client_refresh, link);
    bool may_create = first->may_create;
    refresher->is_all = false;
    for (list_each (&refresher->waiting, link)) {
        const struct client_refresh *refresh = list_member(link, struct client_refresh, link);
        if (refresh->may_create == may_create) {
            refresher->is_all = refresher->is_all || refresh->topics == NULL;
            list_remove(link);
            list_add(&refresher->current, link);
        }
    }
    return may_create;
}

static void refresher_name_topics(struct refresher *refresher)
{
    struct metadata_request *request = &refresher->request;
    if (refresher->is_all) {
        request->topics.count = -1;
        return;
    }
    struct map names;
    map_init(&names);
    for (list_each (&refresher->current, link)) {
        const struct client_refresh *refresh = list_member(link, struct client_refresh, link);
        for (size_t i = 0; i < refresh->topic_count; i++) {
            map_put(&names, bytes_from_string(refresh->topics[i]), refresher);
        }
    }
    request->topics.items =
        arena_array(&refresher->arena, struct metadata_request_topic, names.size);
    for (map_each (&names, entry)) {
        request->topics.items[request->topics.count++].name =
            arena_copy(&refresher->arena, entry->key);
    }
    map_fini(&names, NULL);
}

static void refresher_on_timer(struct io_timer *timer)
{
    struct refresher *refresher = timer->owner;
    if (refresher->is_stopped) {
        refresher_finish(&refresher->waiting, ERROR_CANCELLED);
        return;
    }
    if (refresher->is_asking || list_is_empty(&refresher->waiting)) {
        return;
    }
    arena_clear(&refresher->arena);
    refresher->request = (struct metadata_request){0};
    refresher->request.allow_auto_topic_creation = refresher_take_kind(refresher);
    refresher_name_topics(refresher);
    refresher->call = (struct client_call){
        .target = CLIENT_ANY,
        .api_key = REFRESHER_METADATA_KEY,
        .version_max = -1,
        .request = &refresher->request,
        .done = refresher_on_done,
        .owner = refresher,
    };
    refresher->is_asking = true;
    client_send(refresher->client, &refresher->call);
}

static void refresher_on_aged_done(struct client_refresh *refresh, int error)
{
    struct refresher *refresher = refresh->owner;
    free(refresher->aged_topics);
    refresher->aged_topics = NULL;
    (void)error; /* if it failed, the next one is as good a time as any */
    if (!refresher->is_stopped) {
        refresher_start_age(refresher);
    }
}

static void refresher_on_age(struct io_timer *timer)
{
    struct refresher *refresher = timer->owner;
    if (refresher->is_stopped || refresher->aged_topics != NULL) {
        return;
    }
    size_t count = 0;
    refresher->aged_topics =
        memory_zero(refresher->catalog->topics.size, sizeof *refresher->aged_topics);
    for (map_each (&refresher->catalog->topics, entry)) {
        refresher->aged_topics[count++] = ((const struct client_topic *)entry->value)->name;
    }
    refresher->aged = (struct client_refresh){
        .topics = refresher->aged_topics,
        .topic_count = count,
        .done = refresher_on_aged_done,
        .owner = refresher,
    };
    refresher_add(refresher, &refresher->aged);
}

struct refresher *refresher_new(struct client *client, struct catalog *catalog)
{
    struct refresher *refresher = memory_new(struct refresher);
    const struct client_options *options = client_get_options(client);
    refresher->client = client;
    refresher->io = client_io(client);
    refresher->catalog = catalog;
    refresher->backoff = (struct backoff){.first_ms = options->retry_backoff_ms,
                                          .max_ms = options->retry_backoff_max_ms};
    refresher->timer = (struct io_timer){.fired = refresher_on_timer, .owner = refresher};
    refresher->age = (struct io_timer){.fired = refresher_on_age, .owner = refresher};
    list_init(&refresher->waiting);
    list_init(&refresher->current);
    arena_init(&refresher->arena, 0);
    return refresher;
}

void refresher_stop(struct refresher *refresher)
{
    refresher->is_stopped = true;
    io_timer_stop(refresher->io, &refresher->age);
    io_timer_stop(refresher->io, &refresher->timer);
    if (!list_is_empty(&refresher->waiting)) {
        io_timer_start(refresher->io, &refresher->timer, 0);
    }
}

void refresher_free(struct refresher *refresher)
{
    check(!refresher->is_asking);
    io_timer_stop(refresher->io, &refresher->age);
    io_timer_stop(refresher->io, &refresher->timer);
    refresher_finish(&refresher->waiting, ERROR_CANCELLED);
    free(refresher->aged_topics);
    arena_fini(&refresher->arena);
    free(refresher);
}

void refresher_add(struct refresher *refresher, struct client_refresh *refresh)
{
    int64_t timeout_ms = client_get_options(refresher->client)->request_timeout_ms;
    refresh->deadline = io_now(refresher->io) + (uint64_t)timeout_ms * 1000000u;
    list_add(&refresher->waiting, &refresh->link);
    if (!refresher->is_asking && refresher->timer.private_state == NULL) {
        io_timer_start(refresher->io, &refresher->timer, 0);
    }
}
