/* The life of a group member; see member.h.
 *
 *      ┌────────────────────────────────────────────────────────────┐ rebalance, loss
 *      v                                                            │
 *  SEARCHING ──> JOINING ──> ASSIGNING ──> SYNCING ──> REVOKING ──> LOADING ──> STABLE
 *      ^            │ └─────────────────────^  │           ^           ^           │
 *      └─ WAITING <─┴──────────────────────────┴───────────┼───────────┘           │
 *                                                          └──── eager rejoin ─────┘
 *
 * ASSIGNING is the leader's: it asks for metadata and deals. REVOKING waits for member_revoked,
 * LOADING for committed offsets. A cooperative member keeps what it holds while it joins (KIP-429);
 * what it must give up it learns with its share, gives it up, and joins once more so that the next
 * owner gets it. When the group speaks "range" everything is given up before joining. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/member_state.h"

#include <stdlib.h>

#define MEMBER_ALWAYS FSM_TO(MEMBER_WAITING) | FSM_TO(MEMBER_OUT) | FSM_TO(MEMBER_CLOSING)
static const struct fsm_state member_states[] = {
    [MEMBER_WAITING] = {"waiting", MEMBER_ALWAYS | FSM_TO(MEMBER_SEARCHING) |
                                       FSM_TO(MEMBER_JOINING) | FSM_TO(MEMBER_REVOKING)},
    [MEMBER_SEARCHING] = {"searching", MEMBER_ALWAYS | FSM_TO(MEMBER_JOINING)},
    [MEMBER_JOINING] = {"joining",
                        MEMBER_ALWAYS | FSM_TO(MEMBER_ASSIGNING) | FSM_TO(MEMBER_SYNCING)},
    [MEMBER_ASSIGNING] = {"assigning", MEMBER_ALWAYS | FSM_TO(MEMBER_SYNCING)},
    [MEMBER_SYNCING] = {"syncing", MEMBER_ALWAYS | FSM_TO(MEMBER_REVOKING) |
                                       FSM_TO(MEMBER_LOADING) | FSM_TO(MEMBER_STABLE)},
    [MEMBER_REVOKING] = {"revoking",
                         MEMBER_ALWAYS | FSM_TO(MEMBER_LOADING) | FSM_TO(MEMBER_STABLE)},
    [MEMBER_LOADING] = {"loading", MEMBER_ALWAYS | FSM_TO(MEMBER_STABLE)},
    [MEMBER_STABLE] = {"stable", MEMBER_ALWAYS},
    [MEMBER_OUT] = {"out", FSM_TO(MEMBER_CLOSING)},
    [MEMBER_CLOSING] = {"closing", 0},
};
static const struct fsm member_fsm = FSM("member", member_states);

struct member_options member_options_default(const char *group)
{
    return (struct member_options){
        .group = group,
        .acceptable_lag = 10000,
        .warmups_max = 2,
        .probing_interval_ms = 600000,
        .session_timeout_ms = 45000,
        .heartbeat_interval_ms = 3000,
        .rebalance_timeout_ms = 60000,
    };
}

void member_move(struct member *member, enum member_state state)
{
    member->state = (enum member_state)fsm_move(&member_fsm, member->state, state);
}

struct bytes member_group(const struct member *member)
{
    return bytes_from_string(member->options.group);
}

struct bytes member_instance(const struct member *member)
{
    return bytes_from_string(member->options.instance_id);
}

struct bytes member_id(const struct member *member)
{
    return bytes_from_string(member->id);
}

int32_t member_generation(const struct member *member)
{
    return member->generation;
}

int64_t member_loss_count(const struct member *member)
{
    return member->loss_count;
}

bool member_is_joining(const struct member *member)
{
    return member->state == MEMBER_WAITING || member->state == MEMBER_SEARCHING ||
           member->state == MEMBER_JOINING;
}

void member_set_id(struct member *member, struct bytes id)
{
    free(member->id);
    member->id = bytes_is_null(id) ? memory_string("") : bytes_to_string(id);
}

/* Stops what waits for answers. */
static void member_stop_calls(struct member *member)
{
    if (member->is_calling) {
        client_cancel(member->client, &member->call);
        member->is_calling = false;
    }
    if (member->is_loading) {
        offsets_fetch_stop(&member->load);
        member->is_loading = false;
    }
    if (member->is_refreshing) {
        client_refresh_cancel(&member->refresh);
        member->is_refreshing = false;
    }
}

