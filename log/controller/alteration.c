/* Judges AlterConfigs (a full replacement) and IncrementalAlterConfigs; see alteration.h.
 *
 * A resource's new values are worked out in a map, judged as a whole, and become a command with
 * what differs from the values that are set now. */
#include "log/controller/alteration.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "log/meta/client_match.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALTERATION_NAME_SIZE_MAX = 255 };

/* What differs between the kinds of resources. */
struct alteration_kind {
    const struct option_row *rows;
    const size_t *row_count;
    size_t (*describe)(const struct config_layers *layers, struct arena *arena,
                       struct config_entry **out);
    int name_error;      /* of an unknown option */
    int value_error;     /* of a bad value */
    const char *no_name; /* why a resource without a name is refused; NULL: it is not */
    const char *unknown; /* in front of an unknown option */
};

static const struct alteration_kind alteration_topic = {
    .rows = topic_options_rows,
    .row_count = &topic_options_row_count,
    .describe = config_describe_topic,
    .name_error = ERROR_INVALID_CONFIG,
    .value_error = ERROR_INVALID_CONFIG,
    .no_name = "Default topic resources are not allowed.",
    .unknown = "Unknown topic config name",
};
static const struct alteration_kind alteration_broker = {
    .rows = broker_options_rows,
    .row_count = &broker_options_row_count,
    .describe = config_describe_broker,
    .name_error = ERROR_INVALID_CONFIG,
    .value_error = ERROR_INVALID_REQUEST, /* as in Kafka */
    .unknown = "Unknown broker config name",
};
static const struct alteration_kind alteration_group = {
    .rows = group_options_rows,
    .row_count = &group_options_row_count,
    .describe = config_describe_group,
    .name_error = ERROR_INVALID_CONFIG,
    .value_error = ERROR_INVALID_CONFIG,
    .no_name = "Default group resources are not allowed.",
    .unknown = "Unknown group config name",
};
static const struct alteration_kind alteration_client_metrics = {
    .rows = client_metrics_options_rows,
    .row_count = &client_metrics_options_row_count,
    .describe = config_describe_client_metrics,
    .name_error = ERROR_INVALID_REQUEST,
    .value_error = ERROR_INVALID_REQUEST,
    .no_name = "Subscription name can't be empty",
    .unknown = "Unknown client metrics configuration",
};

/* Room for the options of any kind. */
union alteration_scratch {
    struct topic_options topic;
    struct broker_options broker;
    struct group_options group;
    struct client_metrics_options client_metrics;
};

/* One resource on its way. */
struct alteration {
    const struct alteration_kind *kind;
    struct decision *decision;
    const struct controller_resource *resource;
    struct controller_resource_result *result;
    const struct meta_topic *topic; /* NULL for a broker */
    const struct map *before;       /* what is set now; NULL for nothing */
    struct map after;               /* name to char * */
    bool is_incremental;
};

#define ALTERATION_REFUSE(alteration, code, ...)                                                   \
    decision_refuse((alteration)->decision, &(alteration)->result->error,                          \
                    &(alteration)->result->message, code, __VA_ARGS__)

static const struct option_row *alteration_row(const struct alteration *alteration,
                                               const char *name)
{
    return alteration->kind == &alteration_broker
               ? broker_options_find(name) /* knows old names */
               : option_find(alteration->kind->rows, *alteration->kind->row_count, name);
}

static void alteration_put(struct alteration *alteration, const char *name, const char *value)
{
    free(map_put(&alteration->after, bytes_from_string(name), memory_string(value)));
}

static void alteration_find_topic(struct alteration *alteration)
{
    struct bytes name = alteration->resource->name;
    const char *reason = meta_refuse_topic_name(name);
    if (*reason != 0) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_TOPIC, "Topic name '%.*s' is invalid: %s",
                          BYTES_FORMAT(name), reason);
        return;
    }
    alteration->topic = meta_find_topic(alteration->decision->meta, name);
    if (alteration->topic == NULL) {
        ALTERATION_REFUSE(alteration, ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                          "The topic '%.*s' does not exist.", BYTES_FORMAT(name));
        return;
    }
    alteration->before = &alteration->topic->configs;
}

