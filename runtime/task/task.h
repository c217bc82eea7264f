/* One task: one part of a topology and one partition number, with its stores.
 *
 * Owns:   its inputs, nodes and state; what the current record caused, until it is sent.
 * Keeps:  (1) of its inputs the record with the smallest time (what its value says, if the plan
 *             tells where) is next (ties: topic, then
 *             partition);
 *         (2) what a record causes happens whole or not at all: its store writes are undone and its
 *             emits forgotten when it fails, and then it is dead-lettered (or skipped, or the task
 *             stops); each record is counted once (task_count.def): in = emitting + kept + late +
 *             filtered + dead-lettered + skipped; what was fetched and is in none of them is
 *             pending;
 *         (3) the position of an input is the next record that was not finished, never one that was
 *             only fetched;
 *         (4) the stores, their changelogs and the positions are committed together (the order
 *             is in app.h, the rules are in runtime/state/accord.h); the position names every
 *             input, so that the owner's group judges every commit;
 *         (5) after a start the stores hold exactly the contents of the position it goes on from;
 *         (6) a commit follows the last one that was decided.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/client/producer.h"
#include "runtime/state/changelog.h"
#include "runtime/state/state_position.h"
#include "runtime/task/global.h"
#include "runtime/task/store_rows.h"
#include "runtime/task/turn.h"

struct task;

struct task_options {
    const struct topology *topology; /* with the part, outlives the task */
    const struct topology_part *part;
    int32_t partition;
    int64_t idle_ms; /* how long an empty input is waited for while others have records, much as by
                      * max.task.idle.ms of Kafka Streams (KIP-353); 0: not at all. Not of topics
                      * that the application repartitions through: what they get it sends itself */
    const char *state_directory; /* of this task; NULL: stores live in memory only */
    struct client *client;
    struct client *fetch_client; /* for reading changelogs; its connection may wait in long polls */
    struct producer *producer;
    struct fetcher *fetcher;     /* shared by the tasks of the application */
    const struct global *global; /* ready; NULL: the plan has no global tables */
};

struct task_restore_view {
    const char *store;
    struct changelog_progress progress;
};
struct task_events {
    /* The stores are restored and the inputs known: processing may begin. */
    void (*started)(void *owner, struct task *task);
    /* The task cannot go on: policy "stop", a store that cannot be opened or read, a changelog that
     * cannot be read. The sentence is valid during the call. `is_final`: by the policy "stop", the
     * script's own start, or because records of a changelog were lost. */
    void (*failed)(void *owner, struct task *task, const char *reason, bool is_final);
    /* Something that its users should know, though the task goes on; NULL: nobody listens. The
     * sentence is valid during the call. */
    void (*noticed)(void *owner, struct task *task, const char *text);
    /* A store has something to read from its changelog, and has read it. NULL: nobody listens. The
     * view is valid during the call. */
    void (*restore_begun)(void *owner, struct task *task, const struct task_restore_view *view);
    void (*restore_ended)(void *owner, struct task *task, const struct task_restore_view *view);
};

/* The inputs are added before task_start. */
struct task *task_new(const struct task_options *options, const struct task_events *events,
                      void *owner);
/* `committed_offset`: of the group, or -1. */
void task_add_input(struct task *task, const char *topic, int64_t committed_offset);
void task_start(struct task *task);
/* Before task_start, of a part with changelogs: keeps the stores as the changelogs say, while the
 * task runs elsewhere, so that its start has little left to read. Inputs may be added until then.
 * `fetcher` reads what is committed and resets with an error; who owns it calls task_follow_step
 * when it is ready. Failures are told as before the start. */
void task_follow(struct task *task, struct fetcher *fetcher);
void task_follow_step(struct task *task);
bool task_is_following(const struct task *task);
/* Offsets of the changelogs that the copy does not have, as far as it was told; -1: unknown. */
int64_t task_follow_lag(const struct task *task);
/* Sums of offsets over the changelogs of its stores. False when one is unknown. */
struct task_reach {
    int64_t position; /* how far the stores go */
    int64_t kept; /* how far what is in its directory goes; -1: not all of them are kept there */
    int64_t end;  /* where the changelogs end, as last told */
};
bool task_read_reach(const struct task *task, struct task_reach *out);
/* The time of the record that is next; INT64_MAX when none is there, or it cannot be processed now.
 */
int64_t task_next_time_ms(struct task *task);
/* After that: a record may be on its way to an input that has none; the broker did not say yet that
 * there is none. */
bool task_is_unsure(const struct task *task);
/* To be asked when there is a record to process, which others have been there for since `since_ns`:
 * whether an empty input is waited for (idle_ms), and until when, by io_now. It is for idle_ms from
 * when it was first missed and from `since_ns`; not any more when it was missed ten times as long.
 */
bool task_is_idling(struct task *task, uint64_t since_ns, uint64_t *until_ns);
/* Sends what waits for room, then processes records that are there and not later than
 * `time_ms_max`, up to `count_max`; returns how many. Stops early when the producer is full. */
size_t task_process(struct task *task, size_t count_max, int64_t time_ms_max);
/* Wall-clock timers that are due; nanoseconds until the next, UINT64_MAX without one. */
uint64_t task_tick(struct task *task);
/* The nodes end, with their stores at hand: what they emit and write belongs to the commit that
 * follows, before task_close. Nothing is processed any more. True when there is something to
 * commit.
 */
bool task_stop(struct task *task);
bool task_is_running(const struct task *task);
/* Emits of the current record wait for room in the producer. */
bool task_is_blocked(const struct task *task);

/* Whether anything was done since the last commit. */
bool task_is_dirty(const struct task *task);
/* Sends the groups of all changelogs; `done` comes when they are durable, on a later turn. Nothing
 * may be processed until task_end_commit. A producer that is full is waited for. */
void task_send_changelogs(struct task *task, void (*done)(void *owner, int error), void *owner);
/* The positions that the changelogs carry: the next offset of every input. */
const struct state_position *task_commit_position(const struct task *task);
/* The commit is decided; may begin a checkpoint of the stores. */
void task_end_commit(struct task *task);
/* Frees the task on a later turn, after a running checkpoint or restore; what was not committed is
 * forgotten. */
void task_close(struct task *task, void (*closed)(void *owner), void *owner);

int32_t task_partition(const struct task *task);
const struct topology_part *task_part(const struct task *task);
const struct task_counts *task_counts(const struct task *task);
/* Records that were fetched and are not finished; by their offsets, so what compaction took and
 * markers count too. */
int64_t task_pending_count(const struct task *task);
/* NULL when there is no such store. */
struct kv *task_store(struct task *task, const char *name);
/* NULL when the part has no node of this name, or the task does not run. */
struct node *task_node(struct task *task, const char *name);
/* False when the task has no such store, or does not run. */
bool task_open_rows(struct task *task, const char *store, struct store_rows *rows);

/* What it does, for people: "standby", "restoring", "running", "blocked" (the producer is full),
 * "stopped", "failed". */
const char *task_state_name(const struct task *task);
/* -1 before the first record. */
int64_t task_stream_time_ms(const struct task *task);
struct task_input_view {
    const char *topic;
    int64_t next_offset;   /* the next record that is not finished */
    int64_t pending_count; /* fetched from there on */
};
size_t task_input_count(const struct task *task);
struct task_input_view task_view_input(const struct task *task, size_t index);
/* Of a store of the part, by its number there; false when it does not restore. */
bool task_view_restore(const struct task *task, size_t index, struct task_restore_view *out);
void task_check(const struct task *task);
