/* Creates topics one after the other; see app_topics.h. */
#include "runtime/app/app_topics.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/wire/messages.h"
#include "runtime/topology/topology_match.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APP_TOPICS_TIMEOUT_MS = 30000 };

struct app_topic {
    char *name;
    int32_t partition_count; /* -1: the cluster's default */
    bool is_compacted;
    int64_t retention_ms; /* -2: the cluster's default */
};

struct app_topics {
    struct client *client;
    struct script *script;
    const struct topology *topology;
    struct app_topic *wanted; /* to be made in this step, then cleared */
    size_t wanted_count;
    size_t next;
    void (*then)(struct app_topics *topics); /* the next step */
    struct client_call call;
    struct create_topics_request request; /* of the call, with what it names */
    struct create_topics_request_topic topic;
    struct create_topics_request_config configs[2];
    char retention[32];
    struct client_refresh refresh;
    const char **names;
    size_t name_count;
    size_t source_count;         /* the first of them are read */
    struct app_topic *internals; /* with as many partitions as there are tasks */
    size_t internal_count;
    struct report report;
    void (*done)(void *owner, int error, const struct report *report);
    void *owner;
};

static void app_topics_finish(struct app_topics *topics, int error)
{
    topics->done(topics->owner, error, &topics->report);
}

static void app_topics_want(struct app_topics *topics, const char *name, int32_t partition_count,
                            bool is_compacted, int64_t retention_ms)
{
    size_t count = topics->wanted_count + 1;
    topics->wanted = memory_resize(topics->wanted, count * sizeof *topics->wanted);
    topics->wanted[topics->wanted_count] = (struct app_topic){.name = memory_string(name),
                                                              .partition_count = partition_count,
                                                              .is_compacted = is_compacted,
                                                              .retention_ms = retention_ms};
    topics->wanted_count = count;
}

static void app_topics_clear(struct app_topics *topics)
{
    for (size_t i = 0; i < topics->wanted_count; i++) {
        free(topics->wanted[i].name);
    }
    free(topics->wanted);
    topics->wanted = NULL;
    topics->wanted_count = 0;
    topics->next = 0;
}

static void app_topics_make_next(struct app_topics *topics);

static void app_topics_on_made(struct client_call *call, int error, int16_t version,
                               const void *response)
{
    (void)version;
    struct app_topics *topics = call->owner;
    const struct app_topic *wanted = &topics->wanted[topics->next];
    struct bytes message = {NULL, 0};
    if (error == 0) {
        const struct create_topics_response *made = response;
        error = made->topics.count == 1 ? error_from_code(made->topics.items[0].error_code)
                                        : ERROR_MALFORMED;
        message = made->topics.count == 1 ? made->topics.items[0].error_message : message;
    }
    if (error != 0 && error != ERROR_TOPIC_ALREADY_EXISTS) {
        report_add(&topics->report, wanted->name, "topic %s cannot be made: %.*s", wanted->name,
                   BYTES_FORMAT(message.size > 0 ? message : bytes_from_string(error_text(error))));
        app_topics_finish(topics, error);
        return;
    }
    topics->next++;
    app_topics_make_next(topics);
}

static void app_topics_make(struct app_topics *topics, const struct app_topic *wanted)
{
    struct create_topics_request_config *configs = topics->configs;
    struct create_topics_request_topic *topic = &topics->topic;
    *topic = (struct create_topics_request_topic){.name = bytes_from_string(wanted->name),
                                                  .partition_count = wanted->partition_count,
                                                  .replication_factor = -1,
                                                  .configs = {.items = configs}};
    if (wanted->is_compacted) {
        configs[topic->configs.count++] = (struct create_topics_request_config){
            .name = BYTES_LITERAL("cleanup.policy"), .value = BYTES_LITERAL("compact")};
    }
    if (wanted->retention_ms >= -1) {
        snprintf(topics->retention, sizeof topics->retention, "%" PRId64, wanted->retention_ms);
        configs[topic->configs.count++] = (struct create_topics_request_config){
            .name = BYTES_LITERAL("retention.ms"), .value = bytes_from_string(topics->retention)};
    }
    topics->request = (struct create_topics_request){.topics = {.items = topic, .count = 1},
                                                     .timeout_ms = APP_TOPICS_TIMEOUT_MS};
    topics->call = (struct client_call){.target = CLIENT_CONTROLLER,
                                        .api_key = API_CREATE_TOPICS,
                                        .version_max = -1,
                                        .request = &topics->request,
                                        .done = app_topics_on_made,
                                        .owner = topics};
    client_send(topics->client, &topics->call);
}

