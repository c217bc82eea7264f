/* The rows of a store as records, for people who look into it: keys, values and windows as
 * they come out of the step that keeps them. What a step keeps for itself is left out.
 *
 * What is seen is the state of the moment, with what is not committed yet.
 *
 * Owns:   places to build what is read. The store is the task's, or that of a global table.
 * Thread: the task's shard, in one turn. */
#pragma once

#include "runtime/state/kv_windows.h"
#include "runtime/topology/topology_instance.h"

struct store_rows {
    const struct topology_store *store;
    struct kv *kv;
    struct kv *expiring;         /* the view of a store with a ttl, ours; NULL: it has none */
    struct kv_windows windows;   /* of a store with them */
    struct node *node;           /* that understands the rows; NULL: they are keys and values */
    struct node_context context; /* in which it is asked */
    struct arena arena;
    struct buffer key;
};

/* See task_open_rows and global_open_rows. The store is one of the instance's plan. */
void store_rows_init(struct store_rows *rows, const struct topology_store *store, struct kv *kv,
                     const struct topology_instance *instance, const struct node_context *context);
void store_rows_fini(struct store_rows *rows);
/* Whether the step that keeps the store shows nothing of it. */
bool store_rows_is_hidden(const struct store_rows *rows);
/* The record of one key: 1, borrowed until the next call; 0: there is none, or the store has
 * several for a key (store_rows_has_plain_keys); or ERROR_CORRUPT. */
must_use int store_rows_get(struct store_rows *rows, struct bytes key, struct record *out);
/* Whether each key has one record, found under the key itself. */
bool store_rows_has_plain_keys(const struct store_rows *rows);
/* Tells the records from `place` on, a row of the store (empty: its start), up to the row `to`
 * (null: its end), in the order of the store: 1 at the end; 0 when `count_max` rows were looked at
 * or `each` returned false, with the place of what is next; or ERROR_CORRUPT. */
must_use int store_rows_walk(struct store_rows *rows, struct buffer *place, struct bytes to,
                             size_t count_max,
                             bool (*each)(void *owner, const struct record *record), void *owner);
