/* A consumer group's records: written as far as they differ, and read back; see consumer.h.
 *
 * Records stand in the order in which Kafka writes them, because Kafka insists on some of it when
 * it reads: a member goes as current assignment, target, metadata; a group as targets, then itself.
 * A batch that grows too large is cut; then a crash may leave members without targets, or targets
 * of which the group's epoch knows nothing yet, and the next heartbeat makes them anew. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/consumer.h"

#include <stdlib.h>

enum { CONSUMER_LOG_BATCH_SIZE = 512 * 1024 };

static const enum group_log_key consumer_log_keys[CONSUMER_TEXT_COUNT] = {
    [CONSUMER_TEXT_METADATA] = GROUP_LOG_KEY_CONSUMER_MEMBER,
    [CONSUMER_TEXT_TARGET] = GROUP_LOG_KEY_CONSUMER_TARGET_MEMBER,
    [CONSUMER_TEXT_CURRENT] = GROUP_LOG_KEY_CONSUMER_CURRENT,
};

/* Texts -------------------------------------------------------------------------------------- */

static void consumer_log_write_metadata(const struct consumer_member *member, struct arena *arena,
                                        struct buffer *out)
{
    struct consumer_group_member_metadata_value value = {
        .instance_id = member->instance_id,
        .rack_id = member->rack_id,
        .client_id = member->client_id,
        .client_host = member->client_host,
        .subscribed_topic_names = {.items = member->topics, .count = member->topic_count},
        .subscribed_topic_regex = bytes_is_null(member->regex) ? BYTES_LITERAL("") : member->regex,
        .rebalance_timeout_ms = member->rebalance_timeout_ms,
        .server_assignor = member->dealer,
    };
    struct consumer_group_member_metadata_value_classic classic = {.session_timeout_ms =
                                                                       member->session_timeout_ms};
    if (member->is_classic) {
        classic.supported_protocols.items =
            arena_array(arena, struct consumer_group_member_metadata_value_classic_protocol,
                        member->protocol_count);
        for (int32_t i = 0; i < member->protocol_count; i++) {
            classic.supported_protocols.items[classic.supported_protocols.count++] =
                (struct consumer_group_member_metadata_value_classic_protocol){
                    .name = member->protocols[i].name, .metadata = member->protocols[i].metadata};
        }
        value.classic_member_metadata = &classic;
    }
    state_record_write(out, &consumer_group_member_metadata_value_schema, 0, &value);
}

/* One topic of a set, as all three kinds of records want it. */
struct consumer_log_topic {
    struct wire_uuid id;
    int32_t *partitions;
    int32_t *epochs;
    int32_t count;
};

static int32_t consumer_log_split(const struct partition_set *set, struct arena *arena,
                                  struct consumer_log_topic **out)
{
    int32_t count = 0;
    *out = arena_array(arena, struct consumer_log_topic, partition_set_topic_count(set) + 1);
    for (int32_t i = 0; i < set->count;) {
        int32_t end = partition_set_topic_end(set, i);
        struct consumer_log_topic *topic = &(*out)[count++];
        topic->id = set->items[i].topic;
        topic->partitions = arena_array(arena, int32_t, end - i);
        topic->epochs = arena_array(arena, int32_t, end - i);
        for (; i < end; i++) {
            topic->partitions[topic->count] = set->items[i].index;
            topic->epochs[topic->count++] = set->items[i].epoch;
        }
    }
    return count;
}

static void consumer_log_write_target(const struct consumer_member *member, struct arena *arena,
                                      struct buffer *out)
{
    struct consumer_log_topic *topics = NULL;
    struct consumer_group_target_member_value value = {0};
    int32_t count = consumer_log_split(&member->target, arena, &topics);
    value.topic_partitions.items =
        arena_array(arena, struct consumer_group_target_member_value_topic, count + 1);
    value.topic_partitions.count = count;
    for (int32_t i = 0; i < count; i++) {
        value.topic_partitions.items[i] = (struct consumer_group_target_member_value_topic){
            .topic_id = topics[i].id,
            .partitions = {.items = topics[i].partitions, .count = topics[i].count}};
    }
    state_record_write(out, &consumer_group_target_member_value_schema, 0, &value);
}

