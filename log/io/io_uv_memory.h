/* Files that live as long as the loop: every name that begins with "memory:".
 *
 *     memory:/greetings-0/00000000000000000000.log
 *
 * They are for brokers that a test starts and throws away: no disk is touched, and nothing is left
 * behind, even by kill -9, because each file is anonymous memory of the kernel (memfd) and only
 * its name is ours. Reads and writes so go the same way as those of real files.
 *
 * Owns:   the tree of names and one descriptor per file.
 * Keeps:  (1) a removed file stays readable until it is closed;
 *         (2) a directory with entries is not removed.
 * Thread: the loop's; each loop has a tree of its own. */
#pragma once

#include "log/io/io_uv_loop.h"

struct io_uv_memory_node;

bool io_uv_memory_is_path(const char *path);
/* Ends the tree; files still open are closed by nobody else. NULL is fine. */
void io_uv_memory_free(struct io_uv_memory_node *root);

/* As the rows of the io's table with these names. *descriptor belongs to the node, which the
 * opener gives back with io_uv_memory_close. */
must_use int io_uv_memory_open(struct io_uv *uv, const char *path, int flags, int *descriptor,
                               struct io_uv_memory_node **out);
void io_uv_memory_close(struct io_uv_memory_node *node, const struct io_file *file);
must_use int io_uv_memory_lock(struct io_uv_memory_node *node, const struct io_file *file);
must_use int io_uv_memory_info(struct io_uv *uv, const char *path, struct io_file_info *out);
must_use int io_uv_memory_rename(struct io_uv *uv, const char *from, const char *to);
must_use int io_uv_memory_remove(struct io_uv *uv, const char *path);
must_use int io_uv_memory_make(struct io_uv *uv, const char *path);
/* In no particular order; `each` changes nothing. */
must_use int io_uv_memory_list(struct io_uv *uv, const char *path,
                               void (*each)(void *owner, const char *entry, bool is_directory),
                               void *owner);
