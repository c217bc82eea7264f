/* An io that stands before the simulated one and lies, to see that the campaign notices.
 *
 * Owns:   one struct io per process of the node.
 * Thread: one. */
#pragma once

#include "log/io/io.h"

enum store_lie {
    STORE_LIE_NONE,
    STORE_LIE_SKIP_DIR_SYNC,  /* directory syncs do nothing */
    STORE_LIE_SKIP_FILE_SYNC, /* waiting file syncs do nothing */
    STORE_LIE_EARLY_FLUSH,    /* asynchronous syncs say done before they began */
    STORE_LIE_DROP_TRUNCATE,  /* truncations do nothing */
    STORE_LIE_SHORT_LIST,     /* directory lists lack their last entry */
    STORE_LIE_COUNT,
};

struct store_liar {
    struct io io; /* hand this out */
    struct io *real;
    enum store_lie lie;
};

const char *store_liar_name(enum store_lie lie);
/* STORE_LIE_COUNT for a name that is none. */
enum store_lie store_liar_find(const char *name);
void store_liar_init(struct store_liar *liar, struct io *real, enum store_lie lie);
