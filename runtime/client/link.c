/* A connection that comes back; see link.h.
 *
 *     IDLE ──> CONNECTING ──> READY
 *      ^           │            │
 *      └───────────┴────────────┘     lost; the next attempt not before `not_before`
 *
 * The first bad news of a peer ends the connection for the link: a call made from inside it waits
 * for the next one, which begins when the old peer is gone.
 *
 * Versions (KIP-511): ApiVersions 3 is asked first. A broker that does not know it answers error 35
 * in the format of version 0; one from before that habit hangs up. Both are asked version 0 next.
 */
#include "runtime/client/link.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/fsm.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/net/peer.h"
#include "log/wire/messages.h"
#include "runtime/client/backoff.h"

#include <stdlib.h>

enum {
    LINK_FRAME_SIZE_MAX = 256 << 20,
    LINK_ARENA_SIZE_MAX = 256 << 20,
    LINK_ARENA_SIZE_KEPT = 1 << 20,
    LINK_CONNECT_TIMEOUT_MS = 10000,
    LINK_API_KEY_COUNT = 128,
    LINK_API_VERSIONS_KEY = 18,
    LINK_API_VERSIONS_VERSION = 3,
    LINK_PRODUCE_KEY = 0,
    LINK_RESPONSE_HEADER_SIZE = 4,
};

enum link_state { LINK_IDLE, LINK_CONNECTING, LINK_READY, LINK_CLOSED };

static const struct fsm_state link_states[] = {
    [LINK_IDLE] = {"idle", FSM_TO(LINK_CONNECTING) | FSM_TO(LINK_CLOSED)},
    [LINK_CONNECTING] = {"connecting",
                         FSM_TO(LINK_IDLE) | FSM_TO(LINK_READY) | FSM_TO(LINK_CLOSED)},
    [LINK_READY] = {"ready", FSM_TO(LINK_IDLE) | FSM_TO(LINK_CLOSED)},
    [LINK_CLOSED] = {"closed", 0},
};
static const struct fsm link_fsm = FSM("link", link_states);

struct link_range {
    int16_t lowest, highest; /* highest -1: not offered */
};

struct link {
    struct client *client;
    struct io *io;
    char *address;
    int lane;
    enum link_state state;
    struct peer *peer;
    struct list queue;  /* calls not sent yet */
    struct list failed; /* calls whose `error` is to be told on the next turn */
    struct io_timer timer;
    struct backoff backoff;
    uint64_t not_before;   /* of the next attempt */
    int16_t asked_version; /* of ApiVersions */
    struct link_range ranges[LINK_API_KEY_COUNT];
    struct arena arena; /* of the response being told */
    void (*closed)(void *owner, struct link *link);
    void *closed_owner;
    struct io_request closing;
};

static void link_move(struct link *link, enum link_state state)
{
    link->state = (enum link_state)fsm_move(&link_fsm, link->state, state);
}

static void link_fail_later(struct link *link, struct client_call *call, int error)
{
    call->error = error;
    list_add(&link->failed, &call->link);
    io_timer_start(link->io, &link->timer, 0);
}

static void link_finish(struct client_call *call, int error, int16_t version, const void *response)
{
    call->via = NULL;
    call->exchange = NULL;
    call->done(call, error, version, response);
}

static void link_finish_all(struct list *list, int error)
{
    struct list taken;
    list_init(&taken);
    struct list_link *link;
    while ((link = list_take(list)) != NULL) {
        list_add(&taken, link);
    }
    while ((link = list_take(&taken)) != NULL) {
        struct client_call *call = list_member(link, struct client_call, link);
        link_finish(call, error != 0 ? error : call->error, 0, NULL);
    }
}

/* The version of the call in *out, or ERROR_UNSUPPORTED. */
must_use static int link_pick_version(const struct link *link, const struct client_call *call,
                                      const struct frame_api *api, int16_t *out)
{
    if (call->api_key < 0 || call->api_key >= LINK_API_KEY_COUNT) {
        return ERROR_UNSUPPORTED;
    }
    const struct link_range *range = &link->ranges[call->api_key];
    int16_t highest =
        api->request->highest < range->highest ? api->request->highest : range->highest;
    if (call->version_max >= 0 && call->version_max < highest) {
        highest = call->version_max;
    }
    if (highest < range->lowest || highest < api->request->lowest) {
        return ERROR_UNSUPPORTED;
    }
    *out = highest;
    return 0;
}

