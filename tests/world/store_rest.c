/* Record by record against all that was appended later; see store_rest.h. */
#include "tests/world/store_rest.h"

enum { STORE_REST_INFLATED_MAX = 1 << 20 };

enum store_rest_fate { STORE_REST_COUNTS, STORE_REST_OPEN, STORE_REST_ABORTED };

/* What became of a batch: its producer's next marker says it. */
static enum store_rest_fate store_rest_fate(const struct store_model *model, size_t index)
{
    const struct batch *batch = &model->batches[index].header;
    if (!batch_is_transactional(batch) || batch_is_control(batch)) {
        return STORE_REST_COUNTS;
    }
    for (size_t i = index + 1; i < model->count; i++) {
        const struct batch *other = &model->batches[i].header;
        if (other->producer_id == batch->producer_id && batch_is_control(other)) {
            return store_model_is_abort(&model->batches[i]) ? STORE_REST_ABORTED
                                                            : STORE_REST_COUNTS;
        }
    }
    return STORE_REST_OPEN;
}

static bool store_rest_has_key(const struct batch *batch, struct bytes key, int64_t offset)
{
    struct batch_iterator iterator;
    struct batch_record record;
    bool has_key = false;
    int error = batch_iterator_open(&iterator, batch, STORE_REST_INFLATED_MAX);
    check(error == 0);
    while (!has_key && batch_iterator_next(&iterator, &record) > 0) {
        has_key = record.offset > offset && bytes_equal(record.key, key);
    }
    batch_iterator_close(&iterator);
    return has_key;
}

/* Whether a later record of the same key counts. */
static bool store_rest_is_superseded(const struct store_model *model, size_t index,
                                     const struct batch_record *record)
{
    for (size_t i = index; i < model->count; i++) {
        const struct batch *batch = &model->batches[i].header;
        if (!batch_is_control(batch) && store_rest_fate(model, i) == STORE_REST_COUNTS &&
            store_rest_has_key(batch, record->key, record->offset)) {
            return true;
        }
    }
    return false;
}

static bool store_rest_may_lack_record(const struct store_model *model, size_t index,
                                       const struct batch_record *record)
{
    switch (store_rest_fate(model, index)) {
    case STORE_REST_OPEN:
        return false;
    case STORE_REST_ABORTED:
        return true;
    case STORE_REST_COUNTS:
        break;
    }
    return bytes_is_null(record->value) || store_rest_is_superseded(model, index, record);
}

static bool store_rest_record_equal(const struct batch_record *left,
                                    const struct batch_record *right)
{
    return left->offset == right->offset && left->timestamp_ms == right->timestamp_ms &&
           bytes_equal(left->key, right->key) && bytes_equal(left->value, right->value) &&
           bytes_equal(left->headers_encoded, right->headers_encoded);
}

/* Whether the records of `rest` are among those of the original, and the others may be missing. */
static bool store_rest_judge_records(const struct store_model *model, size_t index,
                                     struct batch_iterator *original, struct batch_iterator *rest)
{
    struct batch_record record;
    struct batch_record left;
    int result = batch_iterator_next(rest, &left);
    while (batch_iterator_next(original, &record) > 0) {
        if (result > 0 && left.offset == record.offset) {
            if (!store_rest_record_equal(&record, &left)) {
                return false;
            }
            result = batch_iterator_next(rest, &left);
        } else if (!store_rest_may_lack_record(model, index, &record)) {
            return false;
        }
    }
    return result == 0; /* none that the original does not have, and none malformed */
}

bool store_rest_is_of(const struct store_model *model, size_t index, const struct batch *batch)
{
    const struct batch *original = &model->batches[index].header;
    struct batch_iterator records;
    struct batch_iterator left;
    bool is_anonymous = batch->producer_id < 0 && batch->record_count == 0;
    if (!batch_crc_matches(batch) || batch->base_offset != original->base_offset ||
        batch->last_offset_delta != original->last_offset_delta ||
        batch->leader_epoch != original->leader_epoch) {
        return false;
    }
    if (!is_anonymous && (batch->producer_id != original->producer_id ||
                          batch->producer_epoch != original->producer_epoch ||
                          batch->base_sequence != original->base_sequence ||
                          batch_is_control(batch) != batch_is_control(original) ||
                          batch_is_transactional(batch) != batch_is_transactional(original))) {
        return false;
    }
    if (batch_iterator_open(&records, original, STORE_REST_INFLATED_MAX) != 0 ||
        batch_iterator_open(&left, batch, STORE_REST_INFLATED_MAX) != 0) {
        return false;
    }
    bool is_rest =
        batch_is_control(original) || store_rest_judge_records(model, index, &records, &left);
    batch_iterator_close(&records);
    batch_iterator_close(&left);
    return is_rest;
}

bool store_rest_may_lack(const struct store_model *model, size_t index)
{
    const struct batch *batch = &model->batches[index].header;
    struct batch_iterator iterator;
    struct batch_record record;
    bool may_lack = true;
    if (batch_is_control(batch)) {
        return true; /* whether its data is gone is for who reads what is committed */
    }
    int error = batch_iterator_open(&iterator, batch, STORE_REST_INFLATED_MAX);
    check(error == 0);
    while (may_lack && batch_iterator_next(&iterator, &record) > 0) {
        may_lack = store_rest_may_lack_record(model, index, &record);
    }
    batch_iterator_close(&iterator);
    return may_lack;
}
