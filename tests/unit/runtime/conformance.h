/* Reads tests/conformance, what Kafka Streams itself answered, and compares it with what a task in
 * miniature says; the format is in its README.
 *
 * Lines of topics are compared, step by step; what Kafka counts (@dropped) is not, and a step that
 * ended in an exception there (@failed) is passed over. */
#pragma once

#include "log/base/memory.h"
#include "tests/unit/runtime/mill_driver.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFORMANCE_COLUMNS = 7, CONFORMANCE_FAILED_MAX = 1000 };

struct conformance_line {
    char *columns[CONFORMANCE_COLUMNS];
    int count;
};

/* The text of a file, to be freed; fails the test when it is not there. */
static inline char *conformance_read(const char *folder, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "tests/conformance/%s%s.tsv", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s cannot be opened", path);
    }
    struct buffer text;
    buffer_init(&text);
    uint8_t chunk[8192];
    size_t size = 0;
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0) {
        buffer_add(&text, chunk, size);
    }
    fclose(file);
    char *copy = test_malloc(text.size + 1);
    memcpy(copy, text.data == NULL ? (const uint8_t *)"" : text.data, text.size);
    copy[text.size] = 0;
    buffer_fini(&text);
    return copy;
}

/* Cuts the next line of *at into columns, in place; false at the end. */
static inline bool conformance_next(char **at, struct conformance_line *line)
{
    if (**at == 0) {
        return false;
    }
    char *end = strchr(*at, '\n');
    assert_non_null(end);
    *end = 0;
    line->count = 0;
    for (char *column = *at; column != NULL && line->count < CONFORMANCE_COLUMNS;) {
        char *tab = strchr(column, '\t');
        if (tab != NULL) {
            *tab = 0;
        }
        line->columns[line->count++] = column;
        column = tab == NULL ? NULL : tab + 1;
    }
    *at = end + 1;
    return true;
}

static inline const char *conformance_none(const char *column)
{
    return strcmp(column, "\\N") == 0 ? NULL : column;
}

/* "a" in no window, or ["a",start,end] as an outlet writes it. */
static inline void conformance_add_key(struct buffer *out, struct bytes key)
{
    if (bytes_is_null(key)) {
        buffer_add_string(out, "\\N\t-\t-\t");
        return;
    }
    if (key.size < 3 || key.data[0] != '[') {
        buffer_add_bytes(out, key);
        buffer_add_string(out, "\t-\t-\t");
        return;
    }
    for (size_t i = 1; i + 1 < key.size; i++) {
        if (key.data[i] != '"') {
            buffer_add_byte(out, key.data[i] == ',' ? '\t' : key.data[i]);
        }
    }
    buffer_add_byte(out, '\t');
}

/* Lines of what was emitted since `first` to topics that begin with "out". */
static inline void conformance_add_outputs(const struct mill_driver *driver, size_t first, int step,
                                           struct buffer *out)
{
    for (size_t i = first; i < driver->output_count; i++) {
        const struct record *record = &driver->outputs[i].record;
        if (strncmp(driver->outputs[i].topic, "out", 3) != 0) {
            continue;
        }
        buffer_printf(out, "%d\t%s\t%lld\t", step, driver->outputs[i].topic,
                      (long long)record->timestamp_ms);
        conformance_add_key(out, record->key);
        buffer_add_bytes(out, bytes_is_null(record->value) ? BYTES_LITERAL("\\N") : record->value);
        buffer_add_byte(out, '\n');
    }
}

/* Sends the steps of an input; what comes out as lines. With `is_restarting` all nodes are made
 * anew before each step. */
static inline void conformance_play(struct mill_driver *driver, const char *input,
                                    bool is_restarting, struct buffer *out)
{
    char *text = conformance_read("inputs/", input);
    char *at = text;
    struct conformance_line line;
    for (int step = 1; conformance_next(&at, &line); step++) {
        size_t first = driver->output_count;
        if (is_restarting) {
            mill_driver_restart(driver);
        }
        if (strcmp(line.columns[0], "@wall") == 0) {
            (void)mill_driver_advance(driver, atoll(line.columns[1]));
        } else {
            assert_int_equal(line.count, 4);
            (void)mill_driver_send(driver, line.columns[0], conformance_none(line.columns[2]),
                                   conformance_none(line.columns[3]), atoll(line.columns[1]));
        }
        conformance_add_outputs(driver, first, step, out);
    }
    test_free(text);
}

/* --- Comparing -------------------------------------------------------------------------------- */

