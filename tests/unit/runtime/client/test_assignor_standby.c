/* Shows that copies are dealt to other homes than the originals', as many as are wished for, evenly
 * and steadily; that who has a copy gets what nobody holds any more; and that who gets a partition
 * later keeps a copy of it until then. */
#include "runtime/client/assignor_standby.h"
#include "runtime/client/assignor_unit.h"
#include "runtime/client/sticky.h"
#include "runtime/client/subscription.h"
#include "tests/unit/runtime/client/chance_group.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const struct bytes one_topic[] = {BYTES_LITERAL("t")};

static struct assignor_member make_member(const char *id, const char *home)
{
    return (struct assignor_member){.id = bytes_from_string(id),
                                    .home = bytes_from_string(home),
                                    .topics = one_topic,
                                    .topic_count = 1,
                                    .standby_wish = 1,
                                    .generation = 1};
}

static const char *list(const struct assignor_partition *partitions, size_t count)
{
    static char text[256];
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.*s%d", i == 0 ? "" : " ",
                 BYTES_FORMAT(partitions[i].topic), (int)partitions[i].partition);
    }
    return text;
}

static void expect(const struct assignor_member *member, const char *assigned, const char *standby)
{
    assert_string_equal(list(member->assigned, member->assigned_count), assigned);
    assert_string_equal(list(member->standby, member->standby_count), standby);
}

/* What was dealt is what they have when the next deal comes. */
static void settle(struct assignor_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        members[i].owned = members[i].assigned;
        members[i].owned_count = members[i].assigned_count;
        members[i].kept = members[i].standby;
        members[i].kept_count = members[i].standby_count;
        members[i].generation++;
    }
}

/* True when something was withheld. */
static bool deal(struct arena *arena, struct assignor_member *members, size_t count,
                 int32_t partition_count)
{
    static const int units[] = {0};
    const struct assignor_topic topics[] = {{BYTES_LITERAL("t"), partition_count}};
    struct assignor_unit_terms terms = {0};
    assignor_unit_deal(assignor_find(BYTES_LITERAL("cooperative-sticky")), arena, members, count,
                       topics, units, 1, &terms);
    return terms.withheld_count > 0;
}

static void the_heir_has_a_copy(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_member members[] = {make_member("a", "A"), make_member("b", "B"),
                                        make_member("c", "C")};
    assert_false(deal(&arena, members, 3, 6));
    expect(&members[0], "t0 t3", "t1 t2");
    expect(&members[1], "t1 t4", "t0 t5");
    expect(&members[2], "t2 t5", "t3 t4");
    settle(members, 3);
    assert_false(deal(&arena, members, 3, 6)); /* nothing moves */
    expect(&members[0], "t0 t3", "t1 t2");
    expect(&members[1], "t1 t4", "t0 t5");
    expect(&members[2], "t2 t5", "t3 t4");
    settle(members, 3);
    assert_false(deal(&arena, members + 1, 2, 6)); /* a is gone */
    expect(&members[1], "t0 t1 t4", "t2 t3 t5");
    expect(&members[2], "t2 t3 t5", "t0 t1 t4");
    arena_fini(&arena);
}

static void who_comes_gets_copies_before_partitions(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_member members[] = {make_member("a", "A"), make_member("b", "B")};
    assert_false(deal(&arena, members, 1, 4));
    expect(&members[0], "t0 t1 t2 t3", ""); /* there is no other home */
    settle(members, 1);
    assert_true(deal(&arena, members, 2, 4));
    expect(&members[0], "t2 t3", "t0 t1"); /* what it gives up it keeps as a copy */
    expect(&members[1], "", "t0 t1 t2 t3");
    settle(members, 2);
    assert_false(deal(&arena, members, 2, 4));
    expect(&members[0], "t2 t3", "t0 t1");
    expect(&members[1], "t0 t1", "t2 t3");
    arena_fini(&arena);
}

