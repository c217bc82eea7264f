/* tidemill topic describe: partitions, leaders and settings, in the words of kafka-topics. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/envelope.h"
#include "runtime/cli/topic_choice.h"

#include <stdlib.h>
#include <string.h>

struct describe_values {
    struct errand_flags errand;
    struct topic_choice_flags choice;
    bool has_defaults;
    bool is_brief;
    bool is_short;
    bool is_leaderless;
    bool is_below_min; /* --under-min-isr */
    bool is_at_min;
    bool has_no_internal;
    const char *id;
};

enum { TOPIC_RESOURCE = 2, SOURCE_TOPIC = 1 };

typedef struct describe_configs_response_result config_result;
typedef struct metadata_response_topic topic_row;
typedef struct metadata_response_partition partition_row;

/* 128 bits in base64 of the URL alphabet, without padding: 22 letters. */
static void write_uuid(const struct wire_uuid *id, struct buffer *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t bit = 0; bit < 128; bit += 6) {
        size_t place = bit / 8;
        unsigned pair = (unsigned)id->octets[place] << 8;
        pair |= place + 1 < sizeof(id->octets) ? id->octets[place + 1] : 0;
        buffer_add_byte(out, (uint8_t)letters[(pair >> (10 - bit % 8)) & 63]);
    }
}

static void write_nodes(const int32_t *nodes, int32_t count, struct buffer *out)
{
    for (int32_t i = 0; i < count; i++) {
        buffer_printf(out, "%s%d", i > 0 ? "," : "", nodes[i]);
    }
}

static int read_configs(struct errand *errand, const struct metadata_response *metadata,
                        const struct describe_configs_response **out)
{
    struct describe_configs_request request;
    wire_set_defaults(&describe_configs_request_schema, &request);
    size_t count = (size_t)metadata->topics.count;
    request.resources.items =
        arena_array(&errand->arena, struct describe_configs_request_resource, count + 1);
    request.resources.count = metadata->topics.count;
    for (size_t i = 0; i < count; i++) {
        request.resources.items[i].resource_type = TOPIC_RESOURCE;
        request.resources.items[i].resource_name = metadata->topics.items[i].name;
        request.resources.items[i].configuration_keys.count = -1;
    }
    const void *found = NULL;
    int error = errand_call(errand, CLIENT_ANY, API_DESCRIBE_CONFIGS, -1, &request, &found);
    *out = found;
    return error;
}

static const config_result *find_configs(const struct describe_configs_response *configs,
                                         struct bytes topic)
{
    for (int32_t i = 0; i < configs->results.count; i++) {
        if (bytes_equal(configs->results.items[i].resource_name, topic)) {
            return &configs->results.items[i];
        }
    }
    return NULL;
}

/* "a=1,b=2", or JSON members. */
static void write_configs(const config_result *result, bool has_defaults, bool is_json,
                          struct buffer *out)
{
    const char *comma = "";
    for (int32_t i = 0; result != NULL && i < result->configs.count; i++) {
        const struct describe_configs_response_config *config = &result->configs.items[i];
        if (config->config_source != SOURCE_TOPIC && !has_defaults) {
            continue;
        }
        buffer_add_string(out, comma);
        comma = ",";
        if (is_json) {
            envelope_write_json_string(config->name, out);
            buffer_add_byte(out, ':');
            envelope_write_json_string(config->value, out);
        } else {
            buffer_printf(out, "%.*s=%.*s", BYTES_FORMAT(config->name),
                          BYTES_FORMAT(config->value));
        }
    }
}

static int32_t replica_count(const topic_row *topic)
{
    return topic->partitions.count == 0 ? 0 : topic->partitions.items[0].replica_nodes.count;
}

static void print_partition(const topic_row *topic, const partition_row *partition,
                            struct buffer *out)
{
    buffer_printf(out, "\tTopic: %.*s\tPartition: %d\tLeader: ", BYTES_FORMAT(topic->name),
                  partition->index);
    if (partition->leader_id < 0) {
        buffer_add_string(out, "none");
    } else {
        buffer_printf(out, "%d", partition->leader_id);
    }
    buffer_add_string(out, "\tReplicas: ");
    write_nodes(partition->replica_nodes.items, partition->replica_nodes.count, out);
    buffer_add_string(out, "\tIsr: ");
    write_nodes(partition->isr_nodes.items, partition->isr_nodes.count, out);
    buffer_add_string(out, "\tElr: N/A\tLastKnownElr: N/A\n");
}

static int compare_partitions(const void *left, const void *right)
{
    int32_t one = ((const partition_row *)left)->index, two = ((const partition_row *)right)->index;
    return (one > two) - (one < two);
}

