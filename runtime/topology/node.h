/* Where nodes of a topology meet: each takes a record and forwards records to its children.
 *
 * Processing is depth-first and synchronous: when node_process of a source node returns, everything
 * that the record caused has happened (staged in the context, see below). A child may not change
 * what its siblings see: whoever changes a record forwards a changed copy of the struct.
 *
 * Owns:   a node owns its private state; the topology owns the nodes.
 * Thread: the task's shard. */
#pragma once

#include "log/base/arena.h"
#include "runtime/format/decoded.h"
#include "runtime/format/record.h"
#include "runtime/state/kv.h"

struct node;

/* What the task gives to the nodes while one record (or timer) is processed. Emits and store writes
 * are staged; the task applies them when the source node returned 0 and undoes them otherwise. */
struct node_context {
    struct arena *arena;    /* lives until the record is done */
    int64_t stream_time_ms; /* largest timestamp processed, this record included */
    int64_t wall_clock_ms;  /* see node_wall_clock_ms; -1: nobody asked in this call */
    int64_t (*read_wall_clock)(struct node_context *context);
    const struct record *source; /* the record as it was read; NULL in a timer */
    struct decoded *decoded;     /* where all read the source's value; NULL: each for himself */
    /* Emits to a topic; record->partition is -1 (the key decides) or chosen. Views must stay valid
     * until the record is done (arena, source or constants). The format of the value is the
     * emitter's matter. 0 or an error (ERROR_NO_MEMORY past the emit limit). */
    int (*emit)(struct node_context *context, const char *topic, const struct record *record);
    /* The store with this name of the current task; NULL if the topology did not declare it. The
     * same for the whole life of the task: nodes ask in `start`. */
    struct kv *(*store)(struct node_context *context, const char *name);
    /* Why the last node_process failed: filled by the node that failed. */
    char error_text[512];
    char error_place[128];  /* "app.lua:12" */
    const char *error_kind; /* "process", "decode", "encode", "timeout", "memory", "emit" */
    const struct node *error_node;
    bool ends_task; /* the failure is not the record's: the task begins anew from its commit */
    int late_count; /* windows that the record of this call missed; see late.h */
    void *owner;
};

struct node_ops {
    /* 0, or a negative error with context->error_* filled. */
    int (*process)(struct node *node, struct node_context *context, const struct record *record);
    /* The record comes a few records from now, perhaps: what will be read of stores may begin to
     * come to the caches (kv_expect). Changes nothing. Its time is -1 when it is not known yet.
     * Whether that was of use to anybody; NULL: never. */
    bool (*expect)(struct node *node, const struct record *record);
    /* A timer of this node is due (see topology.h); NULL when it has none. */
    int (*tick)(struct node *node, struct node_context *context, int timer, int64_t scheduled_ms);
    void (*free)(struct node *node);
    /* The task begins or ends with its stores at hand; NULL when the node does not care. Both may
     * emit and write to stores, like process. */
    int (*start)(struct node *node, struct node_context *context);
    int (*stop)(struct node *node, struct node_context *context);
    /* For a node that closes things by a time of its own (topology_node.idle_ms), else NULL: how
     * far that time has to go until nothing is open, INT64_MIN when nothing is; and to go there,
     * which may emit and write to stores, like process. */
    int64_t (*horizon)(struct node *node);
    int (*advance)(struct node *node, struct node_context *context, int64_t time_ms);
    /* For a node with a row_store: reads one of its rows as what would come out of the node. 1, 0
     * for a row that is the node's own affair, or an error with context->error_* filled; `out` is
     * borrowed from the row, the node and the arena. Changes nothing. */
    int (*read_row)(struct node *node, struct node_context *context, struct bytes key,
                    struct bytes value, struct record *out);
    /* The node looks at old_value of changes; its parents may save the work otherwise. */
    bool wants_old;
};

/* What the nodes of one name cost, in all tasks of a shard. */
struct node_usage {
    char *name;
    int64_t call_count;
    int64_t emit_count;
    int64_t time_ms; /* processor time, by sampling */
};

struct node {
    const struct node_ops *ops;
    char *name; /* owned; unique in the topology */
    struct node **children;
    size_t child_count;
    struct node_usage *usage; /* of who counts, who owns it; NULL: nobody does yet */
    bool sends_old;           /* somebody behind it wants old values */
    /* The store whose rows this node alone understands; NULL: none. Borrowed as long as it lives.
     */
    const char *row_store;
    bool row_is_keyed; /* each of its rows stands under the record's key */
};

/* The task's, in milliseconds, constant during one call. It is read when somebody asks: for most
 * records nobody does. */
static inline int64_t node_wall_clock_ms(struct node_context *context)
{
    if (context->wall_clock_ms < 0) {
        context->wall_clock_ms = context->read_wall_clock(context);
    }
    return context->wall_clock_ms;
}

static inline int node_process(struct node *node, struct node_context *context,
                               const struct record *record)
{
    return node->ops->process(node, context, record);
}

static inline bool node_expect(struct node *node, const struct record *record)
{
    return node->ops->expect != NULL && node->ops->expect(node, record);
}

/* The `expect` of a node that hands on what it gets with key and time as they are. */
bool node_expect_children(struct node *node, const struct record *record);

/* The failure of a record whose time is impossible. */
must_use int node_fail_time(struct node *node, struct node_context *context,
                            const struct record *record);

/* Hands the record to every child, in order; stops at the first failure. A record with an
 * impossible time goes nowhere. */
static inline int node_forward(struct node *node, struct node_context *context,
                               const struct record *record)
{
    if (!record_has_possible_time(record)) {
        return node_fail_time(node, context, record);
    }
    for (size_t i = 0; i < node->child_count; i++) {
        int error = node_process(node->children[i], context, record);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Where to read the value of a record that is the source's, so that it is read once; NULL for
 * others, whose bytes may be replaced while the source is processed. */
struct decoded *node_shared(const struct node_context *context, const struct record *record);
/* The same, or `own`, cleared. */
struct decoded *node_decoded(const struct node_context *context, struct decoded *own,
                             const struct record *record);
/* A read_row for a store that tells nobody anything. */
int node_hide_row(struct node *node, struct node_context *context, struct bytes key,
                  struct bytes value, struct record *out);
void node_init(struct node *node, const struct node_ops *ops, const char *name);
/* Frees the name and the list of children, not the children. */
void node_fini(struct node *node);
void node_add_child(struct node *node, struct node *child);
/* Fills context->error_*; returns `error`. */
__attribute__((format(printf, 5, 6))) int node_fail(struct node *node, struct node_context *context,
                                                    int error, const char *kind, const char *format,
                                                    ...);
