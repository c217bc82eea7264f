/* A store in memory; see kv.h, and kv_memory.h for one that lies over another.
 *
 * The entries are those of kv_cycle.h; here are the calls and the savepoint. A value is overwritten
 * in place; what it was goes to a buffer of all undo rows, which is reused from savepoint to
 * savepoint.
 *
 * Keeps:  (1) `undo` has at most one row per entry since the savepoint. */
#include "runtime/state/kv_memory.h"

#include "log/base/memory.h"
#include "runtime/state/kv_cycle.h"
#include "runtime/state/kv_kind.h"

#include <stdlib.h>

enum { UNDO_KEPT_MAX = 1 << 20 /* bytes that stay for the next savepoint */ };

struct kv_undo {
    struct kv_entry *entry;
    size_t position; /* of what it was, in `undo_values` */
    uint32_t size;
    bool was_there;
    bool was_dirty;
};

struct kv_memory {
    struct kv kv;
    struct kv_cycle cycle;
    struct kv_undo *undo;
    size_t undo_count;
    size_t undo_capacity;
    struct buffer undo_values;
    uint64_t savepoint; /* counts up */
};

static struct kv_memory *memory_of(struct kv *kv)
{
    return (struct kv_memory *)(void *)kv;
}

static const struct kv_memory *memory_of_const(const struct kv *kv)
{
    return (const struct kv_memory *)(const void *)kv;
}

static void add_undo(struct kv_memory *memory, struct kv_entry *entry)
{
    if (memory->undo_count == memory->undo_capacity) {
        memory->undo_capacity = memory->undo_capacity == 0 ? 16 : memory->undo_capacity * 2;
        memory->undo = memory_resize(memory->undo, memory->undo_capacity * sizeof *memory->undo);
    }
    memory->undo[memory->undo_count++] = (struct kv_undo){.entry = entry,
                                                          .position = memory->undo_values.size,
                                                          .size = entry->value_size,
                                                          .was_there = entry->value != NULL,
                                                          .was_dirty = entry->is_dirty};
    buffer_add_bytes(&memory->undo_values, kv_entry_value(entry));
    entry->saved_at = memory->savepoint;
}

static struct bytes undone_value(const struct kv_memory *memory, const struct kv_undo *undo)
{
    return undo->was_there
               ? bytes_make(buffer_bytes(&memory->undo_values).data + undo->position, undo->size)
               : (struct bytes){0};
}

/* Null for a removed key, whose entry then stands for the removal. */
static void set_value(struct kv_memory *memory, struct kv_entry *entry, struct bytes value)
{
    if (entry->saved_at != memory->savepoint) {
        add_undo(memory, entry);
    }
    kv_cycle_make_dirty(&memory->cycle, entry);
    kv_cycle_write(&memory->cycle, entry, value);
}

static bool memory_get(struct kv *kv, struct bytes key, struct bytes *value)
{
    const struct kv_entry *entry = kv_cycle_find(&memory_of(kv)->cycle, key);
    if (entry == NULL || entry->value == NULL) {
        return false;
    }
    *value = kv_entry_value(entry);
    return true;
}

static void memory_expect_key(struct kv *kv, struct bytes key)
{
    kv_table_expect(&memory_of(kv)->cycle.table, key);
}

static int memory_put(struct kv *kv, struct bytes key, struct bytes value)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = kv_cycle_find(&memory->cycle, key);
    bool is_there = entry != NULL && entry->value != NULL;
    if (bytes_is_null(value) && !is_there) {
        return 0;
    }
    set_value(memory, entry != NULL ? entry : kv_cycle_add(&memory->cycle, key, value.size), value);
    return 0;
}

static int memory_touch(struct kv *kv, struct bytes key)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = kv_cycle_find(&memory->cycle, key);
    if (entry == NULL) {
        entry = kv_cycle_add(&memory->cycle, key, 0);
    }
    set_value(memory, entry, kv_entry_value(entry));
    return 0;
}

static void forget_undo(struct kv_memory *memory)
{
    memory->undo_count = 0;
    memory->savepoint++;
    if (memory->undo_values.capacity > UNDO_KEPT_MAX) {
        buffer_fini(&memory->undo_values);
    }
    buffer_clear(&memory->undo_values);
}

