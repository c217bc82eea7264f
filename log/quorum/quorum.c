/* Agreement with oneself: the metadata log of a single node is a record log of the store.
 *
 * A proposal is one batch, one command per record, appended in the order of the calls. It waits in
 * a row until the flush that covers it; decided proposals leave the row from its front only, so
 * that commands are applied in log order whatever the order of the answers. All proposals of one
 * flush period share that flush: group commit comes from the store.
 *
 * Numbered as in quorum.h: (1) the row and the replay; (2) quorum_decide; (3) an entry is decided
 * well only by log_wait_flushed. With durability = os the store calls written what is not on disk,
 * and the log is as safe as its owner asked for. */
#include "log/quorum/quorum.h"

#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/log_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUORUM_EPOCH = 1,
    QUORUM_READ_SIZE = 1 << 20,
    QUORUM_COMMAND_SIZE_MAX = 64 << 20,
};

struct quorum {
    struct io *io;
    struct log *log;
    const struct quorum_events *events;
    void *owner;
    struct list entries;    /* proposals and barriers in the order of their calls */
    int64_t applied_offset; /* the last one applied, -1 before the first */
};

/* One proposal between its call and its callback. */
struct quorum_entry {
    struct list_link link;
    struct quorum *quorum; /* NULL after quorum_close */
    struct quorum_proposal *proposal;
    struct log_flush_wait wait;
    struct io_request wake; /* for entries that no flush decides */
    struct buffer content;  /* the commands, one after the other */
    size_t *sizes;
    size_t count;
    int64_t base_offset;
    int error;
    bool is_decided;
    bool is_flushing;
};

static struct quorum_entry *quorum_entry_new(struct quorum *quorum,
                                             struct quorum_proposal *proposal)
{
    struct quorum_entry *entry = memory_new(struct quorum_entry);
    entry->quorum = quorum;
    entry->proposal = proposal;
    entry->base_offset = -1;
    buffer_init(&entry->content);
    proposal->private_state[0] = entry;
    list_add(&quorum->entries, &entry->link);
    return entry;
}

static void quorum_entry_free(struct quorum_entry *entry)
{
    list_remove(&entry->link);
    buffer_fini(&entry->content);
    free(entry->sizes);
    free(entry);
}

/* Calls back and frees; the proposal may be reused inside its callback. */
static void quorum_entry_finish(struct quorum_entry *entry)
{
    struct quorum_proposal *proposal = entry->proposal;
    int error = entry->error;
    int64_t offset = entry->base_offset;
    quorum_entry_free(entry);
    proposal->done(proposal, error, offset);
}

static void quorum_apply(struct quorum *quorum, const struct quorum_entry *entry)
{
    size_t start = 0;
    for (size_t i = 0; i < entry->count; i++) {
        int64_t offset = entry->base_offset + (int64_t)i;
        check(offset > quorum->applied_offset); /* (1) */
        quorum->applied_offset = offset;
        quorum->events->apply(quorum->owner, offset,
                              bytes_make(entry->content.data + start, entry->sizes[i]));
        start += entry->sizes[i];
    }
}

/* Applies and answers what is decided at the front of the row. */
static void quorum_drain(struct quorum *quorum)
{
    while (!list_is_empty(&quorum->entries)) {
        struct quorum_entry *entry =
            list_member(quorum->entries.head.next, struct quorum_entry, link);
        if (!entry->is_decided) {
            return;
        }
        if (entry->error == 0) {
            quorum_apply(quorum, entry);
        }
        quorum_entry_finish(entry); /* (2) */
    }
}

static void quorum_decide(struct quorum_entry *entry, int error)
{
    entry->is_decided = true;
    entry->error = error;
    quorum_drain(entry->quorum);
}

/* A flush that failed may have reached the disk or not: the fate of the proposal is open. */
static void quorum_on_flushed(struct log_flush_wait *wait, int error)
{
    struct quorum_entry *entry = (struct quorum_entry *)wait->owner;
    entry->is_flushing = false;
    if (error != 0) {
        trace(TRACE_ERROR, "quorum.flush_failed", TRACE_INT("offset", entry->base_offset),
              TRACE_STRING("error", error_name(error)));
    }
    quorum_decide(entry, error == 0 || error == ERROR_SHUTDOWN ? error : ERROR_CLOSED);
}

static void quorum_on_wake(struct io_request *request, int64_t result)
{
    (void)result;
    struct quorum_entry *entry = (struct quorum_entry *)request->owner;
    if (entry->quorum == NULL) {
        quorum_entry_finish(entry);
    } else {
        quorum_decide(entry, entry->error);
    }
}

