/* librdkafka from Debian, as a C program uses it: codecs, headers, the idempotent producer, groups
 * of two in one process, commit and resume, seek by time, transactions.
 *
 * The broker is the one that $BROKER names. Every check prints its line; the exit code is 1 when
 * one failed.
 * Thread: main; librdkafka has its own inside. */
#include "tests/clients/librdkafka/admin.h"
#include "tests/clients/librdkafka/client.h"
#include "tests/clients/librdkafka/transactions.h"

static const char *const no_settings[] = {NULL};

/* --- Reading ---------------------------------------------------------------------------------- */

/* A consumer at this offset of partition 0, without a group of its own. */
static rd_kafka_t *reader_at(const char *topic, int64_t offset)
{
    rd_kafka_t *client = client_new(
        RD_KAFKA_CONSUMER, (const char *const[]){"group.id", "no group", "enable.auto.commit",
                                                 "false", "auto.offset.reset", "earliest", NULL});
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return client;
}

static rd_kafka_message_t *next_message(rd_kafka_t *client)
{
    int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
    while (client_now_ms() < deadline) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, CLIENT_POLL_MS);
        if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return message;
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
    }
    return NULL;
}

/* Expects values "PREFIX first", "PREFIX first + 1", … at offsets from `offset` on. */
static const char *expect_values(rd_kafka_t *client, const char *prefix, int first, int count,
                                 int64_t offset)
{
    for (int i = 0; i < count; i++) {
        rd_kafka_message_t *message = next_message(client);
        EXPECT(message != NULL, "only %d of %d records came", i, count);
        char wanted[64];
        int size = snprintf(wanted, sizeof wanted, "%s %d ", prefix, first + i);
        bool is_good = message->offset == offset + i && message->len > (size_t)size &&
                       memcmp(message->payload, wanted, (size_t)size) == 0;
        int64_t seen = message->offset;
        rd_kafka_message_destroy(message);
        EXPECT(is_good, "wrong record at offset %lld, expected '%s' at %lld", (long long)seen,
               wanted, (long long)offset + i);
    }
    return NULL;
}

/* --- Codecs, headers, idempotence ------------------------------------------------------------- */

static const char *check_codec_of_batches(const char *topic, const char *codec)
{
    char command[1024];
    snprintf(command, sizeof command, "/usr/bin/python3 '%s/batches.py' \"$BROKER\" '%s'",
             CLIENTS_FOLDER, topic);
    FILE *pipe = popen(command, "r");
    EXPECT(pipe != NULL, "cannot run batches.py");
    char seen[128] = "";
    bool has_line = fgets(seen, sizeof seen, pipe) != NULL;
    pclose(pipe);
    seen[strcspn(seen, "\n")] = 0;
    EXPECT(has_line && strcmp(seen, codec) == 0, "codecs of the batches: %s", seen);
    return NULL;
}

static const char *check_codec(const char *codec)
{
    char topic[64];
    client_unique(codec, topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    struct client_reports reports;
    STEP(client_produce(topic, 0, codec, 2000,
                        (const char *const[]){"compression.codec", codec, NULL}, &reports));
    rd_kafka_t *client = reader_at(topic, 0);
    const char *why = expect_values(client, codec, 0, 2000, 0);
    rd_kafka_destroy(client);
    STEP(why);
    return check_codec_of_batches(topic, codec);
}

static const char *send_one_with_headers(rd_kafka_t *client, const char *topic)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    rd_kafka_header_add(headers, "color", -1, "green", -1);
    rd_kafka_header_add(headers, "color", -1, "\0\xff", 2);
    rd_kafka_header_add(headers, "null", -1, NULL, 0);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("key", 3),
        RD_KAFKA_V_VALUE("value", 5), RD_KAFKA_V_TIMESTAMP(1700000000123),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "produce: %s", rd_kafka_err2name(code));
    code = rd_kafka_flush(client, CLIENT_PATIENCE_MS);
    EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "flush: %s", rd_kafka_err2name(code));
    return NULL;
}

static const char *check_message(const rd_kafka_message_t *message)
{
    EXPECT(message->key_len == 3 && memcmp(message->key, "key", 3) == 0, "another key");
    EXPECT(message->len == 5 && memcmp(message->payload, "value", 5) == 0, "another value");
    EXPECT(rd_kafka_message_timestamp(message, NULL) == 1700000000123, "another timestamp");
    rd_kafka_headers_t *headers;
    EXPECT(rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, "no headers");
    EXPECT(rd_kafka_header_cnt(headers) == 3, "%zu headers", rd_kafka_header_cnt(headers));
    const char *name;
    const void *value;
    size_t size;
    rd_kafka_header_get_all(headers, 0, &name, &value, &size);
    EXPECT(strcmp(name, "color") == 0 && size == 5, "another first header");
    rd_kafka_header_get_all(headers, 1, &name, &value, &size);
    EXPECT(size == 2 && memcmp(value, "\0\xff", 2) == 0, "another second header");
    rd_kafka_header_get_all(headers, 2, &name, &value, &size);
    EXPECT(value == NULL, "a header without value came back with one");
    return NULL;
}

