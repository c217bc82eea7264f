/* Times as people and logs write them, read and written without a clock or a time zone database.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

/* "2025-10-10T13:55:36.123Z", with a space for T, without a fraction, or with +02:00: milliseconds
 * since 1970 UTC, or ERROR_MALFORMED. */
must_use int calendar_parse_iso(struct bytes text, int64_t *out);
/* The common log format: "10/Oct/2025:13:55:36 +0000". */
must_use int calendar_parse_clf(struct bytes text, int64_t *out);
enum { CALENDAR_SIZE = 96 };
/* "2025-10-10T13:55:36.123Z". ERROR_INVALID outside the years 0 to 9999. */
must_use int calendar_write(int64_t time_ms, char out[CALENDAR_SIZE]);
