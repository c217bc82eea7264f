/* kafka-topics, kafka-get-offsets, kafka-delete-records and kafka-dump-log in words of ours; see
 * shim.h. */
#include "log/base/text.h"
#include "runtime/cli/shim.h"

#include <stdlib.h>
#include <string.h>

/* --- kafka-topics --- */

static const char by_configs[] = "kafka-configs --alter --entity-type topics --entity-name NAME "
                                 "--add-config NAME=VALUE changes settings";
static const struct shim_flag topic_flags[] = {
    SHIM_COMMON,
    {"--create", SHIM_ACTION, "topic create"},
    {"--list", SHIM_ACTION, "topic ls"},
    {"--describe", SHIM_ACTION, "topic describe"},
    {"--alter", SHIM_ACTION, "topic alter"},
    {"--delete", SHIM_ACTION, "topic rm"},
    {"--topic", SHIM_VALUE, NULL},
    {"--partitions", SHIM_VALUE, "-p"},
    {"--replication-factor", SHIM_VALUE, "-r"},
    {"--config", SHIM_LIST, "-c"},
    {"--delete-config", SHIM_REFUSE, by_configs},
    {"--if-exists", SHIM_SWITCH, "--if-exists"},
    {"--if-not-exists", SHIM_SWITCH, "--if-not-exists"},
    {"--exclude-internal", SHIM_SWITCH, NULL},
    {"--topics-with-overrides", SHIM_SWITCH, "--overrides"},
    {"--under-replicated-partitions", SHIM_SWITCH, "--under-replicated"},
    {"--unavailable-partitions", SHIM_SWITCH, "--unavailable"},
    {"--under-min-isr-partitions", SHIM_SWITCH, "--under-min-isr"},
    {"--at-min-isr-partitions", SHIM_SWITCH, "--at-min-isr"},
    {"--replica-assignment", SHIM_VALUE, "--place"},
    {"--topic-id", SHIM_VALUE, "--id"},
    {"--partition-size-limit-per-response", SHIM_DROP, NULL},
};

static const struct shim_rule topic_rules[] = {
    {"--partitions", " --create --alter ", NULL},
    {"--replication-factor", " --create ", NULL},
    {"--replica-assignment", " --create --alter ", NULL},
    {"--topic-id", " --describe ", "name the topic with --topic"},
    {"--config", " --create ", by_configs},
    {"--if-exists", " --alter --delete --describe ", NULL},
    {"--if-not-exists", " --create ", NULL},
    {"--exclude-internal", " --list --describe ", NULL},
    {"--topics-with-overrides", " --describe ", NULL},
    {"--under-replicated-partitions", " --describe ", NULL},
    {"--unavailable-partitions", " --describe ", NULL},
    {"--under-min-isr-partitions", " --describe ", NULL},
    {"--at-min-isr-partitions", " --describe ", NULL},
    {"--partition-size-limit-per-response", " --describe ", NULL},
};

/* What our messages say, and what to type here. */
static const struct dialect_row topic_phrases[] = {
    {"tidemill topic ls", "kafka-topics --list"},
    {"tidemill topic describe", "kafka-topics --describe"},
    {"--no-internal", "--exclude-internal"},
};

/* Of what is wrong with partitions; each of them prints partitions, not topics. */
static bool is_of_trouble(const struct shim *shim)
{
    return shim_has(shim, "--under-replicated-partitions") ||
           shim_has(shim, "--unavailable-partitions") ||
           shim_has(shim, "--under-min-isr-partitions") ||
           shim_has(shim, "--at-min-isr-partitions");
}

/* Kafka takes every name for a pattern. Here one that only has dots names itself where something
 * is changed: nobody who writes "a.b" means to delete "axb". */
static void add_topic_of(struct shim *shim, const char *topic, bool is_harmless)
{
    if (is_harmless && strchr(topic, '.') != NULL) {
        shim_add_for(shim, "--topic", "-r", shim_pattern(shim, topic));
    } else {
        shim_add_topic(shim, topic);
    }
}

