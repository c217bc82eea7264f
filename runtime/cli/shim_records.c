/* kafka-console-producer, kafka-console-consumer and kafka-producer-perf-test in words of ours; see
 * shim.h. */
#include "log/base/text.h"
#include "runtime/cli/shim.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- kafka-console-producer --- */

static const struct shim_flag producer_flags[] = {
    {"--bootstrap-server", SHIM_VALUE, "-b"},
    {"--broker-list", SHIM_VALUE, "-b"},
    {"--help", SHIM_SWITCH, NULL},
    {"--version", SHIM_SWITCH, NULL},
    {"--topic", SHIM_VALUE, "-t"},
    {"--property", SHIM_LIST, NULL},
    {"--reader-property", SHIM_LIST, NULL},
    {"--producer-property", SHIM_LIST, "-X"},
    {"--command-property", SHIM_LIST, "-X"},
    {"--compression-codec", SHIM_OPTIONAL, NULL},
    {"--request-required-acks", SHIM_VALUE, NULL},
    {"--request-timeout-ms", SHIM_VALUE, NULL},
    {"--timeout", SHIM_VALUE, NULL},
    {"--batch-size", SHIM_VALUE, NULL},
    {"--sync", SHIM_SWITCH, NULL},
    {"--producer.config", SHIM_VALUE, "-F"},
    {"--command-config", SHIM_VALUE, "-F"},
    {"--reader-config", SHIM_VALUE, NULL},
    {"--line-reader", SHIM_VALUE, NULL},
    {"--max-block-ms", SHIM_DROP, NULL},
    {"--max-memory-bytes", SHIM_DROP, NULL},
    {"--max-partition-memory-bytes", SHIM_DROP, NULL},
    {"--message-send-max-retries", SHIM_DROP, NULL},
    {"--metadata-expiry-ms", SHIM_DROP, NULL},
    {"--retry-backoff-ms", SHIM_DROP, NULL},
    {"--socket-buffer-size", SHIM_DROP, NULL},
};

/* Flags that are client properties under another name. */
static const struct {
    const char *flag;
    const char *property;
} producer_properties[] = {
    {"--request-required-acks", "acks"},
    {"--request-timeout-ms", "request.timeout.ms"},
    {"--timeout", "linger.ms"},
    {"--batch-size", "batch.size"},
};

static const char *reader(const struct shim *shim, const char *name)
{
    return shim_property(shim, "--property", "--reader-property", name);
}

static bool is_true(const char *text)
{
    bool value = false;
    return text != NULL && text_parse_bool(text, &value) == 0 && value;
}

/* Kafka's readers and formatters take any property, and leave alone what they do not know. */
static void warn_of_unknown(struct shim *shim, const char *flag, const char *other,
                            const char *const *known, size_t count)
{
    for (size_t i = 0; i < shim->given_count; i++) {
        const struct shim_given *given = &shim->given[i];
        if (strcmp(given->flag, flag) != 0 && strcmp(given->flag, other) != 0) {
            continue;
        }
        const char *equals = strchr(given->value, '=');
        size_t size = equals == NULL ? 0 : (size_t)(equals - given->value);
        bool is_known = false;
        for (size_t j = 0; j < count; j++) {
            is_known = is_known || bytes_equal_string(bytes_make(given->value, size), known[j]);
        }
        if (!is_known) {
            fprintf(shim->world->errors, "tidemill: %s: the property '%s' means nothing here\n",
                    shim->tool->name, given->value);
        }
    }
}

/* Our separators know escapes, theirs are plain. */
static const char *escape(struct shim *shim, const char *text)
{
    struct buffer out;
    buffer_init(&out);
    for (; *text != '\0'; text++) {
        buffer_add_string(&out, *text == '\\' ? "\\" : "");
        buffer_add_byte(&out, (uint8_t)*text);
    }
    const char *kept = arena_string(&shim->arena, buffer_bytes(&out));
    buffer_fini(&out);
    return kept;
}

