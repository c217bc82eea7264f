/* Gathers records into one open parcel per partition, and keeps all parcels of a partition in line.
 *
 * Owns:   topics, partitions and parcels; records of topics whose partitions are not known yet.
 * Keeps:  (1) the parcels of a partition stand in the order of their records; only the last may be
 *             open; those that were sent stand before those that were not;
 *         (2) a parcel leaves the line only at its front, so fates are told in order;
 *         (3) pending_size is the sum of what the parcels and parked records are charged for (their
 *             records, without the batches' headers), and at most limit_size;
 *         (4) records of a topic stay parked as long as an older one is.
 * Thread: its producer's shard. */
#pragma once

#include "log/base/map.h"
#include "runtime/client/parcel.h"
#include "runtime/client/producer.h"

struct accumulator_topic;

struct accumulator_partition {
    struct accumulator_topic *topic;
    int32_t index;
    struct list parcels;   /* oldest first */
    struct list_link busy; /* in accumulator.busy while it has parcels */
    struct parcel *open;   /* the last parcel, while it is open */
    int in_flight_count;
    int retry_count;
    uint64_t not_before; /* of the next sending, after a failure */
    int failure_count;   /* since the last success */
    /* Idempotence (KIP-98): sequences count per partition under this id and epoch. */
    int64_t producer_id; /* -1: none yet */
    int16_t epoch;
    int32_t next_sequence;
    bool has_succeeded; /* under this id and epoch, or one before in a transaction */
    bool needs_reset;   /* a new epoch before anything more is sent */
    bool is_unresolved; /* not before the fate of those that were sent already is known */
};

struct accumulator_topic {
    char *name;
    struct accumulator_partition **partitions; /* by index; NULL where nothing was sent */
    int32_t partition_capacity;
    int32_t partition_count; /* as metadata says; 0: not known */
    int32_t sticky;          /* where records without a key go; -1: to be chosen */
    struct list parked;
    struct list_link waiting; /* in accumulator.waiting while it has parked records */
    bool needs_metadata;      /* of its partitions, or of their leaders */
};

enum { ACCUMULATOR_SPARE_COUNT = 8 };

struct accumulator {
    struct io *io;
    enum compress_codec codec;
    size_t batch_size;
    size_t record_size_max;
    size_t limit_size;
    uint64_t linger_ns;
    uint64_t delivery_timeout_ns; /* 0: none */
    struct map topics;            /* name to accumulator_topic */
    struct accumulator_topic *last_topic;
    struct list busy;        /* partitions with parcels */
    struct list waiting;     /* topics with parked records */
    struct list outstanding; /* all parcels, in the order of their making */
    size_t pending_size;
    struct buffer spares[ACCUMULATOR_SPARE_COUNT]; /* memory of batches that were encoded */
    uint64_t next_serial;
    uint64_t flush_number; /* of the next flush */
    uint64_t wake;         /* when there is something to send; UINT64_MAX: nothing new */
    void (*finished)(void *owner, uint64_t flush_number, int error); /* of a parcel or record */
    void *owner;
};

void accumulator_init(struct accumulator *accumulator, struct io *io,
                      const struct producer_options *options);
/* Everything was finished before. */
void accumulator_fini(struct accumulator *accumulator);
/* As producer_validate. */
must_use int accumulator_validate(const struct accumulator *accumulator, int32_t partition,
                                  size_t size);
/* ERROR_AGAIN, ERROR_MESSAGE_TOO_LARGE or ERROR_INVALID for an impossible partition. */
must_use int accumulator_add(struct accumulator *accumulator, const struct producer_record *record);
/* As producer_reserve. */
must_use int accumulator_reserve(struct accumulator *accumulator, const char *topic,
                                 int32_t partition, size_t size);
/* Ends every open parcel. */
void accumulator_close_open(struct accumulator *accumulator);
/* Makes an open parcel ready. */
void accumulator_close_parcel(struct accumulator *accumulator, struct parcel *parcel);
/* The partition count of a topic became known: its parked records are sorted into parcels. */
void accumulator_set_partition_count(struct accumulator *accumulator,
                                     struct accumulator_topic *topic, int32_t count);
/* Tells the parked records whose deadline has passed at `now` (all: UINT64_MAX) that they failed;
 * not those from `end_serial` on, which came while others were told. */
void accumulator_fail_parked(struct accumulator *accumulator, struct accumulator_topic *topic,
                             uint64_t now, uint64_t end_serial, int error);
/* Ends a parcel; it and its neighbours are told when they are at the front of the line. */
void accumulator_finish(struct accumulator *accumulator, struct parcel *parcel, int error,
                        int64_t base_offset);
/* Puts a new parcel behind one of the same partition. */
void accumulator_insert_after(struct accumulator *accumulator, struct parcel *place,
                              struct parcel *parcel);
/* Keeps a batch's memory for the next one, unless it is far larger than a batch, or frees it; the
 * buffer is empty afterwards. */
void accumulator_recycle(struct accumulator *accumulator, struct buffer *buffer);
/* The oldest flush number among what is outstanding; UINT64_MAX when nothing is. */
uint64_t accumulator_oldest_flush(const struct accumulator *accumulator);
void accumulator_check(const struct accumulator *accumulator);
