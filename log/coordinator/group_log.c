/* Reads and writes the records of __consumer_offsets; see group_log.h.
 *
 * Values are written in version 3, the one that every Kafka since 2.3 reads; an offset with a time
 * of its own to expire in version 1, the only one that carries it. */
#include "log/coordinator/group_log.h"

#include "log/base/check.h"
#include "log/base/endian.h"
#include "log/base/error.h"

enum {
    GROUP_LOG_VERSION_SIZE = 2,
    GROUP_LOG_VALUE = 3,
    GROUP_LOG_EXPIRING_VALUE = 1,
    GROUP_LOG_SCRATCH_SIZE = 512, /* of any value's struct */
};

static int group_log_read_offset(struct bytes key, struct bytes value, struct arena *arena,
                                 struct group_log_record *out)
{
    struct offset_commit_key name;
    int error = state_record_read(key, &offset_commit_key_schema, arena, &name);
    if (error == 0 && !out->is_tombstone) {
        error = state_record_read(value, &offset_commit_value_schema, arena, &out->offset);
    }
    if (error == 0) {
        out->kind = GROUP_LOG_OFFSET;
        out->group = name.group;
        out->topic = name.topic;
        out->partition = name.partition;
    }
    return error;
}

static int group_log_read_group(struct bytes key, struct bytes value, struct arena *arena,
                                struct group_log_record *out)
{
    struct group_metadata_key name;
    int error = state_record_read(key, &group_metadata_key_schema, arena, &name);
    if (error == 0 && !out->is_tombstone) {
        error = state_record_read(value, &group_metadata_value_schema, arena, &out->metadata);
    }
    if (error == 0) {
        out->kind = GROUP_LOG_GROUP;
        out->group = name.group;
    }
    return error;
}

/* The records of consumer groups: all keys begin with the group, some go on with a name. */
struct group_log_row {
    enum group_log_key key;
    const struct wire_schema *key_schema;
    const struct wire_schema *value_schema; /* NULL: it is skipped */
    bool has_name;
};

static const struct group_log_row group_log_rows[] = {
    {GROUP_LOG_KEY_CONSUMER, &consumer_group_metadata_key_schema,
     &consumer_group_metadata_value_schema, false},
    {GROUP_LOG_KEY_CONSUMER_TOPICS, &consumer_group_partition_metadata_key_schema, NULL, false},
    {GROUP_LOG_KEY_CONSUMER_MEMBER, &consumer_group_member_metadata_key_schema,
     &consumer_group_member_metadata_value_schema, true},
    {GROUP_LOG_KEY_CONSUMER_TARGET, &consumer_group_target_metadata_key_schema,
     &consumer_group_target_metadata_value_schema, false},
    {GROUP_LOG_KEY_CONSUMER_TARGET_MEMBER, &consumer_group_target_member_key_schema,
     &consumer_group_target_member_value_schema, true},
    {GROUP_LOG_KEY_CONSUMER_CURRENT, &consumer_group_current_member_key_schema,
     &consumer_group_current_member_value_schema, true},
    {GROUP_LOG_KEY_CONSUMER_REGEX, &consumer_group_regex_key_schema,
     &consumer_group_regex_value_schema, true},
};

static const struct group_log_row *group_log_find_row(int16_t key)
{
    for (size_t i = 0; i < sizeof group_log_rows / sizeof *group_log_rows; i++) {
        if ((int16_t)group_log_rows[i].key == key) {
            return &group_log_rows[i];
        }
    }
    return NULL;
}

/* The names in the keys have the same place in all of their structs. */
_Static_assert(offsetof(struct consumer_group_regex_key, regular_expression) ==
                   offsetof(struct consumer_group_member_metadata_key, member_id),
               "one struct reads all keys");

/* Judges the value by reading it: what is applied can be read later. */
static int group_log_read_consumer(const struct group_log_row *row, struct bytes key,
                                   struct bytes value, struct arena *arena,
                                   struct group_log_record *out)
{
    struct consumer_group_member_metadata_key name = {0};
    _Alignas(max_align_t) uint8_t scratch[GROUP_LOG_SCRATCH_SIZE] = {0};
    int error = state_record_read(key, row->key_schema, arena, &name);
    if (error == 0 && !out->is_tombstone && row->value_schema != NULL) {
        error = state_record_read(value, row->value_schema, arena, scratch);
    }
    if (error == 0) {
        out->kind = row->value_schema == NULL ? GROUP_LOG_UNKNOWN : GROUP_LOG_CONSUMER;
        out->group = name.group_id;
        out->name = row->has_name ? name.member_id : (struct bytes){0};
        out->key = row->key;
    }
    return error;
}

