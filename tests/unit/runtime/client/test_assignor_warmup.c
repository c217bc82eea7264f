/* Shows that partitions with state go to members that have caught up, while those that are to get
 * them warm up, a few at a time, and that the goal is reached and stays: by example, and by chance
 * in a group whose members come, go, write, read and lag. */
#include "runtime/client/assignor_unit.h"
#include "runtime/client/assignor_warmup.h"
#include "tests/unit/chance.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMBERS = 6,
    TOPICS = 3,
    WIDTH = 7,              /* partitions of each topic */
    STATELESS = TOPICS - 1, /* this one has no state */
    ACCEPTABLE = 100,
    WARMUPS = 2,
};

static const struct bytes topic_names[TOPICS] = {BYTES_LITERAL("a"), BYTES_LITERAL("b"),
                                                 BYTES_LITERAL("c")};
static const int units[TOPICS] = {ASSIGNOR_UNIT_NONE, ASSIGNOR_UNIT_NONE, ASSIGNOR_UNIT_NONE};

/* What one member has of a partition. */
struct seat_place {
    bool is_owned;
    bool is_copy;
    bool is_warmup;
    int64_t position; /* of its state, also of what is left of it; -1: it never had any */
};

struct seat {
    const char *id;
    const char *home;
    bool is_there;
    bool is_old;       /* it tells no positions */
    size_t want_count; /* of the topics, from the last back to the first */
    int32_t wish;
    int32_t generation; /* -1: it comes new */
    struct seat_place places[TOPICS][WIDTH];
};

struct group {
    struct seat seats[MEMBERS];
    int64_t ends[TOPICS][WIDTH];
    int32_t generation;
    bool is_uniform;  /* all want all topics */
    int warmup_count; /* in all deals, */
    int lost_count;   /* and of them in vain */
    /* of the last deal */
    struct arena arena;
    struct assignor_member members[MEMBERS];
    int numbers[MEMBERS]; /* their seats */
    size_t count;
    struct assignor_unit_terms terms;
};

static void group_init(struct group *group)
{
    static const char *const ids[MEMBERS] = {"m2", "m0", "m5", "m1", "m4", "m3"};
    static const char *const homes[MEMBERS] = {"A", "B", "C", "D", "E", "E"};
    *group = (struct group){0};
    group->is_uniform = true;
    arena_init(&group->arena, 0);
    for (int i = 0; i < MEMBERS; i++) {
        group->seats[i].id = ids[i];
        group->seats[i].home = homes[i];
    }
}

static void seat_join(struct seat *seat, int32_t wish)
{
    seat->is_there = true;
    seat->wish = wish;
    seat->want_count = TOPICS;
    seat->generation = -1;
    for (int i = 0; i < TOPICS; i++) {
        for (int j = 0; j < WIDTH; j++) {
            seat->places[i][j] = (struct seat_place){.position = -1};
        }
    }
}

static struct assignor_member group_tell(struct group *group, const struct seat *seat)
{
    struct assignor_partition *owned =
        arena_array(&group->arena, struct assignor_partition, TOPICS * WIDTH);
    struct assignor_partition *kept =
        arena_array(&group->arena, struct assignor_partition, TOPICS * WIDTH);
    struct assignor_partition *warming =
        arena_array(&group->arena, struct assignor_partition, TOPICS * WIDTH);
    struct assignor_position *positions =
        arena_array(&group->arena, struct assignor_position, TOPICS * WIDTH);
    struct assignor_member member = {.id = bytes_from_string(seat->id),
                                     .home = bytes_from_string(seat->home),
                                     .topics = topic_names + TOPICS - seat->want_count,
                                     .topic_count = seat->want_count,
                                     .owned = owned,
                                     .kept = kept,
                                     .warming = warming,
                                     .positions = positions,
                                     .tells_positions = !seat->is_old,
                                     .generation = seat->generation,
                                     .standby_wish = seat->wish};
    for (int i = 0; i < TOPICS; i++) {
        for (int j = 0; j < WIDTH; j++) {
            const struct seat_place *place = &seat->places[i][j];
            struct assignor_partition partition = {topic_names[i], j};
            if (place->is_owned) {
                owned[member.owned_count++] = partition;
            } else if (place->is_copy) {
                kept[member.kept_count++] = partition;
            }
            if (!seat->is_old && place->is_warmup) {
                warming[member.warming_count++] = partition;
            }
            if (!seat->is_old && i != STATELESS && place->position >= 0) {
                positions[member.position_count++] = (struct assignor_position){
                    topic_names[i], j, place->position, group->ends[i][j]};
            }
        }
    }
    return member;
}

