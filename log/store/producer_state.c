/* Sequences, epochs and open transactions of a log's producers; see producer_state.h. */
#include "log/store/producer_state.h"

#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    PRODUCER_STATE_VERSION = 1,
    PRODUCER_STATE_CRC_PLACE = 2,
    PRODUCER_STATE_COUNT_PLACE = 6,
    PRODUCER_STATE_ROWS_PLACE = 10,
    PRODUCER_STATE_TIME_SIZE = 16,
    PRODUCER_STATE_MARKER_SIZE_MAX = 1 << 20,
};

struct producer_state_transaction {
    struct list_link link;
    int64_t producer_id;
    int64_t first_offset;
    int64_t marker_offset; /* -1 while it is open */
};

static struct bytes producer_state_key(const int64_t *producer_id)
{
    return bytes_make(producer_id, sizeof *producer_id);
}

void producer_state_init(struct producer_state *state)
{
    *state = (struct producer_state){0};
    map_init(&state->entries);
    list_init(&state->transactions);
}

void producer_state_clear(struct producer_state *state)
{
    map_fini(&state->entries, free);
    struct list_link *link = NULL;
    while ((link = list_take(&state->transactions)) != NULL) {
        free(list_member(link, struct producer_state_transaction, link));
    }
    state->has_lost = false;
    state->has_gaps = false;
    state->is_changed = true;
}

void producer_state_fini(struct producer_state *state)
{
    producer_state_clear(state);
}

const struct producer_state_entry *producer_state_find(const struct producer_state *state,
                                                       int64_t producer_id)
{
    return map_find(&state->entries, producer_state_key(&producer_id));
}

static struct producer_state_entry *producer_state_get(struct producer_state *state,
                                                       int64_t producer_id)
{
    struct bytes key = producer_state_key(&producer_id);
    struct producer_state_entry *entry = map_find(&state->entries, key);
    if (entry == NULL) {
        entry = memory_new(struct producer_state_entry);
        *entry = (struct producer_state_entry){
            .producer_id = producer_id,
            .epoch = -1,
            .coordinator_epoch = -1,
            .last_timestamp_ms = -1,
            .transaction_start_offset = -1,
        };
        map_put(&state->entries, key, entry);
    }
    return entry;
}

static int32_t producer_state_next_sequence(const struct producer_state_entry *entry)
{
    if (entry->batch_count == 0) {
        return 0;
    }
    int32_t last = entry->batches[entry->batch_count - 1].last_sequence;
    return last == INT32_MAX ? 0 : last + 1;
}

static int32_t producer_state_first_sequence(const struct producer_state_batch *batch)
{
    uint32_t first = (uint32_t)batch->last_sequence - (uint32_t)batch->offset_delta;
    return (int32_t)(first & INT32_MAX);
}

/* Key: int16 version, int16 type (0 ABORT, 1 COMMIT); value: int16 version, int32 epoch. */
bool producer_state_read_marker(const struct batch *batch, struct producer_state_marker *out)
{
    struct batch_iterator iterator;
    if (batch_iterator_open(&iterator, batch, PRODUCER_STATE_MARKER_SIZE_MAX) != 0) {
        return false;
    }
    struct batch_record record;
    bool is_marker = batch_iterator_next(&iterator, &record) == 1 && record.key.size >= 4 &&
                     endian_read_i16(record.key.data + 2) <= 1 && record.value.size >= 6;
    if (is_marker) {
        *out = (struct producer_state_marker){
            .is_commit = endian_read_i16(record.key.data + 2) == 1,
            .coordinator_epoch = endian_read_i32(record.value.data + 2),
        };
    }
    batch_iterator_close(&iterator);
    return is_marker;
}

int producer_state_judge_epoch(const struct producer_state *state, const struct batch *batch)
{
    const struct producer_state_entry *entry = producer_state_find(state, batch->producer_id);
    int16_t epoch = entry == NULL ? -1 : entry->epoch;
    return batch->producer_epoch < epoch ? ERROR_INVALID_PRODUCER_EPOCH : 0;
}

