/* Sends the commits of a member one after the other, so that none overtakes another.
 *
 * Owns:   the commits between add and their `done`.
 * Keeps:  (1) one request at a time, in the order of the calls;
 *         (2) each commit is called back exactly once, on a later turn;
 *         (3) what may heal is repeated until the commit's deadline, each time in the name the
 *             member has then.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/backoff.h"
#include "runtime/client/locator.h"
#include "runtime/client/offsets.h"

struct committer {
    struct client *client;
    struct io *io;
    struct locator *locator;
    struct list queue;
    bool is_sending;
    struct offsets_commit sending;
    struct io_timer timer;
    struct backoff backoff;
    /* In whose name to commit, or the error that says why not any more. */
    int (*identify)(void *owner, const struct member_commit *commit, struct offsets_identity *out);
    /* The coordinator is not known: look for it. */
    void (*search)(void *owner);
    /* The queue became empty. */
    void (*idle)(void *owner);
    void *owner;
};

void committer_init(struct committer *committer, struct client *client, struct locator *locator);
/* Everything was called back before. */
void committer_fini(struct committer *committer);
void committer_add(struct committer *committer, struct member_commit *commit);
bool committer_is_idle(const struct committer *committer);
