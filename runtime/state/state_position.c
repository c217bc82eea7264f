/* Rows of names and offsets, and their text; see state_position.h. */
#include "runtime/state/state_position.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void state_position_init(struct state_position *position)
{
    *position = (struct state_position){0};
}

static void state_position_free_rows(struct state_position_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rows[i].name);
    }
    free(rows);
}

void state_position_fini(struct state_position *position)
{
    state_position_free_rows(position->inputs, position->input_count);
    state_position_free_rows(position->changelogs, position->changelog_count);
    state_position_init(position);
}

static struct state_position_row *state_position_find(struct state_position_row *rows, size_t count,
                                                      const char *name, int32_t partition)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].partition == partition && strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static struct state_position_row *state_position_set(struct state_position_row **rows,
                                                     size_t *count, const char *name,
                                                     int32_t partition, int64_t offset)
{
    struct state_position_row *row = state_position_find(*rows, *count, name, partition);
    if (row == NULL) {
        *rows = memory_resize(*rows, (*count + 1) * sizeof **rows);
        row = &(*rows)[(*count)++];
        *row = (struct state_position_row){.name = memory_string(name), .partition = partition};
    }
    row->offset = offset;
    return row;
}

void state_position_copy(struct state_position *to, const struct state_position *from)
{
    struct state_position copy = {.commit = from->commit,
                                  .follows = from->follows,
                                  .stream_time_ms = from->stream_time_ms,
                                  .clock = from->clock};
    for (size_t i = 0; i < from->input_count; i++) {
        const struct state_position_row *row = &from->inputs[i];
        state_position_set_input(&copy, row->name, row->partition, row->offset);
    }
    for (size_t i = 0; i < from->changelog_count; i++) {
        const struct state_position_row *row = &from->changelogs[i];
        state_position_set_changelog(&copy, row->name, row->topic_id, row->offset);
    }
    state_position_fini(to);
    *to = copy;
}

int64_t state_position_input(const struct state_position *position, const char *topic,
                             int32_t partition)
{
    const struct state_position_row *row =
        state_position_find(position->inputs, position->input_count, topic, partition);
    return row == NULL ? -1 : row->offset;
}

void state_position_set_input(struct state_position *position, const char *topic, int32_t partition,
                              int64_t offset)
{
    state_position_set(&position->inputs, &position->input_count, topic, partition, offset);
}

const struct state_position_row *state_position_changelog(const struct state_position *position,
                                                          const char *store)
{
    return state_position_find(position->changelogs, position->changelog_count, store, 0);
}

void state_position_set_changelog(struct state_position *position, const char *store,
                                  const char *topic_id, int64_t offset)
{
    struct state_position_row *row =
        state_position_set(&position->changelogs, &position->changelog_count, store, 0, offset);
    if (topic_id != NULL) {
        snprintf(row->topic_id, sizeof row->topic_id, "%s", topic_id);
    }
}

void state_position_clear_changelogs(struct state_position *position)
{
    state_position_free_rows(position->changelogs, position->changelog_count);
    position->changelogs = NULL;
    position->changelog_count = 0;
}

void state_position_print(const struct state_position *position, struct buffer *out)
{
    buffer_printf(out, "commit %" PRId64 "\nfollows %" PRId64 "\nstream_time %" PRId64 "\n",
                  position->commit, position->follows, position->stream_time_ms);
    if (position->clock != 0) {
        buffer_printf(out, "clock %" PRId64 "\n", position->clock);
    }
    for (size_t i = 0; i < position->input_count; i++) {
        const struct state_position_row *row = &position->inputs[i];
        buffer_printf(out, "input %s %" PRId32 " %" PRId64 "\n", row->name, row->partition,
                      row->offset);
    }
    for (size_t i = 0; i < position->changelog_count; i++) {
        const struct state_position_row *row = &position->changelogs[i];
        buffer_printf(out, "changelog %s %" PRId64 " %s\n", row->name, row->offset,
                      row->topic_id[0] == 0 ? "-" : row->topic_id);
    }
}

enum { STATE_POSITION_WORD_MAX = 5 }; /* one more than any line has */

static size_t state_position_split(char *line, char *words[STATE_POSITION_WORD_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < STATE_POSITION_WORD_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return count;
}

static int state_position_parse_number(struct state_position *position, const char *word,
                                       int64_t number)
{
    if (strcmp(word, "commit") == 0) {
        position->commit = number;
    } else if (strcmp(word, "follows") == 0) {
        position->follows = number;
    } else if (strcmp(word, "stream_time") == 0) {
        position->stream_time_ms = number;
    } else if (strcmp(word, "clock") == 0) {
        position->clock = number;
    } else {
        return ERROR_CORRUPT;
    }
    return 0;
}

static int state_position_parse_changelog(struct state_position *position, char *const words[])
{
    const char *id = strcmp(words[3], "-") == 0 ? "" : words[3];
    int64_t offset = 0;
    if (text_parse_int64(words[2], &offset) != 0 || strlen(id) >= STATE_POSITION_ID_SIZE) {
        return ERROR_CORRUPT;
    }
    state_position_set_changelog(position, words[1], id, offset);
    return 0;
}

static int state_position_parse_input(struct state_position *position, char *const words[])
{
    int64_t partition = 0;
    int64_t offset = 0;
    if (text_parse_int64(words[2], &partition) != 0 || partition < 0 || partition > INT32_MAX ||
        text_parse_int64(words[3], &offset) != 0) {
        return ERROR_CORRUPT;
    }
    state_position_set_input(position, words[1], (int32_t)partition, offset);
    return 0;
}

static int state_position_parse_line(struct state_position *position, char *line)
{
    char *words[STATE_POSITION_WORD_MAX];
    size_t count = state_position_split(line, words);
    int64_t number = 0;
    if (count == 2 && text_parse_int64(words[1], &number) == 0) {
        return state_position_parse_number(position, words[0], number);
    }
    if (count == 4 && strcmp(words[0], "changelog") == 0) {
        return state_position_parse_changelog(position, words);
    }
    if (count == 4 && strcmp(words[0], "input") == 0) {
        return state_position_parse_input(position, words);
    }
    return ERROR_CORRUPT;
}

/* Whether it would be printed as it was read: no other line ends, order, spaces, doubles. */
static bool state_position_is_print(const struct state_position *position, struct bytes text)
{
    struct buffer printed;
    buffer_init(&printed);
    state_position_print(position, &printed);
    bool is_same = bytes_equal(buffer_bytes(&printed), text);
    buffer_fini(&printed);
    return is_same;
}

int state_position_parse(struct state_position *position, struct bytes text)
{
    struct state_position parsed = {0};
    char *copy = bytes_to_string(text);
    char *rest = NULL;
    int error = copy == NULL ? ERROR_CORRUPT : 0;
    for (char *line = error == 0 ? strtok_r(copy, "\n", &rest) : NULL; line != NULL && error == 0;
         line = strtok_r(NULL, "\n", &rest)) {
        error = state_position_parse_line(&parsed, line);
    }
    free(copy);
    if (error != 0 || !state_position_is_print(&parsed, text)) {
        state_position_fini(&parsed);
        return ERROR_CORRUPT;
    }
    state_position_fini(position);
    *position = parsed;
    return 0;
}
