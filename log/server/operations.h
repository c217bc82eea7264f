/* What a client is told that it may do, as bit fields of Kafka's operations (KIP-430).
 *
 * There are no ACLs: whoever connects may do everything that the kind of resource knows.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum operations {
    OPERATIONS_NOT_ASKED = INT32_MIN,
    /* READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS */
    OPERATIONS_OF_GROUP = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11,
    /* those, WRITE, CREATE, ALTER */
    OPERATIONS_OF_TOPIC = OPERATIONS_OF_GROUP | 1 << 4 | 1 << 5 | 1 << 7,
    /* CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE */
    OPERATIONS_OF_CLUSTER = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12,
};

static inline int32_t operations_told(bool is_asked, enum operations all)
{
    return is_asked ? (int32_t)all : (int32_t)OPERATIONS_NOT_ASKED;
}
