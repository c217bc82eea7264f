/* Compares partitions with hashes of keys; see task_placement.h. */
#include "runtime/task/task_placement.h"

#include "log/base/hash.h"
#include "log/base/trace.h"
#include "runtime/task/task_state.h"

#include <stdio.h>
#include <string.h>

enum { TASK_PLACEMENT_SHOWN_MAX = 40 };

static bool task_placement_meets(const struct topology_part *part, const char *topic)
{
    for (size_t i = 0; i < part->copartitioned_count; i++) {
        if (strcmp(part->copartitioned[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

void task_placement_begin(struct task *task)
{
    const struct topology_part *part = task->options.part;
    for (size_t i = 0; part->internal_topic_count > 0 && i < task->input_count; i++) {
        struct task_input *input = &task->inputs[i];
        bool is_meeting = task_placement_meets(part, input->topic);
        input->placement_left = !input->is_ours && is_meeting ? TASK_PLACEMENT_MAX : 0;
    }
}

static void task_placement_tell(struct task *task, const struct task_input *input, int32_t count)
{
    char text[500];
    struct bytes key = input->head.key;
    bool is_long = key.size > TASK_PLACEMENT_SHOWN_MAX;
    key.size = is_long ? TASK_PLACEMENT_SHOWN_MAX : key.size;
    snprintf(text, sizeof text,
             "key %.*s%s of %s is in partition %d; the records that this application repartitions "
             "put it in partition %d of %d and do not meet it. Have the topic written with Kafka's "
             "partitioner (murmur2; librdkafka and kcat: partitioner=murmur2_random), or bring it "
             "through :repartition(name)",
             BYTES_FORMAT(key), is_long ? "..." : "", input->topic, (int)input->partition,
             (int)hash_partition(input->head.key, count), (int)count);
    trace(TRACE_WARN, "task.key_elsewhere",
          TRACE_STRING("app", topology_name(task->options.topology)), TRACE_STRING("reason", text));
    if (task->events->noticed != NULL) {
        task->events->noticed(task->owner, task, text);
    }
}

void task_placement_look(struct task *task, struct task_input *input)
{
    const struct client_topic *topic = client_find_topic(task->options.client, input->topic);
    if (topic == NULL || bytes_is_null(input->head.key)) {
        return;
    }
    input->placement_left--;
    if (hash_partition(input->head.key, topic->partition_count) != input->partition) {
        input->placement_left = 0;
        task_placement_tell(task, input, topic->partition_count);
    }
}
