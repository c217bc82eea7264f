/* See repair.h for what is kept. Each finding is told in one line: place, what is wrong, what is
 * done, what is lost. */
#include "runtime/cli/repair.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/epoch_cache.h"
#include "log/store/log_points.h"
#include "log/store/producer_state.h"
#include "log/store/small_file.h"
#include "log/store/store.h"
#include "runtime/cli/audit.h"
#include "runtime/cli/salvage.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_MAX = INT32_MAX,
    MAGIC_PLACE = 16,
    COPY_SIZE = 1 << 20,
    REPAIR_DIRECTORY_MAX = 3000
};

#define REPAIR_QUARANTINE "quarantined"
#define REPAIR_METADATA   "__cluster_metadata-0"
#define REPAIR_GUARD      (INT64_MAX / 2) /* no log is that long */

/* One log while it is mended. */
struct patient {
    struct repair *repair;
    const char *directory; /* of the data */
    const char *name;      /* "orders-0" */
    char path[PATH_MAX];
    const char *file;          /* the segment that is looked at */
    int64_t next_offset;       /* behind the last batch that is kept */
    int64_t limit_offset;      /* where the segment behind it begins */
    bool is_prepared;          /* marker and recovery point are taken back */
    bool is_changed;           /* a segment is not what it was */
    struct epoch_cache epochs; /* as the batches tell */
};

__attribute__((format(printf, 3, 4))) static void tell(struct patient *patient, const char *file,
                                                       const char *format, ...)
{
    struct buffer *out = patient->repair->out;
    va_list arguments;
    buffer_printf(out, "%s/%s: ", patient->path, file);
    va_start(arguments, format);
    buffer_vprintf(out, format, arguments);
    va_end(arguments);
    buffer_add_byte(out, '\n');
    patient->repair->problem_count++;
}

static void join(char out[PATH_MAX], const char *directory, const char *name)
{
    snprintf(out, PATH_MAX, "%.3500s/%.300s", directory, name); /* both were checked */
}

/* --- Before the first change --- */

static int make_directory(struct io *io, const char *path)
{
    int error = io_dir_make(io, path);
    return error == ERROR_EXISTS ? 0 : error;
}

/* Kafka's points are not rewritten: beside them the broker cuts nothing for a gap. */
static int write_point(struct patient *patient, int64_t recovery_offset, int64_t segment_offset,
                       int64_t position)
{
    struct io *io = patient->repair->io;
    struct log_points points;
    log_points_init(&points);
    int error = log_points_read(&points, io, patient->directory);
    if (error == 0 && points.is_whole) {
        const struct log_point *known = log_points_find(&points, patient->name);
        const struct log_point point = {
            .start_offset = known != NULL ? known->start_offset : 0,
            .recovery_offset = recovery_offset,
            .segment_offset = segment_offset,
            .position = position,
            .has_producers = 1,
            .snapshot_offset = -1,
        };
        log_points_put(&points, patient->name, &point);
        error = log_points_write(&points, io, patient->directory);
    }
    log_points_fini(&points);
    return error;
}

/* What the broker believed to be durable; -1 when nothing is known, or only by Kafka's files. */
static int read_point(const struct patient *patient, int64_t *out)
{
    struct log_points points;
    log_points_init(&points);
    int error = log_points_read(&points, patient->repair->io, patient->directory);
    const struct log_point *known = log_points_find(&points, patient->name);
    *out = error == 0 && points.is_whole && known != NULL ? known->recovery_offset : -1;
    log_points_fini(&points);
    return error;
}

/* Marker and recovery point first; the quarantine next. A log that ends below its point is taken
 * offline and never cut: so nobody touches one that is half mended. */
static int prepare(struct patient *patient)
{
    struct io *io = patient->repair->io;
    char path[PATH_MAX], quarantine[PATH_MAX];
    if (patient->is_prepared) {
        return 0;
    }
    join(path, patient->directory, ".kafka_cleanshutdown");
    int error = io_path_remove(io, path);
    error = error == ERROR_NOT_FOUND ? 0 : error;
    if (error == 0) {
        error = io_dir_sync(io, patient->directory);
    }
    if (error == 0) {
        error = write_point(patient, REPAIR_GUARD, -1, 0);
    }
    join(quarantine, patient->directory, REPAIR_QUARANTINE);
    if (error == 0) {
        error = make_directory(io, quarantine);
    }
    join(path, quarantine, patient->name);
    if (error == 0) {
        error = make_directory(io, path);
    }
    if (error == 0) {
        error = io_dir_sync(io, quarantine);
    }
    if (error == 0) {
        error = io_dir_sync(io, patient->directory);
    }
    patient->is_prepared = error == 0;
    return error;
}

