/* Five hashes; see hash.h. SipHash after Aumasson and Bernstein, "SipHash: a fast short-input PRF"
 * (2012), with the longer output of its reference implementation. */
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

/* Of the process; written once, before there is anybody to read it. */
static uint64_t hash_table_secret[2];

static uint64_t hash_words(struct bytes view, uint64_t first, uint64_t last)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ view.size ^ first;
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
    return hash_mix(hash ^ tail ^ last);
}

uint64_t hash_bytes(struct bytes view)
{
    return hash_words(view, 0, 0);
}

uint64_t hash_table(struct bytes view)
{
    return hash_words(view, hash_table_secret[0], hash_table_secret[1]);
}

void hash_set_secret(const uint64_t secret[2])
{
    hash_table_secret[0] = secret[0];
    hash_table_secret[1] = secret[1];
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

int32_t hash_partition(struct bytes key, int32_t partition_count)
{
    return partition_count == 1
               ? 0
               : (int32_t)((hash_murmur2(key) & 0x7fffffffu) % (uint32_t)partition_count);
}

int32_t hash_java_string(struct bytes view)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < view.size; i++) {
        hash = hash * 31 + view.data[i];
    }
    return (int32_t)hash;
}

static inline uint64_t hash_rotate(uint64_t value, int count)
{
    return value << count | value >> (64 - count);
}

static inline void hash_sip_round(uint64_t state[4])
{
    state[0] += state[1];
    state[1] = hash_rotate(state[1], 13) ^ state[0];
    state[0] = hash_rotate(state[0], 32);
    state[2] += state[3];
    state[3] = hash_rotate(state[3], 16) ^ state[2];
    state[0] += state[3];
    state[3] = hash_rotate(state[3], 21) ^ state[0];
    state[2] += state[1];
    state[1] = hash_rotate(state[1], 17) ^ state[2];
    state[2] = hash_rotate(state[2], 32);
}

static inline void hash_sip_word(uint64_t state[4], uint64_t word)
{
    state[3] ^= word;
    hash_sip_round(state);
    hash_sip_round(state);
    state[0] ^= word;
}

static uint64_t hash_sip_end(uint64_t state[4])
{
    for (int i = 0; i < 4; i++) {
        hash_sip_round(state);
    }
    return state[0] ^ state[1] ^ state[2] ^ state[3];
}

/* Little-endian, the missing high bytes zero. */
static uint64_t hash_sip_read(const uint8_t *at, size_t size)
{
    uint64_t word = 0;
    for (size_t i = size; i > 0; i--) {
        word = word << 8 | at[i - 1];
    }
    return word;
}

struct hash_wide hash_secure(const struct hash_secret *secret, struct bytes view)
{
    const uint64_t *key = secret->words;
    uint64_t state[4] = {
        key[0] ^ 0x736f6d6570736575u,
        key[1] ^ 0x646f72616e646f6du ^ 0xee,
        key[0] ^ 0x6c7967656e657261u,
        key[1] ^ 0x7465646279746573u,
    };
    size_t i = 0;
    for (; i + 8 <= view.size; i += 8) {
        hash_sip_word(state, hash_sip_read(view.data + i, 8));
    }
    hash_sip_word(state, hash_sip_read(view.data + i, view.size - i) | (uint64_t)view.size << 56);
    struct hash_wide hash;
    state[2] ^= 0xee;
    hash.words[0] = hash_sip_end(state);
    state[1] ^= 0xdd;
    hash.words[1] = hash_sip_end(state);
    return hash;
}
