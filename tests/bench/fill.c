/* The input of the stream processors: a topic of keyed records of 100 bytes, the same for every
 * run.
 *
 *     fill json  BROKERS TOPIC COUNT KEYS    JSON objects, their keys by Zipf's law
 *     fill lines BROKERS TOPIC COUNT KEYS    lines of an access log, their keys by Zipf's law
 *     fill table BROKERS TOPIC KEYS KEYS     one JSON object for each key
 *     fill each  BROKERS TOPIC COUNT KEYS    JSON objects, their keys all in turn, not by name
 *
 * A last word is how many partitions they go to, by their keys; otherwise all go to the first.
 * Zipf's law with exponent 1 is drawn as KEYS to the power of an even number between 0 and 1. One
 * record in ten is below the filter of the route and one in ten for its other arm, by its place and
 * not by chance, so that the outputs can be counted. Ten records have the same millisecond, so a
 * minute has 600,000; a table is older than all of them, so that it is complete before the first
 * record is joined with it. Times begin an hour ago:
 * older ones would be deleted by retention while they are measured. Ends with a failure unless
 * every record was acknowledged. */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PATIENCE_MS = 60000,
    POLL_MS = 10,
    VALUE_SIZE = 100,
    RECORDS_PER_MS = 10,
    KEY_STRIDE = 7919, /* a prime that divides no count of keys here: every key has its turn */
};

#define HOUR_MS   INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

struct fill {
    const char *kind;
    const char *topic;
    int64_t count;
    int64_t key_count;
    int32_t partition_count;
    int64_t acknowledged;
    uint64_t seed;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "fill: %s: %s\n", what, why);
    exit(1);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *owner)
{
    struct fill *fill = owner;
    (void)client;
    fill->acknowledged += !message->err;
}

static int64_t key_of(struct fill *fill, int64_t index)
{
    if (!strcmp(fill->kind, "table"))
        return index;
    if (!strcmp(fill->kind, "each"))
        return index * KEY_STRIDE % fill->key_count;
    fill->seed = fill->seed * 6364136223846793005u + 1442695040888963407u;
    double even = (double)(fill->seed >> 11) / 9007199254740992.0;
    return (int64_t)pow((double)fill->key_count, even) - 1;
}

/* By the Gray code of a key: of every four keys in a row two go each way, so that the few that most
 * records have are shared out as well. */
static int32_t partition_of(const struct fill *fill, int64_t key)
{
    return (int32_t)((key ^ key >> 1) % fill->partition_count);
}

/* Always VALUE_SIZE bytes: the last field takes what is left. */
static void write_value(const struct fill *fill, int64_t index, int64_t key, char *value)
{
    char head[VALUE_SIZE + 1];
    const char *end = "\"}";
    int status = index % 10 == 7 ? 503 : 200;
    if (!strcmp(fill->kind, "lines")) {
        snprintf(head, sizeof head,
                 "10.0.0.1 - - [24/Nov/2025:16:00:00 +0000] \"GET /u/%07" PRId64
                 " HTTP/1.1\" %d 1234 \"",
                 key, status);
        end = "\"";
    } else {
        snprintf(head, sizeof head,
                 "{\"user\":%" PRId64 ",\"level\":\"%s\",\"status\":%d,\"path\":\"/", key,
                 index % 10 == 3 ? "debug" : "info", status);
    }
    size_t head_size = strlen(head), end_size = strlen(end);
    if (head_size + end_size > VALUE_SIZE)
        fail(fill->topic, "the fields are longer than a value");
    memcpy(value, head, head_size);
    memset(value + head_size, 'x', VALUE_SIZE - head_size - end_size);
    memcpy(value + VALUE_SIZE - end_size, end, end_size);
}

static void send_all(rd_kafka_t *client, struct fill *fill)
{
    int64_t start_ms = (int64_t)time(NULL) * 1000 / MINUTE_MS * MINUTE_MS - HOUR_MS;
    if (!strcmp(fill->kind, "table"))
        start_ms -= fill->count;
    for (int64_t i = 0; i < fill->count; i++) {
        char key[24], value[VALUE_SIZE];
        int64_t number = key_of(fill, i);
        int key_size = snprintf(key, sizeof key, "k%07" PRId64, number);
        write_value(fill, i, number, value);
        rd_kafka_resp_err_t error;
        while ((error = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(fill->topic),
                                          RD_KAFKA_V_PARTITION(partition_of(fill, number)),
                                          RD_KAFKA_V_KEY(key, (size_t)key_size),
                                          RD_KAFKA_V_VALUE(value, VALUE_SIZE),
                                          RD_KAFKA_V_TIMESTAMP(start_ms + i / RECORDS_PER_MS),
                                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                          RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(client, POLL_MS);
        if (error)
            fail(fill->topic, rd_kafka_err2str(error));
        rd_kafka_poll(client, 0);
    }
}

static int64_t number_of(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || end == text || value <= 0)
        fail(text, "not a positive number");
    return value;
}

static bool is_kind(const char *word)
{
    return !strcmp(word, "json") || !strcmp(word, "lines") || !strcmp(word, "table") ||
           !strcmp(word, "each");
}

int main(int count, char **words)
{
    if (count < 6 || count > 7 || !is_kind(words[1]))
        fail("usage", "fill json|lines|table|each BROKERS TOPIC COUNT KEYS [PARTITIONS]");
    struct fill fill = {.kind = words[1],
                        .topic = words[3],
                        .count = number_of(words[4]),
                        .key_count = number_of(words[5]),
                        .partition_count = count > 6 ? (int32_t)number_of(words[6]) : 1,
                        .seed = 42};
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", words[2], why, sizeof why) ||
        rd_kafka_conf_set(conf, "enable.idempotence", "true", why, sizeof why))
        fail(words[2], why);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, &fill);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!client)
        fail(words[2], why);
    send_all(client, &fill);
    rd_kafka_flush(client, PATIENCE_MS);
    if (fill.acknowledged != fill.count)
        fail(fill.topic, "records were not acknowledged");
    rd_kafka_destroy(client);
    return 0;
}
