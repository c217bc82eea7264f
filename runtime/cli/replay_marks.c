/* See replay_marks.h. */
#include "runtime/cli/replay_marks.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void replay_marks_init(struct replay_marks *marks)
{
    *marks = (struct replay_marks){0};
}

void replay_marks_fini(struct replay_marks *marks)
{
    free(marks->ranges);
    marks->ranges = NULL;
    marks->count = 0;
}

bool replay_marks_has(const struct replay_marks *marks, int64_t offset)
{
    bool is_marked = offset < marks->position;
    for (size_t i = 0; i < marks->count && !is_marked; i++) {
        is_marked = offset >= marks->ranges[i].first && offset <= marks->ranges[i].last;
    }
    return is_marked;
}

static void replay_marks_remove(struct replay_marks *marks, size_t index)
{
    marks->count--;
    memmove(&marks->ranges[index], &marks->ranges[index + 1],
            (marks->count - index) * sizeof(*marks->ranges));
}

/* Ranges that the new one overlaps or touches become part of it. */
static void replay_marks_absorb(struct replay_marks *marks, struct replay_marks_range *range)
{
    for (size_t i = marks->count; i > 0; i--) {
        const struct replay_marks_range *old = &marks->ranges[i - 1];
        if (old->first <= range->last + 1 && range->first <= old->last + 1) {
            range->first = old->first < range->first ? old->first : range->first;
            range->last = old->last > range->last ? old->last : range->last;
            replay_marks_remove(marks, i - 1);
        }
    }
}

static void replay_marks_insert(struct replay_marks *marks, struct replay_marks_range range)
{
    size_t index = 0;
    while (index < marks->count && marks->ranges[index].first < range.first) {
        index++;
    }
    marks->ranges = memory_resize(marks->ranges, (marks->count + 1) * sizeof(*marks->ranges));
    memmove(&marks->ranges[index + 1], &marks->ranges[index],
            (marks->count - index) * sizeof(*marks->ranges));
    marks->ranges[index] = range;
    marks->count++;
}

void replay_marks_add(struct replay_marks *marks, int64_t first, int64_t last)
{
    struct replay_marks_range range = {.first = first, .last = last};
    if (last < first || last < marks->position) {
        return;
    }
    replay_marks_absorb(marks, &range);
    if (range.first <= marks->position) {
        marks->position = range.last + 1;
    } else {
        replay_marks_insert(marks, range);
    }
}

/* "12-15": digits, a dash, digits. */
static bool replay_marks_read_number(const char **at, int64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    *out = strtoll(*at, &end, 10);
    *at = end;
    return *out < INT64_MAX;
}

static bool replay_marks_read_list(struct replay_marks *marks, const char *text)
{
    while (*text != '\0') {
        struct replay_marks_range range;
        if (!replay_marks_read_number(&text, &range.first) || *text++ != '-' ||
            !replay_marks_read_number(&text, &range.last) || range.last < range.first ||
            (*text != ',' && *text != '\0')) {
            return false;
        }
        text += *text == ',';
        replay_marks_add(marks, range.first, range.last);
    }
    return true;
}

int replay_marks_read(struct replay_marks *marks, int64_t offset, struct bytes metadata)
{
    struct replay_marks read = {.position = offset < 0 ? 0 : offset};
    char *text = bytes_to_string(bytes_is_null(metadata) ? BYTES_LITERAL("") : metadata);
    bool is_good = replay_marks_read_list(&read, text);
    free(text);
    if (!is_good) {
        replay_marks_fini(&read);
        return ERROR_MALFORMED;
    }
    replay_marks_fini(marks);
    *marks = read;
    return 0;
}

int replay_marks_write(const struct replay_marks *marks, struct buffer *out)
{
    size_t start = out->size;
    for (size_t i = 0; i < marks->count && out->size - start <= REPLAY_MARKS_SIZE_MAX; i++) {
        buffer_printf(out, "%s%lld-%lld", i == 0 ? "" : ",", (long long)marks->ranges[i].first,
                      (long long)marks->ranges[i].last);
    }
    if (out->size - start > REPLAY_MARKS_SIZE_MAX) {
        out->size = start;
        return ERROR_TOO_LARGE;
    }
    return 0;
}

void replay_marks_check(const struct replay_marks *marks)
{
    int64_t below = marks->position;
    for (size_t i = 0; i < marks->count; i++) {
        check(marks->ranges[i].first > below);
        check(marks->ranges[i].last >= marks->ranges[i].first);
        below = marks->ranges[i].last + 1;
    }
}