static bool has_overrides(const config_result *configs)
{
    for (int32_t i = 0; configs != NULL && i < configs->configs.count; i++) {
        if (configs->configs.items[i].config_source == SOURCE_TOPIC) {
            return true;
        }
    }
    return false;
}

/* How many replicas must be in sync for acks=all. */
static int64_t find_min_isr(const config_result *configs)
{
    int64_t count = 1;
    for (int32_t i = 0; configs != NULL && i < configs->configs.count; i++) {
        const struct describe_configs_response_config *config = &configs->configs.items[i];
        char *text = bytes_equal_string(config->name, "min.insync.replicas")
                         ? bytes_to_string(config->value)
                         : NULL;
        if (text != NULL && text_parse_int64(text, &count) != 0) {
            count = 1;
        }
        free(text);
    }
    return count;
}

static bool asks_for_trouble(const struct describe_values *values)
{
    return values->is_short || values->is_leaderless || values->is_below_min || values->is_at_min;
}

/* Only partitions that something is wrong with. */
static void print_troubled(const topic_row *topic, const config_result *configs,
                           const struct describe_values *values, struct buffer *out)
{
    int64_t min_isr = find_min_isr(configs);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const partition_row *partition = &topic->partitions.items[i];
        int32_t isr = partition->isr_nodes.count;
        if ((values->is_short && isr < partition->replica_nodes.count) ||
            (values->is_leaderless && partition->leader_id < 0) ||
            (values->is_below_min && isr < min_isr) || (values->is_at_min && isr == min_isr)) {
            print_partition(topic, partition, out);
        }
    }
}

static void print_text(const topic_row *topic, const config_result *configs,
                       const struct describe_values *values, struct buffer *out)
{
    if (asks_for_trouble(values)) {
        print_troubled(topic, configs, values, out);
        return;
    }
    if (values->is_brief && !has_overrides(configs)) {
        return;
    }
    buffer_printf(out, "Topic: %.*s\tTopicId: ", BYTES_FORMAT(topic->name));
    write_uuid(&topic->topic_id, out);
    buffer_printf(out,
                  "\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: ", topic->partitions.count,
                  replica_count(topic));
    write_configs(configs, values->has_defaults, false, out);
    buffer_add_byte(out, '\n');
    for (int32_t i = 0; i < topic->partitions.count && !values->is_brief; i++) {
        print_partition(topic, &topic->partitions.items[i], out);
    }
}

static void print_json(const topic_row *topic, const config_result *configs, bool has_defaults,
                       struct buffer *out)
{
    buffer_add_string(out, "{\"topic\":");
    envelope_write_json_string(topic->name, out);
    buffer_add_string(out, ",\"topic_id\":\"");
    write_uuid(&topic->topic_id, out);
    buffer_printf(out, "\",\"replication_factor\":%d,\"configs\":{", replica_count(topic));
    write_configs(configs, has_defaults, true, out);
    buffer_add_string(out, "},\"partitions\":[");
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const partition_row *partition = &topic->partitions.items[i];
        buffer_printf(out, "%s{\"partition\":%d,\"leader\":%d,\"leader_epoch\":%d,\"replicas\":[",
                      i > 0 ? "," : "", partition->index, partition->leader_id,
                      partition->leader_epoch);
        write_nodes(partition->replica_nodes.items, partition->replica_nodes.count, out);
        buffer_add_string(out, "],\"isr\":[");
        write_nodes(partition->isr_nodes.items, partition->isr_nodes.count, out);
        buffer_add_string(out, "]}");
    }
    buffer_add_string(out, "]}");
}

static int print_topics(struct errand *errand, const struct metadata_response *metadata,
                        const struct describe_configs_response *configs,
                        const struct describe_values *values, bool is_chosen)
{
    int code = COMMAND_OK, hidden_count = 0;
    const char *comma = "[";
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const topic_row *topic = &metadata->topics.items[i];
        if (topic->error_code != 0 && values->choice.may_miss &&
            error_from_code(topic->error_code) == ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
            continue;
        }
        if (topic->error_code != 0) {
            const char *name = arena_string(&errand->arena, topic->name);
            code = errand_refuse(errand, name, topic->error_code, bytes_make(NULL, 0));
            continue;
        }
        if (topic->is_internal && (values->has_no_internal || (!is_chosen && !errand->is_kafka))) {
            hidden_count++;
            continue;
        }
        qsort(topic->partitions.items, (size_t)topic->partitions.count, sizeof(partition_row),
              compare_partitions);
        const config_result *result = find_configs(configs, topic->name);
        if (errand->is_json) {
            buffer_add_string(&errand->out, comma);
            print_json(topic, result, values->has_defaults, &errand->out);
            comma = ",\n ";
        } else {
            print_text(topic, result, values, &errand->out);
        }
    }
    if (errand->is_json) {
        buffer_add_string(&errand->out, comma[0] == '[' ? "[]\n" : "]\n");
    }
    if (is_chosen && hidden_count == metadata->topics.count && !values->choice.may_miss) {
        return command_fail(errand->world, "what was named is internal; leave out --no-internal");
    }
    return code;
}

