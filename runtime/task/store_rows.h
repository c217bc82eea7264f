/* The rows of a task's store as records, for people who look into it: keys, values and windows as
 * they would come out of the step that keeps them.
 *
 * What is seen is the state of the moment, what is not committed yet included.
 *
 * Owns:   a place to build what is read.
 * Keeps:  a walk gives keys in the order of the store; what a step keeps for itself alone is left
 *         out.
 * Thread: the task's shard. */
#pragma once

#include "runtime/task/task.h"

struct store_rows {
    struct task *task;
    const struct topology_store *store;
    struct kv *kv;
    struct node *node; /* who knows how to read it; NULL: rows are keys and values */
    struct history history;
    struct arena arena;
    struct buffer place; /* the row that was read last: where a walk goes on */
    bool has_begun;
};

/* False when the task has no such store, or is not running. */
bool store_rows_open(struct store_rows *rows, struct task *task, const char *name);
void store_rows_close(struct store_rows *rows);
/* Looks at the next rows, `count_max` at most, until one is for people: 1 with the record, borrowed
 * until the next call; 0 at the end; ERROR_AGAIN when that many were looked at in vain; or
 * ERROR_CORRUPT. */
must_use int store_rows_next(struct store_rows *rows, size_t count_max, struct record *out);
