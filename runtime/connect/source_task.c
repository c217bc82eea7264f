/* The shard's side of a source task: groups of records into the topic, offsets; see source_task.h.
 *
 * The thread's side is source_thread.c. Bundles come from it by io_post, messages
 * (source_message.h) go back through the worker's mailbox. */
#include "runtime/connect/source_task.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/connect/bundle.h"
#include "runtime/connect/dead_letter.h"
#include "runtime/connect/source_mark.h"
#include "runtime/connect/source_offsets.h"
#include "runtime/connect/source_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source_group {
    struct list_link link;
    struct source_task *task;
    struct bundle *bundle;
    size_t last;  /* index of the record that carries the offset */
    size_t count; /* records */
    bool ends_bundle;
};

struct source_task {
    struct task_context context; /* read by the thread */
    struct source_thread thread;

    struct io *io;
    struct worker *worker; /* NULL before the thread starts */
    struct client *client;
    struct producer *producer;
    char *connector;
    char *topic;
    char *dead_letter_topic;
    int64_t checkpoint_interval_ms;
    struct task_life life;
    struct source_offsets *offsets;
    struct list bundles;    /* to be sent */
    size_t in_flight_count; /* groups and dead letters not yet acknowledged */
    struct io_timer checkpoint_timer;
    struct io_request ended; /* posted by the thread as its last act */
    bool is_loading;
    bool is_thread_ended;
    bool is_checkpointing;
    bool is_room_awaited;
    bool is_last_stored; /* the checkpoint of the close was made */
};

static void source_task_pump(struct source_task *task);
static void source_task_close_step(struct source_task *task);

static void source_task_tell(struct source_task *task, enum source_message_kind kind,
                             const char *partition, const char *offset, size_t size)
{
    worker_put(task->worker, &source_message_new(kind, partition, offset, size)->head);
}

static void source_task_release(struct source_task *task, struct bundle *bundle)
{
    if (!task->is_thread_ended) {
        source_task_tell(task, SOURCE_MESSAGE_RELEASED, NULL, NULL, bundle->size);
    }
    bundle_free(bundle);
}

static void source_task_on_acked(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    struct source_group *group = owner;
    struct source_task *task = group->task;
    const struct tidemill_record *last = &group->bundle->records[group->last];
    task->in_flight_count--;
    if (error != 0) {
        char reason[256];
        snprintf(reason, sizeof reason, "writing to topic %s failed: %s",
                 last->topic == NULL ? task->topic : last->topic, error_text(error));
        task_life_fail(&task->life, reason);
    } else if (!task->life.is_failed && last->source_offset != NULL) {
        task_life_deliver(&task->life, (int64_t)group->count);
        source_offsets_put(task->offsets, bytes_from_string(last->source_partition),
                           bytes_from_string(last->source_offset), offset);
        if (!task->is_thread_ended) {
            source_task_tell(task, SOURCE_MESSAGE_ACKED, last->source_partition,
                             last->source_offset, 0);
        }
    }
    if (group->ends_bundle) {
        source_task_release(task, group->bundle);
    }
    free(group);
    source_task_close_step(task);
}

static struct bytes source_bytes(struct tidemill_bytes bytes)
{
    return bytes_make(bytes.data, bytes.size);
}

static int source_task_send_record(struct source_task *task, struct bundle *bundle, size_t index,
                                   struct source_group *group)
{
    const struct tidemill_record *from = &bundle->records[index];
    struct batch_header *headers =
        arena_array(&bundle->arena, struct batch_header, from->header_count + 2);
    size_t header_count = from->header_count;
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i] = (struct batch_header){.key = source_bytes(from->headers[i].name),
                                           .value = source_bytes(from->headers[i].value)};
    }
    if (from->source_offset != NULL) {
        source_mark_write(&bundle->arena, task->connector, from->source_partition,
                          from->source_offset, headers + header_count);
        header_count += 2;
    }
    struct producer_record record = {.topic = from->topic == NULL ? task->topic : from->topic,
                                     .partition = from->partition < 0 ? PRODUCER_PARTITION_BY_KEY
                                                                      : from->partition,
                                     .timestamp_ms = from->timestamp_ms,
                                     .key = source_bytes(from->key),
                                     .value = source_bytes(from->value),
                                     .headers = headers,
                                     .header_count = (int32_t)header_count,
                                     .done = group == NULL ? NULL : source_task_on_acked,
                                     .owner = group};
    return producer_send(task->producer, &record);
}

static size_t source_task_group_size(const struct source_task *task, const struct bundle *bundle,
                                     size_t first, size_t end)
{
    size_t size =
        strlen(task->connector) + sizeof SOURCE_MARK_HEADER + sizeof SOURCE_MARK_OFFSET_HEADER + 32;
    for (size_t i = first; i < end; i++) {
        const struct tidemill_record *record = &bundle->records[i];
        size += record->key.size + record->value.size + 32;
        for (size_t j = 0; j < record->header_count; j++) {
            size += record->headers[j].name.size + record->headers[j].value.size + 10;
        }
        if (record->source_offset != NULL) {
            size += strlen(record->source_offset) + strlen(record->source_partition) + 20;
        }
    }
    return size;
}

