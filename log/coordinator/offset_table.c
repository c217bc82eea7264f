/* Committed offsets by topic and partition; see offset_table.h. */
#include "log/coordinator/offset_table.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>

static struct bytes offset_table_key(struct buffer *key, struct bytes topic, int32_t partition)
{
    buffer_init(key);
    buffer_add_bytes(key, topic);
    buffer_add_byte(key, 0);
    buffer_add(key, &partition, sizeof partition);
    return buffer_bytes(key);
}

static void offset_table_entry_free(void *value)
{
    struct offset_table_entry *entry = (struct offset_table_entry *)value;
    bytes_free(entry->topic);
    bytes_free(entry->metadata);
    free(entry);
}

void offset_table_init(struct offset_table *offsets)
{
    map_init(&offsets->entries);
}

void offset_table_fini(struct offset_table *offsets)
{
    map_fini(&offsets->entries, offset_table_entry_free);
}

struct offset_table_entry *offset_table_find(const struct offset_table *offsets, struct bytes topic,
                                             int32_t partition)
{
    struct buffer key;
    struct offset_table_entry *entry = (struct offset_table_entry *)map_find(
        &offsets->entries, offset_table_key(&key, topic, partition));
    buffer_fini(&key);
    return entry;
}

const struct offset_table_entry *offset_table_find_value(const struct offset_table *offsets,
                                                         struct bytes topic, int32_t partition)
{
    const struct offset_table_entry *entry = offset_table_find(offsets, topic, partition);
    return entry != NULL && entry->has_value && entry->doomed_count == 0 ? entry : NULL;
}

static struct offset_table_entry *offset_table_make(struct offset_table *offsets,
                                                    struct bytes topic, int32_t partition)
{
    struct offset_table_entry *entry = offset_table_find(offsets, topic, partition);
    if (entry != NULL) {
        return entry;
    }
    struct buffer key;
    entry = memory_new(struct offset_table_entry);
    entry->topic = bytes_copy(topic);
    entry->partition = partition;
    map_put(&offsets->entries, offset_table_key(&key, topic, partition), entry);
    buffer_fini(&key);
    return entry;
}

/* Forgets an entry that nothing keeps. */
static void offset_table_release(struct offset_table *offsets, struct offset_table_entry *entry)
{
    struct buffer key;
    if (entry->has_value || entry->pending_count > 0 || entry->doomed_count > 0) {
        return;
    }
    check(map_remove(&offsets->entries, offset_table_key(&key, entry->topic, entry->partition)) ==
          entry);
    buffer_fini(&key);
    offset_table_entry_free(entry);
}

void offset_table_expect(struct offset_table *offsets, struct bytes topic, int32_t partition)
{
    offset_table_make(offsets, topic, partition)->pending_count++;
}

void offset_table_settle(struct offset_table *offsets, struct bytes topic, int32_t partition)
{
    struct offset_table_entry *entry = offset_table_find(offsets, topic, partition);
    check(entry != NULL && entry->pending_count > 0);
    entry->pending_count--;
    offset_table_release(offsets, entry);
}

void offset_table_doom(struct offset_table_entry *entry)
{
    entry->doomed_count++;
}

void offset_table_spare(struct offset_table *offsets, struct bytes topic, int32_t partition)
{
    struct offset_table_entry *entry = offset_table_find(offsets, topic, partition);
    check(entry != NULL && entry->doomed_count > 0);
    entry->doomed_count--;
    offset_table_release(offsets, entry);
}

void offset_table_apply(struct offset_table *offsets, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value)
{
    struct offset_table_entry *entry = offset_table_make(offsets, topic, partition);
    bytes_free(entry->metadata);
    entry->metadata = (struct bytes){0};
    entry->has_value = value != NULL;
    if (value == NULL) {
        entry->doomed_count -= entry->doomed_count > 0; /* when loading it is nobody's */
        offset_table_release(offsets, entry);
        return;
    }
    entry->offset = value->offset;
    entry->leader_epoch = value->leader_epoch;
    entry->metadata = bytes_copy(value->metadata);
    entry->commit_timestamp_ms = value->commit_timestamp_ms;
    entry->expire_timestamp_ms = value->expire_timestamp_ms;
}

int64_t offset_table_expiry_ms(const struct offset_table_entry *entry, int64_t base_ms,
                               int64_t retention_ms)
{
    if (entry->expire_timestamp_ms != -1) {
        return entry->expire_timestamp_ms;
    }
    int64_t from_ms = entry->commit_timestamp_ms;
    if (base_ms > from_ms) {
        from_ms = base_ms;
    }
    return from_ms > INT64_MAX - retention_ms ? INT64_MAX : from_ms + retention_ms;
}

static int offset_table_compare(const void *left, const void *right)
{
    const struct offset_table_entry *a = *(struct offset_table_entry *const *)left;
    const struct offset_table_entry *b = *(struct offset_table_entry *const *)right;
    int order = bytes_compare(a->topic, b->topic);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

void offset_table_print(const struct offset_table *offsets, struct buffer *out)
{
    struct offset_table_entry **sorted = (struct offset_table_entry **)memory_zero(
        offsets->entries.size + 1, sizeof(struct offset_table_entry *));
    size_t count = 0;
    for (map_each (&offsets->entries, place)) {
        struct offset_table_entry *entry = (struct offset_table_entry *)place->value;
        if (entry->has_value) {
            sorted[count++] = entry;
        }
    }
    qsort(sorted, count, sizeof(struct offset_table_entry *), offset_table_compare);
    for (size_t i = 0; i < count; i++) {
        const struct offset_table_entry *entry = sorted[i];
        buffer_printf(out,
                      "  %.*s-%" PRId32 " offset=%" PRId64 " epoch=%" PRId32 " committed=%" PRId64
                      " expires=%" PRId64 " metadata=%.*s\n",
                      BYTES_FORMAT(entry->topic), entry->partition, entry->offset,
                      entry->leader_epoch, entry->commit_timestamp_ms, entry->expire_timestamp_ms,
                      BYTES_FORMAT(entry->metadata));
    }
    free(sorted);
}

void offset_table_check(const struct offset_table *offsets)
{
    for (map_each (&offsets->entries, place)) {
        const struct offset_table_entry *entry = (const struct offset_table_entry *)place->value;
        check(entry->pending_count >= 0);
        check(entry->doomed_count >= 0);
        check(entry->has_value || entry->pending_count > 0 || entry->doomed_count > 0); /* (1) */
        check(offset_table_find(offsets, entry->topic, entry->partition) == entry);
    }
}
