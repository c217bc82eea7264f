/* Subscriptions and answers; see foreign.h. */
#include "runtime/operators/foreign.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/hash.h"

enum { STILL_NOTHING = 0 }; /* alone in its place; a kept value is longer */

struct foreign_hash foreign_hash_of(struct bytes value)
{
    return bytes_is_null(value)
               ? (struct foreign_hash){0}
               : (struct foreign_hash){.has_value = true, .bits = hash_bytes(value)};
}

bool foreign_hash_is_equal(struct foreign_hash left, struct foreign_hash right)
{
    return left.has_value == right.has_value && left.bits == right.bits;
}

void foreign_hash_write(struct buffer *out, struct foreign_hash hash)
{
    uint8_t bits[sizeof hash.bits];
    buffer_add_byte(out, hash.has_value);
    if (hash.has_value) {
        endian_write_u64(bits, hash.bits);
        buffer_add(out, bits, sizeof bits);
    }
}

static void skip(struct bytes *rest, size_t size)
{
    *rest = bytes_make(rest->data + size, rest->size - size);
}

int foreign_hash_take(struct bytes *rest, struct foreign_hash *out)
{
    if (rest->size < 1 || rest->data[0] > 1) {
        return ERROR_CORRUPT;
    }
    out->has_value = rest->data[0] == 1;
    out->bits = 0;
    skip(rest, 1);
    if (out->has_value) {
        if (rest->size < sizeof out->bits) {
            return ERROR_CORRUPT;
        }
        out->bits = endian_read_u64(rest->data);
        skip(rest, sizeof out->bits);
    }
    return 0;
}

void foreign_subscription_write(struct buffer *out, const struct foreign_subscription *it)
{
    buffer_add_byte(out, (uint8_t)it->action);
    foreign_hash_write(out, it->hash);
    buffer_add_bytes(out, it->left_key);
}

int foreign_subscription_read(struct bytes value, struct foreign_subscription *out)
{
    if (value.size < 1 || value.data[0] > FOREIGN_REMOVE_ALL) {
        return ERROR_CORRUPT;
    }
    out->action = (enum foreign_action)value.data[0];
    skip(&value, 1);
    int error = foreign_hash_take(&value, &out->hash);
    out->left_key = value;
    return error;
}

void foreign_answer_write(struct buffer *out, const struct foreign_answer *it)
{
    foreign_hash_write(out, it->hash);
    if (it->is_still_nothing) {
        buffer_add_byte(out, STILL_NOTHING);
    } else if (!bytes_is_null(it->right.value)) {
        kept_value_write(out, &it->right);
    }
}

int foreign_answer_read(struct bytes value, struct foreign_answer *out)
{
    out->right = (struct kept_value){0};
    int error = foreign_hash_take(&value, &out->hash);
    out->is_still_nothing = error == 0 && value.size == 1 && value.data[0] == STILL_NOTHING;
    return error == 0 && value.size > 0 && !out->is_still_nothing
               ? kept_value_read(value, &out->right)
               : error;
}