/* 0, or ERROR_AGAIN: nothing of the group was sent. */
static int source_task_send_group(struct source_task *task, struct bundle *bundle)
{
    size_t first = bundle->next;
    size_t end = bundle_group_end(bundle, first);
    int error = producer_reserve(task->producer, task->topic, 0,
                                 source_task_group_size(task, bundle, first, end));
    if (error != 0) {
        return error;
    }
    struct source_group *group = memory_new(struct source_group);
    *group = (struct source_group){.task = task,
                                   .bundle = bundle,
                                   .last = end - 1,
                                   .count = end - first,
                                   .ends_bundle = end == bundle->count};
    for (size_t i = first; i < end && error == 0; i++) {
        error = source_task_send_record(task, bundle, i, i + 1 == end ? group : NULL);
    }
    if (error != 0) {
        free(group);
        return error;
    }
    task->in_flight_count++;
    bundle->next = end;
    return 0;
}

/* The offset counts as progress without a place in the topic. */
static void source_task_on_dead_letter(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)offset;
    source_task_on_acked(owner, error, partition, -1);
}

static int source_task_send_reject(struct source_task *task, struct bundle *bundle)
{
    if (task->dead_letter_topic == NULL) {
        task_life_fail(&task->life, bundle->reason);
        return ERROR_CANCELLED;
    }
    struct source_group *group = memory_new(struct source_group);
    *group = (struct source_group){
        .task = task, .bundle = bundle, .last = 0, .count = 1, .ends_bundle = true};
    int error =
        dead_letter_send(task->producer, &bundle->arena, task->dead_letter_topic, task->connector,
                         &bundle->records[0], bundle->reason, source_task_on_dead_letter, group);
    if (error != 0) {
        free(group);
        return error;
    }
    task->in_flight_count++;
    bundle->next = 1;
    return 0;
}

static void source_task_on_room(void *owner)
{
    struct source_task *task = owner;
    task->is_room_awaited = false;
    source_task_pump(task);
}

static void source_task_pump(struct source_task *task)
{
    while (!task->life.is_failed && !list_is_empty(&task->bundles)) {
        struct bundle *bundle = list_member(task->bundles.head.next, struct bundle, link);
        int error = bundle->reason != NULL ? source_task_send_reject(task, bundle)
                                           : source_task_send_group(task, bundle);
        if (error == ERROR_AGAIN) {
            task->is_room_awaited = true;
            producer_on_room(task->producer, source_task_on_room, task);
            return;
        }
        if (error != 0) {
            task_life_fail(&task->life, error_text(error));
            return;
        }
        if (bundle->next == bundle->count) {
            list_remove(&bundle->link); /* freed when its last group is acknowledged */
        }
    }
}

static void source_task_on_bundle(struct io_request *request, int64_t result)
{
    (void)result;
    struct bundle *bundle = list_member(request, struct bundle, post);
    struct source_task *task = request->owner;
    list_add(&task->bundles, &bundle->link);
    source_task_pump(task);
    source_task_close_step(task);
}

static void source_task_on_ended(struct io_request *request, int64_t result)
{
    (void)result;
    struct source_task *task = request->owner;
    task->is_thread_ended = true;
    struct worker_message *message;
    while ((message = worker_take(task->worker, 0)) != NULL) {
        source_message_free((struct source_message *)(void *)message);
    }
    worker_join(task->worker);
    source_thread_fini(&task->thread);
    task_life_end_thread(&task->life, &task->context);
    source_task_close_step(task);
}

static void source_task_run_thread(struct worker *worker, void *owner)
{
    struct source_task *task = owner;
    task->context.worker = worker;
    source_thread_run(&task->thread);
    task->ended = (struct io_request){.done = source_task_on_ended, .owner = task};
    io_post(task->io, &task->ended);
}

static void source_task_on_checkpointed(void *owner, int error)
{
    struct source_task *task = owner;
    task->is_checkpointing = false;
    if (error != 0) {
        trace(TRACE_WARN, "connect.checkpoint_failed", TRACE_STRING("connector", task->connector),
              TRACE_STRING("error", error_name(error)));
    }
    source_task_close_step(task);
}

static void source_task_checkpoint(struct source_task *task)
{
    task->is_checkpointing = true;
    source_offsets_checkpoint(task->offsets, source_task_on_checkpointed, task);
}

static void source_task_on_checkpoint_time(struct io_timer *timer)
{
    struct source_task *task = timer->owner;
    if (!task->is_checkpointing && !task->life.is_closing &&
        source_offsets_is_changed(task->offsets)) {
        source_task_checkpoint(task);
    }
    io_timer_start(task->io, timer, (uint64_t)task->checkpoint_interval_ms * 1000000);
}

