/* One node of the log, built from its parts.
 *
 * Owns:   store, metadata, controller, coordinator, replicas, server; their order of start and
 *         stop.
 * Keeps:  (1) a topic's logs are open, and its coordinator knows, before anybody can see it in
 *             Metadata;
 *         (2) after broker_stop everything acknowledged is on disk and the directory is clean.
 * Thread: its io's shard. */
#pragma once

#include "log/base/map.h"
#include "log/base/report.h"
#include "log/coordinator/coordinator.h"
#include "log/io/io.h"
#include "log/meta/broker_options.h"

struct broker;

enum { BROKER_LISTEN_MAX = 4 };

struct broker_settings {
    const char *path; /* the data directory; NULL: log.dirs of the file */
    const char
        *listen[BROKER_LISTEN_MAX]; /* addresses for io_listen; none: `listeners`, or ":9092" */
    const char *inner;      /* for the program's own shards ("loopback:NAME") and processes, who are
                             * told what they dialled; NULL: none */
    const char *advertised; /* "HOST:PORT"; NULL: advertised.listeners, or what was dialled */
    struct map *file;       /* values of server.properties and --set; outlives the broker */
    int64_t memory_size_max; /* of requests and answers; 0: BROKER_MEMORY_SIZE */
};

static const int64_t BROKER_MEMORY_SIZE = 256 * 1024 * 1024;

struct broker_events {
    /* Listening; called once, on a later turn. */
    void (*ready)(void *owner);
    /* The broker cannot start or go on; stop it. */
    void (*failed)(void *owner, const struct report *report);
};

/* What broker_start would refuse of the settings alone, without a look at the disk or the network;
 * `ears` hears of what is understood and left out, and of every mistake. */
must_use int broker_judge(const struct broker_settings *settings,
                          const struct broker_options_ears *ears, struct report *report);
/* What broker_start would refuse of the data directory: another's, another node's or cluster's.
 * Only reads, and waits for the disk; a directory that is not there is not refused. */
must_use int broker_judge_directory(struct io *io, const struct broker_settings *settings,
                                    struct report *report);
/* Opens and recovers the data directory (waits for the disk), then starts. On error nothing is
 * left. */
must_use int broker_start(struct io *io, const struct broker_settings *settings,
                          const struct broker_events *events, void *owner, struct broker **out,
                          struct report *report);
/* Answers what is being served, flushes, closes; frees the broker before `stopped`. */
void broker_stop(struct broker *broker, void (*stopped)(void *owner), void *owner);
/* "HOST:PORT" as bound; of the first listener. */
void broker_address(const struct broker *broker, char out[IO_ADDRESS_SIZE]);
/* All of them, without `inner`. */
size_t broker_listener_count(const struct broker *broker);
void broker_listener_address(const struct broker *broker, size_t index, char out[IO_ADDRESS_SIZE]);
/* The same of `inner`. */
void broker_inner_address(const struct broker *broker, char out[IO_ADDRESS_SIZE]);
const char *broker_path(const struct broker *broker);
/* Why a group rebalanced lately; see coordinator_explain_group. */
must_use int broker_explain_group(struct broker *broker, struct bytes id, struct arena *arena,
                                  struct coordinator_explanation *out);
/* Prometheus text. */
void broker_write_metrics(struct broker *broker, struct buffer *out);
/* 0, or ERROR_FENCED: nothing can be written any more. */
int broker_status(const struct broker *broker);
/* False while nothing is taken for lack of space on the disk; see store_has_room. */
bool broker_has_room(const struct broker *broker);
/* Partitions in which damage was found since the start; see log_is_damaged. */
int64_t broker_damaged_count(const struct broker *broker);
/* Asserts the invariants of every part. */
void broker_check(struct broker *broker);
/* Asserts that coordinators remember what reading their topics again tells; how many partitions
 * could be compared. Waits for the disk. */
int broker_check_replay(struct broker *broker);
