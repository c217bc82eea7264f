/* ApiVersions (key 18): what this broker serves.
 *
 * A version we do not know is answered with version 0 and our ranges, so that the client can try
 * again (KIP-511). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static void api_versions_fill(struct request *request, struct api_versions_response *response)
{
    int32_t count = 0;
    for (const struct server_api *api = server_api_next(NULL); api != NULL;
         api = server_api_next(api)) {
        count++;
    }
    response->finalized_features_epoch = -1;
    response->api_keys.items =
        arena_array(&request->arena, struct api_versions_response_api, count);
    for (const struct server_api *api = server_api_next(NULL); api != NULL;
         api = server_api_next(api)) {
        response->api_keys.items[response->api_keys.count++] = (struct api_versions_response_api){
            .api_key = api->request->key, .min_version = api->lowest, .max_version = api->highest};
    }
}

void api_api_versions(struct request *request)
{
    struct api_versions_response response = {0};
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
