/* A version of an application on a part of its tasks: which tasks these are, and whether it does as
 * well there as the other version does on the rest.
 *
 * The part is one of partitions, the same in every process: those whose number, modulo the whole,
 * is below the part. Each process compares what its own tasks did.
 *
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

struct canary_share {
    int32_t part; /* 1 of */
    int32_t whole;
};

enum { CANARY_WHOLE_MAX = 1000 };

/* "1/8". ERROR_INVALID for anything else, and for all or nothing. */
must_use int canary_share_parse(const char *text, struct canary_share *out);
bool canary_share_has(struct canary_share share, int32_t partition);
/* Whether some of so many partitions are in it and some are not. */
bool canary_share_splits(struct canary_share share, int32_t partition_count);

enum { CANARY_SPANS = 128 };

/* What tasks of one version did since they began. */
struct canary_sample {
    int64_t in_count;            /* records that were finished */
    int64_t error_count;         /* of them dead-lettered or skipped; and timers that failed */
    int64_t spans[CANARY_SPANS]; /* records by the time that each took, on the average of a turn */
};

void canary_sample_add(struct canary_sample *sum, const struct canary_sample *more);
/* `count` records took so long together. */
void canary_sample_time(struct canary_sample *sample, int64_t count, uint64_t span_ns);
/* Nanoseconds within which this share of records was done, to a fifth; 0 without any. */
uint64_t canary_sample_percentile(const struct canary_sample *sample, double share);

enum canary_verdict { CANARY_WAIT, CANARY_PROMOTE, CANARY_ROLL_BACK };

/* `for_ms`: how long it is to run before it is as good; 0: for ever. `why` gets a sentence for
 * CANARY_ROLL_BACK and CANARY_PROMOTE.
 *
 * It is bad when its share of errors is larger than chance explains (a difference of four standard
 * errors, and five errors at least; one in a hundred where nothing is there to compare with), or
 * when 99 of 100 of its records take more than twice as long as those of the rest and 0.1 ms. It is
 * good when it ran long enough and finished a hundred records. */
enum canary_verdict canary_judge(const struct canary_sample *trial,
                                 const struct canary_sample *rest, int64_t ran_ms, int64_t for_ms,
                                 struct buffer *why);
