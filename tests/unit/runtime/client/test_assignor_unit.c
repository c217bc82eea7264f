/* Shows that topics of one unit go to one member, index by index, while members come and go. */
#include "runtime/client/assignor_unit.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { MEMBERS = 3, TOPICS = 3, PARTITIONS = 4 };

static const struct bytes names[TOPICS] = {BYTES_LITERAL("left"), BYTES_LITERAL("right"),
                                           BYTES_LITERAL("alone")};
static struct assignor_unit_terms terms;
static const int units[TOPICS] = {0, 0, ASSIGNOR_UNIT_NONE};
static const struct assignor_topic topics[TOPICS] = {
    {BYTES_LITERAL("left"), 4}, {BYTES_LITERAL("right"), 2}, {BYTES_LITERAL("alone"), 3}};

static struct assignor_member make_member(const char *id)
{
    return (struct assignor_member){
        .id = bytes_from_string(id), .topics = names, .topic_count = TOPICS, .generation = -1};
}

static bool has(const struct assignor_partition *places, size_t count, int topic, int32_t partition)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(places[i].topic, names[topic]) && places[i].partition == partition) {
            return true;
        }
    }
    return false;
}

/* The one member that was given any part of an index of the unit; it must have all of it. */
static int taker_of(const struct assignor_member *members, size_t count, int32_t partition)
{
    int taker = -1;
    for (size_t i = 0; i < count; i++) {
        bool has_left = has(members[i].assigned, members[i].assigned_count, 0, partition);
        bool has_right = has(members[i].assigned, members[i].assigned_count, 1, partition);
        assert_true(partition >= 2 || has_left == has_right);
        assert_true(has_left || !has_right);
        if (has_left) {
            assert_int_equal(taker, -1);
            taker = (int)i;
        }
    }
    return taker;
}

static void a_unit_has_one_taker_of_each_index(void **state)
{
    (void)state;
    for (const struct assignor *row = assignor_table; row->name != NULL; row++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct assignor_member members[] = {make_member("a"), make_member("b"), make_member("c")};
        assignor_unit_deal(row, &arena, members, MEMBERS, topics, units, TOPICS, &terms);
        size_t total = 0;
        for (size_t i = 0; i < MEMBERS; i++) {
            assert_true(members[i].assigned_count > 0);
            total += members[i].assigned_count;
        }
        assert_int_equal(total, 9);
        for (int32_t i = 0; i < PARTITIONS; i++) {
            assert_int_not_equal(taker_of(members, MEMBERS, i), -1);
        }
        arena_fini(&arena);
    }
}

/* What a member was given is what it owns in the next round. */
static void own(struct assignor_member *member, int32_t generation)
{
    member->owned = member->assigned;
    member->owned_count = member->assigned_count;
    member->generation = generation;
}

static void nobody_gets_a_part_of_what_another_still_owns(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_member members[] = {make_member("a"), make_member("b"), make_member("c")};
    assignor_unit_deal(&assignor_table[0], &arena, members, 1, topics, units, TOPICS, &terms);
    assert_int_equal(members[0].assigned_count, 9);
    own(&members[0], 1);
    assignor_unit_deal(&assignor_table[0], &arena, members, 3, topics, units, TOPICS, &terms);
    assert_int_equal(members[1].assigned_count, 0);
    assert_int_equal(members[2].assigned_count, 0);
    for (int i = 0; i < MEMBERS; i++) {
        own(&members[i], 2);
    }
    assignor_unit_deal(&assignor_table[0], &arena, members, 3, topics, units, TOPICS, &terms);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_int_not_equal(taker_of(members, MEMBERS, i), -1);
    }
    assert_true(members[1].assigned_count > 0);
    assert_true(members[2].assigned_count > 0);
    arena_fini(&arena);
}

static void a_unit_that_was_torn_apart_is_given_up_and_put_together(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_member members[] = {make_member("a"), make_member("b")};
    struct assignor_partition left[] = {{BYTES_LITERAL("left"), 0}};
    struct assignor_partition right[] = {{BYTES_LITERAL("right"), 0}};
    for (int i = 0; i < 2; i++) {
        members[i].generation = 5;
        members[i].owned = i == 0 ? left : right;
        members[i].owned_count = 1;
    }
    assignor_unit_deal(&assignor_table[0], &arena, members, 2, topics, units, TOPICS, &terms);
    taker_of(members, 2, 0); /* one has all of it, or nobody has it until it was given up */
    own(&members[0], 6);
    own(&members[1], 6);
    assignor_unit_deal(&assignor_table[0], &arena, members, 2, topics, units, TOPICS, &terms);
    assert_int_not_equal(taker_of(members, 2, 0), -1);
    arena_fini(&arena);
}

static void without_units_nothing_changes(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    static const int none[TOPICS] = {ASSIGNOR_UNIT_NONE, ASSIGNOR_UNIT_NONE, ASSIGNOR_UNIT_NONE};
    struct assignor_member with[] = {make_member("a"), make_member("b")};
    struct assignor_member without[] = {make_member("a"), make_member("b")};
    assignor_unit_deal(&assignor_table[0], &arena, with, 2, topics, none, TOPICS, &terms);
    assignor_table[0].deal(&arena, without, 2, topics, TOPICS, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(with[i].assigned_count, without[i].assigned_count);
        for (size_t j = 0; j < without[i].assigned_count; j++) {
            const struct assignor_partition *place = &without[i].assigned[j];
            int topic = bytes_equal(place->topic, names[0])   ? 0
                        : bytes_equal(place->topic, names[1]) ? 1
                                                              : 2;
            assert_true(has(with[i].assigned, with[i].assigned_count, topic, place->partition));
        }
    }
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_has_one_taker_of_each_index),
        cmocka_unit_test(nobody_gets_a_part_of_what_another_still_owns),
        cmocka_unit_test(a_unit_that_was_torn_apart_is_given_up_and_put_together),
        cmocka_unit_test(without_units_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
