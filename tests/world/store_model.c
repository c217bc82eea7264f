/* Remembers, judges, compares; see store_model.h. */
#include "tests/world/store_model.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/log_read.h"
#include "tests/world/store_rest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORE_MODEL_BATCHES_KNOWN = 5 };

void store_model_init(struct store_model *model)
{
    *model = (struct store_model){0};
}

static void store_model_drop(struct store_model_batch *batches, size_t from, size_t count)
{
    for (size_t i = from; i < count; i++) {
        free(batches[i].data);
    }
}

void store_model_fini(struct store_model *model)
{
    store_model_drop(model->batches, 0, model->count);
    store_model_drop(model->doubts, 0, model->doubt_count);
    free(model->batches);
    free(model->doubts);
    store_model_init(model);
}

static struct store_model_batch store_model_copy(const uint8_t *data, size_t size)
{
    struct store_model_batch batch = {.data = memory_alloc(size), .size = size};
    memcpy(batch.data, data, size);
    int error = batch_read_header(bytes_make(batch.data, size), &batch.header, NULL);
    check(error == 0);
    return batch;
}

void store_model_append(struct store_model *model, const uint8_t *data, size_t size)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity * 2 + 16;
        model->batches = memory_resize(model->batches, model->capacity * sizeof *model->batches);
    }
    model->batches[model->count] = store_model_copy(data, size);
    model->end_offset = batch_next_offset(&model->batches[model->count++].header);
}

void store_model_doubt(struct store_model *model, const uint8_t *data, size_t size)
{
    if (model->doubt_count == model->doubt_capacity) {
        model->doubt_capacity = model->doubt_capacity * 2 + 4;
        model->doubts = memory_resize(model->doubts, model->doubt_capacity * sizeof *model->doubts);
    }
    model->doubts[model->doubt_count++] = store_model_copy(data, size);
}

void store_model_truncate(struct store_model *model, int64_t offset)
{
    size_t keep = model->count;
    while (keep > 0 && batch_next_offset(&model->batches[keep - 1].header) > offset) {
        keep--;
        /* Until the next flush a crash may bring it back. */
        model->end_offset = model->batches[keep].header.base_offset;
        store_model_doubt(model, model->batches[keep].data, model->batches[keep].size);
    }
    store_model_drop(model->batches, keep, model->count);
    model->count = keep;
    if (model->acked_offset > model->end_offset) {
        model->acked_offset = model->end_offset;
    }
}

