/* Clean, dirty, changed, frozen; see kv_cycle.h. */
#include "runtime/state/kv_cycle.h"

#include "log/base/check.h"
#include "runtime/state/kv_memory.h"

enum { HAND_PART = 8 /* of the table with each checkpoint */ };

void kv_cycle_init(struct kv_cycle *cycle, bool is_overlay)
{
    *cycle = (struct kv_cycle){.is_overlay = is_overlay};
    kv_table_init(&cycle->table);
}

void kv_cycle_fini(struct kv_cycle *cycle)
{
    kv_order_clear(&cycle->order);
    for (size_t i = 0; i < cycle->table.slot_count; i++) {
        if (cycle->table.slots[i].entry != NULL) {
            kv_entry_free(cycle->table.slots[i].entry);
        }
    }
    kv_table_fini(&cycle->table);
    kv_entry_list_fini(&cycle->dirty);
    kv_entry_list_fini(&cycle->changed);
    kv_entry_list_fini(&cycle->frozen);
}

struct kv_entry *kv_cycle_find(struct kv_cycle *cycle, struct bytes key)
{
    return kv_table_find(&cycle->table, key);
}

struct kv_entry *kv_cycle_add(struct kv_cycle *cycle, struct bytes key, size_t value_size)
{
    struct kv_entry *entry = kv_entry_new(key, value_size);
    kv_table_add(&cycle->table, entry);
    kv_order_add(&cycle->order, entry);
    return entry;
}

static void remove_entry(struct kv_cycle *cycle, struct kv_entry *entry)
{
    kv_order_remove(&cycle->order, entry);
    kv_table_remove(&cycle->table, entry);
    kv_entry_free(entry);
}

/* --- Clean ------------------------------------------------------------------------------------ */

static bool is_clean(const struct kv_entry *entry)
{
    return entry->pending == KV_ENTRY_UNORDERED;
}

/* It is in the order no more. */
static void begin_clean(struct kv_cycle *cycle, struct kv_entry *entry)
{
    cycle->clean_size += kv_entry_memory_size(entry);
    entry->pending = KV_ENTRY_UNORDERED;
}

static void end_clean(struct kv_cycle *cycle, struct kv_entry *entry)
{
    if (is_clean(entry)) {
        cycle->clean_size -= kv_entry_memory_size(entry);
        kv_order_add(&cycle->order, entry);
    }
}

static void forget(struct kv_cycle *cycle, struct kv_entry *entry)
{
    cycle->clean_size -= kv_entry_memory_size(entry);
    cycle->live_count--;
    remove_entry(cycle, entry);
}

/* Over so many slots at least, and until there is no more than may be. */
static void move_hand(struct kv_cycle *cycle, size_t slot_count)
{
    while (slot_count > 0 || cycle->clean_size > KV_MEMORY_CLEAN_SIZE_MAX) {
        cycle->hand &= cycle->table.slot_count - 1;
        struct kv_entry *entry = cycle->table.slots[cycle->hand].entry;
        bool is_one = entry != NULL && is_clean(entry);
        if (is_one && !entry->is_used) {
            forget(cycle, entry); /* and one behind it may come here */
            continue;
        }
        if (is_one) {
            entry->is_used = false;
        }
        cycle->hand++;
        slot_count -= slot_count > 0;
    }
}

void kv_cycle_trim(struct kv_cycle *cycle)
{
    move_hand(cycle, 0);
}

/* --- Dirty and changed ------------------------------------------------------------------------ */

void kv_cycle_make_dirty(struct kv_cycle *cycle, struct kv_entry *entry)
{
    end_clean(cycle, entry);
    if (!entry->is_dirty) {
        kv_entry_list_add(&cycle->dirty, entry);
        entry->is_dirty = true;
    }
}

void kv_cycle_write(struct kv_cycle *cycle, struct kv_entry *entry, struct bytes value)
{
    if (cycle->order.walks != NULL) {
        kv_order_before_write(&cycle->order, kv_entry_key(entry));
    }
    cycle->live_count += !bytes_is_null(value) - (entry->value != NULL);
    kv_entry_write(entry, value);
}

