/* Looks again and again; see sink_lookout.h. */
#include "runtime/connect/sink_lookout.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/connect/source_offsets.h"
#include "runtime/topology/topic_pattern.h"

#include <stdlib.h>
#include <string.h>

enum { SINK_LOOKOUT_MS = 10000, SINK_LOOKOUT_LEFT_ALONE = 2 };

struct sink_lookout {
    struct client *client;
    struct topic_pattern *pattern;
    char *connector;
    char *left_alone[SINK_LOOKOUT_LEFT_ALONE];
    void (*changed)(void *owner);
    void *owner;
    char **topics; /* as last told */
    bool *later;
    size_t topic_count;
    char **found; /* by the look of now */
    size_t found_count;
    struct map first; /* by name: what the first look found */
    bool has_looked;
    bool is_looking;
    bool is_changed; /* to be told with the next turn */
    struct client_refresh refresh;
    struct io_timer timer;
};

static void sink_lookout_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

static bool sink_lookout_is_left_alone(const struct sink_lookout *lookout, const char *name)
{
    bool is_left = strcmp(name, SOURCE_OFFSETS_TOPIC) == 0;
    for (size_t i = 0; i < SINK_LOOKOUT_LEFT_ALONE; i++) {
        const char *left = lookout->left_alone[i];
        is_left = is_left || (left != NULL && strcmp(left, name) == 0);
    }
    return is_left;
}

static void sink_lookout_add_topic(void *owner, const struct client_topic *topic)
{
    struct sink_lookout *lookout = owner;
    if (!sink_lookout_is_left_alone(lookout, topic->name) &&
        topic_pattern_matches(lookout->pattern, topic->name)) {
        lookout->found =
            memory_resize(lookout->found, (lookout->found_count + 1) * sizeof *lookout->found);
        lookout->found[lookout->found_count++] = memory_string(topic->name);
    }
}

static int sink_lookout_compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool sink_lookout_is_same(const struct sink_lookout *lookout)
{
    bool is_equal = lookout->found_count == lookout->topic_count;
    for (size_t i = 0; is_equal && i < lookout->found_count; i++) {
        is_equal = strcmp(lookout->found[i], lookout->topics[i]) == 0;
    }
    return is_equal;
}

/* What was found is what there is. */
static void sink_lookout_take_found(struct sink_lookout *lookout)
{
    sink_lookout_free_names(lookout->topics, lookout->topic_count);
    free(lookout->later);
    lookout->topics = lookout->found;
    lookout->topic_count = lookout->found_count;
    lookout->later = memory_zero(lookout->topic_count, sizeof *lookout->later);
    lookout->found = NULL;
    lookout->found_count = 0;
    for (size_t i = 0; i < lookout->topic_count; i++) {
        struct bytes name = bytes_from_string(lookout->topics[i]);
        if (!lookout->has_looked) {
            map_put(&lookout->first, name, lookout);
        }
        lookout->later[i] = map_find(&lookout->first, name) == NULL;
    }
    trace(TRACE_INFO, "connect.topics_changed", TRACE_STRING("connector", lookout->connector),
          TRACE_INT("count", (int64_t)lookout->topic_count));
}

static void sink_lookout_wait(struct sink_lookout *lookout)
{
    int64_t age_ms = client_get_options(lookout->client)->metadata_max_age_ms;
    int64_t wait_ms = age_ms < SINK_LOOKOUT_MS ? age_ms : SINK_LOOKOUT_MS;
    io_timer_start(client_io(lookout->client), &lookout->timer, (uint64_t)wait_ms * 1000000);
}

static void sink_lookout_on_refreshed(struct client_refresh *refresh, int error)
{
    struct sink_lookout *lookout = refresh->owner;
    lookout->is_looking = false;
    if (error != 0) {
        trace(TRACE_WARN, "connect.look_failed", TRACE_STRING("connector", lookout->connector),
              TRACE_STRING("error", error_name(error)));
        sink_lookout_wait(lookout); /* who cannot be asked says nothing of topics */
        return;
    }
    client_each_topic(lookout->client, sink_lookout_add_topic, lookout);
    if (lookout->found_count > 1) {
        qsort(lookout->found, lookout->found_count, sizeof *lookout->found,
              sink_lookout_compare_names);
    }
    lookout->is_changed = !sink_lookout_is_same(lookout);
    if (lookout->is_changed) {
        sink_lookout_take_found(lookout);
    }
    sink_lookout_free_names(lookout->found, lookout->found_count);
    lookout->found = NULL;
    lookout->found_count = 0;
    lookout->has_looked = true;
    if (lookout->is_changed) {
        io_timer_start(client_io(lookout->client), &lookout->timer, 0); /* off the client's stack */
    } else {
        sink_lookout_wait(lookout);
    }
}

static void sink_lookout_on_timer(struct io_timer *timer)
{
    struct sink_lookout *lookout = timer->owner;
    if (lookout->is_changed) {
        lookout->is_changed = false;
        sink_lookout_wait(lookout);
        lookout->changed(lookout->owner);
        return;
    }
    lookout->refresh = (struct client_refresh){.done = sink_lookout_on_refreshed, .owner = lookout};
    lookout->is_looking = true;
    client_refresh_metadata(lookout->client, &lookout->refresh);
}

struct sink_lookout *sink_lookout_new(struct client *client,
                                      const struct sink_lookout_options *options)
{
    struct sink_lookout *lookout = memory_new(struct sink_lookout);
    struct report ignored = {0};
    int error = topic_pattern_new(options->pattern, NULL, &lookout->pattern, &ignored);
    check(error == 0);
    lookout->client = client;
    lookout->connector = memory_string(options->connector);
    for (size_t i = 0; i < SINK_LOOKOUT_LEFT_ALONE; i++) {
        lookout->left_alone[i] = memory_string(options->left_alone[i]);
    }
    lookout->changed = options->changed;
    lookout->owner = options->owner;
    map_init(&lookout->first);
    lookout->timer = (struct io_timer){.fired = sink_lookout_on_timer, .owner = lookout};
    io_timer_start(client_io(client), &lookout->timer, 0);
    return lookout;
}

void sink_lookout_free(struct sink_lookout *lookout)
{
    if (lookout == NULL) {
        return;
    }
    io_timer_stop(client_io(lookout->client), &lookout->timer);
    if (lookout->is_looking) {
        client_refresh_cancel(&lookout->refresh);
    }
    sink_lookout_free_names(lookout->topics, lookout->topic_count);
    free(lookout->later);
    map_fini(&lookout->first, NULL);
    topic_pattern_free(lookout->pattern);
    for (size_t i = 0; i < SINK_LOOKOUT_LEFT_ALONE; i++) {
        free(lookout->left_alone[i]);
    }
    free(lookout->connector);
    free(lookout);
}

const char *const *sink_lookout_topics(const struct sink_lookout *lookout, size_t *count)
{
    *count = lookout->topic_count;
    return (const char *const *)lookout->topics;
}

const bool *sink_lookout_later(const struct sink_lookout *lookout)
{
    return lookout->later;
}
