/* Agreement on the metadata log: commands go in, and come out in one order, committed.
 *
 * With one node the log is a record log of the store ("__cluster_metadata-0"), one command per
 * record. In a cluster an engine of its own stands behind this header, so nothing above may assume
 * that a proposal commits at once, in this process, or at all.
 *
 * Owns:   the metadata log.
 * Keeps:  (1) commands are applied in log order, each exactly once per life of the process, the
 *             same everywhere;
 *         (2) a proposal is called back after its command was applied here, or with an error that
 *             leaves its fate open (ERROR_CLOSED, ERROR_SHUTDOWN) or certain (any other);
 *         (3) a command is applied only after it is durable.
 * Thread: its store's shard. */
#pragma once

#include "log/store/store.h"

/* Kafka's name of the topic; its only partition is the metadata log. */
#define QUORUM_TOPIC "__cluster_metadata"
#define QUORUM_LOG   QUORUM_TOPIC "-0"

struct quorum;

struct quorum_events {
    /* A committed command; during quorum_open for everything in the log. Must not fail. */
    void (*apply)(void *owner, int64_t offset, struct bytes command);
};

/* Whether the store holds a metadata log; quorum_open makes one that is missing. */
bool quorum_is_there(struct store *store);
/* Waits for the disk; replays the log through `apply` before it returns. */
must_use int quorum_open(struct io *io, struct store *store, const struct quorum_events *events,
                         void *owner, struct quorum **out, struct report *report);
/* The store stays open. Pending proposals get ERROR_SHUTDOWN on a later turn. */
void quorum_close(struct quorum *quorum);
/* As after a crash: frees everything and calls nobody. For the simulator, whose io of a dead
 * process never calls back; before store_abandon. */
void quorum_abandon(struct quorum *quorum);

/* Embedded by the caller. */
struct quorum_proposal {
    void (*done)(struct quorum_proposal *proposal, int error, int64_t offset);
    void *owner;
    void *private_state[8];
};
/* Copies the commands; they are applied together, in order, before `done`. */
void quorum_propose(struct quorum *quorum, struct quorum_proposal *proposal,
                    const struct bytes *commands, size_t count);
/* Called when every proposal made before it has been decided. */
void quorum_barrier(struct quorum *quorum, struct quorum_proposal *proposal);
bool quorum_is_leader(const struct quorum *quorum);
int32_t quorum_epoch(const struct quorum *quorum);

struct quorum_stats {
    int64_t end_offset;       /* what the next command will get */
    int64_t committed_offset; /* everything below is committed */
};
void quorum_read_stats(const struct quorum *quorum, struct quorum_stats *out);
void quorum_check(const struct quorum *quorum);
