/* What the node must hold; see node_model.h. */
#include "tests/world/node_model.h"

#include "log/base/endian.h"
#include "log/base/memory.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_MODEL_SERIAL_SIZE = 8, NODE_MODEL_SIZE_MAX = 400, NODE_MODEL_INFLATED_MAX = 8 << 20 };

void node_model_init(struct node_model *model, struct node_world *world)
{
    *model = (struct node_model){.world = world};
    buffer_init(&model->scratch);
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        snprintf(model->topics[i].name, sizeof model->topics[i].name, "topic.%d", i);
    }
}

static void node_partition_clear(struct node_partition *partition)
{
    free(partition->serials);
    *partition = (struct node_partition){0};
}

void node_model_fini(struct node_model *model)
{
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        for (int k = 0; k < NODE_MODEL_PARTITION_MAX; k++) {
            node_partition_clear(&model->topics[i].partitions[k]);
        }
    }
    free(model->records);
    buffer_fini(&model->scratch);
}

int node_model_find_topic(const struct node_model *model, struct bytes name)
{
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        if (bytes_equal_string(name, model->topics[i].name)) {
            return i;
        }
    }
    return -1;
}

/* --- Records --- */

static uint64_t node_model_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

/* Big ones have odd serial numbers, see node_model_send. */
static size_t node_model_size(int64_t serial)
{
    uint64_t mixed = node_model_mix((uint64_t)serial);
    return NODE_MODEL_SERIAL_SIZE +
           (serial % 2 == 1 ? NODE_MODEL_BIG_SIZE + mixed % 9000 : mixed % NODE_MODEL_SIZE_MAX);
}

int64_t node_model_send(struct node_model *model, int topic, int32_t partition, int writer,
                        bool is_unique, int64_t timestamp_ms, bool may_be_big)
{
    bool is_big = may_be_big && node_world_chance(model->world, 2);
    if ((model->record_count % 2 == 1) != is_big) {
        model->record_count++; /* a number that is not used */
    }
    if (model->record_count + 2 > model->record_capacity) {
        model->record_capacity = model->record_capacity * 2 + 256;
        model->records =
            memory_resize(model->records, model->record_capacity * sizeof *model->records);
    }
    int64_t serial = (int64_t)model->record_count++;
    model->records[serial] = (struct node_record){.topic = topic,
                                                  .partition = partition,
                                                  .writer = writer,
                                                  .is_unique = is_unique,
                                                  .timestamp_ms = timestamp_ms,
                                                  .life = -1,
                                                  .offset = -1};
    return serial;
}

void node_model_content(struct node_model *model, int64_t serial, struct node_content *out)
{
    static const char *const keys[] = {"a", "key", "another key", ""};
    size_t size = node_model_size(serial);
    buffer_clear(&model->scratch);
    uint8_t *value = buffer_reserve(&model->scratch, size + 8);
    endian_write_i64(value, serial);
    uint64_t mixed = (uint64_t)serial;
    for (size_t i = NODE_MODEL_SERIAL_SIZE; i < size; i += 8) {
        mixed = serial % 3 == 0 ? mixed : node_model_mix(mixed); /* some compress well */
        endian_write_i64(value + i, (int64_t)mixed);
    }
    *out = (struct node_content){.value = bytes_make(value, size)};
    if (serial % 3 != 0) {
        out->key = bytes_from_string(keys[serial / 3 % 4]);
    }
    if (serial % 5 == 0) {
        out->header = (struct batch_header){.key = BYTES_LITERAL("h"),
                                            .value = bytes_from_string(keys[serial % 3])};
        out->header_count = 1;
    }
}

static bool node_model_has_headers(const struct batch_record *record,
                                   const struct node_content *content)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct batch_header header;
    if (record->header_count != content->header_count) {
        return false;
    }
    return content->header_count == 0 || (batch_header_next(&at, end, &header) == 1 &&
                                          bytes_equal(header.key, content->header.key) &&
                                          bytes_equal(header.value, content->header.value));
}

