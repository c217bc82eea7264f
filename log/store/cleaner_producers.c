/* A map of small entries; see cleaner_producers.h. */
#include "log/store/cleaner_producers.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct cleaner_producers_range {
    int64_t first_offset;
    int64_t marker_offset;
};

struct cleaner_producers_entry {
    int64_t open_offset;   /* of the first data without an end; -1 */
    struct buffer aborted; /* struct cleaner_producers_range, rising */
    int64_t last_offset;   /* of the last batch of a living producer; -1 */
    int16_t epoch;         /* of a living producer */
    bool is_alive;
    bool has_data;
};

void cleaner_producers_init(struct cleaner_producers *producers)
{
    map_init(&producers->entries);
}

static void cleaner_producers_free_entry(void *value)
{
    struct cleaner_producers_entry *entry = value;
    buffer_fini(&entry->aborted);
    free(entry);
}

void cleaner_producers_fini(struct cleaner_producers *producers)
{
    map_fini(&producers->entries, cleaner_producers_free_entry);
}

static struct cleaner_producers_entry *
cleaner_producers_find(const struct cleaner_producers *producers, int64_t producer_id)
{
    return map_find(&producers->entries, bytes_make(&producer_id, sizeof producer_id));
}

static struct cleaner_producers_entry *cleaner_producers_get(struct cleaner_producers *producers,
                                                             int64_t producer_id)
{
    struct cleaner_producers_entry *entry = cleaner_producers_find(producers, producer_id);
    if (entry == NULL) {
        entry = memory_new(struct cleaner_producers_entry);
        entry->open_offset = -1;
        entry->last_offset = -1;
        buffer_init(&entry->aborted);
        map_put(&producers->entries, bytes_make(&producer_id, sizeof producer_id), entry);
    }
    return entry;
}

void cleaner_producers_keep(struct cleaner_producers *producers,
                            const struct producer_state_entry *state)
{
    struct cleaner_producers_entry *entry = cleaner_producers_get(producers, state->producer_id);
    entry->is_alive = true;
    entry->epoch = state->epoch;
    entry->last_offset =
        state->batch_count == 0 ? -1 : state->batches[state->batch_count - 1].last_offset;
}

static void cleaner_producers_end(struct cleaner_producers_entry *entry, int64_t marker_offset,
                                  bool is_commit)
{
    if (entry->open_offset >= 0 && !is_commit) {
        struct cleaner_producers_range range = {entry->open_offset, marker_offset};
        buffer_add(&entry->aborted, &range, sizeof range);
    }
    entry->open_offset = -1;
}

void cleaner_producers_scan(struct cleaner_producers *producers, const struct batch *batch)
{
    if (batch->producer_id < 0) {
        return;
    }
    struct producer_state_marker marker;
    if (batch_is_control(batch)) {
        if (producer_state_read_marker(batch, &marker)) {
            cleaner_producers_end(cleaner_producers_get(producers, batch->producer_id),
                                  batch->base_offset, marker.is_commit);
        }
    } else if (batch_is_transactional(batch)) {
        struct cleaner_producers_entry *entry =
            cleaner_producers_get(producers, batch->producer_id);
        entry->open_offset = entry->open_offset < 0 ? batch->base_offset : entry->open_offset;
    }
}

int64_t cleaner_producers_open_offset(const struct cleaner_producers *producers)
{
    int64_t offset = INT64_MAX;
    for (map_each (&producers->entries, place)) {
        const struct cleaner_producers_entry *entry = place->value;
        if (entry->open_offset >= 0 && entry->open_offset < offset) {
            offset = entry->open_offset;
        }
    }
    return offset;
}

bool cleaner_producers_is_aborted(const struct cleaner_producers *producers,
                                  const struct batch *batch)
{
    if (!batch_is_transactional(batch) || batch_is_control(batch)) {
        return false;
    }
    const struct cleaner_producers_entry *entry =
        cleaner_producers_find(producers, batch->producer_id);
    if (entry == NULL) {
        return false;
    }
    /* The first range that ends above the batch. */
    size_t low = 0;
    size_t high = entry->aborted.size / sizeof(struct cleaner_producers_range);
    struct cleaner_producers_range range = {INT64_MAX, INT64_MAX};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct cleaner_producers_range other;
        memcpy(&other, entry->aborted.data + middle * sizeof other, sizeof other);
        if (other.marker_offset <= batch->base_offset) {
            low = middle + 1;
        } else {
            range = other;
            high = middle;
        }
    }
    return batch->base_offset >= range.first_offset;
}

bool cleaner_producers_is_last(const struct cleaner_producers *producers, const struct batch *batch)
{
    const struct cleaner_producers_entry *entry =
        batch->producer_id < 0 ? NULL : cleaner_producers_find(producers, batch->producer_id);
    if (entry == NULL || !entry->is_alive) {
        return false;
    }
    return batch_is_control(batch) ? entry->last_offset < 0 && entry->epoch == batch->producer_epoch
                                   : entry->last_offset == batch_last_offset(batch);
}

void cleaner_producers_see_data(struct cleaner_producers *producers, const struct batch *batch)
{
    if (batch_is_transactional(batch)) {
        cleaner_producers_get(producers, batch->producer_id)->has_data = true;
    }
}

bool cleaner_producers_see_marker(struct cleaner_producers *producers, const struct batch *batch)
{
    struct cleaner_producers_entry *entry = cleaner_producers_find(producers, batch->producer_id);
    bool has_data = entry != NULL && entry->has_data;
    if (has_data) {
        entry->has_data = false;
    }
    return has_data;
}
