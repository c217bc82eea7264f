/* The mark that a source's progress leaves in the topic itself.
 *
 * The last record of each group carries two headers, so that records and progress reach the log
 * together or not at all:
 *
 *     tidemill.source         <connector> <source partition, one line of JSON>
 *     tidemill.source.offset  <source offset, one line of JSON>
 *
 * After a crash the newest marks in the topic tell where to go on, exactly, without a transaction.
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "log/wire/batch.h"

#define SOURCE_MARK_HEADER        "tidemill.source"
#define SOURCE_MARK_OFFSET_HEADER "tidemill.source.offset"

/* Fills two headers; their bytes live in the arena. */
void source_mark_write(struct arena *arena, const char *connector, const char *partition,
                       const char *offset, struct batch_header out[2]);
/* True when the record carries a mark of this connector; the views borrow from the record. */
bool source_mark_read(const struct batch_record *record, const char *connector,
                      struct bytes *partition, struct bytes *offset);