/* What the plugin's open gets; the thread reads it, nobody changes it any more. */
static void source_task_copy_saved(struct source_task *task)
{
    const struct map *offsets = source_offsets_map(task->offsets);
    task->thread.saved = memory_zero(offsets->size, sizeof *task->thread.saved);
    for (map_each (offsets, entry)) {
        const struct source_offsets_entry *offset = entry->value;
        task->thread.saved[task->thread.saved_count++] =
            (struct tidemill_saved_offset){.source_partition = memory_string(offset->partition),
                                           .source_offset = memory_string(offset->offset)};
    }
}

static void source_task_on_loaded(void *owner, int error)
{
    struct source_task *task = owner;
    task->is_loading = false;
    if (task->life.is_closing) {
        source_task_close_step(task);
        return;
    }
    if (error != 0) {
        char reason[256];
        snprintf(reason, sizeof reason, "reading the offsets of %s failed: %s", task->connector,
                 error_text(error));
        task->is_thread_ended = true;
        task_life_fail(&task->life, reason);
        return;
    }
    source_task_copy_saved(task);
    task->checkpoint_timer =
        (struct io_timer){.fired = source_task_on_checkpoint_time, .owner = task};
    io_timer_start(task->io, &task->checkpoint_timer,
                   (uint64_t)task->checkpoint_interval_ms * 1000000);
    task->is_thread_ended = false;
    task->worker = worker_start(task->io, task->connector, source_task_run_thread, task);
}

static void source_task_fill_context(struct source_task *task,
                                     const struct source_task_options *options)
{
    task_context_init(&task->context, task->io, task->connector, options->kind, options->values);
    source_thread_init(&task->thread, &task->context.host);
    task->thread.context = &task->context;
    task->thread.on_bundle = source_task_on_bundle;
    task->thread.owner = task;
    task->context.task = &task->thread;
}

struct source_task *source_task_new(struct client *client, struct client *fetch_client,
                                    struct producer *producer,
                                    const struct source_task_options *options,
                                    const struct task_life_events *events, void *owner)
{
    struct source_task *task = memory_new(struct source_task);
    task->client = client;
    task->io = client_io(client);
    task->producer = producer;
    task->connector = memory_string(options->connector);
    task->topic = memory_string(options->topic);
    task->dead_letter_topic = memory_string(options->dead_letter_topic);
    task->checkpoint_interval_ms = options->checkpoint_interval_ms;
    task->life = (struct task_life){.trace_event = "connect.source_failed",
                                    .connector = task->connector,
                                    .events = events,
                                    .owner = owner};
    list_init(&task->bundles);
    task->is_thread_ended = true;
    source_task_fill_context(task, options);
    struct source_offsets_options offsets_options = {.connector = options->connector,
                                                     .topic = options->topic,
                                                     .offsets_topic = SOURCE_OFFSETS_TOPIC,
                                                     .has_marks = true};
    task->offsets = source_offsets_new(client, fetch_client, producer, &offsets_options);
    task->is_loading = true;
    source_offsets_load(task->offsets, source_task_on_loaded, task);
    return task;
}

static void source_task_free(struct source_task *task)
{
    struct list_link *link;
    while ((link = list_take(&task->bundles)) != NULL) {
        bundle_free(list_member(link, struct bundle, link));
    }
    for (size_t i = 0; i < task->thread.saved_count; i++) {
        free((void *)(uintptr_t)task->thread.saved[i].source_partition);
        free((void *)(uintptr_t)task->thread.saved[i].source_offset);
    }
    free(task->thread.saved);
    source_offsets_free(task->offsets);
    free(task->connector);
    free(task->topic);
    free(task->dead_letter_topic);
    free(task);
}

/* Closing waits for the thread, then for what it emitted, then for the last checkpoint. */
static void source_task_close_step(struct source_task *task)
{
    if (!task->life.is_closing || task->is_loading || !task->is_thread_ended ||
        task->is_checkpointing || task->in_flight_count > 0) {
        return;
    }
    if (!task->life.is_failed && !list_is_empty(&task->bundles)) {
        return;
    }
    if (!task->life.is_failed && !task->is_last_stored &&
        source_offsets_is_changed(task->offsets)) {
        task->is_last_stored = true; /* or not: then the marks tell */
        source_task_checkpoint(task);
        return;
    }
    void (*closed)(void *owner) = task->life.closed;
    void *owner = task->life.closed_owner;
    io_timer_stop(task->io, &task->checkpoint_timer);
    if (task->is_room_awaited) {
        producer_on_room(task->producer, NULL, NULL);
    }
    source_task_free(task);
    closed(owner);
}

void source_task_close(struct source_task *task, void (*closed)(void *owner), void *owner)
{
    task_life_begin_close(&task->life, closed, owner);
    if (!task->is_thread_ended) {
        source_task_tell(task, SOURCE_MESSAGE_STOP, NULL, NULL, 0);
        worker_interrupt(task->worker);
    }
    source_task_close_step(task);
}
