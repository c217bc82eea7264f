/* What groups have committed; see node_marks.h. */
#include "tests/world/node_marks.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const node_marks_groups[NODE_MARKS_GROUP_COUNT] = {"lonely.0", "lonely.1",
                                                                      "party.0", "party.1"};

const char *node_marks_group(int group)
{
    return node_marks_groups[group];
}

void node_marks_init(struct node_marks *marks, struct node_world *world)
{
    *marks = (struct node_marks){.world = world};
    marks->lane = client_lane_open(world->client);
    for (int g = 0; g < NODE_MARKS_GROUP_COUNT; g++) {
        for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
            for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
                marks->items[g][t][p].acked = -1;
                marks->items[g][t][p].ghost = -1;
            }
        }
    }
}

void node_marks_reopen(struct node_marks *marks)
{
    marks->lane = client_lane_open(marks->world->client);
    for (int g = 0; g < NODE_MARKS_GROUP_COUNT; g++) {
        for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
            for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
                marks->items[g][t][p].pending_count = 0;
            }
        }
    }
    for (int g = 0; g < NODE_MARKS_LONELY; g++) {
        marks->busy_count[g] = 0;
        marks->is_doubtful[g] = marks->is_doubtful[g] || marks->is_deleting[g];
        marks->is_deleting[g] = false;
    }
}

/* --- What is known --- */

int64_t node_marks_ask(struct node_marks *marks, int group, int topic, int32_t partition)
{
    struct node_mark *mark = &marks->items[group][topic][partition];
    if (mark->open_count == NODE_MARKS_OPEN_MAX) {
        return -1;
    }
    mark->open[mark->open_count].number = ++marks->last_number;
    mark->open[mark->open_count++].asked_ns = sim_now(marks->world->sim);
    mark->pending_count++;
    return marks->last_number;
}

static void node_marks_close(struct node_mark *mark, int64_t number)
{
    int kept = 0;
    for (int i = 0; i < mark->open_count; i++) {
        if (mark->open[i].number != number) {
            mark->open[kept++] = mark->open[i];
        }
    }
    mark->open_count = kept;
}

static bool node_marks_is_late(const struct node_marks *marks, const struct node_mark *mark,
                               int64_t number)
{
    for (int i = 0; i < mark->open_count; i++) {
        if (mark->open[i].number == number) {
            return sim_now(marks->world->sim) - mark->open[i].asked_ns >= NODE_MARKS_LATE_NS;
        }
    }
    return false;
}

void node_marks_acked(struct node_marks *marks, int group, int topic, int32_t partition,
                      int64_t number, int64_t asked_at)
{
    struct node_mark *mark = &marks->items[group][topic][partition];
    if (!node_marks_is_late(marks, mark, number)) {
        node_marks_close(mark, number);
    }
    mark->pending_count--;
    mark->acked = number;
    mark->ghost = -1;
    mark->asked_at = asked_at;
    marks->acked_count++;
}

void node_marks_failed(struct node_marks *marks, int group, int topic, int32_t partition,
                       int64_t number, bool is_refused)
{
    struct node_mark *mark = &marks->items[group][topic][partition];
    mark->pending_count--;
    if (is_refused) {
        node_marks_close(mark, number);
    }
}

static bool node_marks_is_open(const struct node_mark *mark, int64_t number)
{
    for (int i = 0; i < mark->open_count; i++) {
        if (mark->open[i].number == number) {
            return true;
        }
    }
    return false;
}

static bool node_marks_may_be_absent(const struct node_marks *marks, int group, int topic,
                                     const struct node_mark *mark)
{
    return mark->acked < 0 || !node_model_is_certain(&marks->world->model, topic, mark->asked_at) ||
           (group < NODE_MARKS_LONELY && (marks->is_deleting[group] || marks->is_doubtful[group]));
}

void node_marks_judge(struct node_marks *marks, int group, int topic, int32_t partition,
                      int64_t known, int64_t found)
{
    const struct node_mark *mark = &marks->items[group][topic][partition];
    bool is_good = found < 0 ? known < 0 || node_marks_may_be_absent(marks, group, topic, mark)
                             : found == mark->acked || found == known || found > known ||
                                   node_marks_is_open(mark, found);
    marks->judged_count++;
    if (!is_good || found > marks->last_number) {
        node_world_fail(marks->world,
                        "%s has %s-%d at %" PRId64 "; acknowledged was %" PRId64 ", then %" PRId64,
                        node_marks_groups[group], marks->world->model.topics[topic].name,
                        (int)partition, found, known, mark->acked);
    }
}

