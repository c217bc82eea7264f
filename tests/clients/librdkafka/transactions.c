/* See transactions.h. */
#include "tests/clients/librdkafka/transactions.h"

#include "tests/clients/librdkafka/client.h"

enum { TRANSACTIONS_CALL_MS = 30000, TRANSACTIONS_RECORDS = 50 };

/* The sentence of an error, which is freed. */
static const char *tell(const char *step, rd_kafka_error_t *error)
{
    if (error == NULL) {
        return NULL;
    }
    const char *why =
        client_why("%s: %s: %s", step, rd_kafka_error_name(error), rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return why;
}

static rd_kafka_t *producer_new(const char *id, const char *timeout_ms)
{
    return client_new(
        RD_KAFKA_PRODUCER,
        (const char *const[]){"transactional.id", id, "transaction.timeout.ms", timeout_ms, NULL});
}

static const char *send_records(rd_kafka_t *producer, const char *topic, const char *prefix,
                                int count)
{
    for (int i = 0; i < count; i++) {
        char value[64];
        int size = snprintf(value, sizeof value, "%s %d", prefix, i);
        rd_kafka_resp_err_t code =
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE(value, (size_t)size), RD_KAFKA_V_END);
        EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "produce: %s", rd_kafka_err2name(code));
    }
    return NULL;
}

static const char *transact(rd_kafka_t *producer, const char *topic, const char *prefix,
                            bool is_commit)
{
    STEP(tell("begin", rd_kafka_begin_transaction(producer)));
    STEP(send_records(producer, topic, prefix, TRANSACTIONS_RECORDS));
    rd_kafka_resp_err_t code = rd_kafka_flush(producer, TRANSACTIONS_CALL_MS);
    EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "flush: %s", rd_kafka_err2name(code));
    return is_commit ? tell("commit", rd_kafka_commit_transaction(producer, TRANSACTIONS_CALL_MS))
                     : tell("abort", rd_kafka_abort_transaction(producer, TRANSACTIONS_CALL_MS));
}

/* Reads the topic to its end: what is there, by the first letter of the values. */
static const char *count_values(const char *topic, const char *isolation, int counts[128])
{
    rd_kafka_t *reader =
        client_new(RD_KAFKA_CONSUMER,
                   (const char *const[]){"group.id", "no group", "enable.auto.commit", "false",
                                         "auto.offset.reset", "earliest", "enable.partition.eof",
                                         "true", "isolation.level", isolation, NULL});
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
    bool is_over = false;
    while (!is_over && client_now_ms() < deadline) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, CLIENT_POLL_MS);
        if (message == NULL) {
            continue;
        }
        is_over = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->len > 0) {
            counts[((const unsigned char *)message->payload)[0] & 127]++;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    EXPECT(is_over, "%s never ended", topic);
    return NULL;
}

static const char *expect_counts(const char *topic, const char *isolation, int committed,
                                 int aborted)
{
    int counts[128] = {0};
    STEP(count_values(topic, isolation, counts));
    EXPECT(counts['c'] == committed && counts['a'] == aborted,
           "%s reads %d committed and %d aborted records, expected %d and %d", isolation,
           counts['c'], counts['a'], committed, aborted);
    return NULL;
}

static const char *play_ends(rd_kafka_t *producer, const char *topic)
{
    STEP(tell("init", rd_kafka_init_transactions(producer, TRANSACTIONS_CALL_MS)));
    STEP(transact(producer, topic, "c", true));
    STEP(transact(producer, topic, "a", false));
    STEP(transact(producer, topic, "c", true));
    STEP(expect_counts(topic, "read_committed", 2 * TRANSACTIONS_RECORDS, 0));
    return expect_counts(topic, "read_uncommitted", 2 * TRANSACTIONS_RECORDS, TRANSACTIONS_RECORDS);
}

const char *transactions_check_ends(void)
{
    char topic[64];
    client_unique("ends", topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    rd_kafka_t *producer = producer_new(topic, "60000");
    const char *why = play_ends(producer, topic);
    rd_kafka_destroy(producer);
    return why;
}

static const char *send_offset(rd_kafka_t *producer, rd_kafka_t *reader, const char *topic,
                               int64_t offset)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(reader);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    rd_kafka_error_t *error =
        rd_kafka_send_offsets_to_transaction(producer, list, group, TRANSACTIONS_CALL_MS);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
    return tell("send offsets", error);
}

static const char *expect_committed(rd_kafka_t *reader, const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0);
    rd_kafka_resp_err_t code = rd_kafka_committed(reader, list, TRANSACTIONS_CALL_MS);
    int64_t seen = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    EXPECT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "committed: %s", rd_kafka_err2name(code));
    EXPECT(seen == offset, "the group is at %lld, expected %lld", (long long)seen,
           (long long)offset);
    return NULL;
}

