/* Copies, even and steady; see assignor_standby.h. */
#include "runtime/client/assignor_standby.h"

#include "log/base/check.h"

#include <stdlib.h>

/* What a member is to a partition; one byte for each of both. */
enum standby_role {
    STANDBY_WANTS = 1,    /* it reads the topic, and has a home */
    STANDBY_CLAIMS = 2,   /* it has the state, or a copy of it */
    STANDBY_OWNS = 4,     /* it processes it, until it is told otherwise */
    STANDBY_ASSIGNED = 8, /* it will process it */
    STANDBY_COPIES = 16,  /* it will keep a copy */
    STANDBY_FRESH = 32,   /* it claims the state and has caught up */
    STANDBY_NEXT = 64,    /* it will process it once it has caught up */
};

struct standby_state {
    struct assignor_member **members; /* by id */
    size_t member_count;
    const struct assignor_lag *lag;
    const struct assignor_grid *grid;
    uint8_t *roles; /* by member and number of the partition */
    size_t *loads;  /* by member: what it will process or keep */
};

static uint8_t *standby_role(const struct standby_state *state, size_t member, size_t number)
{
    return &state->roles[member * state->grid->count + number];
}

static bool standby_is(const struct standby_state *state, size_t member, size_t number,
                       unsigned roles)
{
    return (*standby_role(state, member, number) & roles) != 0;
}

static void standby_mark(struct standby_state *state, size_t member,
                         const struct assignor_partition *partitions, size_t count, unsigned roles)
{
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t number = assignor_grid_find(state->grid, &partitions[i]);
        if (number != ASSIGNOR_GRID_NOWHERE) {
            *standby_role(state, member, (size_t)number) |= (uint8_t)roles;
        }
    }
}

static void standby_mark_wishes(struct standby_state *state, size_t member)
{
    const struct assignor_member *row = state->members[member];
    for (size_t i = 0; i < state->grid->topic_count && !bytes_is_null(row->home); i++) {
        const struct assignor_topic *topic = state->grid->topics[i];
        bool is_wanted = assignor_wants(row, topic->name);
        for (int32_t j = 0; is_wanted && j < topic->partition_count; j++) {
            *standby_role(state, member, state->grid->starts[i] + (size_t)j) |= STANDBY_WANTS;
        }
    }
}

static void standby_mark_fresh(struct standby_state *state, size_t member)
{
    for (size_t i = 0; i < state->grid->count; i++) {
        if (standby_is(state, member, i, STANDBY_CLAIMS) &&
            assignor_lag_is_caught_up(state->lag, state->members[member], i)) {
            *standby_role(state, member, i) |= STANDBY_FRESH;
        }
    }
}

static void standby_prepare(struct standby_state *state, struct arena *arena,
                            struct assignor_member *members)
{
    state->members = arena_array(arena, struct assignor_member *, state->member_count);
    state->loads = arena_array(arena, size_t, state->member_count);
    state->roles = arena_array(arena, uint8_t, state->member_count * state->grid->count);
    for (size_t i = 0; i < state->member_count; i++) {
        struct assignor_member *member = &members[state->lag->by_id[i] - members];
        state->members[i] = member;
        standby_mark_wishes(state, i);
        standby_mark(state, i, member->kept, member->kept_count, STANDBY_CLAIMS);
        standby_mark(state, i, member->owned, member->owned_count, STANDBY_CLAIMS | STANDBY_OWNS);
        standby_mark(state, i, member->assigned, member->assigned_count, STANDBY_ASSIGNED);
        standby_mark(state, i, member->next, member->next_count, STANDBY_NEXT);
        standby_mark_fresh(state, i);
        state->loads[i] = member->assigned_count;
    }
}

/* Another member of its home has the state, or will. */
static bool standby_is_at_home(const struct standby_state *state, size_t member, size_t number)
{
    for (size_t i = 0; i < state->member_count; i++) {
        if (standby_is(state, i, number, STANDBY_ASSIGNED | STANDBY_COPIES) &&
            bytes_equal(state->members[i]->home, state->members[member]->home)) {
            return true;
        }
    }
    return false;
}

static bool standby_may_copy(const struct standby_state *state, size_t member, size_t number)
{
    return standby_is(state, member, number, STANDBY_WANTS) &&
           !standby_is_at_home(state, member, number);
}

static void standby_give(struct standby_state *state, size_t member, size_t number)
{
    *standby_role(state, member, number) |= STANDBY_COPIES;
    state->loads[member]++;
}

/* The member with the least load that may keep a copy and has one of the roles; -1: there is none.
 */
static ptrdiff_t standby_choose(const struct standby_state *state, size_t number, unsigned roles)
{
    ptrdiff_t chosen = -1;
    for (size_t i = 0; i < state->member_count; i++) {
        bool is_less = chosen < 0 || state->loads[i] < state->loads[chosen];
        if (is_less && standby_is(state, i, number, roles) && standby_may_copy(state, i, number)) {
            chosen = (ptrdiff_t)i;
        }
    }
    return chosen;
}

static int32_t standby_count(const struct standby_state *state, size_t number)
{
    int32_t count = 0;
    for (size_t i = 0; i < state->member_count; i++) {
        count += standby_is(state, i, number, STANDBY_COPIES);
    }
    return count;
}

static void standby_fill(struct standby_state *state, int32_t wish, unsigned roles)
{
    for (size_t number = 0; number < state->grid->count; number++) {
        int32_t count = standby_count(state, number);
        ptrdiff_t chosen = 0;
        while (count < wish && (chosen = standby_choose(state, number, roles)) >= 0) {
            standby_give(state, (size_t)chosen, number);
            count++;
        }
    }
}

