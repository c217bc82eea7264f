/* Reading numbers, sizes, durations and names as people write them.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

/* The whole text must be one number: 0 or ERROR_INVALID. */
must_use int text_parse_int64(const char *text, int64_t *out);
must_use int text_parse_double(const char *text, double *out);
/* "100", "64k", "64KiB", "1g": powers of 1024. Bytes. */
must_use int text_parse_size(const char *text, int64_t *out);
/* "250ms", "10s", "5m", "2h", "7d", or a plain number of milliseconds. */
must_use int text_parse_duration_ms(const char *text, int64_t *out);
/* "true"/"false" in any case. */
must_use int text_parse_bool(const char *text, bool *out);
/* Lists of words with commas or spaces between them: takes the next word; false at the end.
 * NULL is an empty one. */
bool text_list_next(const char **rest, struct bytes *word);
/* Whether the word is one of them; capitals mean nothing. */
bool text_list_has(const char *list, struct bytes word);
/* The name nearest to `name` by edit distance, if it is near enough to be a slip; else NULL. */
const char *text_nearest(const char *name, const char *const *names, size_t count);
