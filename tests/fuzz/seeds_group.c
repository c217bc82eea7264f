/* What groups and the cluster write down: records of __consumer_offsets, the consumer protocol,
 * commands of the metadata log. */
#include "log/base/check.h"
#include "log/coordinator/group_log.h"
#include "log/coordinator/transaction.h"
#include "log/meta/meta.h"
#include "log/meta/meta.pb-c.h"
#include "runtime/client/subscription.h"
#include "tests/fuzz/seeds.h"

/* In the format of fuzz_group: the one record that the builder holds. */
static void seeds_save_record_as(const char *folder, const char *name, char kind,
                                 struct batch_builder *builder)
{
    struct buffer encoded, out;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    buffer_init(&encoded);
    buffer_init(&out);
    check(batch_builder_finish(builder, &encoded) == 0);
    check(batch_read_header(buffer_bytes(&encoded), &batch, NULL) == 0);
    check(batch_iterator_open(&iterator, &batch, encoded.size) == 0);
    check(batch_iterator_next(&iterator, &record) == 1);
    buffer_add_byte(&out, (uint8_t)kind);
    buffer_add_byte(&out, (uint8_t)record.key.size);
    buffer_add_bytes(&out, record.key);
    buffer_add_bytes(&out, record.value);
    seeds_save(folder, name, buffer_bytes(&out));
    batch_iterator_close(&iterator);
    batch_builder_fini(builder);
    buffer_fini(&out);
    buffer_fini(&encoded);
}

static void seeds_save_record(const char *folder, const char *name, struct batch_builder *builder)
{
    seeds_save_record_as(folder, name, 'o', builder);
}

static void seeds_save_transactions(const char *folder)
{
    struct transaction_partition partitions[] = {
        {BYTES_LITERAL("a"), 0}, {BYTES_LITERAL("a"), 2}, {BYTES_LITERAL("b"), 1}};
    struct transaction_value value = {.state = TRANSACTION_ONGOING,
                                      .producer_id = 5,
                                      .previous_producer_id = 5,
                                      .next_producer_id = 9,
                                      .producer_epoch = 3,
                                      .client_version = 2,
                                      .timeout_ms = 60000,
                                      .last_update_ms = 20,
                                      .start_ms = 10,
                                      .partitions = {partitions, 3}};
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write(&builder, 1, BYTES_LITERAL("x"), &value);
    seeds_save_record_as(folder, "group/transaction", 't', &builder);
    value.state = TRANSACTION_EMPTY;
    value.partitions.count = 0;
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write(&builder, 1, BYTES_LITERAL("x"), &value);
    seeds_save_record_as(folder, "group/transaction_without_partitions", 't', &builder);
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write_tombstone(&builder, 1, BYTES_LITERAL("x"));
    seeds_save_record_as(folder, "group/transaction_forgotten", 't', &builder);
}

static void seeds_save_records(const char *folder)
{
    seeds_save_transactions(folder);
    struct batch_builder builder;
    struct bytes group = BYTES_LITERAL("g");
    struct offset_commit_value offset = {
        .offset = 7, .leader_epoch = -1, .metadata = BYTES_LITERAL("m"), .expire_timestamp_ms = -1};
    batch_builder_init(&builder, COMPRESS_NONE);
    group_log_write_offset(&builder, 1, group, BYTES_LITERAL("t"), 3, &offset);
    seeds_save_record(folder, "group/offset", &builder);
    batch_builder_init(&builder, COMPRESS_NONE);
    offset.expire_timestamp_ms = 9;
    group_log_write_offset(&builder, 1, group, BYTES_LITERAL("t"), 3, &offset);
    seeds_save_record(folder, "group/offset_that_expires", &builder);
    batch_builder_init(&builder, COMPRESS_NONE);
    group_log_write_group(&builder, 1, group, NULL);
    seeds_save_record(folder, "group/tombstone", &builder);
}

/* An expression in the format of fuzz_group. */
static void seeds_save_regex(const char *folder, const char *name, const char *pattern)
{
    struct buffer out;
    buffer_init(&out);
    buffer_add_byte(&out, 'r');
    buffer_add_byte(&out, (uint8_t)bytes_from_string(pattern).size);
    buffer_add_string(&out, pattern);
    buffer_add_string(&out, "logs.web-1");
    seeds_save(folder, name, buffer_bytes(&out));
    buffer_fini(&out);
}

