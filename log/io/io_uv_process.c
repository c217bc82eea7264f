/* What this process takes of the machine, from libuv and /proc; see io_uv.h. */
#include "log/base/error.h"
#include "log/io/io_uv_loop.h"

#include <dirent.h>
#include <sys/resource.h>

/* Descriptors of this process; -1 where there is no /proc. */
static int64_t count_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return -1;
    }
    int64_t count = -3; /* ".", "..", and the directory itself */
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

static int64_t limit_files(void)
{
    struct rlimit limit;
    bool is_bounded = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT64_MAX;
    return is_bounded ? (int64_t)limit.rlim_cur : INT64_MAX;
}

static int64_t nanoseconds(uv_timeval_t time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

int io_uv_process(struct io *io, struct io_process *out)
{
    size_t resident_size = 0;
    uv_rusage_t usage;
    if (uv_resident_set_memory(&resident_size) != 0 || uv_getrusage(&usage) != 0) {
        return ERROR_UNSUPPORTED;
    }
    *out = (struct io_process){
        .resident_size = (int64_t)resident_size,
        .cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime),
        .open_file_count = count_files(),
        .open_file_limit = limit_files(),
        .started_ms = io_uv_of(io)->started_ms,
    };
    return 0;
}
