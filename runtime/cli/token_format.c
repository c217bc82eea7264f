/* See token_format.h. */
#include "runtime/cli/token_format.h"

#include "log/base/endian.h"
#include "log/base/memory.h"
#include "runtime/cli/flag.h"

#include <stdlib.h>
#include <string.h>

static const char tokens[] = "sSRkKTyhHtpo";

static void add_part(struct token_format *format, char token, size_t start)
{
    size_t size = format->literals.size - start;
    if (token == 0 && size == 0) {
        return;
    }
    format->parts = memory_resize(format->parts, (format->count + 1) * sizeof(*format->parts));
    format->parts[format->count++] =
        (struct token_format_part){.token = token, .start = start, .size = size};
}

static void add_literal(struct token_format *format, const char *text)
{
    size_t start = format->literals.size;
    flag_unescape(text, &format->literals);
    add_part(format, 0, start);
}

int token_format_init(struct token_format *format, const char *text, const char *null_text,
                      struct report *report)
{
    *format = (struct token_format){.null_text = null_text};
    buffer_init(&format->literals);
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, "%");
        char *literal = bytes_to_string(bytes_make(at, size));
        add_literal(format, literal);
        free(literal);
        at += size;
        if (*at == '\0') {
            break;
        }
        if (at[1] == '%') {
            add_literal(format, "%");
        } else if (at[1] != '\0' && strchr(tokens, at[1]) != NULL) {
            add_part(format, at[1], format->literals.size);
        } else {
            token_format_fini(format);
            return report_add(report, NULL,
                              "unknown token '%.2s' in the format; known are %%s %%S "
                              "%%R %%k %%K %%T %%y %%h %%H %%t %%p %%o %%%%",
                              at);
        }
        at += 2;
    }
    return 0;
}

void token_format_init_plain(struct token_format *format, const char *key_delimiter,
                             const char *delimiter, const char *null_text)
{
    *format = (struct token_format){.null_text = null_text};
    buffer_init(&format->literals);
    if (key_delimiter != NULL) {
        add_part(format, 'k', 0);
        add_literal(format, key_delimiter);
    }
    add_part(format, 's', format->literals.size);
    add_literal(format, delimiter);
}

void token_format_fini(struct token_format *format)
{
    free(format->parts);
    format->parts = NULL;
    buffer_fini(&format->literals);
}

static void write_content(const struct token_format *format, struct bytes content,
                          struct buffer *out)
{
    if (bytes_is_null(content) && format->null_text != NULL) {
        buffer_add_string(out, format->null_text);
    } else {
        buffer_add_bytes(out, content);
    }
}

static void write_number(int64_t number, struct buffer *out)
{
    uint8_t digits[24], *at = digits + sizeof(digits);
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = (uint8_t)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0) {
        *--at = '-';
    }
    buffer_add(out, at, (size_t)(digits + sizeof(digits) - at));
}

static int64_t size_of(struct bytes content)
{
    return bytes_is_null(content) ? -1 : (int64_t)content.size;
}

static void write_token(const struct token_format *format, char token,
                        const struct envelope *envelope, struct buffer *out)
{
    const struct batch_record *record = envelope->record;
    switch (token) {
    case 's':
        write_content(format, envelope->value_text != NULL ? *envelope->value_text : record->value,
                      out);
        break;
    case 'S':
        write_number(size_of(record->value), out);
        break;
    case 'R':
        endian_write_u32(buffer_reserve(out, 4), (uint32_t)size_of(record->value));
        out->size += 4;
        break;
    case 'k':
        write_content(format, envelope->key_text != NULL ? *envelope->key_text : record->key, out);
        break;
    case 'K':
        write_number(size_of(record->key), out);
        break;
    case 'T':
        write_number(record->timestamp_ms, out);
        break;
    case 'y':
        buffer_add_string(out, envelope->is_append_time ? "LogAppendTime" : "CreateTime");
        break;
    case 'h':
        envelope_write_headers(record, "=", ",", "NULL", out);
        break;
    case 'H':
        if (record->header_count == 0) {
            buffer_add_string(out, "NO_HEADERS");
        }
        envelope_write_headers(record, ":",
                               format->header_separator == NULL ? "," : format->header_separator,
                               format->null_text == NULL ? "null" : format->null_text, out);
        break;
    case 't':
        buffer_add_string(out, envelope->topic);
        break;
    case 'p':
        write_number(envelope->partition, out);
        break;
    case 'o':
        write_number(record->offset, out);
        break;
    default:
        check(false); /* a token that was read is known */
    }
}

void token_format_apply(const struct token_format *format, const struct envelope *envelope,
                        struct buffer *out)
{
    for (size_t i = 0; i < format->count; i++) {
        const struct token_format_part *part = &format->parts[i];
        if (part->token == 0) {
            buffer_add(out, format->literals.data + part->start, part->size);
        } else {
            write_token(format, part->token, envelope, out);
        }
    }
}