static void consumer_log_write_current(const struct consumer_member *member, struct arena *arena,
                                       struct buffer *out)
{
    struct consumer_log_topic *topics = NULL;
    struct consumer_group_current_member_value value = {
        .member_epoch = member->epoch,
        .previous_member_epoch = member->previous_epoch,
        .member_state = (int8_t)member->state,
    };
    int32_t count = consumer_log_split(&member->assigned, arena, &topics);
    value.assigned_partitions.items =
        arena_array(arena, struct consumer_group_current_member_value_assigned_topic, count + 1);
    value.assigned_partitions.count = count;
    for (int32_t i = 0; i < count; i++) {
        value.assigned_partitions.items[i] =
            (struct consumer_group_current_member_value_assigned_topic){
                .topic_id = topics[i].id,
                .partitions = {.items = topics[i].partitions, .count = topics[i].count},
                .assignment_epochs = {.items = topics[i].epochs, .count = topics[i].count}};
    }
    count = consumer_log_split(&member->revoking, arena, &topics);
    value.partitions_pending_revocation.items =
        arena_array(arena, struct consumer_group_current_member_value_revoked_topic, count + 1);
    value.partitions_pending_revocation.count = count;
    for (int32_t i = 0; i < count; i++) {
        value.partitions_pending_revocation.items[i] =
            (struct consumer_group_current_member_value_revoked_topic){
                .topic_id = topics[i].id,
                .partitions = {.items = topics[i].partitions, .count = topics[i].count},
                .assignment_epochs = {.items = topics[i].epochs, .count = topics[i].count}};
    }
    state_record_write(out, &consumer_group_current_member_value_schema, 0, &value);
}

static void consumer_log_write_text(const struct consumer_member *member, enum consumer_text text,
                                    struct buffer *out)
{
    struct arena arena;
    arena_init(&arena, 0);
    switch (text) {
    case CONSUMER_TEXT_METADATA:
        consumer_log_write_metadata(member, &arena, out);
        break;
    case CONSUMER_TEXT_TARGET:
        consumer_log_write_target(member, &arena, out);
        break;
    case CONSUMER_TEXT_CURRENT:
        consumer_log_write_current(member, &arena, out);
        break;
    case CONSUMER_TEXT_COUNT:
        break;
    }
    arena_fini(&arena);
}

static void consumer_log_write_epoch_text(const struct consumer *consumer, struct buffer *out)
{
    struct consumer_group_metadata_value value = {.epoch = consumer->epoch,
                                                  .metadata_hash = consumer->metadata_hash};
    state_record_write(out, &consumer_group_metadata_value_schema, 0, &value);
}

static void consumer_log_write_target_text(const struct consumer *consumer, struct buffer *out)
{
    struct consumer_group_target_metadata_value value = {
        .assignment_epoch = consumer->assignment_epoch,
        .assignment_timestamp_ms = consumer->assignment_timestamp_ms};
    state_record_write(out, &consumer_group_target_metadata_value_schema, 0, &value);
}

static void consumer_log_write_regex_text(const struct consumer_regex *regex, struct buffer *out)
{
    struct consumer_group_regex_value value = {
        .topics = {.items = regex->topics, .count = regex->topic_count},
        .timestamp_ms = regex->timestamp_ms,
    };
    state_record_write(out, &consumer_group_regex_value_schema, 0, &value);
}

/* Writing ------------------------------------------------------------------------------------ */

static void consumer_log_add(struct consumer *consumer, struct batch_builder *builder,
                             enum group_log_key key, struct bytes name, struct bytes value)
{
    struct group_host *host = consumer->group->host;
    struct buffer text;
    buffer_init(&text);
    group_log_write_key(&text, key, consumer->group->id, name);
    batch_builder_add(builder, io_wall_clock(host->io), buffer_bytes(&text), value, NULL, 0);
    buffer_fini(&text);
    if (batch_builder_size(builder) > CONSUMER_LOG_BATCH_SIZE) {
        host->write(host, consumer->group->id, builder, NULL);
    }
}

/* Adds a record if its text is not what was written last. */
static void consumer_log_update(struct consumer *consumer, struct batch_builder *builder,
                                enum group_log_key key, struct bytes name,
                                const struct buffer *text, struct bytes *written)
{
    struct bytes value = buffer_bytes(text);
    if (!bytes_equal(value, *written)) {
        group_set_bytes(written, value);
        consumer_log_add(consumer, builder, key, name, value);
    }
}

