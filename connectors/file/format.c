/* Lines, JSON lines and CSV, a record at a time. See format.h. */
#include "connectors/file/format.h"

#include "connectors/shared/json.h"

static const char *write_json(const struct tidemill_record *record, struct builder *out)
{
    struct json_value value;
    if (!json_parse(record->value.data, record->value.size, &value)) {
        return "the value is not JSON";
    }
    /* A newline in JSON is space between tokens: strings hold none. */
    char *line = builder_reserve(out, value.size + 1);
    for (size_t i = 0; i < value.size; i++) {
        char byte = value.text[i];
        line[i] = byte == '\n' || byte == '\r' ? ' ' : byte;
    }
    line[value.size] = '\n';
    out->size += value.size + 1;
    return NULL;
}

static void write_cell(struct builder *out, const char *text, size_t size)
{
    bool needs_quotes = false;
    for (size_t i = 0; i < size && !needs_quotes; i++) {
        needs_quotes = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
    }
    if (!needs_quotes) {
        builder_add(out, text, size);
        return;
    }
    builder_add_byte(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') {
            builder_add_byte(out, '"');
        }
        builder_add_byte(out, text[i]);
    }
    builder_add_byte(out, '"');
}

static void write_member(struct builder *out, struct json_value value)
{
    switch (value.type) {
    case JSON_NULL:
        break;
    case JSON_STRING: {
        struct builder text = {.data = NULL};
        json_decode(value, &text);
        write_cell(out, builder_text(&text), text.size);
        builder_fini(&text);
        break;
    }
    case JSON_BOOL:
    case JSON_NUMBER:
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_cell(out, value.text, value.size);
        break;
    }
}

static const char *write_csv(struct format_fields fields, const struct tidemill_record *record,
                             struct builder *out)
{
    struct json_value object;
    struct json_value member;
    if (!json_parse(record->value.data, record->value.size, &object) ||
        object.type != JSON_OBJECT) {
        return "the value is no JSON object";
    }
    for (size_t i = 0; i < fields.count; i++) {
        builder_add_text(out, i == 0 ? "" : ",");
        if (json_find(object, fields.names[i], &member)) {
            write_member(out, member);
        }
    }
    builder_add_text(out, "\r\n");
    return NULL;
}

const char *format_write(enum format format, struct format_fields fields,
                         const struct tidemill_record *record, struct builder *out)
{
    if (record->value.data == NULL) {
        return "the record has no value";
    }
    switch (format) {
    case FORMAT_LINES:
        builder_add(out, record->value.data, record->value.size);
        builder_add_byte(out, '\n');
        return NULL;
    case FORMAT_JSONL:
        return write_json(record, out);
    case FORMAT_CSV:
        return write_csv(fields, record, out);
    }
    return "the format is unknown";
}

void format_write_header(enum format format, struct format_fields fields, struct builder *out)
{
    if (format != FORMAT_CSV) {
        return;
    }
    for (size_t i = 0; i < fields.count; i++) {
        builder_add_text(out, i == 0 ? "" : ",");
        write_cell(out, fields.names[i], strlen(fields.names[i]));
    }
    builder_add_text(out, "\r\n");
}
