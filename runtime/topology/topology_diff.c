/* Comparing plans; see topology_diff.h. */
#include "runtime/topology/topology_diff.h"

#include "log/base/memory.h"
#include "runtime/topology/topology_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_SIZE = 300 };

/* --- Inputs ----------------------------------------------------------------------------------- */

/* A pattern stands for what it matches, which is not known of both plans. */
static bool reads(const struct topology_source *source, const char *name)
{
    if (source->pattern != NULL) {
        return strcmp(source->pattern, name) == 0;
    }
    for (size_t i = 0; i < source->topic_count; i++) {
        if (strcmp(source->topics[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool plan_reads(const struct topology *plan, const char *name)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        if (plan->nodes[i].source != NULL && reads(plan->nodes[i].source, name)) {
            return true;
        }
    }
    return false;
}

/* A list without doubles, of texts that the plans own. */
struct names {
    const char **items;
    size_t count;
};

static void add_name(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return;
        }
    }
    names->items = memory_resize(names->items, (names->count + 1) * sizeof *names->items);
    names->items[names->count++] = name;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void sort_names(struct names *names)
{
    if (names->count > 0) {
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    }
}

static void add_inputs(struct names *names, const struct topology *plan)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        const struct topology_source *source = plan->nodes[i].source;
        if (source != NULL && source->pattern != NULL) {
            add_name(names, source->pattern);
        }
        for (size_t j = 0; source != NULL && source->pattern == NULL && j < source->topic_count;
             j++) {
            add_name(names, source->topics[j]);
        }
    }
}

static void diff_inputs(const struct topology *from, const struct topology *to,
                        void (*each)(void *owner, const struct topology_change *change),
                        void *owner)
{
    const struct topology *const plans[] = {from, to};
    struct names names = {0};
    for (size_t i = 0; i < 2; i++) {
        add_inputs(&names, plans[i]);
    }
    sort_names(&names);
    for (size_t i = 0; i < names.count; i++) {
        bool was_read = plan_reads(from, names.items[i]);
        bool is_read = plan_reads(to, names.items[i]);
        struct topology_change change = {.name = names.items[i],
                                         .fate = was_read && is_read ? TOPOLOGY_KEPT
                                                 : is_read           ? TOPOLOGY_NEW
                                                                     : TOPOLOGY_UNUSED,
                                         .why = ""};
        each(owner, &change);
    }
    free(names.items);
}

/* --- Stores ----------------------------------------------------------------------------------- */

/* The part that keeps a store, 0 for a global one. */
static uint32_t part_of(const struct topology *plan, const struct topology_store *store)
{
    for (size_t i = 0; i < plan->part_count; i++) {
        for (size_t j = 0; j < plan->parts[i].store_count; j++) {
            if (plan->parts[i].stores[j] == store) {
                return plan->parts[i].id;
            }
        }
    }
    return 0;
}

/* How its rows are laid out by who says so; "" when nobody does. */
static const char *layout_of(const struct topology *plan, const char *store)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        const struct topology_node *node = &plan->nodes[i].node;
        if (node->layout != NULL && node->store_count > 0 && strcmp(node->stores[0], store) == 0) {
            return node->layout;
        }
    }
    return "";
}

static enum topology_fate refuse(char *why, const char *was, const char *is)
{
    snprintf(why, WHY_SIZE, "it holds %s and would be used as %s: give the store a new name", was,
             is);
    return TOPOLOGY_REFUSED;
}

/* What its values belong to. */
static const char *windows_of(const struct topology_store *store)
{
    if (store->retention_ms == 0) {
        return "values by key";
    }
    return store->has_sessions ? "values by session" : "values by window";
}

static int version_of(const struct topology_store *store)
{
    return store->version < 1 ? 1 : (int)store->version;
}