/* `is_turned`: the members come in the other order. */
static void group_deal(struct group *group, bool is_turned)
{
    struct assignor_topic topics[TOPICS];
    arena_clear(&group->arena);
    group->count = 0;
    for (int i = 0; i < MEMBERS; i++) {
        int number = is_turned ? MEMBERS - 1 - i : i;
        if (group->seats[number].is_there) {
            group->members[group->count] = group_tell(group, &group->seats[number]);
            group->numbers[group->count++] = number;
        }
    }
    for (int i = 0; i < TOPICS; i++) {
        topics[i] = (struct assignor_topic){topic_names[i], WIDTH};
    }
    group->terms =
        (struct assignor_unit_terms){.acceptable_lag = ACCEPTABLE, .warmups_max = WARMUPS};
    assignor_unit_deal(&assignor_table[0], &group->arena, group->members, group->count, topics,
                       units, TOPICS, &group->terms);
}

static struct seat_place *group_find(struct group *group, size_t member,
                                     const struct assignor_partition *partition)
{
    int topic = partition->topic.data[0] - 'a';
    return &group->seats[group->numbers[member]].places[topic][partition->partition];
}

/* What lies in the directories of a home. */
static int64_t home_position(const struct group *group, const char *home, int place)
{
    int64_t position = -1;
    for (int i = 0; i < MEMBERS; i++) {
        const struct seat *seat = &group->seats[i];
        int64_t there = seat->places[place / WIDTH][place % WIDTH].position;
        bool is_there = seat->is_there && strcmp(seat->home, home) == 0;
        position = is_there && there > position ? there : position;
    }
    return position;
}

/* Everybody does as it was told; who has no state begins at its start. */
static void group_settle(struct group *group)
{
    group->generation++;
    for (size_t i = 0; i < group->count; i++) {
        const struct assignor_member *member = &group->members[i];
        struct seat *seat = &group->seats[group->numbers[i]];
        struct seat before = *seat;
        seat_join(seat, before.wish);
        seat->want_count = before.want_count;
        seat->generation = group->generation;
        for (size_t j = 0; j < member->assigned_count; j++) {
            group_find(group, i, &member->assigned[j])->is_owned = true;
        }
        for (size_t j = 0; j < member->standby_count; j++) {
            group_find(group, i, &member->standby[j])->is_copy = true;
        }
        for (size_t j = 0; j < member->warmup_count; j++) {
            group_find(group, i, &member->warmup[j])->is_warmup = true;
        }
        for (int j = 0; j < TOPICS * WIDTH; j++) {
            struct seat_place *place = &seat->places[j / WIDTH][j % WIDTH];
            int64_t position = before.places[j / WIDTH][j % WIDTH].position;
            place->position = position;
            if (place->is_owned || place->is_copy) {
                position = home_position(group, seat->home, j);
                place->position = position >= 0 ? position : 0;
            }
        }
    }
}

static int count_owned(const struct seat *seat)
{
    int count = 0;
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        count += seat->places[i / WIDTH][i % WIDTH].is_owned;
    }
    return count;
}

static int owner_of(const struct group *group, int topic, int partition)
{
    int owner = -1;
    for (int i = 0; i < MEMBERS; i++) {
        if (group->seats[i].is_there && group->seats[i].places[topic][partition].is_owned) {
            assert_int_equal(owner, -1);
            owner = i;
        }
    }
    return owner;
}

static int count_warmups(const struct group *group)
{
    int count = 0;
    for (int i = 0; i < MEMBERS; i++) {
        for (int j = 0; j < TOPICS * WIDTH && group->seats[i].is_there; j++) {
            count += group->seats[i].places[j / WIDTH][j % WIDTH].is_warmup;
        }
    }
    return count;
}

