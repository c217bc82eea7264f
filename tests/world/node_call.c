/* One request of the workload; see node_call.h. */
#include "tests/world/node_call.h"

#include "log/base/memory.h"
#include "tests/world/node_world.h"

#include <stdlib.h>

struct node_call *
node_call_new(struct node_world *world,
              void (*done)(struct node_call *call, int error, const void *response), void *owner)
{
    struct node_call *call = memory_new(struct node_call);
    call->world = world;
    call->done = done;
    call->owner = owner;
    arena_init(&call->arena, 0);
    return call;
}

static void node_call_on_done(struct client_call *sent, int error, int16_t version,
                              const void *response)
{
    (void)version;
    struct node_call *call = sent->owner;
    call->world->call_count--;
    call->world->model.clock++;
    call->done(call, error, response);
    arena_fini(&call->arena);
    free(call);
}

void node_call_send(struct node_call *call, struct client *client, int lane, int16_t api_key,
                    int16_t version_max, const void *request)
{
    call->asked_at = ++call->world->model.clock;
    call->life = call->world->process.life;
    call->call = (struct client_call){.target = CLIENT_ANY,
                                      .lane = lane,
                                      .api_key = api_key,
                                      .version_max = version_max,
                                      .request = request,
                                      .done = node_call_on_done,
                                      .owner = call};
    call->world->call_count++;
    client_send(client, &call->call);
}
