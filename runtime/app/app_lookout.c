/* Looks for topics that came or went, for streams by pattern, and for partitions that came.
 *
 * What an application reads is fixed when it starts: its parts, its tasks, what its group is told.
 * So a topic or a partition that comes later is read by another application of the same script,
 * which takes the place of this one as a new version does: it commits, gives way, and the group
 * deals again. Everybody of the group looks for himself; until all have found the topic it is dealt
 * to those who have. A topic is read from its beginning, so nothing is missed meanwhile. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_state.h"
#include "runtime/topology/topology_match.h"

#include <stdlib.h>

enum { APP_LOOKOUT_MS = 10000 };

static void app_lookout_wait(struct app *app)
{
    int64_t age_ms = client_get_options(app->client)->metadata_max_age_ms;
    int64_t wait_ms = age_ms < APP_LOOKOUT_MS ? age_ms : APP_LOOKOUT_MS;
    io_timer_start(app->io, &app->look_timer, (uint64_t)wait_ms * 1000000);
}

static int32_t app_lookout_count(struct app *app, const char *name)
{
    const struct client_topic *topic = client_find_topic(app->client, name);
    return topic == NULL || topic->error != 0 ? 0 : topic->partition_count;
}

static bool app_lookout_has_grown(struct app *app)
{
    for (size_t i = 0; i < app->topic_count; i++) {
        int32_t before = app->look_counts[i];
        if (before > 0 && app_lookout_count(app, app->topic_names[i]) > before) {
            return true;
        }
    }
    return false;
}

static void app_lookout_on_refreshed(struct client_refresh *refresh, int error)
{
    struct app *app = refresh->owner;
    size_t count = 0;
    app->is_looking = false;
    if (error != 0) {
        app_lookout_wait(app); /* who cannot be asked says nothing of topics */
        return;
    }
    app->is_outdated = app_lookout_has_grown(app);
    if (!app->is_outdated && topology_match_is_needed(app->topology)) {
        const char **names = app_topics_list(app->client, &count);
        app->is_outdated = !topology_match_is_same(app->topology, names, count);
        free(names);
    }
    if (!app->is_outdated) {
        app_lookout_wait(app);
        return;
    }
    trace(TRACE_INFO, "app.outdated", TRACE_STRING("app", app_name(app)));
    io_timer_start(app->io, &app->look_timer, 0); /* the client is on the stack */
}

static void app_lookout_on_timer(struct io_timer *timer)
{
    struct app *app = timer->owner;
    if (app->is_outdated) {
        app->is_outdated = false;
        app_lookout_wait(app);
        if (app->state == APP_RUNNING && app->events->outdated != NULL) {
            app->events->outdated(app->owner);
        }
        return;
    }
    app->look = (struct client_refresh){.done = app_lookout_on_refreshed, .owner = app};
    if (!topology_match_is_needed(app->topology)) {
        app->look.topics = app->topic_names;
        app->look.topic_count = app->topic_count;
    }
    app->is_looking = true;
    client_refresh_metadata(app->client, &app->look);
}

void app_lookout_start(struct app *app)
{
    free(app->look_counts);
    app->look_counts = memory_zero(app->topic_count, sizeof *app->look_counts);
    for (size_t i = 0; i < app->topic_count; i++) {
        app->look_counts[i] = app_lookout_count(app, app->topic_names[i]);
    }
    if (app->topic_count > 0 || topology_match_is_needed(app->topology)) {
        app->look_timer = (struct io_timer){.fired = app_lookout_on_timer, .owner = app};
        app_lookout_wait(app);
    }
}

void app_lookout_stop(struct app *app)
{
    io_timer_stop(app->io, &app->look_timer);
    if (app->is_looking) {
        client_refresh_cancel(&app->look);
        app->is_looking = false;
    }
}
