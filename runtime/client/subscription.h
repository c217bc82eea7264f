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
/* The user data with which members speak of copies. Of a wish:
 *
 *     once more a subscription, without topics, where the generation is how many copies are wished
 *     for, and the user data the home
 *     int16 version, member_positions     who does not know of them does not read on
 *
 * Of a share: once more a share, whose user data is a third one, of those copies that are to warm
 * up. `home`, `kept`, `standby_wish` and the positions of the member are written, the last
 * if it tells any. */
struct bytes subscription_write_copies(struct arena *arena, const struct assignor_member *member);
/* User data that is none of ours leaves the member as it is: it takes no part in copies. */
void subscription_read_copies(struct arena *arena, struct bytes user_data,
                              struct assignor_member *member);
