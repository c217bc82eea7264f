/* Feeds bytes to what reads JSON, paths into it, changes on top of it, record headers and values
 * with a time.
 *
 *      0  1  'j' a text   'p' a path, 0xff, a text   'e' edits, 0xff, a text
 *            'h' headers  't' a value with a time
 *      1     as said
 *
 * Edits are a small program over places: '0' to '9' step into an element, 'a' to 'f' into a
 * member, 'r' goes back to the root; 'S' sets the member of the next letter, 'R' removes it, 'E'
 * sets the element of the next digit, 'L' removes the last one, 'W' walks.
 *
 * Promises: the tokens are whole and lie inside the text; what was read is written and read again
 * as the same; a text without changes is reproduced byte for byte, one with changes is JSON; memory
 * follows the text. */
#include "log/base/error.h"
#include "runtime/format/headers.h"
#include "runtime/format/json_patch.h"
#include "runtime/format/json_path.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/timed.h"
#include "runtime/format/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FUZZ_SEPARATOR = 0xff, /* never in UTF-8 */
    /* A token for every byte, in a list that grows by doubling. */
    FUZZ_MEMORY_FACTOR = 4 * (int)sizeof(struct json_token),
    FUZZ_MEMORY_MIN = 64 * 1024,
    FUZZ_EDIT_MAX = 64,
    FUZZ_FIND_MAX = 256, /* tokens of a text in which each member is looked up */
};

static void fuzz_string(const struct json *json, uint32_t token)
{
    struct buffer scratch, out;
    struct json again;
    buffer_init(&scratch);
    buffer_init(&out);
    json_init(&again);
    struct bytes text = json_string(json, token, &scratch);
    check(utf8_is_valid(text));
    check(json_equals(json, token, text));
    check(json_writer_string(&out, text) == 0);
    check(json_parse(&again, buffer_bytes(&out)) == 0);
    check(json_equals(&again, JSON_ROOT, text));
    json_fini(&again);
    buffer_fini(&out);
    buffer_fini(&scratch);
}

static void fuzz_number_again(struct bytes written, const int64_t *integer, double number)
{
    struct json again;
    int64_t same_integer = 0;
    double same_number = 0;
    json_init(&again);
    check(json_parse(&again, written) == 0);
    if (integer != NULL) {
        check(json_int64(&again, JSON_ROOT, &same_integer));
        check(same_integer == *integer);
    } else {
        check(json_double(&again, JSON_ROOT, &same_number));
        check(memcmp(&same_number, &number, sizeof number) == 0);
    }
    json_fini(&again);
}

static void fuzz_number(const struct json *json, uint32_t token)
{
    struct buffer out;
    int64_t integer = 0;
    double number = 0;
    buffer_init(&out);
    if (json_int64(json, token, &integer)) {
        json_writer_int64(&out, integer);
        fuzz_number_again(buffer_bytes(&out), &integer, 0);
    }
    check(json_double(json, token, &number));
    buffer_clear(&out);
    int error = json_writer_double(&out, number);
    check((error == 0) == (isfinite(number) != 0));
    if (error == 0) {
        fuzz_number_again(buffer_bytes(&out), NULL, number);
    }
    buffer_fini(&out);
}

/* Each member is found, and it is the last one of its name. */
static void fuzz_members(const struct json *json, uint32_t object)
{
    struct buffer scratch;
    buffer_init(&scratch);
    uint32_t end = json_token(json, object)->next;
    uint32_t count = 0;
    for (uint32_t at = object + 1; at < end; at = json_token(json, at + 1)->next) {
        buffer_clear(&scratch);
        struct bytes name = json_string(json, at, &scratch);
        uint32_t found = json_find(json, object, name);
        check(found != JSON_ABSENT && found > at);
        check(json_equals(json, found - 1, name));
        count++;
    }
    check(count == json_token(json, object)->count);
    buffer_fini(&scratch);
}

static void fuzz_elements(const struct json *json, uint32_t array)
{
    uint32_t count = json_token(json, array)->count;
    uint32_t at = array + 1;
    for (uint32_t i = 0; i < count; i++) {
        check(json_element(json, array, i) == at);
        at = json_token(json, at)->next;
    }
    check(json_element(json, array, count) == JSON_ABSENT);
    check(at == json_token(json, array)->next);
}

