/* Windows in a ring, and a bucket of tokens; see rate.h. */
#include "log/server/rate.h"

#include "log/base/check.h"

#include <math.h>

static const int64_t RATE_DELAY_MAX_MS = INT32_MAX;

void rate_init(struct rate *rate)
{
    *rate = (struct rate){0};
    for (int32_t i = 0; i < RATE_WINDOW_MAX; i++) {
        rate->windows[i].start_ms = -1;
    }
}

static bool rate_is_live(const struct rate *rate, const struct rate_shape *shape, int32_t index,
                         int64_t now_ms)
{
    int64_t start_ms = rate->windows[index].start_ms;
    return start_ms >= 0 && now_ms - start_ms < shape->window_count * shape->window_ms;
}

void rate_add(struct rate *rate, const struct rate_shape *shape, double amount, int64_t now_ms)
{
    check(shape->window_count >= 2);
    check(shape->window_count <= RATE_WINDOW_MAX);
    int32_t index = rate->current % shape->window_count;
    int64_t start_ms = rate->windows[index].start_ms;
    if (start_ms >= 0 && now_ms - start_ms >= shape->window_ms) {
        index = (index + 1) % shape->window_count;
    }
    if (rate->windows[index].start_ms < 0 || index != rate->current) {
        rate->windows[index].start_ms = now_ms;
        rate->windows[index].amount = 0;
    }
    rate->current = index;
    rate->windows[index].amount += amount;
}

/* The time that the amounts are spread over. */
static double rate_span_ms(const struct rate *rate, const struct rate_shape *shape, int64_t now_ms)
{
    int64_t oldest_ms = now_ms;
    for (int32_t i = 0; i < shape->window_count; i++) {
        if (rate_is_live(rate, shape, i, now_ms) && rate->windows[i].start_ms < oldest_ms) {
            oldest_ms = rate->windows[i].start_ms;
        }
    }
    int64_t elapsed_ms = now_ms - oldest_ms;
    int64_t full_count = elapsed_ms / shape->window_ms;
    int64_t missing_count = shape->window_count - 1 - full_count;
    return (double)(elapsed_ms + (missing_count > 0 ? missing_count * shape->window_ms : 0));
}

double rate_measure(const struct rate *rate, const struct rate_shape *shape, int64_t now_ms)
{
    double total = 0;
    for (int32_t i = 0; i < shape->window_count; i++) {
        if (rate_is_live(rate, shape, i, now_ms)) {
            total += rate->windows[i].amount;
        }
    }
    return total / (rate_span_ms(rate, shape, now_ms) / 1000);
}

static int64_t rate_clamp_ms(double delay_ms)
{
    return delay_ms >= (double)RATE_DELAY_MAX_MS ? RATE_DELAY_MAX_MS : llround(delay_ms);
}

/* If O is the rate that was seen and T the limit over a span of W, waiting for X makes it
 * O * W / (W + X) = T. */
int64_t rate_delay_ms(const struct rate *rate, const struct rate_shape *shape, double limit,
                      int64_t now_ms)
{
    double seen = rate_measure(rate, shape, now_ms);
    if (seen <= limit) {
        return 0;
    }
    return rate_clamp_ms((seen - limit) / limit * rate_span_ms(rate, shape, now_ms));
}

void rate_bucket_init(struct rate_bucket *bucket)
{
    *bucket = (struct rate_bucket){.filled_ms = -1};
}

void rate_bucket_take(struct rate_bucket *bucket, const struct rate_shape *shape, double limit,
                      double amount, int64_t now_ms)
{
    double room = limit * (double)(shape->window_count * shape->window_ms) / 1000;
    double gained = limit * (double)(now_ms - bucket->filled_ms) / 1000;
    bucket->tokens = bucket->filled_ms < 0 ? room : fmin(room, bucket->tokens + gained);
    bucket->filled_ms = now_ms;
    bucket->tokens -= amount;
}

int64_t rate_bucket_delay_ms(const struct rate_bucket *bucket, double limit)
{
    return bucket->tokens >= 0 ? 0 : rate_clamp_ms(-bucket->tokens / limit * 1000);
}