static int finish_producer(struct shim *shim)
{
    static const char *const known[] = {"parse.key",    "key.separator",        "parse.headers",
                                        "ignore.error", "headers.delimiter",    "headers.separator",
                                        "null.marker",  "headers.key.separator"};
    int code = shim_read_file(shim, "--reader-config", "--reader-property");
    const char *class = shim_value(shim, "--line-reader");
    warn_of_unknown(shim, "--property", "--reader-property", known, sizeof known / sizeof known[0]);
    const char *separator = reader(shim, "key.separator"), *null = reader(shim, "null.marker");
    const char *delimiter = reader(shim, "headers.delimiter");
    const char *between = reader(shim, "headers.separator");
    const char *pair = reader(shim, "headers.key.separator");
    if (code == COMMAND_OK && !shim_has(shim, "--topic")) {
        return shim_refuse(shim, "--topic NAME is missing");
    }
    if (class != NULL && strcmp(class, "org.apache.kafka.tools.LineMessageReader") != 0) {
        return shim_refuse(shim, "--line-reader: classes of Java cannot be loaded; what "
                                 "LineMessageReader does is done, see --reader-property");
    }
    if (between != NULL) {
        shim_add_for(shim, "headers.separator", "--header-separator", between);
    }
    if (pair != NULL) {
        shim_add_for(shim, "headers.key.separator", "--header-pair", pair);
    }
    if (is_true(reader(shim, "parse.key"))) {
        shim_add_pair(shim, "-K", separator == NULL ? "\\t" : escape(shim, separator));
    }
    if (is_true(reader(shim, "parse.headers"))) {
        shim_add_pair(shim, "--headers", delimiter == NULL ? "\\t" : escape(shim, delimiter));
    }
    if (!is_true(reader(shim, "ignore.error"))) {
        shim_add(shim, "--strict");
    }
    if (null != NULL) {
        shim_add_pair(shim, "--null-as", null);
    }
    if (shim_has(shim, "--compression-codec")) {
        const char *codec = shim_value(shim, "--compression-codec");
        shim_add_for(shim, "--compression-codec", "-z", codec == NULL ? "gzip" : codec);
    }
    for (size_t i = 0; i < sizeof producer_properties / sizeof producer_properties[0]; i++) {
        const char *value = shim_value(shim, producer_properties[i].flag);
        if (value != NULL) {
            shim_add_pair(
                shim, "-X",
                arena_printf(&shim->arena, "%s=%s", producer_properties[i].property, value));
        }
    }
    shim_add(shim, "--empty");
    shim_add(shim, "-q");
    return code;
}

static const struct dialect_row producer_phrases[] = {
    {"tidemill topic ls", "kafka-topics --list"},
    {"tidemill topic create", "kafka-topics --create --topic"},
    {"without --strict", "with --reader-property ignore.error=true"},
};

const struct shim_tool shim_console_producer = {
    .name = "kafka-console-producer",
    .command = "produce",
    SHIM_PHRASES(producer_phrases),
    SHIM_FLAGS(producer_flags),
    .finish = finish_producer,
};

/* --- kafka-console-consumer --- */

static const struct shim_flag consumer_flags[] = {
    {"--bootstrap-server", SHIM_VALUE, "-b"},
    {"--help", SHIM_SWITCH, NULL},
    {"--version", SHIM_SWITCH, NULL},
    {"--topic", SHIM_VALUE, "-t"},
    {"--group", SHIM_VALUE, NULL},
    {"--partition", SHIM_VALUE, "-p"},
    {"--offset", SHIM_VALUE, NULL},
    {"--from-beginning", SHIM_SWITCH, NULL},
    {"--max-messages", SHIM_VALUE, "-c"},
    {"--timeout-ms", SHIM_VALUE, "--timeout"},
    {"--isolation-level", SHIM_VALUE, NULL},
    {"--property", SHIM_LIST, NULL},
    {"--formatter-property", SHIM_LIST, NULL},
    {"--consumer-property", SHIM_LIST, NULL},
    {"--command-property", SHIM_LIST, NULL},
    {"--consumer.config", SHIM_VALUE, "-F"},
    {"--command-config", SHIM_VALUE, "-F"},
    {"--formatter-config", SHIM_VALUE, NULL},
    {"--formatter", SHIM_VALUE, NULL},
    {"--include", SHIM_VALUE, NULL},
    {"--enable-systest-events", SHIM_REFUSE, "events are of Kafka's own system tests"},
    {"--key-deserializer", SHIM_VALUE, NULL},
    {"--value-deserializer", SHIM_VALUE, NULL},
    {"--skip-message-on-error", SHIM_SWITCH, "-E"},
};

static const char *formatter(const struct shim *shim, const char *name)
{
    return shim_property(shim, "--property", "--formatter-property", name);
}

/* Percent signs are tokens and backslashes escapes in our format. */
static void add_literal(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '%' || *text == '\\') {
            buffer_add_byte(out, (uint8_t)*text);
        }
        buffer_add_byte(out, (uint8_t)*text);
    }
}

