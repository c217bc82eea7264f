/* A partition that holds transactions, compacted or not: written before the damage, read after it.
 *
 * Owns:   what every offset was given.
 * Keeps:  a reading, of either level, (1) gives only records that were written, each at its offset,
 *             in order; (2) of what is committed, gives none of a transaction that was aborted;
 *         (3) that comes to the end has given every record, of a compacted topic at least the last
 *             committed one of every key.
 * Thread: one. */
#pragma once

#include "tests/unit/log/server/node.h"

enum {
    ROT_TABLE_KEYS = 6,
    ROT_TABLE_ROUNDS = 40,
    ROT_TABLE_ROW_MAX = 8 * ROT_TABLE_ROUNDS,
};

struct rot_row {
    int key;    /* -1: a marker */
    int number; /* its value says it */
    bool is_committed;
};

struct rot_table {
    const char *topic;
    bool is_compacted;
    struct rot_row rows[ROT_TABLE_ROW_MAX]; /* by offset */
    int64_t end_offset;
    int64_t producer_id;
    int16_t producer_epoch;
};

/* How a reading ended. `fault` is a finding, or empty. */
struct rot_table_reading {
    bool is_answered;
    bool has_error;
    int64_t end_offset;  /* as far as records were given, or -1 */
    int64_t lost_offset; /* the first that should have been given and was not; -1: none */
    char fault[160];
};

/* Makes the topic. */
void rot_table_init(struct rot_table *table, struct node *node, const char *topic,
                    bool is_compacted);
/* One transaction of three records. */
void rot_table_write(struct rot_table *table, struct node *node, int round);
/* Takes the transactional id over. 0, or the error of the answer; then *is_forgotten says whether
 * another identity was given than one newer than the last. */
int16_t rot_table_take_over(const struct rot_table *table, struct node *node, bool *is_forgotten);
/* One plain record more, which readings pass over; false when it is refused. */
bool rot_table_extend(const struct rot_table *table, struct node *node, int16_t *code);
void rot_table_read(const struct rot_table *table, struct node *node, bool is_committed,
                    struct rot_table_reading *out);
