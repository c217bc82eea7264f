/* Conditions on a record that are compiled once and judged without a script:
 *
 *     $.level == 'error' and ($.ms >= 500 or not $.cached) and topic != "a"
 *
 * Operands are paths into the JSON value, key, value, topic, partition, offset, ts, numbers,
 * strings in either quotes, true, false, null and nil. Operators, weakest first: or, and, not,
 * == != ~= < <= > >=. `nil` stands for what is absent (a member, a null key, a tombstone); null
 * is JSON's null. Values of different types are unequal and never in order; integers are compared
 * exactly. Standing alone an operand is true unless it is absent, null or false.
 *
 * Owns:   the compiled expression and, unless they are lent, the tokens of the value it judges.
 * Thread: the task's shard. */
#pragma once

#include "log/base/report.h"
#include "runtime/format/decoded.h"
#include "runtime/format/record.h"

struct predicate;

/* ERROR_INVALID with the report filled; `place` may be NULL. */
must_use int predicate_new(const char *text, const char *place, struct report *report,
                           struct predicate **out);
void predicate_free(struct predicate *predicate);
/* 1, 0, or an error when it needs what the value says and its format does not allow it (then
 * predicate_error_text says what is wrong). A tombstone has no members. `shared` is where others
 * read the same value, or NULL. */
must_use int predicate_judge(struct predicate *predicate, const struct record *record,
                             struct decoded *shared);
const char *predicate_error_text(const struct predicate *predicate);
const char *predicate_text(const struct predicate *predicate);