/* --- Copies --- */

static int copy_bytes(struct io *io, struct io_file *from, struct io_file *to)
{
    uint8_t *chunk = memory_alloc(COPY_SIZE);
    uint64_t position = 0;
    int error = 0;
    while (error == 0) {
        int64_t size = io_file_read(io, from, chunk, COPY_SIZE, position, IO_READ_WAIT);
        if (size <= 0) {
            error = (int)size;
            break;
        }
        struct bytes part = bytes_make(chunk, (size_t)size);
        error = io_file_write(io, to, &part, 1, position);
        position += (uint64_t)size;
    }
    free(chunk);
    return error == 0 ? io_file_sync(io, to) : error;
}

/* A name that is free in the quarantine: an earlier repair may have kept one. */
static int open_copy(struct patient *patient, const char *name, struct io_file **out)
{
    char root[PATH_MAX], directory[PATH_MAX], copy[PATH_MAX], path[PATH_MAX];
    join(root, patient->directory, REPAIR_QUARANTINE);
    join(directory, root, patient->name);
    for (int i = 0; i < INT16_MAX; i++) {
        snprintf(copy, sizeof copy, i == 0 ? "%.200s" : "%.200s.%d", name, i);
        join(path, directory, copy);
        int error = io_file_open(patient->repair->io, path,
                                 IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_EXCLUSIVE, out);
        if (error != ERROR_EXISTS) {
            return error == 0 ? io_dir_sync(patient->repair->io, directory) : error;
        }
    }
    return ERROR_EXISTS;
}

static int quarantine(struct patient *patient, const char *name)
{
    struct io *io = patient->repair->io;
    struct io_file *from = NULL, *to = NULL;
    char path[PATH_MAX];
    int error = prepare(patient);
    join(path, patient->path, name);
    if (error == 0) {
        error = io_file_open(io, path, IO_OPEN_READ, &from);
    }
    if (error == 0) {
        error = open_copy(patient, name, &to);
    }
    if (error == 0) {
        error = copy_bytes(io, from, to);
    }
    io_file_close(io, from);
    io_file_close(io, to);
    return error;
}

/* Copies and removes a file that the broker can do without. */
static int drop_file(struct patient *patient, const char *name)
{
    char path[PATH_MAX];
    patient->repair->mended_count++;
    if (!patient->repair->is_applied) {
        return 0;
    }
    int error = quarantine(patient, name);
    join(path, patient->path, name);
    if (error == 0) {
        error = io_path_remove(patient->repair->io, path);
    }
    return error == 0 ? io_dir_sync(patient->repair->io, patient->path) : error;
}

/* --- Segments --- */

/* What the metadata log loses from `offset` on is more than records. */
static void tell_of_metadata(struct patient *patient, int64_t offset)
{
    struct buffer *out = patient->repair->out;
    if (strcmp(patient->name, REPAIR_METADATA) != 0) {
        return;
    }
    buffer_printf(out,
                  "%s: topics, settings and quotas may be among what is lost: look at what "
                  "is there before clients come back",
                  patient->path);
    if (offset == 0) {
        buffer_add_string(out, "; and so is the cluster's id: the next start makes up another one "
                               "unless cluster.id says what it was");
    }
    buffer_add_byte(out, '\n');
}

static void on_found(void *owner, const struct salvage_finding *finding)
{
    struct patient *patient = owner;
    struct repair *repair = patient->repair;
    const char *out = repair->is_applied ? "taken out" : "would be taken out";
    const char *set = repair->is_applied ? "set" : "would be set";
    repair->mended_count++;
    patient->is_changed = true;
    switch (finding->kind) {
    case SALVAGE_GAP:
        repair->lost_count += finding->to - finding->from + 1;
        tell(patient, patient->file,
             "bytes %zu to %zu hold no good batch: %s; offsets %lld to %lld are lost",
             finding->start, finding->end, out, (long long)finding->from, (long long)finding->to);
        tell_of_metadata(patient, finding->from);
        return;
    case SALVAGE_TAIL:
        tell(patient, patient->file,
             "bytes %zu to %zu, its end, hold no whole batch: %s; the log goes on at offset %lld, "
             "what was written from there on in this file is lost",
             finding->start, finding->end, out, (long long)finding->from);
        tell_of_metadata(patient, finding->from);
        return;
    case SALVAGE_OFFSET:
        tell(patient, patient->file,
             "the batch at %zu claims the base offset %lld: %s to %lld, where it fits; nothing is "
             "lost",
             finding->start, (long long)finding->from, set, (long long)finding->to);
        return;
    case SALVAGE_EPOCH:
        tell(patient, patient->file,
             "the batch at %zu claims the leader epoch %lld: %s to %lld, that of its neighbours; "
             "nothing is lost",
             finding->start, (long long)finding->from, set, (long long)finding->to);
        return;
    }
}