static const char *check_headers(void)
{
    char topic[64];
    client_unique("headers", topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, no_settings);
    const char *why = send_one_with_headers(client, topic);
    rd_kafka_destroy(client);
    STEP(why);
    client = reader_at(topic, 0);
    rd_kafka_message_t *message = next_message(client);
    why = message == NULL ? "the record did not come" : check_message(message);
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(client);
    return why;
}

static const char *check_idempotent(void)
{
    char topic[64];
    client_unique("idempotent", topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    struct client_reports reports;
    STEP(client_produce(topic, 0, "once", 20000,
                        (const char *const[]){"enable.idempotence", "true", "batch.num.messages",
                                              "500", "linger.ms", "0", NULL},
                        &reports));
    EXPECT(reports.last_offset == 19999, "last offset %lld", (long long)reports.last_offset);
    rd_kafka_t *client = reader_at(topic, 0);
    const char *why = expect_values(client, "once", 0, 20000, 0);
    rd_kafka_destroy(client);
    return why;
}

/* --- Seek by time ----------------------------------------------------------------------------- */

static const char *expect_offset_at(rd_kafka_t *client, const char *topic, int64_t time,
                                    int64_t wanted)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = time;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, CLIENT_PATIENCE_MS);
    int64_t offset = list->elems[0].offset;
    rd_kafka_resp_err_t place_code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "offsets_for_times: %s", rd_kafka_err2name(code));
    EXPECT(place_code == RD_KAFKA_RESP_ERR_NO_ERROR, "offsets_for_times: %s",
           rd_kafka_err2name(place_code));
    EXPECT(offset == wanted, "offset at %lld: expected %lld, saw %lld", (long long)time,
           (long long)wanted, (long long)offset);
    return NULL;
}

static const char *check_times(rd_kafka_t *client, const char *topic, int64_t middle)
{
    STEP(expect_offset_at(client, topic, 0, 0));
    STEP(expect_offset_at(client, topic, middle, 100));
    STEP(expect_offset_at(client, topic, client_wall_clock_ms() + 3600000, RD_KAFKA_OFFSET_END));
    int64_t low = -1;
    int64_t high = -1;
    rd_kafka_query_watermark_offsets(client, topic, 0, &low, &high, CLIENT_PATIENCE_MS);
    EXPECT(low == 0 && high == 200, "watermarks %lld and %lld", (long long)low, (long long)high);
    return NULL;
}

static const char *check_seek_by_time(void)
{
    char topic[64];
    client_unique("time", topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    struct client_reports reports;
    STEP(client_produce(topic, 0, "early", 100, no_settings, &reports));
    int64_t middle = reports.last_timestamp + 1;
    while (client_wall_clock_ms() <= middle) { /* a millisecond or two */
    }
    STEP(client_produce(topic, 0, "late", 100,
                        (const char *const[]){"compression.codec", "zstd", NULL}, &reports));
    rd_kafka_t *client = reader_at(topic, 100);
    const char *why = check_times(client, topic, middle);
    if (why == NULL) {
        why = expect_values(client, "late", 0, 100, 100);
    }
    rd_kafka_destroy(client);
    return why;
}

/* --- Groups ----------------------------------------------------------------------------------- */

enum { PARTITIONS = 4, PER_PARTITION = 50 };

struct member {
    rd_kafka_t *client;
    int rebalances;
    int assigned; /* how many partitions */
    int records;
};

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct member *member = opaque;
    bool is_cooperative = strcmp(rd_kafka_rebalance_protocol(client), "COOPERATIVE") == 0;
    bool is_assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    member->rebalances++;
    if (is_cooperative) {
        member->assigned += is_assign ? list->cnt : -list->cnt;
        rd_kafka_error_destroy(is_assign ? rd_kafka_incremental_assign(client, list)
                                         : rd_kafka_incremental_unassign(client, list));
    } else {
        member->assigned = is_assign ? list->cnt : 0;
        rd_kafka_assign(client, is_assign ? list : NULL);
    }
}

