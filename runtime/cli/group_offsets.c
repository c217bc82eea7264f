/* See group_offsets.h. Versions of OffsetFetch from 10 on speak of topic ids; names are asked for.
 */
#include "runtime/cli/group_offsets.h"

#include "log/base/endian.h"
#include "log/base/error.h"

#include <stdlib.h>
#include <string.h>

enum { OFFSET_FETCH_VERSION = 9, ROW_COUNT_FIRST = 16 };

struct group_offsets_row *group_offsets_add(struct errand *errand, struct group_offsets *offsets,
                                            const char *topic, int32_t partition)
{
    for (size_t i = 0; i < offsets->count; i++) {
        struct group_offsets_row *row = &offsets->rows[i];
        if (row->partition == partition && strcmp(row->topic, topic) == 0) {
            return row;
        }
    }
    size_t count = offsets->count;
    bool is_power = (count & (count - 1)) == 0;
    if (count == 0 || (is_power && count >= ROW_COUNT_FIRST)) {
        size_t capacity = count == 0 ? ROW_COUNT_FIRST : 2 * count;
        struct group_offsets_row *rows =
            arena_array(&errand->arena, struct group_offsets_row, capacity);
        if (count > 0) {
            memcpy(rows, offsets->rows, count * sizeof(*rows));
        }
        offsets->rows = rows;
    }
    struct group_offsets_row *row = &offsets->rows[offsets->count++];
    *row = (struct group_offsets_row){
        .topic = topic, .partition = partition, .offset = -1, .leader_epoch = -1};
    return row;
}

static int compare_rows(const void *left, const void *right)
{
    const struct group_offsets_row *one = left, *two = right;
    int order = strcmp(one->topic, two->topic);
    return order != 0 ? order
                      : (one->partition > two->partition) - (one->partition < two->partition);
}

void group_offsets_sort(struct group_offsets *offsets)
{
    if (offsets->count > 0) {
        qsort(offsets->rows, offsets->count, sizeof(*offsets->rows), compare_rows);
    }
}

bool group_offsets_assignment(struct errand *errand,
                              const struct describe_groups_response_member *member,
                              struct consumer_protocol_assignment *out)
{
    struct bytes content = member->member_assignment;
    if (content.size < sizeof(int16_t)) {
        return false;
    }
    int16_t version = endian_read_i16(content.data);
    int16_t highest = consumer_protocol_assignment_schema.highest;
    struct wire_reader reader = {content.data + sizeof(int16_t), content.data + content.size};
    return wire_read(&reader, &consumer_protocol_assignment_schema,
                     version > highest ? highest : version, &errand->arena, out) == 0;
}

static void add_assignments(struct errand *errand, struct group_offsets *offsets)
{
    const struct describe_groups_response_group *group = offsets->description;
    for (int32_t i = 0; i < group->members.count; i++) {
        const struct describe_groups_response_member *member = &group->members.items[i];
        struct consumer_protocol_assignment assignment;
        if (!bytes_equal_string(group->protocol_type, "consumer") ||
            !group_offsets_assignment(errand, member, &assignment)) {
            continue;
        }
        for (int32_t j = 0; j < assignment.assigned_partitions.count; j++) {
            const struct consumer_protocol_assignment_topic *topic =
                &assignment.assigned_partitions.items[j];
            const char *name = arena_string(&errand->arena, topic->name);
            for (int32_t k = 0; k < topic->partitions.count; k++) {
                group_offsets_add(errand, offsets, name, topic->partitions.items[k])->member =
                    member;
            }
        }
    }
}

static int describe(struct errand *errand, struct group_offsets *offsets)
{
    struct bytes name = bytes_from_string(offsets->group);
    struct describe_groups_request request;
    wire_set_defaults(&describe_groups_request_schema, &request);
    request.groups.items = &name;
    request.groups.count = 1;
    const void *found;
    int error =
        errand_call(errand, offsets->coordinator, API_DESCRIBE_GROUPS, -1, &request, &found);
    if (error != 0) {
        return error;
    }
    const struct describe_groups_response *response = found;
    if (response->groups.count != 1) {
        return ERROR_MALFORMED;
    }
    offsets->description = &response->groups.items[0];
    offsets->state = offsets->description->group_state;
    int16_t code = offsets->description->error_code;
    return code == 0 ? 0 : error_from_code(code);
}

/* The assignment of a consumer group's member, as a classic member would have got it. */
static struct bytes
encode_assignment(struct errand *errand,
                  const struct consumer_group_describe_response_assignment *assignment)
{
    struct consumer_protocol_assignment encoded = {0};
    int32_t count = assignment->topic_partitions.count;
    struct buffer out;
    encoded.assigned_partitions.items =
        arena_array(&errand->arena, struct consumer_protocol_assignment_topic, count + 1);
    encoded.assigned_partitions.count = count;
    for (int32_t i = 0; i < count; i++) {
        const struct consumer_group_describe_response_assignment_topic *topic =
            &assignment->topic_partitions.items[i];
        encoded.assigned_partitions.items[i].name = topic->name;
        encoded.assigned_partitions.items[i].partitions.items = topic->partitions.items;
        encoded.assigned_partitions.items[i].partitions.count = topic->partitions.count;
    }
    buffer_init(&out);
    endian_write_i16(buffer_reserve(&out, sizeof(int16_t)), 0);
    out.size += sizeof(int16_t);
    wire_write(&out, &consumer_protocol_assignment_schema, 0, &encoded);
    struct bytes copy = arena_copy(&errand->arena, buffer_bytes(&out));
    buffer_fini(&out);
    return copy;
}

