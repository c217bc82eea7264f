/* Streams of all topics that match a pattern: which ones these are by now.
 *
 * A pattern is judged when its source is added; what it matches is known only beside a cluster, and
 * changes. So a finished plan has such sources without topics, until it is told what there is; then
 * it is cut again, which renames no part and moves no store: a part is named for its first source,
 * a source by pattern for the pattern.
 *
 * Keeps:  (1) a topic belongs to one source: to who names it, else to the first whose pattern
 *             matches;
 *         (2) a pattern never matches what belongs to the log or to an application
 *             (topic_pattern.h), nor what this application declares or writes itself;
 *         (3) the same topics give the same plan, in whatever order they come.
 * Thread: the owner's. */
#pragma once

#include "runtime/topology/topology.h"

/* ERROR_INVALID with the report filled when the pattern of a source is none. */
must_use int topology_match_validate(const struct topology_source *source, struct report *report);
/* Whether a source of the plan has a pattern. */
bool topology_match_is_needed(const struct topology *topology);
/* Gives the sources their topics, of those of the cluster; before anything is made of the plan.
 * ERROR_INVALID with the report filled when they cannot be read together. */
must_use int topology_match_apply(struct topology *topology, const char *const *names, size_t count,
                                  struct report *report);
/* Whether topology_match_apply would change nothing. */
bool topology_match_is_same(const struct topology *topology, const char *const *names,
                            size_t count);
