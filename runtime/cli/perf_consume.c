/* tidemill perf consume: how fast records of a topic are read, from the beginning or from the end
 * on. */
#include "log/base/error.h"
#include "runtime/cli/perf.h"
#include "runtime/client/fetcher.h"

#include <stdlib.h>
#include <string.h>

enum { INFLATED_MAX = 512 << 20 };

struct consume_perf_values {
    struct perf_flags perf;
    bool is_from_end;
    bool has_records;
    bool is_patient;
    int64_t fetch_size;
};

struct consume_perf {
    const struct consume_perf_values *values;
    const char *topic;
    struct perf perf;
    struct fetcher *fetcher;
    int32_t partition_count;
    bool is_closed;
};

static void on_closed(void *owner)
{
    struct consume_perf *run = owner;
    run->is_closed = true;
    errand_wake(run->perf.errand);
}

static void on_ready(void *owner)
{
    struct consume_perf *run = owner;
    perf_poke(&run->perf);
}

/* Reads every record, as a consumer would. */
static int64_t count_records(const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int64_t count = 0;
    if (batch_iterator_open(&iterator, batch, INFLATED_MAX) != 0) {
        return batch->record_count;
    }
    while (batch_iterator_next(&iterator, &record) == 1) {
        count++;
    }
    batch_iterator_close(&iterator);
    return count;
}

static bool is_at_end(const struct consume_perf *run)
{
    for (int32_t i = 0; i < run->partition_count; i++) {
        if (!fetcher_is_at_end(run->fetcher, run->topic, i)) {
            return false;
        }
    }
    return true;
}

static bool is_enough(const struct consume_perf *run)
{
    const struct perf *perf = &run->perf;
    const struct perf_flags *flags = &run->values->perf;
    return perf->first_error != 0 || (flags->count > 0 && perf->done_count >= flags->count) ||
           (flags->duration_ms > 0 && perf_due(perf) == 0);
}

static void pump(void *owner)
{
    struct consume_perf *run = owner;
    struct fetcher_batch taken;
    int result = 0;
    while (!is_enough(run) && (result = fetcher_take(run->fetcher, NULL, 0, &taken)) == 1) {
        int64_t count =
            run->values->has_records ? count_records(&taken.batch) : taken.batch.record_count;
        perf_note(&run->perf, count, (int64_t)taken.batch.bytes.size, 0);
        fetcher_release(run->fetcher, &taken);
    }
    if (result < 0) {
        perf_fail(&run->perf, 0, result);
    }
    if (is_enough(run) || (!run->values->is_patient && is_at_end(run))) {
        run->perf.is_over = true;
        errand_wake(run->perf.errand);
    }
}

static int measure(struct consume_perf *run, struct errand *errand)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, &run->topic, 1, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    if (metadata->topics.count != 1 || metadata->topics.items[0].error_code != 0) {
        return errand_refuse(errand, run->topic, metadata->topics.items[0].error_code,
                             bytes_make(NULL, 0));
    }
    struct fetcher_options options = fetcher_options_default();
    options.partition_size_max = (int32_t)run->values->fetch_size;
    run->partition_count = metadata->topics.items[0].partitions.count;
    run->fetcher = fetcher_new(errand->client, &options);
    fetcher_on_ready(run->fetcher, on_ready, run);
    for (int32_t i = 0; i < run->partition_count; i++) {
        fetcher_add(run->fetcher, run->topic, i,
                    run->values->is_from_end ? FETCHER_OFFSET_LATEST : FETCHER_OFFSET_EARLIEST);
    }
    perf_start(&run->perf, errand, &run->values->perf, pump, run);
    perf_wait(&run->perf);
    perf_end(&run->perf);
    fetcher_close(run->fetcher, on_closed, run);
    while (!run->is_closed) {
        errand->world->run(errand->world->owner);
    }
    return perf_report(&run->perf, "read", false);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    struct consume_perf run = {.values = given, .topic = arguments->items[0]};
    struct errand errand;
    int code = perf_judge(world, &run.values->perf);
    if (code == COMMAND_OK && (run.values->fetch_size < 1 || run.values->fetch_size > INT32_MAX)) {
        code = command_misuse(world, "--fetch-size takes 1 to 2g bytes");
    }
    if (code == COMMAND_OK) {
        code = errand_open(&errand, world, &run.values->perf.errand, NULL, NULL);
    }
    if (code == COMMAND_OK) {
        code = measure(&run, &errand);
        errand_close(&errand);
    }
    return code;
}

static const struct consume_perf_values initial = {.fetch_size = 1 << 20};

static const struct flag flags[] = {
    FLAG(0, "from-end", BOOL, struct consume_perf_values, is_from_end, NULL,
         "only what comes from now on; with --wait"),
    FLAG(0, "wait", BOOL, struct consume_perf_values, is_patient, NULL,
         "do not stop at the end of the topic"),
    FLAG(0, "records", BOOL, struct consume_perf_values, has_records, NULL,
         "look at every record (default: at batches)"),
    FLAG(0, "fetch-size", SIZE, struct consume_perf_values, fetch_size, "BYTES",
         "of a partition in an answer (default: 1m)"),
    PERF_FLAGS(struct consume_perf_values),
};

const struct command command_perf_consume = {
    .noun = "perf",
    .verb = "consume",
    .arguments = "TOPIC",
    .summary = "measures how fast records are read",
    .details = "Reads all partitions from the beginning to the end, or so many records, or for so\n"
               "long.\n",
    .examples = "tidemill perf consume test\n"
                "tidemill perf consume test --records -o json\n"
                "tidemill perf consume test --from-end --wait --duration 10s\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct consume_perf_values),
    .initial = &initial,
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