static void consumer_log_update_members(struct consumer *consumer, struct batch_builder *builder,
                                        enum consumer_text text)
{
    for (list_each (&consumer->dirty, link)) {
        struct consumer_member *member = list_member(link, struct consumer_member, dirty);
        struct buffer value;
        buffer_init(&value);
        consumer_log_write_text(member, text, &value);
        consumer_log_update(consumer, builder, consumer_log_keys[text], member->id, &value,
                            &member->written[text]);
        buffer_fini(&value);
    }
}

static void consumer_log_update_regexes(struct consumer *consumer, struct batch_builder *builder)
{
    for (map_each (&consumer->regexes, entry)) {
        struct consumer_regex *regex = (struct consumer_regex *)entry->value;
        struct buffer value;
        if (!regex->is_dirty) {
            continue;
        }
        buffer_init(&value);
        consumer_log_write_regex_text(regex, &value);
        consumer_log_update(consumer, builder, GROUP_LOG_KEY_CONSUMER_REGEX, regex->text, &value,
                            &regex->written);
        regex->is_dirty = false;
        buffer_fini(&value);
    }
}

void consumer_log_write(struct consumer *consumer, struct batch_builder *builder)
{
    struct buffer value;
    struct bytes none = {0};
    struct list_link *link;
    buffer_init(&value);
    consumer_log_update_regexes(consumer, builder);
    consumer_log_update_members(consumer, builder, CONSUMER_TEXT_METADATA);
    consumer_log_write_epoch_text(consumer, &value);
    consumer_log_update(consumer, builder, GROUP_LOG_KEY_CONSUMER, none, &value,
                        &consumer->written_epoch);
    consumer_log_update_members(consumer, builder, CONSUMER_TEXT_TARGET);
    buffer_clear(&value);
    consumer_log_write_target_text(consumer, &value);
    consumer_log_update(consumer, builder, GROUP_LOG_KEY_CONSUMER_TARGET, none, &value,
                        &consumer->written_target);
    consumer_log_update_members(consumer, builder, CONSUMER_TEXT_CURRENT);
    while ((link = list_take(&consumer->dirty)) != NULL) {}
    buffer_fini(&value);
}

void consumer_log_write_removal(struct consumer *consumer, const struct consumer_member *member)
{
    for (int text = CONSUMER_TEXT_COUNT - 1; text >= 0; text--) {
        if (!bytes_is_null(member->written[text])) {
            consumer_log_add(consumer, &consumer->builder, consumer_log_keys[text], member->id,
                             (struct bytes){0});
        }
    }
}

void consumer_log_write_regex_removal(struct consumer *consumer, const struct consumer_regex *regex)
{
    if (!bytes_is_null(regex->written)) {
        consumer_log_add(consumer, &consumer->builder, GROUP_LOG_KEY_CONSUMER_REGEX, regex->text,
                         (struct bytes){0});
    }
}

/* Tombstones are never harmful: what is under way for these keys is hidden as well. */
void consumer_log_write_deletion(struct consumer *consumer, struct batch_builder *builder)
{
    for (map_each (&consumer->members, entry)) {
        const struct consumer_member *member = (const struct consumer_member *)entry->value;
        for (int text = CONSUMER_TEXT_COUNT - 1; text >= 0; text--) {
            consumer_log_add(consumer, builder, consumer_log_keys[text], member->id,
                             (struct bytes){0});
        }
    }
    for (map_each (&consumer->regexes, entry)) {
        consumer_log_add(consumer, builder, GROUP_LOG_KEY_CONSUMER_REGEX, entry->key,
                         (struct bytes){0});
    }
    consumer_log_add(consumer, builder, GROUP_LOG_KEY_CONSUMER_TARGET, (struct bytes){0},
                     (struct bytes){0});
    consumer_log_add(consumer, builder, GROUP_LOG_KEY_CONSUMER, (struct bytes){0},
                     (struct bytes){0});
}

/* Reading ------------------------------------------------------------------------------------ */

