/* Steps at topics: where records come from, and where they are written. */
#include "runtime/lua/plan_edge.h"

#include "runtime/topology/outlet.h"

static int read_source(struct plan_reader *reader, struct topology_node *node)
{
    struct topology_source source = {.name = node->name, .place = node->place};
    bool is_given = false;
    source.topics = plan_reader_strings(reader, "topics", &source.topic_count);
    source.pattern = plan_reader_string(reader, "pattern");
    source.value_format = plan_reader_format(reader, node->place, &is_given);
    source.time_path = plan_reader_string(reader, "time");
    source.time_scale = plan_reader_integer(reader, "time_scale", 0);
    luaL_argcheck(reader->lua,
                  source.time_scale == 0 || source.time_scale == 1 ||
                      (source.time_scale > 0 && source.time_scale % 1000 == 0),
                  1, "a broken plan");
    source.is_global = plan_reader_boolean(reader, "is_global");
    return topology_add_source(reader->script->topology, &source, reader->report);
}

static int read_repartition(struct plan_reader *reader, struct topology_node *node)
{
    int64_t partitions = plan_reader_integer(reader, "partitions", 0);
    luaL_argcheck(reader->lua, node->name != NULL && node->parent_count > 0, 1, "a broken plan");
    luaL_argcheck(reader->lua, partitions >= 0 && partitions <= 100000, 1,
                  "partitions must be between 1 and 100000");
    struct topology *topology = reader->script->topology;
    int source = topology_add_repartition(topology, node->parents[0], node->name,
                                          (int32_t)partitions, node->place, reader->report);
    for (size_t i = 1; source >= 0 && i < node->parent_count; i++) {
        int error = topology_add_repartition_sink(topology, node->parents[i], node->name,
                                                  (int)i + 1, node->place, reader->report);
        source = error == 0 ? source : error;
    }
    return source;
}

static struct node *make_outlet(void *owner, const char *name)
{
    return outlet_new(name, owner);
}

static int read_sink(struct plan_reader *reader, struct topology_node *node)
{
    struct outlet_options *options = arena_new(&reader->script->arena, struct outlet_options);
    options->topic = node->sink_topic = plan_reader_string(reader, "topic");
    luaL_argcheck(reader->lua, options->topic != NULL, 1, "a broken plan");
    options->value_format = plan_reader_format(reader, node->place, &options->has_value_format);
    options->key_path = plan_reader_string(reader, "key");
    if (options->key_path != NULL) {
        plan_reader_path(reader, options->key_path, node->place);
    }
    int64_t partition = plan_reader_integer(reader, "partition", -1);
    if (partition < -1 || partition > INT32_MAX) {
        report_add(reader->report, node->place, "there is no partition %lld", (long long)partition);
        plan_reader_stop(reader);
    }
    options->partition = (int32_t)partition;
    node->make = make_outlet;
    node->owner = options;
    return plan_reader_add(reader, node);
}

const struct plan_step plan_edge_steps[] = {
    {.kind = "source", .read = read_source, .is_root = true},
    {.kind = "repartition", .read = read_repartition},
    {.kind = "to", .read = read_sink},
    {0}};
