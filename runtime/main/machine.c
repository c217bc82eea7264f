/* What /proc, statfs and a hundred syncs tell; see machine.h. */
#include "runtime/main/machine.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/histogram.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#define MACHINE_DATA "./tidemill-data"

enum {
    SYNC_COUNT = 100,
    SYNC_SIZE = 4096,
    SYNC_MAX_NS = 2000000000,
    SYNC_NOTE_NS = 10000000, /* p99: a slow disk */
    SPACE_NOTE_PERCENT = 15,
    SPACE_WRONG_PERCENT = 5,
    DESCRIPTOR_NOTE = 10000,
};

static const int64_t MACHINE_MIB = 1024 * 1024;

/* --- The data directory --- */

static const struct {
    long magic;
    const char *name;
    const char *fault; /* NULL: good for a log */
} file_systems[] = {
    {0xEF53, "ext4", NULL},
    {0x58465342, "xfs", NULL},
    {0x9123683E, "btrfs", NULL},
    {0xF2F52010, "f2fs", NULL},
    {0x2FC12FC1, "zfs", NULL},
    {0x01021994, "tmpfs", "it is memory: everything is gone when the machine starts anew"},
    {0x858458F6, "ramfs", "it is memory: everything is gone when the machine starts anew"},
    {0x794C7630, "overlayfs", "it is the layer of a container: mount a volume for the data"},
    {0x6969, "nfs", "a sync over a network may promise what it does not keep"},
    {0xFF534D42, "cifs", "a sync over a network may promise what it does not keep"},
    {0xFE534D42, "smb2", "a sync over a network may promise what it does not keep"},
    {0x65735546, "fuse", "what a sync means there depends on the program behind it"},
};

static void visit_file_system(const char *data, struct diagnosis *diagnosis)
{
    struct statfs status;
    if (statfs(data, &status) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++) {
        if ((unsigned long)file_systems[i].magic == (unsigned long)status.f_type) {
            const char *fault = file_systems[i].fault;
            diagnosis_add(diagnosis, fault == NULL ? DIAGNOSIS_OK : DIAGNOSIS_NOTE, "file system",
                          fault, "%s is on %s", data, file_systems[i].name);
            return;
        }
    }
    diagnosis_add(diagnosis, DIAGNOSIS_NOTE, "file system",
                  "ext4 and xfs are what a log is tested on",
                  "%s is on a kind we do not know (%#lx)", data, (unsigned long)status.f_type);
}

void machine_judge_space(const char *place, const struct io_space *space,
                         struct diagnosis *diagnosis)
{
    if (space->usable_size < 0 || space->usable_size > space->total_size ||
        space->total_size <= 0) {
        return;
    }
    int64_t percent = (int64_t)((double)space->usable_size * 100 / (double)space->total_size);
    enum diagnosis_grade grade = percent < SPACE_WRONG_PERCENT  ? DIAGNOSIS_WRONG
                                 : percent < SPACE_NOTE_PERCENT ? DIAGNOSIS_NOTE
                                                                : DIAGNOSIS_OK;
    diagnosis_add(
        diagnosis, grade, "space",
        grade == DIAGNOSIS_OK ? NULL
                              : "make room, or keep less: retention.bytes and retention.ms "
                                "of topics",
        "%lld of %lld MiB are free (%lld %%) in %s", (long long)(space->usable_size / MACHINE_MIB),
        (long long)(space->total_size / MACHINE_MIB), (long long)percent, place);
}

/* Appends of a page, each with its sync, as an acknowledged record needs it. */
static int measure_syncs(struct io *io, const char *path, struct histogram *times)
{
    static const uint8_t page[SYNC_SIZE];
    const struct bytes part = bytes_make(page, sizeof page);
    struct io_file *file = NULL;
    uint64_t started_ns = io_now(io);
    int error = io_file_open(io, path, IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_EXCLUSIVE, &file);
    for (uint64_t i = 0; error == 0 && i < SYNC_COUNT && io_now(io) - started_ns < SYNC_MAX_NS;
         i++) {
        error = io_file_write(io, file, &part, 1, i * SYNC_SIZE);
        uint64_t start_ns = io_now(io);
        if (error == 0) {
            error = io_file_sync(io, file);
        }
        histogram_add(times, io_now(io) - start_ns);
    }
    io_file_close(io, file);
    if (file != NULL) {
        int removed = io_path_remove(io, path);
        error = error == 0 ? removed : error;
    }
    return error;
}

