/* A look into one store of an application: the tasks that run here, in the order of their
 * partitions, or the global table.
 *
 * A store may be large, so a look is taken in steps; between them records are processed, and each
 * row is as it was when it was looked at.
 *
 * Owns:   where it goes on. What was asked is borrowed.
 * Keeps:  a step looks at APP_STORE_STEP_COUNT rows at most.
 * Thread: the application's shard. */
#pragma once

#include "runtime/app/app.h"

enum { APP_STORE_STEP_COUNT = 2000, APP_STORE_SIZE_MAX = 8 << 20 };

struct app_store_look {
    const char *store;
    struct bytes key;  /* this key alone; null: all that follow */
    struct bytes from; /* keys from <= key < to; null: open */
    struct bytes to;
    int64_t count_max;
    struct buffer *out; /* rows as JSON objects (record_json.h) with their partition, with commas */
    /* Its own from here; zeroes at first. */
    int64_t count;
    int32_t partition;
    struct buffer place;
    bool has_more; /* rows were left out: there were too many, or too large ones */
};

enum app_store_result {
    APP_STORE_DONE,
    APP_STORE_AGAIN,   /* another step is to follow */
    APP_STORE_UNKNOWN, /* the plan has no such store */
    APP_STORE_HIDDEN,  /* its step keeps it for itself */
    APP_STORE_CORRUPT, /* it holds something else than it should */
};

/* Every worker of the application holds the same of it: one look is enough. */
bool app_store_is_global(const struct app *app, const char *store);
enum app_store_result app_store_step(struct app *app, struct app_store_look *look);
/* The look goes on with what another worker of the application holds. */
void app_store_go_on(struct app_store_look *look);
void app_store_end(struct app_store_look *look);
