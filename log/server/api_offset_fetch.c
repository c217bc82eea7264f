/* OffsetFetch (key 9): one group up to version 7, several from 8 on (KIP-709); null topics mean
 * all.
 *
 * Both shapes are served from the newer one; the older answer is made from the same rows. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct offset_fetch_rows {
    struct coordinator_offset *items;
    size_t count;
};

static int offset_fetch_read(struct request *request,
                             const struct offset_fetch_request_group *asked,
                             struct offset_fetch_rows *rows)
{
    struct coordinator *coordinator = request->server->parts.coordinator;
    if (asked->topics.count < 0) {
        return coordinator_fetch_all(coordinator, asked->group_id, &request->arena, &rows->items,
                                     &rows->count);
    }
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        count += (size_t)asked->topics.items[i].partition_indexes.count;
    }
    rows->items = arena_array(&request->arena, struct coordinator_offset, count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct offset_fetch_request_group_topic *topic = &asked->topics.items[i];
        for (int32_t j = 0; j < topic->partition_indexes.count; j++) {
            rows->items[rows->count++] = (struct coordinator_offset){
                .topic = topic->name, .partition = topic->partition_indexes.items[j]};
        }
    }
    return coordinator_fetch(coordinator, asked->group_id, rows->items, rows->count);
}

static struct offset_fetch_response_group_topic *
offset_fetch_topic(struct arena *arena, struct offset_fetch_response_group *answer,
                   struct bytes name, size_t row_count)
{
    for (int32_t i = 0; i < answer->topics.count; i++) {
        if (bytes_equal(answer->topics.items[i].name, name)) {
            return &answer->topics.items[i];
        }
    }
    struct offset_fetch_response_group_topic *topic = &answer->topics.items[answer->topics.count++];
    topic->name = name;
    topic->partitions.items =
        arena_array(arena, struct offset_fetch_response_group_partition, row_count);
    return topic;
}

/* Rows of one topic stand together in the answer, in the order of the rows. */
static void offset_fetch_serve(struct request *request,
                               const struct offset_fetch_request_group *asked,
                               struct offset_fetch_response_group *answer)
{
    struct offset_fetch_rows rows = {0};
    int error = offset_fetch_read(request, asked, &rows);
    answer->group_id = asked->group_id;
    answer->error_code = error_code(error);
    if (error != 0) {
        return;
    }
    answer->topics.items =
        arena_array(&request->arena, struct offset_fetch_response_group_topic, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        const struct coordinator_offset *row = &rows.items[i];
        struct offset_fetch_response_group_topic *topic =
            offset_fetch_topic(&request->arena, answer, row->topic, rows.count);
        topic->partitions.items[topic->partitions.count++] =
            (struct offset_fetch_response_group_partition){.index = row->partition,
                                                           .committed_offset = row->offset,
                                                           .committed_leader_epoch =
                                                               row->leader_epoch,
                                                           .metadata = row->metadata,
                                                           .error_code = error_code(row->error)};
    }
}

static void offset_fetch_answer_old(struct request *request)
{
    const struct offset_fetch_request *asked = request_message(request, offset_fetch_request);
    struct offset_fetch_request_group group = {.group_id = asked->group_id,
                                               .topics = {.count = asked->topics.count}};
    struct offset_fetch_response_group rows = {0};
    struct offset_fetch_response response = {0};
    if (asked->topics.count > 0) {
        group.topics.items = arena_array(&request->arena, struct offset_fetch_request_group_topic,
                                         asked->topics.count);
    }
    for (int32_t i = 0; i < asked->topics.count; i++) {
        group.topics.items[i].name = asked->topics.items[i].name;
        group.topics.items[i].partition_indexes.items =
            asked->topics.items[i].partition_indexes.items;
        group.topics.items[i].partition_indexes.count =
            asked->topics.items[i].partition_indexes.count;
    }
    offset_fetch_serve(request, &group, &rows);
    response.error_code = rows.error_code;
    response.topics.count = rows.topics.count;
    response.topics.items =
        arena_array(&request->arena, struct offset_fetch_response_topic, rows.topics.count);
    for (int32_t i = 0; i < rows.topics.count; i++) {
        const struct offset_fetch_response_group_topic *from = &rows.topics.items[i];
        struct offset_fetch_response_topic *to = &response.topics.items[i];
        to->name = from->name;
        to->partitions.count = from->partitions.count;
        to->partitions.items = arena_array(&request->arena, struct offset_fetch_response_partition,
                                           from->partitions.count);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            const struct offset_fetch_response_group_partition *row = &from->partitions.items[j];
            to->partitions.items[j] = (struct offset_fetch_response_partition){
                .index = row->index,
                .committed_offset = row->committed_offset,
                .committed_leader_epoch = row->committed_leader_epoch,
                .metadata = row->metadata,
                .error_code = row->error_code};
        }
    }
    request_answer(request, &response);
}

void api_offset_fetch(struct request *request)
{
    const struct offset_fetch_request *asked = request_message(request, offset_fetch_request);
    if (request->version < 8) {
        offset_fetch_answer_old(request);
        return;
    }
    struct offset_fetch_response response = {0};
    response.groups.count = asked->groups.count;
    response.groups.items =
        arena_array(&request->arena, struct offset_fetch_response_group, asked->groups.count);
    for (int32_t i = 0; i < asked->groups.count; i++) {
        offset_fetch_serve(request, &asked->groups.items[i], &response.groups.items[i]);
    }
    request_answer(request, &response);
}