static void tell_syncs(const struct histogram *times, struct diagnosis *diagnosis)
{
    struct buffer text;
    uint64_t p99 = histogram_quantile(times, 0.99);
    buffer_init(&text);
    buffer_add_string(&text, "p50 ");
    histogram_print_ns(histogram_quantile(times, 0.5), &text);
    buffer_add_string(&text, ", p99 ");
    histogram_print_ns(p99, &text);
    buffer_add_string(&text, ", max ");
    histogram_print_ns(times->largest, &text);
    diagnosis_add(
        diagnosis, p99 > SYNC_NOTE_NS ? DIAGNOSIS_NOTE : DIAGNOSIS_OK, "fdatasync",
        p99 > SYNC_NOTE_NS ? "acks=all waits for this; a disk with power-loss protection, "
                             "or --durability interval, is faster"
                           : NULL,
        "%s (%llu appends of 4 KiB)", buffer_string(&text), (unsigned long long)times->count);
    buffer_clear(&text);
    histogram_print(times, &text);
    diagnosis_add_text(diagnosis, buffer_bytes(&text));
    buffer_fini(&text);
}

static void visit_syncs(struct io *io, const char *data, struct diagnosis *diagnosis)
{
    struct histogram *times = calloc(1, sizeof *times);
    char path[PATH_MAX];
    uint64_t number;
    check(times != NULL);
    io_random(io, &number, sizeof number);
    snprintf(path, sizeof path, "%.3900s/.doctor-%016llx", data, (unsigned long long)number);
    int error = measure_syncs(io, path, times);
    if (error != 0) {
        diagnosis_add(diagnosis, DIAGNOSIS_WRONG, "fdatasync",
                      "the broker must be able to write there; run the doctor as its user",
                      "nothing can be written in %s: %s", data, error_text(error));
    } else {
        tell_syncs(times, diagnosis);
    }
    free(times);
}

static void visit_data(struct io *io, const char *given, bool is_read_only,
                       struct diagnosis *diagnosis)
{
    const char *data = given == NULL ? MACHINE_DATA : given;
    struct io_file_info info;
    int error = io_path_info(io, data, &info);
    if (error != 0 && given == NULL) {
        return; /* the broker is somewhere else */
    }
    if (error != 0 || !info.is_directory) {
        diagnosis_add(diagnosis, DIAGNOSIS_WRONG, "data", "name the broker's with --data DIR",
                      "%s is no directory here", data);
        return;
    }
    visit_file_system(data, diagnosis);
    struct io_space space;
    if (io_path_space(io, data, &space) == 0) {
        machine_judge_space(data, &space, diagnosis);
    }
    if (!is_read_only) {
        visit_syncs(io, data, diagnosis);
    }
}

/* --- The machine --- */

static void visit_descriptors(struct diagnosis *diagnosis)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    bool is_few = limit.rlim_max < DESCRIPTOR_NOTE;
    diagnosis_add(diagnosis, is_few ? DIAGNOSIS_NOTE : DIAGNOSIS_OK, "descriptors",
                  is_few ? "raise it (ulimit -n, LimitNOFILE): each connection and open segment is "
                           "one"
                         : NULL,
                  "a process here may open %llu files", (unsigned long long)limit.rlim_max);
}

/* The number behind a word of a small file of the kernel's; -1 when it is not there. */
static int64_t read_number(struct io *io, const char *path, const char *word)
{
    char text[4096] = "";
    struct io_file *file;
    if (io_file_open(io, path, IO_OPEN_READ, &file) != 0) {
        return -1;
    }
    int64_t size = io_file_read(io, file, text, sizeof text - 1, 0, IO_READ_WAIT);
    io_file_close(io, file);
    const char *at = size <= 0 ? NULL : strstr(text, word);
    char *end;
    if (at == NULL) {
        return -1;
    }
    long long number = strtoll(at + strlen(word), &end, 10);
    return end == at + strlen(word) ? -1 : number;
}

static void visit_memory(struct io *io, struct diagnosis *diagnosis)
{
    enum { MEMORY_NOTE_MIB = 128 };
    int64_t total_kib = read_number(io, "/proc/meminfo", "MemTotal:");
    int64_t usable_kib = read_number(io, "/proc/meminfo", "MemAvailable:");
    int64_t limit = read_number(io, "/sys/fs/cgroup/memory.max", "");
    if (total_kib < 0 || usable_kib < 0) {
        return;
    }
    bool is_little = usable_kib / 1024 < MEMORY_NOTE_MIB ||
                     (limit >= 0 && limit / MACHINE_MIB < MEMORY_NOTE_MIB);
    char bound[64] = "";
    if (limit >= 0) {
        snprintf(bound, sizeof bound, "; the limit of this container is %lld MiB",
                 (long long)(limit / MACHINE_MIB));
    }
    diagnosis_add(diagnosis, is_little ? DIAGNOSIS_NOTE : DIAGNOSIS_OK, "memory",
                  is_little ? "what is left caches the log; readers that lag behind will wait for "
                              "the disk"
                            : NULL,
                  "%lld of %lld MiB can be used%s", (long long)(usable_kib / 1024),
                  (long long)(total_kib / 1024), bound);
}

void machine_visit(struct io *io, const char *data, bool is_read_only, struct diagnosis *diagnosis)
{
    visit_data(io, data, is_read_only, diagnosis);
    visit_descriptors(diagnosis);
    visit_memory(io, diagnosis);
}
