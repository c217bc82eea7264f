/* Shows that decisions are Kafka's, are made one after the other, and are answered after they were
 * applied. The quorum is a double that applies on a later turn and can be told to fail. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/controller/controller.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct quorum {
    struct io *io;
    struct meta *meta;
    int error; /* of the next proposals */
    bool is_follower;
    int proposal_count;
    struct io_request request;
    struct quorum_proposal *proposal;
    struct buffer content;
    size_t sizes[64];
    size_t count;
};

static void quorum_answer(struct io_request *request, int64_t result)
{
    (void)result;
    struct quorum *quorum = (struct quorum *)request->owner;
    size_t start = 0;
    for (size_t i = 0; quorum->error == 0 && i < quorum->count; i++) {
        struct bytes command = bytes_make(quorum->content.data + start, quorum->sizes[i]);
        assert_int_equal(meta_apply(quorum->meta, command), 0);
        start += quorum->sizes[i];
    }
    quorum->proposal->done(quorum->proposal, quorum->error, 0);
}

void quorum_propose(struct quorum *quorum, struct quorum_proposal *proposal,
                    const struct bytes *commands, size_t count)
{
    assert_in_range(count, 1, 64);
    buffer_clear(&quorum->content);
    for (size_t i = 0; i < count; i++) {
        buffer_add_bytes(&quorum->content, commands[i]);
        quorum->sizes[i] = commands[i].size;
    }
    quorum->count = count;
    quorum->proposal_count++;
    quorum->proposal = proposal;
    quorum->request = (struct io_request){.done = quorum_answer, .owner = quorum};
    io_post(quorum->io, &quorum->request);
}

bool quorum_is_leader(const struct quorum *quorum)
{
    return !quorum->is_follower;
}

struct fixture {
    struct sim *sim;
    struct meta *meta;
    struct quorum quorum;
    struct controller *controller;
    struct arena arena;
    int answered;
    struct map file;
};

static void on_event(void *owner)
{
    struct fixture *fixture = (struct fixture *)owner;
    meta_check(fixture->meta);
    if (fixture->controller != NULL) {
        controller_check(fixture->controller);
    }
}

static int open_with_partitions(void **state, const char *num_partitions)
{
    struct fixture *fixture = memory_new(struct fixture);
    map_init(&fixture->file);
    map_put(&fixture->file, BYTES_LITERAL("num.partitions"), memory_string(num_partitions));
    fixture->sim = sim_new(1, 1);
    fixture->meta = meta_new(1, &fixture->file);
    fixture->quorum.io = sim_io(fixture->sim, 0);
    fixture->quorum.meta = fixture->meta;
    fixture->controller = controller_new(sim_io(fixture->sim, 0), &fixture->quorum, fixture->meta);
    arena_init(&fixture->arena, 0);
    sim_on_event(fixture->sim, on_event, fixture);
    *state = fixture;
    return 0;
}

static int open_fixture(void **state)
{
    return open_with_partitions(state, "4");
}

static int open_huge(void **state)
{
    return open_with_partitions(state, "2147483647");
}

static int close_fixture(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    controller_free(fixture->controller);
    fixture->controller = NULL;
    meta_free(fixture->meta);
    sim_on_event(fixture->sim, NULL, NULL);
    sim_free(fixture->sim);
    buffer_fini(&fixture->quorum.content);
    arena_fini(&fixture->arena);
    map_fini(&fixture->file, free);
    free(fixture);
    return 0;
}

static void on_done(struct controller_operation *operation)
{
    ((struct fixture *)operation->owner)->answered++;
}

static struct controller_operation make_operation(struct fixture *fixture)
{
    return (struct controller_operation){
        .done = on_done, .owner = fixture, .arena = &fixture->arena};
}

static void run(struct fixture *fixture)
{
    while (sim_step(fixture->sim)) {}
}

static struct controller_topic_result
create(struct fixture *fixture, struct controller_new_topic topic, bool is_validate_only)
{
    struct controller_create_topics operation = {
        .operation = make_operation(fixture),
        .topics = &topic,
        .count = 1,
        .is_validate_only = is_validate_only,
    };
    int answered = fixture->answered;
    controller_create_topics(fixture->controller, &operation);
    assert_int_equal(fixture->answered, answered);
    run(fixture);
    assert_int_equal(fixture->answered, answered + 1);
    assert_int_equal(operation.operation.error, fixture->quorum.error);
    return operation.results[0];
}

