/* Looks at everything after a start; see node_auditor.h. */
#include "tests/world/node_auditor.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_AUDITOR_FETCH_SIZE = 1 << 20, NODE_AUDITOR_LIMIT_S = 60 };

void node_auditor_init(struct node_auditor *auditor, struct node_world *world)
{
    *auditor = (struct node_auditor){.world = world};
}

/* One client per audit: no connection of an earlier life is left. */
static void node_auditor_open(struct node_auditor *auditor)
{
    struct node_world *world = auditor->world;
    struct client_options options = client_options_default();
    options.bootstrap = "node0:9092";
    options.client_id = "auditor";
    options.request_timeout_ms = 20000;
    auditor->client = client_new(sim_io(world->sim, NODE_WORLD_AUDITOR), &options);
}

static void node_auditor_on_closed(void *owner)
{
    struct node_auditor *auditor = owner;
    auditor->is_waiting = false;
}

static void node_auditor_wait(struct node_auditor *auditor)
{
    struct node_world *world = auditor->world;
    uint64_t limit_ns = sim_now(world->sim) + NODE_AUDITOR_LIMIT_S * NODE_WORLD_SECOND;
    while (auditor->is_waiting) {
        if (!sim_step(world->sim) || sim_now(world->sim) > limit_ns) {
            node_world_fail(world, "the auditor gets no answer");
        }
    }
}

static void node_auditor_close(struct node_auditor *auditor)
{
    auditor->is_waiting = true;
    client_close(auditor->client, node_auditor_on_closed, auditor);
    node_auditor_wait(auditor);
}

static void node_auditor_mix(struct node_auditor *auditor, const void *data, size_t size)
{
    auditor->digest = auditor->digest * 1099511628211U ^ hash_bytes(bytes_make(data, size));
}

static void node_auditor_mix_number(struct node_auditor *auditor, int64_t number)
{
    node_auditor_mix(auditor, &number, sizeof number);
}

/* Sends, and waits until `done` has looked at the answer. */
static void node_auditor_ask(struct node_call *call, int16_t api_key, int16_t version_max,
                             const void *request)
{
    struct node_auditor *auditor = &call->world->auditor;
    auditor->is_waiting = true;
    node_call_send(call, auditor->client, CLIENT_LANE_COMMON, api_key, version_max, request);
    node_auditor_wait(auditor);
}

/* With the disk mended and the line quiet everything is answered well. */
static void node_auditor_answered(struct node_call *call, int error, const char *what)
{
    call->world->auditor.is_waiting = false;
    if (error != 0) {
        node_world_fail(call->world, "the audit's %s: %s", what, error_name(error));
    }
}

/* --- Topics --- */

static void node_auditor_found(struct node_world *world, int topic,
                               const struct metadata_response_topic *found)
{
    struct node_topic *known = &world->model.topics[topic];
    bool is_same = known->exists && memcmp(&known->id, &found->topic_id, sizeof known->id) == 0;
    if (known->exists && !known->is_doubtful && !is_same) {
        node_world_fail(world, "%s is another topic now", known->name);
    }
    if (node_model_is_gone(&world->model, found->topic_id)) {
        node_world_fail(world, "%s was deleted and came back", known->name);
    }
    if (!known->exists && !known->is_doubtful && !world->is_auto_creating) {
        node_world_fail(world, "%s is there and nobody made it", known->name);
    }
    if (!is_same) {
        node_model_end_topic(&world->model, topic);
        node_model_begin_topic(&world->model, topic, found->topic_id);
    }
    known->is_doubtful = !node_clerk_is_idle(&world->clerk, topic);
    int32_t count = found->partitions.count;
    if (count < known->partition_count_min || count > known->partition_count_max) {
        node_world_fail(world, "%s has %d partitions, not %d to %d", known->name, (int)count,
                        (int)known->partition_count_min, (int)known->partition_count_max);
    }
    known->partition_count_min = count;
    if (node_clerk_is_idle(&world->clerk, topic)) {
        known->partition_count_max = count;
    }
    node_auditor_mix(&world->auditor, &found->topic_id, sizeof found->topic_id);
    node_auditor_mix_number(&world->auditor, count);
}

