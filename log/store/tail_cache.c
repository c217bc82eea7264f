/* Blocks of newest bytes; see tail_cache.h. */
#include "log/store/tail_cache.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { TAIL_CACHE_BATCHES = 8 }; /* of the first one's size, for which a block has room */

void tail_cache_init(struct tail_cache *cache, size_t size_max)
{
    *cache = (struct tail_cache){.size_max = size_max};
    list_init(&cache->blocks);
}

void tail_cache_fini(struct tail_cache *cache)
{
    check(list_is_empty(&cache->blocks));
    check(cache->size == 0);
}

static size_t tail_cache_size(const struct tail_cache_block *block)
{
    return sizeof *block + block->capacity;
}

static void tail_cache_free_if_unused(struct tail_cache_block *block)
{
    if (block->owner == NULL && block->holder_count == 0) {
        block->cache->size -= tail_cache_size(block);
        free(block);
    }
}

static void tail_cache_let_go(struct tail_cache_block *block)
{
    *block->owner = NULL;
    block->owner = NULL;
    list_remove(&block->link);
    tail_cache_free_if_unused(block);
}

/* NULL when there is no room, though those that nobody used for long went. */
static struct tail_cache_block *tail_cache_make(struct tail_cache *cache, size_t batch_size)
{
    size_t capacity = batch_size * TAIL_CACHE_BATCHES;
    capacity = capacity < TAIL_CACHE_BLOCK_MIN ? TAIL_CACHE_BLOCK_MIN : capacity;
    capacity = capacity > TAIL_CACHE_BLOCK_MAX ? TAIL_CACHE_BLOCK_MAX : capacity;
    size_t size = sizeof(struct tail_cache_block) + capacity;
    while (cache->size + size > cache->size_max && !list_is_empty(&cache->blocks)) {
        tail_cache_let_go(list_member(cache->blocks.head.next, struct tail_cache_block, link));
    }
    if (cache->size + size > cache->size_max) {
        return NULL;
    }
    struct tail_cache_block *block = memory_alloc(size);
    *block = (struct tail_cache_block){.cache = cache, .capacity = capacity};
    cache->size += size;
    return block;
}

static bool tail_cache_fits(const struct tail_cache_block *block, int64_t segment_offset,
                            int64_t position, size_t size)
{
    return block->segment_offset == segment_offset &&
           block->position + (int64_t)block->size == position &&
           block->capacity - block->size >= size;
}

void tail_cache_roll(struct tail_cache_tail *tail)
{
    if (tail->block != NULL) {
        tail_cache_let_go(tail->block);
    }
}

void tail_cache_drop(struct tail_cache_tail *tail)
{
    tail->patience = 0;
    tail_cache_roll(tail);
}

void tail_cache_note(struct tail_cache *cache, struct tail_cache_tail *tail, int64_t segment_offset,
                     int64_t position, struct bytes data)
{
    if (tail->patience <= 0) {
        return;
    }
    tail->patience--;
    if (tail->patience == 0 || data.size > TAIL_CACHE_BATCH_MAX) {
        tail_cache_drop(tail);
        return;
    }
    if (tail->block == NULL || !tail_cache_fits(tail->block, segment_offset, position, data.size)) {
        tail_cache_roll(tail);
        tail->block = tail_cache_make(cache, data.size);
        if (tail->block == NULL) {
            return;
        }
        tail->block->owner = &tail->block;
        tail->block->segment_offset = segment_offset;
        tail->block->position = position;
        list_add(&cache->blocks, &tail->block->link);
    }
    memcpy(tail->block->data + tail->block->size, data.data, data.size);
    tail->block->size += data.size;
}

void tail_cache_follow(struct tail_cache_tail *tail)
{
    tail->patience = TAIL_CACHE_PATIENCE;
}

struct tail_cache_block *tail_cache_hold(struct tail_cache_tail *tail, int64_t segment_offset,
                                         int64_t position, size_t size)
{
    struct tail_cache_block *block = tail->block;
    if (block == NULL || block->segment_offset != segment_offset || position < block->position ||
        position + (int64_t)size > block->position + (int64_t)block->size) {
        return NULL;
    }
    block->holder_count++;
    list_remove(&block->link);
    list_add(&block->cache->blocks, &block->link);
    return block;
}

void tail_cache_release(struct tail_cache_block *block)
{
    check(block->holder_count > 0);
    block->holder_count--;
    tail_cache_free_if_unused(block);
}

void tail_cache_check(const struct tail_cache *cache)
{
    size_t size = 0;
    for (const struct list_link *link = cache->blocks.head.next; link != &cache->blocks.head;
         link = link->next) {
        const struct tail_cache_block *block =
            list_member(link, const struct tail_cache_block, link);
        check(*block->owner == block);
        check(block->size <= block->capacity);
        size += tail_cache_size(block);
    }
    check(size <= cache->size);
    check(cache->size <= cache->size_max);
}
