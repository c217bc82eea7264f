/* Rows of cells; see csv.h. */
#include "runtime/format/csv.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/cell.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/value_options.h"

#include <stdlib.h>
#include <string.h>

enum { CSV_COLUMNS_MAX = 1024 };

struct csv {
    struct value_format format;
    struct name_list columns;
    struct name_list numbers;
    bool has_header;
    uint8_t separator;
    uint8_t quote;
};

static const struct csv *csv_of(const struct value_format *format)
{
    return (const struct csv *)(const void *)format;
}

/* --- Reading ---------------------------------------------------------------------------------- */

struct csv_reading {
    const struct csv *csv;
    const uint8_t *at;
    const uint8_t *end;
    uint32_t row;         /* from 1 */
    size_t column;        /* from 0, in the row */
    bool is_row_done;     /* the cell was the last of its row */
    struct buffer quoted; /* of a cell with quotes inside */
    struct report *report;
};

static void csv_begin_row(struct csv_reading *reading)
{
    reading->row++;
    reading->column = 0;
    reading->is_row_done = false;
}

static int csv_fail(const struct csv_reading *reading, const struct name_list *names,
                    const char *what)
{
    if (names != NULL && reading->column < names->count) {
        return report_add(reading->report, NULL, "column '%s' of row %u %s",
                          names->names[reading->column], reading->row, what);
    }
    return report_add(reading->report, NULL, "column %zu of row %u %s", reading->column + 1,
                      reading->row, what);
}

/* What ends a cell: the separator, the end of the row or of the value. */
static bool csv_skip_end(struct csv_reading *reading)
{
    if (reading->at == reading->end) {
        reading->is_row_done = true;
        return true;
    }
    if (*reading->at == reading->csv->separator) {
        reading->at++;
        return true;
    }
    bool has_return = *reading->at == '\r';
    const uint8_t *line = reading->at + has_return;
    if (line < reading->end && *line == '\n') {
        reading->at = line + 1;
        reading->is_row_done = true;
        return true;
    }
    return false;
}

static int csv_read_quoted(struct csv_reading *reading, const struct name_list *names,
                           struct bytes *cell)
{
    uint8_t quote = reading->csv->quote;
    buffer_clear(&reading->quoted);
    reading->at++;
    for (;;) {
        size_t left = (size_t)(reading->end - reading->at);
        const uint8_t *found = memchr(reading->at, quote, left);
        if (found == NULL) {
            return csv_fail(reading, names, "has no closing quote");
        }
        buffer_add(&reading->quoted, reading->at, (size_t)(found - reading->at));
        reading->at = found + 1;
        if (reading->at == reading->end || *reading->at != quote) {
            break;
        }
        buffer_add_byte(&reading->quoted, quote);
        reading->at++;
    }
    *cell = buffer_bytes(&reading->quoted);
    return csv_skip_end(reading) ? 0 : csv_fail(reading, names, "goes on behind its closing quote");
}

static int csv_read_cell(struct csv_reading *reading, const struct name_list *names,
                         struct bytes *cell)
{
    if (reading->at < reading->end && *reading->at == reading->csv->quote) {
        return csv_read_quoted(reading, names, cell);
    }
    const uint8_t *start = reading->at;
    const uint8_t *stop = start;
    while (!csv_skip_end(reading)) {
        if (*reading->at == reading->csv->quote) {
            return csv_fail(reading, names, "has a quote inside, but is not quoted");
        }
        stop = ++reading->at;
    }
    *cell = bytes_make(start, (size_t)(stop - start));
    return 0;
}

static int csv_write_cell(struct csv_reading *reading, const struct name_list *names,
                          struct bytes cell, struct buffer *json)
{
    bool is_number = false;
    if (names != NULL) {
        struct bytes name = bytes_from_string(names->names[reading->column]);
        int error = json_writer_string(json, name);
        if (error != 0) {
            return csv_fail(reading, NULL, "has a name that is not UTF-8");
        }
        buffer_add_byte(json, ':');
        const struct name_list *numbers = &reading->csv->numbers;
        is_number = name_list_find(numbers, name) < numbers->count;
    }
    if (is_number) {
        return cell_write_number(json, cell) == 0 ? 0 : csv_fail(reading, names, "is no number");
    }
    return json_writer_string(json, cell) == 0 ? 0 : csv_fail(reading, names, "is not UTF-8");
}

static int csv_fail_count(const struct csv_reading *reading, size_t count)
{
    return report_add(reading->report, NULL, "row %u has %s than %zu columns", reading->row,
                      reading->column < count ? "fewer" : "more", count);
}