static int finish_topics(struct shim *shim)
{
    const char *topic = shim_value(shim, "--topic");
    bool is_list = strcmp(shim->command, "topic ls") == 0;
    bool is_create = strcmp(shim->command, "topic create") == 0;
    bool is_describe = strcmp(shim->command, "topic describe") == 0;
    bool is_alter = strcmp(shim->command, "topic alter") == 0;
    if (topic == NULL && !is_list && !is_describe) {
        return shim_refuse(shim, "--topic NAME is missing");
    }
    if (topic != NULL && shim_has(shim, "--topic-id")) {
        return shim_refuse(shim, "--topic and --topic-id both say which topic");
    }
    if (is_create && shim_has(shim, "--replica-assignment") &&
        (shim_has(shim, "--partitions") || shim_has(shim, "--replication-factor"))) {
        return shim_refuse(shim, "--replica-assignment says how many partitions and replicas there "
                                 "are; leave out --partitions and --replication-factor");
    }
    if (is_alter && !shim_has(shim, "--partitions")) {
        return shim_refuse(shim, "--partitions N is missing; %s", by_configs);
    }
    if (shim_has(shim, "--topics-with-overrides") && is_of_trouble(shim)) {
        return shim_refuse(shim, "--topics-with-overrides shows topics; ask for partitions alone");
    }
    if (is_list) {
        if (!shim_has(shim, "--exclude-internal")) {
            shim_add(shim, "-i");
        }
        if (topic != NULL) {
            shim_add_for(shim, "--topic", "-r",
                         arena_printf(&shim->arena, "^(%s)$", shim_pattern(shim, topic)));
        }
    } else if (topic != NULL && is_create) {
        shim_add(shim, topic);
    } else if (topic != NULL) {
        add_topic_of(shim, topic, is_describe);
    }
    if (is_describe) {
        if (shim_has(shim, "--exclude-internal")) {
            shim_add(shim, "--no-internal");
        }
        shim_add_pair(shim, "-o", "kafka");
    }
    shim->is_silent = !is_list && !is_create && !is_describe;
    return COMMAND_OK;
}

const struct shim_tool shim_topics = {
    .name = "kafka-topics",
    .actions = "--list, --describe, --create, --delete or --alter",
    SHIM_FLAGS(topic_flags),
    SHIM_RULES(topic_rules),
    SHIM_PHRASES(topic_phrases),
    .finish = finish_topics,
};

/* --- kafka-get-offsets --- */

static const struct shim_flag offsets_flags[] = {
    SHIM_COMMON,
    {"--broker-list", SHIM_VALUE, "-b"},
    {"--topic", SHIM_VALUE, NULL},
    {"--partitions", SHIM_VALUE, NULL},
    {"--topic-partitions", SHIM_VALUE, NULL},
    {"--time", SHIM_VALUE, NULL},
    {"--exclude-internal-topics", SHIM_SWITCH, NULL},
};

static void add_rule(struct shim *shim, const char *theirs, const char *topic,
                     const char *partitions)
{
    shim_add_for(shim, theirs, "--rule",
                 arena_printf(&shim->arena, "%s:%s", shim_pattern(shim, topic), partitions));
}

/* "topic", "topic:0", "pattern.*:1-3" separated by commas. */
static void add_topic_partitions(struct shim *shim, const char *text)
{
    char *rest = arena_string(&shim->arena, bytes_from_string(text)), *word;
    while ((word = strsep(&rest, ",")) != NULL) {
        char *colon = strrchr(word, ':');
        if (colon != NULL) {
            *colon = '\0';
        }
        add_rule(shim, "--topic-partitions", word, colon == NULL ? "" : colon + 1);
    }
}

/* Each number of --partitions, for the topics that match --topic or for all. */
static int add_partitions(struct shim *shim, const char *topic, const char *text)
{
    char *rest = arena_string(&shim->arena, bytes_from_string(text)), *word;
    int64_t number;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (*word != '\0' && (text_parse_int64(word, &number) != 0 || number < 0)) {
            return shim_refuse(shim, "--partitions takes N,N,..., not '%s'", text);
        }
        add_rule(shim, "--partitions", topic == NULL ? "" : topic, word);
    }
    return COMMAND_OK;
}

