/* The lives of one process with one application: start, stop, death, and what is left of its state.
 *
 * Owns:   the application that runs; those of dead processes stay as they were.
 * Keeps:  (1) a failure is told with a sentence, and is never final;
 *         (2) a stop ends in bounded time;
 *         (3) each life has a state directory of its own: the last one's, an older one, or none.
 * Thread: one. */
#pragma once

#include "runtime/app/app.h"
#include "tests/sim/sim.h"
#include "tests/world/app_disk.h"

struct app_process {
    struct node_world *world;
    int machine;
    const char *folder; /* of all lives; NULL: stores live in memory */
    const char *instance_id;
    char home[32];
    int32_t standby_count;
    int64_t recovery_lag;
    struct app *app; /* NULL while none runs */
    struct app_disk *disk;
    char kept[200];     /* of an older life; "": none */
    bool may_be_faulty; /* its disk */
    bool is_closed;
    bool has_failed;
    bool is_cut;
    int life;
    int death_count;
    int failure_count;
    int64_t checkpoint_count;
    int64_t rollback_count;
};

void app_process_init(struct app_process *process, struct node_world *world, int machine,
                      const char *folder, const char *script);
void app_process_start(struct app_process *process);
void app_process_stop(struct app_process *process);
void app_process_kill(struct app_process *process);
/* Ends what has failed or died in a checkpoint, and starts it anew; as whoever runs it does. */
void app_process_revive(struct app_process *process);
void app_process_check(const struct app_process *process);