/* The serial number of a record that is byte for byte what was sent. */
static int64_t node_model_judge(struct node_model *model, int topic, int32_t partition,
                                const struct batch_record *record)
{
    const char *name = model->topics[topic].name;
    int64_t serial =
        record->value.size < NODE_MODEL_SERIAL_SIZE ? -1 : endian_read_i64(record->value.data);
    if (serial < 0 || serial >= (int64_t)model->record_count) {
        node_world_fail(model->world, "%s-%d holds a record at %" PRId64 " that nobody sent", name,
                        (int)partition, record->offset);
    }
    const struct node_record *sent = &model->records[serial];
    struct node_content content;
    node_model_content(model, serial, &content);
    if (!bytes_equal(record->value, content.value) || !bytes_equal(record->key, content.key) ||
        !node_model_has_headers(record, &content) || record->timestamp_ms != sent->timestamp_ms) {
        node_world_fail(model->world, "%s-%d: record %" PRId64 " at %" PRId64 " has other bytes",
                        name, (int)partition, serial, record->offset);
    }
    if (sent->topic != topic || (sent->partition >= 0 && sent->partition != partition)) {
        node_world_fail(model->world, "%s-%d holds record %" PRId64 " of %s-%d at %" PRId64, name,
                        (int)partition, serial, model->topics[sent->topic].name,
                        (int)sent->partition, record->offset);
    }
    if (sent->is_forbidden) {
        node_world_fail(model->world, "%s-%d: record %" PRId64 " behind a gap is at %" PRId64, name,
                        (int)partition, serial, record->offset);
    }
    return serial;
}

/* --- Offsets --- */

bool node_model_is_certain(const struct node_model *model, int topic, int64_t asked_at)
{
    const struct node_topic *found = &model->topics[topic];
    return found->exists && !found->is_doubtful && asked_at >= found->certain_since;
}

static void node_model_put(struct node_model *model, int topic, int32_t partition, int64_t offset,
                           int64_t serial)
{
    struct node_topic *found = &model->topics[topic];
    struct node_partition *place = &found->partitions[partition];
    struct node_record *record = &model->records[serial];
    if (record->is_unique && record->life == found->life && record->offset != offset) {
        node_world_fail(model->world,
                        "%s-%d: record %" PRId64 " stands at %" PRId64 " and at %" PRId64,
                        found->name, (int)partition, serial, record->offset, offset);
    }
    record->life = found->life;
    record->offset = offset;
    while ((int64_t)place->count <= offset) {
        if (place->count == place->capacity) {
            place->capacity = place->capacity * 2 + 64;
            place->serials =
                memory_resize(place->serials, place->capacity * sizeof *place->serials);
        }
        place->serials[place->count++] = -1;
    }
    if (place->serials[offset] >= 0 && place->serials[offset] != serial) {
        node_world_fail(model->world,
                        "%s-%d: record %" PRId64 " stands at %" PRId64 ", where %" PRId64 " was",
                        found->name, (int)partition, serial, offset, place->serials[offset]);
    }
    place->serials[offset] = serial;
}

static void node_model_raise(int64_t *offset, int64_t to)
{
    *offset = to > *offset ? to : *offset;
}

void node_model_acked(struct node_model *model, int64_t serial, int64_t asked_at, int32_t partition,
                      int64_t offset, bool is_safe)
{
    int topic = model->records[serial].topic;
    if (!node_model_is_certain(model, topic, asked_at)) {
        return;
    }
    struct node_partition *place = &model->topics[topic].partitions[partition];
    node_model_put(model, topic, partition, offset, serial);
    node_model_raise(&place->weak_offset, offset + 1);
    model->acked_count++;
    if (is_safe) {
        node_model_raise(&place->safe_offset, offset + 1);
    }
}

