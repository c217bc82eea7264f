/* Hashes of the beginning of a file and of the bytes before a position. See fingerprint.h. */
#include "connectors/file/fingerprint.h"

#include <errno.h>
#include <unistd.h>

/* FNV-1a with 64 bits: kept in saved offsets, so it never changes. */
static uint64_t hash(const uint8_t *data, size_t size)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) {
        value = (value ^ data[i]) * 0x100000001b3u;
    }
    return value;
}

static bool hash_range(int descriptor, int64_t position, int64_t size, uint64_t *out)
{
    uint8_t data[FINGERPRINT_HEAD_MAX];
    int64_t done = 0;
    while (done < size) {
        ssize_t count = pread(descriptor, data + done, (size_t)(size - done), position + done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        done += count;
    }
    *out = hash(data, (size_t)size);
    return true;
}

static bool hash_tail(int descriptor, int64_t position, uint64_t *out)
{
    int64_t size = position < FINGERPRINT_TAIL_MAX ? position : FINGERPRINT_TAIL_MAX;
    return hash_range(descriptor, position - size, size, out);
}

bool fingerprint_take(int descriptor, int64_t position, struct fingerprint *out)
{
    struct fingerprint taken = {
        .head_size = position < FINGERPRINT_HEAD_MAX ? position : FINGERPRINT_HEAD_MAX};
    if (!hash_range(descriptor, 0, taken.head_size, &taken.head_hash) ||
        !hash_tail(descriptor, position, &taken.tail_hash)) {
        return false;
    }
    *out = taken;
    return true;
}

bool fingerprint_tail_agrees(int descriptor, int64_t position,
                             const struct fingerprint *fingerprint)
{
    uint64_t tail_hash;
    return hash_tail(descriptor, position, &tail_hash) && tail_hash == fingerprint->tail_hash;
}

bool fingerprint_agrees(int descriptor, int64_t position, const struct fingerprint *fingerprint)
{
    uint64_t head_hash;
    if (position == 0) {
        return true;
    }
    return fingerprint->head_size >= 0 && fingerprint->head_size <= FINGERPRINT_HEAD_MAX &&
           hash_range(descriptor, 0, fingerprint->head_size, &head_hash) &&
           head_hash == fingerprint->head_hash &&
           fingerprint_tail_agrees(descriptor, position, fingerprint);
}