/* Deals until nothing is to be given up any more. */
static void group_rebalance(struct group *group)
{
    do {
        group_deal(group, false);
        group_settle(group);
    } while (group->terms.withheld_count > 0);
}

/* Copies and owners have read all that there is. */
static void group_catch_up(struct group *group)
{
    for (int i = 0; i < MEMBERS; i++) {
        for (int j = 0; j < TOPICS * WIDTH; j++) {
            struct seat_place *place = &group->seats[i].places[j / WIDTH][j % WIDTH];
            if (place->is_owned || place->is_copy) {
                place->position = group->ends[j / WIDTH][j % WIDTH];
            }
        }
    }
}

static void group_write(struct group *group, int64_t count)
{
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        group->ends[i / WIDTH][i % WIDTH] += count;
    }
}

/* One member has everything, with much state. */
static void group_begin(struct group *group)
{
    group_init(group);
    seat_join(&group->seats[0], 0);
    group_rebalance(group);
    assert_int_equal(count_owned(&group->seats[0]), TOPICS * WIDTH);
    group_write(group, 1000);
    group_catch_up(group);
}

static void who_comes_warms_up_before_it_takes_over(void **state)
{
    (void)state;
    struct group group;
    group_begin(&group);
    seat_join(&group.seats[1], 0);
    group_rebalance(&group);
    for (int i = 0; i < TOPICS; i++) {
        for (int j = 0; j < WIDTH; j++) {
            assert_int_equal(owner_of(&group, i, j), i == STATELESS); /* what can move does */
        }
    }
    assert_int_equal(count_warmups(&group), WARMUPS);
    assert_true(group.terms.held_count > WARMUPS);
    int deal_count = 0;
    while (group.terms.held_count > 0) {
        int before = count_owned(&group.seats[1]);
        int warmups = count_warmups(&group);
        group_catch_up(&group);
        group_rebalance(&group);
        assert_int_equal(count_owned(&group.seats[1]), before + warmups);
        assert_in_range(++deal_count, 1, WIDTH);
    }
    assert_int_equal(count_warmups(&group), 0);
    assert_in_range(count_owned(&group.seats[1]), TOPICS * WIDTH / 2, TOPICS * WIDTH / 2 + 1);
    arena_fini(&group.arena);
}

static void little_state_moves_at_once(void **state)
{
    (void)state;
    struct group group;
    group_init(&group);
    seat_join(&group.seats[0], 0);
    group_rebalance(&group);
    group_write(&group, ACCEPTABLE);
    group_catch_up(&group);
    seat_join(&group.seats[1], 0);
    group_rebalance(&group);
    assert_int_equal(group.terms.held_count, 0);
    assert_in_range(count_owned(&group.seats[1]), TOPICS * WIDTH / 2, TOPICS * WIDTH / 2 + 1);
    arena_fini(&group.arena);
}

/* Nobody has caught up when the owner dies: who is nearest goes on. */
static void the_least_behind_goes_on(void **state)
{
    (void)state;
    struct group group;
    group_begin(&group);
    seat_join(&group.seats[1], 0);
    seat_join(&group.seats[2], 0);
    group_rebalance(&group);
    int first = -1;
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        struct seat_place *one = &group.seats[1].places[i / WIDTH][i % WIDTH];
        struct seat_place *two = &group.seats[2].places[i / WIDTH][i % WIDTH];
        if (first < 0 && (one->is_warmup || two->is_warmup)) {
            first = i;
            one->is_copy = two->is_copy = true;
            one->position = 300;
            two->position = 400;
        }
    }
    group.seats[0].is_there = false;
    group_rebalance(&group);
    assert_int_equal(owner_of(&group, first / WIDTH, first % WIDTH), 2);
    arena_fini(&group.arena);
}