static int add_time(struct shim *shim, const char *time)
{
    static const struct {
        const char *name;
        const char *place;
    } names[] = {{"-1", "end"},
                 {"latest", "end"},
                 {"-2", "beginning"},
                 {"earliest", "beginning"},
                 {"-3", "max-timestamp"},
                 {"max-timestamp", "max-timestamp"},
                 {"-4", "earliest-local"},
                 {"earliest-local", "earliest-local"},
                 {"-5", "tiered"},
                 {"latest-tiered", "tiered"},
                 {"-6", "pending-upload"},
                 {"earliest-pending-upload", "pending-upload"}};
    int64_t number;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(time, names[i].name) == 0) {
            shim_add_for(shim, "--time", "--at", names[i].place);
            return COMMAND_OK;
        }
    }
    if (text_parse_int64(time, &number) != 0 || number < 0) {
        return shim_refuse(shim, "--time takes milliseconds, earliest, latest or max-timestamp");
    }
    shim_add_for(shim, "--time", "--at", arena_printf(&shim->arena, "@%s", time));
    return COMMAND_OK;
}

static int finish_offsets(struct shim *shim)
{
    const char *topic = shim_value(shim, "--topic"), *time = shim_value(shim, "--time");
    const char *partitions = shim_value(shim, "--partitions");
    const char *both = shim_value(shim, "--topic-partitions");
    int code = time == NULL ? COMMAND_OK : add_time(shim, time);
    if (both != NULL && (topic != NULL || partitions != NULL)) {
        return shim_refuse(shim, "--topic-partitions stands alone, without --topic and "
                                 "--partitions");
    }
    if (!shim_has(shim, "--exclude-internal-topics")) {
        shim_add(shim, "-i");
    }
    if (both != NULL) {
        add_topic_partitions(shim, both);
    } else if (code == COMMAND_OK && partitions != NULL) {
        code = add_partitions(shim, topic, partitions);
    } else if (topic != NULL) {
        add_rule(shim, "--topic", topic, "");
    }
    shim_add_pair(shim, "-o", "kafka");
    return code;
}

const struct shim_tool shim_get_offsets = {
    .name = "kafka-get-offsets",
    .command = "topic offsets",
    SHIM_PHRASES(topic_phrases),
    SHIM_FLAGS(offsets_flags),
    .finish = finish_offsets,
};

/* --- kafka-delete-records --- */

static const struct shim_flag delete_flags[] = {
    SHIM_COMMON,
    {"--offset-json-file", SHIM_VALUE, "--plan"},
};

static int finish_delete(struct shim *shim)
{
    if (!shim_has(shim, "--offset-json-file")) {
        return shim_refuse(shim, "--offset-json-file FILE is missing");
    }
    shim_add_pair(shim, "-o", "kafka");
    return COMMAND_OK;
}

const struct shim_tool shim_delete_records = {
    .name = "kafka-delete-records",
    .command = "topic trim",
    SHIM_FLAGS(delete_flags),
    .finish = finish_delete,
};

/* --- kafka-dump-log --- */

static const char by_topic[] =
    "records of the broker's own topics are decoded by the name of their "
    "folder";
static const struct shim_flag dump_flags[] = {
    {"--help", SHIM_SWITCH, NULL},
    {"--version", SHIM_SWITCH, NULL},
    {"--files", SHIM_VALUE, NULL},
    {"--print-data-log", SHIM_SWITCH, "--deep"},
    {"--deep-iteration", SHIM_SWITCH, NULL},
    {"--offsets-decoder", SHIM_SWITCH, "--deep"},
    {"--transaction-log-decoder", SHIM_SWITCH, "--deep"},
    {"--cluster-metadata-decoder", SHIM_SWITCH, "--deep"},
    {"--index-sanity-check", SHIM_REFUSE, "see tidemill log verify DIR"},
    {"--verify-index-only", SHIM_REFUSE, "see tidemill log verify DIR"},
    {"--key-decoder-class", SHIM_REFUSE, by_topic},
    {"--value-decoder-class", SHIM_REFUSE, by_topic},
    {"--max-message-size", SHIM_DROP, NULL},
    {"--max-bytes", SHIM_DROP, NULL},
};

static int finish_dump(struct shim *shim)
{
    const char *files = shim_value(shim, "--files");
    if (files == NULL) {
        return shim_refuse(shim, "--files FILE,... is missing");
    }
    char *rest = arena_string(&shim->arena, bytes_from_string(files)), *word;
    while ((word = strsep(&rest, ",")) != NULL) {
        shim_add(shim, word);
    }
    return COMMAND_OK;
}

const struct shim_tool shim_dump_log = {
    .name = "kafka-dump-log",
    .command = "log dump",
    .is_brokerless = true,
    SHIM_FLAGS(dump_flags),
    .finish = finish_dump,
};
