/* Membership in the application's group: which partitions are processed here. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/app/app_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APP_HEARTBEATS = 15 /* in a session, as by default */ };

static int64_t app_session_timeout_ms(const struct app *app)
{
    int64_t asked_ms = app->options.session_timeout_ms;
    return asked_ms > 0 ? asked_ms : member_options_default("").session_timeout_ms;
}

static void app_on_assigned(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    for (size_t i = 0; i < count; i++) {
        app_tasks_add_input(app, &partitions[i]);
    }
    app_tasks_settle(app);
    if (app_tasks_is_leaving(app)) {
        app_commit_want(app);
    }
}

void app_group_step(struct app *app)
{
    if (app->is_revoking && !app_tasks_is_leaving(app)) {
        app->is_revoking = false;
        member_revoked(app->member);
    }
}

static void app_on_revoked(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    for (size_t i = 0; i < count; i++) {
        app_tasks_remove_input(app, &partitions[i]);
    }
    app->is_revoking = true;
    app_commit_want(app);
}

static void app_on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    for (size_t i = 0; i < count; i++) {
        app_tasks_lose_input(app, &partitions[i]);
    }
    app->is_revoking = false; /* whoever waited for us does not any more */
    app_transaction_roll_back(app);
    app_tasks_close_leaving(app);
    app_tasks_settle(app);
}

static void app_on_member_failed(void *owner, int error)
{
    struct app *app = owner;
    char reason[300];
    if (error == ERROR_INVALID_SESSION_TIMEOUT) { /* as it will be the next time */
        snprintf(reason, sizeof reason,
                 "the broker does not take --session-timeout %" PRId64
                 "ms: it is less than its group.min.session.timeout.ms or more than its "
                 "group.max.session.timeout.ms; change one or the other",
                 app_session_timeout_ms(app));
        app_refuse(app, reason);
    } else {
        snprintf(reason, sizeof reason, "the group membership ended: %s", error_text(error));
        app_fail(app, reason, false);
    }
}

static size_t app_add_topic(struct app *app, const char *name)
{
    for (size_t i = 0; i < app->topic_count; i++) {
        if (strcmp(app->topic_names[i], name) == 0) {
            return i;
        }
    }
    size_t index = app->topic_count++;
    app->topic_names = memory_resize(app->topic_names, app->topic_count * sizeof *app->topic_names);
    app->topic_units = memory_resize(app->topic_units, app->topic_count * sizeof *app->topic_units);
    app->topic_names[index] = name;
    app->topic_units[index] = -1;
    return index;
}

/* The topics of a part are a unit; parts that read the same topic share one. */
static void app_add_part(struct app *app, const struct topology_part *part, int unit)
{
    for (size_t i = 0; i < part->topic_count; i++) {
        size_t index = app_add_topic(app, part->topics[i]);
        int other = app->topic_units[index];
        for (size_t j = 0; other >= 0 && j < app->topic_count; j++) {
            app->topic_units[j] = app->topic_units[j] == other ? unit : app->topic_units[j];
        }
        app->topic_units[index] = unit;
    }
}

void app_group_join(struct app *app)
{
    static const struct member_events events = {.assigned = app_on_assigned,
                                                .revoked = app_on_revoked,
                                                .lost = app_on_lost,
                                                .standby = app_standby_on_dealt,
                                                .positions = app_warmup_tell,
                                                .failed = app_on_member_failed};
    for (size_t i = 0; i < topology_part_count(app->topology); i++) {
        app_add_part(app, topology_part_at(app->topology, i), (int)i);
    }
    if (app->topic_count == 0) {
        return; /* connectors alone */
    }
    struct member_options options = member_options_default(app_name(app));
    options.instance_id = app->options.instance_id;
    options.topics = app->topic_names;
    options.topic_count = app->topic_count;
    options.units = app->topic_units;
    if (app->options.session_timeout_ms > 0) {
        options.session_timeout_ms = app_session_timeout_ms(app);
        options.heartbeat_interval_ms = options.session_timeout_ms / APP_HEARTBEATS;
    }
    options.home = app->options.home;
    options.standby_wish = app->options.standby_count;
    options.acceptable_lag = app->options.recovery_lag;
    options.warmups_max = app->options.warmup_count;
    options.probing_interval_ms = app->options.probing_interval_ms;
    app->member = member_new(app->group_client, &options, &events, app);
}
