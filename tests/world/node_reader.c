/* Consumers; see node_reader.h. */
#include "tests/world/node_reader.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <string.h>

enum { NODE_READER_BURST = 80 }; /* more than the broker takes of one connection at once */

/* --- The fetcher --- */

static void node_reader_take(struct node_reader *reader, const struct fetcher_batch *taken)
{
    struct node_world *world = reader->world;
    int topic = node_model_find_topic(&world->model, bytes_from_string(taken->topic));
    const struct node_topic *known = &world->model.topics[topic];
    struct node_reader_place *place = &reader->places[topic][taken->partition];
    bool is_certain =
        place->life == known->life && node_model_is_certain(&world->model, topic, place->asked_at);
    int64_t offset =
        taken->position > taken->batch.base_offset ? taken->position : taken->batch.base_offset;
    world->readers.batch_count++;
    if (is_certain && place->next_offset >= 0 && offset != place->next_offset &&
        !known->is_trimmed) {
        node_world_fail(world, "%s-%d: the fetcher goes on at %" PRId64 " instead of %" PRId64,
                        known->name, (int)taken->partition, offset, place->next_offset);
    }
    place->next_offset = node_model_read(&world->model, topic, taken->partition, is_certain, offset,
                                         taken->high_watermark, taken->batch.bytes);
}

static void node_reader_on_ready(void *owner)
{
    struct node_reader *reader = owner;
    struct fetcher_batch taken;
    int result = 0;
    reader->world->model.clock++;
    while ((result = fetcher_take(reader->fetcher, NULL, 0, &taken)) != 0) {
        if (result > 0) {
            node_reader_take(reader, &taken);
            fetcher_release(reader->fetcher, &taken);
        } else if (result != ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
            node_world_fail(reader->world, "the fetcher of %s-%d says %s", taken.topic,
                            (int)taken.partition, error_name(result));
        }
    }
}

static void node_readers_follow(struct node_reader *reader, int topic, int32_t partition)
{
    struct node_world *world = reader->world;
    const struct node_topic *known = &world->model.topics[topic];
    struct node_reader_place *place = &reader->places[topic][partition];
    if (place->life >= 0) {
        fetcher_remove(reader->fetcher, known->name, partition);
        place->life = -1;
    }
    if (node_model_is_certain(&world->model, topic, world->model.clock)) {
        *place = (struct node_reader_place){
            .life = known->life, .asked_at = ++world->model.clock, .next_offset = -1};
        fetcher_add(reader->fetcher, known->name, partition, FETCHER_OFFSET_EARLIEST);
    }
}

/* --- Single fetches --- */

static void node_reader_judge_part(struct node_call *call, int topic,
                                   const struct fetch_response_partition *part)
{
    struct node_world *world = call->world;
    const struct node_topic *known = &world->model.topics[topic];
    const int64_t(*asked)[2] = call->owner; /* per topic: offset, known watermark */
    int64_t offset = asked[topic][0];
    bool is_certain = node_model_is_certain(&world->model, topic, call->asked_at) &&
                      call->life == world->process.life;
    if (part->error_code == error_code(ERROR_OFFSET_OUT_OF_RANGE) && is_certain &&
        !known->is_trimmed && offset <= asked[topic][1]) {
        node_world_fail(world, "%s-%d: %" PRId64 " is out of range, the watermark was %" PRId64,
                        known->name, (int)part->index, offset, asked[topic][1]);
    }
    if (part->error_code == error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION) && is_certain &&
        part->index < known->partition_count_min && call->number == known->certain_since) {
        node_world_fail(world, "%s-%d is unknown", known->name, (int)part->index);
    }
    if (part->error_code != 0) {
        return;
    }
    (void)node_model_read(&world->model, topic, part->index, is_certain, offset,
                          part->last_stable_offset, part->records);
    if (part->last_stable_offset != part->high_watermark) {
        node_world_fail(world, "%s-%d: stable to %" PRId64 ", watermark %" PRId64, known->name,
                        (int)part->index, part->last_stable_offset, part->high_watermark);
    }
    if (is_certain) {
        node_model_watermark(&world->model, topic, part->index, asked[topic][1],
                             part->high_watermark);
        node_model_moved_start(&world->model, topic, part->index, part->log_start_offset);
    }
}

static int node_reader_count_batches(struct bytes batches)
{
    struct batch batch;
    int count = 0;
    while (batches.size > 0 && batch_read_header(batches, &batch, NULL) == 0) {
        batches = bytes_make(batches.data + batch.bytes.size, batches.size - batch.bytes.size);
        count++;
    }
    return count;
}