/* As before there were positions, until the one that does not tell any is gone. */
static void with_an_old_member_nothing_is_held(void **state)
{
    (void)state;
    struct group group;
    group_begin(&group);
    seat_join(&group.seats[1], 0);
    group.seats[1].is_old = true;
    group_rebalance(&group);
    assert_int_equal(group.terms.held_count, 0);
    assert_in_range(count_owned(&group.seats[1]), TOPICS * WIDTH / 2, TOPICS * WIDTH / 2 + 1);
    group_catch_up(&group);
    seat_join(&group.seats[2], 0);
    group_rebalance(&group);
    assert_int_equal(group.terms.held_count, 0);
    assert_int_equal(count_owned(&group.seats[2]), TOPICS * WIDTH / 3);
    group_catch_up(&group);
    group.seats[1].is_there = false;
    group_rebalance(&group);
    seat_join(&group.seats[3], 0);
    group_catch_up(&group);
    group_rebalance(&group);
    assert_int_equal(count_owned(&group.seats[3]), WIDTH);
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        assert_true(i / WIDTH == STATELESS || owner_of(&group, i / WIDTH, i % WIDTH) != 3);
    }
    arena_fini(&group.arena);
}

/* Members of one process have the same directories. */
static void a_move_at_home_needs_no_copy(void **state)
{
    (void)state;
    struct group group;
    group_init(&group);
    seat_join(&group.seats[4], 0);
    group_rebalance(&group);
    group_write(&group, 1000);
    group_catch_up(&group);
    seat_join(&group.seats[5], 0);
    group_rebalance(&group);
    assert_int_equal(group.terms.held_count, 0);
    assert_in_range(count_owned(&group.seats[5]), TOPICS * WIDTH / 2, TOPICS * WIDTH / 2 + 1);
    arena_fini(&group.arena);
}

/* --- By chance --- */

static void print_deal(struct group *group, bool is_turned, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < group->count; i++) {
        size_t at = is_turned ? group->count - 1 - i : i;
        const struct assignor_member *member = &group->members[at];
        const struct assignor_partition *lists[] = {member->assigned, member->standby,
                                                    member->warmup};
        const size_t counts[] = {member->assigned_count, member->standby_count,
                                 member->warmup_count};
        for (size_t j = 0; j < 3; j++) {
            used += (size_t)snprintf(out + used, size - used, j == 0 ? "\n%.*s:" : " |",
                                     BYTES_FORMAT(member->id));
            for (size_t k = 0; k < counts[j]; k++) {
                used +=
                    (size_t)snprintf(out + used, size - used, " %.*s%d",
                                     BYTES_FORMAT(lists[j][k].topic), (int)lists[j][k].partition);
            }
            assert_true(used < size);
        }
    }
}

/* Copies that nobody wished for, and that are not of what moves. */
static int count_extra_copies(const struct group *group)
{
    int extra = 0;
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        int copies = 0;
        int32_t wish = 0;
        for (int j = 0; j < MEMBERS; j++) {
            const struct seat *seat = &group->seats[j];
            const struct seat_place *place = &seat->places[i / WIDTH][i % WIDTH];
            if (seat->is_there) {
                copies += place->is_copy;
                wish = seat->wish > wish ? seat->wish : wish;
            }
        }
        extra += copies > wish ? copies - wish : 0;
    }
    return extra;
}

/* What warms up and does not go on with that, though nothing happened. */
static int count_lost_warmups(const struct group *group, size_t member)
{
    const struct seat *seat = &group->seats[group->numbers[member]];
    int count = 0;
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        count += seat->places[i / WIDTH][i % WIDTH].is_warmup;
    }
    for (size_t i = 0; i < group->members[member].warmup_count; i++) {
        const struct assignor_partition *partition = &group->members[member].warmup[i];
        count -= seat->places[partition->topic.data[0] - 'a'][partition->partition].is_warmup;
    }
    return count;
}

/* One rebalance: no two owners meanwhile, in any order of members the same, and again the same. */
static void rebalance_by_chance(struct group *group)
{
    static char straight[8000];
    static char turned[8000];
    for (int round = 0;; round++) {
        group_deal(group, true);
        print_deal(group, true, turned, sizeof turned);
        group_deal(group, false);
        print_deal(group, false, straight, sizeof straight);
        assert_string_equal(straight, turned);
        group_settle(group);
        for (int i = 0; i < TOPICS * WIDTH; i++) {
            (void)owner_of(group, i / WIDTH, i % WIDTH);
        }
        if (group->terms.withheld_count == 0) {
            break;
        }
        assert_in_range(round, 0, 4);
    }
    assert_in_range(count_extra_copies(group), 0, WARMUPS);
    bool is_held = group->terms.held_count > 0;
    group->warmup_count += count_warmups(group);
    group_deal(group, false);
    print_deal(group, false, turned, sizeof turned);
    assert_int_equal(group->terms.withheld_count, 0);
    if (!is_held) {
        assert_string_equal(straight, turned);
    }
    for (size_t i = 0; i < group->count; i++) {
        group->lost_count += count_lost_warmups(group, i);
    }
}

