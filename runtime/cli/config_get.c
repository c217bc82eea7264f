/* tidemill config get: the settings of a topic, broker, group or client-metric, and where each
 * comes from. */
#include "log/base/error.h"
#include "runtime/cli/config_target.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/topic_choice.h"

#include <string.h>

struct get_values {
    struct errand_flags errand;
    bool has_defaults;
    bool has_documentation;
};

static const struct grid_column columns[] = {
    {"NAME", "name", false},
    {"VALUE", "value", false},
    {"SOURCE", "source", false},
    {"READ-ONLY", "read_only", false},
};
static const struct grid_column columns_documented[] = {
    {"NAME", "name", false},
    {"VALUE", "value", false},
    {"SOURCE", "source", false},
    {"READ-ONLY", "read_only", false},
    {"DOCUMENTATION", "documentation", false},
};

typedef struct describe_configs_response_config config_row;

/* As DescribeConfigs numbers them, in Kafka's words and in ours. */
static const struct {
    const char *kafka;
    const char *text;
} sources[] = {
    {"UNKNOWN", "unknown"},
    {"DYNAMIC_TOPIC_CONFIG", "topic"},
    {"DYNAMIC_BROKER_CONFIG", "broker"},
    {"DYNAMIC_DEFAULT_BROKER_CONFIG", "cluster"},
    {"STATIC_BROKER_CONFIG", "file"},
    {"DEFAULT_CONFIG", "default"},
    {"DYNAMIC_BROKER_LOGGER_CONFIG", "logger"},
    {"DYNAMIC_CLIENT_METRICS_CONFIG", "client-metric"},
    {"DYNAMIC_GROUP_CONFIG", "group"},
};
enum { SOURCE_COUNT = sizeof(sources) / sizeof(sources[0]), SOURCE_FILE = 4 };

static size_t source_of(int8_t number)
{
    return number < 0 || number >= (int)SOURCE_COUNT ? 0 : (size_t)number;
}

static struct bytes value_of(const config_row *config)
{
    return config->is_sensitive || bytes_is_null(config->value) ? BYTES_LITERAL("null")
                                                                : config->value;
}

/* As kafka-configs prints one setting. */
static void print_kafka(const config_row *config, struct buffer *out)
{
    buffer_printf(out, "  %.*s=%.*s sensitive=%s synonyms={", BYTES_FORMAT(config->name),
                  BYTES_FORMAT(value_of(config)), config->is_sensitive ? "true" : "false");
    for (int32_t i = 0; i < config->synonyms.count; i++) {
        const struct describe_configs_response_synonym *synonym = &config->synonyms.items[i];
        struct bytes value = bytes_is_null(synonym->value) || config->is_sensitive
                                 ? BYTES_LITERAL("null")
                                 : synonym->value;
        buffer_printf(out, "%s%s:%.*s=%.*s", i > 0 ? ", " : "",
                      sources[source_of(synonym->source)].kafka, BYTES_FORMAT(synonym->name),
                      BYTES_FORMAT(value));
    }
    buffer_add_string(out, "}\n");
}

static bool is_named(const config_row *config, const struct flag_list *arguments)
{
    for (size_t i = 2; i < arguments->count; i++) {
        if (bytes_equal_string(config->name, arguments->items[i])) {
            return true;
        }
    }
    return false;
}

/* What was set by somebody here, what was named, or everything. */
static bool is_wanted(const config_row *config, const struct config_target *target,
                      const struct get_values *values, const struct flag_list *arguments,
                      bool is_kafka)
{
    if (arguments->count > 2) {
        return is_named(config, arguments);
    }
    int8_t source = config->config_source;
    bool is_of_broker = target->own_source > 1 && target->own_source <= SOURCE_FILE;
    bool is_set = !is_of_broker || is_kafka ? source == target->own_source
                                            : source > 1 && source <= SOURCE_FILE;
    return values->has_defaults || is_set;
}

static void add_row(const config_row *config, bool has_documentation, struct grid *grid)
{
    grid_add(grid, config->name);
    grid_add(grid, config->is_sensitive ? bytes_make(NULL, 0) : config->value);
    grid_add_string(grid, sources[source_of(config->config_source)].text);
    grid_add_string(grid, config->read_only ? "yes" : "no");
    if (has_documentation) {
        grid_add(grid, config->documentation);
    }
}

static int print_result(struct errand *errand, const struct get_values *values,
                        const struct config_target *target, const struct flag_list *arguments,
                        const struct describe_configs_response_result *result)
{
    struct grid grid;
    size_t count = 0;
    if (errand->is_kafka && target->name[0] == '\0') {
        buffer_add_string(&errand->out, "Default configs for brokers in the cluster are:\n");
    } else if (errand->is_kafka) {
        buffer_printf(&errand->out, "%s configs for %s %s are:\n",
                      values->has_defaults ? "All" : "Dynamic", arguments->items[0], target->name);
    }
    if (values->has_documentation) {
        grid_init(&grid, columns_documented, sizeof(columns_documented) / sizeof(columns[0]));
    } else {
        grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    }
    for (int32_t i = 0; i < result->configs.count; i++) {
        const config_row *config = &result->configs.items[i];
        if (!is_wanted(config, target, values, arguments, errand->is_kafka)) {
            continue;
        }
        count++;
        if (errand->is_kafka) {
            print_kafka(config, &errand->out);
        } else {
            add_row(config, values->has_documentation, &grid);
        }
    }
    if (!errand->is_kafka && (count > 0 || errand->is_json)) {
        grid_print(&grid, errand->is_json, &errand->out);
    }
    grid_fini(&grid);
    if (arguments->count > 2 && count < arguments->count - 2) {
        return command_fail(errand->world,
                            "%s has no setting of that name; 'tidemill config get %s %s --all' "
                            "lists them",
                            target->name, arguments->items[0], arguments->items[1]);
    }
    return COMMAND_OK;
}

