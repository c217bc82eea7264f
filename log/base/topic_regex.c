/* RE2's syntax, judged and translated for PCRE2; see topic_regex.h.
 *
 * The translation keeps what both mean alike, spells out what only RE2 knows (\Q...\E, octal
 * escapes, \v as one character, names of groups, which nobody uses), and refuses the rest. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "log/base/topic_regex.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPIC_REGEX_REPEAT_MAX = 1000, /* as RE2 */
    TOPIC_REGEX_SIZE_MAX = 8192,   /* of a pattern */
    TOPIC_REGEX_STATES_MAX = 4000, /* in PCRE2's words; a state takes three */
    TOPIC_REGEX_REASON_SIZE = 120,
};

struct topic_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    int workspace[TOPIC_REGEX_STATES_MAX];
};

/* The pattern while it is read. */
struct topic_regex_scan {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct buffer out;
    struct arena *arena;
    struct bytes reason; /* null: all is well */
    bool is_repeatable;  /* a quantifier may follow */
};

static bool topic_regex_fail(struct topic_regex_scan *scan, const char *what, const uint8_t *from)
{
    const uint8_t *to = scan->at < scan->end ? scan->at + 1 : scan->end;
    if (bytes_is_null(scan->reason)) {
        scan->reason = bytes_from_string(
            arena_printf(scan->arena, "%s: `%.*s`", what, (int)(to - from), (const char *)from));
    }
    return false;
}

static void topic_regex_emit_literal(struct topic_regex_scan *scan, uint8_t value)
{
    if (value < 0x80 && !isalnum(value)) {
        buffer_printf(&scan->out, "\\x%02x", value);
    } else {
        buffer_add_byte(&scan->out, value);
    }
}

/* \x7F, \x{10FFFF} and \012; `at` stands on the x or the first digit. */
static bool topic_regex_number(struct topic_regex_scan *scan, const uint8_t *from)
{
    uint32_t value = 0;
    int count = 0;
    if (*scan->at == 'x') {
        bool is_braced = ++scan->at < scan->end && *scan->at == '{';
        scan->at += is_braced;
        while (scan->at < scan->end && isxdigit(*scan->at) && count < (is_braced ? 8 : 2)) {
            int digit = tolower(*scan->at++);
            value = value * 16 + (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
            count++;
        }
        bool is_closed = !is_braced || (scan->at < scan->end && *scan->at == '}');
        if (count == 0 || (!is_braced && count != 2) || !is_closed || value > 0x10ffff) {
            return topic_regex_fail(scan, "invalid escape sequence", from);
        }
        scan->at += is_braced;
    } else {
        while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '7' && count < 3) {
            value = value * 8 + (uint32_t)(*scan->at++ - '0');
            count++;
        }
        if (from[1] != '0' && count < 2) {
            return topic_regex_fail(scan, "invalid escape sequence", from); /* a backreference */
        }
    }
    buffer_printf(&scan->out, "\\x{%x}", value);
    return true;
}

/* \pN, \p{Greek}, \P{^Greek}; `at` stands on the p. */
static bool topic_regex_property(struct topic_regex_scan *scan, const uint8_t *from)
{
    const uint8_t *name = ++scan->at;
    if (name < scan->end && *name == '{') {
        while (scan->at < scan->end && *scan->at != '}') {
            scan->at++;
        }
    }
    if (scan->at >= scan->end) {
        return topic_regex_fail(scan, "invalid character class range", from);
    }
    scan->at++;
    buffer_add(&scan->out, from, (size_t)(scan->at - from));
    return true;
}

/* One escape; `at` stands on the backslash and ends behind it. */
static bool topic_regex_escape(struct topic_regex_scan *scan, bool is_in_class)
{
    static const char both[] = "dDsSwWaftnr";
    const uint8_t *from = scan->at++;
    if (scan->at >= scan->end) {
        return topic_regex_fail(scan, "trailing backslash at end of expression", from);
    }
    uint8_t name = *scan->at;
    if (name == 'x' || (name >= '0' && name <= '7')) {
        return topic_regex_number(scan, from);
    }
    if (name == 'p' || name == 'P') {
        return topic_regex_property(scan, from);
    }
    bool is_place = !is_in_class && strchr("AzbB", name) != NULL;
    if (name != 0 && (strchr(both, name) != NULL || is_place)) {
        buffer_add(&scan->out, from, 2);
    } else if (name == 'v') {
        buffer_add_string(&scan->out, "\\x0b");
    } else if (name < 0x80 && !isalnum(name)) {
        topic_regex_emit_literal(scan, name);
    } else {
        return topic_regex_fail(scan, "invalid escape sequence", from);
    }
    scan->at++;
    return true;
}

