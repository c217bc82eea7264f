/* A node whose work is a C function; also the node that only passes on (merge, one arm of a
 * branch, peek).
 *
 * Owns:   what `owner` points to, through `free`.
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct hook_node {
    /* Gets a copy of the record to change; what it points to must lie in the context's arena. 1: it
     * goes on, 0: it is dropped, or an error with the context filled. NULL: always 1. */
    int (*on_record)(void *owner, struct node *node, struct node_context *context,
                     struct record *record);
    void (*free)(void *owner);
    void *owner;
};

struct node *hook_node_new(const char *name, const struct hook_node *hook);
/* Passes everything on. */
struct node *hook_node_new_pass(const char *name);
