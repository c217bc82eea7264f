/* Asks the leaders of many partitions for offsets at once (ListOffsets).
 *
 * Owns:   nothing; answers are written into the caller's rows.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/cli/offset_spec.h"

enum { OFFSET_QUERY_LATEST = -1, OFFSET_QUERY_EARLIEST = -2 };

struct offset_query {
    /* in */
    const char *topic;
    int32_t partition;
    int64_t timestamp_ms; /* or OFFSET_QUERY_… */
    bool is_committed; /* the latest is where the first open transaction begins; as the first row */
    /* out */
    int64_t offset; /* -1: no record is that young */
    int error;
};

/* Rows of one topic stand together. An error of one row is in the row. */
must_use int offset_query_run(struct errand *errand, struct offset_query *rows, size_t count);
/* The offsets that `spec` means, in `offset` of each row; timestamp_ms is ours. STORED is the
 * caller's matter. Numbers are cut to what the log has. */
must_use int offset_query_resolve(struct errand *errand, const struct offset_spec *spec,
                                  struct offset_query *rows, size_t count);
