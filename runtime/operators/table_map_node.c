/* Tables of tables; see table_map_node.h. */
#include "runtime/operators/table_map_node.h"

#include "log/base/memory.h"
#include "runtime/operators/table_store.h"

#include <stdlib.h>

struct table_map_node {
    struct node node;
    struct mapper mapper;
    struct judge judge; /* a filter's, who is the owner of its mapper */
    bool is_inverted;
};

static struct table_map_node *table_map_node_of(struct node *node)
{
    return (struct table_map_node *)(void *)node;
}

/* What becomes of one value of the change. */
static int map_value(struct table_map_node *it, struct node_context *context,
                     const struct record *record, struct bytes value, struct kept_value *out)
{
    struct record asked = *record;
    struct record made;
    *out = (struct kept_value){.value_format = record->value_format};
    if (bytes_is_null(value)) {
        return 0;
    }
    asked.value = value;
    asked.is_change = false;
    asked.old_value = (struct bytes){0};
    int result = mapper_map(&it->mapper, &it->node, context, &asked, &made);
    if (result == 1) {
        *out = table_store_kept(&made);
    }
    return result < 0 ? result : 0;
}

static int table_map_process(struct node *node, struct node_context *context,
                             const struct record *record)
{
    struct table_map_node *it = table_map_node_of(node);
    struct kept_value old = {0};
    struct kept_value new;
    bool has_old = node->sends_old || node->ops->wants_old;
    int error = has_old ? map_value(it, context, record, record->old_value, &old) : 0;
    error = error == 0 ? map_value(it, context, record, record->value, &new) : error;
    if (error != 0) {
        return error;
    }
    if (has_old && bytes_is_null(old.value) && bytes_is_null(new.value)) {
        return 0;
    }
    struct record change = *record;
    change.value = new.value;
    change.value_format = new.value_format;
    error = table_store_change(node, context, &old, &change);
    return error == 0 ? node_forward(node, context, &change) : error;
}

static void table_map_free(struct node *node)
{
    struct table_map_node *it = table_map_node_of(node);
    mapper_free(&it->mapper);
    node_fini(node);
    free(it);
}

static const struct node_ops table_map_ops = {.process = table_map_process, .free = table_map_free};
static const struct node_ops table_map_ops_with_old = {
    .process = table_map_process, .free = table_map_free, .wants_old = true};

struct node *table_map_node_new(const char *name, const struct mapper *mapper)
{
    struct table_map_node *it = memory_new(struct table_map_node);
    node_init(&it->node, &table_map_ops, name);
    it->mapper = *mapper;
    return &it->node;
}

/* The value as it is, or none. */
static int ask_judge(void *owner, struct node *node, struct node_context *context,
                     const struct record *record, struct record *out)
{
    const struct table_map_node *it = owner;
    (void)out;
    int result = judge_ask(&it->judge, node, context, record);
    return result < 0 ? result : result != it->is_inverted;
}

static void free_judge(void *owner)
{
    judge_free(&((struct table_map_node *)owner)->judge);
}

struct node *table_map_node_new_filter(const char *name, const struct table_map_node_filter *filter)
{
    struct node *node = table_map_node_new(name, &(struct mapper){.map = ask_judge});
    struct table_map_node *it = table_map_node_of(node);
    it->judge = filter->judge;
    it->is_inverted = filter->is_inverted;
    it->node.ops = filter->knows_old ? &table_map_ops_with_old : &table_map_ops;
    it->mapper.free = free_judge;
    it->mapper.owner = it;
    return node;
}
