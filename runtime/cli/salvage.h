/* What is good of a damaged segment: finds every batch whose CRC is right, mends what no CRC
 * covers, and tells what is lost. Pure: bytes in, bytes and findings out.
 *
 * The base offset and the leader epoch of a batch lie outside its CRC. One that does not stand
 * between its neighbours is wrong; where exactly one value fits (the batch fills the gap to the
 * next one) it is put there, else the batch is left out.
 *
 * Owns:   the list of batches.
 * Keeps:  (1) kept batches lie in the order of the file; their offsets rise from next_offset on and
 *             end at or below limit_offset; their epochs do not fall;
 *         (2) of a kept batch only base offset and leader epoch are ever changed;
 *         (3) every byte is in a kept batch or in a finding.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

enum salvage_kind {
    SALVAGE_GAP,    /* bytes that are no batch; offsets from..to are lost */
    SALVAGE_TAIL,   /* the same at the end: what was written from `from` on is lost */
    SALVAGE_OFFSET, /* the base offset `from` was put right: `to` */
    SALVAGE_EPOCH,  /* the leader epoch `from` was put right: `to` */
};

struct salvage_finding {
    enum salvage_kind kind;
    size_t start; /* bytes of the segment */
    size_t end;
    int64_t from;
    int64_t to;
};

struct salvage_batch {
    size_t start;
    size_t size;
    int64_t base_offset;
    int64_t length; /* offsets it spans */
    int32_t epoch;
    bool is_kept;
};

struct salvage {
    /* in */
    int64_t next_offset;  /* nothing below it belongs here; after: behind the last batch */
    int64_t limit_offset; /* of the segment that follows; INT64_MAX: none */
    int32_t epoch;        /* of the batch before; after: of the last one; -1: none */
    void (*found)(void *owner, const struct salvage_finding *finding);
    void *owner;
    /* out */
    struct salvage_batch *batches;
    size_t count;
};

/* Changes `data` where something is put right. salvage_fini frees the list. */
void salvage_run(struct salvage *salvage, uint8_t *data, size_t size);
void salvage_fini(struct salvage *salvage);
