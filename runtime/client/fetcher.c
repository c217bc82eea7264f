/* Hands over what the puller brought; see fetcher.h. */
#include "runtime/client/fetcher.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/client/puller.h"

#include <stdlib.h>

struct fetcher {
    struct puller puller;
    struct io *io;
    void (*ready)(void *owner);
    void *ready_owner;
    struct io_timer timer; /* tells `ready` after an unpause, and `closed` */
    bool is_closing;
    void (*closed)(void *owner);
    void *closed_owner;
};

struct fetcher_options fetcher_options_default(void)
{
    return (struct fetcher_options){
        .wait_max_ms = 500,
        .size_min = 1,
        .size_max = 50 << 20,
        .partition_size_max = 1 << 20,
        .buffer_size = 64 << 20,
        .is_crc_checked = true,
        .reset = FETCHER_RESET_EARLIEST,
    };
}

static void fetcher_tell_ready(void *owner)
{
    struct fetcher *fetcher = owner;
    if (fetcher->ready != NULL && !fetcher->is_closing) {
        fetcher->ready(fetcher->ready_owner);
    }
}

static void fetcher_on_timer(struct io_timer *timer)
{
    struct fetcher *fetcher = timer->owner;
    if (!fetcher->is_closing) {
        fetcher_tell_ready(fetcher);
        return;
    }
    void (*closed)(void *owner) = fetcher->closed;
    void *owner = fetcher->closed_owner;
    puller_fini(&fetcher->puller);
    free(fetcher);
    if (closed != NULL) {
        closed(owner);
    }
}

struct fetcher *fetcher_new(struct client *client, const struct fetcher_options *options)
{
    check(options->size_min > 0 && options->size_max > 0);
    check(options->partition_size_max > 0 && options->buffer_size > 0);
    struct fetcher *fetcher = memory_new(struct fetcher);
    fetcher->io = client_io(client);
    fetcher->timer = (struct io_timer){.fired = fetcher_on_timer, .owner = fetcher};
    puller_init(&fetcher->puller, client, options);
    fetcher->puller.ready = fetcher_tell_ready;
    fetcher->puller.owner = fetcher;
    return fetcher;
}

void fetcher_close(struct fetcher *fetcher, void (*closed)(void *owner), void *owner)
{
    check(!fetcher->is_closing);
    fetcher->is_closing = true;
    fetcher->closed = closed;
    fetcher->closed_owner = owner;
    io_timer_start(fetcher->io, &fetcher->timer, 0);
}

void fetcher_add(struct fetcher *fetcher, const char *topic, int32_t partition, int64_t offset)
{
    check(partition >= 0);
    check(offset >= FETCHER_OFFSET_EARLIEST);
    struct puller_partition *found = puller_find(&fetcher->puller, topic, partition);
    if (found == NULL) {
        found = puller_add(&fetcher->puller, topic, partition);
    }
    puller_seek(&fetcher->puller, found, offset);
}

void fetcher_remove(struct fetcher *fetcher, const char *topic, int32_t partition)
{
    struct puller_partition *found = puller_find(&fetcher->puller, topic, partition);
    if (found != NULL) {
        puller_remove(&fetcher->puller, found);
    }
}

void fetcher_seek(struct fetcher *fetcher, const char *topic, int32_t partition, int64_t offset)
{
    struct puller_partition *found = puller_find(&fetcher->puller, topic, partition);
    check(found != NULL);
    check(offset >= FETCHER_OFFSET_EARLIEST);
    puller_seek(&fetcher->puller, found, offset);
}

void fetcher_pause(struct fetcher *fetcher, const char *topic, int32_t partition, bool is_paused)
{
    struct puller_partition *found = puller_find(&fetcher->puller, topic, partition);
    check(found != NULL);
    found->is_paused = is_paused;
    puller_poke_room(&fetcher->puller);
    if (!is_paused && list_has(&found->loaded)) {
        io_timer_start(fetcher->io, &fetcher->timer, 0);
    }
}

/* A batch is behind what was fetched of the partition: damaged bytes are fetched again. */
static int fetcher_take_error(struct fetcher *fetcher, struct puller_partition *partition,
                              int error)
{
    if (error == ERROR_CORRUPT_MESSAGE && partition->chunk_count > 0) {
        puller_seek(&fetcher->puller, partition, partition->position);
    }
    partition->error = 0;
    if (partition->chunk_count == 0) {
        list_remove(&partition->loaded);
    }
    puller_poke(&fetcher->puller);
    return error;
}

static void fetcher_drop_chunk(struct fetcher *fetcher, struct puller_partition *partition,
                               struct chunk *chunk)
{
    list_remove(&chunk->link);
    chunk_free(chunk);
    partition->chunk_count--;
    puller_poke_room(&fetcher->puller);
}

