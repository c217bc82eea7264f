/* What a sink's shard and its plugin's thread say to each other.
 *
 * A command goes to the thread through the worker's mailbox and comes back to the shard, done,
 * through io_post: the same memory both ways.
 *
 * Owns:   what its kind names.
 * Thread: whoever holds it. */
#pragma once

#include "log/io/io.h"
#include "log/io/worker.h"
#include "runtime/client/fetcher.h"

enum sink_command_kind {
    SINK_COMMAND_ASSIGN, /* out: the whole list; back: with positions */
    SINK_COMMAND_BATCH,  /* out: a fetched batch; back: to be released */
    SINK_COMMAND_FLUSH,  /* out: flush now; back: with offsets */
    SINK_COMMAND_STOP,   /* out only */
    SINK_COMMAND_LETTER, /* out: the dead letter was written, or not (error) */
};

struct sink_command_place {
    char *topic;
    int32_t partition;
    int64_t offset; /* ASSIGN back: the plugin's position or -1; FLUSH back: the next offset */
};

struct sink_command {
    struct worker_message message; /* to the thread */
    struct io_request post;        /* to the shard */
    enum sink_command_kind kind;
    struct fetcher_batch batch;        /* BATCH */
    struct sink_command_place *places; /* ASSIGN, FLUSH */
    size_t place_count;
    int64_t record_count; /* FLUSH back: records since the last flush */
    int error;            /* LETTER */
};

struct sink_command *sink_command_new(enum sink_command_kind kind);
void sink_command_add_place(struct sink_command *command, const char *topic, int32_t partition,
                            int64_t offset);
void sink_command_free(struct sink_command *command);
