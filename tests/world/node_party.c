/* Members of consumer groups; see node_party.h. */
#include "tests/world/node_party.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A commit on its way. */
struct node_toast {
    struct member_commit commit;
    struct member_partition partition;
    struct node_seat *seat;
    int topic;
    int64_t asked_at;
    char metadata[40];
};

void node_party_init(struct node_party *party, struct node_world *world)
{
    *party = (struct node_party){.world = world};
    for (int i = 0; i < NODE_PARTY_SEAT_COUNT; i++) {
        party->seats[i] = (struct node_seat){
            .world = world, .index = i, .group = NODE_MARKS_LONELY + i % NODE_PARTY_GROUP_COUNT};
    }
}

void node_party_reopen(struct node_party *party)
{
    for (int i = 0; i < NODE_PARTY_SEAT_COUNT; i++) {
        struct node_seat *seat = &party->seats[i];
        seat->member = NULL;
        seat->is_closing = false;
        seat->has_failed = false;
        seat->must_give_up = false;
    }
    memset(party->owners, 0, sizeof party->owners); /* the groups may end before others come */
    party->commit_count = 0;
}

static int64_t node_seat_who(const struct node_seat *seat)
{
    return (seat->index + 1) * INT64_C(1000000) + (seat->is_static ? 0 : seat->life);
}

static struct node_owner *node_seat_history(const struct node_seat *seat, int topic,
                                            int32_t partition)
{
    return &seat->world->party.owners[seat->group - NODE_MARKS_LONELY][topic][partition];
}

/* --- What members are told --- */

static void node_seat_on_assigned(void *owner, const struct member_partition *partitions,
                                  size_t count)
{
    struct node_seat *seat = owner;
    struct node_world *world = seat->world;
    int32_t generation = member_generation(seat->member);
    world->model.clock++;
    for (size_t i = 0; i < count; i++) {
        int topic = node_model_find_topic(&world->model, bytes_from_string(partitions[i].topic));
        int32_t partition = partitions[i].partition;
        struct node_owner *last = node_seat_history(seat, topic, partition);
        if (seat->is_owner[topic][partition]) {
            node_world_fail(world, "%s got %s-%d twice", node_marks_group(seat->group),
                            partitions[i].topic, (int)partition);
        }
        if (last->who != 0 && last->who != node_seat_who(seat) && last->generation == generation) {
            node_world_fail(world, "%s-%d has two owners in generation %d of %s",
                            partitions[i].topic, (int)partition, (int)generation,
                            node_marks_group(seat->group));
        }
        *last = (struct node_owner){.who = node_seat_who(seat), .generation = generation};
        seat->is_owner[topic][partition] = true;
        world->party.assigned_count++;
    }
}

/* What is to be given up is held until the answer, and may be lost before. */
static void node_seat_drop(struct node_seat *seat, const struct member_partition *partitions,
                           size_t count, bool is_leaving, const char *what)
{
    struct node_world *world = seat->world;
    for (size_t i = 0; i < count; i++) {
        int topic = node_model_find_topic(&world->model, bytes_from_string(partitions[i].topic));
        bool *is_owner = &seat->is_owner[topic][partitions[i].partition];
        if (!*is_owner) {
            node_world_fail(world, "%s %s %s-%d and did not have it", node_marks_group(seat->group),
                            what, partitions[i].topic, (int)partitions[i].partition);
        }
        *is_owner = is_leaving;
        seat->is_leaving[topic][partitions[i].partition] = is_leaving;
    }
}

static void node_seat_give_up(struct node_seat *seat)
{
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            seat->is_owner[t][p] = seat->is_owner[t][p] && !seat->is_leaving[t][p];
            seat->is_leaving[t][p] = false;
        }
    }
    seat->must_give_up = false;
    member_revoked(seat->member);
}

static void node_seat_on_revoked(void *owner, const struct member_partition *partitions,
                                 size_t count)
{
    struct node_seat *seat = owner;
    seat->world->model.clock++;
    node_seat_drop(seat, partitions, count, true, "gave up");
    seat->must_give_up = true;
    if (node_world_chance(seat->world, 70)) {
        node_seat_give_up(seat);
    }
}

