/* Shows what a fetch returns and when: whole batches up to its limits, nothing above the high
 * watermark, at once when there is enough, later when there is not, and never for a client that is
 * gone. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_waiting_fetch_ends_with_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