static void seeds_save_consumers(const char *folder)
{
    static const enum group_log_key keys[] = {
        GROUP_LOG_KEY_CONSUMER_MEMBER, GROUP_LOG_KEY_CONSUMER_CURRENT, GROUP_LOG_KEY_CONSUMER};
    static const char *const names[] = {"group/consumer_member", "group/consumer_current",
                                        "group/consumer"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct batch_builder builder;
        struct buffer key;
        static const uint8_t value[40] = {0};
        buffer_init(&key);
        batch_builder_init(&builder, COMPRESS_NONE);
        group_log_write_key(&key, keys[i], BYTES_LITERAL("g"), BYTES_LITERAL("m"));
        batch_builder_add(&builder, 1, buffer_bytes(&key), bytes_make(value, sizeof value), NULL,
                          0);
        seeds_save_record(folder, names[i], &builder);
        buffer_fini(&key);
    }
    seeds_save_regex(folder, "group/regex", "(?i)logs[.][[:alpha:]]+-\\d{1,3}|\\Qx\\E*");
    seeds_save_regex(folder, "group/regex_named", "(?P<kind>\\pL+)\\.(web|db).*?");
    seeds_save_regex(folder, "group/regex_refused", "a(?=b)");
}

static void seeds_save_protocol(const char *folder)
{
    static const struct bytes topics[] = {{(const uint8_t *)"t", 1}, {(const uint8_t *)"u", 1}};
    static const struct assignor_partition owned[] = {{{(const uint8_t *)"t", 1}, 0},
                                                      {{(const uint8_t *)"t", 1}, 2},
                                                      {{(const uint8_t *)"u", 1}, 1}};
    struct subscription subscription = {
        .topics = topics, .topic_count = 2, .owned = owned, .owned_count = 3, .generation = 4};
    static const struct assignor_position positions[] = {{{(const uint8_t *)"t", 1}, 0, 90, 90},
                                                         {{(const uint8_t *)"t", 1}, 1, 20, 80},
                                                         {{(const uint8_t *)"u", 1}, 2, 7, 70}};
    const struct assignor_member copies = {.home = BYTES_LITERAL("h"),
                                           .kept = owned,
                                           .kept_count = 2,
                                           .standby_wish = 1,
                                           .tells_positions = true,
                                           .positions = positions,
                                           .position_count = 3,
                                           .warming = owned,
                                           .warming_count = 1};
    struct arena arena;
    struct buffer out;
    arena_init(&arena, 0);
    buffer_init(&out);
    subscription.user_data = subscription_write_copies(&arena, &copies);
    struct bytes wish = subscription_write(&arena, &subscription);
    buffer_add_byte(&out, 's');
    buffer_add_bytes(&out, wish);
    seeds_save(folder, "group/subscription", buffer_bytes(&out));
    buffer_clear(&out);
    buffer_add_byte(&out, 'd');
    for (int i = 0; i < 3; i++) {
        buffer_add_byte(&out, (uint8_t)wish.size);
        buffer_add_bytes(&out, wish);
    }
    seeds_save(folder, "group/deal", buffer_bytes(&out));
    buffer_clear(&out);
    buffer_add_byte(&out, 'a');
    buffer_add_bytes(&out, subscription_write_share(&arena, owned, 3, BYTES_LITERAL("more")));
    seeds_save(folder, "group/share", buffer_bytes(&out));
    buffer_fini(&out);
    arena_fini(&arena);
}

static void seeds_add_command(struct buffer *out, Meta__Command *command)
{
    size_t size = meta__command__get_packed_size(command);
    buffer_add_byte(out, (uint8_t)size);
    out->size += meta__command__pack(command, buffer_reserve(out, size));
}

static void seeds_add_topic(struct buffer *out, ProtobufCBinaryData id)
{
    int32_t node = 1;
    Meta__Partition partition = META__PARTITION__INIT;
    partition.replicas = partition.isr = &node;
    partition.n_replicas = partition.n_isr = 1;
    partition.leader = 1;
    Meta__Partition *partitions[] = {&partition};
    Meta__Config config = META__CONFIG__INIT;
    config.name = (char *)(uintptr_t) "retention.ms";
    config.value = (char *)(uintptr_t) "1000";
    Meta__Config *configs[] = {&config};
    Meta__TopicCreated created = META__TOPIC_CREATED__INIT;
    created.name = (char *)(uintptr_t) "t";
    created.id = id;
    created.partitions = partitions;
    created.n_partitions = 1;
    created.configs = configs;
    created.n_configs = 1;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_CREATED;
    command.topic_created = &created;
    seeds_add_command(out, &command);
    Meta__PartitionsAdded added = META__PARTITIONS_ADDED__INIT;
    partition.index = 1;
    added.id = id;
    added.partitions = partitions;
    added.n_partitions = 1;
    command.kind_case = META__COMMAND__KIND_PARTITIONS_ADDED;
    command.partitions_added = &added;
    seeds_add_command(out, &command);
    Meta__PartitionsChanged changed = META__PARTITIONS_CHANGED__INIT;
    partition.leader_epoch = 1;
    changed.id = id;
    changed.partitions = partitions;
    changed.n_partitions = 1;
    command.kind_case = META__COMMAND__KIND_PARTITIONS_CHANGED;
    command.partitions_changed = &changed;
    seeds_add_command(out, &command);
    Meta__BrokerConfigChanged broker = META__BROKER_CONFIG_CHANGED__INIT;
    config.name = (char *)(uintptr_t) "log.retention.ms";
    broker.changes = configs;
    broker.n_changes = 1;
    command.kind_case = META__COMMAND__KIND_BROKER_CONFIG_CHANGED;
    command.broker_config_changed = &broker;
    seeds_add_command(out, &command);
}

