/* What the node's coordinators need of it: their topics, appended to and read at the start; markers
 * in the partitions of transactions; producer ids.
 *
 * Owns:   the coordinators of groups and of transactions; the reading of their topics.
 * Keeps:  (1) a coordinator's partition is active exactly while its log can be read and written;
 *         (2) what a coordinator appends is told as committed after the flush that covers it;
 *         (3) groups are read before transactions, whose markers may be theirs.
 * Thread: the broker's shard. */
#pragma once

#include "log/controller/controller.h"
#include "log/coordinator/transactor.h"
#include "log/meta/meta.h"
#include "log/replica/replica.h"

struct broker_coordination;

struct broker_coordination *broker_coordination_new(struct io *io, struct meta *meta,
                                                    struct controller *controller,
                                                    struct replica_set *replicas);
void broker_coordination_free(struct broker_coordination *coordination);
struct coordinator *broker_coordination_groups(struct broker_coordination *coordination);
struct transactor *broker_coordination_transactions(struct broker_coordination *coordination);
/* Writes a marker as the transactor's `write_marker` does, with the epoch that it has. */
void broker_coordination_write_marker(struct broker_coordination *coordination,
                                      struct transactor_marker *marker);
/* Reads the topics; `loaded` comes on a later turn, whatever could be read. */
void broker_coordination_start(struct broker_coordination *coordination,
                               void (*loaded)(void *owner), void *owner);
/* Nothing is loaded or written any more; what waits is answered. */
void broker_coordination_stop(struct broker_coordination *coordination);
/* The logs of the topic are open; the topic is about to be deleted; it was deleted. */
void broker_coordination_on_topic_created(struct broker_coordination *coordination,
                                          const struct meta_topic *topic);
void broker_coordination_on_topic_deleted(struct broker_coordination *coordination,
                                          const struct meta_topic *topic);
/* A topic has more partitions. */
void broker_coordination_on_partitions_added(struct broker_coordination *coordination);
/* Options of the broker that may change have other values now. */
void broker_coordination_on_broker_config(struct broker_coordination *coordination);
void broker_coordination_check(struct broker_coordination *coordination);
/* Asserts of every partition that can be read and has nothing under way that reading it again gives
 * what is remembered; how many those were. Reads files, waiting: for tests. */
int broker_coordination_check_replay(struct broker_coordination *coordination);