static struct controller_new_topic new_topic(const char *name, int32_t partition_count,
                                             int16_t replication_factor)
{
    return (struct controller_new_topic){
        .name = bytes_from_string(name),
        .partition_count = partition_count,
        .replication_factor = replication_factor,
    };
}

static int create_error(struct fixture *fixture, const char *name, int32_t partition_count,
                        int16_t replication_factor)
{
    return create(fixture, new_topic(name, partition_count, replication_factor), false).error;
}

static void a_topic_is_there_when_its_creation_is_answered(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_topic_result result = create(fixture, new_topic("orders", 3, 1), false);
    const struct meta_topic *topic = meta_find_topic(fixture->meta, BYTES_LITERAL("orders"));
    assert_int_equal(result.error, 0);
    assert_int_equal(result.partition_count, 3);
    assert_int_equal(result.replication_factor, 1);
    assert_int_equal(result.config_count, topic_options_row_count);
    assert_true(meta_uuid_equal(result.id, topic->id));
    assert_int_equal(topic->partitions[2].leader, 1);
    assert_int_equal(topic->partitions[2].leader_epoch, 0);
}

static void defaults_and_internal_topics_take_what_is_there(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_topic_result result = create(fixture, new_topic("a", -1, -1), false);
    assert_int_equal(result.partition_count, 4);
    assert_int_equal(result.replication_factor, 1);
    result = create(fixture, new_topic("__consumer_offsets", -1, -1), false);
    assert_int_equal(result.partition_count, 50);
    assert_int_equal(result.replication_factor, 1);
    const struct meta_topic *topic =
        meta_find_topic(fixture->meta, BYTES_LITERAL("__consumer_offsets"));
    assert_true(topic->is_internal);
    assert_true(topic_options_is_compacted(&topic->options));
    assert_int_equal(topic->options.segment_bytes, 104857600);
    assert_int_equal(create(fixture, new_topic("__transaction_state", 50, 3), false).error, 0);
}

static void a_bad_topic_is_refused_as_kafka_refuses_it(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    assert_int_equal(create_error(fixture, "x.y", 1, 1), 0);
    assert_int_equal(create_error(fixture, "x.y", 1, 1), ERROR_TOPIC_ALREADY_EXISTS);
    assert_int_equal(create_error(fixture, "x_y", 1, 1), ERROR_INVALID_TOPIC);
    assert_int_equal(create_error(fixture, "", 1, 1), ERROR_INVALID_TOPIC);
    assert_int_equal(create_error(fixture, "..", 1, 1), ERROR_INVALID_TOPIC);
    assert_int_equal(create_error(fixture, "a b", 1, 1), ERROR_INVALID_TOPIC);
    assert_int_equal(create_error(fixture, "a", 0, 1), ERROR_INVALID_PARTITIONS);
    assert_int_equal(create_error(fixture, "a", -2, 1), ERROR_INVALID_PARTITIONS);
    assert_int_equal(create_error(fixture, "a", 1, 0), ERROR_INVALID_REPLICATION_FACTOR);
    assert_int_equal(create_error(fixture, "a", 10001, 1), ERROR_POLICY_VIOLATION);
    struct controller_topic_result result = create(fixture, new_topic("a", 1, 3), false);
    assert_int_equal(result.error, ERROR_INVALID_REPLICATION_FACTOR);
    assert_string_equal(result.message,
                        "A replication factor of 3 cannot be reached: 1 broker(s) are live.");
    assert_int_equal(meta_topic_count(fixture->meta), 1);
}

static void a_huge_default_is_no_way_around_the_limit(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    assert_int_equal(create_error(fixture, "a", -1, 1), ERROR_POLICY_VIOLATION);
    assert_int_equal(meta_topic_count(fixture->meta), 0);
    assert_int_equal(create_error(fixture, "a", 1, 1), 0);
}

static int create_with(struct fixture *fixture, const char *name, const char *value)
{
    struct controller_config config = {bytes_from_string(name), bytes_from_string(value)};
    struct controller_new_topic topic = new_topic("configured", 1, 1);
    topic.configs = &config;
    topic.config_count = 1;
    return create(fixture, topic, true).error;
}

