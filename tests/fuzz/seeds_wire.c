/* Every message in its first and last version, and batches of every codec and kind. */
#include "log/base/check.h"
#include "log/base/endian.h"
#include "log/wire/batch.h"
#include "log/wire/messages.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/log/wire/golden_batches.h"

#include <stdio.h>

static uint64_t seeds_random(void *owner)
{
    uint64_t *state = owner;
    uint64_t value = (*state += 0x9e3779b97f4a7c15u);
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* In the format of fuzz_wire. */
static void seeds_save_message(const char *folder, const struct wire_schema *schema, int16_t key,
                               int16_t version)
{
    uint64_t state = (uint64_t)version;
    char name[256];
    struct arena arena;
    struct buffer out;
    arena_init(&arena, 0);
    buffer_init(&out);
    uint8_t *prefix = buffer_reserve(&out, 5);
    endian_write_i16(prefix, key);
    prefix[2] = schema->is_request;
    endian_write_i16(prefix + 3, version);
    out.size = 5;
    void *message = arena_get(&arena, schema->size);
    wire_fill(schema, version, &arena, message, seeds_random, &state);
    wire_write(&out, schema, version, message);
    snprintf(name, sizeof name, "wire/%s_%d", schema->name, version);
    seeds_save(folder, name, buffer_bytes(&out));
    buffer_fini(&out);
    arena_fini(&arena);
}

static void seeds_save_messages(const char *folder)
{
    int16_t record_key = -1;
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        const struct wire_schema *schema = wire_schemas[i];
        int16_t key = schema->key >= 0 ? schema->key : record_key--;
        seeds_save_message(folder, schema, key, schema->lowest);
        seeds_save_message(folder, schema, key, schema->highest);
    }
}

/* A transaction marker: one record of a fixed form. */
static void seeds_save_marker(const char *folder)
{
    struct batch_builder builder;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    builder.producer_id = 1;
    builder.producer_epoch = 0;
    batch_builder_add(&builder, 1, bytes_make("\0\0\0\1", 4), bytes_make("\0\0\0\0\0\7", 6), NULL,
                      0);
    check(batch_builder_finish(&builder, &out) == 0);
    seeds_save(folder, "batch/marker", buffer_bytes(&out));
    buffer_fini(&out);
    batch_builder_fini(&builder);
}

static void seeds_save_batches(const char *folder)
{
    seeds_save(folder, "batch/none", bytes_make(golden_none, sizeof golden_none));
    seeds_save(folder, "batch/gzip", bytes_make(golden_gzip, sizeof golden_gzip));
    seeds_save(folder, "batch/snappy", bytes_make(golden_snappy, sizeof golden_snappy));
    seeds_save(folder, "batch/snappy_raw", bytes_make(golden_snappy_raw, sizeof golden_snappy_raw));
    seeds_save(folder, "batch/lz4", bytes_make(golden_lz4, sizeof golden_lz4));
    seeds_save(folder, "batch/zstd", bytes_make(golden_zstd, sizeof golden_zstd));
    seeds_save_marker(folder);
}

void seeds_wire(const char *folder)
{
    seeds_save_messages(folder);
    seeds_save_batches(folder);
}
