/* The loop of a sink plugin's thread; see sink_thread.h. */
#include "runtime/connect/sink_thread.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/wire/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SINK_PUT_COUNT = 1000,   /* records of one put */
    SINK_FLUSH_COUNT = 5000, /* records that call for a flush */
    SINK_RETRY_WAIT_MS = 1000,
    SINK_IDLE_WAIT_MS = 3600 * 1000,
    SINK_QUIET_FLUSH_MS = 1000,
    SINK_INFLATED_MAX = 256 * 1024 * 1024,
};

static const struct tidemill_sink *sink_thread_sink(const struct sink_thread *thread)
{
    return thread->context->context.kind->sink;
}

static void sink_thread_fail(struct sink_thread *thread, const char *text)
{
    if (text != NULL && thread->context->failure[0] == 0) {
        snprintf(thread->context->failure, sizeof thread->context->failure, "%s", text);
    }
    thread->is_failed = true;
}

static void sink_thread_post(struct sink_thread *thread, struct sink_command *command)
{
    command->post = (struct io_request){.done = thread->on_command, .owner = thread->owner};
    io_post(thread->context->io, &command->post);
}

static struct sink_command *sink_thread_take(struct sink_thread *thread, int64_t wait_ms)
{
    struct worker_message *message = worker_take(thread->context->worker, wait_ms);
    return message == NULL ? NULL : list_member(message, struct sink_command, message);
}

/* Waits until the shard has answered every dead letter; everything else is put aside. */
static void sink_thread_wait_letters(struct sink_thread *thread)
{
    while (thread->letter_count > 0 && !thread->is_failed) {
        struct sink_command *command = sink_thread_take(thread, SINK_IDLE_WAIT_MS);
        if (command == NULL) {
            continue;
        }
        if (command->kind != SINK_COMMAND_LETTER) {
            list_add(&thread->deferred, &command->message.link);
            continue;
        }
        thread->letter_count--;
        if (command->error != 0) {
            sink_thread_fail(thread, "a dead letter could not be written");
        }
        sink_command_free(command);
    }
}

/* Sleeps; commands that come are put aside, only STOP ends the pause. */
static void sink_thread_back_off(struct sink_thread *thread)
{
    struct io *io = thread->context->io;
    uint64_t end_ns = io_now(io) + (uint64_t)SINK_RETRY_WAIT_MS * 1000000;
    for (uint64_t now_ns = io_now(io); now_ns < end_ns && !thread->is_stopping;
         now_ns = io_now(io)) {
        struct sink_command *command =
            sink_thread_take(thread, (int64_t)((end_ns - now_ns) / 1000000) + 1);
        if (command != NULL) {
            thread->is_stopping = command->kind == SINK_COMMAND_STOP;
            list_add(&thread->deferred, &command->message.link);
        }
    }
}

static void sink_thread_note(struct sink_thread *thread, const char *topic, int32_t partition,
                             int64_t next_offset)
{
    char key[300];
    int size = snprintf(key, sizeof key, "%s%c%d", topic, 0, (int)partition);
    struct bytes name = bytes_make(key, (size_t)size);
    struct sink_command_place *place = map_find(&thread->next_offsets, name);
    if (place == NULL) {
        place = memory_new(struct sink_command_place);
        place->topic = memory_string(topic);
        place->partition = partition;
        map_put(&thread->next_offsets, name, place);
    }
    place->offset = next_offset;
}

static void sink_thread_free_place(void *value)
{
    struct sink_command_place *place = value;
    free(place->topic);
    free(place);
}

static struct sink_command *sink_thread_offsets(struct sink_thread *thread,
                                                struct sink_command *command)
{
    if (command == NULL) {
        command = sink_command_new(SINK_COMMAND_FLUSH);
    }
    for (map_each (&thread->next_offsets, entry)) {
        const struct sink_command_place *place = entry->value;
        sink_command_add_place(command, place->topic, place->partition, place->offset);
    }
    map_fini(&thread->next_offsets, sink_thread_free_place);
    command->record_count = thread->put_count;
    thread->put_count = 0;
    return command;
}

