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

static bool removal_is_repeated(const struct controller_delete_topics *operation, size_t index,
                                const struct wire_uuid *id)
{
    for (size_t i = 0; i < index; i++) {
        if (operation->results[i].error == 0 && meta_uuid_equal(operation->results[i].id, *id)) {
            return true;
        }
    }
    return false;
}

static void removal_decide_topic(struct decision *decision,
                                 struct controller_delete_topics *operation, size_t index)
{
    const struct controller_old_topic *old = &operation->topics[index];
    struct controller_topic_result *result = &operation->results[index];
    bool has_name = !bytes_is_null(old->name);
    result->name = old->name;
    result->id = old->id;
    if (!meta_broker_options(decision->meta)->delete_topic_enable) {
        decision_refuse(decision, &result->error, &result->message, ERROR_TOPIC_DELETION_DISABLED,
                        "Topics cannot be deleted: delete.topic.enable is false.");
        return;
    }
    if (has_name == removal_has_id(old)) {
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_REQUEST,
                        "Give either the name or the id of a topic.");
        return;
    }
    const struct meta_topic *topic = removal_find(decision, old);
    if (topic == NULL) {
        int code = has_name ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : ERROR_UNKNOWN_TOPIC_ID;
        decision_refuse(decision, &result->error, &result->message, code,
                        "This server does not host this topic%s.", has_name ? "-partition" : " ID");
        return;
    }
    if (removal_is_repeated(operation, index, &topic->id)) {
        result->is_repeated = has_name;
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_REQUEST,
                        "Duplicate topic name.");
        return;
    }
    result->id = topic->id;
    result->name = bytes_from_string(decision_string(decision, bytes_from_string(topic->name)));
    Meta__TopicDeleted deleted = META__TOPIC_DELETED__INIT;
    deleted.id = decision_id(&topic->id);
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_DELETED;
    command.topic_deleted = &deleted;
    decision_add(decision, &command);
}

static int removal_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_delete_topics *operation = (struct controller_delete_topics *)head;
    operation->results =
        arena_array(decision->arena, struct controller_topic_result, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        removal_decide_topic(decision, operation, i);
    }
    return 0;
}

static void removal_settle(struct controller_operation *head, int error)
{
    struct controller_delete_topics *operation = (struct controller_delete_topics *)head;
    decision_settle_topics(operation->results, operation->count, error);
}

const struct decision_kind removal_kind = {.decide = removal_decide, .settle = removal_settle};
