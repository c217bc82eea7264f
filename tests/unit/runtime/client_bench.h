/* A fake cluster with what a task needs of a client, for the floors above runtime/client.
 *
 * Node 0 is the client's, node 1 the only broker. Everything is checked after every event. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/client/producer.h"
#include "tests/unit/runtime/fake_cluster.h"

enum { CLIENT_BENCH_SECOND = 1000000000 };

struct client_bench {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    struct client *fetch_client;
    struct producer *producer;
    struct fetcher *fetcher;
    bool is_open;
    int closing_count;          /* of the four, while they close */
    void (*judge)(void *owner); /* after every event, or NULL; `check` is a macro */
    void *owner;
    struct buffer text;
};

/* `buffer_size`: of the producer; 0 for its default. */
struct client_bench *client_bench_new(uint64_t seed, size_t buffer_size);
void client_bench_free(struct client_bench *bench);
/* Ends client, producer and fetcher and begins new ones, as after a crash. */
void client_bench_restart(struct client_bench *bench);
void client_bench_run(struct client_bench *bench, uint64_t duration_ns);
/* Runs until the condition holds; it must within 20 seconds. */
void client_bench_run_until(struct client_bench *bench, bool (*condition)(void *owner),
                            void *owner);
/* Appends one record; strings may be NULL. */
void client_bench_append(struct client_bench *bench, const char *topic, int32_t partition,
                         int64_t timestamp_ms, const char *key, const char *value);
/* Removes a topic and makes another of this name. */
void client_bench_make_anew(struct client_bench *bench, const char *topic);
struct client_bench_record {
    int64_t offset;
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value;
    struct bytes headers_encoded;
    int32_t header_count;
};
/* Every record of a partition, in order; views are valid during the call. */
void client_bench_each(struct client_bench *bench, const char *topic, int32_t partition,
                       void (*each)(void *owner, const struct client_bench_record *record),
                       void *owner);
/* "key=value key=value" with - for null and keys that begin with NUL left out; valid until the next
 * call. */
const char *client_bench_text(struct client_bench *bench, const char *topic, int32_t partition);
