/* What a scraper reads of topics, partitions and groups: made when it asks, so that nothing is
 * counted twice and nothing costs while nobody looks.
 *
 * Names are those of kafka_exporter where it has one, so that its dashboards and alerts work.
 * Owns:   nothing.
 * Keeps:  a family has at most metrics.series.max lines; what was left out is told.
 * Thread: the broker's shard. */
#pragma once

#include "log/coordinator/coordinator.h"
#include "log/io/io.h"
#include "log/meta/meta.h"
#include "log/replica/replica.h"

struct broker_metrics_parts {
    struct io *io;
    const struct meta *meta;
    struct store *store;
    struct replica_set *replicas;
    struct coordinator *coordinator;
    const char *path; /* the data directory */
};

/* Appends Prometheus text. */
void broker_metrics_write(const struct broker_metrics_parts *parts, struct buffer *out);
