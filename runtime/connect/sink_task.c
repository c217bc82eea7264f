/* The shard's side of a sink task: membership, fetching, commits; see sink_task.h.
 *
 * The thread's side is sink_thread.c; what they say to each other is sink_command.h. Partitions of
 * the group come with `assigned`; the plugin is told the whole list and answers its positions, and
 * only then are the new ones fetched. Before partitions go, the thread flushes and the offsets are
 * committed. */
#include "runtime/connect/sink_task.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/connect/dead_letter.h"
#include "runtime/connect/sink_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sink_part {
    struct list_link link;
    char *topic;
    int32_t partition;
    int64_t committed_offset; /* of the group, -1: none */
    bool is_fetched;
    bool is_leaving; /* revoked: goes after the next flush */
};

struct sink_task {
    struct task_context context;
    struct sink_thread thread;

    struct io *io;
    struct worker *worker;
    struct client *client;
    struct producer *producer;
    struct fetcher *fetcher;
    struct member *member;
    char *connector;
    char *dead_letter_topic;
    struct task_life life;
    struct list parts;   /* of struct sink_part */
    struct list letters; /* bundles waiting for room in the producer */
    size_t pending_size; /* bytes of batches at the thread */
    size_t letter_count; /* dead letters at the producer */
    bool is_from_latest;
    struct map later; /* names of topics that are read from their first record all the same */
    bool is_revoking;
    bool is_thread_ended;
    bool is_member_closed;
    bool is_fetcher_closed;
    bool is_stop_sent;
    bool is_committing;
    struct member_commit commit;
    struct member_partition *commit_places; /* of the commit in flight */
    struct sink_command *commit_command;    /* owns the names above */
    struct list flushed;                    /* FLUSH commands waiting for their commit */
    struct io_request ended;
};

static void sink_task_close_step(struct sink_task *task);
static void sink_task_commit_next(struct sink_task *task);

static void sink_task_send(struct sink_task *task, struct sink_command *command)
{
    if (task->is_thread_ended) {
        check(command->kind != SINK_COMMAND_BATCH);
        sink_command_free(command);
        return;
    }
    worker_put(task->worker, &command->message);
}

static struct sink_part *sink_task_find_part(struct sink_task *task, const char *topic,
                                             int32_t partition)
{
    for (list_each (&task->parts, link)) {
        struct sink_part *part = list_member(link, struct sink_part, link);
        if (part->partition == partition && strcmp(part->topic, topic) == 0) {
            return part;
        }
    }
    return NULL;
}

static void sink_task_remove_part(struct sink_task *task, struct sink_part *part)
{
    if (part->is_fetched) {
        fetcher_remove(task->fetcher, part->topic, part->partition);
    }
    list_remove(&part->link);
    free(part->topic);
    free(part);
}

static void sink_task_send_assign(struct sink_task *task)
{
    struct sink_command *command = sink_command_new(SINK_COMMAND_ASSIGN);
    for (list_each (&task->parts, link)) {
        const struct sink_part *part = list_member(link, struct sink_part, link);
        sink_command_add_place(command, part->topic, part->partition, -1);
    }
    sink_task_send(task, command);
}

/* --- Fetching --- */

static void sink_task_fetch(void *owner)
{
    struct sink_task *task = owner;
    struct fetcher_batch batch;
    int result = 0;
    while (!task->life.is_failed && !task->is_stop_sent && !task->is_thread_ended &&
           task->pending_size < SINK_TASK_PENDING_MAX &&
           (result = fetcher_take(task->fetcher, NULL, 0, &batch)) == 1) {
        struct sink_command *command = sink_command_new(SINK_COMMAND_BATCH);
        command->batch = batch;
        task->pending_size += batch.batch.bytes.size;
        sink_task_send(task, command);
    }
    if (result < 0) {
        char reason[256];
        snprintf(reason, sizeof reason, "reading %s-%d failed: %s", batch.topic,
                 (int)batch.partition, error_text(result));
        task_life_fail(&task->life, reason);
    }
}

static int64_t sink_task_first_offset(const struct sink_task *task, const char *topic)
{
    bool is_latest = task->is_from_latest && map_find_string(&task->later, topic) == NULL;
    return is_latest ? FETCHER_OFFSET_LATEST : FETCHER_OFFSET_EARLIEST;
}

