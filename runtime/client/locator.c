/* FindCoordinator; see locator.h. */
#include "runtime/client/locator.h"

#include "log/base/error.h"

enum {
    LOCATOR_FIND_COORDINATOR_KEY = 10,
    LOCATOR_VERSION_BATCHED = 4, /* keys in, coordinators out */
};

void locator_init(struct locator *locator, struct client *client, int lane, struct bytes group)
{
    *locator = (struct locator){.client = client, .lane = lane, .group = group, .node_id = -1};
}

void locator_fini(struct locator *locator)
{
    if (locator->is_searching) {
        client_cancel(locator->client, &locator->call);
        locator->is_searching = false;
    }
}

must_use static int locator_take(struct locator *locator, int16_t version,
                                 const struct find_coordinator_response *response)
{
    int16_t code = response->error_code;
    int32_t node_id = response->node_id;
    struct bytes host = response->host;
    int32_t port = response->port;
    if (version >= LOCATOR_VERSION_BATCHED) {
        if (response->coordinators.count < 1) {
            return ERROR_MALFORMED;
        }
        const struct find_coordinator_response_coordinator *first =
            &response->coordinators.items[0];
        code = first->error_code;
        node_id = first->node_id;
        host = first->host;
        port = first->port;
    }
    if (code != 0) {
        return error_from_code(code);
    }
    client_add_broker(locator->client, node_id, host, port);
    locator->node_id = node_id;
    return 0;
}

static void locator_on_done(struct client_call *call, int error, int16_t version,
                            const void *response)
{
    struct locator *locator = call->owner;
    locator->is_searching = false;
    if (error == 0) {
        error = locator_take(locator, version, response);
    }
    locator->done(locator->owner, error);
}

void locator_search(struct locator *locator, void (*done)(void *owner, int error), void *owner)
{
    check(!locator->is_searching);
    locator->is_searching = true;
    locator->done = done;
    locator->owner = owner;
    locator->request = (struct find_coordinator_request){
        .key = locator->group,
        .key_type = locator->key_type,
    };
    locator->request.coordinator_keys.items = &locator->group;
    locator->request.coordinator_keys.count = 1;
    locator->call = (struct client_call){
        .target = CLIENT_ANY,
        .lane = locator->lane,
        .api_key = LOCATOR_FIND_COORDINATOR_KEY,
        .version_max = -1,
        .request = &locator->request,
        .done = locator_on_done,
        .owner = locator,
    };
    client_send(locator->client, &locator->call);
}

void locator_expire(struct locator *locator)
{
    locator->node_id = -1;
}

bool locator_is_misplaced(int error)
{
    return error == ERROR_NOT_COORDINATOR || error == ERROR_COORDINATOR_NOT_AVAILABLE ||
           error == ERROR_CLOSED || error == ERROR_REFUSED || error == ERROR_TIMEOUT ||
           error == ERROR_MALFORMED;
}
