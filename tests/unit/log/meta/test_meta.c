/* Shows that the picture is the fold of its commands, that a command which does not fit changes
 * nothing, and that listeners are told in order and before anybody else can look. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/meta/meta.h"
#include "log/meta/meta.pb-c.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static int apply(struct meta *meta, const Meta__Command *command)
{
    struct buffer buffer;
    buffer_init(&buffer);
    size_t size = meta__command__get_packed_size(command);
    buffer.size = meta__command__pack(command, buffer_reserve(&buffer, size));
    int error = meta_apply(meta, buffer_bytes(&buffer));
    buffer_fini(&buffer);
    meta_check(meta);
    return error;
}

static struct wire_uuid make_id(uint8_t number)
{
    struct wire_uuid id;
    memset(id.octets, number, sizeof id.octets);
    return id;
}

static int create(struct meta *meta, const char *name, uint8_t number, size_t partition_count)
{
    int32_t node = 1;
    struct wire_uuid id = make_id(number);
    Meta__Partition partitions[8];
    Meta__Partition *pointers[8];
    for (size_t i = 0; i < partition_count; i++) {
        meta__partition__init(&partitions[i]);
        partitions[i].index = (int32_t)i;
        partitions[i].replicas = partitions[i].isr = &node;
        partitions[i].n_replicas = partitions[i].n_isr = 1;
        partitions[i].leader = 1;
        pointers[i] = &partitions[i];
    }
    Meta__Config config = META__CONFIG__INIT;
    Meta__Config *configs[] = {&config};
    config.name = (char *)"retention.ms";
    config.value = (char *)"1000";
    Meta__TopicCreated created = META__TOPIC_CREATED__INIT;
    created.name = (char *)name;
    created.id = (ProtobufCBinaryData){sizeof id.octets, id.octets};
    created.partitions = pointers;
    created.n_partitions = partition_count;
    created.configs = configs;
    created.n_configs = 1;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_CREATED;
    command.topic_created = &created;
    return apply(meta, &command);
}

static int delete_topic(struct meta *meta, uint8_t number)
{
    struct wire_uuid id = make_id(number);
    Meta__TopicDeleted deleted = META__TOPIC_DELETED__INIT;
    deleted.id = (ProtobufCBinaryData){sizeof id.octets, id.octets};
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_DELETED;
    command.topic_deleted = &deleted;
    return apply(meta, &command);
}

static int set_broker(struct meta *meta, const char *node, const char *name, const char *value)
{
    Meta__Config config = META__CONFIG__INIT;
    Meta__Config *configs[] = {&config};
    config.name = (char *)name;
    config.value = value == NULL ? config.value : (char *)value;
    config.is_removed = value == NULL;
    Meta__BrokerConfigChanged changed = META__BROKER_CONFIG_CHANGED__INIT;
    changed.node = (char *)node;
    changed.changes = configs;
    changed.n_changes = 1;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_BROKER_CONFIG_CHANGED;
    command.broker_config_changed = &changed;
    return apply(meta, &command);
}

static int set_topic(struct meta *meta, uint8_t number, const char *name, const char *value)
{
    struct wire_uuid id = make_id(number);
    Meta__Config config = META__CONFIG__INIT;
    Meta__Config *configs[] = {&config};
    config.name = (char *)name;
    config.value = (char *)value;
    Meta__TopicConfigChanged changed = META__TOPIC_CONFIG_CHANGED__INIT;
    changed.id = (ProtobufCBinaryData){sizeof id.octets, id.octets};
    changed.changes = configs;
    changed.n_changes = 1;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_CONFIG_CHANGED;
    command.topic_config_changed = &changed;
    return apply(meta, &command);
}

static int allocate(struct meta *meta, int64_t first_id, int32_t count)
{
    Meta__ProducerIdsAllocated allocated = META__PRODUCER_IDS_ALLOCATED__INIT;
    allocated.first_id = first_id;
    allocated.count = count;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_PRODUCER_IDS_ALLOCATED;
    command.producer_ids_allocated = &allocated;
    return apply(meta, &command);
}

static int open_meta(void **state)
{
    *state = meta_new(1, NULL);
    return 0;
}

static int close_meta(void **state)
{
    meta_free((struct meta *)*state);
    return 0;
}

/* A value of a version that knew more. */
static void a_value_that_is_not_understood_gives_the_default_of_its_row(void **state)
{
    struct meta *meta = (struct meta *)*state;
    trace_set_stream(NULL);
    assert_int_equal(set_broker(meta, "", "log.retention.ms", "5000"), 0);
    assert_int_equal(create(meta, "t", 1, 1), 0);
    assert_int_equal(set_topic(meta, 1, "retention.ms", "a fortnight"), 0);
    assert_int_equal(meta_find_topic(meta, BYTES_LITERAL("t"))->options.retention_ms, 604800000);
}

