/* AlterClientQuotas (key 49, KIP-546): sets and removes limits, each entry by itself. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct alter_client_quotas {
    struct request *request;
    struct controller_alter_quotas operation;
};

static void alter_client_quotas_echo(struct request *request,
                                     const struct alter_client_quotas_request_entry *from,
                                     struct alter_client_quotas_response_entry *to)
{
    int32_t count = from->entity.count;
    to->entity.count = count;
    to->entity.items =
        arena_array(&request->arena, struct alter_client_quotas_response_entity, count);
    for (int32_t i = 0; i < count; i++) {
        to->entity.items[i] = (struct alter_client_quotas_response_entity){
            .entity_type = from->entity.items[i].entity_type,
            .entity_name = from->entity.items[i].entity_name};
    }
}

static void alter_client_quotas_on_done(struct controller_operation *operation)
{
    struct alter_client_quotas *alteration = operation->owner;
    struct request *request = alteration->request;
    const struct alter_client_quotas_request *asked =
        request_message(request, alter_client_quotas_request);
    struct alter_client_quotas_response response = {0};
    int32_t count = asked->entries.count;
    response.entries.count = count;
    response.entries.items =
        arena_array(&request->arena, struct alter_client_quotas_response_entry, count);
    for (int32_t i = 0; i < count; i++) {
        struct alter_client_quotas_response_entry *answer = &response.entries.items[i];
        alter_client_quotas_echo(request, &asked->entries.items[i], answer);
        if (operation->error != 0) {
            answer->error_code = error_code(operation->error);
        } else {
            answer->error_code = error_code(alteration->operation.results[i].error);
            answer->error_message = bytes_from_string(alteration->operation.results[i].message);
        }
    }
    request_answer(request, &response);
}

static void alter_client_quotas_convert(struct arena *arena,
                                        const struct alter_client_quotas_request_entry *from,
                                        struct controller_quota_entry *to)
{
    struct controller_quota_part *parts =
        arena_array(arena, struct controller_quota_part, from->entity.count);
    struct controller_quota_change *changes =
        arena_array(arena, struct controller_quota_change, from->operations.count);
    for (int32_t i = 0; i < from->entity.count; i++) {
        parts[i] = (struct controller_quota_part){.type = from->entity.items[i].entity_type,
                                                  .name = from->entity.items[i].entity_name};
    }
    for (int32_t i = 0; i < from->operations.count; i++) {
        const struct alter_client_quotas_request_operation *operation = &from->operations.items[i];
        changes[i] = (struct controller_quota_change){
            .key = operation->key, .value = operation->value, .is_removed = operation->remove};
    }
    *to = (struct controller_quota_entry){.parts = parts,
                                          .part_count = from->entity.count,
                                          .changes = changes,
                                          .change_count = from->operations.count};
}

void api_alter_client_quotas(struct request *request)
{
    const struct alter_client_quotas_request *asked =
        request_message(request, alter_client_quotas_request);
    struct alter_client_quotas *alteration = arena_new(&request->arena, struct alter_client_quotas);
    int32_t count = asked->entries.count;
    struct controller_quota_entry *entries =
        arena_array(&request->arena, struct controller_quota_entry, count);
    for (int32_t i = 0; i < count; i++) {
        alter_client_quotas_convert(&request->arena, &asked->entries.items[i], &entries[i]);
    }
    alteration->request = request;
    alteration->operation =
        (struct controller_alter_quotas){.operation = {.done = alter_client_quotas_on_done,
                                                       .owner = alteration,
                                                       .arena = &request->arena},
                                         .entries = entries,
                                         .count = (size_t)count,
                                         .is_validate_only = asked->validate_only};
    controller_alter_quotas(request->server->parts.controller, &alteration->operation);
}