static void live_by_chance(struct group *group, uint64_t *seed)
{
    struct seat *seat = &group->seats[chance_next(seed) % MEMBERS];
    switch (chance_next(seed) % 4) {
    case 0:
        if (seat->is_there) {
            seat->is_there = false;
        } else {
            seat->is_old = chance_next(seed) % 20 == 0;
            seat_join(seat, (int32_t)(chance_next(seed) % 3));
            seat->want_count -= chance_next(seed) % 20 == 0;
            group->is_uniform = group->is_uniform && seat->want_count == TOPICS;
        }
        break;
    case 1:
        for (int i = 0; i < TOPICS * WIDTH; i++) {
            group->ends[i / WIDTH][i % WIDTH] +=
                chance_next(seed) % 2 == 0 ? (int64_t)(chance_next(seed) % 1000) : 0;
        }
        break;
    default:
        for (int i = 0; i < TOPICS * WIDTH; i++) {
            struct seat_place *place = &seat->places[i / WIDTH][i % WIDTH];
            int64_t left = group->ends[i / WIDTH][i % WIDTH] - place->position;
            bool is_read = (place->is_owned || place->is_copy) && chance_next(seed) % 2 == 0;
            place->position += is_read ? (int64_t)chance_next(seed) % (left + 1) : 0;
        }
        break;
    }
}

static bool has_members(const struct group *group)
{
    for (int i = 0; i < MEMBERS; i++) {
        if (group->seats[i].is_there) {
            return true;
        }
    }
    return false;
}

static void expect_goal(const struct group *group)
{
    int least = TOPICS * WIDTH;
    int most = 0;
    for (int i = 0; i < MEMBERS; i++) {
        if (group->seats[i].is_there) {
            int count = count_owned(&group->seats[i]);
            least = count < least ? count : least;
            most = count > most ? count : most;
        }
    }
    assert_in_range(most - least, 0, 1);
    for (int i = 0; i < TOPICS * WIDTH; i++) {
        assert_int_not_equal(owner_of(group, i / WIDTH, i % WIDTH), -1);
    }
}

static void the_goal_is_reached_and_stays(void **state)
{
    (void)state;
    int warmup_count = 0;
    int lost_count = 0;
    for (uint64_t start = 1; start <= 300; start++) {
        static struct group group;
        uint64_t seed = start;
        group_init(&group);
        for (int i = 0; i < 30; i++) {
            live_by_chance(&group, &seed);
            if (has_members(&group) && chance_next(&seed) % 2 == 0) {
                rebalance_by_chance(&group);
            }
        }
        if (has_members(&group)) {
            int deals = 0;
            do {
                group_catch_up(&group);
                rebalance_by_chance(&group);
                assert_in_range(++deals, 1, TOPICS * WIDTH);
            } while (group.terms.held_count > 0);
            if (group.is_uniform) {
                expect_goal(&group);
            }
            group_catch_up(&group);
            rebalance_by_chance(&group);
            assert_int_equal(group.terms.held_count, 0);
        }
        warmup_count += group.warmup_count;
        lost_count += group.lost_count;
        arena_fini(&group.arena);
    }
    assert_true(warmup_count > 1000); /* it was about something */
    assert_in_range(lost_count, 0, warmup_count / 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_warms_up_before_it_takes_over),
        cmocka_unit_test(little_state_moves_at_once),
        cmocka_unit_test(the_least_behind_goes_on),
        cmocka_unit_test(with_an_old_member_nothing_is_held),
        cmocka_unit_test(a_move_at_home_needs_no_copy),
        cmocka_unit_test(the_goal_is_reached_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
