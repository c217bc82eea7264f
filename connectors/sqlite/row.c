/* Turns a record into named values. See row.h. */
#include "connectors/sqlite/row.h"

#include <sqlite3.h>
#include <stdlib.h>

void row_clear(struct row *row)
{
    row->count = 0;
    row->key_count = 0;
    builder_clear(&row->text);
}

void row_fini(struct row *row)
{
    free(row->values);
    builder_fini(&row->text);
}

void row_end_key(struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        row->values[i].is_key = true;
    }
    row->key_count = row->count;
}

const char *row_name(const struct row *row, size_t index)
{
    return row->text.data + row->values[index].name;
}

const void *row_data(const struct row *row, size_t index)
{
    const struct row_value *value = &row->values[index];
    return value->is_borrowed ? value->data : row->text.data + value->place;
}

int row_find(const struct row *row, const char *name)
{
    for (size_t i = 0; i < row->count; i++) {
        if (sqlite3_stricmp(row_name(row, i), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *row_type_name(enum row_type type)
{
    switch (type) {
    case ROW_INTEGER:
        return "INTEGER";
    case ROW_REAL:
        return "REAL";
    case ROW_NULL:
    case ROW_TEXT:
        return "TEXT";
    case ROW_BLOB:
        return "BLOB";
    }
    return "TEXT";
}

/* The value of this name: a new one, or the one that it replaces. */
static struct row_value *place_value(struct row *row, const char *name)
{
    int index = row_find(row, name);
    if (index >= 0 && (size_t)index < row->key_count) {
        return &row->ignored;
    }
    if (index < 0) {
        if (row->count == row->capacity) {
            row->capacity = row->capacity * 2 + 16;
            row->values = builder_resize(row->values, row->capacity, sizeof *row->values);
        }
        index = (int)row->count++;
        row->values[index].name = row->text.size;
        builder_add(&row->text, name, strlen(name) + 1);
    }
    struct row_value *value = &row->values[index];
    *value = (struct row_value){.name = value->name, .type = ROW_NULL};
    return value;
}

void row_add_integer(struct row *row, const char *name, int64_t integer)
{
    struct row_value *value = place_value(row, name);
    value->type = ROW_INTEGER;
    value->integer = integer;
}

void row_add_text(struct row *row, const char *name, const char *text)
{
    row_add_bytes(row, name, tidemill_bytes_make(text, strlen(text)));
}

/* How many bytes continue after a UTF-8 lead byte; -1 for a wrong one. */
static int continuation_count(uint8_t lead)
{
    if (lead < 0x80) {
        return 0;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
        return 1;
    }
    if (lead >= 0xe0 && lead < 0xf0) {
        return 2;
    }
    return lead >= 0xf0 && lead < 0xf5 ? 3 : -1;
}

static bool is_text(struct tidemill_bytes bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.size;) {
        int count = at[i] == 0 ? -1 : continuation_count(at[i]);
        if (count < 0 || (size_t)count >= bytes.size - i) {
            return false;
        }
        for (int j = 1; j <= count; j++) {
            if ((at[i + (size_t)j] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += (size_t)count + 1;
    }
    return true;
}

void row_add_bytes(struct row *row, const char *name, struct tidemill_bytes bytes)
{
    struct row_value *value = place_value(row, name);
    if (bytes.data == NULL) {
        return;
    }
    value->type = is_text(bytes) ? ROW_TEXT : ROW_BLOB;
    value->is_borrowed = true;
    value->data = bytes.data;
    value->size = bytes.size;
}

static void set_text(struct row *row, struct row_value *value, struct json_value json)
{
    value->type = ROW_TEXT;
    if (json.type == JSON_STRING && memchr(json.text, '\\', json.size) != NULL) {
        value->place = row->text.size;
        json_decode(json, &row->text);
        value->size = row->text.size - value->place;
        return;
    }
    size_t quote = json.type == JSON_STRING ? 1 : 0;
    value->is_borrowed = true;
    value->data = json.text + quote;
    value->size = json.size - 2 * quote;
}

static void set_json(struct row *row, struct row_value *value, struct json_value json)
{
    switch (json.type) {
    case JSON_NULL:
        break;
    case JSON_BOOL:
        value->type = ROW_INTEGER;
        value->integer = json.text[0] == 't';
        break;
    case JSON_NUMBER:
        if (json_integer(json, &value->integer)) {
            value->type = ROW_INTEGER;
        } else if (memchr(json.text, '.', json.size) == NULL && json.size > 18) {
            /* Too large for 64 bits: digits as text lose nothing. */
            set_text(row, value, json);
        } else if (json_real(json, &value->real)) {
            value->type = ROW_REAL;
        } else {
            set_text(row, value, json);
        }
        break;
    case JSON_STRING:
    case JSON_ARRAY:
    case JSON_OBJECT:
        set_text(row, value, json);
        break;
    }
}

const char *row_add_object(struct row *row, struct tidemill_bytes bytes)
{
    struct json_value object;
    struct json_value key;
    struct json_value json;
    if (!json_parse(bytes.data, bytes.size, &object)) {
        return "the value is not JSON";
    }
    if (object.type != JSON_OBJECT) {
        return "the value is JSON but no object";
    }
    struct json_cursor cursor = json_start(object);
    struct builder name = {.data = NULL};
    const char *reason = NULL;
    while (reason == NULL && json_next(&cursor, &key, &json)) {
        builder_clear(&name);
        json_decode(key, &name);
        if (name.size == 0 || name.size > ROW_NAME_MAX ||
            memchr(name.data, '\0', name.size) != NULL) {
            reason = "the value has a member whose name cannot be a column";
        } else if (row->count == ROW_COLUMN_MAX) {
            reason = "the value has too many members";
        } else {
            set_json(row, place_value(row, builder_text(&name)), json);
        }
    }
    builder_fini(&name);
    return reason;
}
