/* What the two sides of a foreign-key join of tables tell each other.
 *
 * The left table has rows by their own key, the right one by another, which the value of a left row
 * names. So a left row subscribes, in the task of the right key, to what the right table has; there
 * an answer is sent back to the task of the left key whenever one of both changes:
 *
 *     subscription    key: the right key; value: what to do, the hash of the left value, left key
 *     answer          key: the left key; value: the hash of the left value, the right value if any
 *
 * An answer whose hash is not that of the left value any more is out of date and dropped: a newer
 * one is on its way. That holds of the answer that ends a result, too, so a new left row is
 * answered also when it meets nothing: "still nothing" ends what is left of an earlier row of its
 * key, and is no change where there is no result.
 *
 *     what to do        one byte, below
 *     hash              1 and eight bytes, or 0: there is no left value
 *     right value       a kept value, or nothing, or one byte: still nothing
 *
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "runtime/format/kept_value.h"

enum foreign_action {
    FOREIGN_ADD,     /* without a right value answer "still nothing": no result should be there */
    FOREIGN_REPLACE, /* answer in any case */
    FOREIGN_REMOVE,  /* no answer: another right key will give one */
    FOREIGN_REMOVE_ALL, /* and answer that there is nothing */
};

struct foreign_hash {
    bool has_value;
    uint64_t bits;
};

struct foreign_subscription {
    enum foreign_action action;
    struct foreign_hash hash;
    struct bytes left_key;
};

struct foreign_answer {
    struct foreign_hash hash;
    struct kept_value right; /* null: nothing */
    bool is_still_nothing;   /* ends a result only if there is one; the right value is null */
};

struct foreign_hash foreign_hash_of(struct bytes value);
bool foreign_hash_is_equal(struct foreign_hash left, struct foreign_hash right);
void foreign_hash_write(struct buffer *out, struct foreign_hash hash);
/* Takes it off the front. ERROR_CORRUPT for anything else, like those below. */
must_use int foreign_hash_take(struct bytes *rest, struct foreign_hash *out);

void foreign_subscription_write(struct buffer *out, const struct foreign_subscription *it);
must_use int foreign_subscription_read(struct bytes value, struct foreign_subscription *out);
void foreign_answer_write(struct buffer *out, const struct foreign_answer *it);
must_use int foreign_answer_read(struct bytes value, struct foreign_answer *out);
