/* Building and judging a plan; see topology.h. Cutting it into parts is in topology_plan.c. */
#include "runtime/topology/topology.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_path.h"
#include "runtime/topology/inlet.h"
#include "runtime/topology/outlet.h"
#include "runtime/topology/topology_match.h"
#include "runtime/topology/topology_plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TOPOLOGY_NAME_SIZE_MAX = 249 };

static const char *copy_string(struct topology *topology, const char *text)
{
    return text == NULL ? NULL : arena_string(&topology->arena, bytes_from_string(text));
}

static const char *const *copy_strings(struct topology *topology, const char *const *texts,
                                       size_t count)
{
    const char **copies = arena_array(&topology->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = copy_string(topology, texts[i]);
    }
    return copies;
}

struct topology *topology_new(const char *name)
{
    struct topology *topology = memory_new(struct topology);
    topology->name = memory_string(name);
    arena_init(&topology->arena, 0);
    topology->errors = (struct topology_errors){
        .policy = TOPOLOGY_DEAD_LETTER, .topic = arena_printf(&topology->arena, "%s-dlq", name)};
    return topology;
}

void topology_free(struct topology *topology)
{
    if (topology == NULL) {
        return;
    }
    for (size_t i = 0; i < topology->node_count; i++) {
        struct topology_node *node = &topology->nodes[i].node;
        if (node->free_owner != NULL) {
            node->free_owner(node->owner);
        }
    }
    arena_fini(&topology->arena);
    free(topology->nodes);
    free(topology->stores);
    free(topology->topics);
    free(topology->parts);
    free(topology->globals);
    free(topology->name);
    free(topology);
}

const char *topology_name(const struct topology *topology)
{
    return topology->name;
}

const struct topology_store *topology_plan_find_store(const struct topology *topology,
                                                      const char *name)
{
    for (size_t i = 0; i < topology->store_count; i++) {
        if (strcmp(topology->stores[i]->name, name) == 0) {
            return topology->stores[i];
        }
    }
    return NULL;
}

const struct topology_topic *topology_plan_find_topic(const struct topology *topology,
                                                      const char *name)
{
    for (size_t i = 0; i < topology->topic_count; i++) {
        if (strcmp(topology->topics[i]->name, name) == 0) {
            return topology->topics[i];
        }
    }
    return NULL;
}

static const struct topology_plan_node *find_node(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        if (strcmp(topology->nodes[i].node.name, name) == 0) {
            return &topology->nodes[i];
        }
    }
    return NULL;
}

/* Kafka's rule for topic names; stores become part of one. */
static int validate_name(const char *what, const char *name, const char *place,
                         struct report *report)
{
    if (*name == 0 || strlen(name) > TOPOLOGY_NAME_SIZE_MAX || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0) {
        return report_add(report, place, "'%s' cannot be the name of a %s", name, what);
    }
    for (const char *at = name; *at != 0; at++) {
        if (!isalnum((unsigned char)*at) && strchr("._-", *at) == NULL) {
            return report_add(report, place,
                              "the name of the %s '%s' may have letters, digits, '.', '_' and "
                              "'-', not '%c'",
                              what, name, *at);
        }
    }
    return 0;
}

/* "filter-2": only for nodes without state, where a name decides nothing. */
static const char *make_name(struct topology *topology, const char *kind)
{
    size_t number = 1;
    for (size_t i = 0; i < topology->node_count; i++) {
        number += strcmp(topology->nodes[i].node.kind, kind) == 0;
    }
    for (;; number++) {
        const char *name = arena_printf(&topology->arena, "%s-%zu", kind, number);
        if (find_node(topology, name) == NULL) {
            return name;
        }
    }
}