int producer_state_judge_marker(const struct producer_state *state, const struct batch *batch)
{
    const struct producer_state_entry *entry = producer_state_find(state, batch->producer_id);
    int32_t coordinator_epoch = entry == NULL ? -1 : entry->coordinator_epoch;
    struct producer_state_marker marker;
    int error = producer_state_judge_epoch(state, batch);
    if (error == 0 && producer_state_read_marker(batch, &marker) &&
        marker.coordinator_epoch < coordinator_epoch) {
        error = ERROR_TRANSACTION_COORDINATOR_FENCED;
    }
    return error;
}

static const struct producer_state_batch *
producer_state_find_batch(const struct producer_state_entry *entry, const struct batch *batch)
{
    for (int i = 0; i < entry->batch_count; i++) {
        if (entry->batches[i].last_sequence == batch_last_sequence(batch) &&
            producer_state_first_sequence(&entry->batches[i]) == batch->base_sequence) {
            return &entry->batches[i];
        }
    }
    return NULL;
}

enum producer_state_verdict producer_state_judge(const struct producer_state *state,
                                                 const struct batch *batch,
                                                 struct producer_state_batch *original, int *error)
{
    const struct producer_state_entry *entry = producer_state_find(state, batch->producer_id);
    *error = ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (entry == NULL) {
        return batch->base_sequence == 0 || state->has_lost ? PRODUCER_STATE_ACCEPTED
                                                            : PRODUCER_STATE_REFUSED;
    }
    if (batch->producer_epoch < entry->epoch) {
        *error = ERROR_INVALID_PRODUCER_EPOCH;
        return PRODUCER_STATE_REFUSED;
    }
    if (batch->producer_epoch > entry->epoch) {
        return batch->base_sequence == 0 ? PRODUCER_STATE_ACCEPTED : PRODUCER_STATE_REFUSED;
    }
    const struct producer_state_batch *same = producer_state_find_batch(entry, batch);
    if (same != NULL) {
        *original = *same;
        return PRODUCER_STATE_DUPLICATE;
    }
    return batch->base_sequence == producer_state_next_sequence(entry) ? PRODUCER_STATE_ACCEPTED
                                                                       : PRODUCER_STATE_REFUSED;
}

static void producer_state_add_batch(struct producer_state_entry *entry,
                                     struct producer_state_batch batch)
{
    if (entry->batch_count == PRODUCER_STATE_BATCH_COUNT) {
        memmove(entry->batches, entry->batches + 1,
                sizeof entry->batches - sizeof entry->batches[0]);
        entry->batch_count--;
    }
    entry->batches[entry->batch_count++] = batch;
}

static void producer_state_begin(struct producer_state *state, struct producer_state_entry *entry,
                                 int64_t first_offset)
{
    if (entry->transaction_start_offset >= 0) {
        return;
    }
    entry->transaction_start_offset = first_offset;
    struct producer_state_transaction *transaction = memory_new(struct producer_state_transaction);
    transaction->producer_id = entry->producer_id;
    transaction->first_offset = first_offset;
    transaction->marker_offset = -1;
    struct list_link *place = &state->transactions.head;
    while (place->previous != &state->transactions.head &&
           list_member(place->previous, struct producer_state_transaction, link)->first_offset >
               first_offset) {
        place = place->previous;
    }
    list_insert_before(place, &transaction->link);
}

/* The row tells of the transaction as if its marker had aborted it. */
static void producer_state_end(struct producer_state *state, struct producer_state_entry *entry,
                               int64_t marker_offset, struct aborted_index_row *row)
{
    *row = (struct aborted_index_row){.producer_id = entry->producer_id,
                                      .first_offset = entry->transaction_start_offset,
                                      .last_offset = marker_offset,
                                      .stable_offset = marker_offset + 1};
    entry->transaction_start_offset = -1;
    for (list_each (&state->transactions, link)) {
        struct producer_state_transaction *transaction =
            list_member(link, struct producer_state_transaction, link);
        if (transaction->marker_offset >= 0) {
            continue;
        }
        if (transaction->producer_id == entry->producer_id) {
            transaction->marker_offset = marker_offset;
        } else if (row->stable_offset == marker_offset + 1) {
            row->stable_offset = transaction->first_offset; /* the oldest that is still open */
        }
    }
}

