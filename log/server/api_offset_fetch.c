/* OffsetFetch (key 9): one group up to version 7, several from 8 on (KIP-709); null topics mean
 * all.
 *
 * Both shapes are served from the newer one; the older answer is made from the same rows. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

/* The only group of an old request, in the shape of a new one. */
static void offset_fetch_read_old(struct request *request, struct offset_fetch_request_group *group)
{
    const struct offset_fetch_request *asked = request_message(request, offset_fetch_request);
    int32_t count = asked->topics.count;
    *group = (struct offset_fetch_request_group){
        .group_id = asked->group_id, .member_epoch = -1, .topics = {.count = count}};
    if (count > 0) {
        group->topics.items =
            arena_array(&request->arena, struct offset_fetch_request_group_topic, count);
    }
    for (int32_t i = 0; i < count; i++) {
        const struct offset_fetch_request_topic *from = &asked->topics.items[i];
        struct offset_fetch_request_group_topic *to = &group->topics.items[i];
        to->name = from->name;
        to->partition_indexes.items = from->partition_indexes.items;
        to->partition_indexes.count = from->partition_indexes.count;
    }
}

static void offset_fetch_write_old(struct arena *arena,
                                   const struct offset_fetch_response_group_topic *from,
                                   struct offset_fetch_response_topic *to)
{
    int32_t count = from->partitions.count;
    to->name = from->name;
    to->partitions.count = count;
    to->partitions.items = arena_array(arena, struct offset_fetch_response_partition, count);
    for (int32_t i = 0; i < count; i++) {
        const struct offset_fetch_response_group_partition *row = &from->partitions.items[i];
        to->partitions.items[i] = (struct offset_fetch_response_partition){
            .index = row->index,
            .committed_offset = row->committed_offset,
            .committed_leader_epoch = row->committed_leader_epoch,
            .metadata = row->metadata,
            .error_code = row->error_code};
    }
}

/* Version 1 has no error of its own: each partition that was asked for says it. */
static void offset_fetch_spread_error(struct arena *arena,
                                      const struct offset_fetch_request_group *asked,
                                      struct offset_fetch_response_group *answer)
{
    int32_t topic_count = asked->topics.count < 0 ? 0 : asked->topics.count;
    answer->topics.count = topic_count;
    answer->topics.items =
        arena_array(arena, struct offset_fetch_response_group_topic, topic_count);
    for (int32_t i = 0; i < topic_count; i++) {
        struct offset_fetch_response_group_topic *topic = &answer->topics.items[i];
        int32_t count = asked->topics.items[i].partition_indexes.count;
        topic->name = asked->topics.items[i].name;
        topic->partitions.count = count;
        topic->partitions.items =
            arena_array(arena, struct offset_fetch_response_group_partition, count);
        for (int32_t j = 0; j < count; j++) {
            topic->partitions.items[j] = (struct offset_fetch_response_group_partition){
                .index = asked->topics.items[i].partition_indexes.items[j],
                .committed_offset = -1,
                .committed_leader_epoch = -1,
                .metadata = BYTES_LITERAL(""),
                .error_code = answer->error_code};
        }
    }
}

static void offset_fetch_answer_old(struct request *request)
{
    struct arena *arena = &request->arena;
    struct offset_fetch_request_group group;
    struct offset_fetch_response_group rows;
    struct offset_fetch_response response = {0};
    offset_fetch_read_old(request, &group);
    coordinator_fetch_offsets(request->server->parts.coordinator, &group,
                              request_message(request, offset_fetch_request)->require_stable, arena,
                              &rows);
    if (rows.error_code != 0) {
        offset_fetch_spread_error(arena, &group, &rows);
    }
    response.error_code = rows.error_code;
    response.topics.count = rows.topics.count;
    response.topics.items =
        arena_array(arena, struct offset_fetch_response_topic, rows.topics.count);
    for (int32_t i = 0; i < rows.topics.count; i++) {
        offset_fetch_write_old(arena, &rows.topics.items[i], &response.topics.items[i]);
    }
    request_answer(request, &response);
}