/* \Q...\E; the E may be missing. */
static void topic_regex_quote(struct topic_regex_scan *scan)
{
    scan->at += 2;
    while (scan->at < scan->end) {
        if (scan->end - scan->at >= 2 && memcmp(scan->at, "\\E", 2) == 0) {
            scan->at += 2;
            return;
        }
        topic_regex_emit_literal(scan, *scan->at++);
        scan->is_repeatable = true;
    }
}

/* [:alpha:] inside a class; false when it is none. */
static bool topic_regex_posix(struct topic_regex_scan *scan)
{
    const uint8_t *close = scan->at + 2;
    while (close < scan->end && (islower(*close) || *close == '^')) {
        close++;
    }
    if (scan->end - scan->at < 2 || scan->at[1] != ':' || scan->end - close < 2 ||
        memcmp(close, ":]", 2) != 0) {
        return false;
    }
    buffer_add(&scan->out, scan->at, (size_t)(close + 2 - scan->at));
    scan->at = close + 2;
    return true;
}

static bool topic_regex_class(struct topic_regex_scan *scan)
{
    const uint8_t *from = scan->at++;
    buffer_add_byte(&scan->out, '[');
    if (scan->at < scan->end && *scan->at == '^') {
        buffer_add_byte(&scan->out, *scan->at++);
    }
    for (bool is_first = true; scan->at < scan->end; is_first = false) {
        uint8_t value = *scan->at;
        if (value == ']' && !is_first) {
            buffer_add_byte(&scan->out, *scan->at++);
            scan->is_repeatable = true;
            return true;
        }
        if (value == '\\') {
            if (!topic_regex_escape(scan, true)) {
                return false;
            }
        } else if (value != '[' || !topic_regex_posix(scan)) {
            if (value == '-' || value >= 0x80) {
                buffer_add_byte(&scan->out, value);
            } else {
                topic_regex_emit_literal(scan, value);
            }
            scan->at++;
        }
    }
    return topic_regex_fail(scan, "missing closing ]", from);
}

/* (?i), (?s-m:, (?P<name> and (?<name>; `at` stands on the parenthesis. */
static bool topic_regex_group(struct topic_regex_scan *scan)
{
    const uint8_t *from = scan->at;
    scan->at += 2;
    bool has_p = scan->at < scan->end && *scan->at == 'P';
    const uint8_t *name = scan->at + has_p;
    if (name < scan->end && *name == '<') {
        const uint8_t *close = ++name;
        while (close < scan->end && (isalnum(*close) || *close == '_')) {
            close++;
        }
        scan->at = close < scan->end ? close : scan->end - 1;
        if (close == name || close >= scan->end || *close != '>') {
            return topic_regex_fail(scan, "invalid named capture", from);
        }
        scan->at++;
        buffer_add_byte(&scan->out, '(');
        scan->is_repeatable = false;
        return true;
    }
    buffer_add_string(&scan->out, "(?");
    for (; scan->at < scan->end && strchr("imsU-", *scan->at) != NULL && *scan->at != 0;
         scan->at++) {
        if (*scan->at != 'U') { /* greed changes no match of a whole name */
            buffer_add_byte(&scan->out, *scan->at);
        }
    }
    if (scan->at >= scan->end || (*scan->at != ':' && *scan->at != ')')) {
        return topic_regex_fail(scan, "invalid or unsupported Perl syntax", from);
    }
    scan->is_repeatable = false;
    buffer_add_byte(&scan->out, *scan->at++);
    return true;
}

/* Reads {2}, {2,} or {2,5}: its end, or NULL when the brace stands for itself. */
static const uint8_t *topic_regex_counts(const struct topic_regex_scan *scan, long *largest)
{
    const uint8_t *at = scan->at + 1;
    *largest = 0;
    for (int part = 0; part < 2; part++) {
        long value = 0;
        const uint8_t *digits = at;
        while (at < scan->end && isdigit(*at)) {
            value = value > TOPIC_REGEX_REPEAT_MAX ? value : value * 10 + (*at - '0');
            at++;
        }
        *largest = value > *largest ? value : *largest;
        if (at >= scan->end || (part == 0 && at == digits)) {
            return NULL;
        }
        if (*at == '}') {
            return at + 1;
        }
        if (part == 1 || *at++ != ',') {
            return NULL;
        }
    }
    return NULL;
}

