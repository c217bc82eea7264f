/* Reads partitions from one offset to another and hands over each record: for commands that look
 * through a topic and end. Of transactions only what is committed is seen; one that is still open
 * is waited for.
 *
 * Owns:   nothing; a record is valid during the call.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/envelope.h"
#include "runtime/cli/errand.h"
#include "runtime/cli/topic_choice.h"

struct topic_sweep_range {
    const char *topic;
    int32_t partition;
    int64_t start; /* first offset */
    int64_t end;   /* first offset that is not read */
};

/* `each` may turn the loop; what it returns other than 0 (1 for enough, or an error) ends the sweep
 * and is returned. */
must_use int topic_sweep_run(struct errand *errand, const struct topic_sweep_range *ranges,
                             size_t count,
                             int (*each)(void *owner, const struct envelope *envelope),
                             void *owner);
/* All that the partitions hold now. COMMAND_OK, or an exit code after a complaint. */
must_use int topic_sweep_ranges(struct errand *errand, const struct topic_choice *choice,
                                struct topic_sweep_range **out);
