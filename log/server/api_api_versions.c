/* ApiVersions (key 18): what this broker serves, and which features the cluster has.
 *
 * A version we do not know is answered with version 0 and our ranges, so that the client can try
 * again (KIP-511). */
#include "log/base/error.h"
#include "log/meta/feature.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

#include <stdlib.h>

/* What this broker can do, and what is in force; a feature at level 0 is not. */
static void api_versions_fill_features(struct request *request,
                                       struct api_versions_response *response)
{
    struct meta *meta = request->server->parts.meta;
    size_t count = 0;
    for (const struct feature *row = feature_next(NULL); row != NULL; row = feature_next(row)) {
        count++;
    }
    response->supported_features.items =
        arena_array(&request->arena, struct api_versions_response_supported_feature, count);
    response->finalized_features.items =
        arena_array(&request->arena, struct api_versions_response_finalized_feature, count);
    for (const struct feature *row = feature_next(NULL); row != NULL; row = feature_next(row)) {
        struct bytes name = bytes_from_string(row->name);
        int16_t level = (int16_t)meta_feature_level(meta, row->name);
        response->supported_features.items[response->supported_features.count++] =
            (struct api_versions_response_supported_feature){
                .name = name, .min_version = row->lowest, .max_version = row->highest};
        if (level > 0) {
            response->finalized_features.items[response->finalized_features.count++] =
                (struct api_versions_response_finalized_feature){
                    .name = name, .max_version_level = level, .min_version_level = level};
        }
    }
    response->finalized_features_epoch = meta_feature_epoch(meta);
}

static void api_versions_fill(struct request *request, struct api_versions_response *response)
{
    int32_t count = 0;
    for (const struct server_api *api = server_api_next(NULL); api != NULL;
         api = server_api_next(api)) {
        count++;
    }
    api_versions_fill_features(request, response);
    response->api_keys.items =
        arena_array(&request->arena, struct api_versions_response_api, count);
    for (const struct server_api *api = server_api_next(NULL); api != NULL;
         api = server_api_next(api)) {
        response->api_keys.items[response->api_keys.count++] = (struct api_versions_response_api){
            .api_key = api->request->key, .min_version = api->lowest, .max_version = api->highest};
    }
}

/* Bounded: they are kept as long as the connection. */
static char *api_versions_copy(struct bytes text)
{
    enum { SIZE_MAX_KEPT = 128 };
    return bytes_to_string(
        bytes_make(text.data, text.size < SIZE_MAX_KEPT ? text.size : SIZE_MAX_KEPT));
}

/* Subscriptions to metrics may be for certain clients (KIP-714). */
static void api_versions_remember(struct request *request)
{
    const struct api_versions_request *asked = request_message(request, api_versions_request);
    struct server_client *client =
        request->slot.connection == NULL
            ? NULL
            : server_find_client(request->server, request->slot.connection);
    if (client != NULL && asked->client_software_name.size > 0) {
        free(client->software_name);
        free(client->software_version);
        client->software_name = api_versions_copy(asked->client_software_name);
        client->software_version = api_versions_copy(asked->client_software_version);
    }
}

void api_api_versions(struct request *request)
{
    struct api_versions_response response = {0};
    api_versions_remember(request);
    api_versions_fill(request, &response);
    request_answer(request, &response);
}

void api_versions_answer_unsupported(struct request *request)
{
    struct api_versions_response response = {0};
    api_versions_fill(request, &response);
    response.error_code = error_code(ERROR_UNSUPPORTED_VERSION);
    request->version = 0;
    request_answer(request, &response);
}