/* Only the first batch that was found may be larger than what was asked for (KIP-74). */
static void node_reader_judge_sizes(struct node_call *call, const struct fetch_response *response)
{
    const struct fetch_request *request = call->call.request;
    size_t size = 0;
    int count = 0;
    int large_count = 0;
    for (int32_t i = 0; i < response->topics.count; i++) {
        struct bytes records = response->topics.items[i].partitions.items[0].records;
        int32_t size_max = request->topics.items[i].partitions.items[0].partition_max_bytes;
        int part_count = node_reader_count_batches(records);
        bool is_large = part_count > 0 && records.size > (size_t)size_max;
        size += records.size;
        count += part_count;
        large_count += is_large;
        if (large_count > 1 || (is_large && part_count > 1)) {
            node_world_fail(call->world, "a fetch of %d bytes of a partition brought %zu in %d",
                            (int)size_max, records.size, part_count);
        }
    }
    if (size > (size_t)request->max_bytes && count > 1) {
        node_world_fail(call->world, "a fetch of %d bytes brought %zu in %d batches",
                        (int)request->max_bytes, size, count);
    }
}

static void node_reader_on_fetched(struct node_call *call, int error, const void *answer)
{
    const struct fetch_response *response = answer;
    if (error != 0) {
        return;
    }
    node_reader_judge_sizes(call, response);
    for (int32_t i = 0; i < response->topics.count; i++) {
        int topic = 0;
        while (!bytes_equal_string(response->topics.items[i].name,
                                   call->world->model.topics[topic].name)) {
            topic++;
        }
        node_reader_judge_part(call, topic, &response->topics.items[i].partitions.items[0]);
    }
}

static void node_readers_fetch(struct node_readers *readers)
{
    struct node_world *world = readers->world;
    struct node_call *call = node_call_new(world, node_reader_on_fetched, NULL);
    struct fetch_request *request = arena_new(&call->arena, struct fetch_request);
    int64_t(*asked)[2] = arena_get(&call->arena, sizeof(int64_t[NODE_MODEL_TOPIC_COUNT][2]));
    bool is_long = node_world_chance(world, 40);
    *request =
        (struct fetch_request){.replica_id = -1,
                               .max_wait_ms = is_long ? (int32_t)node_world_random(world, 5000) : 0,
                               .min_bytes = is_long ? (int32_t)node_world_random(world, 3000) : 1,
                               .max_bytes = 1 + (int32_t)node_world_random(world, 200000),
                               .isolation_level = (int8_t)node_world_random(world, 2),
                               .session_epoch = -1};
    request->topics.items =
        arena_array(&call->arena, struct fetch_request_topic, NODE_MODEL_TOPIC_COUNT);
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        const struct node_topic *known = &world->model.topics[i];
        if (!known->exists || node_world_chance(world, 40)) {
            continue;
        }
        int32_t index = (int32_t)node_world_random(world, (uint64_t)known->partition_count_min);
        const struct node_partition *place = &known->partitions[index];
        int64_t span = place->high_watermark - place->start_offset;
        int64_t offset =
            node_world_chance(world, 40)
                ? place->high_watermark
                : place->start_offset + (int64_t)node_world_random(world, (uint64_t)span + 1);
        struct fetch_request_topic *part = &request->topics.items[request->topics.count++];
        part->name = bytes_from_string(known->name);
        part->partitions.count = 1;
        part->partitions.items = arena_new(&call->arena, struct fetch_request_partition);
        part->partitions.items[0] = (struct fetch_request_partition){
            .index = index,
            .current_leader_epoch = -1,
            .fetch_offset = offset,
            .last_fetched_epoch = -1,
            .log_start_offset = -1,
            .partition_max_bytes = 1 + (int32_t)node_world_random(world, 100000)};
        asked[i][0] = offset;
        asked[i][1] = place->high_watermark;
    }
    call->owner = asked;
    call->number = -1;
    readers->fetch_count++;
    node_call_send(call, world->client, readers->lanes[is_long ? 0 : 1], API_FETCH, 12, request);
}

/* --- Offsets by time --- */

/* Of the records the model knows, none before the answer may be that young, and the one there is.
 */
static void node_reader_judge_time(struct node_call *call, int64_t offset)
{
    struct node_world *world = call->world;
    const struct node_topic *known = &world->model.topics[call->topic];
    const struct node_partition *place = &known->partitions[call->partition];
    int64_t time_ms = call->number;
    int64_t end = offset < 0 ? call->known : offset;
    for (int64_t i = place->start_offset; i < end && i < (int64_t)place->count; i++) {
        int64_t serial = place->serials[i];
        if (serial >= 0 && world->model.records[serial].timestamp_ms >= time_ms &&
            !known->is_trimmed) {
            node_world_fail(
                world, "%s-%d: time %" PRId64 " is said to be at %" PRId64 " and is at %" PRId64,
                known->name, (int)call->partition, time_ms, offset, i);
        }
    }
    if (offset >= 0 && offset < (int64_t)place->count && place->serials[offset] >= 0 &&
        world->model.records[place->serials[offset]].timestamp_ms < time_ms) {
        node_world_fail(world, "%s-%d: the record at %" PRId64 " is older than %" PRId64,
                        known->name, (int)call->partition, offset, time_ms);
    }
}

