/* What lies in a data directory: a producer snapshot, a sparse index, segments. */
#include "log/base/check.h"
#include "log/store/producer_state.h"
#include "log/store/sparse_index.h"
#include "log/wire/batch.h"
#include "tests/fuzz/seeds.h"

static const struct seeds_batch {
    int64_t base_offset;
    int32_t count;
    int64_t producer_id;
    int32_t base_sequence;
    int16_t attributes;
    int32_t leader_epoch;
    enum compress_codec codec;
} seeds_batches[] = {
    {.base_offset = 0, .count = 2, .producer_id = -1, .base_sequence = -1},
    {.base_offset = 2, .count = 2, .producer_id = 7, .leader_epoch = 3, .codec = COMPRESS_LZ4},
    {.base_offset = 4,
     .count = 1,
     .producer_id = 7,
     .base_sequence = 2,
     .attributes = BATCH_TRANSACTIONAL,
     .leader_epoch = 3},
    {.base_offset = 5,
     .count = 1,
     .producer_id = 7,
     .base_sequence = -1,
     .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL,
     .leader_epoch = 3},
};

static void seeds_add_batch(const struct seeds_batch *row, struct buffer *out)
{
    struct batch_builder builder;
    bool is_control = row->attributes & BATCH_CONTROL;
    batch_builder_init(&builder, row->codec);
    builder.base_offset = row->base_offset;
    builder.producer_id = row->producer_id;
    builder.producer_epoch = row->producer_id < 0 ? -1 : 0;
    builder.base_sequence = row->base_sequence;
    builder.attributes |= row->attributes;
    builder.leader_epoch = row->leader_epoch;
    for (int32_t i = 0; i < row->count; i++) {
        batch_builder_add(&builder, 1000 + row->base_offset + i,
                          is_control ? bytes_make("\0\0\0\1", 4) : BYTES_LITERAL("key"),
                          is_control ? bytes_make("\0\0\0\0\0\7", 6) : BYTES_LITERAL("value"), NULL,
                          0);
    }
    check(batch_builder_finish(&builder, out) == 0);
    batch_builder_fini(&builder);
}

/* In the format of fuzz_segment: batches from `first` on. */
static void seeds_save_segment(const char *folder, const char *name, uint8_t flags, uint8_t offset,
                               uint8_t position, size_t first, size_t count)
{
    struct buffer out;
    buffer_init(&out);
    buffer_add(&out, (const uint8_t[]){flags, offset, 0, position}, 4);
    for (size_t i = first; i < first + count; i++) {
        seeds_add_batch(&seeds_batches[i], &out);
    }
    seeds_save(folder, name, buffer_bytes(&out));
    buffer_fini(&out);
}

/* Three batches of two producers, one with an open transaction. */
static void seeds_save_snapshot(const char *folder)
{
    struct producer_state state;
    struct buffer batches, out;
    buffer_init(&batches);
    buffer_init(&out);
    producer_state_init(&state);
    for (size_t i = 1; i < 3; i++) {
        struct batch batch;
        struct aborted_index_row aborted;
        buffer_clear(&batches);
        seeds_add_batch(&seeds_batches[i], &batches);
        check(batch_read_header(buffer_bytes(&batches), &batch, NULL) == 0);
        (void)producer_state_apply(&state, &batch, &aborted);
        batch.producer_id = 9;
        batch.base_offset += 10;
        (void)producer_state_apply(&state, &batch, &aborted);
    }
    buffer_add_byte(&out, 'S');
    producer_state_write(&state, &out);
    seeds_save(folder, "store/snapshot", buffer_bytes(&out));
    buffer_remove(&out, 6);
    out.data[0] = 's';
    seeds_save(folder, "store/snapshot_rest", buffer_bytes(&out));
    producer_state_fini(&state);
    buffer_fini(&out);
    buffer_fini(&batches);
}

static void seeds_save_index(const char *folder)
{
    struct sparse_index index;
    struct buffer out, entries, times;
    buffer_init(&out);
    buffer_init(&entries);
    buffer_init(&times);
    sparse_index_init(&index);
    for (int32_t i = 1; i < 4; i++) {
        sparse_index_add(&index, i * 10, i * 4096);
        sparse_index_add_time(&index, 1000 * i, i * 10);
    }
    sparse_index_write(&index, &entries, &times);
    buffer_add(&out, "i\3\0\1\0\0\0\0\0\100", 10);
    buffer_add_bytes(&out, buffer_bytes(&entries));
    buffer_add_bytes(&out, buffer_bytes(&times));
    seeds_save(folder, "store/index", buffer_bytes(&out));
    sparse_index_fini(&index);
    buffer_fini(&times);
    buffer_fini(&entries);
    buffer_fini(&out);
}

void seeds_store(const char *folder)
{
    seeds_save_snapshot(folder);
    seeds_save_index(folder);
    seeds_save_segment(folder, "segment/plain", 0, 0, 0, 0, 1);
    seeds_save_segment(folder, "segment/transaction", 4, 0, 0, 2, 2);
    seeds_save_segment(folder, "segment/recovery_point", 2 | 4 | 8, 2, 91, 0, 2);
    seeds_save_segment(folder, "segment/clean", 1 | 2, 2, 91, 0, 1);
    seeds_save_segment(folder, "cleaner/plain", 0, 0, 0, 0, 1);
    seeds_save_segment(folder, "cleaner/transaction", 1, 9, 2, 2, 2);
    seeds_save_segment(folder, "cleaner/all", 3, 5, 1, 0, 4);
}