void node_model_seen(struct node_model *model, int topic, int32_t partition, bool is_certain,
                     const struct batch_record *record)
{
    int64_t serial = node_model_judge(model, topic, partition, record);
    if (!is_certain) {
        return;
    }
    struct node_partition *place = &model->topics[topic].partitions[partition];
    node_model_put(model, topic, partition, record->offset, serial);
    node_model_raise(&place->weak_offset, record->offset + 1);
    node_model_raise(&place->safe_offset, record->offset + 1);
    model->seen_count++;
}

int64_t node_model_read(struct node_model *model, int topic, int32_t partition, bool is_certain,
                        int64_t offset, int64_t limit_offset, struct bytes batches)
{
    const char *name = model->topics[topic].name;
    int64_t next = -1; /* the base of the next batch; the first may begin before `offset` */
    while (batches.size > 0) {
        struct batch batch;
        struct batch_iterator iterator;
        struct batch_record record;
        int error = batch_read_header(batches, &batch, NULL);
        if (error != 0 || !batch_crc_matches(&batch)) {
            node_world_fail(model->world, "%s-%d: a broken batch after %" PRId64, name,
                            (int)partition, offset);
        }
        bool is_gap = next < 0 ? batch.base_offset > offset : batch.base_offset != next;
        if (is_gap || batch_last_offset(&batch) >= limit_offset) {
            node_world_fail(model->world,
                            "%s-%d: read from %" PRId64 " to below %" PRId64
                            ": a batch from %" PRId64 " to %" PRId64,
                            name, (int)partition, next < 0 ? offset : next, limit_offset,
                            batch.base_offset, batch_last_offset(&batch));
        }
        error = batch_iterator_open(&iterator, &batch, NODE_MODEL_INFLATED_MAX);
        int64_t expected = batch.base_offset;
        while (error == 0 && batch_iterator_next(&iterator, &record) == 1) {
            if (record.offset != expected++) {
                node_world_fail(model->world, "%s-%d: a hole at %" PRId64, name, (int)partition,
                                expected - 1);
            }
            if (record.offset >= offset) {
                node_model_seen(model, topic, partition, is_certain, &record);
            }
        }
        if (error != 0 || expected != batch_next_offset(&batch)) {
            node_world_fail(model->world, "%s-%d: the batch at %" PRId64 " cannot be read", name,
                            (int)partition, batch.base_offset);
        }
        batch_iterator_close(&iterator);
        next = batch_next_offset(&batch);
        batches = bytes_make(batches.data + batch.bytes.size, batches.size - batch.bytes.size);
    }
    return next < 0 ? offset : next;
}

void node_model_watermark(struct node_model *model, int topic, int32_t partition, int64_t known,
                          int64_t offset)
{
    struct node_topic *found = &model->topics[topic];
    struct node_partition *place = &found->partitions[partition];
    if (offset < known) {
        node_world_fail(model->world, "%s-%d: the high watermark fell from %" PRId64 " to %" PRId64,
                        found->name, (int)partition, known, offset);
    }
    node_model_raise(&place->high_watermark, offset);
    node_model_raise(&place->safe_offset, offset);
    node_model_raise(&place->weak_offset, offset);
}

/* Only what is old enough goes by itself. */
static void node_model_judge_retention(struct node_model *model, int topic, int32_t partition,
                                       int64_t offset)
{
    const struct node_partition *place = &model->topics[topic].partitions[partition];
    int64_t now_ms = io_wall_clock(sim_io(model->world->sim, NODE_WORLD_CLIENT));
    for (int64_t i = place->start_offset; i < offset && i < (int64_t)place->count; i++) {
        if (place->serials[i] >= 0 &&
            model->records[place->serials[i]].timestamp_ms + NODE_CLERK_RETENTION_MS > now_ms) {
            node_world_fail(model->world, "%s-%d begins at %" PRId64 ", but %" PRId64 " is young",
                            model->topics[topic].name, (int)partition, offset, i);
        }
    }
}

