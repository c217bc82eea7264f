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
#include "runtime/client/member.h"

#include "log/base/error.h"
#include "log/base/fsm.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/assignor_unit.h"
#include "runtime/client/committer.h"
#include "runtime/client/holding.h"
#include "runtime/client/subscription.h"

#include <stdlib.h>

enum {
    MEMBER_JOIN_KEY = 11,
    MEMBER_HEARTBEAT_KEY = 12,
    MEMBER_LEAVE_KEY = 13,
    MEMBER_SYNC_KEY = 14,
    MEMBER_JOIN_GRACE_MS = 5000,
};

enum member_state {
    MEMBER_WAITING,
    MEMBER_SEARCHING,
    MEMBER_JOINING,
    MEMBER_ASSIGNING,
    MEMBER_SYNCING,
    MEMBER_REVOKING,
    MEMBER_LOADING,
    MEMBER_STABLE,
    MEMBER_OUT,     /* failed for good */
    MEMBER_CLOSING, /* commits, then leaves */
};

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

struct member {
    struct client *client;
    struct io *io;
    struct member_options options; /* with copied strings */
    struct bytes *topics;          /* the options' */
    int *units;                    /* the options' */
    struct member_events events;
    void *owner;
    enum member_state state;
    int lane; /* of joins, syncs and heartbeats, which wait at the broker */
    struct locator locator;
    struct committer committer;
    char *id;           /* "" while it has none */
    int32_t generation; /* -1: outside the group */
    char *protocol;     /* the group's; NULL before the first join */
    bool is_eager;      /* everything is given up before the next join */
    struct holding owned;
    struct holding target;   /* the share of this generation */
    struct holding revoking; /* asked back with `revoked` */
    bool is_answered;        /* member_revoked was called */
    bool needs_rejoin;
    uint64_t rejoin_by; /* the coordinator puts out who has not joined by then; 0: no hurry */
    int64_t loss_count;
    uint64_t last_contact; /* the coordinator knew us */
    struct arena arena;    /* of join, assignment and sync */
    struct client_call call;
    bool is_calling;
    struct join_group_request join;
    struct sync_group_request sync;
    struct leave_group_request leave;
    struct leave_group_request_member leaver;
    struct client_call heartbeat_call;
    bool is_beating;
    struct heartbeat_request heartbeat;
    struct offsets_fetch load;
    bool is_loading;
    /* The leader's. */
    struct assignor_member *dealt; /* in the arena */
    size_t dealt_count;
    const struct assignor *assignor;
    struct client_refresh refresh;
    bool is_refreshing;
    struct map seen;               /* topic to partition count + 1, as dealt */
    struct client_refresh lookout; /* for topics that were not there */
    struct arena lookout_arena;
    bool is_looking_out;
    bool is_deal_unknown;  /* it came back as leader and was told to leave everything as it was */
    struct io_timer timer; /* the next step */
    struct io_timer heartbeat_timer;
    struct backoff backoff;
    void (*closed)(void *owner);
    void *closed_owner;
};

struct member_options member_options_default(const char *group)
{
    return (struct member_options){
        .group = group,
        .session_timeout_ms = 45000,
        .heartbeat_interval_ms = 3000,
        .rebalance_timeout_ms = 60000,
    };
}

static void member_move(struct member *member, enum member_state state)
{
    member->state = (enum member_state)fsm_move(&member_fsm, member->state, state);
}

static struct bytes member_group(const struct member *member)
{
    return bytes_from_string(member->options.group);
}

static struct bytes member_instance(const struct member *member)
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

static void member_set_id(struct member *member, struct bytes id)
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
static void member_step_later(struct member *member, uint64_t delay_ns)
{
    io_timer_start(member->io, &member->timer, delay_ns);
}

/* Starts over with a join, after a while if something failed. */
static void member_restart(struct member *member, bool is_failure)
{
    if (member->state == MEMBER_CLOSING) {
        return; /* closed inside an event */
    }
    member_stop_calls(member);
    member_move(member, MEMBER_WAITING);
    member_step_later(member, is_failure ? backoff_next(&member->backoff, member->io) : 0);
}

/* What was held is held no more, and nobody was asked. */
static void member_lose(struct member *member)
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

static void member_fail(struct member *member, int error)
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
static bool member_is_session_over(const struct member *member)
{
    uint64_t silence = io_now(member->io) - member->last_contact;
    return silence > (uint64_t)member->options.session_timeout_ms * 1000000u;
}

