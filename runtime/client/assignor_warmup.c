/* Holds partitions whose state is elsewhere; see assignor_warmup.h. */
#include "runtime/client/assignor_warmup.h"

#include "log/base/check.h"

enum { WARMUP_NOBODY = -1 };

struct warmup_state {
    const struct assignor_lag *lag;
    size_t member_count;
    bool *wants;   /* by place among lag->by_id, and topic of the grid */
    int *goals;    /* by number, a place among lag->by_id: who was dealt it */
    int *takers;   /* likewise: who gets it */
    int *heirs;    /* likewise: who is next */
    size_t *loads; /* by place */
};

static void warmup_prepare(struct warmup_state *state, struct arena *arena)
{
    const struct assignor_lag *lag = state->lag;
    const struct assignor_grid *grid = &lag->grid;
    state->wants = arena_array(arena, bool, state->member_count * grid->topic_count);
    state->goals = arena_array(arena, int, grid->count);
    state->takers = arena_array(arena, int, grid->count);
    state->heirs = arena_array(arena, int, grid->count);
    state->loads = arena_array(arena, size_t, state->member_count);
    for (size_t i = 0; i < grid->count; i++) {
        state->goals[i] = state->takers[i] = state->heirs[i] = WARMUP_NOBODY;
    }
    for (size_t i = 0; i < state->member_count; i++) {
        const struct assignor_member *member = lag->by_id[i];
        for (size_t j = 0; j < grid->topic_count; j++) {
            state->wants[i * grid->topic_count + j] = assignor_wants(member, grid->topics[j]->name);
        }
        for (size_t j = 0; j < member->assigned_count; j++) {
            ptrdiff_t number = assignor_grid_find(grid, &member->assigned[j]);
            check(number != ASSIGNOR_GRID_NOWHERE);
            check(state->takers[number] == WARMUP_NOBODY);
            state->goals[number] = state->takers[number] = (int)i;
            state->loads[i]++;
        }
    }
}

static bool warmup_wants(const struct warmup_state *state, size_t place, size_t topic)
{
    return state->wants[place * state->lag->grid.topic_count + topic];
}

static bool warmup_is_caught_up(const struct warmup_state *state, int place, size_t number)
{
    return assignor_lag_is_caught_up(state->lag, state->lag->by_id[place], number);
}

/* What decides between two members, the least first. All who have caught up are alike: among them
 * it is their load, else who has it already goes on. */
struct warmup_rank {
    int64_t lag;
    size_t load;
    bool is_other; /* than the goal */
};

static struct warmup_rank warmup_rank(const struct warmup_state *state, int place, size_t number)
{
    const struct assignor_member *member = state->lag->by_id[place];
    bool is_caught_up = warmup_is_caught_up(state, place, number);
    return (struct warmup_rank){
        .lag = is_caught_up ? -1 : assignor_lag_get(state->lag, member, number),
        .load =
            is_caught_up ? state->loads[place] : !assignor_lag_is_owner(state->lag, member, number),
        .is_other = state->goals[number] != place};
}

static bool warmup_is_before(struct warmup_rank left, struct warmup_rank right)
{
    return left.lag != right.lag     ? left.lag < right.lag
           : left.load != right.load ? left.load < right.load
                                     : right.is_other && !left.is_other;
}

/* Of those who want it. */
static int warmup_choose(const struct warmup_state *state, size_t topic, size_t number)
{
    int chosen = state->goals[number];
    if (chosen == WARMUP_NOBODY) {
        return WARMUP_NOBODY;
    }
    struct warmup_rank best = warmup_rank(state, chosen, number);
    for (size_t i = 0; i < state->member_count; i++) {
        struct warmup_rank rank = warmup_rank(state, (int)i, number);
        if (warmup_wants(state, i, topic) && warmup_is_before(rank, best)) {
            best = rank;
            chosen = (int)i;
        }
    }
    return chosen;
}

/* How many takers of the goal have not caught up though others have, or are further. */
static size_t warmup_count_held(const struct warmup_state *state)
{
    const struct assignor_grid *grid = &state->lag->grid;
    size_t held_count = 0;
    for (size_t i = 0; i < grid->topic_count; i++) {
        for (int32_t j = 0; j < grid->topics[i]->partition_count; j++) {
            size_t number = grid->starts[i] + (size_t)j;
            int goal = state->goals[number];
            bool is_lacking = goal != WARMUP_NOBODY && !warmup_is_caught_up(state, goal, number);
            held_count += is_lacking && warmup_choose(state, i, number) != goal;
        }
    }
    return held_count;
}

