/* One file's content in the page cache and on the disk; see disk.h.
 *
 * Every change lies in the page cache at once and in a list of effects until a sync makes it
 * durable, a failed sync loses it, or a crash decides. Effects survive a crash one by one, since
 * the kernel writes pages back in any order. */
#include "tests/sim/disk.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

struct sim_effect {
    struct list_link link;
    uint64_t number;
    bool is_truncation; /* to `position` */
    uint64_t position;
    size_t size;
    uint8_t data[];
};

struct sim_inode *sim_inode_new(struct sim_disk *disk, bool is_directory)
{
    struct sim_inode *inode = memory_new(struct sim_inode);
    inode->disk = disk;
    inode->is_directory = is_directory;
    inode->reference_count = 1;
    map_init(&inode->names);
    map_init(&inode->durable_names);
    sim_pages_init(&inode->content);
    sim_pages_init(&inode->durable);
    list_init(&inode->effects);
    list_add(&disk->inodes, &inode->link);
    return inode;
}

static struct sim_effect *effect_first(struct sim_inode *inode)
{
    return list_is_empty(&inode->effects)
               ? NULL
               : list_member(inode->effects.head.next, struct sim_effect, link);
}

static void effect_remove(struct sim_effect *effect)
{
    list_remove(&effect->link);
    free(effect);
}

static struct sim_effect *effect_add(struct sim_inode *inode, uint64_t position, size_t size)
{
    struct sim_effect *effect = memory_zero(1, sizeof *effect + size);
    effect->number = inode->effect_count++;
    effect->position = position;
    effect->size = size;
    list_add(&inode->effects, &effect->link);
    return effect;
}

void sim_inode_fini(struct sim_inode *inode)
{
    while (effect_first(inode) != NULL) {
        effect_remove(effect_first(inode));
    }
    sim_pages_fini(&inode->content);
    sim_pages_fini(&inode->durable);
}

void sim_inode_write(struct sim_inode *inode, const uint8_t *data, size_t size, uint64_t position)
{
    sim_pages_write(&inode->content, data, position, size);
    if (size > 0 && inode->size < position + size) {
        inode->size = position + size;
    }
    memcpy(effect_add(inode, position, size)->data, data, size);
    sim_inode_charge(inode);
}

void sim_inode_truncate(struct sim_inode *inode, uint64_t size)
{
    sim_pages_truncate(&inode->content, size);
    inode->size = size;
    if (inode->reserved_size > size) {
        inode->reserved_size = size;
    }
    effect_add(inode, size, 0)->is_truncation = true;
    sim_inode_charge(inode);
}

uint64_t sim_inode_room(const struct sim_inode *inode, uint64_t position, uint64_t size,
                        uint64_t free_pages)
{
    uint64_t end = position + size;
    for (uint64_t at = position; at < end; at = (at / SIM_PAGE_SIZE + 1) * SIM_PAGE_SIZE) {
        uint64_t number = at / SIM_PAGE_SIZE;
        if (at < inode->reserved_size ||
            map_find(&inode->content.pages, bytes_make(&number, sizeof number)) != NULL) {
            continue;
        }
        if (free_pages == 0) {
            return at - position;
        }
        free_pages--;
    }
    return size;
}

static void durable_write(struct sim_inode *inode, const struct sim_effect *effect, size_t from,
                          size_t size)
{
    sim_pages_write(&inode->durable, effect->data + from, effect->position + from, size);
    if (size > 0 && inode->durable_size < effect->position + from + size) {
        inode->durable_size = effect->position + from + size;
    }
}

static void effect_settle(struct sim_inode *inode, const struct sim_effect *effect)
{
    if (effect->is_truncation) {
        sim_pages_truncate(&inode->durable, effect->position);
        inode->durable_size = effect->position;
    } else {
        durable_write(inode, effect, 0, effect->size);
    }
}

/* Each sector reaches the disk or not; the size may already be the new one. */
static void effect_tear_sectors(struct sim_inode *inode, const struct sim_effect *effect)
{
    struct sim *sim = inode->disk->sim;
    uint64_t end = effect->position + effect->size;
    for (uint64_t at = effect->position; at < end;) {
        uint64_t next = (at / SIM_SECTOR_SIZE + 1) * SIM_SECTOR_SIZE;
        next = next < end ? next : end;
        if (sim_random(sim, 2) == 0) {
            durable_write(inode, effect, (size_t)(at - effect->position), (size_t)(next - at));
        }
        at = next;
    }
    if (inode->durable_size < end && sim_random(sim, 2) == 0) {
        inode->durable_size = end;
    }
}

/* What happens to an effect that no sync covered. */
static void effect_gamble(struct sim_inode *inode, const struct sim_effect *effect)
{
    struct sim *sim = inode->disk->sim;
    uint64_t outcome = sim_random(sim, 6);
    if (outcome <= 1 || (effect->is_truncation && outcome <= 2)) {
        effect_settle(inode, effect);
    } else if (outcome <= 3 || effect->is_truncation || effect->size == 0) {
        return;
    } else if (outcome == 4) {
        effect_tear_sectors(inode, effect);
    } else {
        durable_write(inode, effect, 0, (size_t)sim_random(sim, effect->size));
    }
}

static void effects_end(struct sim_inode *inode, uint64_t mark,
                        void (*end)(struct sim_inode *inode, const struct sim_effect *effect))
{
    struct sim_effect *effect = effect_first(inode);
    while (effect != NULL && effect->number < mark) {
        end(inode, effect);
        effect_remove(effect);
        effect = effect_first(inode);
    }
}

void sim_inode_sync(struct sim_inode *inode, uint64_t mark)
{
    effects_end(inode, mark, effect_settle);
}

void sim_inode_lose(struct sim_inode *inode, uint64_t mark)
{
    effects_end(inode, mark, effect_gamble);
}

void sim_inode_crash(struct sim_inode *inode)
{
    effects_end(inode, UINT64_MAX, effect_gamble);
    sim_pages_copy(&inode->content, &inode->durable);
    inode->size = inode->durable_size;
    inode->reserved_size = 0;
}
