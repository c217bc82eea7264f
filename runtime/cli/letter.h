/* A record that an application put aside, read back: what was wrong with it, and the record as it
 * was. Dead letters are written by runtime/task/task_letter.h, late ones by
 * runtime/topology/late.h, those of connectors by runtime/connect/dead_letter.h; those of Kafka
 * Streams (KIP-1034) and of Kafka Connect are read as well.
 *
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "log/wire/batch.h"

struct letter {
    struct bytes application; /* null, like any other that was not told */
    struct bytes node;
    struct bytes kind;   /* "process", "decode", …; of a late one "late" */
    struct bytes reason; /* a sentence */
    struct bytes place;  /* "app.lua:12" */
    struct bytes topic;  /* where it was read; null: nowhere, a timer failed, or it came late */
    int32_t partition;
    int64_t offset;
    bool is_omitted; /* it was too large to be kept: the source still has it, perhaps */
    /* Its own headers, as on the wire. */
    struct bytes headers_encoded;
    int32_t header_count;
};

/* What is new lives in the arena, the rest in the record. ERROR_MALFORMED when its headers cannot
 * be read. */
must_use int letter_read(const struct batch_record *record, struct arena *arena,
                         struct letter *out);
