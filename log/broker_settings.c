/* Options of topics and brokers in the words of log/store; see broker_settings.h. */
#include "log/broker_settings.h"

struct log_settings broker_settings_of_topic(const struct topic_options *options)
{
    struct log_settings settings = log_settings_default();
    settings.segment_size = options->segment_bytes;
    settings.segment_ms = options->segment_ms;
    settings.segment_jitter_ms = options->segment_jitter_ms;
    settings.is_preallocated = options->preallocate;
    settings.index_interval_size = options->index_interval_bytes;
    settings.index_size = options->segment_index_bytes;
    settings.retention_ms = options->retention_ms;
    settings.retention_size = options->retention_bytes;
    settings.file_delete_delay_ms = options->file_delete_delay_ms;
    settings.flush_message_count = options->flush_messages;
    settings.flush_ms = options->flush_ms;
    settings.min_compaction_lag_ms = options->min_compaction_lag_ms;
    settings.max_compaction_lag_ms = options->max_compaction_lag_ms;
    settings.delete_retention_ms = options->delete_retention_ms;
    settings.min_dirty_ratio = options->min_cleanable_dirty_ratio;
    settings.is_deleted = topic_options_is_deleted(options);
    settings.is_compacted = topic_options_is_compacted(options);
    return settings;
}

struct store_cleaner_options broker_settings_of_cleaner(const struct broker_options *options)
{
    return (struct store_cleaner_options){
        .is_enabled = options->log_cleaner_enable,
        .backoff_ms = options->log_cleaner_backoff_ms,
        .map_size = options->log_cleaner_dedupe_buffer_size,
        .buffer_size = options->log_cleaner_io_buffer_size,
        .bytes_per_second = options->log_cleaner_io_max_bytes_per_second,
    };
}
