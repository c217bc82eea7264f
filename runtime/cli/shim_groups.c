/* kafka-consumer-groups in words of ours; see shim.h. */
#include "log/base/text.h"
#include "log/base/topic_regex.h"
#include "runtime/cli/offset_spec.h"
#include "runtime/cli/shim.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct shim_flag group_flags[] = {
    {"--bootstrap-server", SHIM_VALUE, "-b"},
    {"--help", SHIM_SWITCH, NULL},
    {"--version", SHIM_SWITCH, NULL},
    {"--command-config", SHIM_VALUE, "-F"},
    {"--list", SHIM_ACTION, "group ls"},
    {"--describe", SHIM_ACTION, "group describe"},
    {"--reset-offsets", SHIM_ACTION, "group seek"},
    {"--delete", SHIM_ACTION, "group rm"},
    {"--delete-offsets", SHIM_ACTION, "group rm-offsets"},
    {"--group", SHIM_LIST, NULL},
    {"--all-groups", SHIM_SWITCH, NULL},
    {"--topic", SHIM_LIST, NULL},
    {"--all-topics", SHIM_SWITCH, NULL},
    {"--members", SHIM_SWITCH, "--members"},
    {"--offsets", SHIM_SWITCH, NULL},
    {"--state", SHIM_OPTIONAL, NULL},
    {"--type", SHIM_OPTIONAL, NULL},
    {"--verbose", SHIM_SWITCH, "--verbose"},
    {"--timeout", SHIM_VALUE, NULL},
    {"--dry-run", SHIM_SWITCH, NULL},
    {"--execute", SHIM_SWITCH, NULL},
    {"--export", SHIM_SWITCH, NULL},
    {"--to-earliest", SHIM_SWITCH, NULL},
    {"--to-latest", SHIM_SWITCH, NULL},
    {"--to-current", SHIM_SWITCH, NULL},
    {"--to-offset", SHIM_VALUE, NULL},
    {"--to-datetime", SHIM_VALUE, NULL},
    {"--by-duration", SHIM_VALUE, NULL},
    {"--shift-by", SHIM_VALUE, NULL},
    {"--from-file", SHIM_VALUE, NULL},
    {"--validate-regex", SHIM_VALUE, NULL},
};

/* "t", "t:0,1,2"; each --topic is one. */
static void add_topics(struct shim *shim)
{
    for (size_t i = 0; i < shim->given_count; i++) {
        if (strcmp(shim->given[i].flag, "--topic") != 0) {
            continue;
        }
        char *topic = arena_string(&shim->arena, bytes_from_string(shim->given[i].value)), *word;
        char *list = strchr(topic, ':');
        if (list == NULL) {
            shim_add(shim, topic);
            continue;
        }
        *list++ = '\0';
        while ((word = strsep(&list, ",")) != NULL) {
            shim_add(shim, arena_printf(&shim->arena, "%s:%s", topic, word));
        }
    }
}

/* ISO 8601: PnDTnHnMnS, as java.time reads it. */
static bool read_duration(const char *text, int64_t *out)
{
    static const struct {
        char unit;
        bool is_time;
        int64_t ms;
    } units[] = {
        {'D', false, 86400000}, {'H', true, 3600000}, {'M', true, 60000}, {'S', true, 1000}};
    bool is_time = false, has_part = false;
    *out = 0;
    if (*text++ != 'P') {
        return false;
    }
    while (*text != '\0') {
        if (*text == 'T' && !is_time) {
            is_time = true;
            text++;
            continue;
        }
        char *end = NULL;
        double number = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;
        size_t unit = 0;
        while (unit < 4 && end != NULL &&
               (units[unit].unit != *end || units[unit].is_time != is_time)) {
            unit++;
        }
        if (end == NULL || unit == 4 || number > 1e9) {
            return false;
        }
        *out += (int64_t)(number * (double)units[unit].ms);
        has_part = true;
        text = end + 1;
    }
    return has_part;
}

static int add_duration(struct shim *shim, const char *text)
{
    int64_t duration_ms;
    int64_t now_ms = io_wall_clock(shim->world->io);
    if (!read_duration(text, &duration_ms) || duration_ms > now_ms) {
        return shim_refuse(shim, "--by-duration takes PnDTnHnMnS, such as PT1H30M, not '%s'", text);
    }
    shim_add_for(shim, "--by-duration", "--to",
                 arena_printf(&shim->arena, "@%lld", (long long)(now_ms - duration_ms)));
    return COMMAND_OK;
}

