/* Changes on top of a JSON text; see json_patch.h.
 *
 * A change names the container and either the token of the member it replaces or removes, or no
 * token for a new member. New values are patched texts themselves, so changes nest. Lists of
 * changes are short and searched from front to back. */
#include "runtime/format/json_patch.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/utf8.h"

#include <stdlib.h>
#include <string.h>

struct json_edit {
    uint32_t container;
    uint32_t token;           /* JSON_ABSENT: an addition */
    struct bytes name;        /* owned; null for elements and where a token has the name */
    struct json_patch *value; /* NULL: removed */
};

/* As json_resize. */
static void *resize(struct json_patch *patch, void *memory, size_t old_size, size_t new_size)
{
    if (patch->json.resize != NULL) {
        return patch->json.resize(patch->json.resize_owner, memory, old_size, new_size);
    }
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    return memory_resize(memory, new_size);
}

static void give(struct json_patch *patch, void *memory, size_t size)
{
    if (memory != NULL) {
        resize(patch, memory, size, 0);
    }
}

void json_patch_init(struct json_patch *patch)
{
    *patch = (struct json_patch){0};
    json_init(&patch->json);
}

void json_patch_clear(struct json_patch *patch)
{
    for (size_t i = 0; i < patch->edit_count; i++) {
        struct bytes name = patch->edits[i].name;
        give(patch, (void *)(uintptr_t)name.data, name.size + 1);
    }
    patch->edit_count = 0;
    while (patch->values != NULL) {
        struct json_patch *value = patch->values;
        patch->values = value->next;
        json_patch_fini(value);
        give(patch, value, sizeof *value);
    }
    patch->json.token_count = 0;
}

void json_patch_trim(struct json_patch *patch, uint32_t token_capacity_max)
{
    json_patch_clear(patch);
    json_trim(&patch->json, token_capacity_max);
    give(patch, patch->edits, patch->edit_capacity * sizeof *patch->edits);
    patch->edits = NULL;
    patch->edit_capacity = 0;
}

void json_patch_fini(struct json_patch *patch)
{
    json_patch_trim(patch, 0);
    give(patch, patch->own_text, patch->own_size);
    json_fini(&patch->json);
    *patch = (struct json_patch){0};
}

int json_patch_parse(struct json_patch *patch, struct bytes text)
{
    if (patch->edit_count > 0 || patch->values != NULL) {
        json_patch_clear(patch);
    }
    return json_parse(&patch->json, text);
}

bool json_patch_is_changed(const struct json_patch *patch)
{
    return patch->edit_count > 0; /* a new value comes with one */
}

static struct json_edit *find_edit(const struct json_patch *patch, uint32_t container,
                                   uint32_t token)
{
    for (size_t i = 0; i < patch->edit_count; i++) {
        struct json_edit *edit = &patch->edits[i];
        if (edit->container == container && edit->token == token) {
            return edit;
        }
    }
    return NULL;
}

static struct json_edit *find_addition(const struct json_patch *patch, uint32_t container,
                                       struct bytes name)
{
    for (size_t i = 0; i < patch->edit_count; i++) {
        struct json_edit *edit = &patch->edits[i];
        if (edit->container == container && edit->token == JSON_ABSENT &&
            bytes_equal(edit->name, name)) {
            return edit;
        }
    }
    return NULL;
}

static int grow_edits(struct json_patch *patch)
{
    size_t capacity = patch->edit_capacity == 0 ? 8 : patch->edit_capacity * 2;
    struct json_edit *edits =
        resize(patch, patch->edits, patch->edit_capacity * sizeof *edits, capacity * sizeof *edits);
    if (edits == NULL) {
        return ERROR_NO_MEMORY;
    }
    patch->edits = edits;
    patch->edit_capacity = capacity;
    return 0;
}

static int copy_name(struct json_patch *patch, struct bytes name, struct bytes *out)
{
    *out = (struct bytes){0};
    if (bytes_is_null(name)) {
        return 0;
    }
    uint8_t *copy = resize(patch, NULL, 0, name.size + 1);
    if (copy == NULL) {
        return ERROR_NO_MEMORY;
    }
    memcpy(copy, name.data, name.size);
    *out = bytes_make(copy, name.size);
    return 0;
}

/* `value` may be NULL: removed. */
static int add_edit(struct json_patch *patch, uint32_t container, uint32_t token, struct bytes name,
                    struct json_patch *value)
{
    struct json_edit edit = {.container = container, .token = token, .value = value};
    int error = patch->edit_count == patch->edit_capacity ? grow_edits(patch) : 0;
    if (error == 0) {
        error = copy_name(patch, name, &edit.name);
    }
    if (error == 0) {
        patch->edits[patch->edit_count++] = edit;
    }
    return error;
}

