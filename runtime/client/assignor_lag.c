/* Reads what members say; see assignor_lag.h. */
#include "runtime/client/assignor_lag.h"

#include <stdlib.h>

static size_t lag_place(const struct assignor_lag *lag, const struct assignor_member *member,
                        size_t number)
{
    return (size_t)(member - lag->members) * lag->grid.count + number;
}

static int lag_compare_members(const void *left, const void *right)
{
    const struct assignor_member *a = *(const struct assignor_member *const *)left;
    const struct assignor_member *b = *(const struct assignor_member *const *)right;
    return bytes_compare(a->id, b->id);
}

static bool lag_is_told(const struct assignor_lag *lag)
{
    for (size_t i = 0; i < lag->member_count; i++) {
        if (!lag->members[i].tells_positions) {
            return false;
        }
    }
    return true;
}

static void lag_read_ends(struct assignor_lag *lag)
{
    for (size_t i = 0; i < lag->member_count; i++) {
        const struct assignor_member *member = &lag->members[i];
        for (size_t j = 0; j < member->position_count; j++) {
            const struct assignor_position *row = &member->positions[j];
            struct assignor_partition partition = {row->topic, row->partition};
            ptrdiff_t number = assignor_grid_find(&lag->grid, &partition);
            int64_t end = row->end > row->position ? row->end : row->position;
            if (number != ASSIGNOR_GRID_NOWHERE && end > lag->ends[number]) {
                lag->ends[number] = end;
            }
        }
    }
}

/* Of two claims the one of the later generation counts, as for who deals. */
static void lag_read_owners(struct assignor_lag *lag, struct arena *arena)
{
    int32_t *generations = arena_array(arena, int32_t, lag->grid.count);
    for (size_t i = 0; i < lag->grid.count; i++) {
        generations[i] = INT32_MIN;
    }
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < lag->member_count; i++) {
            const struct assignor_member *member = &lag->members[i];
            for (size_t j = 0; j < member->owned_count; j++) {
                ptrdiff_t number = assignor_grid_find(&lag->grid, &member->owned[j]);
                if (number == ASSIGNOR_GRID_NOWHERE) {
                    continue;
                }
                if (turn == 0 && member->generation > generations[number]) {
                    generations[number] = member->generation;
                }
                lag->is_owner[lag_place(lag, member, (size_t)number)] =
                    member->generation == generations[number];
            }
        }
    }
}

static void lag_read_member(struct assignor_lag *lag, const struct assignor_member *member)
{
    for (size_t i = 0; i < lag->grid.count; i++) {
        bool is_believed = lag->ends[i] < 0 || assignor_lag_is_owner(lag, member, i);
        lag->lags[lag_place(lag, member, i)] = is_believed ? 0 : lag->ends[i];
    }
    for (size_t i = 0; i < member->position_count; i++) {
        const struct assignor_position *row = &member->positions[i];
        struct assignor_partition partition = {row->topic, row->partition};
        ptrdiff_t number = assignor_grid_find(&lag->grid, &partition);
        if (number != ASSIGNOR_GRID_NOWHERE) {
            int64_t position = row->position > 0 ? row->position : 0;
            lag->lags[lag_place(lag, member, (size_t)number)] = lag->ends[number] - position;
        }
    }
}

static void lag_share(struct assignor_lag *lag, const struct assignor_member *from,
                      const struct assignor_member *to)
{
    for (size_t i = 0; i < lag->grid.count; i++) {
        int64_t theirs = lag->lags[lag_place(lag, from, i)];
        int64_t *ours = &lag->lags[lag_place(lag, to, i)];
        *ours = theirs < *ours ? theirs : *ours;
    }
}

static void lag_share_homes(struct assignor_lag *lag)
{
    for (size_t i = 0; i < lag->member_count; i++) {
        for (size_t j = i + 1; j < lag->member_count; j++) {
            const struct assignor_member *a = lag->by_id[i];
            const struct assignor_member *b = lag->by_id[j];
            if (a->home.size > 0 && bytes_equal(a->home, b->home)) {
                lag_share(lag, a, b);
                lag_share(lag, b, a);
            }
        }
    }
}

void assignor_lag_init(struct assignor_lag *lag, struct arena *arena,
                       const struct assignor_member *members, size_t member_count,
                       const struct assignor_topic *topics, size_t topic_count, int64_t acceptable)
{
    *lag = (struct assignor_lag){
        .members = members, .member_count = member_count, .acceptable = acceptable};
    assignor_grid_init(&lag->grid, arena, topics, topic_count);
    lag->by_id = arena_array(arena, const struct assignor_member *, member_count);
    lag->ends = arena_array(arena, int64_t, lag->grid.count);
    lag->lags = arena_array(arena, int64_t, lag->grid.count * member_count);
    lag->is_owner = arena_array(arena, bool, lag->grid.count *member_count);
    for (size_t i = 0; i < member_count; i++) {
        lag->by_id[i] = &members[i];
    }
    qsort(lag->by_id, member_count, sizeof *lag->by_id, lag_compare_members);
    for (size_t i = 0; i < lag->grid.count; i++) {
        lag->ends[i] = -1;
    }
    lag_read_owners(lag, arena);
    if (!lag_is_told(lag)) {
        return;
    }
    lag_read_ends(lag);
    for (size_t i = 0; i < member_count; i++) {
        lag_read_member(lag, &members[i]);
    }
    lag_share_homes(lag);
}

int64_t assignor_lag_get(const struct assignor_lag *lag, const struct assignor_member *member,
                         size_t number)
{
    return lag->lags[lag_place(lag, member, number)];
}

bool assignor_lag_is_caught_up(const struct assignor_lag *lag, const struct assignor_member *member,
                               size_t number)
{
    return assignor_lag_get(lag, member, number) <= lag->acceptable;
}

bool assignor_lag_is_owner(const struct assignor_lag *lag, const struct assignor_member *member,
                           size_t number)
{
    return lag->is_owner[lag_place(lag, member, number)];
}

bool assignor_lag_has_state(const struct assignor_lag *lag, size_t number)
{
    return lag->ends[number] >= 0;
}