static bool topic_regex_quantifier(struct topic_regex_scan *scan, const uint8_t *end)
{
    const uint8_t *from = scan->at;
    if (!scan->is_repeatable) {
        return topic_regex_fail(scan, "missing argument to repetition operator", from);
    }
    buffer_add(&scan->out, scan->at, (size_t)(end - scan->at));
    scan->at = end;
    if (scan->at < scan->end && *scan->at == '?') {
        scan->at++;
    }
    long largest = 0;
    bool is_nested =
        scan->at < scan->end && (strchr("*+?", *scan->at) != NULL ||
                                 (*scan->at == '{' && topic_regex_counts(scan, &largest) != NULL));
    return !is_nested || *scan->at == 0 ||
           topic_regex_fail(scan, "invalid nested repetition operator", from);
}

static bool topic_regex_brace(struct topic_regex_scan *scan)
{
    long largest = 0;
    const uint8_t *end = topic_regex_counts(scan, &largest);
    if (end == NULL) {
        topic_regex_emit_literal(scan, *scan->at++);
        scan->is_repeatable = true;
        return true;
    }
    if (largest > TOPIC_REGEX_REPEAT_MAX) {
        const uint8_t *from = scan->at;
        scan->at = end - 1;
        return topic_regex_fail(scan, "invalid repeat count", from);
    }
    return topic_regex_quantifier(scan, end);
}

/* Where the next thing begins: its first character decides. */
static bool topic_regex_step(struct topic_regex_scan *scan)
{
    uint8_t value = *scan->at;
    switch (value) {
    case '\\':
        if (scan->end - scan->at >= 2 && scan->at[1] == 'Q') {
            topic_regex_quote(scan);
            return true;
        }
        scan->is_repeatable = true;
        return topic_regex_escape(scan, false);
    case '[':
        return topic_regex_class(scan);
    case '{':
        return topic_regex_brace(scan);
    case '*':
    case '+':
    case '?':
        return topic_regex_quantifier(scan, scan->at + 1);
    case '(':
        if (scan->end - scan->at >= 2 && scan->at[1] == '?') {
            return topic_regex_group(scan);
        }
        break;
    }
    scan->is_repeatable = value != '(' && value != '|';
    buffer_add_byte(&scan->out, value);
    scan->at++;
    return true;
}

static int topic_regex_compile(struct bytes text, struct arena *arena, pcre2_code **out,
                               struct bytes *reason)
{
    int code = 0;
    PCRE2_SIZE place = 0;
    *out =
        pcre2_compile(text.data, text.size,
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                      &code, &place, NULL);
    if (*out == NULL) {
        PCRE2_UCHAR8 words[TOPIC_REGEX_REASON_SIZE];
        pcre2_get_error_message(code, words, sizeof words);
        *reason = bytes_from_string(arena_printf(arena, "%s", (const char *)words));
        return ERROR_INVALID;
    }
    return 0;
}

int topic_regex_new(struct bytes pattern, struct arena *arena, struct topic_regex **out,
                    struct bytes *reason)
{
    struct topic_regex_scan scan = {
        .start = pattern.data,
        .at = pattern.data,
        .end = pattern.data + pattern.size,
        .arena = arena,
    };
    pcre2_code *code = NULL;
    if (pattern.size > TOPIC_REGEX_SIZE_MAX) {
        *reason = BYTES_LITERAL("expression too large");
        return ERROR_INVALID;
    }
    buffer_init(&scan.out);
    while (scan.at < scan.end && topic_regex_step(&scan)) {}
    int error = bytes_is_null(scan.reason) ? 0 : ERROR_INVALID;
    if (error == 0) {
        error = topic_regex_compile(buffer_bytes(&scan.out), arena, &code, &scan.reason);
    }
    buffer_fini(&scan.out);
    if (error != 0) {
        *reason = scan.reason;
        return error;
    }
    struct topic_regex *regex = memory_new(struct topic_regex);
    regex->code = code;
    regex->data = pcre2_match_data_create(1, NULL);
    check(regex->data != NULL);
    *out = regex;
    return 0;
}

void topic_regex_free(struct topic_regex *regex)
{
    if (regex == NULL) {
        return;
    }
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
    free(regex);
}

int topic_regex_matches(struct topic_regex *regex, struct bytes name)
{
    /* The longest match comes first: it is the whole name or there is none of the whole name. */
    int result = pcre2_dfa_match(regex->code, name.data, name.size, 0, 0, regex->data, NULL,
                                 regex->workspace, TOPIC_REGEX_STATES_MAX);
    if (result == PCRE2_ERROR_NOMATCH) {
        return 0;
    }
    if (result < 0) {
        return ERROR_TOO_LARGE;
    }
    return pcre2_get_ovector_pointer(regex->data)[1] == name.size;
}
