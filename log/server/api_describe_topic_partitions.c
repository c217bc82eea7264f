/* DescribeTopicPartitions (key 75, KIP-966): topics in the order of their names, page by page.
 *
 * A page ends after max.request.partition.size.limit partitions, or fewer if the client wants
 * fewer; its cursor names the first partition that is not on it. A cursor that fits no asked topic
 * is an error of each of them. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/operations.h"
#include "log/server/server_state.h"

#include <stdlib.h>

struct describe_page {
    struct request *request;
    const struct describe_topic_partitions_request_cursor *cursor; /* NULL: the first page */
    struct describe_topic_partitions_response response;
    int32_t room; /* partitions */
};

static void describe_page_fill_partition(const struct meta_partition *from,
                                         struct describe_topic_partitions_response_partition *to)
{
    *to = (struct describe_topic_partitions_response_partition){
        .error_code = from->leader < 0 ? error_code(ERROR_LEADER_NOT_AVAILABLE) : 0,
        .index = from->index,
        .leader_id = from->leader,
        .leader_epoch = from->leader_epoch,
        .replica_nodes = {.items = from->replicas, .count = from->replica_count},
        .isr_nodes = {.items = from->isr, .count = from->isr_count}};
}

static void describe_page_end(struct describe_page *page, struct bytes name, int32_t index)
{
    struct describe_topic_partitions_response_next_cursor *cursor =
        arena_new(&page->request->arena, struct describe_topic_partitions_response_next_cursor);
    cursor->name = name;
    cursor->index = index;
    page->response.next_cursor = cursor;
}

static struct describe_topic_partitions_response_topic *
describe_page_add(struct describe_page *page, struct bytes name)
{
    struct describe_topic_partitions_response_topic *answer =
        &page->response.topics.items[page->response.topics.count++];
    *answer = (struct describe_topic_partitions_response_topic){
        .name = name, .authorized_operations = OPERATIONS_OF_TOPIC};
    return answer;
}

static void describe_page_add_topic(struct describe_page *page, const struct meta_topic *topic)
{
    struct bytes name = bytes_from_string(topic->name);
    bool is_cursor = page->cursor != NULL && bytes_equal(page->cursor->name, name);
    int32_t first = is_cursor ? page->cursor->index : 0;
    int32_t count = first < topic->partition_count ? topic->partition_count - first : 0;
    bool is_cut = count > page->room;
    count = is_cut ? page->room : count;
    struct describe_topic_partitions_response_topic *answer = describe_page_add(page, name);
    answer->topic_id = topic->id;
    answer->is_internal = topic->is_internal;
    answer->partitions.count = count;
    answer->partitions.items = arena_array(
        &page->request->arena, struct describe_topic_partitions_response_partition, count);
    for (int32_t i = 0; i < count; i++) {
        describe_page_fill_partition(&topic->partitions[first + i], &answer->partitions.items[i]);
    }
    page->room -= count;
    if (is_cut) {
        describe_page_end(page, name, first + count);
    }
}

/* The next name in order; `topic` is NULL when there is none of it. False when the page is full. */
static bool describe_page_take(struct describe_page *page, struct bytes name,
                               const struct meta_topic *topic)
{
    if (page->room == 0) {
        describe_page_end(page, name, 0);
        return false;
    }
    if (topic != NULL) {
        describe_page_add_topic(page, topic);
        return page->response.next_cursor == NULL;
    }
    bool is_wrong = meta_refuse_topic_name(name)[0] != 0;
    describe_page_add(page, name)->error_code =
        error_code(is_wrong ? ERROR_INVALID_TOPIC : ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    return true;
}

static bool describe_page_is_before(const struct describe_page *page, struct bytes name)
{
    return page->cursor != NULL && bytes_compare(name, page->cursor->name) < 0;
}

static void describe_page_fill_all(struct describe_page *page)
{
    struct meta *meta = page->request->server->parts.meta;
    size_t count = meta_topic_count(meta);
    page->response.topics.items =
        arena_array(&page->request->arena, struct describe_topic_partitions_response_topic, count);
    for (size_t i = 0; i < count; i++) {
        const struct meta_topic *topic = meta_topic_at(meta, i);
        struct bytes name = bytes_from_string(topic->name);
        if (!describe_page_is_before(page, name) && !describe_page_take(page, name, topic)) {
            return;
        }
    }
}

static int describe_page_compare(const void *left, const void *right)
{
    return bytes_compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

static void describe_page_fill_asked(struct describe_page *page, struct bytes *names, size_t count)
{
    struct meta *meta = page->request->server->parts.meta;
    qsort(names, count, sizeof *names, describe_page_compare);
    for (size_t i = 0; i < count; i++) {
        bool is_repeated = i > 0 && bytes_equal(names[i], names[i - 1]);
        if (!is_repeated && !describe_page_is_before(page, names[i]) &&
            !describe_page_take(page, names[i], meta_find_topic(meta, names[i]))) {
            return;
        }
    }
}

/* A negative place, or a topic that was not asked for. */
static bool describe_page_refuses(const struct describe_page *page, const struct bytes *names,
                                  size_t count)
{
    if (page->cursor == NULL) {
        return false;
    }
    bool is_asked = count == 0;
    for (size_t i = 0; i < count && !is_asked; i++) {
        is_asked = bytes_equal(names[i], page->cursor->name);
    }
    return page->cursor->index < 0 || !is_asked;
}

static void describe_page_refuse(struct describe_page *page, const struct bytes *names,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct describe_topic_partitions_response_topic *answer = describe_page_add(page, names[i]);
        answer->error_code = error_code(ERROR_INVALID_REQUEST);
        answer->authorized_operations = OPERATIONS_NOT_ASKED;
    }
}

static int32_t describe_page_room(struct request *request, int32_t wanted)
{
    int32_t limit =
        meta_broker_options(request->server->parts.meta)->max_request_partition_size_limit;
    int32_t room = wanted < limit ? wanted : limit;
    return room < 1 ? 1 : room;
}

void api_describe_topic_partitions(struct request *request)
{
    const struct describe_topic_partitions_request *asked =
        request_message(request, describe_topic_partitions_request);
    size_t count = (size_t)asked->topics.count;
    struct describe_page page = {.request = request,
                                 .cursor = asked->cursor,
                                 .room =
                                     describe_page_room(request, asked->response_partition_limit)};
    struct bytes *names = arena_array(&request->arena, struct bytes, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = asked->topics.items[i].name;
    }
    if (count > 0) {
        page.response.topics.items =
            arena_array(&request->arena, struct describe_topic_partitions_response_topic, count);
    }
    if (describe_page_refuses(&page, names, count)) {
        describe_page_refuse(&page, names, count);
    } else if (count == 0) {
        describe_page_fill_all(&page);
    } else {
        describe_page_fill_asked(&page, names, count);
    }
    request_answer(request, &page.response);
}
