/* Heartbeats of a consumer group; see node_crew.h. */
#include "tests/world/node_crew.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NODE_CREW_BEAT_MS = 2500,
    NODE_CREW_SESSION_S = 45, /* the broker's default */
    NODE_CREW_JOIN_EPOCH = 0,
    NODE_CREW_LEAVE_EPOCH = -1,
};

static const char NODE_CREW_GROUP[] = "crew";

static void node_crew_beat(struct node_crew_seat *seat);

static void node_crew_forget(struct node_crew_seat *seat)
{
    memset(seat->has, 0, sizeof seat->has);
    seat->epoch = NODE_CREW_JOIN_EPOCH;
    seat->is_member = false;
    seat->is_leaving = false;
    seat->alive_ns = 0;
}

static void node_crew_wait(struct node_crew_seat *seat)
{
    struct node_world *world = seat->world;
    if (!world->crew.is_over && seat->is_member) {
        io_timer_start(sim_io(world->sim, NODE_WORLD_CLIENT), &seat->timer,
                       NODE_CREW_BEAT_MS * NODE_WORLD_MILLISECOND);
    }
}

static void node_crew_on_timer(struct io_timer *timer)
{
    node_crew_beat(timer->owner);
}

void node_crew_init(struct node_crew *crew, struct node_world *world)
{
    *crew = (struct node_crew){.world = world};
    for (int i = 0; i < NODE_CREW_SEAT_COUNT; i++) {
        struct node_crew_seat *seat = &crew->seats[i];
        *seat = (struct node_crew_seat){.world = world, .index = i};
        seat->timer = (struct io_timer){.fired = node_crew_on_timer, .owner = seat};
    }
}

void node_crew_reopen(struct node_crew *crew)
{
    for (int i = 0; i < NODE_CREW_SEAT_COUNT; i++) {
        struct node_crew_seat *seat = &crew->seats[i];
        node_crew_forget(seat);
        seat->is_asking = false;
        seat->timer = (struct io_timer){.fired = node_crew_on_timer, .owner = seat};
    }
}

/* --- What is given --- */

static int node_crew_topic(const struct node_model *model, struct wire_uuid id)
{
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        if (memcmp(&model->topics[i].id, &id, sizeof id) == 0) {
            return i;
        }
    }
    return -1; /* it may have been made by itself and not been looked at yet, or be gone */
}

/* (1) Another member may have lost the partition without knowing only when its session is over. */
static void node_crew_meet(struct node_crew_seat *seat, int topic, int32_t partition)
{
    struct node_crew *crew = &seat->world->crew;
    uint64_t now_ns = sim_now(seat->world->sim);
    for (int i = 0; i < NODE_CREW_SEAT_COUNT; i++) {
        const struct node_crew_seat *other = &crew->seats[i];
        bool is_alive = other->alive_ns + NODE_CREW_SESSION_S * NODE_WORLD_SECOND > now_ns;
        bool is_same = memcmp(&other->topic_ids[topic], &seat->topic_ids[topic],
                              sizeof(struct wire_uuid)) == 0;
        if (other != seat && other->is_member && !other->is_leaving && is_alive && is_same &&
            other->has[topic][partition]) {
            node_world_fail(seat->world, "%s-%d was given to seat %d, and seat %d has it",
                            seat->world->model.topics[topic].name, (int)partition, seat->index, i);
        }
    }
}

static void node_crew_take(struct node_crew_seat *seat,
                           const struct consumer_group_heartbeat_response_assignment *assignment)
{
    bool had[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX];
    struct node_world *world = seat->world;
    memcpy(had, seat->has, sizeof had);
    memset(seat->has, 0, sizeof seat->has);
    for (int32_t i = 0; i < assignment->topics.count; i++) {
        const struct consumer_group_heartbeat_response_topic *given = &assignment->topics.items[i];
        int topic = node_crew_topic(&world->model, given->topic_id);
        for (int32_t k = 0; topic >= 0 && k < given->partitions.count; k++) {
            int32_t partition = given->partitions.items[k];
            if (partition < 0 || partition >= NODE_MODEL_PARTITION_MAX) {
                node_world_fail(world, "seat %d was given partition %d", seat->index,
                                (int)partition);
            }
            bool is_new =
                !had[topic][partition] ||
                memcmp(&seat->topic_ids[topic], &given->topic_id, sizeof given->topic_id) != 0;
            seat->topic_ids[topic] = given->topic_id;
            if (is_new) {
                node_crew_meet(seat, topic, partition);
                world->crew.given_count++;
            }
            seat->has[topic][partition] = true;
        }
    }
}

static void node_crew_on_beat(struct node_call *call, int error, const void *answer)
{
    const struct consumer_group_heartbeat_response *response = answer;
    struct node_crew_seat *seat = call->owner;
    struct node_world *world = seat->world;
    seat->is_asking = false;
    if (call->number != seat->life) {
        return; /* of somebody who sat here before */
    }
    world->crew.beat_count++;
    int code = error != 0 ? -1 : response->error_code;
    if (code == 25 || code == 110 || code == 111) { /* unknown, fenced, an unreleased instance */
        node_crew_forget(seat);
        seat->life++;
        seat->is_member = true;
        world->crew.fenced_count++;
    } else if (seat->is_leaving && (code == 0 || code == 69)) { /* 69: there is no such group */
        node_crew_forget(seat);
    } else if (code == 0) {
        if (response->member_epoch < seat->epoch) {
            node_world_fail(world, "the epoch of seat %d fell from %d to %d", seat->index,
                            (int)seat->epoch, (int)response->member_epoch);
        }
        seat->epoch = response->member_epoch;
        seat->alive_ns = seat->sent_ns;
        if (response->assignment != NULL) {
            node_crew_take(seat, response->assignment);
        }
    }
    node_crew_wait(seat);
}