/* `command`: the FLUSH to answer, or NULL for a flush of our own. */
static void sink_thread_flush(struct sink_thread *thread, struct sink_command *command)
{
    enum tidemill_status status = TIDEMILL_OK;
    sink_thread_wait_letters(thread);
    while (!thread->is_failed && thread->next_offsets.size > 0) {
        status = sink_thread_sink(thread)->flush(&thread->context->context);
        if (status != TIDEMILL_RETRY || thread->is_stopping) {
            break;
        }
        sink_thread_back_off(thread);
    }
    if (status != TIDEMILL_OK) {
        sink_thread_fail(thread, "the plugin could not flush");
    }
    if (thread->is_failed) {
        if (command != NULL) {
            sink_command_free(command);
        }
        return;
    }
    if (command != NULL || thread->next_offsets.size > 0) {
        sink_thread_post(thread, sink_thread_offsets(thread, command));
    }
}

static void sink_thread_reject(struct sink_thread *thread, const struct tidemill_record *record,
                               const char *reason)
{
    if (!thread->has_dead_letters) {
        char text[512];
        snprintf(text, sizeof text,
                 "record %s-%d offset %lld was rejected: %s (set "
                 "errors.deadletterqueue.topic.name to go on without it)",
                 record->topic, (int)record->partition, (long long)record->offset, reason);
        sink_thread_fail(thread, text);
        return;
    }
    struct bundle *bundle = bundle_new(record, 1, reason);
    bundle->post = (struct io_request){.done = thread->on_letter, .owner = thread->owner};
    thread->letter_count++;
    io_post(thread->context->io, &bundle->post);
}

/* Applies the verdicts of a call; returns how many records are to be put again, in front. */
static size_t sink_thread_judge(struct sink_thread *thread, struct tidemill_record *records,
                                size_t count, const struct tidemill_verdict *verdicts)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i].status == TIDEMILL_RETRY) {
            records[left++] = records[i];
        } else if (verdicts[i].status == TIDEMILL_REJECT) {
            sink_thread_reject(thread, &records[i], verdicts[i].reason);
        } else if (verdicts[i].status == TIDEMILL_FATAL) {
            sink_thread_fail(thread, verdicts[i].reason);
        }
    }
    return left;
}

static void sink_thread_put(struct sink_thread *thread, struct tidemill_record *records,
                            size_t count);

/* The sink took none of them, because of one it cannot name. */
static void sink_thread_halve(struct sink_thread *thread, struct tidemill_record *records,
                              size_t count)
{
    char reason[sizeof thread->context->failure];
    snprintf(reason, sizeof reason, "%s", thread->context->failure);
    thread->context->failure[0] = 0;
    if (count == 1) {
        sink_thread_reject(thread, &records[0], reason);
        return;
    }
    sink_thread_put(thread, records, count / 2);
    if (!thread->is_failed) {
        sink_thread_put(thread, records + count / 2, count - count / 2);
    }
}

/* Puts records until each has a final verdict. Those to be repeated keep their order. */
static void sink_thread_put(struct sink_thread *thread, struct tidemill_record *records,
                            size_t count)
{
    struct tidemill_verdict *verdicts = memory_zero(count, sizeof *verdicts);
    while (count > 0 && !thread->is_failed && !thread->is_stopping) {
        memset(verdicts, 0, count * sizeof *verdicts);
        switch (
            sink_thread_sink(thread)->put(&thread->context->context, records, count, verdicts)) {
        case TIDEMILL_OK:
            count = sink_thread_judge(thread, records, count, verdicts);
            break;
        case TIDEMILL_RETRY:
            break;
        case TIDEMILL_REJECT:
            sink_thread_halve(thread, records, count);
            count = 0;
            break;
        case TIDEMILL_AGAIN:
        case TIDEMILL_FATAL:
            sink_thread_fail(thread, "the plugin could not put records");
            break;
        }
        if (count > 0 && !thread->is_failed) {
            sink_thread_back_off(thread);
        }
    }
    if (count > 0 && !thread->is_failed) {
        sink_thread_fail(thread, "stopped while records waited to be put again");
    }
    free(verdicts);
}