static int add_goal(struct shim *shim)
{
    static const struct {
        const char *flag;
        const char *ours;
        const char *value; /* printf format for the flag's value; NULL: as it is */
        bool is_plain;     /* `value` stands without the flag's */
    } goals[] = {
        {"--to-earliest", "--to", "beginning", true}, {"--to-latest", "--to", "end", true},
        {"--to-current", "--to", "current", true},    {"--to-offset", "--to", NULL, false},
        {"--to-datetime", "--to", "@", false},        {"--shift-by", "--by", NULL, false},
        {"--from-file", "--plan", NULL, false},
    };
    const char *duration = shim_value(shim, "--by-duration");
    const char *offset = shim_value(shim, "--to-offset"), *time = shim_value(shim, "--to-datetime");
    struct offset_spec spec;
    struct report ignored = {0};
    int64_t number;
    if (offset != NULL && text_parse_int64(offset, &number) != 0) {
        return shim_refuse(shim, "--to-offset takes a number, not '%s'", offset);
    }
    bool is_low = offset != NULL && number < 0; /* for us it would count from the end */
    if (time != NULL &&
        (strchr(time, 'T') == NULL ||
         offset_spec_parse(arena_printf(&shim->arena, "@%s", time), &spec, NULL, &ignored) != 0)) {
        return shim_refuse(shim, "--to-datetime takes YYYY-MM-DDThh:mm:ss.sss, not '%s'", time);
    }
    int code = duration == NULL ? COMMAND_OK : add_duration(shim, duration);
    size_t count = duration != NULL;
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++) {
        if (!shim_has(shim, goals[i].flag)) {
            continue;
        }
        bool is_beginning = is_low && strcmp(goals[i].flag, "--to-offset") == 0;
        const char *value = is_beginning ? "beginning" : shim_value(shim, goals[i].flag);
        count++;
        shim_add_for(shim, goals[i].flag, goals[i].ours,
                     goals[i].is_plain        ? goals[i].value
                     : goals[i].value == NULL ? value
                                              : arena_printf(&shim->arena, "@%s", value));
    }
    if (code == COMMAND_OK && count != 1) {
        return shim_refuse(shim, "say once where to: --to-earliest, --to-latest, --to-current, "
                                 "--to-offset, --to-datetime, --by-duration, --shift-by or "
                                 "--from-file");
    }
    return code;
}

static size_t count_groups(const struct shim *shim)
{
    size_t count = 0;
    for (size_t i = 0; i < shim->given_count; i++) {
        count += strcmp(shim->given[i].flag, "--group") == 0;
    }
    return count;
}

static int finish_reset(struct shim *shim)
{
    bool is_export = shim_has(shim, "--export");
    if (shim_has(shim, "--execute") && shim_has(shim, "--dry-run")) {
        return shim_refuse(shim, "--execute and --dry-run are opposites; leave out one");
    }
    if (!shim_has(shim, "--topic") && !shim_has(shim, "--all-topics") &&
        !shim_has(shim, "--from-file")) {
        return shim_refuse(shim, "--topic NAME or --all-topics is missing");
    }
    if (shim_has(shim, "--topic") && shim_has(shim, "--all-topics")) {
        return shim_refuse(shim, "--topic and --all-topics both say which topics");
    }
    add_topics(shim);
    if (!shim_has(shim, "--execute")) {
        shim_add(shim, "--dry-run");
    }
    shim_add_pair(shim, "-o", is_export ? "csv" : "kafka");
    return add_goal(shim);
}

/* Every name of a list must be known. */
static bool are_known(const char *list, const char *known)
{
    struct bytes word;
    bool is_any = false;
    while (text_list_next(&list, &word)) {
        is_any = true;
        if (!text_list_has(known, word)) {
            return false;
        }
    }
    return is_any;
}

/* --state and --type with a value choose what --list shows. */
static int add_choice(struct shim *shim)
{
    static const char states[] = "PreparingRebalance,CompletingRebalance,Stable,Dead,Empty,"
                                 "Assigning,Reconciling";
    static const char types[] = "classic,consumer";
    const char *state = shim_value(shim, "--state"), *type = shim_value(shim, "--type");
    if (state != NULL && !are_known(state, states)) {
        return shim_refuse(shim,
                           "--state takes Stable, Empty, PreparingRebalance, CompletingRebalance, "
                           "Assigning, Reconciling or Dead, not '%s'",
                           state);
    }
    if (type != NULL && !are_known(type, types)) {
        return shim_refuse(shim, "--type takes classic or consumer, not '%s'", type);
    }
    if (state != NULL) {
        shim_add_for(shim, "--state", "--in-state", state);
    }
    if (type != NULL) {
        shim_add_for(shim, "--type", "--of-type", type);
    }
    return COMMAND_OK;
}

static int judge_describe(struct shim *shim)
{
    if (shim_value(shim, "--state") != NULL || shim_value(shim, "--type") != NULL) {
        return shim_refuse(shim, "--state and --type take a value only with --list");
    }
    if (shim_has(shim, "--members") + shim_has(shim, "--state") + shim_has(shim, "--offsets") > 1) {
        return shim_refuse(shim, "--members, --offsets and --state are three views; ask for one");
    }
    return COMMAND_OK;
}