static void producer_state_set_epoch(struct producer_state_entry *entry, int16_t epoch)
{
    if (epoch > entry->epoch) {
        entry->epoch = epoch;
        entry->batch_count = 0;
    }
}

bool producer_state_apply(struct producer_state *state, const struct batch *batch,
                          struct aborted_index_row *aborted)
{
    if (batch->producer_id < 0) {
        return false;
    }
    struct producer_state_marker marker = {0};
    bool is_control = batch_is_control(batch);
    if (is_control && !producer_state_read_marker(batch, &marker)) {
        return false;
    }
    struct producer_state_entry *entry = producer_state_get(state, batch->producer_id);
    producer_state_set_epoch(entry, batch->producer_epoch);
    entry->last_timestamp_ms = batch->max_timestamp;
    state->is_changed = true;
    if (is_control) {
        entry->coordinator_epoch = marker.coordinator_epoch;
        if (entry->transaction_start_offset < 0) {
            return false;
        }
        producer_state_end(state, entry, batch->base_offset, aborted);
        return !marker.is_commit;
    }
    if (batch->base_sequence >= 0) {
        producer_state_add_batch(entry, (struct producer_state_batch){
                                            .last_sequence = batch_last_sequence(batch),
                                            .offset_delta = batch->last_offset_delta,
                                            .last_offset = batch_last_offset(batch),
                                            .timestamp_ms = batch->max_timestamp,
                                        });
    }
    if (batch_is_transactional(batch)) {
        producer_state_begin(state, entry, batch->base_offset);
    }
    return false;
}

static bool producer_state_is_expired(const struct producer_state_entry *entry, int64_t now_ms,
                                      int64_t expiration_ms)
{
    return entry->transaction_start_offset < 0 &&
           entry->last_timestamp_ms <= now_ms - expiration_ms; /* the time is a client's */
}

int64_t producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms)
{
    int64_t count = 0;
    for (map_each (&state->entries, place)) {
        struct producer_state_entry *entry = place->value;
        if (!producer_state_is_expired(entry, now_ms, expiration_ms)) {
            continue;
        }
        free(map_remove(&state->entries, place->key));
        state->has_lost = true;
        state->is_changed = true;
        count++;
    }
    return count;
}

void producer_state_on_flushed(struct producer_state *state, int64_t flushed_offset)
{
    if (list_is_empty(&state->transactions)) {
        return;
    }
    for (list_each (&state->transactions, link)) {
        struct producer_state_transaction *transaction =
            list_member(link, struct producer_state_transaction, link);
        if (transaction->marker_offset >= 0 && transaction->marker_offset < flushed_offset) {
            list_remove(link);
            free(transaction);
        }
    }
}

int64_t producer_state_unstable_offset(const struct producer_state *state)
{
    if (list_is_empty(&state->transactions)) {
        return -1;
    }
    return list_member(state->transactions.head.next, struct producer_state_transaction, link)
        ->first_offset;
}

static void producer_state_write_row(struct buffer *out, const struct producer_state_entry *entry,
                                     const struct producer_state_batch *batch)
{
    uint8_t *at = buffer_reserve(out, PRODUCER_STATE_ROW_SIZE);
    endian_write_i64(at, entry->producer_id);
    endian_write_i16(at + 8, entry->epoch);
    endian_write_i32(at + 10, batch == NULL ? -1 : batch->last_sequence);
    endian_write_i64(at + 14, batch == NULL ? -1 : batch->last_offset);
    endian_write_i32(at + 22, batch == NULL ? 0 : batch->offset_delta);
    bool is_last = batch == NULL || batch == &entry->batches[entry->batch_count - 1];
    endian_write_i64(at + 26, is_last ? entry->last_timestamp_ms : batch->timestamp_ms);
    endian_write_i32(at + 34, entry->coordinator_epoch);
    endian_write_i64(at + 38, entry->transaction_start_offset);
    out->size += PRODUCER_STATE_ROW_SIZE;
}

