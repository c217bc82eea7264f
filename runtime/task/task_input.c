/* Walks the batches of one partition; see task_input.h. */
#include "runtime/task/task_input.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

enum { TASK_INPUT_INFLATED_MAX = 256 * 1024 * 1024 };

void task_input_init(struct task_input *input, struct fetcher *fetcher, const char *topic,
                     int32_t partition)
{
    *input = (struct task_input){
        .fetcher = fetcher, .topic = memory_string(topic), .partition = partition, .position = -1};
    decoded_init(&input->decoded);
}

static void task_input_release(struct task_input *input)
{
    if (input->has_batch) {
        batch_iterator_close(&input->iterator);
        fetcher_release(input->fetcher, &input->fetched);
        input->has_batch = false;
    }
    input->ahead_count = 0;
    input->has_head = false;
}

void task_input_fini(struct task_input *input)
{
    task_input_release(input);
    if (input->is_added) {
        fetcher_remove(input->fetcher, input->topic, input->partition);
    }
    decoded_fini(&input->decoded);
    free(input->topic);
}

void task_input_start(struct task_input *input, int64_t offset)
{
    input->is_added = true;
    if (offset >= 0) {
        input->position = offset;
    }
    fetcher_add(input->fetcher, input->topic, input->partition, offset);
}

/* As it was read. */
static struct record task_input_record(const struct task_input *input,
                                       const struct batch_record *from)
{
    return (struct record){.topic = input->topic,
                           .partition = input->partition,
                           .offset = from->offset,
                           .timestamp_ms = from->timestamp_ms,
                           .key = from->key,
                           .value = from->value,
                           .headers_encoded = from->headers_encoded,
                           .header_count = from->header_count};
}

static void task_input_set_head(struct task_input *input, const struct batch_record *from)
{
    input->head = task_input_record(input, from);
    input->head_body = from->body;
    input->has_head = true;
    input->missed_ns = 0;
    decoded_clear(&input->decoded);
    input->time_ms = inlet_time(input->source, &input->decoded, &input->head);
}

/* (3) */
static void task_input_look_ahead(struct task_input *input)
{
    unsigned count_max = input->looks_ahead ? TASK_INPUT_AHEAD : 1;
    while (input->batch_result == 1 && input->ahead_count < count_max) {
        struct batch_record *place =
            &input->ahead[(input->ahead_first + input->ahead_count) % TASK_INPUT_AHEAD];
        input->batch_result = batch_iterator_next(&input->iterator, place);
        if (input->batch_result != 1 || place->offset < input->fetched.position) {
            continue;
        }
        input->ahead_count++;
        if (input->looks_ahead) {
            struct record record = task_input_record(input, place);
            input->looks_ahead = node_expect(input->source, &record);
            count_max = input->looks_ahead ? count_max : 1;
        }
    }
}

static int task_input_next_batch(struct task_input *input)
{
    int result = fetcher_take(input->fetcher, input->topic, input->partition, &input->fetched);
    if (result != 1) {
        return result;
    }
    int error =
        batch_iterator_open(&input->iterator, &input->fetched.batch, TASK_INPUT_INFLATED_MAX);
    if (error != 0) {
        fetcher_release(input->fetcher, &input->fetched);
        return error;
    }
    input->has_batch = true;
    input->batch_result = 1;
    input->looks_ahead = true;
    input->position = input->position < 0 ? input->fetched.position : input->position;
    return 1;
}

int task_input_fill(struct task_input *input)
{
    while (!input->has_head) {
        if (!input->has_batch) {
            int result = task_input_next_batch(input);
            if (result != 1) {
                return result;
            }
        }
        task_input_look_ahead(input);
        if (input->ahead_count > 0) {
            task_input_set_head(input, &input->ahead[input->ahead_first]);
            input->ahead_first = (input->ahead_first + 1) % TASK_INPUT_AHEAD;
            input->ahead_count--;
        } else {
            /* The batch may end in offsets that compaction removed. */
            int64_t next_offset = batch_next_offset(&input->fetched.batch);
            input->position = next_offset > input->position ? next_offset : input->position;
            task_input_release(input);
            if (input->batch_result < 0) {
                return input->batch_result;
            }
        }
    }
    return 1;
}

void task_input_take(struct task_input *input)
{
    check(input->has_head);
    input->position = input->head.offset + 1;
    input->has_head = false;
}

int64_t task_input_next(const struct task_input *input)
{
    if (input->position >= 0) {
        return input->position;
    }
    int64_t position = fetcher_position(input->fetcher, input->topic, input->partition);
    return position < 0 ? 0 : position;
}

int64_t task_input_pending_count(const struct task_input *input)
{
    int64_t end = fetcher_fetch_position(input->fetcher, input->topic, input->partition);
    int64_t next = task_input_next(input);
    int64_t taken = fetcher_position(input->fetcher, input->topic, input->partition);
    if (!input->has_head && !input->has_batch && taken > next) {
        next = taken; /* what lies between are ends of transactions, and what was aborted */
    }
    return end > next ? end - next : 0;
}

bool task_input_is_drained(const struct task_input *input)
{
    return !input->has_head && !input->has_batch &&
           fetcher_is_at_end(input->fetcher, input->topic, input->partition);
}