static void a_bad_config_is_refused(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    assert_int_equal(create_with(fixture, "nope", "1"), ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "segment.bytes", "5"), ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "cleanup.policy", "shred"), ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "retention.ms", NULL), ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "min.cleanable.dirty.ratio", "1.5"),
                     ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "compression.gzip.level", "0"), ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "remote.storage.enable", "true"), ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "leader.replication.throttled.replicas", "x"),
                     ERROR_INVALID_CONFIG);
    assert_int_equal(create_with(fixture, "leader.replication.throttled.replicas", "0:1,1:1"), 0);
    assert_int_equal(create_with(fixture, "cleanup.policy", "compact,delete"), 0);
    assert_int_equal(meta_topic_count(fixture->meta), 0);
}

static void validating_creates_nothing(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_topic_result result = create(fixture, new_topic("a", -1, -1), true);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.partition_count, 4);
    assert_int_equal(fixture->quorum.proposal_count, 0);
    assert_int_equal(meta_topic_count(fixture->meta), 0);
}

static int create_assigned(struct fixture *fixture, const struct controller_assignment *assignments,
                           int32_t count, int32_t partition_count)
{
    struct controller_new_topic topic = new_topic("assigned", partition_count, -1);
    topic.assignments = assignments;
    topic.assignment_count = count;
    return create(fixture, topic, true).error;
}

