/* One partition in one fetch: found, judged, and its row of the answer.
 *
 * Owns:   the slice between a fetch's looking and its answer.
 * Keeps:  (1) a part in error has no slice, and its partition no replica;
 *         (2) a row says of offsets what was true when it was finished.
 * Thread: the server's shard. */
#pragma once

#include "log/server/fetch_session.h"
#include "log/server/request.h"
#include "log/store/log_slice.h"

struct fetch_part {
    struct request *request;
    struct fetch_session_partition *partition;
    struct fetch_part *next; /* of the fetch */
    struct fetch_response_partition answer;
    struct log_slice *slice; /* NULL until there was something to look at */
    bool is_committed;       /* only what is committed may be read */
    bool is_diverged;        /* the client has something else before its offset than this log */
    void *owner;             /* the fetch */
};

/* The first version with the leader's address beside errors about it (KIP-951). */
enum { FETCH_PART_ENDPOINT_VERSION = 16 };

void fetch_part_init(struct fetch_part *part, struct request *request,
                     struct fetch_session_partition *partition, bool is_committed);
/* Looks for the replica and watches it. 0, or what is wrong with what is asked. */
must_use int fetch_part_open(struct fetch_part *part);
void fetch_part_fail(struct fetch_part *part, int error);
/* Whether there is nothing to read for now. */
bool fetch_part_is_at_end(const struct fetch_part *part);
static inline size_t fetch_part_size(const struct fetch_part *part)
{
    return part->slice == NULL ? 0 : part->slice->size;
}
void fetch_part_close_slice(struct fetch_part *part);
/* Fills the row: offsets, aborted transactions, the size of the records. */
void fetch_part_finish(struct fetch_part *part);
