/* tidemill quota set: limits users, clients and addresses. */
#include "log/base/error.h"
#include "runtime/cli/outcome.h"
#include "runtime/cli/quota_choice.h"

#include <stdlib.h>
#include <string.h>

struct set_values {
    struct errand_flags errand;
    struct quota_choice_flags choice;
    struct flag_list unset;
    bool is_dry;
};

typedef struct alter_client_quotas_request_operation quota_operation;

/* "NAME=NUMBER". */
static int read_change(struct command_world *world, const char *text, quota_operation *out)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    double value = equals == NULL ? 0 : strtod(equals + 1, &end);
    if (equals == NULL || equals == text || end == equals + 1 || *end != '\0') {
        return command_misuse(world,
                              "a quota is NAME=NUMBER, such as producer_byte_rate=1048576, "
                              "not '%s'",
                              text);
    }
    *out = (quota_operation){.key = bytes_make(text, (size_t)(equals - text)), .value = value};
    return COMMAND_OK;
}

static int read_changes(struct errand *errand, const struct set_values *values,
                        const struct flag_list *arguments,
                        struct alter_client_quotas_request_entry *entry)
{
    int code = COMMAND_OK;
    entry->operations.items =
        arena_array(&errand->arena, quota_operation, arguments->count + values->unset.count + 1);
    for (size_t i = 0; i < arguments->count && code == COMMAND_OK; i++) {
        code = read_change(errand->world, arguments->items[i],
                           &entry->operations.items[entry->operations.count++]);
    }
    for (size_t i = 0; i < values->unset.count; i++) {
        entry->operations.items[entry->operations.count++] =
            (quota_operation){.key = bytes_from_string(values->unset.items[i]), .remove = true};
    }
    return code;
}

/* Of the first part, as kafka-configs does. */
static void tell_kafka(struct errand *errand, const struct quota_choice_flags *choice)
{
    static const char *const words[QUOTA_CHOICE_PARTS] = {"user", "client", "ip"};
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        if (choice->names[i] != NULL) {
            buffer_printf(&errand->out, "Completed updating config for %s %s.\n", words[i],
                          choice->names[i]);
            return;
        }
        if (choice->is_default[i]) {
            buffer_printf(&errand->out,
                          "Completed updating default config for %ss in the cluster.\n", words[i]);
            return;
        }
    }
}

static int set(struct errand *errand, const struct set_values *values,
               const struct flag_list *arguments)
{
    const struct quota_choice_flags *choice = &values->choice;
    struct alter_client_quotas_request_entity parts[QUOTA_CHOICE_PARTS];
    struct alter_client_quotas_request_entry entry = {.entity = {.items = parts}};
    struct alter_client_quotas_request request = {.entries = {.items = &entry, .count = 1},
                                                  .validate_only = values->is_dry};
    struct outcome outcome;
    struct buffer whose;
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        if (quota_choice_has(choice, i)) {
            parts[entry.entity.count++] = (struct alter_client_quotas_request_entity){
                .entity_type = bytes_from_string(quota_choice_type(i)),
                .entity_name = bytes_from_string(choice->names[i]),
            };
        }
    }
    int code = read_changes(errand, values, arguments, &entry);
    if (code != COMMAND_OK) {
        return code;
    }
    const void *found = NULL;
    int error =
        errand_call(errand, CLIENT_CONTROLLER, API_ALTER_CLIENT_QUOTAS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "changing quotas");
    }
    const struct alter_client_quotas_response *response = found;
    outcome_open(&outcome, errand, "whose");
    buffer_init(&whose);
    quota_choice_print(choice, &whose);
    if (response->entries.count == 1 && response->entries.items[0].error_code != 0) {
        code = outcome_refuse(&outcome, buffer_bytes(&whose), response->entries.items[0].error_code,
                              response->entries.items[0].error_message);
    } else if (errand->is_kafka) {
        tell_kafka(errand, choice);
    } else {
        outcome_say(&outcome, "%s the quotas of %s.\n", values->is_dry ? "Could change" : "Changed",
                    buffer_string(&whose));
        outcome_add(&outcome, buffer_bytes(&whose), values->is_dry ? "valid" : "changed");
    }
    outcome_close(&outcome, code);
    buffer_fini(&whose);
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct set_values *values = given;
    struct errand errand;
    int code = quota_choice_judge(world, &values->choice);
    if (code == COMMAND_OK && quota_choice_is_empty(&values->choice)) {
        return command_misuse(world, "say whose: --user, --client or --ip, or --user-default, "
                                     "--client-default or --ip-default");
    }
    if (code == COMMAND_OK && arguments->count + values->unset.count == 0) {
        return command_misuse(world, "nothing to change; name NAME=NUMBER or --unset NAME");
    }
    if (code == COMMAND_OK) {
        code = errand_open(&errand, world, &values->errand, NULL, NULL);
    }
    if (code == COMMAND_OK) {
        code = set(&errand, values, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    QUOTA_CHOICE_FLAGS(struct set_values),
    FLAG(0, "unset", LIST, struct set_values, unset, "NAME", "takes the limit away"),
    FLAG(0, "dry-run", BOOL, struct set_values, is_dry, NULL, "only ask whether it would work"),
    ERRAND_OUTPUT_FLAG(struct set_values),
    ERRAND_FLAGS(struct set_values),
};

const struct command command_quota_set = {
    .noun = "quota",
    .verb = "set",
    .arguments = "[NAME=NUMBER...]",
    .summary = "limits users, clients and addresses",
    .details = "Of users, clients, or a client of a user: producer_byte_rate, consumer_byte_rate,\n"
               "request_percentage, controller_mutation_rate. Of addresses:\n"
               "connection_creation_rate. Who is over a quota waits, and is told how long.\n",
    .examples = "tidemill quota set --client batch producer_byte_rate=1048576\n"
                "tidemill quota set --user-default request_percentage=50\n"
                "tidemill quota set --ip 10.1.2.3 --unset connection_creation_rate\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct set_values),
    .argument_max = -1,
    .run = run,
};