static void member_join(struct member *member, const char *group, const char *topic,
                        const char *strategy)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", getenv("BROKER")},    {"group.id", group},
        {"auto.offset.reset", "earliest"},          {"session.timeout.ms", "10000"},
        {"heartbeat.interval.ms", "300"},           {"topic.metadata.refresh.interval.ms", "1000"},
        {"partition.assignment.strategy", strategy}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], NULL, 0);
    }
    *member = (struct member){.client = NULL};
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, member);
    member->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    rd_kafka_poll_set_consumer(member->client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(member->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void member_leave(struct member *member)
{
    if (member->client != NULL) {
        rd_kafka_consumer_close(member->client);
        rd_kafka_destroy(member->client);
        member->client = NULL;
    }
}

static void member_poll(struct member *member)
{
    if (member->client == NULL) {
        return;
    }
    rd_kafka_message_t *message = rd_kafka_consumer_poll(member->client, CLIENT_POLL_MS / 10);
    if (message != NULL) {
        member->records += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_message_destroy(message);
    }
}

/* Polls both until each has as many partitions, and both together as many records. */
static const char *await(struct member members[2], int first, int second, int records)
{
    int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
    while (members[0].assigned != first || members[1].assigned != second ||
           members[0].records + members[1].records < records) {
        EXPECT(client_now_ms() < deadline,
               "waited for %d and %d partitions and %d records: %d, %d and %d", first, second,
               records, members[0].assigned, members[1].assigned,
               members[0].records + members[1].records);
        member_poll(&members[0]);
        member_poll(&members[1]);
    }
    EXPECT(members[0].records + members[1].records == records, "records came twice: %d of %d",
           members[0].records + members[1].records, records);
    return NULL;
}

static const char *produce_everywhere(const char *topic)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        struct client_reports reports;
        STEP(client_produce(topic, i, "group", PER_PARTITION, no_settings, &reports));
    }
    return NULL;
}

static const char *play_group(struct member members[2], const char *topic, const char *group,
                              const char *strategy)
{
    int round = PARTITIONS * PER_PARTITION;
    member_join(&members[0], group, topic, strategy);
    STEP(produce_everywhere(topic));
    STEP(await(members, PARTITIONS, 0, round));
    member_join(&members[1], group, topic, strategy);
    STEP(await(members, PARTITIONS / 2, PARTITIONS / 2, round));
    STEP(produce_everywhere(topic));
    STEP(await(members, PARTITIONS / 2, PARTITIONS / 2, 2 * round));
    EXPECT(members[1].records == round / 2, "the second member read %d", members[1].records);
    member_leave(&members[0]);
    STEP(produce_everywhere(topic));
    return await(members, 0, PARTITIONS, 3 * round);
}

static const char *check_group(const char *strategy)
{
    char topic[64];
    char group[64];
    client_unique("group", topic, sizeof topic);
    client_unique("members", group, sizeof group);
    STEP(client_create_topic(topic, PARTITIONS));
    struct member members[2] = {{.client = NULL}, {.client = NULL}};
    const char *why = play_group(members, topic, group, strategy);
    member_leave(&members[0]);
    member_leave(&members[1]);
    return why;
}

static const char *commit_in_the_middle(const char *topic, const char *group)
{
    struct member member;
    member_join(&member, group, topic, "range");
    int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
    while (member.records < 100 && client_now_ms() < deadline) {
        member_poll(&member);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 37;
    rd_kafka_resp_err_t code = rd_kafka_commit(member.client, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    int records = member.records;
    /* Destroyed without closing: the member neither leaves nor commits again. */
    rd_kafka_destroy_flags(member.client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    EXPECT(records == 100, "%d of 100 records came", records);
    EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "commit: %s", rd_kafka_err2name(code));
    return NULL;
}

static const char *check_resume(void)
{
    char topic[64];
    char group[64];
    client_unique("resume", topic, sizeof topic);
    client_unique("resumer", group, sizeof group);
    STEP(client_create_topic(topic, 1));
    struct client_reports reports;
    STEP(client_produce(topic, 0, "value", 100, no_settings, &reports));
    STEP(commit_in_the_middle(topic, group));
    struct member members[2] = {{.client = NULL}, {.client = NULL}};
    member_join(&members[0], group, topic, "range");
    const char *why = await(members, 1, 0, 63);
    member_leave(&members[0]);
    return why;
}

/* --- Main ------------------------------------------------------------------------------------- */

static int report(const char *name, const char *detail, const char *why)
{
    if (why == NULL) {
        printf("ok librdkafka %s%s\n", name, detail);
    } else {
        printf("not ok librdkafka %s%s: %s\n", name, detail, why);
    }
    fflush(stdout);
    return why == NULL ? 0 : 1;
}

int main(void)
{
    if (getenv("BROKER") == NULL) {
        fprintf(stderr, "BROKER=host:port is not set\n");
        return 2;
    }
    int failed = 0;
    const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        failed += report("codec ", codecs[i], check_codec(codecs[i]));
    }
    failed += report("headers", "", check_headers());
    failed += report("idempotent producer", "", check_idempotent());
    failed += report("seek by time", "", check_seek_by_time());
    const char *const strategies[] = {"range", "roundrobin", "cooperative-sticky"};
    for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        failed +=
            report("group of two with a rebalance, ", strategies[i], check_group(strategies[i]));
    }
    failed += report("commit and resume", "", check_resume());
    failed += report("transactions that commit and abort", "", transactions_check_ends());
    failed += report("transactions with offsets", "", transactions_check_offsets());
    failed += report("transactions of a zombie", "", transactions_check_zombie());
    failed += report("transactions that time out", "", transactions_check_timeout());
    failed += report("admin topics", "", admin_check_topics());
    failed += report("admin configs", "", admin_check_configs());
    return failed == 0 ? 0 : 1;
}
