/* A path into JSON as people write it: $  $.a.b  $.list[0]  $['a name'].x
 *
 * Owns:   its steps.
 * Thread: any, once parsed. */
#pragma once

#include "log/base/report.h"
#include "runtime/format/json.h"

struct json_path_step {
    struct bytes name; /* null: an index */
    uint32_t index;
};

struct json_path {
    char *text; /* as it was written */
    struct json_path_step *steps;
    size_t step_count;
};

/* Fills the report with what is wrong and returns ERROR_INVALID; `place` may be NULL. */
must_use int json_path_init(struct json_path *path, const char *text, const char *place,
                            struct report *report);
void json_path_fini(struct json_path *path);
/* How many characters of `text` are a path; 0 when it does not begin with one. */
size_t json_path_span(const char *text);
/* The token it leads to, or JSON_ABSENT. */
uint32_t json_path_find(const struct json_path *path, const struct json *json);
