/* One file that the sink writes.
 *
 * Bytes wait in memory until output_write, which puts them behind what was written before, so a
 * failed write is simply repeated.
 * Owns:   the descriptor and the waiting bytes.
 * Keeps:  (1) size is what the file holds for sure, row_count the rows in it and in `pending`;
 *         (2) a finished output takes no more rows; its last name is given by output_publish.
 * Thread: the task's. */
#pragma once

#include "connectors/shared/builder.h"

#include <stdbool.h>

struct output {
    char *key;     /* which records belong here */
    char *path;    /* the name it has or will have */
    char *working; /* the name it has while it is written; equals path when appending */
    int descriptor;
    int64_t size;
    int64_t row_count;
    int64_t opened_ms;
    bool is_finished;
    struct builder pending;
};

/* Opens or creates the file and its folders; everything behind `size` is cut off. NULL with errno
 * set when that fails. */
struct output *output_open(const char *key, const char *path, bool is_appending, int64_t size);
/* Forgets what is pending. */
void output_close(struct output *output);
/* Both: 0 or errno. */
int output_write(struct output *output);
int output_sync(struct output *output);
/* Gives a file its last name, for good. 0, also when it has it already, or errno. */
int output_publish(const char *working, const char *path);
/* Makes a name durable. 0 or errno. */
int output_sync_folder(const char *path);
/* The working name of a path, allocated. */
char *output_working_name(const char *path);
