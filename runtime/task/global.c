/* Reads the topics of global tables; see global.h. */
#include "runtime/task/global.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/task/task_input.h"

#include <stdlib.h>

struct global_input {
    struct task_input input;
    bool is_read; /* was at its end once */
};

struct global {
    struct global_tables *tables;
    struct global_input *inputs;
    size_t input_count;
    size_t unread_count; /* inputs that were not at their end yet */
};

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
        it->input.source = global_tables_source(global->tables, index, topic);
        task_input_start(&it->input, FETCHER_OFFSET_EARLIEST);
    }
}

struct global *global_new(const struct topology *topology, struct client *client,
                          struct fetcher *fetcher)
{
    if (topology_global_count(topology) == 0) {
        return NULL;
    }
    struct global *global = memory_new(struct global);
    global->tables = global_tables_new(topology);
    for (size_t i = 0; i < topology_global_count(topology); i++) {
        const struct topology_part *part = topology_global_at(topology, i);
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
    global_tables_free(global->tables);
    free(global->inputs);
    free(global);
}

/* How many records there were, or an error. */
static int read_input(struct global *global, struct global_input *it, int count_max)
{
    int count = 0;
    int result = 0;
    while (count < count_max && (result = task_input_fill(&it->input)) == 1) {
        global_tables_take(global->tables, it->input.source, &it->input.head);
        task_input_take(&it->input);
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
    if (count > 0) {
        global_tables_settle(global->tables);
    }
    return count;
}

bool global_is_ready(const struct global *global)
{
    return global == NULL || global->unread_count == 0;
}

struct global_tables *global_get_tables(const struct global *global)
{
    return global == NULL ? NULL : global->tables;
}

bool global_open_rows(const struct global *global, const char *store, struct store_rows *rows)
{
    return global != NULL && global->unread_count == 0 &&
           global_tables_open_rows(global->tables, store, rows);
}

void global_check(const struct global *global)
{
    size_t unread = 0;
    for (size_t i = 0; global != NULL && i < global->input_count; i++) {
        unread += !global->inputs[i].is_read;
    }
    check(global == NULL || unread == global->unread_count);
}