static void app_topics_make_next(struct app_topics *topics)
{
    if (topics->next < topics->wanted_count) {
        app_topics_make(topics, &topics->wanted[topics->next]);
        return;
    }
    app_topics_clear(topics);
    topics->then(topics);
}

/* Asks for the metadata of the names gathered, then goes on with `then`. */
static void app_topics_on_refreshed(struct client_refresh *refresh, int error)
{
    struct app_topics *topics = refresh->owner;
    if (error != 0) {
        report_add(&topics->report, NULL, "the metadata of the topics cannot be read: %s",
                   error_text(error));
        app_topics_finish(topics, error);
        return;
    }
    topics->then(topics);
}

static void app_topics_name(struct app_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->name_count; i++) {
        if (strcmp(topics->names[i], name) == 0) {
            return;
        }
    }
    topics->names = memory_resize(topics->names, (topics->name_count + 1) * sizeof *topics->names);
    topics->names[topics->name_count++] = name;
}

static void app_topics_refresh(struct app_topics *topics, bool may_create)
{
    topics->refresh = (struct client_refresh){.topics = topics->names,
                                              .topic_count = topics->name_count,
                                              .may_create = may_create,
                                              .done = app_topics_on_refreshed,
                                              .owner = topics};
    client_refresh_metadata(topics->client, &topics->refresh);
}

