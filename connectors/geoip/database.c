/* Copies of databases; see database.h. */
#include "connectors/geoip/database.h"

#include "connectors/shared/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { SIZE_MAX_MIB = 2048 };

struct database {
    struct database *next;
    struct database_stamp stamp;
    int user_count;
    MMDB_s content;
};

/* Everything that is open in this process. */
static struct {
    pthread_mutex_t lock;
    struct database *first;
} shelf = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct database_stamp make_stamp(const struct stat *status)
{
    return (struct database_stamp){.device = status->st_dev,
                                   .inode = status->st_ino,
                                   .size = status->st_size,
                                   .modified = status->st_mtim,
                                   .changed = status->st_ctim};
}

struct database_stamp database_stamp_read(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? make_stamp(&status) : (struct database_stamp){0};
}

static bool is_same_time(struct timespec left, struct timespec right)
{
    return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

bool database_stamp_equals(const struct database_stamp *left, const struct database_stamp *right)
{
    return left->device == right->device && left->inode == right->inode &&
           left->size == right->size && is_same_time(left->modified, right->modified) &&
           is_same_time(left->changed, right->changed);
}

__attribute__((format(printf, 2, 3))) static bool refuse(char *reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, DATABASE_REASON_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* The content that the stamp says, in `copy`. */
static bool copy_file(int file, int copy, const struct database_stamp *stamp, char *reason)
{
    off_t left = stamp->size;
    while (left > 0) {
        ssize_t size = sendfile(copy, file, NULL, (size_t)left);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return refuse(reason, "cannot be read: %s",
                          size < 0 ? strerror(errno) : "it became shorter meanwhile");
        }
        left -= size;
    }
    struct stat status;
    struct database_stamp now = {0};
    if (fstat(file, &status) == 0) {
        now = make_stamp(&status);
    }
    return database_stamp_equals(&now, stamp) ||
           refuse(reason, "is being written; put a new file in its place instead (mv)");
}

static bool open_copy(int copy, MMDB_s *content, char *reason)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
    int status = MMDB_open(path, MMDB_MODE_MMAP, content);
    if (status != MMDB_SUCCESS) {
        return refuse(reason, "is no MaxMind database, or damaged: %s", MMDB_strerror(status));
    }
    return true;
}

static bool load(struct database *database, int file, char *reason)
{
    int copy = memfd_create("tidemill-geoip", MFD_CLOEXEC);
    if (copy < 0) {
        return refuse(reason, "cannot be copied to memory: %s", strerror(errno));
    }
    bool is_loaded = copy_file(file, copy, &database->stamp, reason) &&
                     open_copy(copy, &database->content, reason);
    close(copy); /* the map stays */
    return is_loaded;
}

static bool judge_file(int file, struct database_stamp *stamp, char *reason)
{
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        return refuse(reason, "is not a regular file");
    }
    *stamp = make_stamp(&status);
    return (stamp->size > 0 || refuse(reason, "is empty")) &&
           (stamp->size >> 20 < SIZE_MAX_MIB ||
            refuse(reason, "is larger than %d MiB", SIZE_MAX_MIB));
}

/* Under the lock. */
static struct database *take_or_load(int file, const struct database_stamp *stamp, char *reason)
{
    struct database *database = shelf.first;
    while (database != NULL && !database_stamp_equals(&database->stamp, stamp)) {
        database = database->next;
    }
    if (database == NULL) {
        struct database *loaded = builder_alloc(1, sizeof *loaded);
        loaded->stamp = *stamp;
        if (!load(loaded, file, reason)) {
            free(loaded);
            return NULL;
        }
        loaded->next = shelf.first;
        shelf.first = database = loaded;
    }
    database->user_count++;
    return database;
}

struct database *database_open(const char *path, char reason[DATABASE_REASON_SIZE])
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
    if (file < 0) {
        refuse(reason, "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    struct database *database = NULL;
    struct database_stamp stamp;
    if (judge_file(file, &stamp, reason)) {
        pthread_mutex_lock(&shelf.lock);
        database = take_or_load(file, &stamp, reason);
        pthread_mutex_unlock(&shelf.lock);
    }
    close(file);
    return database;
}

void database_close(struct database *database)
{
    if (database == NULL) {
        return;
    }
    pthread_mutex_lock(&shelf.lock);
    bool is_last = --database->user_count == 0;
    if (is_last) {
        struct database **place = &shelf.first;
        while (*place != database) {
            place = &(*place)->next;
        }
        *place = database->next;
    }
    pthread_mutex_unlock(&shelf.lock);
    if (is_last) {
        MMDB_close(&database->content);
        free(database);
    }
}

const struct database_stamp *database_stamp(const struct database *database)
{
    return &database->stamp;
}

int database_find(struct database *database, const struct ip *ip, MMDB_lookup_result_s *out)
{
    int status = MMDB_SUCCESS;
    *out = MMDB_lookup_sockaddr(&database->content, &ip->name.any, &status);
    return status;
}
