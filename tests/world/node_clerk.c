/* Makes, deletes and changes topics; see node_clerk.h. */
#include "tests/world/node_clerk.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <string.h>

enum { NODE_CLERK_TIMEOUT_MS = 5000 };

void node_clerk_init(struct node_clerk *clerk, struct node_world *world)
{
    *clerk = (struct node_clerk){.world = world, .next_tag = 1};
    clerk->lane = client_lane_open(world->client);
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        world->model.topics[i].setting.oldest_open = 1;
    }
}

void node_clerk_reopen(struct node_clerk *clerk)
{
    clerk->lane = client_lane_open(clerk->world->client);
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        if (clerk->is_busy[i]) {
            clerk->is_busy[i] = false;
            clerk->blocked_life[i] = clerk->world->process.life;
        }
    }
}

int32_t node_clerk_partition_count(int64_t tag)
{
    return 1 + (int32_t)(tag % 3);
}

bool node_clerk_is_trimmed(int64_t tag)
{
    return tag > 0 && tag % 4 == 0;
}

bool node_clerk_is_idle(const struct node_clerk *clerk, int topic)
{
    return !clerk->is_busy[topic];
}

static struct node_call *node_clerk_begin(struct node_clerk *clerk, int topic,
                                          void (*done)(struct node_call *call, int error,
                                                       const void *response))
{
    struct node_call *call = node_call_new(clerk->world, done, clerk);
    call->topic = topic;
    clerk->is_busy[topic] = true;
    return call;
}

/* What a failed answer says of the fate of the question. */
static void node_clerk_end(struct node_call *call, int error)
{
    struct node_clerk *clerk = call->owner;
    clerk->is_busy[call->topic] = false;
    if (error == 0) {
        clerk->done_count++;
    } else {
        clerk->failed_count++;
        clerk->blocked_life[call->topic] = clerk->world->process.life;
    }
}

/* An answer that is certain, and cannot be. */
static void node_clerk_forbid(struct node_call *call, int error, int code, const char *what)
{
    const struct node_topic *topic = &call->world->model.topics[call->topic];
    if (error == error_code(code)) {
        node_world_fail(call->world, "%s: %s, answered %s", topic->name, what, error_name(code));
    }
}

static struct bytes node_clerk_name(const struct node_call *call)
{
    return bytes_from_string(call->world->model.topics[call->topic].name);
}

/* --- Create --- */

static void node_clerk_on_created(struct node_call *call, int error, const void *answer)
{
    const struct create_topics_response *response = answer;
    struct node_world *world = call->world;
    struct node_topic *topic = &world->model.topics[call->topic];
    int code = error != 0 ? error_code(error) : response->topics.items[0].error_code;
    node_clerk_end(call, code);
    if (code != 0) {
        if (!world->is_auto_creating && !topic->is_doubtful) {
            node_clerk_forbid(call, code, ERROR_TOPIC_ALREADY_EXISTS, "was not there");
        }
        return; /* in doubt */
    }
    struct wire_uuid id = response->topics.items[0].topic_id;
    if (topic->exists && memcmp(&topic->id, &id, sizeof id) != 0) {
        node_world_fail(world, "%s was made and is another topic", topic->name);
    }
    if (!topic->exists) {
        node_model_begin_topic(&world->model, call->topic, id);
    }
    topic->is_doubtful = false;
    topic->certain_since = world->model.clock;
    topic->birth_tag = call->number;
    topic->is_trimmed = node_clerk_is_trimmed(call->number);
    topic->partition_count_min = topic->partition_count_max =
        node_clerk_partition_count(call->number);
}

static void node_clerk_create(struct node_clerk *clerk, int topic)
{
    struct node_world *world = clerk->world;
    struct node_call *call = node_clerk_begin(clerk, topic, node_clerk_on_created);
    struct create_topics_request *request = arena_new(&call->arena, struct create_topics_request);
    struct create_topics_request_topic *made =
        arena_new(&call->arena, struct create_topics_request_topic);
    struct create_topics_request_config *configs =
        arena_array(&call->arena, struct create_topics_request_config, 5);
    call->number = clerk->next_tag++;
    configs[0] = (struct create_topics_request_config){
        BYTES_LITERAL("max.compaction.lag.ms"),
        bytes_from_string(arena_printf(&call->arena, "%" PRId64, call->number))};
    configs[1] = (struct create_topics_request_config){
        BYTES_LITERAL("segment.ms"),
        bytes_from_string(arena_printf(&call->arena, "%" PRId64, 100 + call->number % 7 * 900))};
    configs[2] = (struct create_topics_request_config){BYTES_LITERAL("segment.bytes"),
                                                       BYTES_LITERAL("1048576")};
    configs[3] = (struct create_topics_request_config){
        BYTES_LITERAL("compression.type"),
        bytes_from_string(call->number % 5 == 0 ? "zstd" : "producer")};
    configs[4] = (struct create_topics_request_config){
        BYTES_LITERAL("retention.ms"),
        bytes_from_string(arena_printf(&call->arena, "%d", NODE_CLERK_RETENTION_MS))};
    *made = (struct create_topics_request_topic){
        .name = bytes_from_string(world->model.topics[topic].name),
        .partition_count = node_clerk_partition_count(call->number),
        .replication_factor = 1,
        .configs = {configs, node_clerk_is_trimmed(call->number) ? 5 : 4}};
    *request =
        (struct create_topics_request){.topics = {made, 1}, .timeout_ms = NODE_CLERK_TIMEOUT_MS};
    world->model.topics[topic].is_doubtful = true;
    node_call_send(call, world->client, clerk->lane, API_CREATE_TOPICS, -1, request);
}