static void node_seat_on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct node_seat *seat = owner;
    struct node_world *world = seat->world;
    world->model.clock++;
    node_seat_drop(seat, partitions, count, false, "lost");
    for (size_t i = 0; i < count; i++) {
        int topic = node_model_find_topic(&world->model, bytes_from_string(partitions[i].topic));
        struct node_owner *last = node_seat_history(seat, topic, partitions[i].partition);
        last->who = last->who == node_seat_who(seat) ? 0 : last->who; /* the group may be new */
    }
    seat->must_give_up = false;
}

static void node_seat_on_failed(void *owner, int error)
{
    struct node_seat *seat = owner;
    /* A static one may be replaced by a join of its own that came late; nothing else is beyond
     * healing. */
    if (!seat->is_static || error != ERROR_FENCED_INSTANCE_ID) {
        node_world_fail(seat->world, "a member of %s failed: %s", node_marks_group(seat->group),
                        error_name(error));
    }
    seat->has_failed = true;
}

/* --- What they do --- */

static void node_seat_open(struct node_seat *seat)
{
    static const struct member_events events = {.assigned = node_seat_on_assigned,
                                                .revoked = node_seat_on_revoked,
                                                .lost = node_seat_on_lost,
                                                .failed = node_seat_on_failed};
    struct node_world *world = seat->world;
    struct member_options options = member_options_default(node_marks_group(seat->group));
    const char *topics[NODE_MODEL_TOPIC_COUNT];
    char instance[20];
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        topics[i] = world->model.topics[i].name;
    }
    snprintf(instance, sizeof instance, "seat %d", seat->index);
    seat->life++;
    seat->is_static = seat->index == 1 || seat->index == 2;
    options.instance_id = seat->is_static ? instance : NULL;
    options.topics = topics;
    options.topic_count = NODE_MODEL_TOPIC_COUNT;
    options.session_timeout_ms = 6000 + (int64_t)node_world_random(world, 6000);
    options.heartbeat_interval_ms = 300 + (int64_t)node_world_random(world, 1500);
    options.rebalance_timeout_ms = 4000 + (int64_t)node_world_random(world, 10000);
    memset(seat->is_owner, 0, sizeof seat->is_owner);
    memset(seat->is_leaving, 0, sizeof seat->is_leaving);
    seat->must_give_up = false;
    seat->has_failed = false;
    seat->member = member_new(world->client, &options, &events, seat);
}

/* When nobody is left the group may end, and its generations begin anew. */
static void node_seat_on_closed(void *owner)
{
    struct node_seat *seat = owner;
    struct node_party *party = &seat->world->party;
    bool is_empty = true;
    seat->member = NULL;
    seat->is_closing = false;
    for (int i = 0; i < NODE_PARTY_SEAT_COUNT; i++) {
        is_empty =
            is_empty && (party->seats[i].group != seat->group || party->seats[i].member == NULL);
    }
    if (is_empty) {
        memset(party->owners[seat->group - NODE_MARKS_LONELY], 0,
               sizeof party->owners[seat->group - NODE_MARKS_LONELY]);
    }
}

static void node_seat_close(struct node_seat *seat)
{
    seat->is_closing = true;
    memset(seat->is_owner, 0, sizeof seat->is_owner);
    member_close(seat->member, node_seat_on_closed, seat);
}

static void node_seat_on_committed(struct member_commit *commit, int error)
{
    struct node_toast *toast = commit->owner;
    struct node_seat *seat = toast->seat;
    struct node_marks *marks = &seat->world->marks;
    seat->world->party.commit_count--;
    seat->world->model.clock++;
    if (error == 0) {
        node_marks_acked(marks, seat->group, toast->topic, toast->partition.partition,
                         toast->partition.offset, toast->asked_at);
    } else {
        /* An attempt before the last one may have been served. */
        node_marks_failed(marks, seat->group, toast->topic, toast->partition.partition,
                          toast->partition.offset, false);
    }
    free(toast);
}

