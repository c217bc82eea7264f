/* Sending, repeating and ending a question; see admin_call.h. */
#include "runtime/client/admin_call.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

static void admin_call_free(struct admin_call *call)
{
    io_timer_stop(call->io, &call->timer);
    locator_fini(&call->locator);
    arena_fini(&call->arena);
    free(call);
}

const char *admin_call_text(const struct admin_call *call, int error)
{
    return call->text != NULL ? call->text : error_text(error);
}

void admin_call_set_text(struct admin_call *call, struct bytes text)
{
    call->text = text.size == 0 ? NULL : arena_string(&call->arena, text);
}

static bool admin_call_is_healing(int error)
{
    /* A deadline of the broker's own is an answer; a lost connection may be gone by now. */
    return error != ERROR_CANCELLED && error != ERROR_THROTTLING_QUOTA_EXCEEDED &&
           (locator_is_misplaced(error) || error_is_retriable(error));
}

void admin_call_settle(struct admin_call *call, int error, const void *response)
{
    if (locator_is_misplaced(error)) {
        locator_expire(&call->locator);
    }
    if (error != 0 && admin_call_is_healing(error) && io_now(call->io) < call->deadline) {
        io_timer_start(call->io, &call->timer, backoff_next(&call->backoff, call->io));
        return;
    }
    call->finish(call, error, error == 0 ? response : NULL);
    admin_call_free(call);
}

static void admin_call_on_done(struct client_call *sent, int error, int16_t version,
                               const void *response)
{
    struct admin_call *call = sent->owner;
    call->is_sent = false;
    if (error == 0) {
        call->text = NULL;
        error = call->judge(call, version, response);
    }
    admin_call_settle(call, error, response);
}

static void admin_call_send(struct admin_call *call)
{
    if (call->begin != NULL) {
        call->begin(call);
        return;
    }
    call->call = (struct client_call){
        .target = call->target == ADMIN_CALL_TARGET_GROUP ? call->locator.node_id : call->target,
        .api_key = call->api_key,
        .version_max = call->version_max,
        .request = call->request,
        .done = admin_call_on_done,
        .owner = call,
    };
    call->is_sent = true;
    client_send(call->client, &call->call);
}

static void admin_call_on_located(void *owner, int error)
{
    struct admin_call *call = owner;
    if (error != 0) {
        admin_call_settle(call, error, NULL);
        return;
    }
    admin_call_send(call);
}

static void admin_call_on_timer(struct io_timer *timer)
{
    struct admin_call *call = timer->owner;
    if (call->target == ADMIN_CALL_TARGET_GROUP && call->locator.node_id < 0) {
        locator_search(&call->locator, admin_call_on_located, call);
        return;
    }
    admin_call_send(call);
}

struct admin_call *admin_call_new(struct client *client, void *owner)
{
    struct admin_call *call = memory_new(struct admin_call);
    const struct client_options *options = client_get_options(client);
    call->client = client;
    call->io = client_io(client);
    call->owner = owner;
    call->version_max = -1;
    call->backoff = (struct backoff){.first_ms = options->retry_backoff_ms,
                                     .max_ms = options->retry_backoff_max_ms};
    call->deadline = io_now(call->io) + (uint64_t)options->request_timeout_ms * 1000000u;
    call->timer = (struct io_timer){.fired = admin_call_on_timer, .owner = call};
    arena_init(&call->arena, 0);
    return call;
}

void admin_call_start(struct admin_call *call)
{
    locator_init(&call->locator, call->client, CLIENT_LANE_COMMON, call->group);
    io_timer_start(call->io, &call->timer, 0);
}

void admin_call_cancel(struct admin_call *call)
{
    if (call->is_sent) {
        client_cancel(call->client, &call->call);
    }
    if (call->stop != NULL) {
        call->stop(call);
    }
    admin_call_free(call);
}
