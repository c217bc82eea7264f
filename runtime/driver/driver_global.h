/* The global tables of a driver: read whole at each start, as each instance of an application does,
 * and before all tasks at each step.
 *
 * Owns:   the tables, from a start to the end of its tasks.
 * Thread: the driver's. */
#pragma once

#include "runtime/driver/driver_topic.h"
#include "runtime/task/global_tables.h"

struct driver_global;

/* NULL when the plan has no global tables; so the others take NULL. */
struct driver_global *
driver_global_new(const struct topology *topology,
                  struct driver_topic *(*find_topic)(void *owner, const char *name), void *owner);
void driver_global_free(struct driver_global *global);
/* Takes what is there; how many records. */
size_t driver_global_read(struct driver_global *global);
bool driver_global_reads(const struct driver_global *global, const struct driver_topic *topic);
struct global_tables *driver_global_tables(const struct driver_global *global);
