/* Shares, samples and the judgement; see canary.h. */
#include "runtime/app/canary.h"

#include "log/base/error.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
    CANARY_ERRORS_MIN = 5,
    CANARY_RECORDS_MIN = 100, /* before it is good */
    CANARY_TIMES_MIN = 1000,  /* before times are compared */
    CANARY_SPAN_STEPS = 4,    /* of each doubling */
    CANARY_SLOW_NS = 100000,
};

static const double CANARY_ERRORS_ALONE = 0.01;
static const double CANARY_DEVIATIONS = 4;

int canary_share_parse(const char *text, struct canary_share *out)
{
    int part = 0;
    int whole = 0;
    int end = 0;
    bool is_read = sscanf(text, "%4d/%4d%n", &part, &whole, &end) == 2 && text[end] == 0;
    if (!is_read || part < 1 || part >= whole || whole > CANARY_WHOLE_MAX) {
        return ERROR_INVALID;
    }
    *out = (struct canary_share){.part = part, .whole = whole};
    return 0;
}

bool canary_share_has(struct canary_share share, int32_t partition)
{
    return partition % share.whole < share.part;
}

bool canary_share_splits(struct canary_share share, int32_t partition_count)
{
    return partition_count > share.part; /* the first ones are in it, and as many as it has parts */
}

/* --- Samples --- */

void canary_sample_add(struct canary_sample *sum, const struct canary_sample *more)
{
    sum->in_count += more->in_count;
    sum->error_count += more->error_count;
    for (size_t i = 0; i < CANARY_SPANS; i++) {
        sum->spans[i] += more->spans[i];
    }
}

/* Four steps a doubling. */
static size_t canary_span_index(uint64_t span_ns)
{
    span_ns = span_ns < CANARY_SPAN_STEPS ? CANARY_SPAN_STEPS : span_ns;
    int doublings = 63 - __builtin_clzll(span_ns);
    uint64_t step = (span_ns >> (doublings - 2)) % CANARY_SPAN_STEPS;
    size_t index = (size_t)(doublings - 2) * CANARY_SPAN_STEPS + (size_t)step;
    return index < CANARY_SPANS ? index : CANARY_SPANS - 1;
}

static uint64_t canary_span_end(size_t index)
{
    return (uint64_t)(CANARY_SPAN_STEPS + index % CANARY_SPAN_STEPS + 1)
           << (index / CANARY_SPAN_STEPS);
}

void canary_sample_time(struct canary_sample *sample, int64_t count, uint64_t span_ns)
{
    if (count > 0) {
        sample->spans[canary_span_index(span_ns / (uint64_t)count)] += count;
    }
}

static int64_t canary_sample_timed(const struct canary_sample *sample)
{
    int64_t count = 0;
    for (size_t i = 0; i < CANARY_SPANS; i++) {
        count += sample->spans[i];
    }
    return count;
}

uint64_t canary_sample_percentile(const struct canary_sample *sample, double share)
{
    double wanted = share * (double)canary_sample_timed(sample);
    double count = 0;
    for (size_t i = 0; i < CANARY_SPANS; i++) {
        count += (double)sample->spans[i];
        if (count > 0 && count >= wanted) {
            return canary_span_end(i);
        }
    }
    return 0;
}

/* --- The judgement --- */

static double canary_error_share(const struct canary_sample *sample)
{
    return sample->in_count == 0 ? 0 : (double)sample->error_count / (double)sample->in_count;
}

/* Two shares of which one is larger by more standard errors than chance gives. */
static bool canary_fails_more(const struct canary_sample *trial, const struct canary_sample *rest)
{
    double share = canary_error_share(trial);
    if (trial->error_count < CANARY_ERRORS_MIN) {
        return false;
    }
    if (rest->in_count == 0) {
        return share > CANARY_ERRORS_ALONE;
    }
    double trial_count = (double)trial->in_count;
    double rest_count = (double)rest->in_count;
    double both = (double)(trial->error_count + rest->error_count) / (trial_count + rest_count);
    double deviation = sqrt(both * (1 - both) * (1 / trial_count + 1 / rest_count));
    return share - canary_error_share(rest) > CANARY_DEVIATIONS * deviation;
}

static bool canary_is_slower(const struct canary_sample *trial, const struct canary_sample *rest)
{
    return canary_sample_timed(trial) >= CANARY_TIMES_MIN &&
           canary_sample_timed(rest) >= CANARY_TIMES_MIN &&
           canary_sample_percentile(trial, 0.99) >
               2 * canary_sample_percentile(rest, 0.99) + CANARY_SLOW_NS;
}

enum canary_verdict canary_judge(const struct canary_sample *trial,
                                 const struct canary_sample *rest, int64_t ran_ms, int64_t for_ms,
                                 struct buffer *why)
{
    if (canary_fails_more(trial, rest)) {
        buffer_printf(why,
                      "%" PRId64 " of %" PRId64 " records failed, of the other version %" PRId64
                      " of %" PRId64,
                      trial->error_count, trial->in_count, rest->error_count, rest->in_count);
        return CANARY_ROLL_BACK;
    }
    if (canary_is_slower(trial, rest)) {
        buffer_printf(why, "99 of 100 records take up to %.2f ms, of the other version %.2f ms",
                      (double)canary_sample_percentile(trial, 0.99) / 1e6,
                      (double)canary_sample_percentile(rest, 0.99) / 1e6);
        return CANARY_ROLL_BACK;
    }
    if (for_ms == 0 || ran_ms < for_ms || trial->in_count < CANARY_RECORDS_MIN) {
        return CANARY_WAIT;
    }
    buffer_printf(why,
                  "%" PRId64 " of %" PRId64 " records failed in %" PRId64
                  " s, of the other version %" PRId64 " of %" PRId64,
                  trial->error_count, trial->in_count, ran_ms / 1000, rest->error_count,
                  rest->in_count);
    return CANARY_PROMOTE;
}
