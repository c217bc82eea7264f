/* GET /groups/NAME: why a group rebalanced lately, as JSON.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/broker.h"

/* Appends the body; the HTTP status. */
unsigned explanation_write(struct broker *broker, struct bytes group, struct buffer *out);
