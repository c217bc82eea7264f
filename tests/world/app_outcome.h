/* What a run left in its topics, read as committed; and whether two runs left the same.
 *
 * Of an output the records of a key in their order, of a changelog the last one.
 * Owns:   the texts; a client while it reads.
 * Thread: one. */
#pragma once

#include "log/base/map.h"
#include "runtime/client/fetcher.h"
#include "runtime/topology/topology.h"
#include "tests/world/app_pipeline.h"

struct node_world;

struct app_outcome {
    struct node_world *world;
    int32_t partitions;
    struct map outputs;    /* "<topic> <key>": struct buffer, a line per record */
    struct map changelogs; /* "<topic>-<partition> <key>": struct buffer, the value */
    struct client *client;
    struct fetcher *fetcher;
    int64_t record_count;
};

void app_outcome_init(struct app_outcome *outcome, struct node_world *world, int32_t partitions);
/* Begins to read every output and every changelog of the plan. */
void app_outcome_open(struct app_outcome *outcome, const struct topology *topology);
/* Takes what came since. */
void app_outcome_take(struct app_outcome *outcome);
/* A sentence when it is not what the pipeline promises, against an undisturbed run; else "". */
void app_outcome_compare(const struct app_outcome *calm, const struct app_outcome *outcome,
                         const struct app_pipeline *pipeline, struct buffer *why);
/* The same for a store and its changelog, which must be read. */
void app_outcome_compare_store(const struct app_outcome *outcome, const char *changelog,
                               int32_t partition, struct kv *kv, struct buffer *why);
