/* UpdateFeatures (key 57, KIP-584): changes the levels of features, all or none. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct update_features {
    struct request *request;
    struct controller_update_features operation;
};

/* Up to version 1 each feature is told by itself, if all is well. */
static void update_features_on_done(struct controller_operation *operation)
{
    struct update_features *update = operation->owner;
    struct request *request = update->request;
    int error = update->operation.refusal;
    size_t count = error == 0 ? update->operation.count : 0;
    struct update_features_response response = {.error_code = error_code(error),
                                                .error_message =
                                                    bytes_from_string(update->operation.message)};
    response.results.count = (int32_t)count;
    response.results.items =
        arena_array(&request->arena, struct update_features_response_result, count);
    for (size_t i = 0; i < count; i++) {
        response.results.items[i].feature = update->operation.updates[i].name;
    }
    request_answer(request, &response);
}

void api_update_features(struct request *request)
{
    const struct update_features_request *asked = request_message(request, update_features_request);
    struct update_features *update = arena_new(&request->arena, struct update_features);
    int32_t count = asked->feature_updates.count;
    struct controller_feature_update *updates =
        arena_array(&request->arena, struct controller_feature_update, count);
    for (int32_t i = 0; i < count; i++) {
        const struct update_features_request_feature_update *from =
            &asked->feature_updates.items[i];
        updates[i] = (struct controller_feature_update){
            .name = from->feature,
            .level = from->max_version_level,
            .kind = request->version == 0 && from->allow_downgrade ? CONTROLLER_SAFE_DOWNGRADE
                                                                   : from->upgrade_type};
    }
    update->request = request;
    update->operation = (struct controller_update_features){
        .operation = {.done = update_features_on_done, .owner = update, .arena = &request->arena},
        .updates = updates,
        .count = (size_t)count,
        .is_validate_only = asked->validate_only};
    controller_update_features(request->server->parts.controller, &update->operation);
}
