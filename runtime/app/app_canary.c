/* Two versions of an application at once: tasks of some partitions run the next one.
 *
 * Both have the same tasks, with the same inputs and the same stores, so whichever runs a task goes
 * on from what the other kept, in the same transactions; that is judged before anything starts.
 * Connectors, streams by pattern and what is shown of the plan are the current version's.
 *
 * Keeps:  (1) a task runs the canary exactly when its partition is one of the share;
 *         (2) what the canary writes to stores the other version can read, as far as plans tell, as
 *             it may be rolled back at any moment. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/app/app_script.h"
#include "runtime/app/app_state.h"
#include "runtime/topology/topology_diff.h"
#include "runtime/topology/topology_match.h"

#include <string.h>

struct app_canary_fit {
    struct report *report;
    bool is_fine;
};

static void app_canary_on_change(void *owner, const struct topology_change *change)
{
    struct app_canary_fit *fit = owner;
    if (change->fate != TOPOLOGY_KEPT && fit->is_fine) {
        fit->is_fine = false;
        report_add(fit->report, NULL,
                   "a version on a part of the tasks has the inputs and stores of the current one, "
                   "and here %s %s would be %s; deploy it for all tasks",
                   change->is_store ? "the store" : "the input", change->name,
                   topology_fate_name(change->fate));
    }
}

/* Parts are cut the same way: each has a task where the other has one. */
static bool app_canary_has_parts(const struct topology *now, const struct topology *next)
{
    bool is_same = topology_part_count(now) == topology_part_count(next);
    for (size_t i = 0; is_same && i < topology_part_count(now); i++) {
        const struct topology_part *part = topology_part_at(now, i);
        const struct topology_part *other = topology_part_find(next, part->id);
        is_same = other != NULL && other->topic_count == part->topic_count &&
                  other->store_count == part->store_count;
        for (size_t j = 0; is_same && j < part->topic_count; j++) {
            is_same = strcmp(part->topics[j], other->topics[j]) == 0;
        }
        for (size_t j = 0; is_same && j < part->store_count; j++) {
            is_same = strcmp(part->stores[j]->name, other->stores[j]->name) == 0;
        }
    }
    return is_same;
}

int app_canary_fits(const struct topology *now, const struct topology *next, struct report *report)
{
    struct app_canary_fit fit = {.report = report, .is_fine = true};
    topology_diff(now, next, app_canary_on_change, &fit);
    if (fit.is_fine && (topology_match_is_needed(now) || topology_match_is_needed(next))) {
        fit.is_fine = false;
        report_add(report, NULL,
                   "an application that reads topics by a pattern has one version at a time; "
                   "deploy it for all tasks");
    }
    if (fit.is_fine && !app_canary_has_parts(now, next)) {
        fit.is_fine = false;
        report_add(report, NULL,
                   "a version on a part of the tasks has the tasks of the current one, and here "
                   "its streams meet in other ways; deploy it for all tasks");
    }
    return fit.is_fine ? 0 : ERROR_INVALID;
}

int app_canary_open(struct app *app, struct report *report)
{
    struct app_options options = app->options;
    if (options.canary == NULL) {
        return 0;
    }
    options.path = options.canary->script;
    options.bundle = options.canary;
    options.read = NULL;
    int error = app_script_open(app->io, &options, report, &app->canary_script);
    if (error != 0) {
        app->canary_script = NULL;
        return error;
    }
    app->canary_version = options.canary->version;
    app->canary_topology = script_topology(app->canary_script);
    return app_canary_fits(app->topology, app->canary_topology, report);
}

bool app_canary_has(const struct app *app, int32_t partition)
{
    return app->canary_script != NULL && canary_share_has(app->options.canary_share, partition);
}

void app_canary_time(struct app *app, const struct app_task *row, size_t count, uint64_t span_ns)
{
    if (app->canary_script != NULL) {
        canary_sample_time(row->is_canary ? &app->canary_trial : &app->canary_rest, (int64_t)count,
                           span_ns);
    }
}

static void app_canary_count(struct canary_sample *sample, const struct task_counts *counts)
{
    sample->in_count += counts->in_count;
    sample->error_count +=
        counts->dead_letter_count + counts->skipped_count + counts->timer_failed_count;
}

void app_read_canary(const struct app *app, struct canary_sample *trial, struct canary_sample *rest)
{
    *trial = app->canary_trial;
    *rest = app->canary_rest;
    app_canary_count(trial, &app->canary_earlier);
    app_canary_count(rest, &app->earlier);
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        if (row->task != NULL && !row->is_closing && !row->is_standby) {
            app_canary_count(row->is_canary ? trial : rest, task_counts(row->task));
        }
    }
}
