/* The strict JSON reader; see json.h.
 *
 * One loop over the text with a small stack of open containers, no recursion. Strings are scanned
 * eight bytes at a time while they are plain. */
#include "runtime/format/json.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "runtime/format/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { JSON_FEW_MAX = 16 };

struct json_reader {
    struct json *json;
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    uint32_t depth;
    uint32_t open[JSON_DEPTH_MAX]; /* the containers around us, outermost first */
};

void json_init(struct json *json)
{
    *json = (struct json){0};
}

void json_fini(struct json *json)
{
    json_trim(json, 0);
    *json = (struct json){0};
}

static void *resize_tokens(struct json *json, size_t count)
{
    size_t old_size = json->token_capacity * sizeof *json->tokens;
    size_t new_size = count * sizeof *json->tokens;
    if (json->resize != NULL) {
        return json->resize(json->resize_owner, json->tokens, old_size, new_size);
    }
    if (count == 0) {
        free(json->tokens);
        return NULL;
    }
    return memory_resize(json->tokens, new_size);
}

void json_trim(struct json *json, uint32_t capacity_max)
{
    if (json->token_capacity > capacity_max) {
        resize_tokens(json, 0);
        json->tokens = NULL;
        json->token_count = json->token_capacity = 0;
    }
}

static int fail(struct json_reader *reader, int error, const char *text)
{
    reader->json->error_text = text;
    reader->json->error_position = (size_t)(reader->at - reader->start);
    reader->json->token_count = 0;
    return error;
}

static __attribute__((noinline)) int grow_tokens(struct json_reader *reader)
{
    struct json *json = reader->json;
    uint32_t capacity = json->token_capacity == 0 ? 64 : json->token_capacity * 2;
    struct json_token *tokens = resize_tokens(json, capacity);
    if (tokens == NULL) {
        return fail(reader, ERROR_NO_MEMORY, "there is no memory for so many values");
    }
    json->tokens = tokens;
    json->token_capacity = capacity;
    return 0;
}

/* There must be room: see prepare_step. */
static inline struct json_token *add_token(struct json_reader *reader, enum json_kind kind)
{
    struct json *json = reader->json;
    uint32_t index = json->token_count++;
    struct json_token *token = &json->tokens[index];
    *token = (struct json_token){
        .start = (uint32_t)(reader->at - reader->start), .next = index + 1, .kind = (uint8_t)kind};
    return token;
}

static inline void skip_space(struct json_reader *reader)
{
    const uint8_t *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
    }
    reader->at = at;
}

/* Nonzero when one of eight bytes is a quote, a backslash, a control or not ASCII; its lowest bit
 * then stands in the first of them. Those above it may be wrong, for the subtractions borrow. */
static inline uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t found = (quote - ones) & ~quote;
    found |= (slash - ones) & ~slash;
    found |= (word - ones * 0x20) & ~word;
    return (found | word) & highs;
}

static inline bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/* Steps over one escape sequence; false when there is no such escape. */
static bool skip_escape(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *here = *at + 1;
    if (here == end) {
        return false;
    }
    if (*here == 'u') {
        if (end - here < 5 || !is_hex(here[1]) || !is_hex(here[2]) || !is_hex(here[3]) ||
            !is_hex(here[4])) {
            return false;
        }
        *at = here + 5;
        return true;
    }
    if (strchr("\"\\/bfnrt", *here) == NULL || *here == 0) {
        return false;
    }
    *at = here + 1;
    return true;
}

/* The first byte of a string, or the end, that is not taken as it is. */
static inline const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t special = special_bytes(word);
        if (special != 0) {
            return at + __builtin_ctzll(special) / 8; /* little-endian: endian.h asserts it */
        }
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20 && *at < 0x80) {
        at++;
    }
    return at;
}

/* The reader stands on the opening quote and is left behind the closing one. */
static int read_string(struct json_reader *reader)
{
    reader->at++;
    struct json_token *token = add_token(reader, JSON_STRING);
    const uint8_t *at = reader->at;
    const uint8_t *end = reader->end;
    for (;;) {
        at = skip_plain(at, end);
        reader->at = at;
        if (at == end) {
            return fail(reader, ERROR_MALFORMED, "a string does not end");
        }
        if (*at == '"') {
            token->end = (uint32_t)(at - reader->start);
            reader->at = at + 1;
            return 0;
        }
        if (*at == '\\') {
            token->has_escapes = true;
            if (!skip_escape(&at, end)) {
                return fail(reader, ERROR_MALFORMED, "an unknown escape in a string");
            }
        } else if (*at < 0x20) {
            return fail(reader, ERROR_MALFORMED, "a control character in a string");
        } else {
            size_t size = utf8_size(at, end);
            if (size == 0) {
                return fail(reader, ERROR_MALFORMED, "a string is not UTF-8");
            }
            at += size;
        }
    }
}