/* Errors of join, sync and load, and those of heartbeats that end a membership. */
static void member_on_error(struct member *member, int error)
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

static void member_touch(struct member *member)
{
    member->last_contact = io_now(member->io);
    backoff_clear(&member->backoff);
}

static void member_call(struct member *member, int16_t api_key, const void *request,
                        int64_t timeout_ms,
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

static void member_settle(struct member *member)
{
    member_move(member, MEMBER_STABLE);
    if (member->needs_rejoin) {
        member_restart(member, false);
    }
}

static void member_on_loaded(struct offsets_fetch *load, int error,
                             const struct member_partition *partitions, size_t count)
{
    struct member *member = load->owner;
    member->is_loading = false;
    if (error == ERROR_UNSTABLE_OFFSET_COMMIT || error == ERROR_COORDINATOR_LOAD_IN_PROGRESS) {
        member_step_later(member, backoff_next(&member->backoff, member->io));
        return;
    }
    if (error != 0) {
        member_on_error(member, error);
        return;
    }
    member_touch(member);
    holding_put_all(&member->owned, &member->target);
    member->events.assigned(member->owner, partitions, count);
    if (member->state == MEMBER_LOADING) {
        member_settle(member);
    }
}

/* Asks for the committed offsets of what is new. */
static void member_load(struct member *member)
{
    struct holding added;
    holding_init(&added);
    holding_subtract(&added, &member->target, &member->owned);
    size_t count = holding_count(&added);
    if (count == 0) {
        holding_fini(&added);
        member_settle(member);
        return;
    }
    if (member->state != MEMBER_LOADING) {
        member_move(member, MEMBER_LOADING);
    }
    arena_clear(&member->arena);
    struct member_partition *list = holding_list(&added, &member->arena);
    for (size_t i = 0; i < count; i++) {
        list[i].topic = arena_string(&member->arena, bytes_from_string(list[i].topic));
    }
    holding_fini(&added);
    member->load = (struct offsets_fetch){
        .group = member_group(member),
        .partitions = list,
        .count = count,
        .is_stable = true,
        .coordinator_id = member->locator.node_id,
        .done = member_on_loaded,
        .owner = member,
    };
    member->is_loading = true;
    offsets_fetch_start(member->client, &member->load);
}

/* Asks the owner to give up what is in `revoking`. */
static void member_revoke(struct member *member)
{
    struct arena arena;
    arena_init(&arena, 0);
    member_move(member, MEMBER_REVOKING);
    member->is_answered = false;
    size_t count = holding_count(&member->revoking);
    member->events.revoked(member->owner, holding_list(&member->revoking, &arena), count);
    arena_fini(&arena);
}

void member_revoked(struct member *member)
{
    if (member->state == MEMBER_REVOKING && !member->is_answered) {
        member->is_answered = true;
        member_step_later(member, 0);
    }
}

static void member_after_revoked(struct member *member)
{
    struct holding kept;
    holding_init(&kept);
    holding_subtract(&kept, &member->owned, &member->revoking);
    holding_fini(&member->owned);
    member->owned = kept;
    holding_clear(&member->revoking);
    if (member->is_eager) {
        member_restart(member, false);
        return;
    }
    member->needs_rejoin = true;
    member_load(member);
}

must_use static int member_take_share(struct member *member, struct bytes share)
{
    struct assignor_partition *partitions;
    size_t count;
    int error = subscription_read_share(&member->arena, share, &partitions, &count);
    if (error != 0) {
        return error;
    }
    holding_clear(&member->target);
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].partition < 0 || bytes_is_null(partitions[i].topic)) {
            return ERROR_MALFORMED;
        }
        holding_put(&member->target, partitions[i].topic, partitions[i].partition);
    }
    return 0;
}

static void member_on_synced(struct client_call *call, int error, int16_t version,
                             const void *response)
{
    (void)version;
    struct member *member = call->owner;
    const struct sync_group_response *answer = response;
    member->is_calling = false;
    if (error == 0) {
        error = error_from_code(answer->error_code);
    }
    if (error == 0) {
        error = member_take_share(member, answer->assignment);
    }
    if (error != 0) {
        member_on_error(member, error);
        return;
    }
    member_touch(member);
    member->is_eager = assignor_find(bytes_from_string(member->protocol)) != &assignor_table[0];
    holding_subtract(&member->revoking, &member->owned, &member->target);
    if (holding_count(&member->revoking) > 0) {
        /* Also when the group has just become eager: the leader withheld these. */
        member->is_eager = false;
        member_revoke(member);
    } else {
        member_load(member);
    }
}

