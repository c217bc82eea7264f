/* Answers that are called back on a later turn. Inside log/coordinator.
 *
 * Owns:   the requests between the answer and its `done`.
 * Keeps:  `done` comes exactly once and never inside the call that caused it, even when the
 *         coordinator is gone by then.
 * Thread: the broker shard. */
#pragma once

#include "log/coordinator/coordinator.h"

struct outbox;

struct outbox *outbox_new(struct io *io);
/* What it holds is called back all the same. */
void outbox_free(struct outbox *outbox);
void outbox_add(struct outbox *outbox, struct coordinator_request *request);
