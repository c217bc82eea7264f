/* See record_decoder.h. A key begins with a version that says what it is; which schema has that
 * version is found in the table of all records, so that a new kind needs nothing here. */
#include "runtime/cli/record_decoder.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/meta/meta_print.h"
#include "log/wire/messages.h"

#include <string.h>

enum { DECODED_MAX = 64 << 20, VERSION_SIZE = 2, CONTROL_SIZE = 4 };

static const char KEY_SUFFIX[] = "_key";

struct bytes record_decoder_topic(const char *path)
{
    const char *end = strrchr(path, '/');
    if (end == NULL) {
        return bytes_make("", 0);
    }
    const char *start = memrchr(path, '/', (size_t)(end - path));
    start = start == NULL ? path : start + 1;
    const char *dash = memrchr(start, '-', (size_t)(end - start));
    return dash == NULL ? bytes_make("", 0) : bytes_make(start, (size_t)(dash - start));
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name), suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static const struct wire_schema *find_key(int16_t version, bool is_transaction)
{
    for (size_t i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        const struct wire_schema *schema = wire_schemas[i];
        if (schema->key == -1 && has_suffix(schema->name, KEY_SUFFIX) &&
            (strncmp(schema->name, "transaction", 11) == 0) == is_transaction &&
            version >= schema->lowest && version <= schema->highest) {
            return schema;
        }
    }
    return NULL;
}

/* The schema "x_value" of "x_key"; NULL when its records have no value. */
static const struct wire_schema *find_value(const struct wire_schema *key)
{
    size_t stem = strlen(key->name) - strlen(KEY_SUFFIX);
    for (size_t i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        const char *name = wire_schemas[i]->name;
        if (wire_schemas[i]->key == -1 && strncmp(name, key->name, stem) == 0 &&
            strcmp(name + stem, "_value") == 0) {
            return wire_schemas[i];
        }
    }
    return NULL;
}

static bool print_part(const struct wire_schema *schema, struct bytes content, struct buffer *out)
{
    struct arena arena;
    if (schema == NULL || content.size < VERSION_SIZE) {
        return false;
    }
    int16_t version = endian_read_i16(content.data);
    struct wire_reader reader = {content.data + VERSION_SIZE, content.data + content.size};
    arena_init(&arena, DECODED_MAX);
    void *message = arena_get(&arena, schema->size);
    int error = wire_read(&reader, schema, version, &arena, message);
    if (error == 0) {
        wire_print(out, schema, version, message);
    }
    arena_fini(&arena);
    return error == 0;
}

static bool print_internal(bool is_transaction, const struct batch_record *record,
                           struct dump_writer *writer)
{
    if (record->key.size < VERSION_SIZE) {
        return false;
    }
    const struct wire_schema *schema = find_key(endian_read_i16(record->key.data), is_transaction);
    struct buffer key, payload;
    buffer_init(&key);
    buffer_init(&payload);
    bool is_known = print_part(schema, record->key, &key);
    if (is_known && bytes_is_null(record->value)) {
        buffer_add_string(&payload, "<DELETE>");
    } else if (is_known) {
        is_known = print_part(find_value(schema), record->value, &payload);
    }
    if (is_known) {
        dump_writer_add_text(writer, "key", buffer_bytes(&key));
        dump_writer_add_text(writer, "payload", buffer_bytes(&payload));
    }
    buffer_fini(&key);
    buffer_fini(&payload);
    return is_known;
}

/* Markers: int16 version, int16 kind; the value has the coordinator's epoch. */
static bool print_control(const struct batch_record *record, struct dump_writer *writer)
{
    static const char *const kinds[] = {"ABORT", "COMMIT"};
    if (record->key.size < CONTROL_SIZE) {
        return false;
    }
    int16_t kind = endian_read_i16(record->key.data + VERSION_SIZE);
    if (kind < 0 || kind > 1) {
        return false;
    }
    dump_writer_add_word(writer, "endTxnMarker", kinds[kind]);
    if (record->value.size >= VERSION_SIZE + 4) {
        dump_writer_add_number(writer, "coordinatorEpoch",
                               endian_read_i32(record->value.data + VERSION_SIZE));
    }
    return true;
}

static bool print_metadata(const struct batch_record *record, struct dump_writer *writer)
{
    struct buffer payload;
    buffer_init(&payload);
    bool is_known = meta_print(record->value, &payload);
    if (is_known) {
        dump_writer_add_text(writer, "payload", buffer_bytes(&payload));
    }
    buffer_fini(&payload);
    return is_known;
}

bool record_decoder_print(struct bytes topic, bool is_control, const struct batch_record *record,
                          struct dump_writer *writer)
{
    if (is_control) {
        return print_control(record, writer);
    }
    if (bytes_equal_string(topic, "__cluster_metadata")) {
        return print_metadata(record, writer);
    }
    bool is_transaction = bytes_equal_string(topic, "__transaction_state");
    return (is_transaction || bytes_equal_string(topic, "__consumer_offsets")) &&
           print_internal(is_transaction, record, writer);
}
