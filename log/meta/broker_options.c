/* Reads broker options from properties files and single values; see broker_options.h.
 *
 * The format of a file is that of java.util.Properties: a logical line is a name, then '=' or ':'
 * or blanks, then the value; a backslash at the end of a line joins the next one without its
 * leading blanks; elsewhere it escapes one character. */
#include "log/meta/broker_options.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option_row broker_options_rows[] = {
#define OPTION(...) OPTION_ROW(struct broker_options, __VA_ARGS__)
#include "log/meta/broker_options.def"
#undef OPTION
};
const size_t broker_options_row_count = sizeof broker_options_rows / sizeof *broker_options_rows;

static const char *broker_options_alias(const char *name)
{
    return strcmp(name, "broker.id") == 0 ? "node.id" : name;
}

const struct option_row *broker_options_find(const char *name)
{
    return option_find(broker_options_rows, broker_options_row_count, broker_options_alias(name));
}

void broker_options_init(struct broker_options *options)
{
    *options = (struct broker_options){0};
    option_set_defaults(broker_options_rows, broker_options_row_count, options);
}

void broker_options_fini(struct broker_options *options)
{
    option_fini(broker_options_rows, broker_options_row_count, options);
}

const char *broker_options_data_dir(const struct broker_options *options, size_t *size)
{
    bool has_list = options->log_dirs != NULL && *options->log_dirs != 0;
    const char *path = has_list ? options->log_dirs : options->log_dir;
    *size = strcspn(path, ",");
    return path;
}

static const char *broker_options_absence(const char *name)
{
    static const struct {
        const char *name;
        const char *why;
    } rows[] = {
#define ABSENCE(name, why) {name, why},
#include "log/meta/broker_absence.def"
#undef ABSENCE
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = strlen(rows[i].name);
        bool is_start = rows[i].name[size - 1] == '.';
        if (strncmp(name, rows[i].name, is_start ? size : size + 1) == 0) {
            return rows[i].why;
        }
    }
    return NULL;
}

/* The option that gives topics without their own this one; NULL when it is none of topics. */
static const char *broker_options_of_topic(const char *name)
{
    static const struct {
        const char *topic_name;
        const char *broker_name;
    } rows[] = {
#define SYNONYM(topic_name, broker_name, factor) {topic_name, broker_name},
#include "log/meta/topic_synonyms.def"
#undef SYNONYM
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(name, rows[i].topic_name) == 0) {
            return rows[i].broker_name;
        }
    }
    return NULL;
}

bool broker_options_is_moot(const char *name)
{
    const struct option_row *row = broker_options_find(name);
    unsigned mask = BROKER_OPTIONS_IGNORED | BROKER_OPTIONS_MISSED;
    return row != NULL && ((unsigned)row->flags & mask) == BROKER_OPTIONS_IGNORED;
}

bool broker_options_explain(const char *name, struct report *report)
{
    const char *why = broker_options_absence(name);
    const char *of_topics = broker_options_of_topic(name);
    if (why != NULL) {
        report_add(report, NULL, "%s has no effect here: %s", name, why);
    } else if (of_topics != NULL) {
        report_add(report, NULL,
                   "%s has no effect here: it is an option of topics; for all that have none of "
                   "their own set %s",
                   name, of_topics);
    } else {
        option_require(broker_options_rows, broker_options_row_count, name, report);
    }
    return why != NULL || of_topics != NULL;
}

/* A name that no row has: kept, with a warning. */
static void broker_options_suspect(const char *name, const char *place, broker_options_warn warn,
                                   void *owner)
{
    struct report warning = {0};
    struct report reason = {0};
    bool is_known = broker_options_explain(name, &reason);
    report_add(&warning, place, "%s%s", reason.text, is_known ? "" : "; it has no effect");
    if (warn != NULL) {
        warn(owner, &warning);
    }
}

/* What is understood and means less than it says is told. */
static void broker_options_qualify(const struct option_row *row, const char *value,
                                   const char *place, broker_options_warn warn, void *owner)
{
    struct report warning = {0};
    if (warn == NULL) {
        return;
    }
    if ((row->flags & BROKER_OPTIONS_IGNORED) != 0) {
        report_add(&warning, place, "%s has no effect here. %s", row->name, row->doc);
        warn(owner, &warning);
    } else if (strncmp(row->name, "log.dir", 7) == 0 && strchr(value, ',') != NULL) {
        report_add(&warning, place, "%s: only the first of several directories is used, %.*s",
                   row->name, (int)strcspn(value, ","), value);
        warn(owner, &warning);
    } else if (strcmp(row->name, "default.replication.factor") == 0 && strcmp(value, "1") != 0) {
        report_add(&warning, place,
                   "%s: a single node keeps one copy of each topic, not %s; no other node has its "
                   "records when its disk is lost",
                   row->name, value);
        warn(owner, &warning);
    }
}

