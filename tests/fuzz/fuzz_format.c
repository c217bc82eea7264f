/* Feeds bytes to the decoders of runtime/format that are not JSON's (fuzz_json.c).
 *
 *      0  1  'd' an encoded sketch, 0xff, doubles that are added to it
 *            'v' a value: the place of its format in fuzz_formats, the bytes
 *            's' a descriptor set of Protocol Buffers
 *      1     as said
 *
 * Promises: what was decoded keeps its invariants and is encoded and decoded again as the same;
 * what a value says is one JSON text within its limit; memory follows the input. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "runtime/format/decoded.h"
#include "runtime/format/format.h"
#include "runtime/format/proto_schema.h"
#include "runtime/format/sketch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"
#include "tests/unit/runtime/format/shop.h"

#include <string.h>

enum {
    FUZZ_SEPARATOR = 0xff,
    FUZZ_MEMORY_FACTOR = 64,
    FUZZ_MEMORY_MIN = 256 * 1024,
};

static void fuzz_sketch_again(const struct sketch *sketch)
{
    struct buffer first, second;
    struct sketch again = {0};
    buffer_init(&first);
    buffer_init(&second);
    sketch_encode(sketch, &first);
    check(sketch_decode(&again, buffer_bytes(&first)) == 0);
    sketch_encode(&again, &second);
    check(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    sketch_fini(&again);
    buffer_fini(&first);
    buffer_fini(&second);
}

static void fuzz_sketch(struct bytes input)
{
    struct bytes encoded = fuzz_take_until(&input, FUZZ_SEPARATOR);
    struct sketch sketch = {0};
    struct sketch added = {0};
    double value = 0;
    int error = sketch_decode(&sketch, encoded);
    check(error == 0 || error == ERROR_CORRUPT);
    sketch_check(&sketch);
    for (size_t at = 0; at + sizeof value <= input.size; at += sizeof value) {
        memcpy(&value, input.data + at, sizeof value);
        error = sketch_add(&added, value);
        check(error == 0 || error == ERROR_INVALID);
    }
    error = sketch_merge(&sketch, &added);
    check(error == 0 || error == ERROR_TOO_LARGE);
    sketch_check(&sketch);
    fuzz_sketch_again(&sketch);
    check(sketch_quantile(&sketch, 0.5, &value) == (sketch.count > 0));
    check(sketch.count == 0 || (value >= sketch.min && value <= sketch.max));
    sketch_fini(&sketch);
    sketch_fini(&added);
}

static const char *const fuzz_formats[] = {
    "\"csv\"",
    "{\"format\":\"csv\",\"columns\":[\"a\",\"b\"],\"numbers\":[\"b\"]}",
    "{\"format\":\"csv\",\"header\":true,\"numbers\":[\"b\"],\"separator\":\";\"}",
    "\"logfmt\"",
    "{\"format\":\"logfmt\",\"numbers\":[\"b\"]}",
    SHOP_ORDER,
};

/* Names of columns are repeated in every row. */
static size_t fuzz_value_memory(size_t size)
{
    return size * size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN;
}

/* What the value says in its own format; false when it is none. */
static bool fuzz_write_again(const struct value_format *format, struct bytes value,
                             struct buffer *out)
{
    struct decoded decoded;
    decoded_init(&decoded);
    int error = decoded_read(&decoded, format, value);
    check((error == 0) == (decoded.report.text[0] == 0));
    if (error == 0) {
        struct report report = {{0}, {0}};
        json_check(&decoded.json);
        check(decoded.json.text.size <= VALUE_DECODED_SIZE_MAX);
        error = format->ops->encode(format, &decoded.json, out, &report);
        check(error == 0);
    }
    decoded_fini(&decoded);
    return error == 0;
}

static void fuzz_value(struct bytes input)
{
    const struct value_format *format = NULL;
    struct report report = {{0}, {0}};
    struct buffer first, second;
    size_t index = fuzz_take_byte(&input) % (sizeof fuzz_formats / sizeof *fuzz_formats);
    gauge_start(fuzz_value_memory(input.size));
    check(format_open(bytes_from_string(fuzz_formats[index]), &shop_files, NULL, &report,
                      &format) == 0);
    buffer_init(&first);
    buffer_init(&second);
    if (fuzz_write_again(format, input, &first)) {
        check(fuzz_write_again(format, buffer_bytes(&first), &second));
        check(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    }
    buffer_fini(&first);
    buffer_fini(&second);
    format_close(format);
}

static void fuzz_schema(struct bytes input)
{
    struct proto_schema schema;
    struct report report = {{0}, {0}};
    int error = proto_schema_init(&schema, input, &report);
    check((error == 0) == report_is_empty(&report));
    for (const struct proto_schema_message *it = schema.messages; it != NULL && error == 0;
         it = it->next) {
        check(proto_schema_find(&schema, it->name) != NULL);
        for (uint32_t i = 0; i < it->field_count; i++) {
            const struct proto_schema_field *field = &it->fields[i];
            check(proto_schema_field(it, field->number) == field);
            check((field->message != NULL) == (field->type == PROTO_SCHEMA_MESSAGE));
            check((field->enumeration != NULL) == (field->type == PROTO_SCHEMA_ENUM));
        }
    }
    proto_schema_fini(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    trace_set_level(TRACE_ERROR);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    switch (fuzz_take_byte(&input)) {
    case 'd':
        fuzz_sketch(input);
        break;
    case 'v':
        fuzz_value(input);
        break;
    case 's':
        fuzz_schema(input);
        break;
    }
    return 0;
}