/* A repartition topic, made in a step of its own. */
static bool app_topics_is_declared_internal(const struct app_topics *topics, const char *name)
{
    for (size_t i = 0; i < topology_topic_count(topics->topology); i++) {
        const struct topology_topic *topic = topology_topic_at(topics->topology, i);
        if (topic->is_internal && strcmp(topic->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int32_t app_topics_partition_count(struct app_topics *topics, const char *name)
{
    const struct client_topic *topic = client_find_topic(topics->client, name);
    return topic == NULL || topic->error != 0 ? 0 : topic->partition_count;
}

/* As many tasks as the largest of a part's topics has partitions. */
static int32_t app_topics_part_count(struct app_topics *topics, const struct topology_part *part)
{
    int32_t largest = 1;
    for (size_t i = 0; i < part->topic_count; i++) {
        int32_t count = app_topics_partition_count(topics, part->topics[i]);
        largest = count > largest ? count : largest;
    }
    return largest;
}

/* Keys that meet in one store must be in partitions of the same number. */
static int app_topics_validate_part(struct app_topics *topics, const struct topology_part *part)
{
    for (size_t i = 1; i < part->copartitioned_count; i++) {
        const char *left = part->copartitioned[0];
        const char *right = part->copartitioned[i];
        int32_t left_count = app_topics_partition_count(topics, left);
        int32_t right_count = app_topics_partition_count(topics, right);
        if (left_count != right_count) {
            return report_add(&topics->report, NULL,
                              "the topics '%s' (%d partitions) and '%s' (%d) meet in one store, so "
                              "they need the same number of partitions: repartition one of them",
                              left, (int)left_count, right, (int)right_count);
        }
    }
    return 0;
}

/* One of an earlier life may be too small for the tasks of today. */
static void app_topics_step_check(struct app_topics *topics)
{
    int error = 0;
    for (size_t i = 0; i < topics->internal_count && error == 0; i++) {
        const struct app_topic *internal = &topics->internals[i];
        int32_t count = app_topics_partition_count(topics, internal->name);
        if (count > 0 && count < internal->partition_count) {
            error = report_add(&topics->report, internal->name,
                               "the topic %s has %d partitions and %d tasks: give it more with "
                               "tidemill topic alter %s -p %d",
                               internal->name, (int)count, (int)internal->partition_count,
                               internal->name, (int)internal->partition_count);
        }
    }
    app_topics_finish(topics, error);
}

static void app_topics_step_changelog_names(struct app_topics *topics)
{
    for (size_t i = 0; i < topics->internal_count; i++) {
        app_topics_name(topics, topics->internals[i].name);
    }
    topics->then = app_topics_step_check;
    app_topics_refresh(topics, false);
}

/* A topic with a partition for each of `count` tasks. */
static void app_topics_add_internal(struct app_topics *topics, const char *name, int32_t count,
                                    bool is_compacted, int64_t retention_ms)
{
    app_topics_want(topics, name, count, is_compacted, retention_ms);
    topics->internals =
        memory_resize(topics->internals, (topics->internal_count + 1) * sizeof *topics->internals);
    topics->internals[topics->internal_count++] =
        (struct app_topic){.name = memory_string(name), .partition_count = count};
}

static void app_topics_add_changelog(struct app_topics *topics, const char *store, int32_t count)
{
    struct buffer name;
    buffer_init(&name);
    topology_changelog_name(topics->topology, store, &name);
    app_topics_add_internal(topics, buffer_string(&name), count, true, -2);
    buffer_fini(&name);
}

/* Decisions are wanted as long as the records they came between. */
static void app_topics_add_clock(struct app_topics *topics)
{
    int32_t largest = 0;
    struct buffer name;
    for (size_t i = 0; i < topology_part_count(topics->topology); i++) {
        const struct topology_part *part = topology_part_at(topics->topology, i);
        int32_t count = topology_part_has_idle(topics->topology, part)
                            ? app_topics_part_count(topics, part)
                            : 0;
        largest = count > largest ? count : largest;
    }
    if (largest > 0) {
        buffer_init(&name);
        topology_clock_name(topics->topology, &name);
        app_topics_add_internal(topics, buffer_string(&name), largest, false, -1);
        buffer_fini(&name);
    }
}

static void app_topics_step_changelogs(struct app_topics *topics)
{
    for (size_t i = 0; i < topology_part_count(topics->topology); i++) {
        const struct topology_part *part = topology_part_at(topics->topology, i);
        int error = app_topics_validate_part(topics, part);
        if (error != 0) {
            app_topics_finish(topics, error);
            return;
        }
        for (size_t j = 0; j < part->store_count; j++) {
            if (part->stores[j]->has_changelog) {
                app_topics_add_changelog(topics, part->stores[j]->name,
                                         app_topics_part_count(topics, part));
            }
        }
    }
    app_topics_add_clock(topics);
    topics->then = app_topics_step_changelog_names;
    app_topics_make_next(topics);
}

static void app_topics_step_internal_names(struct app_topics *topics)
{
    topics->then = app_topics_step_changelogs;
    app_topics_refresh(topics, false);
}

/* The largest of the source topics that a repartition topic meets in a store; 0: it meets none. */
static int32_t app_topics_count_met(struct app_topics *topics, const char *name)
{
    int32_t largest = 0;
    for (size_t i = 0; i < topology_part_count(topics->topology); i++) {
        const struct topology_part *part = topology_part_at(topics->topology, i);
        bool is_met = false;
        for (size_t j = 0; j < part->copartitioned_count; j++) {
            is_met = is_met || strcmp(part->copartitioned[j], name) == 0;
        }
        for (size_t j = 0; is_met && j < part->copartitioned_count; j++) {
            int32_t count = topology_part_repartitions(part, part->copartitioned[j])
                                ? 0
                                : app_topics_partition_count(topics, part->copartitioned[j]);
            largest = count > largest ? count : largest;
        }
    }
    return largest;
}

/* A repartition topic has the partitions its declaration says, or as many as the topics that it
 * meets, or those of the largest source topic of the application. */
static void app_topics_step_internal(struct app_topics *topics)
{
    int32_t largest = 1;
    for (size_t i = 0; i < topics->source_count; i++) {
        int32_t count = app_topics_partition_count(topics, topics->names[i]);
        largest = count > largest ? count : largest;
    }
    for (size_t i = 0; i < topology_topic_count(topics->topology); i++) {
        const struct topology_topic *topic = topology_topic_at(topics->topology, i);
        if (topic->is_internal) {
            int32_t met = app_topics_count_met(topics, topic->name);
            app_topics_want(topics, topic->name,
                            topic->partitions > 0 ? topic->partitions
                            : met > 0             ? met
                                                  : largest,
                            false, -1);
            app_topics_name(topics, topic->name);
        }
    }
    topics->then = app_topics_step_internal_names;
    app_topics_make_next(topics);
}

/* Who reads a topic that is not there yet would learn of it only with its next look at the
 * metadata. */
static void app_topics_name_written(struct app_topics *topics)
{
    size_t count = 0;
    const struct script_connector *connectors = script_connectors(topics->script, &count);
    for (size_t i = 0; i < topology_node_count(topics->topology); i++) {
        const struct topology_node *node = topology_node_at(topics->topology, (int)i);
        const char *const names[] = {node->sink_topic, node->late_topic};
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            if (names[j] != NULL && !app_topics_is_declared_internal(topics, names[j])) {
                app_topics_name(topics, names[j]);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < connectors[i].topic_count; j++) {
            app_topics_name(topics, connectors[i].topics[j]);
        }
    }
}

static void app_topics_step_sources(struct app_topics *topics)
{
    for (size_t i = 0; i < topology_part_count(topics->topology); i++) {
        const struct topology_part *part = topology_part_at(topics->topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            if (!topology_part_repartitions(part, part->topics[j])) {
                app_topics_name(topics, part->topics[j]);
            }
        }
    }
    for (size_t i = 0; i < topology_global_count(topics->topology); i++) {
        const struct topology_part *part = topology_global_at(topics->topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            app_topics_name(topics, part->topics[j]);
        }
    }
    topics->source_count = topics->name_count;
    app_topics_name_written(topics);
    topics->then = app_topics_step_internal;
    if (topics->name_count == 0) {
        topics->then(topics);
        return;
    }
    app_topics_refresh(topics, true);
}

struct app_topics_names {
    const char **items;
    size_t count;
};

static void app_topics_add_name(void *owner, const struct client_topic *topic)
{
    struct app_topics_names *names = owner;
    names->items = memory_resize(names->items, (names->count + 1) * sizeof *names->items);
    names->items[names->count++] = topic->name;
}

const char **app_topics_list(struct client *client, size_t *count)
{
    struct app_topics_names names = {0};
    client_each_topic(client, app_topics_add_name, &names);
    *count = names.count;
    return names.items;
}

static void app_topics_step_match(struct app_topics *topics)
{
    size_t count = 0;
    const char **names = app_topics_list(topics->client, &count);
    int error = script_match_topics(topics->script, names, count, &topics->report);
    free(names);
    if (error != 0) {
        app_topics_finish(topics, error);
        return;
    }
    app_topics_step_sources(topics);
}

/* Which topics there are only matters to streams by pattern. */
static void app_topics_step_patterns(struct app_topics *topics)
{
    if (!topology_match_is_needed(topics->topology)) {
        app_topics_step_sources(topics);
        return;
    }
    topics->then = app_topics_step_match;
    topics->refresh = (struct client_refresh){.done = app_topics_on_refreshed, .owner = topics};
    client_refresh_metadata(topics->client, &topics->refresh);
}

static void app_topics_step_declared(struct app_topics *topics)
{
    for (size_t i = 0; i < topology_topic_count(topics->topology); i++) {
        const struct topology_topic *topic = topology_topic_at(topics->topology, i);
        if (!topic->is_internal) {
            app_topics_want(topics, topic->name, topic->partitions > 0 ? topic->partitions : -1,
                            topic->is_compacted,
                            topic->retention_ms >= 0 ? topic->retention_ms : -2);
        }
    }
    topics->then = app_topics_step_patterns;
    app_topics_make_next(topics);
}

/* The first step runs on a later turn, like everything that may call back. */
static void app_topics_on_connected(struct client_refresh *refresh, int error)
{
    struct app_topics *topics = refresh->owner;
    if (error != 0) {
        report_add(&topics->report, NULL, "the cluster cannot be reached: %s", error_text(error));
        app_topics_finish(topics, error);
        return;
    }
    app_topics_step_declared(topics);
}

struct app_topics *
app_topics_start(struct client *client, struct script *script,
                 void (*done)(void *owner, int error, const struct report *report), void *owner)
{
    static const char *const no_names[1] = {NULL};
    struct app_topics *topics = memory_new(struct app_topics);
    topics->client = client;
    topics->script = script;
    topics->topology = script_topology(script);
    topics->done = done;
    topics->owner = owner;
    topics->refresh = (struct client_refresh){
        .topics = no_names, .topic_count = 0, .done = app_topics_on_connected, .owner = topics};
    client_refresh_metadata(client, &topics->refresh);
    return topics;
}

void app_topics_free(struct app_topics *topics)
{
    if (topics == NULL) {
        return;
    }
    app_topics_clear(topics);
    for (size_t i = 0; i < topics->internal_count; i++) {
        free(topics->internals[i].name);
    }
    free(topics->internals);
    free(topics->names);
    free(topics);
}
