/* Where to begin or to stop reading, as people write it after -o and --to.
 *
 *     beginning, start, earliest    end, latest    stored    1234    -10 (from the end)
 *     s@1700000000000, @1700000000000, @2026-11-24T12:00:00Z (a time)    e@... (stop there)
 *
 * Thread: any. */
#pragma once

#include "log/base/check.h"
#include "log/base/report.h"

#include <stdint.h>

enum offset_spec_kind {
    OFFSET_SPEC_NONE, /* nothing was said */
    OFFSET_SPEC_BEGINNING,
    OFFSET_SPEC_END,
    OFFSET_SPEC_STORED,
    OFFSET_SPEC_ABSOLUTE, /* value: an offset */
    OFFSET_SPEC_FROM_END, /* value: how many records before the end */
    OFFSET_SPEC_TIME,     /* value: milliseconds since the epoch */
};

struct offset_spec {
    enum offset_spec_kind kind;
    int64_t value;
};

/* Changes `start`, or for e@ `stop`, which gets the kind TIME; `stop` may be NULL where it has no
 * sense. */
must_use int offset_spec_parse(const char *text, struct offset_spec *start,
                               struct offset_spec *stop, struct report *report);
