/* Grouping of tables; see table_group_node.h. */
#include "runtime/operators/table_group_node.h"

#include "log/base/memory.h"
#include "runtime/operators/table_store.h"

#include <stdlib.h>

struct table_group_node {
    struct node node;
    struct mapper mapper;
};

static struct table_group_node *table_group_node_of(struct node *node)
{
    return (struct table_group_node *)(void *)node;
}

/* 1 with key and value of one side of the change, 0 or an error. */
static int map_side(struct table_group_node *it, struct node_context *context,
                    const struct record *record, struct bytes value, struct record *out)
{
    if (bytes_is_null(value)) {
        return 0;
    }
    struct record asked = *record;
    asked.value = value;
    asked.is_change = false;
    asked.old_value = (struct bytes){0};
    int result = mapper_map(&it->mapper, &it->node, context, &asked, out);
    return result == 1 && (bytes_is_null(out->key) || bytes_is_null(out->value)) ? 0 : result;
}

/* The new value in the place of the old one; either may be NULL. */
static int forward_change(struct table_group_node *it, struct node_context *context,
                          const struct record *old, const struct record *new)
{
    struct record change = new == NULL ? *old : *new;
    struct kept_value kept = {0};
    if (new == NULL) {
        change.value = (struct bytes){0};
    }
    if (old != NULL) {
        kept = table_store_kept(old);
    }
    int error = table_store_change(&it->node, context, &kept, &change);
    return error == 0 ? node_forward(&it->node, context, &change) : error;
}

static int table_group_process(struct node *node, struct node_context *context,
                               const struct record *record)
{
    struct table_group_node *it = table_group_node_of(node);
    struct record old;
    struct record new;
    if (record->is_past) {
        return 0;
    }
    int has_old = map_side(it, context, record, record->old_value, &old);
    if (has_old < 0) {
        return has_old;
    }
    int has_new = map_side(it, context, record, record->value, &new);
    if (has_new < 0) {
        return has_new;
    }
    if (has_old == 1 && has_new == 1 && bytes_equal(old.key, new.key)) {
        return forward_change(it, context, &old, &new);
    }
    int error = has_old == 1 ? forward_change(it, context, &old, NULL) : 0;
    return error == 0 && has_new == 1 ? forward_change(it, context, NULL, &new) : error;
}

static void table_group_free(struct node *node)
{
    struct table_group_node *it = table_group_node_of(node);
    mapper_free(&it->mapper);
    node_fini(node);
    free(it);
}

static const struct node_ops table_group_ops = {
    .process = table_group_process, .free = table_group_free, .wants_old = true};

struct node *table_group_node_new(const char *name, const struct mapper *mapper)
{
    struct table_group_node *it = memory_new(struct table_group_node);
    node_init(&it->node, &table_group_ops, name);
    it->mapper = *mapper;
    return &it->node;
}