static void alteration_find_broker(struct alteration *alteration)
{
    struct decision *decision = alteration->decision;
    char *name = decision_string(decision, alteration->resource->name);
    char *end = NULL;
    long node = strtol(name, &end, 10);
    char canonical[32];
    snprintf(canonical, sizeof canonical, "%ld", node);
    if (*name != 0 && (strcmp(name, canonical) != 0 || node < 0 || node > INT32_MAX ||
                       !decision_has_broker(decision, (int32_t)node))) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST,
                          "There is no broker '%s'; a broker is named by its number.", name);
        return;
    }
    alteration->before = meta_broker_configs(decision->meta, name);
}

static void alteration_count(void *owner, const struct meta_resource *resource)
{
    (void)resource;
    ++*(size_t *)owner;
}

/* One more of what has nothing but its options is refused beyond a limit. */
static void alteration_limit_plain(struct alteration *alteration)
{
    const struct broker_options *options = meta_broker_options(alteration->decision->meta);
    bool is_group = alteration->kind == &alteration_group;
    int32_t limit =
        is_group ? options->group_configs_max : options->client_metrics_subscriptions_max;
    size_t count = 0;
    meta_each_resource(alteration->decision->meta, alteration->resource->kind, alteration_count,
                       &count);
    if (count >= (size_t)limit) {
        ALTERATION_REFUSE(alteration, ERROR_POLICY_VIOLATION,
                          "There are %d already, which is as many as %s allows.", (int)count,
                          is_group ? "group.configs.max" : "client.metrics.subscriptions.max");
    }
}

/* Exists as soon as something is set on it. */
static void alteration_find_plain(struct alteration *alteration)
{
    const struct meta_resource *resource = meta_find_resource(
        alteration->decision->meta, alteration->resource->kind, alteration->resource->name);
    if (alteration->resource->name.size > ALTERATION_NAME_SIZE_MAX ||
        memchr(alteration->resource->name.data, 0, alteration->resource->name.size) != NULL) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST,
                          "The name of a resource has at most %d bytes, and no NUL.",
                          ALTERATION_NAME_SIZE_MAX);
        return;
    }
    alteration->before = resource == NULL ? NULL : &resource->configs;
    if (resource == NULL && alteration->resource->change_count > 0) {
        alteration_limit_plain(alteration);
    }
}

static const struct alteration_kind *alteration_kind_of(int8_t kind)
{
    switch ((enum controller_resource_kind)kind) {
    case CONTROLLER_RESOURCE_TOPIC:
        return &alteration_topic;
    case CONTROLLER_RESOURCE_BROKER:
        return &alteration_broker;
    case CONTROLLER_RESOURCE_GROUP:
        return &alteration_group;
    case CONTROLLER_RESOURCE_CLIENT_METRICS:
        return &alteration_client_metrics;
    case CONTROLLER_RESOURCE_LOGGER:
        return NULL;
    }
    return NULL;
}

static void alteration_find(struct alteration *alteration)
{
    const struct alteration_kind *kind = alteration_kind_of(alteration->resource->kind);
    alteration->kind = kind;
    if (alteration->resource->kind == CONTROLLER_RESOURCE_LOGGER && alteration->is_incremental) {
        return; /* the broker's own affair */
    }
    if (kind == NULL) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST, "Unknown resource type %d",
                          alteration->resource->kind);
    } else if (kind->no_name != NULL && alteration->resource->name.size == 0) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST, "%s", kind->no_name);
    } else if (kind == &alteration_topic) {
        alteration_find_topic(alteration);
    } else if (kind == &alteration_broker) {
        alteration_find_broker(alteration);
    } else {
        alteration_find_plain(alteration);
    }
}

