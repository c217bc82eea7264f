/* Shows fetches that go on in a session: told only what is news, whoever writes and however the
 * writer was acknowledged; waiting for what was quiet; taking turns; surviving their connection;
 * bounded in number and memory, by Kafka's rules of who has to leave. */
#include "tests/unit/log/server/node.h"

enum { ROOM = 1 << 20, HOUR_MS = 3600000, PART_MAX = 2000 };

struct ask {
    int32_t session;
    int32_t epoch;
    int32_t first; /* partitions first .. first + count - 1 of topic t */
    int32_t count;
    int64_t offset;
    int32_t wait_ms;
    int32_t forget; /* a partition, or -1 */
    int32_t size_max;
    int8_t isolation;
    int32_t replica;
};

static struct fetch_request_partition parts[PART_MAX];

static struct node_call *send_to(struct node *node, struct peer *peer, struct ask ask)
{
    for (int32_t i = 0; i < ask.count; i++) {
        parts[i] = (struct fetch_request_partition){.index = ask.first + i,
                                                    .current_leader_epoch = -1,
                                                    .fetch_offset = ask.offset,
                                                    .last_fetched_epoch = -1,
                                                    .partition_max_bytes = ROOM};
    }
    struct fetch_request_topic topic = {.name = BYTES_LITERAL("t"),
                                        .partitions = {.items = parts, .count = ask.count}};
    struct fetch_request_forgotten_topic gone = {.name = BYTES_LITERAL("t"),
                                                 .partitions = {.items = &ask.forget, .count = 1}};
    struct fetch_request request = {
        .replica_id = ask.replica,
        .max_wait_ms = ask.wait_ms,
        .min_bytes = 1,
        .max_bytes = ask.size_max == 0 ? ROOM : ask.size_max,
        .isolation_level = ask.isolation,
        .session_id = ask.session,
        .session_epoch = ask.epoch,
        .topics = {.items = &topic, .count = ask.count > 0},
        .forgotten_topics = {.items = &gone, .count = ask.forget >= 0},
    };
    return node_send(node, peer, API_FETCH, 11, &request);
}

static struct ask plain(int32_t session, int32_t epoch)
{
    return (struct ask){.session = session, .epoch = epoch, .forget = -1, .replica = -1};
}

static struct ask full(int32_t count)
{
    struct ask ask = plain(0, 0);
    ask.count = count;
    return ask;
}

static const struct fetch_response *fetch(struct node *node, struct ask ask)
{
    const struct fetch_response *response = node_wait(send_to(node, NULL, ask));
    assert_non_null(response);
    return response;
}

/* The only partition that is told, or -1 when there is none. */
static int32_t only(const struct fetch_response *response)
{
    if (response->topics.count == 0) {
        return -1;
    }
    assert_int_equal(response->topics.count, 1);
    assert_int_equal(response->topics.items[0].partitions.count, 1);
    return response->topics.items[0].partitions.items[0].index;
}

static int32_t count_rows(const struct fetch_response *response)
{
    return response->topics.count == 0 ? 0 : response->topics.items[0].partitions.count;
}

static int32_t open_session(struct node *node, int32_t count)
{
    const struct fetch_response *response = fetch(node, full(count));
    assert_int_equal(response->error_code, 0);
    return response->session_id;
}

static double session_count(struct node *node)
{
    return node_metric(node, "tidemill_fetch_sessions");
}

static void only_news_is_told(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1000, NULL);
    const struct fetch_response *response = fetch(node, full(1000));
    assert_int_equal(count_rows(response), 1000);
    int32_t session = response->session_id;
    assert_true(session > 0);
    assert_int_equal(count_rows(fetch(node, plain(session, 1))), 0);
    node_produce(node, "t", 777, node_batch(node, 1, "v", 5));
    response = fetch(node, plain(session, 2));
    assert_int_equal(response->session_id, session);
    assert_int_equal(only(response), 777);
    assert_true(response->topics.items[0].partitions.items[0].records.size > 0);
    assert_int_equal(only(fetch(node, plain(session, 3))), 777); /* not taken yet */
    struct ask taken = plain(session, 4);
    taken.first = 777;
    taken.count = 1;
    taken.offset = 1;
    assert_int_equal(only(fetch(node, taken)), -1);
    assert_int_equal(only(fetch(node, plain(session, 5))), -1);
}