static void consumer_log_restore_metadata(struct consumer *consumer,
                                          const struct group_log_record *record, struct bytes value,
                                          struct arena *arena)
{
    struct consumer_group_member_metadata_value read;
    check(state_record_read(value, &consumer_group_member_metadata_value_schema, arena, &read) ==
          0); /* it was read when it was applied */
    struct consumer_member *member = consumer_member_add(consumer, record->name);
    if (consumer_member_find_instance(consumer, read.instance_id) == NULL) {
        consumer_member_set_instance(member, read.instance_id);
    }
    group_set_bytes(&member->rack_id, read.rack_id);
    group_set_bytes(&member->client_id, read.client_id);
    group_set_bytes(&member->client_host, read.client_host);
    group_set_bytes(&member->dealer, read.server_assignor);
    member->rebalance_timeout_ms = read.rebalance_timeout_ms;
    consumer_member_set_topics(member, read.subscribed_topic_names.items,
                               read.subscribed_topic_names.count);
    consumer_member_set_regex(member, read.subscribed_topic_regex);
    if (read.classic_member_metadata != NULL) {
        const struct consumer_group_member_metadata_value_classic *classic =
            read.classic_member_metadata;
        int32_t count = classic->supported_protocols.count;
        struct group_protocol *protocols = arena_array(arena, struct group_protocol, count + 1);
        for (int32_t i = 0; i < count; i++) {
            protocols[i].name = classic->supported_protocols.items[i].name;
            protocols[i].metadata = classic->supported_protocols.items[i].metadata;
        }
        consumer_member_set_protocols(member, protocols, count, classic->session_timeout_ms);
    }
    group_set_bytes(&member->written[CONSUMER_TEXT_METADATA], value);
}

static void consumer_log_restore_target(struct consumer_member *member, struct bytes value,
                                        struct arena *arena)
{
    struct consumer_group_target_member_value read;
    check(state_record_read(value, &consumer_group_target_member_value_schema, arena, &read) == 0);
    for (int32_t i = 0; i < read.topic_partitions.count; i++) {
        const struct consumer_group_target_member_value_topic *topic =
            &read.topic_partitions.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            partition_set_add(&member->target, topic->topic_id, topic->partitions.items[j], 0);
        }
    }
    partition_set_sort(&member->target);
    group_set_bytes(&member->written[CONSUMER_TEXT_TARGET], value);
}

/* Of two members that own the same (which only a refused record can leave) the first keeps it. */
static void consumer_log_restore_owned(const struct consumer_member *member,
                                       struct partition_set *set, struct wire_uuid topic,
                                       const int32_t *partitions, int32_t count,
                                       const int32_t *epochs, int32_t epoch_count)
{
    for (int32_t i = 0; i < count; i++) {
        struct partition_set_item item = {.topic = topic, .index = partitions[i]};
        if (map_find(&member->consumer->owners,
                     bytes_make(&item, offsetof(struct partition_set_item, epoch))) == NULL) {
            partition_set_add(set, topic, partitions[i],
                              i < epoch_count ? epochs[i] : member->epoch);
        }
    }
}

static enum consumer_member_state consumer_log_state(int8_t state)
{
    bool is_known = state == CONSUMER_MEMBER_STABLE || state == CONSUMER_MEMBER_UNREVOKED ||
                    state == CONSUMER_MEMBER_UNRELEASED;
    return is_known ? (enum consumer_member_state)state : CONSUMER_MEMBER_UNKNOWN;
}

static void consumer_log_restore_current(struct consumer_member *member, struct bytes value,
                                         struct arena *arena)
{
    struct consumer_group_current_member_value read;
    struct partition_set assigned = {0};
    struct partition_set revoking = {0};
    check(state_record_read(value, &consumer_group_current_member_value_schema, arena, &read) == 0);
    member->epoch = read.member_epoch;
    member->previous_epoch = read.previous_member_epoch;
    member->state = consumer_log_state(read.member_state);
    for (int32_t i = 0; i < read.assigned_partitions.count; i++) {
        const struct consumer_group_current_member_value_assigned_topic *topic =
            &read.assigned_partitions.items[i];
        consumer_log_restore_owned(member, &assigned, topic->topic_id, topic->partitions.items,
                                   topic->partitions.count, topic->assignment_epochs.items,
                                   topic->assignment_epochs.count);
    }
    for (int32_t i = 0; i < read.partitions_pending_revocation.count; i++) {
        const struct consumer_group_current_member_value_revoked_topic *topic =
            &read.partitions_pending_revocation.items[i];
        consumer_log_restore_owned(member, &revoking, topic->topic_id, topic->partitions.items,
                                   topic->partitions.count, topic->assignment_epochs.items,
                                   topic->assignment_epochs.count);
    }
    partition_set_sort(&assigned);
    partition_set_sort(&revoking);
    if (member->state == CONSUMER_MEMBER_UNREVOKED && revoking.count == 0) {
        member->state = CONSUMER_MEMBER_STABLE;
    }
    consumer_member_set_current(member, &assigned, &revoking);
    group_set_bytes(&member->written[CONSUMER_TEXT_CURRENT], value);
}