/* The value a list has before items are added or taken away: the resource's own, or the one it has
 * from below. */
static const char *alteration_current(struct alteration *alteration, const char *name)
{
    const char *own = (const char *)map_find_string(&alteration->after, name);
    if (own != NULL) {
        return own;
    }
    struct config_layers layers = meta_config_layers(alteration->decision->meta, NULL);
    struct config_entry *entries;
    size_t count = alteration->kind->describe(&layers, alteration->decision->arena, &entries);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return entries[i].value == NULL ? "" : entries[i].value;
        }
    }
    return "";
}

static void alteration_add_item(struct buffer *list, struct bytes item)
{
    buffer_add_string(list, list->size == 0 ? "" : ",");
    buffer_add_bytes(list, item);
}

/* Appends those items of `from` whose presence in `filter` is as wanted and which are not in `list`
 * yet. */
static void alteration_select(const char *from, const char *filter, bool is_wanted,
                              struct buffer *list)
{
    while (*from != 0) {
        size_t size = strcspn(from, ",");
        char *item = bytes_to_string(bytes_make(from, size));
        if (size > 0 && option_list_has(filter, item) == is_wanted &&
            !option_list_has(buffer_string(list), item)) {
            alteration_add_item(list, bytes_make(item, size));
        }
        free(item);
        from += size + (from[size] == ',');
    }
}

/* APPEND or SUBTRACT. */
static void alteration_change_list(struct alteration *alteration, const char *name,
                                   const char *items, bool is_append)
{
    const struct option_row *row = alteration_row(alteration, name);
    struct buffer list;
    if (row == NULL || row->kind != OPTION_LIST) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_CONFIG,
                          "Can't %s to key %s because its type is not LIST.",
                          is_append ? "APPEND" : "SUBTRACT", name);
        return;
    }
    buffer_init(&list);
    const char *current = alteration_current(alteration, name);
    alteration_select(current, is_append ? "" : items, false, &list);
    if (is_append) {
        alteration_select(items, "", false, &list);
    }
    alteration_put(alteration, name, buffer_string(&list));
    buffer_fini(&list);
}

static void alteration_set(struct alteration *alteration, const char *name, const char *value)
{
    const struct option_row *row = alteration_row(alteration, name);
    union alteration_scratch scratch = {{0}};
    if (row != NULL) {
        value = decision_canonical(alteration->decision, row, value, &scratch);
        option_fini(row, 1, &scratch);
    }
    alteration_put(alteration, name, value);
}

static void alteration_apply(struct alteration *alteration, const struct controller_change *change)
{
    const char *name = decision_string(alteration->decision, change->name);
    enum controller_change_kind kind = alteration->is_incremental
                                           ? (enum controller_change_kind)change->kind
                                           : CONTROLLER_CHANGE_SET;
    if (kind != CONTROLLER_CHANGE_DELETE && bytes_is_null(change->value)) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST, "Null value not supported for : %s",
                          name);
        return;
    }
    if (!decision_is_plain(change->name) || !decision_is_plain(change->value)) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_CONFIG,
                          "%.200s: names and values have at most %d bytes, and no NUL", name,
                          DECISION_VALUE_SIZE_MAX);
        return;
    }
    const char *value = decision_string(alteration->decision, change->value);
    switch (kind) {
    case CONTROLLER_CHANGE_SET:
        alteration_set(alteration, name, value);
        return;
    case CONTROLLER_CHANGE_DELETE:
        free(map_remove(&alteration->after, change->name));
        return;
    case CONTROLLER_CHANGE_APPEND:
    case CONTROLLER_CHANGE_SUBTRACT:
        alteration_change_list(alteration, name, value, kind == CONTROLLER_CHANGE_APPEND);
        return;
    }
    ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST, "Unknown kind of change %d for %s",
                      change->kind, name);
}

