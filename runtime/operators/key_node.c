/* Keys from the value; see key_node.h. */
#include "runtime/operators/key_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_path.h"

#include <stdlib.h>

struct key_node {
    struct node node;
    struct node *asker; /* whose step it is: its own, or that of who asks the mapper */
    struct json_path *paths;
    size_t path_count;
    bool is_grouping;
    struct decoded own;
    struct decoded *decoded; /* of the record that is processed */
    struct buffer key;
};

/* Null when the path is absent and one path asks. */
static int add_part(struct key_node *it, struct node_context *context, const struct json_path *path,
                    bool *is_absent)
{
    uint32_t token = json_path_find(path, &it->decoded->json);
    *is_absent = token == JSON_ABSENT || json_token(&it->decoded->json, token)->kind == JSON_NULL;
    if (*is_absent && it->is_grouping) {
        return node_fail(it->asker, context, ERROR_INVALID, "process",
                         "the value has no %s to group by", path->text);
    }
    if (it->path_count > 1) {
        buffer_add_bytes(&it->key,
                         *is_absent ? BYTES_LITERAL("null") : json_raw(&it->decoded->json, token));
    } else if (!*is_absent && json_token(&it->decoded->json, token)->kind == JSON_STRING) {
        struct buffer scratch;
        buffer_init(&scratch);
        buffer_add_bytes(&it->key, json_string(&it->decoded->json, token, &scratch));
        buffer_fini(&scratch);
    } else if (!*is_absent) {
        buffer_add_bytes(&it->key, json_raw(&it->decoded->json, token));
    }
    return 0;
}

static int make_key(struct key_node *it, struct node_context *context, struct record *record)
{
    bool is_absent = false;
    buffer_clear(&it->key);
    if (it->path_count > 1) {
        buffer_add_byte(&it->key, '[');
    }
    for (size_t i = 0; i < it->path_count; i++) {
        if (i > 0) {
            buffer_add_byte(&it->key, ',');
        }
        int error = add_part(it, context, &it->paths[i], &is_absent);
        if (error != 0) {
            return error;
        }
    }
    if (it->path_count > 1) {
        buffer_add_byte(&it->key, ']');
        is_absent = false;
    }
    record->key =
        is_absent ? (struct bytes){0} : arena_copy(context->arena, buffer_bytes(&it->key));
    return 0;
}

static int read_key(struct key_node *it, struct node_context *context, struct record *record)
{
    if (bytes_is_null(record->value)) {
        return node_fail(it->asker, context, ERROR_INVALID, "process",
                         "a record without a value has no %s to take its key from",
                         it->paths[0].text);
    }
    it->decoded = node_decoded(context, &it->own, record);
    int error = decoded_read(it->decoded, record->value_format, record->value);
    if (error != 0) {
        return node_fail(it->asker, context, error, "decode", "%s; the key %s needs it",
                         it->decoded->report.text, it->paths[0].text);
    }
    record->is_windowed = false;
    return make_key(it, context, record);
}

static int key_process(struct node *node, struct node_context *context, const struct record *record)
{
    struct key_node *it = (struct key_node *)(void *)node;
    struct record keyed = *record;
    int error = read_key(it, context, &keyed);
    return error != 0 ? error : node_forward(node, context, &keyed);
}

static int key_map(void *owner, struct node *node, struct node_context *context,
                   const struct record *record, struct record *out)
{
    struct key_node *it = owner;
    (void)record;
    it->asker = node;
    int error = read_key(it, context, out);
    return error == 0 ? 1 : error;
}

static void key_free(struct node *node)
{
    struct key_node *it = (struct key_node *)(void *)node;
    for (size_t i = 0; i < it->path_count; i++) {
        json_path_fini(&it->paths[i]);
    }
    free(it->paths);
    decoded_fini(&it->own);
    buffer_fini(&it->key);
    node_fini(node);
    free(it);
}

static const struct node_ops key_ops = {.process = key_process, .free = key_free};

struct node *key_node_new(const char *name, const struct key_node_options *options)
{
    check(options->path_count > 0);
    struct key_node *it = memory_new(struct key_node);
    it->asker = &it->node;
    node_init(&it->node, &key_ops, name);
    it->paths = memory_zero(options->path_count, sizeof *it->paths);
    it->path_count = options->path_count;
    it->is_grouping = options->is_grouping;
    for (size_t i = 0; i < options->path_count; i++) {
        struct report report = {{0}, {0}};
        check(json_path_init(&it->paths[i], options->paths[i], NULL, &report) == 0);
    }
    decoded_init(&it->own);
    buffer_init(&it->key);
    return &it->node;
}

static void key_map_free(void *owner)
{
    struct key_node *it = owner;
    key_free(&it->node);
}

struct mapper key_node_mapper(const struct key_node_options *options)
{
    struct node *node = key_node_new("", options);
    return (struct mapper){.map = key_map, .free = key_map_free, .owner = node};
}
