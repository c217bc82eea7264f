/* Global tables; see global.h. */
#include "runtime/task/global.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_input.h"

#include <stdlib.h>
#include <string.h>

struct global_input {
    struct task_input input;
    bool is_read; /* was at its end once */
};

struct global {
    const struct topology *topology;
    struct topology_instance **instances; /* by index in the plan */
    struct map stores;                    /* name -> kv */
    struct global_input *inputs;
    size_t input_count;
    size_t unread_count; /* inputs that were not at their end yet */
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
    return global_store(context->owner, name);
}

static void add_inputs(struct global *global, size_t index, const char *topic,
                       struct client *client, struct fetcher *fetcher)
{
    const struct client_topic *known = client_find_topic(client, topic);
    int32_t count = known == NULL || known->error != 0 ? 0 : known->partition_count;
    global->inputs = memory_resize(global->inputs,
                                   (global->input_count + (size_t)count) * sizeof *global->inputs);
    for (int32_t i = 0; i < count; i++) {
        struct global_input *it = &global->inputs[global->input_count++];
        *it = (struct global_input){.is_read = false};
        task_input_init(&it->input, fetcher, topic, i);
        it->input.source = topology_instance_source(global->instances[index], topic);
        check(it->input.source != NULL);
        task_input_start(&it->input, FETCHER_OFFSET_EARLIEST);
    }
}

static void add_stores(struct global *global)
{
    for (size_t i = 0; i < topology_store_count(global->topology); i++) {
        const struct topology_store *store = topology_store_at(global->topology, i);
        if (store->is_global) {
            map_put(&global->stores, bytes_from_string(store->name), kv_new_memory(store->name));
        }
    }
}

struct global *global_new(const struct topology *topology, struct client *client,
                          struct fetcher *fetcher)
{
    size_t count = topology_global_count(topology);
    if (count == 0) {
        return NULL;
    }
    struct global *global = memory_new(struct global);
    global->topology = topology;
    global->instances = memory_zero(count, sizeof(struct topology_instance *));
    map_init(&global->stores);
    arena_init(&global->arena, 0);
    decoded_init(&global->decoded);
    global->context = (struct node_context){.arena = &global->arena,
                                            .decoded = &global->decoded,
                                            .emit = on_emit,
                                            .store = on_store,
                                            .stream_time_ms = -1,
                                            .owner = global};
    add_stores(global);
    for (size_t i = 0; i < count; i++) {
        const struct topology_part *part = topology_global_at(topology, i);
        global->instances[i] = topology_instance_new(topology, part);
        check(topology_instance_start(global->instances[i], &global->context) == 0);
        for (size_t j = 0; j < part->topic_count; j++) {
            add_inputs(global, i, part->topics[j], client, fetcher);
        }
    }
    global->unread_count = global->input_count;
    return global;
}

void global_free(struct global *global)
{
    if (global == NULL) {
        return;
    }
    for (size_t i = 0; i < global->input_count; i++) {
        task_input_fini(&global->inputs[i].input);
    }
    for (size_t i = 0; i < topology_global_count(global->topology); i++) {
        topology_instance_free(global->instances[i]);
    }
    for (map_each (&global->stores, entry)) {
        kv_free(entry->value);
    }
    map_fini(&global->stores, NULL);
    arena_fini(&global->arena);
    decoded_fini(&global->decoded);
    free(global->inputs);
    free(global->instances);
    free(global);
}

static void take_record(struct global *global, struct task_input *input)
{
    arena_clear(&global->arena);
    decoded_clear(&global->decoded);
    global->context.source = &input->head;
    global->context.error_text[0] = 0;
    if (node_process(input->source, &global->context, &input->head) != 0) {
        trace(TRACE_WARN, "global.record_left_out", TRACE_STRING("topic", input->topic),
              TRACE_INT("partition", input->partition), TRACE_INT("offset", input->head.offset),
              TRACE_STRING("why", global->context.error_text));
    }
    task_input_take(input);
}

/* How many records there were, or an error. */
static int read_input(struct global *global, struct global_input *it, int count_max)
{
    int count = 0;
    int result = 0;
    while (count < count_max && (result = task_input_fill(&it->input)) == 1) {
        take_record(global, &it->input);
        count++;
    }
    if (result == 0 && !it->is_read && task_input_is_drained(&it->input)) {
        it->is_read = true;
        global->unread_count--;
    }
    return result < 0 ? result : count;
}

int global_process(struct global *global, int count_max)
{
    int count = 0;
    for (size_t i = 0; global != NULL && i < global->input_count; i++) {
        int result = read_input(global, &global->inputs[i], count_max);
        if (result < 0) {
            return result;
        }
        count += result;
    }
    for (size_t i = 0; count > 0 && i < topology_store_count(global->topology); i++) {
        struct kv *kv = global_store(global, topology_store_at(global->topology, i)->name);
        if (kv != NULL) {
            kv_mark_committed(kv); /* nobody asks what changed */
        }
    }
    return count;
}

bool global_is_ready(const struct global *global)
{
    return global == NULL || global->unread_count == 0;
}

struct kv *global_store(const struct global *global, const char *name)
{
    return global == NULL ? NULL : map_find_string(&global->stores, name);
}

void global_check(const struct global *global)
{
    size_t unread = 0;
    for (size_t i = 0; global != NULL && i < global->input_count; i++) {
        unread += !global->inputs[i].is_read;
    }
    check(global == NULL || unread == global->unread_count);
}

static const struct topology_store *find_store(const struct global *global, const char *name)
{
    for (size_t i = 0; i < topology_store_count(global->topology); i++) {
        const struct topology_store *store = topology_store_at(global->topology, i);
        if (store->is_global && strcmp(store->name, name) == 0) {
            return store;
        }
    }
    return NULL;
}

bool global_open_rows(const struct global *global, const char *store, struct store_rows *rows)
{
    bool is_ready = global != NULL && global->unread_count == 0;
    const struct topology_store *found = is_ready ? find_store(global, store) : NULL;
    for (size_t i = 0; found != NULL && i < topology_global_count(global->topology); i++) {
        if (topology_instance_reader(global->instances[i], store) != NULL) {
            store_rows_init(rows, found, global_store(global, store), global->instances[i],
                            &global->context);
            return true;
        }
    }
    return false;
}
