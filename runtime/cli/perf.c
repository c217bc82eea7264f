/* The clock, progress and report of perf.h. */
#include "runtime/cli/perf.h"

#include "log/base/error.h"

#include <unistd.h>

enum { TICK_NS = 500 * 1000, PROGRESS_NS = 1000 * 1000 * 1000, BAR_SIZE = 30 };
static const uint64_t STALL_NS = 5000000000;

static const double PERF_MEGABYTE = 1024 * 1024;

int perf_judge(struct command_world *world, const struct perf_flags *flags)
{
    if (flags->count < 0 || flags->duration_ms < 0 || flags->rate < 0) {
        return command_misuse(world, "--count, --duration and --rate are not below 0");
    }
    if (flags->size < 0 || flags->size > PERF_SIZE_MAX) {
        return command_misuse(world, "--size takes 0 to 64m bytes");
    }
    return COMMAND_OK;
}

static uint64_t now_ns(const struct perf *perf)
{
    return io_now(perf->errand->world->io);
}

static double seconds_of(const struct perf *perf)
{
    uint64_t end = perf->end_ns == 0 ? now_ns(perf) : perf->end_ns;
    double seconds = (double)(end - perf->start_ns) / 1e9;
    return seconds > 0 ? seconds : 1e-9;
}

static int64_t count_max(const struct perf *perf)
{
    if (perf->flags->count > 0) {
        return perf->flags->count;
    }
    return perf->flags->duration_ms > 0 ? INT64_MAX : PERF_COUNT_DEFAULT;
}

static bool is_late(const struct perf *perf)
{
    int64_t duration_ms = perf->flags->duration_ms;
    return duration_ms > 0 && now_ns(perf) - perf->start_ns >= (uint64_t)duration_ms * 1000000;
}

int64_t perf_due(const struct perf *perf)
{
    int64_t most = count_max(perf);
    if (is_late(perf)) {
        return 0;
    }
    if (perf->flags->rate > 0) {
        double seconds = (double)(now_ns(perf) - perf->start_ns) / 1e9;
        double due = seconds * (double)perf->flags->rate + 1;
        return due < (double)most ? (int64_t)due : most;
    }
    return most;
}

uint64_t perf_due_ns(const struct perf *perf, int64_t number)
{
    if (perf->flags->rate <= 0) {
        return now_ns(perf);
    }
    return perf->start_ns + (uint64_t)((double)number * 1e9 / (double)perf->flags->rate);
}

bool perf_is_sent(const struct perf *perf)
{
    return perf->sent_count >= count_max(perf) || is_late(perf) || perf->first_error != 0 ||
           perf->errand->world->is_interrupted;
}

static void on_tick(struct io_timer *timer)
{
    struct perf *perf = timer->owner;
    io_timer_start(perf->errand->world->io, &perf->tick, TICK_NS);
    perf->pump(perf->owner);
}

/* One line that is written over: a bar when the end is known, the rate of the last second. */
static void on_progress(struct io_timer *timer)
{
    struct perf *perf = timer->owner;
    int64_t most = count_max(perf);
    FILE *out = perf->errand->world->errors;
    double part = most < INT64_MAX ? (double)perf->done_count / (double)most
                  : perf->flags->duration_ms > 0
                      ? seconds_of(perf) * 1e3 / (double)perf->flags->duration_ms
                      : 0;
    int filled = (int)((part > 1 ? 1 : part) * BAR_SIZE);
    fprintf(out, "\r[%.*s%*s] %lld records, %lld/s, p99 %.1f ms ", filled,
            "==============================", BAR_SIZE - filled, "", (long long)perf->done_count,
            (long long)(perf->done_count - perf->shown_count),
            (double)histogram_quantile(&perf->delays, 0.99) / 1e6);
    fflush(out);
    perf->shown_count = perf->done_count;
    io_timer_start(perf->errand->world->io, &perf->progress, PROGRESS_NS);
}

/* The client tries again for as long as its timeout says: a person is told why nothing is to be
 * seen meanwhile. */
static void on_stall(struct io_timer *timer)
{
    struct perf *perf = timer->owner;
    bool is_stalled = perf->sent_count > perf->done_count && perf->done_count == perf->stall_count;
    if (is_stalled && !perf->is_stall_told) {
        fprintf(perf->errand->world->errors, "%s", perf->has_progress ? "\r" : "");
        command_fail(
            perf->errand->world,
            "nothing was acknowledged for 5 s, and is tried again; 'tidemill doctor %s' looks "
            "for a full disk and a broker that is gone",
            perf->errand->brokers);
    }
    perf->is_stall_told = is_stalled;
    perf->stall_count = perf->done_count;
    io_timer_start(perf->errand->world->io, timer, STALL_NS);
}

