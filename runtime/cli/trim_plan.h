/* Up to where which partitions are to be emptied, in the words of kafka-delete-records:
 *
 *     {"partitions": [{"topic": "foo", "partition": 1, "offset": 1}], "version": 1}
 *
 * Owns:   nothing; what is read lives in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct trim_plan_row {
    const char *topic;
    int32_t partition;
    int64_t offset; /* the first record to keep; -1: none, the end */
};

struct trim_plan {
    struct trim_plan_row *rows; /* each partition once */
    size_t count;
};

/* COMMAND_OK, or an exit code after a complaint. */
must_use int trim_plan_read(struct errand *errand, const char *path, struct trim_plan *out);
/* NULL when the plan does not name the partition. */
const struct trim_plan_row *trim_plan_find(const struct trim_plan *plan, const char *topic,
                                           int32_t partition);
