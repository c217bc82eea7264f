/* Carries parcels to the leaders of their partitions.
 *
 * Owns:   the produce requests that are out, the producer id, the wish for metadata.
 * Keeps:  (1) a request holds at most one parcel of a partition, and at most five requests are out
 *             per broker;
 *         (2) at most five parcels of a partition are in flight, one while the partition's first
 *             success under this epoch is awaited, while anything is to be repeated, and always
 *             without idempotence: a repetition then overtakes nothing;
 *         (3) a parcel whose fate is unknown keeps its sequence when it is repeated, unless the
 *             broker lost or refused the sequence: then the partition starts at 0 under a new epoch
 *             when nothing of it is in flight (KIP-360);
 *         (4) when one ran out of time, those sent behind it keep theirs too, until the broker told
 *             whether it has them;
 *         (5) in a transaction the first parcel that fails fails all that are not sent, until a new
 *             identity is given.
 * Thread: its producer's shard. */
#pragma once

#include "log/wire/messages.h"
#include "runtime/client/accumulator.h"
#include "runtime/client/backoff.h"

struct sender {
    struct client *client;
    struct io *io;
    struct accumulator *accumulator;
    int16_t acks;
    bool is_idempotent;
    size_t request_size_max;
    struct list brokers;
    struct list requests; /* out */
    /* Idempotence. */
    int64_t producer_id; /* -1: not known */
    int16_t epoch;
    bool is_asking_id;
    uint64_t ask_id_not_before;
    struct backoff id_backoff;
    struct client_call id_call;
    struct init_producer_id_request id_request;
    int fatal; /* nothing can be sent any more; in a transaction: until its end */
    /* Transactions: the identity is given by producer_set_identity. */
    bool is_transactional;
    bool is_bumped; /* transactions v2 */
    struct bytes transactional_id;
    bool (*permit)(void *owner, const char *topic, int32_t partition);
    void *permit_owner;
    /* Metadata. */
    bool is_refreshing;
    uint64_t refresh_not_before;
    struct backoff refresh_backoff;
    struct client_refresh refresh;
    const char **refresh_topics;
    /* Called on a turn of its own when there may be something to send. */
    void (*changed)(void *owner);
    void *owner;
};

void sender_init(struct sender *sender, struct client *client, struct accumulator *accumulator,
                 const struct producer_options *options);
void sender_fini(struct sender *sender);
/* Sends what can be sent, tells what ran out of time; the answer is when to be called next on
 * io_now, UINT64_MAX if only `changed` will tell. Not from within a caller's call. */
uint64_t sender_drain(struct sender *sender);
/* Forgets the requests that are out; every parcel and record is told ERROR_CANCELLED. */
void sender_cancel(struct sender *sender);
void sender_check(const struct sender *sender);