static void sink_task_on_positions(struct sink_task *task, const struct sink_command *command)
{
    for (size_t i = 0; i < command->place_count; i++) {
        const struct sink_command_place *place = &command->places[i];
        struct sink_part *part = sink_task_find_part(task, place->topic, place->partition);
        if (part == NULL || part->is_fetched || part->is_leaving) {
            continue;
        }
        int64_t offset = place->offset >= 0 ? place->offset : part->committed_offset;
        if (offset < 0) {
            offset = sink_task_first_offset(task, part->topic);
        }
        part->is_fetched = true;
        fetcher_add(task->fetcher, part->topic, part->partition, offset);
    }
}

/* --- Commits --- */

static void sink_task_end_revoke(struct sink_task *task)
{
    bool is_gone = false;
    for (list_each (&task->parts, link)) {
        struct sink_part *part = list_member(link, struct sink_part, link);
        if (part->is_leaving) {
            sink_task_remove_part(task, part);
            is_gone = true;
        }
    }
    task->is_revoking = false;
    if (is_gone) {
        sink_task_send_assign(task);
    }
    member_revoked(task->member);
}

static void sink_task_on_committed(struct member_commit *commit, int error)
{
    struct sink_task *task = commit->owner;
    task->is_committing = false;
    if (error != 0) {
        trace(TRACE_WARN, "connect.commit_failed", TRACE_STRING("connector", task->connector),
              TRACE_STRING("error", error_name(error)));
    }
    free(task->commit_places);
    sink_command_free(task->commit_command);
    task->commit_places = NULL;
    task->commit_command = NULL;
    if (task->is_revoking && list_is_empty(&task->flushed)) {
        sink_task_end_revoke(task);
    }
    sink_task_commit_next(task);
    sink_task_close_step(task);
}

static void sink_task_commit(struct sink_task *task, struct sink_command *command)
{
    task->is_committing = true;
    task->commit_command = command;
    task->commit_places = memory_zero(command->place_count, sizeof *task->commit_places);
    size_t count = 0;
    for (size_t i = 0; i < command->place_count; i++) {
        const struct sink_command_place *place = &command->places[i];
        if (sink_task_find_part(task, place->topic, place->partition) != NULL) {
            task->commit_places[count++] = (struct member_partition){
                .topic = place->topic, .partition = place->partition, .offset = place->offset};
        }
    }
    task->commit = (struct member_commit){.partitions = task->commit_places,
                                          .count = count,
                                          .done = sink_task_on_committed,
                                          .owner = task};
    if (count == 0) {
        sink_task_on_committed(&task->commit, 0);
        return;
    }
    member_commit(task->member, &task->commit);
}

static void sink_task_commit_next(struct sink_task *task)
{
    if (task->is_committing) {
        return;
    }
    struct list_link *link = list_take(&task->flushed);
    if (link != NULL) {
        sink_task_commit(task, list_member(list_member(link, struct worker_message, link),
                                           struct sink_command, message));
    }
}

/* --- What comes back from the thread --- */

static void sink_task_on_command(struct io_request *request, int64_t result)
{
    (void)result;
    struct sink_command *command = list_member(request, struct sink_command, post);
    struct sink_task *task = request->owner;
    switch (command->kind) {
    case SINK_COMMAND_ASSIGN:
        sink_task_on_positions(task, command);
        sink_command_free(command);
        break;
    case SINK_COMMAND_BATCH:
        task->pending_size -= command->batch.batch.bytes.size;
        fetcher_release(task->fetcher, &command->batch);
        sink_command_free(command);
        sink_task_fetch(task);
        break;
    case SINK_COMMAND_FLUSH:
        task_life_deliver(&task->life, command->record_count);
        list_add(&task->flushed, &command->message.link);
        sink_task_commit_next(task);
        break;
    case SINK_COMMAND_STOP:
    case SINK_COMMAND_LETTER:
        sink_command_free(command);
        break;
    }
    sink_task_close_step(task);
}

struct sink_letter {
    struct sink_task *task;
    struct bundle *bundle;
};

static void sink_task_answer_letter(struct sink_task *task, struct bundle *bundle, int error)
{
    struct sink_command *command = sink_command_new(SINK_COMMAND_LETTER);
    command->error = error;
    bundle_free(bundle);
    sink_task_send(task, command);
}

static void sink_task_on_letter_sent(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    struct sink_letter *letter = owner;
    struct sink_task *task = letter->task;
    task->letter_count--;
    sink_task_answer_letter(task, letter->bundle, error);
    free(letter);
    sink_task_close_step(task);
}