static int fill_value(struct json_patch *value, struct bytes text)
{
    value->own_text = resize(value, NULL, 0, text.size + 1);
    if (value->own_text == NULL) {
        return ERROR_NO_MEMORY;
    }
    value->own_size = text.size + 1;
    memcpy(value->own_text, text.data, text.size);
    return json_patch_parse(value, bytes_make(value->own_text, text.size));
}

/* A new value as a patched text of its own, kept until the patch is cleared. */
static int add_value(struct json_patch *patch, struct bytes text, struct json_patch **out)
{
    if (patch->depth == JSON_PATCH_DEPTH_MAX) {
        return ERROR_TOO_LARGE;
    }
    struct json_patch *value = resize(patch, NULL, 0, sizeof *value);
    if (value == NULL) {
        return ERROR_NO_MEMORY;
    }
    json_patch_init(value);
    value->depth = patch->depth + 1;
    value->json.resize = patch->json.resize;
    value->json.resize_owner = patch->json.resize_owner;
    value->json.is_late = patch->json.is_late;
    int error = fill_value(value, text);
    if (error != 0) {
        json_patch_fini(value);
        give(patch, value, sizeof *value);
        return error;
    }
    value->next = patch->values;
    patch->values = value;
    *out = value;
    return 0;
}

/* What stands at a token: the token itself or its change; false when it was removed. */
static bool resolve(struct json_place container, uint32_t token, struct json_place *out)
{
    struct json_edit *edit = find_edit(container.patch, container.token, token);
    if (edit == NULL) {
        *out = (struct json_place){container.patch, token};
        return true;
    }
    if (edit->value == NULL) {
        return false;
    }
    *out = json_patch_root(edit->value);
    return true;
}

bool json_place_find(struct json_place object, struct bytes name, struct json_place *out)
{
    struct json_patch *patch = object.patch;
    uint32_t token = json_find(&patch->json, object.token, name);
    if (token != JSON_ABSENT) {
        if (patch->edit_count == 0) {
            *out = (struct json_place){patch, token};
            return true;
        }
        return resolve(object, token, out);
    }
    struct json_edit *edit = find_addition(patch, object.token, name);
    if (edit == NULL || edit->value == NULL || json_place_kind(object) != JSON_OBJECT) {
        return false;
    }
    *out = json_patch_root(edit->value);
    return true;
}

bool json_walk_next(struct json_walk *walk, struct buffer *scratch, struct bytes *name,
                    struct json_place *value)
{
    struct json_patch *patch = walk->container.patch;
    const struct json_token *container = json_token(&patch->json, walk->container.token);
    bool is_object = container->kind == JSON_OBJECT;
    buffer_clear(scratch);
    if (!walk->is_started) {
        walk->is_started = true;
        bool has_children = is_object || container->kind == JSON_ARRAY;
        walk->token = has_children ? walk->container.token + 1 : container->next;
        if (is_object) {
            json_mark_repeated(&patch->json, walk->container.token);
        }
    }
    while (walk->token < container->next) {
        uint32_t token = walk->token + is_object;
        uint32_t name_token = walk->token;
        walk->token = json_token(&patch->json, token)->next;
        bool is_hidden = is_object && json_token(&patch->json, name_token)->is_repeated;
        if (!is_hidden && resolve(walk->container, token, value)) {
            if (is_object) {
                *name = json_string(&patch->json, name_token, scratch);
            }
            return true;
        }
    }
    while (walk->edit < patch->edit_count) {
        struct json_edit *edit = &patch->edits[walk->edit++];
        if (edit->container == walk->container.token && edit->token == JSON_ABSENT &&
            edit->value != NULL) {
            *name = edit->name;
            *value = json_patch_root(edit->value);
            return true;
        }
    }
    return false;
}

static bool has_edits(struct json_place place)
{
    for (size_t i = 0; i < place.patch->edit_count; i++) {
        if (place.patch->edits[i].container == place.token) {
            return true;
        }
    }
    return false;
}

uint32_t json_place_count(struct json_place place)
{
    uint32_t count = json_token(&place.patch->json, place.token)->count;
    bool may_repeat = json_place_kind(place) == JSON_OBJECT;
    if (!may_repeat && !has_edits(place)) {
        return count;
    }
    struct json_walk walk = {.container = place};
    struct buffer scratch;
    buffer_init(&scratch);
    struct bytes name;
    struct json_place value;
    count = 0;
    while (json_walk_next(&walk, &scratch, &name, &value)) {
        count++;
    }
    buffer_fini(&scratch);
    return count;
}

