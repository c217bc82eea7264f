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
/* `user_data`: of what else was dealt; may be null. */
struct bytes subscription_write_share(struct arena *arena,
                                      const struct assignor_partition *partitions, size_t count,
                                      struct bytes user_data);
/* Empty bytes are an empty share. */
must_use int subscription_read_share(struct arena *arena, struct bytes data,
                                     struct assignor_partition **out, size_t *count,
                                     struct bytes *user_data);
/* The user data with which members speak of copies: of a wish once more a subscription, without
 * topics, where the generation is how many copies are wished for; of a share once more a share. */
struct bytes subscription_write_copies(struct arena *arena, struct bytes home,
                                       const struct assignor_partition *kept, size_t kept_count,
                                       int32_t standby_wish);
/* User data that is none of ours leaves the member as it is: it takes no part in copies. */
void subscription_read_copies(struct arena *arena, struct bytes user_data,
                              struct assignor_member *member);