/* The time of the last batch, when its row says that of a marker. */
static void producer_state_write_time(struct buffer *out, const struct producer_state_entry *entry)
{
    int last = entry->batch_count - 1;
    if (last < 0 || entry->batches[last].timestamp_ms == entry->last_timestamp_ms) {
        return;
    }
    uint8_t *at = buffer_reserve(out, PRODUCER_STATE_TIME_SIZE);
    endian_write_i64(at, entry->producer_id);
    endian_write_i64(at + 8, entry->batches[last].timestamp_ms);
    out->size += PRODUCER_STATE_TIME_SIZE;
}

void producer_state_write(const struct producer_state *state, struct buffer *out)
{
    size_t start = out->size;
    uint8_t *head = buffer_reserve(out, PRODUCER_STATE_ROWS_PLACE);
    endian_write_i16(head, PRODUCER_STATE_VERSION);
    out->size += PRODUCER_STATE_ROWS_PLACE;
    int32_t count = 0;
    for (map_each (&state->entries, place)) {
        const struct producer_state_entry *entry = place->value;
        for (int i = 0; i < entry->batch_count; i++, count++) {
            producer_state_write_row(out, entry, &entry->batches[i]);
        }
        if (entry->batch_count == 0) {
            producer_state_write_row(out, entry, NULL);
            count++;
        }
    }
    buffer_add_byte(out, state->has_lost ? 1 : 0);
    for (map_each (&state->entries, place)) {
        producer_state_write_time(out, place->value);
    }
    uint8_t *data = out->data + start;
    endian_write_i32(data + PRODUCER_STATE_COUNT_PLACE, count);
    uint32_t crc = crc32c_update(0, data + PRODUCER_STATE_COUNT_PLACE,
                                 out->size - start - PRODUCER_STATE_COUNT_PLACE);
    endian_write_u32(data + PRODUCER_STATE_CRC_PLACE, crc);
}

/* Whether a batch can follow what is known of its producer's epoch (1). */
static bool producer_state_accepts_batch(const struct producer_state_entry *entry,
                                         const struct producer_state_batch *batch)
{
    int64_t previous =
        entry->batch_count == 0 ? -1 : entry->batches[entry->batch_count - 1].last_offset;
    return batch->offset_delta >= 0 && batch->last_offset >= 0 &&
           batch->last_offset - batch->offset_delta > previous;
}

/* Whether the entry can have a transaction that begins there; no two begin at one offset. */
static bool producer_state_accepts_transaction(const struct producer_state *state,
                                               const struct producer_state_entry *entry,
                                               int64_t first_offset)
{
    if (entry->transaction_start_offset >= 0) {
        return entry->transaction_start_offset == first_offset;
    }
    for (const struct list_link *link = state->transactions.head.previous;
         link != &state->transactions.head; link = link->previous) {
        int64_t other =
            list_member(link, const struct producer_state_transaction, link)->first_offset;
        if (other <= first_offset) {
            return other != first_offset;
        }
    }
    return true;
}

/* False for a row that no log can have led to. */
static bool producer_state_read_row(struct producer_state *state, const uint8_t *at)
{
    struct producer_state_entry *entry = producer_state_get(state, endian_read_i64(at));
    struct producer_state_batch batch = {
        .last_sequence = endian_read_i32(at + 10),
        .last_offset = endian_read_i64(at + 14),
        .offset_delta = endian_read_i32(at + 22),
        .timestamp_ms = endian_read_i64(at + 26),
    };
    int16_t epoch = endian_read_i16(at + 8);
    if (epoch < entry->epoch) {
        return false; /* (2) */
    }
    producer_state_set_epoch(entry, epoch);
    entry->last_timestamp_ms = batch.timestamp_ms;
    entry->coordinator_epoch = endian_read_i32(at + 34);
    if (batch.last_sequence >= 0) {
        if (!producer_state_accepts_batch(entry, &batch)) {
            return false;
        }
        producer_state_add_batch(entry, batch);
    }
    int64_t transaction_start_offset = endian_read_i64(at + 38);
    if (transaction_start_offset >= 0) {
        if (!producer_state_accepts_transaction(state, entry, transaction_start_offset)) {
            return false;
        }
        producer_state_begin(state, entry, transaction_start_offset);
    }
    return true;
}

