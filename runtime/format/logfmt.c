/* Lines of key=value; see logfmt.h. */
#include "runtime/format/logfmt.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/cell.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/utf8.h"
#include "runtime/format/value_options.h"

#include <stdlib.h>
#include <string.h>

struct logfmt {
    struct value_format format;
    struct name_list numbers;
};

static const struct logfmt *logfmt_of(const struct value_format *format)
{
    return (const struct logfmt *)(const void *)format;
}

/* --- Reading ---------------------------------------------------------------------------------- */

struct logfmt_reading {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct bytes key;
    struct buffer quoted;
    struct report *report;
};

static int logfmt_fail(const struct logfmt_reading *reading, const char *what)
{
    return report_add(reading->report, NULL, "key '%.*s' %s at byte %td",
                      reading->key.size > 64 ? 64 : (int)reading->key.size,
                      (const char *)reading->key.data, what, reading->at - reading->start);
}

static bool logfmt_is_key_byte(uint8_t byte)
{
    return byte > ' ' && byte != '=' && byte != '"' && byte != 0x7f;
}

static int logfmt_hex(const uint8_t *at, const uint8_t *end, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, at++) {
        uint8_t letter = at < end ? *at | 0x20 : 0;
        bool is_digit = at < end && *at >= '0' && *at <= '9';
        if (!is_digit && (letter < 'a' || letter > 'f')) {
            return ERROR_MALFORMED;
        }
        *out = *out * 16 + (uint32_t)(is_digit ? *at - '0' : letter - 'a' + 10);
    }
    return 0;
}

/* Behind "\u"; a lone surrogate becomes U+FFFD, as in JSON. */
static int logfmt_read_point(struct logfmt_reading *reading)
{
    uint32_t point = 0;
    uint32_t low = 0;
    if (logfmt_hex(reading->at, reading->end, &point) != 0) {
        return logfmt_fail(reading, "has no four hexadecimal digits behind \\u");
    }
    reading->at += 4;
    bool is_high = point >= 0xd800 && point < 0xdc00;
    if (is_high && reading->end - reading->at >= 6 && memcmp(reading->at, "\\u", 2) == 0 &&
        logfmt_hex(reading->at + 2, reading->end, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
        reading->at += 6;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xd800 && point < 0xe000) {
        point = 0xfffd;
    }
    utf8_append(&reading->quoted, point);
    return 0;
}

static int logfmt_read_escape(struct logfmt_reading *reading)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    uint8_t letter = reading->at < reading->end ? *reading->at : 0;
    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    if (letter != 'u' && found == NULL) {
        return logfmt_fail(reading, "has an unknown escape");
    }
    reading->at++;
    if (letter == 'u') {
        return logfmt_read_point(reading);
    }
    buffer_add_byte(&reading->quoted, (uint8_t)meant[found - letters]);
    return 0;
}

static int logfmt_read_quoted(struct logfmt_reading *reading, struct bytes *value)
{
    int error = 0;
    buffer_clear(&reading->quoted);
    reading->at++;
    while (error == 0 && reading->at < reading->end && *reading->at != '"') {
        uint8_t byte = *reading->at++;
        if (byte == '\\') {
            error = logfmt_read_escape(reading);
        } else {
            buffer_add_byte(&reading->quoted, byte);
        }
    }
    if (error != 0) {
        return error;
    }
    if (reading->at == reading->end) {
        return logfmt_fail(reading, "has no closing quote");
    }
    reading->at++;
    *value = buffer_bytes(&reading->quoted);
    return reading->at == reading->end || *reading->at <= ' '
               ? 0
               : logfmt_fail(reading, "goes on behind its closing quote");
}

static int logfmt_read_value(struct logfmt_reading *reading, struct bytes *value)
{
    if (reading->at < reading->end && *reading->at == '"') {
        return logfmt_read_quoted(reading, value);
    }
    const uint8_t *start = reading->at;
    while (reading->at<reading->end && * reading->at> ' ' && *reading->at != '"') {
        reading->at++;
    }
    *value = bytes_make(start, (size_t)(reading->at - start));
    return reading->at < reading->end && *reading->at == '"'
               ? logfmt_fail(reading, "has a quote inside, but is not quoted")
               : 0;
}

static bool logfmt_is_number(const struct logfmt_reading *reading, const struct logfmt *logfmt)
{
    return name_list_find(&logfmt->numbers, reading->key) < logfmt->numbers.count;
}

static int logfmt_write_value(const struct logfmt_reading *reading, const struct logfmt *logfmt,
                              struct bytes value, struct buffer *json)
{
    if (logfmt_is_number(reading, logfmt)) {
        return cell_write_number(json, value) == 0 ? 0 : logfmt_fail(reading, "is no number");
    }
    return json_writer_string(json, value) == 0 ? 0 : logfmt_fail(reading, "is not UTF-8");
}