static void a_poll_waits_for_what_was_quiet(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 20, NULL);
    int32_t session = open_session(node, 20);
    assert_int_equal(only(fetch(node, plain(session, 1))), -1);
    for (int32_t i = 0; i < 3; i++) {
        struct peer *other = node_connect(node);
        struct ask poll = plain(session, 2 + i);
        poll.wait_ms = HOUR_MS;
        poll.first = 9 + i;
        poll.count = i > 0; /* the one before was taken */
        poll.offset = 1;
        struct node_call *call = send_to(node, other, poll);
        node_run_ms(node, 1000);
        assert_false(call->is_answered);
        uint64_t started_ms = node_now_ms(node);
        node_produce(node, "t", 10 + i, node_batch(node, 1, "v", 5));
        assert_int_equal(only(node_wait(call)), 10 + i);
        assert_true(node_now_ms(node) - started_ms < 1000);
        peer_close(other);
    }
}

/* A producer that waits for no disk, while nobody polls: the next poll sees it, soon. */
static void what_came_between_two_polls_is_seen_by_the_next(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 3, NULL);
    int32_t session = open_session(node, 3);
    for (int32_t i = 0; i < 3; i++) {
        struct produce_request_partition part = {.index = i,
                                                 .records = node_batch(node, 1, "v", 5)};
        struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                              .partitions = {.items = &part, .count = 1}};
        struct produce_request request = {
            .acks = 1, .timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
        assert_non_null(node_ask(node, API_PRODUCE, 9, &request));
        struct ask poll = plain(session, 1 + i);
        poll.wait_ms = HOUR_MS;
        if (i > 0) {
            poll.first = i - 1;
            poll.count = 1;
            poll.offset = 1;
        }
        uint64_t started_ms = node_now_ms(node);
        assert_int_equal(only(fetch(node, poll)), i);
        assert_true(node_now_ms(node) - started_ms < 100);
    }
}

static void a_session_is_not_one_of_its_connection(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    int32_t session = open_session(node, 2);
    struct peer *other = node_connect(node);
    struct ask poll = plain(session, 1);
    poll.wait_ms = HOUR_MS;
    send_to(node, other, poll);
    node_run_ms(node, 100);
    peer_close(other);
    node_run_ms(node, 100);
    node_produce(node, "t", 1, node_batch(node, 1, "v", 5));
    assert_int_equal(only(fetch(node, plain(session, 2))), 1);
    assert_int_equal(fetch(node, plain(session, 2))->error_code, 71);
    assert_int_equal(session_count(node), 1);
}

/* One connection may send the next fetch before the one before it was answered. */
static void fetches_of_one_session_take_turns(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    int32_t session = open_session(node, 2);
    struct node_call *calls[4];
    for (int32_t i = 0; i < 4; i++) {
        struct ask poll = plain(session, 1 + i);
        poll.wait_ms = 1000 * (i + 1);
        calls[i] = send_to(node, NULL, poll);
    }
    node_run_ms(node, 500);
    assert_false(calls[0]->is_answered);
    for (int32_t i = 0; i < 4; i++) {
        const struct fetch_response *response = node_wait(calls[i]);
        assert_non_null(response);
        assert_int_equal(response->error_code, 0);
        assert_int_equal(response->session_id, session);
    }
    struct ask poll = plain(session, 5);
    poll.wait_ms = 1000;
    calls[0] = send_to(node, NULL, poll);
    calls[1] = send_to(node, NULL, plain(session, -1)); /* ends the session */
    calls[2] = send_to(node, NULL, plain(session, 6));
    assert_int_equal(((const struct fetch_response *)node_wait(calls[0]))->error_code, 0);
    assert_int_equal(((const struct fetch_response *)node_wait(calls[1]))->error_code, 0);
    assert_int_equal(((const struct fetch_response *)node_wait(calls[2]))->error_code, 70);
    assert_int_equal(session_count(node), 0);
}