static void member_sync(struct member *member)
{
    struct sync_group_request *sync = &member->sync;
    member_move(member, MEMBER_SYNCING);
    *sync = (struct sync_group_request){
        .group_id = member_group(member),
        .generation_id = member->generation,
        .member_id = member_id(member),
        .group_instance_id = member_instance(member),
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocol_name = bytes_from_string(member->protocol),
    };
    sync->assignments.items =
        arena_array(&member->arena, struct sync_group_request_assignment, member->dealt_count);
    for (size_t i = 0; i < member->dealt_count; i++) {
        const struct assignor_member *dealt = &member->dealt[i];
        sync->assignments.items[sync->assignments.count++] = (struct sync_group_request_assignment){
            .member_id = dealt->id,
            .assignment =
                subscription_write_share(&member->arena, dealt->assigned, dealt->assigned_count),
        };
    }
    member_call(member, MEMBER_SYNC_KEY, sync,
                member->options.rebalance_timeout_ms + MEMBER_JOIN_GRACE_MS, member_on_synced);
}

/* Partition counts are remembered as they were dealt: a change asks for a rebalance. */
static void *member_count_mark(int32_t count)
{
    return (void *)((uintptr_t)count + 1);
}

static int32_t member_partition_count(struct member *member, const char *topic)
{
    const struct client_topic *known = client_find_topic(member->client, topic);
    return known == NULL ? 0 : known->partition_count;
}

static int member_unit(const struct member *member, struct bytes topic)
{
    for (size_t i = 0; i < member->options.topic_count; i++) {
        if (bytes_equal(member->topics[i], topic)) {
            return member->units[i];
        }
    }
    return ASSIGNOR_UNIT_NONE; /* another member's, of another version of the application */
}

static void member_on_refreshed(struct client_refresh *refresh, int error)
{
    struct member *member = refresh->owner;
    member->is_refreshing = false;
    if (error != 0) {
        member_on_error(member, error);
        return;
    }
    map_fini(&member->seen, NULL);
    struct assignor_topic *topics =
        arena_array(&member->arena, struct assignor_topic, refresh->topic_count);
    int *units = arena_array(&member->arena, int, refresh->topic_count);
    for (size_t i = 0; i < refresh->topic_count; i++) {
        int32_t count = member_partition_count(member, refresh->topics[i]);
        topics[i] = (struct assignor_topic){.name = bytes_from_string(refresh->topics[i]),
                                            .partition_count = count};
        units[i] = member_unit(member, topics[i].name);
        map_put(&member->seen, topics[i].name, member_count_mark(count));
    }
    assignor_unit_deal(member->assignor, &member->arena, member->dealt, member->dealt_count, topics,
                       units, refresh->topic_count);
    member_sync(member);
}

/* Asks for metadata of every topic that somebody wants. */
static void member_refresh_topics(struct member *member)
{
    struct map wanted;
    map_init(&wanted);
    for (size_t i = 0; i < member->dealt_count; i++) {
        for (size_t j = 0; j < member->dealt[i].topic_count; j++) {
            if (member->dealt[i].topics[j].size > 0) {
                map_put(&wanted, member->dealt[i].topics[j], member);
            }
        }
    }
    const char **names = arena_array(&member->arena, const char *, wanted.size);
    size_t count = 0;
    for (map_each (&wanted, entry)) {
        names[count++] = arena_string(&member->arena, entry->key);
    }
    map_fini(&wanted, NULL);
    member->refresh = (struct client_refresh){
        .topics = names, .topic_count = count, .done = member_on_refreshed, .owner = member};
    member->is_refreshing = true;
    client_refresh_metadata(member->client, &member->refresh);
}

/* The leader reads what everybody wants. */
must_use static int member_take_wishes(struct member *member,
                                       const struct join_group_response *answer)
{
    size_t count = answer->members.count > 0 ? (size_t)answer->members.count : 0;
    member->dealt = arena_array(&member->arena, struct assignor_member, count);
    member->dealt_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct join_group_response_member *row = &answer->members.items[i];
        struct subscription wish;
        struct bytes metadata = arena_copy(&member->arena, row->metadata);
        int error = subscription_read(&member->arena, metadata, &wish);
        if (error != 0) {
            return error;
        }
        member->dealt[i] = (struct assignor_member){
            .id = arena_copy(&member->arena, row->member_id),
            .instance_id = arena_copy(&member->arena, row->group_instance_id),
            .topics = wish.topics,
            .topic_count = wish.topic_count,
            .owned = wish.owned,
            .owned_count = wish.owned_count,
            .generation = wish.generation,
        };
    }
    return 0;
}

