/* Branches; see branch_node.h. */
#include "runtime/operators/branch_node.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct branch_node {
    struct node node;
    struct judge *judges;
    size_t judge_count;
};

static int branch_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct branch_node *branch = (struct branch_node *)(void *)node;
    check(node->child_count == branch->judge_count);
    for (size_t i = 0; i < branch->judge_count; i++) {
        int result = judge_ask(&branch->judges[i], node, context, record);
        if (result < 0) {
            return result;
        }
        if (result == 1) {
            return node_process(node->children[i], context, record);
        }
    }
    return 0;
}

static void branch_free(struct node *node)
{
    struct branch_node *branch = (struct branch_node *)(void *)node;
    for (size_t i = 0; i < branch->judge_count; i++) {
        judge_free(&branch->judges[i]);
    }
    free(branch->judges);
    node_fini(node);
    free(branch);
}

static const struct node_ops branch_ops = {.process = branch_process, .free = branch_free};

struct node *branch_node_new(const char *name, const struct judge *judges, size_t count)
{
    struct branch_node *branch = memory_new(struct branch_node);
    node_init(&branch->node, &branch_ops, name);
    branch->judges = memory_zero(count, sizeof *judges);
    branch->judge_count = count;
    for (size_t i = 0; i < count; i++) {
        branch->judges[i] = judges[i];
    }
    return &branch->node;
}
