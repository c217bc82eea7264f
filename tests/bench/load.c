/* A load for any broker: writes, paces or reads records through librdkafka and prints one line of
 * numbers. The same program stands before both brokers, so what differs is the broker.
 *
 *     load produce BROKERS TOPIC COUNT SIZE [NAME=VALUE ...]        seconds
 *     load pace    BROKERS TOPIC COUNT SIZE RATE [NAME=VALUE ...]   p50 and p99 in microseconds
 *     load commit  BROKERS TOPIC SECONDS SIZE PERIOD_MS [NAME=VALUE ...]
 *                  records and seconds, and p50 and p99 in microseconds of a commit with the flush
 *                  before it, and of the commit alone
 *     load fetch   BROKERS TOPIC COUNT PARTITIONS [NAME=VALUE ...]  seconds
 *     load await   BROKERS TOPIC COUNT PARTITIONS                   seconds from the first one on;
 *                  fails when nothing came for a minute
 *
 * NAME=VALUE is a property of librdkafka. Records are random text; when $BENCH_VALUE is set it is
 * the value of every record. `pace` measures from the moment a record was due, not from when it was
 * sent: a stall counts for all records behind it. Its first second is not counted. `commit` ends a
 * transaction after each period, and begins the next one at once. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PATIENCE_MS = 60000,
    POLL_MS = 100,
    STEP_MS = 2,
    POOL_SIZE = 1 << 20,
    FETCH_COUNT = 1000, /* the client waits until it has so many, or has lost patience */
    COMMIT_COUNT_MAX = 1 << 16,
};

struct load {
    int64_t acknowledged;
    int64_t failed;
    int64_t *delay_ns; /* NULL: not wanted */
    int64_t delay_count;
    int64_t skip_count; /* the first records, not counted */
};

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    exit(1);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *owner)
{
    struct load *load = owner;
    (void)client;
    if (message->err) {
        if (load->failed++ == 0)
            fprintf(stderr, "load: %s\n", rd_kafka_err2str(message->err));
        return;
    }
    if (load->delay_ns && load->acknowledged >= load->skip_count)
        load->delay_ns[load->delay_count++] = now_ns() - (int64_t)(intptr_t)message->_private;
    load->acknowledged++;
}

static void set_property(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        fail(name, why);
}

/* The rest of the command line is properties. */
static rd_kafka_t *client_new(rd_kafka_type_t type, const char *brokers, struct load *load,
                              char **properties)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_property(conf, "bootstrap.servers", brokers);
    if (type == RD_KAFKA_PRODUCER) {
        set_property(conf, "queue.buffering.max.messages", "1000000");
        set_property(conf, "max.in.flight", "5");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    } else {
        set_property(conf, "group.id", "bench");
        set_property(conf, "check.crcs", "false");
    }
    for (; *properties; properties++) {
        char *value = strchr(*properties, '=');
        if (!value)
            fail(*properties, "not NAME=VALUE");
        *value++ = 0;
        set_property(conf, *properties, value);
    }
    rd_kafka_conf_set_opaque(conf, load);
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (!client)
        fail(brokers, why);
    return client;
}

static int64_t number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || end == text || value <= 0)
        fail(text, "not a positive number");
    return value;
}

static char *pool_new(void)
{
    uint64_t seed = 42;
    char *pool = malloc(POOL_SIZE);
    if (!pool)
        fail("pool", "no memory");
    for (size_t i = 0; i < POOL_SIZE; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        pool[i] = (char)('A' + (seed >> 33) % 26);
    }
    return pool;
}

/* Hands one record to the client, waiting for room. */
static void send_record(rd_kafka_t *client, rd_kafka_topic_t *topic, const void *value, size_t size,
                        int64_t due_ns)
{
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)value, size,
                            NULL, 0, (void *)(intptr_t)due_ns) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(client, POLL_MS);
    }
}

