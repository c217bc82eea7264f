/* A batch and its receipts; see parcel.h. */
#include "runtime/client/parcel.h"

#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/fsm.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    PARCEL_CRC_POSITION = 17,
    PARCEL_PRODUCER_ID_POSITION = 43,
    PARCEL_EPOCH_POSITION = 51,
    PARCEL_SEQUENCE_POSITION = 53,
};

static const struct fsm_state parcel_states[] = {
    [PARCEL_OPEN] = {"open", FSM_TO(PARCEL_READY) | FSM_TO(PARCEL_DONE)},
    [PARCEL_READY] = {"ready", FSM_TO(PARCEL_IN_FLIGHT) | FSM_TO(PARCEL_DONE)},
    [PARCEL_IN_FLIGHT] = {"in flight", FSM_TO(PARCEL_RETRY) | FSM_TO(PARCEL_DONE)},
    [PARCEL_RETRY] = {"retry", FSM_TO(PARCEL_IN_FLIGHT) | FSM_TO(PARCEL_DONE)},
    [PARCEL_DONE] = {"done", 0},
};
static const struct fsm parcel_fsm = FSM("parcel", parcel_states);

struct parcel *parcel_new(enum compress_codec codec)
{
    struct parcel *parcel = memory_new(struct parcel);
    parcel->sequence = (struct parcel_sequence){.producer_id = -1, .epoch = -1, .base = -1};
    parcel->base_offset = -1;
    batch_builder_init(&parcel->builder, codec);
    return parcel;
}

void parcel_free(struct parcel *parcel)
{
    if (parcel == NULL) {
        return;
    }
    batch_builder_fini(&parcel->builder);
    buffer_fini(&parcel->encoded);
    free(parcel->receipts);
    free(parcel);
}

void parcel_move(struct parcel *parcel, enum parcel_state state)
{
    parcel->state = (enum parcel_state)fsm_move(&parcel_fsm, parcel->state, state);
}

void parcel_add_receipt(struct parcel *parcel, parcel_done *done, void *owner)
{
    size_t index = (size_t)parcel->record_count++;
    if (done == NULL && parcel->receipts == NULL) {
        return;
    }
    if (index >= parcel->receipt_capacity) {
        size_t capacity = index < 32 ? 64 : index * 2;
        parcel->receipts = memory_resize(parcel->receipts, capacity * sizeof *parcel->receipts);
        if (parcel->receipt_capacity == 0) {
            memset(parcel->receipts, 0, index * sizeof *parcel->receipts);
        }
        parcel->receipt_capacity = capacity;
    }
    parcel->receipts[index] = (struct parcel_receipt){.done = done, .owner = owner};
}

int parcel_encode(struct parcel *parcel, const struct parcel_sequence *sequence)
{
    check(parcel->encoded.size == 0);
    struct batch_builder *builder = &parcel->builder;
    check(builder->record_count == parcel->record_count);
    builder->producer_id = sequence->producer_id;
    builder->producer_epoch = sequence->epoch;
    builder->base_sequence = sequence->base;
    if (sequence->is_transactional) {
        builder->attributes |= BATCH_TRANSACTIONAL;
    }
    int error = batch_builder_take(builder, &parcel->encoded);
    if (error == 0) {
        parcel->sequence = *sequence;
    }
    return error;
}

void parcel_set_sequence(struct parcel *parcel, const struct parcel_sequence *sequence)
{
    uint8_t *data = parcel->encoded.data;
    check(parcel->encoded.size >= BATCH_HEADER_SIZE);
    parcel->sequence = *sequence;
    endian_write_i64(data + PARCEL_PRODUCER_ID_POSITION, sequence->producer_id);
    endian_write_i16(data + PARCEL_EPOCH_POSITION, sequence->epoch);
    endian_write_i32(data + PARCEL_SEQUENCE_POSITION, sequence->base);
    uint32_t crc = crc32c_update(0, data + BATCH_CRC_START, parcel->encoded.size - BATCH_CRC_START);
    endian_write_u32(data + PARCEL_CRC_POSITION, crc);
}

/* Copies `count` records from the iterator into the builder. */
must_use static int parcel_copy_records(struct batch_iterator *iterator, int32_t count,
                                        struct batch_builder *builder)
{
    for (int32_t i = 0; i < count; i++) {
        struct batch_record record;
        int result = batch_iterator_next(iterator, &record);
        if (result != 1) {
            return result == 0 ? ERROR_CORRUPT_MESSAGE : result;
        }
        batch_builder_add_encoded(builder, record.timestamp_ms, record.key, record.value,
                                  record.headers_encoded, record.header_count);
    }
    return 0;
}

