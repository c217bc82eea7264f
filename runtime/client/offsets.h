/* Committed offsets of a group: writing and reading them, one request each, to a known coordinator.
 *
 * Owns:   the request between start and `done`.
 * Keeps:  `done` is called exactly once per start, on a later turn, unless it was stopped.
 * Thread: its client's shard. Errors that heal are repeated by the caller. */
#pragma once

#include "log/wire/messages.h"
#include "runtime/client/member.h"

/* In whose name offsets are committed. */
struct offsets_identity {
    struct bytes group;
    struct bytes member_id;   /* empty: nobody's, allowed while the group is empty */
    struct bytes instance_id; /* null: dynamic */
    int32_t generation;       /* -1 with nobody */
};

/* Embedded by the caller. */
struct offsets_commit {
    /* in; borrowed until done */
    struct offsets_identity identity;
    const struct member_partition *partitions;
    size_t count;
    int32_t coordinator_id;
    /* The first error of any partition. */
    void (*done)(struct offsets_commit *commit, int error);
    void *owner;
    /* ours */
    struct client *client;
    struct arena arena;
    struct client_call call;
    struct offset_commit_request request;
};
void offsets_commit_start(struct client *client, struct offsets_commit *commit);
void offsets_commit_stop(struct offsets_commit *commit);

/* Embedded by the caller. */
struct offsets_fetch {
    /* in; borrowed until done */
    struct bytes group;
    const struct member_partition *partitions; /* NULL: all the group has */
    size_t count;
    bool is_stable; /* wait for transactions that hold offsets: UNSTABLE_OFFSET_COMMIT */
    int32_t coordinator_id;
    /* The partitions with offset and metadata, valid until it returns. */
    void (*done)(struct offsets_fetch *fetch, int error, const struct member_partition *partitions,
                 size_t count);
    void *owner;
    /* ours */
    struct client *client;
    struct arena arena;
    struct client_call call;
    struct offset_fetch_request request;
    struct offset_fetch_request_group group_request;
};
void offsets_fetch_start(struct client *client, struct offsets_fetch *fetch);
void offsets_fetch_stop(struct offsets_fetch *fetch);
