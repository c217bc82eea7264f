/* A transactional producer against a whole node, with transactions v2 and as before it: what
 * commits is read, what aborts is not, offsets come with it, and zombies find out. */
#include "runtime/client/transactional.h"
#include "tests/unit/log/server/node.h"

struct wait {
    struct transactional_wait wait;
    bool is_done;
    int error;
};

struct world {
    struct node *node;
    struct client *client;
    struct transactional *producer;
    int sent_count;
    int failed_count;
    int first_error;
    bool is_closed;
    int level; /* of transaction.version */
};

static void on_wait(struct transactional_wait *base, int error)
{
    struct wait *wait = list_member(base, struct wait, wait);
    wait->is_done = true;
    wait->error = error;
}

static bool is_done(void *owner)
{
    return ((struct wait *)owner)->is_done;
}

static int wait_for(struct world *world, struct wait *wait)
{
    assert_true(sim_run_until(world->node->sim, is_done, wait, 120 * UINT64_C(1000000000)));
    transactional_check(world->producer);
    return wait->error;
}

static struct wait wait_make(void)
{
    return (struct wait){.wait = {.done = on_wait}};
}

static int init(struct world *world)
{
    struct wait wait = wait_make();
    transactional_init(world->producer, &wait.wait);
    return wait_for(world, &wait);
}

static int commit(struct world *world)
{
    struct wait wait = wait_make();
    transactional_commit(world->producer, &wait.wait);
    return wait_for(world, &wait);
}

static int end_by_abort(struct world *world)
{
    struct wait wait = wait_make();
    transactional_abort(world->producer, &wait.wait);
    return wait_for(world, &wait);
}

static void on_sent(void *owner, int error, int32_t partition, int64_t offset)
{
    struct world *world = owner;
    (void)partition;
    (void)offset;
    world->sent_count++;
    world->failed_count += error != 0;
    if (world->first_error == 0) {
        world->first_error = error;
    }
}

static int send_one(struct world *world, const char *topic, int32_t partition, const char *value)
{
    struct producer_record record = {.topic = topic,
                                     .partition = partition,
                                     .timestamp_ms = -1,
                                     .value = bytes_from_string(value),
                                     .done = on_sent,
                                     .owner = world};
    return transactional_send(world->producer, &record);
}

static void make_client(struct world *world)
{
    struct client_options options = client_options_default();
    struct transactional_options transactional = transactional_options_default();
    options.bootstrap = "node0:9092";
    world->client = client_new(world->node->client_io, &options);
    transactional.id = "x";
    world->producer = transactional_new(world->client, &transactional);
}

static void on_closed(void *owner)
{
    ((struct world *)owner)->is_closed = true;
}

static bool has_closed(void *owner)
{
    return ((struct world *)owner)->is_closed;
}

static void drop_client(struct world *world)
{
    world->is_closed = false;
    transactional_close(world->producer, on_closed, world);
    assert_true(sim_run_until(world->node->sim, has_closed, world, 60 * UINT64_C(1000000000)));
    world->is_closed = false;
    client_close(world->client, on_closed, world);
    assert_true(sim_run_until(world->node->sim, has_closed, world, 60 * UINT64_C(1000000000)));
}

static int setup_as(void **state, const char *level)
{
    struct world *world = memory_new(struct world);
    world->node = node_new();
    node_start(world->node);
    if (level != NULL) {
        struct update_features_request_feature_update update = {
            .feature = BYTES_LITERAL("transaction.version"),
            .max_version_level = (int16_t)atoi(level),
            .upgrade_type = 3};
        struct update_features_request request = {.timeout_ms = 10000,
                                                  .feature_updates = {&update, 1}};
        const struct update_features_response *response =
            node_ask(world->node, API_UPDATE_FEATURES, 1, &request);
        assert_int_equal(response->error_code, 0);
    }
    world->level = level == NULL ? 2 : atoi(level);
    node_make_topic(world->node, "t", 2, NULL);
    node_find_coordinator(world->node);
    make_client(world);
    *state = world;
    return 0;
}

static int setup_bumped(void **state)
{
    return setup_as(state, NULL);
}

static int setup_marked(void **state)
{
    return setup_as(state, "1");
}

static int teardown(void **state)
{
    struct world *world = *state;
    drop_client(world);
    node_free(world->node);
    free(world);
    return 0;
}