/* Encodes both halves anew; on success the parcel holds the first and `second` the other. */
must_use static int parcel_encode_halves(struct parcel *parcel, struct batch_iterator *iterator,
                                         int32_t first_count, struct parcel *second)
{
    struct parcel *first = parcel_new(batch_codec(&iterator->batch));
    struct parcel_sequence sequence = parcel->sequence;
    first->record_count = first_count;
    int error = parcel_copy_records(iterator, first_count, &first->builder);
    if (error == 0) {
        error = parcel_copy_records(iterator, second->record_count, &second->builder);
    }
    if (error == 0) {
        error = parcel_encode(first, &sequence);
    }
    if (error == 0) {
        if (sequence.base >= 0) {
            sequence.base = parcel_next_sequence(sequence.base, first_count);
        }
        error = parcel_encode(second, &sequence);
    }
    if (error == 0) {
        struct buffer whole = parcel->encoded;
        parcel->encoded = first->encoded;
        first->encoded = whole;
    }
    parcel_free(first);
    return error;
}

static void parcel_split_receipts(struct parcel *parcel, int32_t first_count, struct parcel *second)
{
    if (parcel->receipts == NULL) {
        return;
    }
    size_t count = (size_t)second->record_count;
    second->receipts = memory_zero(count, sizeof *second->receipts);
    second->receipt_capacity = count;
    memcpy(second->receipts, parcel->receipts + first_count, count * sizeof *second->receipts);
}

int parcel_split(struct parcel *parcel, size_t inflated_size_limit, struct parcel **out)
{
    if (parcel->record_count < 2) {
        return ERROR_MESSAGE_TOO_LARGE;
    }
    struct batch batch;
    int error = batch_read_header(buffer_bytes(&parcel->encoded), &batch, NULL);
    check(error == 0);
    struct batch_iterator iterator;
    error = batch_iterator_open(&iterator, &batch, inflated_size_limit);
    if (error != 0) {
        return error;
    }
    int32_t first_count = parcel->record_count / 2;
    struct parcel *second = parcel_new(batch_codec(&batch));
    second->record_count = parcel->record_count - first_count;
    error = parcel_encode_halves(parcel, &iterator, first_count, second);
    batch_iterator_close(&iterator);
    if (error != 0) {
        parcel_free(second);
        return error;
    }
    parcel_split_receipts(parcel, first_count, second);
    parcel->record_count = first_count;
    second->partition = parcel->partition;
    second->state = PARCEL_RETRY;
    second->charged_size = parcel->charged_size / 2;
    parcel->charged_size -= second->charged_size;
    second->serial = parcel->serial;
    second->flush_number = parcel->flush_number;
    second->deadline = parcel->deadline;
    second->was_sent = parcel->was_sent;
    *out = second;
    return 0;
}

void parcel_tell(struct parcel *parcel, int32_t partition)
{
    check(parcel->state == PARCEL_DONE);
    for (int32_t i = 0; parcel->receipts != NULL && i < parcel->record_count; i++) {
        const struct parcel_receipt *receipt = &parcel->receipts[i];
        if (receipt->done != NULL) {
            int64_t offset =
                parcel->error != 0 || parcel->base_offset < 0 ? -1 : parcel->base_offset + i;
            receipt->done(receipt->owner, parcel->error, partition, offset);
        }
    }
}

int32_t parcel_next_sequence(int32_t base, int32_t count)
{
    return (int32_t)(((uint32_t)base + (uint32_t)count) & (uint32_t)INT32_MAX);
}

void parcel_check(const struct parcel *parcel)
{
    bool is_encoded = parcel->encoded.size > 0;
    switch (parcel->state) {
    case PARCEL_OPEN:
        check(!is_encoded);
        check(!parcel->was_sent);
        check(parcel->builder.record_count == parcel->record_count);
        break;
    case PARCEL_READY:
        check(is_encoded || parcel->builder.record_count == parcel->record_count);
        check(!parcel->was_sent);
        check(parcel->record_count > 0);
        break;
    case PARCEL_IN_FLIGHT:
    case PARCEL_RETRY:
        check(is_encoded);
        check(parcel->was_sent);
        break;
    case PARCEL_DONE:
        break;
    }
}