/* The one that waits in the queue finds its session gone. */
static void a_session_may_end_while_others_wait_for_it(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    int32_t session = open_session(node, 2);
    struct ask poll = plain(session, 1);
    poll.wait_ms = 1000;
    struct node_call *first = send_to(node, NULL, poll);
    struct node_call *second = send_to(node, NULL, plain(session, 2));
    struct peer *other = node_connect(node);
    node_run_ms(node, 100);
    assert_non_null(node_wait(send_to(node, other, plain(session, -1))));
    assert_int_equal(((const struct fetch_response *)node_wait(first))->error_code, 0);
    assert_int_equal(((const struct fetch_response *)node_wait(second))->error_code, 70);
    peer_close(other);
}

static void a_waiting_session_does_not_hold_up_the_end(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    int32_t session = open_session(node, 2);
    for (int32_t i = 0; i < 3; i++) {
        struct ask poll = plain(session, 1 + i);
        poll.wait_ms = HOUR_MS;
        send_to(node, NULL, poll);
    }
    node_run_ms(node, 100);
    uint64_t started_ms = node_now_ms(node);
    node_restart(node);
    assert_true(node_now_ms(node) - started_ms < 10000);
    assert_int_equal(fetch(node, plain(session, 4))->error_code, 70);
}

static struct node *start_with(const char *name, const char *value)
{
    struct node *node = node_new();
    node_set(node, name, value);
    node_start(node);
    node_make_topic(node, "t", 50, NULL);
    return node;
}

static bool is_alive(struct node *node, int32_t session, int32_t epoch)
{
    const struct fetch_response *response = fetch(node, plain(session, epoch));
    assert_true(response->error_code == 0 || response->error_code == 70);
    return response->error_code == 0;
}

static void who_is_stale_leaves_first(void **state)
{
    (void)state;
    struct node *node = start_with("max.incremental.fetch.session.cache.slots", "2");
    int32_t large = open_session(node, 9);
    int32_t small = open_session(node, 3);
    assert_int_equal(open_session(node, 50), 0); /* both are young */
    node_run_ms(node, 119000);
    assert_true(is_alive(node, small, 1));
    assert_int_equal(open_session(node, 50), 0);
    node_run_ms(node, 2000);
    int32_t next = open_session(node, 1);
    assert_true(next > 0); /* in place of the one that was not used for two minutes */
    assert_false(is_alive(node, large, 1));
    assert_true(is_alive(node, small, 2));
    assert_int_equal(session_count(node), 2);
    assert_int_equal(node_metric(node, "tidemill_fetch_sessions_evicted_total"), 1);
    node_free(node);
}

static void the_small_leave_for_the_large(void **state)
{
    (void)state;
    struct node *node = start_with("max.incremental.fetch.session.cache.slots", "2");
    int32_t large = open_session(node, 9);
    int32_t small = open_session(node, 3);
    node_run_ms(node, 115000);
    assert_true(is_alive(node, large, 1));
    assert_true(is_alive(node, small, 1));
    node_run_ms(node, 6000); /* old, but in use */
    assert_int_equal(open_session(node, 3), 0);
    int32_t next = open_session(node, 4);
    assert_true(next > 0);
    assert_false(is_alive(node, small, 2));
    assert_true(is_alive(node, large, 2));
    assert_int_equal(open_session(node, 8), 0); /* `next` is young, `large` is larger */
    node_free(node);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct node *node = start_with("max.incremental.fetch.session.cache.bytes", "10000");
    const struct fetch_response *response = fetch(node, full(50));
    assert_int_equal(response->session_id, 0); /* answered all the same */
    assert_int_equal(count_rows(response), 50);
    int32_t session = open_session(node, 20);
    assert_true(session > 0);
    struct ask more = plain(session, 1);
    more.first = 20;
    more.count = 30;
    assert_int_equal(fetch(node, more)->error_code, 70);
    assert_int_equal(session_count(node), 0);
    session = open_session(node, 20);
    assert_true(session > 0);
    assert_int_equal(node_metric(node, "tidemill_fetch_session_partitions"), 20);
    node_free(node);
}

static void no_slots_are_no_sessions(void **state)
{
    (void)state;
    struct node *node = start_with("max.incremental.fetch.session.cache.slots", "0");
    assert_int_equal(open_session(node, 1), 0);
    assert_int_equal(session_count(node), 0);
    node_free(node);
}

/* There is one broker: whoever says that it copies from it is mistaken. */
static void a_follower_is_told_that_it_is_none(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct ask ask = full(1);
    ask.replica = 7;
    const struct fetch_response *response = fetch(node, ask);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 6);
}

