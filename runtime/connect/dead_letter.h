/* Records that a connector could not deliver, sent to their topic with the reason.
 *
 * The headers are Kafka Connect's (KIP-298): __connect.errors.topic, .partition, .offset,
 * .connector.name, .exception.message. Key, value and the record's own headers stay as they are.
 * Thread: the producer's shard. */
#pragma once

#include "log/base/arena.h"
#include "runtime/client/producer.h"
#include "runtime/plugin/tidemill.h"

/* The record's memory and the arena live until `done`. As producer_send. */
must_use int
dead_letter_send(struct producer *producer, struct arena *arena, const char *topic,
                 const char *connector, const struct tidemill_record *record, const char *reason,
                 void (*done)(void *owner, int error, int32_t partition, int64_t offset),
                 void *owner);
