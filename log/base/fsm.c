/* Walks the arrows of a table of states; see fsm.h. */
#include "log/base/fsm.h"

#include "log/base/check.h"
#include "log/base/trace.h"

bool fsm_allows(const struct fsm *fsm, unsigned from, unsigned to)
{
    return from < fsm->count && to < fsm->count && (fsm->states[from].next & FSM_TO(to)) != 0;
}

const char *fsm_name(const struct fsm *fsm, unsigned state)
{
    return state < fsm->count ? fsm->states[state].name : "nowhere";
}

unsigned fsm_move(const struct fsm *fsm, unsigned from, unsigned to)
{
    if (!fsm_allows(fsm, from, to)) {
        trace(TRACE_ERROR, "fsm.move_refused", TRACE_STRING("machine", fsm->name),
              TRACE_STRING("from", fsm_name(fsm, from)), TRACE_STRING("to", fsm_name(fsm, to)));
    }
    check(fsm_allows(fsm, from, to));
    return to;
}

void fsm_check(const struct fsm *fsm)
{
    check(fsm->count > 0);
    check(fsm->count <= FSM_STATE_COUNT_MAX);
    uint64_t all = (UINT64_C(1) << fsm->count) - 1;
    uint64_t reached = 1;
    for (size_t round = 0; round < fsm->count; round++) {
        for (size_t state = 0; state < fsm->count; state++) {
            check(fsm->states[state].name != NULL);
            check((fsm->states[state].next & ~all) == 0); /* (1) */
            if ((reached & FSM_TO(state)) != 0) {
                reached |= fsm->states[state].next;
            }
        }
    }
    check(reached == all); /* (2) */
}