static void sink_task_send_letters(void *owner)
{
    struct sink_task *task = owner;
    while (!list_is_empty(&task->letters)) {
        struct bundle *bundle = list_member(task->letters.head.next, struct bundle, link);
        struct sink_letter *letter = memory_new(struct sink_letter);
        *letter = (struct sink_letter){.task = task, .bundle = bundle};
        int error = dead_letter_send(task->producer, &bundle->arena, task->dead_letter_topic,
                                     task->connector, &bundle->records[0], bundle->reason,
                                     sink_task_on_letter_sent, letter);
        if (error == ERROR_AGAIN) {
            free(letter);
            producer_on_room(task->producer, sink_task_send_letters, task);
            return;
        }
        list_remove(&bundle->link);
        if (error == 0) {
            task->letter_count++;
        } else {
            free(letter);
            sink_task_answer_letter(task, bundle, error);
        }
    }
}

static void sink_task_on_letter(struct io_request *request, int64_t result)
{
    (void)result;
    struct bundle *bundle = list_member(request, struct bundle, post);
    struct sink_task *task = request->owner;
    list_add(&task->letters, &bundle->link);
    sink_task_send_letters(task);
}

static void sink_task_on_ended(struct io_request *request, int64_t result)
{
    (void)result;
    struct sink_task *task = request->owner;
    struct worker_message *message;
    task->is_thread_ended = true;
    while ((message = worker_take(task->worker, 0)) != NULL) {
        struct sink_command *command = list_member(message, struct sink_command, message);
        if (command->kind == SINK_COMMAND_BATCH) {
            task->pending_size -= command->batch.batch.bytes.size;
            fetcher_release(task->fetcher, &command->batch);
        }
        sink_command_free(command);
    }
    worker_join(task->worker);
    task_life_end_thread(&task->life, &task->context);
    sink_task_close_step(task);
}

static void sink_task_run_thread(struct worker *worker, void *owner)
{
    struct sink_task *task = owner;
    task->context.worker = worker;
    sink_thread_run(&task->thread);
    task->ended = (struct io_request){.done = sink_task_on_ended, .owner = task};
    io_post(task->io, &task->ended);
}

/* --- The group --- */

static void sink_task_on_assigned(void *owner, const struct member_partition *partitions,
                                  size_t count)
{
    struct sink_task *task = owner;
    for (size_t i = 0; i < count; i++) {
        if (sink_task_find_part(task, partitions[i].topic, partitions[i].partition) != NULL) {
            continue;
        }
        struct sink_part *part = memory_new(struct sink_part);
        part->topic = memory_string(partitions[i].topic);
        part->partition = partitions[i].partition;
        part->committed_offset = partitions[i].offset;
        list_add(&task->parts, &part->link);
    }
    if (count > 0) {
        sink_task_send_assign(task);
    }
}

static void sink_task_on_revoked(void *owner, const struct member_partition *partitions,
                                 size_t count)
{
    struct sink_task *task = owner;
    for (size_t i = 0; i < count; i++) {
        struct sink_part *part =
            sink_task_find_part(task, partitions[i].topic, partitions[i].partition);
        if (part != NULL) {
            part->is_leaving = true;
            fetcher_pause(task->fetcher, part->topic, part->partition, true);
        }
    }
    task->is_revoking = true;
    if (task->is_thread_ended) {
        sink_task_end_revoke(task);
        return;
    }
    sink_task_send(task, sink_command_new(SINK_COMMAND_FLUSH));
}

static void sink_task_on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct sink_task *task = owner;
    for (size_t i = 0; i < count; i++) {
        struct sink_part *part =
            sink_task_find_part(task, partitions[i].topic, partitions[i].partition);
        if (part != NULL) {
            sink_task_remove_part(task, part);
        }
    }
    sink_task_send_assign(task);
}

static void sink_task_on_member_failed(void *owner, int error)
{
    struct sink_task *task = owner;
    char reason[256];
    snprintf(reason, sizeof reason, "the group membership ended: %s", error_text(error));
    task_life_fail(&task->life, reason);
}

static void sink_task_join(struct sink_task *task, const struct sink_task_options *options)
{
    static const struct member_events events = {.assigned = sink_task_on_assigned,
                                                .revoked = sink_task_on_revoked,
                                                .lost = sink_task_on_lost,
                                                .failed = sink_task_on_member_failed};
    struct buffer group;
    buffer_init(&group);
    buffer_printf(&group, "connect-%s", options->connector);
    struct member_options member_options = member_options_default(buffer_string(&group));
    member_options.instance_id = options->instance_id;
    member_options.topics = options->topics;
    member_options.topic_count = options->topic_count;
    task->member = member_new(task->client, &member_options, &events, task);
    buffer_fini(&group);
}

