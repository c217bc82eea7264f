/* Native aggregators as a fold; see fold_native.h. */
#include "runtime/operators/fold_native.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_path.h"
#include "runtime/format/scalar.h"
#include "runtime/operators/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a summary sees a record. */
struct fold_native_view {
    struct json_path path;
    struct predicate *condition; /* NULL: none */
    bool has_path;
    size_t first; /* the first view of this path, which looks for all of them */
    /* Of a first view, what it found in the record at hand: */
    uint32_t token;
    bool is_number;
    struct number number;
};

struct fold_native {
    struct fold fold;
    struct aggregation *aggregation;
    struct fold_native_view *views; /* by summary */
    struct bytes *summaries[2];     /* of the accumulators at hand */
    struct decoded own;
    struct buffer out;    /* the accumulator that was handed out */
    struct buffer result; /* made of one, which may be that in `out` */
};

static struct fold_native *fold_native_of(struct fold *fold)
{
    return (struct fold_native *)(void *)fold;
}

static int fail_store(struct node *node, struct node_context *context, int error)
{
    return error == ERROR_INVALID
               ? node_fail(node, context, error, "process",
                           "the store of %s was written by other aggregators than the script has "
                           "now: give the aggregate a new store = \"...\"",
                           node->name)
               : node_fail(node, context, error, "process",
                           "the store of %s holds something else than what its aggregators keep",
                           node->name);
}

/* --- What a record says ----------------------------------------------------------------------- */