void kv_cycle_end_dirty(struct kv_cycle *cycle, struct kv_entry *entry)
{
    check(cycle->dirty.entries[cycle->dirty.count - 1] == entry);
    cycle->dirty.count--;
    entry->is_dirty = false;
    if (entry->value == NULL) {
        remove_entry(cycle, entry);
    } else if (cycle->is_overlay && !entry->is_frozen && entry->changed_size == 0) {
        kv_order_remove(&cycle->order, entry);
        begin_clean(cycle, entry);
    }
}

static void add_to_changed(struct kv_cycle *cycle, struct kv_entry *entry)
{
    if (entry->changed_size == 0) {
        kv_entry_list_add(&cycle->changed, entry);
    }
    cycle->changed_size += kv_entry_size(entry) - entry->changed_size;
    entry->changed_size = (uint32_t)kv_entry_size(entry);
}

void kv_cycle_commit(struct kv_cycle *cycle)
{
    for (size_t i = 0; i < cycle->dirty.count; i++) {
        kv_entry_list_expect(&cycle->dirty, i);
        struct kv_entry *entry = cycle->dirty.entries[i];
        entry->is_dirty = false;
        if (entry->value == NULL) {
            remove_entry(cycle, entry);
        } else if (cycle->is_overlay) {
            add_to_changed(cycle, entry);
        }
    }
    cycle->dirty.count = 0;
}

size_t kv_cycle_changed_size(const struct kv_cycle *cycle)
{
    size_t size = cycle->changed_size;
    for (size_t i = 0; i < cycle->dirty.count; i++) {
        size += kv_entry_size(cycle->dirty.entries[i]) - cycle->dirty.entries[i]->changed_size;
    }
    return size;
}

/* --- Frozen ----------------------------------------------------------------------------------- */

/* All that is in the order: nothing is dirty, nothing frozen. Where somebody iterates, most of it
 * is in the treap, and the copies come in order. */
static void copy_changed(struct kv_cycle *cycle, struct buffer *copies)
{
    if (cycle->order.pending.count <= cycle->changed.count / 2) {
        kv_order_copy(&cycle->order, copies);
        return;
    }
    for (size_t i = 0; i < cycle->changed.count; i++) {
        kv_entry_list_expect(&cycle->changed, i);
        kv_entry_copy(cycle->changed.entries[i], copies);
    }
}

void kv_cycle_freeze(struct kv_cycle *cycle, struct buffer *copies)
{
    check(cycle->is_overlay);
    check(cycle->dirty.count == 0);
    check(cycle->frozen.count == 0);
    copy_changed(cycle, copies);
    for (size_t i = 0; i < cycle->changed.count; i++) {
        cycle->changed.entries[i]->is_frozen = true;
        cycle->changed.entries[i]->changed_size = 0;
    }
    cycle->frozen = cycle->changed;
    cycle->changed = (struct kv_entry_list){0};
    cycle->changed_size = 0;
    kv_entry_list_fini(&cycle->dirty); /* so much of what a large commit took is given back */
}

static void begin_clean_list(struct kv_cycle *cycle, const struct kv_entry_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        kv_entry_list_expect(list, i);
        if (!is_clean(list->entries[i])) {
            begin_clean(cycle, list->entries[i]);
        }
    }
}

static void end_clean_list(struct kv_cycle *cycle, const struct kv_entry_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        end_clean(cycle, list->entries[i]);
    }
}

/* All of the order is in one of the lists. */
static void clean_frozen(struct kv_cycle *cycle)
{
    kv_order_clear(&cycle->order);
    begin_clean_list(cycle, &cycle->frozen);
    begin_clean_list(cycle, &cycle->changed);
    begin_clean_list(cycle, &cycle->dirty);
    end_clean_list(cycle, &cycle->changed);
    end_clean_list(cycle, &cycle->dirty);
}