static void take_consumer_group(struct errand *errand, struct group_offsets *offsets,
                                const struct consumer_group_describe_response_group *group)
{
    struct describe_groups_response_group *out =
        arena_new(&errand->arena, struct describe_groups_response_group);
    *out = (struct describe_groups_response_group){
        .group_id = group->group_id,
        .group_state = group->group_state,
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocol_data = group->assignor_name,
    };
    out->members.items = arena_array(&errand->arena, struct describe_groups_response_member,
                                     group->members.count + 1);
    for (int32_t i = 0; i < group->members.count; i++) {
        const struct consumer_group_describe_response_member *member = &group->members.items[i];
        out->members.items[out->members.count++] = (struct describe_groups_response_member){
            .member_id = member->member_id,
            .group_instance_id = member->instance_id,
            .client_id = member->client_id,
            .client_host = member->client_host,
            .member_assignment = encode_assignment(errand, &member->assignment)};
    }
    offsets->description = out;
    offsets->consumer = group;
    offsets->state = out->group_state;
}

/* A group that is not classic may be a consumer group (KIP-848), if the broker knows such. */
static int describe_consumer(struct errand *errand, struct group_offsets *offsets)
{
    struct bytes name = bytes_from_string(offsets->group);
    struct consumer_group_describe_request request = {.groups = {.items = &name, .count = 1}};
    const void *found;
    int error = errand_call(errand, offsets->coordinator, API_CONSUMER_GROUP_DESCRIBE, -1, &request,
                            &found);
    if (error == ERROR_UNSUPPORTED || error == ERROR_UNSUPPORTED_VERSION) {
        return 0;
    }
    if (error != 0) {
        return error;
    }
    const struct consumer_group_describe_response *response = found;
    if (response->groups.count != 1) {
        return ERROR_MALFORMED;
    }
    int16_t code = response->groups.items[0].error_code;
    error = code == 0 ? 0 : error_from_code(code);
    if (error == ERROR_UNSUPPORTED_VERSION) {
        return 0; /* it speaks the API, and has such groups switched off */
    }
    if (error == 0) {
        take_consumer_group(errand, offsets, &response->groups.items[0]);
    }
    return error;
}

/* Up to version 7 one group is asked for, later a list of groups. */
static int fetch_offsets(struct errand *errand, struct group_offsets *offsets)
{
    struct offset_fetch_request_group group = {.group_id = bytes_from_string(offsets->group)};
    group.member_epoch = -1;
    group.topics.count = -1;
    struct offset_fetch_request request = {.group_id = group.group_id};
    request.topics.count = -1;
    request.groups.items = &group;
    request.groups.count = 1;
    const void *found;
    int error = errand_call(errand, offsets->coordinator, API_OFFSET_FETCH, OFFSET_FETCH_VERSION,
                            &request, &found);
    if (error != 0) {
        return error;
    }
    const struct offset_fetch_response *response = found;
    int16_t code = response->error_code;
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct offset_fetch_response_topic *topic = &response->topics.items[i];
        const char *name = arena_string(&errand->arena, topic->name);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct group_offsets_row *row =
                group_offsets_add(errand, offsets, name, topic->partitions.items[j].index);
            row->offset = topic->partitions.items[j].committed_offset;
            row->leader_epoch = topic->partitions.items[j].committed_leader_epoch;
            row->metadata = topic->partitions.items[j].metadata;
        }
    }
    for (int32_t i = 0; response->groups.count > 0 && i < response->groups.items[0].topics.count;
         i++) {
        const struct offset_fetch_response_group_topic *topic =
            &response->groups.items[0].topics.items[i];
        const char *name = arena_string(&errand->arena, topic->name);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct group_offsets_row *row =
                group_offsets_add(errand, offsets, name, topic->partitions.items[j].index);
            row->offset = topic->partitions.items[j].committed_offset;
            row->leader_epoch = topic->partitions.items[j].committed_leader_epoch;
            row->metadata = topic->partitions.items[j].metadata;
        }
    }
    code = response->groups.count > 0 ? response->groups.items[0].error_code : code;
    return code == 0 ? 0 : error_from_code(code);
}

int group_offsets_read(struct errand *errand, const char *group, struct group_offsets *out)
{
    *out = (struct group_offsets){.group = group};
    int error = errand_find_coordinator(errand, group, &out->coordinator);
    if (error == 0) {
        error = describe(errand, out);
    }
    if (error == ERROR_GROUP_ID_NOT_FOUND ||
        (error == 0 && bytes_equal_string(out->state, "Dead"))) {
        error = describe_consumer(errand, out);
    }
    if (error == ERROR_GROUP_ID_NOT_FOUND) {
        error = 0; /* newer versions say so of a group that is only offsets */
    }
    if (error == 0) {
        error = fetch_offsets(errand, out);
    }
    if (error != 0) {
        return errand_fail(errand, error, group);
    }
    add_assignments(errand, out);
    group_offsets_sort(out);
    return COMMAND_OK;
}
