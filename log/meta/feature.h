/* What the cluster as a whole can be told to do, as rows of feature.def.
 *
 * The level in force is in the picture: meta_feature_level.
 * Owns:   nothing.
 * Keeps:  names are unique, and 0 <= lowest <= highest.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

struct feature {
    const char *name;
    int16_t lowest;
    int16_t highest;
};

/* The row after `feature`, the first for NULL, NULL at the end. */
const struct feature *feature_next(const struct feature *feature);
/* NULL when there is none. */
const struct feature *feature_find(struct bytes name);
void feature_check(void);
