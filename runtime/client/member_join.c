/* The way into the group: coordinator, join, the leader's deal, sync; see member_state.h. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "runtime/client/member_state.h"

#include <stdlib.h>

must_use static int member_hold(struct holding *holding,
                                const struct assignor_partition *partitions, size_t count)
{
    holding_clear(holding);
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].partition < 0 || bytes_is_null(partitions[i].topic)) {
            return ERROR_MALFORMED;
        }
        holding_put(holding, partitions[i].topic, partitions[i].partition);
    }
    return 0;
}

must_use static int member_take_share(struct member *member, struct bytes share)
{
    struct assignor_partition *partitions;
    size_t count;
    struct bytes copies;
    struct bytes warmups;
    struct bytes ignored;
    int error = subscription_read_share(&member->arena, share, &partitions, &count, &copies);
    if (error == 0) {
        error = member_hold(&member->target, partitions, count);
    }
    if (error != 0 || member->events.standby == NULL) {
        return error;
    }
    error = subscription_read_share(&member->arena, copies, &partitions, &count, &warmups);
    if (error == 0) {
        error = member_hold(&member->standby, partitions, count);
    }
    if (error == 0) {
        error = subscription_read_share(&member->arena, warmups, &partitions, &count, &ignored);
    }
    if (error == 0) {
        error = member_hold(&member->warmup, partitions, count);
    }
    member->has_standby_news = true;
    return error;
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

static struct bytes member_write_standby(struct member *member, const struct assignor_member *dealt)
{
    struct bytes warmups = {0};
    if (dealt->standby_count == 0) {
        return warmups;
    }
    if (dealt->warmup_count > 0) {
        warmups = subscription_write_share(&member->arena, dealt->warmup, dealt->warmup_count,
                                           (struct bytes){0});
    }
    return subscription_write_share(&member->arena, dealt->standby, dealt->standby_count, warmups);
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
                subscription_write_share(&member->arena, dealt->assigned, dealt->assigned_count,
                                         member_write_standby(member, dealt)),
        };
    }
    member_call(member, MEMBER_SYNC_KEY, sync,
                member->options.rebalance_timeout_ms + MEMBER_JOIN_GRACE_MS, member_on_synced);
}

/* Partition counts are remembered as they were dealt: a change asks for a rebalance. */
void *member_count_mark(int32_t count)
{
    return (void *)((uintptr_t)count + 1);
}

int32_t member_partition_count(struct member *member, const char *topic)
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

/* What there is to come back to. */
static void member_remember_deal(struct member *member, const struct assignor_unit_terms *terms)
{
    uint64_t now = io_now(member->io);
    if (terms->withheld_count > 0) {
        member->withheld_until = now + (uint64_t)member->options.rebalance_timeout_ms * 1000000u;
    }
    if (terms->held_count > 0) {
        trace(TRACE_INFO, "member.held", TRACE_STRING("group", member->options.group),
              TRACE_INT("partitions", (int64_t)terms->held_count));
        member->probe_at = now + (uint64_t)member->options.probing_interval_ms * 1000000u;
    }
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
    struct assignor_unit_terms terms = {.acceptable_lag = member->options.acceptable_lag,
                                        .warmups_max = member->options.warmups_max};
    assignor_unit_deal(member->assignor, &member->arena, member->dealt, member->dealt_count, topics,
                       units, refresh->topic_count, &terms);
    member_remember_deal(member, &terms);
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
        subscription_read_copies(&member->arena, wish.user_data, &member->dealt[i]);
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
    member->withheld_until = 0;
    member->probe_at = 0;
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

static struct bytes member_write_copies(struct member *member)
{
    const struct member_options *options = &member->options;
    if (options->home == NULL) {
        return (struct bytes){0};
    }
    struct assignor_member wish = {
        .home = bytes_from_string(options->home),
        .kept = holding_claims(&member->standby, &member->arena),
        .kept_count = holding_count(&member->standby),
        .standby_wish = options->standby_wish,
        .warming = holding_claims(&member->warmup, &member->arena),
        .warming_count = holding_count(&member->warmup),
    };
    struct member_position *told = NULL;
    if (member->events.positions != NULL) {
        wish.tells_positions = true;
        wish.position_count = member->events.positions(member->owner, &member->arena, &told);
    }
    struct assignor_position *positions =
        arena_array(&member->arena, struct assignor_position, wish.position_count);
    for (size_t i = 0; i < wish.position_count; i++) {
        positions[i] = (struct assignor_position){bytes_from_string(told[i].topic),
                                                  told[i].partition, told[i].position, told[i].end};
    }
    wish.positions = positions;
    return subscription_write_copies(&member->arena, &wish);
}

void member_join(struct member *member)
{
    struct join_group_request *join = &member->join;
    member_move(member, MEMBER_JOINING);
    arena_clear(&member->arena);
    struct subscription wish = {
        .topics = member->topics,
        .topic_count = member->options.topic_count,
        .user_data = member_write_copies(member),
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

void member_search(void *owner)
{
    struct member *member = owner;
    if (!member->locator.is_searching) {
        locator_search(&member->locator, member_on_located, member);
    }
}
