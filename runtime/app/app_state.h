/* The inside of an application, shared by its files. Inside runtime/app.
 *
 *     app.c            its life: start, failure, end
 *     app_tasks.c      the tasks of now, and their turns
 *     app_group.c      which partitions are ours
 *     app_commit.c     the order of a commit
 *     app_connectors.c what the script defines beside its tasks
 *
 * Thread: the shard of its io. */
#pragma once

#include "log/base/list.h"
#include "runtime/app/app.h"
#include "runtime/app/app_topics.h"
#include "runtime/client/member.h"

enum { APP_TOPIC_MAX = 256 };

enum app_state { APP_PREPARING, APP_RUNNING, APP_FAILED };

/* One task that runs here. */
struct app_task {
    struct list_link link;
    struct app *app;
    struct task *task;
    bool is_committing; /* part of the commit being made */
    bool is_leaving;    /* its partition was revoked or lost */
    bool is_closing;
};

struct app {
    struct io *io;
    struct app_options options;
    const struct app_events *events;
    void *owner;
    struct script *script;
    const struct topology *topology;
    struct client *client;
    struct client *fetch_client;
    struct client *group_client;
    struct producer *producer;
    struct fetcher *fetcher;
    struct member *member;
    struct app_topics *topics;
    const char *topic_names[APP_TOPIC_MAX];
    size_t topic_count;
    struct list tasks; /* of struct app_task */
    struct connector **connectors;
    size_t connector_count;
    enum app_state state;

    struct io_timer process_timer; /* the next turn of processing */
    struct io_timer tick_timer;
    struct io_timer commit_timer;
    struct producer_flush flush;
    struct member_commit commit;
    struct member_partition *commit_places;
    size_t waiting_count; /* tasks whose changelogs are on their way */
    int commit_error;
    bool is_committing;
    bool is_revoking;
    bool is_commit_wanted;
    int64_t commit_count;
    struct task_counts earlier; /* of tasks that are gone */

    bool is_closing;
    size_t closing_count; /* parts still to be closed in this step */
    enum app_close_stage {
        APP_CLOSE_NONE,
        APP_CLOSE_SOURCES,
        APP_CLOSE_COMMIT,
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
/* The next step of closing; see app.c. */
void app_close_next(struct app *app);

bool app_tasks_may_process(const struct app *app);
void app_tasks_process(struct app *app);
/* Called by the fetcher when there are records, by the producer when there is room. */
void app_tasks_on_wake(void *owner);
void app_tasks_on_tick(struct io_timer *timer);
void app_tasks_on_process(struct io_timer *timer);
bool app_tasks_is_blocked(const struct app *app);
struct app_task *app_tasks_find(struct app *app, const struct topology_part *part,
                                int32_t partition);
struct app_task *app_tasks_make(struct app *app, const struct topology_part *part,
                                int32_t partition);
void app_tasks_add_counts(struct task_counts *sum, const struct task_counts *counts);
void app_tasks_close(struct app_task *row);
/* After the commit: tasks of revoked partitions close, then the group may go on. */
void app_tasks_close_leaving(struct app *app);

void app_group_join(struct app *app);

void app_commit_begin(struct app *app);
void app_commit_on_time(struct io_timer *timer);

void app_connectors_start(struct app *app);