void node_model_moved_start(struct node_model *model, int topic, int32_t partition, int64_t offset)
{
    struct node_topic *found = &model->topics[topic];
    if (offset > 0 && !found->is_trimmed) {
        node_world_fail(model->world, "%s-%d begins at %" PRId64 " and nobody asked for that",
                        found->name, (int)partition, offset);
    }
    if (!found->was_cut && found->birth_tag >= 0) {
        node_model_judge_retention(model, topic, partition, offset);
    }
    struct node_partition *place = &found->partitions[partition];
    node_model_raise(&place->start_offset, offset);
    node_model_raise(&place->high_watermark, offset); /* a log begins below it */
    node_model_raise(&place->safe_offset, offset);
    node_model_raise(&place->weak_offset, offset);
}

/* --- Topics --- */

static void node_model_clear_topic(struct node_model *model, int topic)
{
    struct node_topic *found = &model->topics[topic];
    for (int i = 0; i < NODE_MODEL_PARTITION_MAX; i++) {
        node_partition_clear(&found->partitions[i]);
    }
    found->life++;
    found->exists = false;
    found->is_trimmed = true;
    found->was_cut = false;
    found->birth_tag = -1;
    found->setting.acked = 0;
    found->setting.oldest_open = found->setting.newest_open + 1;
}

void node_model_begin_topic(struct node_model *model, int topic, struct wire_uuid id)
{
    struct node_topic *found = &model->topics[topic];
    node_model_clear_topic(model, topic);
    found->exists = true;
    found->id = id;
    found->certain_since = ++model->clock;
    found->partition_count_min = 1;
    found->partition_count_max = NODE_MODEL_PARTITION_MAX;
}

void node_model_end_topic(struct node_model *model, int topic)
{
    struct node_topic *found = &model->topics[topic];
    if (found->exists) {
        check(model->gone_count < NODE_MODEL_GONE_MAX);
        model->gone[model->gone_count++] = found->id;
    }
    node_model_clear_topic(model, topic);
}

bool node_model_is_gone(const struct node_model *model, struct wire_uuid id)
{
    for (size_t i = 0; i < model->gone_count; i++) {
        if (memcmp(&model->gone[i], &id, sizeof id) == 0) {
            return true;
        }
    }
    return false;
}

/* Nothing is known any more from an offset on. */
static void node_model_cut(struct node_model *model, struct node_partition *place, int64_t offset)
{
    for (size_t i = (size_t)offset; i < place->count; i++) {
        if (place->serials[i] >= 0) {
            model->records[place->serials[i]].life = -1;
        }
    }
    place->count = (size_t)offset < place->count ? (size_t)offset : place->count;
    place->weak_offset = offset;
}

void node_model_forget_weak(struct node_model *model)
{
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        for (int k = 0; k < NODE_MODEL_PARTITION_MAX; k++) {
            struct node_partition *place = &model->topics[i].partitions[k];
            node_model_cut(model, place, place->safe_offset);
        }
    }
}

void node_model_adopt(struct node_model *model, int topic, int32_t partition, int64_t start,
                      int64_t end, bool has_lost_power)
{
    struct node_topic *found = &model->topics[topic];
    struct node_partition *place = &found->partitions[partition];
    int64_t promised = has_lost_power ? place->safe_offset : place->weak_offset;
    if (end < promised) {
        node_world_fail(model->world, "%s-%d ends at %" PRId64 ", promised was %" PRId64,
                        found->name, (int)partition, end, promised);
    }
    if (start < place->cut_offset) {
        node_world_fail(model->world, "%s-%d begins at %" PRId64 ", promised was %" PRId64,
                        found->name, (int)partition, start, place->cut_offset);
    }
    node_model_moved_start(model, topic, partition, start);
    place->start_offset = start; /* what retention took may come back */
    node_model_cut(model, place, end);
    place->safe_offset = end;
    place->high_watermark = end;
}
