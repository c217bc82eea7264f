/* What members of a group tell each other: wishes and holdings in JoinGroup, shares in SyncGroup.
 * The broker does not look inside: an int16 version, then a message of that version.
 *
 * Owns:   nothing; what is read borrows from the bytes and lives in the arena.
 * Thread: any. */
#pragma once

#include "log/base/check.h"
#include "runtime/client/assignor.h"

struct subscription {
    const struct bytes *topics;
    size_t topic_count;
    struct bytes user_data;
    const struct assignor_partition *owned; /* those of a topic stand together */
    size_t owned_count;
    int32_t generation;
};

struct bytes subscription_write(struct arena *arena, const struct subscription *subscription);
/* ERROR_MALFORMED, ERROR_TRUNCATED or ERROR_NO_MEMORY. */
must_use int subscription_read(struct arena *arena, struct bytes data, struct subscription *out);
struct bytes subscription_write_share(struct arena *arena,
                                      const struct assignor_partition *partitions, size_t count);
/* Empty bytes are an empty share. */
must_use int subscription_read_share(struct arena *arena, struct bytes data,
                                     struct assignor_partition **out, size_t *count);
