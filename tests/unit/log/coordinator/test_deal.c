/* The properties of deal.h over thousands of random groups: every partition has one owner who wants
 * it, counts are as even as subscriptions allow, nothing moves without need, equal topics meet. */
#include "log/base/check.h"
#include "log/base/endian.h"
#include "log/coordinator/deal.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum {
    CASE_COUNT = 3000,
    CASE_TOPIC_MAX = 6,
    CASE_PARTITION_MAX = 9,
    CASE_MEMBER_MAX = 8,
};

struct world {
    struct sim *sim;
    struct arena arena;
    struct deal deal;
};

static uint64_t pick(struct world *world, uint64_t limit)
{
    return sim_random(world->sim, limit);
}

static void world_init(struct world *world, uint64_t seed)
{
    *world = (struct world){.sim = sim_new(seed, 1)};
    arena_init(&world->arena, 0);
    world->deal.arena = &world->arena;
}

static void world_fini(struct world *world)
{
    arena_fini(&world->arena);
    sim_free(world->sim);
}

static void add_topics(struct world *world, int32_t count)
{
    struct deal *deal = &world->deal;
    deal->topic_count = count;
    deal->topics = arena_array(&world->arena, struct deal_topic, count + 1);
    for (int32_t i = 0; i < count; i++) {
        endian_write_i32(deal->topics[i].id.octets + 12, i + 1);
        deal->topics[i].partition_count = (int32_t)pick(world, CASE_PARTITION_MAX) + 1;
    }
}

static void add_members(struct world *world, int32_t count, bool is_alike)
{
    struct deal *deal = &world->deal;
    deal->member_count = count;
    deal->members = arena_array(&world->arena, struct deal_member, count + 1);
    for (int32_t i = 0; i < count; i++) {
        struct deal_member *member = &deal->members[i];
        member->id = bytes_from_string(arena_printf(&world->arena, "m%d", (int)i));
        member->topics = arena_array(&world->arena, int32_t, deal->topic_count + 1);
        for (int32_t j = 0; j < deal->topic_count; j++) {
            if (is_alike || pick(world, 2) == 0) {
                member->topics[member->topic_count++] = j;
            }
        }
    }
}

static int32_t topic_of(const struct deal *deal, int32_t partition)
{
    int32_t topic = deal->topic_count - 1;
    while (deal->topics[topic].first > partition) {
        topic--;
    }
    return topic;
}

/* Whether a chain of hand-overs leads to `start` from somebody with two more: found by trying. */
static bool is_improvable(const struct deal *deal, int32_t start, bool *seen, int32_t goal)
{
    seen[start] = true;
    for (int32_t i = 0; i < deal->partition_count; i++) {
        int32_t giver = deal->owners[i];
        if (giver < 0 || seen[giver] || !deal_wants(&deal->members[start], topic_of(deal, i))) {
            continue;
        }
        if (deal->members[giver].count >= goal || is_improvable(deal, giver, seen, goal)) {
            return true;
        }
    }
    return false;
}

static void check_even(const struct deal *deal)
{
    for (int32_t i = 0; i < deal->member_count; i++) {
        bool seen[CASE_MEMBER_MAX + 1] = {0};
        int32_t count = 0;
        for (int32_t j = 0; j < deal->partition_count; j++) {
            count += deal->owners[j] == i;
        }
        assert_int_equal(count, deal->members[i].count);
        assert_false(is_improvable(deal, i, seen, count + 2));
    }
}

static int32_t *copy_owners(struct world *world)
{
    const struct deal *deal = &world->deal;
    int32_t *copy = arena_array(&world->arena, int32_t, deal->partition_count + 1);
    memcpy(copy, deal->owners, (size_t)deal->partition_count * sizeof *copy);
    return copy;
}

static int32_t count_moves(const struct deal *deal, const int32_t *before)
{
    int32_t moves = 0;
    for (int32_t i = 0; i < deal->partition_count; i++) {
        moves += before[i] >= 0 && before[i] != deal->owners[i];
    }
    return moves;
}

