/* Reads a changelog and appends to it; see changelog.h. */
#include "runtime/state/changelog.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANGELOG_INFLATED_MAX = 256 * 1024 * 1024,
    CHANGELOG_RECORD_OVERHEAD = 32,
    CHANGELOG_RESERVE_MAX = 128 * 1024, /* bytes; less than a batch of the producer */
    CHANGELOG_REFRESH_COUNT_MAX = 20,
    CHANGELOG_REFRESH_NS = 250000000, /* a new topic is not known to all brokers at once */
    CHANGELOG_TURN_NS = 2000000,
    CHANGELOG_AGE_MS_MAX = 12 * 60 * 60 * 1000, /* half the default of delete.retention.ms */
};

struct changelog {
    struct client *client;
    char *topic;
    int32_t partition;
    struct replay *replay;
    struct state_position opened;
    bool is_kept;            /* the store's contents, as `opened` says */
    struct fetcher *fetcher; /* NULL while nothing is restored */
    bool is_following;       /* the fetcher is somebody else's, and there is no end */
    int64_t hold_commit;
    struct client_refresh refresh;
    const char *refresh_topic;
    bool is_refreshing;
    int refresh_count;
    struct io_timer refresh_timer;
    struct io_timer turn_timer;
    int64_t first_offset; /* where reading began; -1 until the first fetch tells */
    uint64_t began_ns;
    bool is_reading_on;              /* from local contents, and nothing came yet */
    const char *reason;              /* why reading began at the start, or NULL */
    int64_t end_offset;              /* to be reached; -1 until the first fetch tells */
    struct changelog_progress ended; /* how far it was when it ended */
    bool is_ending;
    int error;
    void (*begun)(void *owner); /* NULL: nobody listens */
    void *begun_owner;
    void (*done)(void *owner, int error);
    void *owner;
};

struct changelog *changelog_new(struct client *client, struct kv *kv, const char *topic,
                                int32_t partition)
{
    struct changelog *changelog = memory_new(struct changelog);
    changelog->client = client;
    changelog->replay = replay_new(kv);
    changelog->topic = memory_string(topic);
    changelog->partition = partition;
    changelog->first_offset = changelog->end_offset = -1;
    changelog->hold_commit = INT64_MAX;
    state_position_init(&changelog->opened);
    return changelog;
}

void changelog_free(struct changelog *changelog)
{
    if (changelog == NULL) {
        return;
    }
    check(changelog->fetcher == NULL);
    replay_free(changelog->replay);
    state_position_fini(&changelog->opened);
    free(changelog->topic);
    free(changelog);
}

struct changelog_progress changelog_progress(const struct changelog *changelog)
{
    struct changelog_progress progress = {.total_count = -1, .reason = changelog->reason};
    if (changelog->is_ending) {
        return changelog->ended;
    }
    if (changelog->fetcher == NULL || changelog->first_offset < 0) {
        return progress;
    }
    int64_t position = fetcher_position(changelog->fetcher, changelog->topic, changelog->partition);
    int64_t end = changelog->end_offset;
    progress.done_count = position - changelog->first_offset;
    progress.total_count = (end > position ? end : position) - changelog->first_offset;
    progress.elapsed_ms =
        (int64_t)((io_now(client_io(changelog->client)) - changelog->began_ns) / 1000000);
    return progress;
}

static void changelog_on_closed(void *owner)
{
    struct changelog *changelog = owner;
    changelog->fetcher = NULL;
    changelog->done(changelog->owner, changelog->error);
}

static void changelog_on_unfollowed(struct io_timer *timer)
{
    changelog_on_closed(timer->owner);
}

static void changelog_end(struct changelog *changelog, int error)
{
    if (changelog->is_ending) {
        return;
    }
    changelog->ended = changelog_progress(changelog);
    changelog->is_ending = true;
    changelog->error = error;
    if (changelog->is_refreshing) {
        client_refresh_cancel(&changelog->refresh);
        changelog->is_refreshing = false;
    }
    io_timer_stop(client_io(changelog->client), &changelog->refresh_timer);
    io_timer_stop(client_io(changelog->client), &changelog->turn_timer);
    if (changelog->is_following) {
        fetcher_remove(changelog->fetcher, changelog->topic, changelog->partition);
        changelog->turn_timer.fired = changelog_on_unfollowed;
        io_timer_start(client_io(changelog->client), &changelog->turn_timer, 0);
        return;
    }
    fetcher_on_ready(changelog->fetcher, NULL, NULL);
    fetcher_close(changelog->fetcher, changelog_on_closed, changelog);
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
        error = record.offset < fetched->position
                    ? 0
                    : replay_read(changelog->replay, record.offset, record.key, record.value);
        if (error != 0) {
            trace(TRACE_ERROR, "changelog.record_refused", TRACE_STRING("topic", changelog->topic),
                  TRACE_INT("partition", changelog->partition), TRACE_INT("offset", record.offset),
                  TRACE_STRING("error", error_name(error)));
            break;
        }
    }
    batch_iterator_close(&iterator);
    return error;
}

