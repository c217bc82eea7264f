/* Loads and stores the offsets of one source connector; see source_offsets.h.
 *
 * A load takes these steps: (1) ask for the metadata of both topics; (2) read the offsets topic to
 * its end; (3) read the connector's topic from the stored place to its end; or, without a place,
 * (4) find the end of the topic and store it as the place. */
#include "runtime/connect/source_offsets.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/connect/source_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_OFFSETS_INFLATED_MAX = 64 * 1024 * 1024 };

struct source_offsets {
    struct client *client;
    struct client *fetch_client;
    struct producer *producer;
    struct buffer key_head; /* ["connector", */
    char *connector;
    char *topic;
    char *offsets_topic;
    bool has_marks;
    struct map offsets; /* partition text -> struct source_offsets_entry */
    int64_t position;   /* marks below it are in `offsets`; -1: no place is known */
    bool is_changed;
    bool is_reading_marks;
    struct fetcher *fetcher;
    struct client_refresh refresh;
    const char *topics[2];
    void (*loaded)(void *owner, int error);
    void *loaded_owner;
    int load_error;
    void (*stored)(void *owner, int error);
    void *stored_owner;
    size_t storing_count; /* offsets of the running checkpoint that are not durable yet */
    int storing_error;
    int64_t storing_position; /* of when it began */
};

static void source_offsets_read_on(struct source_offsets *offsets);

struct source_offsets *source_offsets_new(struct client *client, struct client *fetch_client,
                                          struct producer *producer,
                                          const struct source_offsets_options *options)
{
    struct source_offsets *offsets = memory_new(struct source_offsets);
    offsets->client = client;
    offsets->fetch_client = fetch_client;
    offsets->producer = producer;
    offsets->connector = memory_string(options->connector);
    buffer_printf(&offsets->key_head, "[\"%s\",", options->connector);
    offsets->topic = memory_string(options->topic);
    offsets->offsets_topic = memory_string(options->offsets_topic);
    offsets->has_marks = options->has_marks;
    offsets->position = -1;
    map_init(&offsets->offsets);
    return offsets;
}

static void source_offsets_free_entry(void *value)
{
    struct source_offsets_entry *entry = value;
    free(entry->partition);
    free(entry->offset);
    free(entry);
}

void source_offsets_free(struct source_offsets *offsets)
{
    if (offsets == NULL) {
        return;
    }
    check(offsets->fetcher == NULL);
    buffer_fini(&offsets->key_head);
    map_fini(&offsets->offsets, source_offsets_free_entry);
    free(offsets->connector);
    free(offsets->topic);
    free(offsets->offsets_topic);
    free(offsets);
}

static void source_offsets_set(struct source_offsets *offsets, struct bytes partition,
                               struct bytes offset, bool is_changed)
{
    struct source_offsets_entry *entry = map_find(&offsets->offsets, partition);
    if (entry == NULL) {
        entry = memory_new(struct source_offsets_entry);
        entry->partition = bytes_to_string(partition);
        map_put(&offsets->offsets, partition, entry);
    }
    free(entry->offset);
    entry->offset = bytes_to_string(offset);
    entry->is_changed = is_changed;
}

/* ["connector",X]: X, or null for another connector's key. */
static struct bytes source_offsets_parse_key(const struct source_offsets *offsets, struct bytes key)
{
    struct bytes head = buffer_bytes(&offsets->key_head);
    if (bytes_is_null(key) || !bytes_has_prefix(key, head) || key.data[key.size - 1] != ']') {
        return (struct bytes){NULL, 0};
    }
    return bytes_make(key.data + head.size, key.size - head.size - 1);
}

/* {"topic":"t","partition":0,"position":N}: the place belongs to this topic, or is none. */
static int64_t source_offsets_parse_place(const struct source_offsets *offsets, struct bytes value)
{
    char head[400];
    int size = snprintf(head, sizeof head,
                        "{\"topic\":\"%s\",\"partition\":0,\"position\":", offsets->topic);
    char *text = bytes_to_string(value);
    int64_t position = -1;
    if (text != NULL && strncmp(text, head, (size_t)size) == 0) {
        text[strcspn(text, "}")] = 0;
        if (text_parse_int64(text + size, &position) != 0) {
            position = -1;
        }
    }
    free(text);
    return position;
}