static void any_group_is_dealt_evenly(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASE_COUNT; seed++) {
        struct world world;
        world_init(&world, seed);
        add_topics(&world, (int32_t)pick(&world, CASE_TOPIC_MAX + 1));
        add_members(&world, (int32_t)pick(&world, CASE_MEMBER_MAX) + 1, seed % 2 == 0);
        deal_start(&world.deal);
        for (int32_t i = 0; i < world.deal.partition_count; i++) {
            world.deal.owners[i] = (int32_t)pick(&world, (uint64_t)world.deal.member_count + 1) - 1;
        }
        deal_uniform(&world.deal);
        deal_check(&world.deal);
        check_even(&world.deal);
        int32_t *before = copy_owners(&world);
        deal_uniform(&world.deal);
        assert_int_equal(count_moves(&world.deal, before), 0); /* it is at rest */
        world_fini(&world);
    }
}

/* In a group of alike members: from counts alone it follows how many must move. */
static int32_t fewest_moves(const struct deal *deal, const int32_t *before)
{
    int32_t counts[CASE_MEMBER_MAX + 1] = {0};
    int32_t least = deal->partition_count / deal->member_count;
    int32_t extra = deal->partition_count % deal->member_count;
    int32_t moves = 0;
    for (int32_t i = 0; i < deal->partition_count; i++) {
        if (before[i] >= 0) {
            counts[before[i]]++;
        }
    }
    for (int32_t i = 0; i < deal->member_count; i++) {
        if (counts[i] > least) {
            bool may_keep = extra > 0;
            extra -= may_keep;
            moves += counts[i] - least - may_keep;
        }
    }
    return moves;
}

static void nothing_moves_without_need(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASE_COUNT; seed++) {
        struct world world;
        world_init(&world, seed);
        add_topics(&world, (int32_t)pick(&world, CASE_TOPIC_MAX) + 1);
        add_members(&world, (int32_t)pick(&world, CASE_MEMBER_MAX) + 1, true);
        deal_start(&world.deal);
        for (int32_t i = 0; i < world.deal.partition_count; i++) {
            world.deal.owners[i] = (int32_t)pick(&world, (uint64_t)world.deal.member_count + 1) - 1;
        }
        int32_t *before = copy_owners(&world);
        deal_uniform(&world.deal);
        deal_check(&world.deal);
        assert_int_equal(count_moves(&world.deal, before), fewest_moves(&world.deal, before));
        world_fini(&world);
    }
}

/* Each topic is cut into runs whose lengths differ by at most one, in one order of members. */
static void check_runs(const struct deal *deal)
{
    for (int32_t i = 0; i < deal->topic_count; i++) {
        const struct deal_topic *topic = &deal->topics[i];
        int32_t counts[CASE_MEMBER_MAX + 1] = {0};
        int32_t most = 0;
        for (int32_t j = topic->first; j < topic->first + topic->partition_count; j++) {
            int32_t owner = deal->owners[j];
            if (owner < 0) {
                continue;
            }
            assert_true(j == topic->first || deal->owners[j - 1] <= owner);
            counts[owner]++;
            most = counts[owner] > most ? counts[owner] : most;
        }
        for (int32_t j = 0; j < deal->member_count && most > 0; j++) {
            assert_true(!deal_wants(&deal->members[j], i) || counts[j] >= most - 1);
        }
    }
}

static void ranges_are_runs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASE_COUNT; seed++) {
        struct world world;
        world_init(&world, seed);
        add_topics(&world, (int32_t)pick(&world, CASE_TOPIC_MAX + 1));
        add_members(&world, (int32_t)pick(&world, CASE_MEMBER_MAX) + 1, seed % 2 == 0);
        deal_start(&world.deal);
        deal_range(&world.deal);
        deal_check(&world.deal);
        check_runs(&world.deal);
        world_fini(&world);
    }
}