static void sink_task_fill_context(struct sink_task *task, const struct sink_task_options *options)
{
    task_context_init(&task->context, task->io, task->connector, options->kind, options->values);
    task->context.task = task;
    task->thread = (struct sink_thread){.context = &task->context,
                                        .on_command = sink_task_on_command,
                                        .on_letter = sink_task_on_letter,
                                        .owner = task,
                                        .has_dead_letters = options->dead_letter_topic != NULL};
}

struct sink_task *sink_task_new(struct client *client, struct client *fetch_client,
                                struct producer *producer, const struct sink_task_options *options,
                                const struct task_life_events *events, void *owner)
{
    struct sink_task *task = memory_new(struct sink_task);
    struct fetcher_options fetcher_options = fetcher_options_default();
    task->client = client;
    task->io = client_io(client);
    task->producer = producer;
    task->connector = memory_string(options->connector);
    task->dead_letter_topic = memory_string(options->dead_letter_topic);
    task->is_from_latest = options->is_from_latest;
    map_init(&task->later);
    for (size_t i = 0; options->later != NULL && i < options->topic_count; i++) {
        if (options->later[i]) {
            map_put(&task->later, bytes_from_string(options->topics[i]), task);
        }
    }
    task->life = (struct task_life){.trace_event = "connect.sink_failed",
                                    .connector = task->connector,
                                    .events = events,
                                    .owner = owner};
    list_init(&task->parts);
    list_init(&task->letters);
    list_init(&task->flushed);
    sink_task_fill_context(task, options);
    fetcher_options.is_read_committed = true;
    fetcher_options.reset = options->is_from_latest ? FETCHER_RESET_LATEST : FETCHER_RESET_EARLIEST;
    task->fetcher = fetcher_new(fetch_client, &fetcher_options);
    fetcher_on_ready(task->fetcher, sink_task_fetch, task);
    task->worker = worker_start(task->io, options->connector, sink_task_run_thread, task);
    sink_task_join(task, options);
    return task;
}

static void sink_task_free(struct sink_task *task)
{
    struct list_link *link;
    while ((link = list_take(&task->parts)) != NULL) {
        struct sink_part *part = list_member(link, struct sink_part, link);
        free(part->topic);
        free(part);
    }
    while ((link = list_take(&task->letters)) != NULL) {
        bundle_free(list_member(link, struct bundle, link));
    }
    while ((link = list_take(&task->flushed)) != NULL) {
        sink_command_free(list_member(list_member(link, struct worker_message, link),
                                      struct sink_command, message));
    }
    map_fini(&task->later, NULL);
    free(task->connector);
    free(task->dead_letter_topic);
    free(task);
}

static void sink_task_on_member_closed(void *owner)
{
    struct sink_task *task = owner;
    task->is_member_closed = true;
    task->member = NULL;
    sink_task_close_step(task);
}

static void sink_task_on_fetcher_closed(void *owner)
{
    struct sink_task *task = owner;
    task->is_fetcher_closed = true;
    task->fetcher = NULL;
    sink_task_close_step(task);
}

/* Closing: (1) the thread flushes and ends; (2) its offsets are committed; (3) the member leaves
 * the group; (4) the fetcher closes; (5) the memory goes. */
static void sink_task_close_step(struct sink_task *task)
{
    if (!task->life.is_closing || !task->is_thread_ended || task->is_committing ||
        task->letter_count > 0 || task->pending_size > 0 || !list_is_empty(&task->flushed)) {
        return;
    }
    if (task->member != NULL) {
        if (!task->is_member_closed) {
            task->is_member_closed = true;
            member_close(task->member, sink_task_on_member_closed, task);
        }
        return;
    }
    if (task->fetcher != NULL) {
        if (!task->is_fetcher_closed) {
            task->is_fetcher_closed = true;
            fetcher_on_ready(task->fetcher, NULL, NULL);
            fetcher_close(task->fetcher, sink_task_on_fetcher_closed, task);
        }
        return;
    }
    void (*closed)(void *owner) = task->life.closed;
    void *owner = task->life.closed_owner;
    sink_task_free(task);
    closed(owner);
}

void sink_task_close(struct sink_task *task, void (*closed)(void *owner), void *owner)
{
    task_life_begin_close(&task->life, closed, owner);
    if (!task->is_thread_ended && !task->is_stop_sent) {
        task->is_stop_sent = true;
        sink_task_send(task, sink_command_new(SINK_COMMAND_STOP));
    }
    sink_task_close_step(task);
}
