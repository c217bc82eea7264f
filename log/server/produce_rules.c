/* Judges produced batches; see produce_rules.h. */
#include "log/server/produce_rules.h"

#include "log/base/error.h"

#include <inttypes.h>

enum {
    PRODUCE_INFLATED_SIZE_MIN = 1024 * 1024,
    PRODUCE_INFLATED_FACTOR =
        100, /* how much larger than the topic's limit records may inflate to */
};

/* The effort of the codec that the topic asks for. lz4's 9 is its fast way, as in Kafka. */
static int produce_rules_level(const struct topic_options *options, enum compress_codec codec)
{
    enum { LZ4_FAST = 9 };
    switch (codec) {
    case COMPRESS_GZIP:
        return options->compression_gzip_level;
    case COMPRESS_LZ4:
        return options->compression_lz4_level == LZ4_FAST ? COMPRESS_LEVEL_DEFAULT
                                                          : options->compression_lz4_level;
    case COMPRESS_ZSTD:
        return options->compression_zstd_level;
    case COMPRESS_NONE:
    case COMPRESS_SNAPPY:
    case COMPRESS_CODEC_COUNT:
        break;
    }
    return COMPRESS_LEVEL_DEFAULT;
}

/* How many copies must have what is acknowledged by all: as many as min.insync.replicas says, but
 * not more than there are, as with Kafka 4.3. Else a file that was written for three nodes
 * could not be used with one. */
static int64_t produce_rules_least_count(const struct meta_topic *topic)
{
    int64_t replica_count = topic->partitions[0].replica_count;
    int64_t least_count = topic->options.min_insync_replicas;
    return least_count < replica_count ? least_count : replica_count;
}

int produce_rules_of_topic(const struct meta_topic *topic, int16_t acks, struct produce_rules *out)
{
    const struct topic_options *options = &topic->options;
    if (acks == -1 && produce_rules_least_count(topic) > topic->partitions[0].isr_count) {
        return ERROR_NOT_ENOUGH_REPLICAS;
    }
    bool is_recompressed = options->compression_type != TOPIC_OPTIONS_COMPRESSION_PRODUCER;
    *out = (struct produce_rules){.batch_size_max = (size_t)options->max_message_bytes,
                                  .must_have_keys = topic_options_is_compacted(options),
                                  .is_append_time =
                                      options->timestamp_type == TOPIC_OPTIONS_LOG_APPEND_TIME,
                                  .before_max_ms = options->timestamp_before_max_ms,
                                  .after_max_ms = options->timestamp_after_max_ms,
                                  .is_recompressed = is_recompressed,
                                  .level = COMPRESS_LEVEL_DEFAULT};
    if (is_recompressed) {
        out->codec = (enum compress_codec)(options->compression_type - 1);
        out->level = produce_rules_level(options, out->codec);
    }
    return 0;
}

static size_t produce_rules_inflated_max(const struct produce_rules *rules)
{
    return rules->batch_size_max * PRODUCE_INFLATED_FACTOR + PRODUCE_INFLATED_SIZE_MIN;
}

/* Exactly one batch: anything else is an invalid record, which nobody sends again, unlike a corrupt
 * message. */
static int produce_rules_read(struct bytes records, struct batch *out,
                              struct produce_rules_verdict *verdict)
{
    int error = batch_read_header(records, out, NULL);
    if (error == ERROR_TRUNCATED || (error == 0 && out->bytes.size != records.size)) {
        verdict->message = "a produce request holds exactly one batch per partition";
        return ERROR_INVALID_RECORD;
    }
    if (error != 0 && batch_has_old_format(records)) {
        verdict->message = "message formats 0 and 1 are not taken";
        return ERROR_INVALID_RECORD;
    }
    return error == 0 ? 0 : ERROR_CORRUPT_MESSAGE;
}