static void ranges_of_equal_topics_meet_in_one_member(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world;
        world_init(&world, seed);
        add_topics(&world, 2);
        world.deal.topics[1].partition_count = world.deal.topics[0].partition_count;
        add_members(&world, (int32_t)pick(&world, CASE_MEMBER_MAX) + 1, true);
        deal_start(&world.deal);
        deal_range(&world.deal);
        for (int32_t i = 0; i < world.deal.topics[0].partition_count; i++) {
            assert_int_equal(world.deal.owners[i],
                             world.deal.owners[world.deal.topics[1].first + i]);
        }
        world_fini(&world);
    }
}

static void static_members_come_first_in_ranges_whatever_their_id(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1);
    add_topics(&world, 1);
    world.deal.topics[0].partition_count = 3;
    add_members(&world, 3, true);
    world.deal.members[2].instance_id = BYTES_LITERAL("b");
    world.deal.members[1].instance_id = BYTES_LITERAL("c");
    deal_start(&world.deal);
    deal_range(&world.deal);
    assert_int_equal(world.deal.owners[0], 2);
    assert_int_equal(world.deal.owners[1], 1);
    assert_int_equal(world.deal.owners[2], 0);
    world_fini(&world);
}

/* A thousand members join one that has everything. */
static void large_groups_are_dealt_soon_enough(void **state)
{
    (void)state;
    enum { MEMBER_COUNT = 1000, TOPIC_COUNT = 20 };
    struct world world;
    world_init(&world, 1);
    add_topics(&world, TOPIC_COUNT);
    for (int32_t i = 0; i < TOPIC_COUNT; i++) {
        world.deal.topics[i].partition_count = 200;
    }
    add_members(&world, MEMBER_COUNT, true);
    deal_start(&world.deal);
    for (int32_t i = 0; i < world.deal.partition_count; i++) {
        world.deal.owners[i] = 0;
    }
    deal_uniform(&world.deal);
    deal_check(&world.deal);
    for (int32_t i = 0; i < MEMBER_COUNT; i++) {
        assert_int_equal(world.deal.members[i].count, 4);
    }
    world_fini(&world);
}

/* One member has a partition of each of very many topics, and another joins: looking at all topics
 * for each partition given up would take minutes. */
static void many_topics_are_dealt_soon_enough(void **state)
{
    (void)state;
    enum { TOPIC_COUNT = 500000 };
    struct world world;
    world_init(&world, 1);
    add_topics(&world, TOPIC_COUNT);
    for (int32_t i = 0; i < TOPIC_COUNT; i++) {
        world.deal.topics[i].partition_count = 1;
    }
    add_members(&world, 2, true);
    deal_start(&world.deal);
    for (int32_t i = 0; i < world.deal.partition_count; i++) {
        world.deal.owners[i] = 0;
    }
    deal_uniform(&world.deal);
    deal_check(&world.deal);
    assert_int_equal(world.deal.members[0].count, TOPIC_COUNT / 2);
    assert_int_equal(world.deal.members[1].count, TOPIC_COUNT / 2);
    assert_int_equal(world.deal.owners[0], 1); /* of equals the first goes */
    world_fini(&world);
}

static void dealers_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(deal_method_find(BYTES_LITERAL("uniform")), &deal_methods[0]);
    assert_string_equal(deal_method_find(BYTES_LITERAL("range"))->name, "range");
    assert_null(deal_method_find(BYTES_LITERAL("unknown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_group_is_dealt_evenly),
        cmocka_unit_test(nothing_moves_without_need),
        cmocka_unit_test(ranges_are_runs),
        cmocka_unit_test(ranges_of_equal_topics_meet_in_one_member),
        cmocka_unit_test(static_members_come_first_in_ranges_whatever_their_id),
        cmocka_unit_test(large_groups_are_dealt_soon_enough),
        cmocka_unit_test(many_topics_are_dealt_soon_enough),
        cmocka_unit_test(dealers_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
