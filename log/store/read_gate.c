/* A queue that the ends of syncs and reads move on; see read_gate.h. */
#include "log/store/read_gate.h"

#include "log/base/check.h"

static struct read_gate_read *read_gate_read_of(struct list_link *link)
{
    return list_member(link, struct read_gate_read, link);
}

void read_gate_init(struct read_gate *gate, struct io *io)
{
    *gate = (struct read_gate){.io = io};
    list_init(&gate->syncs);
    list_init(&gate->waiting);
}

void read_gate_await(struct read_gate *gate)
{
    gate->awaited_ns = io_now(gate->io);
    gate->was_awaited = true;
}

bool read_gate_is_awaited(const struct read_gate *gate)
{
    return gate->was_awaited &&
           io_now(gate->io) - gate->awaited_ns < io_delay_ns(READ_GATE_PATIENCE_MS);
}

static bool read_gate_takes(const struct read_gate *gate, const struct read_gate_read *read)
{
    bool is_synced =
        list_is_empty(&gate->syncs) ||
        list_member(gate->syncs.head.next, struct read_gate_sync, link)->number > read->sync_number;
    bool is_room = gate->reading_size == 0 || gate->reading_size + read->size <= READ_GATE_SIZE_MAX;
    return is_synced && is_room;
}

static void read_gate_begin(struct read_gate *gate, struct read_gate_read *read)
{
    gate->reading_size += read->size;
    read->begin(read);
}

static void read_gate_go_on(struct read_gate *gate)
{
    while (!list_is_empty(&gate->waiting)) {
        struct read_gate_read *read = read_gate_read_of(gate->waiting.head.next);
        if (!read_gate_takes(gate, read)) {
            return;
        }
        list_remove(&read->link);
        read_gate_begin(gate, read);
    }
}

void read_gate_sync_start(struct read_gate *gate, struct read_gate_sync *sync)
{
    sync->number = ++gate->sync_count;
    list_add(&gate->syncs, &sync->link);
}

void read_gate_sync_end(struct read_gate *gate, struct read_gate_sync *sync)
{
    list_remove(&sync->link);
    read_gate_go_on(gate);
}

void read_gate_read_start(struct read_gate *gate, struct read_gate_read *read, size_t size)
{
    check(size > 0);
    read->size = size;
    read->sync_number = gate->sync_count;
    bool is_first = list_is_empty(&gate->waiting);
    if (is_first && (!read_gate_is_awaited(gate) || read_gate_takes(gate, read))) {
        read_gate_begin(gate, read);
    } else {
        list_add(&gate->waiting, &read->link);
    }
}

void read_gate_read_end(struct read_gate *gate, struct read_gate_read *read)
{
    check(gate->reading_size >= read->size);
    gate->reading_size -= read->size;
    read_gate_go_on(gate);
}

void read_gate_read_forget(struct read_gate_read *read)
{
    list_remove(&read->link);
}

void read_gate_check(const struct read_gate *gate)
{
    int64_t number = 0;
    for (list_each (&gate->syncs, link)) {
        const struct read_gate_sync *sync = list_member(link, struct read_gate_sync, link);
        check(sync->number > number);
        check(sync->number <= gate->sync_count);
        number = sync->number;
    }
    if (!list_is_empty(&gate->waiting)) {
        check(!read_gate_takes(gate, read_gate_read_of(gate->waiting.head.next)));
    }
}
