/* What clients tell about themselves (KIP-714): which metrics they are asked for, and what they
 * pushed.
 *
 * Subscriptions are resources of the kind CLIENT_METRICS. A client gets an id, the prefixes of all
 * subscriptions that fit it, and the shortest of their intervals; it pushes no more often.
 *
 * Owns:   what is remembered of clients, and their samples.
 * Keeps:  (1) at most client.telemetry.instances.max clients are remembered, the longest silent one
 *             makes room;
 *         (2) their samples together are at most client.telemetry.metrics.max;
 *         (3) who was silent for three intervals is forgotten.
 * Thread: the server's shard. */
#pragma once

#include "log/io/io.h"
#include "log/meta/client_match.h"
#include "log/meta/meta.h"

struct telemetry;

/* Who asks; borrowed during a call. */
struct telemetry_client {
    struct wire_uuid instance_id;
    struct client_match_facts facts; /* without the instance's id */
};

struct telemetry_answer {
    struct wire_uuid instance_id;
    int32_t subscription_id;
    int32_t push_interval_ms;
    const char *const *metrics; /* prefixes; "" is everything; lives until the next call */
    size_t metric_count;
};

struct telemetry_push {
    int32_t subscription_id;
    bool is_terminating;
    int8_t compression; /* enum compress_codec; others are refused */
    struct bytes metrics;
};

struct telemetry *telemetry_new(struct io *io, struct meta *meta);
void telemetry_free(struct telemetry *telemetry);
/* GetTelemetrySubscriptions: 0, ERROR_INVALID_REQUEST, or ERROR_THROTTLING_QUOTA_EXCEEDED before
 * its time. */
must_use int telemetry_subscribe(struct telemetry *telemetry, const struct telemetry_client *client,
                                 struct telemetry_answer *out);
/* PushTelemetry: 0, ERROR_INVALID_REQUEST, ERROR_THROTTLING_QUOTA_EXCEEDED,
 * ERROR_UNKNOWN_SUBSCRIPTION_ID, ERROR_UNSUPPORTED_COMPRESSION_TYPE, ERROR_TELEMETRY_TOO_LARGE or
 * ERROR_INVALID_RECORD. */
must_use int telemetry_take(struct telemetry *telemetry, const struct telemetry_client *client,
                            const struct telemetry_push *push);
/* Appends what clients pushed as Prometheus text. */
void telemetry_write_metrics(struct telemetry *telemetry, struct buffer *out);
struct telemetry_stats {
    size_t instance_count;
    size_t sample_count;
    size_t push_count;    /* since the start */
    size_t dropped_count; /* data points that were not kept */
};
void telemetry_read_stats(const struct telemetry *telemetry, struct telemetry_stats *out);
void telemetry_check(const struct telemetry *telemetry);
