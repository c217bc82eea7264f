/* Fetches in a session; see node_session.h. */
#include "tests/world/node_session.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>

static void node_session_forget(struct node_session *session)
{
    session->id = 0;
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            session->places[t][p].life = -1;
        }
    }
}

void node_session_init(struct node_session *session, struct node_world *world)
{
    session->world = world;
    session->lane = client_lane_open(world->client);
    session->is_asking = false;
    node_session_forget(session);
}

static void node_session_judge_told(struct node_call *call, int topic,
                                    const struct fetch_response_partition *part)
{
    struct node_session *session = call->owner;
    struct node_world *world = call->world;
    const struct node_topic *known = &world->model.topics[topic];
    struct node_session_place *place = &session->places[topic][part->index];
    bool is_certain = place->life == known->life &&
                      node_model_is_certain(&world->model, topic, call->asked_at) &&
                      call->life == world->process.life;
    if (place->life < 0) {
        node_world_fail(world, "%s-%d was told of and is not followed", known->name,
                        (int)part->index);
    }
    place->is_told = true;
    place->told_watermark = part->high_watermark;
    session->told_count++;
    if (part->error_code != 0) {
        return;
    }
    int64_t next = node_model_read(&world->model, topic, part->index, is_certain, place->offset,
                                   part->high_watermark, part->records);
    if (is_certain) {
        node_model_watermark(&world->model, topic, part->index, place->known_watermark,
                             part->high_watermark);
    }
    if (part->records.size > 0) {
        place->next_offset = next;
    }
}

static void node_session_judge_silence(struct node_call *call, size_t size)
{
    struct node_session *session = call->owner;
    struct node_world *world = call->world;
    const struct fetch_request *request = call->call.request;
    /* A fetch that found no memory brings nothing. */
    bool is_empty =
        size == 0 && request->isolation_level == 0 && world->process.memory_size_max == 0;
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        const struct node_topic *known = &world->model.topics[t];
        if (!node_model_is_certain(&world->model, t, call->asked_at)) {
            continue;
        }
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            const struct node_session_place *place = &session->places[t][p];
            if (place->life != known->life || (place->is_told && place->told_watermark < 0)) {
                continue;
            }
            session->silence_count += !place->is_told;
            if (!place->is_told && place->known_watermark > place->told_watermark) {
                node_world_fail(world,
                                "%s-%d: the session says nothing, its watermark was %" PRId64
                                " and is said to be %" PRId64,
                                known->name, (int)p, place->known_watermark, place->told_watermark);
            }
            if (is_empty && place->offset < place->known_watermark) {
                node_world_fail(world,
                                "%s-%d: nothing is brought from %" PRId64 ", the watermark was "
                                "%" PRId64,
                                known->name, (int)p, place->offset, place->known_watermark);
            }
        }
    }
}

/* Whether everything that was followed is forgotten: then there is no session any more. */
static bool node_session_is_empty(const struct node_session *session)
{
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            if (session->places[t][p].life >= 0) {
                return false;
            }
        }
    }
    return true;
}

static void node_session_on_fetched(struct node_call *call, int error, const void *answer)
{
    const struct fetch_response *response = answer;
    struct node_session *session = call->owner;
    struct node_world *world = call->world;
    size_t size = 0;
    session->is_asking = false;
    if (error != 0) {
        node_session_forget(session); /* it does not know what the broker took */
        return;
    }
    bool is_same_life = session->life == world->process.life && call->life == session->life;
    if (response->error_code != 0) {
        if (is_same_life) {
            node_world_fail(world, "a session that is known is refused: %d", response->error_code);
        }
        node_session_forget(session);
        return;
    }
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct fetch_response_topic *told = &response->topics.items[i];
        int topic = node_model_find_topic(&world->model, told->name);
        for (int32_t k = 0; k < told->partitions.count; k++) {
            size += told->partitions.items[k].records.size;
            node_session_judge_told(call, topic, &told->partitions.items[k]);
        }
    }
    if (response->session_id == 0) {
        if (is_same_life && !node_session_is_empty(session)) {
            node_world_fail(world, "there is no session");
        }
        node_session_forget(session);
        return;
    }
    if (session->id == 0) {
        session->created_count++;
        session->id = response->session_id;
        session->epoch = 0;
    } else if (session->id != response->session_id) {
        node_world_fail(world, "another session answers");
    }
    session->epoch++;
    if (is_same_life) {
        node_session_judge_silence(call, size);
    }
}

static struct fetch_request_topic *node_session_name(struct node_session *session,
                                                     struct arena *arena,
                                                     struct fetch_request *request, int topic)
{
    struct fetch_request_topic *asked = &request->topics.items[request->topics.count++];
    asked->name = bytes_from_string(session->world->model.topics[topic].name);
    asked->partitions.items =
        arena_array(arena, struct fetch_request_partition, NODE_MODEL_PARTITION_MAX);
    return asked;
}

