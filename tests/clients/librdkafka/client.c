/* Clients of librdkafka with settings, and a producer that waits for its reports. */
#include "tests/clients/librdkafka/client.h"

#include <stdarg.h>
#include <time.h>

const char *client_why(const char *format, ...)
{
    static char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t client_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t client_wall_clock_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

void client_unique(const char *name, char *out, size_t size)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(out, size, "%s-%llx", name, (long long)now.tv_sec * 1000000000 + now.tv_nsec);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct client_reports *reports = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        reports->failed++;
        return;
    }
    reports->delivered++;
    reports->last_offset = message->offset;
    reports->last_timestamp = rd_kafka_message_timestamp(message, NULL);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char error[256];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s=%s: %s\n", name, value, error);
        exit(2);
    }
}

static rd_kafka_t *make(rd_kafka_type_t type, const char *const *settings,
                        struct client_reports *reports)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", getenv("BROKER"));
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i += 2) {
        set(conf, settings[i], settings[i + 1]);
    }
    if (reports != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, reports);
    }
    char error[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
    if (client == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_poll_set_consumer(client);
    }
    return client;
}

rd_kafka_t *client_new(rd_kafka_type_t type, const char *const *settings)
{
    return make(type, settings, NULL);
}

const char *client_create_topic(const char *topic, int partitions)
{
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, NULL, 0);
    rd_kafka_CreateTopics(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CLIENT_PATIENCE_MS);
    const char *why = NULL;
    size_t count = 0;
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        why = client_why("CreateTopics: %s",
                         event == NULL ? "no answer" : rd_kafka_event_error_string(event));
    } else {
        const rd_kafka_topic_result_t **rows =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(rows[0]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            why = client_why("CreateTopics of %s: %s", topic, rd_kafka_err2name(code));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return why;
}

static const char *send_all(rd_kafka_t *client, const char *topic, int32_t partition,
                            const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        char value[256];
        int size = snprintf(value, sizeof value,
                            "%s %d the same again the same again the same "
                            "again the same again",
                            prefix, i);
        rd_kafka_resp_err_t code =
            rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_VALUE(value, (size_t)size),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "produce: %s", rd_kafka_err2name(code));
    }
    rd_kafka_flush(client, CLIENT_PATIENCE_MS);
    return NULL;
}

const char *client_produce(const char *topic, int32_t partition, const char *prefix, int count,
                           const char *const *settings, struct client_reports *reports)
{
    *reports = (struct client_reports){.last_offset = -1};
    rd_kafka_t *client = make(RD_KAFKA_PRODUCER, settings, reports);
    const char *why = send_all(client, topic, partition, prefix, count);
    rd_kafka_destroy(client);
    if (why == NULL && (reports->delivered != count || reports->failed != 0)) {
        why = client_why("%d of %d records were acknowledged, %d failed", reports->delivered, count,
                         reports->failed);
    }
    return why;
}
