/* Shows that filled messages are worth testing with: the same seed gives the same message, other
 * seeds give others, nulls and tagged fields come and go, and no message grows large. */
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

enum { SIZE_MAX_EXPECTED = 64 * 1024, FILLS = 100 };

static uint64_t next_random(void *owner)
{
    uint64_t *state = owner;
    uint64_t value = (*state += 0x9e3779b97f4a7c15u);
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    return value ^ value >> 31;
}

static void the_seed_decides(void **state)
{
    (void)state;
    int different = 0;
    for (uint64_t seed = 0; seed < FILLS; seed++) {
        struct arena arena;
        struct fetch_response one, same, other;
        uint64_t seeds[] = {seed, seed, seed + FILLS};
        arena_init(&arena, 0);
        wire_fill(&fetch_response_schema, 16, &arena, &one, next_random, &seeds[0]);
        wire_fill(&fetch_response_schema, 16, &arena, &same, next_random, &seeds[1]);
        wire_fill(&fetch_response_schema, 16, &arena, &other, next_random, &seeds[2]);
        assert_true(wire_equal(&fetch_response_schema, 16, &one, &same));
        different += !wire_equal(&fetch_response_schema, 16, &one, &other);
        arena_fini(&arena);
    }
    assert_int_equal(different, FILLS);
}

static void nulls_and_tags_come_and_go(void **state)
{
    (void)state;
    int nulls = 0, tags = 0, elements = 0;
    uint64_t seed = 1;
    for (int i = 0; i < FILLS; i++) {
        struct arena arena;
        struct fetch_request request;
        arena_init(&arena, 0);
        wire_fill(&fetch_request_schema, 12, &arena, &request, next_random, &seed);
        nulls += bytes_is_null(request.cluster_id);
        tags += request.cluster_id.size > 0;
        elements += request.topics.count > 0;
        assert_false(bytes_is_null(request.rack_id));
        assert_true(request.topics.count >= 0);
        assert_int_equal(request.replica_state.replica_id, -1); /* from version 15 on */
        arena_fini(&arena);
    }
    assert_in_range(nulls, 10, FILLS - 10);
    assert_in_range(tags, 10, FILLS - 10);
    assert_in_range(elements, 10, FILLS - 1);
}

static void no_message_grows_large(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        struct arena arena;
        const struct wire_schema *schema = wire_schemas[i];
        arena_init(&arena, 0);
        void *message = arena_get(&arena, schema->size);
        wire_fill(schema, schema->highest, &arena, message, next_random, &seed);
        assert_true(wire_size(schema, schema->highest, message) < SIZE_MAX_EXPECTED);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(nulls_and_tags_come_and_go),
        cmocka_unit_test(no_message_grows_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
