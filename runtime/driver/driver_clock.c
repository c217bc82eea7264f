/* A list with a place in it; see driver_clock.h. */
#include "runtime/driver/driver_clock.h"

#include "log/base/memory.h"

#include <stdlib.h>

void driver_clock_fini(struct driver_clock *clock)
{
    for (size_t i = 0; i < clock->count; i++) {
        free((void *)(uintptr_t)clock->rows[i].node);
        state_position_fini(&clock->rows[i].at);
    }
    free(clock->rows);
    *clock = (struct driver_clock){0};
}

bool driver_clock_add(struct driver_clock *clock, const struct driver_decision *decision)
{
    if (clock->count > 0 && clock->rows[clock->count - 1].at.commit >= decision->at.commit) {
        return false;
    }
    clock->rows = memory_resize(clock->rows, (clock->count + 1) * sizeof *clock->rows);
    struct driver_decision *row = &clock->rows[clock->count++];
    *row = *decision;
    row->node = memory_string(decision->node);
    state_position_init(&row->at);
    state_position_copy(&row->at, &decision->at);
    return true;
}

const struct driver_decision *driver_clock_next(const struct driver_clock *clock)
{
    return clock->next < clock->count ? &clock->rows[clock->next] : NULL;
}

int64_t driver_clock_place(const struct driver_clock *clock, const char *topic, int32_t partition)
{
    const struct driver_decision *next = driver_clock_next(clock);
    return next == NULL ? -1 : state_position_input(&next->at, topic, partition);
}