/* What is printed of a record, in the order of Kafka's formatter. */
static void add_format(struct shim *shim)
{
    static const struct {
        const char *property;
        const char *format;
        bool is_default;
    } parts[] = {
        {"print.timestamp", "%y:%T", false},
        {"print.partition", "Partition:%p", false},
        {"print.offset", "Offset:%o", false},
        /* Kafka's tool hands neither to its formatter, so this is what it prints of every record.
         */
        {"print.delivery", "Delivery:NOT_PRESENT", false},
        {"print.epoch", "Epoch:NOT_PRESENT", false},
        {"print.headers", "%H", false},
        {"print.key", "%k", false},
        {"print.value", "%s", true},
    };
    const char *separator = formatter(shim, "key.separator");
    const char *line = formatter(shim, "line.separator");
    const char *null = formatter(shim, "null.literal");
    struct buffer format;
    buffer_init(&format);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *value = formatter(shim, parts[i].property);
        if (value == NULL ? parts[i].is_default : is_true(value)) {
            if (format.size > 0) {
                add_literal(&format, separator == NULL ? "\t" : separator);
            }
            buffer_add_string(&format, parts[i].format);
        }
    }
    add_literal(&format, line == NULL ? "\n" : line);
    shim_add_pair(shim, "-f", arena_string(&shim->arena, buffer_bytes(&format)));
    shim_add_pair(shim, "--null-as", null == NULL ? "null" : null);
    buffer_fini(&format);
}

static int add_offset(struct shim *shim, const char *group)
{
    const char *offset = shim_value(shim, "--offset");
    const char *reset =
        shim_property(shim, "--consumer-property", "--command-property", "auto.offset.reset");
    bool is_beginning = shim_has(shim, "--from-beginning"), has_group = group != NULL;
    int64_t number;
    if (is_beginning && reset != NULL && strcmp(reset, "latest") == 0) {
        return shim_refuse(shim, "--from-beginning and auto.offset.reset=latest contradict each "
                                 "other; leave out one");
    }
    is_beginning = is_beginning || (reset != NULL && strcmp(reset, "earliest") == 0);
    bool is_word = offset != NULL &&
                   (strcasecmp(offset, "earliest") == 0 || strcasecmp(offset, "latest") == 0);
    if (offset != NULL && !shim_has(shim, "--partition")) {
        return shim_refuse(shim, "--offset needs --partition");
    }
    if (offset != NULL && shim_has(shim, "--from-beginning")) {
        return shim_refuse(shim, "--from-beginning and --offset both say where to begin");
    }
    if (has_group && shim_has(shim, "--partition")) {
        return shim_refuse(shim, "--group and --partition do not go together");
    }
    if (offset != NULL && !is_word && (text_parse_int64(offset, &number) != 0 || number < 0)) {
        return shim_refuse(shim, "--offset takes a number, earliest or latest, not '%s'", offset);
    }
    if (has_group && !is_beginning) {
        shim_add_pair(shim, "-X", "auto.offset.reset=latest");
    } else if (has_group) {
        shim_add_pair(shim, "-X", "auto.offset.reset=earliest");
    } else {
        shim_add_for(shim, "--offset", "-o",
                     is_word && tolower((unsigned char)offset[0]) == 'e' ? "beginning"
                     : is_word                                           ? "end"
                     : offset != NULL                                    ? offset
                     : is_beginning                                      ? "beginning"
                                                                         : "end");
    }
    return COMMAND_OK;
}

/* Java's classes that print what our pack strings do. */
static int add_deserializer(struct shim *shim, const char *part, const char *flag)
{
    static const char folder[] = "org.apache.kafka.common.serialization.";
    static const struct {
        const char *name;
        const char *pack; /* NULL: as it is */
    } known[] = {{"LongDeserializer", ">q$"},      {"IntegerDeserializer", ">i$"},
                 {"ShortDeserializer", ">h$"},     {"DoubleDeserializer", ">d$"},
                 {"FloatDeserializer", ">f$"},     {"BooleanDeserializer", "?$"},
                 {"StringDeserializer", NULL},     {"ByteArrayDeserializer", NULL},
                 {"ByteBufferDeserializer", NULL}, {"BytesDeserializer", NULL},
                 {"UUIDDeserializer", NULL}};
    const char *property = arena_printf(&shim->arena, "%s.deserializer", part);
    const char *class = shim_value(shim, flag);
    class = class == NULL ? formatter(shim, property) : class;
    if (class == NULL) {
        return COMMAND_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(class, folder, sizeof folder - 1) != 0 ||
            strcmp(class + sizeof folder - 1, known[i].name) != 0) {
            continue;
        }
        if (known[i].pack != NULL) {
            shim_add_pair(shim, "-s", arena_printf(&shim->arena, "%s=%s", part, known[i].pack));
        }
        return COMMAND_OK;
    }
    return shim_refuse(shim,
                       "%s.deserializer=%s: classes of Java cannot be loaded; those of numbers, "
                       "strings and booleans in %s are known",
                       part, class, folder);
}