/* The one owner, if it can go on and wants to. */
static int warmup_find_owner(const struct warmup_state *state, size_t topic, size_t number)
{
    const struct assignor_lag *lag = state->lag;
    int owner = WARMUP_NOBODY;
    for (size_t i = 0; i < state->member_count; i++) {
        if (!assignor_lag_is_owner(lag, lag->by_id[i], number)) {
            continue;
        }
        if (owner != WARMUP_NOBODY || !warmup_wants(state, i, topic) ||
            !warmup_is_caught_up(state, (int)i, number)) {
            return WARMUP_NOBODY;
        }
        owner = (int)i;
    }
    return owner;
}

static void warmup_move(struct warmup_state *state, size_t number, int to)
{
    if (state->takers[number] != WARMUP_NOBODY) {
        state->loads[state->takers[number]]--;
    }
    state->takers[number] = to;
    if (to != WARMUP_NOBODY) {
        state->loads[to]++;
    }
}

/* First what has an owner that can go on, then the rest. */
static void warmup_stay(struct warmup_state *state, bool is_owned)
{
    const struct assignor_grid *grid = &state->lag->grid;
    for (size_t i = 0; i < grid->topic_count; i++) {
        for (int32_t j = 0; j < grid->topics[i]->partition_count; j++) {
            size_t number = grid->starts[i] + (size_t)j;
            int owner = warmup_find_owner(state, i, number);
            if (is_owned) {
                warmup_move(state, number, owner);
            } else if (owner == WARMUP_NOBODY) {
                warmup_move(state, number, warmup_choose(state, i, number));
            }
        }
    }
}

/* Moves what makes the members more even as they are, to who has caught up. `is_to_goal`: only
 * where it is to go anyway. Whether anything moved; each move lowers the sum of the squares of the
 * loads, so this ends. */
static bool warmup_even_out(struct warmup_state *state, bool is_to_goal)
{
    const struct assignor_grid *grid = &state->lag->grid;
    bool has_moved = false;
    for (size_t i = 0; i < grid->topic_count; i++) {
        for (int32_t j = 0; j < grid->topics[i]->partition_count; j++) {
            size_t number = grid->starts[i] + (size_t)j;
            int taker = state->takers[number];
            int to = is_to_goal ? state->goals[number] : warmup_choose(state, i, number);
            if (to != WARMUP_NOBODY && warmup_is_caught_up(state, to, number) &&
                state->loads[taker] > state->loads[to] + 1) {
                warmup_move(state, number, to);
                has_moved = true;
            }
        }
    }
    return has_moved;
}

static void warmup_check_even(const struct warmup_state *state)
{
    const struct assignor_grid *grid = &state->lag->grid;
    for (size_t i = 0; i < grid->topic_count * state->member_count; i++) {
        size_t topic = i % grid->topic_count;
        int place = (int)(i / grid->topic_count);
        for (int32_t j = 0; j < grid->topics[topic]->partition_count; j++) {
            size_t number = grid->starts[topic] + (size_t)j;
            check(!warmup_wants(state, (size_t)place, topic) || /* (6) */
                  !warmup_is_caught_up(state, place, number) ||
                  state->loads[state->takers[number]] <= state->loads[place] + 1);
        }
    }
}

static void warmup_hold(struct warmup_state *state)
{
    warmup_stay(state, true);
    warmup_stay(state, false);
    while (warmup_even_out(state, true) || warmup_even_out(state, false)) {}
    warmup_check_even(state);
    for (size_t i = 0; i < state->lag->grid.count; i++) {
        int goal = state->goals[i];
        bool is_held = goal != state->takers[i] && !warmup_is_caught_up(state, goal, i);
        state->heirs[i] = is_held ? goal : WARMUP_NOBODY;
    }
}

/* What is held for the heir with the least load, if its move makes the members more even. */
static ptrdiff_t warmup_find_heir(const struct warmup_state *state, const bool *is_chosen)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < state->lag->grid.count; i++) {
        int heir = state->heirs[i];
        bool is_better = heir != WARMUP_NOBODY && !is_chosen[i] &&
                         state->loads[state->takers[i]] > state->loads[heir] + 1 &&
                         (found < 0 || state->loads[heir] < state->loads[state->heirs[found]]);
        found = is_better ? (ptrdiff_t)i : found;
    }
    return found;
}

/* Where the holders happen to be even nobody needs to be next: the goal of the next deal is that it
 * stays so. */
static void warmup_choose_heirs(struct warmup_state *state, struct arena *arena)
{
    bool *is_chosen = arena_array(arena, bool, state->lag->grid.count);
    ptrdiff_t found;
    while ((found = warmup_find_heir(state, is_chosen)) >= 0) {
        is_chosen[found] = true;
        state->loads[state->takers[found]]--;
        state->loads[state->heirs[found]]++;
    }
    for (size_t i = 0; i < state->lag->grid.count; i++) {
        state->heirs[i] = is_chosen[i] ? state->heirs[i] : WARMUP_NOBODY;
    }
}

