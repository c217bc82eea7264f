/* Shows that partitions are dealt out whole and evenly, that sticky moves as little as it must, and
 * that nobody gets what another still owns. */
#include "log/base/error.h"
#include "runtime/client/assignor.h"
#include "runtime/client/range.h"
#include "runtime/client/sticky.h"
#include "runtime/client/subscription.h"
#include "tests/unit/runtime/client/chance_group.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const struct bytes both[] = {BYTES_LITERAL("t"), BYTES_LITERAL("u")};

static struct assignor_member make_member(const char *id, size_t topic_count)
{
    return (struct assignor_member){
        .id = bytes_from_string(id), .topics = both, .topic_count = topic_count, .generation = -1};
}

static void assert_share(const struct assignor_member *member, const char *expected)
{
    char text[256] = "";
    for (size_t i = 0; i < member->assigned_count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.*s%d", i == 0 ? "" : " ",
                 BYTES_FORMAT(member->assigned[i].topic), (int)member->assigned[i].partition);
    }
    assert_string_equal(text, expected);
}

static void range_gives_runs_and_the_rest_to_the_first(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_topic topics[] = {{BYTES_LITERAL("t"), 3}, {BYTES_LITERAL("u"), 3}};
    struct assignor_member members[] = {make_member("b", 2), make_member("a", 2)};
    range_deal(&arena, members, 2, topics, 2, NULL);
    assert_share(&members[1], "t0 t1 u0 u1");
    assert_share(&members[0], "t2 u2");
    struct assignor_member wishes[] = {make_member("a", 1), make_member("b", 2)};
    range_deal(&arena, wishes, 2, topics, 2, NULL);
    assert_share(&wishes[0], "t0 t1");
    assert_share(&wishes[1], "t2 u0 u1 u2");
    arena_fini(&arena);
}

static void range_orders_static_members_by_their_instance(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_topic topics[] = {{BYTES_LITERAL("t"), 2}};
    struct assignor_member members[] = {make_member("a", 1), make_member("b", 1)};
    members[0].instance_id = BYTES_LITERAL("2");
    members[1].instance_id = BYTES_LITERAL("1");
    range_deal(&arena, members, 2, topics, 1, NULL);
    assert_share(&members[0], "t1");
    assert_share(&members[1], "t0");
    arena_fini(&arena);
}

static void sticky_keeps_what_it_can(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_topic topics[] = {{BYTES_LITERAL("t"), 6}};
    struct assignor_partition owned[6];
    for (int32_t i = 0; i < 6; i++) {
        owned[i] = (struct assignor_partition){BYTES_LITERAL("t"), i};
    }
    struct assignor_member members[] = {make_member("a", 1), make_member("b", 1)};
    members[0].owned = owned;
    members[0].owned_count = 6;
    members[0].generation = 4;
    sticky_deal(&arena, members, 2, topics, 1, NULL);
    assert_int_equal(members[0].assigned_count, 3);
    assert_int_equal(members[1].assigned_count, 3);
    assignor_withhold(members, 2);
    assert_int_equal(members[0].assigned_count, 3);
    assert_int_equal(members[1].assigned_count, 0);
    /* After a gave them up, b gets them and nothing moves. */
    struct assignor_partition kept[3];
    memcpy(kept, members[0].assigned, sizeof kept);
    members[0].owned = kept;
    members[0].owned_count = 3;
    sticky_deal(&arena, members, 2, topics, 1, NULL);
    assignor_withhold(members, 2);
    assert_int_equal(members[1].assigned_count, 3);
    assert_int_equal(members[0].assigned_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(members[0].assigned[i].partition, kept[i].partition);
    }
    arena_fini(&arena);
}