static int produce_rules_judge_form(const struct produce_rules *rules, const struct batch *batch,
                                    int16_t version, struct produce_rules_verdict *verdict)
{
    if (batch_codec(batch) == COMPRESS_ZSTD && version < 7) {
        verdict->message = "zstd needs Produce version 7 or later";
        return ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    int error = batch_validate(batch);
    if (error != 0) {
        return error;
    }
    if (batch->base_offset != 0) {
        verdict->message = "the offsets of a produced batch start at 0";
        return ERROR_INVALID_RECORD;
    }
    if (batch_is_control(batch)) {
        verdict->message = "a client may not write control records";
        return ERROR_INVALID_RECORD;
    }
    if (batch->bytes.size > rules->batch_size_max) {
        return ERROR_MESSAGE_TOO_LARGE;
    }
    return 0;
}

static bool produce_rules_is_time_wrong(const struct produce_rules *rules, int64_t timestamp_ms,
                                        int64_t now_ms)
{
    if (timestamp_ms < 0 || rules->is_append_time) {
        return false;
    }
    return (timestamp_ms < now_ms && now_ms - timestamp_ms > rules->before_max_ms) ||
           (timestamp_ms > now_ms && timestamp_ms - now_ms > rules->after_max_ms);
}

/* The CRC is right, so the batch is as it was sent: what cannot be unpacked or counted was made so,
 * and to send it again, as clients do with a corrupt message, would not mend it. */
static int produce_rules_on_unreadable(int error, struct produce_rules_verdict *verdict)
{
    if (error == ERROR_TOO_LARGE) {
        verdict->message = "the records unpack to far more than max.message.bytes allows";
        return ERROR_MESSAGE_TOO_LARGE;
    }
    if (error == ERROR_CORRUPT_MESSAGE) {
        verdict->message = "the records cannot be unpacked, or are not as many as the batch says";
        return ERROR_INVALID_RECORD;
    }
    return error;
}

/* Where the broker gives the time, a producer may not say that it was given. */
static bool produce_rules_is_time_given(const struct produce_rules *rules,
                                        const struct batch *batch)
{
    return rules->is_append_time && (batch->attributes & BATCH_LOG_APPEND_TIME) != 0;
}

/* Walks the records for what only they can tell. The counts of the batch are proved on the way. */
static int produce_rules_judge_records(const struct produce_rules *rules, const struct batch *batch,
                                       struct batch_builder *rebuilt, int64_t now_ms,
                                       struct arena *arena, struct produce_rules_verdict *verdict)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, batch, produce_rules_inflated_max(rules));
    if (error != 0) {
        return produce_rules_on_unreadable(error, verdict);
    }
    bool has_wrong_time = produce_rules_is_time_wrong(rules, batch->max_timestamp, now_ms) ||
                          rules->before_max_ms != INT64_MAX;
    int verdict_error = 0;
    for (int32_t index = 0; (error = batch_iterator_next(&iterator, &record)) == 1; index++) {
        bool is_keyless = rules->must_have_keys && bytes_is_null(record.key);
        bool is_wrong_time =
            produce_rules_is_time_given(rules, batch) ||
            (has_wrong_time && produce_rules_is_time_wrong(rules, record.timestamp_ms, now_ms));
        if (is_keyless || is_wrong_time) {
            if (verdict->wrong_records == NULL) {
                verdict->wrong_records = arena_array(arena, int32_t, batch->record_count);
            }
            verdict->wrong_records[verdict->wrong_record_count++] = index;
            verdict->message = is_keyless ? "a compacted topic needs a key in every record"
                                          : "a record's timestamp is outside the accepted window";
            verdict_error = is_keyless ? ERROR_INVALID_RECORD : ERROR_INVALID_TIMESTAMP;
        }
        if (rebuilt != NULL) {
            batch_builder_add_encoded(rebuilt, record.timestamp_ms, record.key, record.value,
                                      record.headers_encoded, record.header_count);
        }
    }
    batch_iterator_close(&iterator);
    return error != 0 ? produce_rules_on_unreadable(error, verdict) : verdict_error;
}

static int produce_rules_finish(struct batch_builder *builder, struct batch *batch,
                                struct buffer *changed)
{
    int error = batch_builder_finish(builder, changed);
    if (error == 0) {
        error = batch_read_header(buffer_bytes(changed), batch, NULL);
    }
    return error;
}

static int produce_rules_recompress(const struct produce_rules *rules, struct batch *batch,
                                    int64_t now_ms, struct arena *arena, struct buffer *changed,
                                    struct produce_rules_verdict *verdict)
{
    struct batch_builder builder;
    batch_builder_init(&builder, rules->codec);
    builder.level = rules->level;
    builder.producer_id = batch->producer_id;
    builder.producer_epoch = batch->producer_epoch;
    builder.base_sequence = batch->base_sequence;
    builder.attributes = (int16_t)(batch->attributes & BATCH_TRANSACTIONAL);
    int error = produce_rules_judge_records(rules, batch, &builder, now_ms, arena, verdict);
    if (error == 0) {
        error = produce_rules_finish(&builder, batch, changed);
    }
    batch_builder_fini(&builder);
    return error;
}

/* The broker's own bits: the time of arrival, and since when compaction may drop tombstones. */
static bool produce_rules_has_our_bits(const struct batch *batch)
{
    return (batch->attributes & (BATCH_LOG_APPEND_TIME | BATCH_DELETE_HORIZON)) != 0;
}

/* Makes `changed` the batch, if it is not that already. */
static void produce_rules_own(const struct batch *batch, struct buffer *changed)
{
    if (changed->size == 0) {
        buffer_add_bytes(changed, batch->bytes);
    }
}

int produce_rules_judge(const struct produce_rules *rules, struct bytes records, int16_t version,
                        int64_t now_ms, struct arena *arena, struct batch *out,
                        struct buffer *changed, struct produce_rules_verdict *verdict)
{
    *verdict = (struct produce_rules_verdict){0};
    int error = produce_rules_read(records, out, verdict);
    if (error == 0) {
        error = produce_rules_judge_form(rules, out, version, verdict);
    }
    if (error != 0) {
        return error;
    }
    bool needs_records = rules->must_have_keys || produce_rules_is_time_given(rules, out) ||
                         rules->before_max_ms != INT64_MAX ||
                         produce_rules_is_time_wrong(rules, out->max_timestamp, now_ms);
    if (rules->is_recompressed && batch_codec(out) != rules->codec) {
        error = produce_rules_recompress(rules, out, now_ms, arena, changed, verdict);
    } else if (needs_records) {
        error = produce_rules_judge_records(rules, out, NULL, now_ms, arena, verdict);
    }
    if (error == 0 && produce_rules_has_our_bits(out)) {
        produce_rules_own(out, changed);
        batch_clear_attributes(changed->data, changed->size,
                               BATCH_LOG_APPEND_TIME | BATCH_DELETE_HORIZON);
        error = batch_read_header(buffer_bytes(changed), out, NULL);
    }
    if (error == 0 && rules->is_append_time) {
        produce_rules_own(out, changed);
        batch_set_append_time(changed->data, changed->size, now_ms);
        error = batch_read_header(buffer_bytes(changed), out, NULL);
    }
    if (error == 0 && out->bytes.size > rules->batch_size_max) {
        verdict->message = "the batch is larger than max.message.bytes with the topic's codec";
        error = ERROR_MESSAGE_TOO_LARGE;
    }
    return error;
}
