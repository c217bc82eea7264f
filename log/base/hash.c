/* Three hashes; see hash.h. */
#include "log/base/hash.h"

#include <string.h>

static uint64_t hash_mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    return value ^ value >> 32;
}

uint64_t hash_bytes(struct bytes view)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ view.size;
    size_t i = 0;
    for (; i + 8 <= view.size; i += 8) {
        uint64_t word;
        memcpy(&word, view.data + i, 8);
        hash = hash_mix(hash ^ word);
    }
    uint64_t tail = 0;
    if (i < view.size) {
        memcpy(&tail, view.data + i, view.size - i);
    }
    return hash_mix(hash ^ tail);
}

uint32_t hash_murmur2(struct bytes view)
{
    const uint32_t multiplier = 0x5bd1e995;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)view.size;
    size_t i = 0;
    for (; i + 4 <= view.size; i += 4) {
        uint32_t word = (uint32_t)view.data[i] | (uint32_t)view.data[i + 1] << 8 |
                        (uint32_t)view.data[i + 2] << 16 | (uint32_t)view.data[i + 3] << 24;
        word *= multiplier;
        word ^= word >> 24;
        word *= multiplier;
        hash *= multiplier;
        hash ^= word;
    }
    uint32_t tail = 0;
    for (size_t rest = view.size - i; rest > 0; rest--) {
        tail = tail << 8 | view.data[i + rest - 1];
    }
    if (i < view.size) {
        hash ^= tail;
        hash *= multiplier;
    }
    hash ^= hash >> 13;
    hash *= multiplier;
    return hash ^ hash >> 15;
}

int32_t hash_java_string(struct bytes view)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < view.size; i++) {
        hash = hash * 31 + view.data[i];
    }
    return (int32_t)hash;
}