static void source_offsets_apply_stored(struct source_offsets *offsets,
                                        const struct batch_record *record)
{
    struct bytes partition = source_offsets_parse_key(offsets, record->key);
    if (bytes_is_null(partition)) {
        return;
    }
    if (bytes_equal_string(partition, "null")) {
        offsets->position = source_offsets_parse_place(offsets, record->value);
    } else if (bytes_is_null(record->value)) {
        struct source_offsets_entry *removed = map_remove(&offsets->offsets, partition);
        if (removed != NULL) {
            source_offsets_free_entry(removed);
        }
    } else {
        source_offsets_set(offsets, partition, record->value, false);
    }
}

static void source_offsets_apply(struct source_offsets *offsets, const struct batch_record *record)
{
    struct bytes partition;
    struct bytes offset;
    if (!offsets->is_reading_marks) {
        source_offsets_apply_stored(offsets, record);
    } else if (source_mark_read(record, offsets->connector, &partition, &offset)) {
        source_offsets_put(offsets, partition, offset, record->offset);
    }
}

static int source_offsets_read_batch(struct source_offsets *offsets,
                                     const struct fetcher_batch *fetched)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, &fetched->batch, SOURCE_OFFSETS_INFLATED_MAX);
    if (error != 0) {
        return error;
    }
    while ((error = batch_iterator_next(&iterator, &record)) == 1) {
        if (record.offset >= fetched->position) {
            source_offsets_apply(offsets, &record);
        }
    }
    batch_iterator_close(&iterator);
    return error;
}

static void source_offsets_on_closed(void *owner)
{
    struct source_offsets *offsets = owner;
    offsets->fetcher = NULL;
    if (offsets->load_error != 0) {
        offsets->loaded(offsets->loaded_owner, offsets->load_error);
        return;
    }
    source_offsets_read_on(offsets);
}

static void source_offsets_end_read(struct source_offsets *offsets, int error)
{
    offsets->load_error = error;
    fetcher_on_ready(offsets->fetcher, NULL, NULL);
    fetcher_close(offsets->fetcher, source_offsets_on_closed, offsets);
}

static void source_offsets_on_ready(void *owner)
{
    struct source_offsets *offsets = owner;
    struct fetcher_batch fetched;
    int result;
    while ((result = fetcher_take(offsets->fetcher, NULL, 0, &fetched)) == 1) {
        int error = source_offsets_read_batch(offsets, &fetched);
        fetcher_release(offsets->fetcher, &fetched);
        if (error != 0) {
            source_offsets_end_read(offsets, error);
            return;
        }
    }
    const char *topic = offsets->is_reading_marks ? offsets->topic : offsets->offsets_topic;
    if (result < 0) {
        source_offsets_end_read(offsets, result);
    } else if (fetcher_is_at_end(offsets->fetcher, topic, 0)) {
        if (offsets->is_reading_marks) {
            int64_t end = fetcher_position(offsets->fetcher, topic, 0);
            offsets->position = end > offsets->position ? end : offsets->position;
        }
        source_offsets_end_read(offsets, 0);
    }
}

static void source_offsets_start_read(struct source_offsets *offsets, const char *topic,
                                      int64_t offset)
{
    struct fetcher_options options = fetcher_options_default();
    options.wait_max_ms = 100;
    options.reset = FETCHER_RESET_EARLIEST;
    offsets->fetcher = fetcher_new(offsets->fetch_client, &options);
    fetcher_on_ready(offsets->fetcher, source_offsets_on_ready, offsets);
    fetcher_add(offsets->fetcher, topic, 0, offset);
}

/* What comes after the part that was just read. */
static void source_offsets_read_on(struct source_offsets *offsets)
{
    if (!offsets->is_reading_marks && offsets->has_marks) {
        offsets->is_reading_marks = true;
        bool has_place = offsets->position >= 0;
        source_offsets_start_read(offsets, offsets->topic,
                                  has_place ? offsets->position : FETCHER_OFFSET_LATEST);
        return;
    }
    offsets->is_changed = true;
    source_offsets_checkpoint(offsets, offsets->loaded, offsets->loaded_owner);
}

static void source_offsets_on_refreshed(struct client_refresh *refresh, int error)
{
    struct source_offsets *offsets = refresh->owner;
    if (error != 0) {
        offsets->loaded(offsets->loaded_owner, error);
        return;
    }
    source_offsets_start_read(offsets, offsets->offsets_topic, FETCHER_OFFSET_EARLIEST);
}

