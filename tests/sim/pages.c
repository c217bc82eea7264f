/* A map from page numbers to pages; see pages.h. */
#include "tests/sim/pages.h"

#include "log/base/memory.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

void sim_pages_init(struct sim_pages *pages)
{
    map_init(&pages->pages);
}

void sim_pages_fini(struct sim_pages *pages)
{
    map_fini(&pages->pages, free);
}

static uint8_t *page_find(const struct sim_pages *pages, uint64_t number)
{
    return map_find(&pages->pages, bytes_make(&number, sizeof number));
}

static uint8_t *page_get(struct sim_pages *pages, uint64_t number)
{
    uint8_t *page = page_find(pages, number);
    if (page == NULL) {
        page = memory_zero(1, SIM_PAGE_SIZE);
        map_put(&pages->pages, bytes_make(&number, sizeof number), page);
    }
    return page;
}

static size_t piece_size(uint64_t position, size_t size)
{
    size_t room = SIM_PAGE_SIZE - (size_t)(position % SIM_PAGE_SIZE);
    return size < room ? size : room;
}

void sim_pages_read(const struct sim_pages *pages, uint8_t *out, uint64_t position, size_t size)
{
    while (size > 0) {
        size_t piece = piece_size(position, size);
        const uint8_t *page = page_find(pages, position / SIM_PAGE_SIZE);
        if (page == NULL) {
            memset(out, 0, piece);
        } else {
            memcpy(out, page + position % SIM_PAGE_SIZE, piece);
        }
        out += piece;
        position += piece;
        size -= piece;
    }
}

void sim_pages_write(struct sim_pages *pages, const uint8_t *data, uint64_t position, size_t size)
{
    while (size > 0) {
        size_t piece = piece_size(position, size);
        memcpy(page_get(pages, position / SIM_PAGE_SIZE) + position % SIM_PAGE_SIZE, data, piece);
        data += piece;
        position += piece;
        size -= piece;
    }
}

void sim_pages_truncate(struct sim_pages *pages, uint64_t size)
{
    for (map_each (&pages->pages, entry)) {
        uint64_t number;
        memcpy(&number, entry->key.data, sizeof number);
        if (number * SIM_PAGE_SIZE >= size) {
            free(map_remove(&pages->pages, bytes_make(&number, sizeof number)));
        } else if (size < (number + 1) * SIM_PAGE_SIZE) {
            size_t kept = (size_t)(size - number * SIM_PAGE_SIZE);
            memset((uint8_t *)entry->value + kept, 0, SIM_PAGE_SIZE - kept);
        }
    }
}

void sim_pages_copy(struct sim_pages *to, const struct sim_pages *from)
{
    sim_pages_fini(to);
    sim_pages_init(to);
    for (map_each (&from->pages, entry)) {
        uint8_t *page = memory_alloc(SIM_PAGE_SIZE);
        memcpy(page, entry->value, SIM_PAGE_SIZE);
        map_put(&to->pages, entry->key, page);
    }
}

uint64_t sim_pages_count(const struct sim_pages *pages)
{
    return pages->pages.size;
}