void node_marks_adopt(struct node_marks *marks, int group, int topic, int32_t partition,
                      int64_t found)
{
    struct node_mark *mark = &marks->items[group][topic][partition];
    bool is_good =
        found < 0 ? node_marks_may_be_absent(marks, group, topic, mark)
                  : found == mark->acked || found == mark->ghost || node_marks_is_open(mark, found);
    if (!is_good) {
        node_world_fail(marks->world, "%s has %s-%d at %" PRId64 "; acknowledged was %" PRId64,
                        node_marks_groups[group], marks->world->model.topics[topic].name,
                        (int)partition, found, mark->acked);
    }
    if (found != mark->acked) {
        bool is_forgotten =
            found < 0 && !node_model_is_certain(&marks->world->model, topic, mark->asked_at);
        mark->ghost = is_forgotten ? mark->acked : -1;
        mark->acked = found;
        mark->asked_at = ++marks->world->model.clock;
    }
    if (mark->pending_count == 0) {
        mark->open_count = 0; /* whoever could still bring them is dead */
    }
}

void node_marks_end_audit(struct node_marks *marks)
{
    for (int i = 0; i < NODE_MARKS_LONELY; i++) {
        marks->is_doubtful[i] = false;
    }
}

/* --- A group without members --- */

static void node_marks_on_found(struct node_call *call, int error, const void *response)
{
    (void)call;
    (void)error;
    (void)response; /* asking makes the topic of the offsets; the next commit may work */
}

static void node_marks_seek_coordinator(struct node_marks *marks, int group)
{
    struct node_call *call = node_call_new(marks->world, node_marks_on_found, marks);
    struct find_coordinator_request *request =
        arena_new(&call->arena, struct find_coordinator_request);
    request->key = bytes_from_string(node_marks_groups[group]);
    node_call_send(call, marks->world->client, marks->lane, API_FIND_COORDINATOR, 3, request);
}

static void node_marks_on_committed(struct node_call *call, int error, const void *answer)
{
    const struct offset_commit_response *response = answer;
    struct node_marks *marks = call->owner;
    int group = (int)call->known;
    int code =
        error != 0 ? error_code(error) : response->topics.items[0].partitions.items[0].error_code;
    marks->busy_count[group]--;
    if (code == 0) {
        node_marks_acked(marks, group, call->topic, call->partition, call->number, call->asked_at);
        return;
    }
    if (code == error_code(ERROR_ILLEGAL_GENERATION) ||
        code == error_code(ERROR_UNKNOWN_MEMBER_ID)) {
        node_world_fail(marks->world, "a commit of %s was refused with code %d",
                        node_marks_groups[group], code);
    }
    node_marks_failed(marks, group, call->topic, call->partition, call->number,
                      code == error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION));
    if (code == error_code(ERROR_COORDINATOR_NOT_AVAILABLE) ||
        code == error_code(ERROR_NOT_COORDINATOR)) {
        node_marks_seek_coordinator(marks, group);
    }
}

static void node_marks_commit(struct node_marks *marks, int group, int topic, int32_t partition)
{
    struct node_world *world = marks->world;
    struct node_mark *mark = &marks->items[group][topic][partition];
    if (mark->pending_count > 0) {
        return;
    }
    int64_t number = node_marks_ask(marks, group, topic, partition);
    if (number < 0) {
        return;
    }
    struct node_call *call = node_call_new(world, node_marks_on_committed, marks);
    struct offset_commit_request *request = arena_new(&call->arena, struct offset_commit_request);
    struct offset_commit_request_topic *asked =
        arena_new(&call->arena, struct offset_commit_request_topic);
    asked->partitions.items = arena_new(&call->arena, struct offset_commit_request_partition);
    asked->partitions.count = 1;
    asked->name = bytes_from_string(world->model.topics[topic].name);
    asked->partitions.items[0] = (struct offset_commit_request_partition){
        .index = partition,
        .committed_offset = number,
        .committed_leader_epoch = -1,
        .committed_metadata =
            bytes_from_string(arena_printf(&call->arena, "mark %" PRId64, number))};
    *request =
        (struct offset_commit_request){.group_id = bytes_from_string(node_marks_groups[group]),
                                       .generation_id_or_member_epoch = -1,
                                       .member_id = BYTES_LITERAL(""),
                                       .retention_time_ms = -1,
                                       .topics = {asked, 1}};
    call->topic = topic;
    call->partition = partition;
    call->number = number;
    call->known = group;
    marks->busy_count[group]++;
    node_call_send(call, world->client, marks->lane, API_OFFSET_COMMIT, 8, request);
}

static void node_marks_on_deleted(struct node_call *call, int error, const void *answer)
{
    const struct delete_groups_response *response = answer;
    struct node_marks *marks = call->owner;
    int group = (int)call->known;
    int code = error != 0 ? error_code(error) : response->results.items[0].error_code;
    marks->is_deleting[group] = false;
    if (code == error_code(ERROR_NON_EMPTY_GROUP)) {
        node_world_fail(marks->world, "%s has members", node_marks_groups[group]);
    }
    if (code != 0 && code != error_code(ERROR_GROUP_ID_NOT_FOUND)) {
        marks->is_doubtful[group] = true;
        return;
    }
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            struct node_mark *mark = &marks->items[group][t][p];
            if (code != 0 && !node_marks_may_be_absent(marks, group, t, mark)) {
                node_world_fail(marks->world, "%s is not found and had committed",
                                node_marks_groups[group]);
            }
            mark->acked = -1;
            mark->ghost = -1;
        }
    }
    marks->deleted_count++;
}

