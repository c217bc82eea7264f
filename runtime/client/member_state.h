/* What the files of a group member share; only they include it.
 *
 *     member.c            its life: states, errors, commits, the end
 *     member_join.c       into the group: the coordinator, the join, the leader's deal, the sync
 *     member_share.c      its share: what is given up, and where the rest goes on
 *     member_heartbeat.c  what keeps it in the group, and what makes it join again
 *
 * Thread: its client's shard. */
#pragma once

#include "log/base/fsm.h"
#include "runtime/client/assignor_unit.h"
#include "runtime/client/committer.h"
#include "runtime/client/holding.h"
#include "runtime/client/member.h"
#include "runtime/client/subscription.h"

enum {
    MEMBER_JOIN_KEY = 11,
    MEMBER_HEARTBEAT_KEY = 12,
    MEMBER_LEAVE_KEY = 13,
    MEMBER_SYNC_KEY = 14,
    MEMBER_JOIN_GRACE_MS = 5000,
};

enum member_state {
    MEMBER_WAITING,
    MEMBER_SEARCHING,
    MEMBER_JOINING,
    MEMBER_ASSIGNING,
    MEMBER_SYNCING,
    MEMBER_REVOKING,
    MEMBER_LOADING,
    MEMBER_STABLE,
    MEMBER_OUT,     /* failed for good */
    MEMBER_CLOSING, /* commits, then leaves */
};

struct member {
    struct client *client;
    struct io *io;
    struct member_options options; /* with copied strings */
    struct bytes *topics;          /* the options' */
    int *units;                    /* the options' */
    struct member_events events;
    void *owner;
    enum member_state state;
    int lane; /* of joins, syncs and heartbeats, which wait at the broker */
    struct locator locator;
    struct committer committer;
    char *id;           /* "" while it has none */
    int32_t generation; /* -1: outside the group */
    char *protocol;     /* the group's; NULL before the first join */
    bool is_eager;      /* everything is given up before the next join */
    struct holding owned;
    struct holding target;   /* the share of this generation */
    struct holding standby;  /* and its copies */
    struct holding warmup;   /* those that become its own when they have caught up */
    bool has_standby_news;   /* they were not told yet */
    struct holding revoking; /* asked back with `revoked` */
    bool is_answered;        /* member_revoked was called */
    bool needs_rejoin;
    uint64_t rejoin_by; /* the coordinator puts out who has not joined by then; 0: no hurry */
    int64_t loss_count;
    uint64_t last_contact; /* the coordinator knew us */
    struct arena arena;    /* of join, assignment and sync */
    struct client_call call;
    bool is_calling;
    struct join_group_request join;
    struct sync_group_request sync;
    struct leave_group_request leave;
    struct leave_group_request_member leaver;
    struct client_call heartbeat_call;
    bool is_beating;
    struct heartbeat_request heartbeat;
    struct offsets_fetch load;
    bool is_loading;
    /* The leader's. */
    struct assignor_member *dealt; /* in the arena */
    size_t dealt_count;
    const struct assignor *assignor;
    struct client_refresh refresh;
    bool is_refreshing;
    struct map seen;               /* topic to partition count + 1, as dealt */
    struct client_refresh lookout; /* for topics that were not there */
    struct arena lookout_arena;
    bool is_looking_out;
    uint64_t withheld_until; /* the owners have given up by then or never will; 0: all is dealt */
    uint64_t probe_at;       /* something was held: it deals anew then; 0: nothing was */
    bool is_deal_unknown;    /* it came back as leader and was told to leave everything as it was */
    struct io_timer timer;   /* the next step */
    struct io_timer heartbeat_timer;
    struct backoff backoff;
    void (*closed)(void *owner);
    void *closed_owner;
};

/* member.c */
void member_move(struct member *member, enum member_state state);
struct bytes member_group(const struct member *member);
struct bytes member_instance(const struct member *member);
void member_set_id(struct member *member, struct bytes id);
void member_step_later(struct member *member, uint64_t delay_ns);
void member_restart(struct member *member, bool is_failure);
void member_lose(struct member *member);
void member_fail(struct member *member, int error);
bool member_is_session_over(const struct member *member);
void member_on_error(struct member *member, int error);
void member_touch(struct member *member);
void member_call(struct member *member, int16_t api_key, const void *request, int64_t timeout_ms,
                 void (*done)(struct client_call *call, int error, int16_t version,
                              const void *response));

/* member_join.c */
void *member_count_mark(int32_t count);
int32_t member_partition_count(struct member *member, const char *topic);
void member_join(struct member *member);
void member_search(void *owner);

/* member_share.c */
void member_load(struct member *member);
void member_revoke(struct member *member);
void member_after_revoked(struct member *member);

/* member_heartbeat.c */
void member_rejoin(struct member *member);
void member_on_heartbeat_timer(struct io_timer *timer);
