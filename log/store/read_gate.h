/* Lets reads from the disk wait for syncs that somebody waits for.
 *
 * A disk that is told to keep something does it behind everything it was asked to read before; a
 * consumer that catches up would have every producer and every consumer at the end wait for
 * megabytes that the system reads ahead for it. So while somebody waits for syncs, reads of records
 * are small, few at a time, and begin between syncs. While nobody does they go as they come, and
 * the system reads ahead as far as it likes.
 *
 * Owns:   the order of waiting reads; reads and syncs belong to whoever embeds them.
 * Keeps:  (1) while syncs are awaited, a read begins when all syncs are over that were under way
 *             when it came, however many begin later: no read waits for ever;
 *         (2) and no more than READ_GATE_SIZE_MAX bytes are read at once, or one read;
 *         (3) reads begin in the order in which they came;
 *         (4) a read waits only while a sync or another read is under way, so that its end lets it
 *             begin.
 * Thread: the shard's. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

enum {
    READ_GATE_SIZE_MAX = 512 << 10, /* more adds to what a sync takes; less halves the rate */
    READ_GATE_PATIENCE_MS = 100,    /* for so long after somebody waited for a sync, more follow */
};

struct read_gate {
    struct io *io;
    struct list syncs;   /* under way, in the order of their starts */
    struct list waiting; /* reads */
    int64_t sync_count;  /* started so far */
    size_t reading_size; /* of the reads under way */
    uint64_t awaited_ns; /* when somebody waited for a sync last */
    bool was_awaited;
};

/* Embedded in a sync. */
struct read_gate_sync {
    struct list_link link;
    int64_t number; /* its place among all syncs, from one on */
};

/* Embedded in a read; zeroed it is not there. */
struct read_gate_read {
    struct list_link link; /* while it waits */
    size_t size;           /* of what is read */
    int64_t sync_number;   /* of the last sync that it waits for */
    void (*begin)(struct read_gate_read *read);
};

void read_gate_init(struct read_gate *gate, struct io *io);
/* Somebody waits for a sync, one that is under way or one that comes. */
void read_gate_await(struct read_gate *gate);
/* Whether somebody did lately. */
bool read_gate_is_awaited(const struct read_gate *gate);
void read_gate_sync_start(struct read_gate *gate, struct read_gate_sync *sync);
void read_gate_sync_end(struct read_gate *gate, struct read_gate_sync *sync);
/* Begins the read, now or when the end of a sync or of another read makes room. */
void read_gate_read_start(struct read_gate *gate, struct read_gate_read *read, size_t size);
void read_gate_read_end(struct read_gate *gate, struct read_gate_read *read);
/* Forgets a read that waits; does nothing for one that does not. */
void read_gate_read_forget(struct read_gate_read *read);
void read_gate_check(const struct read_gate *gate);