static enum topology_fate judge_version(const struct topology_store *old,
                                        const struct topology_store *new, char *why)
{
    if (version_of(old) == version_of(new)) {
        return TOPOLOGY_KEPT;
    }
    snprintf(why, WHY_SIZE, "values of version %d are migrated to %d when they are read",
             version_of(old), version_of(new));
    return TOPOLOGY_MIGRATED;
}

static enum topology_fate judge(const struct topology *from, const struct topology_store *old,
                                const struct topology *to, const struct topology_store *new,
                                char *why)
{
    const char *old_layout = layout_of(from, old->name);
    const char *new_layout = layout_of(to, new->name);
    if (old->is_global || new->is_global) {
        return TOPOLOGY_KEPT; /* it is read from its topic at each start */
    }
    if (old->value_format != new->value_format) {
        return refuse(why, value_format_name(old->value_format),
                      value_format_name(new->value_format));
    }
    if ((old->history_ms > 0) != (new->history_ms > 0)) {
        return refuse(why, old->history_ms > 0 ? "a history" : "newest values alone",
                      new->history_ms > 0 ? "a history" : "newest values alone");
    }
    if ((old->ttl_ms > 0) != (new->ttl_ms > 0)) {
        return refuse(why, old->ttl_ms > 0 ? "values with a ttl" : "values that stay",
                      new->ttl_ms > 0 ? "values with a ttl" : "values that stay");
    }
    if (strcmp(windows_of(old), windows_of(new)) != 0) {
        return refuse(why, windows_of(old), windows_of(new));
    }
    if (strcmp(old_layout, new_layout) != 0) {
        return refuse(why, old_layout[0] == 0 ? "what functions put" : old_layout,
                      new_layout[0] == 0 ? "what functions put" : new_layout);
    }
    if (version_of(new) < version_of(old)) {
        snprintf(
            why, WHY_SIZE,
            "its values may be of version %d and would be read as version %d: keep the version "
            "and its migrate",
            version_of(old), version_of(new));
        return TOPOLOGY_REFUSED;
    }
    bool is_moved = part_of(from, old) != part_of(to, new);
    if (!is_moved && old->kind == new->kind) {
        return judge_version(old, new, why);
    }
    bool is_restored = old->has_changelog && new->has_changelog;
    snprintf(why, WHY_SIZE, "%s%s", is_moved ? "another part of the plan keeps it" : "its kind",
             is_restored ? "" : ", and it has no changelog");
    return is_restored ? TOPOLOGY_RESTORED : TOPOLOGY_NEW;
}

static void diff_stores(const struct topology *from, const struct topology *to,
                        void (*each)(void *owner, const struct topology_change *change),
                        void *owner)
{
    const struct topology *const plans[] = {from, to};
    struct names names = {0};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < plans[i]->store_count; j++) {
            add_name(&names, plans[i]->stores[j]->name);
        }
    }
    sort_names(&names);
    for (size_t i = 0; i < names.count; i++) {
        char why[WHY_SIZE] = "";
        const struct topology_store *old = topology_plan_find_store(from, names.items[i]);
        const struct topology_store *new = topology_plan_find_store(to, names.items[i]);
        struct topology_change change = {.name = names.items[i], .is_store = true, .why = why};
        change.fate = old == NULL   ? TOPOLOGY_NEW
                      : new == NULL ? TOPOLOGY_UNUSED
                                    : judge(from, old, to, new, why);
        each(owner, &change);
    }
    free(names.items);
}

void topology_diff(const struct topology *from, const struct topology *to,
                   void (*each)(void *owner, const struct topology_change *change), void *owner)
{
    diff_inputs(from, to, each, owner);
    diff_stores(from, to, each, owner);
}

const char *topology_fate_name(enum topology_fate fate)
{
    static const char *const names[] = {
        [TOPOLOGY_KEPT] = "kept",         [TOPOLOGY_NEW] = "new",
        [TOPOLOGY_MIGRATED] = "migrated", [TOPOLOGY_RESTORED] = "restored",
        [TOPOLOGY_UNUSED] = "unused",     [TOPOLOGY_REFUSED] = "refused"};
    return names[fate];
}
