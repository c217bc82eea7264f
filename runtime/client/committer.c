/* One commit after the other; see committer.h. */
#include "runtime/client/committer.h"

#include "log/base/error.h"

static void committer_finish(struct committer *committer, int error)
{
    struct member_commit *commit =
        list_member(list_take(&committer->queue), struct member_commit, link);
    backoff_clear(&committer->backoff);
    if (!list_is_empty(&committer->queue)) {
        io_timer_start(committer->io, &committer->timer, 0);
    }
    commit->done(commit, error);
    if (list_is_empty(&committer->queue)) {
        committer->idle(committer->owner);
    }
}

static struct member_commit *committer_first(struct committer *committer)
{
    return list_member(committer->queue.head.next, struct member_commit, link);
}

static void committer_repeat(struct committer *committer, int error)
{
    if (io_now(committer->io) >= committer_first(committer)->deadline) {
        committer_finish(committer, error);
        return;
    }
    io_timer_start(committer->io, &committer->timer,
                   backoff_next(&committer->backoff, committer->io));
}

static bool committer_is_about_name(int error)
{
    return error == ERROR_ILLEGAL_GENERATION || error == ERROR_UNKNOWN_MEMBER_ID;
}

static void committer_on_done(struct offsets_commit *sending, int error)
{
    struct committer *committer = sending->owner;
    committer->is_sending = false;
    if (locator_is_misplaced(error)) {
        locator_expire(committer->locator);
    }
    if (committer_is_about_name(error)) {
        /* The member may have got a new name meanwhile without losing the partitions. */
        struct offsets_identity now;
        const struct member_commit *commit = committer_first(committer);
        if (committer->identify(committer->owner, commit, &now) != 0 ||
            now.generation == sending->identity.generation) {
            committer_finish(committer, error);
            return;
        }
    }
    bool is_healing = error == ERROR_REBALANCE_IN_PROGRESS || committer_is_about_name(error) ||
                      locator_is_misplaced(error) ||
                      (error != 0 && error != ERROR_CANCELLED && error_is_retriable(error));
    if (is_healing) {
        committer_repeat(committer, error);
    } else {
        committer_finish(committer, error);
    }
}

static void committer_on_timer(struct io_timer *timer)
{
    struct committer *committer = timer->owner;
    if (committer->is_sending || list_is_empty(&committer->queue)) {
        return;
    }
    struct member_commit *commit = committer_first(committer);
    struct offsets_commit *sending = &committer->sending;
    *sending = (struct offsets_commit){.done = committer_on_done, .owner = committer};
    int error = committer->identify(committer->owner, commit, &sending->identity);
    if (error != 0) {
        committer_finish(committer, error);
        return;
    }
    if (committer->locator->node_id < 0) {
        committer->search(committer->owner);
        committer_repeat(committer, ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    sending->partitions = commit->partitions;
    sending->count = commit->count;
    sending->coordinator_id = committer->locator->node_id;
    committer->is_sending = true;
    offsets_commit_start(committer->client, sending);
}

void committer_init(struct committer *committer, struct client *client, struct locator *locator)
{
    const struct client_options *options = client_get_options(client);
    *committer = (struct committer){
        .client = client,
        .io = client_io(client),
        .locator = locator,
        .backoff = {.first_ms = options->retry_backoff_ms, .max_ms = options->retry_backoff_max_ms},
    };
    committer->timer = (struct io_timer){.fired = committer_on_timer, .owner = committer};
    list_init(&committer->queue);
}

void committer_fini(struct committer *committer)
{
    check(list_is_empty(&committer->queue));
    io_timer_stop(committer->io, &committer->timer);
}

void committer_add(struct committer *committer, struct member_commit *commit)
{
    int64_t timeout_ms = client_get_options(committer->client)->request_timeout_ms;
    commit->deadline = io_now(committer->io) + (uint64_t)timeout_ms * 1000000u;
    bool was_idle = list_is_empty(&committer->queue);
    list_add(&committer->queue, &commit->link);
    if (was_idle) {
        io_timer_start(committer->io, &committer->timer, 0);
    }
}

bool committer_is_idle(const struct committer *committer)
{
    return list_is_empty(&committer->queue);
}
