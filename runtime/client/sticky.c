/* Even and steady; see sticky.h. */
#include "runtime/client/sticky.h"

#include "log/base/check.h"
#include "runtime/client/assignor_lag.h"

#include <stdlib.h>

enum { STICKY_NOBODY = -1, STICKY_DISPUTED = -2 };

struct sticky_place {
    const struct assignor_topic *topic;
    int32_t partition;
    int holder; /* index of a member, or NOBODY */
    int32_t generation;
};

struct sticky_deal_state {
    struct assignor_member **members; /* by id */
    size_t member_count;
    struct assignor_grid grid;
    struct sticky_place *places; /* by their numbers in the grid */
    size_t place_count;
    size_t *loads;     /* by member */
    uint8_t *nearness; /* by member and number: what brings it near to taking that over */
};

enum sticky_nearness {
    STICKY_ANY = 0,
    STICKY_KEEPS = 1,    /* it has a copy, and wants the topic */
    STICKY_WARMS_UP = 2, /* it has one because it is next */
    STICKY_IS_READY = 4, /* it has caught up with the state */
};

static int sticky_compare_members(const void *left, const void *right)
{
    const struct assignor_member *a = *(const struct assignor_member *const *)left;
    const struct assignor_member *b = *(const struct assignor_member *const *)right;
    return bytes_compare(a->id, b->id);
}

static struct sticky_place *sticky_find(const struct sticky_deal_state *state,
                                        const struct assignor_partition *wanted)
{
    ptrdiff_t number = assignor_grid_find(&state->grid, wanted);
    return number == ASSIGNOR_GRID_NOWHERE ? NULL : &state->places[number];
}

static void sticky_prepare(struct sticky_deal_state *state, struct arena *arena,
                           struct assignor_member *members)
{
    state->members = arena_array(arena, struct assignor_member *, state->member_count);
    state->loads = arena_array(arena, size_t, state->member_count);
    for (size_t i = 0; i < state->member_count; i++) {
        state->members[i] = &members[i];
    }
    qsort(state->members, state->member_count, sizeof *state->members, sticky_compare_members);
    state->place_count = state->grid.count;
    state->places = arena_array(arena, struct sticky_place, state->place_count);
    for (size_t i = 0; i < state->grid.topic_count; i++) {
        const struct assignor_topic *topic = state->grid.topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            state->places[state->grid.starts[i] + (size_t)j] = (struct sticky_place){
                .topic = topic, .partition = j, .holder = STICKY_NOBODY, .generation = INT32_MIN};
        }
    }
}

static void sticky_mark(struct sticky_deal_state *state, size_t index,
                        const struct assignor_partition *partitions, size_t count,
                        enum sticky_nearness nearness)
{
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t number = assignor_grid_find(&state->grid, &partitions[i]);
        if (number != ASSIGNOR_GRID_NOWHERE &&
            assignor_wants(state->members[index], partitions[i].topic)) {
            state->nearness[index * state->place_count + (size_t)number] |= (uint8_t)nearness;
        }
    }
}

/* All are ready for what has no state: that decides nothing. */
static void sticky_mark_ready(struct sticky_deal_state *state, size_t index,
                              const struct assignor_member *member, const struct assignor_lag *lag)
{
    for (size_t i = 0; i < state->place_count; i++) {
        if (assignor_lag_has_state(lag, i) && assignor_lag_is_caught_up(lag, member, i) &&
            assignor_wants(member, state->places[i].topic->name)) {
            state->nearness[index * state->place_count + i] |= STICKY_IS_READY;
        }
    }
}

static void sticky_read_nearness(struct sticky_deal_state *state, struct arena *arena,
                                 const struct assignor_lag *lag)
{
    state->nearness = arena_array(arena, uint8_t, state->member_count * state->place_count);
    for (size_t i = 0; i < state->member_count; i++) {
        const struct assignor_member *member = state->members[i];
        sticky_mark(state, i, member->kept, member->kept_count, STICKY_KEEPS);
        sticky_mark(state, i, member->warming, member->warming_count, STICKY_WARMS_UP);
        if (lag != NULL) {
            sticky_mark_ready(state, i, member, lag);
        }
    }
}

/* Believes each claim but those of an older generation, and none of two equal ones. */
static void sticky_take_claims(struct sticky_deal_state *state)
{
    for (size_t i = 0; i < state->member_count; i++) {
        const struct assignor_member *member = state->members[i];
        for (size_t j = 0; j < member->owned_count; j++) {
            struct sticky_place *place = sticky_find(state, &member->owned[j]);
            if (place == NULL || !assignor_wants(member, member->owned[j].topic) ||
                member->generation < place->generation || place->holder == (int)i) {
                continue;
            }
            bool is_disputed = member->generation == place->generation;
            place->holder = is_disputed ? STICKY_DISPUTED : (int)i;
            place->generation = member->generation;
        }
    }
    for (size_t i = 0; i < state->place_count; i++) {
        if (state->places[i].holder == STICKY_DISPUTED) {
            state->places[i].holder = STICKY_NOBODY;
        }
        if (state->places[i].holder >= 0) {
            state->loads[state->places[i].holder]++;
        }
    }
}

