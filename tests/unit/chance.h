/* Numbers by chance for unit tests: the same from the same seed, on every machine. */
#pragma once

#include <stdint.h>

/* The next one, of 31 bits: the low ones of the seed, which come round soon, are left out. */
static inline uint64_t chance_next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}
