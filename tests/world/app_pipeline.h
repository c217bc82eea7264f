/* An application made up by a seed: its script, and what may be asked of its outcome.
 *
 * Owns:   the text.
 * Keeps:  the same seed gives the same script, records and limits, whatever world they meet.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { APP_PIPELINE_SCRIPT_SIZE = 6000, APP_PIPELINE_RECORDS = 120, APP_PIPELINE_WAVE = 15 };

struct app_pipeline {
    uint64_t state; /* of the generator */
    char script[APP_PIPELINE_SCRIPT_SIZE];
    int32_t partitions;
    bool is_exactly_once;
    bool has_side;    /* it reads "side" too */
    bool is_in_waves; /* records come while nothing runs, and no record of a wave is older than the
                       * waves before: the order of two topics must not hang on when they come */
    bool is_shuffled; /* records go through a topic of its own: at least once repeats them there */
    bool is_loose; /* from several partitions into one: only the last value of a key is decided */
};

void app_pipeline_init(struct app_pipeline *pipeline, uint64_t seed);
uint64_t app_pipeline_draw(struct app_pipeline *pipeline, uint64_t below);
/* Record `number` of a topic; `key` and `value` are cleared first. */
void app_pipeline_write_record(struct app_pipeline *pipeline, int number, struct buffer *key,
                               struct buffer *value);