/* How many transactions a read_committed Fetch of the partition says were aborted. */
static int32_t aborted_in(struct world *world, int32_t partition)
{
    struct fetch_request_partition partitions[] = {{.index = partition,
                                                    .current_leader_epoch = -1,
                                                    .fetch_offset = 0,
                                                    .partition_max_bytes = 1 << 20}};
    struct fetch_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partitions = {partitions, 1}}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = 1 << 20,
                                    .isolation_level = 1,
                                    .session_epoch = -1,
                                    .topics = {topics, 1}};
    const struct fetch_response *response = node_ask(world->node, API_FETCH, 11, &request);
    int32_t count = response->topics.items[0].partitions.items[0].aborted_transactions.count;
    return count < 0 ? 0 : count;
}

static void what_commits_is_read_and_what_aborts_is_not(void **state)
{
    struct world *world = *state;
    assert_int_equal(init(world), 0);
    assert_int_equal(client_transaction_version(world->client), world->level);
    for (int round = 0; round < 4; round++) {
        assert_int_equal(transactional_begin(world->producer), 0);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(send_one(world, "t", i % 2, "v"), 0);
        }
        if (round % 2 == 0) {
            assert_int_equal(commit(world), 0);
            assert_int_equal(world->failed_count, 0);
        } else {
            node_run_ms(world->node, 200); /* they have left */
            assert_int_equal(end_by_abort(world), 0);
        }
        assert_int_equal(transactional_get_state(world->producer), TRANSACTIONAL_READY);
    }
    node_run_ms(world->node, 500);
    assert_int_equal(world->sent_count, 80);
    for (int32_t partition = 0; partition < 2; partition++) {
        assert_int_equal(node_end_offset(world->node, "t", partition, 1),
                         node_end_offset(world->node, "t", partition, 0));
        assert_int_equal(aborted_in(world, partition), 2);
    }
}

/* The markers of one may still be on their way when the next begins. */
static void one_transaction_follows_the_other_soon(void **state)
{
    struct world *world = *state;
    assert_int_equal(init(world), 0);
    uint64_t began = node_now_ms(world->node);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(transactional_begin(world->producer), 0);
        assert_int_equal(send_one(world, "t", i % 2, "v"), 0);
        assert_int_equal(commit(world), 0);
    }
    assert_true(node_now_ms(world->node) - began < 20 * 40);
}

