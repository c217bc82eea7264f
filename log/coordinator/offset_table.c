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

/* What a transaction would make the value. */
struct offset_table_stage {
    struct list_link link;
    int64_t producer_id;
    struct offset_table_value value;
};

static struct offset_table_value offset_table_value_make(const struct offset_commit_value *from,
                                                         int64_t order)
{
    return (struct offset_table_value){
        .offset = from->offset,
        .leader_epoch = from->leader_epoch,
        .metadata = bytes_copy(from->metadata),
        .commit_timestamp_ms = from->commit_timestamp_ms,
        .expire_timestamp_ms = from->expire_timestamp_ms,
        .order = order,
    };
}

static void offset_table_stage_free(struct offset_table_stage *stage)
{
    list_remove(&stage->link);
    bytes_free(stage->value.metadata);
    free(stage);
}

static void offset_table_clear_stages(struct offset_table_entry *entry)
{
    while (!list_is_empty(&entry->staged)) {
        offset_table_stage_free(
            list_member(entry->staged.head.next, struct offset_table_stage, link));
    }
}

static void offset_table_entry_free(void *value)
{
    struct offset_table_entry *entry = (struct offset_table_entry *)value;
    offset_table_clear_stages(entry);
    bytes_free(entry->topic);
    bytes_free(entry->value.metadata);
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
    list_init(&entry->staged);
    map_put(&offsets->entries, offset_table_key(&key, topic, partition), entry);
    buffer_fini(&key);
    return entry;
}

/* Forgets an entry that nothing keeps. */
static void offset_table_release(struct offset_table *offsets, struct offset_table_entry *entry)
{
    struct buffer key;
    if (entry->has_value || entry->pending_count > 0 || entry->doomed_count > 0 ||
        !list_is_empty(&entry->staged)) {
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

static void offset_table_set(struct offset_table_entry *entry, struct offset_table_value value)
{
    bytes_free(entry->value.metadata);
    entry->value = value;
    entry->has_value = true;
}

void offset_table_apply(struct offset_table *offsets, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value, int64_t order)
{
    struct offset_table_entry *entry = offset_table_make(offsets, topic, partition);
    if (value != NULL) {
        offset_table_set(entry, offset_table_value_make(value, order));
        return;
    }
    bytes_free(entry->value.metadata);
    entry->value = (struct offset_table_value){0};
    entry->has_value = false;
    entry->doomed_count -= entry->doomed_count > 0; /* when loading it is nobody's */
    offset_table_clear_stages(entry);               /* (4) */
    offset_table_release(offsets, entry);
}

static struct offset_table_stage *offset_table_find_stage(const struct offset_table_entry *entry,
                                                          int64_t producer_id)
{
    for (list_each (&entry->staged, link)) {
        struct offset_table_stage *stage = list_member(link, struct offset_table_stage, link);
        if (stage->producer_id == producer_id) {
            return stage;
        }
    }
    return NULL;
}

void offset_table_stage(struct offset_table *offsets, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value, int64_t order, int64_t producer_id)
{
    struct offset_table_entry *entry = offset_table_make(offsets, topic, partition);
    struct offset_table_stage *stage = offset_table_find_stage(entry, producer_id);
    if (stage == NULL) {
        stage = memory_new(struct offset_table_stage);
        stage->producer_id = producer_id;
        list_add(&entry->staged, &stage->link);
    }
    bytes_free(stage->value.metadata);
    stage->value = offset_table_value_make(value, order);
}

void offset_table_end(struct offset_table *offsets, int64_t producer_id, bool is_commit)
{
    for (map_each (&offsets->entries, place)) {
        struct offset_table_entry *entry = (struct offset_table_entry *)place->value;
        struct offset_table_stage *stage = offset_table_find_stage(entry, producer_id);
        if (stage == NULL) {
            continue;
        }
        if (is_commit && (!entry->has_value || stage->value.order > entry->value.order)) { /* (3) */
            offset_table_set(entry, stage->value);
            stage->value.metadata = (struct bytes){0};
        }
        offset_table_stage_free(stage);
        offset_table_release(offsets, entry);
    }
}

bool offset_table_is_unstable(const struct offset_table_entry *entry)
{
    return !list_is_empty(&entry->staged);
}

int64_t offset_table_expiry_ms(const struct offset_table_entry *entry, int64_t base_ms,
                               int64_t retention_ms)
{
    if (entry->value.expire_timestamp_ms != -1) {
        return entry->value.expire_timestamp_ms;
    }
    int64_t from_ms = entry->value.commit_timestamp_ms;
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

static void offset_table_print_value(const struct offset_table_entry *entry,
                                     const struct offset_table_value *value, struct buffer *out)
{
    buffer_printf(out,
                  "  %.*s-%" PRId32 " offset=%" PRId64 " epoch=%" PRId32 " committed=%" PRId64
                  " expires=%" PRId64 " metadata=%.*s\n",
                  BYTES_FORMAT(entry->topic), entry->partition, value->offset, value->leader_epoch,
                  value->commit_timestamp_ms, value->expire_timestamp_ms,
                  BYTES_FORMAT(value->metadata));
}

void offset_table_print(const struct offset_table *offsets, struct buffer *out)
{
    struct offset_table_entry **sorted = (struct offset_table_entry **)memory_zero(
        offsets->entries.size + 1, sizeof(struct offset_table_entry *));
    size_t count = 0;
    for (map_each (&offsets->entries, place)) {
        struct offset_table_entry *entry = (struct offset_table_entry *)place->value;
        if (entry->has_value || offset_table_is_unstable(entry)) {
            sorted[count++] = entry;
        }
    }
    qsort(sorted, count, sizeof(struct offset_table_entry *), offset_table_compare);
    for (size_t i = 0; i < count; i++) {
        const struct offset_table_entry *entry = sorted[i];
        if (entry->has_value) {
            offset_table_print_value(entry, &entry->value, out);
        }
        for (list_each (&entry->staged, link)) {
            const struct offset_table_stage *stage =
                list_member(link, struct offset_table_stage, link);
            buffer_printf(out, "  producer %" PRId64, stage->producer_id);
            offset_table_print_value(entry, &stage->value, out);
        }
    }
    free(sorted);
}

void offset_table_check(const struct offset_table *offsets)
{
    for (map_each (&offsets->entries, place)) {
        const struct offset_table_entry *entry = (const struct offset_table_entry *)place->value;
        check(entry->pending_count >= 0);
        check(entry->doomed_count >= 0);
        check(entry->has_value || entry->pending_count > 0 || entry->doomed_count > 0 ||
              !list_is_empty(&entry->staged)); /* (1) */
        check(offset_table_find(offsets, entry->topic, entry->partition) == entry);
    }
}
