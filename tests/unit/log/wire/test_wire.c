/* Shows that what is written is what is read: every message in every version, filled at random, is
 * written, measured, read, compared and written again; and cut anywhere it is refused. */
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { FILLS_PER_VERSION = 20 };

static uint64_t next_random(void *owner)
{
    uint64_t *state = owner;
    uint64_t value = (*state += 0x9e3779b97f4a7c15u);
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* A copy of exactly its size, so that the sanitizer sees each byte read past it. */
static uint8_t *exact_copy(struct bytes view)
{
    uint8_t *copy = malloc(view.size + (view.size == 0));
    if (view.size > 0) {
        memcpy(copy, view.data, view.size);
    }
    return copy;
}

static void expect_round_trip(const struct wire_schema *schema, int16_t version, uint64_t seed)
{
    struct arena arena;
    struct buffer written, again;
    arena_init(&arena, 0);
    buffer_init(&written);
    buffer_init(&again);
    void *message = arena_get(&arena, schema->size);
    void *back = arena_get(&arena, schema->size);
    wire_fill(schema, version, &arena, message, next_random, &seed);
    wire_write(&written, schema, version, message);
    assert_int_equal(written.size, wire_size(schema, version, message));

    uint8_t *copy = exact_copy(buffer_bytes(&written));
    struct wire_reader reader = {copy, copy + written.size};
    assert_int_equal(wire_read(&reader, schema, version, &arena, back), 0);
    assert_ptr_equal(reader.at, reader.end);
    assert_true(wire_equal(schema, version, message, back));
    wire_write(&again, schema, version, back);
    assert_true(bytes_equal(buffer_bytes(&written), buffer_bytes(&again)));

    free(copy);
    buffer_fini(&written);
    buffer_fini(&again);
    arena_fini(&arena);
}

static void every_message_in_every_version_comes_back(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        for (int16_t v = wire_schemas[i]->lowest; v <= wire_schemas[i]->highest; v++) {
            for (int fill = 0; fill < FILLS_PER_VERSION; fill++) {
                expect_round_trip(wire_schemas[i], v, seed++);
            }
        }
    }
}

static void expect_errors_when_cut(const struct wire_schema *schema, int16_t version, uint64_t seed)
{
    struct arena arena;
    struct buffer written;
    arena_init(&arena, 0);
    buffer_init(&written);
    void *message = arena_get(&arena, schema->size);
    wire_fill(schema, version, &arena, message, next_random, &seed);
    wire_write(&written, schema, version, message);
    for (size_t size = 0; size < written.size; size++) {
        struct arena scratch;
        arena_init(&scratch, 0);
        uint8_t *copy = exact_copy(bytes_make(written.data, size));
        struct wire_reader reader = {copy, copy + size};
        assert_true(wire_read(&reader, schema, version, &scratch, message) < 0);
        free(copy);
        arena_fini(&scratch);
    }
    buffer_fini(&written);
    arena_fini(&arena);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 1000000;
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        for (int16_t v = wire_schemas[i]->lowest; v <= wire_schemas[i]->highest; v++) {
            expect_errors_when_cut(wire_schemas[i], v, seed++);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_in_every_version_comes_back),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
