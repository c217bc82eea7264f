/* Why a group rebalanced lately: a ring of rebalances, each with what caused it. Inside
 * log/coordinator.
 *
 * It is for people who ask; nothing depends on it, and it is forgotten with the process. A
 * rebalance begins with its first cause and ends when the group is at rest; causes that come in
 * between belong to it. The first GROUP_HISTORY_CAUSE_MAX causes are kept, the others counted.
 *
 * Owns:   its rebalances and all that they name.
 * Keeps:  (1) at most `capacity` rebalances, the oldest goes first;
 *         (2) only the newest may be under way.
 * Thread: the broker shard. */
#pragma once

#include "log/base/arena.h"

enum group_cause {
    GROUP_CAUSE_JOINED,
    GROUP_CAUSE_LEFT,
    GROUP_CAUSE_SILENT,     /* no heartbeat within its session timeout */
    GROUP_CAUSE_SLOW,       /* did not give up, join or sync within its rebalance timeout */
    GROUP_CAUSE_SUBSCRIBED, /* reads other topics, or knows other protocols */
    GROUP_CAUSE_REJOINED,   /* asked for a rebalance */
    GROUP_CAUSE_REPLACED,   /* a static member came back under another id */
    GROUP_CAUSE_TOPICS,     /* topics came, went or grew */
    GROUP_CAUSE_CONVERTED,  /* from one protocol to the other */
    GROUP_CAUSE_LOG,        /* the log refused what was decided */
};

enum { GROUP_HISTORY_CAUSE_MAX = 8 };

struct group_history_cause {
    enum group_cause cause;
    int64_t at_ms;
    struct bytes member; /* owned, like the others; empty when it is nobody's */
    struct bytes client_id;
    struct bytes client_host;
    struct bytes detail;
};

struct group_history_rebalance {
    int64_t began_ms;
    int64_t ended_ms;   /* -1: under way */
    int32_t generation; /* or group epoch; of the end */
    int32_t member_count;
    int32_t cause_count;
    int64_t more_count; /* of causes that are not kept */
    struct group_history_cause *causes;
};

struct group_history {
    struct group_history_rebalance **rebalances; /* a ring; NULL until the first */
    int32_t capacity;                            /* 0: nothing is kept */
    int32_t first;                               /* the oldest */
    int32_t count;
};

void group_history_init(struct group_history *history, int32_t capacity);
void group_history_fini(struct group_history *history);
/* "joined"; a word that stays the same. */
const char *group_history_cause_name(enum group_cause cause);
/* Begins a rebalance if none is under way. What the cause names is copied. */
void group_history_add(struct group_history *history, const struct group_history_cause *cause);
/* Nothing happens when none is under way. */
void group_history_end(struct group_history *history, int64_t now_ms, int32_t generation,
                       int32_t member_count);
/* The newest has index 0. */
const struct group_history_rebalance *group_history_at(const struct group_history *history,
                                                       int32_t index);
void group_history_check(const struct group_history *history);
