/* Shows what a fetch returns and when: whole batches up to its limits, nothing above the high
 * watermark, at once when there is enough, later when there is not, and never for a client that is
 * gone. */
#include "log/meta/meta.h"
#include "tests/unit/log/server/node.h"

enum { ROOM = 1 << 20 };

struct ask {
    int64_t offset;
    int32_t size_max; /* of the partition */
    int32_t partition;
    int32_t total_max;
    int32_t size_min;
    int32_t wait_ms;
    int32_t epoch; /* current leader epoch */
    int8_t isolation;
    const char *topic;
};

static struct node_call *send_fetch(struct node *node, struct peer *peer, struct ask ask)
{
    struct fetch_request_partition part = {.index = ask.partition,
                                           .current_leader_epoch = ask.epoch,
                                           .fetch_offset = ask.offset,
                                           .last_fetched_epoch = -1,
                                           .log_start_offset = -1,
                                           .partition_max_bytes = ask.size_max};
    struct fetch_request_topic topic = {.name = node_text(ask.topic == NULL ? "t" : ask.topic),
                                        .partitions = {.items = &part, .count = 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_wait_ms = ask.wait_ms,
                                    .min_bytes = ask.size_min,
                                    .max_bytes = ask.total_max,
                                    .isolation_level = ask.isolation,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    return node_send(node, peer, API_FETCH, 11, &request);
}

static const struct ask everything = {
    .size_max = ROOM, .total_max = ROOM, .size_min = 1, .epoch = -1};

static double held_size(struct node *node)
{
    return node_metric(node, "tidemill_request_bytes");
}

static void a_waiting_fetch_ends_with_its_connection(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    double before = held_size(node);
    struct peer *peer = node_connect(node);
    struct ask ask = everything;
    ask.wait_ms = 600000;
    struct node_call *call = send_fetch(node, peer, ask);
    node_run_ms(node, 1000);
    assert_false(call->is_answered);
    assert_true(held_size(node) > before);
    peer_close(peer);
    node_run_ms(node, 1000);
    assert_true(held_size(node) == before);
}

static const struct fetch_response *ask(struct node *node, struct ask ask)
{
    const struct fetch_response *response = node_wait(send_fetch(node, NULL, ask));
    assert_non_null(response);
    return response;
}

static const struct fetch_response_partition *ask_one(struct node *node, struct ask asked)
{
    const struct fetch_response *response = ask(node, asked);
    assert_int_equal(response->topics.count, 1);
    return &response->topics.items[0].partitions.items[0];
}

/* The offset of the first batch and the number of batches; they are whole and lie end to end. */
static int count_batches(struct bytes records, int64_t *first_offset)
{
    int count = 0;
    while (records.size > 0) {
        struct batch batch;
        assert_int_equal(batch_read_header(records, &batch, NULL), 0);
        if (count++ == 0) {
            *first_offset = batch.base_offset;
        }
        records = bytes_make(records.data + batch.bytes.size, records.size - batch.bytes.size);
    }
    return count;
}

/* Five batches of two records in every partition; the size of one. */
static size_t fill(struct node *node, int32_t partition_count)
{
    size_t size = 0;
    node_make_topic(node, "t", partition_count, NULL);
    for (int32_t i = 0; i < partition_count * 5; i++) {
        struct bytes batch = node_batch(node, 2, "value", 5);
        size = batch.size;
        assert_int_equal(node_produce(node, "t", i / 5, batch).error_code, 0);
    }
    return size;
}

static void whole_batches_come_from_the_one_that_holds_the_offset(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    for (int64_t offset = 0; offset <= 10; offset++) {
        struct ask asked = everything;
        int64_t first_offset = -1;
        asked.offset = offset;
        const struct fetch_response_partition *answer = ask_one(node, asked);
        assert_int_equal(answer->error_code, 0);
        assert_int_equal(answer->high_watermark, 10);
        assert_int_equal(answer->last_stable_offset, 10);
        assert_int_equal(answer->log_start_offset, 0);
        assert_int_equal(count_batches(answer->records, &first_offset), 5 - offset / 2);
        assert_true(offset == 10 || first_offset == offset / 2 * 2);
    }
}

static void limits_cut_between_batches(void **state)
{
    struct node *node = *state;
    size_t size = fill(node, 1);
    int64_t first_offset = -1;
    for (int32_t fitting = 0; fitting <= 5; fitting++) {
        struct ask asked = everything;
        asked.size_max = (int32_t)size * fitting + 1;
        int expected = fitting == 0 ? 1 : fitting; /* the first comes whatever its size */
        assert_int_equal(count_batches(ask_one(node, asked)->records, &first_offset), expected);
        asked = everything;
        asked.total_max = (int32_t)size * fitting + 1;
        assert_int_equal(count_batches(ask_one(node, asked)->records, &first_offset), expected);
    }
}

static void the_broker_has_a_limit_too(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "fetch.max.bytes", "1024");
    node_start(node);
    int64_t first_offset = -1;
    node_make_topic(node, "t", 1, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(node_produce(node, "t", 0, node_batch(node, 30, "value", 5)).error_code,
                         0);
    }
    struct bytes records = ask_one(node, everything)->records;
    assert_in_range(records.size, 400, 1024);
    assert_in_range(count_batches(records, &first_offset), 1, 4);
    node_free(node);
}

/* The codec of a topic comes with its effort. */
static void batches_are_stored_with_the_topics_effort(void **state)
{
    static const char *const efforts[][2] = {{"compression.gzip.level", "1"},
                                             {"compression.gzip.level", "9"},
                                             {"compression.zstd.level", "-100"},
                                             {"compression.zstd.level", "19"}};
    struct node *node = *state;
    size_t sizes[4];
    char *value = memory_zero(1, 20001);
    for (int i = 0; i < 20000; i++) {
        value[i] = (char)('a' + (i * i / 7 + i % 13) % 26);
    }
    for (int i = 0; i < 4; i++) {
        const char *configs[] = {"compression.type", i < 2 ? "gzip" : "zstd", efforts[i][0],
                                 efforts[i][1], NULL};
        char name[] = {'e', (char)('0' + i), 0};
        struct ask asked = everything;
        node_make_topic(node, name, 1, configs);
        assert_int_equal(node_produce(node, name, 0, node_batch(node, 1, value, 5)).error_code, 0);
        asked.topic = name;
        sizes[i] = ask_one(node, asked)->records.size;
        assert_true(sizes[i] > 0);
    }
    assert_true(sizes[1] < sizes[0]);
    assert_true(sizes[3] < sizes[2]);
    free(value);
}

/* The second partition's first batch has to fit, unlike that of the first. */
static void only_the_first_batch_of_all_may_be_too_large(void **state)
{
    struct node *node = *state;
    size_t size = fill(node, 2);
    struct fetch_request_partition parts[] = {
        {.index = 0, .current_leader_epoch = -1, .partition_max_bytes = 1},
        {.index = 1, .current_leader_epoch = -1, .partition_max_bytes = ROOM}};
    struct fetch_request_topic topic = {.name = BYTES_LITERAL("t"),
                                        .partitions = {.items = parts, .count = 2}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = (int32_t)size * 2,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    int64_t first_offset = -1;
    const struct fetch_response *response = node_ask(node, API_FETCH, 11, &request);
    const struct fetch_response_partition *answers = response->topics.items[0].partitions.items;
    assert_int_equal(count_batches(answers[0].records, &first_offset), 1);
    assert_int_equal(count_batches(answers[1].records, &first_offset), 1);
    request.max_bytes = (int32_t)size + 1;
    response = node_ask(node, API_FETCH, 11, &request);
    answers = response->topics.items[0].partitions.items;
    assert_int_equal(count_batches(answers[0].records, &first_offset), 1);
    assert_int_equal(answers[1].records.size, 0);
}

static void a_poll_waits_for_bytes_and_for_its_time(void **state)
{
    struct node *node = *state;
    size_t size = fill(node, 1);
    struct ask asked = everything;
    asked.offset = 10;
    asked.wait_ms = 5000;
    uint64_t started_ms = node_now_ms(node);
    assert_int_equal(ask_one(node, asked)->records.size, 0);
    assert_in_range(node_now_ms(node) - started_ms, 5000, 5100);
    asked.size_min = (int32_t)size + 1; /* two batches */
    struct peer *other = node_connect(node);
    started_ms = node_now_ms(node);
    struct node_call *call = send_fetch(node, other, asked);
    node_run_ms(node, 1000);
    node_produce(node, "t", 0, node_batch(node, 2, "value", 5));
    node_run_ms(node, 1000);
    assert_false(call->is_answered);
    node_produce(node, "t", 0, node_batch(node, 2, "value", 5));
    const struct fetch_response *response = node_wait(call);
    assert_true(node_now_ms(node) - started_ms < 3000);
    int64_t first_offset = -1;
    struct bytes records = response->topics.items[0].partitions.items[0].records;
    assert_int_equal(count_batches(records, &first_offset), 2);
    assert_int_equal(first_offset, 10);
}

/* min_bytes above what the limits allow must not wait for ever. */
static void a_poll_does_not_wait_for_more_than_it_may_have(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct ask asked = everything;
    asked.total_max = 10;
    asked.size_min = ROOM;
    asked.wait_ms = 600000;
    uint64_t started_ms = node_now_ms(node);
    assert_true(ask_one(node, asked)->records.size > 0);
    assert_true(node_now_ms(node) - started_ms < 1000);
}

static void what_is_not_flushed_is_not_seen(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    sim_plan(node->sim, 0)->sync =
        (struct sim_range){2000 * (uint64_t)NODE_MS, 2000 * (uint64_t)NODE_MS};
    struct produce_request_partition part = {.records = node_batch(node, 2, "value", 5)};
    struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = 1, .timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
    assert_non_null(node_ask(node, API_PRODUCE, 9, &request));
    struct ask asked = everything;
    asked.offset = 10;
    const struct fetch_response_partition *answer = ask_one(node, asked);
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->records.size, 0);
    assert_int_equal(answer->high_watermark, 10);
    node_run_ms(node, 5000);
    assert_true(ask_one(node, asked)->records.size > 0);
}

static void offsets_outside_the_log_are_errors(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct ask asked = everything;
    asked.offset = 11;
    asked.wait_ms = 600000; /* an error does not wait */
    assert_int_equal(ask_one(node, asked)->error_code, 1);
    asked.offset = -1;
    assert_int_equal(ask_one(node, asked)->error_code, 1);
}

static void what_is_not_there_or_of_another_epoch_is_an_error(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct ask asked = everything;
    asked.wait_ms = 600000;
    asked.topic = "unknown";
    assert_int_equal(ask_one(node, asked)->error_code, 3);
    asked.topic = "t";
    asked.partition = 9;
    assert_int_equal(ask_one(node, asked)->error_code, 3);
    asked.partition = 0;
    asked.epoch = 0;
    assert_int_equal(ask_one(node, asked)->error_code, 0);
    asked.epoch = 1;
    assert_int_equal(ask_one(node, asked)->error_code, 75);
}

static struct wire_uuid find_id(struct node *node, const char *name)
{
    struct metadata_request_topic topic = {.name = node_text(name)};
    struct metadata_request request = {.topics = {.items = &topic, .count = 1}};
    const struct metadata_response *response = node_ask(node, API_METADATA, 13, &request);
    assert_non_null(response);
    assert_int_equal(response->error_code, 0);
    return response->topics.items[0].topic_id;
}

static const struct fetch_response *ask_id(struct node *node, int16_t version, struct wire_uuid id)
{
    struct fetch_request_partition part = {.current_leader_epoch = -1,
                                           .last_fetched_epoch = -1,
                                           .partition_max_bytes = ROOM,
                                           .high_watermark = INT64_MAX};
    struct fetch_request_topic topic = {.topic_id = id, .partitions = {.items = &part, .count = 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .replica_state = {.replica_id = -1, .replica_epoch = -1},
                                    .max_wait_ms = 600000,
                                    .min_bytes = 1,
                                    .max_bytes = ROOM,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    const struct fetch_response *response = node_ask(node, API_FETCH, version, &request);
    assert_non_null(response);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->node_endpoints.count, 0);
    assert_int_equal(response->topics.count, 1);
    assert_true(meta_uuid_equal(response->topics.items[0].topic_id, id));
    return response;
}

static void ids_name_topics_from_version_13_on(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct wire_uuid id = find_id(node, "t");
    struct wire_uuid other = id;
    other.octets[15] ^= 1;
    for (int16_t version = 13; version <= 18; version++) {
        int64_t first_offset = -1;
        const struct fetch_response *response = ask_id(node, version, id);
        assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
        assert_int_equal(
            count_batches(response->topics.items[0].partitions.items[0].records, &first_offset), 5);
        response = ask_id(node, version, other);
        assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 100);
        response = ask_id(node, version, (struct wire_uuid){{0}});
        assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 100);
    }
}