static void an_old_claim_loses_to_a_newer_one(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_topic topics[] = {{BYTES_LITERAL("t"), 2}};
    struct assignor_partition first[] = {{BYTES_LITERAL("t"), 0}};
    struct assignor_member members[] = {make_member("a", 1), make_member("b", 1)};
    members[0].owned = first;
    members[0].owned_count = 1;
    members[0].generation = 3;
    members[1].owned = first;
    members[1].owned_count = 1;
    members[1].generation = 5;
    sticky_deal(&arena, members, 2, topics, 1, NULL);
    assert_share(&members[1], "t0");
    assert_share(&members[0], "t1");
    arena_fini(&arena);
}

static size_t load_of(const struct chance_group *group, size_t member)
{
    return group->members[member].assigned_count;
}

/* Each partition that somebody wants has exactly one owner, who wants it. */
static void assert_whole(const struct chance_group *group)
{
    for (size_t i = 0; i < group->topic_count; i++) {
        size_t wanted = 0;
        for (size_t j = 0; j < group->member_count; j++) {
            wanted += assignor_wants(&group->members[j], group->topics[i].name);
        }
        for (int32_t p = 0; p < group->topics[i].partition_count; p++) {
            size_t owners = 0;
            for (size_t j = 0; j < group->member_count; j++) {
                for (size_t k = 0; k < load_of(group, j); k++) {
                    const struct assignor_partition *share = &group->members[j].assigned[k];
                    bool is_it =
                        share->partition == p && bytes_equal(share->topic, group->topics[i].name);
                    owners += is_it;
                    assert_true(!is_it || assignor_wants(&group->members[j], share->topic));
                }
            }
            assert_int_equal(owners, wanted > 0);
        }
    }
}

static void every_deal_is_whole_and_sticky_is_even(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= 500; start++) {
        uint64_t seed = start;
        struct chance_group group;
        struct arena arena;
        arena_init(&arena, 0);
        chance_group_fill(&group, &seed, start % 2 == 0);
        range_deal(&arena, group.members, group.member_count, group.topics, group.topic_count,
                   NULL);
        assert_whole(&group);
        /* What range dealt is what they own now. */
        size_t total = 0;
        for (size_t i = 0; i < group.member_count; i++) {
            group.members[i].owned = group.members[i].assigned;
            group.members[i].owned_count = group.members[i].assigned_count;
            total += group.members[i].owned_count;
        }
        sticky_deal(&arena, group.members, group.member_count, group.topics, group.topic_count,
                    NULL);
        assert_whole(&group);
        size_t moved = 0;
        size_t surplus = 0;
        for (size_t i = 0; i < group.member_count; i++) {
            struct assignor_member *member = &group.members[i];
            for (size_t j = 0; j < group.member_count; j++) {
                for (size_t k = 0; k < load_of(&group, j); k++) {
                    bool is_movable = load_of(&group, j) > load_of(&group, i) + 1 &&
                                      assignor_wants(member, group.members[j].assigned[k].topic);
                    assert_false(is_movable);
                }
            }
            if (start % 2 == 0) {
                size_t ceiling = (total + group.member_count - 1) / group.member_count;
                surplus += member->owned_count > ceiling ? member->owned_count - ceiling : 0;
                size_t kept = 0;
                for (size_t k = 0; k < member->assigned_count; k++) {
                    for (size_t o = 0; o < member->owned_count; o++) {
                        kept += member->assigned[k].partition == member->owned[o].partition &&
                                bytes_equal(member->assigned[k].topic, member->owned[o].topic);
                    }
                }
                moved += member->assigned_count - kept;
            }
        }
        if (start % 2 == 0) {
            assert_true(moved >= surplus);
            assert_true(moved <= surplus + group.member_count);
        }
        arena_fini(&arena);
    }
}

