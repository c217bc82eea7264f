/* Tables of values for tests of formats: what they say, what is written, and what is refused why.
 */
#pragma once

#include "log/base/error.h"
#include "runtime/format/decoded.h"
#include "runtime/format/format.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

/* Bytes are written as a C string unless a test says their size. */
struct format_row {
    const char *options;
    const char *value;
    const char *expected; /* JSON, or the value written; of a failure what its sentence holds */
};

static inline const struct value_format *format_bench_open(const char *options,
                                                           const struct value_files *files)
{
    const struct value_format *format = NULL;
    struct report report = {{0}, {0}};
    int error = format_open(bytes_from_string(options), files, "app.lua:1", &report, &format);
    if (error != 0) {
        fail_msg("%s: %s", options, report.text);
    }
    return format;
}

static inline void format_bench_decode(const struct format_row *row, bool is_good)
{
    const struct value_format *format = format_bench_open(row->options, NULL);
    struct decoded decoded;
    decoded_init(&decoded);
    int error = decoded_read(&decoded, format, bytes_from_string(row->value));
    if ((error == 0) != is_good) {
        fail_msg("%s: %s", row->value, error == 0 ? "is not refused" : decoded.report.text);
    }
    if (is_good) {
        assert_string_equal(buffer_string(&decoded.text), row->expected);
    } else if (strstr(decoded.report.text, row->expected) == NULL) {
        fail_msg("%s: %s", row->value, decoded.report.text);
    }
    decoded_fini(&decoded);
    format_close(format);
}

static inline void format_bench_encode(const struct format_row *row, bool is_good)
{
    const struct value_format *format = format_bench_open(row->options, NULL);
    struct decoded decoded;
    struct buffer out;
    decoded_init(&decoded);
    buffer_init(&out);
    int error = decoded_convert(&decoded, VALUE_JSON, format, bytes_from_string(row->value), &out);
    if ((error == 0) != is_good) {
        fail_msg("%s: %s", row->value, error == 0 ? "is not refused" : decoded.report.text);
    }
    const char *text = is_good ? buffer_string(&out) : decoded.report.text;
    if (is_good) {
        assert_string_equal(text, row->expected);
    } else if (strstr(text, row->expected) == NULL) {
        fail_msg("%s: %s", row->value, text);
    }
    buffer_fini(&out);
    decoded_fini(&decoded);
    format_close(format);
}

static inline void format_bench_refuse(const char *options, const char *expected)
{
    const struct value_format *format = NULL;
    struct report report = {{0}, {0}};
    int error = format_open(bytes_from_string(options), NULL, "app.lua:1", &report, &format);
    assert_int_equal(error, ERROR_INVALID);
    assert_string_equal(report.place, "app.lua:1");
    if (strstr(report.text, expected) == NULL) {
        fail_msg("%s: %s", options, report.text);
    }
}

#define FORMAT_BENCH_EACH(run, rows, is_good)                                                      \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++) {                                   \
        run(&(rows)[i], is_good);                                                                  \
    }