static int logfmt_read_pair(struct logfmt_reading *reading, const struct logfmt *logfmt,
                            struct buffer *json)
{
    const uint8_t *start = reading->at;
    while (reading->at < reading->end && logfmt_is_key_byte(*reading->at)) {
        reading->at++;
    }
    reading->key = bytes_make(start, (size_t)(reading->at - start));
    if (reading->key.size == 0) {
        return report_add(reading->report, NULL, "there is no key at byte %td",
                          reading->at - reading->start);
    }
    if (json_writer_string(json, reading->key) != 0) {
        return logfmt_fail(reading, "is not UTF-8");
    }
    buffer_add_byte(json, ':');
    if (reading->at == reading->end || *reading->at <= ' ') {
        buffer_add_string(json, "true");
        return logfmt_is_number(reading, logfmt) ? logfmt_fail(reading, "is no number") : 0;
    }
    if (*reading->at != '=') {
        return logfmt_fail(reading, "has a byte that no key has");
    }
    reading->at++;
    struct bytes value = {0};
    int error = logfmt_read_value(reading, &value);
    return error != 0 ? error : logfmt_write_value(reading, logfmt, value, json);
}

static int logfmt_decode(const struct value_format *format, struct bytes value, struct buffer *json,
                         struct report *report)
{
    struct logfmt_reading reading = {
        .start = value.data, .at = value.data, .end = value.data + value.size, .report = report};
    bool is_first = true;
    int error = 0;
    buffer_init(&reading.quoted);
    buffer_add_byte(json, '{');
    while (error == 0 && reading.at < reading.end) {
        if (*reading.at <= ' ') {
            reading.at++;
            continue;
        }
        if (!is_first) {
            buffer_add_byte(json, ',');
        }
        is_first = false;
        error = logfmt_read_pair(&reading, logfmt_of(format), json);
    }
    buffer_add_byte(json, '}');
    buffer_fini(&reading.quoted);
    return error;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool logfmt_is_key(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!logfmt_is_key_byte(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

static int logfmt_put_value(const struct json *json, uint32_t token, struct buffer *out)
{
    enum json_kind kind = (enum json_kind)json_token(json, token)->kind;
    struct buffer cell;
    int error = 0;
    buffer_init(&cell);
    cell_read(json, token, &cell);
    bool has_escape = memchr(buffer_bytes(&cell).data, '\\', cell.size) != NULL;
    if (kind == JSON_NULL || (logfmt_is_key(buffer_bytes(&cell)) && !has_escape)) {
        buffer_add_bytes(out, buffer_bytes(&cell));
    } else {
        error = json_writer_string(out, buffer_bytes(&cell));
    }
    buffer_fini(&cell);
    return error;
}

static int logfmt_put_pair(const struct json *json, uint32_t token, struct buffer *out,
                           struct report *report)
{
    struct buffer key;
    int error = 0;
    buffer_init(&key);
    cell_read(json, token, &key);
    if (logfmt_is_key(buffer_bytes(&key))) {
        buffer_add_bytes(out, buffer_bytes(&key));
        buffer_add_byte(out, '=');
        error = logfmt_put_value(json, token + 1, out);
    } else {
        error = report_add(report, NULL,
                           "the member '%.64s' cannot be a key of logfmt: it is empty or has "
                           "spaces, '=' or quotes",
                           buffer_string(&key));
    }
    buffer_fini(&key);
    return error;
}

static int logfmt_encode(const struct value_format *format, const struct json *json,
                         struct buffer *out, struct report *report)
{
    (void)format;
    const struct json_token *object = json_token(json, JSON_ROOT);
    int error = 0;
    if (object->kind != JSON_OBJECT) {
        return report_add(report, NULL, "logfmt is made of an object");
    }
    for (uint32_t at = 1; at < object->next && error == 0; at = json_token(json, at + 1)->next) {
        if (at > 1) {
            buffer_add_byte(out, ' ');
        }
        error = logfmt_put_pair(json, at, out, report);
    }
    return error;
}

static void logfmt_close(struct value_format *format)
{
    struct logfmt *logfmt = (struct logfmt *)(void *)format;
    name_list_fini(&logfmt->numbers);
    free(logfmt);
}

static struct value_format *logfmt_open(const struct value_options *options, struct report *report)
{
    struct logfmt *logfmt = memory_new(struct logfmt);
    logfmt->format.ops = &logfmt_ops;
    if (value_options_names(options, "numbers", &logfmt->numbers, report) != 0) {
        logfmt_close(&logfmt->format);
        return NULL;
    }
    return &logfmt->format;
}

static const char *const logfmt_options[] = {"numbers", NULL};

const struct value_ops logfmt_ops = {.name = "logfmt",
                                     .text = "logfmt",
                                     .options = logfmt_options,
                                     .open = logfmt_open,
                                     .close = logfmt_close,
                                     .decode = logfmt_decode,
                                     .encode = logfmt_encode};