/* Kafka's own formatters. */
static int add_formatter(struct shim *shim)
{
    static const char folder[] = "org.apache.kafka.tools.consumer.";
    const char *class = shim_value(shim, "--formatter");
    const char *name = class == NULL                                    ? "DefaultMessageFormatter"
                       : strncmp(class, folder, sizeof folder - 1) == 0 ? class + sizeof folder - 1
                                                                        : "";
    if (strcmp(name, "NoOpMessageFormatter") == 0) {
        shim_add_pair(shim, "-f", "");
        return COMMAND_OK;
    }
    if (strcmp(name, "DefaultMessageFormatter") != 0 &&
        strcmp(name, "LoggingMessageFormatter") != 0) {
        return shim_refuse(shim,
                           "--formatter: classes of Java cannot be loaded; known are "
                           "DefaultMessageFormatter, LoggingMessageFormatter and "
                           "NoOpMessageFormatter of %s",
                           folder);
    }
    add_format(shim);
    return COMMAND_OK;
}

/* The group may be a property, too; which is none of ours. Nowhere two of them may stand. */
static int find_group(struct shim *shim, const char **group)
{
    static const char of_file[] = "a file's property";
    int code = shim_read_file(shim, "--consumer.config", of_file);
    code = code == COMMAND_OK ? shim_read_file(shim, "--command-config", of_file) : code;
    const char *found[] = {
        shim_value(shim, "--group"),
        shim_property(shim, "--consumer-property", "--command-property", "group.id"),
        shim_property(shim, of_file, of_file, "group.id")};
    *group = NULL;
    for (size_t i = 0; i < sizeof found / sizeof found[0] && code == COMMAND_OK; i++) {
        if (*group != NULL && found[i] != NULL && strcmp(*group, found[i]) != 0) {
            return shim_refuse(shim, "two groups are named, '%s' and '%s'; leave out one", *group,
                               found[i]);
        }
        *group = *group == NULL ? found[i] : *group;
    }
    return code;
}

static void add_consumer_properties(struct shim *shim)
{
    static const char group[] = "group.id=";
    for (size_t i = 0; i < shim->given_count; i++) {
        const struct shim_given *given = &shim->given[i];
        bool is_property = strcmp(given->flag, "--consumer-property") == 0 ||
                           strcmp(given->flag, "--command-property") == 0;
        if (is_property && strncmp(given->value, group, sizeof group - 1) != 0) {
            shim_add_for(shim, given->flag, "-X", given->value);
        }
    }
}

/* None are read. */
static bool answer_consumer(struct shim *shim, int *code)
{
    const char *count = shim_value(shim, "--max-messages");
    int64_t number;
    (void)code;
    return count != NULL && text_parse_int64(count, &number) == 0 && number == 0;
}

static int finish_consumer(struct shim *shim)
{
    static const char *const known[] = {"print.timestamp",   "print.key",         "print.offset",
                                        "print.partition",   "print.headers",     "print.value",
                                        "key.separator",     "line.separator",    "null.literal",
                                        "headers.separator", "print.epoch",       "print.delivery",
                                        "key.deserializer",  "value.deserializer"};
    const char *headers, *include = shim_value(shim, "--include");
    const char *isolation = shim_value(shim, "--isolation-level");
    int code = shim_read_file(shim, "--formatter-config", "--formatter-property");
    const char *group = NULL;
    code = code == COMMAND_OK ? find_group(shim, &group) : code;
    headers = formatter(shim, "headers.separator");
    warn_of_unknown(shim, "--property", "--formatter-property", known,
                    sizeof known / sizeof known[0]);
    if (headers != NULL) {
        shim_add_pair(shim, "--header-separator", headers);
    }
    if (code == COMMAND_OK && shim_has(shim, "--topic") == (include != NULL)) {
        return shim_refuse(shim, "say what to read: --topic NAME or --include REGEX");
    }
    if (include != NULL && shim_has(shim, "--partition")) {
        return shim_refuse(shim, "--partition needs --topic");
    }
    if (isolation != NULL) {
        shim_add_pair(shim, "-X", arena_printf(&shim->arena, "isolation.level=%s", isolation));
    }
    if (code == COMMAND_OK) {
        add_consumer_properties(shim);
        if (include != NULL) {
            shim_add_for(shim, "--include", "-r", shim_expression(shim, include));
        } else {
            shim_add(shim, "--create");
        }
        if (group != NULL) {
            shim_add_for(shim, "--group", "-G", group);
        }
        code = add_formatter(shim);
        code = code == COMMAND_OK ? add_deserializer(shim, "key", "--key-deserializer") : code;
        code = code == COMMAND_OK ? add_deserializer(shim, "value", "--value-deserializer") : code;
        code = code == COMMAND_OK ? add_offset(shim, group) : code;
    }
    return code;
}