bool json_place_element(struct json_place array, uint32_t index, struct json_place *out)
{
    if (json_place_kind(array) != JSON_ARRAY) {
        return false;
    }
    if (!has_edits(array)) {
        uint32_t token = json_element(&array.patch->json, array.token, index);
        *out = (struct json_place){array.patch, token};
        return token != JSON_ABSENT;
    }
    struct json_walk walk = {.container = array};
    struct buffer scratch;
    buffer_init(&scratch);
    struct bytes name;
    bool is_found = true;
    for (uint32_t i = 0; is_found && i <= index; i++) {
        is_found = json_walk_next(&walk, &scratch, &name, out);
    }
    buffer_fini(&scratch);
    return is_found;
}

int json_place_set(struct json_place object, struct bytes name, struct bytes text)
{
    struct json_patch *patch = object.patch;
    check(json_place_kind(object) == JSON_OBJECT);
    if (!utf8_is_valid(name)) {
        return ERROR_MALFORMED;
    }
    struct json_patch *value = NULL;
    int error = add_value(patch, text, &value);
    if (error != 0) {
        return error;
    }
    uint32_t token = json_find(&patch->json, object.token, name);
    struct json_edit *edit = token == JSON_ABSENT ? find_addition(patch, object.token, name)
                                                  : find_edit(patch, object.token, token);
    if (edit == NULL) {
        struct bytes edit_name = token == JSON_ABSENT ? name : (struct bytes){0};
        return add_edit(patch, object.token, token, edit_name, value);
    }
    edit->value = value;
    return 0;
}

static int remove_token(struct json_place container, uint32_t token)
{
    struct json_edit *edit = find_edit(container.patch, container.token, token);
    if (edit == NULL) {
        return add_edit(container.patch, container.token, token, (struct bytes){0}, NULL);
    }
    edit->value = NULL;
    return 0;
}

int json_place_remove(struct json_place object, struct bytes name)
{
    struct json_patch *patch = object.patch;
    check(json_place_kind(object) == JSON_OBJECT);
    struct json_edit *addition = find_addition(patch, object.token, name);
    if (addition != NULL) {
        addition->value = NULL;
    }
    int error = 0;
    uint32_t end = json_token(&patch->json, object.token)->next;
    for (uint32_t at = object.token + 1; error == 0 && at < end;
         at = json_token(&patch->json, at + 1)->next) {
        if (json_equals(&patch->json, at, name)) {
            error = remove_token(object, at + 1); /* or the one before would come to light */
        }
    }
    return error;
}

/* The change that stands for the element at an index; NULL when a token does (then *token). */
static struct json_edit *find_element(struct json_place array, uint32_t index, uint32_t *token)
{
    const struct json *json = &array.patch->json;
    const struct json_token *container = json_token(json, array.token);
    uint32_t left = index;
    for (uint32_t at = array.token + 1; at < container->next; at = json_token(json, at)->next) {
        struct json_edit *edit = find_edit(array.patch, array.token, at);
        if (edit != NULL && edit->value == NULL) {
            continue;
        }
        if (left-- == 0) {
            *token = at;
            return edit;
        }
    }
    *token = JSON_ABSENT;
    for (size_t i = 0; i < array.patch->edit_count; i++) {
        struct json_edit *edit = &array.patch->edits[i];
        if (edit->container == array.token && edit->token == JSON_ABSENT && edit->value != NULL &&
            left-- == 0) {
            return edit;
        }
    }
    return NULL;
}

int json_place_set_element(struct json_place array, uint32_t index, struct bytes text)
{
    check(json_place_kind(array) == JSON_ARRAY);
    if (index > json_place_count(array)) {
        return ERROR_INVALID;
    }
    struct json_patch *value = NULL;
    int error = add_value(array.patch, text, &value);
    if (error != 0) {
        return error;
    }
    uint32_t token = JSON_ABSENT;
    struct json_edit *edit = find_element(array, index, &token);
    if (edit == NULL) {
        return add_edit(array.patch, array.token, token, (struct bytes){0}, value);
    }
    edit->value = value;
    return 0;
}

int json_place_remove_last(struct json_place array)
{
    check(json_place_kind(array) == JSON_ARRAY);
    uint32_t count = json_place_count(array);
    if (count == 0) {
        return 0;
    }
    uint32_t token = JSON_ABSENT;
    struct json_edit *edit = find_element(array, count - 1, &token);
    if (edit == NULL) {
        return remove_token(array, token);
    }
    edit->value = NULL;
    return 0;
}

/* Where a value's bytes begin and end, quotes included. */
static void find_range(const struct json *json, uint32_t token, uint32_t *start, uint32_t *end)
{
    struct bytes raw = json_raw(json, token);
    *start = (uint32_t)(raw.data - json->text.data);
    *end = *start + (uint32_t)raw.size;
}

static void copy_range(const struct json *json, uint32_t start, uint32_t end, struct buffer *out)
{
    buffer_add(out, json->text.data + start, end - start);
}

