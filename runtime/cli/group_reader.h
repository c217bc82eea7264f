/* A member of a group together with the fetcher it feeds: what consume -G reads with.
 *
 * Owns:   the member, the positions of what it was assigned, and their commits.
 * Keeps:  (1) what is committed was noted: nothing that was not printed;
 *         (2) one commit at a time;
 *         (3) partitions to be given up are committed before they are given up.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/client/fetcher.h"
#include "runtime/client/member.h"

struct group_reader_row {
    char *topic;
    int32_t partition;
    int64_t offset;           /* the next one to be read; -1: nothing was read */
    int64_t committed_offset; /* as last sent */
    bool is_revoked;          /* to be given up when it is committed */
};

struct group_reader {
    struct errand *errand;
    struct fetcher *fetcher;
    struct member *member;
    /* Called when there may be something to look at: an assignment, an error, a second passed. */
    void (*changed)(void *owner);
    void *owner;
    bool is_uncommitting; /* nothing is committed */
    int64_t start_offset; /* FETCHER_OFFSET_…, where nothing is committed */
    struct group_reader_row *rows;
    size_t count;
    struct member_partition *sent; /* of the commit that is out */
    struct member_commit commit;
    struct io_timer timer;
    bool is_committing;
    bool is_revoking;
    bool was_assigned;
    bool is_idle; /* the last commit is done; for the stop */
    bool is_closed;
    int error; /* the member is out of its group */
};

/* The caller sets errand, fetcher, start_offset, changed and owner of a zeroed reader; the fetcher
 * lives until group_reader_stop. */
void group_reader_start(struct group_reader *reader, const char *group, const char *const *topics,
                        size_t topic_count);
/* Records below `offset` were printed. */
void group_reader_note(struct group_reader *reader, const char *topic, int32_t partition,
                       int64_t offset);
/* Whether something was assigned and all of it was read to its end. */
bool group_reader_is_at_end(const struct group_reader *reader);
/* Commits and leaves; waits. */
void group_reader_stop(struct group_reader *reader);