/* --- Delete --- */

static void node_clerk_on_deleted(struct node_call *call, int error, const void *answer)
{
    const struct delete_topics_response *response = answer;
    struct node_world *world = call->world;
    struct node_topic *topic = &world->model.topics[call->topic];
    int code = error != 0 ? error_code(error) : response->topics.items[0].error_code;
    node_clerk_end(call, code);
    if (topic->exists && topic->life == call->known) {
        node_clerk_forbid(call, code, ERROR_UNKNOWN_TOPIC_ID, "was there");
        node_clerk_forbid(call, code, ERROR_UNKNOWN_TOPIC_OR_PARTITION, "was there");
    }
    if (code == 0) {
        if (topic->life == call->known) { /* an audit may have seen it before */
            node_model_end_topic(&world->model, call->topic);
        }
        topic->is_doubtful = false;
    }
}

static void node_clerk_delete(struct node_clerk *clerk, int topic)
{
    struct node_world *world = clerk->world;
    struct node_call *call = node_clerk_begin(clerk, topic, node_clerk_on_deleted);
    struct delete_topics_request *request = arena_new(&call->arena, struct delete_topics_request);
    struct delete_topics_request_topic *gone =
        arena_new(&call->arena, struct delete_topics_request_topic);
    if (node_world_chance(world, 50)) {
        gone->topic_id = world->model.topics[topic].id;
    } else {
        gone->name = node_clerk_name(call);
    }
    *request =
        (struct delete_topics_request){.topics = {gone, 1}, .timeout_ms = NODE_CLERK_TIMEOUT_MS};
    call->known = world->model.topics[topic].life;
    world->model.topics[topic].is_doubtful = true;
    node_call_send(call, world->client, clerk->lane, API_DELETE_TOPICS, -1, request);
}

/* --- Settings --- */

static void node_clerk_on_altered(struct node_call *call, int error, const void *answer)
{
    const struct incremental_alter_configs_response *response = answer;
    struct node_topic *topic = &call->world->model.topics[call->topic];
    int code = error != 0 ? error_code(error) : response->resources.items[0].error_code;
    node_clerk_end(call, code);
    if (code == 0 && topic->life == call->known) {
        topic->setting.acked = call->number;
        topic->setting.oldest_open = call->number + 1;
    }
}

static void node_clerk_alter(struct node_clerk *clerk, int topic)
{
    struct node_world *world = clerk->world;
    struct node_call *call = node_clerk_begin(clerk, topic, node_clerk_on_altered);
    struct incremental_alter_configs_request *request =
        arena_new(&call->arena, struct incremental_alter_configs_request);
    struct incremental_alter_configs_request_resource *resource =
        arena_new(&call->arena, struct incremental_alter_configs_request_resource);
    struct incremental_alter_configs_request_config *configs =
        arena_array(&call->arena, struct incremental_alter_configs_request_config, 2);
    struct node_topic *known = &world->model.topics[topic];
    call->number = ++known->setting.newest_open;
    struct bytes value = bytes_from_string(arena_printf(&call->arena, "%" PRId64, call->number));
    configs[0].name = BYTES_LITERAL("flush.ms");
    configs[0].value = value;
    configs[1].name = BYTES_LITERAL("flush.messages");
    configs[1].value = value;
    *resource = (struct incremental_alter_configs_request_resource){
        .resource_type = 2, .resource_name = node_clerk_name(call), .configs = {configs, 2}};
    request->resources.items = resource;
    request->resources.count = 1;
    call->known = known->life;
    node_call_send(call, world->client, clerk->lane, API_INCREMENTAL_ALTER_CONFIGS, -1, request);
}

/* --- More partitions --- */