/* Decides the entry on a later turn. */
static void quorum_wake(struct io *io, struct quorum_entry *entry, int error)
{
    entry->error = error;
    entry->wake.done = quorum_on_wake;
    entry->wake.owner = entry;
    io_post(io, &entry->wake);
}

/* Appends the commands as one batch. */
static int quorum_append(struct quorum *quorum, const struct bytes *commands, size_t count,
                         struct log_append *append)
{
    struct batch_builder builder;
    struct buffer batch;
    int64_t now_ms = io_wall_clock(quorum->io);
    batch_builder_init(&builder, COMPRESS_NONE);
    buffer_init(&batch);
    for (size_t i = 0; i < count; i++) {
        batch_builder_add(&builder, now_ms, (struct bytes){0}, commands[i], NULL, 0);
    }
    int error = batch_builder_finish(&builder, &batch);
    if (error == 0) {
        error = log_append(quorum->log, batch.data, batch.size, QUORUM_EPOCH,
                           LOG_ORIGIN_COORDINATOR, append);
    }
    batch_builder_fini(&builder);
    buffer_fini(&batch);
    return error;
}

static void quorum_entry_copy(struct quorum_entry *entry, const struct bytes *commands,
                              size_t count)
{
    entry->count = count;
    entry->sizes = (size_t *)memory_zero(count, sizeof *entry->sizes);
    for (size_t i = 0; i < count; i++) {
        entry->sizes[i] = commands[i].size;
        buffer_add_bytes(&entry->content, commands[i]);
    }
}

void quorum_propose(struct quorum *quorum, struct quorum_proposal *proposal,
                    const struct bytes *commands, size_t count)
{
    check(count > 0);
    struct quorum_entry *entry = quorum_entry_new(quorum, proposal);
    struct log_append append;
    int error = quorum_append(quorum, commands, count, &append);
    if (error != 0) {
        trace(TRACE_ERROR, "quorum.append_failed", TRACE_STRING("error", error_name(error)));
        quorum_wake(quorum->io, entry, error);
        return;
    }
    quorum_entry_copy(entry, commands, count);
    entry->base_offset = append.base_offset;
    entry->is_flushing = true;
    entry->wait = (struct log_flush_wait){
        .done = quorum_on_flushed,
        .owner = entry,
        .offset = append.last_offset + 1,
    };
    log_wait_flushed(quorum->log, &entry->wait);
}

void quorum_barrier(struct quorum *quorum, struct quorum_proposal *proposal)
{
    quorum_wake(quorum->io, quorum_entry_new(quorum, proposal), 0);
}

bool quorum_is_leader(const struct quorum *quorum)
{
    (void)quorum;
    return true;
}

int32_t quorum_epoch(const struct quorum *quorum)
{
    (void)quorum;
    return QUORUM_EPOCH;
}

/* Applies the records of one batch; *next moves behind it. */
static int quorum_replay_batch(struct quorum *quorum, const struct batch *batch, int64_t *next)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, batch, QUORUM_COMMAND_SIZE_MAX);
    if (error != 0) {
        return error;
    }
    int state = 0;
    while ((state = batch_iterator_next(&iterator, &record)) == 1) {
        quorum->applied_offset = record.offset;
        quorum->events->apply(quorum->owner, record.offset, record.value);
    }
    batch_iterator_close(&iterator);
    *next = batch_next_offset(batch);
    return state;
}

static int quorum_replay_bytes(struct quorum *quorum, struct bytes bytes, int64_t *next)
{
    while (bytes.size > 0) {
        struct batch batch;
        int error = batch_read_header(bytes, &batch, NULL);
        if (error == 0) {
            error = batch_validate(&batch);
        }
        if (error == 0) {
            error = quorum_replay_batch(quorum, &batch, next);
        }
        if (error != 0) {
            return error;
        }
        bytes = bytes_make(bytes.data + batch.bytes.size, bytes.size - batch.bytes.size);
    }
    return 0;
}

static void quorum_on_read(struct log_read *read, int error)
{
    (void)read;
    (void)error;
    check(false); /* may_wait answers inside the call */
}

/* Reads from `offset` up to the end and applies it. What recovery kept is durable: the store
 * flushed it or scanned and flushed it again. */
