/* What a step keeps in its store beside values: records that wait, and numbers of its own.
 *
 *     record    count of headers, size of headers (four bytes each), headers, a kept value
 *     numbers   under the key "t": eight bytes each
 *
 * Nothing is remembered outside the store, so that a rollback and a restart undo and keep all.
 * Thread: the task's shard. */
#pragma once

#include "runtime/format/kept_value.h"
#include "runtime/format/record.h"
#include "runtime/state/kv.h"

/* A key as part of a row: its bytes and, if it has one, the window, by its end first, as Kafka
 * orders sessions. */
void kept_record_add_key(struct buffer *out, const struct record *record);
void kept_record_add_window(struct buffer *out, const struct record *record);
/* Takes the window, if there is one, off the front of *rest, behind which there is at most one
 * number. */
must_use int kept_record_take_window(struct bytes *rest, struct record *record);

/* Appends headers, value, format and time; the value is not null, its format plain. */
void kept_record_write(struct buffer *out, const struct record *record);
/* Sets these; views are borrowed from `stored`. ERROR_CORRUPT for anything else. */
must_use int kept_record_read(struct bytes stored, struct record *record);

enum { KEPT_RECORD_NUMBER_MAX = 4 };

/* They stay as they are when the store has none. */
must_use int kept_record_read_numbers(struct kv *kv, int64_t *numbers, size_t count);
must_use int kept_record_write_numbers(struct kv *kv, const int64_t *numbers, size_t count);