/* One row as an object, or as a list without names. */
static int csv_read_row(struct csv_reading *reading, const struct name_list *names,
                        struct buffer *json)
{
    csv_begin_row(reading);
    buffer_add_byte(json, names != NULL ? '{' : '[');
    while (!reading->is_row_done) {
        struct bytes cell = {0};
        if (names != NULL && reading->column == names->count) {
            return csv_fail_count(reading, names->count);
        }
        if (reading->column > 0) {
            buffer_add_byte(json, ',');
        }
        int error = csv_read_cell(reading, names, &cell);
        error = error == 0 ? csv_write_cell(reading, names, cell, json) : error;
        if (error != 0) {
            return error;
        }
        reading->column++;
    }
    buffer_add_byte(json, names != NULL ? '}' : ']');
    return names == NULL || reading->column == names->count ? 0
                                                            : csv_fail_count(reading, names->count);
}

static int csv_read_header(struct csv_reading *reading, struct name_list *names)
{
    csv_begin_row(reading);
    while (!reading->is_row_done) {
        struct bytes cell = {0};
        int error = csv_read_cell(reading, NULL, &cell);
        if (error != 0) {
            return error;
        }
        if (names->count == CSV_COLUMNS_MAX || memchr(cell.data, 0, cell.size) != NULL) {
            return csv_fail(reading, NULL, "cannot be the name of a column");
        }
        if (name_list_find(names, cell) < names->count) {
            return csv_fail(reading, NULL, "has the name of another");
        }
        name_list_add(names, cell);
        reading->column++;
    }
    return 0;
}

static int csv_read_table(struct csv_reading *reading, struct buffer *json)
{
    struct name_list names = {0};
    int error = csv_read_header(reading, &names);
    buffer_add_byte(json, '[');
    for (bool is_first = true; error == 0 && reading->at < reading->end; is_first = false) {
        if (!is_first) {
            buffer_add_byte(json, ',');
        }
        error = csv_read_row(reading, &names, json);
        if (error == 0 && json->size > VALUE_DECODED_SIZE_MAX) {
            error = report_add(reading->report, NULL, "it is too large at row %u", reading->row);
        }
    }
    buffer_add_byte(json, ']');
    name_list_fini(&names);
    return error;
}