static void consumer_log_restore_regex(struct consumer *consumer,
                                       const struct group_log_record *record, struct bytes value,
                                       struct arena *arena)
{
    struct consumer_group_regex_value read;
    struct consumer_regex *regex =
        (struct consumer_regex *)map_find(&consumer->regexes, record->name);
    check(state_record_read(value, &consumer_group_regex_value_schema, arena, &read) == 0);
    if (regex == NULL) {
        /* Nobody subscribes with it: only a refused record can leave it. */
        consumer_log_add(consumer, &consumer->builder, record->key, record->name,
                         (struct bytes){0});
        return;
    }
    regex->topics =
        (struct bytes *)memory_zero((size_t)read.topics.count + 1, sizeof *regex->topics);
    for (; regex->topic_count < read.topics.count; regex->topic_count++) {
        regex->topics[regex->topic_count] = bytes_copy(read.topics.items[regex->topic_count]);
    }
    regex->timestamp_ms = read.timestamp_ms;
    regex->is_resolved = true;
    regex->is_dirty = false;
    group_set_bytes(&regex->written, value);
}

static void consumer_log_restore_member(struct consumer *consumer,
                                        const struct group_log_record *record, struct bytes value,
                                        struct arena *arena)
{
    struct consumer_member *member = consumer_member_find(consumer, record->name);
    if (member == NULL) {
        consumer_log_add(consumer, &consumer->builder, record->key, record->name,
                         (struct bytes){0});
    } else if (record->key == GROUP_LOG_KEY_CONSUMER_CURRENT) {
        consumer_log_restore_current(member, value, arena);
    } else {
        consumer_log_restore_target(member, value, arena);
    }
}

static void consumer_log_restore_group(struct consumer *consumer,
                                       const struct group_log_record *record, struct bytes value,
                                       struct arena *arena)
{
    struct consumer_group_metadata_value group;
    struct consumer_group_target_metadata_value target;
    if (record->key == GROUP_LOG_KEY_CONSUMER) {
        check(state_record_read(value, &consumer_group_metadata_value_schema, arena, &group) == 0);
        consumer->epoch = group.epoch;
        consumer->metadata_hash = group.metadata_hash;
        group_set_bytes(&consumer->written_epoch, value);
    } else {
        check(state_record_read(value, &consumer_group_target_metadata_value_schema, arena,
                                &target) == 0);
        consumer->assignment_epoch = target.assignment_epoch;
        consumer->assignment_timestamp_ms = target.assignment_timestamp_ms;
        group_set_bytes(&consumer->written_target, value);
    }
}

/* `is_second`: what needs members and groups to be there. */
static void consumer_log_restore_record(struct consumer *consumer, struct bytes key,
                                        struct bytes value, bool is_second)
{
    struct group_log_record record;
    struct arena arena;
    arena_init(&arena, 0);
    check(group_log_read(key, value, &arena, &record) == 0);
    switch (record.key) {
    case GROUP_LOG_KEY_CONSUMER:
    case GROUP_LOG_KEY_CONSUMER_TARGET:
        if (!is_second) {
            consumer_log_restore_group(consumer, &record, value, &arena);
        }
        break;
    case GROUP_LOG_KEY_CONSUMER_MEMBER:
        if (!is_second) {
            consumer_log_restore_metadata(consumer, &record, value, &arena);
        }
        break;
    case GROUP_LOG_KEY_CONSUMER_TARGET_MEMBER:
    case GROUP_LOG_KEY_CONSUMER_CURRENT:
        if (is_second) {
            consumer_log_restore_member(consumer, &record, value, &arena);
        }
        break;
    case GROUP_LOG_KEY_CONSUMER_REGEX:
        if (is_second) {
            consumer_log_restore_regex(consumer, &record, value, &arena);
        }
        break;
    case GROUP_LOG_KEY_OFFSET_OLD:
    case GROUP_LOG_KEY_OFFSET:
    case GROUP_LOG_KEY_GROUP:
    case GROUP_LOG_KEY_CONSUMER_TOPICS:
        break;
    }
    arena_fini(&arena);
}

/* Members whose records say what we would write ourselves need no writing; those of another broker
 * may differ. */
