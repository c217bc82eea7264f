/* Matching with a budget; see matcher.h.
 *
 * The pattern is walked item by item. An item is a single-character class with an optional
 * repetition, a capture's border, or one of %b, %f, %1. Alternatives are tried by recursion, whose
 * depth is limited; every try costs a step. */
#include "runtime/lua/matcher.h"

#include <ctype.h>
#include <string.h>

void matcher_init(struct matcher *matcher, struct bytes text, struct bytes pattern)
{
    matcher->text = text.data;
    matcher->text_end = text.data + text.size;
    matcher->pattern_end = pattern.data + pattern.size;
    matcher->is_late = NULL;
    matcher->steps = 0;
    matcher->depth = 0;
    matcher->capture_count = 0;
    matcher->error = NULL;
}

static const uint8_t *fail(struct matcher *matcher, const char *error)
{
    if (matcher->error == NULL) {
        matcher->error = error;
    }
    return NULL;
}

static bool spend(struct matcher *matcher, int64_t steps)
{
    matcher->steps += steps;
    bool is_late = matcher->is_late != NULL && *matcher->is_late;
    if (is_late || matcher->steps > MATCHER_STEPS_MAX) {
        fail(matcher, "the pattern takes too long on this text");
        return false;
    }
    return true;
}

/* Bytes looked at one after the other: sixteen of them take about as long as a step. */
static bool spend_scan(struct matcher *matcher, ptrdiff_t size)
{
    return spend(matcher, size / 16);
}

/* The end of the class that begins at `item`, or NULL. */
static const uint8_t *find_item_end(struct matcher *matcher, const uint8_t *item)
{
    const uint8_t *end = matcher->pattern_end;
    if (*item == '%') {
        return item + 1 < end ? item + 2 : fail(matcher, "malformed pattern (ends with '%')");
    }
    if (*item != '[') {
        return item + 1;
    }
    const uint8_t *at = item + 1;
    at += at < end && *at == '^';
    do { /* a ']' right at the start is a member */
        if (at >= end) {
            return fail(matcher, "malformed pattern (missing ']')");
        }
        if (*at++ == '%') {
            at++; /* whatever is escaped */
        }
    } while (at >= end || *at != ']');
    return spend_scan(matcher, at - item) ? at + 1 : NULL;
}

static bool is_in_class(uint8_t byte, uint8_t letter)
{
    bool is_in = false;
    switch (tolower(letter)) {
    case 'a':
        is_in = isalpha(byte) != 0;
        break;
    case 'c':
        is_in = iscntrl(byte) != 0;
        break;
    case 'd':
        is_in = isdigit(byte) != 0;
        break;
    case 'g':
        is_in = isgraph(byte) != 0;
        break;
    case 'l':
        is_in = islower(byte) != 0;
        break;
    case 'p':
        is_in = ispunct(byte) != 0;
        break;
    case 's':
        is_in = isspace(byte) != 0;
        break;
    case 'u':
        is_in = isupper(byte) != 0;
        break;
    case 'w':
        is_in = isalnum(byte) != 0;
        break;
    case 'x':
        is_in = isxdigit(byte) != 0;
        break;
    case 'z': /* deprecated, but the library still knows it */
        is_in = byte == 0;
        break;
    default:
        return letter == byte;
    }
    return is_in != (isupper(letter) != 0);
}

/* `set` is the bracket, `last` its closing one. */
static bool is_in_set(struct matcher *matcher, uint8_t byte, const uint8_t *set,
                      const uint8_t *last)
{
    if (!spend_scan(matcher, last - set)) {
        return false;
    }
    const uint8_t *at = set + 1;
    bool is_inverted = *at == '^';
    at += is_inverted;
    while (at < last) {
        if (*at == '%') {
            if (is_in_class(byte, at[1])) {
                return !is_inverted;
            }
            at += 2;
        } else if (at + 2 < last && at[1] == '-') {
            if (at[0] <= byte && byte <= at[2]) {
                return !is_inverted;
            }
            at += 3;
        } else if (*at++ == byte) {
            return !is_inverted;
        }
    }
    return is_inverted;
}