struct conformance_lines {
    char **lines;
    size_t count;
};

static inline int conformance_order(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Results of a join that met nobody: `~` stands for null in them. */
static inline bool conformance_is_unmatched(const char *line)
{
    const char *value = strrchr(line, '\t');
    return value != NULL && strchr(value, '~') != NULL;
}

enum conformance_which { CONFORMANCE_ALL, CONFORMANCE_MATCHED, CONFORMANCE_UNMATCHED };

/* The lines of a text that are compared: not those of notes and of failed steps. Unmatched results
 * only, without their steps and sorted, or only the others; or all as they are. */
static inline struct conformance_lines conformance_pick(char *text, const bool *is_failed,
                                                        enum conformance_which which)
{
    struct conformance_lines picked = {NULL, 0};
    for (char *line = text, *end = NULL; *line != 0; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        int step = atoi(line);
        char *rest = strchr(line, '\t');
        bool is_compared = rest[1] != '@' && !is_failed[step];
        *end = 0;
        if (is_compared && which != CONFORMANCE_ALL) {
            is_compared = conformance_is_unmatched(line) == (which == CONFORMANCE_UNMATCHED);
        }
        if (is_compared) {
            picked.lines = test_realloc(picked.lines, (picked.count + 1) * sizeof *picked.lines);
            picked.lines[picked.count++] =
                memory_string(which == CONFORMANCE_UNMATCHED ? rest + 1 : line);
        }
        *end = '\n';
    }
    if (which == CONFORMANCE_UNMATCHED && picked.count > 1) {
        qsort(picked.lines, picked.count, sizeof *picked.lines, conformance_order);
    }
    return picked;
}

static inline void conformance_free(struct conformance_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->lines[i]);
    }
    test_free(lines->lines);
}

/* True when both say the same; else the first difference is printed. */
static inline bool conformance_is_equal(const char *name, struct conformance_lines *expected,
                                        struct conformance_lines *got)
{
    size_t i = 0;
    while (i < expected->count && i < got->count &&
           strcmp(expected->lines[i], got->lines[i]) == 0) {
        i++;
    }
    bool is_equal = i == expected->count && i == got->count;
    if (!is_equal) {
        print_message("%s line %zu: Kafka Streams said '%s', we '%s'\n", name, i + 1,
                      i < expected->count ? expected->lines[i] : "",
                      i < got->count ? got->lines[i] : "");
    }
    conformance_free(expected);
    conformance_free(got);
    return is_equal;
}

/* Both sorted: takes out of `got` what is not expected. */
static inline void conformance_drop_others(const struct conformance_lines *expected,
                                           struct conformance_lines *got)
{
    size_t next = 0;
    size_t kept = 0;
    for (size_t i = 0; i < got->count; i++) {
        bool is_expected =
            next < expected->count && strcmp(expected->lines[next], got->lines[i]) == 0;
        if (is_expected) {
            got->lines[kept++] = got->lines[i];
            next++;
        } else {
            free(got->lines[i]);
        }
    }
    got->count = kept;
}

static inline void conformance_find_failed(const char *expected, bool *is_failed)
{
    for (const char *line = expected; *line != 0; line = strchr(line, '\n') + 1) {
        int step = atoi(line);
        assert_true(step >= 0 && step < CONFORMANCE_FAILED_MAX);
        is_failed[step] |= strncmp(strchr(line, '\t'), "\t@failed", 8) == 0;
    }
}

/* Whether `got` (a text, changed meanwhile) is what was recorded as `output`. Unmatched results of
 * a join of streams come a little later there than they could: their steps are not compared, and we
 * may have some that found a late match there before they were let go. */
static inline bool conformance_compare(const char *output, char *got)
{
    char *expected = conformance_read("outputs/", output);
    bool is_failed[CONFORMANCE_FAILED_MAX] = {0};
    conformance_find_failed(expected, is_failed);
    bool is_apart = strstr(output, "stream_stream_left") != NULL ||
                    strstr(output, "stream_stream_outer") != NULL;
    bool is_equal = true;
    for (int which = is_apart; which <= 2 * is_apart; which++) {
        struct conformance_lines theirs =
            conformance_pick(expected, is_failed, (enum conformance_which)which);
        struct conformance_lines ours =
            conformance_pick(got, is_failed, (enum conformance_which)which);
        if (which == CONFORMANCE_UNMATCHED) {
            conformance_drop_others(&theirs, &ours);
        }
        is_equal &= conformance_is_equal(output, &theirs, &ours);
    }
    test_free(expected);
    return is_equal;
}
