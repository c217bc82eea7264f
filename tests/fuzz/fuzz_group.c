/* Feeds bytes to what groups and tasks tell each other and write down.
 *
 *      0  1  'o' a record of __consumer_offsets: size of the key (1), key, value
 *            's' a member's wishes and holdings    'a' its share
 *            'd' members' wishes, each with its size (1) before it, dealt out by both assignors
 *            'p' the position of a task      'r' an expression: size (1), itself, a name
 *            't' a record of __transaction_state: size of the key (1), key, value
 *      1     as said
 *
 * Promises: what was read is written and read again as the same; memory follows the bytes, and an
 * arena with a limit refuses instead of stopping; partitions go to one member each, who wants them.
 */
#include "log/base/error.h"
#include "log/base/topic_regex.h"
#include "log/coordinator/group_log.h"
#include "log/coordinator/transaction.h"
#include "runtime/client/assignor_unit.h"
#include "runtime/client/subscription.h"
#include "runtime/state/state_position.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <string.h>

enum {
    FUZZ_MEMORY_FACTOR = 1024,
    FUZZ_MEMORY_MIN = 64 * 1024,
    FUZZ_SMALL_ARENA = 512,
    FUZZ_MEMBER_MAX = 8,
    FUZZ_PARTITIONS = 7,
};

static void fuzz_same_record(const struct group_log_record *left,
                             const struct group_log_record *right)
{
    check(left->kind == right->kind);
    check(left->is_tombstone == right->is_tombstone);
    check(bytes_equal(left->group, right->group));
    if (left->kind == GROUP_LOG_OFFSET) {
        check(bytes_equal(left->topic, right->topic));
        check(left->partition == right->partition);
        check(left->is_tombstone || left->offset.offset == right->offset.offset);
        check(left->is_tombstone || bytes_equal(left->offset.metadata, right->offset.metadata));
    } else if (!left->is_tombstone) {
        check(left->metadata.generation == right->metadata.generation);
        check(left->metadata.members.count == right->metadata.members.count);
    }
}

/* Its key is written as it was read, and it can be printed. */
static void fuzz_consumer_record(const struct group_log_record *record, struct bytes value)
{
    struct buffer key;
    struct buffer text;
    struct group_log_record again;
    struct arena arena;
    buffer_init(&key);
    buffer_init(&text);
    arena_init(&arena, 0);
    group_log_write_key(&key, record->key, record->group, record->name);
    check(group_log_read(buffer_bytes(&key), value, &arena, &again) == 0);
    check(again.kind == GROUP_LOG_CONSUMER);
    check(again.key == record->key);
    check(bytes_equal(again.group, record->group));
    check(bytes_equal(again.name, record->name));
    if (!record->is_tombstone) {
        group_log_print(buffer_bytes(&key), value, &text);
    }
    arena_fini(&arena);
    buffer_fini(&key);
    buffer_fini(&text);
}