static bool matches_one(struct matcher *matcher, const uint8_t *at, const uint8_t *item,
                        const uint8_t *item_end)
{
    if (at >= matcher->text_end) {
        return false;
    }
    switch (*item) {
    case '.':
        return true;
    case '%':
        return is_in_class(*at, item[1]);
    case '[':
        return is_in_set(matcher, *at, item, item_end - 1);
    default:
        return *item == *at;
    }
}

/* As many as possible, then fewer. */
static const uint8_t *match_longest(struct matcher *matcher, const uint8_t *at, const uint8_t *item,
                                    const uint8_t *item_end, ptrdiff_t least)
{
    ptrdiff_t count = 0;
    while (matches_one(matcher, at + count, item, item_end)) {
        count++;
    }
    if (!spend(matcher, count)) {
        return NULL;
    }
    for (; count >= least && matcher->error == NULL; count--) {
        const uint8_t *end = matcher_match(matcher, at + count, item_end + 1);
        if (end != NULL) {
            return end;
        }
    }
    return NULL;
}

/* As few as possible, then more. */
static const uint8_t *match_shortest(struct matcher *matcher, const uint8_t *at,
                                     const uint8_t *item, const uint8_t *item_end)
{
    while (matcher->error == NULL) {
        const uint8_t *end = matcher_match(matcher, at, item_end + 1);
        if (end != NULL) {
            return end;
        }
        if (!matches_one(matcher, at, item, item_end)) {
            return NULL;
        }
        at++;
    }
    return NULL;
}

static const uint8_t *open_capture(struct matcher *matcher, const uint8_t *at,
                                   const uint8_t *pattern, ptrdiff_t size)
{
    if (matcher->capture_count == MATCHER_CAPTURES_MAX) {
        return fail(matcher, "too many captures");
    }
    matcher->captures[matcher->capture_count++] =
        (struct matcher_capture){.start = at, .size = size};
    const uint8_t *end = matcher_match(matcher, at, pattern);
    if (end == NULL) {
        matcher->capture_count--;
    }
    return end;
}

static const uint8_t *close_capture(struct matcher *matcher, const uint8_t *at,
                                    const uint8_t *pattern)
{
    int index = matcher->capture_count - 1;
    while (index >= 0 && matcher->captures[index].size != MATCHER_OPEN) {
        index--;
    }
    if (index < 0) {
        return fail(matcher, "invalid pattern capture");
    }
    struct matcher_capture *capture = &matcher->captures[index];
    capture->size = at - capture->start;
    const uint8_t *end = matcher_match(matcher, at, pattern);
    if (end == NULL) {
        capture->size = MATCHER_OPEN;
    }
    return end;
}

/* Behind "%b": two bytes that open and close. Returns the end of the balanced part. */
static const uint8_t *match_balance(struct matcher *matcher, const uint8_t *at, const uint8_t *pair)
{
    if (matcher->pattern_end - pair < 2) {
        return fail(matcher, "malformed pattern (missing arguments to '%b')");
    }
    if (at >= matcher->text_end || *at != pair[0]) {
        return NULL;
    }
    ptrdiff_t depth = 1;
    for (const uint8_t *it = at + 1; it < matcher->text_end; it++) {
        if (*it == pair[1]) {
            if (--depth == 0) {
                return spend(matcher, it - at) ? it + 1 : NULL;
            }
        } else if (*it == pair[0]) {
            depth++;
        }
    }
    spend(matcher, matcher->text_end - at);
    return NULL;
}

