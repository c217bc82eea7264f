/* Numbers that a client pushed about itself, as a scraper reads them (KIP-714).
 *
 * Owns:   the samples of one client.
 * Keeps:  (1) a sample is one name with one set of labels;
 *         (2) names begin with a letter or "_" and never with the name of a metric of this broker;
 *         (3) a label stands once in a sample.
 * Thread: the server's shard. */
#pragma once

#include "log/base/check.h"
#include "log/base/map.h"

struct client_sample {
    char *name;   /* "org_apache_kafka_producer_record_send_total" */
    char *labels; /* `client_id="x",topic="t"` */
    bool is_counter;
    double value;
};

struct client_sample_set {
    struct map samples; /* name and labels to struct client_sample * */
};

void client_sample_set_init(struct client_sample_set *samples);
void client_sample_set_fini(struct client_sample_set *samples);
/* Reads OTLP metrics data. `labels` come first in each sample; at most `limit` samples are kept in
 * all, those beyond are counted in *dropped_count. ERROR_INVALID_RECORD when it is no such data, or
 * when its messages would take more than memory_max bytes; then nothing has changed. */
must_use int client_sample_set_read(struct client_sample_set *samples, struct bytes data,
                                    const char *labels, size_t limit, size_t memory_max,
                                    size_t *dropped_count);
/* Appends the samples of all clients as Prometheus text, one family after the other. Sorts the
 * array. */
void client_sample_write(struct client_sample **all, size_t count, struct buffer *out);