static inline const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

static int read_number(struct json_reader *reader)
{
    struct json_token *token = add_token(reader, JSON_NUMBER);
    const uint8_t *at = reader->at;
    const uint8_t *end = reader->end;
    at += *at == '-';
    const uint8_t *digits = at;
    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1)) {
        return fail(reader, ERROR_MALFORMED, "not a number");
    }
    token->is_integer = true;
    if (at < end && *at == '.') {
        token->is_integer = false;
        digits = at + 1;
        at = skip_digits(digits, end);
        if (at == digits) {
            return fail(reader, ERROR_MALFORMED, "a number ends with its point");
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        token->is_integer = false;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = at;
        at = skip_digits(digits, end);
        if (at == digits) {
            return fail(reader, ERROR_MALFORMED, "a number without digits in its exponent");
        }
    }
    token->end = (uint32_t)(at - reader->start);
    reader->at = at;
    return 0;
}

static int read_word(struct json_reader *reader, enum json_kind kind, const char *word, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0) {
        return fail(reader, ERROR_MALFORMED, "an unknown word");
    }
    struct json_token *token = add_token(reader, kind);
    token->end = token->start + (uint32_t)size;
    reader->at += size;
    return 0;
}

static int open_container(struct json_reader *reader, enum json_kind kind)
{
    if (reader->depth == JSON_DEPTH_MAX) {
        return fail(reader, ERROR_TOO_LARGE, "values are nested too deeply");
    }
    reader->open[reader->depth++] = reader->json->token_count;
    add_token(reader, kind);
    reader->at++;
    return 0;
}

static void close_container(struct json_reader *reader)
{
    struct json_token *token = &reader->json->tokens[reader->open[--reader->depth]];
    reader->at++;
    token->end = (uint32_t)(reader->at - reader->start);
    token->next = reader->json->token_count;
}

static int read_value(struct json_reader *reader)
{
    switch (*reader->at) {
    case '"':
        return read_string(reader);
    case '{':
        return open_container(reader, JSON_OBJECT);
    case '[':
        return open_container(reader, JSON_ARRAY);
    case 't':
        return read_word(reader, JSON_TRUE, "true", 4);
    case 'f':
        return read_word(reader, JSON_FALSE, "false", 5);
    case 'n':
        return read_word(reader, JSON_NULL, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(reader);
    default:
        return fail(reader, ERROR_MALFORMED, "a value is missing");
    }
}

/* The reader stands on the name of a member and is left on its value. */
static int read_name(struct json_reader *reader)
{
    if (*reader->at != '"') {
        return fail(reader, ERROR_MALFORMED, "the name of a member is missing");
    }
    int error = read_string(reader);
    if (error != 0) {
        return error;
    }
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':') {
        return fail(reader, ERROR_MALFORMED, "a colon is missing");
    }
    reader->at++;
    skip_space(reader);
    return 0;
}

/* Before each step, which adds two tokens at most. */
static inline int prepare_step(struct json_reader *reader)
{
    const struct json *json = reader->json;
    if (json->is_late != NULL && *json->is_late) {
        return fail(reader, ERROR_CANCELLED, "the time is up");
    }
    return json->token_capacity - json->token_count >= 2 ? 0 : grow_tokens(reader);
}

/* Reads one member or element, or closes the innermost container. */
static int read_step(struct json_reader *reader)
{
    uint32_t index = reader->open[reader->depth - 1];
    struct json_token *container = &reader->json->tokens[index];
    bool is_object = container->kind == JSON_OBJECT;
    skip_space(reader);
    if (reader->at == reader->end) {
        return fail(reader, ERROR_MALFORMED, "the text ends inside a value");
    }
    if (*reader->at == (is_object ? '}' : ']')) {
        close_container(reader);
        return 0;
    }
    if (container->count > 0) {
        if (*reader->at != ',') {
            return fail(reader, ERROR_MALFORMED, "a comma is missing");
        }
        reader->at++;
        skip_space(reader);
    }
    container->count++;
    if (is_object && reader->at < reader->end) {
        int error = read_name(reader);
        if (error != 0) {
            return error;
        }
    }
    if (reader->at == reader->end) {
        return fail(reader, ERROR_MALFORMED, "the text ends inside a value");
    }
    return read_value(reader);
}