void perf_start(struct perf *perf, struct errand *errand, const struct perf_flags *flags,
                void (*pump)(void *owner), void *owner)
{
    perf->errand = errand;
    perf->flags = flags;
    perf->pump = pump;
    perf->owner = owner;
    perf->start_ns = io_now(errand->world->io);
    perf->tick = (struct io_timer){.fired = on_tick, .owner = perf};
    perf->progress = (struct io_timer){.fired = on_progress, .owner = perf};
    perf->has_progress = !errand->is_json && isatty(fileno(errand->world->errors));
    perf->stall = (struct io_timer){.fired = on_stall, .owner = perf};
    io_timer_start(errand->world->io, &perf->stall, STALL_NS);
    io_timer_start(errand->world->io, &perf->tick, 0);
    if (perf->has_progress) {
        io_timer_start(errand->world->io, &perf->progress, PROGRESS_NS);
    }
}

void perf_poke(struct perf *perf)
{
    io_timer_start(perf->errand->world->io, &perf->tick, 0);
}

void perf_note(struct perf *perf, int64_t count, int64_t size, uint64_t delay_ns)
{
    perf->done_count += count;
    perf->size += size;
    perf->end_ns = now_ns(perf);
    for (int64_t i = 0; i < count; i++) {
        histogram_add(&perf->delays, delay_ns);
    }
}

void perf_fail(struct perf *perf, int64_t count, int error)
{
    perf->failed_count += count;
    perf->first_error = perf->first_error == 0 ? error : perf->first_error;
}

void perf_wait(struct perf *perf)
{
    struct command_world *world = perf->errand->world;
    while (!perf->is_over && !world->is_interrupted) {
        world->run(world->owner);
    }
}

void perf_end(struct perf *perf)
{
    struct io *io = perf->errand->world->io;
    io_timer_stop(io, &perf->tick);
    io_timer_stop(io, &perf->progress);
    io_timer_stop(io, &perf->stall);
    if (perf->has_progress) {
        fprintf(perf->errand->world->errors, "\r%*s\r", 78, "");
        fflush(perf->errand->world->errors);
    }
}

static const struct {
    const char *name;
    double quantile;
} quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p99_9", 0.999}};
enum { QUANTILE_COUNT = sizeof(quantiles) / sizeof(quantiles[0]) };

static void print_json(const struct perf *perf, bool has_delays, struct buffer *out)
{
    double seconds = seconds_of(perf);
    buffer_printf(out,
                  "{\"records\":%lld,\"failed\":%lld,\"bytes\":%lld,\"seconds\":%.6f,"
                  "\"records_per_second\":%.1f,\"mb_per_second\":%.3f",
                  (long long)perf->done_count, (long long)perf->failed_count, (long long)perf->size,
                  seconds, (double)perf->done_count / seconds,
                  (double)perf->size / seconds / PERF_MEGABYTE);
    if (has_delays) {
        buffer_printf(out, ",\"rate\":%lld,\"latency_us\":{\"mean\":%.1f",
                      (long long)perf->flags->rate, histogram_mean(&perf->delays) / 1e3);
        for (size_t i = 0; i < QUANTILE_COUNT; i++) {
            buffer_printf(out, ",\"%s\":%.1f", quantiles[i].name,
                          (double)histogram_quantile(&perf->delays, quantiles[i].quantile) / 1e3);
        }
        buffer_printf(out, ",\"max\":%.1f}", (double)perf->delays.largest / 1e3);
    }
    buffer_add_string(out, "}\n");
}

/* In the words of kafka-producer-perf-test, which scripts look for. */
static void print_text(const struct perf *perf, const char *verb, bool has_delays,
                       struct buffer *out)
{
    double seconds = seconds_of(perf);
    buffer_printf(out, "%lld records %s, %.1f records/sec (%.2f MB/sec)",
                  (long long)perf->done_count, verb, (double)perf->done_count / seconds,
                  (double)perf->size / seconds / PERF_MEGABYTE);
    if (has_delays) {
        buffer_printf(out, ", %.2f ms avg latency, %.2f ms max latency",
                      histogram_mean(&perf->delays) / 1e6, (double)perf->delays.largest / 1e6);
        static const char *const names[QUANTILE_COUNT] = {"50th", "95th", "99th", "99.9th"};
        for (size_t i = 0; i < QUANTILE_COUNT; i++) {
            double ms = (double)histogram_quantile(&perf->delays, quantiles[i].quantile) / 1e6;
            buffer_printf(out, ", %.2f ms %s", ms, names[i]);
        }
        buffer_add_byte(out, '.');
    }
    buffer_add_byte(out, '\n');
    if (has_delays && !perf->flags->is_kafka) {
        histogram_print(&perf->delays, out);
    }
}

int perf_report(struct perf *perf, const char *verb, bool has_delays)
{
    struct errand *errand = perf->errand;
    if (errand->is_json) {
        print_json(perf, has_delays, &errand->out);
    } else {
        print_text(perf, verb, has_delays, &errand->out);
    }
    command_print(errand->world, &errand->out);
    if (perf->failed_count > 0 || perf->first_error != 0) {
        return command_fail(errand->world, "%lld records failed: %s (%s)",
                            (long long)perf->failed_count, error_text(perf->first_error),
                            error_name(perf->first_error));
    }
    return COMMAND_OK;
}