/* --- Questions --- */

static void node_crew_add_owned(struct node_crew_seat *seat, struct node_call *call,
                                struct consumer_group_heartbeat_request *request)
{
    request->topics.items = arena_array(&call->arena, struct consumer_group_heartbeat_request_topic,
                                        NODE_MODEL_TOPIC_COUNT);
    request->topics.count = 0;
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        int32_t *partitions = arena_array(&call->arena, int32_t, NODE_MODEL_PARTITION_MAX);
        int32_t count = 0;
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            if (seat->has[t][p]) {
                partitions[count++] = p;
            }
        }
        if (count > 0) {
            request->topics.items[request->topics.count++] =
                (struct consumer_group_heartbeat_request_topic){
                    .topic_id = seat->topic_ids[t],
                    .partitions = {.items = partitions, .count = count}};
        }
    }
}

static void node_crew_subscribe(struct node_call *call,
                                struct consumer_group_heartbeat_request *request)
{
    request->subscribed_topic_names.items =
        arena_array(&call->arena, struct bytes, NODE_MODEL_TOPIC_COUNT);
    request->subscribed_topic_names.count = NODE_MODEL_TOPIC_COUNT;
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        request->subscribed_topic_names.items[t] =
            bytes_from_string(call->world->model.topics[t].name);
    }
}

static void node_crew_beat(struct node_crew_seat *seat)
{
    struct node_world *world = seat->world;
    if (seat->is_asking || !seat->is_member) {
        return;
    }
    struct node_call *call = node_call_new(world, node_crew_on_beat, seat);
    struct consumer_group_heartbeat_request *request =
        arena_new(&call->arena, struct consumer_group_heartbeat_request);
    if (seat->epoch == NODE_CREW_JOIN_EPOCH) {
        snprintf(seat->member_id, sizeof seat->member_id, "seat-%d-%d", seat->index, seat->life);
    }
    *request = (struct consumer_group_heartbeat_request){
        .group_id = bytes_from_string(NODE_CREW_GROUP),
        .member_id = arena_copy(&call->arena, bytes_from_string(seat->member_id)),
        .member_epoch = seat->is_leaving ? NODE_CREW_LEAVE_EPOCH : seat->epoch,
        .rebalance_timeout_ms = 120000,
        .subscribed_topic_names = {.count = -1},
        .topics = {.count = -1}};
    if (!seat->is_leaving) {
        node_crew_add_owned(seat, call, request);
        node_crew_subscribe(call, request);
    }
    seat->is_asking = true;
    seat->sent_ns = sim_now(world->sim);
    call->number = seat->life;
    node_call_send(call, world->client, CLIENT_LANE_COMMON, API_CONSUMER_GROUP_HEARTBEAT, 1,
                   request);
}

void node_crew_act(struct node_crew *crew)
{
    struct node_world *world = crew->world;
    struct node_crew_seat *seat = &crew->seats[node_world_random(world, NODE_CREW_SEAT_COUNT)];
    if (seat->is_asking) {
        return;
    }
    if (!seat->is_member) {
        seat->life++;
        seat->is_member = true;
    } else if (node_world_chance(world, 10)) {
        node_crew_forget(seat); /* without a word: its session must end by itself */
        return;
    } else if (node_world_chance(world, 15)) {
        seat->is_leaving = true;
    }
    node_crew_beat(seat);
}

/* --- The end --- */

static bool node_crew_is_dealt(struct node_crew *crew, int topic, int32_t partition)
{
    int count = 0;
    for (int i = 0; i < NODE_CREW_SEAT_COUNT; i++) {
        const struct node_crew_seat *seat = &crew->seats[i];
        bool is_same = memcmp(&seat->topic_ids[topic], &crew->world->model.topics[topic].id,
                              sizeof(struct wire_uuid)) == 0;
        count += seat->is_member && is_same && seat->has[topic][partition];
    }
    if (count != 1) {
        snprintf(crew->why, sizeof crew->why, "%s-%d has %d owners in the crew",
                 crew->world->model.topics[topic].name, (int)partition, count);
    }
    return count == 1;
}

bool node_crew_is_settled(void *owner)
{
    struct node_crew *crew = owner;
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        const struct node_topic *topic = &crew->world->model.topics[t];
        for (int32_t p = 0; topic->exists && !topic->is_doubtful && p < topic->partition_count_min;
             p++) {
            if (!node_crew_is_dealt(crew, t, p)) {
                struct node_crew_seat *first = &crew->seats[0];
                if (!first->is_member && !first->is_asking) {
                    first->life++;
                    first->is_member = true;
                    node_crew_beat(first);
                }
                return false;
            }
        }
    }
    return true;
}

void node_crew_end(struct node_crew *crew)
{
    crew->is_over = true;
    for (int i = 0; i < NODE_CREW_SEAT_COUNT; i++) {
        io_timer_stop(sim_io(crew->world->sim, NODE_WORLD_CLIENT), &crew->seats[i].timer);
    }
}