int json_parse(struct json *json, struct bytes text)
{
    json->token_count = 0;
    json->text = text;
    json->error_text = NULL;
    struct json_reader reader;
    reader.json = json;
    reader.start = reader.at = text.data;
    reader.end = text.data + text.size;
    reader.depth = 0;
    if (text.size > JSON_SIZE_MAX) {
        return fail(&reader, ERROR_TOO_LARGE, "the text is too large");
    }
    skip_space(&reader);
    if (reader.at == reader.end) {
        return fail(&reader, ERROR_MALFORMED, "the text is empty");
    }
    int error = prepare_step(&reader);
    error = error == 0 ? read_value(&reader) : error;
    while (error == 0 && reader.depth > 0) {
        error = prepare_step(&reader);
        error = error == 0 ? read_step(&reader) : error;
    }
    if (error != 0) {
        return error;
    }
    skip_space(&reader);
    if (reader.at != reader.end) {
        return fail(&reader, ERROR_MALFORMED, "something follows the value");
    }
    return 0;
}

uint32_t json_find(const struct json *json, uint32_t object, struct bytes name)
{
    const struct json_token *tokens = json->tokens;
    if (tokens[object].kind != JSON_OBJECT) {
        return JSON_ABSENT;
    }
    uint32_t found = JSON_ABSENT;
    uint32_t end = tokens[object].next;
    for (uint32_t at = object + 1; at < end; at = tokens[at + 1].next) {
        bool may_equal = tokens[at].has_escapes || tokens[at].end - tokens[at].start == name.size;
        if (may_equal && json_equals(json, at, name)) {
            found = at + 1;
        }
    }
    return found;
}

/* Few names are compared with each other. */
static void mark_few(struct json *json, uint32_t object)
{
    struct json_token *tokens = json->tokens;
    struct buffer scratch;
    buffer_init(&scratch);
    for (uint32_t at = object + 1; at < tokens[object].next; at = tokens[at + 1].next) {
        buffer_clear(&scratch);
        tokens[at].is_repeated = json_find(json, object, json_string(json, at, &scratch)) != at + 1;
    }
    buffer_fini(&scratch);
}

static void mark_many(struct json *json, uint32_t object)
{
    struct json_token *tokens = json->tokens;
    struct map names; /* to the last token of this name */
    struct buffer scratch;
    map_init(&names);
    buffer_init(&scratch);
    for (uint32_t at = object + 1; at < tokens[object].next; at = tokens[at + 1].next) {
        buffer_clear(&scratch);
        struct json_token *before = map_put(&names, json_string(json, at, &scratch), &tokens[at]);
        if (before != NULL) {
            before->is_repeated = true;
        }
    }
    buffer_fini(&scratch);
    map_fini(&names, NULL);
}

void json_mark_repeated(struct json *json, uint32_t object)
{
    check(json->tokens[object].kind == JSON_OBJECT);
    if (json->tokens[object].count <= JSON_FEW_MAX) {
        mark_few(json, object);
    } else {
        mark_many(json, object);
    }
}

uint32_t json_element(const struct json *json, uint32_t array, uint32_t index)
{
    const struct json_token *tokens = json->tokens;
    if (tokens[array].kind != JSON_ARRAY || index >= tokens[array].count) {
        return JSON_ABSENT;
    }
    uint32_t at = array + 1;
    for (uint32_t i = 0; i < index; i++) {
        at = tokens[at].next;
    }
    return at;
}

struct bytes json_raw(const struct json *json, uint32_t token)
{
    const struct json_token *it = &json->tokens[token];
    uint32_t quote = it->kind == JSON_STRING;
    return bytes_make(json->text.data + it->start - quote, it->end - it->start + 2 * quote);
}

static uint32_t read_hex(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t digit = at[i] <= '9' ? at[i] - (uint32_t)'0' : (at[i] | 0x20u) - 'a' + 10u;
        value = value << 4 | digit;
    }
    return value;
}

/* `at` stands behind "\u"; a pair of surrogates is one code point. */
static const uint8_t *decode_unicode(struct buffer *out, const uint8_t *at, const uint8_t *end)
{
    uint32_t point = read_hex(at);
    at += 4;
    if (point >= 0xd800 && point <= 0xdbff && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = read_hex(at + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            utf8_append(out, 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00));
            return at + 6;
        }
    }
    utf8_append(out, point >= 0xd800 && point <= 0xdfff ? 0xfffd : point);
    return at;
}

