/* Members that speak the classic protocol in the hand of a test. */
#pragma once

#include "log/coordinator/group_log.h"
#include "tests/unit/log/coordinator/consumer_play.h"

/* A member that speaks the classic protocol. */
struct classic {
    struct world *world;
    const char *group;
    const char *instance;
    const char *topics; /* "t,u" */
    char id[80];
    char owned[64]; /* "t:0,1" */
    char has[64];   /* what the last SyncGroup brought */
    int32_t generation;
    bool is_leader;
    char members[8][80]; /* of a leader: who is to be given something */
    int32_t member_count;
    int joined_count;
    int synced_count;
    int16_t error;
};

struct classic_errand {
    struct coordinator_join join;
    struct coordinator_sync sync;
    struct join_group_request join_in;
    struct sync_group_request sync_in;
    struct join_group_request_protocol protocol;
    struct classic *member;
    struct arena arena;
};

static inline struct classic classic_of(struct world *world)
{
    return (struct classic){.world = world, .group = "g", .topics = "t", .error = -1};
}

static inline struct classic_errand *classic_errand_new(struct classic *member)
{
    struct classic_errand *errand = memory_new(struct classic_errand);
    arena_init(&errand->arena, 0);
    errand->member = member;
    return errand;
}

/* "t:0,1 u:2" as topics of the consumer protocol. */
static inline int32_t classic_read_text(struct arena *arena, const char *text,
                                        struct consumer_protocol_assignment_topic **out)
{
    int32_t count = 0;
    *out = arena_array(arena, struct consumer_protocol_assignment_topic, 8);
    while (*text != '\0') {
        size_t size = strcspn(text, ":");
        struct consumer_protocol_assignment_topic *topic = &(*out)[count++];
        topic->name = bytes_make(text, size);
        topic->partitions.items = arena_array(arena, int32_t, 16);
        text += size;
        do {
            topic->partitions.items[topic->partitions.count++] = atoi(++text);
            text += strcspn(text, ", ");
        } while (*text == ',');
        text += strspn(text, " ");
    }
    return count;
}

static inline struct bytes classic_metadata(struct classic *member, struct arena *arena)
{
    struct consumer_protocol_subscription subscription = {.generation_id = -1};
    struct consumer_protocol_assignment_topic *owned = NULL;
    struct bytes *names = arena_array(arena, struct bytes, 4);
    struct buffer out;
    subscription.topics.items = names;
    for (const char *at = member->topics; *at != '\0';) {
        size_t size = strcspn(at, ",");
        names[subscription.topics.count++] = bytes_make(at, size);
        at += size + (at[size] == ',');
    }
    int32_t count = classic_read_text(arena, member->owned, &owned);
    subscription.owned_partitions.items =
        arena_array(arena, struct consumer_protocol_subscription_topic, count + 1);
    for (int32_t i = 0; i < count; i++) {
        struct consumer_protocol_subscription_topic *topic =
            &subscription.owned_partitions.items[subscription.owned_partitions.count++];
        topic->name = owned[i].name;
        topic->partitions.items = owned[i].partitions.items;
        topic->partitions.count = owned[i].partitions.count;
    }
    buffer_init(&out);
    state_record_write(&out, &consumer_protocol_subscription_schema, 1, &subscription);
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_fini(&out);
    return copy;
}

static inline void classic_on_joined(struct coordinator_request *request)
{
    struct classic_errand *errand = (struct classic_errand *)request->owner;
    struct classic *member = errand->member;
    const struct join_group_response *out = &errand->join.out;
    member->joined_count++;
    member->error = out->error_code;
    if (out->error_code == 0 || out->error_code == error_code(ERROR_MEMBER_ID_REQUIRED)) {
        snprintf(member->id, sizeof member->id, "%.*s", BYTES_FORMAT(out->member_id));
    }
    if (out->error_code == 0) {
        member->generation = out->generation_id;
        member->is_leader = bytes_equal(out->leader, out->member_id);
        member->member_count = out->members.count > 8 ? 8 : out->members.count;
        for (int32_t i = 0; i < member->member_count; i++) {
            snprintf(member->members[i], sizeof member->members[i], "%.*s",
                     BYTES_FORMAT(out->members.items[i].member_id));
        }
    }
    arena_fini(&errand->arena);
    free(errand);
}

static inline void classic_send_join(struct classic *member)
{
    struct classic_errand *errand = classic_errand_new(member);
    errand->protocol = (struct join_group_request_protocol){
        .name = BYTES_LITERAL("range"), .metadata = classic_metadata(member, &errand->arena)};
    errand->join_in = (struct join_group_request){
        .group_id = bytes_from_string(member->group),
        .session_timeout_ms = 10000,
        .rebalance_timeout_ms = 5000,
        .member_id = arena_copy(&errand->arena, bytes_from_string(member->id)),
        .group_instance_id = bytes_from_string(member->instance),
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocols = {.items = &errand->protocol, .count = 1}};
    errand->join = (struct coordinator_join){
        .request = {.done = classic_on_joined, .owner = errand, .arena = &errand->arena},
        .version = 5,
        .client_id = BYTES_LITERAL("old"),
        .client_host = BYTES_LITERAL("/127.0.0.1"),
        .in = &errand->join_in};
    coordinator_join_group(member->world->coordinator, &errand->join);
}

