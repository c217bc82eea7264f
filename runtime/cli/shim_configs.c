/* kafka-configs in words of ours; see shim.h. */
#include "runtime/cli/shim.h"

#include <string.h>

static const struct shim_flag config_flags[] = {
    SHIM_COMMON,
    {"--describe", SHIM_ACTION, "config get"},
    {"--alter", SHIM_ACTION, "config set"},
    {"--entity-type", SHIM_LIST, NULL},
    {"--entity-name", SHIM_LIST, NULL},
    {"--entity-default", SHIM_SWITCH, NULL},
    {"--topic", SHIM_VALUE, NULL},
    {"--broker", SHIM_VALUE, NULL},
    {"--broker-defaults", SHIM_SWITCH, NULL},
    {"--group", SHIM_VALUE, NULL},
    {"--client-metrics", SHIM_VALUE, NULL},
    {"--user", SHIM_VALUE, NULL},
    {"--user-defaults", SHIM_SWITCH, NULL},
    {"--client", SHIM_VALUE, NULL},
    {"--client-defaults", SHIM_SWITCH, NULL},
    {"--ip", SHIM_VALUE, NULL},
    {"--ip-defaults", SHIM_SWITCH, NULL},
    {"--all", SHIM_SWITCH, NULL},
    {"--add-config", SHIM_VALUE, NULL},
    {"--delete-config", SHIM_VALUE, NULL},
    {"--add-config-file", SHIM_VALUE, NULL},
    {"--force", SHIM_SWITCH, NULL},
    {"--broker-logger", SHIM_REFUSE, "there are no loggers with levels of their own here"},
    {"--bootstrap-controller", SHIM_REFUSE,
     "settings are read and changed through a broker: --bootstrap-server HOST:PORT"},
};

/* The types of entities, and our words for them. */
static const struct config_entity {
    const char *type;         /* "topics" */
    const char *flag;         /* short for its type and name */
    const char *default_flag; /* short for its type and its default; NULL: there is none */
    const char *word;         /* of `config`; of `quota`, behind two dashes */
    bool has_quotas;
} entities[] = {
    {"topics", "--topic", NULL, "topic", false},
    {"brokers", "--broker", "--broker-defaults", "broker", false},
    {"groups", "--group", NULL, "group", false},
    {"client-metrics", "--client-metrics", NULL, "client-metric", false},
    {"users", "--user", "--user-defaults", "user", true},
    {"clients", "--client", "--client-defaults", "client", true},
    {"ips", "--ip", "--ip-defaults", "ip", true},
};
enum { ENTITY_COUNT = sizeof entities / sizeof *entities, CHOSEN_MAX = 4 };

/* What is named: types, and the names in their order. */
struct chosen {
    const struct config_entity *entity;
    const char *name;
    bool is_default;
};

