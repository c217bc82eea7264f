/* What a topic demands of the batches produced to it.
 *
 * Judges a batch from outside before it is appended: form, size, time, keys, codec. Reads the
 * records only when a rule needs them.
 *
 * Thread: the server's shard.
 * Source: Kafka's LogValidator rules; KIP-467 for record errors. */
#pragma once

#include "log/base/arena.h"
#include "log/meta/meta.h"
#include "log/wire/batch.h"

struct produce_rules {
    size_t batch_size_max;     /* max.message.bytes */
    bool must_have_keys;       /* cleanup.policy has compact */
    bool is_append_time;       /* message.timestamp.type = LogAppendTime */
    int64_t before_max_ms;     /* message.timestamp.before.max.ms */
    int64_t after_max_ms;      /* message.timestamp.after.max.ms */
    bool is_recompressed;      /* compression.type is not "producer" */
    enum compress_codec codec; /* then */
    int level;
};

struct produce_rules_verdict {
    const char *message;    /* NULL, or the sentence a client is told; in the arena or constant */
    int32_t *wrong_records; /* indexes inside the batch, NULL when the whole batch is meant */
    int32_t wrong_record_count;
};

/* What a topic demands. ERROR_NOT_ENOUGH_REPLICAS when acks = all cannot be kept. */
must_use int produce_rules_of_topic(const struct meta_topic *topic, int16_t acks,
                                    struct produce_rules *out);
/* `records` is what the request holds for one partition. On success *out is its one batch, with the
 * time set and the codec changed if the rules say so; `changed` then holds the new bytes
 * (batch->bytes lies in it), else the batch lies in `records`. `version`: of the Produce request.
 */
must_use int produce_rules_judge(const struct produce_rules *rules, struct bytes records,
                                 int16_t version, int64_t now_ms, struct arena *arena,
                                 struct batch *out, struct buffer *changed,
                                 struct produce_rules_verdict *verdict);