static void node_auditor_on_metadata(struct node_call *call, int error, const void *answer)
{
    const struct metadata_response *response = answer;
    struct node_world *world = call->world;
    bool is_found[NODE_MODEL_TOPIC_COUNT] = {false};
    node_auditor_answered(call, error, "metadata");
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct metadata_response_topic *found = &response->topics.items[i];
        int topic = node_model_find_topic(&world->model, found->name);
        bool is_trade = bytes_equal_string(found->name, NODE_LEDGER_TOPIC);
        if (topic < 0 && !found->is_internal && !is_trade) {
            node_world_fail(world, "there is a topic %.*s", BYTES_FORMAT(found->name));
        }
        if (topic >= 0) {
            is_found[topic] = true;
            node_auditor_found(world, topic, found);
        }
    }
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        struct node_topic *known = &world->model.topics[i];
        if (known->exists && !is_found[i]) {
            if (!known->is_doubtful) {
                node_world_fail(world, "%s is gone", known->name);
            }
            node_model_end_topic(&world->model, i);
        }
        if (!is_found[i] && node_clerk_is_idle(&world->clerk, i)) {
            known->is_doubtful = false;
        }
    }
}

static void node_auditor_read_metadata(struct node_auditor *auditor)
{
    struct node_call *call = node_call_new(auditor->world, node_auditor_on_metadata, NULL);
    struct metadata_request *request = arena_new(&call->arena, struct metadata_request);
    request->topics.count = -1; /* all */
    node_auditor_ask(call, API_METADATA, -1, request);
}

/* --- Settings --- */

static int64_t node_auditor_setting(const struct describe_configs_response_result *result,
                                    const char *name)
{
    for (int32_t i = 0; i < result->configs.count; i++) {
        const struct describe_configs_response_config *config = &result->configs.items[i];
        if (bytes_equal_string(config->name, name)) {
            char *text = bytes_to_string(config->value);
            int64_t value = text == NULL ? INT64_MAX : strtoll(text, NULL, 10);
            free(text);
            return value;
        }
    }
    return -1;
}

static void node_auditor_on_configs(struct node_call *call, int error, const void *answer)
{
    const struct describe_configs_response *response = answer;
    struct node_world *world = call->world;
    struct node_topic *known = &world->model.topics[call->topic];
    node_auditor_answered(call, error, "settings");
    const struct describe_configs_response_result *result = &response->results.items[0];
    int64_t tag = node_auditor_setting(result, "max.compaction.lag.ms");
    int64_t first = node_auditor_setting(result, "flush.ms");
    int64_t second = node_auditor_setting(result, "flush.messages");
    int64_t value = first == INT64_MAX ? 0 : first;
    struct node_setting *setting = &known->setting;
    tag = tag == INT64_MAX ? 0 : tag;
    if (first != second || tag < 0) {
        node_world_fail(world, "%s: a change of settings is there in part", known->name);
    }
    if (known->birth_tag >= 0 && known->birth_tag != tag) {
        node_world_fail(world, "%s was made with %" PRId64 " and has %" PRId64, known->name,
                        known->birth_tag, tag);
    }
    if (known->birth_tag < 0) {
        known->is_trimmed = node_clerk_is_trimmed(tag);
        known->birth_tag = tag;
    }
    if (tag > 0 && known->partition_count_min < node_clerk_partition_count(tag)) {
        node_world_fail(world, "%s was made in part", known->name);
    }
    if (value != setting->acked && (value < setting->oldest_open || value > setting->newest_open)) {
        node_world_fail(world,
                        "%s has setting %" PRId64 "; acknowledged was %" PRId64 ", open %" PRId64
                        " to %" PRId64,
                        known->name, value, setting->acked, setting->oldest_open,
                        setting->newest_open);
    }
    setting->acked = value;
    setting->oldest_open =
        setting->newest_open + (node_clerk_is_idle(&world->clerk, call->topic) ? 1 : 0);
    node_auditor_mix_number(&world->auditor, tag);
    node_auditor_mix_number(&world->auditor, value);
}

static void node_auditor_read_configs(struct node_auditor *auditor, int topic)
{
    struct node_call *call = node_call_new(auditor->world, node_auditor_on_configs, NULL);
    struct describe_configs_request *request =
        arena_new(&call->arena, struct describe_configs_request);
    request->resources.count = 1;
    request->resources.items = arena_new(&call->arena, struct describe_configs_request_resource);
    request->resources.items[0] = (struct describe_configs_request_resource){
        .resource_type = 2,
        .resource_name = bytes_from_string(auditor->world->model.topics[topic].name),
        .configuration_keys = {.count = -1}};
    call->topic = topic;
    node_auditor_ask(call, API_DESCRIBE_CONFIGS, -1, request);
}

/* --- Records --- */

static void node_auditor_on_offset(struct node_call *call, int error, const void *answer)
{
    const struct list_offsets_response *response = answer;
    node_auditor_answered(call, error, "offset");
    const struct list_offsets_response_partition *found =
        &response->topics.items[0].partitions.items[0];
    if (found->error_code != 0) {
        node_world_fail(call->world, "the audit's offset of %s-%d: code %d",
                        call->world->model.topics[call->topic].name, (int)call->partition,
                        found->error_code);
    }
    *(int64_t *)call->owner = found->offset;
}

