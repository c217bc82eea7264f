/* Reads, checks, stores and prints values by their rows; see option.h.
 *
 * A value goes from text to a struct option_value, is held against its row there, and only then
 * reaches the field, so that a refused value changes nothing. */
#include "log/base/option.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_NAME_COUNT_MAX = 512 };

struct option_value {
    int64_t number; /* BOOL, INT, LONG, BYTES, DURATION_MS, ENUM */
    double fraction;
    char *string; /* STRING, LIST; owned */
};

static void *option_field(const struct option_row *row, void *values)
{
    return (uint8_t *)values + row->offset;
}

static const void *option_field_const(const struct option_row *row, const void *values)
{
    return (const uint8_t *)values + row->offset;
}

static struct bytes option_trim(struct bytes text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL) {
        text = bytes_make(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL) {
        text.size--;
    }
    return text;
}

/* The item at the front of a comma list, which is moved behind it. False at the end. */
static bool option_list_next(const char **list, struct bytes *item)
{
    if (*list == NULL) {
        return false;
    }
    const char *comma = strchr(*list, ',');
    size_t size = comma == NULL ? strlen(*list) : (size_t)(comma - *list);
    *item = option_trim(bytes_make(*list, size));
    *list = comma == NULL ? NULL : comma + 1;
    return true;
}

/* The index of an item in a comma list, or -1. */
static int option_list_find(const char *list, struct bytes item)
{
    struct bytes candidate;
    for (int index = 0; option_list_next(&list, &candidate); index++) {
        if (bytes_equal(candidate, item)) {
            return index;
        }
    }
    return -1;
}

bool option_list_has(const char *list, const char *item)
{
    return *item != 0 && option_list_find(list, bytes_from_string(item)) >= 0;
}

static int option_refuse(const struct option_row *row, const char *text, struct report *report)
{
    static const char *const wanted[] = {
        [OPTION_BOOL] = "true or false",
        [OPTION_INT] = "a whole number",
        [OPTION_LONG] = "a whole number",
        [OPTION_DOUBLE] = "a number",
        [OPTION_STRING] = "a text",
        [OPTION_LIST] = "a list like a,b",
        [OPTION_BYTES] = "a size in bytes like 1048576, 64k or 1g",
        [OPTION_DURATION_MS] = "a duration in milliseconds or like 10s, 5m or 7d",
        [OPTION_ENUM] = "a known value",
    };
    return report_add(report, NULL, "%s: '%s' is not %s", row->name, text, wanted[row->kind]);
}

