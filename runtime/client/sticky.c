/* Even and steady; see sticky.h. */
#include "runtime/client/sticky.h"

#include "log/base/check.h"

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
    const struct assignor_topic **topics; /* by name */
    size_t topic_count;
    size_t *starts; /* a topic's first place */
    struct sticky_place *places;
    size_t place_count;
    size_t *loads; /* by member */
};

static int sticky_compare_members(const void *left, const void *right)
{
    const struct assignor_member *a = *(const struct assignor_member *const *)left;
    const struct assignor_member *b = *(const struct assignor_member *const *)right;
    return bytes_compare(a->id, b->id);
}

static int sticky_compare_topics(const void *left, const void *right)
{
    const struct assignor_topic *a = *(const struct assignor_topic *const *)left;
    const struct assignor_topic *b = *(const struct assignor_topic *const *)right;
    return bytes_compare(a->name, b->name);
}

static struct sticky_place *sticky_find(const struct sticky_deal_state *state,
                                        const struct assignor_partition *wanted)
{
    size_t low = 0;
    size_t high = state->topic_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = bytes_compare(state->topics[middle]->name, wanted->topic);
        if (order == 0) {
            bool is_there = wanted->partition >= 0 &&
                            wanted->partition < state->topics[middle]->partition_count;
            return is_there ? &state->places[state->starts[middle] + (size_t)wanted->partition]
                            : NULL;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static void sticky_prepare(struct sticky_deal_state *state, struct arena *arena,
                           struct assignor_member *members, const struct assignor_topic *topics)
{
    state->members = arena_array(arena, struct assignor_member *, state->member_count);
    state->topics = arena_array(arena, const struct assignor_topic *, state->topic_count);
    state->starts = arena_array(arena, size_t, state->topic_count);
    state->loads = arena_array(arena, size_t, state->member_count);
    for (size_t i = 0; i < state->member_count; i++) {
        state->members[i] = &members[i];
    }
    for (size_t i = 0; i < state->topic_count; i++) {
        state->topics[i] = &topics[i];
        state->place_count += (size_t)topics[i].partition_count;
    }
    qsort(state->members, state->member_count, sizeof *state->members, sticky_compare_members);
    qsort(state->topics, state->topic_count, sizeof *state->topics, sticky_compare_topics);
    state->places = arena_array(arena, struct sticky_place, state->place_count);
    size_t at = 0;
    for (size_t i = 0; i < state->topic_count; i++) {
        state->starts[i] = at;
        for (int32_t j = 0; j < state->topics[i]->partition_count; j++) {
            state->places[at++] = (struct sticky_place){.topic = state->topics[i],
                                                        .partition = j,
                                                        .holder = STICKY_NOBODY,
                                                        .generation = INT32_MIN};
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

static void sticky_move(struct sticky_deal_state *state, struct sticky_place *place, int to)
{
    if (place->holder >= 0) {
        state->loads[place->holder]--;
    }
    place->holder = to;
    state->loads[to]++;
}

static void sticky_balance(struct sticky_deal_state *state)
{
    for (size_t i = 0; i < state->place_count; i++) {
        struct sticky_place *place = &state->places[i];
        int least = sticky_least_loaded(state, place->topic->name);
        if (place->holder < 0 && least >= 0) {
            sticky_move(state, place, least);
        }
    }
    /* Each move lowers the sum of the squares of the loads, so this ends. */
    bool has_moved = true;
    while (has_moved) {
        has_moved = false;
        for (size_t i = 0; i < state->place_count; i++) {
            struct sticky_place *place = &state->places[i];
            if (place->holder < 0) {
                continue;
            }
            int least = sticky_least_loaded(state, place->topic->name);
            if (state->loads[place->holder] > state->loads[least] + 1) {
                sticky_move(state, place, least);
                has_moved = true;
            }
        }
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
                 const struct assignor_topic *topics, size_t topic_count)
{
    struct sticky_deal_state state = {.member_count = member_count, .topic_count = topic_count};
    sticky_prepare(&state, arena, members, topics);
    sticky_take_claims(&state);
    sticky_balance(&state);
    sticky_hand_out(&state, arena);
}
