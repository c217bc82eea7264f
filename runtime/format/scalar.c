/* Canonical texts of scalars; see scalar.h. */
#include "runtime/format/scalar.h"

#include "runtime/format/json_writer.h"
#include "runtime/format/number.h"

#include <math.h>

bool scalar_is(const struct json *json, uint32_t token)
{
    switch ((enum json_kind)json_token(json, token)->kind) {
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_STRING:
        return true;
    }
    return false;
}

static void write_number(const struct json *json, uint32_t token, struct buffer *out)
{
    struct number number;
    check(number_read(json, token, &number));
    double limit = 9007199254740992.0; /* to here a double says which integer it is */
    if (!number.is_integer && fabs(number.real) <= limit && trunc(number.real) == number.real) {
        number = number_from_integer((int64_t)number.real);
    }
    if (number_write(out, &number) != 0) {
        buffer_add_bytes(out, json_raw(json, token)); /* beyond a double */
    }
}

static void write_string(const struct json *json, uint32_t token, struct buffer *out)
{
    struct buffer decoded;
    buffer_init(&decoded);
    check(json_writer_string(out, json_string(json, token, &decoded)) == 0);
    buffer_fini(&decoded);
}

struct bytes scalar_text(const struct json *json, uint32_t token, struct buffer *scratch)
{
    const struct json_token *it = json_token(json, token);
    size_t before = scratch->size;
    bool is_plain_number =
        it->is_integer && !bytes_equal(json_raw(json, token), BYTES_LITERAL("-0"));
    if (it->kind == JSON_STRING && it->has_escapes) {
        write_string(json, token, scratch);
    } else if (it->kind == JSON_NUMBER && !is_plain_number) {
        write_number(json, token, scratch);
    } else {
        return json_raw(json, token);
    }
    return bytes_make(scratch->data + before, scratch->size - before);
}
