/* A recursive descent over the text, bounded in depth. See json.h. */
#include "connectors/shared/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const char *at;
    const char *end;
    int depth;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r')) {
        scan->at++;
    }
}

static bool take_byte(struct scan *scan, char byte)
{
    if (scan->at < scan->end && *scan->at == byte) {
        scan->at++;
        return true;
    }
    return false;
}

static bool take_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

static bool is_hex(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

static bool take_escape(struct scan *scan)
{
    if (scan->at == scan->end) {
        return false;
    }
    char kind = *scan->at++;
    if (kind != 'u') {
        return kind != '\0' && strchr("\"\\/bfnrt", kind) != NULL;
    }
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at == scan->end || !is_hex(*scan->at)) {
            return false;
        }
    }
    return true;
}

static bool take_string(struct scan *scan)
{
    if (!take_byte(scan, '"')) {
        return false;
    }
    while (scan->at < scan->end) {
        unsigned char byte = (unsigned char)*scan->at++;
        if (byte == '"') {
            return true;
        }
        if (byte < 0x20 || (byte == '\\' && !take_escape(scan))) {
            return false;
        }
    }
    return false;
}

static bool take_digits(struct scan *scan)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return scan->at > from;
}

static bool take_number(struct scan *scan)
{
    (void)take_byte(scan, '-');
    if (!take_byte(scan, '0') && !take_digits(scan)) {
        return false;
    }
    if (take_byte(scan, '.') && !take_digits(scan)) {
        return false;
    }
    if (take_byte(scan, 'e') || take_byte(scan, 'E')) {
        if (!take_byte(scan, '+')) {
            (void)take_byte(scan, '-');
        }
        return take_digits(scan);
    }
    return true;
}

static bool take_value(struct scan *scan, struct json_value *out);

/* Members of an object or items of an array, after the opening bracket. */
static bool take_content(struct scan *scan, bool is_object)
{
    char close = is_object ? '}' : ']';
    struct json_value ignored;
    skip_space(scan);
    if (take_byte(scan, close)) {
        return true;
    }
    for (;;) {
        skip_space(scan);
        if (is_object) {
            if (!take_string(scan)) {
                return false;
            }
            skip_space(scan);
            if (!take_byte(scan, ':')) {
                return false;
            }
        }
        if (!take_value(scan, &ignored)) {
            return false;
        }
        skip_space(scan);
        if (take_byte(scan, close)) {
            return true;
        }
        if (!take_byte(scan, ',')) {
            return false;
        }
    }
}

static bool take_container(struct scan *scan, bool is_object)
{
    scan->at++;
    if (++scan->depth > JSON_DEPTH_MAX || !take_content(scan, is_object)) {
        return false;
    }
    scan->depth--;
    return true;
}

static bool take_typed(struct scan *scan, enum json_type *type)
{
    switch (*scan->at) {
    case '{':
        *type = JSON_OBJECT;
        return take_container(scan, true);
    case '[':
        *type = JSON_ARRAY;
        return take_container(scan, false);
    case '"':
        *type = JSON_STRING;
        return take_string(scan);
    case 't':
        *type = JSON_BOOL;
        return take_word(scan, "true");
    case 'f':
        *type = JSON_BOOL;
        return take_word(scan, "false");
    case 'n':
        *type = JSON_NULL;
        return take_word(scan, "null");
    default:
        *type = JSON_NUMBER;
        return take_number(scan);
    }
}

static bool take_value(struct scan *scan, struct json_value *out)
{
    skip_space(scan);
    if (scan->at == scan->end) {
        return false;
    }
    const char *from = scan->at;
    enum json_type type;
    if (!take_typed(scan, &type)) {
        return false;
    }
    *out = (struct json_value){.type = type, .text = from, .size = (size_t)(scan->at - from)};
    return true;
}

bool json_parse(const void *text, size_t size, struct json_value *out)
{
    if (text == NULL) {
        return false;
    }
    struct scan scan = {.at = text, .end = (const char *)text + size};
    struct json_value value;
    if (!take_value(&scan, &value)) {
        return false;
    }
    skip_space(&scan);
    if (scan.at != scan.end) {
        return false;
    }
    *out = value;
    return true;
}

struct json_cursor json_start(struct json_value container)
{
    return (struct json_cursor){.at = container.text + 1,
                                .end = container.text + container.size - 1};
}

bool json_next(struct json_cursor *cursor, struct json_value *key, struct json_value *value)
{
    struct scan scan = {.at = cursor->at, .end = cursor->end};
    skip_space(&scan);
    (void)take_byte(&scan, ',');
    skip_space(&scan);
    if (scan.at == scan.end) {
        return false;
    }
    if (key != NULL) {
        if (!take_value(&scan, key)) {
            return false;
        }
        skip_space(&scan);
        (void)take_byte(&scan, ':');
    }
    bool has_value = take_value(&scan, value);
    cursor->at = scan.at;
    return has_value;
}