/* A topic that was made again under its name is another one. */
static void the_id_of_a_deleted_topic_is_not_that_of_the_next(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct wire_uuid id = find_id(node, "t");
    struct bytes name = BYTES_LITERAL("t");
    struct delete_topics_request deletion = {.topic_names = {.items = &name, .count = 1},
                                             .timeout_ms = 1000};
    assert_non_null(node_ask(node, API_DELETE_TOPICS, 5, &deletion));
    fill(node, 1);
    assert_false(meta_uuid_equal(find_id(node, "t"), id));
    const struct fetch_response *response = ask_id(node, 13, id);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 100);
    response = ask_id(node, 13, find_id(node, "t"));
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
}

static void both_isolation_levels_see_what_is_committed(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct ask asked = everything;
    assert_int_equal(ask_one(node, asked)->aborted_transactions.count, -1);
    asked.isolation = 1;
    int64_t first_offset = -1;
    const struct fetch_response_partition *answer = ask_one(node, asked);
    assert_int_equal(answer->aborted_transactions.count, 0);
    assert_int_equal(count_batches(answer->records, &first_offset), 5);
}

static void a_topic_that_goes_away_ends_the_poll(void **state)
{
    struct node *node = *state;
    fill(node, 1);
    struct ask asked = everything;
    asked.offset = 10;
    asked.wait_ms = 600000;
    struct peer *other = node_connect(node);
    struct node_call *call = send_fetch(node, other, asked);
    node_run_ms(node, 100);
    struct bytes name = BYTES_LITERAL("t");
    struct delete_topics_request deletion = {.topic_names = {.items = &name, .count = 1},
                                             .timeout_ms = 1000};
    assert_non_null(node_ask(node, API_DELETE_TOPICS, 5, &deletion));
    const struct fetch_response *response = node_wait(call);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 3);
}

