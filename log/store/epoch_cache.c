/* A short sorted array and its file; see epoch_cache.h. */
#include "log/store/epoch_cache.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/small_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char epoch_cache_file[] = "leader-epoch-checkpoint";

void epoch_cache_init(struct epoch_cache *cache)
{
    *cache = (struct epoch_cache){.is_written = true};
}

void epoch_cache_fini(struct epoch_cache *cache)
{
    free(cache->entries);
    epoch_cache_init(cache);
}

int32_t epoch_cache_last(const struct epoch_cache *cache)
{
    return cache->count == 0 ? -1 : cache->entries[cache->count - 1].epoch;
}

void epoch_cache_note(struct epoch_cache *cache, int32_t epoch, int64_t offset)
{
    if (epoch < 0 || epoch <= epoch_cache_last(cache)) {
        return;
    }
    if (cache->count > 0 && cache->entries[cache->count - 1].start_offset >= offset) {
        cache->count--; /* an epoch without a single record */
    }
    if (cache->count == cache->capacity) {
        cache->capacity = cache->capacity == 0 ? 2 : cache->capacity * 2;
        cache->entries =
            memory_resize(cache->entries, (size_t)cache->capacity * sizeof *cache->entries);
    }
    cache->entries[cache->count++] = (struct epoch_cache_entry){epoch, offset};
    cache->is_written = false;
}

bool epoch_cache_find(const struct epoch_cache *cache, int32_t epoch, int64_t end_offset,
                      int32_t *found_epoch, int64_t *found_end)
{
    for (int32_t i = cache->count - 1; i >= 0; i--) {
        if (cache->entries[i].epoch <= epoch) {
            *found_epoch = cache->entries[i].epoch;
            *found_end = i + 1 == cache->count ? end_offset : cache->entries[i + 1].start_offset;
            return true;
        }
    }
    return false;
}

int32_t epoch_cache_at(const struct epoch_cache *cache, int64_t offset)
{
    for (int32_t i = cache->count - 1; i >= 0; i--) {
        if (cache->entries[i].start_offset <= offset) {
            return cache->entries[i].epoch;
        }
    }
    return -1;
}

void epoch_cache_truncate(struct epoch_cache *cache, int64_t offset)
{
    while (cache->count > 0 && cache->entries[cache->count - 1].start_offset >= offset) {
        cache->count--;
        cache->is_written = false;
    }
}

bool epoch_cache_limit(struct epoch_cache *cache, int32_t epoch)
{
    int32_t count = cache->count;
    while (cache->count > 0 && cache->entries[cache->count - 1].epoch > epoch) {
        cache->count--;
        cache->is_written = false;
    }
    return cache->count < count;
}

void epoch_cache_set_start(struct epoch_cache *cache, int64_t offset)
{
    int32_t gone = 0;
    while (gone + 1 < cache->count && cache->entries[gone + 1].start_offset <= offset) {
        gone++;
    }
    if (gone > 0) {
        cache->count -= gone;
        memmove(cache->entries, cache->entries + gone,
                (size_t)cache->count * sizeof *cache->entries);
        cache->is_written = false;
    }
    if (cache->count > 0 && cache->entries[0].start_offset < offset) {
        cache->entries[0].start_offset = offset;
        cache->is_written = false;
    }
}

static int epoch_cache_parse(struct epoch_cache *cache, struct bytes text)
{
    int64_t count = 0;
    int error = small_file_head(&text, &count);
    struct bytes line;
    for (int64_t i = 0; error == 0 && i < count; i++) {
        int64_t epoch = 0;
        int64_t offset = 0;
        if (!small_file_line(&text, &line) || small_file_number(&line, &epoch) != 0 ||
            small_file_number(&line, &offset) != 0 || epoch > INT32_MAX ||
            epoch <= epoch_cache_last(cache) || offset < 0 ||
            (cache->count > 0 && offset <= cache->entries[cache->count - 1].start_offset)) {
            return ERROR_CORRUPT;
        }
        epoch_cache_note(cache, (int32_t)epoch, offset);
    }
    return error != 0 || text.size != 0 ? ERROR_CORRUPT : 0;
}

int epoch_cache_read(struct epoch_cache *cache, struct io *io, const char *directory)
{
    struct buffer text;
    buffer_init(&text);
    struct epoch_cache read;
    epoch_cache_init(&read);
    int error = small_file_read(io, directory, epoch_cache_file, &text);
    if (error == 0) {
        error = epoch_cache_parse(&read, buffer_bytes(&text));
    }
    buffer_fini(&text);
    if (error != 0) {
        epoch_cache_fini(&read);
        return error;
    }
    epoch_cache_fini(cache);
    *cache = read;
    cache->is_written = true;
    return 0;
}

int epoch_cache_write(struct epoch_cache *cache, struct io *io, const char *directory)
{
    if (cache->is_written) {
        return 0;
    }
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "0\n%" PRId32 "\n", cache->count);
    for (int32_t i = 0; i < cache->count; i++) {
        buffer_printf(&text, "%" PRId32 " %" PRId64 "\n", cache->entries[i].epoch,
                      cache->entries[i].start_offset);
    }
    int error = small_file_write(io, directory, epoch_cache_file, buffer_bytes(&text));
    buffer_fini(&text);
    if (error == 0) {
        cache->is_written = true;
    }
    return error;
}

void epoch_cache_check(const struct epoch_cache *cache)
{
    check(cache->count <= cache->capacity);
    for (int32_t i = 1; i < cache->count; i++) {
        check(cache->entries[i - 1].epoch < cache->entries[i].epoch);
        check(cache->entries[i - 1].start_offset < cache->entries[i].start_offset);
    }
}
