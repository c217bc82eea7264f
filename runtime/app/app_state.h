/* The inside of an application, shared by its files. Inside runtime/app.
 *
 *     app.c            its life: start, failure, end
 *     app_tasks.c      the tasks of now, and their turns
 *     app_canary.c     another version on some of the tasks
 *     app_standby.c    copies of stores of tasks that run elsewhere
 *     app_warmup.c     how far stores are, for who deals the tasks
 *     app_restore.c    what is told of stores that are read from changelogs
 *     app_group.c      which partitions are ours
 *     app_commit.c     the order of a commit, and of one at least once
 *     app_transaction.c  the order of one exactly once
 *     app_connectors.c what the script defines beside its tasks
 *     app_tap.c        what people watch
 *     app_lookout.c    topics by pattern that come and go, partitions that come
 *
 * Thread: the shard of its io. */
#pragma once

#include "log/base/list.h"
#include "runtime/app/app.h"
#include "runtime/app/app_log.h"
#include "runtime/app/app_topics.h"
#include "runtime/client/member.h"
#include "runtime/client/transactional.h"

enum app_state { APP_NEW, APP_PREPARING, APP_RUNNING, APP_FAILED };

/* One partition of one of the part's topics. */
struct app_input {
    bool is_ours;
    int64_t offset; /* where the group has it committed, or -1 */
};

/* One part and partition of which the group gave us at least one input. The task's own inputs are
 * those of its start: when they change it commits, closes, and another begins. */
struct app_task {
    struct list_link link;
    struct app *app;
    const struct topology_part *part;
    int32_t partition;
    struct app_input *inputs; /* one per topic of the part */
    struct task *task;        /* NULL: closed, or it waits for the rest of its inputs */
    bool is_committing;       /* part of the commit being made */
    bool is_leaving;          /* its inputs changed: it does nothing more, and closes */
    bool is_lost;             /* one of them without asking: nothing may be committed */
    bool is_closing;
    bool is_canary;          /* of the share that runs the other version */
    bool is_standby;         /* `task` is a copy: it follows, and was not started */
    bool is_standby_wanted;  /* the group dealt us one, */
    bool is_warmup;          /* and the task once that has caught up */
    bool is_coming;          /* it caught up, and its owner is about to give it up */
    uint64_t ask_after;      /* the group is not asked for it again before */
    bool has_standby_failed; /* and had not all of its changelogs since */
    uint64_t standby_after;  /* it is not begun anew before */
};

/* What is left in the directory of a task that is gone, as sums of changelog offsets. */
struct app_remnant {
    struct list_link link;
    const struct topology_part *part;
    int32_t partition;
    int64_t position;
    int64_t end; /* when it was left */
};

struct app {
    struct io *io;
    struct app_options options;
    const char *state_directory;
    const struct app_events *events;
    void *owner;
    struct app_bundle files; /* empty unless they are kept */
    struct script *script;
    const struct topology *topology;
    struct script *canary_script; /* NULL: there is none */
    const struct topology *canary_topology;
    int64_t canary_version;
    bool is_canary_prepared;           /* its topics are there, or being made */
    struct canary_sample canary_trial; /* how long records took, here and in the other tasks */
    struct canary_sample canary_rest;
    struct client *client;
    struct client *fetch_client;
    struct client *group_client;
    struct transactional *transactional; /* NULL: at least once, or no tasks */
    struct producer *producer;           /* its own, if there is one */
    struct fetcher *fetcher;
    struct fetcher *standby_fetcher; /* of all copies; NULL while there was none */
    struct io_timer standby_timer;   /* one that failed may be begun anew */
    struct io_timer warmup_timer;    /* something warms up and may have caught up */
    struct global *global;           /* NULL: the plan has no global tables */
    struct member *member;
    struct app_topics *topics;
    const char **topic_names; /* that the group reads */
    int *topic_units;         /* of each: topics that meet in a task have the same */
    size_t topic_count;
    struct list tasks;    /* of struct app_task */
    struct list remnants; /* of struct app_remnant */
    struct list taps;     /* of struct app_tap */
    struct connector **connectors;
    size_t connector_count;
    enum app_state state;
    bool is_paused;