static void memory_savepoint(struct kv *kv)
{
    forget_undo(memory_of(kv));
}

/* What became dirty since the savepoint stands last, in the order of the undo rows. */
static void memory_rollback(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    while (memory->undo_count > 0) {
        struct kv_undo *undo = &memory->undo[--memory->undo_count];
        struct kv_entry *entry = undo->entry;
        kv_cycle_write(&memory->cycle, entry, undone_value(memory, undo));
        entry->saved_at = 0;
        if (!undo->was_dirty) {
            kv_cycle_end_dirty(&memory->cycle, entry);
        }
    }
    forget_undo(memory);
    kv_cycle_trim(&memory->cycle);
}

static bool memory_is_changed(const struct kv *kv)
{
    return memory_of_const(kv)->undo_count > 0;
}

static int64_t memory_count(struct kv *kv)
{
    return memory_of(kv)->cycle.live_count;
}

static struct kv_iterator *memory_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    return kv_order_iterate(&memory_of(kv)->cycle.order, from, to);
}

static void memory_each_dirty(struct kv *kv,
                              void (*each)(void *owner, struct bytes key, struct bytes value),
                              void *owner)
{
    const struct kv_entry_list *dirty = &memory_of(kv)->cycle.dirty;
    for (size_t i = 0; i < dirty->count; i++) {
        kv_entry_list_expect(dirty, i);
        each(owner, kv_entry_key(dirty->entries[i]), kv_entry_value(dirty->entries[i]));
    }
}

static void memory_mark_committed(struct kv *kv)
{
    forget_undo(memory_of(kv));
    kv_cycle_commit(&memory_of(kv)->cycle);
}

void kv_memory_freeze(struct kv *overlay, struct buffer *copies)
{
    struct kv_memory *memory = memory_of(overlay);
    kv_cycle_freeze(&memory->cycle, copies);
    check(memory->undo_count == 0);
    free(memory->undo); /* so much of what a large commit took is given back */
    memory->undo = NULL;
    memory->undo_capacity = 0;
}

void kv_memory_thaw(struct kv *overlay, bool is_written, bool (*is_worth_room)(struct bytes value))
{
    kv_cycle_thaw(&memory_of(overlay)->cycle, is_written, is_worth_room);
}

size_t kv_memory_changed_size(const struct kv *overlay)
{
    return kv_cycle_changed_size(&memory_of_const(overlay)->cycle);
}

void kv_memory_each_clean(const struct kv *overlay,
                          void (*each)(void *owner, struct bytes key, struct bytes value),
                          void *owner)
{
    kv_cycle_each_clean(&memory_of_const(overlay)->cycle, each, owner);
}

static void memory_check(const struct kv *kv)
{
    const struct kv_memory *memory = memory_of_const(kv);
    kv_cycle_check(&memory->cycle);
    check(memory->undo_count <= memory->cycle.table.entry_count); /* (1) */
    for (size_t i = 0; i < memory->undo_count; i++) {
        check(memory->undo[i].entry->saved_at == memory->savepoint);
        check(memory->undo[i].entry->is_dirty);
    }
}

static void memory_free(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    kv_cycle_fini(&memory->cycle);
    free(memory->undo);
    buffer_fini(&memory->undo_values);
    kv_fini(kv);
    free(memory);
}

static const struct kv_ops memory_ops = {
    .get = memory_get,
    .expect = memory_expect_key,
    .put = memory_put,
    .touch = memory_touch,
    .savepoint = memory_savepoint,
    .rollback = memory_rollback,
    .is_changed = memory_is_changed,
    .count = memory_count,
    .iterate = memory_iterate,
    .each_dirty = memory_each_dirty,
    .mark_committed = memory_mark_committed,
    .judge = memory_check,
    .free = memory_free,
};

static struct kv *memory_make(const char *name, bool is_overlay)
{
    struct kv_memory *memory = memory_new(struct kv_memory);
    kv_init(&memory->kv, &memory_ops, name);
    kv_cycle_init(&memory->cycle, is_overlay);
    buffer_init(&memory->undo_values);
    memory->savepoint = 1;
    return &memory->kv;
}

struct kv *kv_new_memory(const char *name)
{
    return memory_make(name, false);
}

struct kv *kv_new_overlay(const char *name)
{
    return memory_make(name, true);
}