/* Threads of a process share their directories. */
static void no_copies_lie_at_home(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_member members[] = {make_member("a1", "A"), make_member("a2", "A")};
    deal(&arena, members, 2, 4);
    expect(&members[0], "t0 t2", "");
    expect(&members[1], "t1 t3", "");
    settle(members, 2);
    members[1].generation = members[0].generation = 3;
    members[0].owned_count = 0; /* a2 holds all, half of it moves to a1 at the same home */
    struct assignor_partition all[4];
    for (int32_t i = 0; i < 4; i++) {
        all[i] = (struct assignor_partition){BYTES_LITERAL("t"), i};
    }
    members[1].owned = all;
    members[1].owned_count = 4;
    assert_true(deal(&arena, members, 2, 4));
    assert_int_equal(members[0].standby_count, 0);
    assert_int_equal(members[1].standby_count, 0);
    arena_fini(&arena);
}

static void who_says_nothing_takes_no_part(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_member members[] = {make_member("a", "A"), make_member("b", "B"),
                                        make_member("c", "C")};
    members[1].home = (struct bytes){0};
    members[1].standby_wish = 0;
    deal(&arena, members, 3, 3);
    expect(&members[0], "t0", "t1 t2");
    expect(&members[1], "t1", "");
    expect(&members[2], "t2", "t0");
    for (size_t i = 0; i < 3; i++) {
        members[i].standby_wish = 0;
    }
    deal(&arena, members, 3, 3);
    expect(&members[0], "t0", "");
    expect(&members[2], "t2", "");
    arena_fini(&arena);
}

static void wishes_survive_the_wire(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_partition kept[] = {{BYTES_LITERAL("t"), 1}, {BYTES_LITERAL("t"), 4}};
    struct assignor_position positions[] = {{BYTES_LITERAL("t"), 1, 70, 100},
                                            {BYTES_LITERAL("t"), 4, INT64_MAX, INT64_MAX}};
    struct assignor_member teller = {.home = BYTES_LITERAL("A"),
                                     .kept = kept,
                                     .kept_count = 2,
                                     .standby_wish = 3,
                                     .positions = positions,
                                     .position_count = 2,
                                     .warming = kept + 1,
                                     .warming_count = 1};
    struct bytes old = subscription_write_copies(&arena, &teller);
    teller.tells_positions = true;
    struct bytes told = subscription_write_copies(&arena, &teller);
    struct assignor_member member = {0};
    subscription_read_copies(&arena, told, &member);
    assert_true(bytes_equal_string(member.home, "A"));
    assert_int_equal(member.standby_wish, 3);
    assert_string_equal(list(member.kept, member.kept_count), "t1 t4");
    assert_true(member.tells_positions);
    assert_string_equal(list(member.warming, member.warming_count), "t4");
    assert_int_equal(member.position_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(bytes_equal(member.positions[i].topic, positions[i].topic));
        assert_int_equal(member.positions[i].partition, positions[i].partition);
        assert_int_equal(member.positions[i].position, positions[i].position);
        assert_int_equal(member.positions[i].end, positions[i].end);
    }
    /* Who does not know of positions reads the same, up to them. */
    struct assignor_member before = {0};
    assert_true(told.size > old.size && memcmp(told.data, old.data, old.size) == 0);
    subscription_read_copies(&arena, old, &before);
    assert_false(before.tells_positions);
    assert_int_equal(before.kept_count, 2);
    struct assignor_member stranger = {0};
    subscription_read_copies(&arena, BYTES_LITERAL("\0\0\0\0\0\1somebody else's"), &stranger);
    subscription_read_copies(&arena, (struct bytes){0}, &stranger);
    assert_true(bytes_is_null(stranger.home));
    arena_fini(&arena);
}

static void fill(struct chance_group *group, uint64_t *seed)
{
    static const char *const homes[] = {"A", "B", "C", "D"};
    chance_group_fill(group, seed, true);
    for (size_t i = 0; i < group->member_count; i++) {
        group->members[i].home = bytes_from_string(homes[chance_next(seed) % 4]);
        group->members[i].standby_wish = (int32_t)(chance_next(seed) % 3);
    }
}

static bool has(const struct assignor_partition *partitions, size_t count, struct bytes topic,
                int32_t partition)
{
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].partition == partition && bytes_equal(partitions[i].topic, topic)) {
            return true;
        }
    }
    return false;
}