static int option_refuse_item(const struct option_row *row, struct bytes item,
                              struct report *report)
{
    char *names[OPTION_NAME_COUNT_MAX];
    size_t count = 0;
    const char *list = row->allowed;
    struct bytes candidate;
    while (count < OPTION_NAME_COUNT_MAX && option_list_next(&list, &candidate)) {
        names[count++] = bytes_to_string(candidate);
    }
    char *text = bytes_to_string(item);
    const char *nearest = text_nearest(text, (const char *const *)names, count);
    int error = report_add(report, NULL, "%s: '%s' is not one of %s%s%s%s", row->name, text,
                           row->allowed, nearest == NULL ? "" : "; did you mean '",
                           nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
    free(text);
    while (count > 0) {
        free(names[--count]);
    }
    return error;
}

/* Sets value->string to the list without its spaces and value->number to its length. */
static int option_read_list(const struct option_row *row, const char *text,
                            struct option_value *value, struct report *report)
{
    struct buffer canonical;
    struct bytes item;
    const char *rest = *text == 0 ? NULL : text;
    int error = 0;
    buffer_init(&canonical);
    while (error == 0 && option_list_next(&rest, &item)) {
        if (item.size == 0) {
            error = option_refuse(row, text, report);
        } else if (row->allowed != NULL && option_list_find(row->allowed, item) < 0) {
            error = option_refuse_item(row, item, report);
        } else {
            buffer_add_string(&canonical, canonical.size == 0 ? "" : ",");
            buffer_add_bytes(&canonical, item);
            value->number++;
        }
    }
    if (error == 0) {
        value->string = memory_string(buffer_string(&canonical));
    }
    buffer_fini(&canonical);
    return error;
}

static int option_read_enum(const struct option_row *row, const char *text,
                            struct option_value *value, struct report *report)
{
    value->number = option_list_find(row->allowed, bytes_from_string(text));
    return value->number >= 0 ? 0 : option_refuse_item(row, bytes_from_string(text), report);
}

static int option_read_bool(const char *text, struct option_value *value)
{
    bool is_true = false;
    int error = text_parse_bool(text, &is_true);
    value->number = is_true;
    return error;
}

static int option_read(const struct option_row *row, const char *text, struct option_value *value,
                       struct report *report)
{
    int error = 0;
    switch (row->kind) {
    case OPTION_BOOL:
        error = option_read_bool(text, value);
        break;
    case OPTION_INT:
    case OPTION_LONG:
        error = text_parse_int64(text, &value->number);
        break;
    case OPTION_DOUBLE:
        error = text_parse_double(text, &value->fraction);
        break;
    case OPTION_STRING:
        value->string = memory_string(text);
        value->number = (int64_t)strlen(text);
        break;
    case OPTION_LIST:
        return option_read_list(row, text, value, report);
    case OPTION_BYTES:
        error = text_parse_size(text, &value->number);
        break;
    case OPTION_DURATION_MS:
        error = text_parse_duration_ms(text, &value->number);
        break;
    case OPTION_ENUM:
        return option_read_enum(row, text, value, report);
    }
    return error == 0 ? 0 : option_refuse(row, text, report);
}

static int option_validate_size(const struct option_row *row, const struct option_value *value,
                                struct report *report)
{
    const char *unit = row->kind == OPTION_STRING ? "bytes" : "items";
    if (value->number < row->min) {
        return report_add(report, NULL, "%s: has %" PRId64 " %s, but needs at least %" PRId64,
                          row->name, value->number, unit, row->min);
    }
    if (row->max != 0 && value->number > row->max) {
        return report_add(report, NULL, "%s: has %" PRId64 " %s, but may have at most %" PRId64,
                          row->name, value->number, unit, row->max);
    }
    return 0;
}

static int option_validate_number(const struct option_row *row, const struct option_value *value,
                                  const char *text, struct report *report)
{
    bool is_fraction = row->kind == OPTION_DOUBLE;
    int64_t min = row->min;
    int64_t max = row->max;
    if (row->kind == OPTION_INT) {
        min = min < INT32_MIN ? INT32_MIN : min;
        max = max > INT32_MAX ? INT32_MAX : max;
    }
    if (is_fraction ? value->fraction < (double)min : value->number < min) {
        return report_add(report, NULL, "%s: %s is below its minimum %" PRId64, row->name, text,
                          min);
    }
    bool is_above = is_fraction ? max < INT64_MAX && value->fraction > (double)max /* else any */
                                : value->number > max;
    if (is_above) {
        return report_add(report, NULL, "%s: %s is above its maximum %" PRId64, row->name, text,
                          max);
    }
    return 0;
}

/* Holds a value that was read against the bounds of its row. */
static int option_validate(const struct option_row *row, const struct option_value *value,
                           const char *text, struct report *report)
{
    switch (row->kind) {
    case OPTION_BOOL:
    case OPTION_ENUM:
        return 0;
    case OPTION_STRING:
    case OPTION_LIST:
        return option_validate_size(row, value, report);
    case OPTION_INT:
    case OPTION_LONG:
    case OPTION_DOUBLE:
    case OPTION_BYTES:
    case OPTION_DURATION_MS:
        return option_validate_number(row, value, text, report);
    }
    return 0;
}

/* Moves a value into its field. */
static void option_store(const struct option_row *row, const struct option_value *value,
                         void *values)
{
    void *field = option_field(row, values);
    switch (row->kind) {
    case OPTION_BOOL:
        *(bool *)field = value->number != 0;
        return;
    case OPTION_INT:
        *(int32_t *)field = (int32_t)value->number;
        return;
    case OPTION_LONG:
    case OPTION_BYTES:
    case OPTION_DURATION_MS:
        *(int64_t *)field = value->number;
        return;
    case OPTION_DOUBLE:
        *(double *)field = value->fraction;
        return;
    case OPTION_STRING:
    case OPTION_LIST:
        free(*(char **)field);
        *(char **)field = value->string;
        return;
    case OPTION_ENUM:
        *(unsigned *)field = (unsigned)value->number;
        return;
    }
}

int option_parse(const struct option_row *row, const char *text, void *values,
                 struct report *report)
{
    struct bytes whole = bytes_from_string(text);
    char *trimmed = bytes_to_string(row->kind == OPTION_STRING ? whole : option_trim(whole));
    struct option_value value = {0};
    int error = option_read(row, trimmed, &value, report);
    if (error == 0) {
        error = option_validate(row, &value, trimmed, report);
    }
    if (error == 0) {
        option_store(row, &value, values);
    } else {
        free(value.string);
    }
    free(trimmed);
    return error;
}

const struct option_row *option_find(const struct option_row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct option_row *option_require(const struct option_row *rows, size_t count,
                                        const char *name, struct report *report)
{
    const struct option_row *row = option_find(rows, count, name);
    if (row != NULL) {
        return row;
    }
    const char *names[OPTION_NAME_COUNT_MAX];
    check(count <= OPTION_NAME_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = rows[i].name;
    }
    const char *nearest = text_nearest(name, names, count);
    if (nearest == NULL) {
        report_add(report, NULL, "unknown option '%s'", name);
    } else {
        report_add(report, NULL, "unknown option '%s'; did you mean '%s'?", name, nearest);
    }
    return NULL;
}

int option_assign(const struct option_row *rows, size_t count, const char *name, const char *text,
                  void *values, struct report *report)
{
    const struct option_row *row = option_require(rows, count, name, report);
    return row == NULL ? ERROR_INVALID : option_parse(row, text, values, report);
}

void option_set_default(const struct option_row *row, void *values)
{
    if (row->initial == NULL) {
        option_store(row, &(struct option_value){0}, values);
        return;
    }
    int error = option_parse(row, row->initial, values, NULL);
    check(error == 0);
}

void option_set_defaults(const struct option_row *rows, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        option_set_default(&rows[i], values);
    }
}

static bool option_is_string(const struct option_row *row)
{
    return row->kind == OPTION_STRING || row->kind == OPTION_LIST;
}

/* A copy of the field that shares its string. */
static struct option_value option_load(const struct option_row *row, const void *values)
{
    const void *field = option_field_const(row, values);
    switch (row->kind) {
    case OPTION_BOOL:
        return (struct option_value){.number = *(const bool *)field};
    case OPTION_INT:
        return (struct option_value){.number = *(const int32_t *)field};
    case OPTION_LONG:
    case OPTION_BYTES:
    case OPTION_DURATION_MS:
        return (struct option_value){.number = *(const int64_t *)field};
    case OPTION_DOUBLE:
        return (struct option_value){.fraction = *(const double *)field};
    case OPTION_STRING:
    case OPTION_LIST:
        return (struct option_value){.string = *(char *const *)field};
    case OPTION_ENUM:
        return (struct option_value){.number = *(const unsigned *)field};
    }
    return (struct option_value){0};
}

void option_copy(const struct option_row *rows, size_t count, const void *from, void *to)
{
    for (size_t i = 0; i < count; i++) {
        struct option_value value = option_load(&rows[i], from);
        value.string = memory_string(value.string);
        option_store(&rows[i], &value, to);
    }
}

void option_fini(const struct option_row *rows, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        if (option_is_string(&rows[i])) {
            option_store(&rows[i], &(struct option_value){0}, values);
        }
    }
}