/* Whether a name stands more than once among the changes. */
static bool alteration_has_repetition(const struct controller_resource *resource)
{
    struct map seen;
    bool is_repeated = false;
    map_init(&seen);
    for (int32_t i = 0; i < resource->change_count && !is_repeated; i++) {
        is_repeated =
            map_put(&seen, resource->changes[i].name, (void *)(uintptr_t)resource) != NULL;
    }
    map_fini(&seen, NULL);
    return is_repeated;
}

static void alteration_apply_all(struct alteration *alteration)
{
    const struct controller_resource *resource = alteration->resource;
    if (alteration_has_repetition(resource)) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST, "Error due to duplicate config keys");
    }
    for (int32_t i = 0; i < resource->change_count && alteration->result->error == 0; i++) {
        alteration_apply(alteration, &resource->changes[i]);
    }
}

static void alteration_validate_topic(struct alteration *alteration)
{
    struct topic_options options = {0};
    struct report report = {0};
    topic_options_copy(meta_topic_defaults(alteration->decision->meta), &options);
    int error = topic_options_override(&options, &alteration->after, &report);
    topic_options_fini(&options);
    if (error != 0) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_CONFIG, "%s", report.text);
    }
}

static bool alteration_is_changed(const struct alteration *alteration, struct bytes name,
                                  const char *value)
{
    const char *before =
        alteration->before == NULL ? NULL : (const char *)map_find(alteration->before, name);
    return before == NULL || strcmp(before, value) != 0;
}

/* Brokers do not change what was read at the start. */
static bool alteration_is_fixed(const struct alteration *alteration, const struct option_row *row)
{
    return alteration->kind == &alteration_broker && (row->flags & OPTION_READ_ONLY) != 0;
}

/* Kafka's codes: a number out of its bounds is an invalid request, what is no number an invalid
 * config; but for brokers, where both are invalid requests. */
static int alteration_value_error(const struct alteration *alteration, const char *value)
{
    int64_t number = 0;
    bool is_metrics = alteration->kind == &alteration_client_metrics;
    return is_metrics && text_parse_int64(value, &number) != 0 ? ERROR_INVALID_CONFIG
                                                               : alteration->kind->value_error;
}

/* "consumer.session.timeout.ms" lies within group.consumer.min.session.timeout.ms and ...max... */
static void alteration_hold_group_value(struct alteration *alteration, const struct option_row *row,
                                        const char *value, const char *bound)
{
    int64_t number = 0;
    char name[ALTERATION_NAME_SIZE_MAX];
    const char *point = strchr(row->name, '.');
    snprintf(name, sizeof name, "group.%.*s.%s%s", (int)(point - row->name), row->name, bound,
             point);
    const struct option_row *limit = broker_options_find(name);
    if (limit == NULL || text_parse_duration_ms(value, &number) != 0) {
        return;
    }
    int64_t limit_number = option_number(limit, meta_broker_options(alteration->decision->meta));
    bool is_min = strcmp(bound, "min") == 0;
    if (is_min ? number < limit_number : number > limit_number) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_CONFIG,
                          "%s must be %s than or equal to %s, which is %" PRId64, row->name,
                          is_min ? "greater" : "less", name, limit_number);
    }
}

/* What a row cannot say. */
static void alteration_validate_meaning(struct alteration *alteration, const struct option_row *row,
                                        const char *value)
{
    struct report report = {0};
    if (alteration->kind == &alteration_group) {
        alteration_hold_group_value(alteration, row, value, "min");
        alteration_hold_group_value(alteration, row, value, "max");
    }
    if (alteration->kind == &alteration_client_metrics && strcmp(row->name, "match") == 0 &&
        client_match_validate(value, &report) != 0) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_CONFIG, "%s", report.text);
    }
}