enum { MANY = 12, LARGE = 30000 };

/* A large batch and a small one in each of many partitions, and one fetch of all. */
static struct node_call *send_fetch_of_many(struct node *node, struct bytes written[MANY])
{
    static struct fetch_request_partition parts[MANY];
    char *value = test_calloc(1, LARGE + 1);
    node_make_topic(node, "many", MANY, NULL);
    for (int i = 0; i < MANY; i++) {
        struct buffer both;
        buffer_init(&both);
        memset(value, 'a' + i, LARGE);
        for (int j = 0; j < 2; j++) {
            struct bytes batch = node_batch(node, 1, j == 0 ? value : "small", 5);
            assert_int_equal(node_produce(node, "many", i, batch).error_code, 0);
            size_t at = both.size;
            buffer_add_bytes(&both, batch);
            batch_set_base_offset(both.data + at, j);
            batch_set_leader_epoch(both.data + at, 0);
        }
        written[i] = arena_copy(&node->arena, buffer_bytes(&both));
        buffer_fini(&both);
        parts[i] = (struct fetch_request_partition){
            .index = i, .current_leader_epoch = -1, .partition_max_bytes = ROOM};
    }
    test_free(value);
    struct fetch_request_topic topic = {.name = BYTES_LITERAL("many"),
                                        .partitions = {.items = parts, .count = MANY}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = ROOM,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    return node_send(node, NULL, API_FETCH, 12, &request);
}

static void an_answer_of_many_pieces_is_whole(void **state)
{
    struct node *node = *state;
    for (uint32_t again = 0; again <= 1000000; again += 500000) { /* cached, partly, not at all */
        struct bytes written[MANY];
        sim_plan(node->sim, 0)->read_again = again;
        const struct fetch_response *response = node_wait(send_fetch_of_many(node, written));
        assert_non_null(response);
        assert_int_equal(response->topics.items[0].partitions.count, MANY);
        for (int i = 0; i < MANY; i++) {
            assert_true(
                bytes_equal(response->topics.items[0].partitions.items[i].records, written[i]));
        }
        struct delete_topics_request_topic gone = {.name = BYTES_LITERAL("many")};
        struct delete_topics_request request = {.topics = {.items = &gone, .count = 1},
                                                .timeout_ms = 1000};
        assert_non_null(node_ask(node, API_DELETE_TOPICS, 6, &request));
    }
}

static void a_client_that_takes_nothing_holds_one_piece(void **state)
{
    struct node *node = *state;
    struct bytes written[MANY];
    sim_plan(node->sim, 0)->stream_window = 1000;
    double before = held_size(node);
    struct node_call *call = send_fetch_of_many(node, written);
    while (held_size(node) < before + 65536) { /* its turn has come */
        assert_false(call->is_answered);
        assert_true(sim_step(node->sim));
    }
    sim_cut(node->sim, 0, 1);
    node_run_ms(node, 5000);
    assert_false(call->is_answered);
    assert_true(held_size(node) < before + 3 * 65536); /* of 360 KB */
    sim_mend(node->sim, 0, 1);
    assert_non_null(node_wait(call));
    node_run_ms(node, 1000);
    assert_true(held_size(node) == before);
}

static enum sim_verdict fail_large_reads(void *owner, const struct sim_call *call)
{
    (void)owner;
    return call->operation == SIM_FILE_READ && call->size > LARGE / 2 ? SIM_FAIL : SIM_GO_ON;
}

static void a_disk_that_cannot_be_read_ends_the_connection_alone(void **state)
{
    struct node *node = *state;
    struct bytes written[MANY];
    struct peer *other = node_connect(node);
    double before = held_size(node);
    sim_on_operation(node->sim, fail_large_reads, NULL);
    assert_null(node_wait(send_fetch_of_many(node, written)));
    node_run_ms(node, 1000);
    assert_true(held_size(node) == before);
    sim_on_operation(node->sim, NULL, NULL);
    struct ask asked = everything;
    asked.topic = "many";
    const struct fetch_response *response = node_wait(send_fetch(node, other, asked));
    assert_non_null(response);
    assert_true(bytes_equal(response->topics.items[0].partitions.items[0].records, written[0]));
    peer_close(other);
}

/* What the end of a segment holds is less than was asked for, and waiting would not make it more.
 */
static void a_poll_does_not_wait_at_the_end_of_a_segment(void **state)
{
    static const char *const configs[] = {"segment.bytes", "1048576", NULL};
    struct node *node = *state;
    char *value = test_calloc(1, 300001);
    memset(value, 'v', 300000);
    node_make_topic(node, "t", 1, configs);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(node_produce(node, "t", 0, node_batch(node, 1, value, 5)).error_code, 0);
    }
    test_free(value);
    struct ask asked = everything;
    asked.size_max = asked.total_max = asked.size_min = ROOM;
    asked.wait_ms = 600000;
    for (asked.offset = 0; asked.offset < 6; asked.offset++) { /* the last segment has two */
        uint64_t before_ms = node_now_ms(node);
        int64_t first_offset = -1;
        assert_true(count_batches(ask_one(node, asked)->records, &first_offset) >= 1);
        assert_int_equal(first_offset, asked.offset);
        assert_true(node_now_ms(node) - before_ms < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_waiting_fetch_ends_with_its_connection),
        NODE_TEST(whole_batches_come_from_the_one_that_holds_the_offset),
        NODE_TEST(limits_cut_between_batches),
        cmocka_unit_test(the_broker_has_a_limit_too),
        NODE_TEST(batches_are_stored_with_the_topics_effort),
        NODE_TEST(only_the_first_batch_of_all_may_be_too_large),
        NODE_TEST(a_poll_waits_for_bytes_and_for_its_time),
        NODE_TEST(a_poll_does_not_wait_for_more_than_it_may_have),
        NODE_TEST(what_is_not_flushed_is_not_seen),
        NODE_TEST(offsets_outside_the_log_are_errors),
        NODE_TEST(what_is_not_there_or_of_another_epoch_is_an_error),
        NODE_TEST(ids_name_topics_from_version_13_on),
        NODE_TEST(the_id_of_a_deleted_topic_is_not_that_of_the_next),
        NODE_TEST(both_isolation_levels_see_what_is_committed),
        NODE_TEST(a_topic_that_goes_away_ends_the_poll),
        NODE_TEST(an_answer_of_many_pieces_is_whole),
        NODE_TEST(a_client_that_takes_nothing_holds_one_piece),
        NODE_TEST(a_disk_that_cannot_be_read_ends_the_connection_alone),
        NODE_TEST(a_poll_does_not_wait_at_the_end_of_a_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