static int validate_node(const struct topology *topology, const struct topology_node *node,
                         struct report *report)
{
    if (node->store_count > 0 && node->name == NULL) {
        return report_add(report, node->place,
                          "this %s keeps state, so it needs a name: add name = \"...\"",
                          node->kind);
    }
    if (node->name != NULL && *node->name == 0) {
        return report_add(report, node->place, "the name of this %s is empty", node->kind);
    }
    const struct topology_plan_node *same =
        node->name == NULL ? NULL : find_node(topology, node->name);
    if (same != NULL) {
        return report_add(report, node->place, "the name '%s' is taken by the %s at %s", node->name,
                          same->node.kind,
                          same->node.place == NULL ? "another place" : same->node.place);
    }
    for (size_t i = 0; i < node->store_count; i++) {
        if (topology_plan_find_store(topology, node->stores[i]) == NULL) {
            return report_add(report, node->place, "the store '%s' is not declared",
                              node->stores[i]);
        }
    }
    for (size_t i = 0; i < node->timer_count; i++) {
        if (node->timers[i].interval_ms <= 0) {
            return report_add(report, node->place, "a timer needs an interval above zero");
        }
    }
    const char *const topics[] = {node->sink_topic, node->late_topic};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        int error = topics[i] == NULL ? 0 : validate_name("topic", topics[i], node->place, report);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Copies a judged node into the plan; returns its id. */
static int add_node(struct topology *topology, const struct topology_node *node)
{
    struct topology_plan_node added = {.node = *node};
    struct topology_node *copy = &added.node;
    copy->kind = copy_string(topology, node->kind);
    copy->name =
        node->name == NULL ? make_name(topology, node->kind) : copy_string(topology, node->name);
    copy->detail = copy_string(topology, node->detail);
    copy->place = copy_string(topology, node->place);
    copy->sink_topic = copy_string(topology, node->sink_topic);
    copy->late_topic = copy_string(topology, node->late_topic);
    copy->layout = copy_string(topology, node->layout);
    copy->stores = copy_strings(topology, node->stores, node->store_count);
    int *parents = arena_array(&topology->arena, int, node->parent_count);
    added.is_key_changed = node->changes_key;
    for (size_t i = 0; i < node->parent_count; i++) {
        check(node->parents[i] >= 0);
        check((size_t)node->parents[i] < topology->node_count);
        parents[i] = node->parents[i];
        added.is_key_changed |= topology->nodes[parents[i]].is_key_changed;
    }
    copy->parents = parents;
    struct topology_timer *timers =
        arena_array(&topology->arena, struct topology_timer, node->timer_count);
    if (node->timer_count > 0) {
        memcpy(timers, node->timers, node->timer_count * sizeof *timers);
    }
    copy->timers = timers;
    topology->nodes =
        memory_resize(topology->nodes, (topology->node_count + 1) * sizeof *topology->nodes);
    topology->nodes[topology->node_count] = added;
    return (int)topology->node_count++;
}

int topology_add_node(struct topology *topology, const struct topology_node *node,
                      struct report *report)
{
    check(!topology->is_finished);
    check(node->make != NULL);
    check(node->parent_count > 0);
    int error = validate_node(topology, node, report);
    if (error != 0) {
        if (node->free_owner != NULL) {
            node->free_owner(node->owner);
        }
        return error;
    }
    return add_node(topology, node);
}

static struct node *make_inlet(void *owner, const char *name)
{
    return inlet_new(name, owner);
}

static struct node *make_outlet(void *owner, const char *name)
{
    return outlet_new(name, owner);
}

static int validate_source(const struct topology *topology, const struct topology_source *source,
                           const struct topology_node *node, struct report *report)
{
    int error = source->pattern == NULL ? 0 : topology_match_validate(source, report);
    if (source->topic_count == 0 && source->pattern == NULL) {
        return report_add(report, source->place, "a stream needs a topic");
    }
    for (size_t i = 0; error == 0 && i < source->topic_count; i++) {
        if (strpbrk(source->topics[i], "*?") != NULL) {
            return report_add(report, source->place,
                              "'%s' is a pattern; a stream reads topics by their names: list them, "
                              "or write S.pattern with a regular expression",
                              source->topics[i]);
        }
        error = validate_name("topic", source->topics[i], source->place, report);
        for (size_t j = 0; error == 0 && j < topology->node_count; j++) {
            const struct topology_source *other = topology->nodes[j].source;
            for (size_t k = 0; other != NULL && k < other->topic_count; k++) {
                if (strcmp(other->topics[k], source->topics[i]) == 0) {
                    return report_add(report, source->place,
                                      "the topic '%s' is read twice with different options "
                                      "(also at %s)",
                                      source->topics[i],
                                      other->place == NULL ? "another place" : other->place);
                }
            }
        }
    }
    if (error == 0 && source->time_path != NULL) {
        struct json_path path;
        error = json_path_init(&path, source->time_path, source->place, report);
        if (error == 0) {
            json_path_fini(&path);
        }
    }
    return error != 0 ? error : validate_node(topology, node, report);
}

static int add_source(struct topology *topology, const struct topology_source *source,
                      bool is_internal, struct report *report)
{
    check(!topology->is_finished);
    struct topology_node node = {
        .kind = "source",
        .place = source->place,
        .make = make_inlet,
        .name = source->name != NULL      ? source->name
                : source->topic_count > 0 ? source->topics[0]
                                          : source->pattern,
    };
    int error = validate_source(topology, source, &node, report);
    if (error != 0) {
        return error;
    }
    struct topology_source *copy = arena_new(&topology->arena, struct topology_source);
    *copy = *source;
    copy->name = copy_string(topology, node.name);
    copy->place = copy_string(topology, source->place);
    copy->topics = copy_strings(topology, source->topics, source->topic_count);
    copy->pattern = copy_string(topology, source->pattern);
    copy->time_path = copy_string(topology, source->time_path);
    struct inlet_options *options = arena_new(&topology->arena, struct inlet_options);
    *options = (struct inlet_options){.value_format = source->value_format,
                                      .time_path = copy->time_path,
                                      .time_scale = copy->time_scale,
                                      .is_internal = is_internal};
    node.owner = options;
    int id = add_node(topology, &node);
    topology->nodes[id].source = copy;
    topology->nodes[id].is_internal = is_internal;
    return id;
}

int topology_add_source(struct topology *topology, const struct topology_source *source,
                        struct report *report)
{
    return add_source(topology, source, false, report);
}

int topology_add_store(struct topology *topology, const struct topology_store *store,
                       struct report *report)
{
    check(!topology->is_finished);
    int error = validate_name("store", store->name, store->place, report);
    if (error != 0) {
        return error;
    }
    const struct topology_store *same = topology_plan_find_store(topology, store->name);
    if (same != NULL) {
        bool is_same = same->kind == store->kind && same->has_changelog == store->has_changelog &&
                       same->value_format == store->value_format &&
                       same->history_ms == store->history_ms && same->ttl_ms == store->ttl_ms &&
                       same->retention_ms == store->retention_ms &&
                       same->has_sessions == store->has_sessions &&
                       same->is_global == store->is_global && same->version == store->version;
        return is_same ? 0
                       : report_add(report, store->place,
                                    "the store '%s' is declared differently at %s", store->name,
                                    same->place == NULL ? "another place" : same->place);
    }
    struct topology_store *copy = arena_new(&topology->arena, struct topology_store);
    *copy = *store;
    copy->name = copy_string(topology, store->name);
    copy->place = copy_string(topology, store->place);
    topology->stores = memory_resize(topology->stores, (topology->store_count + 1) * sizeof copy);
    topology->stores[topology->store_count++] = copy;
    return 0;
}

int topology_add_topic(struct topology *topology, const struct topology_topic *topic,
                       struct report *report)
{
    check(!topology->is_finished);
    int error = validate_name("topic", topic->name, topic->place, report);
    if (error != 0) {
        return error;
    }
    const struct topology_topic *other = topology_plan_find_topic(topology, topic->name);
    if (other != NULL && topic->is_internal) {
        return report_add(
            report, topic->place,
            "two steps would go through the topic '%s', this one and that at %s: give "
            "one of them another name",
            topic->name, other->place);
    }
    if (other != NULL) {
        return report_add(report, topic->place, "the topic '%s' is declared twice", topic->name);
    }
    if (topic->partitions < 0) {
        return report_add(report, topic->place, "the topic '%s' cannot have %d partitions",
                          topic->name, topic->partitions);
    }
    struct topology_topic *copy = arena_new(&topology->arena, struct topology_topic);
    *copy = *topic;
    copy->name = copy_string(topology, topic->name);
    copy->place = copy_string(topology, topic->place);
    topology->topics = memory_resize(topology->topics, (topology->topic_count + 1) * sizeof copy);
    topology->topics[topology->topic_count++] = copy;
    return 0;
}

static int add_repartition_sink(struct topology *topology, int parent, const char *topic,
                                const char *suffix, const char *name, const char *place,
                                struct report *report)
{
    struct outlet_options *options = arena_new(&topology->arena, struct outlet_options);
    *options = (struct outlet_options){.topic = topic, .partition = -1, .is_internal = true};
    struct topology_node sink = {
        .name = arena_printf(&topology->arena, "%s-repartition-sink%s", name, suffix),
        .kind = "repartition",
        .place = place,
        .parents = &parent,
        .parent_count = 1,
        .sink_topic = topic,
        .make = make_outlet,
        .owner = options};
    int id = topology_add_node(topology, &sink, report);
    return id < 0 ? id : 0;
}

int topology_add_repartition_sink(struct topology *topology, int parent, const char *name,
                                  int number, const char *place, struct report *report)
{
    const char *topic = arena_printf(&topology->arena, "%s-%s-repartition", topology->name, name);
    check(number > 1);
    check(topology_plan_find_topic(topology, topic) != NULL);
    return add_repartition_sink(topology, parent, topic,
                                arena_printf(&topology->arena, "-%d", number), name, place, report);
}

int topology_add_repartition(struct topology *topology, int parent, const char *name,
                             int32_t partitions, const char *place, struct report *report)
{
    int error = validate_name("repartition", name, place, report);
    if (error != 0) {
        return error;
    }
    const char *topic_name =
        arena_printf(&topology->arena, "%s-%s-repartition", topology->name, name);
    struct topology_topic topic = {.name = topic_name,
                                   .place = place,
                                   .partitions = partitions,
                                   .retention_ms = -1,
                                   .is_internal = true};
    error = topology_add_topic(topology, &topic, report);
    if (error != 0) {
        return error;
    }
    error = add_repartition_sink(topology, parent, topic_name, "", name, place, report);
    if (error != 0) {
        return error;
    }
    struct topology_source source = {.name = arena_printf(&topology->arena, "%s-repartition", name),
                                     .place = place,
                                     .topics = &topic_name,
                                     .topic_count = 1};
    return add_source(topology, &source, true, report);
}

void topology_set_errors(struct topology *topology, const struct topology_errors *errors)
{
    topology->errors.policy = errors->policy;
    topology->errors.breaker_percent = errors->breaker_percent;
    topology->errors.breaker_ms = errors->breaker_ms;
    if (errors->topic != NULL) {
        topology->errors.topic = copy_string(topology, errors->topic);
    }
}

void topology_set_guarantee(struct topology *topology, enum topology_guarantee guarantee)
{
    topology->guarantee = guarantee;
}

bool topology_key_is_changed(const struct topology *topology, int node)
{
    return topology->nodes[node].is_key_changed;
}

/* Invariant 4: state kept by key must sit where all records of a key come together. */
static int validate_keyed(const struct topology *topology, const struct topology_node *node,
                          struct report *report)
{
    for (size_t i = 0; node->is_keyed && node->store_count > 0 && i < node->parent_count; i++) {
        if (topology->nodes[node->parents[i]].is_key_changed) {
            return report_add(
                report, node->place,
                "'%s' keeps the store '%s' by key, but the key was changed before it, so records "
                "of one key would be spread over tasks: put :repartition(\"by-key\") before it",
                node->name, node->stores[0]);
        }
    }
    return 0;
}

int topology_finish(struct topology *topology, struct report *report)
{
    check(!topology->is_finished);
    for (size_t i = 0; i < topology->node_count; i++) {
        int error = validate_keyed(topology, &topology->nodes[i].node, report);
        if (error != 0) {
            return error;
        }
    }
    int error = topology_plan_cut(topology, report);
    topology->is_finished = error == 0;
    if (error == 0) {
        topology_check(topology);
    }
    return error;
}

size_t topology_part_count(const struct topology *topology)
{
    return topology->part_count;
}

const struct topology_part *topology_part_at(const struct topology *topology, size_t index)
{
    check(index < topology->part_count);
    return &topology->parts[index];
}

size_t topology_global_count(const struct topology *topology)
{
    return topology->global_count;
}

const struct topology_part *topology_global_at(const struct topology *topology, size_t index)
{
    check(index < topology->global_count);
    return &topology->globals[index];
}

bool topology_part_repartitions(const struct topology_part *part, const char *topic)
{
    for (size_t i = 0; i < part->internal_topic_count; i++) {
        if (strcmp(part->internal_topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

const struct topology_part *topology_part_find(const struct topology *topology, uint32_t id)
{
    for (size_t i = 0; i < topology->part_count; i++) {
        if (topology->parts[i].id == id) {
            return &topology->parts[i];
        }
    }
    return NULL;
}

size_t topology_node_count(const struct topology *topology)
{
    return topology->node_count;
}

const struct topology_node *topology_node_at(const struct topology *topology, int node)
{
    check(node >= 0);
    check((size_t)node < topology->node_count);
    return &topology->nodes[node].node;
}

const struct topology_source *topology_source_at(const struct topology *topology, int node)
{
    check(node >= 0 && (size_t)node < topology->node_count);
    return topology->nodes[node].source;
}

size_t topology_topic_count(const struct topology *topology)
{
    return topology->topic_count;
}

const struct topology_topic *topology_topic_at(const struct topology *topology, size_t index)
{
    check(index < topology->topic_count);
    return topology->topics[index];
}

size_t topology_store_count(const struct topology *topology)
{
    return topology->store_count;
}

const struct topology_store *topology_store_at(const struct topology *topology, size_t index)
{
    check(index < topology->store_count);
    return topology->stores[index];
}

const struct topology_errors *topology_errors(const struct topology *topology)
{
    return &topology->errors;
}

enum topology_guarantee topology_guarantee(const struct topology *topology)
{
    return topology->guarantee;
}

void topology_changelog_name(const struct topology *topology, const char *store, struct buffer *out)
{
    buffer_printf(out, "%s-%s-changelog", topology->name, store);
}

bool topology_part_has_idle(const struct topology *topology, const struct topology_part *part)
{
    for (size_t i = 0; i < part->node_count; i++) {
        if (topology->nodes[part->nodes[i]].node.idle_ms > 0) {
            return true;
        }
    }
    return false;
}

void topology_clock_name(const struct topology *topology, struct buffer *out)
{
    buffer_printf(out, "%s-clock", topology->name);
}

int topology_node_find(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        if (strcmp(topology->nodes[i].node.name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void topology_check(const struct topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_plan_node *it = &topology->nodes[i];
        check((it->source != NULL) == (it->node.parent_count == 0));
        for (size_t j = 0; j < it->node.parent_count; j++) {
            check(it->node.parents[j] < (int)i);
            if (topology->is_finished) {
                check(topology->nodes[it->node.parents[j]].part == it->part);
            }
        }
        check(!topology->is_finished || it->part < (int)topology->part_count);
    }
    for (size_t i = 0; i < topology->part_count; i++) {
        check(topology->parts[i].topic_count > 0 || topology_match_is_needed(topology));
        check(i == 0 || strcmp(topology->parts[i - 1].name, topology->parts[i].name) < 0);
    }
}
