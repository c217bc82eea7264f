/* Paths into records; see trail.h. */
#include "connectors/geoip/trail.h"

#include <stdlib.h>
#include <string.h>

struct trail_step {
    char *name; /* NULL: an index */
    size_t index;
};

enum { STEP_COUNT_MAX = 100, DIGITS_MAX = 9 };

/* Reads one step; returns the character behind it, or NULL. */
static const char *read_step(const char *at, struct trail_step *step)
{
    const char *start = at + 1;
    *step = (struct trail_step){.name = NULL};
    if (*at == '.') {
        size_t size = strcspn(start, ".[");
        if (size == 0) {
            return NULL;
        }
        step->name = builder_alloc(size + 1, 1);
        memcpy(step->name, start, size);
        return start + size;
    }
    size_t size = strspn(start, "0123456789");
    if (*at != '[' || size == 0 || size > DIGITS_MAX || start[size] != ']') {
        return NULL;
    }
    step->index = strtoul(start, NULL, 10);
    return start + size + 1;
}

bool trail_init(struct trail *trail, const char *text)
{
    *trail = (struct trail){.steps = builder_alloc(STEP_COUNT_MAX, sizeof *trail->steps)};
    const char *at = text[0] == '$' ? text + 1 : NULL;
    while (at != NULL && *at != '\0') {
        at = trail->step_count == STEP_COUNT_MAX
                 ? NULL
                 : read_step(at, &trail->steps[trail->step_count++]);
    }
    if (at == NULL) {
        trail_fini(trail);
    }
    return at != NULL;
}

void trail_fini(struct trail *trail)
{
    for (size_t i = 0; i < trail->step_count; i++) {
        free(trail->steps[i].name);
    }
    free(trail->steps);
    *trail = (struct trail){.steps = NULL};
}

static bool find_item(struct json_value array, size_t index, struct json_value *out)
{
    struct json_cursor cursor = json_start(array);
    while (json_next(&cursor, NULL, out)) {
        if (index-- == 0) {
            return true;
        }
    }
    return false;
}

bool trail_find(const struct trail *trail, struct json_value root, struct json_value *out)
{
    for (size_t i = 0; i < trail->step_count; i++) {
        const struct trail_step *step = &trail->steps[i];
        struct json_value next;
        bool is_there = step->name != NULL
                            ? json_find(root, step->name, &next)
                            : root.type == JSON_ARRAY && find_item(root, step->index, &next);
        if (!is_there) {
            return false;
        }
        root = next;
    }
    *out = root;
    return true;
}
