/* Cuts bytes into lines with one memchr each. See lines.h. */
#include "connectors/file/lines.h"

#include <string.h>

/* Leaves the rest of a line that was too long behind; false when it goes on past the end. */
static bool skip_rest(struct lines *lines)
{
    const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    if (newline == NULL) {
        lines->at = lines->end;
        return false;
    }
    lines->at = newline + 1;
    lines->line_count++;
    lines->is_skipping = false;
    return true;
}

static void skip_nuls(struct lines *lines)
{
    const char *from = lines->at;
    while (lines->at < lines->end && *lines->at == '\0') {
        lines->at++;
    }
    lines->nul_count += lines->at - from;
}

static void take_truncated(struct lines *lines, struct line *out)
{
    *out = (struct line){.text = lines->at, .size = lines->line_size_max, .is_truncated = true};
    lines->at += lines->line_size_max;
    lines->is_skipping = true;
}

bool lines_next(struct lines *lines, struct line *out)
{
    if (lines->is_skipping && !skip_rest(lines)) {
        return false;
    }
    if (lines->at < lines->end && *lines->at == '\0') {
        skip_nuls(lines);
    }
    size_t left = (size_t)(lines->end - lines->at);
    const char *newline = left == 0 ? NULL : memchr(lines->at, '\n', left);
    size_t size = newline == NULL ? left : (size_t)(newline - lines->at);
    bool has_return = newline != NULL && size > 0 && newline[-1] == '\r';
    /* An unfinished line may still end in the carriage return that does not count. */
    size_t uncounted = has_return || newline == NULL ? 1 : 0;
    if (size > lines->line_size_max + uncounted) {
        take_truncated(lines, out);
        return true;
    }
    if (newline == NULL) {
        return false;
    }
    *out = (struct line){.text = lines->at, .size = size - (has_return ? 1 : 0)};
    lines->at = newline + 1;
    lines->line_count++;
    return true;
}

bool lines_flush(struct lines *lines, struct line *out)
{
    if (lines->at == lines->end) {
        return false;
    }
    *out = (struct line){.text = lines->at, .size = (size_t)(lines->end - lines->at)};
    lines->at = lines->end;
    return true;
}
