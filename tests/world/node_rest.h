/* What compaction may have left of a partition of the ledger.
 *
 * Says of a whole reading whether everything that is not there may be missing: the last committed
 * value of every key is served; what lies in the growing segment is all there; a tombstone stays
 * delete.retention.ms, and what is deleted by age retention.ms.
 *
 * Thread: one. */
#pragma once

#include "tests/world/node_ledger.h"

/* One partition, read from its start to its end at one level of isolation. */
struct node_rest {
    int32_t partition;
    bool is_committed;
    int64_t start_offset;
    int64_t end_offset;    /* as far as this level sees */
    int64_t active_offset; /* where the growing segment began when the reading had ended */
};

/* Judges the entries that the last reading of the page did not meet. */
void node_rest_judge(struct node_ledger *ledger, const struct node_rest *rest);
/* Whether a reading of a part may lack what stands at this offset and was committed. */
bool node_rest_may_lack(const struct node_ledger *ledger, int32_t partition, int64_t offset);
/* A record whose offset nobody was told may have come, and be gone by its age. */
bool node_rest_may_have_gone(const struct node_ledger *ledger, int number, int32_t partition,
                             int index);
/* Looks at the names of the files of a partition that runs. */
int64_t node_rest_active_offset(struct node_ledger *ledger, int32_t partition);