static void node_marks_delete(struct node_marks *marks, int group)
{
    struct node_call *call = node_call_new(marks->world, node_marks_on_deleted, marks);
    struct delete_groups_request *request = arena_new(&call->arena, struct delete_groups_request);
    request->group_names.items = arena_new(&call->arena, struct bytes);
    request->group_names.items[0] = bytes_from_string(node_marks_groups[group]);
    request->group_names.count = 1;
    call->known = group;
    marks->is_deleting[group] = true;
    node_call_send(call, marks->world->client, marks->lane, API_DELETE_GROUPS, -1, request);
}

/* --- Reading --- */

const void *node_marks_fetch_request(struct node_call *call, int group)
{
    struct node_world *world = call->world;
    struct offset_fetch_request *request = arena_new(&call->arena, struct offset_fetch_request);
    request->group_id = bytes_from_string(node_marks_groups[group]);
    request->topics.count = NODE_MODEL_TOPIC_COUNT;
    request->topics.items =
        arena_array(&call->arena, struct offset_fetch_request_topic, NODE_MODEL_TOPIC_COUNT);
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        struct offset_fetch_request_topic *topic = &request->topics.items[i];
        topic->name = bytes_from_string(world->model.topics[i].name);
        topic->partition_indexes.count = NODE_MODEL_PARTITION_MAX;
        topic->partition_indexes.items =
            arena_array(&call->arena, int32_t, NODE_MODEL_PARTITION_MAX);
        for (int32_t k = 0; k < NODE_MODEL_PARTITION_MAX; k++) {
            topic->partition_indexes.items[k] = k;
        }
    }
    return request;
}

static void node_marks_judge_metadata(struct node_marks *marks, int group,
                                      const struct offset_fetch_response_partition *part)
{
    char expected[40] = "";
    if (part->committed_offset >= 0) {
        snprintf(expected, sizeof expected, "mark %" PRId64, part->committed_offset);
    }
    if (part->metadata.size != strlen(expected) ||
        memcmp(part->metadata.data, expected, part->metadata.size) != 0) {
        node_world_fail(marks->world, "%s has %" PRId64 " with \"%.*s\"", node_marks_groups[group],
                        part->committed_offset, BYTES_FORMAT(part->metadata));
    }
}

static void node_marks_on_fetched(struct node_call *call, int error, const void *answer)
{
    const struct offset_fetch_response *response = answer;
    if (error != 0 || response->error_code != 0) {
        return;
    }
    const int64_t(*known)[NODE_MODEL_PARTITION_MAX] = call->owner;
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct offset_fetch_response_topic *found = &response->topics.items[i];
        int topic = node_model_find_topic(&call->world->model, found->name);
        for (int32_t k = 0; k < found->partitions.count; k++) {
            const struct offset_fetch_response_partition *part = &found->partitions.items[k];
            if (part->error_code == 0) {
                node_marks_judge_metadata(&call->world->marks, (int)call->known, part);
                node_marks_judge(&call->world->marks, (int)call->known, topic, part->index,
                                 known[topic][part->index], part->committed_offset);
            }
        }
    }
}

static void node_marks_fetch(struct node_marks *marks, int group)
{
    struct node_call *call = node_call_new(marks->world, node_marks_on_fetched, NULL);
    int64_t(*known)[NODE_MODEL_PARTITION_MAX] =
        arena_get(&call->arena, sizeof(int64_t[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX]));
    for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
        for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
            const struct node_mark *mark = &marks->items[group][t][p];
            known[t][p] = node_marks_may_be_absent(marks, group, t, mark) ? -1 : mark->acked;
        }
    }
    call->owner = known;
    call->known = group;
    node_call_send(call, marks->world->client, marks->lane, API_OFFSET_FETCH, 7,
                   node_marks_fetch_request(call, group));
}

void node_marks_act(struct node_marks *marks)
{
    struct node_world *world = marks->world;
    uint64_t pick = node_world_random(world, 100);
    int group = (int)node_world_random(world, NODE_MARKS_LONELY);
    if (pick < 20) {
        node_marks_fetch(marks, (int)node_world_random(world, NODE_MARKS_GROUP_COUNT));
    } else if (pick < 25 && marks->busy_count[group] == 0 && !marks->is_deleting[group]) {
        node_marks_delete(marks, group);
    } else if (!marks->is_deleting[group]) {
        node_marks_commit(marks, group, (int)node_world_random(world, NODE_MODEL_TOPIC_COUNT),
                          (int32_t)node_world_random(world, 2));
    }
}
