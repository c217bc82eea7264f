/* Lets a state machine move only along the arrows of its drawing.
 *
 *     static const struct fsm_state states[] = {
 *         [DOOR_OPEN] = {"open", FSM_TO(DOOR_CLOSED)},
 *         [DOOR_CLOSED] = {"closed", FSM_TO(DOOR_OPEN) | FSM_TO(DOOR_LOCKED)},
 *         [DOOR_LOCKED] = {"locked", FSM_TO(DOOR_CLOSED)},
 *     };
 *     static const struct fsm door_fsm = FSM("door", states);
 *
 *     door->state = fsm_move(&door_fsm, door->state, DOOR_CLOSED);
 *
 * Keeps:  (1) every arrow leads to a state of the table;
 *         (2) every state has a name and can be reached from state 0, the first. A move without an
 *             arrow stops the process.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FSM_STATE_COUNT_MAX = 32 };

struct fsm_state {
    const char *name;
    uint32_t next; /* the states it may move to, as FSM_TO bits; itself only when listed */
};

struct fsm {
    const char *name;
    const struct fsm_state *states; /* by their number; the machine starts in 0 */
    size_t count;
};

#define FSM_TO(state) (UINT32_C(1) << (state))
#define FSM(machine_name, machine_states)                                                          \
    {                                                                                              \
        .name = (machine_name), .states = (machine_states),                                        \
        .count = sizeof(machine_states) / sizeof *(machine_states)                                 \
    }

bool fsm_allows(const struct fsm *fsm, unsigned from, unsigned to);
/* Returns `to`; stops the process, naming both states, when there is no such arrow. */
unsigned fsm_move(const struct fsm *fsm, unsigned from, unsigned to);
const char *fsm_name(const struct fsm *fsm, unsigned state);
void fsm_check(const struct fsm *fsm);