static void node_clerk_on_grown(struct node_call *call, int error, const void *answer)
{
    const struct create_partitions_response *response = answer;
    struct node_topic *topic = &call->world->model.topics[call->topic];
    int code = error != 0 ? error_code(error) : response->results.items[0].error_code;
    node_clerk_end(call, code);
    if (code == 0 && topic->life == call->known) {
        topic->partition_count_min = (int32_t)call->number;
    }
}

static void node_clerk_grow(struct node_clerk *clerk, int topic)
{
    struct node_world *world = clerk->world;
    struct node_topic *known = &world->model.topics[topic];
    if (known->partition_count_min != known->partition_count_max ||
        known->partition_count_max >= NODE_MODEL_PARTITION_MAX) {
        return;
    }
    struct node_call *call = node_clerk_begin(clerk, topic, node_clerk_on_grown);
    struct create_partitions_request *request =
        arena_new(&call->arena, struct create_partitions_request);
    struct create_partitions_request_topic *grown =
        arena_new(&call->arena, struct create_partitions_request_topic);
    call->number = ++known->partition_count_max;
    call->known = known->life;
    *grown = (struct create_partitions_request_topic){
        .name = node_clerk_name(call), .count = (int32_t)call->number, .assignments = {NULL, -1}};
    *request = (struct create_partitions_request){.topics = {grown, 1},
                                                  .timeout_ms = NODE_CLERK_TIMEOUT_MS};
    node_call_send(call, world->client, clerk->lane, API_CREATE_PARTITIONS, -1, request);
}

/* --- Fewer records --- */

static void node_clerk_on_trimmed(struct node_call *call, int error, const void *answer)
{
    const struct delete_records_response *response = answer;
    struct node_world *world = call->world;
    struct node_topic *topic = &world->model.topics[call->topic];
    const struct delete_records_response_partition *part =
        error != 0 ? NULL : &response->topics.items[0].partitions.items[0];
    int code = error != 0 ? error_code(error) : part->error_code;
    node_clerk_end(call, code);
    if (code == 0 && topic->life == call->known) {
        if (part->low_watermark < call->number) {
            node_world_fail(world, "%s-%d was cut at %" PRId64 " and begins at %" PRId64,
                            topic->name, (int)call->partition, call->number, part->low_watermark);
        }
        node_model_moved_start(&world->model, call->topic, call->partition, part->low_watermark);
        topic->partitions[call->partition].cut_offset = part->low_watermark;
    }
}

static void node_clerk_trim(struct node_clerk *clerk, int topic)
{
    struct node_world *world = clerk->world;
    struct node_topic *known = &world->model.topics[topic];
    int32_t partition = (int32_t)node_world_random(world, (uint64_t)known->partition_count_min);
    const struct node_partition *place = &known->partitions[partition];
    int64_t span = place->high_watermark - place->start_offset;
    if (span <= 0) {
        return;
    }
    struct node_call *call = node_clerk_begin(clerk, topic, node_clerk_on_trimmed);
    struct delete_records_request *request = arena_new(&call->arena, struct delete_records_request);
    struct delete_records_request_topic *asked =
        arena_new(&call->arena, struct delete_records_request_topic);
    asked->partitions.items = arena_new(&call->arena, struct delete_records_request_partition);
    asked->partitions.count = 1;
    asked->name = node_clerk_name(call);
    call->partition = partition;
    call->number = place->start_offset + (int64_t)node_world_random(world, (uint64_t)span + 1);
    call->known = known->life;
    asked->partitions.items[0] =
        (struct delete_records_request_partition){.index = partition, .offset = call->number};
    *request =
        (struct delete_records_request){.topics = {asked, 1}, .timeout_ms = NODE_CLERK_TIMEOUT_MS};
    known->is_trimmed = true;
    known->was_cut = true;
    node_call_send(call, world->client, clerk->lane, API_DELETE_RECORDS, -1, request);
}

void node_clerk_act(struct node_clerk *clerk)
{
    struct node_world *world = clerk->world;
    int topic = (int)node_world_random(world, NODE_MODEL_TOPIC_COUNT);
    const struct node_topic *known = &world->model.topics[topic];
    if (clerk->is_busy[topic] || known->is_doubtful ||
        clerk->blocked_life[topic] == world->process.life) {
        return;
    }
    if (!known->exists) {
        node_clerk_create(clerk, topic);
        return;
    }
    uint64_t pick = node_world_random(world, 100);
    if (pick < 25) {
        node_clerk_delete(clerk, topic);
    } else if (pick < 70) {
        node_clerk_alter(clerk, topic);
    } else if (pick < 85) {
        node_clerk_grow(clerk, topic);
    } else {
        node_clerk_trim(clerk, topic);
    }
}
