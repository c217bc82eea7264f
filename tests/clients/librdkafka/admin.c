/* Admin calls, each sent and waited for on a queue of its own. */
#include "tests/clients/librdkafka/admin.h"

#include "tests/clients/librdkafka/client.h"

/* The answer to a call, with its error as a sentence; the caller destroys the event. */
static const char *take_event(rd_kafka_queue_t *queue, const char *call, rd_kafka_event_t **out)
{
    *out = rd_kafka_queue_poll(queue, CLIENT_PATIENCE_MS);
    EXPECT(*out != NULL, "%s: no answer", call);
    EXPECT(rd_kafka_event_error(*out) == RD_KAFKA_RESP_ERR_NO_ERROR, "%s: %s", call,
           rd_kafka_event_error_string(*out));
    return NULL;
}

static const char *expect_delete(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic,
                                 rd_kafka_resp_err_t wanted)
{
    rd_kafka_DeleteTopic_t *row = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(client, &row, 1, NULL, queue);
    rd_kafka_event_t *event;
    const char *why = take_event(queue, "DeleteTopics", &event);
    if (why == NULL) {
        size_t count;
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(rd_kafka_DeleteTopics_result_topics(
            rd_kafka_event_DeleteTopics_result(event), &count)[0]);
        if (code != wanted) {
            why = client_why("DeleteTopics: expected %s, saw %s", rd_kafka_err2name(wanted),
                             rd_kafka_err2name(code));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(row);
    return why;
}

/* How many partitions Metadata shows; -1 for a topic it does not know. */
static int partition_count(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client, 1, NULL, &metadata, CLIENT_PATIENCE_MS) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -2;
    }
    int count = -1;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0) {
            count = metadata->topics[i].partition_cnt;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return count;
}

static const char *await_partitions(rd_kafka_t *client, const char *topic, int wanted)
{
    int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
    int seen = partition_count(client, topic);
    while (seen != wanted) {
        EXPECT(client_now_ms() < deadline, "waited for %d partitions, there are %d", wanted, seen);
        seen = partition_count(client, topic);
    }
    return NULL;
}

static const char *play_topics(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic)
{
    STEP(client_create_topic(topic, 3));
    STEP(await_partitions(client, topic, 3));
    const char *why = client_create_topic(topic, 3);
    EXPECT(why != NULL && strstr(why, "TOPIC_ALREADY_EXISTS") != NULL, "created twice: %s",
           why == NULL ? "no error" : why);
    STEP(expect_delete(client, queue, topic, RD_KAFKA_RESP_ERR_NO_ERROR));
    STEP(await_partitions(client, topic, -1));
    return expect_delete(client, queue, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

const char *admin_check_topics(void)
{
    char topic[64];
    client_unique("admin", topic, sizeof topic);
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    const char *why = play_topics(client, queue, topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return why;
}

/* The value and whether it is a default, of one topic option. */
static const char *find_config(const rd_kafka_event_t *event, const char *name, char *value,
                               size_t size, bool *is_default)
{
    size_t count;
    const rd_kafka_ConfigResource_t *resource = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)event), &count)[0];
    EXPECT(rd_kafka_ConfigResource_error(resource) == RD_KAFKA_RESP_ERR_NO_ERROR,
           "DescribeConfigs: %s", rd_kafka_ConfigResource_error_string(resource));
    const rd_kafka_ConfigEntry_t **rows = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(rows[i]), name) == 0) {
            snprintf(value, size, "%s", rd_kafka_ConfigEntry_value(rows[i]));
            *is_default = rd_kafka_ConfigEntry_is_default(rows[i]) == 1;
            return NULL;
        }
    }
    return client_why("DescribeConfigs lacks %s among %zu", name, count);
}

static const char *expect_config(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic,
                                 const char *name, const char *wanted, bool is_default)
{
    rd_kafka_ConfigResource_t *row = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(client, &row, 1, NULL, queue);
    rd_kafka_event_t *event;
    char value[128] = "";
    bool was_default = false;
    const char *why = take_event(queue, "DescribeConfigs", &event);
    if (why == NULL) {
        why = find_config(event, name, value, sizeof value, &was_default);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(row);
    STEP(why);
    EXPECT(strcmp(value, wanted) == 0, "%s is %s, expected %s", name, value, wanted);
    EXPECT(was_default == is_default, "%s: is_default is %d", name, was_default);
    return NULL;
}

static const char *alter_config(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic,
                                const char *name, const char *value)
{
    rd_kafka_ConfigResource_t *row = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_ConfigResource_set_config(row, name, value);
    rd_kafka_AlterConfigs(client, &row, 1, NULL, queue);
    rd_kafka_event_t *event;
    const char *why = take_event(queue, "AlterConfigs", &event);
    if (why == NULL) {
        size_t count;
        const rd_kafka_ConfigResource_t *result = rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(event), &count)[0];
        if (rd_kafka_ConfigResource_error(result) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            why = client_why("AlterConfigs: %s", rd_kafka_ConfigResource_error_string(result));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(row);
    return why;
}

static const char *play_configs(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic)
{
    STEP(client_create_topic(topic, 1));
    STEP(expect_config(client, queue, topic, "retention.ms", "604800000", true));
    STEP(alter_config(client, queue, topic, "retention.ms", "3600000"));
    STEP(expect_config(client, queue, topic, "retention.ms", "3600000", false));
    const char *why = alter_config(client, queue, topic, "retention.ms", "soon");
    EXPECT(why != NULL, "a retention.ms of 'soon' was accepted");
    return expect_config(client, queue, topic, "retention.ms", "3600000", false);
}

const char *admin_check_configs(void)
{
    char topic[64];
    client_unique("configs", topic, sizeof topic);
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    const char *why = play_configs(client, queue, topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return why;
}
