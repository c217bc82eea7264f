/* What the three `tidemill perf` commands share: a clock that says when each record is due, a
 * histogram of delays from that moment on, a progress line, and the report.
 *
 * With --rate the load is open loop: a record that could not be sent when it was due is late, and
 * its delay counts from when it was due, so a stall counts for everything that waited behind it.
 *
 * Owns:   its timers.
 * Keeps:  `pump` is called from the loop only, until perf_end.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/cli/histogram.h"

struct perf_flags {
    struct errand_flags errand;
    int64_t count;       /* 0: by time */
    int64_t duration_ms; /* 0: by count */
    int64_t rate;        /* records a second; 0: as fast as it goes */
    int64_t size;        /* bytes of a value */
    bool is_kafka;       /* only the line of kafka-producer-perf-test */
};

struct perf {
    struct errand *errand;
    const struct perf_flags *flags;
    void (*pump)(void *owner); /* sends what is due */
    void *owner;
    struct histogram delays; /* nanoseconds */
    uint64_t start_ns;
    uint64_t end_ns; /* of the last record; 0: none yet */
    int64_t sent_count;
    int64_t done_count;
    int64_t failed_count;
    int64_t size; /* bytes of records that are done */
    int first_error;
    struct io_timer tick;
    struct io_timer progress;
    bool has_progress;
    struct io_timer stall;
    int64_t stall_count; /* done when it was looked at last */
    bool is_stall_told;
    int64_t shown_count; /* at the last progress line */
    bool is_over;
};

/* Rows of a command whose values have a member `perf`. */
#define PERF_FLAGS(type)                                                                           \
    FLAG('n', "count", INT, type, perf.count, "N", "so many records (default: 1000000)"),          \
        FLAG(0, "duration", DURATION, type, perf.duration_ms, "TIME", "for so long instead"),      \
        ERRAND_OUTPUT_FLAG_AT(type, perf.errand), ERRAND_FLAGS_AT(type, perf.errand)

enum { PERF_COUNT_DEFAULT = 1000000, PERF_SIZE_MAX = 64 << 20 };

/* COMMAND_OK, or COMMAND_MISUSED after a complaint. */
must_use int perf_judge(struct command_world *world, const struct perf_flags *flags);
void perf_start(struct perf *perf, struct errand *errand, const struct perf_flags *flags,
                void (*pump)(void *owner), void *owner);
/* Asks for another pump on a later turn. */
void perf_poke(struct perf *perf);
/* How many records may have been sent by now: as many as are due, none when the time is over. */
int64_t perf_due(const struct perf *perf);
/* When record `number` (from 0) is due; now, without a rate. */
uint64_t perf_due_ns(const struct perf *perf, int64_t number);
/* Whether everything that was asked for was sent. */
bool perf_is_sent(const struct perf *perf);
/* `count` records are done; `delay_ns` for each of them, once for all. */
void perf_note(struct perf *perf, int64_t count, int64_t size, uint64_t delay_ns);
void perf_fail(struct perf *perf, int64_t count, int error);
/* Turns the loop until `is_over` or a signal. */
void perf_wait(struct perf *perf);
void perf_end(struct perf *perf);
/* Prints the report; the exit code. `has_delays`: the histogram too. */
must_use int perf_report(struct perf *perf, const char *verb, bool has_delays);
