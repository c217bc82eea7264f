/* Which applications a cluster has deployed: the newest records of a compacted topic, followed.
 *
 *     key "shop"      the current version (runtime/app/app_bundle.h); null: it was removed
 *     key "shop@3"    a version, kept so that it can be made current again; not looked at here
 *     key "shop@canary"  the version that runs, or ran last, on a part of the tasks
 *                     (runtime/app/canary_order.h)
 *
 * A start tells what is current when the topic was read to its end, then every change. Everybody
 * who follows does the same, so what goes wrong with a version is told through the topic too: the
 * one before is made current again.
 *
 * Owns:   its connection, the fetcher, the producer.
 * Keeps:  (1) nothing is told before the topic was read whole once;
 *         (2) a record that says nothing it understands is traced and left out.
 * Thread: its io's shard. */
#pragma once

#include "runtime/app/canary_order.h"
#include "runtime/client/client.h"

#define DEPLOYMENT_TOPIC  "__tidemill_apps"
#define DEPLOYMENT_CANARY "@canary"

struct deployment;

struct deployment_events {
    /* This version from now on. Who keeps the bundle empties it. */
    void (*deployed)(void *owner, struct app_bundle *bundle);
    void (*removed)(void *owner, const char *app);
    /* Of one that is deployed, and not before its current version; NULL: nothing is said any more.
     * Valid during the call. */
    void (*canary)(void *owner, const char *app, const struct canary_order *order);
};

/* Makes the topic if it is not there. The events are borrowed. */
struct deployment *deployment_start(struct io *io, const struct client_options *options,
                                    const struct deployment_events *events, void *owner);
/* What was put may be lost. Frees it before `stopped`. */
void deployment_stop(struct deployment *deployment, void (*stopped)(void *owner), void *owner);
/* Makes this version the current one. */
void deployment_put(struct deployment *deployment, const struct app_bundle *bundle);
/* Says this of the version on a part of the tasks. */
void deployment_put_canary(struct deployment *deployment, const struct canary_order *order);
