/* What is measured of the single tasks, inputs and stores of applications, as lines of a scraper's
 * page. They are made anew each time, so that nothing is told of a task that moved away.
 *
 * Owns:   the lines.
 * Keeps:  a name has APP_GAUGES_MAX lines at most; how many were left out is counted.
 * Thread: any, one at a time; app_gauges_add the shard of that application. */
#pragma once

#include "runtime/app/app.h"

enum { APP_GAUGES_MAX = 2000 };

enum app_gauges_id {
#define APP_GAUGE(id, name, help) APP_GAUGES_##id,
#include "runtime/app/app_gauges.def"
#undef APP_GAUGE
    APP_GAUGES_COUNT
};

struct app_gauges {
    struct buffer lines[APP_GAUGES_COUNT];
    size_t counts[APP_GAUGES_COUNT];
    int64_t omitted_count;
};

/* An empty one is all zeroes. */
void app_gauges_fini(struct app_gauges *gauges);
void app_gauges_add(struct app_gauges *gauges, const struct app *app);
/* Each name once, with its lines. */
void app_gauges_write(const struct app_gauges *gauges, struct buffer *out);
