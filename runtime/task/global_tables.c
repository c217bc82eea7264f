/* Stores that all tasks look into; see global_tables.h. */
#include "runtime/task/global_tables.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdlib.h>
#include <string.h>

struct global_tables {
    const struct topology *topology;
    struct topology_instance **instances; /* by index in the plan */
    struct map stores;                    /* name -> kv */
    struct node_context context;
    struct arena arena;
    struct decoded decoded;
};

static int on_emit(struct node_context *context, const char *topic, const struct record *record)
{
    (void)context;
    (void)topic;
    (void)record;
    return ERROR_INVALID; /* the plan was judged: nobody does */
}

static struct kv *on_store(struct node_context *context, const char *name)
{
    return global_tables_store(context->owner, name);
}

static void add_stores(struct global_tables *tables)
{
    for (size_t i = 0; i < topology_store_count(tables->topology); i++) {
        const struct topology_store *store = topology_store_at(tables->topology, i);
        if (store->is_global) {
            map_put(&tables->stores, bytes_from_string(store->name), kv_new_memory(store->name));
        }
    }
}

struct global_tables *global_tables_new(const struct topology *topology)
{
    size_t count = topology_global_count(topology);
    if (count == 0) {
        return NULL;
    }
    struct global_tables *tables = memory_new(struct global_tables);
    tables->topology = topology;
    tables->instances = memory_zero(count, sizeof(struct topology_instance *));
    map_init(&tables->stores);
    arena_init(&tables->arena, 0);
    decoded_init(&tables->decoded);
    tables->context = (struct node_context){.arena = &tables->arena,
                                            .decoded = &tables->decoded,
                                            .emit = on_emit,
                                            .store = on_store,
                                            .stream_time_ms = -1,
                                            .owner = tables};
    add_stores(tables);
    for (size_t i = 0; i < count; i++) {
        tables->instances[i] = topology_instance_new(topology, topology_global_at(topology, i));
        check(topology_instance_start(tables->instances[i], &tables->context) == 0);
    }
    return tables;
}

void global_tables_free(struct global_tables *tables)
{
    if (tables == NULL) {
        return;
    }
    for (size_t i = 0; i < topology_global_count(tables->topology); i++) {
        topology_instance_free(tables->instances[i]);
    }
    for (map_each (&tables->stores, entry)) {
        kv_free(entry->value);
    }
    map_fini(&tables->stores, NULL);
    arena_fini(&tables->arena);
    decoded_fini(&tables->decoded);
    free(tables->instances);
    free(tables);
}

struct node *global_tables_source(struct global_tables *tables, size_t index, const char *topic)
{
    struct node *source = topology_instance_source(tables->instances[index], topic);
    check(source != NULL);
    return source;
}

void global_tables_take(struct global_tables *tables, struct node *source,
                        const struct record *record)
{
    arena_clear(&tables->arena);
    decoded_clear(&tables->decoded);
    tables->context.source = record;
    tables->context.error_text[0] = 0;
    if (node_process(source, &tables->context, record) != 0) {
        trace(TRACE_WARN, "global.record_left_out", TRACE_STRING("topic", record->topic),
              TRACE_INT("partition", record->partition), TRACE_INT("offset", record->offset),
              TRACE_STRING("why", tables->context.error_text));
    }
}

void global_tables_settle(struct global_tables *tables)
{
    for (map_each (&tables->stores, entry)) {
        kv_mark_committed(entry->value);
    }
}

struct kv *global_tables_store(const struct global_tables *tables, const char *name)
{
    return tables == NULL ? NULL : map_find_string(&tables->stores, name);
}

static const struct topology_store *find_store(const struct global_tables *tables, const char *name)
{
    for (size_t i = 0; i < topology_store_count(tables->topology); i++) {
        const struct topology_store *store = topology_store_at(tables->topology, i);
        if (store->is_global && strcmp(store->name, name) == 0) {
            return store;
        }
    }
    return NULL;
}

bool global_tables_open_rows(struct global_tables *tables, const char *store,
                             struct store_rows *rows)
{
    const struct topology_store *found = tables == NULL ? NULL : find_store(tables, store);
    for (size_t i = 0; found != NULL && i < topology_global_count(tables->topology); i++) {
        if (topology_instance_reader(tables->instances[i], store) != NULL) {
            store_rows_init(rows, found, global_tables_store(tables, store), tables->instances[i],
                            &tables->context);
            return true;
        }
    }
    return false;
}
