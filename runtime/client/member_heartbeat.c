/* Heartbeats, and the reasons to join again; see member_state.h. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "runtime/client/member_state.h"

#include <stdlib.h>

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

void member_rejoin(struct member *member)
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

bool member_probe(struct member *member)
{
    if (member->state != MEMBER_STABLE) {
        return false;
    }
    trace(TRACE_INFO, "member.probes", TRACE_STRING("group", member->options.group));
    member_rejoin(member);
    return true;
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

void member_ask(struct member *member)
{
    if (member_is_inside(member) && !member->is_beating && member->locator.node_id >= 0) {
        member_beat(member);
    }
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

/* What the leader withheld is handed on when its owner joins again, having given it up. A static
 * owner that restarts meanwhile has nothing to give up and is let in without a rebalance: nobody
 * joins again but the leader. */
static bool member_is_withholding_too_long(const struct member *member)
{
    return member->withheld_until != 0 && io_now(member->io) > member->withheld_until;
}

/* Who is next asks itself once it has caught up; but it may judge by other figures than the leader.
 */
static bool member_is_probing_due(const struct member *member)
{
    return member->probe_at != 0 && io_now(member->io) >= member->probe_at;
}

void member_on_heartbeat_timer(struct io_timer *timer)
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
    } else if (member->state == MEMBER_STABLE && member_is_withholding_too_long(member)) {
        trace(TRACE_INFO, "member.withheld_too_long", TRACE_STRING("group", member->options.group));
        member_rejoin(member);
    } else if (member->state == MEMBER_STABLE && member_is_probing_due(member)) {
        (void)member_probe(member);
    } else if (member->state == MEMBER_STABLE) {
        member_look_out(member);
    }
}