/* How many homes have the state of the partition in any way; each once. */
static size_t count_homes(const struct chance_group *group, struct bytes topic, int32_t partition)
{
    struct bytes homes[CHANCE_GROUP_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct assignor_member *member = &group->members[i];
        bool has_it = has(member->assigned, member->assigned_count, topic, partition);
        bool copies = has(member->standby, member->standby_count, topic, partition);
        assert_false(has_it && copies);
        for (size_t j = 0; (has_it || copies) && j < count; j++) {
            assert_false(bytes_equal(homes[j], member->home));
        }
        if (has_it || copies) {
            homes[count++] = member->home;
        }
    }
    return count;
}

static size_t count_all_homes(const struct chance_group *group)
{
    size_t count = 0;
    for (size_t i = 0; i < group->member_count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i; j++) {
            is_new = is_new && !bytes_equal(group->members[i].home, group->members[j].home);
        }
        count += is_new;
    }
    return count;
}

static void expect_copies(const struct chance_group *group)
{
    size_t wanted = 1;
    size_t home_count = count_all_homes(group);
    for (size_t i = 0; i < group->member_count; i++) {
        size_t wish = 1 + (size_t)group->members[i].standby_wish;
        wanted = wish > wanted ? wish : wanted;
    }
    wanted = wanted > home_count ? home_count : wanted;
    for (size_t i = 0; i < group->topic_count; i++) {
        for (int32_t j = 0; j < group->topics[i].partition_count; j++) {
            assert_int_equal(count_homes(group, group->topics[i].name, j), wanted);
        }
    }
}

static void deal_chance(struct arena *arena, struct chance_group *group)
{
    sticky_deal(arena, group->members, group->member_count, group->topics, group->topic_count,
                NULL);
    struct assignor_lag lag;
    assignor_lag_init(&lag, arena, group->members, group->member_count, group->topics,
                      group->topic_count, 0);
    assignor_standby_deal(arena, group->members, &lag, 0);
}

static void every_deal_has_its_copies_and_the_next_is_the_same(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= 500; start++) {
        uint64_t seed = start;
        struct chance_group group;
        struct arena arena;
        arena_init(&arena, 0);
        fill(&group, &seed);
        deal_chance(&arena, &group);
        expect_copies(&group);
        struct chance_group again = group;
        settle(again.members, again.member_count);
        deal_chance(&arena, &again);
        expect_copies(&again);
        for (size_t i = 0; i < group.member_count; i++) {
            const struct assignor_member *before = &group.members[i];
            const struct assignor_member *after = &again.members[i];
            assert_int_equal(before->standby_count, after->standby_count);
            for (size_t j = 0; j < before->standby_count; j++) {
                assert_true(has(after->standby, after->standby_count, before->standby[j].topic,
                                before->standby[j].partition));
            }
        }
        arena_fini(&arena);
    }
}

static void the_order_of_members_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= 100; start++) {
        uint64_t seed = start;
        struct chance_group group;
        struct arena arena;
        arena_init(&arena, 0);
        fill(&group, &seed);
        struct chance_group turned = group;
        for (size_t i = 0; i < group.member_count; i++) {
            turned.members[i] = group.members[group.member_count - 1 - i];
        }
        deal_chance(&arena, &group);
        deal_chance(&arena, &turned);
        for (size_t i = 0; i < group.member_count; i++) {
            const struct assignor_member *left = &group.members[i];
            const struct assignor_member *right = &turned.members[group.member_count - 1 - i];
            char text[256];
            snprintf(text, sizeof text, "%s", list(left->standby, left->standby_count));
            assert_string_equal(text, list(right->standby, right->standby_count));
        }
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heir_has_a_copy),
        cmocka_unit_test(who_comes_gets_copies_before_partitions),
        cmocka_unit_test(no_copies_lie_at_home),
        cmocka_unit_test(who_says_nothing_takes_no_part),
        cmocka_unit_test(wishes_survive_the_wire),
        cmocka_unit_test(every_deal_has_its_copies_and_the_next_is_the_same),
        cmocka_unit_test(the_order_of_members_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
