/* ListConfigResources (key 74, KIP-1142): the names of what has configurations. Version 0 was made
 * for client metrics and knows nothing else. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

#include <inttypes.h>

struct config_listing {
    struct request *request;
    struct list_config_resources_response response;
    size_t capacity;
};

static void config_listing_add(struct config_listing *listing, int8_t kind, struct bytes name)
{
    struct list_config_resources_response *response = &listing->response;
    if ((size_t)response->config_resources.count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        struct list_config_resources_response_config_resource *items =
            arena_array(&listing->request->arena,
                        struct list_config_resources_response_config_resource, capacity);
        for (size_t i = 0; i < listing->capacity; i++) {
            items[i] = response->config_resources.items[i];
        }
        response->config_resources.items = items;
        listing->capacity = capacity;
    }
    response->config_resources.items[response->config_resources.count++] =
        (struct list_config_resources_response_config_resource){.resource_name = name,
                                                                .resource_type = kind};
}

static void config_listing_add_topics(struct config_listing *listing)
{
    struct meta *meta = listing->request->server->parts.meta;
    for (size_t i = 0; i < meta_topic_count(meta); i++) {
        config_listing_add(listing, CONTROLLER_RESOURCE_TOPIC,
                           bytes_from_string(meta_topic_at(meta, i)->name));
    }
}

static void config_listing_add_node(struct config_listing *listing, int8_t kind)
{
    struct request *request = listing->request;
    config_listing_add(listing, kind,
                       bytes_from_string(arena_printf(&request->arena, "%" PRId32,
                                                      request->server->parts.node_id)));
}

static void config_listing_add_resource(void *owner, const struct meta_resource *resource)
{
    config_listing_add((struct config_listing *)owner, resource->kind,
                       bytes_from_string(resource->name));
}

static void config_listing_add_kind(struct config_listing *listing,
                                    enum controller_resource_kind kind)
{
    switch (kind) {
    case CONTROLLER_RESOURCE_TOPIC:
        config_listing_add_topics(listing);
        return;
    case CONTROLLER_RESOURCE_BROKER:
    case CONTROLLER_RESOURCE_LOGGER:
        config_listing_add_node(listing, (int8_t)kind);
        return;
    case CONTROLLER_RESOURCE_CLIENT_METRICS:
    case CONTROLLER_RESOURCE_GROUP:
        meta_each_resource(listing->request->server->parts.meta, (int8_t)kind,
                           config_listing_add_resource, listing);
        return;
    }
}

static bool config_listing_is_known(int8_t kind)
{
    switch ((enum controller_resource_kind)kind) {
    case CONTROLLER_RESOURCE_TOPIC:
    case CONTROLLER_RESOURCE_BROKER:
    case CONTROLLER_RESOURCE_LOGGER:
    case CONTROLLER_RESOURCE_CLIENT_METRICS:
    case CONTROLLER_RESOURCE_GROUP:
        return true;
    }
    return false;
}

static bool config_listing_is_asked(struct request *request, int8_t kind)
{
    const struct list_config_resources_request *asked =
        request_message(request, list_config_resources_request);
    bool is_asked = asked->resource_types.count == 0;
    for (int32_t i = 0; i < asked->resource_types.count; i++) {
        is_asked = is_asked || asked->resource_types.items[i] == kind;
    }
    return is_asked;
}

void api_list_config_resources(struct request *request)
{
    static const enum controller_resource_kind kinds[] = {
        CONTROLLER_RESOURCE_GROUP, CONTROLLER_RESOURCE_CLIENT_METRICS, CONTROLLER_RESOURCE_LOGGER,
        CONTROLLER_RESOURCE_BROKER, CONTROLLER_RESOURCE_TOPIC};
    const struct list_config_resources_request *asked =
        request_message(request, list_config_resources_request);
    struct config_listing listing = {.request = request};
    for (int32_t i = 0; i < asked->resource_types.count; i++) {
        if (!config_listing_is_known(asked->resource_types.items[i])) {
            listing.response.error_code = error_code(ERROR_UNSUPPORTED_VERSION);
        }
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool is_asked = request->version == 0 ? kinds[i] == CONTROLLER_RESOURCE_CLIENT_METRICS
                                              : config_listing_is_asked(request, (int8_t)kinds[i]);
        if (listing.response.error_code == 0 && is_asked) {
            config_listing_add_kind(&listing, kinds[i]);
        }
    }
    request_answer(request, &listing.response);
}
