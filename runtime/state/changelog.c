/* Restores a store from its changelog and appends commits to it; see changelog.h. */
#include "runtime/state/changelog.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"

#include <stdlib.h>

enum { CHANGELOG_INFLATED_MAX = 256 * 1024 * 1024 };

static const char CHANGELOG_MARKER[] = "\0tidemill.commit";

struct changelog_change {
    struct bytes key;   /* owned */
    struct bytes value; /* owned; null: removed */
};

struct changelog_group {
    struct changelog_change *changes;
    size_t count;
    size_t capacity;
};

struct changelog {
    struct client *client;
    struct kv *kv;
    char *topic;
    int32_t partition;
    struct fetcher *fetcher;
    struct changelog_group open; /* since the last marker */
    struct changelog_group held; /* the last whole group */
    bool has_held;
    struct state_position last;
    int64_t end_offset;
    int64_t restored_count;
    int error;
    void (*done)(void *owner, int error);
    void *owner;
};

static struct bytes changelog_marker(void)
{
    return bytes_make(CHANGELOG_MARKER, sizeof CHANGELOG_MARKER - 1);
}

static void changelog_group_clear(struct changelog_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        bytes_free(group->changes[i].key);
        bytes_free(group->changes[i].value);
    }
    group->count = 0;
}

static void changelog_group_add(struct changelog_group *group, struct bytes key, struct bytes value)
{
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? 64 : group->capacity * 2;
        group->changes = memory_resize(group->changes, group->capacity * sizeof *group->changes);
    }
    group->changes[group->count++] = (struct changelog_change){
        .key = bytes_copy(key),
        .value = bytes_is_null(value) ? (struct bytes){NULL, 0} : bytes_copy(value)};
}

struct changelog *changelog_new(struct client *client, struct kv *kv, const char *topic,
                                int32_t partition)
{
    struct changelog *changelog = memory_new(struct changelog);
    changelog->client = client;
    changelog->kv = kv;
    changelog->topic = memory_string(topic);
    changelog->partition = partition;
    state_position_init(&changelog->last);
    return changelog;
}

void changelog_free(struct changelog *changelog)
{
    if (changelog == NULL) {
        return;
    }
    check(changelog->fetcher == NULL);
    changelog_group_clear(&changelog->open);
    changelog_group_clear(&changelog->held);
    free(changelog->open.changes);
    free(changelog->held.changes);
    state_position_fini(&changelog->last);
    free(changelog->topic);
    free(changelog);
}

static int changelog_apply_held(struct changelog *changelog)
{
    int error = 0;
    for (size_t i = 0; i < changelog->held.count && error == 0; i++) {
        const struct changelog_change *change = &changelog->held.changes[i];
        error = kv_put(changelog->kv, change->key, change->value);
        changelog->restored_count++;
    }
    changelog_group_clear(&changelog->held);
    changelog->has_held = false;
    /* What comes from the changelog needs not go there again. */
    kv_mark_committed(changelog->kv);
    return error;
}

static int changelog_end_group(struct changelog *changelog, struct bytes position)
{
    int error = changelog_apply_held(changelog);
    if (error == 0) {
        error = state_position_parse(&changelog->last, position);
    }
    struct changelog_group empty = changelog->held;
    changelog->held = changelog->open;
    changelog->open = empty;
    changelog->has_held = true;
    return error;
}

static int changelog_read_batch(struct changelog *changelog, const struct fetcher_batch *fetched)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, &fetched->batch, CHANGELOG_INFLATED_MAX);
    if (error != 0) {
        return error;
    }
    while ((error = batch_iterator_next(&iterator, &record)) == 1) {
        if (record.offset < fetched->position) {
            continue;
        }
        error = 0;
        if (bytes_equal(record.key, changelog_marker())) {
            error = changelog_end_group(changelog, record.value);
        } else if (!bytes_is_null(record.key)) {
            changelog_group_add(&changelog->open, record.key, record.value);
        }
        changelog->end_offset = record.offset + 1;
        if (error != 0) {
            break;
        }
    }
    batch_iterator_close(&iterator);
    return error;
}

static void changelog_on_closed(void *owner)
{
    struct changelog *changelog = owner;
    changelog->fetcher = NULL;
    changelog->done(changelog->owner, changelog->error);
}

static void changelog_end(struct changelog *changelog, int error)
{
    changelog->error = error;
    fetcher_on_ready(changelog->fetcher, NULL, NULL);
    fetcher_close(changelog->fetcher, changelog_on_closed, changelog);
}

