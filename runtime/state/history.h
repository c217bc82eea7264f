/* The values that each key had, and since when: a store that can be asked for the past.
 *
 *     "t"                  the newest time that was put: eight bytes
 *     "v" KEY -from        a version: eight bytes of the time it ends (INT64_MAX: the newest), then
 *                          nothing for a key that was removed, or 1 and the value
 *     "x" end KEY from     when a version can be forgotten: an empty value
 *
 * KEY and times are those of runtime/format/row_key.h, versions of a key are the newest first.
 *
 * Owns:   nothing of the store; a place to build rows.
 * Keeps:  (1) each version of a key ends where the next one begins;
 *         (2) the newest version of a key can be asked for at any time since it holds, those before
 *             at times not more than `span_ms` before the newest time; what cannot be asked for any
 *             more is removed little by little;
 *         (3) nothing is remembered outside the store, so that a rollback undoes all.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv.h"

struct history {
    struct kv *kv;
    int64_t span_ms;
    struct buffer row;
    struct buffer other;
    struct buffer stored;
    struct buffer key;
};

struct history_version {
    int64_t from_ms;
    int64_t to_ms;      /* INT64_MAX: it is the newest */
    struct bytes value; /* null: the key was removed */
};

void history_init(struct history *history, struct kv *kv, int64_t span_ms);
void history_fini(struct history *history);
/* The key has the value from this time on, until the next one it has; null removes it. 1, with
 * *to_ms (may be NULL) when that is; 0 when the time is too old to be put; or kv_put's error. */
must_use int history_put(struct history *history, struct bytes key, int64_t from_ms,
                         struct bytes value, int64_t *to_ms);
/* 1 with the version that holds at a time (INT64_MAX: the newest), its value borrowed until the
 * next call; 0 when there is none, when the key was removed then, or when it is too long ago. */
must_use int history_get(struct history *history, struct bytes key, int64_t as_of_ms,
                         struct history_version *out);
/* Reads one row of the store: 1 with its key, appended to `key`, and the version, borrowed from the
 * row; 0 when it is no version; or ERROR_CORRUPT. */
must_use int history_read_row(struct bytes row, struct bytes stored, struct buffer *key,
                              struct history_version *out);
/* The newest time that was put; INT64_MIN before. */
int64_t history_time(struct history *history);
void history_check(struct history *history);
