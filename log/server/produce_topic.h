/* The name of a topic in a Produce request, which from version 13 on has its id instead.
 *
 * Owns:   nothing.
 * Thread: the server's shard. */
#pragma once

#include "log/server/server_state.h"

enum { PRODUCE_TOPIC_ID_VERSION = 13 };

/* Null for an id that nobody knows. */
static inline struct bytes produce_topic_name(const struct request *request,
                                              const struct produce_request_topic *topic)
{
    if (request->version < PRODUCE_TOPIC_ID_VERSION) {
        return topic->name;
    }
    const struct meta_topic *found =
        meta_find_topic_id(request->server->parts.meta, topic->topic_id);
    return found == NULL ? (struct bytes){0} : bytes_from_string(found->name);
}
