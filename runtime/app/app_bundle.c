/* Files of an application; see app_bundle.h. */
#include "runtime/app/app_bundle.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/base64.h"
#include "runtime/format/json.h"
#include "runtime/format/json_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void app_bundle_init(struct app_bundle *bundle)
{
    *bundle = (struct app_bundle){0};
}

void app_bundle_fini(struct app_bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++) {
        free(bundle->files[i].name);
        buffer_fini(&bundle->files[i].content);
    }
    free(bundle->files);
    free(bundle->app);
    free(bundle->script);
    app_bundle_init(bundle);
}

static struct app_bundle_file *app_bundle_get(const struct app_bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->count; i++) {
        if (strcmp(bundle->files[i].name, name) == 0) {
            return &bundle->files[i];
        }
    }
    return NULL;
}

void app_bundle_add(struct app_bundle *bundle, const char *name, struct bytes content)
{
    struct app_bundle_file *file = app_bundle_get(bundle, name);
    if (file == NULL) {
        bundle->files = memory_resize(bundle->files, (bundle->count + 1) * sizeof *bundle->files);
        file = &bundle->files[bundle->count++];
        *file = (struct app_bundle_file){.name = memory_string(name)};
        buffer_init(&file->content);
    }
    buffer_clear(&file->content);
    buffer_add_bytes(&file->content, content);
}

void app_bundle_copy(struct app_bundle *to, const struct app_bundle *from)
{
    check(to->count == 0);
    to->version = from->version;
    to->at_ms = from->at_ms;
    to->app = memory_string(from->app);
    to->script = memory_string(from->script);
    for (size_t i = 0; i < from->count; i++) {
        app_bundle_add(to, from->files[i].name, buffer_bytes(&from->files[i].content));
    }
}

bool app_bundle_find(const struct app_bundle *bundle, const char *name, struct bytes *out)
{
    struct app_bundle_file *file = app_bundle_get(bundle, name);
    if (file != NULL) {
        *out = buffer_bytes(&file->content);
    }
    return file != NULL;
}

bool app_bundle_is_same(const struct app_bundle *left, const struct app_bundle *right)
{
    bool is_same = left->count == right->count && strcmp(left->script, right->script) == 0;
    for (size_t i = 0; is_same && i < left->count; i++) {
        struct bytes other;
        is_same = app_bundle_find(right, left->files[i].name, &other) &&
                  bytes_equal(buffer_bytes(&left->files[i].content), other);
    }
    return is_same;
}

/* --- As JSON ---------------------------------------------------------------------------------- */

static void app_bundle_write_name(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\":", name);
    if (json_writer_string(out, bytes_from_string(text)) != 0) {
        buffer_add_string(out, "\"\""); /* no name of a file that was read */
    }
}

void app_bundle_write(const struct app_bundle *bundle, struct buffer *out)
{
    buffer_printf(out, "{\"version\":%" PRId64 ",\"at\":%" PRId64 ",", bundle->version,
                  bundle->at_ms);
    app_bundle_write_name(out, "app", bundle->app);
    buffer_add_byte(out, ',');
    app_bundle_write_name(out, "script", bundle->script);
    buffer_add_string(out, ",\"files\":[");
    for (size_t i = 0; i < bundle->count; i++) {
        const struct app_bundle_file *file = &bundle->files[i];
        struct bytes content = buffer_bytes(&file->content);
        buffer_add_string(out, i > 0 ? ",{" : "{");
        app_bundle_write_name(out, "name", file->name);
        size_t size = out->size;
        buffer_add_string(out, ",\"text\":");
        if (json_writer_string(out, content) != 0) {
            out->size = size;
            buffer_add_string(out, ",\"base64\":\"");
            base64_write(out, content);
            buffer_add_byte(out, '"');
        }
        buffer_add_byte(out, '}');
    }
    buffer_add_string(out, "]}");
}

/* Appends the string that a member is; false when it is not there, or no string. */
static bool app_bundle_take(const struct json *json, uint32_t object, const char *name,
                            struct buffer *out)
{
    uint32_t token = json_find(json, object, bytes_from_string(name));
    struct buffer place;
    if (token == JSON_ABSENT || json_token(json, token)->kind != JSON_STRING) {
        return false;
    }
    buffer_init(&place);
    buffer_add_bytes(out, json_string(json, token, &place));
    buffer_fini(&place);
    return true;
}

static char *app_bundle_take_name(const struct json *json, uint32_t object, const char *name)
{
    struct buffer text;
    buffer_init(&text);
    bool is_there = app_bundle_take(json, object, name, &text) && text.size > 0 &&
                    memchr(text.data, 0, text.size) == NULL;
    char *copy = is_there ? bytes_to_string(buffer_bytes(&text)) : NULL;
    buffer_fini(&text);
    return copy;
}

static bool app_bundle_read_file(struct app_bundle *bundle, const struct json *json, uint32_t row)
{
    struct buffer text;
    struct buffer content;
    char *name = app_bundle_take_name(json, row, "name");
    buffer_init(&text);
    buffer_init(&content);
    bool is_fine = name != NULL && app_bundle_get(bundle, name) == NULL;
    if (is_fine && !app_bundle_take(json, row, "text", &content)) {
        is_fine = app_bundle_take(json, row, "base64", &text) &&
                  base64_read(&content, buffer_bytes(&text)) == 0;
    }
    if (is_fine) {
        app_bundle_add(bundle, name, buffer_bytes(&content));
    }
    buffer_fini(&text);
    buffer_fini(&content);
    free(name);
    return is_fine;
}

static bool app_bundle_read_members(struct app_bundle *bundle, const struct json *json)
{
    struct bytes ignored;
    if (json_token(json, JSON_ROOT)->kind != JSON_OBJECT) {
        return false;
    }
    uint32_t version = json_find(json, JSON_ROOT, BYTES_LITERAL("version"));
    uint32_t at = json_find(json, JSON_ROOT, BYTES_LITERAL("at"));
    uint32_t files = json_find(json, JSON_ROOT, BYTES_LITERAL("files"));
    if (version == JSON_ABSENT || at == JSON_ABSENT || files == JSON_ABSENT ||
        !json_int64(json, version, &bundle->version) || bundle->version < 1 ||
        !json_int64(json, at, &bundle->at_ms) || json_token(json, files)->kind != JSON_ARRAY) {
        return false;
    }
    bundle->app = app_bundle_take_name(json, JSON_ROOT, "app");
    bundle->script = app_bundle_take_name(json, JSON_ROOT, "script");
    for (uint32_t i = 0; i < json_token(json, files)->count; i++) {
        if (!app_bundle_read_file(bundle, json, json_element(json, files, i))) {
            return false;
        }
    }
    return bundle->app != NULL && bundle->script != NULL &&
           app_bundle_find(bundle, bundle->script, &ignored);
}

int app_bundle_read(struct app_bundle *bundle, struct bytes text, struct report *report)
{
    struct json json;
    json_init(&json);
    bool is_fine = json_parse(&json, text) == 0 && app_bundle_read_members(bundle, &json);
    json_fini(&json);
    if (!is_fine) {
        app_bundle_fini(bundle);
        return report_add(
            report, NULL,
            "this is no version of an application; 'tidemill app deploy' writes them");
    }
    return 0;
}
