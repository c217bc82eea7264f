/* See broker_settings.h. */
#include "log/broker_settings.h"

#include "log/base/memory.h"

#include <string.h>

struct log_settings broker_settings_of_topic(const struct topic_options *options)
{
    struct log_settings settings = log_settings_default();
    settings.segment_size = options->segment_bytes;
    settings.segment_ms = options->segment_ms;
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
        .chunk_size = options->log_cleaner_io_buffer_size / 2,
        .bytes_per_second = options->log_cleaner_io_max_bytes_per_second,
    };
}

/* One listener without its protocol: "PLAINTEXT://:9092" -> ":9092". */
static char *broker_settings_strip(struct bytes listener)
{
    char *text = bytes_to_string(listener);
    char *slashes = strstr(text, "://");
    if (slashes != NULL) {
        memmove(text, slashes + 3, strlen(slashes + 3) + 1);
    }
    return text;
}

static struct bytes broker_settings_next(const char **rest)
{
    *rest += strspn(*rest, ", ");
    size_t size = strcspn(*rest, ", ");
    struct bytes word = bytes_make(*rest, size);
    *rest += size;
    return word;
}

char *broker_settings_first_address(const char *listeners)
{
    if (listeners == NULL) {
        return NULL;
    }
    struct bytes first = broker_settings_next(&listeners);
    return first.size == 0 ? NULL : broker_settings_strip(first);
}

/* A controller's listener has no clients. */
static bool broker_settings_is_for_clients(struct bytes listener)
{
    return listener.size > 0 && !bytes_has_prefix(listener, BYTES_LITERAL("CONTROLLER://"));
}

void broker_settings_addresses(const struct broker_settings *settings, const char *listeners,
                               char *addresses[BROKER_LISTEN_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < BROKER_LISTEN_MAX && settings->listen[i] != NULL; i++) {
        addresses[count++] = memory_string(settings->listen[i]);
    }
    bool has_own = count > 0;
    while (!has_own && listeners != NULL && *listeners != 0 && count < BROKER_LISTEN_MAX) {
        struct bytes listener = broker_settings_next(&listeners);
        if (broker_settings_is_for_clients(listener)) {
            addresses[count++] = broker_settings_strip(listener);
        }
    }
    if (count == 0) {
        addresses[0] = memory_string(":9092");
    }
}
