/* Watches nodes, stores and emits of a task; see driver_trail.h. */
#include "runtime/driver/driver_trail.h"

#include "log/base/memory.h"
#include "runtime/format/headers.h"

#include <stdlib.h>
#include <string.h>

/* The functions of a node that is watched. */
struct driver_trail_ops {
    struct node_ops ops; /* the first, so that a node leads here */
    const struct node_ops *own;
    struct driver_trail *trail;
};

void driver_trail_init(struct driver_trail *trail, const struct topology *topology)
{
    *trail = (struct driver_trail){.topology = topology};
    arena_init(&trail->arena, 0);
}

void driver_trail_fini(struct driver_trail *trail)
{
    arena_fini(&trail->arena);
    free(trail->emits);
}

static struct driver_trail_row *driver_trail_add(struct driver_trail *trail,
                                                 struct driver_trail_row *parent,
                                                 enum driver_trail_kind kind, const char *name,
                                                 const struct record *record)
{
    struct driver_trail_row *row = arena_new(&trail->arena, struct driver_trail_row);
    *row = (struct driver_trail_row){
        .kind = kind,
        .name = arena_string(&trail->arena, bytes_from_string(name)),
        .parent = parent,
    };
    if (record != NULL) {
        row->record = *record;
        row->record.topic = NULL;
        row->record.key = arena_copy(&trail->arena, record->key);
        row->record.value = arena_copy(&trail->arena, record->value);
        row->record.headers_encoded = arena_copy(&trail->arena, record->headers_encoded);
        row->record.old_value = (struct bytes){0};
        row->record.partition_key = (struct bytes){0};
    }
    *(parent->last == NULL ? &parent->first : &parent->last->next) = row;
    parent->last = row;
    return row;
}

static void driver_trail_note_window(struct driver_trail *trail, struct driver_trail_row *row)
{
    struct headers_entry window = {0}, time = {0};
    struct bytes headers = row->record.headers_encoded;
    row->kind = DRIVER_TRAIL_LATE;
    if (headers_find(headers, BYTES_LITERAL("tidemill.late.window"), &window) == 1 &&
        headers_find(headers, BYTES_LITERAL("tidemill.late.time"), &time) == 1) {
        row->text = arena_printf(&trail->arena, "too late for the window %.*s at %.*s",
                                 BYTES_FORMAT(window.value), BYTES_FORMAT(time.value));
    }
}

/* What was emitted since the last look came from where we are now. */
static void driver_trail_look(struct driver_trail *trail, const struct turn *turn)
{
    for (size_t i = trail->emit_count; i < turn->emit_count; i++) {
        const struct turn_emit *emit = &turn->emits[i];
        struct driver_trail_row *row =
            driver_trail_add(trail, trail->open, DRIVER_TRAIL_EMIT, emit->topic, &emit->record);
        if (turn->context.late_count > trail->late_count) {
            trail->late_count++;
            driver_trail_note_window(trail, row);
        }
        if (trail->emit_count == trail->emit_capacity) {
            trail->emit_capacity = trail->emit_capacity * 2 + 16;
            trail->emits =
                memory_resize(trail->emits, trail->emit_capacity * sizeof(*trail->emits));
        }
        trail->emits[trail->emit_count++] = row;
    }
}

static struct driver_trail_row *driver_trail_enter(struct driver_trail *trail, struct node *node,
                                                   enum driver_trail_kind kind,
                                                   const struct record *record)
{
    driver_trail_look(trail, &trail->task->turn);
    struct driver_trail_row *before = trail->open;
    int id = topology_node_find(trail->topology, node->name);
    trail->open = driver_trail_add(trail, before, kind, node->name, record);
    trail->open->plan = id < 0 ? NULL : topology_node_at(trail->topology, id);
    return before;
}

static void driver_trail_leave(struct driver_trail *trail, struct driver_trail_row *before)
{
    driver_trail_look(trail, &trail->task->turn);
    trail->open = before;
}

static int driver_trail_process(struct node *node, struct node_context *context,
                                const struct record *record)
{
    const struct driver_trail_ops *watched = (const void *)node->ops;
    struct driver_trail *trail = watched->trail;
    struct driver_trail_row *before = driver_trail_enter(trail, node, DRIVER_TRAIL_NODE, record);
    int error = watched->own->process(node, context, record);
    driver_trail_leave(trail, before);
    return error;
}

static int driver_trail_tick(struct node *node, struct node_context *context, int timer,
                             int64_t scheduled_ms)
{
    const struct driver_trail_ops *watched = (const void *)node->ops;
    const struct record due = {.partition = -1, .offset = -1, .timestamp_ms = scheduled_ms};
    struct driver_trail *trail = watched->trail;
    struct driver_trail_row *before = driver_trail_enter(trail, node, DRIVER_TRAIL_TIMER, &due);
    int error = watched->own->tick(node, context, timer, scheduled_ms);
    driver_trail_leave(trail, before);
    return error;
}

void driver_trail_begin_turn(struct driver_trail *trail)
{
    trail->emit_count = 0;
    trail->late_count = 0;
    trail->open = trail->begun;
}

void driver_trail_begin(struct driver_trail *trail, struct driver_task *task,
                        const struct record *record, struct driver_trail_row *parent)
{
    trail->task = task;
    trail->begun = driver_trail_add(trail, parent, DRIVER_TRAIL_RECORD, record->topic, record);
    driver_trail_begin_turn(trail);
    for (size_t i = 0; i < topology_instance_node_count(task->instance); i++) {
        struct node *node = topology_instance_node_at(task->instance, i);
        struct driver_trail_ops *watched = memory_new(struct driver_trail_ops);
        watched->ops = *node->ops;
        watched->ops.process = driver_trail_process;
        watched->ops.tick = node->ops->tick == NULL ? NULL : driver_trail_tick;
        watched->own = node->ops;
        watched->trail = trail;
        node->ops = &watched->ops;
    }
}

