/* Adding up; see app_totals.h. */
#include "runtime/app/app_totals.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

void app_totals_fini(struct app_totals *totals)
{
    for (size_t i = 0; i < totals->node_count; i++) {
        free(totals->nodes[i].name);
    }
    free(totals->nodes);
    *totals = (struct app_totals){0};
}

static struct app_totals_node *app_totals_get_node(struct app_totals *totals, const char *name)
{
    for (size_t i = 0; i < totals->node_count; i++) {
        if (strcmp(totals->nodes[i].name, name) == 0) {
            return &totals->nodes[i];
        }
    }
    size_t size = (totals->node_count + 1) * sizeof *totals->nodes;
    totals->nodes = memory_resize(totals->nodes, size);
    struct app_totals_node *node = &totals->nodes[totals->node_count++];
    *node = (struct app_totals_node){.name = memory_string(name)};
    return node;
}

static void app_totals_add_script(struct app_totals *totals, const struct script *script)
{
    totals->memory_size += (int64_t)script_memory_size(script);
    totals->memory_most += (int64_t)script_memory_most(script);
    for (size_t i = 0; i < script_usage_count(script); i++) {
        const struct node_usage *usage = script_usage_at(script, i);
        struct app_totals_node *node = app_totals_get_node(totals, usage->name);
        node->call_count += usage->call_count;
        node->emit_count += usage->emit_count;
        node->time_ms += usage->time_ms;
    }
}

void app_totals_add(struct app_totals *totals, const struct app *app)
{
    struct task_counts counts;
    app_read_counts(app, &counts);
    task_counts_add(&totals->counts, &counts);
    totals->task_count += (int64_t)app_task_count(app);
    totals->pending_count += app_pending_count(app);
    totals->restoring_count += app_restoring_count(app);
    struct app_standby_counts standby = app_count_standby(app);
    totals->standby_count += standby.count;
    totals->warmup_count += standby.warmup_count;
    totals->standby_unknown_count += standby.unknown_count;
    totals->standby_lag += standby.lag;
    totals->commit_count += app_commit_count(app);
    totals->rollback_count += app_rollback_count(app);
    totals->commit_ns += app_commit_ns(app);
    totals->process_ns += app_process_ns(app);
    app_totals_add_script(totals, app_get_script(app));
    if (app_get_canary_script(app) != NULL) {
        struct canary_sample trial;
        struct canary_sample rest;
        totals->has_canary = true;
        app_totals_add_script(totals, app_get_canary_script(app));
        app_read_canary(app, &trial, &rest);
        canary_sample_add(&totals->canary_trial, &trial);
        canary_sample_add(&totals->canary_rest, &rest);
    }
}
