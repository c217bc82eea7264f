/* Topics by pattern; see topology_match.h. */
#include "runtime/topology/topology_match.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/topology/topic_pattern.h"
#include "runtime/topology/topology_plan.h"

#include <stdlib.h>
#include <string.h>

int topology_match_validate(const struct topology_source *source, struct report *report)
{
    struct topic_pattern *pattern = NULL;
    int error = topic_pattern_new(source->pattern, source->place, &pattern, report);
    topic_pattern_free(pattern);
    if (error == 0 && (source->topic_count > 0 || source->is_global)) {
        error = report_add(report, source->place,
                           "the pattern '%s' can be read by a stream alone, and by itself",
                           source->pattern);
    }
    return error;
}

bool topology_match_is_needed(const struct topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_source *source = topology->nodes[i].source;
        if (source != NULL && source->pattern != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_equal(const char *left, const char *right)
{
    return left != NULL && strcmp(left, right) == 0;
}

static bool is_named(const struct topology_source *source, const char *name)
{
    for (size_t i = 0; source->pattern == NULL && i < source->topic_count; i++) {
        if (strcmp(source->topics[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* What else invariant 2 says, and who names a topic has it (invariant 1). */
static bool is_out_of_reach(const struct topology *topology, const char *name)
{
    struct buffer clock;
    buffer_init(&clock);
    topology_clock_name(topology, &clock);
    bool is_out = is_equal(buffer_string(&clock), name) || is_equal(topology->errors.topic, name) ||
                  topology_plan_find_topic(topology, name) != NULL;
    buffer_fini(&clock);
    for (size_t i = 0; !is_out && i < topology->node_count; i++) {
        const struct topology_plan_node *it = &topology->nodes[i];
        is_out = is_equal(it->node.sink_topic, name) || is_equal(it->node.late_topic, name) ||
                 (it->source != NULL && is_named(it->source, name));
    }
    return is_out;
}

/* What the sources by pattern read; one list for each node, those of others stay empty. */
struct match {
    struct arena arena;
    struct topic_pattern **patterns; /* of each node, or NULL */
    const char ***topics;            /* borrowed names, sorted */
    size_t *counts;
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The first whose pattern matches has it. */
static void match_name(struct match *match, const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        if (match->patterns[i] != NULL && topic_pattern_matches(match->patterns[i], name)) {
            match->topics[i][match->counts[i]++] = name;
            return;
        }
    }
}

static void match_init(struct match *match, const struct topology *topology,
                       const char *const *names, size_t count)
{
    size_t node_count = topology->node_count;
    arena_init(&match->arena, 0);
    match->patterns = arena_array(&match->arena, struct topic_pattern *, node_count);
    match->topics = arena_array(&match->arena, const char **, node_count);
    match->counts = arena_array(&match->arena, size_t, node_count);
    for (size_t i = 0; i < node_count; i++) {
        const struct topology_source *source = topology->nodes[i].source;
        match->patterns[i] = NULL;
        match->counts[i] = 0;
        if (source != NULL && source->pattern != NULL) {
            match->topics[i] = arena_array(&match->arena, const char *, count);
            struct report ignored = {0};
            int error = topic_pattern_new(source->pattern, NULL, &match->patterns[i], &ignored);
            check(error == 0); /* it was judged when it was added */
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_out_of_reach(topology, names[i])) {
            match_name(match, topology, names[i]);
        }
    }
    for (size_t i = 0; i < node_count; i++) {
        if (match->counts[i] > 1) {
            qsort(match->topics[i], match->counts[i], sizeof *match->topics[i], compare_names);
        }
    }
}

static void match_fini(struct match *match, const struct topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        topic_pattern_free(match->patterns[i]);
    }
    arena_fini(&match->arena);
}

/* The plan's own copies of what a source reads from now on. */
static void match_take(const struct match *match, struct topology *topology, size_t node)
{
    struct topology_plan_node *it = &topology->nodes[node];
    struct topology_source *source = arena_new(&topology->arena, struct topology_source);
    const char **topics = arena_array(&topology->arena, const char *, match->counts[node]);
    for (size_t i = 0; i < match->counts[node]; i++) {
        topics[i] = arena_string(&topology->arena, bytes_from_string(match->topics[node][i]));
    }
    *source = *it->source;
    source->topics = topics;
    source->topic_count = match->counts[node];
    it->source = source;
}

int topology_match_apply(struct topology *topology, const char *const *names, size_t count,
                         struct report *report)
{
    struct match match;
    int error = 0;
    check(topology->is_finished);
    match_init(&match, topology, names, count);
    for (size_t i = 0; error == 0 && i < topology->node_count; i++) {
        if (match.counts[i] > TOPIC_PATTERN_COUNT_MAX) {
            error = report_add(report, topology->nodes[i].node.place,
                               "%zu topics match '%s' and a stream reads %d at most: narrow the "
                               "pattern",
                               match.counts[i], topology->nodes[i].source->pattern,
                               TOPIC_PATTERN_COUNT_MAX);
        }
    }
    for (size_t i = 0; error == 0 && i < topology->node_count; i++) {
        if (match.patterns[i] != NULL) {
            match_take(&match, topology, i);
        }
    }
    match_fini(&match, topology);
    if (error == 0) {
        error = topology_plan_cut(topology, report);
    }
    if (error == 0) {
        topology_check(topology);
    }
    return error;
}

bool topology_match_is_same(const struct topology *topology, const char *const *names, size_t count)
{
    struct match match;
    bool is_same = true;
    match_init(&match, topology, names, count);
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_source *source = topology->nodes[i].source;
        bool has_pattern = match.patterns[i] != NULL;
        is_same = is_same && (!has_pattern || source->topic_count == match.counts[i]);
        for (size_t j = 0; is_same && has_pattern && j < source->topic_count; j++) {
            is_same = strcmp(source->topics[j], match.topics[i][j]) == 0;
        }
    }
    match_fini(&match, topology);
    return is_same;
}
