/* What a cluster has deployed of one application, for the commands that change it: its current
 * version, those that are kept, and the one on a part of the tasks (runtime/host/deployment.h tells
 * the records).
 *
 * A change is one transaction, whose id is the application's. Once it is ours whoever began before
 * is fenced, and what is deployed is read again: of two changes that were decided on the same
 * picture one fails, whatever their order.
 * The ten newest versions are kept, and the current one.
 *
 * Owns:   copies of all of it.
 * Keeps:  versions stand in the order of their numbers.
 * Thread: the command's. All but the first two return a COMMAND_... after a complaint. */
#pragma once

#include "runtime/app/canary_order.h"
#include "runtime/cli/errand.h"

/* By what one sees whether somebody changed something. */
struct deploy_picture {
    int64_t current_version;
    int64_t current_ms; /* when it became that */
    int64_t newest_version;
    int64_t canary_version; /* 0: there is none */
    int64_t canary_ms;
    enum canary_order_state canary_state;
};

struct deploy {
    struct errand *errand;
    const char *app;
    struct app_bundle current; /* version 0: none */
    bool has_canary;
    struct canary_order canary; /* the last one */
    struct app_bundle *versions;
    size_t version_count;
    bool has_topic;
    struct deploy_picture picture; /* as it was read */
};

void deploy_init(struct deploy *deploy, struct errand *errand, const char *app);
void deploy_fini(struct deploy *deploy);
/* Fills it from the topic; nothing is there when the topic is not. */
must_use int deploy_read(struct deploy *deploy);
/* Whether a version runs on a part of the tasks. */
bool deploy_is_trying(const struct deploy *deploy);
/* A new version: the current one for all tasks, or on a part of them. */
must_use int deploy_put_version(struct deploy *deploy, const struct app_bundle *bundle);
must_use int deploy_put_canary(struct deploy *deploy, const struct canary_order *order);
/* One that is kept, or the one on a part of the tasks. */
must_use int deploy_make_current(struct deploy *deploy, const struct app_bundle *bundle);
/* The one on a part of the tasks is rolled back. */
must_use int deploy_stop_canary(struct deploy *deploy);
/* No process runs the application any more. */
must_use int deploy_remove(struct deploy *deploy);
