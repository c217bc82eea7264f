/* Reads stream:plugin(name, options, step); see plan_plugin.h. */
#include "runtime/lua/plan_plugin.h"

static int read_plugin(struct plan_reader *reader, struct topology_node *node)
{
    const struct script_options *given = &reader->script->options;
    struct script_node_plan stores = {0};
    struct script_plugin plugin = {.name = plan_reader_string(reader, "plugin")};
    bool has_format = false;
    luaL_argcheck(reader->lua, plugin.name != NULL, 1, "a broken plan");
    plugin.options = plan_reader_options(reader, &plugin.option_count);
    plugin.format = plan_reader_format(reader, node->place, &has_format);
    if (!has_format) {
        plugin.format = NULL;
    }
    plan_reader_stores(reader, node, &stores);
    for (size_t i = 0; i < stores.store_count; i++) {
        if (stores.are_tables[i]) {
            report_add(reader->report, node->place,
                       "the table %s cannot be read by a plugin: join with it before",
                       stores.stores[i]->name);
            plan_reader_stop(reader);
        }
        if (stores.stores[i]->retention_ms > 0) {
            report_add(reader->report, node->place,
                       "the store %s of a plugin cannot have windows: a plugin puts the time into "
                       "its keys",
                       stores.stores[i]->name);
            plan_reader_stop(reader);
        }
        if (stores.stores[i]->ttl_ms > 0) {
            report_add(
                reader->report, node->place,
                "the store %s of a plugin cannot have a ttl: a plugin removes by itself what "
                "is old",
                stores.stores[i]->name);
            plan_reader_stop(reader);
        }
    }
    plugin.aliases = stores.store_names;
    plugin.stores = node->stores;
    plugin.store_count = node->store_count;
    if (given->open_plugin == NULL) {
        report_add(reader->report, node->place, "plugins cannot be used here");
        plan_reader_stop(reader);
    }
    plan_reader_check(reader, given->open_plugin(given->owner, &plugin, node, reader->report));
    return plan_reader_add(reader, node);
}

const struct plan_step plan_plugin_steps[] = {{.kind = "plugin", .read = read_plugin}, {0}};
