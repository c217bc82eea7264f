/* A copy of the stores of a task that runs elsewhere: a start that waits.
 *
 * The changelogs are read as for a start, but for ever; when whoever runs the task is gone,
 * task_start reads what is left and goes on as any start does. Nothing is judged before that: which
 * commit is decided is known at the ends of the changelogs only.
 *
 * Persistent stores are checkpointed meanwhile, so that the copy outlives its process and does not
 * fill the memory. A checkpoint has the contents of one commit in all stores, and each is read by
 * itself. So when one is due the stores that came furthest are held where they are until the others
 * are at the same commit; every changelog has its marker, unless compaction took it, and then those
 * behind go on to a later one and the others after them.
 *
 * Keeps:  (1) what is checkpointed is decided: it is the base of every changelog that takes part in
 *             it, and each goes on behind its marker (replay.h (3));
 *         (2) a store that takes no part in that commit has no row in the position, so the next
 *             start reads it from its changelog's beginning;
 *         (3) nothing is checkpointed while a changelog has records that were forgotten: only a
 *             start puts them right.
 * Where compaction was at work the contents lack, until its end is reached, what later records of
 * the changelog bring; so a copy is never run from without reading on. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "runtime/task/task_state.h"

#include <string.h>

enum { TASK_FOLLOW_CHECKPOINT_NS = 1000000000, TASK_FOLLOW_TICK_NS = 500000000 };

static struct replay *task_follow_replay(const struct task *task, size_t index)
{
    const struct task_changelog *row = &task->changelogs[index];
    bool is_kept = row->changelog != NULL && state_is_persistent(task->stores, index);
    return is_kept ? changelog_replay(row->changelog) : NULL;
}

/* The furthest commit that any persistent store has. */
static const struct state_position *task_follow_furthest(const struct task *task)
{
    const struct state_position *furthest = NULL;
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        const struct replay *replay = task_follow_replay(task, i);
        const struct state_position *base = replay == NULL ? NULL : &replay_log(replay)->base;
        if (base != NULL && (furthest == NULL || base->commit > furthest->commit)) {
            furthest = base;
        }
    }
    return furthest;
}

static void task_follow_hold(struct task *task, int64_t commit)
{
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        if (task_follow_replay(task, i) != NULL) {
            changelog_hold(task->changelogs[i].changelog, commit);
        }
    }
}

static bool task_follow_takes_part(const struct state_position *position,
                                   const struct accord_log *log)
{
    const struct state_position_row *row = state_position_changelog(position, log->store);
    return row != NULL && strcmp(row->topic_id, log->topic_id) == 0;
}

/* Whether all persistent stores are at this commit, and nothing was forgotten in them. */
static bool task_follow_agrees(const struct task *task, const struct state_position *position,
                               bool *is_sound)
{
    *is_sound = true;
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        struct replay *replay = task_follow_replay(task, i);
        const struct accord_log *log = replay == NULL ? NULL : replay_log(replay);
        if (log == NULL || !task_follow_takes_part(position, log)) {
            continue;
        }
        if (log->base.commit != position->commit) {
            return false;
        }
        *is_sound = *is_sound && replay_is_sound(replay);
    }
    return true;
}

static void task_follow_set_position(struct task *task, const struct state_position *position)
{
    state_position_copy(&task->position, position);
    state_position_clear_changelogs(&task->position);
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        const struct task_changelog *row = &task->changelogs[i];
        const struct replay *replay =
            row->changelog == NULL ? NULL : changelog_replay(row->changelog);
        const struct accord_log *log = replay == NULL ? NULL : replay_log(replay);
        if (log != NULL && task_follow_takes_part(position, log)) {
            state_position_set_changelog(&task->position, log->store, log->topic_id,
                                         replay_base_offset(replay));
        }
    }
}

static void task_follow_checkpoint(struct task *task)
{
    const struct state_position *furthest = task_follow_furthest(task);
    bool is_sound = false;
    if (furthest == NULL || furthest->commit <= task->position.commit ||
        !task_is_checkpoint_due(task, TASK_FOLLOW_CHECKPOINT_NS)) {
        task_follow_hold(task, INT64_MAX);
        return;
    }
    if (!task_follow_agrees(task, furthest, &is_sound)) {
        task_follow_hold(task, furthest->commit);
        return;
    }
    if (is_sound) {
        trace(TRACE_INFO, "task.copy_checkpointed", TRACE_STRING("part", task->options.part->name),
              TRACE_INT("partition", task->options.partition),
              TRACE_INT("commit", furthest->commit));
        task_follow_set_position(task, furthest);
        task_checkpoint(task);
    }
    task_follow_hold(task, INT64_MAX);
}