static int changelog_rebuild(struct changelog *changelog, const char *reason)
{
    trace(TRACE_ERROR, "changelog.store_rebuilt", TRACE_STRING("topic", changelog->topic),
          TRACE_INT("partition", changelog->partition), TRACE_STRING("reason", reason));
    changelog->is_reading_on = false;
    changelog->reason = reason;
    changelog->first_offset = changelog->end_offset = -1;
    int error = replay_rebuild(changelog->replay);
    fetcher_seek(changelog->fetcher, changelog->topic, changelog->partition,
                 FETCHER_OFFSET_EARLIEST);
    return error;
}

/* Numbers of commits are times. */
static bool changelog_is_old(const struct changelog *changelog)
{
    int64_t now_ms = io_wall_clock(client_io(changelog->client));
    return now_ms - changelog->opened.commit > CHANGELOG_AGE_MS_MAX;
}

/* Whether everything was read that was there when reading began; the end may since have been cut.
 * Committed data ends before what is not decided yet, which is waited for. */
static bool changelog_is_read(struct changelog *changelog)
{
    int64_t told =
        fetcher_high_watermark(changelog->fetcher, changelog->topic, changelog->partition);
    bool is_first = changelog->end_offset < 0 || told < changelog->end_offset;
    changelog->end_offset = is_first ? told : changelog->end_offset;
    return told >= 0 && fetcher_position(changelog->fetcher, changelog->topic,
                                         changelog->partition) >= changelog->end_offset;
}

static void changelog_tell_begun(struct changelog *changelog, const struct fetcher_batch *fetched)
{
    changelog->first_offset = fetched->position;
    changelog->end_offset = fetched->high_watermark;
    if (changelog->begun != NULL) {
        changelog->begun(changelog->begun_owner);
    }
}

static bool changelog_was_cut_off(const struct changelog *changelog)
{
    return changelog->is_following &&
           fetcher_silence_ms(changelog->fetcher, changelog->topic, changelog->partition) >
               CHANGELOG_AGE_MS_MAX;
}

static int changelog_read(struct changelog *changelog, struct fetcher_batch *fetched)
{
    bool is_outdated = changelog->is_reading_on && changelog_is_old(changelog);
    if (!is_outdated && changelog->first_offset < 0) {
        changelog_tell_begun(changelog, fetched);
    }
    int error = is_outdated ? changelog_rebuild(changelog, "the local contents are too old")
                : changelog_was_cut_off(changelog) ? ERROR_TIMEOUT
                                                   : changelog_read_batch(changelog, fetched);
    fetcher_release(changelog->fetcher, fetched);
    changelog->is_reading_on = false;
    return error;
}

static bool changelog_is_held(const struct changelog *changelog)
{
    return changelog->is_following &&
           replay_log(changelog->replay)->base.commit >= changelog->hold_commit;
}

/* What is there, for a short while: 1 when there is more, 0, or an error. */
static int changelog_read_some(struct changelog *changelog)
{
    struct io *io = client_io(changelog->client);
    uint64_t end_ns = io_now(io) + CHANGELOG_TURN_NS;
    struct fetcher_batch fetched;
    int result;
    while ((result = fetcher_take(changelog->fetcher, changelog->topic, changelog->partition,
                                  &fetched)) == 1) {
        int error = changelog_read(changelog, &fetched);
        if (error != 0) {
            return error;
        }
        if (changelog_is_held(changelog)) {
            return 0;
        }
        if (io_now(io) >= end_ns) {
            return 1;
        }
    }
    if (result == ERROR_OFFSET_OUT_OF_RANGE && changelog->is_reading_on) {
        result = changelog_rebuild(changelog, "the topic does not reach to the local contents");
    }
    return result;
}

static void changelog_on_ready(void *owner)
{
    struct changelog *changelog = owner;
    int result = changelog_read_some(changelog);
    if (result == 1) {
        io_timer_start(client_io(changelog->client), &changelog->turn_timer, 0);
    } else if (result < 0) {
        changelog_end(changelog, result);
    } else if (changelog_is_read(changelog) && !changelog->is_following) {
        changelog_end(changelog, 0);
    }
}

static void changelog_on_turn(struct io_timer *timer)
{
    struct changelog *changelog = timer->owner;
    if (!changelog_is_held(changelog)) {
        changelog_on_ready(changelog);
    }
}

