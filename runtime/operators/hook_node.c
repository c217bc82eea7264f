/* Nodes made of C functions; see hook_node.h. */
#include "runtime/operators/hook_node.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct hooked {
    struct node node;
    struct hook_node hook;
};

static int hooked_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct hooked *hooked = (struct hooked *)(void *)node;
    if (hooked->hook.on_record == NULL) {
        return node_forward(node, context, record);
    }
    struct record copy = *record;
    int result = hooked->hook.on_record(hooked->hook.owner, node, context, &copy);
    return result == 1 ? node_forward(node, context, &copy) : result;
}

static void hooked_free(struct node *node)
{
    struct hooked *hooked = (struct hooked *)(void *)node;
    if (hooked->hook.free != NULL) {
        hooked->hook.free(hooked->hook.owner);
    }
    node_fini(node);
    free(hooked);
}

static const struct node_ops hooked_ops = {.process = hooked_process, .free = hooked_free};

struct node *hook_node_new(const char *name, const struct hook_node *hook)
{
    struct hooked *hooked = memory_new(struct hooked);
    node_init(&hooked->node, &hooked_ops, name);
    hooked->hook = *hook;
    return &hooked->node;
}

struct node *hook_node_new_pass(const char *name)
{
    return hook_node_new(name, &(struct hook_node){0});
}
