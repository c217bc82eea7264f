/* See topic_sweep.h. */
#include "runtime/cli/topic_sweep.h"

#include "log/base/error.h"
#include "runtime/cli/offset_query.h"
#include "runtime/client/fetcher.h"

#include <string.h>

enum { INFLATED_MAX = 512 << 20 };

struct topic_sweep {
    struct errand *errand;
    const struct topic_sweep_range *ranges;
    size_t count;
    struct fetcher *fetcher;
    int (*each)(void *owner, const struct envelope *envelope);
    void *owner;
    bool is_ready;
    bool is_closed;
};

static void topic_sweep_on_ready(void *owner)
{
    struct topic_sweep *sweep = owner;
    sweep->is_ready = true;
    errand_wake(sweep->errand);
}

static void topic_sweep_on_closed(void *owner)
{
    struct topic_sweep *sweep = owner;
    sweep->is_closed = true;
    errand_wake(sweep->errand);
}

static const struct topic_sweep_range *topic_sweep_find(const struct topic_sweep *sweep,
                                                        const struct fetcher_batch *batch)
{
    for (size_t i = 0; i < sweep->count; i++) {
        const struct topic_sweep_range *range = &sweep->ranges[i];
        if (range->partition == batch->partition && strcmp(range->topic, batch->topic) == 0) {
            return range;
        }
    }
    return NULL;
}

static int topic_sweep_batch(struct topic_sweep *sweep, const struct topic_sweep_range *range,
                             const struct fetcher_batch *taken)
{
    struct batch_iterator iterator;
    struct batch_record record;
    bool is_append_time = (taken->batch.attributes & BATCH_LOG_APPEND_TIME) != 0;
    const struct envelope envelope = {
        .topic = range->topic,
        .partition = range->partition,
        .broker_id = -1,
        .is_append_time = is_append_time,
        .record = &record,
    };
    int more = 0, result = batch_iterator_open(&iterator, &taken->batch, INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    while (result == 0 && (more = batch_iterator_next(&iterator, &record)) == 1 &&
           record.offset < range->end) {
        record.timestamp_ms = is_append_time ? taken->batch.max_timestamp : record.timestamp_ms;
        result = record.offset < taken->position ? 0 : sweep->each(sweep->owner, &envelope);
    }
    batch_iterator_close(&iterator);
    return more < 0 ? more : result;
}

/* What is at hand. */
static int topic_sweep_take(struct topic_sweep *sweep)
{
    struct fetcher_batch batch;
    int result = 0, more = 0;
    while (result == 0 && (more = fetcher_take(sweep->fetcher, NULL, 0, &batch)) == 1) {
        const struct topic_sweep_range *range = topic_sweep_find(sweep, &batch);
        result = range == NULL ? 0 : topic_sweep_batch(sweep, range, &batch);
        fetcher_release(sweep->fetcher, &batch);
    }
    return result != 0 ? result : more;
}

static bool topic_sweep_is_over(const struct topic_sweep *sweep)
{
    for (size_t i = 0; i < sweep->count; i++) {
        const struct topic_sweep_range *range = &sweep->ranges[i];
        if (range->start < range->end &&
            fetcher_position(sweep->fetcher, range->topic, range->partition) < range->end) {
            return false;
        }
    }
    return true;
}

static int topic_sweep_read(struct topic_sweep *sweep)
{
    int result = 0;
    while (result == 0 && !topic_sweep_is_over(sweep)) {
        sweep->is_ready = false;
        result = topic_sweep_take(sweep);
        if (result == 0 && !topic_sweep_is_over(sweep)) {
            result = errand_wait(sweep->errand, &sweep->is_ready);
        }
    }
    return result;
}

int topic_sweep_run(struct errand *errand, const struct topic_sweep_range *ranges, size_t count,
                    int (*each)(void *owner, const struct envelope *envelope), void *owner)
{
    struct topic_sweep sweep = {
        .errand = errand, .ranges = ranges, .count = count, .each = each, .owner = owner};
    struct fetcher_options options = fetcher_options_default();
    options.is_read_committed = true;
    options.reset = FETCHER_RESET_EARLIEST;
    sweep.fetcher = fetcher_new(errand->client, &options);
    fetcher_on_ready(sweep.fetcher, topic_sweep_on_ready, &sweep);
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].start < ranges[i].end) {
            fetcher_add(sweep.fetcher, ranges[i].topic, ranges[i].partition, ranges[i].start);
        }
    }
    int result = topic_sweep_read(&sweep);
    fetcher_close(sweep.fetcher, topic_sweep_on_closed, &sweep);
    while (!sweep.is_closed) {
        errand->world->run(errand->world->owner);
    }
    return result;
}

static int topic_sweep_resolve(struct errand *errand, struct offset_query *rows, size_t count,
                               enum offset_spec_kind kind)
{
    const struct offset_spec spec = {.kind = kind};
    int error = offset_query_resolve(errand, &spec, rows, count);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = rows[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

int topic_sweep_ranges(struct errand *errand, const struct topic_choice *choice,
                       struct topic_sweep_range **out)
{
    size_t count = choice->count;
    struct offset_query *rows = arena_array(&errand->arena, struct offset_query, count + 1);
    struct topic_sweep_range *ranges =
        arena_array(&errand->arena, struct topic_sweep_range, count + 1);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct offset_query){.topic = choice->rows[i].topic,
                                        .partition = choice->rows[i].partition};
        ranges[i] = (struct topic_sweep_range){.topic = choice->rows[i].topic,
                                               .partition = choice->rows[i].partition};
    }
    int code = topic_sweep_resolve(errand, rows, count, OFFSET_SPEC_BEGINNING);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        ranges[i].start = rows[i].offset;
    }
    code = code != COMMAND_OK ? code : topic_sweep_resolve(errand, rows, count, OFFSET_SPEC_END);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        ranges[i].end = rows[i].offset;
    }
    *out = ranges;
    return code;
}
