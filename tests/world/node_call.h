/* One request of the workload that the client's own helpers would hide: sent once, its fate known.
 *
 * Owns:   its arena, which request and answer of the asker live in, until `done` returned.
 * Keeps:  it is answered once, in bounded time; world.call_count counts those under way.
 * Thread: one. */
#pragma once

#include "log/wire/messages.h"
#include "runtime/client/client.h"

struct node_world;

struct node_call {
    struct client_call call;
    struct node_world *world;
    struct arena arena;
    int64_t asked_at; /* by the model's clock */
    int life;         /* of the process when it was asked */
    /* With 0 the response struct of the API. */
    void (*done)(struct node_call *call, int error, const void *response);
    /* The asker's. */
    void *owner;
    int topic;
    int32_t partition;
    int64_t number;
    int64_t known;
};

struct node_call *
node_call_new(struct node_world *world,
              void (*done)(struct node_call *call, int error, const void *response), void *owner);
void node_call_send(struct node_call *call, struct client *client, int lane, int16_t api_key,
                    int16_t version_max, const void *request);