/* In the format of fuzz_meta. */
static void seeds_save_commands(const char *folder)
{
    uint8_t octets[16] = {1, 2, 3};
    ProtobufCBinaryData id = {sizeof octets, octets};
    struct buffer out;
    buffer_init(&out);
    seeds_add_topic(&out, id);
    seeds_save(folder, "meta/topic", buffer_bytes(&out));
    buffer_clear(&out);
    Meta__Command command = META__COMMAND__INIT;
    Meta__TopicDeleted deleted = META__TOPIC_DELETED__INIT;
    Meta__ProducerIdsAllocated allocated = META__PRODUCER_IDS_ALLOCATED__INIT;
    Meta__ClusterNamed named = META__CLUSTER_NAMED__INIT;
    Meta__FeatureSet feature = META__FEATURE_SET__INIT;
    deleted.id = id;
    allocated.first_id = 10;
    allocated.count = 5;
    named.cluster_id = (char *)(uintptr_t) "c";
    feature.name = (char *)(uintptr_t) "f";
    command.kind_case = META__COMMAND__KIND_TOPIC_DELETED;
    command.topic_deleted = &deleted;
    seeds_add_command(&out, &command);
    command.kind_case = META__COMMAND__KIND_PRODUCER_IDS_ALLOCATED;
    command.producer_ids_allocated = &allocated;
    seeds_add_command(&out, &command);
    command.kind_case = META__COMMAND__KIND_CLUSTER_NAMED;
    command.cluster_named = &named;
    seeds_add_command(&out, &command);
    command.kind_case = META__COMMAND__KIND_FEATURE_SET;
    command.feature_set = &feature;
    seeds_add_command(&out, &command);
    seeds_save(folder, "meta/others", buffer_bytes(&out));
    buffer_clear(&out);
    Meta__Config config = META__CONFIG__INIT;
    Meta__Config *configs[] = {&config};
    Meta__ResourceConfigChanged resource = META__RESOURCE_CONFIG_CHANGED__INIT;
    config.name = (char *)(uintptr_t) "interval.ms";
    config.value = (char *)(uintptr_t) "1000";
    resource.kind = META_RESOURCE_CLIENT_METRICS;
    resource.name = (char *)(uintptr_t) "r";
    resource.changes = configs;
    resource.n_changes = 1;
    command.kind_case = META__COMMAND__KIND_RESOURCE_CONFIG_CHANGED;
    command.resource_config_changed = &resource;
    seeds_add_command(&out, &command);
    Meta__QuotaValue limit = META__QUOTA_VALUE__INIT;
    Meta__QuotaValue *limits[] = {&limit};
    Meta__ClientQuotaChanged quota = META__CLIENT_QUOTA_CHANGED__INIT;
    limit.name = (char *)(uintptr_t) "request_percentage";
    limit.value = 12.5;
    quota.has_user = quota.has_client_id = quota.is_client_id_default = true;
    quota.user = (char *)(uintptr_t) "u";
    quota.values = limits;
    quota.n_values = 1;
    command.kind_case = META__COMMAND__KIND_CLIENT_QUOTA_CHANGED;
    command.client_quota_changed = &quota;
    seeds_add_command(&out, &command);
    seeds_save(folder, "meta/resources", buffer_bytes(&out));
    buffer_fini(&out);
}

/* A resource "host"="h" with a gauge "x" of 5 and a delta "y" of 3, each of topic "t". */
static void seeds_save_telemetry(const char *folder)
{
    static const uint8_t pushed[] = {
        0x0a, 0x56, 0x0a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x12, 0x03, 0x0a,
        0x01, 0x68, 0x12, 0x45, 0x12, 0x1e, 0x0a, 0x01, 0x78, 0x2a, 0x19, 0x0a, 0x17, 0x21, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x40, 0x3a, 0x0c, 0x0a, 0x05, 0x74, 0x6f, 0x70, 0x69,
        0x63, 0x12, 0x03, 0x0a, 0x01, 0x74, 0x12, 0x23, 0x0a, 0x01, 0x79, 0x3a, 0x1e, 0x0a, 0x18,
        0x31, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x0d, 0x0a, 0x05, 0x74, 0x6f,
        0x70, 0x69, 0x63, 0x12, 0x04, 0x0a, 0x02, 0x22, 0x71, 0x10, 0x01, 0x18, 0x01,
    };
    seeds_save(folder, "telemetry/push", bytes_make(pushed, sizeof pushed));
}

void seeds_group(const char *folder)
{
    seeds_save_telemetry(folder);
    seeds_save_records(folder);
    seeds_save_consumers(folder);
    seeds_save_protocol(folder);
    seeds_save_commands(folder);
}
