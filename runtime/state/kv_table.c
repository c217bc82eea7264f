/* A hash table of entries; see kv_table.h. */
#include "runtime/state/kv_table.h"

#include "log/base/check.h"
#include "log/base/hash.h"
#include "log/base/memory.h"

#include <stdlib.h>

enum { SLOTS_MIN = 16 };

void kv_table_init(struct kv_table *table)
{
    *table = (struct kv_table){.slots = memory_zero(SLOTS_MIN, sizeof *table->slots),
                               .slot_count = SLOTS_MIN};
}

void kv_table_fini(struct kv_table *table)
{
    free(table->slots);
}

/* Where the key is or would go. */
static size_t find_slot(const struct kv_table *table, struct bytes key, uint64_t hash)
{
    size_t mask = table->slot_count - 1;
    size_t at = (size_t)hash & mask;
    while (table->slots[at].entry != NULL &&
           (table->slots[at].hash != hash ||
            !bytes_equal(kv_entry_key(table->slots[at].entry), key))) {
        at = (at + 1) & mask;
    }
    return at;
}

static struct kv_entry *look_up(const struct kv_table *table, struct bytes key)
{
    return table->slots[find_slot(table, key, hash_table(key))].entry;
}

struct kv_entry *kv_table_find(struct kv_table *table, struct bytes key)
{
    if (table->last == NULL || !bytes_equal(kv_entry_key(table->last), key)) {
        table->last = look_up(table, key);
        if (table->last != NULL && !table->last->is_used) {
            table->last->is_used = true;
        }
    }
    return table->last;
}

void kv_table_expect(struct kv_table *table, struct bytes key)
{
    size_t mask = table->slot_count - 1;
    uint64_t *expected = &table->expected[table->expected_next];
    const struct kv_entry *before = table->slots[(size_t)*expected & mask].entry;
    *expected = hash_table(key);
    memory_prefetch(&table->slots[(size_t)*expected & mask]);
    if (before != NULL) {
        memory_prefetch(before);
        memory_prefetch(before->key);
    }
    table->expected_next = (table->expected_next + 1) % KV_TABLE_EXPECTED;
}

static void resize(struct kv_table *table, size_t slot_count)
{
    struct kv_table_slot *slots = table->slots;
    size_t count = table->slot_count;
    table->slot_count = slot_count;
    table->slots = memory_zero(table->slot_count, sizeof *table->slots);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)slots[i].hash & (table->slot_count - 1);
        while (slots[i].entry != NULL && table->slots[at].entry != NULL) {
            at = (at + 1) & (table->slot_count - 1);
        }
        if (slots[i].entry != NULL) {
            table->slots[at] = slots[i];
        }
    }
    free(slots);
}

void kv_table_add(struct kv_table *table, struct kv_entry *entry)
{
    if (table->entry_count >= table->slot_count / 2) {
        resize(table, table->slot_count * 2);
    }
    table->slots[find_slot(table, kv_entry_key(entry), entry->hash)] =
        (struct kv_table_slot){.entry = entry, .hash = entry->hash};
    table->entry_count++;
}

/* Those behind move up, so that no search ends too early. */
void kv_table_remove(struct kv_table *table, const struct kv_entry *entry)
{
    size_t mask = table->slot_count - 1;
    size_t hole = find_slot(table, kv_entry_key(entry), entry->hash);
    check(table->slots[hole].entry == entry);
    for (size_t at = (hole + 1) & mask; table->slots[at].entry != NULL; at = (at + 1) & mask) {
        size_t distance = (at - (size_t)table->slots[at].hash) & mask;
        if (distance >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (struct kv_table_slot){0};
    table->entry_count--;
    table->last = NULL;
}

void kv_table_shrink(struct kv_table *table)
{
    size_t slot_count = table->slot_count;
    while (slot_count > SLOTS_MIN && table->entry_count < slot_count / 16) {
        slot_count /= 2;
    }
    if (slot_count < table->slot_count) {
        resize(table, slot_count);
    }
}

void kv_table_check(const struct kv_table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct kv_entry *entry = table->slots[i].entry;
        check(entry == NULL || look_up(table, kv_entry_key(entry)) == entry); /* (1) */
        check(entry == NULL || table->slots[i].hash == entry->hash);
        count += entry != NULL;
    }
    check(count == table->entry_count);
    check(count <= table->slot_count / 2); /* (2) */
    check(table->last == NULL ||
          look_up(table, kv_entry_key(table->last)) == table->last); /* (3) */
}
