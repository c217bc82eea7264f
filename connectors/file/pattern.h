/* Which files a person meant: glob patterns, less the ones to leave out.
 *
 * Owns:   the paths of a match.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Borrowed texts, in order. */
struct pattern_list {
    const char *const *texts;
    size_t count;
};

struct pattern_match {
    char **paths; /* sorted, each once */
    size_t count;
    size_t capacity;
};

/* All existing paths that match one of `wanted` and none of `unwanted`. A pattern without a slash
 * in `unwanted` is held against the last name of the path. */
void pattern_find(struct pattern_list wanted, struct pattern_list unwanted,
                  struct pattern_match *out);
void pattern_match_fini(struct pattern_match *match);
bool pattern_match_has(const struct pattern_match *match, const char *path);
/* Whether one path would be found if it existed. */
bool pattern_accepts(struct pattern_list wanted, struct pattern_list unwanted, const char *path);