static int producer_state_read_times(struct producer_state *state, const uint8_t *at, size_t size)
{
    if (size % PRODUCER_STATE_TIME_SIZE != 0) {
        return ERROR_CORRUPT;
    }
    for (const uint8_t *end = at + size; at < end; at += PRODUCER_STATE_TIME_SIZE) {
        int64_t producer_id = endian_read_i64(at);
        struct producer_state_entry *entry =
            map_find(&state->entries, producer_state_key(&producer_id));
        if (entry == NULL || entry->batch_count == 0) {
            return ERROR_CORRUPT;
        }
        entry->batches[entry->batch_count - 1].timestamp_ms = endian_read_i64(at + 8);
    }
    return 0;
}

/* The rows of a snapshot, and what follows them, into an empty state. */
static int producer_state_read_rows(struct producer_state *state, struct bytes rows, int32_t count)
{
    const uint8_t *at = rows.data;
    for (int32_t i = 0; i < count; i++, at += PRODUCER_STATE_ROW_SIZE) {
        if (!producer_state_read_row(state, at)) {
            return ERROR_CORRUPT;
        }
    }
    size_t rest_size = rows.size - (size_t)count * PRODUCER_STATE_ROW_SIZE;
    if (rest_size == 0) {
        state->has_lost = true; /* a snapshot of Kafka's ends here, and Kafka forgets */
        return 0;
    }
    state->has_lost = *at != 0;
    return producer_state_read_times(state, at + 1, rest_size - 1);
}

static void producer_state_take(struct producer_state *state, struct producer_state *from)
{
    producer_state_clear(state);
    state->entries = from->entries;
    state->has_lost = from->has_lost;
    struct list_link *link = NULL;
    while ((link = list_take(&from->transactions)) != NULL) {
        list_add(&state->transactions, link);
    }
    state->is_changed = false;
}

int producer_state_read(struct producer_state *state, struct bytes snapshot)
{
    if (snapshot.size < PRODUCER_STATE_ROWS_PLACE ||
        endian_read_i16(snapshot.data) != PRODUCER_STATE_VERSION ||
        crc32c_update(0, snapshot.data + PRODUCER_STATE_COUNT_PLACE,
                      snapshot.size - PRODUCER_STATE_COUNT_PLACE) !=
            endian_read_u32(snapshot.data + PRODUCER_STATE_CRC_PLACE)) {
        return ERROR_CORRUPT;
    }
    int32_t count = endian_read_i32(snapshot.data + PRODUCER_STATE_COUNT_PLACE);
    struct bytes rows = bytes_make(snapshot.data + PRODUCER_STATE_ROWS_PLACE,
                                   snapshot.size - PRODUCER_STATE_ROWS_PLACE);
    if (count < 0 || (size_t)count > rows.size / PRODUCER_STATE_ROW_SIZE) {
        return ERROR_CORRUPT;
    }
    struct producer_state read;
    producer_state_init(&read);
    int error = producer_state_read_rows(&read, rows, count);
    if (error != 0) {
        producer_state_fini(&read);
        return error;
    }
    producer_state_take(state, &read);
    return 0;
}

static bool producer_state_batch_equal(const struct producer_state_batch *left,
                                       const struct producer_state_batch *right)
{
    return left->last_sequence == right->last_sequence &&
           left->offset_delta == right->offset_delta && left->last_offset == right->last_offset &&
           left->timestamp_ms == right->timestamp_ms;
}

/* `may_lack`: the live entry may have been forgotten and begun anew in between, so that the replay
 * knows older batches too. */
