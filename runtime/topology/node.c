/* The parts that all nodes share; see node.h. */
#include "runtime/topology/node.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

struct decoded *node_shared(const struct node_context *context, const struct record *record)
{
    const struct record *source = context->source;
    bool is_source = source != NULL && record->value.data == source->value.data &&
                     record->value.size == source->value.size;
    return is_source ? context->decoded : NULL;
}

struct decoded *node_decoded(const struct node_context *context, struct decoded *own,
                             const struct record *record)
{
    struct decoded *shared = node_shared(context, record);
    decoded_clear(own);
    return shared == NULL ? own : shared;
}

bool node_expect_children(struct node *node, const struct record *record)
{
    bool is_of_use = false;
    for (size_t i = 0; i < node->child_count; i++) {
        is_of_use |= node_expect(node->children[i], record);
    }
    return is_of_use;
}

int node_hide_row(struct node *node, struct node_context *context, struct bytes key,
                  struct bytes value, struct record *out)
{
    (void)node;
    (void)context;
    (void)key;
    (void)value;
    (void)out;
    return 0;
}

void node_init(struct node *node, const struct node_ops *ops, const char *name)
{
    *node = (struct node){.ops = ops, .name = memory_string(name)};
}

void node_fini(struct node *node)
{
    free(node->name);
    free(node->children);
    *node = (struct node){0};
}

void node_add_child(struct node *node, struct node *child)
{
    check(child != NULL);
    node->children =
        memory_resize(node->children, (node->child_count + 1) * sizeof *node->children);
    node->children[node->child_count++] = child;
}

int node_fail(struct node *node, struct node_context *context, int error, const char *kind,
              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context->error_text, sizeof context->error_text, format, arguments);
    va_end(arguments);
    context->error_place[0] = 0;
    context->error_kind = kind;
    context->error_node = node;
    return error;
}

int node_fail_time(struct node *node, struct node_context *context, const struct record *record)
{
    return node_fail(node, context, ERROR_INVALID, "process",
                     "%lld is no time in milliseconds since 1970, which ends with the year 9999",
                     (long long)record->timestamp_ms);
}