static int64_t node_auditor_read_offset(struct node_auditor *auditor, int topic, int32_t partition,
                                        int64_t time)
{
    int64_t offset = -1;
    struct node_call *call = node_call_new(auditor->world, node_auditor_on_offset, &offset);
    struct list_offsets_request *request = arena_new(&call->arena, struct list_offsets_request);
    request->replica_id = -1;
    request->topics.count = 1;
    request->topics.items = arena_new(&call->arena, struct list_offsets_request_topic);
    request->topics.items[0].name = bytes_from_string(auditor->world->model.topics[topic].name);
    request->topics.items[0].partitions.count = 1;
    request->topics.items[0].partitions.items =
        arena_new(&call->arena, struct list_offsets_request_partition);
    request->topics.items[0].partitions.items[0] = (struct list_offsets_request_partition){
        .index = partition, .current_leader_epoch = -1, .timestamp_ms = time};
    call->topic = topic;
    call->partition = partition;
    node_auditor_ask(call, API_LIST_OFFSETS, -1, request);
    return offset;
}

/* One by one: where an answer ends is no matter of what was recovered. */
static void node_auditor_mix_batches(struct node_auditor *auditor, struct bytes batches)
{
    struct batch batch;
    while (batches.size > 0 && batch_read_header(batches, &batch, NULL) == 0) {
        node_auditor_mix(auditor, batch.bytes.data, batch.bytes.size);
        batches = bytes_make(batches.data + batch.bytes.size, batches.size - batch.bytes.size);
    }
}

static void node_auditor_on_records(struct node_call *call, int error, const void *answer)
{
    const struct fetch_response *response = answer;
    struct node_world *world = call->world;
    node_auditor_answered(call, error, "records");
    const struct fetch_response_partition *part = &response->topics.items[0].partitions.items[0];
    if (part->error_code == error_code(ERROR_OFFSET_OUT_OF_RANGE) &&
        world->model.topics[call->topic].is_trimmed) {
        *(int64_t *)call->owner = -1; /* it begins later now; the answer does not say where */
        return;
    }
    if (part->error_code != 0) {
        node_world_fail(world, "the audit's records of %s-%d from %" PRId64 ": code %d",
                        world->model.topics[call->topic].name, (int)call->partition, call->number,
                        part->error_code);
    }
    int64_t next = node_model_read(&world->model, call->topic, call->partition, true, call->number,
                                   part->high_watermark, part->records);
    struct node_auditor *auditor = &world->auditor;
    auditor->empty_count = next == call->number ? auditor->empty_count + 1 : 0;
    if (auditor->empty_count == NODE_AUDITOR_EMPTY_MAX) {
        node_world_fail(world, "%s-%d gives nothing at %" PRId64 " and ends at %" PRId64,
                        world->model.topics[call->topic].name, (int)call->partition, next,
                        part->high_watermark);
    }
    node_auditor_mix_batches(&world->auditor, part->records);
    *(int64_t *)call->owner = next;
}

static int64_t node_auditor_read_records(struct node_auditor *auditor, int topic, int32_t partition,
                                         int64_t offset)
{
    int64_t next = offset;
    struct node_call *call = node_call_new(auditor->world, node_auditor_on_records, &next);
    struct fetch_request *request = arena_new(&call->arena, struct fetch_request);
    *request = (struct fetch_request){.replica_id = -1,
                                      .min_bytes = 1,
                                      .max_bytes = NODE_AUDITOR_FETCH_SIZE,
                                      .session_epoch = -1};
    request->topics.count = 1;
    request->topics.items = arena_new(&call->arena, struct fetch_request_topic);
    request->topics.items[0].name = bytes_from_string(auditor->world->model.topics[topic].name);
    request->topics.items[0].partitions.count = 1;
    request->topics.items[0].partitions.items =
        arena_new(&call->arena, struct fetch_request_partition);
    request->topics.items[0].partitions.items[0] =
        (struct fetch_request_partition){.index = partition,
                                         .current_leader_epoch = -1,
                                         .fetch_offset = offset,
                                         .last_fetched_epoch = -1,
                                         .log_start_offset = -1,
                                         .partition_max_bytes = NODE_AUDITOR_FETCH_SIZE};
    call->topic = topic;
    call->partition = partition;
    call->number = offset;
    node_auditor_ask(call, API_FETCH, 12, request);
    return next;
}

