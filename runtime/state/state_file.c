/* LMDB's file; see state_file.h. */
#include "runtime/state/state_file.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each store reads, and so may its iterators. */
enum { STATE_FILE_READER_MAX = 4 * STATE_FILE_STORE_MAX };

/* Address space, not disk; doubled when it is used up. A process may have thousands of tasks. */
static const size_t STATE_FILE_MAP_SIZE = (size_t)1 << 30;

int state_file_make_directory(struct io *io, const char *path)
{
    char *copy = memory_string(path);
    int error = 0;
    for (char *slash = copy + 1; error == 0; slash++) {
        slash = strchr(slash, '/');
        if (slash != NULL) {
            *slash = 0;
        }
        error = io_dir_make(io, copy);
        if (error == ERROR_EXISTS) {
            error = 0;
        }
        if (slash == NULL) {
            break;
        }
        *slash = '/';
    }
    free(copy);
    return error;
}

struct state_file_size {
    int file;
    off_t size;
    off_t needed_size; /* for every page that LMDB may read */
    size_t map_size;
};

static int state_file_measure(MDB_env *environment, struct state_file_size *out)
{
    MDB_envinfo info;
    MDB_stat pages;
    struct stat found;
    int result = mdb_env_get_fd(environment, &out->file);
    if (result == 0) {
        result = mdb_env_info(environment, &info);
    }
    if (result == 0) {
        result = mdb_env_stat(environment, &pages);
    }
    if (result != 0 || fstat(out->file, &found) != 0) {
        return result != 0 ? result : ERROR_IO;
    }
    out->size = found.st_size;
    out->needed_size = (off_t)(info.me_last_pgno + 1) * (off_t)pages.ms_psize;
    out->map_size = info.me_mapsize;
    return 0;
}

/* The last pages of a commit may be free and were then never written. (That takes a page that is
 * used and freed within one commit; a checkpoint writes each key once, and was never seen to do
 * it.) The commit stands if this fails. */
void state_file_pad(MDB_env *environment)
{
    struct state_file_size size;
    const char *directory = "?";
    int result = state_file_measure(environment, &size);
    if (result == 0 && size.size >= size.needed_size) {
        return;
    }
    if (result != 0 || ftruncate(size.file, size.needed_size) != 0) {
        mdb_env_get_path(environment, &directory);
        trace(TRACE_WARN, "state_file.not_padded", TRACE_STRING("directory", directory));
    }
}

int state_file_grow_map(MDB_env *environment)
{
    struct state_file_size size;
    const char *directory = "?";
    int result = state_file_measure(environment, &size);
    if (result == 0) {
        result = mdb_env_set_mapsize(environment, 2 * size.map_size);
        mdb_env_get_path(environment, &directory);
        trace(TRACE_INFO, "state_file.map_grown", TRACE_STRING("directory", directory),
              TRACE_INT("size", (int64_t)(2 * size.map_size)));
    }
    return result;
}

/* LMDB makes the map of a large file just as large as the file. */
static int state_file_judge(MDB_env *environment)
{
    struct state_file_size size;
    int result = state_file_measure(environment, &size);
    if (result != 0) {
        return result;
    }
    if (size.size < size.needed_size) {
        return ERROR_CORRUPT;
    }
    bool is_small = size.map_size / 2 < (size_t)size.needed_size;
    return is_small ? state_file_grow_map(environment) : 0;
}

static int state_file_prepare(MDB_env *environment)
{
    int result = mdb_env_set_maxdbs(environment, STATE_FILE_STORE_MAX + 1);
    if (result == 0) {
        result = mdb_env_set_maxreaders(environment, STATE_FILE_READER_MAX);
    }
    return result != 0 ? result : mdb_env_set_mapsize(environment, STATE_FILE_MAP_SIZE);
}

int state_file_open(const char *directory, MDB_env **out)
{
    *out = NULL;
    MDB_env *environment;
    int result = mdb_env_create(&environment);
    if (result != 0) {
        return result;
    }
    result = state_file_prepare(environment);
    if (result == 0) {
        result =
            mdb_env_open(environment, directory, MDB_NOTLS | MDB_NORDAHEAD | MDB_NOMEMINIT, 0644);
    }
    if (result == 0) {
        result = state_file_judge(environment);
    }
    if (result != 0) {
        mdb_env_close(environment);
        return result;
    }
    *out = environment;
    return 0;
}

bool state_file_is_damage(int result)
{
    return result == MDB_INVALID || result == MDB_CORRUPTED || result == MDB_PAGE_NOTFOUND ||
           result == MDB_VERSION_MISMATCH || result == ERROR_CORRUPT;
}

const char *state_file_reason(int result)
{
    return result == ERROR_CORRUPT || result == ERROR_IO ? error_text(result)
                                                         : mdb_strerror(result);
}

/* What cannot be removed is found damaged again, and told then. */
static void state_file_remove(struct io *io, const char *directory, const char *name)
{
    struct buffer path;
    buffer_init(&path);
    buffer_printf(&path, "%s/%s", directory, name);
    int error = io_path_remove(io, buffer_string(&path));
    if (error != 0 && error != ERROR_NOT_FOUND) {
        trace(TRACE_WARN, "state_file.not_removed", TRACE_STRING("path", buffer_string(&path)),
              TRACE_STRING("error", error_name(error)));
    }
    buffer_fini(&path);
}

void state_file_throw_away(struct io *io, const char *directory, int result)
{
    trace(TRACE_ERROR, "state_file.thrown_away", TRACE_STRING("directory", directory),
          TRACE_STRING("reason", state_file_reason(result)),
          TRACE_STRING("next", "its stores are read from their changelogs"));
    state_file_remove(io, directory, "data.mdb");
    state_file_remove(io, directory, "lock.mdb");
}
