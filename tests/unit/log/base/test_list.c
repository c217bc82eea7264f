/* Shows that links keep their order, leave without a trace, and may leave while visited. */
#include "log/base/list.h"
#include "tests/unit/unit.h"

struct item {
    int number;
    struct list_link link;
};

static void expect_numbers(struct list *list, const char *expected)
{
    char seen[16];
    size_t count = 0;
    for (list_each (list, link)) {
        seen[count++] = (char)('0' + list_member(link, struct item, link)->number);
    }
    seen[count] = 0;
    assert_string_equal(seen, expected);
}

static void members_keep_the_order_they_were_given(void **state)
{
    (void)state;
    struct list list;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&list);
    assert_true(list_is_empty(&list));
    list_add(&list, &items[1].link);
    list_add(&list, &items[3].link);
    list_add_first(&list, &items[0].link);
    list_insert_before(&items[3].link, &items[2].link);
    expect_numbers(&list, "0123");
    assert_false(list_is_empty(&list));
}

static void a_removed_member_is_in_no_list(void **state)
{
    (void)state;
    struct list list;
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    list_init(&list);
    assert_false(list_has(&items[1].link));
    for (int i = 0; i < 3; i++) {
        list_add(&list, &items[i].link);
    }
    assert_true(list_has(&items[1].link));
    list_remove(&items[1].link);
    assert_false(list_has(&items[1].link));
    list_remove(&items[1].link);
    expect_numbers(&list, "02");
    list_add(&list, &items[1].link);
    expect_numbers(&list, "021");
}

static void members_may_leave_while_they_are_visited(void **state)
{
    (void)state;
    struct list list;
    struct item items[6];
    list_init(&list);
    for (int i = 0; i < 6; i++) {
        items[i] = (struct item){.number = i};
        list_add(&list, &items[i].link);
    }
    for (list_each (&list, link)) {
        if (list_member(link, struct item, link)->number % 2 == 0) {
            list_remove(link);
        }
    }
    expect_numbers(&list, "135");
}

static void members_are_taken_from_the_front(void **state)
{
    (void)state;
    struct list list;
    struct item items[2] = {{.number = 0}, {.number = 1}};
    list_init(&list);
    list_add(&list, &items[0].link);
    list_add(&list, &items[1].link);
    assert_ptr_equal(list_take(&list), &items[0].link);
    assert_ptr_equal(list_take(&list), &items[1].link);
    assert_null(list_take(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_keep_the_order_they_were_given),
        cmocka_unit_test(a_removed_member_is_in_no_list),
        cmocka_unit_test(members_may_leave_while_they_are_visited),
        cmocka_unit_test(members_are_taken_from_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
