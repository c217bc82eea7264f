/* Merges partitions; see slice_reader.h. */
#include "runtime/cli/slice_reader.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/client/fetcher.h"

#include <stdlib.h>

enum {
    INFLATED_MAX = 512 << 20,
    PARTITION_FETCH_SIZE = 256 << 10,
    /* For each partition more than is fetched at once, so that full ones never starve the one that
     * is waited for. */
    PARTITION_BUFFER_SIZE = 1 << 20,
};

struct slice_partition {
    const struct topic_sweep_range *range;
    struct fetcher_batch taken;
    struct batch_iterator iterator;
    struct record head;
    int64_t time_ms; /* of the head */
    bool has_batch;
    bool has_head;
    bool is_over;
};

struct slice_reader {
    struct errand *errand;
    struct fetcher *fetcher;
    struct slice_partition *partitions;
    size_t count;
    struct slice_partition *told; /* whose head the caller has */
    int64_t (*time_ms)(void *owner, const struct record *record);
    void *owner;
    bool is_ready;
    bool is_closed;
};

static void slice_reader_on_ready(void *owner)
{
    struct slice_reader *reader = owner;
    reader->is_ready = true;
    errand_wake(reader->errand);
}

static void slice_reader_on_closed(void *owner)
{
    struct slice_reader *reader = owner;
    reader->is_closed = true;
    errand_wake(reader->errand);
}

struct slice_reader *slice_reader_new(struct errand *errand, const struct topic_sweep_range *ranges,
                                      size_t count,
                                      int64_t (*time_ms)(void *owner, const struct record *record),
                                      void *owner)
{
    struct slice_reader *reader = memory_new(struct slice_reader);
    struct fetcher_options options = fetcher_options_default();
    options.is_read_committed = true;
    options.reset = FETCHER_RESET_EARLIEST;
    options.partition_size_max = PARTITION_FETCH_SIZE;
    options.buffer_size = (count + 1) * PARTITION_BUFFER_SIZE;
    reader->errand = errand;
    reader->time_ms = time_ms;
    reader->owner = owner;
    reader->count = count;
    reader->partitions = memory_zero(count + 1, sizeof *reader->partitions);
    reader->fetcher = fetcher_new(errand->client, &options);
    fetcher_on_ready(reader->fetcher, slice_reader_on_ready, reader);
    for (size_t i = 0; i < count; i++) {
        reader->partitions[i].range = &ranges[i];
        reader->partitions[i].is_over = ranges[i].start >= ranges[i].end;
        if (!reader->partitions[i].is_over) {
            fetcher_add(reader->fetcher, ranges[i].topic, ranges[i].partition, ranges[i].start);
        }
    }
    return reader;
}

static void slice_reader_drop_batch(struct slice_reader *reader, struct slice_partition *partition)
{
    if (partition->has_batch) {
        batch_iterator_close(&partition->iterator);
        fetcher_release(reader->fetcher, &partition->taken);
        partition->has_batch = false;
    }
}

void slice_reader_free(struct slice_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    for (size_t i = 0; i < reader->count; i++) {
        slice_reader_drop_batch(reader, &reader->partitions[i]);
    }
    fetcher_close(reader->fetcher, slice_reader_on_closed, reader);
    while (!reader->is_closed) {
        reader->errand->world->run(reader->errand->world->owner);
    }
    free(reader->partitions);
    free(reader);
}

static void slice_reader_set_head(struct slice_reader *reader, struct slice_partition *partition,
                                  const struct batch_record *record)
{
    const struct batch *batch = &partition->taken.batch;
    bool is_append_time = (batch->attributes & BATCH_LOG_APPEND_TIME) != 0;
    partition->head = (struct record){
        .topic = partition->range->topic,
        .partition = partition->range->partition,
        .offset = record->offset,
        .timestamp_ms = is_append_time ? batch->max_timestamp : record->timestamp_ms,
        .key = record->key,
        .value = record->value,
        .headers_encoded = record->headers_encoded,
        .header_count = record->header_count,
    };
    partition->has_head = true;
    partition->time_ms = reader->time_ms == NULL ? partition->head.timestamp_ms
                                                 : reader->time_ms(reader->owner, &partition->head);
}

/* The next record of the batch at hand becomes the head, if it has one that is wanted. */
static int slice_reader_walk(struct slice_reader *reader, struct slice_partition *partition)
{
    struct batch_record record;
    int more;
    while ((more = batch_iterator_next(&partition->iterator, &record)) == 1) {
        if (record.offset >= partition->range->end) {
            partition->is_over = true;
            break;
        }
        if (record.offset >= partition->taken.position) {
            slice_reader_set_head(reader, partition, &record);
            return 0;
        }
    }
    slice_reader_drop_batch(reader, partition);
    return more < 0 ? more : 0;
}

/* 1 when the partition has a head or is over, 0 when that has to be waited for, or an error. */
static int slice_reader_fill(struct slice_reader *reader, struct slice_partition *partition)
{
    const struct topic_sweep_range *range = partition->range;
    while (!partition->has_head && !partition->is_over) {
        int result = 0;
        if (partition->has_batch) {
            result = slice_reader_walk(reader, partition);
            if (result != 0) {
                return result;
            }
            continue;
        }
        result = fetcher_take(reader->fetcher, range->topic, range->partition, &partition->taken);
        if (result == 0 &&
            fetcher_position(reader->fetcher, range->topic, range->partition) >= range->end) {
            partition->is_over = true;
        } else if (result != 1) {
            return result;
        } else {
            result =
                batch_iterator_open(&partition->iterator, &partition->taken.batch, INFLATED_MAX);
            if (result != 0) {
                fetcher_release(reader->fetcher, &partition->taken);
                return result;
            }
            partition->has_batch = true;
        }
    }
    return 1;
}

static int slice_reader_fill_all(struct slice_reader *reader)
{
    for (size_t i = 0; i < reader->count;) {
        reader->is_ready = false;
        int result = slice_reader_fill(reader, &reader->partitions[i]);
        if (result == 0) {
            result = errand_wait(reader->errand, &reader->is_ready);
        } else if (result == 1) {
            result = 0;
            i++;
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int slice_reader_next(struct slice_reader *reader, int64_t until_ms, struct record *out,
                      int64_t *time_ms)
{
    struct slice_partition *chosen = NULL;
    if (reader->told != NULL) {
        reader->told->has_head = false;
        reader->told = NULL;
    }
    int error = slice_reader_fill_all(reader);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < reader->count; i++) {
        struct slice_partition *partition = &reader->partitions[i];
        if (partition->has_head && (chosen == NULL || partition->time_ms < chosen->time_ms)) {
            chosen = partition;
        }
    }
    if (chosen == NULL || chosen->time_ms > until_ms) {
        return 0;
    }
    reader->told = chosen;
    *out = chosen->head;
    *time_ms = chosen->time_ms;
    return 1;
}