static void fuzz_token(const struct json *json, uint32_t token)
{
    struct bytes raw = json_raw(json, token);
    check(raw.data >= json->text.data);
    check(raw.data + raw.size <= json->text.data + json->text.size);
    switch ((enum json_kind)json_token(json, token)->kind) {
    case JSON_STRING:
        fuzz_string(json, token);
        break;
    case JSON_NUMBER:
        fuzz_number(json, token);
        break;
    case JSON_OBJECT:
        if (json->token_count <= FUZZ_FIND_MAX) {
            fuzz_members(json, token);
        }
        break;
    case JSON_ARRAY:
        if (json->token_count <= FUZZ_FIND_MAX) {
            fuzz_elements(json, token);
        }
        break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
}

static void fuzz_text(struct bytes text)
{
    struct json json;
    json_init(&json);
    int error = json_parse(&json, text);
    if (error != 0) {
        check(error == ERROR_MALFORMED || error == ERROR_TOO_LARGE);
        check(json.error_text != NULL);
        check(json.error_position <= text.size);
    } else {
        json_check(&json);
        for (uint32_t i = 0; i < json.token_count; i++) {
            fuzz_token(&json, i);
        }
    }
    json_fini(&json);
}

static void fuzz_path(struct bytes input)
{
    struct report report = {.text = ""};
    struct json_path path;
    struct json json;
    char *text = bytes_to_string(fuzz_take_until(&input, FUZZ_SEPARATOR));
    size_t span = json_path_span(text);
    int error = json_path_init(&path, text, NULL, &report);
    check((error == 0) == (span > 0 && span == strlen(text)));
    check((error == 0) == report_is_empty(&report));
    json_init(&json);
    if (error == 0) {
        if (json_parse(&json, input) == 0) {
            uint32_t token = json_path_find(&path, &json);
            check(token == JSON_ABSENT || token < json.token_count);
        }
        json_path_fini(&path);
    }
    json_fini(&json);
    free(text);
}

static void fuzz_walk(struct json_place place)
{
    struct json_walk walk = {.container = place};
    struct buffer scratch;
    struct bytes name;
    struct json_place value;
    uint32_t count = 0;
    buffer_init(&scratch);
    while (json_walk_next(&walk, &scratch, &name, &value)) {
        check(json_place_kind(place) != JSON_OBJECT || utf8_is_valid(name));
        count++;
    }
    check(count == json_place_count(place));
    buffer_fini(&scratch);
}

static struct bytes fuzz_new_value(uint8_t argument)
{
    static const char *const values[] = {"1", "{}", "[]", "{\"a\":[1,{\"b\":2}]}", "nul", "\"x\""};
    return bytes_from_string(values[argument % (sizeof values / sizeof values[0])]);
}

static void fuzz_set_member(struct json_place object, uint8_t letter)
{
    struct bytes name = bytes_make(&letter, 1);
    struct json_place value;
    int error = json_place_set(object, name, fuzz_new_value(letter));
    check(error != 0 || json_place_find(object, name, &value));
}

static void fuzz_remove_member(struct json_place object, uint8_t letter)
{
    struct bytes name = bytes_make(&letter, 1);
    struct json_place value;
    check(json_place_remove(object, name) == 0);
    check(!json_place_find(object, name, &value));
}

/* One edit; returns the place where the next one begins. */
static struct json_place fuzz_edit(struct json_patch *patch, struct json_place place,
                                   struct bytes *program)
{
    struct json_place next = place;
    enum json_kind kind = json_place_kind(place);
    uint8_t code = fuzz_take_byte(program);
    if (code >= '0' && code <= '9') {
        return json_place_element(place, (uint32_t)(code - '0'), &next) ? next : place;
    }
    if (code >= 'a' && code <= 'f') {
        return json_place_find(place, bytes_make(&code, 1), &next) ? next : place;
    }
    if (code == 'S' && kind == JSON_OBJECT) {
        fuzz_set_member(place, fuzz_take_byte(program));
    } else if (code == 'R' && kind == JSON_OBJECT) {
        fuzz_remove_member(place, fuzz_take_byte(program));
    } else if (code == 'E' && kind == JSON_ARRAY) {
        uint8_t index = fuzz_take_byte(program);
        uint32_t count = json_place_count(place);
        int error = json_place_set_element(place, index % 10, fuzz_new_value(index));
        check(error == 0 || error == ERROR_INVALID || error == ERROR_MALFORMED ||
              error == ERROR_TOO_LARGE);
        check(json_place_count(place) == count + (error == 0 && index % 10 == count));
    } else if (code == 'L' && kind == JSON_ARRAY) {
        uint32_t count = json_place_count(place);
        check(json_place_remove_last(place) == 0);
        check(json_place_count(place) == count - (count > 0));
    } else if (code == 'W') {
        fuzz_walk(place);
    }
    return code == 'r' ? json_patch_root(patch) : place;
}

static void fuzz_patch(struct bytes input)
{
    struct json_patch patch;
    struct buffer out;
    struct json again;
    struct bytes program = fuzz_take_until(&input, FUZZ_SEPARATOR);
    json_patch_init(&patch);
    json_init(&again);
    buffer_init(&out);
    if (json_patch_parse(&patch, input) == 0) {
        json_patch_write(&patch, &out);
        check(bytes_equal(buffer_bytes(&out), input));
        struct json_place place = json_patch_root(&patch);
        for (int i = 0; i < FUZZ_EDIT_MAX && program.size > 0; i++) {
            place = fuzz_edit(&patch, place, &program);
        }
        buffer_clear(&out);
        json_patch_write(&patch, &out);
        check(json_patch_is_changed(&patch) || bytes_equal(buffer_bytes(&out), input));
        int error = json_parse(&again, buffer_bytes(&out));
        check(error == 0 || error == ERROR_TOO_LARGE);
    }
    buffer_fini(&out);
    json_fini(&again);
    json_patch_fini(&patch);
}

static void fuzz_headers(struct bytes input)
{
    struct headers_entry entry, found;
    struct buffer out;
    int count = headers_count(input);
    const uint8_t *at = input.data;
    const uint8_t *end = input.data + input.size;
    int walked = 0;
    int result = 0;
    buffer_init(&out);
    while ((result = headers_next(&at, end, &entry)) == 1) {
        check(!bytes_is_null(entry.key));
        headers_append(&out, entry.key, entry.value);
        if (count >= 0 && count <= FUZZ_FIND_MAX) {
            check(headers_find(input, entry.key, &found) == 1);
            check(bytes_equal(found.key, entry.key));
        }
        walked++;
    }
    check(count == (result == 0 ? walked : result));
    check(headers_count(buffer_bytes(&out)) == walked);
    buffer_clear(&out);
    int copied = headers_copy_without(&out, input, bytes_from_string("a"));
    check(copied == count || (count >= 0 && copied < count && copied >= 0));
    check(copied < 0 || headers_find(buffer_bytes(&out), bytes_from_string("a"), &found) == 0);
    buffer_fini(&out);
}

static void fuzz_timed(struct bytes input)
{
    int64_t timestamp_ms = 0;
    struct bytes value;
    struct buffer out;
    struct json json;
    int error = timed_read(input, &timestamp_ms, &value);
    if (error != 0) {
        check(error == ERROR_CORRUPT);
        return;
    }
    buffer_init(&out);
    json_init(&json);
    timed_write(&out, timestamp_ms, value);
    int64_t same_ms = 0;
    struct bytes same;
    check(timed_read(buffer_bytes(&out), &same_ms, &same) == 0);
    check(same_ms == timestamp_ms);
    check(bytes_equal(same, value));
    check(json_parse(&json, value) != 0 || bytes_equal(buffer_bytes(&out), input));
    json_fini(&json);
    buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    switch (fuzz_take_byte(&input)) {
    case 'j':
        fuzz_text(input);
        break;
    case 'p':
        fuzz_path(input);
        break;
    case 'e':
        fuzz_patch(input);
        break;
    case 'h':
        fuzz_headers(input);
        break;
    case 't':
        fuzz_timed(input);
        break;
    }
    return 0;
}