static int refuse(struct node *node, struct node_context *context,
                  const struct aggregation_field *field, const struct json *json, uint32_t token,
                  const char *wanted)
{
    static const char *const found[] = {
        [JSON_NULL] = "null",         [JSON_FALSE] = "a boolean",   [JSON_TRUE] = "a boolean",
        [JSON_NUMBER] = "the number", [JSON_STRING] = "the string", [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object"};
    enum { SHOWN_MAX = 40 };
    enum json_kind kind = json_token(json, token)->kind;
    bool is_shown = kind == JSON_NUMBER || kind == JSON_STRING;
    struct bytes raw = is_shown ? json_raw(json, token) : (struct bytes){0};
    bool is_cut = raw.size > SHOWN_MAX;
    raw.size = is_cut ? SHOWN_MAX : raw.size;
    return node_fail(node, context, ERROR_INVALID, "process",
                     "%s is %s%s%.*s%s, but %s of '%s' takes %s", field->path, found[kind],
                     is_shown ? " " : "", BYTES_FORMAT(raw), is_cut ? "..." : "",
                     field->aggregator->name, field->name, wanted);
}

static void look_up(struct fold_native_view *view, const struct json *json)
{
    view->token = json_path_find(&view->path, json);
    view->is_number = view->token != JSON_ABSENT && number_read(json, view->token, &view->number) &&
                      (view->number.is_integer || isfinite(view->number.real));
}

/* Views are asked in their order, the first of a path before the others. 1, 0 when there is nothing
 * to add, or an error. */
static int read_path(struct fold_native *it, struct node *node, struct node_context *context,
                     const struct record *record, size_t index, struct summary_input *out)
{
    const struct aggregation_summary *summary = &it->aggregation->summaries[index];
    struct decoded *shared = node_shared(context, record);
    struct decoded *decoded = shared == NULL ? &it->own : shared;
    if (bytes_is_null(record->value)) {
        return 0;
    }
    int error = decoded_read(decoded, record->value_format, record->value);
    if (error != 0) {
        return node_fail(node, context, error, "decode", "%s; %s of '%s' needs it",
                         decoded->report.text, summary->field->path, summary->field->name);
    }
    struct fold_native_view *first = &it->views[it->views[index].first];
    if (first == &it->views[index]) {
        look_up(first, &decoded->json);
    }
    out->json = &decoded->json;
    out->token = first->token;
    if (out->token == JSON_ABSENT || json_token(out->json, out->token)->kind == JSON_NULL) {
        return 0;
    }
    switch (summary->kind->takes) {
    case SUMMARY_NUMBERS:
        if (!first->is_number) {
            return refuse(node, context, summary->field, out->json, out->token, "a finite number");
        }
        out->number = first->number;
        break;
    case SUMMARY_SCALARS:
        if (!scalar_is(out->json, out->token)) {
            return refuse(node, context, summary->field, out->json, out->token,
                          "a string, a number or a boolean");
        }
        break;
    case SUMMARY_VALUES:
        break;
    }
    return 1;
}

static int read_input(struct fold_native *it, struct node *node, struct node_context *context,
                      const struct record *record, size_t index, struct summary_input *out)
{
    const struct fold_native_view *view = &it->views[index];
    *out = (struct summary_input){
        .time_ms = record->timestamp_ms, .token = JSON_ABSENT, .number = number_from_integer(1)};
    if (view->has_path) {
        return read_path(it, node, context, record, index, out);
    }
    if (view->condition == NULL) {
        return 1;
    }
    struct judge judge = judge_from_predicate(view->condition);
    return judge_ask(&judge, node, context, record);
}

/* --- The fold --------------------------------------------------------------------------------- */

/* Of an aggregator that says itself what is wrong. */
static int fail_reason(struct node *node, struct node_context *context,
                       const struct aggregation_field *field, int error)
{
    context->ends_task = error == ERROR_CANCELLED;
    return node_fail(node, context, ERROR_INVALID, "process", "%s of '%s': %s",
                     field->aggregator->name, field->name,
                     field->aggregator->summary->reason(field->owner));
}

static int fail_summary(struct fold_native *it, struct node *node, struct node_context *context,
                        size_t index, int error)
{
    const struct aggregation_summary *summary = &it->aggregation->summaries[index];
    if (summary->kind->reason != NULL) {
        return fail_reason(node, context, summary->field, error);
    }
    if (error != ERROR_TOO_LARGE) {
        return fail_store(node, context, ERROR_CORRUPT);
    }
    const char *path = summary->field->path;
    return node_fail(node, context, error, "process", "%s%s%s of '%s': %s",
                     summary->field->aggregator->name, path == NULL ? "" : " of ",
                     path == NULL ? "" : path, summary->field->name, summary->kind->full);
}

/* Every summary with the record, or without it. */
static int change(struct fold_native *it, struct node *node, struct node_context *context,
                  const struct record *record, bool is_added, struct bytes *out)
{
    const struct aggregation *aggregation = it->aggregation;
    struct summary_input input;
    buffer_clear(&it->out);
    aggregation_begin(aggregation, &it->out);
    for (size_t i = 0; i < aggregation->summary_count; i++) {
        const struct aggregation_summary *summary = &aggregation->summaries[i];
        size_t start = it->out.size;
        int error = read_input(it, node, context, record, i, &input);
        if (error < 0) {
            return error;
        }
        if (error == 0) {
            buffer_add_bytes(&it->out, it->summaries[0][i]);
        } else {
            error = (is_added ? summary->kind->add : summary->kind->subtract)(
                summary->parameter, &input, it->summaries[0][i], &it->out);
            if (error != 0) {
                return fail_summary(it, node, context, i, error);
            }
        }
        aggregation_end_summary(&it->out, i, start);
    }
    *out = buffer_bytes(&it->out);
    return 0;
}

static int fold_native_add(struct fold *fold, struct node *node, struct node_context *context,
                           const struct record *record, struct bytes accumulator, struct bytes *out)
{
    struct fold_native *it = fold_native_of(fold);
    decoded_clear(&it->own);
    int error = aggregation_split(it->aggregation, accumulator, it->summaries[0]);
    return error == 0 ? change(it, node, context, record, true, out)
                      : fail_store(node, context, error);
}

static int fold_native_subtract(struct fold *fold, struct node *node, struct node_context *context,
                                const struct record *record, struct bytes accumulator,
                                struct bytes *out)
{
    struct fold_native *it = fold_native_of(fold);
    for (size_t i = 0; i < it->aggregation->summary_count; i++) {
        if (it->aggregation->summaries[i].kind->subtract == NULL) {
            return node_fail(node, context, ERROR_INVALID, "process",
                             "%s cannot take away what it added",
                             it->aggregation->summaries[i].field->aggregator->name);
        }
    }
    decoded_clear(&it->own);
    int error = aggregation_split(it->aggregation, accumulator, it->summaries[0]);
    return error == 0 ? change(it, node, context, record, false, out)
                      : fail_store(node, context, error);
}

static int fold_native_merge(struct fold *fold, struct node *node, struct node_context *context,
                             struct bytes key, struct bytes left, struct bytes right,
                             struct bytes *out)
{
    (void)key;
    struct fold_native *it = fold_native_of(fold);
    const struct aggregation *aggregation = it->aggregation;
    int error = aggregation_split(aggregation, left, it->summaries[0]);
    error = error == 0 ? aggregation_split(aggregation, right, it->summaries[1]) : error;
    if (error != 0) {
        return fail_store(node, context, error);
    }
    buffer_clear(&it->out);
    aggregation_begin(aggregation, &it->out);
    for (size_t i = 0; i < aggregation->summary_count; i++) {
        const struct aggregation_summary *summary = &aggregation->summaries[i];
        size_t start = it->out.size;
        error = summary->kind->merge(summary->parameter, it->summaries[0][i], it->summaries[1][i],
                                     &it->out);
        if (error != 0) {
            return fail_summary(it, node, context, i, error);
        }
        aggregation_end_summary(&it->out, i, start);
    }
    *out = buffer_bytes(&it->out);
    return 0;
}

static int fold_native_result(struct fold *fold, struct node *node, struct node_context *context,
                              struct bytes accumulator, struct record *record)
{
    struct fold_native *it = fold_native_of(fold);
    int64_t window[2] = {record->window_start_ms, record->window_end_ms};
    const struct aggregation_field *failed = NULL;
    int error = aggregation_split(it->aggregation, accumulator, it->summaries[0]);
    buffer_clear(&it->result);
    if (error == 0) {
        error = aggregation_tell(it->aggregation, it->summaries[0],
                                 record->is_windowed ? window : NULL, &it->result, &failed);
    }
    if (error != 0 && failed != NULL && failed->aggregator->summary->reason != NULL) {
        return fail_reason(node, context, failed, error);
    }
    if (error != 0) {
        return fail_store(node, context, error);
    }
    record->value = arena_copy(context->arena, buffer_bytes(&it->result));
    record->value_format = VALUE_JSON;
    return 0;
}

static void fold_native_free(struct fold *fold)
{
    struct fold_native *it = fold_native_of(fold);
    for (size_t i = 0; i < it->aggregation->summary_count; i++) {
        json_path_fini(&it->views[i].path);
        predicate_free(it->views[i].condition);
    }
    aggregation_free(it->aggregation);
    free(it->views);
    free(it->summaries[0]);
    free(it->summaries[1]);
    decoded_fini(&it->own);
    buffer_fini(&it->out);
    buffer_fini(&it->result);
    free(it);
}

static void make_view(struct fold_native_view *views, size_t index,
                      const struct aggregation_field *field)
{
    struct report report = {{0}, {0}};
    struct fold_native_view *view = &views[index];
    view->has_path = field->path != NULL;
    if (field->path != NULL) {
        check(json_path_init(&view->path, field->path, NULL, &report) == 0);
        while (!views[view->first].has_path ||
               strcmp(views[view->first].path.text, field->path) != 0) {
            view->first++;
        }
    }
    if (field->condition != NULL) {
        check(predicate_new(field->condition, NULL, &report, &view->condition) == 0);
    }
}

static const struct fold_ops fold_native_ops = {.add = fold_native_add,
                                                .subtract = fold_native_subtract,
                                                .merge = fold_native_merge,
                                                .result = fold_native_result,
                                                .free = fold_native_free,
                                                .is_binary = true};

struct fold *fold_native_new(const struct aggregation_field *fields, size_t count)
{
    struct fold_native *it = memory_new(struct fold_native);
    it->fold.ops = &fold_native_ops;
    it->aggregation = aggregation_new(fields, count);
    size_t summary_count = it->aggregation->summary_count;
    it->views = memory_zero(summary_count + 1, sizeof *it->views);
    it->summaries[0] = memory_zero(summary_count + 1, sizeof *it->summaries[0]);
    it->summaries[1] = memory_zero(summary_count + 1, sizeof *it->summaries[1]);
    for (size_t i = 0; i < summary_count; i++) {
        make_view(it->views, i, it->aggregation->summaries[i].field);
    }
    decoded_init(&it->own);
    buffer_init(&it->out);
    buffer_init(&it->result);
    return &it->fold;
}
