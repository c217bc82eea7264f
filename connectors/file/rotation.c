/* Names and files that rotation leaves behind. See rotation.h. */
#include "connectors/file/rotation.h"

#include "connectors/shared/builder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNTER_DIGITS_MAX = 4 }; /* a longer row of digits is a date */

bool rotation_is_sibling(const char *base, const char *path)
{
    size_t size = strlen(base);
    if (strncmp(base, path, size) != 0 || path[size] == '\0' || strchr(".-_", path[size]) == NULL) {
        return false;
    }
    const char *suffix = path + size + 1;
    return suffix[strspn(suffix, "0123456789.-_:T")] == '\0' &&
           strpbrk(suffix, "0123456789") != NULL;
}

static bool is_counter(const char *suffix)
{
    size_t size = strspn(suffix, "0123456789");
    return suffix[size] == '\0' && size <= COUNTER_DIGITS_MAX;
}

bool rotation_cut_counter(char *path)
{
    char *dot = strrchr(path, '.');
    if (dot == NULL || dot == path || dot[-1] == '/' || dot[1] == '\0' || !is_counter(dot + 1)) {
        return false;
    }
    *dot = '\0';
    return true;
}

static int64_t modified_ms(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return -1;
    }
    return (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
}

/* Counters grow with age, dates shrink; what mixes both is ordered by the last write. */
int rotation_compare(const char *base, const char *left, const char *right)
{
    const char *left_suffix = left + strlen(base) + 1;
    const char *right_suffix = right + strlen(base) + 1;
    bool is_left_counter = is_counter(left_suffix);
    if (is_left_counter != is_counter(right_suffix)) {
        int64_t difference = modified_ms(left) - modified_ms(right);
        return difference < 0 ? -1 : difference > 0;
    }
    if (!is_left_counter) {
        return strcmp(left_suffix, right_suffix);
    }
    return atoi(right_suffix) - atoi(left_suffix);
}

/* The folder of a path, with its slash; "./" for a bare name. */
static void copy_folder(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path) + 1;
    snprintf(out, size, "%.*s", length, path);
}

/* Calls `visit` for every entry of the folder of `base` until it returns true. */
static bool visit_folder(const char *base, bool (*visit)(void *data, const char *path), void *data)
{
    char folder[PATH_MAX];
    copy_folder(base, folder, sizeof folder);
    DIR *directory = opendir(folder[0] == '\0' ? "." : folder);
    if (directory == NULL) {
        return false;
    }
    bool is_found = false;
    for (struct dirent *entry = readdir(directory); entry != NULL && !is_found;
         entry = readdir(directory)) {
        char path[PATH_MAX + 256];
        snprintf(path, sizeof path, "%s%s", folder, entry->d_name);
        is_found = visit(data, path);
    }
    closedir(directory);
    return is_found;
}

struct newer_search {
    const char *base;
    const struct generation *previous;
    struct rotation_files *files;
};

static bool collect_newer(void *data, const char *path)
{
    struct newer_search *search = data;
    const struct generation *previous = search->previous;
    if (!rotation_is_sibling(search->base, path)) {
        return false;
    }
    /* A file that is lost left only the time of its last write. */
    bool is_newer = rotation_is_sibling(search->base, previous->path)
                        ? rotation_compare(search->base, previous->path, path) < 0
                        : previous->modified_ms >= 0 && modified_ms(path) > previous->modified_ms;
    if (!is_newer) {
        return false;
    }
    struct rotation_files *files = search->files;
    files->paths = builder_resize(files->paths, files->count + 1, sizeof *files->paths);
    files->paths[files->count++] = builder_copy(path);
    return false;
}

static int compare_paths(const void *left, const void *right, void *base)
{
    return rotation_compare(base, *(char *const *)left, *(char *const *)right);
}

struct file_search {
    const struct generation *generation;
    char path[PATH_MAX + 256];
    bool needs_inode; /* else any sibling whose content agrees will do */
    const char *base;
};

static bool content_agrees(const struct generation *generation, const char *path)
{
    int descriptor = generation_open_file(path);
    bool agrees =
        descriptor >= 0 && fingerprint_agrees(descriptor, generation->position, &generation->mark);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return agrees;
}

static bool match_file(void *data, const char *path)
{
    struct file_search *search = data;
    struct stat status;
    if (search->needs_inode) {
        if (stat(path, &status) != 0 || status.st_dev != search->generation->device ||
            status.st_ino != search->generation->inode) {
            return false;
        }
    } else if (strcmp(path, search->base) != 0 && !rotation_is_sibling(search->base, path)) {
        return false;
    }
    if (!content_agrees(search->generation, path)) {
        return false;
    }
    snprintf(search->path, sizeof search->path, "%s", path);
    return true;
}

void rotation_find_newer(const char *base, const struct generation *previous,
                         struct rotation_files *out)
{
    *out = (struct rotation_files){.paths = NULL};
    /* While it is followed, a file is known by its inode and its present name must be found. */
    struct file_search place = {.generation = previous, .needs_inode = true, .base = base};
    struct generation named = *previous;
    bool is_known = previous->position > 0 || previous->descriptor >= 0;
    if (is_known && visit_folder(base, match_file, &place)) {
        named.path = place.path;
    }
    struct newer_search search = {.base = base, .previous = &named, .files = out};
    (void)visit_folder(base, collect_newer, &search);
    if (out->count > 1) {
        qsort_r(out->paths, out->count, sizeof *out->paths, compare_paths, (void *)(uintptr_t)base);
    }
}

void rotation_files_fini(struct rotation_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->paths[i]);
    }
    free(files->paths);
}

bool rotation_locate(const char *base, struct generation *generation)
{
    struct file_search search = {.generation = generation, .needs_inode = true, .base = base};
    bool is_found = visit_folder(base, match_file, &search);
    if (!is_found && generation->position > 0) {
        /* The path itself comes first: a copy beside it is older. */
        search.needs_inode = false;
        is_found = match_file(&search, base) || visit_folder(base, match_file, &search);
    }
    int descriptor = is_found ? generation_open_file(search.path) : -1;
    if (descriptor < 0) {
        return false;
    }
    generation_move(generation, search.path, descriptor);
    return true;
}