/* "1.5e+300" as Kafka writes it: "1.5E300". */
static void option_print_exponent(struct buffer *out, size_t start)
{
    char text[64];
    snprintf(text, sizeof text, "%s", buffer_string(out) + start);
    char *exponent = strchr(text, 'e');
    if (exponent != NULL) {
        *exponent = 0;
        out->size = start;
        buffer_printf(out, "%s%sE%ld", text, strchr(text, '.') == NULL ? ".0" : "",
                      strtol(exponent + 1, NULL, 10));
    }
}

static void option_print_double(double value, struct buffer *out)
{
    /* The shortest of the two that reads back as the same number. */
    size_t start = out->size;
    buffer_printf(out, "%.15g", value);
    if (strtod(buffer_string(out) + start, NULL) != value) {
        out->size = start;
        buffer_printf(out, "%.17g", value);
    }
    option_print_exponent(out, start);
}

static void option_print_value(const struct option_row *row, const struct option_value *value,
                               struct buffer *out)
{
    switch (row->kind) {
    case OPTION_BOOL:
        buffer_add_string(out, value->number != 0 ? "true" : "false");
        return;
    case OPTION_INT:
    case OPTION_LONG:
    case OPTION_BYTES:
    case OPTION_DURATION_MS:
        buffer_printf(out, "%" PRId64, value->number);
        return;
    case OPTION_DOUBLE:
        option_print_double(value->fraction, out);
        return;
    case OPTION_STRING:
    case OPTION_LIST:
        buffer_add_string(out, value->string == NULL ? "" : value->string);
        return;
    case OPTION_ENUM: {
        const char *list = row->allowed;
        struct bytes item = {NULL, 0};
        for (int64_t i = 0; i <= value->number; i++) {
            check(option_list_next(&list, &item));
        }
        buffer_add_bytes(out, item);
        return;
    }
    }
}

