/* Sends both values of a change to the keys that a mapper gives them, so that an aggregate can take
 * the old one away and add the new one.
 *
 * With the same key for both that is one record, so that nobody sees the aggregate in between
 * (KIP-904); else the old one goes first. A value without a key, or that the mapper drops, goes
 * nowhere; so do past changes, which the aggregate of the newest values does not know.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/mapper.h"

/* Takes the mapper. */
struct node *table_group_node_new(const char *name, const struct mapper *mapper);