static void alteration_validate_value(struct alteration *alteration, const char *name,
                                      const char *value)
{
    const struct alteration_kind *kind = alteration->kind;
    union alteration_scratch scratch = {{0}};
    struct report report = {0};
    const struct option_row *row = option_require(kind->rows, *kind->row_count, name, &report);
    if (row == NULL) {
        ALTERATION_REFUSE(alteration, kind->name_error, "%s: %s", kind->unknown, report.text);
    } else if (alteration_is_fixed(alteration, row)) {
        ALTERATION_REFUSE(alteration, ERROR_INVALID_REQUEST,
                          "Cannot update these configs dynamically: [%s]; set it in "
                          "server.properties and restart",
                          name);
    } else if (option_parse(row, value, &scratch, &report) != 0) {
        ALTERATION_REFUSE(alteration, alteration_value_error(alteration, value), "%s", report.text);
    } else {
        option_fini(row, 1, &scratch);
        alteration_validate_meaning(alteration, row, value);
    }
}

/* Lists grow by what is appended. */
static void alteration_validate_sizes(struct alteration *alteration)
{
    for (map_each (&alteration->after, entry)) {
        if (strlen((const char *)entry->value) > DECISION_VALUE_SIZE_MAX &&
            alteration->result->error == 0) {
            ALTERATION_REFUSE(alteration, ERROR_INVALID_CONFIG,
                              "%.*s would have more than %d bytes", BYTES_FORMAT(entry->key),
                              DECISION_VALUE_SIZE_MAX);
        }
    }
}

static void alteration_validate(struct alteration *alteration)
{
    alteration_validate_sizes(alteration);
    if (alteration->result->error != 0) {
        return;
    }
    if (alteration->topic != NULL) {
        alteration_validate_topic(alteration);
        return;
    }
    for (map_each (&alteration->after, entry)) {
        const char *value = (const char *)entry->value;
        if (alteration->result->error == 0 &&
            alteration_is_changed(alteration, entry->key, value)) {
            alteration_validate_value(alteration, decision_string(alteration->decision, entry->key),
                                      value);
        }
    }
}

static Meta__Config *alteration_config(struct alteration *alteration, struct bytes name,
                                       const char *value)
{
    Meta__Config *config = arena_new(alteration->decision->arena, Meta__Config);
    meta__config__init(config);
    config->name = decision_string(alteration->decision, name);
    config->is_removed = value == NULL;
    if (value != NULL) {
        config->value = decision_string(alteration->decision, bytes_from_string(value));
    }
    return config;
}

/* What leads from before to after. */
static size_t alteration_differ(struct alteration *alteration, Meta__Config ***out)
{
    size_t before_count = alteration->before == NULL ? 0 : alteration->before->size;
    Meta__Config **changes = arena_array(alteration->decision->arena, Meta__Config *,
                                         before_count + alteration->after.size + 1);
    size_t count = 0;
    if (alteration->before != NULL) {
        for (map_each (alteration->before, entry)) {
            if (map_find(&alteration->after, entry->key) == NULL) {
                changes[count++] = alteration_config(alteration, entry->key, NULL);
            }
        }
    }
    for (map_each (&alteration->after, entry)) {
        if (alteration_is_changed(alteration, entry->key, (const char *)entry->value)) {
            changes[count++] =
                alteration_config(alteration, entry->key, (const char *)entry->value);
        }
    }
    *out = changes;
    return count;
}

