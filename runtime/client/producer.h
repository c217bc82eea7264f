/* Sends records to topics in batches, each exactly once per life of the producer (KIP-98).
 *
 * Owns:   one open batch per partition, the batches in flight, the producer id.
 * Keeps:  (1) records of one partition arrive in the order of the calls;
 *         (2) at most five batches per partition are in flight (one without idempotence), and a
 *             retry keeps its sequence;
 *         (3) each record's fate is told exactly once, in order per partition;
 *         (4) what is buffered never exceeds buffer_size.
 * Thread: its client's shard. */
#pragma once

#include "log/wire/batch.h"
#include "runtime/client/client.h"

struct producer;

struct producer_options {
    enum compress_codec codec;
    int16_t acks;            /* -1 (default), 0, 1; idempotent only with -1 */
    bool is_idempotent;      /* default true */
    int64_t linger_ns;       /* an open batch waits for company; default 0: until the turn ends */
    size_t batch_size;       /* bytes; default 256 KiB */
    size_t buffer_size;      /* bytes of all batches; default 32 MiB */
    size_t request_size_max; /* bytes of batches in a request, and of one record; default 1 MiB */
    int64_t delivery_timeout_ms;  /* default 120000; 0: retry for ever */
    const char *transactional_id; /* NULL; see transactional.h */
};

struct producer_options producer_options_default(void);
struct producer *producer_new(struct client *client, const struct producer_options *options);
/* What is not sent yet gets ERROR_CANCELLED; flush first to avoid that. */
void producer_close(struct producer *producer, void (*closed)(void *owner), void *owner);

enum { PRODUCER_PARTITION_BY_KEY = -1 };

struct producer_record {
    const char *topic;
    int32_t partition;    /* or PRODUCER_PARTITION_BY_KEY: murmur2 as the Java client; without a key
                             sticky */
    int64_t timestamp_ms; /* -1: the wall clock */
    struct bytes key;
    struct bytes value;
    struct bytes partition_key; /* decides instead of the key; null: the key */
    const struct batch_header *headers;
    int32_t header_count;
    /* Instead of `headers`, as on the wire; header_count counts them. */
    struct bytes headers_encoded;
    /* Key, value and headers once more, as they were read (batch_record.body), so that they need
     * not be encoded again; null: they are. */
    struct bytes body;
    /* Called once, in order per partition: 0 and the offset, or an error. May be NULL. */
    void (*done)(void *owner, int error, int32_t partition, int64_t offset);
    void *owner;
};
/* Copies the record into a batch. ERROR_AGAIN when the buffer is full (wait for producer_on_room),
 * ERROR_MESSAGE_TOO_LARGE for a record that fits no batch. The topic's metadata is asked for if
 * unknown; an unknown topic is made if the cluster allows it. */
must_use int producer_send(struct producer *producer, const struct producer_record *record);
/* What producer_send would say, when it has room, to a record whose key, value and encoded headers
 * have `size` bytes together: 0, ERROR_MESSAGE_TOO_LARGE, or ERROR_INVALID for an impossible
 * partition. */
must_use int producer_validate(const struct producer *producer, int32_t partition, size_t size);
/* Makes sure that the next records for this partition, up to `size` bytes by
 * batch_builder_size_with, end up in one batch: closes the open batch if they do not fit into it.
 * ERROR_AGAIN when the buffer has no room for them; nothing is promised for more than batch_size
 * bytes. Holds until the turn ends. */
must_use int producer_reserve(struct producer *producer, const char *topic, int32_t partition,
                              size_t size);
/* Called on a later turn after a send or a reserve was refused and half the buffer is free again.
 * One listener.
 */
void producer_on_room(struct producer *producer, void (*room)(void *owner), void *owner);

struct producer_flush {
    /* 0 when every record sent since the flush before was acknowledged, or the first error among
     * them, also of those that had failed already. */
    void (*done)(struct producer_flush *flush, int error);
    void *owner;
    /* the producer's */
    struct list_link link;
    uint64_t number;
    int error;
};
/* Closes the open batches and waits for everything sent so far. */
void producer_flush(struct producer *producer, struct producer_flush *flush);
/* For transactional.h. Under which identity records are sent from now on; until there is one
 * nothing leaves. What was refused before is over. `is_bumped`: the cluster has transactions v2. */
void producer_set_identity(struct producer *producer, int64_t producer_id, int16_t epoch,
                           bool is_bumped);
/* While it is held no record is taken: a send and a reserve say ERROR_AGAIN. */
void producer_hold(struct producer *producer, bool is_held);
/* What was not sent yet fails, and whatever comes, until the next identity. */
void producer_refuse(struct producer *producer, int error);
/* Why nothing is sent, or 0. */
int producer_refusal(const struct producer *producer);
/* Asked before a batch leaves for a partition: false keeps it until producer_wake. */
void producer_on_permit(struct producer *producer,
                        bool (*permit)(void *owner, const char *topic, int32_t partition),
                        void *owner);
void producer_wake(struct producer *producer);

/* Bytes buffered or in flight. */
size_t producer_pending_size(const struct producer *producer);
void producer_check(const struct producer *producer);