static bool producer_state_entry_matches(const struct producer_state_entry *live,
                                         const struct producer_state_entry *replayed, bool may_lack)
{
    if (live->epoch != replayed->epoch || live->last_timestamp_ms != replayed->last_timestamp_ms ||
        live->transaction_start_offset != replayed->transaction_start_offset) {
        return false;
    }
    int lack = replayed->batch_count - live->batch_count;
    if (lack < 0 || (!may_lack && lack > 0) ||
        (!may_lack && live->coordinator_epoch != replayed->coordinator_epoch)) {
        return false;
    }
    for (int i = 0; i < live->batch_count; i++) {
        if (!producer_state_batch_equal(&live->batches[i], &replayed->batches[i + lack])) {
            return false;
        }
    }
    return true;
}

/* Of what was compacted only the epoch, the last batch and an open transaction are sure to stay
 * (the largest timestamp of that batch may have left with its record); when the beginning of the
 * log is not known, only what lies behind it. */
static bool producer_state_rest_matches(const struct producer_state_entry *live,
                                        const struct producer_state_entry *replayed,
                                        bool is_partial)
{
    if (is_partial && (replayed == NULL || replayed->epoch < live->epoch)) {
        return true;
    }
    bool is_open = live->transaction_start_offset >= 0;
    if (replayed == NULL || live->epoch != replayed->epoch ||
        (!is_open && replayed->transaction_start_offset >= 0) ||
        (!is_partial && live->transaction_start_offset != replayed->transaction_start_offset)) {
        return false;
    }
    if (live->batch_count == 0 || replayed->batch_count == 0) {
        return is_partial || live->batch_count == 0;
    }
    const struct producer_state_batch *left = &live->batches[live->batch_count - 1];
    const struct producer_state_batch *right = &replayed->batches[replayed->batch_count - 1];
    return left->last_sequence == right->last_sequence &&
           left->offset_delta == right->offset_delta && left->last_offset == right->last_offset;
}

bool producer_state_matches(const struct producer_state *live,
                            const struct producer_state *replayed, int64_t now_ms,
                            int64_t expiration_ms, int64_t *producer_id)
{
    for (map_each (&live->entries, place)) {
        const struct producer_state_entry *entry = place->value;
        const struct producer_state_entry *other =
            producer_state_find(replayed, entry->producer_id);
        *producer_id = entry->producer_id;
        bool is_equal =
            replayed->has_gaps
                ? producer_state_rest_matches(entry, other, replayed->has_lost)
                : other != NULL && producer_state_entry_matches(entry, other, live->has_lost);
        if (!is_equal) {
            return false;
        }
    }
    for (map_each (&replayed->entries, place)) {
        const struct producer_state_entry *entry = place->value;
        *producer_id = entry->producer_id;
        if (producer_state_find(live, entry->producer_id) == NULL &&
            !producer_state_is_expired(entry, now_ms, expiration_ms)) {
            return false;
        }
    }
    return true;
}

static void producer_state_check_entry(const struct producer_state_entry *entry)
{
    check(entry->batch_count >= 0 && entry->batch_count <= PRODUCER_STATE_BATCH_COUNT);
    for (int i = 1; i < entry->batch_count; i++) {
        check(entry->batches[i - 1].last_offset <
              entry->batches[i].last_offset - entry->batches[i].offset_delta);
    }
}

void producer_state_check(const struct producer_state *state)
{
    for (map_each (&state->entries, place)) {
        producer_state_check_entry(place->value);
    }
    int64_t previous = -1;
    for (list_each (&state->transactions, link)) {
        const struct producer_state_transaction *transaction =
            list_member(link, struct producer_state_transaction, link);
        check(transaction->first_offset > previous);
        previous = transaction->first_offset;
        const struct producer_state_entry *entry =
            producer_state_find(state, transaction->producer_id);
        check(transaction->marker_offset >= 0 ||
              (entry != NULL && entry->transaction_start_offset == transaction->first_offset));
    }
}