_Static_assert(sizeof(struct consumer_group_member_metadata_value) <= GROUP_LOG_SCRATCH_SIZE,
               "scratch is too small");
_Static_assert(sizeof(struct consumer_group_current_member_value) <= GROUP_LOG_SCRATCH_SIZE,
               "scratch is too small");

int group_log_read_metadata(struct bytes value, struct arena *arena,
                            struct group_metadata_value *out)
{
    return state_record_read(value, &group_metadata_value_schema, arena, out);
}

int group_log_read(struct bytes key, struct bytes value, struct arena *arena,
                   struct group_log_record *out)
{
    *out = (struct group_log_record){
        .kind = GROUP_LOG_UNKNOWN,
        .is_tombstone = bytes_is_null(value),
    };
    if (key.size < GROUP_LOG_VERSION_SIZE) {
        return ERROR_CORRUPT;
    }
    switch (endian_read_i16(key.data)) {
    case 0:
    case GROUP_LOG_KEY_OFFSET:
        return group_log_read_offset(key, value, arena, out);
    case GROUP_LOG_KEY_GROUP:
        return group_log_read_group(key, value, arena, out);
    }
    const struct group_log_row *row = group_log_find_row(endian_read_i16(key.data));
    return row == NULL ? 0 : group_log_read_consumer(row, key, value, arena, out);
}

void group_log_write_offset(struct batch_builder *builder, int64_t now_ms, struct bytes group,
                            struct bytes topic, int32_t partition,
                            const struct offset_commit_value *value)
{
    struct offset_commit_key key = {.group = group, .topic = topic, .partition = partition};
    bool is_expiring = value != NULL && value->expire_timestamp_ms != -1;
    struct state_record_part name = {&offset_commit_key_schema, GROUP_LOG_KEY_OFFSET, &key};
    struct state_record_part part = {&offset_commit_value_schema,
                                     is_expiring ? GROUP_LOG_EXPIRING_VALUE : GROUP_LOG_VALUE,
                                     value};
    state_record_add(builder, now_ms, name, part);
}

void group_log_write_group(struct batch_builder *builder, int64_t now_ms, struct bytes group,
                           const struct group_metadata_value *value)
{
    struct group_metadata_key key = {.group = group};
    struct state_record_part name = {&group_metadata_key_schema, GROUP_LOG_KEY_GROUP, &key};
    struct state_record_part part = {&group_metadata_value_schema, GROUP_LOG_VALUE, value};
    state_record_add(builder, now_ms, name, part);
}

void group_log_write_key(struct buffer *out, enum group_log_key key, struct bytes group,
                         struct bytes name)
{
    const struct group_log_row *row = group_log_find_row((int16_t)key);
    struct consumer_group_member_metadata_key message = {.group_id = group, .member_id = name};
    check(row != NULL);
    state_record_write(out, row->key_schema, (int16_t)key, &message);
}

void group_log_print(struct bytes key, struct bytes value, struct buffer *out)
{
    const struct group_log_row *row = group_log_find_row(endian_read_i16(key.data));
    struct consumer_group_member_metadata_key name = {0};
    struct arena arena;
    check(row != NULL && row->value_schema != NULL);
    arena_init(&arena, 0);
    void *message = arena_get(&arena, GROUP_LOG_SCRATCH_SIZE);
    check(state_record_read(key, row->key_schema, &arena, &name) == 0);
    check(state_record_read(value, row->value_schema, &arena, message) == 0);
    buffer_printf(out, "  %s %.*s ", row->value_schema->name,
                  BYTES_FORMAT(row->has_name ? name.member_id : BYTES_LITERAL("")));
    wire_print(out, row->value_schema, row->value_schema->highest, message);
    buffer_add_string(out, "\n");
    arena_fini(&arena);
}
