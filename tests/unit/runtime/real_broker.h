/* A whole broker on a simulated network, for the floors above runtime/client that need what
 * fake_cluster.h does not have: transactions, and a disk.
 *
 * It listens on "node0:9092". Machines from REAL_BROKER_MACHINE on are the test's. Opaque, since
 * tests/unit/log/server/node.h and runtime/topology/node.h both have a struct node. */
#pragma once

#include "log/base/bytes.h"
#include "tests/sim/sim.h"

enum { REAL_BROKER_MACHINE = 2 };

struct real_broker;

struct real_broker *real_broker_new(uint64_t seed, int machine_count);
void real_broker_free(struct real_broker *broker);
struct sim *real_broker_sim(struct real_broker *broker);
/* Runs until it listens. `check` is called after every event from then on. */
void real_broker_start(struct real_broker *broker, void (*check)(void *owner), void *owner);
/* The process dies; it starts anew with real_broker_start. Its memory stays. */
void real_broker_kill(struct real_broker *broker);
void real_broker_make_topic(struct real_broker *broker, const char *name, int32_t partition_count);
void real_broker_remove_topic(struct real_broker *broker, const char *name);
/* With acks = all; the answered error code. */
int real_broker_produce(struct real_broker *broker, const char *topic, int32_t partition,
                        struct bytes batch);
/* Where the partition ends, for readers of what is committed or for others. */
int64_t real_broker_end_offset(struct real_broker *broker, const char *topic, int32_t partition,
                               bool is_committed);
/* The finalized feature transaction.version: 2 at first; 1 is that of clusters before KIP-890. */
void real_broker_set_transactions(struct real_broker *broker, int16_t version);
/* Puts the member of this index out of its group, as an administrator does: it finds out with its
 * next heartbeat. False when there is none. */
bool real_broker_expel(struct real_broker *broker, const char *group, int32_t index);
void real_broker_run_ms(struct real_broker *broker, uint64_t duration_ms);
uint64_t real_broker_now_ms(struct real_broker *broker);
/* A machine of nobody's. */
struct io *real_broker_client_io(struct real_broker *broker);
