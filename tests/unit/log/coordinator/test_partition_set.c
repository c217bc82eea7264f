/* Sets of partitions: order, equality, and against a plain table of what is in them. */
#include "log/coordinator/partition_set.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

enum { TOPIC_COUNT = 3, INDEX_COUNT = 20 };

static struct wire_uuid topic_of(int number)
{
    return (struct wire_uuid){.octets = {[7] = (uint8_t)(number + 1)}};
}

static void items_come_into_order_once(void **state)
{
    (void)state;
    struct partition_set set = {0};
    struct buffer text;
    partition_set_add(&set, topic_of(1), 3, 5);
    partition_set_add(&set, topic_of(0), 9, 6);
    partition_set_add(&set, topic_of(1), 3, 7);
    partition_set_add(&set, topic_of(1), 0, 8);
    partition_set_sort(&set);
    partition_set_check(&set);
    assert_int_equal(set.count, 3);
    assert_int_equal(partition_set_topic_count(&set), 2);
    assert_int_equal(partition_set_topic_end(&set, 0), 1);
    assert_int_equal(partition_set_find(&set, topic_of(0), 9)->epoch, 6);
    assert_null(partition_set_find(&set, topic_of(0), 3));
    buffer_init(&text);
    partition_set_print(&set, false, &text);
    assert_string_equal(buffer_string(&text), "00000000000000010000000000000000: 9; "
                                              "00000000000000020000000000000000: 0 3");
    buffer_fini(&text);
    partition_set_fini(&set);
}

static void empty_sets_are_equal_and_part_of_all(void **state)
{
    (void)state;
    struct partition_set none = {0};
    struct partition_set one = {0};
    partition_set_add(&one, topic_of(0), 1, 0);
    partition_set_sort(&none);
    assert_true(partition_set_equal(&none, &none));
    assert_true(partition_set_contains(&one, &none));
    assert_false(partition_set_contains(&none, &one));
    assert_false(partition_set_equal(&none, &one));
    assert_null(partition_set_find(&none, topic_of(0), 1));
    partition_set_move(&none, &one);
    assert_int_equal(none.count, 1);
    assert_int_equal(one.count, 0);
    partition_set_fini(&none);
    partition_set_fini(&one);
}

static void random_sets_hold_what_a_table_holds(void **state)
{
    (void)state;
    struct sim *sim = sim_new(3, 1);
    for (int round = 0; round < 500; round++) {
        bool table[2][TOPIC_COUNT][INDEX_COUNT] = {0};
        struct partition_set sets[2] = {0};
        bool is_equal = true;
        bool is_contained = true;
        for (int i = 0; i < 2; i++) {
            for (uint64_t left = sim_random(sim, 12); left > 0; left--) {
                int topic = (int)sim_random(sim, TOPIC_COUNT);
                int32_t index = (int32_t)sim_random(sim, INDEX_COUNT);
                table[i][topic][index] = true;
                partition_set_add(&sets[i], topic_of(topic), index, 0);
            }
            partition_set_sort(&sets[i]);
            partition_set_check(&sets[i]);
        }
        for (int topic = 0; topic < TOPIC_COUNT; topic++) {
            for (int32_t index = 0; index < INDEX_COUNT; index++) {
                for (int i = 0; i < 2; i++) {
                    assert_int_equal(partition_set_find(&sets[i], topic_of(topic), index) != NULL,
                                     table[i][topic][index]);
                }
                is_equal = is_equal && table[0][topic][index] == table[1][topic][index];
                is_contained = is_contained && (!table[1][topic][index] || table[0][topic][index]);
            }
        }
        assert_int_equal(partition_set_equal(&sets[0], &sets[1]), is_equal);
        assert_int_equal(partition_set_contains(&sets[0], &sets[1]), is_contained);
        partition_set_copy(&sets[0], &sets[1]);
        assert_true(partition_set_equal(&sets[0], &sets[1]));
        partition_set_fini(&sets[0]);
        partition_set_fini(&sets[1]);
    }
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_into_order_once),
        cmocka_unit_test(empty_sets_are_equal_and_part_of_all),
        cmocka_unit_test(random_sets_hold_what_a_table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