    struct io_timer process_timer; /* the next turn of processing */
    bool has_noticed;              /* a task said something for the log */
    uint64_t unsure_since;         /* since when a task does not know its next record; 0: all do */
    uint64_t busy_since; /* when records came that are not all processed yet; 0: all are */
    struct io_timer tick_timer;
    struct io_timer commit_timer;
    struct producer_flush flush;
    struct member_commit commit;
    struct member_partition *commit_places;
    size_t waiting_count; /* tasks whose changelogs are on their way */
    int commit_error;
    bool is_committing;
    bool is_revoking;
    bool is_commit_wanted; /* though nothing may be dirty */
    int64_t commit_count;
    uint64_t commit_began_ns;                   /* the one being made */
    uint64_t commit_ns;                         /* all that were made */
    uint64_t process_ns;                        /* turns of tasks */
    int64_t rollback_count;                     /* after commits that failed */
    struct transactional_wait transaction_wait; /* for its start, its commit, its abort */
    struct transactional_wait offsets_wait;
    int64_t loss_count; /* of the member, when the commit began */
    bool is_aborting;
    bool is_abandoned; /* the end of the transaction is not waited for any more */
    struct io_timer end_timer;
    struct task_counts earlier; /* of tasks that are gone */
    struct task_counts canary_earlier;
    uint64_t restore_ns;    /* since when tasks restore; 0: none does */
    int64_t restored_count; /* changes, of tasks that began since */

    struct io_timer look_timer; /* for topics and partitions that come; see app_lookout.c */
    int32_t *look_counts;       /* of each of topic_names, the partitions it had */
    struct client_refresh look;
    bool is_looking;
    bool is_outdated;

    bool is_closing;
    size_t closing_count; /* parts still to be closed in this step */
    enum app_close_stage {
        APP_CLOSE_NONE,
        APP_CLOSE_SOURCES,
        APP_CLOSE_COMMIT,
        APP_CLOSE_ABORT,
        APP_CLOSE_TASKS,
        APP_CLOSE_MEMBER,
        APP_CLOSE_FETCHER,
        APP_CLOSE_PRODUCER,
        APP_CLOSE_CLIENTS,
    } close_stage;
    void (*closed)(void *owner);
    void *closed_owner;
};

/* Told once; the owner closes the application. */
void app_fail(struct app *app, const char *reason, bool is_final);
/* For good, by an option of the process. */
void app_refuse(struct app *app, const char *reason);
/* By the canary: a task of it, or its topics. */
void app_fail_canary(struct app *app, const char *reason, bool is_final);
/* Everything that a start needs is there: connectors and tasks begin. */
void app_run(struct app *app);
/* What the options say, or else the script. */
bool app_is_exact(const struct app *app);
/* The next step of closing; see app.c. */
void app_close_next(struct app *app);

bool app_tasks_may_process(const struct app *app);
void app_tasks_process(struct app *app);
/* Called by the fetcher when there are records, by the producer when there is room. */
void app_tasks_on_wake(void *owner);
void app_tasks_on_tick(struct io_timer *timer);
void app_tasks_on_process(struct io_timer *timer);
bool app_tasks_is_blocked(const struct app *app);
bool app_tasks_is_dirty(const struct app *app);
/* An input is ours from now on, or no longer. A task that runs without knowing is leaving. */
void app_tasks_add_input(struct app *app, const struct member_partition *partition);
void app_tasks_remove_input(struct app *app, const struct member_partition *partition);
/* As above, and somebody else may have it already. */
void app_tasks_lose_input(struct app *app, const struct member_partition *partition);
/* Makes the row if there is none. */
struct app_task *app_tasks_get(struct app *app, const struct topology_part *part,
                               int32_t partition);
/* Opens the tasks that can run, and copies, and forgets what has neither inputs nor a copy. */
void app_tasks_settle(struct app *app);
/* The nodes of tasks that are about to close end. True when that left something to commit. */
bool app_tasks_stop(struct app *app);
/* Closes what is leaving, but for what is being committed. */
void app_tasks_close_leaving(struct app *app);
bool app_tasks_is_leaving(const struct app *app);
/* Closes what did something since the last commit; it begins anew from there. */
void app_tasks_roll_back(struct app *app);
/* The positions of the commit that was made are where its tasks begin anew some day. */
void app_tasks_keep_offsets(struct app *app);
/* Closes all; the last one calls app_close_next. */
void app_tasks_close(struct app *app);
/* Adds up over the tasks of now; how many they are. */
size_t app_tasks_read_counts(const struct app *app, struct task_counts *sum,
                             int64_t *pending_count);
