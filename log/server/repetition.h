/* Whether something stands in a request for the first time.
 *
 * A description may be a thousand times larger than the name it was asked with, so each is given
 * once, however often a request names it.
 *
 * Owns:   the names, until repetition_fini.
 * Thread: the server's shard. */
#pragma once

#include "log/base/map.h"

struct repetition {
    struct map seen;
};

static inline void repetition_init(struct repetition *repetition)
{
    map_init(&repetition->seen);
}

static inline void repetition_fini(struct repetition *repetition)
{
    map_fini(&repetition->seen, NULL);
}

/* What names one of several things of the same name, built in `key`. */
static inline struct bytes repetition_key(struct buffer *key, struct bytes name, int32_t index)
{
    buffer_clear(key);
    buffer_add(key, &index, sizeof index);
    buffer_add_bytes(key, name);
    return buffer_bytes(key);
}

/* Once true for each name. */
static inline bool repetition_is_first(struct repetition *repetition, struct bytes name)
{
    static char mark;
    struct bytes key = bytes_is_null(name) ? BYTES_LITERAL("") : name;
    return map_put(&repetition->seen, key, &mark) == NULL;
}
