/* Judges DeleteTopics, by name or by id; see removal.h. */
#include "log/controller/removal.h"

#include "log/base/error.h"

static const struct meta_topic *removal_find(struct decision *decision,
                                             const struct controller_old_topic *old)
{
    return bytes_is_null(old->name) ? meta_find_topic_id(decision->meta, old->id)
                                    : meta_find_topic(decision->meta, old->name);
}

static bool removal_has_id(const struct controller_old_topic *old)
{
    return !meta_uuid_equal(old->id, (struct wire_uuid){{0}});
}

/* Sets the result of what cannot be deleted; else the id of what can. */
static void removal_judge(struct decision *decision, const struct controller_old_topic *old,
                          struct controller_topic_result *result)
{
    bool has_name = !bytes_is_null(old->name);
    if (!meta_broker_options(decision->meta)->delete_topic_enable) {
        decision_refuse(decision, &result->error, &result->message, ERROR_TOPIC_DELETION_DISABLED,
                        "Topics cannot be deleted: delete.topic.enable is false.");
        return;
    }
    if (has_name == removal_has_id(old)) {
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_REQUEST,
                        has_name ? "You may not specify both topic name and topic id."
                                 : "Neither topic name nor id were specified.");
        return;
    }
    const struct meta_topic *topic = removal_find(decision, old);
    if (topic == NULL) {
        int code = has_name ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : ERROR_UNKNOWN_TOPIC_ID;
        decision_refuse(decision, &result->error, &result->message, code,
                        "This server does not host this topic%s.", has_name ? "-partition" : " ID");
        return;
    }
    result->id = topic->id;
}

/* A topic may be meant twice by its id, or by name and id. */
static void removal_refuse_same(struct decision *decision,
                                struct controller_delete_topics *operation)
{
    struct map first;
    map_init(&first);
    for (size_t i = 0; i < operation->count; i++) {
        struct controller_topic_result *result = &operation->results[i];
        if (result->error != 0) {
            continue;
        }
        struct bytes key = bytes_make(&result->id, sizeof result->id);
        struct controller_topic_result *other = map_find(&first, key);
        if (other == NULL) {
            map_put(&first, key, result);
            continue;
        }
        bool is_by_id = bytes_is_null(result->name) && bytes_is_null(other->name);
        result->is_repeated = true;
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_REQUEST,
                        is_by_id ? "Duplicate topic id."
                                 : "The provided topic name maps to an ID that was already "
                                   "supplied.");
        other->error = result->error;
        other->message = result->message;
    }
    map_fini(&first, NULL);
}

static void removal_add_command(struct decision *decision, struct controller_topic_result *result)
{
    const struct meta_topic *topic = meta_find_topic_id(decision->meta, result->id);
    result->name = bytes_from_string(decision_string(decision, bytes_from_string(topic->name)));
    Meta__TopicDeleted deleted = META__TOPIC_DELETED__INIT;
    deleted.id = decision_id(&result->id);
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_DELETED;
    command.topic_deleted = &deleted;
    decision_add(decision, &command);
}

static int32_t removal_partition_count(struct decision *decision, struct wire_uuid id)
{
    return meta_find_topic_id(decision->meta, id)->partition_count;
}

static int removal_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_delete_topics *operation = (struct controller_delete_topics *)head;
    struct controller_topic_result *results =
        arena_array(decision->arena, struct controller_topic_result, operation->count);
    operation->results = results;
    for (size_t i = 0; i < operation->count; i++) {
        results[i].name = operation->topics[i].name;
        results[i].id = operation->topics[i].id;
    }
    decision_refuse_repeated(decision, results, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        if (results[i].error == 0) {
            removal_judge(decision, &operation->topics[i], &results[i]);
        }
    }
    removal_refuse_same(decision, operation);
    for (size_t i = 0; i < operation->count; i++) {
        if (results[i].error == 0 &&
            decision_permit(decision, removal_partition_count(decision, results[i].id),
                            &results[i])) {
            removal_add_command(decision, &results[i]);
        }
    }
    return 0;
}

static void removal_settle(struct controller_operation *head, int error)
{
    struct controller_delete_topics *operation = (struct controller_delete_topics *)head;
    decision_settle_topics(operation->results, operation->count, error);
}

const struct decision_kind removal_kind = {.decide = removal_decide, .settle = removal_settle};
