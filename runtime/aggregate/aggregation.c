/* Several aggregators as one; see aggregation.h. */
#include "runtime/aggregate/aggregation.h"

#include "log/base/crc32c.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, SIZE_SIZE = 4 };

/* --- Making ----------------------------------------------------------------------------------- */

static int validate_parameter(const struct aggregation_field *field, const char *place,
                              struct report *report)
{
    const struct aggregator_parameter *parameter = &field->aggregator->parameter;
    double value = field->parameter;
    if (parameter->name == NULL || (value >= parameter->min && value <= parameter->max &&
                                    (!parameter->is_integer || value == floor(value)))) {
        return 0;
    }
    return report_add(report, place, "%s of %s is %s from %g to %g, not %g", parameter->name,
                      field->aggregator->name, parameter->is_integer ? "an integer" : "a number",
                      parameter->min, parameter->max, value);
}

int aggregation_validate(const struct aggregation_field *field, const char *place,
                         struct report *report)
{
    const struct aggregator *aggregator = field->aggregator;
    bool takes_condition = aggregator->argument == AGGREGATOR_CONDITION_OR_NONE;
    if (strcmp(field->name, "window_start") == 0 || strcmp(field->name, "window_end") == 0) {
        return report_add(report, place, "the result of a window has a '%s' of its own",
                          field->name);
    }
    struct buffer scratch;
    buffer_init(&scratch);
    int error = json_writer_string(&scratch, bytes_from_string(field->name));
    buffer_fini(&scratch);
    if (error != 0) {
        return report_add(report, place, "a field of the result has a name that is not UTF-8");
    }
    if (field->condition != NULL && !takes_condition) {
        return report_add(report, place, "%s takes no condition", aggregator->name);
    }
    if (field->path != NULL && takes_condition) {
        return report_add(report, place, "%s takes a condition, not a path", aggregator->name);
    }
    if (field->path == NULL && aggregator->argument == AGGREGATOR_PATH) {
        return report_add(report, place, "%s needs a path like \"$.ms\"", aggregator->name);
    }
    return validate_parameter(field, place, report);
}

static int compare_fields(const void *left, const void *right)
{
    const struct aggregation_field *a = left;
    const struct aggregation_field *b = right;
    return strcmp(a->name, b->name);
}

static bool is_same_text(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static struct summary_parameter kept_parameter(const struct aggregation_field *field)
{
    return (struct summary_parameter){
        .number = field->aggregator->parameter.is_kept ? field->parameter : 0,
        .owner = field->owner};
}

static void add_summary(struct aggregation *it, struct aggregation_field *field)
{
    struct summary_parameter parameter = kept_parameter(field);
    for (field->summary = 0; field->summary < it->summary_count; field->summary++) {
        const struct aggregation_summary *summary = &it->summaries[field->summary];
        if (summary->kind == field->aggregator->summary &&
            summary->parameter.owner == parameter.owner &&
            (int64_t)summary->parameter.number == (int64_t)parameter.number &&
            is_same_text(summary->field->path, field->path) &&
            is_same_text(summary->field->condition, field->condition)) {
            return;
        }
    }
    it->summaries[it->summary_count++] = (struct aggregation_summary){
        .kind = field->aggregator->summary, .field = field, .parameter = parameter};
}

static uint32_t layout_of(const struct aggregation *it)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < it->summary_count; i++) {
        const struct aggregation_summary *summary = &it->summaries[i];
        const struct aggregation_field *field = summary->field;
        buffer_printf(&text, "%s %lld %s %s\n", summary->kind->name,
                      (long long)summary->parameter.number, field->path == NULL ? "" : field->path,
                      field->condition == NULL ? "" : field->condition);
    }
    uint32_t layout = crc32c_update(0, text.data, text.size);
    buffer_fini(&text);
    return layout;
}

