/* Shows that a node starts, stops and starts again whatever happens in between: stopped at any
 * moment, with any single operation of its disk failing, with its port taken, with logs and
 * metadata that do not agree. And that it is the same node of the same cluster every time. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/broker.h"
#include "log/net/peer.h"
#include "log/wire/frame.h"
#include "log/wire/messages.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;

struct world {
    struct sim *sim;
    struct broker *broker;
    struct map file;
    bool is_ready;
    bool has_failed;
    bool is_stopped;
    struct report report; /* of the last start */
    uint64_t failing;     /* index among the operations since `arm`, or UINT64_MAX */
    uint64_t seen;        /* operations since then */
    enum sim_verdict verdict;
};

static void on_ready(void *owner)
{
    ((struct world *)owner)->is_ready = true;
}

static void on_failed(void *owner, const struct report *report)
{
    assert_true(report->text[0] != 0);
    ((struct world *)owner)->has_failed = true;
}

static void on_stopped(void *owner)
{
    struct world *world = owner;
    world->is_stopped = true;
    world->broker = NULL;
}

static enum sim_verdict on_operation(void *owner, const struct sim_call *call)
{
    (void)call;
    struct world *world = owner;
    return world->seen++ == world->failing ? world->verdict : SIM_GO_ON;
}

static struct world *world_new(void)
{
    struct world *world = memory_new(struct world);
    if (getenv("TRACE") == NULL) {
        trace_set_stream(NULL);
    }
    world->sim = sim_new(1, 2);
    world->failing = UINT64_MAX;
    map_init(&world->file);
    map_put(&world->file, BYTES_LITERAL("offsets.topic.num.partitions"), memory_string("3"));
    return world;
}

static int start(struct world *world)
{
    static const struct broker_events events = {.ready = on_ready, .failed = on_failed};
    struct broker_settings settings = {.path = "/data", .listen = {":9092"}, .file = &world->file};
    world->is_ready = world->has_failed = world->is_stopped = false;
    world->report = (struct report){0};
    int error = broker_start(sim_io(world->sim, 0), &settings, &events, world, &world->broker,
                             &world->report);
    assert_true((error == 0) == (world->report.text[0] == 0));
    return error;
}

static bool is_settled(void *owner)
{
    const struct world *world = owner;
    return world->is_ready || world->has_failed;
}

static void settle(struct world *world)
{
    assert_true(sim_run_until(world->sim, is_settled, world, 60 * SECOND));
}

static bool is_stopped(void *owner)
{
    return ((struct world *)owner)->is_stopped;
}

static void stop(struct world *world)
{
    broker_stop(world->broker, on_stopped, world);
    assert_true(sim_run_until(world->sim, is_stopped, world, 120 * SECOND));
}

static void world_free(struct world *world)
{
    if (world->broker != NULL) {
        stop(world);
    }
    sim_run(world->sim, sim_now(world->sim) + SECOND);
    sim_free(world->sim);
    map_fini(&world->file, free);
    free(world);
}

/* One request by a client of its own; the number of topics that there are. */
struct question {
    struct arena arena;
    int32_t topic_count;
    bool is_over;
};

static void on_closed(void *owner, int reason)
{
    (void)reason;
    ((struct question *)owner)->is_over = true;
}

static void on_answer(void *owner, int error, struct bytes response)
{
    struct question *question = owner;
    struct wire_reader reader = {response.data, response.data + response.size};
    struct metadata_response metadata;
    int32_t correlation_id = 0;
    if (error != 0) {
        return;
    }
    assert_int_equal(
        frame_read_response_header(&reader, frame_api_find(API_METADATA), 4, &correlation_id), 0);
    assert_int_equal(wire_read(&reader, &metadata_response_schema, 4, &question->arena, &metadata),
                     0);
    question->topic_count = metadata.topics.count;
}

static bool is_over(void *owner)
{
    return ((struct question *)owner)->is_over;
}

