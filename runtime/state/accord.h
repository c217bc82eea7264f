/* Which commit a task goes on from after a start, judged from the markers of its changelogs alone.
 *
 * A commit changes the stores of a task, its stream time and its place in the inputs together. To
 * each changelog it appends a group: a record per changed key, then a marker with the position. A
 * process may die anywhere in it, so of one commit a changelog may hold the group whole, or cut
 * short, or nothing.
 *
 * The commit keeps:
 *     (1) it is decided when its marker is in every changelog that takes part in it (those named in
 *         its position), not before; nothing is acknowledged, checkpointed or followed before;
 *     (2) it names the commit it follows, which was decided: so all markers behind those of a
 *         decided commit D follow D, until one of them is decided too;
 *     (3) its number and that of the commit it follows are one even and one odd, and its marker has
 *         the key of its parity: so compaction, which keeps the newest record of a key, takes the
 *         marker of D away only for one that was made after a commit behind D was decided;
 *     (4) it writes again every key whose newest record belongs to a commit that was not decided.
 *
 * The restore reads each changelog to its end and keeps of each:
 *     (5) `base` is decided, and what was applied to the store is its contents;
 *     (6) `held` is the newest whole group, decided or not: only the other changelogs know. It is
 *         applied when a marker follows it, forgotten when a marker follows one before it. A marker
 *         that follows one before that which the held one follows was written by a process that had
 *         lost its place: its group is forgotten;
 *     (7) `rival` is the whole group that the held one came after though both follow the same
 *         commit: the writer of one of the two made a failed commit once more, or had lost its
 * place and did not know. The next marker follows the one that was decided; the other is forgotten.
 *
 * So the last decided commit is base, held or rival of every changelog that takes part in it, and
 * the task goes on from
 *     (8) the newest commit that is one of these of every changelog taking part in it: an older one
 *         than the last decided only if no store is left that took part in that;
 *     (9) a store that takes no part in that commit begins empty: it was added to the task later,
 *         or its changelog was made anew (the topic has another id); the inputs are not read again
 *         for it;
 *     (10) without such a commit records of a changelog were lost, and the task does not start.
 *
 * In a transaction (runtime/app/app.h) the markers of a commit are decided together, with its
 * outputs and offsets: who reads what is committed finds all of its groups or none, so no group is
 * held that is not decided, nothing has to be put right, and who lost a partition appends nothing
 * that counts. The rules are the same for both, since an application may change from one to the
 * other.
 *
 * Local contents are of use only with the topic they came from: those of another one are thrown
 * away, and the position they were stored with counts only for the changelogs that it fits.
 *
 * What it cannot see:
 *     Between a group that was not decided and the next that is, compaction may take the older
 * value of a key, if the group lies across the end of a segment; in topics where that matters
 *     min.compaction.lag.ms is longer than a task is down.
 *     Without transactions nobody keeps a process that lost its partition from appending: what it
 *     appends follows an older commit and is forgotten, unless it comes before the first commit of
 *     its heir, or right behind it while the heir makes no second one.
 *     Who removes a store, or its changelog, while the newest commit is not decided has it judged
 *     without that store.
 *
 * Owns:   copies of the positions.
 * Thread: the owner's. */
#pragma once

#include "runtime/state/state_position.h"

/* What is known of one changelog. */
struct accord_log {
    const char *store;
    char topic_id[STATE_POSITION_ID_SIZE]; /* "" when the cluster has none */
    struct state_position base;
    struct state_position held;
    bool has_held;
    struct state_position rival;
    bool has_rival;
    bool is_rebuilt; /* the local contents could not be gone on from */
    int64_t newest;  /* the largest commit of any marker */
};

/* `store` must outlive it. */
void accord_log_init(struct accord_log *log, const char *store);
void accord_log_fini(struct accord_log *log);
/* True when contents stored with `opened` are of this topic: they are the base then. Otherwise (and
 * when it is NULL) they must be thrown away, and the changelog is read from its start. */
must_use bool accord_log_open(struct accord_log *log, const struct state_position *opened,
                              const char *topic_id);
/* The changelog does not reach to the local contents, which were thrown away: it is read from its
 * start. */
void accord_log_rebuild(struct accord_log *log);

enum accord_verdict {
    ACCORD_NEXT,    /* the held group, if there is one, is to be applied; the new one is held */
    ACCORD_INSTEAD, /* the held group is to be forgotten; the new one is held */
    ACCORD_BESIDE,  /* the held group is the rival from now on; the new one is held */
    ACCORD_RIVAL,   /* the rival is to be applied, the held group forgotten; the new one is held */
    ACCORD_STRAY,   /* the new group is to be forgotten */
};
/* A whole group was read. A rival that was there is to be forgotten, before anything is applied,
 * unless the verdict is ACCORD_RIVAL or ACCORD_STRAY. */
enum accord_verdict accord_log_step(struct accord_log *log, const struct state_position *marker);

/* The position to go on from, one of those in the logs; `opened` when there are none; NULL by
 * (10).
 */
const struct state_position *accord_choose(const struct accord_log *const *logs, size_t count,
                                           const struct state_position *opened);

enum accord_fate {
    ACCORD_FATE_BASE,  /* the held group and the rival, if there are any, are to be forgotten */
    ACCORD_FATE_HELD,  /* the held group is to be applied */
    ACCORD_FATE_RIVAL, /* the rival is to be applied */
    ACCORD_FATE_EMPTY, /* the store begins empty */
};
enum accord_fate accord_log_fate(const struct accord_log *log,
                                 const struct state_position *decided);
/* The number of the next commit: above all that were seen, not before the wall clock, and of the
 * other parity than the one it follows. */
int64_t accord_next(int64_t newest, int64_t follows, int64_t wall_clock_ms);
void accord_log_check(const struct accord_log *log);