/* Version 10 asks by id; who asks for all is told ids as well. */
static void offset_fetch_fill_ids(struct request *request, struct offset_fetch_response_group *out)
{
    const struct meta *meta = request->server->parts.meta;
    int32_t kept = 0;
    for (int32_t i = 0; i < out->topics.count; i++) {
        const struct meta_topic *topic = meta_find_topic(meta, out->topics.items[i].name);
        if (topic != NULL) {
            out->topics.items[kept] = out->topics.items[i];
            out->topics.items[kept++].topic_id = topic->id;
        }
    }
    out->topics.count = kept;
}

static void offset_fetch_refuse_topic(struct arena *arena,
                                      const struct offset_fetch_request_group_topic *asked,
                                      struct offset_fetch_response_group_topic *out)
{
    int32_t count = asked->partition_indexes.count;
    *out = (struct offset_fetch_response_group_topic){.topic_id = asked->topic_id};
    out->partitions.items =
        arena_array(arena, struct offset_fetch_response_group_partition, count + 1);
    for (int32_t i = 0; i < count; i++) {
        out->partitions.items[out->partitions.count++] =
            (struct offset_fetch_response_group_partition){
                .index = asked->partition_indexes.items[i],
                .committed_offset = -1,
                .committed_leader_epoch = -1,
                .metadata = BYTES_LITERAL(""),
                .error_code = error_code(ERROR_UNKNOWN_TOPIC_ID)};
    }
}

/* The coordinator is asked for the topics whose ids are known; the answer has all, in their places.
 */
static void offset_fetch_by_id(struct request *request,
                               const struct offset_fetch_request_group *asked,
                               struct offset_fetch_response_group *out)
{
    struct arena *arena = &request->arena;
    const struct meta *meta = request->server->parts.meta;
    struct offset_fetch_request_group named = *asked;
    struct offset_fetch_response_group rows;
    bool is_stable_required = request_message(request, offset_fetch_request)->require_stable;
    int32_t count = asked->topics.count;
    if (count < 0) {
        coordinator_fetch_offsets(request->server->parts.coordinator, asked, is_stable_required,
                                  arena, out);
        offset_fetch_fill_ids(request, out);
        return;
    }
    named.topics.count = 0;
    named.topics.items = arena_array(arena, struct offset_fetch_request_group_topic, count + 1);
    for (int32_t i = 0; i < count; i++) {
        const struct meta_topic *topic = meta_find_topic_id(meta, asked->topics.items[i].topic_id);
        if (topic != NULL) {
            named.topics.items[named.topics.count] = asked->topics.items[i];
            named.topics.items[named.topics.count++].name = bytes_from_string(topic->name);
        }
    }
    coordinator_fetch_offsets(request->server->parts.coordinator, &named, is_stable_required, arena,
                              &rows);
    *out = rows;
    if (rows.error_code != 0) {
        return;
    }
    out->topics.items = arena_array(arena, struct offset_fetch_response_group_topic, count + 1);
    out->topics.count = count;
    int32_t next = 0;
    for (int32_t i = 0; i < count; i++) {
        if (meta_find_topic_id(meta, asked->topics.items[i].topic_id) != NULL) {
            out->topics.items[i] = rows.topics.items[next++];
        } else {
            offset_fetch_refuse_topic(arena, &asked->topics.items[i], &out->topics.items[i]);
        }
    }
}

void api_offset_fetch(struct request *request)
{
    enum { ID_VERSION = 10 };
    const struct offset_fetch_request *asked = request_message(request, offset_fetch_request);
    if (request->version < 8) {
        offset_fetch_answer_old(request);
        return;
    }
    struct offset_fetch_response response = {0};
    struct repetition repetition;
    repetition_init(&repetition);
    response.groups.items =
        arena_array(&request->arena, struct offset_fetch_response_group, asked->groups.count);
    for (int32_t i = 0; i < asked->groups.count; i++) {
        if (!repetition_is_first(&repetition, asked->groups.items[i].group_id)) {
            continue;
        }
        struct offset_fetch_response_group *out = &response.groups.items[response.groups.count++];
        if (request->version >= ID_VERSION) {
            offset_fetch_by_id(request, &asked->groups.items[i], out);
        } else {
            coordinator_fetch_offsets(request->server->parts.coordinator, &asked->groups.items[i],
                                      asked->require_stable, &request->arena, out);
        }
    }
    repetition_fini(&repetition);
    request_answer(request, &response);
}
