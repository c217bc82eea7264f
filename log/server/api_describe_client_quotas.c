/* DescribeClientQuotas (key 48, KIP-546): the limits of all entities that fit a filter. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { QUOTA_MATCH_EXACT = 0, QUOTA_MATCH_DEFAULT = 1, QUOTA_MATCH_ANY = 2 };

struct quota_filter {
    struct {
        bool is_given;
        int8_t match_type;
        struct bytes match;
    } parts[QUOTA_ENTITY_PARTS];
    bool is_strict;
};

/* `what` ends the sentence. */
static int quota_filter_refuse(struct request *request, int error, struct bytes *message,
                               const char *sentence, struct bytes what)
{
    *message =
        bytes_from_string(arena_printf(&request->arena, "%s%.*s", sentence, BYTES_FORMAT(what)));
    return error;
}

static int quota_filter_read_part(struct request *request, struct quota_filter *filter,
                                  const struct describe_client_quotas_request_component *from,
                                  struct bytes *message)
{
    enum quota_entity_part part = QUOTA_ENTITY_USER;
    struct bytes none = {NULL, 0};
    if (from->entity_type.size == 0) {
        return quota_filter_refuse(request, ERROR_INVALID_REQUEST, message,
                                   "Invalid empty entity type.", none);
    }
    if (!quota_entity_find_part(from->entity_type, &part)) {
        return quota_filter_refuse(request, ERROR_UNSUPPORTED_VERSION, message,
                                   "Unsupported entity type ", from->entity_type);
    }
    if (filter->parts[part].is_given) {
        return quota_filter_refuse(
            request, ERROR_INVALID_REQUEST, message,
            "Entity type cannot appear more than once in the filter: ", from->entity_type);
    }
    if (from->match_type < QUOTA_MATCH_EXACT || from->match_type > QUOTA_MATCH_ANY) {
        return quota_filter_refuse(request, ERROR_INVALID_REQUEST, message,
                                   "Unknown match type; there are 0 (this name), 1 (the default) "
                                   "and 2 (any)",
                                   none);
    }
    bool is_exact = from->match_type == QUOTA_MATCH_EXACT;
    if (is_exact == bytes_is_null(from->match)) {
        return quota_filter_refuse(request, ERROR_INVALID_REQUEST, message,
                                   is_exact ? "Request specified MATCH_TYPE_EXACT, but set match "
                                              "string to null."
                                            : "Request specified another match type than EXACT, "
                                              "but also specified a match string.",
                                   none);
    }
    filter->parts[part].is_given = true;
    filter->parts[part].match_type = from->match_type;
    filter->parts[part].match = from->match;
    return 0;
}

static int quota_filter_read(struct request *request, struct quota_filter *filter,
                             struct bytes *message)
{
    const struct describe_client_quotas_request *asked =
        request_message(request, describe_client_quotas_request);
    int error = 0;
    filter->is_strict = asked->strict;
    for (int32_t i = 0; i < asked->components.count && error == 0; i++) {
        error = quota_filter_read_part(request, filter, &asked->components.items[i], message);
    }
    if (error == 0 && filter->parts[QUOTA_ENTITY_IP].is_given &&
        (filter->parts[QUOTA_ENTITY_USER].is_given ||
         filter->parts[QUOTA_ENTITY_CLIENT].is_given)) {
        error = quota_filter_refuse(request, ERROR_INVALID_REQUEST, message,
                                    "Invalid entity filter component combination. IP filter "
                                    "component should not be used with user or clientId filter "
                                    "component.",
                                    (struct bytes){NULL, 0});
    }
    return error;
}

static bool quota_filter_fits(const struct quota_filter *filter, const struct quota_entity *entity)
{
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        const struct quota_entity_name *name = &entity->parts[part];
        bool is_default = bytes_is_null(name->name);
        bool is_given = filter->parts[part].is_given;
        int8_t match_type = filter->parts[part].match_type;
        if ((is_given && !name->is_given) || (!is_given && name->is_given && filter->is_strict) ||
            (is_given && match_type == QUOTA_MATCH_DEFAULT && !is_default) ||
            (is_given && match_type == QUOTA_MATCH_EXACT &&
             (is_default || !bytes_equal(name->name, filter->parts[part].match)))) {
            return false;
        }
    }
    return true;
}

static void quota_fill_entry(struct arena *arena, const struct quota_entity *entity,
                             const struct quota_limits *limits,
                             struct describe_client_quotas_response_entry *answer)
{
    answer->entity.items =
        arena_array(arena, struct describe_client_quotas_response_entity, QUOTA_ENTITY_PARTS);
    answer->values.items =
        arena_array(arena, struct describe_client_quotas_response_value, QUOTA_KINDS);
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        if (entity->parts[part].is_given) {
            answer->entity.items[answer->entity.count++] =
                (struct describe_client_quotas_response_entity){
                    .entity_type =
                        bytes_from_string(quota_entity_part_name((enum quota_entity_part)part)),
                    .entity_name = entity->parts[part].name};
        }
    }
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        if (limits->values[kind] > 0) {
            answer->values.items[answer->values.count++] =
                (struct describe_client_quotas_response_value){
                    .key = bytes_from_string(quota_row((enum quota_kind)kind)->name),
                    .value = limits->values[kind]};
        }
    }
}

/* A strict filter of nothing fits nothing: there is no entity without a part. */
void api_describe_client_quotas(struct request *request)
{
    const struct quota_table *table = meta_quotas(request->server->parts.meta);
    struct describe_client_quotas_response response = {.entries = {.count = -1}};
    struct quota_filter filter = {0};
    int error = quota_filter_read(request, &filter, &response.error_message);
    response.error_code = error_code(error);
    if (error == 0) {
        response.entries.count = 0;
        response.entries.items = arena_array(
            &request->arena, struct describe_client_quotas_response_entry, table->limits.size);
        for (map_each (&table->limits, entry)) {
            struct quota_entity entity = quota_entity_from_key(entry->key);
            if (quota_filter_fits(&filter, &entity)) {
                quota_fill_entry(&request->arena, &entity, entry->value,
                                 &response.entries.items[response.entries.count++]);
            }
        }
    }
    request_answer(request, &response);
}