static void send_all(rd_kafka_t *client, rd_kafka_topic_t *topic, int64_t count, size_t size,
                     int64_t rate)
{
    const char *fixed = getenv("BENCH_VALUE");
    char *pool = pool_new();
    int64_t start_ns = now_ns();
    if (size > POOL_SIZE / 2)
        fail("SIZE", "too large");
    for (int64_t i = 0; i < count; i++) {
        const char *value = fixed ? fixed : pool + (size_t)(i * 31) % (POOL_SIZE - size);
        int64_t due_ns = rate ? start_ns + i * 1000000000 / rate : 0;
        while (rate && now_ns() < due_ns)
            rd_kafka_poll(client, STEP_MS - 1);
        send_record(client, topic, value, fixed ? strlen(fixed) : size, due_ns);
        if (i % 1000 == 0)
            rd_kafka_poll(client, 0);
    }
    free(pool);
}

static int compare_delay(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void print_delays(int64_t *delays_ns, int64_t count)
{
    qsort(delays_ns, (size_t)count, sizeof *delays_ns, compare_delay);
    printf("%lld %lld", (long long)delays_ns[count / 2] / 1000,
           (long long)delays_ns[count * 99 / 100] / 1000);
}

static void await_topic(rd_kafka_t *client, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client, 0, topic, &metadata, PATIENCE_MS))
        fail(rd_kafka_topic_name(topic), "no metadata");
    rd_kafka_metadata_destroy(metadata);
}

static int run_produce(const char *brokers, const char *topic_name, int64_t count, size_t size,
                       int64_t rate, char **properties)
{
    struct load load = {.skip_count = rate};
    if (rate && !(load.delay_ns = malloc((size_t)count * sizeof *load.delay_ns)))
        fail("delays", "no memory");
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, brokers, &load, properties);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, topic_name, NULL);
    await_topic(client, topic);

    int64_t start_ns = now_ns();
    send_all(client, topic, count, size, rate);
    rd_kafka_flush(client, PATIENCE_MS);
    double seconds = (double)(now_ns() - start_ns) / 1e9;
    if (load.failed || load.acknowledged != count)
        fail(topic_name, "records were not acknowledged");
    if (rate) {
        if (load.delay_count == 0)
            fail("COUNT", "less than a second of records");
        print_delays(load.delay_ns, load.delay_count);
        printf("\n");
    } else {
        printf("%.6f\n", seconds);
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    free(load.delay_ns);
    return 0;
}

static void judge(const char *what, rd_kafka_error_t *error)
{
    if (error)
        fail(what, rd_kafka_error_string(error));
}

/* Sends as fast as it goes until then; the count of records. */
static int64_t send_until(rd_kafka_t *client, rd_kafka_topic_t *topic, const char *pool,
                          size_t size, int64_t end_ns)
{
    int64_t count = 0;
    for (; count % 100 || now_ns() < end_ns; count++)
        send_record(client, topic, pool + (size_t)(count * 31) % (POOL_SIZE - size), size, 0);
    rd_kafka_poll(client, 0);
    return count;
}

static int run_commit(const char *brokers, const char *topic_name, int64_t seconds, size_t size,
                      int64_t period_ms, char **properties)
{
    struct load load = {0};
    int64_t *stops_ns = calloc(COMMIT_COUNT_MAX, sizeof *stops_ns);
    int64_t *commits_ns = calloc(COMMIT_COUNT_MAX, sizeof *commits_ns);
    char *pool = pool_new();
    int64_t count = 0, commit_count = 0;
    if (!stops_ns || !commits_ns || size > POOL_SIZE / 2)
        fail("SIZE", "no memory, or too large");
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, brokers, &load, properties);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, topic_name, NULL);
    judge("init_transactions", rd_kafka_init_transactions(client, PATIENCE_MS));
    await_topic(client, topic);

    int64_t start_ns = now_ns(), end_ns = start_ns + seconds * 1000000000;
    while (now_ns() < end_ns && commit_count < COMMIT_COUNT_MAX) {
        judge("begin_transaction", rd_kafka_begin_transaction(client));
        count += send_until(client, topic, pool, size, now_ns() + period_ms * 1000000);
        int64_t stop_ns = now_ns();
        rd_kafka_flush(client, PATIENCE_MS);
        int64_t flushed_ns = now_ns();
        judge("commit_transaction", rd_kafka_commit_transaction(client, PATIENCE_MS));
        stops_ns[commit_count] = now_ns() - stop_ns;
        commits_ns[commit_count++] = now_ns() - flushed_ns;
    }
    double took = (double)(now_ns() - start_ns) / 1e9;
    if (load.failed || load.acknowledged != count)
        fail(topic_name, "records were not acknowledged");
    printf("%lld %.6f ", (long long)count, took);
    print_delays(stops_ns, commit_count);
    printf(" ");
    print_delays(commits_ns, commit_count);
    printf("\n");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    free(pool);
    free(stops_ns);
    free(commits_ns);
    return 0;
}