static void changelog_print_id(const struct client_topic *topic, char out[STATE_POSITION_ID_SIZE])
{
    static const struct wire_uuid none;
    out[0] = 0;
    if (memcmp(&topic->id, &none, sizeof none) == 0) {
        return;
    }
    for (size_t i = 0; i < sizeof topic->id.octets; i++) {
        snprintf(out + 2 * i, 3, "%02x", topic->id.octets[i]);
    }
}

/* The topic is known: begins to read it. */
static void changelog_begin(struct changelog *changelog, const struct client_topic *topic)
{
    char topic_id[STATE_POSITION_ID_SIZE];
    int64_t offset = -1;
    changelog_print_id(topic, topic_id);
    int error = replay_open(changelog->replay, changelog->is_kept ? &changelog->opened : NULL,
                            topic_id, &offset);
    if (error != 0) {
        changelog_end(changelog, error);
        return;
    }
    changelog->is_reading_on = offset >= 0;
    changelog->reason = offset >= 0          ? NULL
                        : changelog->is_kept ? "the local contents are not of this topic"
                                             : "there are no local contents";
    changelog->began_ns = io_now(client_io(changelog->client));
    fetcher_add(changelog->fetcher, changelog->topic, changelog->partition,
                offset >= 0 ? offset : FETCHER_OFFSET_EARLIEST);
}

static void changelog_on_refreshed(struct client_refresh *refresh, int error)
{
    struct changelog *changelog = refresh->owner;
    const struct client_topic *topic = client_find_topic(changelog->client, changelog->topic);
    changelog->is_refreshing = false;
    if (error == 0 && topic != NULL && topic->error == 0) {
        changelog_begin(changelog, topic);
    } else if (error == 0 && ++changelog->refresh_count < CHANGELOG_REFRESH_COUNT_MAX) {
        io_timer_start(client_io(changelog->client), &changelog->refresh_timer,
                       CHANGELOG_REFRESH_NS);
    } else {
        int topic_error = topic == NULL ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : topic->error;
        changelog_end(changelog, error != 0 ? error : topic_error);
    }
}

static void changelog_refresh(struct io_timer *timer)
{
    struct changelog *changelog = timer->owner;
    changelog->is_refreshing = true;
    changelog->refresh_topic = changelog->topic;
    changelog->refresh = (struct client_refresh){.topics = &changelog->refresh_topic,
                                                 .topic_count = 1,
                                                 .done = changelog_on_refreshed,
                                                 .owner = changelog};
    client_refresh_metadata(changelog->client, &changelog->refresh);
}

static void changelog_open_fetcher(struct changelog *changelog)
{
    struct fetcher_options options = fetcher_options_default();
    options.wait_max_ms = 100;
    options.reset = FETCHER_RESET_ERROR;
    options.is_read_committed = true;
    changelog->fetcher = fetcher_new(changelog->client, &options);
    fetcher_on_ready(changelog->fetcher, changelog_on_ready, changelog);
}

static void changelog_start(struct changelog *changelog, const struct state_position *opened,
                            void (*done)(void *owner, int error), void *owner)
{
    changelog->is_kept = opened != NULL;
    if (opened != NULL) {
        state_position_copy(&changelog->opened, opened);
    }
    changelog->done = done;
    changelog->owner = owner;
    changelog->refresh_timer = (struct io_timer){.fired = changelog_refresh, .owner = changelog};
    changelog->turn_timer = (struct io_timer){.fired = changelog_on_turn, .owner = changelog};
    changelog_refresh(&changelog->refresh_timer);
}

void changelog_restore(struct changelog *changelog, const struct state_position *opened,
                       void (*done)(void *owner, int error), void *owner)
{
    check(changelog->fetcher == NULL);
    changelog_open_fetcher(changelog);
    changelog_start(changelog, opened, done, owner);
}

void changelog_follow(struct changelog *changelog, const struct state_position *opened,
                      struct fetcher *fetcher, void (*done)(void *owner, int error), void *owner)
{
    check(changelog->fetcher == NULL);
    changelog->is_following = true;
    changelog->fetcher = fetcher;
    changelog_start(changelog, opened, done, owner);
}

static bool changelog_is_following(const struct changelog *changelog)
{
    return changelog->is_following && changelog->fetcher != NULL && !changelog->is_ending;
}

void changelog_step(struct changelog *changelog)
{
    bool is_begun = changelog_is_following(changelog) && changelog->began_ns != 0;
    if (is_begun && !changelog_is_held(changelog)) {
        changelog_on_ready(changelog);
    }
}

void changelog_hold(struct changelog *changelog, int64_t commit)
{
    if (changelog_is_following(changelog) && changelog->hold_commit != commit) {
        changelog->hold_commit = commit;
        io_timer_start(client_io(changelog->client), &changelog->turn_timer, 0);
    }
}

