/* Hashes, the same in every run but for the one with a secret of the process.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

/* For tables and fingerprints; FNV-1a folded with a final mix. Not for files: it may change. */
uint64_t hash_bytes(struct bytes view);
/* For tables that hold what strangers name: as hash_bytes, mixed with the secret of the process, so
 * that nobody can choose names that all fall on one place. Nothing may depend on its order. */
uint64_t hash_table(struct bytes view);
/* Before the first table is made and the first thread is started, and in a process that serves
 * strangers only: without a secret a run can be repeated. */
void hash_set_secret(const uint64_t secret[2]);
/* Kafka's murmur2 (seed 0x9747b28c). */
uint32_t hash_murmur2(struct bytes view);
/* Where the Java client puts a key, and so do we: (murmur2 & 0x7fffffff) % count. */
int32_t hash_partition(struct bytes key, int32_t partition_count);
/* SipHash-2-4 with 128 bits under a secret key: whoever does not know the secret cannot make two
 * inputs that collide, and by chance none ever do. For telling keys apart by their hashes alone. */
struct hash_wide {
    uint64_t words[2];
};
struct hash_secret {
    uint64_t words[2];
};
struct hash_wide hash_secure(const struct hash_secret *secret, struct bytes view);
/* Java's String.hashCode over UTF-8 that is ASCII; coordinators choose their partition with it. */
int32_t hash_java_string(struct bytes view);