static void a_topic_may_go_and_come_again(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    int32_t session = open_session(node, 1);
    struct bytes name = BYTES_LITERAL("t");
    struct delete_topics_request deletion = {.topic_names = {.items = &name, .count = 1},
                                             .timeout_ms = 1000};
    assert_non_null(node_ask(node, API_DELETE_TOPICS, 5, &deletion));
    for (int32_t epoch = 1; epoch < 3; epoch++) {
        const struct fetch_response *response = fetch(node, plain(session, epoch));
        assert_int_equal(only(response), 0);
        assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 3);
    }
    node_make_topic(node, "t", 1, NULL);
    const struct fetch_response *response = fetch(node, plain(session, 3));
    assert_int_equal(only(response), 0); /* the error is over: that is news */
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
    assert_int_equal(only(fetch(node, plain(session, 4))), -1);
    node_produce(node, "t", 0, node_batch(node, 1, "v", 5));
    assert_int_equal(only(fetch(node, plain(session, 5))), 0);
}

/* Random sessions: what a client would have believed is what is there. */
static void a_client_that_follows_a_session_misses_nothing(void **state)
{
    enum { COUNT = 12, ROUNDS = 400 };
    struct node *node = *state;
    int64_t taken[COUNT] = {0};
    int64_t written[COUNT] = {0};
    bool is_followed[COUNT];
    node_make_topic(node, "t", COUNT, NULL);
    int32_t session = open_session(node, COUNT);
    memset(is_followed, true, sizeof is_followed);
    int32_t epoch = 1;
    int32_t moved = -1; /* the partition whose new place is told with the next fetch */
    for (int round = 0; round < ROUNDS; round++) {
        int32_t index = (int32_t)sim_random(node->sim, COUNT);
        if (sim_random(node->sim, 2) == 0) {
            node_produce(node, "t", index, node_batch(node, 1, "v", 5));
            written[index]++;
        }
        struct ask ask = plain(session, epoch++);
        ask.size_max = sim_random(node->sim, 4) == 0 ? 1 : 0;
        ask.isolation = sim_random(node->sim, 3) == 0;
        if (moved >= 0) {
            ask.first = moved;
            ask.count = 1;
            ask.offset = taken[moved];
            is_followed[moved] = true;
        } else if (sim_random(node->sim, 10) == 0) {
            ask.forget = index;
            is_followed[index] = false;
        }
        const struct fetch_response *response = fetch(node, ask);
        assert_int_equal(response->error_code, 0);
        moved = -1;
        bool is_missing = false;
        for (int32_t i = 0; i < COUNT; i++) {
            is_missing |= is_followed[i] && taken[i] < written[i];
        }
        for (int32_t row = 0; row < count_rows(response); row++) {
            const struct fetch_response_partition *part =
                &response->topics.items[0].partitions.items[row];
            assert_true(is_followed[part->index]);
            if (part->records.size > 0) {
                struct batch batch;
                assert_int_equal(batch_read_header(part->records, &batch, NULL), 0);
                assert_int_equal(batch.base_offset, taken[part->index]);
                if (moved < 0) {
                    moved = part->index;
                    taken[moved] = batch_next_offset(&batch);
                }
            }
        }
        assert_true(!is_missing || moved >= 0);
        if (moved < 0 && !is_followed[index]) {
            moved = index; /* follow it again */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(only_news_is_told),
        NODE_TEST(a_poll_waits_for_what_was_quiet),
        NODE_TEST(what_came_between_two_polls_is_seen_by_the_next),
        NODE_TEST(a_session_is_not_one_of_its_connection),
        NODE_TEST(fetches_of_one_session_take_turns),
        NODE_TEST(a_session_may_end_while_others_wait_for_it),
        NODE_TEST(a_waiting_session_does_not_hold_up_the_end),
        cmocka_unit_test(who_is_stale_leaves_first),
        cmocka_unit_test(the_small_leave_for_the_large),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(no_slots_are_no_sessions),
        NODE_TEST(a_follower_is_told_that_it_is_none),
        NODE_TEST(a_topic_may_go_and_come_again),
        NODE_TEST(a_client_that_follows_a_session_misses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
