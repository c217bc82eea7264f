/* Recognises the files that a path had before.
 *
 * logrotate and its like rename app.log to app.log.1, app.log-20261124 or app.log.2026-11-24T10:
 * the same name, then one of . - _, then a number or a date. Compressed ones are not read again.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "connectors/file/generation.h"

#include <stddef.h>

struct rotation_files {
    char **paths; /* the oldest first */
    size_t count;
};

/* Whether `path` is a name that a rotation gives to the file at `base`. */
bool rotation_is_sibling(const char *base, const char *path);
/* Cuts app.log.7 down to app.log: a counter behind a dot is always a rotation's. False, and the
 * path untouched, for any other name. */
bool rotation_cut_counter(char *path);
/* Less than zero when `left` was rotated before `right`: both siblings of `base`. */
int rotation_compare(const char *base, const char *left, const char *right);
/* The siblings that were rotated after `previous`. */
void rotation_find_newer(const char *base, const struct generation *previous,
                         struct rotation_files *out);
void rotation_files_fini(struct rotation_files *files);
/* Finds the file that a saved generation speaks of, after a restart: by its inode, else by its
 * content, in the folder of `base`. False when it is not there any more. */
bool rotation_locate(const char *base, struct generation *generation);