/* The clock starts with the first record: joining and looking up are not what is measured. */
static int run_fetch(const char *brokers, const char *topic, int64_t count, int64_t partitions,
                     char **properties)
{
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, brokers, NULL, properties);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)partitions);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_poll_set_consumer(client);
    if (rd_kafka_assign(client, list))
        fail(topic, "cannot be assigned");
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    rd_kafka_message_t *messages[FETCH_COUNT];
    int64_t start_ns = 0, seen = 0;
    while (seen < count) {
        size_t wanted = count - seen < FETCH_COUNT ? (size_t)(count - seen) : FETCH_COUNT;
        ssize_t got = rd_kafka_consume_batch_queue(queue, PATIENCE_MS, messages, wanted);
        if (got <= 0)
            fail(topic, "nothing more to read");
        if (!start_ns)
            start_ns = now_ns();
        for (ssize_t i = 0; i < got; i++) {
            seen += messages[i]->err == 0;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    printf("%.6f\n", (double)(now_ns() - start_ns) / 1e9);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return 0;
}

/* A topic that was just made is not everywhere at once: it has no records yet. */
static bool is_on_its_way(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
}

static int64_t count_records(rd_kafka_t *client, const char *topic, int64_t partitions)
{
    int64_t count = 0;
    for (int32_t i = 0; i < partitions; i++) {
        int64_t low, high = 0;
        rd_kafka_resp_err_t error =
            rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, PATIENCE_MS);
        if (error && !is_on_its_way(error))
            fail(topic, rd_kafka_err2str(error));
        count += error ? 0 : high;
    }
    return count;
}

static int run_await(const char *brokers, const char *topic, int64_t count, int64_t partitions,
                     char **properties)
{
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, brokers, NULL, properties);
    const struct timespec pause = {.tv_nsec = 5000000};
    int64_t start_ns = 0, moved_ns = now_ns();
    for (int64_t seen = 0, before = 0; seen < count; before = seen) {
        seen = count_records(client, topic, partitions);
        if (!start_ns && seen)
            start_ns = now_ns();
        if (seen != before)
            moved_ns = now_ns();
        if (now_ns() - moved_ns > (int64_t)PATIENCE_MS * 1000000) {
            fprintf(stderr, "load: %lld of %lld records\n", (long long)seen, (long long)count);
            return 1;
        }
        nanosleep(&pause, NULL);
    }
    printf("%.6f\n", (double)(now_ns() - start_ns) / 1e9);
    rd_kafka_destroy(client);
    return 0;
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";
    if (count >= 6 && !strcmp(what, "produce"))
        return run_produce(words[2], words[3], number(words[4]), (size_t)number(words[5]), 0,
                           words + 6);
    if (count >= 7 && !strcmp(what, "pace"))
        return run_produce(words[2], words[3], number(words[4]), (size_t)number(words[5]),
                           number(words[6]), words + 7);
    if (count >= 7 && !strcmp(what, "commit"))
        return run_commit(words[2], words[3], number(words[4]), (size_t)number(words[5]),
                          number(words[6]), words + 7);
    if (count >= 6 && !strcmp(what, "fetch"))
        return run_fetch(words[2], words[3], number(words[4]), number(words[5]), words + 6);
    if (count >= 6 && !strcmp(what, "await"))
        return run_await(words[2], words[3], number(words[4]), number(words[5]), words + 6);
    fprintf(stderr, "usage: load produce|pace|commit|fetch|await BROKERS TOPIC ...\n");
    return 2;
}