static void assignments_are_judged(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    const int32_t here[] = {1};
    const int32_t twice[] = {1, 1};
    const int32_t away[] = {7};
    struct controller_assignment good[] = {{1, here, 1}, {0, here, 1}};
    struct controller_assignment gap[] = {{0, here, 1}, {2, here, 1}};
    struct controller_assignment doubled[] = {{0, twice, 2}};
    struct controller_assignment unknown[] = {{0, away, 1}};
    struct controller_assignment empty[] = {{0, here, 0}};
    assert_int_equal(create_assigned(fixture, good, 2, -1), 0);
    assert_int_equal(create_assigned(fixture, good, 2, 2), ERROR_INVALID_REQUEST);
    assert_int_equal(create_assigned(fixture, gap, 2, -1), ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(fixture, doubled, 1, -1), ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(fixture, unknown, 1, -1), ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(create_assigned(fixture, empty, 1, -1), ERROR_INVALID_REPLICA_ASSIGNMENT);
}

static void one_request_is_one_proposal_and_names_stand_once(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_new_topic topics[] = {new_topic("a", 1, 1), new_topic("b", 1, 1),
                                            new_topic("a", 2, 1), new_topic("c", 1, 9),
                                            new_topic("d", 1, 1)};
    struct controller_create_topics operation = {
        .operation = make_operation(fixture), .topics = topics, .count = 5};
    controller_create_topics(fixture->controller, &operation);
    run(fixture);
    assert_int_equal(operation.results[0].error, ERROR_INVALID_REQUEST);
    assert_int_equal(operation.results[1].error, 0);
    assert_int_equal(operation.results[2].error, ERROR_INVALID_REQUEST);
    assert_true(operation.results[2].is_repeated);
    assert_int_equal(operation.results[3].error, ERROR_INVALID_REPLICATION_FACTOR);
    assert_int_equal(operation.results[4].error, 0);
    assert_int_equal(fixture->quorum.proposal_count, 1);
    assert_int_equal(meta_topic_count(fixture->meta), 2);
}

static void a_decision_sees_the_one_before_it(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_new_topic topic = new_topic("a", 1, 1);
    struct controller_create_topics operations[3];
    for (int i = 0; i < 3; i++) {
        operations[i] = (struct controller_create_topics){
            .operation = make_operation(fixture), .topics = &topic, .count = 1};
        controller_create_topics(fixture->controller, &operations[i]);
    }
    run(fixture);
    assert_int_equal(fixture->answered, 3);
    assert_int_equal(operations[0].results[0].error, 0);
    assert_int_equal(operations[1].results[0].error, ERROR_TOPIC_ALREADY_EXISTS);
    assert_int_equal(operations[2].results[0].error, ERROR_TOPIC_ALREADY_EXISTS);
}

static void a_failed_proposal_fails_what_was_decided(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    fixture->quorum.error = ERROR_CLOSED;
    assert_int_equal(create_error(fixture, "a", 1, 1), ERROR_CLOSED);
    fixture->quorum.error = 0;
    assert_int_equal(meta_topic_count(fixture->meta), 0);
    fixture->quorum.is_follower = true;
    struct controller_new_topic topic = new_topic("a", 1, 1);
    struct controller_create_topics operation = {
        .operation = make_operation(fixture), .topics = &topic, .count = 1};
    controller_create_topics(fixture->controller, &operation);
    run(fixture);
    assert_int_equal(operation.operation.error, ERROR_NOT_CONTROLLER);
    assert_null(operation.results);
}

static struct controller_topic_result delete_one(struct fixture *fixture,
                                                 struct controller_old_topic topic)
{
    struct controller_delete_topics operation = {
        .operation = make_operation(fixture), .topics = &topic, .count = 1};
    controller_delete_topics(fixture->controller, &operation);
    run(fixture);
    return operation.results[0];
}

static void topics_are_deleted_by_name_or_by_id(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct wire_uuid id = create(fixture, new_topic("a", 1, 1), false).id;
    assert_int_equal(create_error(fixture, "b", 1, 1), 0);
    struct controller_old_topic by_id = {.id = id};
    struct controller_old_topic by_name = {.name = BYTES_LITERAL("b")};
    struct controller_old_topic both = {.name = BYTES_LITERAL("b"), .id = id};
    assert_int_equal(delete_one(fixture, both).error, ERROR_INVALID_REQUEST);
    struct controller_topic_result result = delete_one(fixture, by_id);
    assert_int_equal(result.error, 0);
    assert_true(bytes_equal_string(result.name, "a"));
    assert_int_equal(delete_one(fixture, by_id).error, ERROR_UNKNOWN_TOPIC_ID);
    assert_int_equal(delete_one(fixture, by_name).error, 0);
    assert_int_equal(delete_one(fixture, by_name).error, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(create_error(fixture, "a", 1, 1), 0);
    assert_false(meta_uuid_equal(meta_find_topic(fixture->meta, BYTES_LITERAL("a"))->id, id));
}

static int grow(struct fixture *fixture, const char *name, int32_t count)
{
    struct controller_grown_topic topic = {.name = bytes_from_string(name),
                                           .partition_count = count};
    struct controller_create_partitions operation = {
        .operation = make_operation(fixture), .topics = &topic, .count = 1};
    controller_create_partitions(fixture->controller, &operation);
    run(fixture);
    return operation.results[0].error;
}

static void partitions_are_added_and_never_taken_away(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    assert_int_equal(create_error(fixture, "a", 3, 1), 0);
    assert_int_equal(grow(fixture, "a", 2), ERROR_INVALID_PARTITIONS);
    assert_int_equal(grow(fixture, "a", 3), ERROR_INVALID_PARTITIONS);
    assert_int_equal(grow(fixture, "b", 3), ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(grow(fixture, "a", 5), 0);
    assert_int_equal(meta_topic_at(fixture->meta, 0)->partition_count, 5);
}

static struct controller_resource_result alter(struct fixture *fixture, int8_t kind,
                                               const char *name, bool is_incremental,
                                               const struct controller_change *changes,
                                               int32_t count)
{
    struct controller_resource resource = {
        .kind = kind,
        .name = bytes_from_string(name),
        .changes = changes,
        .change_count = count,
    };
    struct controller_alter_configs operation = {
        .operation = make_operation(fixture),
        .resources = &resource,
        .count = 1,
        .is_incremental = is_incremental,
    };
    controller_alter_configs(fixture->controller, &operation);
    run(fixture);
    return operation.results[0];
}

static int change(struct fixture *fixture, int8_t kind, const char *name, const char *key,
                  const char *value, enum controller_change_kind how)
{
    struct controller_change item = {bytes_from_string(key), bytes_from_string(value), (int8_t)how};
    return alter(fixture, kind, name, true, &item, 1).error;
}

static const char *topic_config(struct fixture *fixture, const char *name)
{
    return (const char *)map_find_string(&meta_topic_at(fixture->meta, 0)->configs, name);
}

static void topic_options_change_step_by_step(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    const int8_t topic = CONTROLLER_RESOURCE_TOPIC;
    assert_int_equal(create_error(fixture, "a", 1, 1), 0);
    assert_int_equal(change(fixture, topic, "a", "retention.ms", "7d", CONTROLLER_CHANGE_SET), 0);
    assert_string_equal(topic_config(fixture, "retention.ms"), "604800000");
    assert_int_equal(
        change(fixture, topic, "a", "cleanup.policy", "compact", CONTROLLER_CHANGE_APPEND), 0);
    assert_string_equal(topic_config(fixture, "cleanup.policy"), "delete,compact");
    assert_int_equal(
        change(fixture, topic, "a", "cleanup.policy", "delete", CONTROLLER_CHANGE_SUBTRACT), 0);
    assert_string_equal(topic_config(fixture, "cleanup.policy"), "compact");
    assert_int_equal(change(fixture, topic, "a", "retention.ms", NULL, CONTROLLER_CHANGE_DELETE),
                     0);
    assert_null(topic_config(fixture, "retention.ms"));
    assert_int_equal(meta_topic_at(fixture->meta, 0)->options.retention_ms, 604800000);
}

static void bad_changes_are_refused(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    const int8_t topic = CONTROLLER_RESOURCE_TOPIC;
    const int8_t broker = CONTROLLER_RESOURCE_BROKER;
    const enum controller_change_kind set = CONTROLLER_CHANGE_SET;
    assert_int_equal(create_error(fixture, "a", 1, 1), 0);
    assert_int_equal(change(fixture, topic, "a", "retention.ms", "zz", set), ERROR_INVALID_CONFIG);
    assert_int_equal(change(fixture, topic, "a", "zzz", "1", set), ERROR_INVALID_CONFIG);
    assert_int_equal(change(fixture, topic, "a", "zzz", NULL, CONTROLLER_CHANGE_DELETE), 0);
    assert_int_equal(change(fixture, topic, "a", "retention.ms", NULL, set), ERROR_INVALID_REQUEST);
    assert_int_equal(change(fixture, topic, "a", "retention.ms", "5", CONTROLLER_CHANGE_APPEND),
                     ERROR_INVALID_CONFIG);
    assert_int_equal(change(fixture, topic, "b", "retention.ms", "5", set),
                     ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(change(fixture, topic, "", "retention.ms", "5", set), ERROR_INVALID_REQUEST);
    assert_int_equal(change(fixture, topic, "a b", "retention.ms", "5", set), ERROR_INVALID_TOPIC);
    assert_int_equal(change(fixture, broker, "9", "log.retention.ms", "5", set),
                     ERROR_INVALID_REQUEST);
    assert_int_equal(change(fixture, broker, "x", "log.retention.ms", "5", set),
                     ERROR_INVALID_REQUEST);
    assert_int_equal(change(fixture, broker, "1", "num.partitions", "5", set),
                     ERROR_INVALID_REQUEST);
    assert_int_equal(change(fixture, broker, "1", "log.segment.bytes", "5", set),
                     ERROR_INVALID_REQUEST);
    assert_int_equal(change(fixture, broker, "1", "foo.bar", "5", set), ERROR_INVALID_CONFIG);
    assert_int_equal(change(fixture, 16, "x", "foo", "5", set), ERROR_INVALID_REQUEST);
    struct controller_change twice[] = {
        {BYTES_LITERAL("retention.ms"), BYTES_LITERAL("5"), CONTROLLER_CHANGE_SET},
        {BYTES_LITERAL("retention.ms"), BYTES_LITERAL("6"), CONTROLLER_CHANGE_SET},
    };
    assert_int_equal(alter(fixture, topic, "a", true, twice, 2).error, ERROR_INVALID_REQUEST);
    assert_int_equal(meta_topic_at(fixture->meta, 0)->configs.size, 0);
}

static void a_replacement_forgets_what_it_does_not_name(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    const int8_t topic = CONTROLLER_RESOURCE_TOPIC;
    assert_int_equal(create_error(fixture, "a", 1, 1), 0);
    assert_int_equal(change(fixture, topic, "a", "retention.ms", "5", CONTROLLER_CHANGE_SET), 0);
    struct controller_change other = {BYTES_LITERAL("segment.ms"), BYTES_LITERAL("6"), 0};
    assert_int_equal(alter(fixture, topic, "a", false, &other, 1).error, 0);
    assert_null(topic_config(fixture, "retention.ms"));
    assert_string_equal(topic_config(fixture, "segment.ms"), "6");
    int count = fixture->quorum.proposal_count;
    assert_int_equal(alter(fixture, topic, "a", false, &other, 1).error, 0);
    assert_int_equal(fixture->quorum.proposal_count, count);
}

static void broker_values_change_for_one_or_for_all(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    const int8_t broker = CONTROLLER_RESOURCE_BROKER;
    const enum controller_change_kind set = CONTROLLER_CHANGE_SET;
    assert_int_equal(change(fixture, broker, "", "log.retention.ms", "6000", set), 0);
    assert_int_equal(meta_topic_defaults(fixture->meta)->retention_ms, 6000);
    assert_int_equal(change(fixture, broker, "1", "log.retention.ms", "5000", set), 0);
    assert_int_equal(meta_topic_defaults(fixture->meta)->retention_ms, 5000);
    assert_int_equal(
        change(fixture, broker, "1", "log.retention.ms", NULL, CONTROLLER_CHANGE_DELETE), 0);
    assert_int_equal(meta_topic_defaults(fixture->meta)->retention_ms, 6000);
}

static void producer_ids_are_handed_out_once(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    for (int64_t expected = 0; expected < 1001; expected++) {
        struct controller_producer_id operation = {.operation = make_operation(fixture)};
        controller_take_producer_id(fixture->controller, &operation);
        run(fixture);
        assert_int_equal(operation.operation.error, 0);
        assert_int_equal(operation.producer_id, expected);
        arena_clear(&fixture->arena);
    }
    assert_int_equal(fixture->quorum.proposal_count, 2);
    controller_free(fixture->controller);
    fixture->controller = controller_new(sim_io(fixture->sim, 0), &fixture->quorum, fixture->meta);
    struct controller_producer_id operation = {.operation = make_operation(fixture)};
    controller_take_producer_id(fixture->controller, &operation);
    run(fixture);
    assert_int_equal(operation.producer_id, 2000);
}

static void a_cluster_is_named_once(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_registration operation = {.operation = make_operation(fixture)};
    assert_int_equal(meta_registered_node(fixture->meta), -1);
    controller_register(fixture->controller, &operation);
    run(fixture);
    assert_int_equal(operation.operation.error, 0);
    assert_int_equal(meta_registered_node(fixture->meta), meta_node_id(fixture->meta));
    assert_int_equal(strlen(meta_cluster_id(fixture->meta)), 22);
    char *name = memory_string(meta_cluster_id(fixture->meta));
    operation = (struct controller_registration){.operation = make_operation(fixture),
                                                 .cluster_id = BYTES_LITERAL("other")};
    controller_register(fixture->controller, &operation);
    run(fixture);
    assert_string_equal(meta_cluster_id(fixture->meta), name);
    assert_int_equal(meta_registration_count(fixture->meta), 2);
    free(name);
}

static void what_waits_is_called_back_at_the_end(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct controller_new_topic topic = new_topic("a", 1, 1);
    struct controller_create_topics operations[3];
    for (int i = 0; i < 3; i++) {
        operations[i] = (struct controller_create_topics){
            .operation = make_operation(fixture), .topics = &topic, .count = 1};
        controller_create_topics(fixture->controller, &operations[i]);
    }
    assert_true(sim_step(fixture->sim));
    controller_free(fixture->controller);
    fixture->controller = NULL;
    assert_int_equal(fixture->answered, 0);
    run(fixture);
    assert_int_equal(fixture->answered, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(operations[i].operation.error, ERROR_SHUTDOWN);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_topic_is_there_when_its_creation_is_answered),
        TEST(defaults_and_internal_topics_take_what_is_there),
        TEST(a_bad_topic_is_refused_as_kafka_refuses_it),
        cmocka_unit_test_setup_teardown(a_huge_default_is_no_way_around_the_limit, open_huge,
                                        close_fixture),
        TEST(a_bad_config_is_refused),
        TEST(validating_creates_nothing),
        TEST(assignments_are_judged),
        TEST(one_request_is_one_proposal_and_names_stand_once),
        TEST(a_decision_sees_the_one_before_it),
        TEST(a_failed_proposal_fails_what_was_decided),
        TEST(topics_are_deleted_by_name_or_by_id),
        TEST(partitions_are_added_and_never_taken_away),
        TEST(topic_options_change_step_by_step),
        TEST(bad_changes_are_refused),
        TEST(a_replacement_forgets_what_it_does_not_name),
        TEST(broker_values_change_for_one_or_for_all),
        TEST(producer_ids_are_handed_out_once),
        TEST(a_cluster_is_named_once),
        TEST(what_waits_is_called_back_at_the_end),
    };
    trace_set_stream(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
