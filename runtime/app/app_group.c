/* Membership in the application's group: which partitions are processed here. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/app/app_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool app_part_reads(const struct topology_part *part, const char *topic)
{
    for (size_t i = 0; i < part->topic_count; i++) {
        if (strcmp(part->topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

/* Tasks of one part and partition get all their inputs before they start. */
static void app_on_assigned(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    struct app_task **made = memory_zero(count, sizeof(struct app_task *));
    size_t made_count = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < topology_part_count(app->topology); j++) {
            const struct topology_part *part = topology_part_at(app->topology, j);
            if (!app_part_reads(part, partitions[i].topic)) {
                continue;
            }
            struct app_task *row = app_tasks_find(app, part, partitions[i].partition);
            if (row == NULL) {
                row = app_tasks_make(app, part, partitions[i].partition);
                made[made_count++] = row;
            }
            task_add_input(row->task, partitions[i].topic, partitions[i].offset);
        }
    }
    for (size_t i = 0; i < made_count; i++) {
        task_start(made[i]->task);
    }
    free(made);
}

static void app_mark_leaving(struct app *app, const struct member_partition *partitions,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (list_each (&app->tasks, link)) {
            struct app_task *row = list_member(link, struct app_task, link);
            if (task_partition(row->task) == partitions[i].partition &&
                app_part_reads(task_part(row->task), partitions[i].topic)) {
                row->is_leaving = true;
            }
        }
    }
}

static void app_on_revoked(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    app_mark_leaving(app, partitions, count);
    app->is_revoking = true;
    app->is_commit_wanted = true;
    app_commit_begin(app);
}

static void app_on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    app_mark_leaving(app, partitions, count);
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_leaving && !row->is_committing) {
            app_tasks_close(row);
        }
    }
}

static void app_on_member_failed(void *owner, int error)
{
    char reason[200];
    snprintf(reason, sizeof reason, "the group membership ended: %s", error_text(error));
    app_fail(owner, reason, false);
}

static void app_gather_topic(struct app *app, const char *name)
{
    for (size_t i = 0; i < app->topic_count; i++) {
        if (strcmp(app->topic_names[i], name) == 0) {
            return;
        }
    }
    if (app->topic_count < APP_TOPIC_MAX) {
        app->topic_names[app->topic_count++] = name;
    }
}

void app_group_join(struct app *app)
{
    static const struct member_events events = {.assigned = app_on_assigned,
                                                .revoked = app_on_revoked,
                                                .lost = app_on_lost,
                                                .failed = app_on_member_failed};
    for (size_t i = 0; i < topology_part_count(app->topology); i++) {
        const struct topology_part *part = topology_part_at(app->topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            app_gather_topic(app, part->topics[j]);
        }
    }
    if (app->topic_count == 0) {
        return; /* connectors alone */
    }
    struct member_options options = member_options_default(app_name(app));
    options.instance_id = app->options.instance_id;
    options.topics = app->topic_names;
    options.topic_count = app->topic_count;
    app->member = member_new(app->group_client, &options, &events, app);
}