static void member_after_join(struct member *member, const struct join_group_response *answer)
{
    member_set_id(member, answer->member_id);
    member->generation = answer->generation_id;
    free(member->protocol);
    member->protocol = bytes_to_string(answer->protocol_name);
    member->needs_rejoin = false;
    member->rejoin_by = 0;
    member_touch(member);
    arena_clear(&member->arena);
    member->dealt_count = 0;
    map_fini(&member->seen, NULL);
    bool is_leader = bytes_equal(answer->leader, answer->member_id) && !answer->skip_assignment;
    member->is_deal_unknown = answer->skip_assignment;
    member->assignor = assignor_find(answer->protocol_name);
    if (!is_leader) {
        member_sync(member);
        return;
    }
    int error = member->assignor == NULL ? ERROR_INCONSISTENT_GROUP_PROTOCOL
                                         : member_take_wishes(member, answer);
    if (error != 0) {
        member_fail(member, error);
        return;
    }
    member_move(member, MEMBER_ASSIGNING);
    member_refresh_topics(member);
}

static void member_on_joined(struct client_call *call, int error, int16_t version,
                             const void *response)
{
    (void)version;
    struct member *member = call->owner;
    const struct join_group_response *answer = response;
    member->is_calling = false;
    if (error == 0) {
        error = error_from_code(answer->error_code);
    }
    if (error == ERROR_MEMBER_ID_REQUIRED) {
        member_set_id(member, answer->member_id); /* KIP-394 */
        member_restart(member, false);
    } else if (error != 0) {
        member_on_error(member, error);
    } else {
        member_after_join(member, answer);
    }
}

static void member_join(struct member *member)
{
    struct join_group_request *join = &member->join;
    member_move(member, MEMBER_JOINING);
    arena_clear(&member->arena);
    struct subscription wish = {
        .topics = member->topics,
        .topic_count = member->options.topic_count,
        .user_data = member->options.user_data,
        .owned = holding_claims(&member->owned, &member->arena),
        .owned_count = holding_count(&member->owned),
        .generation = member->generation,
    };
    struct bytes metadata = subscription_write(&member->arena, &wish);
    *join = (struct join_group_request){
        .group_id = member_group(member),
        .session_timeout_ms = (int32_t)member->options.session_timeout_ms,
        .rebalance_timeout_ms = (int32_t)member->options.rebalance_timeout_ms,
        .member_id = member_id(member),
        .group_instance_id = member_instance(member),
        .protocol_type = BYTES_LITERAL("consumer"),
    };
    join->protocols.items = arena_array(&member->arena, struct join_group_request_protocol, 8);
    for (const struct assignor *row = assignor_table; row->name != NULL; row++) {
        join->protocols.items[join->protocols.count++] = (struct join_group_request_protocol){
            .name = bytes_from_string(row->name), .metadata = metadata};
    }
    member_call(member, MEMBER_JOIN_KEY, join,
                member->options.rebalance_timeout_ms + MEMBER_JOIN_GRACE_MS, member_on_joined);
}

static void member_on_located(void *owner, int error)
{
    struct member *member = owner;
    if (member->state != MEMBER_SEARCHING) {
        return; /* for heartbeats and commits, which look at the locator themselves */
    }
    if (error != 0) {
        member_on_error(member, error);
        return;
    }
    member_join(member);
}