static void write_additions(struct json_place place, struct buffer *out, uint32_t written)
{
    bool is_object = json_place_kind(place) == JSON_OBJECT;
    for (size_t i = 0; i < place.patch->edit_count; i++) {
        struct json_edit *edit = &place.patch->edits[i];
        if (edit->container != place.token || edit->token != JSON_ABSENT || edit->value == NULL) {
            continue;
        }
        if (written++ > 0) {
            buffer_add_byte(out, ',');
        }
        if (is_object) {
            check(json_writer_string(out, edit->name) == 0);
            buffer_add_byte(out, ':');
        }
        json_place_write(json_patch_root(edit->value), out);
    }
}

/* Whether something in the value of this place was changed. */
static bool is_touched(struct json_place place)
{
    const struct json_patch *patch = place.patch;
    uint32_t next = json_token(&patch->json, place.token)->next;
    for (size_t i = 0; i < patch->edit_count; i++) {
        uint32_t container = patch->edits[i].container;
        if (container >= place.token && container < next) {
            return true;
        }
    }
    return false;
}

static bool has_removals(struct json_place place)
{
    for (size_t i = 0; i < place.patch->edit_count; i++) {
        const struct json_edit *edit = &place.patch->edits[i];
        if (edit->container == place.token && edit->value == NULL) {
            return true;
        }
    }
    return false;
}

/* A container that lost nothing: what was not changed is copied in one piece up to what was. */
static void write_whole_container(struct json_place place, struct buffer *out)
{
    const struct json *json = &place.patch->json;
    const struct json_token *container = json_token(json, place.token);
    bool is_object = container->kind == JSON_OBJECT;
    uint32_t copied = container->start;
    uint32_t value_start = 0;
    uint32_t value_end = 0;
    for (uint32_t at = place.token + 1; at < container->next;) {
        uint32_t token = at + is_object;
        struct json_place value;
        check(resolve(place, token, &value));
        find_range(json, token, &value_start, &value_end);
        if (value.patch != place.patch || is_touched(value)) {
            copy_range(json, copied, value_start, out);
            json_place_write(value, out);
            copied = value_end;
        }
        at = json_token(json, token)->next;
    }
    copy_range(json, copied, value_end, out);
    write_additions(place, out, container->count);
    copy_range(json, value_end, container->end, out);
}

static uint32_t find_chunk_end(const struct json *json, uint32_t at)
{
    const uint8_t *text = json->text.data;
    while (text[at] != ',' && text[at] != '}' && text[at] != ']') {
        at++;
    }
    return at;
}

/* A container is its opening, chunks between commas, and its closing. A chunk is kept with the
 * space around it, dropped as a whole, or kept around another value. Additions come behind the
 * last value, before the space that leads to the closing. */
static void write_container_in_chunks(struct json_place place, struct buffer *out)
{
    const struct json *json = &place.patch->json;
    const struct json_token *container = json_token(json, place.token);
    bool is_object = container->kind == JSON_OBJECT;
    uint32_t chunk_start = container->start + 1;
    uint32_t space_start = chunk_start;
    uint32_t space_end = container->count == 0 ? container->end - 1 : chunk_start;
    uint32_t written = 0;
    buffer_add_byte(out, is_object ? '{' : '[');
    for (uint32_t at = place.token + 1; at < container->next;) {
        uint32_t token = at + is_object;
        uint32_t value_start = 0;
        uint32_t value_end = 0;
        find_range(json, token, &value_start, &value_end);
        uint32_t chunk_end = find_chunk_end(json, value_end);
        struct json_place value;
        if (resolve(place, token, &value)) {
            copy_range(json, space_start, space_end, out);
            if (written++ > 0) {
                buffer_add_byte(out, ',');
            }
            copy_range(json, chunk_start, value_start, out);
            json_place_write(value, out);
            space_start = value_end;
            space_end = chunk_end;
        }
        chunk_start = chunk_end + 1;
        at = json_token(json, token)->next;
    }
    write_additions(place, out, written);
    copy_range(json, space_start, space_end, out);
    buffer_add_byte(out, is_object ? '}' : ']');
}

void json_place_write(struct json_place place, struct buffer *out)
{
    const struct json *json = &place.patch->json;
    if (!is_touched(place)) {
        buffer_add_bytes(out, json_raw(json, place.token));
    } else if (json_token(json, place.token)->count == 0 || has_removals(place)) {
        write_container_in_chunks(place, out);
    } else {
        write_whole_container(place, out);
    }
}

void json_patch_write(const struct json_patch *patch, struct buffer *out)
{
    const struct json *json = &patch->json;
    uint32_t start = 0;
    uint32_t end = 0;
    find_range(json, JSON_ROOT, &start, &end);
    copy_range(json, 0, start, out);
    json_place_write((struct json_place){(struct json_patch *)(uintptr_t)patch, JSON_ROOT}, out);
    copy_range(json, end, (uint32_t)json->text.size, out);
}