/* Who wants the topic and has least; NOBODY when nobody wants it. */
static int sticky_least_loaded(const struct sticky_deal_state *state, struct bytes topic)
{
    int least = STICKY_NOBODY;
    for (size_t i = 0; i < state->member_count; i++) {
        bool is_less = least < 0 || state->loads[i] < state->loads[least];
        if (is_less && assignor_wants(state->members[i], topic)) {
            least = (int)i;
        }
    }
    return least;
}

static bool sticky_is_near(const struct sticky_deal_state *state, size_t member, size_t number,
                           unsigned nearness)
{
    return (state->nearness[member * state->place_count + number] & nearness) != 0;
}

/* One of those with this load that is so near; NOBODY when none is. */
static int sticky_find_near(const struct sticky_deal_state *state, size_t number, size_t load,
                            unsigned nearness)
{
    for (size_t i = 0; i < state->member_count; i++) {
        if (state->loads[i] == load && sticky_is_near(state, i, number, nearness)) {
            return (int)i;
        }
    }
    return STICKY_NOBODY;
}

static void sticky_move(struct sticky_deal_state *state, struct sticky_place *place, int to)
{
    if (place->holder >= 0) {
        state->loads[place->holder]--;
    }
    place->holder = to;
    state->loads[to]++;
}

/* Who has caught up with what nobody holds any more, or else keeps a copy of it, has little to read
 * before it can go on. */
static void sticky_give_to_near(struct sticky_deal_state *state, unsigned nearness)
{
    size_t count = state->member_count;
    size_t quota = count == 0 ? 0 : (state->place_count + count - 1) / count;
    for (size_t i = 0; i < state->place_count; i++) {
        int near = STICKY_NOBODY;
        for (size_t j = 0; j < count && state->places[i].holder < 0; j++) {
            bool is_less = state->loads[j] < (near < 0 ? quota : state->loads[near]);
            near = is_less && sticky_is_near(state, j, i, nearness) ? (int)j : near;
        }
        if (near != STICKY_NOBODY) {
            sticky_move(state, &state->places[i], near);
        }
    }
}

/* Whether partitions moved: those for which one that has least is so near. */
static bool sticky_even_out(struct sticky_deal_state *state, unsigned nearness)
{
    bool has_moved = false;
    for (size_t i = 0; i < state->place_count; i++) {
        struct sticky_place *place = &state->places[i];
        int least =
            place->holder < 0 ? STICKY_NOBODY : sticky_least_loaded(state, place->topic->name);
        if (least < 0 || state->loads[place->holder] <= state->loads[least] + 1) {
            continue;
        }
        int near = sticky_find_near(state, i, state->loads[least], STICKY_WARMS_UP);
        if (near == STICKY_NOBODY && nearness != STICKY_WARMS_UP) {
            near = sticky_find_near(state, i, state->loads[least], STICKY_IS_READY);
        }
        near = near == STICKY_NOBODY && nearness == STICKY_ANY ? least : near;
        if (near != STICKY_NOBODY) {
            sticky_move(state, place, near);
            has_moved = true;
        }
    }
    return has_moved;
}

/* Each move lowers the sum of the squares of the loads, so this ends. */
static void sticky_balance(struct sticky_deal_state *state)
{
    for (size_t i = 0; i < state->place_count; i++) {
        struct sticky_place *place = &state->places[i];
        int least = sticky_least_loaded(state, place->topic->name);
        if (place->holder < 0 && least >= 0) {
            sticky_move(state, place, least);
        }
    }
    while (sticky_even_out(state, STICKY_WARMS_UP) || sticky_even_out(state, STICKY_IS_READY) ||
           sticky_even_out(state, STICKY_ANY)) {}
}

static void sticky_check(const struct sticky_deal_state *state)
{
    for (size_t i = 0; i < state->place_count; i++) {
        const struct sticky_place *place = &state->places[i];
        int least = sticky_least_loaded(state, place->topic->name);
        check((place->holder < 0) == (least < 0));
        check(least < 0 || state->loads[place->holder] <= state->loads[least] + 1);
    }
}

static void sticky_hand_out(struct sticky_deal_state *state, struct arena *arena)
{
    for (size_t i = 0; i < state->member_count; i++) {
        state->members[i]->assigned =
            arena_array(arena, struct assignor_partition, state->loads[i]);
        state->members[i]->assigned_count = 0;
    }
    for (size_t i = 0; i < state->place_count; i++) {
        const struct sticky_place *place = &state->places[i];
        if (place->holder >= 0) {
            struct assignor_member *member = state->members[place->holder];
            member->assigned[member->assigned_count++] = (struct assignor_partition){
                .topic = place->topic->name, .partition = place->partition};
        }
    }
}

void sticky_deal(struct arena *arena, struct assignor_member *members, size_t member_count,
                 const struct assignor_topic *topics, size_t topic_count,
                 const struct assignor_lag *lag)
{
    struct sticky_deal_state state = {.member_count = member_count};
    assignor_grid_init(&state.grid, arena, topics, topic_count);
    sticky_prepare(&state, arena, members);
    sticky_read_nearness(&state, arena, lag);
    sticky_take_claims(&state);
    sticky_give_to_near(&state, STICKY_IS_READY);
    sticky_give_to_near(&state, STICKY_KEEPS);
    sticky_balance(&state);
    sticky_check(&state);
    sticky_hand_out(&state, arena);
}