static void decode_string(struct buffer *out, const uint8_t *at, const uint8_t *end)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    while (at < end) {
        const uint8_t *plain = at;
        while (at < end && *at != '\\') {
            at++;
        }
        buffer_add(out, plain, (size_t)(at - plain));
        if (at == end) {
            return;
        }
        if (at[1] == 'u') {
            at = decode_unicode(out, at + 2, end);
        } else {
            buffer_add_byte(out, (uint8_t)meanings[strchr(escapes, at[1]) - escapes]);
            at += 2;
        }
    }
}

struct bytes json_string(const struct json *json, uint32_t token, struct buffer *scratch)
{
    const struct json_token *it = &json->tokens[token];
    check(it->kind == JSON_STRING);
    const uint8_t *start = json->text.data + it->start;
    if (!it->has_escapes) {
        return bytes_make(start, it->end - it->start);
    }
    size_t before = scratch->size;
    buffer_reserve(scratch, it->end - it->start + 1);
    decode_string(scratch, start, json->text.data + it->end);
    return bytes_make(scratch->data + before, scratch->size - before);
}

bool json_equals(const struct json *json, uint32_t token, struct bytes text)
{
    const struct json_token *it = &json->tokens[token];
    if (it->kind != JSON_STRING) {
        return false;
    }
    if (!it->has_escapes) {
        return it->end - it->start == text.size &&
               (text.size == 0 || memcmp(json->text.data + it->start, text.data, text.size) == 0);
    }
    struct buffer decoded;
    buffer_init(&decoded);
    bool is_equal = bytes_equal(json_string(json, token, &decoded), text);
    buffer_fini(&decoded);
    return is_equal;
}

bool json_int64(const struct json *json, uint32_t token, int64_t *out)
{
    const struct json_token *it = &json->tokens[token];
    if (it->kind != JSON_NUMBER || !it->is_integer) {
        return false;
    }
    const uint8_t *at = json->text.data + it->start;
    const uint8_t *end = json->text.data + it->end;
    bool is_negative = *at == '-';
    at += is_negative;
    if (end - at > 19) {
        return false;
    }
    uint64_t value = 0; /* 19 digits fit */
    for (; at < end; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (value > (uint64_t)INT64_MAX + is_negative) {
        return false;
    }
    *out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* A number of at most 15 digits and a power of ten that a double holds exactly is one division or
 * multiplication of exact numbers, which rounds once, as it should (Clinger, "How to Read Floating
 * Point Numbers Accurately", 1990). False for any other. */
static bool read_short_double(const uint8_t *at, const uint8_t *end, double *out)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    enum { DIGITS_MAX = 15 };
    bool is_negative = *at == '-';
    const uint8_t *point = NULL;
    int64_t digits = 0;
    at += is_negative;
    if (end - at > DIGITS_MAX + 1) {
        return false;
    }
    for (const uint8_t *digit = at; digit < end; digit++) {
        if (*digit == '.') {
            point = digit;
        } else if (*digit >= '0' && *digit <= '9') {
            digits = digits * 10 + (*digit - '0');
        } else {
            return false; /* an exponent */
        }
    }
    if (point == NULL && end - at > DIGITS_MAX) {
        return false;
    }
    double value = (double)digits / powers[point == NULL ? 0 : end - point - 1];
    *out = is_negative ? -value : value;
    return true;
}

bool json_double(const struct json *json, uint32_t token, double *out)
{
    const struct json_token *it = &json->tokens[token];
    if (it->kind != JSON_NUMBER) {
        return false;
    }
    if (read_short_double(json->text.data + it->start, json->text.data + it->end, out)) {
        return true;
    }
    char small[64];
    size_t size = it->end - it->start;
    char *text = size < sizeof small ? small : memory_alloc(size + 1);
    memcpy(text, json->text.data + it->start, size);
    text[size] = 0;
    *out = strtod(text, NULL);
    if (text != small) {
        free(text);
    }
    return true;
}

void json_check(const struct json *json)
{
    for (uint32_t i = 0; i < json->token_count; i++) {
        const struct json_token *token = &json->tokens[i];
        check(token->start <= token->end);
        check(token->end <= json->text.size);
        check(token->next > i);
        check(token->next <= json->token_count);
        if (i > 0) {
            check(token->start > json->tokens[0].start);
            check(token->end < json->tokens[0].end);
        }
    }
}
