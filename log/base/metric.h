/* Counters, gauges and histograms, written as Prometheus text (exposition format 0.0.4).
 *
 * A registry belongs to one shard; rows are registered once and updated by plain stores. Histograms
 * are of seconds, with one row of buckets for all, from half a millisecond to half a minute.
 * Owns:   the rows; a row lives as long as its registry or until metric_remove.
 * Thread: the registry's shard. */
#pragma once

#include "log/base/bytes.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_BUCKET_COUNT = 15 };

struct metric {
    const char *name; /* "tidemill_produce_bytes_total" */
    char *labels;     /* `topic="orders",partition="0"`; "" when there are none */
    const char *help;
    enum metric_kind kind;
    double value;     /* of a histogram the sum */
    uint64_t *counts; /* of a histogram, METRIC_BUCKET_COUNT + 1: the last is beyond all bounds */
};

struct metric_registry;

struct metric_registry *metric_registry_new(void);
void metric_registry_free(struct metric_registry *registry);
/* The row with this name and these labels, made when it is new. `name` and `help` must be string
 * literals; `labels` (NULL for none) is copied and written as given: escape values with
 * metric_label. */
struct metric *metric_get(struct metric_registry *registry, enum metric_kind kind, const char *name,
                          const char *labels, const char *help);
void metric_remove(struct metric_registry *registry, struct metric *metric);
/* Appends `name="value"` (with a comma when the buffer is not empty), escaped. */
void metric_label(struct buffer *labels, const char *name, struct bytes value);
/* Appends one line of a scraper's page: `name{labels} value`; labels may be "". */
void metric_write_sample(struct buffer *out, const char *name, const char *labels, double value);
/* Appends all rows, grouped by name in order of first registration, with HELP and TYPE lines. */
void metric_write_all(const struct metric_registry *registry, struct buffer *out);

/* One observation of a histogram. */
void metric_observe(struct metric *metric, double seconds);

static inline void metric_add(struct metric *metric, double amount)
{
    metric->value += amount;
}

static inline void metric_set(struct metric *metric, double value)
{
    metric->value = value;
}
