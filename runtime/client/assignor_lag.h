/* How far members are behind with the state of each partition, by what they say of themselves.
 *
 * A member says how far it has read the changelogs of what it owns and of what it keeps copies of,
 * and where they ended (assignor_position). The end is the furthest that anybody says; who says
 * nothing of a partition has all of it before it. Nobody says anything of a partition without
 * state, so all are caught up with it. Who owns a partition and does not say how far it is is taken
 * at its word: it was given it. Members of one home share what lies there, so each is as far as the
 * one that is furthest. If one member tells no positions nobody is judged by them.
 *
 * Owns:   nothing; its lists live in the caller's arena, members and topics are borrowed.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor_grid.h"

struct assignor_lag {
    struct assignor_grid grid;
    const struct assignor_member *members;
    size_t member_count;
    const struct assignor_member **by_id; /* the same, so that their order decides nothing */
    int64_t acceptable;                   /* who is not further behind than this has caught up */
    int64_t *ends;  /* by number; -1: it has no state, as far as anybody says */
    int64_t *lags;  /* by place among the members, and number */
    bool *is_owner; /* likewise: nobody claims it in a later generation */
};

void assignor_lag_init(struct assignor_lag *lag, struct arena *arena,
                       const struct assignor_member *members, size_t member_count,
                       const struct assignor_topic *topics, size_t topic_count, int64_t acceptable);
/* `member` is one of the members it was made of. */
int64_t assignor_lag_get(const struct assignor_lag *lag, const struct assignor_member *member,
                         size_t number);
bool assignor_lag_is_caught_up(const struct assignor_lag *lag, const struct assignor_member *member,
                               size_t number);
bool assignor_lag_is_owner(const struct assignor_lag *lag, const struct assignor_member *member,
                           size_t number);
bool assignor_lag_has_state(const struct assignor_lag *lag, size_t number);