/* Takes the next step on a later turn. */
void member_step_later(struct member *member, uint64_t delay_ns)
{
    io_timer_start(member->io, &member->timer, delay_ns);
}

/* Starts over with a join, after a while if something failed. */
void member_restart(struct member *member, bool is_failure)
{
    if (member->state == MEMBER_CLOSING) {
        return; /* closed inside an event */
    }
    member_stop_calls(member);
    member_move(member, MEMBER_WAITING);
    member_step_later(member, is_failure ? backoff_next(&member->backoff, member->io) : 0);
}

/* What was held is held no more, and nobody was asked. */
void member_lose(struct member *member)
{
    member_stop_calls(member);
    member->generation = -1;
    member->rejoin_by = 0;
    holding_clear(&member->target);
    holding_clear(&member->revoking);
    if (holding_count(&member->owned) == 0) {
        return;
    }
    member->loss_count++;
    struct arena arena;
    arena_init(&arena, 0);
    struct holding lost = member->owned;
    holding_init(&member->owned);
    size_t count = holding_count(&lost);
    trace(TRACE_WARN, "member.lost", TRACE_STRING("group", member->options.group),
          TRACE_INT("partitions", (int64_t)count));
    member->events.lost(member->owner, holding_list(&lost, &arena), count);
    holding_fini(&lost);
    arena_fini(&arena);
}

void member_fail(struct member *member, int error)
{
    trace(TRACE_ERROR, "member.failed", TRACE_STRING("group", member->options.group),
          TRACE_STRING("error", error_name(error)));
    member_lose(member);
    if (member->state == MEMBER_CLOSING) {
        return; /* closed inside an event */
    }
    io_timer_stop(member->io, &member->timer);
    io_timer_stop(member->io, &member->heartbeat_timer);
    member_move(member, MEMBER_OUT);
    member->events.failed(member->owner, error);
}

/* A session that nobody confirmed for its whole length has ended at the coordinator. */
bool member_is_session_over(const struct member *member)
{
    uint64_t silence = io_now(member->io) - member->last_contact;
    return silence > (uint64_t)member->options.session_timeout_ms * 1000000u;
}

/* Errors of join, sync and load, and those of heartbeats that end a membership. */
void member_on_error(struct member *member, int error)
{
    trace(TRACE_INFO, "member.refused", TRACE_STRING("group", member->options.group),
          TRACE_STRING("state", fsm_name(&member_fsm, member->state)),
          TRACE_STRING("error", error_name(error)));
    if (locator_is_misplaced(error)) {
        locator_expire(&member->locator);
    }
    if (error == ERROR_UNKNOWN_MEMBER_ID || error == ERROR_ILLEGAL_GENERATION) {
        if (error == ERROR_UNKNOWN_MEMBER_ID) {
            member_set_id(member, (struct bytes){NULL, 0});
        }
        member_lose(member);
        member_restart(member, false);
    } else if (error == ERROR_REBALANCE_IN_PROGRESS) {
        member_restart(member, false);
    } else if (error_is_retriable(error) || locator_is_misplaced(error)) {
        if (member_is_session_over(member)) {
            member_lose(member);
        }
        member_restart(member, true);
    } else {
        member_fail(member, error);
    }
}

void member_touch(struct member *member)
{
    member->last_contact = io_now(member->io);
    backoff_clear(&member->backoff);
}

void member_call(struct member *member, int16_t api_key, const void *request, int64_t timeout_ms,
                 void (*done)(struct client_call *call, int error, int16_t version,
                              const void *response))
{
    member->call = (struct client_call){
        .target = member->locator.node_id,
        /* A join that was given up may still hold up our own lane. */
        .lane = api_key == MEMBER_LEAVE_KEY ? CLIENT_LANE_COMMON : member->lane,
        .api_key = api_key,
        .version_max = -1,
        .request = request,
        .timeout_ms = timeout_ms,
        .done = done,
        .owner = member,
    };
    member->is_calling = true;
    client_send(member->client, &member->call);
}