/* What was fetched and not read is fetched again: its end may not be the end any more. */
void changelog_finish(struct changelog *changelog)
{
    if (!changelog_is_following(changelog)) {
        return;
    }
    if (changelog_was_cut_off(changelog)) {
        changelog_end(changelog, ERROR_TIMEOUT);
        return;
    }
    int64_t position = fetcher_position(changelog->fetcher, changelog->topic, changelog->partition);
    fetcher_remove(changelog->fetcher, changelog->topic, changelog->partition);
    changelog->is_following = false;
    changelog_open_fetcher(changelog);
    changelog->first_offset = changelog->end_offset = -1;
    if (changelog->began_ns != 0) {
        changelog->began_ns = io_now(client_io(changelog->client));
        fetcher_add(changelog->fetcher, changelog->topic, changelog->partition,
                    position >= 0 ? position : FETCHER_OFFSET_EARLIEST);
    }
}

void changelog_on_begun(struct changelog *changelog, void (*begun)(void *owner), void *owner)
{
    changelog->begun = begun;
    changelog->begun_owner = owner;
}

void changelog_cancel(struct changelog *changelog)
{
    if (changelog->fetcher != NULL) {
        changelog_end(changelog, ERROR_CANCELLED);
    }
}

bool changelog_reach(const struct changelog *changelog, int64_t *position, int64_t *end)
{
    if (changelog->is_ending && changelog->error == 0) {
        *position = *end = replay_end_offset(changelog->replay);
        return true;
    }
    if (changelog->fetcher == NULL || changelog->is_ending) {
        return false;
    }
    *end = fetcher_high_watermark(changelog->fetcher, changelog->topic, changelog->partition);
    *position = fetcher_position(changelog->fetcher, changelog->topic, changelog->partition);
    *end = *end > *position || *end < 0 ? *end : *position;
    return *end >= 0 && *position >= 0;
}

int64_t changelog_lag(const struct changelog *changelog)
{
    int64_t position = 0;
    int64_t end = 0;
    bool is_known = !changelog->is_ending && changelog_reach(changelog, &position, &end);
    return is_known ? end - position : -1;
}

struct replay *changelog_replay(const struct changelog *changelog)
{
    return changelog->replay;
}

int changelog_decide(struct changelog *changelog, const struct state_position *decided)
{
    check(changelog->fetcher == NULL);
    return replay_decide(changelog->replay, decided);
}

void changelog_check(const struct changelog *changelog)
{
    check(changelog->fetcher != NULL || !changelog->is_refreshing);
    check(changelog->is_following || changelog->hold_commit == INT64_MAX || changelog->is_ending);
    replay_check(changelog->replay);
}

/* --- Appending --- */

struct changelog_step {
    struct changelog_append *append;
    struct producer_record record;
    size_t index; /* of the change told next */
    size_t size;
    int error;
};

static void changelog_measure(void *owner, struct bytes key, struct bytes value)
{
    struct changelog_step *step = owner;
    step->size += key.size + value.size + CHANGELOG_RECORD_OVERHEAD;
}

static void changelog_send(struct changelog_step *step, struct bytes key, struct bytes value)
{
    step->record.key = key;
    step->record.value = value;
    step->error = producer_send(step->append->producer, &step->record);
}

static void changelog_send_change(void *owner, struct bytes key, struct bytes value)
{
    struct changelog_step *step = owner;
    bool is_next = step->index++ == step->append->sent_count;
    if (step->error == 0 && is_next) {
        changelog_send(step, key, value);
        step->append->sent_count += step->error == 0;
    }
}

/* A group in one batch is whole or not there. */
static int changelog_reserve(struct changelog_step *step, size_t marker_size)
{
    struct changelog_append *append = step->append;
    kv_each_dirty(append->kv, changelog_measure, step);
    size_t size = step->size + marker_size + 2 * CHANGELOG_RECORD_OVERHEAD;
    if (append->sent_count > 0 || size > CHANGELOG_RESERVE_MAX) {
        return 0;
    }
    return producer_reserve(append->producer, append->topic, append->partition, size);
}

int changelog_append_step(struct changelog_append *append)
{
    struct changelog_step step = {
        .append = append,
        .record = {.topic = append->topic, .partition = append->partition, .timestamp_ms = -1}};
    struct buffer text;
    buffer_init(&text);
    state_position_print(append->position, &text);
    step.error = changelog_reserve(&step, text.size);
    if (step.error == 0) {
        kv_each_dirty(append->kv, changelog_send_change, &step);
    }
    if (step.error == 0) {
        step.record.done = append->done;
        step.record.owner = append->owner;
        changelog_send(&step, replay_marker_key(append->position->commit), buffer_bytes(&text));
    }
    buffer_fini(&text);
    return step.error;
}
