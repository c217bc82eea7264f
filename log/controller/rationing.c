/* Judges AlterClientQuotas (KIP-546); see rationing.h. Every entry is judged by itself. */
#include "log/controller/rationing.h"

#include "log/base/error.h"

#include <math.h>
#include <string.h>

enum { RATIONING_NAME_SIZE_MAX = 32767 };

struct rationing {
    struct decision *decision;
    const struct controller_quota_entry *entry;
    struct controller_resource_result *result;
    struct quota_entity entity;
};

#define RATIONING_REFUSE(rationing, ...)                                                           \
    decision_refuse((rationing)->decision, &(rationing)->result->error,                            \
                    &(rationing)->result->message, ERROR_INVALID_REQUEST, __VA_ARGS__)

/* Digits, points and colons as an address has them: names of hosts never meet a connection. */
static bool rationing_is_address(struct bytes text)
{
    size_t point_count = 0;
    size_t colon_count = 0;
    size_t digit_count = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool is_hexadecimal = memchr("0123456789abcdefABCDEF", text.data[i], 22) != NULL;
        point_count += text.data[i] == '.';
        colon_count += text.data[i] == ':';
        digit_count += is_hexadecimal;
    }
    return text.size <= 45 && point_count + colon_count + digit_count == text.size &&
           (colon_count >= 2 || (point_count == 3 && digit_count >= 4));
}

static void rationing_read_part(struct rationing *rationing,
                                const struct controller_quota_part *part)
{
    enum quota_entity_part kind = QUOTA_ENTITY_USER;
    if (!quota_entity_find_part(part->type, &kind)) {
        RATIONING_REFUSE(rationing, "Unhandled client quota entity type: %.*s",
                         BYTES_FORMAT(part->type));
    } else if (!bytes_is_null(part->name) && part->name.size == 0) {
        RATIONING_REFUSE(rationing, "Empty %s not supported", quota_entity_part_name(kind));
    } else if (part->name.size > RATIONING_NAME_SIZE_MAX ||
               (part->name.size > 0 && memchr(part->name.data, 0, part->name.size) != NULL)) {
        RATIONING_REFUSE(rationing, "The name of a %s is too long or has a NUL",
                         quota_entity_part_name(kind));
    } else if (kind == QUOTA_ENTITY_IP && part->name.size > 0 &&
               !rationing_is_address(part->name)) {
        RATIONING_REFUSE(rationing,
                         "%.*s is not a valid IP or resolvable host. Names of hosts are not "
                         "resolved here: give its address",
                         BYTES_FORMAT(part->name));
    } else {
        rationing->entity.parts[kind] =
            (struct quota_entity_name){.is_given = true, .name = part->name};
    }
}

static void rationing_read_entity(struct rationing *rationing)
{
    const struct quota_entity_name *parts = rationing->entity.parts;
    if (rationing->entry->part_count <= 0) {
        RATIONING_REFUSE(rationing, "Invalid empty client quota entity");
    }
    for (int32_t i = 0; i < rationing->entry->part_count && rationing->result->error == 0; i++) {
        rationing_read_part(rationing, &rationing->entry->parts[i]);
    }
    if (rationing->result->error == 0 && parts[QUOTA_ENTITY_IP].is_given &&
        (parts[QUOTA_ENTITY_USER].is_given || parts[QUOTA_ENTITY_CLIENT].is_given)) {
        RATIONING_REFUSE(rationing, "Invalid quota entity combination, IP entity should not be "
                                    "combined with User or ClientId");
    }
}

static void rationing_judge_value(struct rationing *rationing, enum quota_kind kind, double value)
{
    const struct quota_row *row = quota_row(kind);
    double limit = row->is_of_address ? INT32_MAX : 9223372036854775807.0;
    if (row->is_whole && value > limit) {
        RATIONING_REFUSE(rationing, "Proposed value for %s is too large for %s.", row->name,
                         row->is_of_address ? "an INT" : "a LONG");
    } else if (row->is_whole && isfinite(value) && floor(value) != value) {
        RATIONING_REFUSE(rationing, "%s cannot be a fractional value.", row->name);
    } else if (!(value > 0) || !isfinite(value)) {
        RATIONING_REFUSE(rationing, "Quota %s must be greater than 0", row->name);
    }
}

/* What is not known can be taken away. */
static bool rationing_judge_change(struct rationing *rationing,
                                   const struct controller_quota_change *change,
                                   enum quota_kind *kind)
{
    bool is_of_address = rationing->entity.parts[QUOTA_ENTITY_IP].is_given;
    bool is_known =
        quota_find_kind(change->key, kind) && quota_row(*kind)->is_of_address == is_of_address;
    if (!is_known && !change->is_removed) {
        RATIONING_REFUSE(rationing, "Invalid configuration key %.*s", BYTES_FORMAT(change->key));
    } else if (is_known && !change->is_removed) {
        rationing_judge_value(rationing, *kind, change->value);
    }
    return is_known && rationing->result->error == 0;
}

