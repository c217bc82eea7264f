/* The groups of a cluster, asked of every broker.
 *
 * Owns:   nothing.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

/* Calls `each` for every group; `group` is valid until errand_close. COMMAND_OK, or an exit code
 * after a complaint. */
must_use int group_names_each(struct errand *errand,
                              void (*each)(void *owner, int32_t node_id,
                                           const struct list_groups_response_group *group),
                              void *owner);
/* Adds the names of all groups; they live in the errand's arena, the list is the caller's. */
must_use int group_names_find(struct errand *errand, struct flag_list *out);