static void node_auditor_read_partition(struct node_auditor *auditor, int topic, int32_t partition)
{
    struct node_world *world = auditor->world;
    int64_t start = node_auditor_read_offset(auditor, topic, partition, -2);
    int64_t end = node_auditor_read_offset(auditor, topic, partition, -1);
    node_model_adopt(&world->model, topic, partition, start, end, world->process.has_lost_power);
    uint64_t digest = auditor->digest;
    for (int64_t offset = start; offset < end;) {
        offset = node_auditor_read_records(auditor, topic, partition, offset);
        if (offset < 0) {
            offset = node_auditor_read_offset(auditor, topic, partition, -2);
        }
    }
    if (world->model.topics[topic].is_trimmed) {
        auditor->digest = digest; /* its start may move between two audits */
    }
    node_auditor_mix_number(auditor, end);
}

/* --- Groups --- */

static void node_auditor_on_offsets(struct node_call *call, int error, const void *answer)
{
    const struct offset_fetch_response *response = answer;
    struct node_world *world = call->world;
    int group = (int)call->number;
    node_auditor_answered(call, error, "offsets");
    bool is_new = response->error_code == error_code(ERROR_NOT_COORDINATOR) ||
                  response->error_code == error_code(ERROR_COORDINATOR_NOT_AVAILABLE);
    if (response->error_code != 0 && !is_new) {
        node_world_fail(world, "the audit's offsets of %s: code %d", node_marks_group(group),
                        response->error_code);
    }
    for (int t = 0; is_new && t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int32_t p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            node_marks_adopt(&world->marks, group, t, p, -1); /* nobody ever committed */
        }
    }
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct offset_fetch_response_topic *found = &response->topics.items[i];
        int topic = node_model_find_topic(&world->model, found->name);
        for (int32_t k = 0; k < found->partitions.count; k++) {
            const struct offset_fetch_response_partition *part = &found->partitions.items[k];
            node_marks_adopt(&world->marks, group, topic, part->index, part->committed_offset);
            node_auditor_mix_number(&world->auditor, part->committed_offset);
        }
    }
}

static void node_auditor_read_offsets(struct node_auditor *auditor, int group)
{
    struct node_call *call = node_call_new(auditor->world, node_auditor_on_offsets, NULL);
    call->number = group;
    node_auditor_ask(call, API_OFFSET_FETCH, 7, node_marks_fetch_request(call, group));
}

static void node_auditor_on_members(struct node_call *call, int error, const void *answer)
{
    const struct describe_groups_response *response = answer;
    struct node_auditor *auditor = &call->world->auditor;
    node_auditor_answered(call, error, "members");
    const struct describe_groups_response_group *group = &response->groups.items[0];
    if (group->members.count == 0) {
        return; /* one without members may be on its way out */
    }
    node_auditor_mix(auditor, group->group_state.data, group->group_state.size);
    node_auditor_mix(auditor, group->protocol_data.data, group->protocol_data.size);
    for (int32_t i = 0; i < group->members.count; i++) {
        const struct describe_groups_response_member *member = &group->members.items[i];
        node_auditor_mix(auditor, member->member_id.data, member->member_id.size);
        node_auditor_mix(auditor, member->member_assignment.data, member->member_assignment.size);
    }
}

static void node_auditor_read_members(struct node_auditor *auditor, int group)
{
    struct node_call *call = node_call_new(auditor->world, node_auditor_on_members, NULL);
    struct describe_groups_request *request =
        arena_new(&call->arena, struct describe_groups_request);
    request->groups.items = arena_new(&call->arena, struct bytes);
    request->groups.items[0] = bytes_from_string(node_marks_group(group));
    request->groups.count = 1;
    node_auditor_ask(call, API_DESCRIBE_GROUPS, 5, request);
}

void node_auditor_run(struct node_auditor *auditor)
{
    struct node_world *world = auditor->world;
    const char *action = world->action;
    world->action = "audit";
    auditor->audit_count++;
    auditor->digest = 0;
    node_auditor_open(auditor);
    node_auditor_read_metadata(auditor);
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        if (world->model.topics[i].exists) {
            node_auditor_read_configs(auditor, i);
            for (int32_t k = 0; k < world->model.topics[i].partition_count_min; k++) {
                node_auditor_read_partition(auditor, i, k);
            }
        }
    }
    for (int i = 0; i < NODE_MARKS_GROUP_COUNT; i++) {
        node_auditor_read_offsets(auditor, i);
        node_auditor_read_members(auditor, i);
    }
    node_marks_end_audit(&world->marks);
    node_teller_audit(&world->teller, auditor->client);
    node_auditor_close(auditor);
    world->process.has_lost_power = false;
    world->action = action;
}

bool node_auditor_settle(struct node_auditor *auditor)
{
    node_auditor_open(auditor);
    bool is_settled = node_teller_settle(&auditor->world->teller, auditor->client);
    node_auditor_close(auditor);
    return is_settled;
}
