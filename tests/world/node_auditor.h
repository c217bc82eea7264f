/* Looks at everything after a start, on a quiet line: the workload's machine is cut off meanwhile.
 *
 * Owns:   a client on a machine of its own, while it looks.
 * Keeps:  every record, topic and setting that was promised is found; what is found is promised
 *         from then on.
 * Thread: one. */
#pragma once

#include "log/wire/messages.h"

struct node_world;
struct client;

/* A node that is over its ceiling of memory lets a fetch wait for a second and answers with nothing
 * then; so often, one after the other, it does not. */
enum { NODE_AUDITOR_EMPTY_MAX = 20 };

struct node_auditor {
    struct node_world *world;
    struct client *client;
    bool is_waiting;
    int empty_count; /* answers without records, one after the other */
    uint64_t digest; /* of what the last audit found, but for what retention may take */
    uint64_t audit_count;
};

void node_auditor_init(struct node_auditor *auditor, struct node_world *world);
/* The process that runs served nobody else yet. */
void node_auditor_run(struct node_auditor *auditor);
/* Looks at transactions alone; false when one is open. Whatever was open long enough must be over.
 */
bool node_auditor_settle(struct node_auditor *auditor);