/* Asks for these topics, which makes them, or with none for all. */
static int32_t ask(struct world *world, const char *const *names)
{
    static const struct peer_events events = {.closed = on_closed};
    struct question question = {.topic_count = -1};
    struct peer_options options = {
        .address = "node0:9092", .frame_size_max = 1 << 20, .connect_timeout_ms = 1000};
    struct metadata_request_topic topics[8];
    struct metadata_request request = {.topics = {.items = topics, .count = -1},
                                       .allow_auto_topic_creation = true};
    struct frame_request_header header = {.api_key = API_METADATA, .api_version = 4};
    struct buffer frame;
    for (int32_t i = 0; names != NULL && names[i] != NULL; i++) {
        topics[i] = (struct metadata_request_topic){.name = bytes_from_string(names[i])};
        request.topics.count = i + 1;
    }
    arena_init(&question.arena, 0);
    buffer_init(&frame);
    frame_write_request(&frame, frame_api_find(API_METADATA), &header, &request);
    struct peer *peer = peer_open(sim_io(world->sim, 1), &options, &events, &question);
    peer_send(peer, &frame, PEER_ANSWERED, 60000, on_answer, &question);
    sim_run(world->sim, sim_now(world->sim) + 5 * SECOND);
    if (!question.is_over) {
        peer_close(peer);
        assert_true(sim_run_until(world->sim, is_over, &question, SECOND));
    }
    arena_fini(&question.arena);
    return question.topic_count;
}

static const char *const some_topics[] = {"a", "b.c", "__consumer_offsets", NULL};

/* A node that has run before. */
static struct world *world_with_topics(void)
{
    struct world *world = world_new();
    assert_int_equal(start(world), 0);
    settle(world);
    assert_true(world->is_ready);
    assert_int_equal(ask(world, some_topics), 3);
    stop(world);
    return world;
}

static void topics_are_there_again_after_a_restart(void **state)
{
    (void)state;
    struct world *world = world_with_topics();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(world), 0);
        settle(world);
        assert_true(world->is_ready);
        assert_int_equal(broker_status(world->broker), 0);
        assert_int_equal(ask(world, NULL), 3);
        stop(world);
    }
    world_free(world);
}

static void it_can_be_stopped_at_any_moment(void **state)
{
    (void)state;
    for (int steps = 0; steps < 60; steps++) {
        struct world *world = world_with_topics();
        assert_int_equal(start(world), 0);
        for (int i = 0; i < steps && sim_step(world->sim); i++) {}
        stop(world);
        assert_int_equal(start(world), 0);
        settle(world);
        assert_int_equal(ask(world, NULL), 3);
        world_free(world);
    }
}

static void set(struct world *world, const char *name, const char *value)
{
    free(map_put(&world->file, bytes_from_string(name), memory_string(value)));
}

/* What looks at the directory says the same as a start, and leaves it as it is. */
static int look(struct world *world)
{
    struct broker_settings settings = {.path = "/data", .listen = {":9092"}, .file = &world->file};
    world->report = (struct report){0};
    int error = broker_judge_directory(sim_io(world->sim, 0), &settings, &world->report);
    sim_run(world->sim, sim_now(world->sim) + SECOND);
    assert_true((error == 0) == (world->report.text[0] == 0));
    return error;
}

static void expect_refusal(struct world *world, const char *stored, const char *asked)
{
    assert_int_equal(look(world), ERROR_INVALID);
    struct report looked = world->report;
    assert_int_equal(start(world), ERROR_INVALID);
    assert_string_equal(looked.text, world->report.text);
    assert_non_null(strstr(world->report.text, "/data"));
    assert_non_null(strstr(world->report.text, stored));
    assert_non_null(strstr(world->report.text, asked));
    sim_run(world->sim, sim_now(world->sim) + SECOND);
}

/* The leaders of its partitions are nodes by number: under another one nobody leads them. */
static void a_directory_belongs_to_one_node(void **state)
{
    (void)state;
    struct world *world = world_new();
    set(world, "node.id", "5");
    assert_int_equal(look(world), 0); /* there is none */
    struct io_file_info info;
    assert_int_equal(io_path_info(sim_io(world->sim, 0), "/data", &info), ERROR_NOT_FOUND);
    assert_int_equal(start(world), 0);
    settle(world);
    assert_int_equal(ask(world, some_topics), 3);
    stop(world);
    set(world, "node.id", "7");
    expect_refusal(world, "node.id=5", "node 7");
    set(world, "node.id", "5");
    assert_int_equal(look(world), 0);
    assert_int_equal(start(world), 0);
    settle(world);
    assert_int_equal(ask(world, NULL), 3);
    world_free(world);
}

static void a_directory_belongs_to_one_cluster(void **state)
{
    (void)state;
    struct world *world = world_new();
    set(world, "cluster.id", "first");
    assert_int_equal(start(world), 0);
    settle(world);
    stop(world);
    set(world, "cluster.id", "second");
    expect_refusal(world, "cluster.id=first", "cluster second");
    set(world, "cluster.id", ""); /* nothing is asked for */
    assert_int_equal(start(world), 0);
    settle(world);
    assert_true(world->is_ready);
    world_free(world);
}