int store_model_judge(const struct store_model *model, const struct batch *batch,
                      const struct store_model_batch **original)
{
    *original = NULL;
    int known = 0;
    int64_t expected = 0;
    int16_t epoch = -1;
    for (size_t i = model->count; i > 0 && known < STORE_MODEL_BATCHES_KNOWN; i--) {
        const struct store_model_batch *other = &model->batches[i - 1];
        if (other->header.producer_id != batch->producer_id || batch_is_control(&other->header)) {
            continue;
        }
        if (known == 0) {
            epoch = other->header.producer_epoch;
            int32_t last = batch_last_sequence(&other->header);
            expected = last == INT32_MAX ? 0 : (int64_t)last + 1;
            if (batch->producer_epoch < epoch) {
                return ERROR_INVALID_PRODUCER_EPOCH;
            }
            if (batch->producer_epoch > epoch) {
                expected = 0;
                break;
            }
        }
        known++;
        if (other->header.producer_epoch != epoch) {
            break;
        }
        if (other->header.base_sequence == batch->base_sequence &&
            batch_last_sequence(&other->header) == batch_last_sequence(batch)) {
            *original = other;
            return 0;
        }
    }
    if (epoch == -1 && (model->start_limit > 0 || model->is_compacted)) {
        /* Either is right: a start that finds no snapshot folds what is left. */
        return batch->base_sequence == 0 ? 0 : 1;
    }
    return batch->base_sequence == expected ? 0 : ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

const struct batch *store_model_find_last(const struct store_model *model, int64_t producer_id)
{
    for (size_t i = model->count; i > 0; i--) {
        if (model->batches[i - 1].header.producer_id == producer_id) {
            return &model->batches[i - 1].header;
        }
    }
    return NULL;
}

/* As it was before the batch of that index. */
static bool store_model_had_open(const struct store_model *model, size_t index, int64_t producer_id,
                                 int64_t *first_offset)
{
    bool is_open = false;
    for (size_t i = index; i > 0; i--) {
        const struct batch *batch = &model->batches[i - 1].header;
        if (batch->producer_id != producer_id) {
            continue;
        }
        if (batch_is_control(batch)) {
            break;
        }
        if (batch_is_transactional(batch)) {
            *first_offset = batch->base_offset;
            is_open = true;
        }
    }
    return is_open;
}

bool store_model_has_open(const struct store_model *model, int64_t producer_id,
                          int64_t *first_offset)
{
    return store_model_had_open(model, model->count, producer_id, first_offset);
}

/* The key of a marker's record begins behind the batch's header, its own length, attributes, two
 * deltas and the key's length, each of one byte; its last byte says how the transaction ended. */
bool store_model_is_abort(const struct store_model_batch *batch)
{
    enum { KEY_PLACE = 61 + 5 };
    return batch_is_control(&batch->header) && batch->data[KEY_PLACE + 3] == 0;
}

struct store_model_aborts {
    struct log_aborted found[64];
    size_t count;
};

static void store_model_on_aborted(void *owner, const struct log_aborted *aborted)
{
    struct store_model_aborts *aborts = owner;
    if (aborts->count < sizeof aborts->found / sizeof *aborts->found) {
        aborts->found[aborts->count] = *aborted;
    }
    aborts->count++;
}

bool store_model_compare_aborts(struct store_model *model, struct log *log, int64_t offset,
                                int64_t end_offset)
{
    struct store_model_aborts aborts = {.count = 0};
    size_t at = 0;
    int error = log_each_aborted(log, offset, end_offset, store_model_on_aborted, &aborts);
    for (size_t i = 0; error == 0 && i < model->count; i++) {
        const struct batch *marker = &model->batches[i].header;
        int64_t first_offset = 0;
        if (!store_model_is_abort(&model->batches[i]) || marker->base_offset < offset ||
            !store_model_had_open(model, i, marker->producer_id, &first_offset) ||
            first_offset >= end_offset) {
            continue;
        }
        const struct log_aborted *found = &aborts.found[at];
        if (model->is_compacted) {
            /* The row may be gone with its marker, or tell of the data that is left. */
            if (at < aborts.count && found->last_offset == marker->base_offset &&
                found->producer_id == marker->producer_id && found->first_offset >= first_offset) {
                at++;
            }
            continue;
        }
        if (at++ >= aborts.count || found->producer_id != marker->producer_id ||
            found->first_offset != first_offset || found->last_offset != marker->base_offset) {
            at = SIZE_MAX;
            break;
        }
    }
    if (error == 0 && at != aborts.count) {
        snprintf(model->why, sizeof model->why,
                 "aborted transactions in %" PRId64 "..%" PRId64 " are others", offset, end_offset);
        return false;
    }
    return true;
}

static size_t store_model_find(const struct store_model *model, int64_t offset)
{
    size_t low = 0;
    size_t high = model->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (batch_last_offset(&model->batches[middle].header) < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool store_model_refuse(struct store_model *model, const char *what, int64_t offset)
{
    snprintf(model->why, sizeof model->why,
             "%s at offset %" PRId64 " (start %" PRId64 "..%" PRId64 ", acked %" PRId64
             ", end %" PRId64 ")",
             what, offset, model->start_offset, model->start_limit, model->acked_offset,
             model->end_offset);
    return false;
}

/* As store_model_compare for a log that is compacted; *offset is moved behind what was read. */
static bool store_model_compare_rest(struct store_model *model, int64_t *offset, struct bytes bytes)
{
    size_t index = store_model_find(model, *offset);
    for (size_t at = 0; at < bytes.size; index++) {
        struct batch batch;
        if (batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, NULL) != 0) {
            return store_model_refuse(model, "no batch was read", *offset);
        }
        while (index < model->count &&
               batch_last_offset(&model->batches[index].header) < batch.base_offset) {
            if (!store_rest_may_lack(model, index)) {
                return store_model_refuse(model, "a batch is missing",
                                          model->batches[index].header.base_offset);
            }
            index++;
        }
        if (index == model->count || !store_rest_is_of(model, index, &batch)) {
            return store_model_refuse(model, "not what compaction may leave", batch.base_offset);
        }
        *offset = batch_next_offset(&batch);
        at += batch.bytes.size;
    }
    return true;
}

bool store_model_compare(struct store_model *model, int64_t offset, struct bytes bytes)
{
    if (model->is_compacted) {
        return store_model_compare_rest(model, &offset, bytes);
    }
    size_t index = store_model_find(model, offset);
    size_t at = 0;
    while (at < bytes.size) {
        const struct store_model_batch *batch = &model->batches[index];
        if (index >= model->count || bytes.size - at < batch->size ||
            memcmp(bytes.data + at, batch->data, batch->size) != 0) {
            snprintf(model->why, sizeof model->why,
                     "read at offset %" PRId64 " differs at byte %zu of %zu", offset, at,
                     bytes.size);
            return false;
        }
        at += batch->size;
        index++;
    }
    return true;
}

static const struct store_model_batch *store_model_find_doubt(const struct store_model *model,
                                                              const struct batch *batch)
{
    for (size_t i = 0; i < model->doubt_count; i++) {
        const struct store_model_batch *doubt = &model->doubts[i];
        if (doubt->size == batch->bytes.size &&
            memcmp(doubt->data, batch->bytes.data, doubt->size) == 0) {
            return doubt;
        }
    }
    return NULL;
}

/* One batch that the log still has. */
static bool store_model_adopt_batch(struct store_model *model, const struct batch *batch)
{
    size_t index = store_model_find(model, batch->base_offset);
    if (index < model->count && model->batches[index].size == batch->bytes.size &&
        memcmp(model->batches[index].data, batch->bytes.data, batch->bytes.size) == 0) {
        return true;
    }
    const struct store_model_batch *doubt = store_model_find_doubt(model, batch);
    if (doubt == NULL && model->is_compacted && index < model->count &&
        model->batches[index].header.base_offset == batch->base_offset) {
        return true; /* judged when it is clear what is left of all */
    }
    if (doubt == NULL) {
        return store_model_refuse(model, "bytes that were never appended", batch->base_offset);
    }
    if (batch->base_offset < model->acked_offset) {
        return store_model_refuse(model, "an acknowledged batch was replaced", batch->base_offset);
    }
    store_model_truncate(model, batch->base_offset);
    store_model_append(model, batch->bytes.data, batch->bytes.size);
    return true;
}

static bool store_model_adopt_bytes(struct store_model *model, struct bytes bytes, int64_t *offset)
{
    for (size_t at = 0; at < bytes.size;) {
        struct batch batch;
        if (batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, NULL) != 0 ||
            !batch_crc_matches(&batch)) {
            return store_model_refuse(model, "a damaged batch was read", *offset);
        }
        if (batch.base_offset > *offset && !model->is_compacted) {
            return store_model_refuse(model, "offsets are missing", *offset);
        }
        if (!store_model_adopt_batch(model, &batch)) {
            return false;
        }
        *offset = batch_next_offset(&batch);
        at += batch.bytes.size;
    }
    return true;
}

static bool store_model_read_all(struct store_model *model, struct log *log, struct buffer *buffer,
                                 bool (*take)(struct store_model *model, struct bytes bytes,
                                              int64_t *offset))
{
    int64_t offset = log_start_offset(log);
    while (offset < log_end_offset(log)) {
        struct log_read read = {
            .offset = offset,
            .limit_offset = INT64_MAX,
            .size_max = 1 << 16,
            .is_first_whole = true,
            .may_wait = true,
            .bytes = *buffer,
        };
        int error = 0;
        bool is_answered = log_read(log, &read, &error);
        *buffer = read.bytes;
        if (!is_answered || error != 0 || read.bytes.size == 0) {
            return store_model_refuse(model, error == 0 ? "nothing can be read" : error_name(error),
                                      offset);
        }
        if (!take(model, buffer_bytes(buffer), &offset)) {
            return false;
        }
    }
    return true;
}

static bool store_model_take_rest(struct store_model *model, struct bytes bytes, int64_t *offset)
{
    return store_model_compare_rest(model, offset, bytes);
}

bool store_model_adopt(struct store_model *model, struct log *log)
{
    if (log_status(log) != 0) {
        return store_model_refuse(model, "the log is offline", log_end_offset(log));
    }
    if (log_start_offset(log) < model->start_offset || log_start_offset(log) > model->start_limit) {
        return store_model_refuse(model, "the start moved", log_start_offset(log));
    }
    if (log_end_offset(log) < model->acked_offset) {
        return store_model_refuse(model, "acknowledged batches are gone", log_end_offset(log));
    }
    struct buffer buffer;
    buffer_init(&buffer);
    bool is_good = store_model_read_all(model, log, &buffer, store_model_adopt_bytes);
    if (is_good) {
        store_model_truncate(model, log_end_offset(log));
    }
    if (is_good && model->is_compacted) {
        is_good = store_model_read_all(model, log, &buffer, store_model_take_rest);
    }
    buffer_fini(&buffer);
    if (!is_good) {
        return false;
    }
    store_model_drop(model->doubts, 0, model->doubt_count);
    model->doubt_count = 0;
    model->start_offset = model->start_limit = log_start_offset(log);
    model->acked_offset = model->end_offset = log_end_offset(log);
    return true;
}
