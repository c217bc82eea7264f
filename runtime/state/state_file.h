/* The file of an LMDB environment: opened, measured, given room, thrown away.
 *
 * LMDB maps it, so a page that is missing at its end would kill the process when it is read: a file
 * that is shorter than its head says was cut, and is refused.
 * Results are LMDB's, or ERROR_CORRUPT and ERROR_IO.
 * Thread: the task's shard; state_file_pad any. */
#pragma once

#include "log/base/check.h"
#include "log/io/io.h"

#include <lmdb.h>

enum { STATE_FILE_STORE_MAX = 64 };

/* With all above it. */
must_use int state_file_make_directory(struct io *io, const char *path);
/* *out is NULL when it fails. */
must_use int state_file_open(const char *directory, MDB_env **out);
/* Makes the file as long as its head says; after each commit. */
void state_file_pad(MDB_env *environment);
/* Doubles the map. Nobody may be reading, and no iterator be open. */
must_use int state_file_grow_map(MDB_env *environment);
/* Whether the contents are lost, and not only out of reach. */
bool state_file_is_damage(int result);
const char *state_file_reason(int result);
/* Removes the files, loudly; `result` says why. Nobody may have them open. */
void state_file_throw_away(struct io *io, const char *directory, int result);