/* --all, a word for each, or a flag for each where words are topics. */
static void add_groups(struct shim *shim, bool is_all)
{
    bool is_seek = strcmp(shim->command, "group seek") == 0;
    if (is_all) {
        shim_add(shim, "--all");
    }
    for (size_t i = 0; i < shim->given_count && !is_all; i++) {
        if (strcmp(shim->given[i].flag, "--group") == 0 && is_seek) {
            shim_add_pair(shim, "--group", shim->given[i].value);
        } else if (strcmp(shim->given[i].flag, "--group") == 0) {
            shim_add(shim, shim->given[i].value);
        }
    }
}

static int finish_groups(struct shim *shim)
{
    const char *group = shim_value(shim, "--group"), *timeout = shim_value(shim, "--timeout");
    bool is_list = strcmp(shim->command, "group ls") == 0;
    bool is_all = shim_has(shim, "--all-groups");
    int64_t timeout_ms;
    int code = is_list ? add_choice(shim) : judge_describe(shim);
    if (code != COMMAND_OK) {
        return code;
    }
    if (is_all && group != NULL) {
        return shim_refuse(shim, "--all-groups and --group both say which groups");
    }
    if (timeout != NULL && (text_parse_int64(timeout, &timeout_ms) != 0 || timeout_ms <= 0)) {
        return shim_refuse(shim, "--timeout takes milliseconds, not '%s'", timeout);
    }
    if (timeout != NULL) {
        shim_add_pair(shim, "-X", arena_printf(&shim->arena, "request.timeout.ms=%s", timeout));
    }
    if (shim_has(shim, "--state")) {
        shim_add(shim, "--state");
    }
    if (shim_has(shim, "--type")) {
        shim_add(shim, "--type");
    }
    if (is_list) {
        return COMMAND_OK;
    }
    if (!is_all && group == NULL) {
        return shim_refuse(shim, "--group NAME is missing");
    }
    add_groups(shim, is_all);
    if (strcmp(shim->command, "group seek") == 0) {
        return finish_reset(shim);
    }
    if (strcmp(shim->command, "group rm-offsets") == 0) {
        if (count_groups(shim) > 1) {
            return shim_refuse(shim, "--delete-offsets takes one --group; call it once for each");
        }
        if (!shim_has(shim, "--topic")) {
            return shim_refuse(shim, "--topic NAME is missing");
        }
        add_topics(shim);
    }
    shim_add_pair(shim, "-o", "kafka");
    return COMMAND_OK;
}

/* --validate-regex asks nobody. An expression that is wrong is an answer, not a failure. */
static bool answer_groups(struct shim *shim, int *code)
{
    const char *pattern = shim_value(shim, "--validate-regex");
    struct topic_regex *regex = NULL;
    struct bytes reason;
    if (pattern == NULL) {
        return false;
    }
    if (shim->command != NULL) {
        *code = shim_refuse(shim, "--validate-regex and %s are two things to do; ask for one",
                            shim->action);
        return true;
    }
    if (topic_regex_new(bytes_from_string(pattern), &shim->arena, &regex, &reason) == 0) {
        fprintf(shim->world->out, "The regular expression `%s` is valid.\n", pattern);
    } else {
        fprintf(shim->world->out, "The regular expression `%s` is invalid: %.*s.\n", pattern,
                BYTES_FORMAT(reason));
    }
    topic_regex_free(regex);
    return true;
}

static const struct shim_rule group_rules[] = {
    {"--group", " --describe --reset-offsets --delete --delete-offsets ", NULL},
    {"--all-groups", " --describe --reset-offsets --delete ", NULL},
    {"--topic", " --reset-offsets --delete-offsets ", NULL},
    {"--members", " --describe ", NULL},
    {"--offsets", " --describe ", NULL},
    {"--verbose", " --describe ", NULL},
    {"--state", " --describe --list ", NULL},
    {"--type", " --list ", NULL},
    {"--dry-run", " --reset-offsets ", NULL},
    {"--execute", " --reset-offsets ", NULL},
    {"--export", " --reset-offsets ", NULL},
};

static const struct dialect_row group_phrases[] = {
    {"tidemill topic ls", "kafka-topics --list"},
    {"tidemill group ls", "kafka-consumer-groups --list"},
    {"tidemill group seek GROUP TOPIC --to beginning", "--topic TOPIC --to-earliest"},
};

const struct shim_tool shim_consumer_groups = {
    .name = "kafka-consumer-groups",
    .actions = "--list, --describe, --reset-offsets, --delete, --delete-offsets or "
               "--validate-regex",
    SHIM_FLAGS(group_flags),
    SHIM_RULES(group_rules),
    SHIM_PHRASES(group_phrases),
    .answer = answer_groups,
    .finish = finish_groups,
};