static const char *play_offsets(rd_kafka_t *producer, rd_kafka_t *reader, const char *topic)
{
    STEP(tell("init", rd_kafka_init_transactions(producer, TRANSACTIONS_CALL_MS)));
    STEP(tell("begin", rd_kafka_begin_transaction(producer)));
    STEP(send_records(producer, topic, "c", 1));
    STEP(send_offset(producer, reader, topic, 17));
    STEP(tell("commit", rd_kafka_commit_transaction(producer, TRANSACTIONS_CALL_MS)));
    STEP(expect_committed(reader, topic, 17));
    STEP(tell("begin", rd_kafka_begin_transaction(producer)));
    STEP(send_offset(producer, reader, topic, 23));
    STEP(tell("abort", rd_kafka_abort_transaction(producer, TRANSACTIONS_CALL_MS)));
    return expect_committed(reader, topic, 17);
}

const char *transactions_check_offsets(void)
{
    char topic[64];
    client_unique("transaction-offsets", topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    rd_kafka_t *producer = producer_new(topic, "60000");
    rd_kafka_t *reader =
        client_new(RD_KAFKA_CONSUMER,
                   (const char *const[]){"group.id", topic, "enable.auto.commit", "false", NULL});
    const char *why = play_offsets(producer, reader, topic);
    rd_kafka_destroy(producer);
    rd_kafka_destroy(reader);
    return why;
}

/* The code of an error, which is freed. */
static rd_kafka_resp_err_t code_of(rd_kafka_error_t *error, bool *is_fatal)
{
    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    *is_fatal = rd_kafka_error_is_fatal(error) == 1;
    rd_kafka_error_destroy(error);
    return code;
}

static const char *play_zombie(rd_kafka_t *zombie, rd_kafka_t *young, const char *topic)
{
    bool is_fatal = false;
    STEP(tell("init", rd_kafka_init_transactions(zombie, TRANSACTIONS_CALL_MS)));
    STEP(tell("begin", rd_kafka_begin_transaction(zombie)));
    STEP(send_records(zombie, topic, "a", 5));
    rd_kafka_flush(zombie, TRANSACTIONS_CALL_MS);
    STEP(tell("init of the other", rd_kafka_init_transactions(young, TRANSACTIONS_CALL_MS)));
    STEP(transact(young, topic, "c", true));
    rd_kafka_resp_err_t code =
        code_of(rd_kafka_commit_transaction(zombie, TRANSACTIONS_CALL_MS), &is_fatal);
    EXPECT(code != RD_KAFKA_RESP_ERR_NO_ERROR, "the zombie has committed");
    EXPECT(is_fatal, "the zombie may go on after %s", rd_kafka_err2name(code));
    return expect_counts(topic, "read_committed", TRANSACTIONS_RECORDS, 0);
}

const char *transactions_check_zombie(void)
{
    char topic[64];
    client_unique("zombie", topic, sizeof topic);
    STEP(client_create_topic(topic, 1));
    rd_kafka_t *zombie = producer_new(topic, "60000");
    rd_kafka_t *young = producer_new(topic, "60000");
    const char *why = play_zombie(zombie, young, topic);
    rd_kafka_destroy(zombie);
    rd_kafka_destroy(young);
    return why;
}

/* An open transaction hides what comes behind it until its timeout has ended it. */
static const char *play_timeout(rd_kafka_t *slow, rd_kafka_t *other, const char *topic)
{
    STEP(tell("init", rd_kafka_init_transactions(slow, TRANSACTIONS_CALL_MS)));
    STEP(tell("init", rd_kafka_init_transactions(other, TRANSACTIONS_CALL_MS)));
    STEP(tell("begin", rd_kafka_begin_transaction(slow)));
    STEP(send_records(slow, topic, "a", 5));
    rd_kafka_flush(slow, TRANSACTIONS_CALL_MS);
    STEP(transact(other, topic, "c", true));
    int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
    int counts[128] = {0};
    while (counts['c'] == 0 && client_now_ms() < deadline) {
        STEP(count_values(topic, "read_committed", counts));
    }
    EXPECT(counts['c'] == TRANSACTIONS_RECORDS, "%d records came after the timeout", counts['c']);
    EXPECT(counts['a'] == 0, "%d aborted records came", counts['a']);
    bool is_fatal = false;
    rd_kafka_resp_err_t code =
        code_of(rd_kafka_commit_transaction(slow, TRANSACTIONS_CALL_MS), &is_fatal);
    EXPECT(code != RD_KAFKA_RESP_ERR_NO_ERROR, "a transaction commits after its timeout");
    return NULL;
}

const char *transactions_check_timeout(void)
{
    char topic[64];
    char id[80];
    client_unique("timeout", topic, sizeof topic);
    snprintf(id, sizeof id, "%s-other", topic);
    STEP(client_create_topic(topic, 1));
    rd_kafka_t *slow = producer_new(topic, "1000");
    rd_kafka_t *other = producer_new(id, "60000");
    const char *why = play_timeout(slow, other, topic);
    rd_kafka_destroy(slow);
    rd_kafka_destroy(other);
    return why;
}
