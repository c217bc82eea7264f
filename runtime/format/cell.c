/* Texts without types; see cell.h. */
#include "runtime/format/cell.h"

#include "log/base/error.h"

static size_t skip_digits(struct bytes text, size_t at)
{
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') {
        at++;
    }
    return at;
}

/* RFC 8259 §6. */
static bool is_number(struct bytes text)
{
    size_t start = text.size > 0 && text.data[0] == '-';
    size_t at = skip_digits(text, start);
    if (at == start || (text.data[start] == '0' && at > start + 1)) {
        return false;
    }
    if (at < text.size && text.data[at] == '.') {
        start = ++at;
        at = skip_digits(text, start);
        if (at == start) {
            return false;
        }
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        at += at < text.size && (text.data[at] == '+' || text.data[at] == '-');
        start = at;
        at = skip_digits(text, start);
        if (at == start) {
            return false;
        }
    }
    return at == text.size;
}

int cell_write_number(struct buffer *out, struct bytes text)
{
    if (text.size == 0) {
        buffer_add_string(out, "null");
        return 0;
    }
    if (!is_number(text)) {
        return ERROR_MALFORMED;
    }
    buffer_add_bytes(out, text);
    return 0;
}

void cell_read(const struct json *json, uint32_t token, struct buffer *out)
{
    switch ((enum json_kind)json_token(json, token)->kind) {
    case JSON_NULL:
        break;
    case JSON_STRING: {
        struct buffer scratch;
        buffer_init(&scratch);
        buffer_add_bytes(out, json_string(json, token, &scratch));
        buffer_fini(&scratch);
        break;
    }
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_ARRAY:
    case JSON_OBJECT:
        buffer_add_bytes(out, json_raw(json, token));
        break;
    }
}