static void the_order_of_members_does_not_matter(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_topic topics[] = {{BYTES_LITERAL("t"), 5}, {BYTES_LITERAL("u"), 4}};
    struct assignor_topic swapped[] = {topics[1], topics[0]};
    struct assignor_member left[] = {make_member("a", 2), make_member("b", 2)};
    struct assignor_member right[] = {make_member("b", 2), make_member("a", 2)};
    sticky_deal(&arena, left, 2, topics, 2, NULL);
    sticky_deal(&arena, right, 2, swapped, 2, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(left[i].assigned_count, right[1 - i].assigned_count);
        for (size_t j = 0; j < left[i].assigned_count; j++) {
            assert_int_equal(left[i].assigned[j].partition, right[1 - i].assigned[j].partition);
            assert_true(bytes_equal(left[i].assigned[j].topic, right[1 - i].assigned[j].topic));
        }
    }
    arena_fini(&arena);
}

static void subscriptions_survive_the_wire(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    struct assignor_partition owned[] = {
        {BYTES_LITERAL("t"), 3}, {BYTES_LITERAL("t"), 5}, {BYTES_LITERAL("u"), 0}};
    struct subscription in = {.topics = both,
                              .topic_count = 2,
                              .user_data = BYTES_LITERAL("hello"),
                              .owned = owned,
                              .owned_count = 3,
                              .generation = 7};
    struct subscription out;
    struct bytes encoded = subscription_write(&arena, &in);
    assert_int_equal(subscription_read(&arena, encoded, &out), 0);
    assert_int_equal(out.topic_count, 2);
    assert_true(bytes_equal(out.topics[1], both[1]));
    assert_true(bytes_equal(out.user_data, in.user_data));
    assert_int_equal(out.owned_count, 3);
    assert_int_equal(out.owned[1].partition, 5);
    assert_int_equal(out.generation, 7);
    for (size_t size = 0; size < encoded.size; size++) {
        assert_int_not_equal(subscription_read(&arena, bytes_make(encoded.data, size), &out), 0);
    }
    struct assignor_partition *share;
    size_t count;
    struct bytes more;
    struct bytes told = subscription_write_share(&arena, owned, 3, BYTES_LITERAL("more"));
    assert_int_equal(subscription_read_share(&arena, told, &share, &count, &more), 0);
    assert_int_equal(count, 3);
    assert_int_equal(share[2].partition, 0);
    assert_true(bytes_equal_string(more, "more"));
    assert_int_equal(subscription_read_share(&arena, BYTES_LITERAL(""), &share, &count, &more), 0);
    assert_int_equal(count, 0);
    assert_true(bytes_is_null(more));
    arena_fini(&arena);
}

/* Four bytes on the wire are more in memory. */
static void a_subscription_beyond_the_arena_is_refused(void **state)
{
    (void)state;
    struct arena arena, small;
    struct assignor_partition owned[500];
    for (int i = 0; i < 500; i++) {
        owned[i] = (struct assignor_partition){BYTES_LITERAL("t"), i};
    }
    struct subscription wish = {
        .topics = both, .topic_count = 2, .owned = owned, .owned_count = 500};
    arena_init(&arena, 0);
    struct bytes told = subscription_write(&arena, &wish);
    struct bytes share_told = subscription_write_share(&arena, owned, 500, (struct bytes){0});
    struct subscription out;
    struct assignor_partition *share;
    size_t count;
    struct bytes more;
    arena_init(&small, 4096);
    assert_int_equal(subscription_read(&small, told, &out), ERROR_NO_MEMORY);
    arena_fini(&small);
    arena_init(&small, 4096);
    assert_int_equal(subscription_read_share(&small, share_told, &share, &count, &more),
                     ERROR_NO_MEMORY);
    arena_fini(&small);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_gives_runs_and_the_rest_to_the_first),
        cmocka_unit_test(range_orders_static_members_by_their_instance),
        cmocka_unit_test(sticky_keeps_what_it_can),
        cmocka_unit_test(an_old_claim_loses_to_a_newer_one),
        cmocka_unit_test(every_deal_is_whole_and_sticky_is_even),
        cmocka_unit_test(the_order_of_members_does_not_matter),
        cmocka_unit_test(subscriptions_survive_the_wire),
        cmocka_unit_test(a_subscription_beyond_the_arena_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
