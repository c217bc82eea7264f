/* Filters; see filter_node.h. */
#include "runtime/operators/filter_node.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct filter_node {
    struct node node;
    struct judge judge;
    bool is_inverted;
};

static int filter_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct filter_node *filter = (struct filter_node *)(void *)node;
    int result = judge_ask(&filter->judge, node, context, record);
    if (result < 0) {
        return result;
    }
    return (result == 1) != filter->is_inverted ? node_forward(node, context, record) : 0;
}

static void filter_free(struct node *node)
{
    struct filter_node *filter = (struct filter_node *)(void *)node;
    judge_free(&filter->judge);
    node_fini(node);
    free(filter);
}

static const struct node_ops filter_ops = {
    .process = filter_process, .expect = node_expect_children, .free = filter_free};

struct node *filter_node_new(const char *name, struct judge judge, bool is_inverted)
{
    struct filter_node *filter = memory_new(struct filter_node);
    node_init(&filter->node, &filter_ops, name);
    filter->judge = judge;
    filter->is_inverted = is_inverted;
    return &filter->node;
}
