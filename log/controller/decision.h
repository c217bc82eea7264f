/* One operation on its way from request to commands. Inside log/controller.
 *
 * Owns:   the commands, packed into the operation's arena.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/controller.h"
#include "log/meta/meta.pb-c.h"

struct decision {
    struct controller_operation *operation;
    struct io *io;
    const struct meta *meta;
    struct arena *arena;
    const int32_t *brokers; /* live, sorted */
    size_t broker_count;
    struct bytes *commands;
    size_t command_count;
    size_t command_capacity;
};

/* What the controller knows of a kind of operation. */
struct decision_kind {
    /* Fills the results and adds commands. An error refuses the operation as a whole. */
    int (*decide)(struct decision *decision, struct controller_operation *operation);
    /* After the commands were applied or (with an error) not; also when there were none. */
    void (*settle)(struct controller_operation *operation, int error);
};

void decision_add(struct decision *decision, const Meta__Command *command);
void decision_set_feature(struct decision *decision, const char *name, int32_t level);
/* Sets error and sentence of a result. */
__attribute__((format(printf, 5, 6))) void decision_refuse(struct decision *decision, int *error,
                                                           const char **message, int code,
                                                           const char *format, ...);
bool decision_has_broker(const struct decision *decision, int32_t broker);
/* Whether the caller may create or delete so many partitions; else the result is refused. */
bool decision_permit(struct decision *decision, int32_t partition_count,
                     struct controller_topic_result *result);
/* The most bytes of an option's value that is kept. */
enum { DECISION_VALUE_SIZE_MAX = 65536 };
/* Whether a name or value can be kept as it is: no NUL inside, and not too large. */
bool decision_is_plain(struct bytes text);
/* A copy in the arena that ends with a NUL. */
char *decision_string(struct decision *decision, struct bytes text);
ProtobufCBinaryData decision_id(const struct wire_uuid *id);
/* The value as its row prints it, in the arena: "7d" becomes "604800000". */
const char *decision_canonical(struct decision *decision, const struct option_row *row,
                               const char *value, void *scratch);
/* The partitions of a command: chosen by us (assignments NULL) or as asked for. They start at
 * first_index. ERROR_INVALID_REPLICA_ASSIGNMENT with a sentence. */
must_use int decision_assign(struct decision *decision, int32_t first_index, int32_t count,
                             int32_t replication_factor,
                             const struct controller_assignment *assignments,
                             Meta__Partition ***out, const char **message);
/* Refuses every result whose name stands more than once, and marks those after the first as
 * repeated. Null names are left alone. */
void decision_refuse_repeated(struct decision *decision, struct controller_topic_result *results,
                              size_t count);
/* Turns results that were good into `error`, when it is one. */
void decision_settle_topics(struct controller_topic_result *results, size_t count, int error);
