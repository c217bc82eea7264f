/* A plan as text for people; see topology.h. */
#include "runtime/topology/topology_plan.h"

static void add_names(struct buffer *out, const char *title, const char *const *names, size_t count)
{
    if (count == 0) {
        return;
    }
    buffer_add_string(out, title);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s%s", i == 0 ? " " : ", ", names[i]);
    }
}

static void describe_node(const struct topology *topology, const struct topology_plan_node *it,
                          struct buffer *out)
{
    const struct topology_node *node = &it->node;
    buffer_printf(out, "    %s (%s", node->name, node->kind);
    if (node->detail != NULL) {
        buffer_printf(out, " %s", node->detail);
    }
    buffer_add_byte(out, ')');
    for (size_t i = 0; i < node->parent_count; i++) {
        buffer_printf(out, "%s %s", i == 0 ? " <-" : ",",
                      topology->nodes[node->parents[i]].node.name);
    }
    if (it->source != NULL && it->source->pattern != NULL) {
        buffer_printf(out, " reads all that match %s", it->source->pattern);
    } else if (it->source != NULL) {
        add_names(out, " reads", it->source->topics, it->source->topic_count);
    }
    if (node->sink_topic != NULL) {
        add_names(out, " writes", &node->sink_topic, 1);
    }
    if (node->late_topic != NULL) {
        add_names(out, " late", &node->late_topic, 1);
    }
    add_names(out, " stores", node->stores, node->store_count);
    for (size_t i = 0; i < node->timer_count; i++) {
        bool is_wall = node->timers[i].clock == TOPOLOGY_WALL_CLOCK;
        buffer_printf(out, " every %lld ms of %s", (long long)node->timers[i].interval_ms,
                      is_wall ? "wall clock" : "stream time");
    }
    buffer_add_byte(out, '\n');
}

static void describe_part(const struct topology *topology, const struct topology_part *part,
                          const char *what, struct buffer *out)
{
    buffer_printf(out, "  %s %s (%08x)", what, part->name, part->id);
    add_names(out, " reads", part->topics, part->topic_count);
    add_names(out, "; equal partition counts:", part->copartitioned, part->copartitioned_count);
    buffer_add_byte(out, '\n');
    for (size_t i = 0; i < part->store_count; i++) {
        const struct topology_store *store = part->stores[i];
        buffer_printf(out, "    store %s (%s, %s, %s", store->name,
                      store->kind == TOPOLOGY_STORE_MEMORY ? "memory" : "persistent",
                      value_format_name(store->value_format),
                      store->has_changelog ? "with changelog" : "without changelog");
        if (store->version > 1) {
            buffer_printf(out, ", version %d", (int)store->version);
        }
        if (store->history_ms > 0) {
            buffer_printf(out, ", history of %lld ms", (long long)store->history_ms);
        }
        if (store->ttl_ms > 0) {
            buffer_printf(out, ", ttl of %lld ms", (long long)store->ttl_ms);
        }
        if (store->retention_ms > 0) {
            buffer_printf(out, ", %s of %lld ms", store->has_sessions ? "sessions" : "windows",
                          (long long)store->retention_ms);
        }
        buffer_add_string(out, ")\n");
    }
    for (size_t i = 0; i < part->node_count; i++) {
        describe_node(topology, &topology->nodes[part->nodes[i]], out);
    }
}

void topology_describe(const struct topology *topology, struct buffer *out)
{
    static const char *const policies[] = {"dead letters", "stop", "skip"};
    buffer_printf(out, "application %s\n", topology->name);
    buffer_printf(out, "  errors: %s", policies[topology->errors.policy]);
    if (topology->errors.policy == TOPOLOGY_DEAD_LETTER) {
        buffer_printf(out, " to %s", topology->errors.topic);
    }
    buffer_add_byte(out, '\n');
    if (topology->guarantee == TOPOLOGY_AT_LEAST_ONCE) {
        buffer_add_string(out, "  guarantee: at least once\n");
    }
    for (size_t i = 0; i < topology->part_count; i++) {
        describe_part(topology, &topology->parts[i], "part", out);
    }
    for (size_t i = 0; i < topology->global_count; i++) {
        describe_part(topology, &topology->globals[i], "global table, in each instance:", out);
    }
    for (size_t i = 0; i < topology->topic_count; i++) {
        const struct topology_topic *topic = topology->topics[i];
        buffer_printf(out, "  topic %s%s", topic->name, topic->is_internal ? " (internal)" : "");
        if (topic->partitions > 0) {
            buffer_printf(out, ", %d partitions", topic->partitions);
        }
        if (topic->retention_ms >= 0) {
            buffer_printf(out, ", kept %lld ms", (long long)topic->retention_ms);
        }
        buffer_printf(out, "%s\n", topic->is_compacted ? ", compacted" : "");
    }
}
