/* Numbers, sizes, durations and names out of the hands of people; see text.h.
 *
 * The process never leaves the C locale, so the decimal sign is a point. */
#include "log/base/text.h"

#include "log/base/error.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_NAME_SIZE_MAX = 128 };

struct text_unit {
    const char *suffix;
    int64_t factor;
};

static bool text_starts_number(const char *text)
{
    if (*text == '-' || *text == '+') {
        text++;
    }
    return isdigit((unsigned char)*text) || *text == '.';
}

/* Reads the number at the start of `text` and says where it ends. */
static int text_read_int64(const char *text, const char **end, int64_t *out)
{
    if (!text_starts_number(text)) {
        return ERROR_INVALID;
    }
    char *stop;
    errno = 0;
    long long value = strtoll(text, &stop, 10);
    if (errno != 0 || stop == text) {
        return ERROR_INVALID;
    }
    *end = stop;
    *out = value;
    return 0;
}

int text_parse_int64(const char *text, int64_t *out)
{
    const char *end;
    int64_t value;
    int error = text_read_int64(text, &end, &value);
    if (error != 0 || *end != 0) {
        return ERROR_INVALID;
    }
    *out = value;
    return 0;
}

int text_parse_double(const char *text, double *out)
{
    /* strtod would also take hexadecimal, "inf" and "nan". */
    if (!text_starts_number(text) || text[strspn(text, "+-.0123456789eE")] != 0) {
        return ERROR_INVALID;
    }
    char *stop;
    double value = strtod(text, &stop);
    if (stop == text || *stop != 0 || !isfinite(value)) {
        return ERROR_INVALID;
    }
    *out = value;
    return 0;
}

/* A number and one of the suffixes. */
static int text_parse_unit(const char *text, const struct text_unit *units, size_t count,
                           int64_t *out)
{
    const char *suffix;
    int64_t value;
    if (text_read_int64(text, &suffix, &value) != 0) {
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(suffix, units[i].suffix) == 0) {
            return __builtin_mul_overflow(value, units[i].factor, out) ? ERROR_INVALID : 0;
        }
    }
    return ERROR_INVALID;
}

int text_parse_size(const char *text, int64_t *out)
{
    static const struct text_unit units[] = {
        {"", 1},          {"b", 1},         {"k", 1 << 10},    {"kb", 1 << 10},    {"kib", 1 << 10},
        {"m", 1 << 20},   {"mb", 1 << 20},  {"mib", 1 << 20},  {"g", 1 << 30},     {"gb", 1 << 30},
        {"gib", 1 << 30}, {"t", 1LL << 40}, {"tb", 1LL << 40}, {"tib", 1LL << 40},
    };
    int64_t value;
    int error = text_parse_unit(text, units, sizeof units / sizeof *units, &value);
    if (error == 0) {
        *out = value;
    }
    return error;
}

int text_parse_duration_ms(const char *text, int64_t *out)
{
    static const struct text_unit units[] = {
        {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    int64_t value;
    int error = text_parse_unit(text, units, sizeof units / sizeof *units, &value);
    if (error == 0) {
        *out = value;
    }
    return error;
}

int text_parse_bool(const char *text, bool *out)
{
    if (strcasecmp(text, "true") == 0) {
        *out = true;
        return 0;
    }
    if (strcasecmp(text, "false") == 0) {
        *out = false;
        return 0;
    }
    return ERROR_INVALID;
}

static size_t text_min(size_t left, size_t right)
{
    return left < right ? left : right;
}

/* The edits from one name to the other: a character added, lost, changed, or two swapped. */
static size_t text_distance(const char *left, const char *right)
{
    size_t rows[3][TEXT_NAME_SIZE_MAX + 1];
    size_t right_size = strlen(right);
    for (size_t j = 0; j <= right_size; j++) {
        rows[0][j] = j;
    }
    size_t i = 0;
    for (; left[i] != 0; i++) {
        const size_t *swapped = rows[(i + 2) % 3];
        const size_t *above = rows[i % 3];
        size_t *row = rows[(i + 1) % 3];
        row[0] = i + 1;
        for (size_t j = 0; j < right_size; j++) {
            size_t change = above[j] + (left[i] != right[j]);
            row[j + 1] = text_min(change, text_min(above[j + 1], row[j]) + 1);
            if (i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j]) {
                row[j + 1] = text_min(row[j + 1], swapped[j - 1] + 1);
            }
        }
    }
    return rows[i % 3][right_size];
}

const char *text_nearest(const char *name, const char *const *names, size_t count)
{
    size_t size = strlen(name);
    if (size > TEXT_NAME_SIZE_MAX) {
        return NULL;
    }
    /* A third of the name may be wrong; more is another word. */
    size_t limit = size < 4 ? 1 : size / 3;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > TEXT_NAME_SIZE_MAX) {
            continue;
        }
        size_t distance = text_distance(name, names[i]);
        if (distance < limit || (distance == limit && nearest == NULL)) {
            nearest = names[i];
            limit = distance;
        }
    }
    return nearest;
}

bool text_list_next(const char **rest, struct bytes *word)
{
    if (*rest == NULL) {
        return false;
    }
    *rest += strspn(*rest, ", ");
    size_t size = strcspn(*rest, ", ");
    *word = bytes_make(*rest, size);
    *rest += size;
    return size > 0;
}

bool text_list_has(const char *list, struct bytes word)
{
    struct bytes next;
    while (text_list_next(&list, &next)) {
        if (next.size == word.size &&
            strncasecmp((const char *)next.data, (const char *)word.data, word.size) == 0) {
            return true;
        }
    }
    return false;
}