/* The topic of an id, as one that was named. */
static int find_id(struct errand *errand, const char *id, const char **name)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    for (int32_t i = 0; i < metadata->topics.count && *name == NULL; i++) {
        struct buffer text;
        buffer_init(&text);
        write_uuid(&metadata->topics.items[i].topic_id, &text);
        if (strcmp(buffer_string(&text), id) == 0) {
            *name = arena_string(&errand->arena, metadata->topics.items[i].name);
        }
        buffer_fini(&text);
    }
    return COMMAND_OK;
}

static int describe(struct errand *errand, const struct describe_values *values,
                    const struct flag_list *arguments)
{
    const struct metadata_response *metadata;
    const struct describe_configs_response *configs;
    const char *const *names;
    size_t count;
    int code = topic_choice_names(errand, &values->choice, arguments, &names, &count);
    bool is_chosen = arguments->count > 0 || values->choice.pattern != NULL;
    if (code != COMMAND_OK || (is_chosen && count == 0)) {
        return code;
    }
    int error = errand_read_metadata(errand, is_chosen ? names : NULL, count, &metadata);
    if (error == 0) {
        error = read_configs(errand, metadata, &configs);
    }
    if (error != 0) {
        return errand_fail(errand, error, "describing topics");
    }
    return print_topics(errand, metadata, configs, values, is_chosen);
}

static int describe_id(struct errand *errand, const struct describe_values *values)
{
    struct flag_list row = {0};
    const char *name = NULL;
    int code = find_id(errand, values->id, &name);
    if (code == COMMAND_OK && name == NULL) {
        return values->choice.may_miss
                   ? COMMAND_OK
                   : command_fail(errand->world,
                                  "no topic has the id '%s'; 'tidemill topic describe' shows them",
                                  values->id);
    }
    if (code == COMMAND_OK) {
        flag_list_add(&row, name);
        code = describe(errand, values, &row);
    }
    free(row.items);
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct describe_values *values = given;
    struct errand errand;
    if (values->id != NULL && (arguments->count > 0 || values->choice.pattern != NULL)) {
        return command_misuse(world, "--id names a topic; leave out the others");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        code = values->id != NULL ? describe_id(&errand, values)
                                  : describe(&errand, values, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('a', "all", BOOL, struct describe_values, has_defaults, NULL,
         "settings that nobody changed too"),
    FLAG('r', "regex", STRING, struct describe_values, choice.pattern, "REGEX",
         "topics whose names match"),
    FLAG(0, "id", STRING, struct describe_values, id, "ID", "the topic with this id"),
    FLAG(0, "if-exists", BOOL, struct describe_values, choice.may_miss, NULL,
         "leave out what is not there"),
    FLAG(0, "overrides", BOOL, struct describe_values, is_brief, NULL,
         "only topics whose settings somebody changed"),
    FLAG(0, "under-replicated", BOOL, struct describe_values, is_short, NULL,
         "only partitions that miss a replica"),
    FLAG(0, "unavailable", BOOL, struct describe_values, is_leaderless, NULL,
         "only partitions without a leader"),
    FLAG(0, "under-min-isr", BOOL, struct describe_values, is_below_min, NULL,
         "only partitions with fewer replicas in sync than min.insync.replicas"),
    FLAG(0, "at-min-isr", BOOL, struct describe_values, is_at_min, NULL,
         "only partitions with just so many"),
    FLAG(0, "no-internal", BOOL, struct describe_values, has_no_internal, NULL,
         "leave out internal topics"),
    ERRAND_OUTPUT_FLAG(struct describe_values),
    ERRAND_FLAGS(struct describe_values),
};

const struct command command_topic_describe = {
    .noun = "topic",
    .verb = "describe",
    .arguments = "[TOPIC...]",
    .summary = "shows partitions, leaders and settings",
    .examples = "tidemill topic describe logs\n"
                "tidemill topic describe -r 'logs[.].*' --all -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct describe_values),
    .argument_max = -1,
    .run = run,
};