static void an_empty_transaction_ends_without_a_word(void **state)
{
    struct world *world = *state;
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(commit(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(end_by_abort(world), 0);
    assert_int_equal(node_end_offset(world->node, "t", 0, 0), 0);
}

static void an_abort_keeps_back_what_has_not_left(void **state)
{
    struct world *world = *state;
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    assert_int_equal(end_by_abort(world), 0);
    assert_int_equal(world->sent_count, 1);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    assert_int_equal(commit(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(node_end_offset(world->node, "t", 0, 1),
                     node_end_offset(world->node, "t", 0, 0));
}

static void calls_out_of_turn_are_refused(void **state)
{
    struct world *world = *state;
    assert_int_equal(send_one(world, "t", 0, "v"), ERROR_INVALID);
    assert_int_equal(transactional_begin(world->producer), ERROR_INVALID);
    assert_int_equal(init(world), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), ERROR_INVALID);
    assert_int_equal(commit(world), ERROR_INVALID);
    assert_int_equal(end_by_abort(world), ERROR_INVALID);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(transactional_begin(world->producer), ERROR_INVALID);
}

static int64_t committed(struct world *world)
{
    int32_t index = 0;
    struct offset_fetch_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partition_indexes = {&index, 1}}};
    struct offset_fetch_request request = {
        .group_id = BYTES_LITERAL("g"), .topics = {topics, 1}, .require_stable = true};
    const struct offset_fetch_response *response =
        node_ask(world->node, API_OFFSET_FETCH, 7, &request);
    return response->topics.items[0].partitions.items[0].committed_offset;
}

static int send_offset(struct world *world, int64_t offset)
{
    struct transactional_reader reader = {
        .group = "g", .member_id = BYTES_LITERAL(""), .generation = -1};
    struct member_partition partition = {.topic = "t", .offset = offset};
    struct wait wait = wait_make();
    transactional_send_offsets(world->producer, &reader, &partition, 1, &wait.wait);
    return wait_for(world, &wait);
}

static void offsets_come_with_the_transaction(void **state)
{
    struct world *world = *state;
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    assert_int_equal(send_offset(world, 7), 0);
    assert_int_equal(committed(world), -1);
    assert_int_equal(commit(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(committed(world), 7);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_offset(world, 9), 0);
    assert_int_equal(end_by_abort(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(committed(world), 7);
}

/* A member that gets another name after `rename_after` questions, and loses all after
 * `lose_after`. */
struct member_name {
    int question_count;
    int refused_count;
    int rename_after;
    int lose_after;
};

static int on_identify(void *owner, struct transactional_reader *reader, bool is_refused)
{
    struct member_name *name = owner;
    name->question_count++;
    name->refused_count += is_refused;
    if (name->question_count > name->lose_after) {
        return ERROR_ILLEGAL_GENERATION;
    }
    if (name->question_count > name->rename_after) {
        reader->member_id = BYTES_LITERAL("");
        reader->generation = -1;
        return 0;
    }
    return is_refused ? ERROR_AGAIN : 0;
}

static int send_named_offset(struct world *world, struct member_name *name)
{
    struct transactional_reader reader = {.group = "g",
                                          .member_id = BYTES_LITERAL("stranger"),
                                          .generation = 3,
                                          .identify = on_identify,
                                          .owner = name};
    struct member_partition partition = {.topic = "t", .offset = 7};
    struct wait wait = wait_make();
    transactional_send_offsets(world->producer, &reader, &partition, 1, &wait.wait);
    return wait_for(world, &wait);
}

static void a_reader_with_a_new_name_is_known_again(void **state)
{
    struct world *world = *state;
    struct member_name name = {.rename_after = 4, .lose_after = 100};
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_named_offset(world, &name), 0);
    assert_int_equal(name.refused_count, 2);
    assert_int_equal(commit(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(committed(world), 7);
}

static void offsets_that_were_lost_leave_only_the_abort(void **state)
{
    struct world *world = *state;
    struct member_name name = {.rename_after = 100, .lose_after = 4};
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_named_offset(world, &name), ERROR_ILLEGAL_GENERATION);
    assert_int_equal(transactional_get_state(world->producer), TRANSACTIONAL_ABORTABLE);
    assert_int_equal(end_by_abort(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(committed(world), -1);
}

struct impatient {
    struct transactional_wait wait;
    struct world *world;
    struct wait abort;
};

static void abort_at_once(struct transactional_wait *wait, int error)
{
    struct impatient *impatient = list_member(wait, struct impatient, wait);
    assert_int_equal(error, ERROR_ILLEGAL_GENERATION);
    transactional_abort(impatient->world->producer, &impatient->abort.wait);
}

static void who_is_told_of_a_failure_may_abort_at_once(void **state)
{
    struct world *world = *state;
    struct member_name name = {0};
    struct transactional_reader reader = {
        .group = "g", .member_id = BYTES_LITERAL(""), .identify = on_identify, .owner = &name};
    struct member_partition partition = {.topic = "t", .offset = 7};
    struct impatient impatient = {
        .wait = {.done = abort_at_once}, .world = world, .abort = wait_make()};
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    node_run_ms(world->node, 200);
    transactional_send_offsets(world->producer, &reader, &partition, 1, &impatient.wait);
    assert_int_equal(wait_for(world, &impatient.abort), 0);
    assert_int_equal(transactional_get_state(world->producer), TRANSACTIONAL_READY);
    node_run_ms(world->node, 500);
    assert_int_equal(aborted_in(world, 0), 1);
}

static void note_room(void *owner)
{
    (*(int *)owner)++;
}

/* Somebody who knows only the producer. */
static void records_are_taken_only_while_it_is_open(void **state)
{
    struct world *world = *state;
    struct producer *producer = transactional_producer(world->producer);
    struct producer_record record = {.topic = "t", .timestamp_ms = -1, .value = node_text("v")};
    int room_count = 0;
    producer_on_room(producer, note_room, &room_count);
    assert_int_equal(producer_send(producer, &record), ERROR_AGAIN);
    assert_int_equal(init(world), 0);
    assert_int_equal(producer_send(producer, &record), ERROR_AGAIN);
    assert_int_equal(producer_reserve(producer, "t", 0, 100), ERROR_AGAIN);
    assert_int_equal(room_count, 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    node_run_ms(world->node, 1);
    assert_int_equal(room_count, 1);
    assert_int_equal(producer_send(producer, &record), 0);
    assert_int_equal(commit(world), 0);
    assert_int_equal(producer_send(producer, &record), ERROR_AGAIN);
    node_run_ms(world->node, 500);
    assert_int_equal(node_end_offset(world->node, "t", 0, 0), 2); /* and the marker */
    producer_on_room(producer, NULL, NULL);
}

static void a_zombie_finds_out(void **state)
{
    struct world *zombie = *state;
    struct world young = {.node = zombie->node};
    assert_int_equal(init(zombie), 0);
    assert_int_equal(transactional_begin(zombie->producer), 0);
    assert_int_equal(send_one(zombie, "t", 0, "v"), 0);
    node_run_ms(zombie->node, 500);
    make_client(&young);
    assert_int_equal(init(&young), 0);
    assert_int_equal(transactional_begin(young.producer), 0);
    assert_int_equal(send_one(&young, "t", 0, "w"), 0);
    assert_int_equal(commit(&young), 0);
    (void)send_one(zombie, "t", 0, "v");
    int error = commit(zombie);
    assert_int_not_equal(error, 0);
    if (transactional_get_state(zombie->producer) == TRANSACTIONAL_ABORTABLE) {
        error = end_by_abort(zombie);
    }
    assert_int_equal(error, ERROR_PRODUCER_FENCED);
    assert_int_equal(transactional_get_state(zombie->producer), TRANSACTIONAL_FATAL);
    assert_int_equal(transactional_begin(zombie->producer), ERROR_PRODUCER_FENCED);
    node_run_ms(zombie->node, 500);
    assert_int_equal(node_end_offset(young.node, "t", 0, 1),
                     node_end_offset(young.node, "t", 0, 0));
    drop_client(&young);
}

static void a_record_that_is_refused_leaves_only_the_abort(void **state)
{
    struct world *world = *state;
    const char *configs[] = {"cleanup.policy", "compact", NULL};
    node_make_topic(world->node, "keyed", 1, configs);
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    assert_int_equal(send_one(world, "keyed", 0, "no key"), 0);
    assert_int_equal(commit(world), ERROR_INVALID_RECORD);
    assert_int_equal(transactional_get_state(world->producer), TRANSACTIONAL_ABORTABLE);
    assert_int_equal(send_one(world, "t", 0, "v"), ERROR_INVALID_RECORD);
    assert_int_equal(end_by_abort(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    assert_int_equal(commit(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(aborted_in(world, 0), 1);
}

static void a_node_that_starts_again_is_found_again(void **state)
{
    struct world *world = *state;
    assert_int_equal(init(world), 0);
    assert_int_equal(transactional_begin(world->producer), 0);
    assert_int_equal(send_one(world, "t", 0, "v"), 0);
    node_run_ms(world->node, 200);
    node_restart(world->node);
    assert_int_equal(send_one(world, "t", 1, "v"), 0);
    assert_int_equal(commit(world), 0);
    node_run_ms(world->node, 500);
    assert_int_equal(world->failed_count, 0);
    assert_int_equal(node_end_offset(world->node, "t", 1, 1),
                     node_end_offset(world->node, "t", 1, 0));
    assert_int_equal(aborted_in(world, 0), 0);
}

static void who_finds_no_coordinator_is_told(void **state)
{
    struct world *world = *state;
    node_stop(world->node);
    assert_int_not_equal(init(world), 0);
    assert_int_equal(transactional_get_state(world->producer), TRANSACTIONAL_FATAL);
}

#define BOTH(name)                                                                                 \
    {#name " (v2)", name, setup_bumped, teardown, NULL},                                           \
    {                                                                                              \
#name " (v1)", name, setup_marked, teardown, NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_commits_is_read_and_what_aborts_is_not),
        BOTH(one_transaction_follows_the_other_soon),
        BOTH(an_empty_transaction_ends_without_a_word),
        BOTH(an_abort_keeps_back_what_has_not_left),
        BOTH(calls_out_of_turn_are_refused),
        BOTH(offsets_come_with_the_transaction),
        BOTH(a_reader_with_a_new_name_is_known_again),
        BOTH(offsets_that_were_lost_leave_only_the_abort),
        BOTH(who_is_told_of_a_failure_may_abort_at_once),
        BOTH(records_are_taken_only_while_it_is_open),
        BOTH(a_zombie_finds_out),
        BOTH(a_record_that_is_refused_leaves_only_the_abort),
        BOTH(a_node_that_starts_again_is_found_again),
        cmocka_unit_test_setup_teardown(who_finds_no_coordinator_is_told, setup_bumped, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