/* Behind "%f": a set; the place before must be outside it, the place at must be inside. */
static const uint8_t *match_frontier(struct matcher *matcher, const uint8_t *at, const uint8_t *set)
{
    if (set >= matcher->pattern_end || *set != '[') {
        return fail(matcher, "missing '[' after '%f' in pattern");
    }
    const uint8_t *end = find_item_end(matcher, set);
    if (end == NULL) {
        return NULL;
    }
    uint8_t before = at == matcher->text ? 0 : at[-1];
    uint8_t here = at == matcher->text_end ? 0 : *at;
    bool is_border =
        !is_in_set(matcher, before, set, end - 1) && is_in_set(matcher, here, set, end - 1);
    return is_border && matcher->error == NULL ? end : NULL;
}

/* "%1": what the capture caught, once more. Returns its end in the text. */
static const uint8_t *match_again(struct matcher *matcher, const uint8_t *at, uint8_t digit)
{
    int index = digit - '1';
    if (index < 0 || index >= matcher->capture_count ||
        matcher->captures[index].size == MATCHER_OPEN) {
        return fail(matcher, "invalid capture index in pattern");
    }
    const struct matcher_capture *capture = &matcher->captures[index];
    if (capture->size == MATCHER_POSITION) {
        return NULL; /* a place says nothing that could come again */
    }
    size_t size = (size_t)capture->size;
    if ((size_t)(matcher->text_end - at) < size || !spend_scan(matcher, capture->size)) {
        return NULL;
    }
    return memcmp(capture->start, at, size) == 0 ? at + size : NULL;
}

static const uint8_t *match_here(struct matcher *matcher, const uint8_t *at, const uint8_t *pattern)
{
    while (pattern < matcher->pattern_end) {
        if (!spend(matcher, 1)) {
            return NULL;
        }
        const uint8_t *next = pattern + 1;
        bool is_last = next == matcher->pattern_end;
        if (*pattern == '(') {
            return !is_last && *next == ')' ? open_capture(matcher, at, next + 1, MATCHER_POSITION)
                                            : open_capture(matcher, at, next, MATCHER_OPEN);
        }
        if (*pattern == ')') {
            return close_capture(matcher, at, next);
        }
        if (*pattern == '$' && is_last) {
            return at == matcher->text_end ? at : NULL;
        }
        if (*pattern == '%' && !is_last && *next == 'b') {
            at = match_balance(matcher, at, next + 1);
            pattern = next + 3;
        } else if (*pattern == '%' && !is_last && *next == 'f') {
            pattern = match_frontier(matcher, at, next + 1);
            at = pattern == NULL ? NULL : at;
        } else if (*pattern == '%' && !is_last && isdigit(*next)) {
            at = match_again(matcher, at, *next);
            pattern = next + 1;
        } else {
            const uint8_t *item_end = find_item_end(matcher, pattern);
            if (item_end == NULL) {
                return NULL;
            }
            uint8_t repetition = item_end < matcher->pattern_end ? *item_end : 0;
            if (repetition == '*' || repetition == '+') {
                return match_longest(matcher, at, pattern, item_end, repetition == '+');
            }
            if (repetition == '-') {
                return match_shortest(matcher, at, pattern, item_end);
            }
            bool is_one = matches_one(matcher, at, pattern, item_end);
            if (repetition == '?') {
                const uint8_t *end = is_one ? matcher_match(matcher, at + 1, item_end + 1) : NULL;
                if (end != NULL || matcher->error != NULL) {
                    return end;
                }
                pattern = item_end + 1;
                continue;
            }
            at = is_one ? at + 1 : NULL;
            pattern = item_end;
        }
        if (at == NULL) {
            return NULL;
        }
    }
    return at;
}

const uint8_t *matcher_match(struct matcher *matcher, const uint8_t *at, const uint8_t *pattern)
{
    if (matcher->depth == MATCHER_DEPTH_MAX) {
        return fail(matcher, "pattern too complex");
    }
    matcher->depth++;
    const uint8_t *end = match_here(matcher, at, pattern);
    matcher->depth--;
    return end;
}