static void topics_are_found_by_name_by_id_and_in_order(void **state)
{
    struct meta *meta = (struct meta *)*state;
    assert_int_equal(create(meta, "b", 1, 2), 0);
    assert_int_equal(create(meta, "c", 2, 1), 0);
    assert_int_equal(create(meta, "a", 3, 1), 0);
    assert_int_equal(create(meta, "__consumer_offsets", 4, 1), 0);
    static const char *const names[] = {"__consumer_offsets", "a", "b", "c"};
    assert_int_equal(meta_topic_count(meta), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(meta_topic_at(meta, i)->name, names[i]);
    }
    const struct meta_topic *topic = meta_find_topic(meta, BYTES_LITERAL("b"));
    assert_ptr_equal(meta_find_topic_id(meta, make_id(1)), topic);
    assert_int_equal(topic->partition_count, 2);
    assert_int_equal(topic->options.retention_ms, 1000);
    assert_false(topic->is_internal);
    assert_true(meta_topic_at(meta, 0)->is_internal);
    assert_null(meta_find_partition(topic, 2));
    assert_int_equal(delete_topic(meta, 1), 0);
    assert_null(meta_find_topic(meta, BYTES_LITERAL("b")));
    assert_null(meta_find_topic_id(meta, make_id(1)));
}

static void a_command_that_does_not_fit_changes_nothing(void **state)
{
    struct meta *meta = (struct meta *)*state;
    assert_int_equal(create(meta, "a", 1, 1), 0);
    assert_int_equal(create(meta, "a", 2, 1), ERROR_INVALID);
    assert_int_equal(create(meta, "b", 1, 1), ERROR_INVALID);
    assert_int_equal(create(meta, "b", 2, 0), ERROR_INVALID);
    assert_int_equal(delete_topic(meta, 9), ERROR_INVALID);
    assert_int_equal(meta_apply(meta, BYTES_LITERAL("\xff\xff")), ERROR_CORRUPT);
    assert_int_equal(meta_apply(meta, BYTES_LITERAL("")), ERROR_UNSUPPORTED);
    assert_int_equal(meta_topic_count(meta), 1);
}

static void broker_values_reach_topics(void **state)
{
    struct meta *meta = (struct meta *)*state;
    assert_int_equal(create(meta, "a", 1, 1), 0);
    const struct meta_topic *topic = meta_topic_at(meta, 0);
    assert_int_equal(set_broker(meta, "", "log.segment.bytes", "2097152"), 0);
    assert_int_equal(topic->options.segment_bytes, 2097152);
    assert_int_equal(set_broker(meta, "1", "log.segment.bytes", "3145728"), 0);
    assert_int_equal(topic->options.segment_bytes, 3145728);
    assert_int_equal(set_broker(meta, "2", "log.segment.bytes", "4194304"), 0);
    assert_int_equal(topic->options.segment_bytes, 3145728);
    assert_int_equal(set_broker(meta, "1", "log.segment.bytes", NULL), 0);
    assert_int_equal(topic->options.segment_bytes, 2097152);
    assert_int_equal(set_broker(meta, "1", "log.retention.ms", "5"), 0);
    assert_int_equal(topic->options.retention_ms, 1000);
    assert_int_equal(meta_topic_defaults(meta)->retention_ms, 5);
}

struct witness {
    struct meta *meta;
    char events[64];
};

static void note(struct witness *witness, char event)
{
    witness->events[strlen(witness->events)] = event;
}

static void see_created(void *owner, const struct meta_topic *topic)
{
    struct witness *witness = (struct witness *)owner;
    assert_int_equal(topic->options.retention_ms, 1000);
    note(witness, 'c');
}

static void see_deleted(void *owner, const struct meta_topic *topic)
{
    struct witness *witness = (struct witness *)owner;
    assert_null(meta_find_topic(witness->meta, bytes_from_string(topic->name)));
    note(witness, 'd');
}