static void a_taken_port_is_said(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct io_listener *listener = NULL;
    struct io *io = sim_io(world->sim, 0);
    assert_int_equal(io_listen(io, ":9092", NULL, NULL, &listener), 0);
    assert_int_equal(start(world), 0);
    settle(world);
    assert_true(world->has_failed);
    assert_false(world->is_ready);
    stop(world);
    io_listener_close(io, listener);
    assert_int_equal(start(world), 0);
    settle(world);
    assert_true(world->is_ready);
    world_free(world);
}

static void a_folder_in_use_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct world other = *world;
    assert_int_equal(start(world), 0);
    settle(world);
    assert_int_equal(start(&other), ERROR_BUSY);
    assert_int_equal(ask(world, NULL), 0);
    world_free(world);
}

/* False when there are fewer operations than that. */
static bool fail_operation(uint64_t failing, enum sim_verdict verdict)
{
    static const char *const more[] = {"d", NULL};
    struct world *world = world_with_topics();
    world->seen = 0;
    world->failing = failing;
    world->verdict = verdict;
    sim_on_operation(world->sim, on_operation, world);
    if (start(world) == 0) {
        settle(world);
        if (world->is_ready) {
            ask(world, more); /* it may be there afterwards, or not */
        }
        stop(world);
    }
    sim_on_operation(world->sim, NULL, NULL);
    bool was_reached = world->seen > failing;
    sim_run(world->sim, sim_now(world->sim) + SECOND); /* what a refused start leaves is closed */
    assert_int_equal(start(world), 0);
    settle(world);
    assert_true(world->is_ready);
    assert_in_range(ask(world, NULL), 3, 4);
    world_free(world);
    return was_reached;
}

/* Every operation of a start, of a topic's creation and of a stop fails once: whatever comes of it,
 * the next start finds everything that was there. */
static void fail_each_operation(enum sim_verdict verdict)
{
    uint64_t count = 0;
    while (fail_operation(count, verdict)) {
        count++;
    }
    assert_in_range(count, 50, 2000);
}

static void any_operation_may_fail_once(void **state)
{
    (void)state;
    fail_each_operation(SIM_FAIL);
}

static void the_disk_may_be_full_for_a_moment(void **state)
{
    (void)state;
    fail_each_operation(SIM_NO_SPACE);
}

static enum sim_verdict refuse_a_log(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_refused = call->path != NULL && strstr(call->path, "/__consumer_offsets-1") != NULL;
    return is_refused ? SIM_NO_SPACE : SIM_GO_ON;
}

/* What the coordinator says of groups in every partition. */
static void expect_groups(struct world *world, int error)
{
    static const char *const names[] = {"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8"};
    struct coordinator_explanation explanation;
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(
            broker_explain_group(world->broker, bytes_from_string(names[i]), &arena, &explanation),
            error);
    }
    arena_fini(&arena);
}

/* A disk that is full while the topic of groups is made, and still is at the next start. */
static void a_log_that_is_made_late_has_its_coordinator(void **state)
{
    (void)state;
    struct world *world = world_new();
    assert_int_equal(start(world), 0);
    settle(world);
    sim_on_operation(world->sim, refuse_a_log, world);
    ask(world, some_topics);
    expect_groups(world, ERROR_GROUP_ID_NOT_FOUND);
    stop(world);
    assert_int_equal(start(world), 0);
    settle(world);
    assert_true(world->is_ready);
    sim_on_operation(world->sim, NULL, NULL);
    sim_run(world->sim, sim_now(world->sim) + 5 * SECOND);
    expect_groups(world, ERROR_GROUP_ID_NOT_FOUND);
    assert_int_equal(broker_check_replay(world->broker), 3);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_there_again_after_a_restart),
        cmocka_unit_test(it_can_be_stopped_at_any_moment),
        cmocka_unit_test(a_directory_belongs_to_one_node),
        cmocka_unit_test(a_directory_belongs_to_one_cluster),
        cmocka_unit_test(a_log_that_is_made_late_has_its_coordinator),
        cmocka_unit_test(a_taken_port_is_said),
        cmocka_unit_test(a_folder_in_use_is_refused),
        cmocka_unit_test(any_operation_may_fail_once),
        cmocka_unit_test(the_disk_may_be_full_for_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