static void node_reader_on_time(struct node_call *call, int error, const void *answer)
{
    const struct list_offsets_response *response = answer;
    struct node_world *world = call->world;
    if (error != 0 || response->topics.items[0].partitions.items[0].error_code != 0 ||
        !node_model_is_certain(&world->model, call->topic, call->asked_at) ||
        call->life != world->process.life) {
        return;
    }
    int64_t offset = response->topics.items[0].partitions.items[0].offset;
    if (call->number == -1) {
        node_model_watermark(&world->model, call->topic, call->partition, call->known, offset);
    } else if (call->number == -2) {
        node_model_moved_start(&world->model, call->topic, call->partition, offset);
    } else if (call->number >= 0) {
        node_reader_judge_time(call, offset);
    }
}

static void node_readers_ask_time(struct node_readers *readers)
{
    struct node_world *world = readers->world;
    int topic = (int)node_world_random(world, NODE_MODEL_TOPIC_COUNT);
    const struct node_topic *known = &world->model.topics[topic];
    if (!known->exists) {
        return;
    }
    struct node_call *call = node_call_new(world, node_reader_on_time, NULL);
    struct list_offsets_request *request = arena_new(&call->arena, struct list_offsets_request);
    struct list_offsets_request_topic *asked =
        arena_new(&call->arena, struct list_offsets_request_topic);
    int64_t special = -1 - (int64_t)node_world_random(world, 4);
    int64_t now_ms = io_wall_clock(client_io(world->client));
    call->topic = topic;
    call->partition = (int32_t)node_world_random(world, (uint64_t)known->partition_count_min);
    call->number =
        node_world_chance(world, 40) ? special : now_ms - (int64_t)node_world_random(world, 20000);
    call->known = known->partitions[call->partition].high_watermark;
    asked->name = bytes_from_string(known->name);
    asked->partitions.count = 1;
    asked->partitions.items = arena_new(&call->arena, struct list_offsets_request_partition);
    asked->partitions.items[0] = (struct list_offsets_request_partition){
        .index = call->partition, .current_leader_epoch = -1, .timestamp_ms = call->number};
    *request = (struct list_offsets_request){.replica_id = -1,
                                             .isolation_level = (int8_t)node_world_random(world, 2),
                                             .topics = {asked, 1}};
    readers->time_count++;
    node_call_send(call, world->client, readers->lanes[1], API_LIST_OFFSETS, -1, request);
}

/* --- All together --- */

void node_readers_init(struct node_readers *readers, struct node_world *world)
{
    readers->world = world;
    readers->lanes[0] = client_lane_open(world->client);
    readers->lanes[1] = client_lane_open(world->client);
    for (int i = 0; i < NODE_READER_COUNT; i++) {
        struct node_reader *reader = &readers->items[i];
        struct fetcher_options options = fetcher_options_default();
        options.is_read_committed = i == 1;
        options.wait_max_ms = 50 + (int64_t)node_world_random(world, 2000);
        options.buffer_size = node_world_chance(world, 50) ? 4096 : 1 << 20;
        reader->world = world;
        reader->fetcher = fetcher_new(world->client, &options);
        fetcher_on_ready(reader->fetcher, node_reader_on_ready, reader);
        for (int k = 0; k < NODE_MODEL_TOPIC_COUNT; k++) {
            for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
                reader->places[k][p].life = -1;
            }
        }
    }
}

void node_readers_act(struct node_readers *readers)
{
    struct node_world *world = readers->world;
    uint64_t pick = node_world_random(world, 100);
    bool is_little = world->process.memory_size_max > 0; /* bursts are to fill it */
    if (pick < (is_little ? 10 : 1)) {
        for (int i = 0; i < NODE_READER_BURST; i++) {
            node_readers_fetch(readers);
        }
    } else if (pick < 45) {
        node_readers_fetch(readers);
    } else if (pick < 65) {
        node_readers_ask_time(readers);
    } else {
        int topic = (int)node_world_random(world, NODE_MODEL_TOPIC_COUNT);
        int32_t partition = (int32_t)node_world_random(
            world, (uint64_t)(world->model.topics[topic].exists
                                  ? world->model.topics[topic].partition_count_min
                                  : 1));
        node_readers_follow(&readers->items[node_world_random(world, NODE_READER_COUNT)], topic,
                            partition);
    }
}

static bool node_reader_is_done(const struct node_reader *reader, int topic, int32_t partition)
{
    const struct node_model *model = &reader->world->model;
    const struct node_topic *known = &model->topics[topic];
    const struct node_reader_place *place = &reader->places[topic][partition];
    bool is_followed = place->life == known->life &&
                       node_model_is_certain(model, topic, place->asked_at) &&
                       partition < known->partition_count_min;
    return !is_followed || fetcher_position(reader->fetcher, known->name, partition) >=
                               known->partitions[partition].safe_offset;
}

bool node_readers_are_done(void *owner)
{
    const struct node_readers *readers = owner;
    bool are_done = true;
    for (int i = 0; i < NODE_READER_COUNT; i++) {
        for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
            for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
                are_done = are_done && node_reader_is_done(&readers->items[i], t, p);
            }
        }
    }
    return are_done;
}

void node_readers_check(const struct node_readers *readers)
{
    for (int i = 0; i < NODE_READER_COUNT; i++) {
        fetcher_check(readers->items[i].fetcher);
    }
}
