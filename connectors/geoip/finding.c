/* The fields and where the databases keep them; see finding.h. */
#include "connectors/geoip/finding.h"

#include "connectors/shared/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_STEPS = 4, PART_MAX = 2 };

static const char LANGUAGE[] = "?"; /* a step that stands for the language */

struct finding_field {
    const char *name;
    const char *paths[PART_MAX][PATH_MAX_STEPS + 1];
    const char *parts[PART_MAX]; /* the field is an object of these; NULL: the value itself */
};

static const struct finding_field finding_fields[] = {
    {.name = "continent", .paths = {{"continent", "code"}}},
    {.name = "country", .paths = {{"country", "iso_code"}}},
    {.name = "country_name", .paths = {{"country", "names", LANGUAGE}}},
    {.name = "region", .paths = {{"subdivisions", "0", "iso_code"}}},
    {.name = "region_name", .paths = {{"subdivisions", "0", "names", LANGUAGE}}},
    {.name = "city", .paths = {{"city", "names", LANGUAGE}}},
    {.name = "postal_code", .paths = {{"postal", "code"}}},
    {.name = "location",
     .paths = {{"location", "latitude"}, {"location", "longitude"}},
     .parts = {"lat", "lon"}},
    {.name = "time_zone", .paths = {{"location", "time_zone"}}},
    {.name = "asn", .paths = {{"autonomous_system_number"}}},
    {.name = "organization", .paths = {{"autonomous_system_organization"}}},
};

enum { FIELD_COUNT = sizeof finding_fields / sizeof *finding_fields };

const struct finding_field *finding_field_find(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(finding_fields[i].name, name) == 0) {
            return &finding_fields[i];
        }
    }
    return NULL;
}

void finding_list_fields(struct builder *out)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        builder_add_text(out, i == 0 ? "" : ", ");
        builder_add_text(out, finding_fields[i].name);
    }
}

/* How many bytes the character at `at` has, 0 when it is none of UTF-8 (RFC 3629). */
static size_t rune_size(const uint8_t *at, size_t left)
{
    if (at[0] < 0x80) {
        return 1;
    }
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    uint8_t low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    if (at[0] < 0xc2 || at[0] > 0xf4 || size > left || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

static bool is_utf8(const char *text, size_t size)
{
    size_t step = 1;
    size_t i = 0;
    for (; i < size && step > 0; i += step) {
        step = rune_size((const uint8_t *)text + i, size - i);
    }
    return step > 0;
}

/* The shortest text that is read as the same number. */
static bool write_real(double value, struct builder *out)
{
    char text[40];
    if (!isfinite(value)) {
        return false;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    builder_add_text(out, text);
    return true;
}

/* False when it is nothing that a field may be. */
static bool write_value(const MMDB_entry_data_s *data, struct builder *out)
{
    switch (data->type) {
    case MMDB_DATA_TYPE_UTF8_STRING:
        if (!is_utf8(data->utf8_string, data->data_size)) {
            return false;
        }
        json_write_text(out, data->utf8_string, data->data_size);
        return true;
    case MMDB_DATA_TYPE_DOUBLE:
        return write_real(data->double_value, out);
    case MMDB_DATA_TYPE_FLOAT:
        return write_real((double)data->float_value, out);
    case MMDB_DATA_TYPE_UINT16:
        builder_add_integer(out, data->uint16);
        return true;
    case MMDB_DATA_TYPE_UINT32:
        builder_add_integer(out, data->uint32);
        return true;
    case MMDB_DATA_TYPE_INT32:
        builder_add_integer(out, data->int32);
        return true;
    default:
        return false;
    }
}

static enum finding_result find_path(MMDB_entry_s *entry, const char *const *path,
                                     const char *language, MMDB_entry_data_s *data)
{
    const char *steps[PATH_MAX_STEPS + 1] = {NULL};
    for (size_t i = 0; path[i] != NULL; i++) {
        steps[i] = path[i] == LANGUAGE ? language : path[i];
    }
    int status = MMDB_aget_value(entry, data, steps);
    if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
        (status == MMDB_SUCCESS && !data->has_data)) {
        return FINDING_NOTHING;
    }
    return status == MMDB_SUCCESS ? FINDING_WRITTEN : FINDING_DAMAGED;
}

static enum finding_result write_path(MMDB_entry_s *entry, const char *const *path,
                                      const char *language, struct builder *out)
{
    MMDB_entry_data_s data;
    enum finding_result result = find_path(entry, path, language, &data);
    if (result == FINDING_NOTHING) {
        result = find_path(entry, path, "en", &data);
    }
    if (result == FINDING_WRITTEN && !write_value(&data, out)) {
        return FINDING_DAMAGED;
    }
    return result;
}

static void write_name(const char *name, struct builder *out)
{
    json_write_text(out, name, strlen(name));
    builder_add_byte(out, ':');
}

static enum finding_result write_parts(MMDB_entry_s *entry, const struct finding_field *field,
                                       struct builder *out)
{
    enum finding_result result = FINDING_WRITTEN;
    builder_add_byte(out, '{');
    for (size_t i = 0; i < PART_MAX && result == FINDING_WRITTEN; i++) {
        builder_add_text(out, i == 0 ? "" : ",");
        write_name(field->parts[i], out);
        result = write_path(entry, field->paths[i], "en", out);
    }
    builder_add_byte(out, '}');
    return result;
}

enum finding_result finding_write(MMDB_entry_s *entry, const struct finding_field *const *fields,
                                  size_t count, const char *language, struct builder *out)
{
    size_t start = out->size;
    builder_add_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        const struct finding_field *field = fields[i];
        size_t before = out->size;
        builder_add_text(out, before == start + 1 ? "" : ",");
        write_name(field->name, out);
        enum finding_result result = field->parts[0] != NULL
                                         ? write_parts(entry, field, out)
                                         : write_path(entry, field->paths[0], language, out);
        if (result == FINDING_DAMAGED) {
            return result;
        }
        if (result == FINDING_NOTHING) {
            out->size = before;
        }
    }
    bool is_empty = out->size == start + 1;
    builder_add_byte(out, '}');
    return is_empty ? FINDING_NOTHING : FINDING_WRITTEN;
}
