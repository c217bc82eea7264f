/* What transactions have told, as their clients were told: records and offsets of a group that
 * count together or not at all. Plain batches stand between them. The topic may be compacted.
 *
 * Owns:   every deal (a transaction of a client), and what stands at each offset of the topic.
 * Keeps:  (1) a reader of what is committed sees a record only if its deal was to be committed, and
 *             every record of one whose commit was acknowledged; (2) in a log that has settled a
 *             deal is there whole or not at all, its offsets too; (3) a record has one offset,
 *             records of a deal rise; (4) no stable offset falls or passes what is surely open;
 *         (5) a record that is missing may be: see node_rest.h. One that is there is as it was
 * sent. Thread: one. */
#pragma once

#include "log/base/bytes.h"
#include "log/wire/batch.h"
#include "log/wire/messages.h"

struct node_world;

enum {
    NODE_LEDGER_PARTITIONS = 3,
    NODE_LEDGER_IDS = 2, /* transactional ids, each with a group of its own */
    NODE_LEDGER_DEAL_MAX = 4096,
    NODE_LEDGER_RECORD_MAX = 12, /* of a deal in a partition */
    NODE_LEDGER_KEYS = 12,
};

#define NODE_LEDGER_TOPIC "trade"

/* What becomes of old records of the topic. */
enum node_policy { NODE_POLICY_DELETE, NODE_POLICY_COMPACT, NODE_POLICY_BOTH };

enum node_fate { NODE_FATE_OPEN, NODE_FATE_MAY_COMMIT, NODE_FATE_COMMITTED, NODE_FATE_ABORTED };

struct node_deal {
    int id; /* -1: a plain batch, which counts as soon as it is there */
    bool is_plain;
    enum node_fate fate;
    int64_t ends_ms;     /* its timeout may end it from then on; the time of its records */
    bool may_be_ended;   /* by another producer of its id, or it was asked to end */
    bool has_offset;     /* it sent one, */
    bool is_offset_told; /* and that was acknowledged */
    int sent[NODE_LEDGER_PARTITIONS];
    int64_t offsets[NODE_LEDGER_PARTITIONS][NODE_LEDGER_RECORD_MAX]; /* -1: not known */
    int64_t sent_ms[NODE_LEDGER_PARTITIONS][NODE_LEDGER_RECORD_MAX]; /* for the first time */
    bool is_seen[NODE_LEDGER_PARTITIONS][NODE_LEDGER_RECORD_MAX];    /* committed */
    bool is_gone[NODE_LEDGER_PARTITIONS][NODE_LEDGER_RECORD_MAX];    /* missing, and may be */
};

struct node_ledger_entry {
    int64_t record;     /* deal and index, or -1 */
    int64_t horizon_ms; /* of the batch that it was seen in; 0: none */
    int reading;        /* the last one that met it */
};

struct node_ledger_page {
    struct node_ledger_entry *entries; /* by offset */
    size_t count;
    int64_t stable_offset; /* as far as somebody was told */
    int reading;           /* counts the whole readings */
};

struct node_ledger {
    struct node_world *world;
    enum node_policy policy;
    int64_t delete_retention_ms;
    int64_t retention_ms;
    struct node_deal *deals;
    int deal_count;
    struct node_ledger_page pages[NODE_LEDGER_PARTITIONS];
    int64_t found[NODE_LEDGER_IDS]; /* the last offset a group was seen with; -1: none */
    int64_t seen_count;
    int64_t gone_count;
    int64_t horizon_count; /* records seen with a delete horizon */
};

void node_ledger_init(struct node_ledger *ledger, struct node_world *world);
const char *node_ledger_group(int id);
const char *node_fate_name(enum node_fate fate);
/* Follow from the number of the deal and of the record. */
int node_ledger_key(int deal, int index);
bool node_ledger_is_tombstone(int deal, int index);
/* The number of a new deal, or -1 when there were too many. */
int node_ledger_begin(struct node_ledger *ledger, int id, int64_t ends_ms);
/* As node_ledger_begin, for a batch outside transactions. */
int node_ledger_begin_plain(struct node_ledger *ledger);
/* A new producer of this id has its identity: what it found open is aborted. */
void node_ledger_take_over(struct node_ledger *ledger, int id);
/* One of this id is asked for. */
void node_ledger_threaten(struct node_ledger *ledger, int id);
/* Adds a record of a deal to a batch. */
void node_ledger_write(struct node_ledger *ledger, int deal, int32_t partition, int index,
                       struct batch_builder *builder);
void node_ledger_acked(struct node_ledger *ledger, int deal, int32_t partition, int index,
                       int64_t offset);
/* The first deal that surely holds the stable offset back, or -1. */
int node_ledger_holder(const struct node_ledger *ledger, int32_t partition, int64_t *offset);
/* From now on an audit reads the whole partition. */
void node_ledger_begin_reading(struct node_ledger *ledger, int32_t partition);
/* What was known when a fetch was sent. */
struct node_ledger_question {
    int64_t offset;
    int64_t stable_offset;
    int holder; /* see node_ledger_holder */
    bool is_committed;
    bool is_audit;
};
/* Judges an answer; the answer is the next offset. */
int64_t node_ledger_read(struct node_ledger *ledger, const struct node_ledger_question *question,
                         const struct fetch_response_partition *part);
/* A partition was read to its end: what was acknowledged lies below. */
void node_ledger_judge_end(const struct node_ledger *ledger, int32_t partition, int64_t end_offset);
/* A group was found with this offset by one who asked when `known` was. */
void node_ledger_judge_offset(struct node_ledger *ledger, int id, int64_t known, int64_t found);
/* All was read and nothing is open any more. */
void node_ledger_settle(struct node_ledger *ledger);
