/* What the librdkafka checks share: results, clients with settings, waiting with a deadline.
 *
 * A check returns NULL when it holds, or a sentence why it does not (kept in the buffer of
 * client_why). Everything waits by polling the library until a condition holds or the patience of
 * a minute is over.
 * Thread: main. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_PATIENCE_MS = 60000, CLIENT_POLL_MS = 100 };

/* A sentence, as printf would write it. */
const char *client_why(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return client_why(__VA_ARGS__);                                                        \
        }                                                                                          \
    } while (0)

/* Returns the failure of a step from the check that took it. */
#define STEP(call)                                                                                 \
    do {                                                                                           \
        const char *step_why = (call);                                                             \
        if (step_why != NULL) {                                                                    \
            return step_why;                                                                       \
        }                                                                                          \
    } while (0)

int64_t client_now_ms(void); /* steady, for deadlines */
int64_t client_wall_clock_ms(void);

/* A name no earlier run used, in memory of the static buffer `out`. */
void client_unique(const char *name, char *out, size_t size);

/* `settings` are pairs of name and value, ended by NULL. */
rd_kafka_t *client_new(rd_kafka_type_t type, const char *const *settings);

const char *client_create_topic(const char *topic, int partitions);

/* Counts what happened to the messages of a producer. */
struct client_reports {
    int delivered;
    int failed;
    int64_t last_offset;
    int64_t last_timestamp;
};

/* Produces `count` values "PREFIX NUMBER filler" to a partition and waits for every report. */
const char *client_produce(const char *topic, int32_t partition, const char *prefix, int count,
                           const char *const *settings, struct client_reports *reports);
