/* tidemill config set: changes settings of a topic, broker, group or client-metric. */
#include "runtime/cli/config_change.h"
#include "runtime/cli/config_target.h"
#include "runtime/cli/outcome.h"

struct set_values {
    struct errand_flags errand;
    struct flag_list unset;
    struct flag_list append;
    struct flag_list subtract;
    bool is_dry;
};

static int set(struct errand *errand, const struct set_values *values,
               const struct flag_list *arguments)
{
    struct config_target target;
    int code = config_target_read(errand->world, arguments, &target);
    if (code == COMMAND_OK) {
        code = config_target_find(errand, &target);
    }
    if (code != COMMAND_OK) {
        return code;
    }
    struct config_change change = {
        .type = target.type,
        .name = target.name,
        .target = target.node >= 0 ? target.node : CLIENT_CONTROLLER,
        .set = {.items = arguments->items + 2, .count = arguments->count - 2},
        .unset = values->unset,
        .append = values->append,
        .subtract = values->subtract,
        .is_dry = values->is_dry,
    };
    if (config_change_is_empty(&change)) {
        return command_misuse(errand->world, "nothing to change; name NAME=VALUE, --unset NAME, "
                                             "--append or --subtract NAME=ITEM");
    }
    code = config_change_apply(errand, &change);
    if (code == COMMAND_OK && errand->is_kafka && target.name[0] == '\0') {
        buffer_add_string(&errand->out,
                          "Completed updating default config for brokers in the cluster.\n");
    } else if (code == COMMAND_OK && errand->is_kafka) {
        buffer_printf(&errand->out, "Completed updating config for %s %s.\n", arguments->items[0],
                      target.name);
    } else if (code == COMMAND_OK) {
        struct outcome outcome;
        outcome_open(&outcome, errand, arguments->items[0]);
        outcome_say(&outcome, "%s the settings of %s %s.\n",
                    values->is_dry ? "Could change" : "Changed", arguments->items[0],
                    arguments->items[1]);
        outcome_add(&outcome, bytes_from_string(arguments->items[1]),
                    values->is_dry ? "valid" : "changed");
        outcome_close(&outcome, code);
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct set_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = set(&errand, values, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "unset", LIST, struct set_values, unset, "NAME", "gives it the default again"),
    FLAG(0, "append", LIST, struct set_values, append, "NAME=ITEM", "adds to a list"),
    FLAG(0, "subtract", LIST, struct set_values, subtract, "NAME=ITEM", "takes from a list"),
    FLAG(0, "dry-run", BOOL, struct set_values, is_dry, NULL, "only ask whether it would work"),
    ERRAND_OUTPUT_FLAG(struct set_values),
    ERRAND_FLAGS(struct set_values),
};

const struct command command_config_set = {
    .noun = "config",
    .verb = "set",
    .arguments = "topic|broker|group|client-metric NAME [SETTING=VALUE...]",
    .summary = "changes settings",
    .details = "NAME of a broker is its number, or 'default' for all brokers. All changes are\n"
               "made, or none.\n",
    .examples = "tidemill config set topic logs retention.ms=86400000 --unset cleanup.policy\n"
                "tidemill config set broker default log.retention.hours=24 --dry-run\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct set_values),
    .argument_min = 2,
    .argument_max = -1,
    .run = run,
};
