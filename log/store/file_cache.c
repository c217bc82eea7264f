/* A list in order of use. */
#include "log/store/file_cache.h"

#include "log/base/error.h"

void file_cache_init(struct file_cache *cache, struct io *io, int64_t limit_count)
{
    *cache = (struct file_cache){.io = io, .limit_count = limit_count};
    list_init(&cache->files);
}

void file_cache_close(struct file_cache *cache, struct file_cache_entry *entry)
{
    if (entry->file == NULL) {
        return;
    }
    check(entry->pin_count == 0);
    io_file_close(cache->io, entry->file);
    entry->file = NULL;
    list_remove(&entry->link);
    cache->open_count--;
}

static void file_cache_shrink(struct file_cache *cache, int64_t limit_count,
                              const struct file_cache_entry *keep)
{
    for (list_each (&cache->files, link)) {
        if (cache->open_count <= limit_count) {
            return;
        }
        struct file_cache_entry *entry = list_member(link, struct file_cache_entry, link);
        if (entry->pin_count == 0 && entry != keep) {
            file_cache_close(cache, entry);
            if (cache->evicted != NULL) {
                cache->evicted(entry);
            }
        }
    }
}

bool file_cache_find(struct file_cache *cache, struct file_cache_entry *entry, struct io_file **out)
{
    if (entry->file == NULL) {
        return false;
    }
    if (cache->files.head.previous != &entry->link) {
        list_remove(&entry->link);
        list_add(&cache->files, &entry->link);
    }
    *out = entry->file;
    return true;
}

int file_cache_open(struct file_cache *cache, struct file_cache_entry *entry, const char *path,
                    int flags, struct io_file **out)
{
    if (file_cache_find(cache, entry, out)) {
        return 0;
    }
    int error = io_file_open(cache->io, path, flags, &entry->file);
    if (error == ERROR_NO_DESCRIPTORS && cache->open_count > 0) {
        file_cache_shrink(cache, cache->open_count / 2, NULL);
        error = io_file_open(cache->io, path, flags, &entry->file);
    }
    if (error != 0) {
        entry->file = NULL;
        return error;
    }
    list_add(&cache->files, &entry->link);
    cache->open_count++;
    file_cache_shrink(cache, cache->limit_count, entry);
    *out = entry->file;
    return 0;
}

void file_cache_pin(struct file_cache_entry *entry)
{
    check(entry->file != NULL);
    entry->pin_count++;
}

void file_cache_unpin(struct file_cache *cache, struct file_cache_entry *entry)
{
    check(entry->pin_count > 0);
    entry->pin_count--;
    file_cache_shrink(cache, cache->limit_count, NULL);
}

void file_cache_check(const struct file_cache *cache)
{
    int64_t count = 0;
    int64_t pinned_count = 0;
    for (list_each (&cache->files, link)) {
        const struct file_cache_entry *entry = list_member(link, struct file_cache_entry, link);
        check(entry->file != NULL);
        count++;
        pinned_count += entry->pin_count > 0 ? 1 : 0;
    }
    check(count == cache->open_count);
    check(count <= cache->limit_count || pinned_count > 0);
}