struct choice {
    struct chosen rows[CHOSEN_MAX];
    size_t count;       /* of types */
    size_t named_count; /* of names and defaults */
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

static int complain_of_type(struct shim *shim, const char *type)
{
    return shim_refuse(
        shim,
        "--entity-type is topics, brokers, groups, client-metrics, users, clients or "
        "ips; '%s' have no settings here",
        type);
}

static int choose_type(struct shim *shim, const char *type, struct choice *choice)
{
    for (size_t i = 0; i < ENTITY_COUNT && choice->count < CHOSEN_MAX; i++) {
        if (strcmp(type, entities[i].type) == 0) {
            choice->rows[choice->count++].entity = &entities[i];
            return COMMAND_OK;
        }
    }
    return complain_of_type(shim, type);
}

/* NULL is the default. */
static int choose_name(struct shim *shim, const char *name, struct choice *choice)
{
    if (choice->named_count == CHOSEN_MAX) {
        return shim_refuse(shim, "there are more names than types of entities");
    }
    struct chosen *row = &choice->rows[choice->named_count++];
    row->name = name;
    row->is_default = name == NULL;
    return COMMAND_OK;
}

/* "--client NAME" and "--client-defaults" are a type and a name at once. */
static int choose_short(struct shim *shim, const struct shim_given *given, struct choice *choice)
{
    for (size_t i = 0; i < ENTITY_COUNT; i++) {
        bool is_default =
            entities[i].default_flag != NULL && strcmp(given->flag, entities[i].default_flag) == 0;
        if (is_default || strcmp(given->flag, entities[i].flag) == 0) {
            int code = choose_type(shim, entities[i].type, choice);
            return code == COMMAND_OK ? choose_name(shim, is_default ? NULL : given->value, choice)
                                      : code;
        }
    }
    return COMMAND_OK;
}

static int choose(struct shim *shim, struct choice *choice)
{
    int code = COMMAND_OK;
    for (size_t i = 0; i < shim->given_count && code == COMMAND_OK; i++) {
        const struct shim_given *given = &shim->given[i];
        if (strcmp(given->flag, "--entity-type") == 0) {
            code = choose_type(shim, given->value, choice);
        } else if (strcmp(given->flag, "--entity-name") == 0) {
            code = choose_name(shim, given->value, choice);
        } else if (strcmp(given->flag, "--entity-default") == 0) {
            code = choose_name(shim, NULL, choice);
        } else {
            code = choose_short(shim, given, choice);
        }
    }
    if (code == COMMAND_OK && choice->count == 0) {
        return shim_refuse(shim, "say whose settings: --entity-type topics, brokers, groups, "
                                 "client-metrics, users, clients or ips");
    }
    if (code == COMMAND_OK && choice->named_count > choice->count) {
        return shim_refuse(shim, "there are more names than types of entities");
    }
    return code;
}

/* Of users, clients, addresses: flags of `quota`. */
static int add_quota_entities(struct shim *shim, const struct choice *choice)
{
    bool is_set = strcmp(shim->command, "config set") == 0;
    shim->command = is_set ? "quota set" : "quota ls";
    if (!is_set) {
        shim_add(shim, "--only");
    }
    for (size_t i = 0; i < choice->count; i++) {
        const struct chosen *row = &choice->rows[i];
        if (!row->entity->has_quotas) {
            return shim_refuse(shim, "--entity-type %s stands alone", row->entity->type);
        }
        if (row->name != NULL) {
            shim_add_pair(shim, arena_printf(&shim->arena, "--%s", row->entity->word), row->name);
        } else if (row->is_default) {
            shim_add(shim, arena_printf(&shim->arena, "--%s-default", row->entity->word));
        } else if (is_set) {
            return shim_refuse(shim, "--entity-name NAME or --entity-default is missing for %s",
                               row->entity->type);
        } else {
            shim_add(shim, arena_printf(&shim->arena, "--%ss", row->entity->word));
        }
    }
    return COMMAND_OK;
}

/* Of everything else: words of `config`. */
static int add_entity(struct shim *shim, const struct choice *choice)
{
    const struct chosen *row = &choice->rows[0];
    bool is_broker = strcmp(row->entity->word, "broker") == 0;
    if (choice->count > 1) {
        return shim_refuse(shim, "--entity-type %s stands alone", row->entity->type);
    }
    if (shim_has(shim, "--all")) {
        shim_add(shim, "--all");
    }
    shim_add(shim, row->entity->word);
    if (row->is_default && !is_broker) {
        return shim_refuse(shim, "%s have no defaults; name one with --entity-name",
                           row->entity->type);
    }
    if (row->name == NULL && !row->is_default && strcmp(shim->command, "config set") == 0) {
        return shim_refuse(shim, "--entity-name NAME is missing");
    }
    if (row->name != NULL || row->is_default) {
        shim_add(shim, row->is_default ? "default" : row->name);
    }
    return COMMAND_OK;
}

static int add_changes(struct shim *shim)
{
    static const char of_file[] = "a line of --add-config-file";
    const char *set = shim_value(shim, "--add-config"),
               *unset = shim_value(shim, "--delete-config");
    if (set != NULL && strncmp(set, "SCRAM-", 6) == 0) {
        return shim_refuse(shim, "users have no passwords here");
    }
    if (set != NULL && shim_has(shim, "--add-config-file")) {
        return shim_refuse(shim, "--add-config and --add-config-file both say what to add");
    }
    if (set != NULL) {
        add_settings(shim, set);
    }
    int code = shim_read_file(shim, "--add-config-file", of_file);
    for (size_t i = 0; i < shim->given_count && code == COMMAND_OK; i++) {
        if (strcmp(shim->given[i].flag, of_file) == 0) {
            shim_add(shim, shim->given[i].value);
        }
    }
    if (unset != NULL) {
        char *rest = arena_string(&shim->arena, bytes_from_string(unset)), *word;
        while ((word = strsep(&rest, ",")) != NULL) {
            shim_add_pair(shim, "--unset", word);
        }
    }
    return code;
}

static int finish_configs(struct shim *shim)
{
    struct choice choice = {0};
    int code = choose(shim, &choice);
    if (code == COMMAND_OK) {
        code = choice.rows[0].entity->has_quotas ? add_quota_entities(shim, &choice)
                                                 : add_entity(shim, &choice);
    }
    if (code == COMMAND_OK) {
        code = add_changes(shim);
    }
    shim_add_pair(shim, "-o", "kafka");
    return code;
}

static const struct shim_rule config_rules[] = {
    {"--add-config", " --alter ", NULL},
    {"--add-config-file", " --alter ", NULL},
    {"--delete-config", " --alter ", NULL},
};

static const struct dialect_row config_phrases[] = {
    {"tidemill cluster describe", "kafka-configs --describe --entity-type brokers"},
    {"tidemill topic ls", "kafka-topics --list"},
    {"name NAME=VALUE, --unset NAME, --append or --subtract NAME=ITEM",
     "say --add-config NAME=VALUE,... or --delete-config NAME,..."},
    {"name NAME=NUMBER or --unset NAME",
     "say --add-config NAME=NUMBER,... or --delete-config NAME,..."},
    {"--unset", "--delete-config"},
};

const struct shim_tool shim_configs = {
    .name = "kafka-configs",
    .actions = "--describe or --alter",
    SHIM_FLAGS(config_flags),
    SHIM_RULES(config_rules),
    SHIM_PHRASES(config_phrases),
    .finish = finish_configs,
};
