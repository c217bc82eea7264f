/* One batch on its way to a partition, with the receipts of its records.
 *
 *     OPEN ──> READY ──> IN_FLIGHT ──> DONE
 *       │        │        │     ^        ^
 *       │        │        v     │        │
 *       │        │        RETRY ┴────────┤
 *       └────────┴───────────────────────┘   cancelled, expired
 *
 * Owns:   the records, first in a builder, then encoded; the receipts.
 * Keeps:  (1) once encoded, records and their order never change; producer id, epoch and sequence
 *             may (parcel_set_sequence);
 *         (2) each receipt is told once, in the order of the records.
 * Thread: its producer's shard. */
#pragma once

#include "log/base/list.h"
#include "log/wire/batch.h"

enum parcel_state { PARCEL_OPEN, PARCEL_READY, PARCEL_IN_FLIGHT, PARCEL_RETRY, PARCEL_DONE };

struct accumulator_partition;

typedef void parcel_done(void *owner, int error, int32_t partition, int64_t offset);

struct parcel_receipt {
    parcel_done *done; /* may be NULL */
    void *owner;
};

struct parcel_sequence {
    int64_t producer_id; /* -1: none */
    int16_t epoch;
    int32_t base; /* of the first record */
    bool is_transactional;
};

struct parcel {
    struct list_link link;        /* in its partition, oldest first */
    struct list_link outstanding; /* in its accumulator */
    struct accumulator_partition *partition;
    enum parcel_state state;
    struct batch_builder builder; /* while OPEN or READY */
    struct buffer encoded;        /* from the first sending on */
    int32_t record_count;
    struct parcel_receipt *receipts; /* NULL while no record has one */
    size_t receipt_capacity;
    size_t charged_size; /* counted as pending */
    struct parcel_sequence sequence;
    uint64_t serial;       /* counts the parcels and parked records of the producer */
    uint64_t flush_number; /* flushes from this one on wait for it */
    uint64_t due;          /* when an open parcel has waited long enough */
    uint64_t deadline;     /* of the delivery; UINT64_MAX: none */
    bool was_sent;         /* its fate at the broker may be unknown */
    int error;             /* when DONE */
    int64_t base_offset;   /* when DONE; -1: not told */
};

struct parcel *parcel_new(enum compress_codec codec);
void parcel_free(struct parcel *parcel);
void parcel_move(struct parcel *parcel, enum parcel_state state);
/* Remembers whom to tell about the record that was just added to the builder. */
void parcel_add_receipt(struct parcel *parcel, parcel_done *done, void *owner);
/* Finishes the batch with its sequence; the builder is empty afterwards but keeps its memory. */
must_use int parcel_encode(struct parcel *parcel, const struct parcel_sequence *sequence);
/* Gives an encoded parcel another sequence. */
void parcel_set_sequence(struct parcel *parcel, const struct parcel_sequence *sequence);
/* Halves an encoded parcel: the second half is a new RETRY parcel in *out whose sequence follows.
 * ERROR_MESSAGE_TOO_LARGE for a single record. */
must_use int parcel_split(struct parcel *parcel, size_t inflated_size_limit, struct parcel **out);
/* Tells every receipt. */
void parcel_tell(struct parcel *parcel, int32_t partition);
/* The sequence behind `base` after `count` records; wraps from INT32_MAX to 0. */
int32_t parcel_next_sequence(int32_t base, int32_t count);
void parcel_check(const struct parcel *parcel);