static int csv_decode(const struct value_format *format, struct bytes value, struct buffer *json,
                      struct report *report)
{
    const struct csv *csv = csv_of(format);
    struct csv_reading reading = {
        .csv = csv, .at = value.data, .end = value.data + value.size, .report = report};
    buffer_init(&reading.quoted);
    int error = csv->has_header
                    ? csv_read_table(&reading, json)
                    : csv_read_row(&reading, csv->columns.count > 0 ? &csv->columns : NULL, json);
    if (error == 0 && reading.at < reading.end) {
        error = report_add(report, NULL, "it has more than one row; header = true reads a table");
    }
    buffer_fini(&reading.quoted);
    return error;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool csv_needs_quotes(const struct csv *csv, struct bytes cell)
{
    for (size_t i = 0; i < cell.size; i++) {
        uint8_t byte = cell.data[i];
        if (byte == csv->separator || byte == csv->quote || byte == '\r' || byte == '\n') {
            return true;
        }
    }
    return false;
}

static void csv_put_cell(const struct csv *csv, struct bytes cell, struct buffer *out)
{
    if (!csv_needs_quotes(csv, cell)) {
        buffer_add_bytes(out, cell);
        return;
    }
    buffer_add_byte(out, csv->quote);
    for (size_t i = 0; i < cell.size; i++) {
        if (cell.data[i] == csv->quote) {
            buffer_add_byte(out, csv->quote);
        }
        buffer_add_byte(out, cell.data[i]);
    }
    buffer_add_byte(out, csv->quote);
}

static void csv_put_value(const struct csv *csv, const struct json *json, uint32_t token,
                          struct buffer *out)
{
    struct buffer cell;
    buffer_init(&cell);
    if (token != JSON_ABSENT) {
        cell_read(json, token, &cell);
    }
    csv_put_cell(csv, buffer_bytes(&cell), out);
    buffer_fini(&cell);
}

static void csv_put_object(const struct csv *csv, const struct name_list *names,
                           const struct json *json, uint32_t object, struct buffer *out)
{
    for (size_t i = 0; i < names->count; i++) {
        if (i > 0) {
            buffer_add_byte(out, csv->separator);
        }
        csv_put_value(csv, json, json_find(json, object, bytes_from_string(names->names[i])), out);
    }
}

static int csv_put_list(const struct csv *csv, const struct json *json, uint32_t list,
                        struct buffer *out, struct report *report)
{
    const struct json_token *it = json_token(json, list);
    if (csv->columns.count > 0 && it->count != csv->columns.count) {
        return report_add(report, NULL, "the list has %u elements for %zu columns", it->count,
                          csv->columns.count);
    }
    bool is_first = true;
    for (uint32_t at = list + 1; at < it->next; at = json_token(json, at)->next) {
        if (!is_first) {
            buffer_add_byte(out, csv->separator);
        }
        csv_put_value(csv, json, at, out);
        is_first = false;
    }
    return 0;
}

static int csv_put_row(const struct csv *csv, const struct json *json, struct buffer *out,
                       struct report *report)
{
    enum json_kind kind = (enum json_kind)json_token(json, JSON_ROOT)->kind;
    if (kind == JSON_ARRAY) {
        return csv_put_list(csv, json, JSON_ROOT, out, report);
    }
    if (kind != JSON_OBJECT) {
        return report_add(report, NULL,
                          "CSV is made of an object or a list, not of a single value");
    }
    if (csv->columns.count == 0) {
        return report_add(report, NULL,
                          "CSV of an object needs columns: { format = \"csv\", columns = { … } }");
    }
    csv_put_object(csv, &csv->columns, json, JSON_ROOT, out);
    return 0;
}

/* The names of the first object are the columns. */
static void csv_put_header(const struct csv *csv, const struct json *json, uint32_t object,
                           struct name_list *names, struct buffer *out)
{
    struct buffer name;
    buffer_init(&name);
    uint32_t end = json_token(json, object)->next;
    for (uint32_t at = object + 1; at < end; at = json_token(json, at + 1)->next) {
        buffer_clear(&name);
        cell_read(json, at, &name);
        if (names->count > 0) {
            buffer_add_byte(out, csv->separator);
        }
        csv_put_cell(csv, buffer_bytes(&name), out);
        name_list_add(names, buffer_bytes(&name));
    }
    buffer_fini(&name);
}

static int csv_put_table(const struct csv *csv, const struct json *json, struct buffer *out,
                         struct report *report)
{
    struct name_list names = {0};
    const struct json_token *list = json_token(json, JSON_ROOT);
    int error = 0;
    if (list->kind != JSON_ARRAY) {
        return report_add(report, NULL, "CSV with a header is made of a list of objects");
    }
    for (uint32_t at = 1; at < list->next && error == 0; at = json_token(json, at)->next) {
        if (json_token(json, at)->kind != JSON_OBJECT) {
            error = report_add(report, NULL, "CSV with a header is made of a list of objects");
            break;
        }
        if (at == 1) {
            csv_put_header(csv, json, at, &names, out);
        }
        buffer_add_string(out, "\r\n");
        size_t before = out->size;
        csv_put_object(csv, &names, json, at, out);
        if (out->size == before) { /* an empty line at the end would be no row */
            buffer_add_byte(out, csv->quote);
            buffer_add_byte(out, csv->quote);
        }
    }
    name_list_fini(&names);
    return error;
}

static int csv_encode(const struct value_format *format, const struct json *json,
                      struct buffer *out, struct report *report)
{
    const struct csv *csv = csv_of(format);
    return csv->has_header ? csv_put_table(csv, json, out, report)
                           : csv_put_row(csv, json, out, report);
}

/* --- Options ---------------------------------------------------------------------------------- */

static void csv_close(struct value_format *format)
{
    struct csv *csv = (struct csv *)(void *)format;
    name_list_fini(&csv->columns);
    name_list_fini(&csv->numbers);
    free(csv);
}

static int csv_judge(const struct csv *csv, struct report *report)
{
    if (csv->has_header && csv->columns.count > 0) {
        return report_add(report, NULL, "it has either columns or a header that names them");
    }
    if (csv->separator == csv->quote) {
        return report_add(report, NULL, "separator and quote must differ");
    }
    for (size_t i = 0; i < csv->numbers.count && !csv->has_header; i++) {
        struct bytes name = bytes_from_string(csv->numbers.names[i]);
        if (name_list_find(&csv->columns, name) == csv->columns.count) {
            return report_add(report, NULL, "'%s' of numbers is none of its columns",
                              csv->numbers.names[i]);
        }
    }
    return 0;
}

static struct value_format *csv_open(const struct value_options *options, struct report *report)
{
    struct csv *csv = memory_new(struct csv);
    *csv = (struct csv){.format = {&csv_ops}, .separator = ',', .quote = '"'};
    if (value_options_names(options, "columns", &csv->columns, report) != 0 ||
        value_options_names(options, "numbers", &csv->numbers, report) != 0 ||
        value_options_boolean(options, "header", &csv->has_header, report) != 0 ||
        value_options_character(options, "separator", &csv->separator, report) != 0 ||
        value_options_character(options, "quote", &csv->quote, report) != 0 ||
        csv_judge(csv, report) != 0) {
        csv_close(&csv->format);
        return NULL;
    }
    return &csv->format;
}

static const char *const csv_options[] = {"columns",   "header", "numbers",
                                          "separator", "quote",  NULL};

const struct value_ops csv_ops = {.name = "csv",
                                  .text = "CSV",
                                  .options = csv_options,
                                  .open = csv_open,
                                  .close = csv_close,
                                  .decode = csv_decode,
                                  .encode = csv_encode};