/* Joins, with the id it is told to come back with. The answer may have to wait for others. */
static inline void classic_join(struct classic *member)
{
    bool is_new = member->id[0] == '\0' && member->instance == NULL;
    classic_send_join(member);
    world_run_ms(member->world, 100);
    if (is_new) {
        assert_int_equal(member->error, error_code(ERROR_MEMBER_ID_REQUIRED));
        classic_send_join(member);
        world_run_ms(member->world, 100);
    }
}

static inline void classic_on_synced(struct coordinator_request *request)
{
    struct classic_errand *errand = (struct classic_errand *)request->owner;
    struct classic *member = errand->member;
    struct bytes assignment = errand->sync.out.assignment;
    struct consumer_protocol_assignment read;
    member->synced_count++;
    member->error = errand->sync.out.error_code;
    if (member->error == 0) {
        size_t used = 0;
        struct wire_reader reader = {assignment.data + 2, assignment.data + assignment.size};
        assert_true(assignment.size > 2);
        assert_int_equal(
            wire_read(&reader, &consumer_protocol_assignment_schema, 0, &errand->arena, &read), 0);
        member->has[0] = '\0';
        for (int32_t i = 0; i < read.assigned_partitions.count; i++) {
            const struct consumer_protocol_assignment_topic *topic =
                &read.assigned_partitions.items[i];
            used += (size_t)snprintf(member->has + used, sizeof member->has - used,
                                     "%s%.*s:", i > 0 ? " " : "", BYTES_FORMAT(topic->name));
            for (int32_t j = 0; j < topic->partitions.count; j++) {
                used += (size_t)snprintf(member->has + used, sizeof member->has - used, "%s%d",
                                         j > 0 ? "," : "", (int)topic->partitions.items[j]);
            }
        }
    }
    arena_fini(&errand->arena);
    free(errand);
}

/* A leader says who gets what: pairs of a member and "t:0,1". */
static inline void classic_send_sync(struct classic *member, struct classic *const *others,
                                     const char *const *shares, int count)
{
    struct classic_errand *errand = classic_errand_new(member);
    errand->sync_in = (struct sync_group_request){
        .group_id = bytes_from_string(member->group),
        .generation_id = member->generation,
        .member_id = arena_copy(&errand->arena, bytes_from_string(member->id)),
        .group_instance_id = bytes_from_string(member->instance)};
    errand->sync_in.assignments.items =
        arena_array(&errand->arena, struct sync_group_request_assignment, count + 1);
    for (int i = 0; i < count; i++) {
        struct consumer_protocol_assignment assignment = {0};
        struct buffer out;
        assignment.assigned_partitions.count =
            classic_read_text(&errand->arena, shares[i], &assignment.assigned_partitions.items);
        buffer_init(&out);
        state_record_write(&out, &consumer_protocol_assignment_schema, 0, &assignment);
        errand->sync_in.assignments.items[errand->sync_in.assignments.count++] =
            (struct sync_group_request_assignment){
                .member_id = arena_copy(&errand->arena, bytes_from_string(others[i]->id)),
                .assignment = arena_copy(&errand->arena, buffer_bytes(&out))};
        buffer_fini(&out);
    }
    errand->sync = (struct coordinator_sync){
        .request = {.done = classic_on_synced, .owner = errand, .arena = &errand->arena},
        .in = &errand->sync_in};
    coordinator_sync_group(member->world->coordinator, &errand->sync);
}

static inline void classic_sync(struct classic *member, struct classic *const *others,
                                const char *const *shares, int count)
{
    classic_send_sync(member, others, shares, count);
    world_run_ms(member->world, 100);
}

static inline void classic_ask(struct classic *member)
{
    int count = member->synced_count;
    classic_sync(member, NULL, NULL, 0);
    assert_int_equal(member->synced_count, count + 1);
}

static inline int classic_beat(struct classic *member)
{
    struct heartbeat_request in = {.group_id = bytes_from_string(member->group),
                                   .generation_id = member->generation,
                                   .member_id = bytes_from_string(member->id),
                                   .group_instance_id = bytes_from_string(member->instance)};
    int error = coordinator_heartbeat(member->world->coordinator, &in);
    world_run_ms(member->world, 100);
    return error;
}

static inline void classic_leave(struct classic *member)
{
    struct leave_group_request_member who = {.member_id = bytes_from_string(member->id)};
    struct leave_group_request in = {.group_id = bytes_from_string(member->group),
                                     .members = {.items = &who, .count = 1}};
    struct leave_group_response out;
    coordinator_leave_group(member->world->coordinator, 3, &in, &member->world->arena, &out);
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.members.items[0].error_code, 0);
    world_run_ms(member->world, 100);
}

static inline const char *classic_state(struct world *world)
{
    struct describe_groups_response_group out;
    coordinator_describe_group(world->coordinator, 5, BYTES_LITERAL("g"), &world->arena, &out);
    return arena_string(&world->arena, out.group_state);
}
