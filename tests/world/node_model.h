/* What the node must hold, told by what its clients were told.
 *
 * Owns:   every record that was ever sent, and per topic what is known of its partitions.
 * Keeps:  (1) what was acknowledged, or seen by a reader, is promised: below safe_offset nothing
 *             may ever be missing or change;
 *         (2) between safe_offset and weak_offset records are in the log of a process that lost no
 *             power;
 *         (3) what overlaps with a deletion or a creation whose outcome is open is not attributed
 *             to any life of the topic: it only may be there.
 * Thread: one.
 * The bytes of a record follow from its serial number, so none are kept. */
#pragma once

#include "log/base/bytes.h"
#include "log/wire/batch.h"
#include "log/wire/wire.h"

struct node_world;

enum {
    NODE_MODEL_TOPIC_COUNT = 6,
    NODE_MODEL_PARTITION_MAX = 6,
    NODE_MODEL_GONE_MAX = 256,
    NODE_MODEL_BIG_SIZE = 180000,
};

struct node_record {
    int topic;
    int32_t partition; /* -1: the producer chose */
    int writer;
    bool is_unique;    /* sent by an idempotent producer */
    bool is_forbidden; /* must be refused */
    int64_t timestamp_ms;
    int64_t life; /* of the topic in which it was found, or -1 */
    int64_t offset;
};

struct node_partition {
    int64_t *serials; /* by offset; -1: not known */
    size_t count;
    size_t capacity;
    int64_t start_offset;   /* as far as somebody was told */
    int64_t cut_offset;     /* as far as it was cut, acknowledged */
    int64_t safe_offset;    /* promised */
    int64_t weak_offset;    /* appended */
    int64_t high_watermark; /* as told by this process */
};

/* A pair of settings that are always changed together, and the pairs that may have followed. */
struct node_setting {
    int64_t acked;
    int64_t oldest_open; /* asked for and unanswered, from here ... */
    int64_t newest_open; /* ... to here; below oldest: none */
};

struct node_topic {
    char name[24];
    int64_t life;        /* counts the topics that had this name */
    struct wire_uuid id; /* of the one that is there */
    bool exists;
    bool is_doubtful;      /* a creation or deletion has an open outcome */
    int64_t certain_since; /* asked from then on: meets this one */
    int64_t birth_tag;     /* of its creation; 0: made by itself, -1: not known */
    int32_t partition_count_min;
    int32_t partition_count_max;
    struct node_setting setting;
    bool is_trimmed; /* retention or DeleteRecords may move its start */
    bool was_cut;    /* by DeleteRecords */
    struct node_partition partitions[NODE_MODEL_PARTITION_MAX];
};

struct node_model {
    struct node_world *world;
    int64_t clock; /* counts questions and answers */
    struct node_record *records;
    size_t record_count;
    size_t record_capacity;
    struct node_topic topics[NODE_MODEL_TOPIC_COUNT];
    struct wire_uuid gone[NODE_MODEL_GONE_MAX]; /* deleted for good */
    size_t gone_count;
    struct buffer scratch;
    int64_t acked_count;
    int64_t seen_count;
};

void node_model_init(struct node_model *model, struct node_world *world);
void node_model_fini(struct node_model *model);

/* -1 for a name that is not one of ours. */
int node_model_find_topic(const struct node_model *model, struct bytes name);
/* A record to be sent; the answer is its serial number. */
int64_t node_model_send(struct node_model *model, int topic, int32_t partition, int writer,
                        bool is_unique, int64_t timestamp_ms, bool may_be_big);
/* Its parts, valid until the next call. */
struct node_content {
    struct bytes key;
    struct bytes value;
    struct batch_header header;
    int32_t header_count;
};
void node_model_content(struct node_model *model, int64_t serial, struct node_content *out);

/* Whether what was asked at that time met the topic that is there now. */
bool node_model_is_certain(const struct node_model *model, int topic, int64_t asked_at);
/* `is_safe`: acks = all. */
void node_model_acked(struct node_model *model, int64_t serial, int64_t asked_at, int32_t partition,
                      int64_t offset, bool is_safe);
/* A reader was given this record. */
void node_model_seen(struct node_model *model, int topic, int32_t partition, bool is_certain,
                     const struct batch_record *record);
/* Walks the batches of a fetch; each record from `offset` on is seen. The answer is the next
 * offset. */
int64_t node_model_read(struct node_model *model, int topic, int32_t partition, bool is_certain,
                        int64_t offset, int64_t limit_offset, struct bytes batches);
/* Told to a client that asked when the watermark was known to be at `known`. */
void node_model_watermark(struct node_model *model, int topic, int32_t partition, int64_t known,
                          int64_t offset);
void node_model_moved_start(struct node_model *model, int topic, int32_t partition, int64_t offset);

/* The topic of this name is another one from now on; all before is gone. */
void node_model_begin_topic(struct node_model *model, int topic, struct wire_uuid id);
void node_model_end_topic(struct node_model *model, int topic);
bool node_model_is_gone(const struct node_model *model, struct wire_uuid id);
/* What is not promised may be lost by now, and its offsets be given again. */
void node_model_forget_weak(struct node_model *model);
/* The log after a recovery reaches from `start` to `end` and all of it was seen. */
void node_model_adopt(struct node_model *model, int topic, int32_t partition, int64_t start,
                      int64_t end, bool has_lost_power);
