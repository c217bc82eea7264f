/* Replaces words of a message; see dialect.h. */
#include "runtime/cli/dialect.h"

#include "log/base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void dialect_add(struct dialect *dialect, const char *ours, const char *theirs)
{
    for (size_t i = 0; i < dialect->count; i++) {
        if (strcmp(dialect->rows[i].ours, ours) == 0) {
            return;
        }
    }
    dialect->rows = memory_resize(dialect->rows, (dialect->count + 1) * sizeof(*dialect->rows));
    dialect->rows[dialect->count++] = (struct dialect_row){.ours = ours, .theirs = theirs};
}

void dialect_fini(struct dialect *dialect)
{
    free(dialect->rows);
    *dialect = (struct dialect){0};
}

/* A dash or a letter goes on with a word; so does a dot: -X names properties. */
static bool is_of_word(uint8_t octet)
{
    return isalnum(octet) || octet == '-' || octet == '_' || octet == '.';
}

/* The longest row that stands at the place; NULL: none. */
static const struct dialect_row *find_row(const struct dialect *dialect, struct bytes text,
                                          size_t at)
{
    const struct dialect_row *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < dialect->count; i++) {
        const struct dialect_row *row = &dialect->rows[i];
        size_t size = strlen(row->ours), end = at + size;
        if (size > best_size && end <= text.size && memcmp(text.data + at, row->ours, size) == 0 &&
            (end == text.size || !is_of_word(text.data[end]))) {
            best = row;
            best_size = size;
        }
    }
    return best;
}

void dialect_write(const struct dialect *dialect, struct bytes text, struct buffer *out)
{
    for (size_t at = 0; at < text.size;) {
        bool is_start = at == 0 || !is_of_word(text.data[at - 1]);
        const struct dialect_row *row = is_start ? find_row(dialect, text, at) : NULL;
        if (row == NULL) {
            buffer_add_byte(out, text.data[at++]);
        } else {
            buffer_add_string(out, row->theirs);
            at += strlen(row->ours);
        }
    }
}