static void judge_frozen(struct kv_cycle *cycle, bool (*is_worth_room)(struct bytes value))
{
    for (size_t i = 0; i < cycle->frozen.count; i++) {
        kv_entry_list_expect(&cycle->frozen, i);
        struct kv_entry *entry = cycle->frozen.entries[i];
        bool is_worth = entry->is_used && is_worth_room(kv_entry_value(entry));
        if (is_clean(entry) && !is_worth) {
            forget(cycle, entry);
        }
    }
}

void kv_cycle_thaw(struct kv_cycle *cycle, bool is_written,
                   bool (*is_worth_room)(struct bytes value))
{
    for (size_t i = 0; i < cycle->frozen.count; i++) {
        kv_entry_list_expect(&cycle->frozen, i);
        cycle->frozen.entries[i]->is_frozen = false;
        if (!is_written) {
            add_to_changed(cycle, cycle->frozen.entries[i]);
        }
    }
    if (is_written) {
        clean_frozen(cycle);
        judge_frozen(cycle, is_worth_room);
        move_hand(cycle, cycle->table.slot_count / HAND_PART);
        kv_table_shrink(&cycle->table);
    }
    kv_entry_list_fini(&cycle->frozen);
}

void kv_cycle_each_clean(const struct kv_cycle *cycle,
                         void (*each)(void *owner, struct bytes key, struct bytes value),
                         void *owner)
{
    for (size_t i = 0; i < cycle->table.slot_count; i++) {
        const struct kv_entry *entry = cycle->table.slots[i].entry;
        if (entry != NULL && is_clean(entry)) {
            each(owner, kv_entry_key(entry), kv_entry_value(entry));
        }
    }
}

/* --- Checking --------------------------------------------------------------------------------- */

struct kv_cycle_sums {
    int64_t live_count;
    size_t dirty_count;
    size_t ordered_count;
    size_t changed_count;
    size_t frozen_count;
    size_t clean_size;
    size_t changed_size;
};

static void check_entry(const struct kv_cycle *cycle, const struct kv_entry *entry,
                        struct kv_cycle_sums *sums)
{
    bool is_held = entry->is_dirty || entry->is_frozen || entry->changed_size > 0;
    sums->live_count += entry->value != NULL;
    sums->dirty_count += entry->is_dirty;
    sums->ordered_count += !is_clean(entry);
    sums->changed_count += entry->changed_size > 0;
    sums->frozen_count += entry->is_frozen;
    sums->clean_size += is_clean(entry) ? kv_entry_memory_size(entry) : 0;
    sums->changed_size += entry->changed_size;
    kv_entry_check(entry);
    check(is_clean(entry) == (cycle->is_overlay && !is_held)); /* (4) */
    check(is_clean(entry) || entry->pending == 0 ||
          cycle->order.pending.entries[entry->pending - 1] == entry);
}

static void check_lists(const struct kv_cycle *cycle)
{
    for (size_t i = 0; i < cycle->dirty.count; i++) {
        check(cycle->dirty.entries[i]->is_dirty);
    }
    for (size_t i = 0; i < cycle->changed.count; i++) {
        check(cycle->changed.entries[i]->changed_size > 0);
    }
    for (size_t i = 0; i < cycle->frozen.count; i++) {
        check(cycle->frozen.entries[i]->is_frozen);
    }
}

void kv_cycle_check(const struct kv_cycle *cycle)
{
    struct kv_cycle_sums sums = {0};
    kv_table_check(&cycle->table);
    for (size_t i = 0; i < cycle->table.slot_count; i++) {
        if (cycle->table.slots[i].entry != NULL) {
            check_entry(cycle, cycle->table.slots[i].entry, &sums);
        }
    }
    check_lists(cycle);
    check(kv_order_check(&cycle->order) == sums.ordered_count); /* (1) */
    check(sums.live_count == cycle->live_count);                /* (2) */
    check(sums.dirty_count == cycle->dirty.count);              /* (3) */
    check(sums.changed_count == cycle->changed.count);          /* (4) */
    check(sums.frozen_count == cycle->frozen.count);
    check(sums.clean_size == cycle->clean_size); /* (5) */
    check(sums.changed_size == cycle->changed_size);
    check(cycle->clean_size <= KV_MEMORY_CLEAN_SIZE_MAX);
}