void option_print(const struct option_row *row, const void *values, struct buffer *out)
{
    struct option_value value = option_load(row, values);
    if ((row->flags & OPTION_SENSITIVE) != 0) {
        buffer_add_string(out, value.string == NULL && option_is_string(row) ? "" : "[hidden]");
        return;
    }
    option_print_value(row, &value, out);
}

int64_t option_number(const struct option_row *row, const void *values)
{
    check(!option_is_string(row));
    check(row->kind != OPTION_DOUBLE);
    return option_load(row, values).number;
}

bool option_is_default(const struct option_row *row, const void *values)
{
    struct option_value value = option_load(row, values);
    struct option_value initial = {0};
    if (row->initial != NULL) {
        int error = option_read(row, row->initial, &initial, NULL);
        check(error == 0);
    }
    bool is_equal = false;
    if (option_is_string(row)) {
        is_equal = bytes_equal(bytes_from_string(value.string), bytes_from_string(initial.string));
    } else if (row->kind == OPTION_DOUBLE) {
        is_equal = value.fraction == initial.fraction;
    } else {
        is_equal = value.number == initial.number;
    }
    free(initial.string);
    return is_equal;
}

int8_t option_kafka_type(const struct option_row *row)
{
    enum { BOOLEAN = 1, STRING = 2, INT = 3, LONG = 5, DOUBLE = 6, LIST = 7 };
    switch (row->kind) {
    case OPTION_BOOL:
        return BOOLEAN;
    case OPTION_INT:
        return INT;
    case OPTION_LONG:
        return LONG;
    case OPTION_BYTES:
    case OPTION_DURATION_MS:
        return row->max <= INT32_MAX ? INT : LONG;
    case OPTION_DOUBLE:
        return DOUBLE;
    case OPTION_STRING:
    case OPTION_ENUM:
        return STRING;
    case OPTION_LIST:
        return LIST;
    }
    return STRING;
}

/* (2): the default, read and held against its own row. */
static void option_check_default(const struct option_row *row)
{
    struct option_value value = {0};
    if (row->initial == NULL) {
        check(option_is_string(row));
        return;
    }
    check(option_read(row, row->initial, &value, NULL) == 0);
    check(option_validate(row, &value, row->initial, NULL) == 0);
    free(value.string);
}

void option_check(const struct option_row *rows, size_t count)
{
    check(count <= OPTION_NAME_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        check(rows[i].doc != NULL);
        check(option_find(rows, i, rows[i].name) == NULL);              /* (1) */
        check(rows[i].kind != OPTION_ENUM || rows[i].allowed != NULL);  /* (3) */
        check(rows[i].allowed == NULL || rows[i].kind == OPTION_ENUM || /* (3) */
              rows[i].kind == OPTION_LIST);
        option_check_default(&rows[i]);
    }
}