static void task_follow_on_time(struct io_timer *timer)
{
    struct task *task = timer->owner;
    if (task->state == TASK_FOLLOWING && !task->is_closing) {
        task_follow_checkpoint(task);
        io_timer_start(task->io, timer, TASK_FOLLOW_TICK_NS);
    }
}

void task_follow(struct task *task, struct fetcher *fetcher)
{
    check(task->state == TASK_NEW);
    task->state = TASK_FOLLOWING;
    task->follow_fetcher = fetcher;
    task->follow_timer = (struct io_timer){.fired = task_follow_on_time, .owner = task};
    task_restore_open(task);
}

void task_follow_begin(struct task *task)
{
    state_position_copy(&task->position, state_position(task->stores));
    task->checkpoint_ns = io_now(task->io);
    io_timer_start(task->io, &task->follow_timer, TASK_FOLLOW_TICK_NS);
}

void task_follow_step(struct task *task)
{
    if (task->state != TASK_FOLLOWING || task->is_closing || task->changelogs == NULL) {
        return;
    }
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        if (task->state == TASK_FOLLOWING && task->changelogs[i].changelog != NULL) {
            changelog_step(task->changelogs[i].changelog);
        }
    }
    if (task->state == TASK_FOLLOWING) {
        task_follow_checkpoint(task);
    }
}

void task_follow_end(struct task *task)
{
    trace(TRACE_INFO, "task.copy_starts", TRACE_STRING("part", task->options.part->name),
          TRACE_INT("partition", task->options.partition), TRACE_INT("lag", task_follow_lag(task)));
    task->state = TASK_RESTORING;
    io_timer_stop(task->io, &task->follow_timer);
    if (task->changelogs == NULL) {
        return; /* the stores are waited for */
    }
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        struct task_changelog *row = &task->changelogs[i];
        if (row->changelog != NULL) {
            row->followed_count = replay_count(changelog_replay(row->changelog));
            changelog_finish(row->changelog);
        }
    }
    task_restore_clock(task);
}

bool task_is_following(const struct task *task)
{
    return task->state == TASK_FOLLOWING;
}

static bool task_follow_reach(const struct task *task, size_t index, int64_t *position,
                              int64_t *end)
{
    const struct task_changelog *row = &task->changelogs[index];
    const struct state_position_row *made =
        state_position_changelog(&task->position, kv_name(row->kv));
    if (row->changelog != NULL) {
        return changelog_reach(row->changelog, position, end);
    }
    *position = *end = made == NULL ? 0 : made->offset;
    return task->state == TASK_RUNNING;
}

bool task_read_reach(const struct task *task, struct task_reach *out)
{
    bool is_known = task->state != TASK_NEW && task->state != TASK_FAILED;
    *out = (struct task_reach){0};
    if (!is_known || task->changelogs == NULL) {
        return false;
    }
    for (size_t i = 0; i < state_store_count(task->stores) && is_known; i++) {
        int64_t position = 0;
        int64_t end = 0;
        if (task->changelogs[i].topic == NULL) {
            continue;
        }
        is_known = task_follow_reach(task, i, &position, &end);
        const struct state_position_row *kept =
            state_position_changelog(state_position(task->stores), kv_name(task->changelogs[i].kv));
        bool is_kept = state_is_persistent(task->stores, i) && out->kept >= 0;
        out->kept = !is_kept ? -1 : kept == NULL ? out->kept : out->kept + kept->offset;
        out->position += position;
        out->end += end;
    }
    return is_known;
}

int64_t task_follow_lag(const struct task *task)
{
    int64_t lag = 0;
    if (task->state != TASK_FOLLOWING || task->changelogs == NULL) {
        return -1;
    }
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        const struct changelog *changelog = task->changelogs[i].changelog;
        int64_t left = changelog == NULL ? 0 : changelog_lag(changelog);
        lag = left < 0 || lag < 0 ? -1 : lag + left;
    }
    return lag;
}