void app_tasks_check(const struct app *app);

/* Reads the other version, if the options name one, and judges whether it fits. */
must_use int app_canary_open(struct app *app, struct report *report);
bool app_canary_has(const struct app *app, int32_t partition);
/* A task had a turn. */
void app_canary_time(struct app *app, const struct app_task *row, size_t count, uint64_t span_ns);

/* Of the member: everything that it is to keep a copy of. */
void app_standby_on_dealt(void *owner, const struct member_partition *partitions, size_t count);
bool app_standby_may_begin(const struct app_task *row);
/* Its task was made and not started. */
void app_standby_begin(struct app_task *row);
/* It is being closed; tried again in a while. */
void app_standby_fail(struct app_task *row, const char *reason);
void app_standby_on_time(struct io_timer *timer);

/* What the options leave open. */
void app_warmup_init(struct app *app);
/* For the member: how far the stores of each partition are that are known here. */
size_t app_warmup_tell(void *owner, struct arena *arena, struct member_position **out);
/* Copies were dealt: asks for what warmed up when it has caught up. */
void app_warmup_watch(struct app *app);
void app_warmup_on_time(struct io_timer *timer);
/* Its task is about to be closed: what it leaves is remembered. */
void app_warmup_leave(struct app_task *row);
void app_warmup_fini(struct app *app);
/* The part has a store with a changelog. */
bool app_standby_has_changelog(const struct topology_part *part);

/* Looks for topics that came or went, from now on; nothing without streams by pattern. */
void app_lookout_start(struct app *app);
void app_lookout_stop(struct app *app);
/* Events of a task, whose owner is a struct app_task. */
void app_restore_on_begun(void *owner, struct task *task, const struct task_restore_view *view);
void app_restore_on_ended(void *owner, struct task *task, const struct task_restore_view *view);
/* A task has its stores. */
void app_restore_on_started(struct app *app, const struct task *task);

void app_group_join(struct app *app);
/* Lets the group go on when nothing that it asked for is left. */
void app_group_step(struct app *app);

void app_commit_begin(struct app *app);
/* A commit as soon as there can be one, also when nothing is dirty. */
void app_commit_want(struct app *app);
void app_commit_on_time(struct io_timer *timer);
/* For both orders: the changelogs of what is committed, `sent` called for each task; the positions
 * that go to the group, in commit_places; and the end. */
void app_commit_send_changelogs(struct app *app, void (*sent)(void *owner, int error));
size_t app_commit_gather_places(struct app *app);
void app_commit_finish(struct app *app, int error);

/* The producer is that of a transaction; app_run is called when it can begin. */
void app_transaction_open(struct app *app);
void app_transaction_start(struct app *app);
/* True when records can be sent: also when there are no transactions. */
bool app_transaction_begin(struct app *app);
void app_transaction_commit(struct app *app);
/* Everything since the last commit never happened: the transaction is aborted, and tasks that did
 * something begin anew. Not in a commit: who judges that knows whether something was lost. */
void app_transaction_roll_back(struct app *app);
/* It cannot commit any more: rolled back if that helps, else the application fails. */
void app_transaction_fail(struct app *app, int error);
/* Whether it failed meanwhile. */
void app_transaction_look(struct app *app);
/* Ends what is open; true when that is to be waited for. */
bool app_transaction_abort(struct app *app);
/* From now on its end has a deadline. */
void app_transaction_begin_close(struct app *app);
void app_transaction_close(struct app *app);
void app_transaction_check(const struct app *app);

/* A task was made, or is about to be closed. */
void app_tap_add_task(struct app *app, struct task *task);
void app_tap_remove_task(struct app *app, const struct task *task);
void app_tap_end_all(struct app *app);

/* Judges all of them; ERROR_INVALID with the report filled. Those that are open are to be closed.
 */
must_use int app_connectors_open(struct app *app, struct report *report);
void app_connectors_start(struct app *app);
