/* Compares two versions; see app_change.h. */
#include "runtime/app/app_change.h"

#include "log/base/memory.h"
#include "runtime/app/app_state.h"
#include "runtime/topology/topology_diff.h"

#include <stdlib.h>
#include <string.h>

struct app_changes {
    void (*each)(void *owner, const struct app_change *change);
    void *owner;
};

static void app_change_on_topology(void *owner, const struct topology_change *change)
{
    const struct app_changes *changes = owner;
    const struct app_change told = {.what = change->is_store ? "store" : "input",
                                    .name = change->name,
                                    .fate = topology_fate_name(change->fate),
                                    .why = change->why,
                                    .is_refused = change->fate == TOPOLOGY_REFUSED};
    changes->each(changes->owner, &told);
}

/* --- Connectors ------------------------------------------------------------------------------- */

static const struct script_connector *app_change_find(const struct script *script, const char *name,
                                                      bool is_sink)
{
    size_t count = 0;
    const struct script_connector *connectors = script_connectors(script, &count);
    for (size_t i = 0; i < count; i++) {
        if (connectors[i].is_sink == is_sink && strcmp(connectors[i].name, name) == 0) {
            return &connectors[i];
        }
    }
    return NULL;
}

static bool app_change_is_same_text(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static bool app_change_reads_same(const struct script_connector *old,
                                  const struct script_connector *new)
{
    bool is_same =
        app_change_is_same_text(old->pattern, new->pattern) && old->topic_count == new->topic_count;
    for (size_t i = 0; is_same && i < old->topic_count; i++) {
        is_same = strcmp(old->topics[i], new->topics[i]) == 0;
    }
    return is_same;
}

static void app_change_add_why(struct buffer *why, const char *name)
{
    buffer_printf(why, "%s%s", why->size == 0 ? "other " : ", ", name);
}

/* Names alone: a value may be a secret. Both lists are sorted by name. */
static void app_change_compare_options(const struct script_connector *old,
                                       const struct script_connector *new, struct buffer *why)
{
    size_t i = 0, j = 0;
    while (i < old->option_count || j < new->option_count) {
        int order = i == old->option_count   ? 1
                    : j == new->option_count ? -1
                                             : strcmp(old->options[i].name, new->options[j].name);
        if (order != 0) {
            app_change_add_why(why, order < 0 ? old->options[i].name : new->options[j].name);
        } else if (strcmp(old->options[i].value, new->options[j].value) != 0) {
            app_change_add_why(why, old->options[i].name);
        }
        i += order <= 0;
        j += order >= 0;
    }
}

static void app_change_tell_connector(const struct app_changes *changes,
                                      const struct script_connector *old,
                                      const struct script_connector *new)
{
    const struct script_connector *one = old == NULL ? new : old;
    struct buffer why;
    buffer_init(&why);
    if (old != NULL && new != NULL) {
        if (strcmp(old->type, new->type) != 0) {
            app_change_add_why(&why, "type");
        }
        if (!app_change_reads_same(old, new)) {
            app_change_add_why(&why, "topics");
        }
        app_change_compare_options(old, new, &why);
    }
    const struct app_change told = {.what = one->is_sink ? "sink" : "source",
                                    .name = one->name,
                                    .fate = old == NULL     ? "new"
                                            : new == NULL   ? "removed"
                                            : why.size == 0 ? "kept"
                                                            : "changed",
                                    .why = buffer_string(&why)};
    changes->each(changes->owner, &told);
    buffer_fini(&why);
}

static int app_change_compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void app_change_connectors(const struct app *from, const struct app *to, bool is_sink,
                                  const struct app_changes *changes)
{
    const struct script *const scripts[] = {from->script, to->script};
    const char **names = NULL;
    size_t name_count = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t count = 0;
        const struct script_connector *connectors = script_connectors(scripts[i], &count);
        names = memory_resize(names, (name_count + count + 1) * sizeof *names);
        for (size_t j = 0; j < count; j++) {
            bool is_told =
                i == 1 && app_change_find(from->script, connectors[j].name, is_sink) != NULL;
            if (connectors[j].is_sink == is_sink && !is_told) {
                names[name_count++] = connectors[j].name;
            }
        }
    }
    qsort(names, name_count, sizeof *names, app_change_compare_names);
    for (size_t i = 0; i < name_count; i++) {
        app_change_tell_connector(changes, app_change_find(from->script, names[i], is_sink),
                                  app_change_find(to->script, names[i], is_sink));
    }
    free(names);
}

void app_change_each(const struct app *from, const struct app *to,
                     void (*each)(void *owner, const struct app_change *change), void *owner)
{
    struct app_changes changes = {.each = each, .owner = owner};
    topology_diff(from->topology, to->topology, app_change_on_topology, &changes);
    app_change_connectors(from, to, false, &changes);
    app_change_connectors(from, to, true, &changes);
}
