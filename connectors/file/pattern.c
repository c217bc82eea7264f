/* Glob patterns, expanded and compared. See pattern.h. */
#include "connectors/file/pattern.h"

#include "connectors/shared/builder.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static bool is_unwanted(struct pattern_list unwanted, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < unwanted.count; i++) {
        const char *text = strchr(unwanted.texts[i], '/') == NULL ? name : path;
        if (fnmatch(unwanted.texts[i], text, FNM_PATHNAME) == 0) {
            return true;
        }
    }
    return false;
}

bool pattern_accepts(struct pattern_list wanted, struct pattern_list unwanted, const char *path)
{
    for (size_t i = 0; i < wanted.count; i++) {
        if (fnmatch(wanted.texts[i], path, FNM_PATHNAME) == 0 ||
            strcmp(wanted.texts[i], path) == 0) {
            return !is_unwanted(unwanted, path);
        }
    }
    return false;
}

static void add_path(struct pattern_match *match, const char *path)
{
    if (match->count == match->capacity) {
        match->capacity = match->capacity * 2 + 16;
        match->paths = builder_resize(match->paths, match->capacity, sizeof *match->paths);
    }
    match->paths[match->count++] = builder_copy(path);
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort(struct pattern_match *match)
{
    if (match->count == 0) {
        return;
    }
    qsort(match->paths, match->count, sizeof *match->paths, compare);
    size_t kept = 1;
    for (size_t i = 1; i < match->count; i++) {
        if (strcmp(match->paths[i], match->paths[kept - 1]) == 0) {
            free(match->paths[i]);
        } else {
            match->paths[kept++] = match->paths[i];
        }
    }
    match->count = kept;
}

void pattern_find(struct pattern_list wanted, struct pattern_list unwanted,
                  struct pattern_match *out)
{
    *out = (struct pattern_match){.paths = NULL};
    for (size_t i = 0; i < wanted.count; i++) {
        glob_t found;
        int error = glob(wanted.texts[i], GLOB_NOSORT, NULL, &found);
        for (size_t j = 0; error == 0 && j < found.gl_pathc; j++) {
            if (!is_unwanted(unwanted, found.gl_pathv[j])) {
                add_path(out, found.gl_pathv[j]);
            }
        }
        if (error == 0) {
            globfree(&found);
        }
    }
    sort(out);
}

void pattern_match_fini(struct pattern_match *match)
{
    for (size_t i = 0; i < match->count; i++) {
        free(match->paths[i]);
    }
    free(match->paths);
}

bool pattern_match_has(const struct pattern_match *match, const char *path)
{
    return match->count > 0 &&
           bsearch(&path, match->paths, match->count, sizeof *match->paths, compare) != NULL;
}
