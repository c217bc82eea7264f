/* How far a task had come at one of its commits: a small value with a text form.
 *
 *     commit 12
 *     follows 11
 *     stream_time 1763983890000
 *     clock 4
 *     input dpkg.raw 0 5137
 *     changelog counts 911 8f0c52b7a3d94b1e9a60c1d2e3f40516
 *
 * The line of the clock is there when it is not 0 (runtime/task/task_clock.h). A row of a changelog
 * says that it takes part in the commit: its store, the offset in it, and the id of its topic ("-"
 * when the cluster has no ids).
 *
 * Owns:   its rows.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum { STATE_POSITION_ID_SIZE = 33 }; /* 32 hexadecimal digits and a NUL */

struct state_position_row {
    char *name;                            /* of a topic, or of a store */
    int32_t partition;                     /* of a topic */
    int64_t offset;                        /* the next one to be read */
    char topic_id[STATE_POSITION_ID_SIZE]; /* of a changelog; "" when unknown */
};

struct state_position {
    int64_t commit;  /* 0 before the first */
    int64_t follows; /* the commit before it that was decided */
    int64_t stream_time_ms;
    int64_t clock; /* the number of the last decision about time; 0: none yet */
    struct state_position_row *inputs;
    size_t input_count;
    struct state_position_row *changelogs;
    size_t changelog_count;
};

void state_position_init(struct state_position *position);
void state_position_fini(struct state_position *position);
void state_position_copy(struct state_position *to, const struct state_position *from);
/* -1 when there is no such row. */
int64_t state_position_input(const struct state_position *position, const char *topic,
                             int32_t partition);
void state_position_set_input(struct state_position *position, const char *topic, int32_t partition,
                              int64_t offset);
/* NULL when the store's changelog takes no part. */
const struct state_position_row *state_position_changelog(const struct state_position *position,
                                                          const char *store);
/* `topic_id` NULL: as it was. */
void state_position_set_changelog(struct state_position *position, const char *store,
                                  const char *topic_id, int64_t offset);
void state_position_clear_changelogs(struct state_position *position);
void state_position_print(const struct state_position *position, struct buffer *out);
/* Replaces what `position` held. ERROR_CORRUPT for anything but what state_position_print writes.
 */
must_use int state_position_parse(struct state_position *position, struct bytes text);
