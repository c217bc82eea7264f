/* Makes sure that every topic an application names is there before it starts.
 *
 * Steps: (1) make the topics the script declares, and find those that streams by pattern read;
 * (2) ask for the topics that are read and written,
 * which the cluster may make by itself; (3) make the repartition topics, with as many partitions as
 * the largest topic that is read; (4) make the changelog topics, compacted, with as many partitions
 * as their part has tasks, and the topic of decisions about time, if there are any (runtime/task/
 * task_clock.h). A topic that exists is left as it is; topics of unequal partitions that
 * meet in one store and a changelog with too few partitions are errors with a sentence.
 *
 * Owns:   the requests it makes.
 * Thread: its client's shard. */
#pragma once

#include "log/base/report.h"
#include "runtime/client/client.h"
#include "runtime/lua/script.h"

struct app_topics;

/* `done` comes once, on a later turn; `report` is filled when the error is not 0. Free it then, or
 * before to give up. */
struct app_topics *
app_topics_start(struct client *client, struct script *script,
                 void (*done)(void *owner, int error, const struct report *report), void *owner);
void app_topics_free(struct app_topics *topics);
/* The names of all topics, as last told to the client; borrowed until its next turn, freed by who
 * asked. */
const char **app_topics_list(struct client *client, size_t *count);