static int get(struct errand *errand, const struct get_values *values,
               const struct config_target *target, const struct flag_list *arguments)
{
    struct describe_configs_request_resource resource = {
        .resource_type = target->type, .resource_name = bytes_from_string(target->name)};
    struct describe_configs_request request = {.include_synonyms = true,
                                               .include_documentation = values->has_documentation};
    const void *found;
    resource.configuration_keys.count = -1;
    request.resources.items = &resource;
    request.resources.count = 1;
    int error = errand_call(errand, target->node, API_DESCRIBE_CONFIGS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "reading settings");
    }
    const struct describe_configs_response *response = found;
    int code = COMMAND_OK;
    for (int32_t i = 0; i < response->results.count && code == COMMAND_OK; i++) {
        const struct describe_configs_response_result *result = &response->results.items[i];
        code = result->error_code != 0
                   ? errand_refuse(errand, target->name, result->error_code, result->error_message)
                   : print_result(errand, values, target, arguments, result);
    }
    return code;
}

/* Each of them, and what holds for all. */
static int list_brokers(struct errand *errand, const char *const **names, size_t *count)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the cluster");
    }
    const char **list =
        arena_array(&errand->arena, const char *, (size_t)metadata->brokers.count + 1);
    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        list[(*count)++] = arena_printf(&errand->arena, "%d", metadata->brokers.items[i].node_id);
    }
    list[(*count)++] = "default";
    *names = list;
    return COMMAND_OK;
}

/* Everything of a kind that has settings; of topics and brokers, all of them. */
static int list_names(struct errand *errand, const char *kind, const char *const **names,
                      size_t *count)
{
    const struct topic_choice_flags all = {.pattern = ".*", .may_miss = true};
    const struct flag_list none = {0};
    if (strcmp(kind, "broker") == 0) {
        return list_brokers(errand, names, count);
    }
    if (strcmp(kind, "topic") == 0) {
        return topic_choice_names(errand, &all, &none, names, count);
    }
    int8_t type = config_target_listed(kind);
    struct list_config_resources_request request = {.resource_types = {.items = &type, .count = 1}};
    const void *found = NULL;
    int error = errand_call(errand, CLIENT_ANY, API_LIST_CONFIG_RESOURCES, -1, &request, &found);
    const struct list_config_resources_response *response = found;
    if (error == 0 && response->error_code != 0) {
        error = error_from_code(response->error_code);
    }
    if (error != 0) {
        return errand_fail(errand, error, "listing what has settings");
    }
    const char **list =
        arena_array(&errand->arena, const char *, (size_t)response->config_resources.count + 1);
    for (int32_t i = 0; i < response->config_resources.count; i++) {
        if (response->config_resources.items[i].resource_type == type) {
            list[(*count)++] =
                arena_string(&errand->arena, response->config_resources.items[i].resource_name);
        }
    }
    *names = list;
    return COMMAND_OK;
}

/* Those of one, or of all of a kind. */
static int get_all(struct errand *errand, const struct get_values *values,
                   const struct flag_list *arguments)
{
    const char *words[] = {arguments->items[0], NULL};
    struct flag_list row = {.items = words, .count = 2};
    const char *const *names = NULL;
    size_t count = 0;
    struct config_target target;
    if (arguments->count == 1 && config_target_listed(arguments->items[0]) == 0 &&
        strcmp(arguments->items[0], "broker") != 0) {
        words[1] = "";
        return config_target_read(errand->world, &row, &target);
    }
    if (arguments->count > 1) {
        int code = config_target_read(errand->world, arguments, &target);
        code = code == COMMAND_OK ? config_target_find(errand, &target) : code;
        return code == COMMAND_OK ? get(errand, values, &target, arguments) : code;
    }
    int code = list_names(errand, arguments->items[0], &names, &count);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        words[1] = names[i];
        code = config_target_read(errand->world, &row, &target);
        if (code == COMMAND_OK && !errand->is_kafka && !errand->is_json) {
            buffer_printf(&errand->out, "%s%s:\n", i > 0 ? "\n" : "", names[i]);
        }
        code = code == COMMAND_OK ? get(errand, values, &target, &row) : code;
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct get_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = get_all(&errand, values, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('a', "all", BOOL, struct get_values, has_defaults, NULL,
         "settings that nobody changed too"),
    FLAG(0, "explain", BOOL, struct get_values, has_documentation, NULL,
         "say what each of them does"),
    ERRAND_OUTPUT_FLAG(struct get_values),
    ERRAND_FLAGS(struct get_values),
};

const struct command command_config_get = {
    .noun = "config",
    .verb = "get",
    .arguments = "topic|broker|group|client-metric [NAME [SETTING...]]",
    .summary = "shows settings and where they come from",
    .details = "NAME of a broker is its number, or 'default' for all brokers. Without NAME, all\n"
               "topics, brokers, groups or client-metrics; without settings, those that somebody "
               "changed.\n",
    .examples = "tidemill config get topic logs\n"
                "tidemill config get topic logs retention.ms -o json\n"
                "tidemill config get broker 1 --all --explain\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct get_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
