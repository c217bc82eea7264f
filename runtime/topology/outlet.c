/* Where records leave; see outlet.h. */
#include "runtime/topology/outlet.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/headers.h"
#include "runtime/format/json_path.h"
#include "runtime/format/json_writer.h"
#include "runtime/topology/inlet.h"

#include <inttypes.h>
#include <stdlib.h>

struct outlet {
    struct node node;
    struct outlet_options options;
    char *topic;
    struct json_path key_path;
    struct json json;
};

static struct outlet *outlet_of(struct node *node)
{
    return (struct outlet *)(void *)node;
}

static int fail_value(struct node *node, struct node_context *context, const struct json *json,
                      int error)
{
    return node_fail(node, context, error, "encode", "the value is not JSON: %s at byte %zu",
                     json->error_text, json->error_position);
}

static int quote_value(struct node *node, struct node_context *context, struct record *record)
{
    struct buffer quoted;
    buffer_init(&quoted);
    int error = json_writer_string(&quoted, record->value);
    if (error == 0) {
        record->value = arena_copy(context->arena, buffer_bytes(&quoted));
    }
    buffer_fini(&quoted);
    return error == 0 ? 0
                      : node_fail(node, context, error, "encode",
                                  "a string that is not UTF-8 cannot be written as JSON");
}

static int unquote_value(struct node *node, struct node_context *context, struct record *record)
{
    struct json json;
    json_init(&json);
    int error = json_parse(&json, record->value);
    if (error != 0) {
        error = fail_value(node, context, &json, error);
    } else if (json_token(&json, JSON_ROOT)->kind == JSON_STRING) {
        struct buffer scratch;
        buffer_init(&scratch);
        record->value = arena_copy(context->arena, json_string(&json, JSON_ROOT, &scratch));
        buffer_fini(&scratch);
    }
    json_fini(&json);
    return error;
}

int outlet_convert(struct node *node, struct node_context *context, enum value_format value_format,
                   struct record *record)
{
    bool is_json = record->value_format == VALUE_JSON;
    record->value_format = value_format;
    if (bytes_is_null(record->value)) {
        return 0;
    }
    if (is_json && value_format != VALUE_JSON && record->value.size > 0) {
        /* Only a string differs as text; space in front of it is rare but allowed. */
        uint8_t first = record->value.data[0];
        bool may_be_string = first == '"' || first == ' ' || (first >= '\t' && first <= '\r');
        return may_be_string ? unquote_value(node, context, record) : 0;
    }
    return !is_json && value_format == VALUE_JSON ? quote_value(node, context, record) : 0;
}

static int read_key(struct outlet *outlet, struct node_context *context, struct record *record)
{
    struct bytes key = {0};
    int error = bytes_is_null(record->value) ? 0 : json_parse(&outlet->json, record->value);
    if (error != 0) {
        return fail_value(&outlet->node, context, &outlet->json, error);
    }
    uint32_t token = JSON_ABSENT;
    if (!bytes_is_null(record->value)) {
        token = json_path_find(&outlet->key_path, &outlet->json);
    }
    if (token == JSON_ABSENT) {
        return node_fail(&outlet->node, context, ERROR_INVALID, "encode",
                         "the value has no %s to take the key from", outlet->key_path.text);
    }
    if (json_token(&outlet->json, token)->kind == JSON_STRING) {
        struct buffer scratch;
        buffer_init(&scratch);
        key = arena_copy(context->arena, json_string(&outlet->json, token, &scratch));
        buffer_fini(&scratch);
    } else if (json_token(&outlet->json, token)->kind != JSON_NULL) {
        key = json_raw(&outlet->json, token);
    }
    record->key = key;
    return 0;
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
    struct buffer key;
    struct bytes inner = record->key;
    int error = 0;
    buffer_init(&key);
    buffer_add_byte(&key, '[');
    bool is_list = inner.size > 0 && inner.data[0] == '[' && json_parse(&outlet->json, inner) == 0;
    if (is_list) {
        buffer_add_bytes(&key, inner);
    } else if (bytes_is_null(inner)) {
        buffer_add_string(&key, "null");
    } else {
        error = json_writer_string(&key, inner);
    }
    if (error == 0) {
        buffer_printf(&key, ",%" PRId64 ",%" PRId64 "]", record->window_start_ms,
                      record->window_end_ms);
        record->partition_key = inner;
        record->key = arena_copy(context->arena, buffer_bytes(&key));
    }
    buffer_fini(&key);
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
    json_fini(&outlet->json);
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
    json_init(&outlet->json);
    if (options->key_path != NULL) {
        struct report report = {{0}, {0}};
        check(json_path_init(&outlet->key_path, options->key_path, NULL, &report) == 0);
    }
    return &outlet->node;
}
