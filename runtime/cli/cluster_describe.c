/* tidemill cluster describe: brokers, topics and their leaders, in the words of kcat -L. */
#include "log/base/error.h"
#include "runtime/cli/envelope.h"
#include "runtime/cli/errand.h"

#include <stdlib.h>
#include <string.h>

struct cluster_values {
    struct errand_flags errand;
    struct flag_list topics;
    bool is_json; /* -J of kcat */
};

typedef struct metadata_response_topic topic_row;
typedef struct metadata_response_partition partition_row;

static int compare_partitions(const void *left, const void *right)
{
    int32_t one = ((const partition_row *)left)->index, two = ((const partition_row *)right)->index;
    return (one > two) - (one < two);
}

static const char *error_words(int16_t code)
{
    return code == 0 ? "" : error_text(error_from_code(code));
}

static void print_nodes(const int32_t *nodes, int32_t count, const char *format, struct buffer *out)
{
    for (int32_t i = 0; i < count; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        buffer_printf(out, format[0] == 'j' ? "{\"id\":%d}" : "%d", nodes[i]);
    }
}

static void print_text(const struct metadata_response *metadata, const char *scope,
                       const char *brokers, struct buffer *out)
{
    buffer_printf(out, "Metadata for %s (from broker -1: %s/bootstrap):\n %d brokers:\n", scope,
                  brokers, metadata->brokers.count);
    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        const struct metadata_response_broker *broker = &metadata->brokers.items[i];
        buffer_printf(out, "  broker %d at %.*s:%d%s\n", broker->node_id,
                      BYTES_FORMAT(broker->host), broker->port,
                      broker->node_id == metadata->controller_id ? " (controller)" : "");
    }
    buffer_printf(out, " %d topics:\n", metadata->topics.count);
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const topic_row *topic = &metadata->topics.items[i];
        buffer_printf(out, "  topic \"%.*s\" with %d partitions:", BYTES_FORMAT(topic->name),
                      topic->partitions.count);
        buffer_printf(out, topic->error_code != 0 ? " %s\n" : "%s\n",
                      error_words(topic->error_code));
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const partition_row *row = &topic->partitions.items[j];
            buffer_printf(out, "    partition %d, leader %d, replicas: ", row->index,
                          row->leader_id);
            print_nodes(row->replica_nodes.items, row->replica_nodes.count, "t", out);
            buffer_add_string(out, ", isrs: ");
            print_nodes(row->isr_nodes.items, row->isr_nodes.count, "t", out);
            buffer_printf(out, row->error_code != 0 ? ", %s\n" : "%s\n",
                          error_words(row->error_code));
        }
    }
}

static void print_json_topic(const topic_row *topic, struct buffer *out)
{
    buffer_add_string(out, "{\"topic\":");
    envelope_write_json_string(topic->name, out);
    if (topic->error_code != 0) {
        buffer_printf(out, ",\"error\":\"%s\"", error_words(topic->error_code));
    }
    buffer_add_string(out, ",\"partitions\":[");
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const partition_row *row = &topic->partitions.items[i];
        buffer_printf(out, "%s{\"partition\":%d,\"leader\":%d,\"replicas\":[", i > 0 ? "," : "",
                      row->index, row->leader_id);
        print_nodes(row->replica_nodes.items, row->replica_nodes.count, "j", out);
        buffer_add_string(out, "],\"isrs\":[");
        print_nodes(row->isr_nodes.items, row->isr_nodes.count, "j", out);
        buffer_add_string(out, "]}");
    }
    buffer_add_string(out, "]}");
}

static void print_json(const struct metadata_response *metadata, const char *query,
                       const char *brokers, struct buffer *out)
{
    buffer_add_string(out, "{\"originating_broker\":{\"id\":-1,\"name\":");
    envelope_write_json_string(bytes_from_string(brokers), out);
    buffer_add_string(out, "},\"query\":{\"topic\":");
    envelope_write_json_string(bytes_from_string(query), out);
    buffer_printf(out, "},\"controllerid\":%d,\"brokers\":[", metadata->controller_id);
    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        const struct metadata_response_broker *broker = &metadata->brokers.items[i];
        buffer_printf(out, "%s{\"id\":%d,\"name\":\"%.*s:%d\"}", i > 0 ? "," : "", broker->node_id,
                      BYTES_FORMAT(broker->host), broker->port);
    }
    buffer_add_string(out, "],\"topics\":[");
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        print_json_topic(&metadata->topics.items[i], out);
    }
    buffer_add_string(out, "]}\n");
}

static int describe(struct errand *errand, const struct cluster_values *values,
                    const struct flag_list *arguments)
{
    const struct flag_list *names = arguments->count > 0 ? arguments : &values->topics;
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, names->count == 0 ? NULL : names->items, names->count,
                                     &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "asking for the cluster");
    }
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const topic_row *topic = &metadata->topics.items[i];
        if (topic->partitions.count > 0) {
            qsort(topic->partitions.items, (size_t)topic->partitions.count, sizeof(partition_row),
                  compare_partitions);
        }
    }
    const char *query = names->count == 0 ? "*" : names->items[0];
    if (errand->is_json || values->is_json) {
        print_json(metadata, query, errand->brokers, &errand->out);
    } else {
        print_text(metadata, names->count == 0 ? "all topics" : query, errand->brokers,
                   &errand->out);
    }
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct cluster_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = describe(&errand, values, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('t', "topic", LIST, struct cluster_values, topics, "TOPIC", "only this topic"),
    FLAG('J', "json", BOOL, struct cluster_values, is_json, NULL, "as -o json"),
    ERRAND_OUTPUT_FLAG(struct cluster_values),
    ERRAND_FLAGS(struct cluster_values),
};

const struct command command_cluster_describe = {
    .noun = "cluster",
    .verb = "describe",
    .arguments = "[TOPIC...]",
    .summary = "shows brokers, topics and leaders, as kcat -L",
    .examples = "tidemill cluster describe\ntidemill cluster describe logs -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct cluster_values),
    .argument_max = -1,
    .run = run,
};