/* What is good of a segment, in `batches`, which the caller frees with salvage_fini. */
static void judge_segment(struct patient *patient, const char *file, struct buffer *content,
                          struct salvage *salvage)
{
    *salvage = (struct salvage){
        .next_offset = patient->next_offset,
        .limit_offset = patient->limit_offset,
        .epoch = patient->epochs.count == 0 ? -1 : epoch_cache_last(&patient->epochs),
        .found = on_found,
        .owner = patient,
    };
    patient->file = file;
    salvage_run(salvage, content->data, content->size);
    for (size_t i = 0; i < salvage->count; i++) {
        if (salvage->batches[i].is_kept) {
            epoch_cache_note(&patient->epochs, salvage->batches[i].epoch,
                             salvage->batches[i].base_offset);
        }
    }
    patient->next_offset = salvage->next_offset;
}

static int write_batches(struct patient *patient, const char *file, const uint8_t *data,
                         const struct salvage *salvage)
{
    struct io *io = patient->repair->io;
    char path[PATH_MAX], fresh[PATH_MAX], fresh_name[NAME_MAX];
    struct io_file *out = NULL;
    uint64_t position = 0;
    join(path, patient->path, file);
    snprintf(fresh_name, sizeof fresh_name, "%.200s.repaired", file);
    join(fresh, patient->path, fresh_name);
    int error = io_file_open(io, fresh, IO_OPEN_WRITE | IO_OPEN_CREATE, &out);
    if (error == 0) {
        error = io_file_truncate(io, out, 0);
    }
    for (size_t i = 0; i < salvage->count && error == 0; i++) {
        if (salvage->batches[i].is_kept) {
            struct bytes part =
                bytes_make(data + salvage->batches[i].start, salvage->batches[i].size);
            error = io_file_write(io, out, &part, 1, position);
            position += part.size;
        }
    }
    if (error == 0) {
        error = io_file_sync(io, out);
    }
    io_file_close(io, out);
    if (error == 0) {
        error = io_path_rename(io, fresh, path);
    }
    return error == 0 ? io_dir_sync(io, patient->path) : error;
}

static int read_segment(struct io *io, const char *path, size_t size, struct buffer *out)
{
    struct io_file *file = NULL;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error == 0) {
        int64_t count = io_file_read(io, file, buffer_reserve(out, size), size, 0, IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        out->size += count < 0 ? 0 : (size_t)count;
    }
    io_file_close(io, file);
    return error;
}

static int mend_segment(struct patient *patient, const char *file)
{
    struct buffer content;
    struct salvage salvage = {0};
    char path[PATH_MAX];
    struct io_file_info info;
    int64_t found = patient->repair->problem_count;
    buffer_init(&content);
    join(path, patient->path, file);
    int error = io_path_info(patient->repair->io, path, &info);
    if (error == 0 && info.size > SEGMENT_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        error = read_segment(patient->repair->io, path, (size_t)info.size, &content);
    }
    if (error == 0) {
        judge_segment(patient, file, &content, &salvage);
        if (patient->repair->problem_count > found && patient->repair->is_applied) {
            error = quarantine(patient, file);
            error = error == 0 ? write_batches(patient, file, content.data, &salvage) : error;
        }
    }
    salvage_fini(&salvage);
    buffer_fini(&content);
    return error;
}

/* --- The files beside them --- */

/* Whether the audit of this log, as it was, complained of this file's index. */
static bool is_blamed(const struct buffer *problems, const char *path, const char *file)
{
    char place[PATH_MAX + 2];
    join(place, path, file);
    strcat(place, ": ");
    return memmem(problems->data, problems->size, place, strlen(place)) != NULL;
}

/* Indexes are caches: they go when the segment changed, or when the audit doubts them. */
static int mend_indexes(struct patient *patient, const struct audit_names *names,
                        bool is_segment_changed, const char *segment, const struct buffer *problems)
{
    static const char *const suffixes[] = {".index", ".timeindex", ".txnindex"};
    int error = 0;
    for (size_t i = 0; i < names->count && error == 0; i++) {
        const char *name = names->items[i];
        for (size_t j = 0; j < sizeof suffixes / sizeof suffixes[0] && error == 0; j++) {
            int64_t base_offset;
            bool is_its = audit_is_segment_file(name, suffixes[j], &base_offset) &&
                          strncmp(name, segment, 20) == 0;
            bool is_doubted = is_its && (is_blamed(problems, patient->path, name) ||
                                         (j == 0 && is_blamed(problems, patient->path, segment)));
            if (is_its && (is_segment_changed || is_doubted)) {
                tell(patient, name, "does not fit its segment: %s; the broker builds it anew",
                     patient->repair->is_applied ? "removed" : "would be removed");
                error = drop_file(patient, name);
            }
        }
    }
    return error;
}

