/* What the files of the campaign over the whole node share.
 *
 * world_node.c the steps, node_process the broker's lives, node_model what must hold, node_auditor
 * reads everything back, node_writer produces, node_scribe produces with malice, node_reader
 * fetches, node_session too, in a session, node_clerk makes and deletes topics, node_party
 * classic groups, node_crew a consumer group, node_marks what they commit, node_trader makes
 * transactions, node_peddler plain batches between them, node_teller reads both, node_ledger what
 * they must hold, node_rest what compaction may leave of it, node_call one request.
 * Thread: one. */
#pragma once

#include "runtime/client/client.h"
#include "tests/sim/sim.h"
#include "tests/world/node_auditor.h"
#include "tests/world/node_call.h"
#include "tests/world/node_clerk.h"
#include "tests/world/node_crew.h"
#include "tests/world/node_ledger.h"
#include "tests/world/node_marks.h"
#include "tests/world/node_model.h"
#include "tests/world/node_party.h"
#include "tests/world/node_peddler.h"
#include "tests/world/node_process.h"
#include "tests/world/node_reader.h"
#include "tests/world/node_scribe.h"
#include "tests/world/node_session.h"
#include "tests/world/node_teller.h"
#include "tests/world/node_trader.h"
#include "tests/world/node_writer.h"

enum { NODE_WORLD_BROKER = 0, NODE_WORLD_CLIENT = 1, NODE_WORLD_AUDITOR = 2, NODE_WORLD_NODES = 3 };

#define NODE_WORLD_MILLISECOND UINT64_C(1000000)
#define NODE_WORLD_SECOND      UINT64_C(1000000000)

struct node_world {
    struct sim *sim;
    uint64_t seed;
    int step;
    uint64_t event_count;
    const char *action;
    bool is_verbose;
    bool is_auto_creating;
    bool can_allocate;
    bool is_calm;   /* few deaths, more of everything else */
    int call_count; /* node_calls under way */
    struct node_model model;
    struct node_process process;
    struct node_auditor auditor;
    struct client *client; /* the workload's */
    struct node_writers writers;
    struct node_readers readers;
    struct node_session session;
    struct node_clerk clerk;
    struct node_scribe scribe;
    struct node_marks marks;
    struct node_party party;
    struct node_crew crew;
    struct node_ledger ledger;
    struct node_trader trader;
    struct node_peddler peddler;
    struct node_teller teller;
};

/* Prints the one line and ends the run. */
__attribute__((noreturn, format(printf, 2, 3))) void node_world_fail(struct node_world *world,
                                                                     const char *format, ...);
/* Lets the workload meet a broker that may have logs it cannot read. */
void node_world_limp(struct node_world *world);
uint64_t node_world_random(struct node_world *world, uint64_t below);
bool node_world_chance(struct node_world *world, uint64_t percent);