static void node_seat_commit(struct node_seat *seat, int topic, int32_t partition)
{
    struct node_world *world = seat->world;
    int64_t number = node_marks_ask(&world->marks, seat->group, topic, partition);
    if (number < 0) {
        return;
    }
    struct node_toast *toast = memory_new(struct node_toast);
    toast->seat = seat;
    toast->topic = topic;
    toast->asked_at = ++world->model.clock;
    snprintf(toast->metadata, sizeof toast->metadata, "mark %" PRId64, number);
    toast->partition = (struct member_partition){.topic = world->model.topics[topic].name,
                                                 .partition = partition,
                                                 .offset = number,
                                                 .metadata = bytes_from_string(toast->metadata)};
    toast->commit = (struct member_commit){.partitions = &toast->partition,
                                           .count = 1,
                                           .done = node_seat_on_committed,
                                           .owner = toast};
    world->party.commit_count++;
    member_commit(seat->member, &toast->commit);
}

static void node_seat_commit_some(struct node_seat *seat)
{
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            if (seat->is_owner[t][p] && node_world_chance(seat->world, 30)) {
                node_seat_commit(seat, t, p);
            }
        }
    }
}

void node_party_act(struct node_party *party)
{
    struct node_world *world = party->world;
    struct node_seat *seat = &party->seats[node_world_random(world, NODE_PARTY_SEAT_COUNT)];
    if (seat->is_closing) {
        return;
    }
    if (seat->member == NULL) {
        node_seat_open(seat);
    } else if (seat->must_give_up && !seat->has_failed) {
        node_seat_give_up(seat);
    } else if (seat->has_failed || node_world_chance(world, 15)) {
        node_seat_close(seat);
    } else {
        node_seat_commit_some(seat);
    }
}

/* --- Agreement --- */

const char *node_party_why(const struct node_party *party)
{
    return party->why;
}

static bool node_party_is_dealt(struct node_party *party, int group, int topic, int32_t partition)
{
    int member_count = 0;
    int owner_count = 0;
    for (int i = 0; i < NODE_PARTY_SEAT_COUNT; i++) {
        const struct node_seat *seat = &party->seats[i];
        if (seat->group == group && seat->member != NULL && !seat->is_closing &&
            !seat->has_failed) {
            member_count++;
            owner_count += seat->is_owner[topic][partition];
        }
    }
    if (member_count == 0 || owner_count == 1) {
        return true;
    }
    snprintf(party->why, sizeof party->why, "%s-%d has %d owners among %d members of %s",
             party->world->model.topics[topic].name, (int)partition, owner_count, member_count,
             node_marks_group(group));
    return false;
}

bool node_party_is_settled(void *owner)
{
    struct node_party *party = owner;
    for (int i = 0; i < NODE_PARTY_SEAT_COUNT; i++) {
        struct node_seat *seat = &party->seats[i];
        if (seat->must_give_up && !seat->is_closing && !seat->has_failed) {
            node_seat_give_up(seat);
        }
    }
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        const struct node_topic *topic = &party->world->model.topics[t];
        for (int32_t p = 0; topic->exists && !topic->is_doubtful && p < topic->partition_count_min;
             p++) {
            for (int g = 0; g < NODE_PARTY_GROUP_COUNT; g++) {
                if (!node_party_is_dealt(party, NODE_MARKS_LONELY + g, t, p)) {
                    return false;
                }
            }
        }
    }
    snprintf(party->why, sizeof party->why, "%d commits are not answered",
             (int)party->commit_count);
    return party->commit_count == 0;
}

void node_party_check(const struct node_party *party)
{
    for (int i = 0; i < NODE_PARTY_SEAT_COUNT; i++) {
        if (party->seats[i].member != NULL && !party->seats[i].is_closing) {
            member_check(party->seats[i].member);
        }
    }
}