static int quorum_replay(struct quorum *quorum)
{
    int64_t offset = log_start_offset(quorum->log);
    int64_t end_offset = log_end_offset(quorum->log);
    int error = 0;
    while (error == 0 && offset < end_offset) {
        struct log_read read = {
            .offset = offset,
            .limit_offset = end_offset,
            .size_max = QUORUM_READ_SIZE,
            .is_first_whole = true,
            .may_wait = true,
            .done = quorum_on_read,
        };
        buffer_init(&read.bytes);
        check(log_read(quorum->log, &read, &error));
        int64_t next = offset;
        if (error == 0) {
            error = quorum_replay_bytes(quorum, buffer_bytes(&read.bytes), &next);
        }
        buffer_fini(&read.bytes);
        if (error == 0 && next == offset) {
            error = ERROR_CORRUPT;
        }
        offset = next;
    }
    return error;
}

/* Kafka's name and id of the metadata topic. Its segments are never removed. */
static int quorum_open_log(struct store *store, struct log **out)
{
    struct log *log = store_find_log(store, QUORUM_TOPIC, 0);
    struct log_settings settings = log_settings_default();
    settings.retention_ms = -1;
    settings.retention_size = -1;
    settings.is_deleted = false;
    settings.is_compacted = false;
    if (log != NULL) {
        log_set_settings(log, &settings);
        log_limit_epochs(log, QUORUM_EPOCH);
        *out = log;
        return log_status(log);
    }
    struct wire_uuid id = {.octets = {[15] = 1}};
    return store_create_log(store, QUORUM_TOPIC, 0, id, &settings, out);
}

static void quorum_report(const struct store *store, struct report *report, const char *what,
                          int error)
{
    const char *directory = store_directory(store);
    char next[REPORT_TEXT_SIZE] = "";
    if (error == ERROR_CORRUPT) {
        snprintf(next, sizeof next,
                 "; `tidemill log verify %.300s` says where and `tidemill log repair %.300s` what "
                 "mending it would cost",
                 directory, directory);
    }
    report_add(report, directory, "the metadata log (%s/" QUORUM_TOPIC "-0) cannot be %s: %s%s",
               directory, what, error_text(error), next);
}

bool quorum_is_there(struct store *store)
{
    return store_find_log(store, QUORUM_TOPIC, 0) != NULL;
}

int quorum_open(struct io *io, struct store *store, const struct quorum_events *events, void *owner,
                struct quorum **out, struct report *report)
{
    struct log *log = NULL;
    int error = quorum_open_log(store, &log);
    if (error != 0) {
        quorum_report(store, report, "opened", error);
        return error;
    }
    struct quorum *quorum = memory_new(struct quorum);
    quorum->io = io;
    quorum->log = log;
    quorum->events = events;
    quorum->owner = owner;
    quorum->applied_offset = -1;
    list_init(&quorum->entries);
    error = quorum_replay(quorum);
    if (error != 0) {
        char what[64];
        snprintf(what, sizeof what, "read behind offset %" PRId64, quorum->applied_offset);
        quorum_report(store, report, what, error);
        free(quorum);
        return error;
    }
    *out = quorum;
    return 0;
}

void quorum_close(struct quorum *quorum)
{
    if (quorum == NULL) {
        return;
    }
    for (list_each (&quorum->entries, link)) {
        struct quorum_entry *entry = list_member(link, struct quorum_entry, link);
        list_remove(&entry->link);
        entry->quorum = NULL;
        if (entry->is_flushing) {
            log_wait_cancel(quorum->log, &entry->wait);
        }
        if (entry->is_flushing || entry->is_decided) {
            quorum_wake(quorum->io, entry, ERROR_SHUTDOWN);
        } else {
            entry->error = ERROR_SHUTDOWN; /* its wake is on the way */
        }
    }
    free(quorum);
}

void quorum_abandon(struct quorum *quorum)
{
    if (quorum == NULL) {
        return;
    }
    for (list_each (&quorum->entries, link)) {
        struct quorum_entry *entry = list_member(link, struct quorum_entry, link);
        if (entry->is_flushing) {
            log_wait_cancel(quorum->log, &entry->wait);
        }
        quorum_entry_free(entry);
    }
    free(quorum);
}

void quorum_read_stats(const struct quorum *quorum, struct quorum_stats *out)
{
    *out = (struct quorum_stats){.end_offset = log_end_offset(quorum->log),
                                 .committed_offset = log_flushed_offset(quorum->log)};
}

void quorum_check(const struct quorum *quorum)
{
    int64_t last = quorum->applied_offset;
    for (const struct list_link *link = quorum->entries.head.next; link != &quorum->entries.head;
         link = link->next) {
        const struct quorum_entry *entry = list_member(link, const struct quorum_entry, link);
        check(entry->quorum == quorum);
        if (entry->base_offset >= 0) {
            check(entry->base_offset > last); /* (1) */
            last = entry->base_offset + (int64_t)entry->count - 1;
        }
    }
    check(last < log_end_offset(quorum->log));
}
