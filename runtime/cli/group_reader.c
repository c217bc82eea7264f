/* See group_reader.h for what it keeps. */
#include "runtime/cli/group_reader.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t COMMIT_INTERVAL_NS = 1000ULL * 1000 * 1000;

/* A row that is not on its way out. */
static struct group_reader_row *find_row(const struct group_reader *reader, const char *topic,
                                         int32_t partition)
{
    for (size_t i = 0; i < reader->count; i++) {
        struct group_reader_row *row = &reader->rows[i];
        if (!row->is_revoked && row->partition == partition && strcmp(row->topic, topic) == 0) {
            return row;
        }
    }
    return NULL;
}

/* Forgets the rows that were given up or lost. No commit may be out: it borrows their names. */
static void drop_revoked(struct group_reader *reader)
{
    for (size_t i = reader->count; i > 0; i--) {
        struct group_reader_row *row = &reader->rows[i - 1];
        if (row->is_revoked) {
            free(row->topic);
            *row = reader->rows[--reader->count];
        }
    }
}

static void add_row(struct group_reader *reader, const struct member_partition *given)
{
    reader->rows = memory_resize(reader->rows, (reader->count + 1) * sizeof(*reader->rows));
    reader->rows[reader->count++] = (struct group_reader_row){
        .topic = memory_string(given->topic),
        .partition = given->partition,
        .offset = -1,
        .committed_offset = given->offset,
    };
    fetcher_add(reader->fetcher, given->topic, given->partition,
                given->offset >= 0 ? given->offset : reader->start_offset);
}

/* Fills the commit with what was read since the last one. */
static size_t collect(struct group_reader *reader)
{
    size_t count = 0;
    reader->sent = memory_resize(reader->sent, (reader->count + 1) * sizeof(*reader->sent));
    for (size_t i = 0; i < reader->count; i++) {
        struct group_reader_row *row = &reader->rows[i];
        if (row->offset >= 0 && row->offset != row->committed_offset && !reader->is_uncommitting) {
            row->committed_offset = row->offset;
            reader->sent[count++] = (struct member_partition){
                .topic = row->topic,
                .partition = row->partition,
                .offset = row->offset,
                .metadata = BYTES_LITERAL(""),
            };
        }
    }
    return count;
}

/* Commits until nothing is left, then does what waits for that. */
static void commit_all(struct group_reader *reader);

static void on_committed(struct member_commit *commit, int error)
{
    struct group_reader *reader = commit->owner;
    reader->is_committing = false;
    bool is_again = error != 0 && error_is_retriable(error) && !reader->is_revoking;
    for (size_t i = 0; i < reader->count && is_again; i++) {
        reader->rows[i].committed_offset = -1; /* with the next commit */
    }
    if (is_again) {
        reader->is_idle = true;
        errand_wake(reader->errand);
    } else {
        commit_all(reader);
    }
}

static void commit_all(struct group_reader *reader)
{
    if (reader->is_committing) {
        return;
    }
    size_t count = collect(reader);
    if (count > 0) {
        reader->is_committing = true;
        reader->is_idle = false;
        reader->commit = (struct member_commit){
            .partitions = reader->sent,
            .count = count,
            .done = on_committed,
            .owner = reader,
        };
        member_commit(reader->member, &reader->commit);
        return;
    }
    drop_revoked(reader);
    if (reader->is_revoking) {
        reader->is_revoking = false;
        member_revoked(reader->member);
    }
    reader->is_idle = true;
    errand_wake(reader->errand);
}

static void on_assigned(void *owner, const struct member_partition *partitions, size_t count)
{
    struct group_reader *reader = owner;
    reader->was_assigned = true;
    for (size_t i = 0; i < count; i++) {
        add_row(reader, &partitions[i]);
    }
    reader->changed(reader->owner);
}

static void on_revoked(void *owner, const struct member_partition *partitions, size_t count)
{
    struct group_reader *reader = owner;
    for (size_t i = 0; i < count; i++) {
        struct group_reader_row *row =
            find_row(reader, partitions[i].topic, partitions[i].partition);
        check(row != NULL);
        row->is_revoked = true;
        fetcher_remove(reader->fetcher, row->topic, row->partition);
    }
    reader->is_revoking = true;
    commit_all(reader);
}

static void on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct group_reader *reader = owner;
    for (size_t i = 0; i < count; i++) {
        struct group_reader_row *row =
            find_row(reader, partitions[i].topic, partitions[i].partition);
        if (row != NULL) {
            fetcher_remove(reader->fetcher, row->topic, row->partition);
            row->is_revoked = true;
            row->offset = -1;
        }
    }
    reader->is_revoking = false; /* nobody waits for it any more */
    if (!reader->is_committing) {
        drop_revoked(reader);
    }
}

static void on_failed(void *owner, int error)
{
    struct group_reader *reader = owner;
    reader->error = error;
    reader->changed(reader->owner);
}

static void on_timer(struct io_timer *timer)
{
    struct group_reader *reader = timer->owner;
    commit_all(reader);
    reader->changed(reader->owner);
    io_timer_start(reader->errand->world->io, timer, COMMIT_INTERVAL_NS);
}

void group_reader_start(struct group_reader *reader, const char *group, const char *const *topics,
                        size_t topic_count)
{
    static const struct member_events events = {
        .assigned = on_assigned,
        .revoked = on_revoked,
        .lost = on_lost,
        .failed = on_failed,
    };
    struct member_options options = member_options_default(group);
    options.topics = topics;
    options.topic_count = topic_count;
    reader->member = member_new(reader->errand->client, &options, &events, reader);
    reader->timer = (struct io_timer){.fired = on_timer, .owner = reader};
    io_timer_start(reader->errand->world->io, &reader->timer, COMMIT_INTERVAL_NS);
}

void group_reader_note(struct group_reader *reader, const char *topic, int32_t partition,
                       int64_t offset)
{
    struct group_reader_row *row = find_row(reader, topic, partition);
    if (row != NULL && !row->is_revoked) {
        row->offset = offset;
    }
}

bool group_reader_is_at_end(const struct group_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct group_reader_row *row = &reader->rows[i];
        if (!fetcher_is_at_end(reader->fetcher, row->topic, row->partition)) {
            return false;
        }
    }
    return reader->was_assigned && !reader->is_revoking;
}

static void on_closed(void *owner)
{
    struct group_reader *reader = owner;
    reader->is_closed = true;
    errand_wake(reader->errand);
}

void group_reader_stop(struct group_reader *reader)
{
    struct command_world *world = reader->errand->world;
    io_timer_stop(world->io, &reader->timer);
    if (reader->error == 0) {
        commit_all(reader);
        while (!reader->is_idle && reader->error == 0) {
            world->run(world->owner);
        }
    }
    member_close(reader->member, on_closed, reader);
    while (!reader->is_closed) {
        world->run(world->owner);
    }
    for (size_t i = 0; i < reader->count; i++) {
        free(reader->rows[i].topic);
    }
    free(reader->rows);
    free(reader->sent);
}