static void alteration_add_command(struct alteration *alteration)
{
    Meta__TopicConfigChanged topic_changed = META__TOPIC_CONFIG_CHANGED__INIT;
    Meta__BrokerConfigChanged broker_changed = META__BROKER_CONFIG_CHANGED__INIT;
    Meta__ResourceConfigChanged resource_changed = META__RESOURCE_CONFIG_CHANGED__INIT;
    Meta__Command command = META__COMMAND__INIT;
    Meta__Config **changes;
    size_t count = alteration_differ(alteration, &changes);
    if (count == 0) {
        return;
    }
    if (alteration->topic != NULL) {
        topic_changed.id = decision_id(&alteration->topic->id);
        topic_changed.changes = changes;
        topic_changed.n_changes = count;
        command.kind_case = META__COMMAND__KIND_TOPIC_CONFIG_CHANGED;
        command.topic_config_changed = &topic_changed;
    } else if (alteration->kind == &alteration_broker) {
        broker_changed.node = decision_string(alteration->decision, alteration->resource->name);
        broker_changed.changes = changes;
        broker_changed.n_changes = count;
        command.kind_case = META__COMMAND__KIND_BROKER_CONFIG_CHANGED;
        command.broker_config_changed = &broker_changed;
    } else {
        resource_changed.kind = alteration->resource->kind;
        resource_changed.name = decision_string(alteration->decision, alteration->resource->name);
        resource_changed.changes = changes;
        resource_changed.n_changes = count;
        command.kind_case = META__COMMAND__KIND_RESOURCE_CONFIG_CHANGED;
        command.resource_config_changed = &resource_changed;
    }
    decision_add(alteration->decision, &command);
}

static void alteration_decide_resource(struct alteration *alteration, bool is_validate_only)
{
    alteration_find(alteration);
    if (alteration->kind == NULL) {
        return;
    }
    if (alteration->result->error == 0) {
        if (alteration->is_incremental && alteration->before != NULL) {
            for (map_each (alteration->before, entry)) {
                alteration_put(alteration, decision_string(alteration->decision, entry->key),
                               (const char *)entry->value);
            }
        }
        alteration_apply_all(alteration);
    }
    if (alteration->result->error == 0) {
        alteration_validate(alteration);
    }
    if (alteration->result->error == 0 && !is_validate_only) {
        alteration_add_command(alteration);
    }
}

/* Two entries for one resource would each be judged against the same past. */
static void alteration_refuse_repeated(struct decision *decision,
                                       struct controller_alter_configs *operation)
{
    struct map first;
    struct buffer key;
    map_init(&first);
    buffer_init(&key);
    for (size_t i = 0; i < operation->count; i++) {
        struct controller_resource_result *result = &operation->results[i];
        buffer_clear(&key);
        buffer_add_byte(&key, (uint8_t)operation->resources[i].kind);
        buffer_add_bytes(&key, operation->resources[i].name);
        struct controller_resource_result *other = map_find(&first, buffer_bytes(&key));
        if (other == NULL) {
            map_put(&first, buffer_bytes(&key), result);
            continue;
        }
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_REQUEST,
                        "Each resource must appear at most once.");
        *other = *result;
    }
    buffer_fini(&key);
    map_fini(&first, NULL);
}

static int alteration_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_alter_configs *operation = (struct controller_alter_configs *)head;
    operation->results =
        arena_array(decision->arena, struct controller_resource_result, operation->count);
    alteration_refuse_repeated(decision, operation);
    for (size_t i = 0; i < operation->count; i++) {
        struct alteration alteration = {
            .decision = decision,
            .resource = &operation->resources[i],
            .result = &operation->results[i],
            .is_incremental = operation->is_incremental,
        };
        if (alteration.result->error == 0) {
            map_init(&alteration.after);
            alteration_decide_resource(&alteration, operation->is_validate_only);
            map_fini(&alteration.after, free);
        }
    }
    return 0;
}

static void alteration_settle(struct controller_operation *head, int error)
{
    struct controller_alter_configs *operation = (struct controller_alter_configs *)head;
    for (size_t i = 0; error != 0 && operation->results != NULL && i < operation->count; i++) {
        if (operation->results[i].error == 0) {
            operation->results[i].error = error;
            operation->results[i].message = error_text(error);
        }
    }
}

const struct decision_kind alteration_kind = {
    .decide = alteration_decide,
    .settle = alteration_settle,
};
