/* The levels of this broker's diagnostics as Kafka's BROKER_LOGGER resource (KIP-412).
 *
 * There is one logger, "root": everything that trace prints. A level lasts as long as the process.
 * Owns:   nothing; the level is the trace sink's.
 * Thread: the server's shard. */
#pragma once

#include "log/controller/controller.h"

/* "root", with its level; lives in the arena. */
size_t loggers_describe(struct arena *arena, struct config_entry **out);
/* Judges the changes of one resource and, unless they are only to be judged, makes them. */
void loggers_alter(struct arena *arena, int32_t node_id, const struct controller_resource *resource,
                   bool is_validate_only, struct controller_resource_result *result);
/* 0, or ERROR_INVALID_REQUEST with a sentence: loggers are those of the broker that is asked. */
must_use int loggers_judge_name(struct arena *arena, int32_t node_id, struct bytes name,
                                const char **message);
