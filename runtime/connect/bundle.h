/* Records on their way from a connector's thread to its shard: a deep copy that travels as one.
 *
 * Owns:   the copied records and texts.
 * Thread: made by the connector's thread, taken over by the shard when it is posted. */
#pragma once

#include "log/base/arena.h"
#include "log/base/list.h"
#include "log/io/io.h"
#include "runtime/plugin/tidemill.h"

struct bundle {
    struct io_request post; /* carries it to the shard */
    struct list_link link;  /* the shard's queue */
    struct arena arena;
    struct tidemill_record *records;
    size_t count;
    size_t size; /* bytes held when it was made; what is added to the arena later is not counted */
    size_t next; /* the shard's: records handed to the producer so far */
    const char *reason; /* not NULL: the one record is rejected with this sentence */
};

struct bundle *bundle_new(const struct tidemill_record *records, size_t count, const char *reason);
void bundle_free(struct bundle *bundle);
/* One past the last record of the group that begins at `first`: the records whose progress is
 * stored as one, up to and with the first that names its source offset. */
size_t bundle_group_end(const struct bundle *bundle, size_t first);