static void fuzz_record_again(const struct group_log_record *record, struct arena *arena)
{
    struct batch_builder builder;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record written;
    struct group_log_record again;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    if (record->kind == GROUP_LOG_OFFSET) {
        group_log_write_offset(&builder, 1, record->group, record->topic, record->partition,
                               record->is_tombstone ? NULL : &record->offset);
    } else {
        group_log_write_group(&builder, 1, record->group,
                              record->is_tombstone ? NULL : &record->metadata);
    }
    check(batch_builder_finish(&builder, &out) == 0);
    check(batch_read_header(buffer_bytes(&out), &batch, NULL) == 0);
    check(batch_iterator_open(&iterator, &batch, out.size) == 0);
    check(batch_iterator_next(&iterator, &written) == 1);
    check(group_log_read(written.key, written.value, arena, &again) == 0);
    fuzz_same_record(record, &again);
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

static void fuzz_record(struct bytes input, struct arena *arena)
{
    struct group_log_record record;
    size_t key_size = fuzz_take_byte(&input);
    key_size = key_size < input.size ? key_size : input.size;
    struct bytes key = bytes_make(input.data, key_size);
    struct bytes value = bytes_make(input.data + key_size, input.size - key_size);
    value = value.size == 0 ? (struct bytes){0} : value;
    if (group_log_read(key, value, arena, &record) != 0) {
        return;
    }
    switch (record.kind) {
    case GROUP_LOG_OFFSET:
    case GROUP_LOG_GROUP:
        fuzz_record_again(&record, arena);
        break;
    case GROUP_LOG_CONSUMER:
        fuzz_consumer_record(&record, value);
        break;
    case GROUP_LOG_UNKNOWN:
        break;
    }
}

/* The record of a transaction's value, read again. */
static void fuzz_transaction_again(const struct transaction *transaction)
{
    struct batch_builder builder;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record written;
    struct transaction_log_value value;
    struct bytes id;
    struct arena arena;
    struct buffer out, left, right;
    bool is_known = false;
    struct transaction *again = transaction_new(transaction->id);
    arena_init(&arena, 0);
    buffer_init(&out);
    buffer_init(&left);
    buffer_init(&right);
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write(&builder, 1, transaction->id, &transaction->value);
    check(batch_builder_finish(&builder, &out) == 0);
    check(batch_read_header(buffer_bytes(&out), &batch, NULL) == 0);
    check(batch_iterator_open(&iterator, &batch, out.size) == 0);
    check(batch_iterator_next(&iterator, &written) == 1);
    check(transaction_log_read(&written, &arena, &id, &value, &is_known) == 0);
    check(is_known);
    check(transaction_apply(again, &value, true) == 0);
    transaction_print(transaction, &left);
    transaction_print(again, &right);
    check(bytes_equal(buffer_bytes(&left), buffer_bytes(&right)));
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    transaction_free(again);
    arena_fini(&arena);
    buffer_fini(&out);
    buffer_fini(&left);
    buffer_fini(&right);
}

static void fuzz_transaction(struct bytes input, struct arena *arena)
{
    struct transaction_log_value value;
    struct bytes id;
    bool is_known = false;
    size_t key_size = fuzz_take_byte(&input);
    key_size = key_size < input.size ? key_size : input.size;
    struct batch_record record = {.key = bytes_make(input.data, key_size),
                                  .value =
                                      bytes_make(input.data + key_size, input.size - key_size)};
    if (transaction_log_read(&record, arena, &id, &value, &is_known) != 0 || !is_known) {
        return;
    }
    struct transaction *transaction = transaction_new(id);
    if (transaction_apply(transaction, &value, true) == 0) {
        fuzz_transaction_again(transaction);
    }
    transaction_free(transaction);
}

/* Any expression is refused with a sentence or matches in bounded time and memory. */
static void fuzz_regex(struct bytes input, struct arena *arena)
{
    struct topic_regex *regex = NULL;
    struct bytes reason = {0};
    size_t size = fuzz_take_byte(&input);
    size = size < input.size ? size : input.size;
    struct bytes name = bytes_make(input.data + size, input.size - size);
    if (topic_regex_new(bytes_make(input.data, size), arena, &regex, &reason) != 0) {
        check(reason.size > 0);
        return;
    }
    name.size = name.size > 249 ? 249 : name.size; /* of a topic's name */
    int result = topic_regex_matches(regex, name);
    check(result == 0 || result == 1 || result == ERROR_TOO_LARGE);
    topic_regex_free(regex);
}

/* Every error is one of those in the contract; a small arena gives no other answer. */
static bool fuzz_read_subscription(struct bytes input, struct arena *arena,
                                   struct subscription *out)
{
    struct arena small;
    arena_init(&small, FUZZ_SMALL_ARENA);
    struct subscription again;
    int small_error = subscription_read(&small, input, &again);
    arena_fini(&small);
    int error = subscription_read(arena, input, out);
    check(error == 0 || error == ERROR_MALFORMED || error == ERROR_TRUNCATED);
    check(small_error == error || small_error == ERROR_NO_MEMORY);
    return error == 0;
}

static void fuzz_subscription(struct bytes input, struct arena *arena)
{
    struct subscription read, again;
    if (!fuzz_read_subscription(input, arena, &read)) {
        return;
    }
    struct bytes written = subscription_write(arena, &read);
    check(subscription_read(arena, written, &again) == 0);
    check(again.topic_count == read.topic_count);
    check(again.generation == read.generation);
    check(bytes_equal(again.user_data, read.user_data));
    check(again.owned_count == read.owned_count);
    for (size_t i = 0; i < read.owned_count; i++) {
        check(bytes_equal(again.owned[i].topic, read.owned[i].topic));
        check(again.owned[i].partition == read.owned[i].partition);
    }
}

static void fuzz_share(struct bytes input, struct arena *arena)
{
    struct assignor_partition *read = NULL;
    struct assignor_partition *again = NULL;
    size_t count = 0;
    size_t again_count = 0;
    struct bytes user_data = {0};
    struct bytes more = {0};
    struct arena small;
    arena_init(&small, FUZZ_SMALL_ARENA);
    int small_error = subscription_read_share(&small, input, &again, &again_count, &more);
    arena_fini(&small);
    int error = subscription_read_share(arena, input, &read, &count, &user_data);
    check(error == 0 || error == ERROR_MALFORMED || error == ERROR_TRUNCATED);
    check(small_error == error || small_error == ERROR_NO_MEMORY);
    if (error != 0) {
        return;
    }
    struct bytes written = subscription_write_share(arena, read, count, user_data);
    check(subscription_read_share(arena, written, &again, &again_count, &more) == 0);
    check(again_count == count);
    check(bytes_equal(more, user_data));
    for (size_t i = 0; i < count; i++) {
        check(bytes_equal(again[i].topic, read[i].topic));
        check(again[i].partition == read[i].partition);
    }
}

static void fuzz_check_deal(const struct assignor_member *members, size_t member_count)
{
    for (size_t i = 0; i < member_count; i++) {
        for (size_t j = 0; j < members[i].assigned_count; j++) {
            const struct assignor_partition *partition = &members[i].assigned[j];
            check(assignor_wants(&members[i], partition->topic));
            check(partition->partition >= 0 && partition->partition < FUZZ_PARTITIONS);
            for (size_t k = i; k < member_count; k++) {
                for (size_t l = k == i ? j + 1 : 0; l < members[k].assigned_count; l++) {
                    check(members[k].assigned[l].partition != partition->partition ||
                          !bytes_equal(members[k].assigned[l].topic, partition->topic));
                }
            }
        }
    }
}

static size_t fuzz_read_members(struct bytes input, struct arena *arena,
                                struct assignor_member *members)
{
    static const char *const ids[FUZZ_MEMBER_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    size_t count = 0;
    while (input.size > 0 && count < FUZZ_MEMBER_MAX) {
        struct subscription wish;
        size_t size = fuzz_take_byte(&input);
        size = size < input.size ? size : input.size;
        if (subscription_read(arena, bytes_make(input.data, size), &wish) == 0) {
            members[count] = (struct assignor_member){
                .id = bytes_from_string(ids[count]),
                .topics = wish.topics,
                .topic_count = wish.topic_count,
                .owned = wish.owned,
                .owned_count = wish.owned_count,
                .generation = wish.generation,
            };
            subscription_read_copies(arena, wish.user_data, &members[count]);
            count++;
        }
        input = bytes_make(input.data + size, input.size - size);
    }
    return count;
}

static void fuzz_deal(struct bytes input, struct arena *arena)
{
    static const struct assignor_topic topics[] = {{{(const uint8_t *)"t", 1}, FUZZ_PARTITIONS},
                                                   {{(const uint8_t *)"u", 1}, 3}};
    static const int units[] = {ASSIGNOR_UNIT_NONE, ASSIGNOR_UNIT_NONE};
    struct assignor_member members[FUZZ_MEMBER_MAX];
    size_t count = fuzz_read_members(input, arena, members);
    for (const struct assignor *row = assignor_table; row->name != NULL && count > 0; row++) {
        row->deal(arena, members, count, topics, 2, NULL);
        fuzz_check_deal(members, count);
        assignor_withhold(members, count);
        fuzz_check_deal(members, count);
        struct assignor_unit_terms terms = {.acceptable_lag = 10, .warmups_max = 2};
        assignor_unit_deal(row, arena, members, count, topics, units, 2, &terms);
        fuzz_check_deal(members, count);
    }
}

static void fuzz_position(struct bytes text)
{
    struct state_position position, again;
    struct buffer out;
    buffer_init(&out);
    state_position_init(&position);
    state_position_init(&again);
    int error = state_position_parse(&position, text);
    check(error == 0 || error == ERROR_CORRUPT);
    if (error == 0) {
        state_position_print(&position, &out);
        check(bytes_equal(buffer_bytes(&out), text));
        check(state_position_parse(&again, buffer_bytes(&out)) == 0);
    } else {
        check(position.input_count == 0 && position.changelog_count == 0);
    }
    state_position_fini(&again);
    state_position_fini(&position);
    buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    struct arena arena;
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    arena_init(&arena, 0);
    switch (fuzz_take_byte(&input)) {
    case 'o':
        fuzz_record(input, &arena);
        break;
    case 's':
        fuzz_subscription(input, &arena);
        break;
    case 'a':
        fuzz_share(input, &arena);
        break;
    case 'd':
        fuzz_deal(input, &arena);
        break;
    case 'p':
        fuzz_position(input);
        break;
    case 'r':
        fuzz_regex(input, &arena);
        break;
    case 't':
        fuzz_transaction(input, &arena);
        break;
    }
    arena_fini(&arena);
    return 0;
}
