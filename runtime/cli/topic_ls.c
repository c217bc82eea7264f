/* tidemill topic ls: the topics of the cluster. */
#include "runtime/cli/errand.h"
#include "runtime/cli/grid.h"

#include <regex.h>

struct ls_values {
    struct errand_flags errand;
    bool is_detailed;
    bool has_internal;
    const char *pattern;
};

static const struct grid_column columns[] = {
    {"NAME", "name", false},
    {"PARTITIONS", "partitions", true},
    {"REPLICAS", "replicas", true},
};

static bool is_wanted(const struct metadata_response_topic *topic, const struct ls_values *values,
                      const regex_t *pattern)
{
    if (topic->is_internal && !values->has_internal) {
        return false;
    }
    if (values->pattern == NULL) {
        return true;
    }
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)topic->name.size};
    return regexec(pattern, (const char *)topic->name.data, 1, &range, REG_STARTEND) == 0;
}

static void print_topics(struct errand *errand, const struct ls_values *values,
                         const struct metadata_response *metadata, const regex_t *pattern)
{
    bool is_grid = values->is_detailed || errand->is_json;
    struct grid grid;
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *topic = &metadata->topics.items[i];
        if (!is_wanted(topic, values, pattern)) {
            continue;
        }
        if (!is_grid) {
            buffer_printf(&errand->out, "%.*s\n", BYTES_FORMAT(topic->name));
            continue;
        }
        grid_add(&grid, topic->name);
        grid_add_number(&grid, topic->partitions.count);
        grid_add_number(&grid, topic->partitions.count == 0
                                   ? 0
                                   : topic->partitions.items[0].replica_nodes.count);
    }
    if (is_grid) {
        grid_print(&grid, errand->is_json, &errand->out);
    }
    grid_fini(&grid);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    (void)arguments;
    const struct ls_values *values = given;
    struct errand errand;
    regex_t pattern;
    if (values->pattern != NULL &&
        regcomp(&pattern, values->pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return command_misuse(world, "'%s' is no regular expression", values->pattern);
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        const struct metadata_response *metadata;
        int error = errand_read_metadata(&errand, NULL, 0, &metadata);
        if (error == 0) {
            print_topics(&errand, values, metadata, &pattern);
        } else {
            code = errand_fail(&errand, error, "listing topics");
        }
        errand_close(&errand);
    }
    if (values->pattern != NULL) {
        regfree(&pattern);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('d', "detailed", BOOL, struct ls_values, is_detailed, NULL, "partitions and replicas too"),
    FLAG('i', "internal", BOOL, struct ls_values, has_internal, NULL, "internal topics too"),
    FLAG('r', "regex", STRING, struct ls_values, pattern, "REGEX", "only names that match"),
    ERRAND_OUTPUT_FLAG(struct ls_values),
    ERRAND_FLAGS(struct ls_values),
};

const struct command command_topic_ls = {
    .noun = "topic",
    .verb = "ls",
    .arguments = "",
    .summary = "lists topics",
    .examples = "tidemill topic ls\n"
                "tidemill topic ls -d -r '^logs[.]' -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_max = 0,
    .run = run,
};