int broker_options_put(struct map *values, const char *name, const char *value, const char *place,
                       broker_options_warn warn, void *owner, struct report *report)
{
    name = broker_options_alias(name);
    const struct option_row *row = broker_options_find(name);
    if (row == NULL) {
        broker_options_suspect(name, place, warn, owner);
    } else {
        struct broker_options scratch = {0};
        struct report refusal = {0};
        int error = option_parse(row, value, &scratch, &refusal);
        broker_options_fini(&scratch);
        if (error != 0) {
            return report_add(report, place, "%s", refusal.text);
        }
        broker_options_qualify(row, value, place, warn, owner);
    }
    free(map_put(values, bytes_from_string(name), memory_string(value)));
    return 0;
}

struct properties {
    const char *at;
    const char *end;
    int line; /* of the next character, from 1 */
};

static bool properties_is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\f' || character == '\r';
}

static void properties_skip_blanks(struct properties *text)
{
    while (text->at < text->end && properties_is_blank(*text->at)) {
        text->at++;
    }
}

/* A character's meaning behind a backslash. \uXXXX is kept for ASCII only. */
static char properties_unescape(struct properties *text)
{
    char character = *text->at++;
    switch (character) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 'u':
        if (text->end - text->at >= 4) {
            char digits[5] = {text->at[0], text->at[1], text->at[2], text->at[3], 0};
            text->at += 4;
            unsigned long code = strtoul(digits, NULL, 16);
            return code < 128 ? (char)code : '?';
        }
        return 'u';
    default:
        return character;
    }
}

/* Appends characters up to the end of the logical line, or, for a name, up to its separator. */
static void properties_read_part(struct properties *text, bool is_name, struct buffer *out)
{
    while (text->at < text->end && *text->at != '\n') {
        char character = *text->at;
        if (is_name && (character == '=' || character == ':' || properties_is_blank(character))) {
            return;
        }
        text->at++;
        if (character != '\\') {
            buffer_add_byte(out, (uint8_t)character);
            continue;
        }
        if (text->at < text->end && *text->at == '\r') {
            text->at++;
        }
        if (text->at == text->end) {
            return;
        }
        if (*text->at == '\n') {
            text->at++;
            text->line++;
            properties_skip_blanks(text);
            continue;
        }
        buffer_add_byte(out, (uint8_t)properties_unescape(text));
    }
}

static void properties_skip_line(struct properties *text)
{
    while (text->at < text->end && *text->at != '\n') {
        text->at++;
    }
}

/* Reads one logical line; false when it holds no setting. */
static bool properties_read_line(struct properties *text, struct buffer *name, struct buffer *value)
{
    properties_skip_blanks(text);
    if (text->at == text->end || *text->at == '\n') {
        return false;
    }
    if (*text->at == '#' || *text->at == '!') {
        properties_skip_line(text);
        return false;
    }
    properties_read_part(text, true, name);
    properties_skip_blanks(text);
    if (text->at < text->end && (*text->at == '=' || *text->at == ':')) {
        text->at++;
        properties_skip_blanks(text);
    }
    properties_read_part(text, false, value);
    while (value->size > 0 && properties_is_blank((char)value->data[value->size - 1])) {
        value->size--;
    }
    return true;
}

void broker_options_read_properties(struct bytes text, const char *file, broker_options_each each,
                                    void *owner)
{
    struct properties properties = {
        .at = (const char *)text.data, .end = (const char *)text.data + text.size, .line = 1};
    struct buffer name;
    struct buffer value;
    buffer_init(&name);
    buffer_init(&value);
    while (properties.at < properties.end) {
        char place[REPORT_PLACE_SIZE];
        snprintf(place, sizeof place, "%s:%d", file, properties.line);
        buffer_clear(&name);
        buffer_clear(&value);
        if (properties_read_line(&properties, &name, &value)) {
            each(owner, buffer_string(&name), buffer_string(&value), place);
        }
        if (properties.at < properties.end && *properties.at == '\n') {
            properties.at++;
            properties.line++;
        }
    }
    buffer_fini(&name);
    buffer_fini(&value);
}

bool broker_options_from_variable(const char *variable, struct buffer *name)
{
    static const char prefix[] = "KAFKA_";
    if (strncmp(variable, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    for (const char *at = variable + sizeof prefix - 1; *at != 0; at++) {
        if (strncmp(at, "___", 3) == 0) {
            buffer_add_byte(name, '-');
            at += 2;
        } else if (strncmp(at, "__", 2) == 0) {
            buffer_add_byte(name, '_');
            at += 1;
        } else {
            buffer_add_byte(name, *at == '_' ? '.' : (uint8_t)tolower((unsigned char)*at));
        }
    }
    return name->size > 0;
}
