/* Global tables out of lists of records; see driver_global.h. */
#include "runtime/driver/driver_global.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct driver_global_input {
    const struct driver_topic *topic;
    struct node *source;
    size_t next; /* an index into the topic */
};

struct driver_global {
    struct global_tables *tables;
    struct driver_global_input *inputs;
    size_t input_count;
};

static void add_input(struct driver_global *global, size_t index, const struct driver_topic *topic)
{
    size_t count = global->input_count;
    global->inputs = memory_resize(global->inputs, (count + 1) * sizeof *global->inputs);
    global->inputs[count] = (struct driver_global_input){
        .topic = topic, .source = global_tables_source(global->tables, index, topic->name)};
    global->input_count++;
}

struct driver_global *
driver_global_new(const struct topology *topology,
                  struct driver_topic *(*find_topic)(void *owner, const char *name), void *owner)
{
    if (topology_global_count(topology) == 0) {
        return NULL;
    }
    struct driver_global *global = memory_new(struct driver_global);
    global->tables = global_tables_new(topology);
    for (size_t i = 0; i < topology_global_count(topology); i++) {
        const struct topology_part *part = topology_global_at(topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            add_input(global, i, find_topic(owner, part->topics[j]));
        }
    }
    return global;
}

void driver_global_free(struct driver_global *global)
{
    if (global == NULL) {
        return;
    }
    global_tables_free(global->tables);
    free(global->inputs);
    free(global);
}

size_t driver_global_read(struct driver_global *global)
{
    size_t count = 0;
    for (size_t i = 0; global != NULL && i < global->input_count; i++) {
        struct driver_global_input *input = &global->inputs[i];
        for (; input->next < input->topic->count; input->next++) {
            const struct driver_record *row = input->topic->records[input->next];
            if (row->fate == DRIVER_OPEN) {
                break; /* as readers of committed records see it */
            }
            if (row->fate == DRIVER_COMMITTED) {
                global_tables_take(global->tables, input->source, &row->record);
                count++;
            }
        }
    }
    if (count > 0) {
        global_tables_settle(global->tables);
    }
    return count;
}

bool driver_global_reads(const struct driver_global *global, const struct driver_topic *topic)
{
    for (size_t i = 0; global != NULL && i < global->input_count; i++) {
        if (global->inputs[i].topic == topic) {
            return true;
        }
    }
    return false;
}

struct global_tables *driver_global_tables(const struct driver_global *global)
{
    return global == NULL ? NULL : global->tables;
}
