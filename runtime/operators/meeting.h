/* What a join of two streams keeps: records of both sides by key and time, and those that met
 * nobody yet. One store of both sides; see meeting_node.h.
 *
 *     "t"                    numbers: the time, the newest time of each side, how many came
 *     "b" side KEY time n    a record that others may meet
 *     "e" side time n        when it can be forgotten: its KEY
 *     "p" side time KEY n    a record that met nobody yet
 *
 * A side is one byte, 0 the right one. Times are those of runtime/format/row_key.h, KEY is that of
 * kept_record.h; the rows "e" end with its window, and their value is the key. n counts the records
 * that were kept.
 *
 * Owns:   nothing of the store; a place to build rows.
 * Keeps:  (1) nothing is remembered outside the store, so that a rollback undoes all;
 *         (2) of a side those records can be met whose time is less than the retention before the
 *             newest of that side.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/kept_record.h"

enum meeting_side { MEETING_RIGHT, MEETING_LEFT };

struct meeting_rows {
    struct kv *kv;
    int64_t retention_ms; /* above 0 */
    int64_t time_ms;      /* of all records so far; INT64_MIN before */
    int64_t newest_ms[2]; /* of the records with a key, by side */
    int64_t count;
    struct buffer row;
    struct buffer end;
    struct buffer stored;
};

struct meeting_row {
    struct record record; /* key, window, value, headers, time */
    int64_t number;
};

void meeting_rows_init(struct meeting_rows *rows, int64_t retention_ms);
void meeting_rows_fini(struct meeting_rows *rows);
/* Of each record first: reads the numbers, and its time becomes theirs. */
must_use int meeting_rows_observe(struct meeting_rows *rows, enum meeting_side side,
                                  const struct record *record);
/* Writes the numbers; at the end of each record. */
must_use int meeting_rows_close(struct meeting_rows *rows);
/* 1 with its number when the record can be met from now on, 0: it is too old, or an error. */
must_use int meeting_rows_put(struct meeting_rows *rows, enum meeting_side side,
                              const struct record *record, int64_t *number);
/* Those with the key and window of the record whose times are from..to, by time and arrival: a
 * snapshot. */
struct kv_iterator *meeting_rows_find(struct meeting_rows *rows, enum meeting_side side,
                                      const struct record *record, int64_t from_ms, int64_t to_ms);
/* 1, 0 at the end, or ERROR_CORRUPT; borrowed until the next call. While it goes
 * on, nothing else is looked for. */
must_use int meeting_rows_next_found(struct meeting_rows *rows, struct kv_iterator *iterator,
                                     struct meeting_row *out);

/* It met nobody yet. */
must_use int meeting_rows_wait(struct meeting_rows *rows, enum meeting_side side,
                               const struct record *record, int64_t number);
/* It met somebody; does nothing when it does not wait. */
must_use int meeting_rows_meet(struct meeting_rows *rows, enum meeting_side side,
                               const struct meeting_row *row);
/* Those that wait and whose time is before this, by time and key: a snapshot. */
struct kv_iterator *meeting_rows_walk(struct meeting_rows *rows, enum meeting_side side,
                                      int64_t before_ms);
/* 1, 0 or ERROR_CORRUPT; `row->record.key` lies in `key`, the rest is borrowed. */
must_use int meeting_rows_next_walked(struct kv_iterator *iterator, struct buffer *key,
                                      struct meeting_row *out);
