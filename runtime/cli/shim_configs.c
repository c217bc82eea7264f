/* kafka-configs in words of ours; see shim.h. */
#include "runtime/cli/shim.h"

#include <string.h>

static const struct shim_flag config_flags[] = {
    SHIM_COMMON,
    {"--describe", SHIM_ACTION, "config get"},
    {"--alter", SHIM_ACTION, "config set"},
    {"--entity-type", SHIM_VALUE, NULL},
    {"--entity-name", SHIM_VALUE, NULL},
    {"--entity-default", SHIM_SWITCH, NULL},
    {"--topic", SHIM_VALUE, NULL},
    {"--broker", SHIM_VALUE, NULL},
    {"--broker-defaults", SHIM_SWITCH, NULL},
    {"--all", SHIM_SWITCH, "--all"},
    {"--add-config", SHIM_VALUE, NULL},
    {"--delete-config", SHIM_VALUE, NULL},
    {"--add-config-file", SHIM_REFUSE, "files are not read; give the settings with --add-config"},
    {"--force", SHIM_SWITCH, NULL},
    {"--user", SHIM_REFUSE, "users have no settings here"},
    {"--client", SHIM_REFUSE, "clients have no settings here"},
    {"--broker-logger", SHIM_REFUSE, "loggers have no settings here; serve --verbose traces"},
};

/* "a=b,c=[d,e]": commas in brackets belong to a value, and the brackets to nothing. */
static void add_settings(struct shim *shim, const char *text)
{
    while (*text != '\0') {
        struct buffer word;
        int depth = 0;
        buffer_init(&word);
        for (; *text != '\0' && (*text != ',' || depth > 0); text++) {
            depth += *text == '[';
            depth -= *text == ']';
            if (*text != '[' && *text != ']') {
                buffer_add_byte(&word, (uint8_t)*text);
            }
        }
        shim_add(shim, arena_string(&shim->arena, buffer_bytes(&word)));
        buffer_fini(&word);
        text += *text == ',';
    }
}

static int add_entity(struct shim *shim)
{
    const char *type = shim_value(shim, "--entity-type"), *name = shim_value(shim, "--entity-name");
    bool is_default = shim_has(shim, "--entity-default") || shim_has(shim, "--broker-defaults");
    if (shim_has(shim, "--topic")) {
        type = "topics";
        name = shim_value(shim, "--topic");
    } else if (shim_has(shim, "--broker") || shim_has(shim, "--broker-defaults")) {
        type = "brokers";
        name = shim_value(shim, "--broker");
    }
    if (type == NULL) {
        return shim_refuse(shim, "say whose settings: --entity-type topics or brokers");
    }
    bool is_topic = strcmp(type, "topics") == 0;
    if (!is_topic && strcmp(type, "brokers") != 0) {
        return shim_refuse(shim, "--entity-type is topics or brokers; '%s' have no settings here",
                           type);
    }
    shim_add(shim, is_topic ? "topic" : "broker");
    if (is_default && !is_topic) {
        shim_add(shim, "default");
    } else if (name != NULL) {
        shim_add(shim, name);
    } else if (!is_topic || strcmp(shim->command, "config set") == 0) {
        return shim_refuse(shim, "--entity-name NAME is missing");
    }
    return COMMAND_OK;
}

static int finish_configs(struct shim *shim)
{
    int code = add_entity(shim);
    const char *set = shim_value(shim, "--add-config"),
               *unset = shim_value(shim, "--delete-config");
    if (code == COMMAND_OK && set != NULL) {
        add_settings(shim, set);
    }
    if (code == COMMAND_OK && unset != NULL) {
        char *rest = arena_string(&shim->arena, bytes_from_string(unset)), *word;
        while ((word = strsep(&rest, ",")) != NULL) {
            shim_add_pair(shim, "--unset", word);
        }
    }
    shim_add_pair(shim, "-o", "kafka");
    return code;
}

const struct shim_tool shim_configs = {
    .name = "kafka-configs",
    .actions = "--describe or --alter",
    SHIM_FLAGS(config_flags),
    .finish = finish_configs,
};
