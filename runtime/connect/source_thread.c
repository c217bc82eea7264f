/* The loop of a source plugin's thread; see source_thread.h. */
#include "runtime/connect/source_thread.h"

#include "runtime/connect/bundle.h"

enum {
    SOURCE_POLL_RECORDS = 2000,
    SOURCE_POLL_SIZE = 128 * 1024, /* a group must fit one batch of the producer */
    SOURCE_POLL_WAIT_MS = 200,
    SOURCE_RETRY_WAIT_MS = 1000,
};

static struct source_thread *source_thread_of(struct tidemill_context *context)
{
    return task_context_of(context)->task;
}

static void source_thread_sort(struct source_thread *thread, struct source_message *message)
{
    switch (message->kind) {
    case SOURCE_MESSAGE_STOP:
        thread->is_stopping = true;
        break;
    case SOURCE_MESSAGE_ACKED:
        list_add(&thread->acked, &message->head.link);
        return;
    case SOURCE_MESSAGE_RELEASED:
        thread->pending_size -= message->size;
        break;
    }
    source_message_free(message);
}

/* Takes what is in the mailbox, waiting up to `wait_ms` for the first message. */
static void source_thread_take(struct source_thread *thread, int64_t wait_ms)
{
    struct worker_message *message = worker_take(thread->context->worker, wait_ms);
    while (message != NULL) {
        source_thread_sort(thread, (struct source_message *)(void *)message);
        message = worker_take(thread->context->worker, 0);
    }
}

static void source_thread_tell_acked(struct source_thread *thread)
{
    const struct tidemill_source *source = thread->context->context.kind->source;
    struct list_link *link;
    while ((link = list_take(&thread->acked)) != NULL) {
        struct source_message *message =
            (struct source_message *)(void *)list_member(link, struct worker_message, link);
        if (source->acked != NULL) {
            source->acked(&thread->context->context, message->partition, message->offset);
        }
        source_message_free(message);
    }
}

static enum tidemill_status source_thread_post(struct source_thread *thread,
                                               const struct tidemill_record *records, size_t count,
                                               const char *reason)
{
    while (thread->pending_size >= SOURCE_THREAD_PENDING_MAX && !thread->is_stopping) {
        source_thread_take(thread, SOURCE_RETRY_WAIT_MS);
    }
    if (thread->is_stopping) {
        return TIDEMILL_AGAIN;
    }
    struct bundle *bundle = bundle_new(records, count, reason);
    thread->pending_size += bundle->size;
    bundle->post = (struct io_request){.done = thread->on_bundle, .owner = thread->owner};
    io_post(thread->context->io, &bundle->post);
    return TIDEMILL_OK;
}

static enum tidemill_status source_thread_emit(struct tidemill_context *context,
                                               const struct tidemill_record *records, size_t count)
{
    return count == 0 ? TIDEMILL_OK
                      : source_thread_post(source_thread_of(context), records, count, NULL);
}

static enum tidemill_status source_thread_reject(struct tidemill_context *context,
                                                 const struct tidemill_record *record,
                                                 const char *reason)
{
    return source_thread_post(source_thread_of(context), record, 1, reason);
}

static void source_thread_wake(struct tidemill_context *context)
{
    worker_wake(task_context_of(context)->worker);
}

/* False when the task is to end. */
static bool source_thread_poll(struct source_thread *thread)
{
    const struct tidemill_source *source = thread->context->context.kind->source;
    enum tidemill_status status = source->poll(&thread->context->context, SOURCE_POLL_RECORDS,
                                               SOURCE_POLL_SIZE, SOURCE_POLL_WAIT_MS);
    int64_t wait_ms = 0;
    switch (status) {
    case TIDEMILL_OK:
        break;
    case TIDEMILL_AGAIN:
        wait_ms = SOURCE_POLL_WAIT_MS;
        break;
    case TIDEMILL_RETRY:
        wait_ms = SOURCE_RETRY_WAIT_MS;
        break;
    case TIDEMILL_REJECT:
    case TIDEMILL_FATAL:
        return false;
    }
    source_thread_take(thread, wait_ms);
    source_thread_tell_acked(thread);
    return true;
}

static void source_thread_interrupt(void *owner)
{
    struct source_thread *thread = owner;
    struct tidemill_context *context = &thread->context->context;
    if (context->kind->source->interrupt != NULL) {
        context->kind->source->interrupt(context);
    }
}

void source_thread_run(struct source_thread *thread)
{
    struct tidemill_context *context = &thread->context->context;
    const struct tidemill_source *source = context->kind->source;
    enum tidemill_status status = TIDEMILL_RETRY;
    while (!thread->is_stopping &&
           (status = source->open(context, thread->saved, thread->saved_count)) == TIDEMILL_RETRY) {
        source_thread_take(thread, SOURCE_RETRY_WAIT_MS);
    }
    if (status != TIDEMILL_OK) {
        return;
    }
    worker_allow_interrupt(thread->context->worker, source_thread_interrupt, thread);
    while (!thread->is_stopping && source_thread_poll(thread)) {}
    worker_forbid_interrupt(thread->context->worker);
    if (source->close != NULL) {
        source->close(context);
    }
}

void source_thread_init(struct source_thread *thread, struct tidemill_host *host)
{
    list_init(&thread->acked);
    host->emit = source_thread_emit;
    host->reject = source_thread_reject;
    host->wake = source_thread_wake;
}

void source_thread_fini(struct source_thread *thread)
{
    struct list_link *link;
    while ((link = list_take(&thread->acked)) != NULL) {
        source_message_free(
            (struct source_message *)(void *)list_member(link, struct worker_message, link));
    }
}
