/* What a log must hold, told by what was done to it.
 *
 * Owns:   a copy of every batch that was ever appended.
 * Keeps:  (1) batches in the order of their offsets; those above acked_offset may be gone after a
 *             crash, from the end only;
 *         (2) a batch whose append failed may be there or not.
 * Thread: one. */
#pragma once

#include "log/store/log.h"

enum { STORE_MODEL_WHY_SIZE = 256 };

struct store_model_batch {
    uint8_t *data;
    size_t size;
    struct batch header;
    bool is_doubtful; /* its append failed; it may have reached the disk */
};

struct store_model {
    struct store_model_batch *batches;
    size_t count;
    size_t capacity;
    struct store_model_batch *doubts; /* alternatives at their base offset */
    size_t doubt_count;
    size_t doubt_capacity;
    int64_t start_offset; /* the lowest the start may be */
    int64_t start_limit;  /* the highest the start may be */
    int64_t acked_offset;
    int64_t end_offset;
    bool is_compacted;              /* less may be there, see store_rest.h */
    char why[STORE_MODEL_WHY_SIZE]; /* what the last refusal was about */
};

void store_model_init(struct store_model *model);
void store_model_fini(struct store_model *model);
/* The append worked; `data` is as it was patched. */
void store_model_append(struct store_model *model, const uint8_t *data, size_t size);
/* The append failed after it may have written something. */
void store_model_doubt(struct store_model *model, const uint8_t *data, size_t size);
/* Batches that end above the offset are gone. */
void store_model_truncate(struct store_model *model, int64_t offset);
/* What an append of this batch must answer: 0 or an error; *original is set for a duplicate. */
int store_model_judge(const struct store_model *model, const struct batch *batch,
                      const struct store_model_batch **original);
/* The last batch or marker of a producer; NULL when it never wrote. */
const struct batch *store_model_find_last(const struct store_model *model, int64_t producer_id);
/* Whether the producer has an open transaction; its first offset. */
bool store_model_has_open(const struct store_model *model, int64_t producer_id,
                          int64_t *first_offset);
/* Compares what the log tells of aborted transactions that reach into `offset` .. `end_offset`;
 * false with a reason. */
bool store_model_compare_aborts(struct store_model *model, struct log *log, int64_t offset,
                                int64_t end_offset);
/* Whether it is the marker of an abort. */
bool store_model_is_abort(const struct store_model_batch *batch);
/* Compares bytes read from `offset` on; false with a reason. */
bool store_model_compare(struct store_model *model, int64_t offset, struct bytes bytes);
/* After a reopen: reads the whole log, adopts what survived. False with a reason. */
bool store_model_adopt(struct store_model *model, struct log *log);
