/* The store of a table: a kept value (runtime/format/kept_value.h) per key, or the history of each
 * key.
 *
 * Those who join with a table, or keep one, see its store through this; errors fill the context for
 * the node that asks.
 *
 * Owns:   places to build what is read and written.
 * Keeps:  what is found lies in the context's arena.
 * Thread: the task's shard. */
#pragma once

#include "runtime/format/kept_value.h"
#include "runtime/state/history.h"
#include "runtime/topology/node.h"

enum { TABLE_STORE_NO_HISTORY = -1 };

struct table_store_options {
    const char *name;
    int64_t history_ms; /* TABLE_STORE_NO_HISTORY: only the newest value of a key is kept */
};

struct table_store {
    char *name;
    struct kv *kv;
    bool has_history;
    struct history history;
    struct buffer stored;
};

void table_store_init(struct table_store *store, const struct table_store_options *options);
void table_store_fini(struct table_store *store);
/* In `start` of the node. */
void table_store_open(struct table_store *store, struct node_context *context);

/* What the key has: 1, 0 or an error. With history it is what the key had at that time (INT64_MAX:
 * has now); else the time is not looked at. */
must_use int table_store_get(struct table_store *store, struct node *node,
                             struct node_context *context, struct bytes key, int64_t as_of_ms,
                             struct kept_value *out);
enum table_store_result { TABLE_STORE_NEWEST, TABLE_STORE_PAST, TABLE_STORE_TOO_OLD };
/* The key has this from the time on; a null value removes it. A result, or an error. */
must_use int table_store_put(struct table_store *store, struct node *node,
                             struct node_context *context, struct bytes key,
                             const struct kept_value *kept);

/* Reads a row of the store: 1, 0 or an error; see node_ops.read_row. A version's time is when it
 * began. */
must_use int table_store_read_row(struct table_store *store, struct node *node,
                                  struct node_context *context, struct bytes key,
                                  struct bytes value, struct record *out);

/* The value of a record as a table keeps it. */
struct kept_value table_store_kept(const struct record *record);
/* Makes a record a change of what was there, in one format. */
must_use int table_store_change(struct node *node, struct node_context *context,
                                const struct kept_value *old, struct record *record);