static bool key_equals(struct json_value key, const char *name)
{
    if (memchr(key.text, '\\', key.size) == NULL) {
        return key.size == strlen(name) + 2 && memcmp(key.text + 1, name, key.size - 2) == 0;
    }
    struct builder decoded = {.data = NULL};
    json_decode(key, &decoded);
    bool is_equal =
        decoded.size == strlen(name) && memcmp(builder_text(&decoded), name, decoded.size) == 0;
    builder_fini(&decoded);
    return is_equal;
}

bool json_find(struct json_value object, const char *name, struct json_value *out)
{
    bool is_found = false;
    if (object.type != JSON_OBJECT) {
        return false;
    }
    struct json_cursor cursor = json_start(object);
    struct json_value key;
    struct json_value value;
    while (json_next(&cursor, &key, &value)) {
        if (key_equals(key, name)) {
            *out = value;
            is_found = true;
        }
    }
    return is_found;
}

bool json_integer(struct json_value value, int64_t *out)
{
    char digits[32];
    if (value.type != JSON_NUMBER || value.size >= sizeof digits ||
        memchr(value.text, '.', value.size) != NULL ||
        memchr(value.text, 'e', value.size) != NULL ||
        memchr(value.text, 'E', value.size) != NULL) {
        return false;
    }
    memcpy(digits, value.text, value.size);
    digits[value.size] = '\0';
    errno = 0;
    long long number = strtoll(digits, NULL, 10);
    if (errno != 0) {
        return false;
    }
    *out = number;
    return true;
}

int64_t json_find_integer(struct json_value object, const char *name, int64_t fallback)
{
    struct json_value value;
    int64_t number;
    return json_find(object, name, &value) && json_integer(value, &number) ? number : fallback;
}

bool json_real(struct json_value value, double *out)
{
    char digits[512];
    if (value.type != JSON_NUMBER || value.size >= sizeof digits) {
        return false;
    }
    memcpy(digits, value.text, value.size);
    digits[value.size] = '\0';
    *out = strtod(digits, NULL);
    return true;
}

static uint32_t read_hex(const char *at)
{
    char digits[5] = {at[0], at[1], at[2], at[3], '\0'};
    return (uint32_t)strtoul(digits, NULL, 16);
}

static void add_rune(struct builder *out, uint32_t rune)
{
    if (rune < 0x80) {
        builder_add_byte(out, (char)rune);
    } else if (rune < 0x800) {
        builder_add_byte(out, (char)(0xc0 | rune >> 6));
        builder_add_byte(out, (char)(0x80 | (rune & 0x3f)));
    } else if (rune < 0x10000) {
        builder_add_byte(out, (char)(0xe0 | rune >> 12));
        builder_add_byte(out, (char)(0x80 | (rune >> 6 & 0x3f)));
        builder_add_byte(out, (char)(0x80 | (rune & 0x3f)));
    } else {
        builder_add_byte(out, (char)(0xf0 | rune >> 18));
        builder_add_byte(out, (char)(0x80 | (rune >> 12 & 0x3f)));
        builder_add_byte(out, (char)(0x80 | (rune >> 6 & 0x3f)));
        builder_add_byte(out, (char)(0x80 | (rune & 0x3f)));
    }
}

/* `at` stands behind "\u"; returns where the text goes on. */
static const char *decode_unicode(const char *at, const char *end, struct builder *out)
{
    uint32_t rune = read_hex(at);
    at += 4;
    bool is_high = rune >= 0xd800 && rune < 0xdc00;
    if (is_high && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = read_hex(at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            add_rune(out, 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00));
            return at + 6;
        }
    }
    add_rune(out, rune >= 0xd800 && rune < 0xe000 ? 0xfffd : rune);
    return at;
}

void json_decode(struct json_value string, struct builder *out)
{
    const char *at = string.text + 1;
    const char *end = string.text + string.size - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        builder_add(out, at, (size_t)((escape == NULL ? end : escape) - at));
        if (escape == NULL) {
            break;
        }
        static const char names[] = "bfnrt";
        static const char bytes[] = "\b\f\n\r\t";
        const char *name = strchr(names, escape[1]);
        at = escape + 2;
        if (escape[1] == 'u') {
            at = decode_unicode(at, end, out);
        } else {
            builder_add_byte(out, name == NULL ? escape[1] : bytes[name - names]);
        }
    }
}

void json_write_text(struct builder *out, const void *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    const char *at = text;
    builder_add_byte(out, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)at[i];
        if (byte == '"' || byte == '\\') {
            builder_add_byte(out, '\\');
            builder_add_byte(out, at[i]);
        } else if (byte == '\n') {
            builder_add_text(out, "\\n");
        } else if (byte < 0x20) {
            builder_add_text(out, "\\u00");
            builder_add_byte(out, hex[byte >> 4]);
            builder_add_byte(out, hex[byte & 15]);
        } else {
            builder_add_byte(out, at[i]);
        }
    }
    builder_add_byte(out, '"');
}