static const struct tidemill_header *
sink_thread_headers(struct arena *arena, const struct batch_record *record, size_t *count)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct tidemill_header *headers =
        arena_array(arena, struct tidemill_header, record->header_count);
    struct batch_header header;
    *count = 0;
    while (*count < (size_t)record->header_count && batch_header_next(&at, end, &header) == 1) {
        headers[(*count)++] = (struct tidemill_header){
            .name = tidemill_bytes_make(header.key.data, header.key.size),
            .value = tidemill_bytes_make(header.value.data, header.value.size)};
    }
    return headers;
}

static void sink_thread_convert(struct sink_thread *thread, const struct fetcher_batch *fetched,
                                const struct batch_record *from, struct tidemill_record *to)
{
    *to = tidemill_record_make(tidemill_bytes_make(from->key.data, from->key.size),
                               tidemill_bytes_make(from->value.data, from->value.size));
    to->topic = fetched->topic;
    to->partition = fetched->partition;
    to->offset = from->offset;
    to->timestamp_ms = from->timestamp_ms;
    to->headers = sink_thread_headers(&thread->arena, from, &to->header_count);
}

static void sink_thread_put_batch(struct sink_thread *thread, const struct fetcher_batch *fetched)
{
    struct batch_iterator iterator;
    struct batch_record record;
    struct tidemill_record records[SINK_PUT_COUNT];
    size_t count = 0;
    int result = batch_iterator_open(&iterator, &fetched->batch, SINK_INFLATED_MAX);
    if (result != 0) {
        sink_thread_fail(thread, error_text(result));
        return;
    }
    while ((result = batch_iterator_next(&iterator, &record)) == 1 && !thread->is_failed) {
        if (record.offset < fetched->position) {
            continue;
        }
        sink_thread_convert(thread, fetched, &record, &records[count++]);
        if (count == SINK_PUT_COUNT) {
            sink_thread_put(thread, records, count);
            thread->put_count += (int64_t)count;
            count = 0;
            arena_clear(&thread->arena);
        }
    }
    if (result < 0) {
        sink_thread_fail(thread, error_text(result));
    }
    if (count > 0 && !thread->is_failed) {
        sink_thread_put(thread, records, count);
        thread->put_count += (int64_t)count;
    }
    arena_clear(&thread->arena);
    batch_iterator_close(&iterator);
    sink_thread_note(thread, fetched->topic, fetched->partition,
                     batch_next_offset(&fetched->batch));
}

/* Tells the plugin its partitions and asks where it stands. */
static void sink_thread_assign(struct sink_thread *thread, struct sink_command *command)
{
    const struct tidemill_sink *sink = sink_thread_sink(thread);
    struct tidemill_context *context = &thread->context->context;
    struct tidemill_partition *partitions = memory_zero(command->place_count, sizeof *partitions);
    for (size_t i = 0; i < command->place_count; i++) {
        partitions[i] = (struct tidemill_partition){.topic = command->places[i].topic,
                                                    .partition = command->places[i].partition};
    }
    enum tidemill_status status = TIDEMILL_OK;
    if (sink->assign != NULL) {
        while ((status = sink->assign(context, partitions, command->place_count)) ==
                   TIDEMILL_RETRY &&
               !thread->is_stopping) {
            sink_thread_back_off(thread);
        }
    }
    bool has_own_offsets = (context->kind->capabilities & TIDEMILL_OWN_OFFSETS) != 0;
    for (size_t i = 0; i < command->place_count && status == TIDEMILL_OK; i++) {
        int64_t next_offset = -1;
        while (has_own_offsets &&
               (status = sink->position(context, partitions[i].topic, partitions[i].partition,
                                        &next_offset)) == TIDEMILL_RETRY &&
               !thread->is_stopping) {
            sink_thread_back_off(thread);
        }
        command->places[i].offset = next_offset;
    }
    free(partitions);
    if (status != TIDEMILL_OK) {
        sink_thread_fail(thread, "the plugin could not take its partitions");
        sink_command_free(command);
        return;
    }
    thread->is_assigned = true;
    sink_thread_post(thread, command);
}