/* The way back into the group. */
static void member_enter(struct member *member)
{
    if (member->is_eager && holding_count(&member->owned) > 0) {
        holding_put_all(&member->revoking, &member->owned);
        member_revoke(member);
    } else if (member->locator.node_id < 0) {
        member_move(member, MEMBER_SEARCHING);
        member_search(member);
    } else {
        member_join(member);
    }
}

static void member_leave(struct member *member);

static void member_on_timer(struct io_timer *timer)
{
    struct member *member = timer->owner;
    switch (member->state) {
    case MEMBER_WAITING:
        member_enter(member);
        break;
    case MEMBER_REVOKING:
        member_after_revoked(member);
        break;
    case MEMBER_LOADING:
        member_load(member);
        break;
    case MEMBER_CLOSING:
        if (committer_is_idle(&member->committer)) {
            member_leave(member);
        }
        break;
    case MEMBER_SEARCHING:
    case MEMBER_JOINING:
    case MEMBER_ASSIGNING:
    case MEMBER_SYNCING:
    case MEMBER_STABLE:
    case MEMBER_OUT:
        break;
    }
}

/* For the committer: the name of now, if what is committed is still ours. */
static int member_identify(void *owner, const struct member_commit *commit,
                           struct offsets_identity *out)
{
    struct member *member = owner;
    for (size_t i = 0; i < commit->count; i++) {
        if (commit->loss_count != member->loss_count ||
            !holding_has(&member->owned, bytes_from_string(commit->partitions[i].topic),
                         commit->partitions[i].partition)) {
            return ERROR_ILLEGAL_GENERATION;
        }
    }
    *out = (struct offsets_identity){
        .group = member_group(member),
        .member_id = member_id(member),
        .instance_id = member_instance(member),
        .generation = member->generation,
    };
    return 0;
}

void member_commit(struct member *member, struct member_commit *commit)
{
    check(member->state != MEMBER_CLOSING);
    commit->loss_count = member->loss_count;
    committer_add(&member->committer, commit);
}

static void member_on_idle(void *owner)
{
    struct member *member = owner;
    if (member->state == MEMBER_CLOSING) {
        member_step_later(member, 0);
    }
}

struct member *member_new(struct client *client, const struct member_options *options,
                          const struct member_events *events, void *owner)
{
    check(options->topic_count > 0);
    check(options->heartbeat_interval_ms > 0);
    check(options->session_timeout_ms > options->heartbeat_interval_ms);
    struct member *member = memory_new(struct member);
    const struct client_options *client_options = client_get_options(client);
    member->client = client;
    member->io = client_io(client);
    member->options = *options;
    member->options.group = memory_string(options->group);
    member->options.instance_id = memory_string(options->instance_id);
    member->options.home = memory_string(options->home);
    member->options.topics = NULL;
    member->options.units = NULL;
    member->topics = memory_zero(options->topic_count, sizeof *member->topics);
    member->units = memory_zero(options->topic_count, sizeof *member->units);
    for (size_t i = 0; i < options->topic_count; i++) {
        member->topics[i] = bytes_copy(bytes_from_string(options->topics[i]));
        member->units[i] = options->units == NULL ? ASSIGNOR_UNIT_NONE : options->units[i];
    }
    member->events = *events;
    member->owner = owner;
    member->lane = client_lane_open(client);
    member->id = memory_string("");
    member->generation = -1;
    member->backoff = (struct backoff){.first_ms = client_options->retry_backoff_ms,
                                       .max_ms = client_options->retry_backoff_max_ms};
    member->timer = (struct io_timer){.fired = member_on_timer, .owner = member};
    member->heartbeat_timer =
        (struct io_timer){.fired = member_on_heartbeat_timer, .owner = member};
    member->last_contact = io_now(member->io);
    holding_init(&member->owned);
    holding_init(&member->target);
    holding_init(&member->revoking);
    holding_init(&member->standby);
    holding_init(&member->warmup);
    map_init(&member->seen);
    arena_init(&member->arena, 0);
    arena_init(&member->lookout_arena, 0);
    locator_init(&member->locator, client, CLIENT_LANE_COMMON, member_group(member));
    committer_init(&member->committer, client, &member->locator);
    member->committer.identify = member_identify;
    member->committer.search = member_search;
    member->committer.idle = member_on_idle;
    member->committer.owner = member;
    member_step_later(member, 0);
    io_timer_start(member->io, &member->heartbeat_timer,
                   (uint64_t)options->heartbeat_interval_ms * 1000000u);
    return member;
}

