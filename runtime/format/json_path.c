/* Paths into JSON; see json_path.h. */
#include "runtime/format/json_path.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || byte == '-' || byte == '@' ||
           (unsigned char)byte >= 0x80;
}

/* Reads one step; returns the character behind it, or NULL. */
static const char *read_step(const char *at, struct json_path_step *step)
{
    *step = (struct json_path_step){0};
    const char *start = at + 1;
    const char *end = start;
    if (*at == '.') {
        while (is_name_byte(*end)) {
            end++;
        }
        step->name = bytes_make(start, (size_t)(end - start));
        return end == start ? NULL : end;
    }
    if (*at != '[') {
        return NULL;
    }
    if (*start == '\'' || *start == '"') {
        end = strchr(start + 1, *start);
        if (end == NULL || end[1] != ']') {
            return NULL;
        }
        step->name = bytes_make(start + 1, (size_t)(end - start - 1));
        return end + 2;
    }
    uint64_t index = 0;
    while (isdigit((unsigned char)*end) && end - start < 9) {
        index = index * 10 + (uint64_t)(*end++ - '0');
    }
    step->index = (uint32_t)index;
    return end == start || *end != ']' ? NULL : end + 1;
}

size_t json_path_span(const char *text)
{
    if (*text != '$') {
        return 0;
    }
    const char *at = text + 1;
    struct json_path_step step;
    const char *next;
    while ((*at == '.' || *at == '[') && (next = read_step(at, &step)) != NULL) {
        at = next;
    }
    return (size_t)(at - text);
}

int json_path_init(struct json_path *path, const char *text, const char *place,
                   struct report *report)
{
    size_t size = strlen(text);
    if (json_path_span(text) != size || size == 0) {
        return report_add(report, place,
                          "'%s' is not a path; write it like $.a.b, $.list[0] or $['a name']",
                          text);
    }
    *path = (struct json_path){.text = memory_string(text)};
    path->steps = memory_zero(size, sizeof *path->steps);
    for (const char *at = path->text + 1; *at != 0;) {
        at = read_step(at, &path->steps[path->step_count++]);
        check(at != NULL);
    }
    return 0;
}

void json_path_fini(struct json_path *path)
{
    free(path->text);
    free(path->steps);
    *path = (struct json_path){0};
}

uint32_t json_path_find(const struct json_path *path, const struct json *json)
{
    uint32_t token = JSON_ROOT;
    for (size_t i = 0; i < path->step_count && token != JSON_ABSENT; i++) {
        const struct json_path_step *step = &path->steps[i];
        token = bytes_is_null(step->name) ? json_element(json, token, step->index)
                                          : json_find(json, token, step->name);
    }
    return token;
}