static void sink_thread_serve(struct sink_thread *thread, struct sink_command *command)
{
    switch (command->kind) {
    case SINK_COMMAND_ASSIGN:
        sink_thread_assign(thread, command);
        break;
    case SINK_COMMAND_BATCH:
        sink_thread_put_batch(thread, &command->batch);
        sink_thread_post(thread, command);
        if (thread->put_count >= SINK_FLUSH_COUNT) {
            sink_thread_flush(thread, NULL);
        }
        break;
    case SINK_COMMAND_FLUSH:
        sink_thread_flush(thread, command);
        break;
    case SINK_COMMAND_STOP:
        thread->is_stopping = true;
        sink_command_free(command);
        break;
    case SINK_COMMAND_LETTER:
        thread->letter_count--;
        if (command->error != 0) {
            sink_thread_fail(thread, "a dead letter could not be written");
        }
        sink_command_free(command);
        break;
    }
}

/* Nothing was put for a while: sinks that complete files by the clock have their chance. */
static void sink_thread_flush_quietly(struct sink_thread *thread)
{
    enum tidemill_status status = sink_thread_sink(thread)->flush(&thread->context->context);
    if (status != TIDEMILL_OK && status != TIDEMILL_RETRY) {
        sink_thread_fail(thread, "the plugin could not flush");
    }
}

static struct sink_command *sink_thread_next(struct sink_thread *thread)
{
    struct list_link *link = list_take(&thread->deferred);
    if (link != NULL) {
        return list_member(list_member(link, struct worker_message, link), struct sink_command,
                           message);
    }
    /* Nothing is waiting: what was put becomes durable before the thread sleeps. */
    struct sink_command *command = sink_thread_take(thread, 0);
    if (command == NULL && thread->next_offsets.size > 0) {
        sink_thread_flush(thread, NULL);
    }
    if (command != NULL) {
        return command;
    }
    command = sink_thread_take(thread, SINK_QUIET_FLUSH_MS);
    if (command == NULL && !thread->is_failed && thread->is_assigned) {
        sink_thread_flush_quietly(thread);
    }
    return command;
}

/* Commands nobody will serve: batches go back to be released. */
static void sink_thread_return(struct sink_thread *thread)
{
    struct sink_command *command;
    for (;;) {
        struct list_link *link = list_take(&thread->deferred);
        command = link == NULL ? sink_thread_take(thread, 0)
                               : list_member(list_member(link, struct worker_message, link),
                                             struct sink_command, message);
        if (command == NULL) {
            return;
        }
        if (command->kind == SINK_COMMAND_BATCH) {
            sink_thread_post(thread, command);
        } else {
            sink_command_free(command);
        }
    }
}

void sink_thread_run(struct sink_thread *thread)
{
    const struct tidemill_sink *sink = sink_thread_sink(thread);
    struct tidemill_context *context = &thread->context->context;
    enum tidemill_status status = TIDEMILL_RETRY;
    list_init(&thread->deferred);
    map_init(&thread->next_offsets);
    arena_init(&thread->arena, 0);
    while (!thread->is_stopping && (status = sink->open(context)) == TIDEMILL_RETRY) {
        sink_thread_back_off(thread);
    }
    if (status == TIDEMILL_OK) {
        while (!thread->is_stopping && !thread->is_failed) {
            struct sink_command *command = sink_thread_next(thread);
            if (command != NULL) {
                sink_thread_serve(thread, command);
            }
        }
        if (!thread->is_failed) {
            sink_thread_flush(thread, NULL);
        }
        if (sink->close != NULL) {
            sink->close(context);
        }
    } else if (!thread->is_stopping) {
        sink_thread_fail(thread, "the plugin could not open");
    }
    sink_thread_return(thread);
    map_fini(&thread->next_offsets, sink_thread_free_place);
    arena_fini(&thread->arena);
}