must_use static int link_decode(struct link *link, struct client_call *call,
                                const struct frame_api *api, int16_t version, struct bytes frame,
                                void **out)
{
    if (call->is_frame_kept) {
        peer_keep(link->peer, frame, &call->frame);
        frame = buffer_bytes(&call->frame);
    }
    struct wire_reader reader = {frame.data, frame.data + frame.size};
    int32_t correlation_id;
    int error = frame_read_response_header(&reader, api, version, &correlation_id);
    if (error == 0) {
        *out = arena_try(&link->arena, api->response->size);
        error = *out == NULL ? ERROR_NO_MEMORY
                             : wire_read(&reader, api->response, version, &link->arena, *out);
    }
    if (error != 0) {
        trace(TRACE_ERROR, "link.response_malformed", TRACE_STRING("api", api->name),
              TRACE_INT("version", version), TRACE_STRING("error", error_name(error)));
        buffer_fini(&call->frame);
        return ERROR_MALFORMED;
    }
    return 0;
}

/* The connection is lost, though its peer may still have answers to end. */
static void link_lose(struct link *link)
{
    if (link->state == LINK_CONNECTING || link->state == LINK_READY) {
        link_move(link, LINK_IDLE);
        link->not_before = io_now(link->io) + backoff_next(&link->backoff, link->io);
    }
}

static void link_on_answer(void *owner, int error, struct bytes frame)
{
    struct client_call *call = owner;
    struct link *link = call->via;
    const struct frame_api *api = frame_api_find(call->api_key);
    int16_t version = (int16_t)call->error; /* kept there while it is out */
    void *response = NULL;
    if (error != 0) {
        link_lose(link); /* a peer answers badly only when it ends */
    }
    if (error == 0 && frame.data != NULL) {
        error = link_decode(link, call, api, version, frame, &response);
    }
    link_finish(call, error, version, response);
    if (link->arena.used_size > LINK_ARENA_SIZE_KEPT) {
        arena_fini(&link->arena);
        arena_init(&link->arena, LINK_ARENA_SIZE_MAX);
    } else {
        arena_clear(&link->arena);
    }
}

/* acks = 0 is the one request without an answer. */
static bool link_is_unanswered(const struct client_call *call)
{
    return call->api_key == LINK_PRODUCE_KEY &&
           ((const struct produce_request *)call->request)->acks == 0;
}

static int64_t link_remaining_ms(const struct link *link, uint64_t deadline)
{
    uint64_t now = io_now(link->io);
    return deadline <= now ? 1 : (int64_t)((deadline - now) / 1000000u) + 1;
}

static struct bytes link_client_id(const struct link *link)
{
    return bytes_from_string(client_get_options(link->client)->client_id);
}

static void link_write(struct link *link, struct client_call *call)
{
    const struct frame_api *api = frame_api_find(call->api_key);
    int16_t version = 0;
    if (api == NULL || link_pick_version(link, call, api, &version) != 0) {
        link_fail_later(link, call, ERROR_UNSUPPORTED);
        return;
    }
    struct frame_request_header header = {
        .api_key = call->api_key,
        .api_version = version,
        .client_id = link_client_id(link),
    };
    struct buffer frame = {0};
    frame_write_request(&frame, api, &header, call->request);
    call->error = version;
    call->exchange =
        peer_send(link->peer, &frame, link_is_unanswered(call) ? PEER_UNANSWERED : PEER_ANSWERED,
                  link_remaining_ms(link, call->deadline), link_on_answer, call);
}

static void link_end(struct link *link)
{
    link_finish_all(&link->queue, ERROR_CANCELLED);
    link_finish_all(&link->failed, 0);
    link->closed(link->closed_owner, link);
    io_timer_stop(link->io, &link->timer);
    arena_fini(&link->arena);
    free(link->address);
    free(link);
}

static void link_advance(struct link *link);

static void link_on_peer_closed(void *owner, int reason)
{
    struct link *link = owner;
    link->peer = NULL;
    if (link->state == LINK_CLOSED) {
        link_end(link);
        return;
    }
    trace(TRACE_INFO, "link.lost", TRACE_STRING("address", link->address),
          TRACE_STRING("reason", error_name(reason)));
    if (link->state == LINK_CONNECTING && reason == ERROR_CLOSED) {
        link->asked_version = link->asked_version == 0 ? LINK_API_VERSIONS_VERSION : 0;
    }
    if (link->state == LINK_IDLE) {
        link_advance(link); /* what is in the queue was asked after the bad news */
        return;
    }
    link_lose(link);
    link_finish_all(&link->queue, reason);
}

