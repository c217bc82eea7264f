/* Brings the logs of the store and the topics of the metadata together.
 *
 * A process may die between the record of a deletion and the deletion, or fail to delete for want
 * of room: then a log without a topic is left, and goes. But files are damaged too, and a lost name
 * is no reason to throw records away. So a log is deleted only when its id is that of a topic that
 * was deleted. A log whose topic is there, but whose id is another one that nobody deleted, gets
 * its id back. Any other log is set aside.
 *
 * Owns:   the ids of topics that were deleted, until every log was judged.
 * Keeps:  (1) no log of a topic that was not deleted is removed;
 *         (2) after a judgement without error every log but the metadata log has a topic with its
 *             name and id.
 * Thread: the shard's. */
#pragma once

#include "log/meta/meta.h"
#include "log/store/store.h"

struct broker_orphans;

/* From now on listens to which topics are deleted: made before the metadata log is replayed. */
struct broker_orphans *broker_orphans_new(struct store *store, struct meta *meta);
void broker_orphans_free(struct broker_orphans *orphans);
/* The replay is over: what is deleted from now on is told by hand. */
void broker_orphans_end_replay(struct broker_orphans *orphans);
/* The logs of this topic are to go and some could not. */
void broker_orphans_note(struct broker_orphans *orphans, const struct meta_topic *topic);
/* Judges every log. */
must_use int broker_orphans_clear(struct broker_orphans *orphans);