static void member_end(struct member *member)
{
    void (*closed)(void *owner) = member->closed;
    void *owner = member->closed_owner;
    committer_fini(&member->committer);
    locator_fini(&member->locator);
    io_timer_stop(member->io, &member->timer);
    client_lane_close(member->client, member->lane);
    holding_fini(&member->owned);
    holding_fini(&member->target);
    holding_fini(&member->revoking);
    map_fini(&member->seen, NULL);
    arena_fini(&member->arena);
    arena_fini(&member->lookout_arena);
    for (size_t i = 0; i < member->options.topic_count; i++) {
        bytes_free(member->topics[i]);
    }
    free(member->topics);
    free(member->units);
    free(member->id);
    free(member->protocol);
    free((void *)(uintptr_t)member->options.group);
    free((void *)(uintptr_t)member->options.instance_id);
    free((void *)(uintptr_t)member->options.home);
    holding_fini(&member->standby);
    holding_fini(&member->warmup);
    free(member);
    if (closed != NULL) {
        closed(owner);
    }
}

static void member_on_left(struct client_call *call, int error, int16_t version,
                           const void *response)
{
    (void)error;
    (void)version;
    (void)response;
    member_end(call->owner);
}

/* Tells the coordinator, so that the others need not wait for the session to run out. */
static void member_leave(struct member *member)
{
    bool is_known = member->id[0] != 0 && member->locator.node_id >= 0;
    if (!is_known || member->options.instance_id != NULL) {
        member_end(member);
        return;
    }
    member->leaver = (struct leave_group_request_member){.member_id = member_id(member)};
    member->leave = (struct leave_group_request){.group_id = member_group(member),
                                                 .member_id = member_id(member)};
    member->leave.members.items = &member->leaver;
    member->leave.members.count = 1;
    member_call(member, MEMBER_LEAVE_KEY, &member->leave, 0, member_on_left);
}

void member_close(struct member *member, void (*closed)(void *owner), void *owner)
{
    check(member->state != MEMBER_CLOSING);
    member->closed = closed;
    member->closed_owner = owner;
    member_stop_calls(member);
    if (member->is_beating) {
        client_cancel(member->client, &member->heartbeat_call);
        member->is_beating = false;
    }
    if (member->is_looking_out) {
        client_refresh_cancel(&member->lookout);
        member->is_looking_out = false;
    }
    member_move(member, MEMBER_CLOSING);
    io_timer_stop(member->io, &member->heartbeat_timer);
    member_step_later(member, 0);
}

void member_check(const struct member *member)
{
    for (map_each (&member->revoking.places, entry)) {
        check(map_find(&member->owned.places, entry->key) != NULL);
    }
    switch (member->state) {
    case MEMBER_JOINING:
    case MEMBER_SYNCING:
        check(member->is_calling);
        break;
    case MEMBER_ASSIGNING:
        check(member->is_refreshing);
        break;
    case MEMBER_LOADING:
        check(member->is_loading || member->timer.private_state != NULL);
        break;
    case MEMBER_WAITING:
        check(member->timer.private_state != NULL);
        break;
    case MEMBER_STABLE:
        check(member->generation >= 0);
        check(holding_count(&member->owned) == holding_count(&member->target));
        break;
    case MEMBER_OUT:
        check(holding_count(&member->owned) == 0);
        break;
    case MEMBER_SEARCHING:
        check(member->locator.is_searching);
        break;
    case MEMBER_REVOKING:
        check(holding_count(&member->revoking) > 0);
        break;
    case MEMBER_CLOSING:
        break;
    }
}