/* As fetcher_take for one partition. */
must_use static int fetcher_take_from(struct fetcher *fetcher, struct puller_partition *partition,
                                      struct fetcher_batch *out)
{
    *out = (struct fetcher_batch){
        .topic = partition->topic,
        .partition = partition->index,
        .high_watermark = partition->high_watermark,
    };
    while (!list_is_empty(&partition->chunks)) {
        struct chunk *chunk = list_member(partition->chunks.head.next, struct chunk, link);
        int result = chunk_next(chunk, fetcher->puller.options.is_crc_checked, &partition->position,
                                &out->batch);
        if (result < 0) {
            return fetcher_take_error(fetcher, partition, result);
        }
        if (result == 1) {
            out->position = partition->position;
            partition->position = batch_next_offset(&out->batch);
            out->private_state = chunk->frame;
            chunk->frame->share_count++;
            if (chunk->rest.size == 0) {
                fetcher_drop_chunk(fetcher, partition, chunk);
            }
            break;
        }
        fetcher_drop_chunk(fetcher, partition, chunk);
    }
    if (partition->chunk_count == 0 && partition->error == 0) {
        list_remove(&partition->loaded);
    }
    if (out->private_state != NULL) {
        return 1;
    }
    return partition->error != 0 ? fetcher_take_error(fetcher, partition, partition->error) : 0;
}

int fetcher_take(struct fetcher *fetcher, const char *topic, int32_t partition,
                 struct fetcher_batch *out)
{
    struct puller *puller = &fetcher->puller;
    if (topic != NULL) {
        struct puller_partition *found = puller_find(puller, topic, partition);
        return found == NULL || found->is_paused ? 0 : fetcher_take_from(fetcher, found, out);
    }
    for (list_each (&puller->loaded, link)) {
        struct puller_partition *loaded = list_member(link, struct puller_partition, loaded);
        if (loaded->is_paused) {
            continue;
        }
        int result = fetcher_take_from(fetcher, loaded, out);
        if (list_has(&loaded->loaded)) {
            list_remove(&loaded->loaded);
            list_add(&puller->loaded, &loaded->loaded);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

void fetcher_release(struct fetcher *fetcher, struct fetcher_batch *batch)
{
    struct chunk_frame *frame = batch->private_state;
    bool is_counted = frame->held_size != NULL;
    bool is_last = frame->share_count == 1;
    chunk_frame_release(frame);
    batch->private_state = NULL;
    if (is_counted && is_last) {
        puller_poke(&fetcher->puller);
    }
}

void fetcher_on_ready(struct fetcher *fetcher, void (*ready)(void *owner), void *owner)
{
    fetcher->ready = ready;
    fetcher->ready_owner = owner;
}

/* Looks without making a key in the puller's buffer visible to the caller. */
static const struct puller_partition *fetcher_find(const struct fetcher *fetcher, const char *topic,
                                                   int32_t partition)
{
    struct fetcher *writable = (struct fetcher *)(uintptr_t)fetcher;
    return puller_find(&writable->puller, topic, partition);
}

int64_t fetcher_position(const struct fetcher *fetcher, const char *topic, int32_t partition)
{
    const struct puller_partition *found = fetcher_find(fetcher, topic, partition);
    return found == NULL ? -1 : found->position;
}

int64_t fetcher_fetch_position(const struct fetcher *fetcher, const char *topic, int32_t partition)
{
    const struct puller_partition *found = fetcher_find(fetcher, topic, partition);
    return found == NULL || !found->is_resolved ? -1 : found->fetch_position;
}

int64_t fetcher_high_watermark(const struct fetcher *fetcher, const char *topic, int32_t partition)
{
    const struct puller_partition *found = fetcher_find(fetcher, topic, partition);
    return found == NULL ? -1 : found->high_watermark;
}

bool fetcher_is_at_end(const struct fetcher *fetcher, const char *topic, int32_t partition)
{
    const struct puller_partition *found = fetcher_find(fetcher, topic, partition);
    if (found == NULL || !found->is_resolved || found->high_watermark < 0) {
        return false;
    }
    int64_t end =
        fetcher->puller.options.is_read_committed ? found->stable_offset : found->high_watermark;
    return found->position >= end;
}

int64_t fetcher_silence_ms(const struct fetcher *fetcher, const char *topic, int32_t partition)
{
    const struct puller_partition *found = fetcher_find(fetcher, topic, partition);
    return found == NULL ? 0 : puller_silence_ms(&fetcher->puller, found);
}

void fetcher_check(const struct fetcher *fetcher)
{
    puller_check(&fetcher->puller);
}