static void consumer_log_clean(struct consumer *consumer)
{
    for (list_each (&consumer->dirty, link)) {
        const struct consumer_member *member = list_member(link, struct consumer_member, dirty);
        bool is_same = true;
        for (int text = 0; text < CONSUMER_TEXT_COUNT; text++) {
            struct buffer value;
            buffer_init(&value);
            consumer_log_write_text(member, (enum consumer_text)text, &value);
            is_same = is_same && bytes_equal(buffer_bytes(&value), member->written[text]);
            buffer_fini(&value);
        }
        if (is_same) {
            list_remove(link);
        }
    }
}

/* When the log refused one batch and took a later one that built upon it, members may be ahead of
 * the group, and targets may overlap or leave something out. New targets mend both. */
static void consumer_log_mend(struct consumer *consumer)
{
    bool is_broken = consumer->epoch < consumer->assignment_epoch;
    for (map_each (&consumer->members, entry)) {
        const struct consumer_member *member = (const struct consumer_member *)entry->value;
        if (member->epoch > consumer->assignment_epoch) {
            consumer->assignment_epoch = member->epoch;
            is_broken = true;
        }
    }
    if (consumer->epoch < consumer->assignment_epoch) {
        consumer->epoch = consumer->assignment_epoch;
    }
    if (is_broken ||
        (consumer->epoch == consumer->assignment_epoch && !consumer_target_is_whole(consumer))) {
        consumer_bump(consumer);
    }
}

void consumer_log_restore(struct consumer *consumer)
{
    const struct map *records = &consumer->group->records;
    for (int pass = 0; pass < 2; pass++) {
        for (map_each (records, entry)) {
            consumer_log_restore_record(consumer, entry->key, *(const struct bytes *)entry->value,
                                        pass == 1);
        }
    }
    for (map_each (&consumer->members, entry)) {
        struct consumer_member *member = (struct consumer_member *)entry->value;
        consumer_member_touch(member);
        consumer_member_start_rebalance_timer(member);
    }
    consumer_log_clean(consumer);
    consumer_log_mend(consumer);
    consumer_update_state(consumer);
}

/* Checking ----------------------------------------------------------------------------------- */

/* What is committed under the key is what was written; true when there is such a record. */
static void consumer_log_check_record(const struct consumer *consumer, enum group_log_key key,
                                      struct bytes name, struct bytes written)
{
    struct buffer text;
    buffer_init(&text);
    group_log_write_key(&text, key, consumer->group->id, name);
    const struct bytes *value =
        (const struct bytes *)map_find(&consumer->group->records, buffer_bytes(&text));
    check(value == NULL ? bytes_is_null(written) : bytes_equal(*value, written));
    buffer_fini(&text);
}

static void consumer_log_check_member(const struct consumer_member *member, bool is_quiet)
{
    for (int text = 0; text < CONSUMER_TEXT_COUNT; text++) {
        if (!list_has(&member->dirty)) {
            struct buffer value;
            buffer_init(&value);
            consumer_log_write_text(member, (enum consumer_text)text, &value);
            check(bytes_equal(buffer_bytes(&value), member->written[text]));
            buffer_fini(&value);
        }
        if (is_quiet) {
            consumer_log_check_record(member->consumer, consumer_log_keys[text], member->id,
                                      member->written[text]);
        }
    }
}

void consumer_log_check(const struct consumer *consumer)
{
    const struct group *group = consumer->group;
    struct bytes none = {0};
    bool is_quiet = group->underway_count == 0 && consumer->builder.record_count == 0 &&
                    list_is_empty(&consumer->dirty);
    for (map_each (&consumer->members, entry)) {
        consumer_log_check_member((const struct consumer_member *)entry->value, is_quiet);
    }
    if (is_quiet && consumer->state != CONSUMER_DEAD) {
        size_t count = CONSUMER_TEXT_COUNT * consumer->members.size + consumer->regexes.size +
                       !bytes_is_null(consumer->written_epoch) +
                       !bytes_is_null(consumer->written_target);
        check(group->records.size == count); /* (7) */
        check(bytes_is_null(group->logged)); /* of its classic days */
        consumer_log_check_record(consumer, GROUP_LOG_KEY_CONSUMER, none, consumer->written_epoch);
        consumer_log_check_record(consumer, GROUP_LOG_KEY_CONSUMER_TARGET, none,
                                  consumer->written_target);
    }
}
