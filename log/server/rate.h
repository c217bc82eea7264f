/* How much per second, over a row of windows, and how long to wait until it is little enough; the
 * arithmetic of Kafka's quotas (KIP-13, KIP-219, KIP-599).
 *
 * The row begins with the first amount and moves on with amounts only; windows older than the whole
 * row count no more. A row that is not full counts as if all its windows but one had passed, so
 * that a first burst is not taken for a rate.
 *
 * Owns:   nothing.
 * Keeps:  no amount in the row is older than window_count windows when it is measured.
 * Thread: its owner's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { RATE_WINDOW_MAX = 64 };

struct rate_shape {
    int32_t window_count; /* 2 to RATE_WINDOW_MAX */
    int64_t window_ms;
};

struct rate {
    struct {
        int64_t start_ms; /* -1: unused */
        double amount;
    } windows[RATE_WINDOW_MAX];
    int32_t current;
};

void rate_init(struct rate *rate);
/* A negative amount takes back. */
void rate_add(struct rate *rate, const struct rate_shape *shape, double amount, int64_t now_ms);
/* Amount per second. */
double rate_measure(const struct rate *rate, const struct rate_shape *shape, int64_t now_ms);
/* After how many milliseconds without more the rate is back at the limit; 0 when it is not above.
 */
int64_t rate_delay_ms(const struct rate *rate, const struct rate_shape *shape, double limit,
                      int64_t now_ms);

/* A bucket that fills with `limit` tokens per second up to what the row of windows would bring; a
 * taker may leave it below zero and whoever comes then has to wait. */
struct rate_bucket {
    double tokens;
    int64_t filled_ms; /* -1: never, it is full */
};

void rate_bucket_init(struct rate_bucket *bucket);
void rate_bucket_take(struct rate_bucket *bucket, const struct rate_shape *shape, double limit,
                      double amount, int64_t now_ms);
/* Milliseconds until it is above zero again; 0 when it is not below. */
int64_t rate_bucket_delay_ms(const struct rate_bucket *bucket, double limit);