static void see_config(void *owner, const struct meta_topic *topic)
{
    (void)topic;
    note((struct witness *)owner, 't');
}

static void see_broker(void *owner)
{
    note((struct witness *)owner, 'b');
}

static void listeners_are_told_in_order(void **state)
{
    struct meta *meta = (struct meta *)*state;
    struct witness witness = {.meta = meta};
    struct meta_listener listener = {
        .owner = &witness,
        .topic_created = see_created,
        .topic_deleted = see_deleted,
        .topic_config_changed = see_config,
        .broker_config_changed = see_broker,
    };
    meta_listen(meta, &listener);
    assert_int_equal(create(meta, "a", 1, 1), 0);
    assert_int_equal(set_broker(meta, "", "log.segment.bytes", "2097152"), 0);
    assert_int_equal(delete_topic(meta, 1), 0);
    assert_int_equal(create(meta, "a", 1, 0), ERROR_INVALID);
    assert_string_equal(witness.events, "cbtd");
    meta_unlisten(&listener);
}

static void producer_id_blocks_never_overlap(void **state)
{
    struct meta *meta = (struct meta *)*state;
    assert_int_equal(allocate(meta, 0, 1000), 0);
    assert_int_equal(meta_next_producer_id(meta), 1000);
    assert_int_equal(allocate(meta, 999, 1000), ERROR_INVALID);
    assert_int_equal(allocate(meta, INT64_MAX, 1), ERROR_INVALID);
    assert_int_equal(allocate(meta, 1000, 0), ERROR_INVALID);
    assert_int_equal(allocate(meta, 1000, 1000), 0);
    assert_int_equal(meta_next_producer_id(meta), 2000);
}

static void names_are_judged_as_kafka_judges_them(void **state)
{
    (void)state;
    char long_name[251];
    memset(long_name, 'a', sizeof long_name);
    assert_string_equal(meta_refuse_topic_name(BYTES_LITERAL("a.B_9-")), "");
    assert_string_equal(meta_refuse_topic_name(bytes_make(long_name, 249)), "");
    assert_string_not_equal(meta_refuse_topic_name(bytes_make(long_name, 250)), "");
    assert_string_not_equal(meta_refuse_topic_name(BYTES_LITERAL("")), "");
    assert_string_not_equal(meta_refuse_topic_name(BYTES_LITERAL("..")), "");
    assert_string_not_equal(meta_refuse_topic_name(BYTES_LITERAL("a b")), "");
    assert_string_not_equal(meta_refuse_topic_name(BYTES_LITERAL("\xc3\xa4")), "");
    assert_string_not_equal(meta_refuse_topic_name(bytes_make("a\0b", 3)), "");
}

static void no_id_begins_with_a_dash(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        char text[META_UUID_TEXT_SIZE];
        struct wire_uuid id = make_id(0xff);
        id.octets[0] = (uint8_t)first;
        meta_tame_uuid(&id);
        meta_print_uuid(id, text);
        assert_true(text[0] != '-');
        assert_int_equal(id.octets[6] >> 4, 4);
    }
}

static void ids_are_printed_as_kafka_prints_them(void **state)
{
    (void)state;
    char text[META_UUID_TEXT_SIZE];
    meta_print_uuid(make_id(0xff), text);
    assert_string_equal(text, "_____________________w");
    meta_print_uuid(make_id(0), text);
    assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_that_is_not_understood_gives_the_default_of_its_row,
                                        open_meta, close_meta),
        cmocka_unit_test_setup_teardown(topics_are_found_by_name_by_id_and_in_order, open_meta,
                                        close_meta),
        cmocka_unit_test_setup_teardown(a_command_that_does_not_fit_changes_nothing, open_meta,
                                        close_meta),
        cmocka_unit_test_setup_teardown(broker_values_reach_topics, open_meta, close_meta),
        cmocka_unit_test_setup_teardown(listeners_are_told_in_order, open_meta, close_meta),
        cmocka_unit_test_setup_teardown(producer_id_blocks_never_overlap, open_meta, close_meta),
        cmocka_unit_test(names_are_judged_as_kafka_judges_them),
        cmocka_unit_test(no_id_begins_with_a_dash),
        cmocka_unit_test(ids_are_printed_as_kafka_prints_them),
    };
    trace_set_stream(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
