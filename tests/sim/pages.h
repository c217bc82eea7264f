/* Sparse content: pages of bytes by number; a page that is not there reads as zeros.
 * Thread: the world's. */
#pragma once

#include "log/base/map.h"

struct sim_pages {
    struct map pages;
};

void sim_pages_init(struct sim_pages *pages);
void sim_pages_fini(struct sim_pages *pages);
void sim_pages_read(const struct sim_pages *pages, uint8_t *out, uint64_t position, size_t size);
void sim_pages_write(struct sim_pages *pages, const uint8_t *data, uint64_t position, size_t size);
/* Forgets everything from `size` on. */
void sim_pages_truncate(struct sim_pages *pages, uint64_t size);
void sim_pages_copy(struct sim_pages *to, const struct sim_pages *from);
uint64_t sim_pages_count(const struct sim_pages *pages);
