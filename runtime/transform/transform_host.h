/* What the host offers to one instance of a transform.
 *
 * Keeps:  (1) `call` is NULL outside of process and tick, and nothing can be written then;
 *         (2) what is pending lives as long as the record that is processed;
 *         (3) past the limits of output the call counts as rejected, whatever the plugin returns.
 * Thread: the task's. */
#pragma once

#include "runtime/plugin/tidemill.h"
#include "runtime/topology/node.h"
#include "runtime/transform/transform.h"

enum { TRANSFORM_OUTPUT_COUNT_MAX = 100000, TRANSFORM_OUTPUT_SIZE_MAX = 64 << 20 };

struct transform_host {
    struct tidemill_context context; /* first, so that the plugin's pointer is ours */
    struct transform *transform;
    struct node_context *call;
    const struct record *record;           /* the given one; NULL in a timer */
    const struct tidemill_header *headers; /* the given one's, as the plugin sees them */
    struct tidemill_store *stores;         /* one per store of the transform */
    struct record *pending;                /* what was forwarded */
    size_t pending_count;
    size_t pending_capacity;
    size_t output_count; /* of this call */
    size_t output_size;
    bool has_failed; /* a function of the host refused something */
    char failure[512];
};

void transform_host_init(struct transform_host *host, const char *name,
                         struct transform *transform);
void transform_host_fini(struct transform_host *host);
/* Looks up the stores of the task; false when one is missing. */
bool transform_host_start(struct transform_host *host, struct node_context *context);
/* Begins and ends a call; `record` is NULL in a timer. */
void transform_host_begin(struct transform_host *host, struct node_context *context,
                          const struct record *record);
void transform_host_end(struct transform_host *host);
/* The given record as the plugin sees it, in the arena of the call; 0 or an error. */
must_use int transform_host_show(struct transform_host *host, struct tidemill_record *out);

/* Functions that every kind of plugin in an application is offered. */
void transform_host_log(struct tidemill_context *context, enum tidemill_level level,
                        const char *text);
void transform_host_metric(struct tidemill_context *context, const char *name, double value);
