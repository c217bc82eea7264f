/* Compares two streams of outputs while they come: per topic and key, what is missing, additional,
 * different or out of order.
 *
 * Two records are equal when their values and headers are; times are not compared, because the
 * order in which tasks worked beside each other shows in them. Records without a key have no order.
 *
 * Owns:   copies of what one side had and the other did not have yet.
 * Keeps:  (1) of a key only one side's first record, or two that differ, wait;
 *         (2) a difference is decided when both sides have OUTPUT_DIFF_WINDOW records behind it, so
 *             that one difference does not make all that follows wait;
 *         (3) what waits has at most size_max bytes.
 * Thread: the owner's. */
#pragma once

#include "log/base/map.h"
#include "runtime/format/record.h"

enum { OUTPUT_DIFF_WINDOW = 64 };

enum output_diff_kind {
    OUTPUT_DIFF_MISSING,
    OUTPUT_DIFF_ADDITIONAL,
    OUTPUT_DIFF_DIFFERENT,
    OUTPUT_DIFF_DISORDERED, /* there, but not where it was */
    OUTPUT_DIFF_KIND_COUNT
};

extern const char *const output_diff_words[OUTPUT_DIFF_KIND_COUNT];

/* One difference; what a side has not is NULL. Valid during the call that tells it. */
struct output_diff_row {
    const char *topic;
    enum output_diff_kind kind;
    const struct record *expected;
    const struct record *found;
};

struct output_diff_topic {
    char *name;
    int64_t equal_count;
    int64_t counts[OUTPUT_DIFF_KIND_COUNT];
};

struct output_diff {
    struct map topics; /* of output_diff_topic */
    struct map keys;
    size_t size; /* bytes that wait */
    size_t size_max;
    void (*each)(void *owner, const struct output_diff_row *row);
    void *owner;
};

void output_diff_init(struct output_diff *diff, size_t size_max,
                      void (*each)(void *owner, const struct output_diff_row *row), void *owner);
void output_diff_fini(struct output_diff *diff);
/* The topic is there, also when nothing is written to it. */
void output_diff_add_topic(struct output_diff *diff, const char *topic);
/* The next record of the side that is right, or of the one in question. ERROR_TOO_LARGE when more
 * than size_max would wait. */
must_use int output_diff_add(struct output_diff *diff, const struct record *record,
                             bool is_expected);
/* No more comes: decides what waits. */
void output_diff_finish(struct output_diff *diff);
bool output_diff_is_equal(const struct output_diff *diff);