/* Moves this copy if that makes loads more even. */
static bool standby_improve(struct standby_state *state, size_t member, size_t number)
{
    *standby_role(state, member, number) &= (uint8_t)~STANDBY_COPIES;
    ptrdiff_t least = standby_choose(state, number, STANDBY_WANTS);
    bool is_better = least >= 0 && state->loads[least] + 1 < state->loads[member];
    if (!is_better) {
        *standby_role(state, member, number) |= STANDBY_COPIES;
        return false;
    }
    state->loads[member]--;
    standby_give(state, (size_t)least, number);
    return true;
}

/* Each move lowers the sum of the squares of the loads, so this ends. */
static void standby_balance(struct standby_state *state)
{
    bool has_moved = true;
    while (has_moved) {
        has_moved = false;
        for (size_t number = 0; number < state->grid->count; number++) {
            for (size_t i = 0; i < state->member_count; i++) {
                has_moved = (standby_is(state, i, number, STANDBY_COPIES) &&
                             standby_improve(state, i, number)) ||
                            has_moved;
            }
        }
    }
}

/* Whether another home still has to give it up. */
static bool standby_comes_later(const struct standby_state *state, size_t member, size_t number)
{
    bool is_elsewhere = false;
    for (size_t i = 0; i < state->member_count; i++) {
        if (i == member || !standby_is(state, i, number, STANDBY_OWNS)) {
            continue;
        }
        if (bytes_equal(state->members[i]->home, state->members[member]->home)) {
            return false;
        }
        is_elsewhere = true;
    }
    return is_elsewhere && !standby_is(state, member, number, STANDBY_OWNS);
}

/* A copy beyond those that are wished for. */
struct standby_warmup {
    size_t member;
    size_t number;
    bool is_new; /* it has nothing yet */
    int64_t lag;
};

static int standby_compare_warmups(const void *left, const void *right)
{
    const struct standby_warmup *a = left;
    const struct standby_warmup *b = right;
    if (a->is_new != b->is_new) {
        return a->is_new - b->is_new;
    }
    if (!a->is_new && a->lag != b->lag) {
        return a->lag < b->lag ? -1 : 1;
    }
    return a->number != b->number ? (a->number < b->number ? -1 : 1)
                                  : (a->member > b->member) - (a->member < b->member);
}

static size_t standby_gather_warmups(const struct standby_state *state, struct standby_warmup *out)
{
    size_t count = 0;
    for (size_t i = 0; i < state->member_count; i++) {
        for (size_t number = 0; number < state->grid->count; number++) {
            if (standby_is(state, i, number, STANDBY_NEXT) && standby_may_copy(state, i, number)) {
                out[count++] = (struct standby_warmup){
                    .member = i,
                    .number = number,
                    .is_new = !standby_is(state, i, number, STANDBY_CLAIMS),
                    .lag = assignor_lag_get(state->lag, state->members[i], number)};
            }
        }
    }
    qsort(out, count, sizeof *out, standby_compare_warmups);
    return count;
}

static void standby_warm_up(struct standby_state *state, struct arena *arena, int32_t warmups_max)
{
    struct standby_warmup *warmups = arena_array(arena, struct standby_warmup, state->grid->count);
    size_t count = standby_gather_warmups(state, warmups);
    for (size_t i = 0; i < count && (int64_t)i < warmups_max; i++) {
        check(standby_may_copy(state, warmups[i].member, warmups[i].number));
        standby_give(state, warmups[i].member, warmups[i].number);
    }
}

static void standby_hand_out(struct standby_state *state, struct arena *arena, size_t index,
                             bool is_wished)
{
    struct assignor_member *member = state->members[index];
    member->standby = arena_array(arena, struct assignor_partition, state->grid->count);
    member->standby_count = 0;
    member->warmup = arena_array(arena, struct assignor_partition, member->next_count);
    member->warmup_count = 0;
    for (size_t i = 0; i < state->grid->topic_count; i++) {
        const struct assignor_topic *topic = state->grid->topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            size_t number = state->grid->starts[i] + (size_t)j;
            struct assignor_partition partition = {.topic = topic->name, .partition = j};
            bool is_copy = standby_is(state, index, number, STANDBY_COPIES);
            bool is_early = standby_is(state, index, number, STANDBY_WANTS) &&
                            standby_is(state, index, number, STANDBY_ASSIGNED) &&
                            (is_wished || standby_is(state, index, number, STANDBY_CLAIMS)) &&
                            standby_comes_later(state, index, number);
            if (is_early || is_copy) {
                member->standby[member->standby_count++] = partition;
            }
            if (is_copy && standby_is(state, index, number, STANDBY_NEXT)) {
                member->warmup[member->warmup_count++] = partition;
            }
        }
    }
}

void assignor_standby_deal(struct arena *arena, struct assignor_member *members,
                           const struct assignor_lag *lag, int32_t warmups_max)
{
    struct standby_state state = {
        .member_count = lag->member_count, .lag = lag, .grid = &lag->grid};
    int32_t wish = 0;
    check(members == lag->members);
    for (size_t i = 0; i < state.member_count; i++) {
        wish = members[i].standby_wish > wish ? members[i].standby_wish : wish;
    }
    standby_prepare(&state, arena, members);
    standby_fill(&state, wish, STANDBY_FRESH);
    standby_fill(&state, wish, STANDBY_CLAIMS);
    standby_fill(&state, wish, STANDBY_WANTS);
    standby_balance(&state);
    standby_warm_up(&state, arena, warmups_max);
    for (size_t i = 0; i < state.member_count; i++) {
        standby_hand_out(&state, arena, i, wish > 0);
    }
}