static void link_flush_queue(struct link *link)
{
    struct list_link *first;
    while (link->state == LINK_READY && (first = list_take(&link->queue)) != NULL) {
        link_write(link, list_member(first, struct client_call, link));
    }
}

static void link_ask_versions(struct link *link);

/* Takes over what the broker offers. */
must_use static int link_take_versions(struct link *link, struct bytes frame)
{
    const struct frame_api *api = frame_api_find(LINK_API_VERSIONS_KEY);
    struct wire_reader reader = {frame.data, frame.data + frame.size};
    struct api_versions_response response;
    int32_t correlation_id;
    arena_clear(&link->arena);
    int error = frame_read_response_header(&reader, api, link->asked_version, &correlation_id);
    if (error == 0) {
        error = wire_read(&reader, api->response, link->asked_version, &link->arena, &response);
    }
    if (error == 0 && response.error_code != 0) {
        error = error_from_code(response.error_code);
    }
    if (error != 0) {
        return error;
    }
    int16_t transaction_version = 0;
    for (int32_t i = 0; i < response.finalized_features.count; i++) {
        const struct api_versions_response_finalized_feature *feature =
            &response.finalized_features.items[i];
        if (bytes_equal_string(feature->name, "transaction.version")) {
            transaction_version = feature->max_version_level;
        }
    }
    client_set_transaction_version(link->client, transaction_version);
    for (int i = 0; i < LINK_API_KEY_COUNT; i++) {
        link->ranges[i] = (struct link_range){.lowest = 0, .highest = -1};
    }
    for (int32_t i = 0; i < response.api_keys.count; i++) {
        const struct api_versions_response_api *row = &response.api_keys.items[i];
        if (row->api_key >= 0 && row->api_key < LINK_API_KEY_COUNT) {
            link->ranges[row->api_key] =
                (struct link_range){.lowest = row->min_version, .highest = row->max_version};
        }
    }
    return 0;
}

static void link_on_versions(void *owner, int error, struct bytes frame)
{
    struct link *link = owner;
    if (error != 0 || link->state != LINK_CONNECTING) {
        return; /* the peer is closing; its `closed` goes on */
    }
    int16_t code = 0;
    if (frame.size >= LINK_RESPONSE_HEADER_SIZE + sizeof code) {
        code = endian_read_i16(frame.data + LINK_RESPONSE_HEADER_SIZE);
    }
    if (code == error_code(ERROR_UNSUPPORTED_VERSION) && link->asked_version > 0) {
        link->asked_version = 0;
        link_ask_versions(link);
        return;
    }
    error = link_take_versions(link, frame);
    if (error != 0) {
        trace(TRACE_ERROR, "link.versions_refused", TRACE_STRING("address", link->address),
              TRACE_STRING("error", error_name(error)));
        peer_close(link->peer);
        return;
    }
    backoff_clear(&link->backoff);
    link_move(link, LINK_READY);
    link_flush_queue(link);
}

static void link_ask_versions(struct link *link)
{
    struct api_versions_request request = {
        .client_software_name = BYTES_LITERAL("tidemill"),
        .client_software_version = BYTES_LITERAL(TIDEMILL_VERSION),
    };
    struct frame_request_header header = {
        .api_key = LINK_API_VERSIONS_KEY,
        .api_version = link->asked_version,
        .client_id = link_client_id(link),
    };
    struct buffer frame = {0};
    frame_write_request(&frame, frame_api_find(LINK_API_VERSIONS_KEY), &header, &request);
    peer_send(link->peer, &frame, PEER_ANSWERED,
              client_get_options(link->client)->request_timeout_ms, link_on_versions, link);
}

static void link_connect(struct link *link)
{
    static const struct peer_events events = {.closed = link_on_peer_closed};
    struct peer_options options = {
        .address = link->address,
        .frame_size_max = LINK_FRAME_SIZE_MAX,
        .connect_timeout_ms = LINK_CONNECT_TIMEOUT_MS,
    };
    int64_t limit_ms = client_get_options(link->client)->request_timeout_ms;
    if (limit_ms < options.connect_timeout_ms) {
        options.connect_timeout_ms = limit_ms;
    }
    link_move(link, LINK_CONNECTING);
    link->peer = peer_open(link->io, &options, &events, link);
    link_ask_versions(link);
}