static void rationing_fill_entity(struct rationing *rationing, Meta__ClientQuotaChanged *changed)
{
    const struct quota_entity_name *user = &rationing->entity.parts[QUOTA_ENTITY_USER];
    const struct quota_entity_name *client = &rationing->entity.parts[QUOTA_ENTITY_CLIENT];
    const struct quota_entity_name *address = &rationing->entity.parts[QUOTA_ENTITY_IP];
    changed->has_user = user->is_given;
    changed->has_client_id = client->is_given;
    changed->has_ip = address->is_given;
    changed->is_user_default = user->is_given && bytes_is_null(user->name);
    changed->is_client_id_default = client->is_given && bytes_is_null(client->name);
    changed->is_ip_default = address->is_given && bytes_is_null(address->name);
    changed->user = decision_string(rationing->decision, user->name);
    changed->client_id = decision_string(rationing->decision, client->name);
    changed->ip = decision_string(rationing->decision, address->name);
}

/* One more entity than client.quotas.max is refused; those of one request count all. */
static void rationing_limit(struct rationing *rationing)
{
    const struct decision *decision = rationing->decision;
    const struct quota_table *table = meta_quotas(decision->meta);
    size_t limit = (size_t)meta_broker_options(decision->meta)->client_quotas_max;
    if (table->limits.size + decision->command_count >= limit &&
        quota_table_find(table, &rationing->entity) == NULL) {
        decision_refuse(rationing->decision, &rationing->result->error, &rationing->result->message,
                        ERROR_POLICY_VIOLATION,
                        "There are %d quotas already, which is as many as client.quotas.max "
                        "allows.",
                        (int)table->limits.size);
    }
}

/* The changes as a command; no more than one of each kind. */
static void rationing_decide_changes(struct rationing *rationing, bool is_validate_only)
{
    Meta__QuotaValue values[QUOTA_KINDS];
    Meta__QuotaValue *rows[QUOTA_KINDS];
    bool is_seen[QUOTA_KINDS] = {false};
    Meta__ClientQuotaChanged changed = META__CLIENT_QUOTA_CHANGED__INIT;
    for (int32_t i = 0; i < rationing->entry->change_count && rationing->result->error == 0; i++) {
        const struct controller_quota_change *change = &rationing->entry->changes[i];
        enum quota_kind kind = QUOTA_KINDS;
        if (!rationing_judge_change(rationing, change, &kind)) {
            continue;
        }
        if (is_seen[kind]) {
            RATIONING_REFUSE(rationing, "Ignoring duplicate key %.*s", BYTES_FORMAT(change->key));
            continue;
        }
        Meta__QuotaValue *value = &values[changed.n_values];
        is_seen[kind] = true;
        meta__quota_value__init(value);
        value->name = (char *)(uintptr_t)quota_row(kind)->name;
        value->value = change->is_removed ? 0 : change->value;
        rows[changed.n_values++] = value;
    }
    if (rationing->result->error == 0) {
        rationing_limit(rationing);
    }
    if (rationing->result->error != 0 || is_validate_only || changed.n_values == 0) {
        return;
    }
    Meta__Command command = META__COMMAND__INIT;
    rationing_fill_entity(rationing, &changed);
    changed.values = rows;
    command.kind_case = META__COMMAND__KIND_CLIENT_QUOTA_CHANGED;
    command.client_quota_changed = &changed;
    decision_add(rationing->decision, &command);
}

/* Two entries of one entity: none of them counts. */
static void rationing_refuse_repeated(struct rationing *rationings, size_t count)
{
    struct map first;
    struct buffer key;
    map_init(&first);
    buffer_init(&key);
    for (size_t i = 0; i < count; i++) {
        if (rationings[i].result->error != 0) {
            continue;
        }
        buffer_clear(&key);
        quota_entity_add_key(&rationings[i].entity, &key);
        struct rationing *other = map_find(&first, buffer_bytes(&key));
        if (other == NULL) {
            map_put(&first, buffer_bytes(&key), &rationings[i]);
            continue;
        }
        RATIONING_REFUSE(&rationings[i], "Each entity must appear at most once.");
        *other->result = *rationings[i].result;
    }
    buffer_fini(&key);
    map_fini(&first, NULL);
}

static int rationing_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_alter_quotas *operation = (struct controller_alter_quotas *)head;
    struct rationing *rationings = arena_array(decision->arena, struct rationing, operation->count);
    operation->results =
        arena_array(decision->arena, struct controller_resource_result, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        rationings[i] = (struct rationing){.decision = decision,
                                           .entry = &operation->entries[i],
                                           .result = &operation->results[i]};
        rationing_read_entity(&rationings[i]);
    }
    rationing_refuse_repeated(rationings, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        if (rationings[i].result->error == 0) {
            rationing_decide_changes(&rationings[i], operation->is_validate_only);
        }
    }
    return 0;
}

static void rationing_settle(struct controller_operation *head, int error)
{
    struct controller_alter_quotas *operation = (struct controller_alter_quotas *)head;
    for (size_t i = 0; error != 0 && operation->results != NULL && i < operation->count; i++) {
        if (operation->results[i].error == 0) {
            operation->results[i].error = error;
            operation->results[i].message = error_text(error);
        }
    }
}

const struct decision_kind rationing_kind = {
    .decide = rationing_decide,
    .settle = rationing_settle,
};