struct aggregation *aggregation_new(const struct aggregation_field *fields, size_t count)
{
    check(count <= AGGREGATION_FIELDS_MAX);
    struct aggregation *it = memory_new(struct aggregation);
    it->fields = memory_zero(count + 1, sizeof *it->fields);
    it->summaries = memory_zero(count + 1, sizeof *it->summaries);
    it->field_count = count;
    for (size_t i = 0; i < count; i++) {
        it->fields[i] = fields[i];
        it->fields[i].name = memory_string(fields[i].name);
        it->fields[i].path = memory_string(fields[i].path);
        it->fields[i].condition = memory_string(fields[i].condition);
    }
    qsort(it->fields, count, sizeof *it->fields, compare_fields);
    for (size_t i = 0; i < count; i++) {
        add_summary(it, &it->fields[i]);
    }
    it->layout = layout_of(it);
    return it;
}

void aggregation_free(struct aggregation *it)
{
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->field_count; i++) {
        free((void *)(uintptr_t)it->fields[i].name);
        free((void *)(uintptr_t)it->fields[i].path);
        free((void *)(uintptr_t)it->fields[i].condition);
    }
    free(it->fields);
    free(it->summaries);
    free(it);
}

/* --- Accumulators ----------------------------------------------------------------------------- */

int aggregation_split(const struct aggregation *it, struct bytes accumulator,
                      struct bytes *summaries)
{
    memset(summaries, 0, it->summary_count * sizeof *summaries);
    if (bytes_is_null(accumulator)) {
        return 0;
    }
    if (accumulator.size < AGGREGATION_HEAD_SIZE || accumulator.data[0] != VERSION) {
        return ERROR_CORRUPT;
    }
    if (endian_read_u32(accumulator.data + 1) != it->layout) {
        return ERROR_INVALID;
    }
    const uint8_t *sizes = accumulator.data + AGGREGATION_HEAD_SIZE;
    size_t at = AGGREGATION_HEAD_SIZE + it->summary_count * SIZE_SIZE;
    for (size_t i = 0; i < it->summary_count; i++) {
        size_t size = at > accumulator.size ? 0 : endian_read_u32(sizes + i * SIZE_SIZE);
        if (at > accumulator.size || size > accumulator.size - at) {
            return ERROR_CORRUPT;
        }
        summaries[i] = bytes_make(accumulator.data + at, size);
        at += size;
    }
    return at == accumulator.size ? 0 : ERROR_CORRUPT;
}

void aggregation_begin(const struct aggregation *it, struct buffer *out)
{
    size_t size = AGGREGATION_HEAD_SIZE + it->summary_count * SIZE_SIZE;
    check(out->size == 0);
    uint8_t *head = buffer_reserve(out, size);
    head[0] = VERSION;
    endian_write_u32(head + 1, it->layout);
    out->size = size;
}

void aggregation_end_summary(struct buffer *out, size_t index, size_t start)
{
    endian_write_u32(out->data + AGGREGATION_HEAD_SIZE + index * SIZE_SIZE,
                     (uint32_t)(out->size - start));
}

/* --- Results ---------------------------------------------------------------------------------- */

static void add_name(struct buffer *json, const char *name)
{
    if (json->data[json->size - 1] != '{') {
        buffer_add_byte(json, ',');
    }
    check(json_writer_string(json, bytes_from_string(name)) == 0);
    buffer_add_byte(json, ':');
}

int aggregation_tell(const struct aggregation *it, const struct bytes *summaries,
                     const int64_t *window, struct buffer *json,
                     const struct aggregation_field **failed)
{
    int64_t span_ms = window == NULL ? 0 : window[1] - window[0];
    int error = 0;
    buffer_add_byte(json, '{');
    for (size_t i = 0; error == 0 && i < it->field_count; i++) {
        const struct aggregation_field *field = &it->fields[i];
        add_name(json, field->name);
        struct summary_parameter parameter = {.number = field->parameter, .owner = field->owner};
        error = field->aggregator->tell(parameter, span_ms, summaries[field->summary], json);
        *failed = field;
    }
    if (window != NULL) {
        add_name(json, "window_start");
        json_writer_int64(json, window[0]);
        add_name(json, "window_end");
        json_writer_int64(json, window[1]);
    }
    buffer_add_byte(json, '}');
    return error;
}