static int mend_snapshot(struct patient *patient, const char *file, int64_t offset)
{
    struct producer_state state;
    struct buffer content;
    buffer_init(&content);
    producer_state_init(&state);
    int error = small_file_read(patient->repair->io, patient->path, file, &content);
    if (error == 0) {
        bool is_bad = producer_state_read(&state, buffer_bytes(&content)) != 0;
        /* What a snapshot tells of lost batches would be believed. */
        if (is_bad || offset > patient->next_offset) {
            tell(patient, file, "%s: %s; the broker replays the batches",
                 is_bad ? "is damaged" : "tells of batches that are not there",
                 patient->repair->is_applied ? "removed" : "would be removed");
            error = drop_file(patient, file);
        }
    }
    producer_state_fini(&state);
    buffer_fini(&content);
    return error;
}

/* The checkpoint must know the epochs of the batches; what it knows beyond them is kept. */
static int mend_epochs(struct patient *patient)
{
    struct repair *repair = patient->repair;
    static const char file[] = "leader-epoch-checkpoint";
    struct epoch_cache known;
    epoch_cache_init(&known);
    int error = epoch_cache_read(&known, repair->io, patient->path);
    bool is_missing = error == ERROR_NOT_FOUND, is_bad = error == ERROR_CORRUPT;
    if (error != 0 && !is_missing && !is_bad) {
        epoch_cache_fini(&known);
        return error;
    }
    error = 0;
    for (int32_t i = 0; i < patient->epochs.count && !is_bad; i++) {
        const struct epoch_cache_entry *entry = &patient->epochs.entries[i];
        is_bad = epoch_cache_at(&known, entry->start_offset) != entry->epoch;
    }
    for (int32_t i = 0; i < known.count && !is_bad; i++) {
        is_bad = known.entries[i].start_offset > patient->next_offset;
    }
    if (is_bad && patient->epochs.count > 0) {
        tell(patient, file, "does not fit the batches: %s from them",
             repair->is_applied ? "written" : "would be written");
        repair->mended_count++;
        if (repair->is_applied) {
            error = is_missing ? prepare(patient) : quarantine(patient, file);
            patient->epochs.is_written = false;
            error =
                error == 0 ? epoch_cache_write(&patient->epochs, repair->io, patient->path) : error;
        }
    }
    epoch_cache_fini(&known);
    return error;
}

/* --- One log, one directory --- */

/* Where the segment behind this one begins; offsets of a segment lie within 31 bits of its own. */
static int64_t find_limit(const struct audit_names *names, size_t index, int64_t base_offset)
{
    int64_t limit = base_offset > INT64_MAX - INT32_MAX ? INT64_MAX : base_offset + INT32_MAX, next;
    for (size_t i = index + 1; i < names->count; i++) {
        if (audit_is_segment_file(names->items[i], ".log", &next)) {
            return next < limit ? next : limit;
        }
    }
    return limit;
}

static int mend_files(struct patient *patient, const struct audit_names *names,
                      const struct buffer *problems)
{
    int64_t base_offset;
    int error = 0;
    for (size_t i = 0; i < names->count && error == 0; i++) {
        const char *name = names->items[i];
        if (!audit_is_segment_file(name, ".log", &base_offset)) {
            continue;
        }
        patient->is_changed = false;
        if (base_offset > patient->next_offset) {
            patient->next_offset = base_offset;
        }
        patient->limit_offset = find_limit(names, i, base_offset);
        error = mend_segment(patient, name);
        if (error == 0) {
            error = mend_indexes(patient, names, patient->is_changed, name, problems);
        }
    }
    for (size_t i = 0; i < names->count && error == 0; i++) {
        if (audit_is_segment_file(names->items[i], ".snapshot", &base_offset)) {
            error = mend_snapshot(patient, names->items[i], base_offset);
        }
    }
    return error == 0 ? mend_epochs(patient) : error;
}

/* Everything is synced, then the log is durable to its end: there is nothing for a recovery to
 * walk, which beyond the point would take a gap for damage. */
