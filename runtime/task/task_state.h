/* The inside of a task, shared by the files of this folder only; see task.h.
 *
 *     task.c           records: which is next, and the life of the task
 *     task_call.c      its turns, and the sending of what they emit
 *     task_timer.c     timers
 *     task_clock.c     what closes when nothing comes in
 *     task_restore.c   the start
 *     task_follow.c    a copy of the stores of a task that runs elsewhere
 *     task_placement.c keys that lie in other partitions than ours of the same
 *     task_commit.c    the commit
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/changelog.h"
#include "runtime/state/state.h"
#include "runtime/task/task.h"
#include "runtime/task/task_clock.h"
#include "runtime/task/task_input.h"
#include "runtime/task/timetable.h"

/* Of one store. */
struct task_changelog {
    struct task *task;
    struct kv *kv;
    char *topic;                 /* NULL: the store has none */
    struct changelog *changelog; /* while it restores */
    int64_t followed_count;      /* changes that were read before the task was started */
    struct changelog_append append;
    bool is_appending;   /* not all of the group is with the producer */
    int64_t next_offset; /* behind the marker of the commit being made */
};

enum task_state { TASK_NEW, TASK_FOLLOWING, TASK_RESTORING, TASK_RUNNING, TASK_FAILED };

struct task {
    struct task_options options;
    struct io *io;
    const struct task_events *events;
    void *owner;
    enum task_state state;
    struct topology_instance *instance;
    struct task_input *inputs;
    int64_t *committed_offsets;
    size_t input_count;

    struct turn turn;                 /* of the record being processed */
    size_t emit_next;                 /* how many of its emits were sent */
    struct task_input *blocked_input; /* whose head caused the emits that wait */
    bool is_blocked;

    struct timetable_row *timers;
    size_t timer_count;
    struct task_clock clock;

    struct state *stores;
    int open_count; /* attempts to open them that found them open elsewhere */
    struct io_timer open_timer;
    struct task_changelog *changelogs; /* as many as there are stores */
    size_t restoring_count;
    struct fetcher *follow_fetcher;
    struct io_timer follow_timer;
    struct state_position position; /* of the commit being made, and of the last one made */
    int64_t decided_commit;         /* the last one that was decided: the next one follows it */
    int64_t newest_commit;          /* the largest number ever used */
    bool is_dirty;
    size_t sending_count; /* changelog markers not yet acknowledged, and the handing over */
    int sending_error;
    struct io_timer send_timer;
    void (*sent)(void *owner, int error);
    void *sent_owner;
    uint64_t checkpoint_ns; /* when the last one ended */
    bool has_checkpoint_failed;

    bool is_stopped; /* its nodes ended */
    bool is_closing;
    bool is_freed_later;
    struct io_timer close_timer;
    void (*closed)(void *owner);
    void *closed_owner;
};

/* The task stops and says why, once. */
void task_state_fail(struct task *task, const char *reason, bool is_final);
/* Frees a closing task on a later turn when nothing of it is under way any more. */
void task_state_close_step(struct task *task);

void task_call_init(struct task *task);
/* Begins a call with nothing staged, for the head of an input; NULL in a timer. */
void task_call_begin(struct task *task, struct task_input *input);
/* The nodes returned: sends what they emitted, or undoes it all and does what the policy says.
 * False when something waits for room (task_call_send goes on), or the task failed. */
bool task_call_end(struct task *task, int error);
/* True when all emits of the current call are with the producer. */
bool task_call_send(struct task *task);
/* The task fails with what the context tells. */
void task_call_fail(struct task *task);

/* Those of stream time go on from the time of the position. */
void task_timer_open(struct task *task);
/* Calls the timers of a clock that are due. Missed ticks coalesce into one, at the newest time that
 * was due. */
void task_timer_call_due(struct task *task, enum topology_clock clock, int64_t now_ms);

/* Writes the contents in the background, which are those of the task's position. */
void task_checkpoint(struct task *task);
bool task_is_checkpoint_due(const struct task *task, uint64_t span_ns);

/* The stores are open and their changelogs are read. */
void task_follow_begin(struct task *task);
/* Makes it a restore of what is left to be read. */
void task_follow_end(struct task *task);

/* Opens the stores, and reads their changelogs as the state of the task says. */
void task_restore_open(struct task *task);
/* Decisions about time are read, too. */
void task_restore_clock(struct task *task);
/* Gives up what is being restored. */
void task_restore_cancel(struct task *task);