static void changelog_on_ready(void *owner)
{
    struct changelog *changelog = owner;
    struct fetcher_batch fetched;
    int result;
    while ((result = fetcher_take(changelog->fetcher, NULL, 0, &fetched)) == 1) {
        int error = changelog_read_batch(changelog, &fetched);
        fetcher_release(changelog->fetcher, &fetched);
        if (error != 0) {
            changelog_end(changelog, error);
            return;
        }
    }
    if (result < 0) {
        changelog_end(changelog, result);
    } else if (fetcher_is_at_end(changelog->fetcher, changelog->topic, changelog->partition)) {
        int64_t end = fetcher_position(changelog->fetcher, changelog->topic, changelog->partition);
        changelog->end_offset = end > changelog->end_offset ? end : changelog->end_offset;
        changelog_end(changelog, 0);
    }
}

void changelog_restore(struct changelog *changelog, int64_t offset,
                       void (*done)(void *owner, int error), void *owner)
{
    struct fetcher_options options = fetcher_options_default();
    options.wait_max_ms = 100;
    options.reset = FETCHER_RESET_EARLIEST;
    changelog->done = done;
    changelog->owner = owner;
    changelog->fetcher = fetcher_new(changelog->client, &options);
    fetcher_on_ready(changelog->fetcher, changelog_on_ready, changelog);
    fetcher_add(changelog->fetcher, changelog->topic, changelog->partition,
                offset <= 0 ? FETCHER_OFFSET_EARLIEST : offset);
}

const struct state_position *changelog_last_position(const struct changelog *changelog)
{
    return &changelog->last;
}

static int changelog_touch(struct changelog *changelog, struct bytes key)
{
    struct bytes value;
    if (!kv_get(changelog->kv, key, &value)) {
        return kv_put(changelog->kv, key, (struct bytes){NULL, 0});
    }
    struct bytes copy = bytes_copy(value);
    int error = kv_put(changelog->kv, key, copy);
    bytes_free(copy);
    return error;
}

static int changelog_undo_group(struct changelog *changelog, struct changelog_group *group)
{
    int error = 0;
    for (size_t i = 0; i < group->count && error == 0; i++) {
        error = changelog_touch(changelog, group->changes[i].key);
    }
    changelog_group_clear(group);
    return error;
}

int changelog_decide(struct changelog *changelog, int64_t commit)
{
    int error = 0;
    if (changelog->has_held && changelog->last.commit <= commit) {
        error = changelog_apply_held(changelog);
    } else {
        error = changelog_undo_group(changelog, &changelog->held);
    }
    return error != 0 ? error : changelog_undo_group(changelog, &changelog->open);
}

int64_t changelog_end_offset(const struct changelog *changelog)
{
    return changelog->end_offset;
}

int64_t changelog_restored_count(const struct changelog *changelog)
{
    return changelog->restored_count;
}

struct changelog_sending {
    struct producer *producer;
    struct producer_record record;
    size_t size;
    int error;
};

static void changelog_measure(void *owner, struct bytes key, struct bytes value)
{
    struct changelog_sending *sending = owner;
    sending->size += key.size + value.size + 32;
}

static void changelog_send_change(void *owner, struct bytes key, struct bytes value)
{
    struct changelog_sending *sending = owner;
    if (sending->error == 0) {
        sending->record.key = key;
        sending->record.value = value;
        sending->error = producer_send(sending->producer, &sending->record);
    }
}

int changelog_send(struct producer *producer, struct kv *kv, const char *topic, int32_t partition,
                   const struct state_position *position,
                   void (*done)(void *owner, int error, int32_t partition, int64_t offset),
                   void *owner)
{
    struct changelog_sending sending = {
        .producer = producer,
        .record = {.topic = topic, .partition = partition, .timestamp_ms = -1}};
    struct buffer text;
    buffer_init(&text);
    state_position_print(position, &text);
    kv_each_dirty(kv, changelog_measure, &sending);
    sending.error = producer_reserve(producer, topic, partition, sending.size + text.size + 64);
    if (sending.error == 0) {
        kv_each_dirty(kv, changelog_send_change, &sending);
        sending.record.done = done;
        sending.record.owner = owner;
        changelog_send_change(&sending, changelog_marker(), buffer_bytes(&text));
    }
    buffer_fini(&text);
    return sending.error;
}