static int settle(struct patient *patient, const struct audit_names *names)
{
    struct io *io = patient->repair->io;
    int64_t base_offset, last = -1;
    uint64_t size = 0;
    int error = 0;
    for (size_t i = 0; i < names->count && error == 0; i++) {
        struct io_file *file = NULL;
        char path[PATH_MAX];
        if (!audit_is_segment_file(names->items[i], ".log", &base_offset)) {
            continue;
        }
        last = base_offset;
        join(path, patient->path, names->items[i]);
        error = io_file_open(io, path, IO_OPEN_WRITE, &file);
        if (error == 0) {
            error = io_file_size(io, file, &size);
        }
        if (error == 0) {
            error = io_file_sync(io, file);
        }
        io_file_close(io, file);
    }
    if (error == 0) {
        error = io_dir_sync(io, patient->path);
    }
    return error == 0 && last >= 0 ? write_point(patient, patient->next_offset, last, (int64_t)size)
                                   : error;
}

/* The files say nothing is wrong, but more was durable once, or a repair did not come to its end.
 */
static void tell_behind(struct patient *patient, int64_t recovery_offset)
{
    struct repair *repair = patient->repair;
    const char *what = repair->is_applied ? "taken for its end" : "would be taken for its end";
    repair->mended_count++;
    if (recovery_offset == REPAIR_GUARD) {
        tell(patient, "recovery-points", "a repair was interrupted; offset %lld is %s",
             (long long)patient->next_offset, what);
        return;
    }
    repair->lost_count += recovery_offset - patient->next_offset;
    tell(
        patient, "recovery-points",
        "offsets %lld to %lld were on the disk and are in no file any more: they are lost, %lld is "
        "%s",
        (long long)patient->next_offset, (long long)recovery_offset - 1,
        (long long)patient->next_offset, what);
}

static int mend_names(struct patient *patient, const struct audit *audit,
                      const struct audit_names *names)
{
    int64_t recovery_offset;
    int error = read_point(patient, &recovery_offset);
    if (error == 0 && audit->problem_count > 0) {
        error = mend_files(patient, names, audit->problems);
    } else if (error == 0) {
        patient->next_offset = audit->end_offset;
        if (recovery_offset > patient->next_offset) {
            tell_behind(patient, recovery_offset);
            error = patient->repair->is_applied ? prepare(patient) : 0;
        }
    }
    return error == 0 && patient->is_prepared ? settle(patient, names) : error;
}

static int mend_log(struct repair *repair, const char *directory, const char *name)
{
    struct patient patient = {.repair = repair, .directory = directory, .name = name};
    struct buffer problems;
    struct audit audit = {.io = repair->io, .problems = &problems};
    struct audit_names names;
    repair->log_count++;
    buffer_init(&problems);
    epoch_cache_init(&patient.epochs);
    join(patient.path, directory, name);
    int error = audit_directory(&audit, patient.path);
    if (error == 0) {
        error = audit_list(repair->io, patient.path, &names);
    }
    if (error == 0) {
        error = mend_names(&patient, &audit, &names);
        audit_names_free(&names);
    }
    epoch_cache_fini(&patient.epochs);
    buffer_fini(&problems);
    return error;
}

static bool is_log_name(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash != NULL && dash != name && dash[1] != '\0' &&
           strspn(dash + 1, "0123456789") == strlen(dash + 1);
}

/* The broker's lock, so that nobody serves what is being changed. */
static int lock(struct repair *repair, const char *path, struct io_file **out)
{
    char name[PATH_MAX];
    join(name, path, ".lock");
    int error = io_file_open(repair->io, name, IO_OPEN_WRITE, out);
    if (error == ERROR_NOT_FOUND) {
        *out = NULL; /* a copy of a directory, which no broker has opened yet */
        return 0;
    }
    if (error == 0) {
        error = io_file_lock(repair->io, *out);
        if (error != 0) {
            io_file_close(repair->io, *out);
            *out = NULL;
        }
    }
    return error;
}

int repair_directory(struct repair *repair, const char *path)
{
    struct audit_names names;
    struct io_file *lock_file = NULL;
    if (strlen(path) > REPAIR_DIRECTORY_MAX) {
        return ERROR_TOO_LARGE;
    }
    struct report foreign = {0};
    int error = store_judge(repair->io, path, &foreign);
    if (error == 0) {
        error = lock(repair, path, &lock_file);
    }
    if (error != 0) {
        return error;
    }
    error = audit_list(repair->io, path, &names);
    if (error == 0) {
        for (size_t i = 0; i < names.count && error == 0; i++) {
            if (is_log_name(names.items[i])) {
                error = mend_log(repair, path, names.items[i]);
            }
        }
        audit_names_free(&names);
    }
    io_file_close(repair->io, lock_file);
    return error;
}