/* Connects when it is time; else sees to it that the timer fires when there is something to do. */
static void link_advance(struct link *link)
{
    uint64_t now = io_now(link->io);
    bool is_wanted = link->state == LINK_IDLE && link->peer == NULL && !list_is_empty(&link->queue);
    if (is_wanted && now >= link->not_before) {
        link_connect(link);
        is_wanted = false;
    }
    uint64_t wake = is_wanted ? link->not_before : UINT64_MAX;
    for (list_each (&link->queue, place)) {
        const struct client_call *call = list_member(place, struct client_call, link);
        wake = call->deadline < wake ? call->deadline : wake;
    }
    if (!list_is_empty(&link->failed)) {
        wake = now;
    }
    if (wake != UINT64_MAX) {
        io_timer_start(link->io, &link->timer, wake > now ? wake - now : 0);
    }
}

static void link_on_timer(struct io_timer *timer)
{
    struct link *link = timer->owner;
    uint64_t now = io_now(link->io);
    for (list_each (&link->queue, place)) {
        struct client_call *call = list_member(place, struct client_call, link);
        if (call->deadline <= now) {
            list_remove(place);
            call->error = ERROR_TIMEOUT;
            list_add(&link->failed, place);
        }
    }
    link_finish_all(&link->failed, 0);
    if (link->state != LINK_CLOSED) {
        link_advance(link);
    }
}

struct link *link_new(struct client *client, const char *address, int lane)
{
    struct link *link = memory_new(struct link);
    const struct client_options *options = client_get_options(client);
    *link = (struct link){
        .client = client,
        .io = client_io(client),
        .address = memory_string(address),
        .lane = lane,
        .asked_version = LINK_API_VERSIONS_VERSION,
        .backoff = {.first_ms = options->retry_backoff_ms, .max_ms = options->retry_backoff_max_ms},
    };
    link->timer = (struct io_timer){.fired = link_on_timer, .owner = link};
    list_init(&link->queue);
    list_init(&link->failed);
    arena_init(&link->arena, LINK_ARENA_SIZE_MAX);
    return link;
}

static void link_on_closing(struct io_request *request, int64_t result)
{
    (void)result;
    link_on_peer_closed(request->owner, ERROR_CANCELLED);
}

void link_close(struct link *link, void (*closed)(void *owner, struct link *link), void *owner)
{
    link_move(link, LINK_CLOSED);
    link->closed = closed;
    link->closed_owner = owner;
    io_timer_stop(link->io, &link->timer);
    if (link->peer != NULL) {
        peer_close(link->peer);
        return;
    }
    link->closing = (struct io_request){.done = link_on_closing, .owner = link};
    io_post(link->io, &link->closing);
}

void link_send(struct link *link, struct client_call *call)
{
    check(link->state != LINK_CLOSED);
    call->via = link;
    list_add(&link->queue, &call->link);
    if (link->state == LINK_READY) {
        link_flush_queue(link);
        return;
    }
    link_advance(link);
}

void link_cancel(struct link *link, struct client_call *call)
{
    check(call->via == link);
    if (call->exchange != NULL) {
        peer_cancel(call->exchange);
    }
    list_remove(&call->link);
    call->via = NULL;
    call->exchange = NULL;
}

const char *link_address(const struct link *link)
{
    return link->address;
}

int link_lane(const struct link *link)
{
    return link->lane;
}

bool link_is_ready(const struct link *link)
{
    return link->state == LINK_READY;
}

bool link_is_waiting(const struct link *link)
{
    return link->state == LINK_IDLE && io_now(link->io) < link->not_before;
}

void link_check(const struct link *link)
{
    for (list_each (&link->queue, place)) {
        const struct client_call *call = list_member(place, struct client_call, link);
        check(call->via == link);
        check(call->exchange == NULL);
    }
    check(link->state != LINK_READY || list_is_empty(&link->queue));
    check(link->state == LINK_IDLE || link->state == LINK_CLOSED || link->peer != NULL);
    if (link->peer != NULL) {
        peer_check(link->peer);
    }
}