void driver_trail_end(struct driver_trail *trail)
{
    for (size_t i = 0; i < topology_instance_node_count(trail->task->instance); i++) {
        struct node *node = topology_instance_node_at(trail->task->instance, i);
        struct driver_trail_ops *watched = (void *)(uintptr_t)node->ops;
        node->ops = watched->own;
        free(watched);
    }
    trail->task = NULL;
}

/* --- Stores ----------------------------------------------------------------------------------- */

struct driver_trail_store {
    struct driver_trail *trail;
    struct kv *committed;
    const char *name;
    struct node *reader; /* that understands the rows; NULL: they are keys and values */
};

/* A row of the store as people know it; false when it is the node's own affair. A null value has
 * only its key, and of that only what can be told without a value. */
static bool driver_trail_read(const struct driver_trail_store *store, struct bytes key,
                              struct bytes value, struct record *out)
{
    *out = (struct record){.partition = store->trail->task->partition, .key = key, .value = value};
    if (store->reader == NULL || bytes_is_null(value)) {
        return true;
    }
    struct node_context context = store->trail->task->turn.context;
    struct record read = {0};
    context.arena = &store->trail->arena;
    if (store->reader->ops->read_row(store->reader, &context, key, value, &read) != 1) {
        return false;
    }
    read.partition = out->partition;
    *out = read;
    return true;
}

/* The first row under `row` whose node has the store. */
static struct driver_trail_row *driver_trail_user(struct driver_trail_row *row, const char *store)
{
    for (size_t i = 0; row->plan != NULL && i < row->plan->store_count; i++) {
        if (strcmp(row->plan->stores[i], store) == 0) {
            return row;
        }
    }
    for (struct driver_trail_row *child = row->first; child != NULL; child = child->next) {
        struct driver_trail_row *user =
            child->kind == DRIVER_TRAIL_RECORD ? NULL : driver_trail_user(child, store);
        if (user != NULL) {
            return user;
        }
    }
    return NULL;
}

/* The newest write of this task that was told; it is committed with all that follow. */
static const struct driver_trail_row *
driver_trail_last_write(const struct driver_trail_row *row, const struct driver_trail_store *store,
                        int32_t partition, struct bytes key)
{
    const struct driver_trail_row *found = NULL;
    for (const struct driver_trail_row *child = row->first; child != NULL; child = child->next) {
        const struct driver_trail_row *deeper =
            driver_trail_last_write(child, store, partition, key);
        bool is_same = child->kind == DRIVER_TRAIL_WRITE && child->record.partition == partition &&
                       strcmp(child->name, store->name) == 0 && bytes_equal(child->row_key, key);
        found = deeper != NULL ? deeper : is_same ? child : found;
    }
    return found;
}

static void driver_trail_write(void *owner, struct bytes key, struct bytes value)
{
    const struct driver_trail_store *store = owner;
    struct driver_trail *trail = store->trail;
    int32_t partition = trail->task->partition;
    const struct driver_trail_row *told =
        driver_trail_last_write(&trail->root, store, partition, key);
    struct bytes before = {0};
    if (told != NULL) {
        before = told->row_value;
    } else if (!kv_get(store->committed, key, &before)) {
        before = (struct bytes){0};
    }
    struct record record, old;
    bool is_told = driver_trail_read(store, key, before, &old) &&
                   driver_trail_read(store, key, value, &record);
    if (!is_told || bytes_equal(before, value)) {
        return;
    }
    struct bytes old_value = arena_copy(&trail->arena, old.value);
    if (bytes_is_null(value) && !bytes_is_null(before)) {
        record = old; /* what was removed tells what it was */
        record.value = value;
    }
    struct driver_trail_row *user = driver_trail_user(trail->begun, store->name);
    struct driver_trail_row *row = driver_trail_add(trail, user == NULL ? trail->begun : user,
                                                    DRIVER_TRAIL_WRITE, store->name, &record);
    row->before = old_value;
    row->row_key = arena_copy(&trail->arena, key);
    row->row_value = arena_copy(&trail->arena, value);
}

static void driver_trail_look_at_stores(struct driver_trail *trail)
{
    struct driver_task *task = trail->task;
    for (size_t i = 0; i < task->store_count; i++) {
        struct driver_trail_store store = {
            .trail = trail, .committed = task->committed[i], .name = kv_name(task->committed[i])};
        store.reader = topology_instance_reader(task->instance, store.name);
        kv_each_dirty(state_store(task->stores, store.name), driver_trail_write, &store);
    }
}

void driver_trail_end_turn(struct driver_trail *trail, const struct turn *turn)
{
    trail->open = trail->begun;
    if (turn->context.error_text[0] != 0) {
        const struct node *node = turn->context.error_node;
        struct driver_trail_row *row = driver_trail_add(trail, trail->begun, DRIVER_TRAIL_FAILURE,
                                                        node == NULL ? "" : node->name, NULL);
        row->text = arena_string(&trail->arena, bytes_from_string(turn->context.error_text));
        row->place = arena_string(&trail->arena, bytes_from_string(turn->context.error_place));
        trail->emit_count = 0; /* the letter is all that is left */
        trail->late_count = turn->context.late_count;
    }
    driver_trail_look(trail, turn);
    driver_trail_look_at_stores(trail);
}

struct driver_trail_row *driver_trail_emit(const struct driver_trail *trail,
                                           const struct turn_emit *emit)
{
    size_t index = (size_t)(emit - trail->task->turn.emits);
    check(index < trail->emit_count);
    return trail->emits[index];
}
