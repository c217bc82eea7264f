/* Where records leave; see outlet.h. */
#include "runtime/topology/outlet.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/headers.h"
#include "runtime/format/json_path.h"
#include "runtime/format/json_writer.h"
#include "runtime/topology/inlet.h"

#include <stdlib.h>

struct outlet {
    struct node node;
    struct outlet_options options;
    char *topic;
    struct json_path key_path;
    struct decoded own;
    struct buffer key; /* scratch */
};

static struct outlet *outlet_of(struct node *node)
{
    return (struct outlet *)(void *)node;
}

static int convert(struct node *node, struct node_context *context,
                   const struct value_format *value_format, struct record *record)
{
    struct decoded own;
    struct buffer converted;
    decoded_init(&own);
    buffer_init(&converted);
    struct decoded *decoded = node_decoded(context, &own, record);
    int error =
        decoded_convert(decoded, record->value_format, value_format, record->value, &converted);
    if (error != 0) {
        error = node_fail(node, context, error, "encode", "%s", decoded->report.text);
    } else {
        record->value = arena_copy(context->arena, buffer_bytes(&converted));
    }
    buffer_fini(&converted);
    decoded_fini(&own);
    return error;
}

int outlet_convert(struct node *node, struct node_context *context,
                   const struct value_format *value_format, struct record *record)
{
    struct record old = {.value = record->old_value, .value_format = record->value_format};
    int error = 0;
    if (!decoded_is_same(record->value_format, value_format, record->value)) {
        error = convert(node, context, value_format, record);
    }
    if (error == 0 && !decoded_is_same(old.value_format, value_format, old.value)) {
        error = convert(node, context, value_format, &old);
    }
    record->old_value = old.value;
    record->value_format = value_format;
    return error;
}

static int read_key(struct outlet *outlet, struct node_context *context, struct record *record)
{
    struct bytes key = {0};
    uint32_t token = JSON_ABSENT;
    struct decoded *decoded = node_decoded(context, &outlet->own, record);
    if (!bytes_is_null(record->value)) {
        int error = decoded_read(decoded, record->value_format, record->value);
        if (error != 0) {
            return node_fail(&outlet->node, context, error, "encode", "%s; the key %s needs it",
                             decoded->report.text, outlet->key_path.text);
        }
        token = json_path_find(&outlet->key_path, &decoded->json);
    }
    const struct json *json = &decoded->json;
    if (token == JSON_ABSENT) {
        return node_fail(&outlet->node, context, ERROR_INVALID, "encode",
                         "the value has no %s to take the key from", outlet->key_path.text);
    }
    if (json_token(json, token)->kind == JSON_STRING) {
        struct buffer scratch;
        buffer_init(&scratch);
        key = arena_copy(context->arena, json_string(json, token, &scratch));
        buffer_fini(&scratch);
    } else if (json_token(json, token)->kind != JSON_NULL) {
        key = arena_copy(context->arena, json_raw(json, token));
    }
    record->key = key;
    return 0;
}

int outlet_make_plain(struct node *node, struct node_context *context, struct record *record)
{
    const struct value_format *plain;
    return value_format_find(value_format_name(record->value_format), &plain)
               ? 0
               : outlet_convert(node, context, VALUE_JSON, record);
}

static void add_internals(struct node_context *context, struct record *record)
{
    struct buffer headers;
    buffer_init(&headers);
    buffer_add_bytes(&headers, record->headers_encoded);
    headers_append(&headers, INLET_FORMAT_HEADER,
                   bytes_from_string(value_format_name(record->value_format)));
    if (record->is_windowed) {
        uint8_t window[2 * sizeof(int64_t)];
        endian_write_i64(window, record->window_start_ms);
        endian_write_i64(window + sizeof(int64_t), record->window_end_ms);
        headers_append(&headers, INLET_WINDOW_HEADER, bytes_make(window, sizeof window));
    }
    if (record->is_change) {
        headers_append(&headers, INLET_OLD_HEADER, record->old_value);
    }
    record->header_count += 1 + record->is_windowed + record->is_change;
    record->headers_encoded = arena_copy(context->arena, buffer_bytes(&headers));
    buffer_fini(&headers);
}

/* "a" in a window becomes ["a",start,end], and ["a","b"] becomes [["a","b"],start,end]. */
static int add_window(struct outlet *outlet, struct node_context *context, struct record *record)
{
    struct buffer *key = &outlet->key;
    struct bytes inner = record->key;
    int error = 0;
    buffer_clear(key);
    buffer_add_byte(key, '[');
    decoded_clear(&outlet->own);
    bool is_list = inner.size > 0 && inner.data[0] == '[' &&
                   decoded_read(&outlet->own, VALUE_JSON, inner) == 0;
    if (is_list) {
        buffer_add_bytes(key, inner);
    } else if (bytes_is_null(inner)) {
        buffer_add_string(key, "null");
    } else {
        error = json_writer_string(key, inner);
    }
    if (error == 0) {
        buffer_add_byte(key, ',');
        json_writer_int64(key, record->window_start_ms);
        buffer_add_byte(key, ',');
        json_writer_int64(key, record->window_end_ms);
        buffer_add_byte(key, ']');
        record->partition_key = inner;
        record->key = arena_copy(context->arena, buffer_bytes(key));
    }
    return error == 0 ? 0
                      : node_fail(&outlet->node, context, error, "encode",
                                  "a key that is not UTF-8 cannot be written with its window");
}

static int outlet_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct outlet *outlet = outlet_of(node);
    struct record leaving = *record;
    leaving.partition = outlet->options.partition;
    int error = 0;
    if (outlet->options.key_path != NULL) {
        error = read_key(outlet, context, &leaving);
    } else if (record->is_windowed && !outlet->options.is_internal) {
        error = add_window(outlet, context, &leaving);
    }
    if (error == 0 && outlet->options.has_value_format) {
        error = outlet_convert(node, context, outlet->options.value_format, &leaving);
    }
    if (error == 0 && outlet->options.is_internal) {
        error = outlet_make_plain(node, context, &leaving);
    }
    if (error != 0) {
        return error;
    }
    if (outlet->options.is_internal) {
        add_internals(context, &leaving);
    }
    error = context->emit(context, outlet->topic, &leaving);
    if (error != 0 && context->error_node == NULL) {
        return node_fail(node, context, error, "emit", "cannot write to %s: %s", outlet->topic,
                         error_text(error));
    }
    return error;
}

static void outlet_free(struct node *node)
{
    struct outlet *outlet = outlet_of(node);
    if (outlet->options.key_path != NULL) {
        json_path_fini(&outlet->key_path);
    }
    decoded_fini(&outlet->own);
    buffer_fini(&outlet->key);
    free(outlet->topic);
    node_fini(node);
    free(outlet);
}

static const struct node_ops outlet_ops = {.process = outlet_process, .free = outlet_free};

struct node *outlet_new(const char *name, const struct outlet_options *options)
{
    struct outlet *outlet = memory_new(struct outlet);
    node_init(&outlet->node, &outlet_ops, name);
    outlet->options = *options;
    outlet->topic = memory_string(options->topic);
    decoded_init(&outlet->own);
    buffer_init(&outlet->key);
    if (options->key_path != NULL) {
        struct report report = {{0}, {0}};
        check(json_path_init(&outlet->key_path, options->key_path, NULL, &report) == 0);
    }
    return &outlet->node;
}