/* The partitions that are the member's by `owners`. */
static struct assignor_partition *warmup_gather(const struct warmup_state *state,
                                                struct arena *arena, const int *owners, int place,
                                                size_t *count)
{
    const struct assignor_grid *grid = &state->lag->grid;
    *count = 0;
    for (size_t i = 0; i < grid->count; i++) {
        *count += owners[i] == place;
    }
    struct assignor_partition *out = arena_array(arena, struct assignor_partition, *count);
    size_t at = 0;
    for (size_t i = 0; i < grid->topic_count; i++) {
        for (int32_t j = 0; j < grid->topics[i]->partition_count; j++) {
            if (owners[grid->starts[i] + (size_t)j] == place) {
                out[at++] = (struct assignor_partition){grid->topics[i]->name, j};
            }
        }
    }
    return out;
}

size_t assignor_warmup_hold(struct arena *arena, struct assignor_member *members,
                            const struct assignor_lag *lag)
{
    struct warmup_state state = {.lag = lag, .member_count = lag->member_count};
    check(members == lag->members);
    warmup_prepare(&state, arena);
    size_t held_count = warmup_count_held(&state);
    if (held_count > 0) {
        warmup_hold(&state);
        warmup_choose_heirs(&state, arena);
    }
    for (size_t i = 0; i < state.member_count; i++) {
        struct assignor_member *member = &members[lag->by_id[i] - members];
        member->assigned =
            warmup_gather(&state, arena, state.takers, (int)i, &member->assigned_count);
        member->next = warmup_gather(&state, arena, state.heirs, (int)i, &member->next_count);
    }
    return held_count;
}

static void warmup_check_taker(const struct warmup_state *state, size_t topic, size_t number)
{
    int taker = state->takers[number];
    for (size_t i = 0; i < state->member_count; i++) {
        check(!warmup_wants(state, i, topic) || taker != WARMUP_NOBODY); /* (1) */
    }
    for (size_t i = 0; taker != WARMUP_NOBODY && i < state->member_count; i++) {
        int64_t lag = assignor_lag_get(state->lag, state->lag->by_id[taker], number);
        check(warmup_is_caught_up(state, taker, number) ||
              !warmup_wants(state, i, topic) || /* (2) */
              lag <= assignor_lag_get(state->lag, state->lag->by_id[i], number));
    }
}

static void warmup_check_next(struct warmup_state *state, size_t place)
{
    const struct assignor_member *member = state->lag->by_id[place];
    for (size_t i = 0; i < member->next_count; i++) { /* (3) */
        ptrdiff_t number = assignor_grid_find(&state->lag->grid, &member->next[i]);
        check(state->heirs[number] == WARMUP_NOBODY);
        check(state->takers[number] != WARMUP_NOBODY);
        check(state->takers[number] != (int)place);
        check(!assignor_lag_is_caught_up(state->lag, member, (size_t)number));
        state->heirs[number] = (int)place;
    }
}

/* What is withheld from it the member may have a copy of meanwhile. */
static bool warmup_is_withheld(const struct warmup_state *state, size_t place, size_t number)
{
    for (size_t i = 0; i < state->member_count; i++) {
        bool is_other =
            i != place && assignor_lag_is_owner(state->lag, state->lag->by_id[i], number);
        if (is_other) {
            return true;
        }
    }
    return false;
}

static void warmup_check_copies(const struct warmup_state *state, size_t place)
{
    const struct assignor_member *member = state->lag->by_id[place];
    for (size_t i = 0; i < member->standby_count; i++) { /* (4) */
        ptrdiff_t number = assignor_grid_find(&state->lag->grid, &member->standby[i]);
        int taker = state->takers[number];
        bool is_at_home =
            taker != WARMUP_NOBODY && bytes_equal(state->lag->by_id[taker]->home, member->home);
        check(!is_at_home ||
              (taker == (int)place && warmup_is_withheld(state, place, (size_t)number)));
    }
}

void assignor_warmup_check(const struct assignor_lag *lag, struct arena *arena)
{
    struct warmup_state state = {.lag = lag, .member_count = lag->member_count};
    warmup_prepare(&state, arena);
    for (size_t i = 0; i < lag->grid.topic_count; i++) {
        for (int32_t j = 0; j < lag->grid.topics[i]->partition_count; j++) {
            warmup_check_taker(&state, i, lag->grid.starts[i] + (size_t)j);
        }
    }
    for (size_t i = 0; i < state.member_count; i++) {
        warmup_check_next(&state, i);
        warmup_check_copies(&state, i);
    }
}