static const struct dialect_row consumer_phrases[] = {
    {"tidemill topic ls", "kafka-topics --list"},
    {"-o OFFSET", "--partition N --offset OFFSET"},
    {"tidemill group seek", "kafka-consumer-groups --reset-offsets"},
};

const struct shim_tool shim_console_consumer = {
    .name = "kafka-console-consumer",
    .command = "consume",
    SHIM_PHRASES(consumer_phrases),
    SHIM_FLAGS(consumer_flags),
    .answer = answer_consumer,
    .finish = finish_consumer,
};

/* --- kafka-producer-perf-test --- */

static const struct shim_flag perf_flags[] = {
    {"--bootstrap-server", SHIM_VALUE, "-b"},
    {"--help", SHIM_SWITCH, NULL},
    {"--version", SHIM_SWITCH, NULL},
    {"--topic", SHIM_VALUE, NULL},
    {"--num-records", SHIM_VALUE, "-n"},
    {"--record-size", SHIM_VALUE, "-s"},
    {"--throughput", SHIM_VALUE, NULL},
    {"--producer-props", SHIM_LIST, NULL},
    {"--command-property", SHIM_LIST, NULL},
    {"--print-metrics", SHIM_SWITCH, NULL},
    {"--producer.config", SHIM_VALUE, "-F"},
    {"--command-config", SHIM_VALUE, "-F"},
    {"--payload-file", SHIM_REFUSE, "values are made up, of --record-size bytes"},
    {"--payload-monotonic", SHIM_REFUSE, "values are made up, of --record-size bytes"},
    {"--payload-delimiter", SHIM_REFUSE, "values are made up, of --record-size bytes"},
    {"--transactional-id", SHIM_REFUSE, "there are no transactions in this measurement"},
    {"--transaction-duration-ms", SHIM_REFUSE, "there are no transactions in this measurement"},
    {"--warmup-records", SHIM_DROP, NULL},
    {"--reporting-interval", SHIM_DROP, NULL},
};

/* One property; that of the brokers is a flag of ours. */
static void add_property(struct shim *shim, const char *pair)
{
    static const char brokers[] = "bootstrap.servers=";
    if (strncmp(pair, brokers, sizeof brokers - 1) == 0) {
        shim_add_pair(shim, "-b", pair + sizeof brokers - 1);
    } else {
        shim_add_pair(shim, "-X", pair);
    }
}

static int finish_perf(struct shim *shim)
{
    const char *topic = shim_value(shim, "--topic"), *rate = shim_value(shim, "--throughput");
    int64_t number = -1;
    if (topic == NULL) {
        return shim_refuse(shim, "--topic NAME is missing");
    }
    if (rate != NULL && text_parse_int64(rate, &number) != 0) {
        return shim_refuse(shim, "--throughput takes a number, -1 for no limit, not '%s'", rate);
    }
    shim_add(shim, topic);
    if (number > 0) {
        shim_add_pair(shim, "--rate", rate);
    }
    for (size_t i = 0; i < shim->given_count; i++) {
        const struct shim_given *given = &shim->given[i];
        if (strcmp(given->flag, "--producer-props") == 0 ||
            strcmp(given->flag, "--command-property") == 0) {
            add_property(shim, given->value);
        }
    }
    for (size_t i = 0; i < shim->argument_count; i++) { /* --producer-props takes several words */
        add_property(shim, shim->arguments[i]);
    }
    shim_add_pair(shim, "--linger", "0");
    shim_add(shim, "--brief");
    return COMMAND_OK;
}

const struct shim_tool shim_producer_perf_test = {
    .name = "kafka-producer-perf-test",
    .command = "perf produce",
    .is_brokerless = true,
    .repeats = true,
    SHIM_FLAGS(perf_flags),
    .finish = finish_perf,
};
