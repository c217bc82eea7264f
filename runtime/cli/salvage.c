/* See salvage.h. First all batches are found by their CRCs alone, then each is judged between its
 * neighbours. */
#include "runtime/cli/salvage.h"

#include "log/base/endian.h"
#include "log/base/memory.h"
#include "log/wire/batch.h"

#include <stdlib.h>
#include <string.h>

enum { MAGIC_PLACE = 16, EPOCH_PLACE = 12 };

static bool is_good_batch(const uint8_t *data, size_t size, struct batch *out)
{
    size_t needed;
    return batch_read_header(bytes_make(data, size), out, &needed) == 0 && batch_crc_matches(out);
}

/* The next place at or behind `at` where a good batch begins; `size` when there is none. */
static size_t find_batch(const uint8_t *data, size_t size, size_t at, struct batch *out)
{
    for (; at + BATCH_HEADER_SIZE <= size; at++) {
        const uint8_t *magic =
            memchr(data + at + MAGIC_PLACE, BATCH_MAGIC, size - at - MAGIC_PLACE);
        if (magic == NULL) {
            break;
        }
        at = (size_t)(magic - data) - MAGIC_PLACE;
        if (is_good_batch(data + at, size - at, out)) {
            return at;
        }
    }
    return size;
}

static void add_batch(struct salvage *salvage, size_t start, const struct batch *batch)
{
    size_t count = salvage->count;
    if ((count & (count - 1)) == 0) { /* room doubles at every power of two */
        size_t capacity = count == 0 ? 1 : 2 * count;
        salvage->batches = memory_resize(salvage->batches, capacity * sizeof(*salvage->batches));
    }
    salvage->batches[salvage->count++] = (struct salvage_batch){
        .start = start,
        .size = batch->bytes.size,
        .base_offset = batch->base_offset,
        .length = (int64_t)batch_last_offset(batch) - batch->base_offset + 1,
        .epoch = batch->leader_epoch,
    };
}

static void find_batches(struct salvage *salvage, const uint8_t *data, size_t size)
{
    struct batch batch;
    size_t at = 0;
    while ((at = find_batch(data, size, at, &batch)) < size) {
        add_batch(salvage, at, &batch);
        at += batch.bytes.size;
    }
}

static void tell(const struct salvage *salvage, enum salvage_kind kind, size_t start, size_t end,
                 int64_t from, int64_t to)
{
    const struct salvage_finding finding = {
        .kind = kind, .start = start, .end = end, .from = from, .to = to};
    salvage->found(salvage->owner, &finding);
}

/* Where the batches behind this one begin, by the first of them that fits; the limit at the end. */
static int64_t offset_behind(const struct salvage *salvage, size_t index)
{
    const struct salvage_batch *batch = &salvage->batches[index];
    for (size_t i = index + 1; i < salvage->count; i++) {
        int64_t base = salvage->batches[i].base_offset;
        if (base >= salvage->next_offset + batch->length && base < salvage->limit_offset) {
            return base;
        }
    }
    return salvage->limit_offset;
}

/* Whether the batch stands right between what is kept and what follows. One in its dense place is
 * believed, whatever its neighbour says. */
static bool is_in_place(const struct salvage *salvage, size_t index)
{
    const struct salvage_batch *batch = &salvage->batches[index];
    if (batch->base_offset < salvage->next_offset ||
        batch->base_offset > salvage->limit_offset - batch->length) {
        return false;
    }
    if (batch->base_offset == salvage->next_offset || index + 1 == salvage->count) {
        return true;
    }
    return salvage->batches[index + 1].base_offset >= batch->base_offset + batch->length ||
           salvage->batches[index + 1].base_offset < salvage->next_offset;
}

/* True when the batch can be kept, with its base offset put right if need be. */
static bool place_batch(struct salvage *salvage, size_t index, uint8_t *data)
{
    struct salvage_batch *batch = &salvage->batches[index];
    if (is_in_place(salvage, index)) {
        return true;
    }
    if (offset_behind(salvage, index) != salvage->next_offset + batch->length) {
        return false;
    }
    tell(salvage, SALVAGE_OFFSET, batch->start, batch->start + batch->size, batch->base_offset,
         salvage->next_offset);
    batch->base_offset = salvage->next_offset;
    endian_write_u64(data + batch->start, (uint64_t)batch->base_offset);
    return true;
}

static void judge_epoch(struct salvage *salvage, size_t index, uint8_t *data)
{
    struct salvage_batch *batch = &salvage->batches[index];
    int32_t behind = index + 1 < salvage->count ? salvage->batches[index + 1].epoch : INT32_MAX;
    bool is_below = batch->epoch < salvage->epoch || batch->epoch < 0;
    bool is_above = batch->epoch > behind && behind >= salvage->epoch && behind >= 0;
    if (is_below || is_above) {
        int32_t right = salvage->epoch >= 0 ? salvage->epoch : behind < INT32_MAX ? behind : 0;
        tell(salvage, SALVAGE_EPOCH, batch->start, batch->start + batch->size, batch->epoch, right);
        batch->epoch = right;
        endian_write_u32(data + batch->start + EPOCH_PLACE, (uint32_t)right);
    }
    salvage->epoch = batch->epoch;
}

void salvage_run(struct salvage *salvage, uint8_t *data, size_t size)
{
    size_t end = 0; /* of what is accounted for */
    salvage->batches = NULL;
    salvage->count = 0;
    find_batches(salvage, data, size);
    for (size_t i = 0; i < salvage->count; i++) {
        struct salvage_batch *batch = &salvage->batches[i];
        int64_t expected = salvage->next_offset;
        if (!place_batch(salvage, i, data)) {
            continue;
        }
        if (batch->start > end) {
            tell(salvage, SALVAGE_GAP, end, batch->start, expected, batch->base_offset - 1);
        }
        judge_epoch(salvage, i, data);
        batch->is_kept = true;
        salvage->next_offset = batch->base_offset + batch->length;
        end = batch->start + batch->size;
    }
    if (end < size) {
        tell(salvage, SALVAGE_TAIL, end, size, salvage->next_offset, -1);
    }
}

void salvage_fini(struct salvage *salvage)
{
    free(salvage->batches);
    salvage->batches = NULL;
}