static void member_search(void *owner)
{
    struct member *member = owner;
    if (!member->locator.is_searching) {
        locator_search(&member->locator, member_on_located, member);
    }
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

/* Whether the coordinator expects heartbeats: there is a generation and no join is out. */
static bool member_is_inside(const struct member *member)
{
    switch (member->state) {
    case MEMBER_ASSIGNING:
    case MEMBER_REVOKING:
    case MEMBER_LOADING:
    case MEMBER_STABLE:
        return member->generation >= 0;
    case MEMBER_WAITING:
    case MEMBER_SEARCHING:
    case MEMBER_JOINING:
    case MEMBER_SYNCING:
    case MEMBER_OUT:
    case MEMBER_CLOSING:
        return false;
    }
    return false;
}

static void member_rejoin(struct member *member)
{
    if (member->rejoin_by == 0) {
        /* It knew before us, by a heartbeat or so. */
        int64_t left_ms =
            member->options.rebalance_timeout_ms - 2 * member->options.heartbeat_interval_ms;
        member->rejoin_by = io_now(member->io) + (uint64_t)(left_ms < 1 ? 1 : left_ms) * 1000000u;
    }
    member->needs_rejoin = true;
    if (member->state == MEMBER_STABLE) {
        member_restart(member, false);
    }
}

static void member_on_beaten(struct client_call *call, int error, int16_t version,
                             const void *response)
{
    (void)version;
    struct member *member = call->owner;
    member->is_beating = false;
    if (error == 0) {
        error = error_from_code(((const struct heartbeat_response *)response)->error_code);
    }
    bool is_stale =
        !member_is_inside(member) || member->heartbeat.generation_id != member->generation;
    if (error == 0 || error == ERROR_REBALANCE_IN_PROGRESS) {
        member_touch(member);
    }
    if (is_stale || error == 0) {
        return;
    }
    if (error == ERROR_REBALANCE_IN_PROGRESS) {
        member_rejoin(member);
    } else if (locator_is_misplaced(error)) {
        locator_expire(&member->locator);
        member_search(member);
    } else if (!error_is_retriable(error)) {
        member_on_error(member, error);
    }
}

static void member_beat(struct member *member)
{
    member->heartbeat = (struct heartbeat_request){
        .group_id = member_group(member),
        .generation_id = member->generation,
        .member_id = member_id(member),
        .group_instance_id = member_instance(member),
    };
    member->heartbeat_call = (struct client_call){
        .target = member->locator.node_id,
        .lane = member->lane,
        .api_key = MEMBER_HEARTBEAT_KEY,
        .version_max = -1,
        .request = &member->heartbeat,
        .timeout_ms = member->options.session_timeout_ms,
        .done = member_on_beaten,
        .owner = member,
    };
    member->is_beating = true;
    client_send(member->client, &member->heartbeat_call);
}

/* The leader looks whether what it dealt has changed. What was dealt before it came back nobody
 * tells it, so it deals anew (KIP-814 leaves this open: partitions that came while the leader was
 * away would be nobody's). */
static bool member_has_metadata_changed(struct member *member)
{
    if (member->is_deal_unknown) {
        return true;
    }
    for (map_each (&member->seen, entry)) {
        char *topic = bytes_to_string(entry->key);
        int32_t count = member_partition_count(member, topic);
        free(topic);
        if (entry->value != member_count_mark(count)) {
            return true;
        }
    }
    return false;
}

static void member_on_looked_out(struct client_refresh *refresh, int error)
{
    (void)error; /* the next heartbeat tries again */
    ((struct member *)refresh->owner)->is_looking_out = false;
}

/* Topics that were not there when the leader dealt may come any time, and their members wait for
 * them: it asks with each heartbeat, not only when metadata grows old. */
static void member_look_out(struct member *member)
{
    if (member->is_looking_out) {
        return;
    }
    arena_clear(&member->lookout_arena);
    const char **names = arena_array(&member->lookout_arena, const char *, member->seen.size);
    size_t count = 0;
    for (map_each (&member->seen, entry)) {
        if (entry->value == member_count_mark(0)) {
            names[count++] = arena_string(&member->lookout_arena, entry->key);
        }
    }
    if (count == 0) {
        return;
    }
    member->lookout = (struct client_refresh){
        .topics = names, .topic_count = count, .done = member_on_looked_out, .owner = member};
    member->is_looking_out = true;
    client_refresh_metadata(member->client, &member->lookout);
}

static void member_on_heartbeat_timer(struct io_timer *timer)
{
    struct member *member = timer->owner;
    io_timer_start(member->io, &member->heartbeat_timer,
                   (uint64_t)member->options.heartbeat_interval_ms * 1000000u);
    if (!member_is_inside(member)) {
        return;
    }
    bool is_too_late = member->rejoin_by != 0 && io_now(member->io) > member->rejoin_by;
    if (is_too_late || member_is_session_over(member)) {
        /* The coordinator may have given away what we hold. */
        member_lose(member);
        member_restart(member, false);
    } else if (member->locator.node_id < 0) {
        member_search(member);
    } else if (!member->is_beating) {
        member_beat(member);
    }
    if (member->state == MEMBER_STABLE && member_has_metadata_changed(member)) {
        trace(TRACE_INFO, "member.metadata_changed", TRACE_STRING("group", member->options.group));
        member_rejoin(member);
    } else if (member->state == MEMBER_STABLE) {
        member_look_out(member);
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
    member->options.user_data = bytes_copy(options->user_data);
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
    bytes_free(member->options.user_data);
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