void source_offsets_load(struct source_offsets *offsets, void (*done)(void *owner, int error),
                         void *owner)
{
    offsets->loaded = done;
    offsets->loaded_owner = owner;
    offsets->topics[0] = offsets->offsets_topic;
    offsets->topics[1] = offsets->topic;
    offsets->refresh = (struct client_refresh){.topics = offsets->topics,
                                               .topic_count = 2,
                                               .may_create = true,
                                               .done = source_offsets_on_refreshed,
                                               .owner = offsets};
    client_refresh_metadata(offsets->client, &offsets->refresh);
}

void source_offsets_put(struct source_offsets *offsets, struct bytes partition, struct bytes offset,
                        int64_t position)
{
    source_offsets_set(offsets, partition, offset, true);
    if (position + 1 > offsets->position) {
        offsets->position = position + 1;
    }
    offsets->is_changed = true;
}

static int source_offsets_send(struct source_offsets *offsets, const char *partition,
                               const char *value,
                               void (*done)(void *owner, int error, int32_t where, int64_t offset))
{
    struct buffer key;
    buffer_init(&key);
    buffer_printf(&key, "%s%s]", buffer_string(&offsets->key_head), partition);
    struct producer_record record = {.topic = offsets->offsets_topic,
                                     .partition = 0,
                                     .timestamp_ms = -1,
                                     .key = buffer_bytes(&key),
                                     .value = bytes_from_string(value),
                                     .done = done,
                                     .owner = offsets};
    int error = producer_send(offsets->producer, &record);
    buffer_fini(&key);
    return error;
}

/* What failed, or may have, is stored again the next time. */
static void source_offsets_end_checkpoint(struct source_offsets *offsets, int error)
{
    void (*stored)(void *stored_owner, int stored_error) = offsets->stored;
    offsets->stored = NULL;
    if (error != 0) {
        offsets->is_changed = true;
        for (map_each (&offsets->offsets, entry)) {
            ((struct source_offsets_entry *)entry->value)->is_changed = true;
        }
    }
    if (stored != NULL) {
        stored(offsets->stored_owner, error);
    }
}

static void source_offsets_on_place_stored(void *owner, int error, int32_t where, int64_t offset)
{
    (void)where;
    (void)offset;
    source_offsets_end_checkpoint(owner, error);
}

static void source_offsets_store_place(struct source_offsets *offsets)
{
    char place[400];
    snprintf(place, sizeof place, "{\"topic\":\"%s\",\"partition\":0,\"position\":%" PRId64 "}",
             offsets->topic, offsets->storing_position);
    int error = source_offsets_send(offsets, "null", place, source_offsets_on_place_stored);
    if (error != 0) {
        source_offsets_end_checkpoint(offsets, error);
    }
}

static void source_offsets_on_stored(void *owner, int error, int32_t where, int64_t offset)
{
    (void)where;
    (void)offset;
    struct source_offsets *offsets = owner;
    if (error != 0 && offsets->storing_error == 0) {
        offsets->storing_error = error;
    }
    if (--offsets->storing_count > 0) {
        return;
    }
    if (offsets->storing_error != 0) {
        source_offsets_end_checkpoint(offsets, offsets->storing_error);
    } else {
        source_offsets_store_place(offsets);
    }
}

/* The place goes when all offsets are durable: it is never there without them. */
void source_offsets_checkpoint(struct source_offsets *offsets, void (*done)(void *owner, int error),
                               void *owner)
{
    check(offsets->storing_count == 0);
    offsets->stored = done;
    offsets->stored_owner = owner;
    offsets->is_changed = false;
    offsets->storing_position = offsets->position;
    offsets->storing_error = 0;
    offsets->storing_count = 1; /* this call */
    for (map_each (&offsets->offsets, entry)) {
        struct source_offsets_entry *offset = entry->value;
        if (!offset->is_changed || offsets->storing_error != 0) {
            continue;
        }
        offset->is_changed = false;
        int error = source_offsets_send(offsets, offset->partition, offset->offset,
                                        source_offsets_on_stored);
        if (error == 0) {
            offsets->storing_count++;
        } else {
            offsets->storing_error = error;
        }
    }
    source_offsets_on_stored(offsets, 0, 0, -1);
}

bool source_offsets_is_changed(const struct source_offsets *offsets)
{
    return offsets->is_changed;
}

const struct map *source_offsets_map(const struct source_offsets *offsets)
{
    return &offsets->offsets;
}