/* Names some partitions: new ones, and those whose place has moved. */
static void node_session_choose(struct node_session *session, struct arena *arena,
                                struct fetch_request *request, int topic)
{
    struct node_world *world = session->world;
    const struct node_topic *known = &world->model.topics[topic];
    struct fetch_request_topic *asked = node_session_name(session, arena, request, topic);
    for (int32_t p = 0; p < known->partition_count_min; p++) {
        struct node_session_place *place = &session->places[topic][p];
        bool is_new = place->life < 0;
        if (!node_world_chance(world, is_new ? 30 : 60)) {
            continue;
        }
        const struct node_partition *there = &known->partitions[p];
        if (is_new || place->life != known->life || node_world_chance(world, 10)) {
            int64_t span = there->high_watermark - there->start_offset;
            place->offset =
                there->start_offset + (int64_t)node_world_random(world, (uint64_t)span + 1);
        }
        if (is_new) {
            place->told_watermark = -1;
        }
        place->next_offset = place->offset;
        place->life = known->life;
        asked->partitions.items[asked->partitions.count++] = (struct fetch_request_partition){
            .index = p,
            .current_leader_epoch = -1,
            .fetch_offset = place->offset,
            .last_fetched_epoch = -1,
            .log_start_offset = -1,
            .partition_max_bytes = 1 + (int32_t)node_world_random(world, 50000)};
    }
    if (asked->partitions.count == 0) {
        request->topics.count--;
    }
}

static void node_session_drop_some(struct node_session *session, struct arena *arena,
                                   struct fetch_request *request)
{
    int topic = (int)node_world_random(session->world, NODE_MODEL_TOPIC_COUNT);
    struct fetch_request_forgotten_topic *gone =
        arena_new(arena, struct fetch_request_forgotten_topic);
    gone->name = bytes_from_string(session->world->model.topics[topic].name);
    gone->partitions.items = arena_array(arena, int32_t, NODE_MODEL_PARTITION_MAX);
    for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
        if (node_world_chance(session->world, 50)) {
            gone->partitions.items[gone->partitions.count++] = p;
            session->places[topic][p].life = -1;
        }
    }
    request->forgotten_topics.items = gone;
    request->forgotten_topics.count = gone->partitions.count > 0;
}

/* Places that moved are named, sooner or later; until then the broker goes on from the old one. */
static void node_session_name_moved(struct node_session *session, struct arena *arena,
                                    struct fetch_request *request)
{
    struct node_world *world = session->world;
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        struct fetch_request_topic *asked = NULL;
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            struct node_session_place *place = &session->places[t][p];
            if (place->life < 0 || place->next_offset == place->offset ||
                node_world_chance(world, 30)) {
                continue;
            }
            place->offset = place->next_offset;
            if (asked == NULL) {
                asked = node_session_name(session, arena, request, t);
            }
            asked->partitions.items[asked->partitions.count++] = (struct fetch_request_partition){
                .index = p,
                .current_leader_epoch = -1,
                .fetch_offset = place->offset,
                .last_fetched_epoch = -1,
                .log_start_offset = -1,
                .partition_max_bytes = 1 + (int32_t)node_world_random(world, 50000)};
        }
    }
}

void node_session_act(struct node_session *session)
{
    struct node_world *world = session->world;
    if (session->is_asking) {
        return;
    }
    struct node_call *call = node_call_new(world, node_session_on_fetched, session);
    struct fetch_request *request = arena_new(&call->arena, struct fetch_request);
    bool is_quiet = session->id != 0 && node_world_chance(world, 50);
    bool is_long = node_world_chance(world, 40);
    *request = (struct fetch_request){
        .replica_id = -1,
        .max_wait_ms = is_long ? (int32_t)node_world_random(world, 3000) : 0,
        .min_bytes = is_long ? 1 + (int32_t)node_world_random(world, 500) : 1,
        .max_bytes = 1 + (int32_t)node_world_random(world, 100000),
        .isolation_level = (int8_t)node_world_random(world, 2),
        .session_id = session->id,
        .session_epoch = session->id == 0 ? 0 : session->epoch};
    request->topics.items =
        arena_array(&call->arena, struct fetch_request_topic, NODE_MODEL_TOPIC_COUNT * 2);
    if (session->id == 0) {
        session->life = world->process.life;
    }
    node_session_name_moved(session, &call->arena, request);
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT && !is_quiet; t++) {
        if (world->model.topics[t].exists && node_world_chance(world, 50)) {
            node_session_choose(session, &call->arena, request, t);
        }
    }
    if (session->id != 0 && node_world_chance(world, 10)) {
        node_session_drop_some(session, &call->arena, request);
    }
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            session->places[t][p].known_watermark =
                world->model.topics[t].partitions[p].high_watermark;
            session->places[t][p].is_told = false;
        }
    }
    session->is_asking = true;
    node_call_send(call, world->client, session->lane, API_FETCH, 12, request);
}
