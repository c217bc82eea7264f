/* Shows that two shards talk through memory: everything arrives in order whatever is paused, the
 * writer's bytes are read in place, a full window stops the writer, and either side may leave at
 * any moment without a write that is not called back. */
#include "log/base/error.h"
#include "log/io/io_uv.h"
#include "log/io/shard.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { MESSAGE_SIZE = 1000, MESSAGE_COUNT = 20000 };

struct room {
    /* The server's, on its own shard. */
    struct shard *shard;
    struct io *server;
    struct io_listener *listener;
    struct io_stream *accepted;
    struct io_timer resume;
    uint64_t received;
    uint64_t pause_every; /* bytes; 0 for never */
    uint64_t close_at;    /* bytes; 0 for never */
    uint64_t in_place;    /* bytes seen where the writer has them */
    int server_closed;
    /* The client's, on the test's thread. */
    struct io *client;
    struct io_stream *connected;
    struct io_request connect;
    struct io_request writes[MESSAGE_COUNT];
    int connect_result;
    int write_count;
    int failed_writes;
    int client_closed;
    int client_close_after; /* writes called back; 0 for never */
    uint8_t message[MESSAGE_SIZE];
    char address[IO_ADDRESS_SIZE];
};

static void on_resume(struct io_timer *timer)
{
    struct room *room = timer->owner;
    io_stream_pause(room->server, room->accepted, false);
}

static void on_server_data(void *owner, const uint8_t *data, size_t size)
{
    struct room *room = owner;
    uint64_t before = room->received;
    for (size_t i = 0; i < size; i++) {
        check(data[i] == (uint8_t)((room->received + i) % MESSAGE_SIZE % 251));
    }
    room->received += size;
    if (data >= room->message && data < room->message + MESSAGE_SIZE) {
        room->in_place += size;
    }
    if (room->close_at > 0 && before < room->close_at && room->received >= room->close_at) {
        io_stream_close(room->server, room->accepted);
    } else if (room->pause_every > 0 &&
               before / room->pause_every != room->received / room->pause_every) {
        io_stream_pause(room->server, room->accepted, true);
        io_timer_start(room->server, &room->resume, 1000);
    }
}

static void on_server_closed(void *owner, int reason)
{
    struct room *room = owner;
    io_timer_stop(room->server, &room->resume);
    room->server_closed = reason;
    shard_stop(room->shard);
}

static void on_accepted(void *owner, struct io_stream *stream)
{
    static const struct io_stream_events events = {on_server_data, on_server_closed};
    struct room *room = owner;
    shard_check(room->server);
    room->accepted = stream;
    io_stream_watch(room->server, stream, &events, room);
}

static void on_start(void *owner, struct io *io)
{
    struct room *room = owner;
    room->server = io;
    room->resume = (struct io_timer){.fired = on_resume, .owner = room};
    check(io_listen(io, "loopback:room", on_accepted, room, &room->listener) == 0);
    io_listener_address(io, room->listener, room->address);
}

static void on_stop(void *owner, struct io *io)
{
    io_listener_close(io, ((struct room *)owner)->listener);
}

static void on_client_data(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    fail_msg("%zu bytes came back", size);
}

static void on_client_closed(void *owner, int reason)
{
    struct room *room = owner;
    room->client_closed = reason;
    io_uv_stop(room->client);
}

static void on_written(struct io_request *request, int64_t result)
{
    struct room *room = request->owner;
    room->write_count++;
    room->failed_writes += result != 0;
    if (room->write_count == room->client_close_after) {
        io_stream_close(room->client, room->connected);
    }
}

static void on_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {on_client_data, on_client_closed};
    struct room *room = request->owner;
    struct bytes parts[3] = {bytes_make(room->message, 1), bytes_make(room->message + 1, 500),
                             bytes_make(room->message + 501, MESSAGE_SIZE - 501)};
    room->connect_result = (int)result;
    assert_int_equal(result, 0);
    io_stream_watch(room->client, room->connected, &events, room);
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        room->writes[i] = (struct io_request){.done = on_written, .owner = room};
        io_stream_write(room->client, &room->writes[i], room->connected, parts, 3);
    }
}

static struct room *room_new(void)
{
    struct room *room = test_calloc(1, sizeof *room);
    for (size_t i = 0; i < MESSAGE_SIZE; i++) {
        room->message[i] = (uint8_t)(i % 251);
    }
    room->client = io_uv_new();
    return room;
}

static void room_run(struct room *room)
{
    static const struct shard_events events = {.start = on_start, .stop = on_stop};
    room->shard = shard_thread_start(NULL, "server", &events, room);
    assert_string_equal(room->address, "loopback:room");
    room->connect = (struct io_request){.done = on_connected, .owner = room};
    io_connect(room->client, &room->connect, room->address, &room->connected);
    io_uv_run(room->client);
    shard_join(room->shard);
    assert_int_equal(room->write_count, MESSAGE_COUNT);
    assert_int_not_equal(room->server_closed, 0);
    assert_int_not_equal(room->client_closed, 0);
}

static void room_free(struct room *room)
{
    io_uv_free(room->client);
    test_free(room);
}

static void bytes_are_read_where_the_writer_has_them(void **state)
{
    struct room *room = room_new();
    (void)state;
    room->client_close_after = MESSAGE_COUNT;
    room_run(room);
    assert_int_equal(room->failed_writes, 0);
    assert_int_equal(room->received, (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT);
    assert_int_equal(room->in_place, room->received);
    assert_int_equal(room->client_closed, ERROR_CANCELLED);
    assert_int_equal(room->server_closed, ERROR_CLOSED);
    room_free(room);
}

static void a_reader_that_pauses_gets_everything_in_order(void **state)
{
    struct room *room = room_new();
    (void)state;
    room->pause_every = 1234567;
    room->client_close_after = MESSAGE_COUNT;
    room_run(room);
    assert_int_equal(room->failed_writes, 0);
    assert_int_equal(room->received, (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT);
    assert_true(room->in_place < room->received);
    room_free(room);
}

static void the_reader_may_leave_in_the_middle(void **state)
{
    struct room *room = room_new();
    (void)state;
    room->close_at = (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT / 2;
    room_run(room);
    assert_true(room->failed_writes > 0);
    assert_in_range(room->received, room->close_at, room->close_at + MESSAGE_SIZE);
    assert_int_equal(room->client_closed, ERROR_CLOSED);
    assert_int_equal(room->server_closed, ERROR_CANCELLED);
    room_free(room);
}

static void the_writer_may_leave_in_the_middle(void **state)
{
    struct room *room = room_new();
    (void)state;
    room->pause_every = 100000;
    room->client_close_after = MESSAGE_COUNT / 4;
    room_run(room);
    assert_int_equal(room->client_closed, ERROR_CANCELLED);
    assert_int_equal(room->server_closed, ERROR_CLOSED);
    room_free(room);
}

/* One thread: a listener whose streams nobody reads. */
struct hall {
    struct io *io;
    struct io_stream *accepted;
    struct io_stream *connected;
    struct io_request writes[2];
    uint8_t content[300000];
    char seen[8];
    size_t seen_count;
    uint64_t received;
};

static void on_hall_data(void *owner, const uint8_t *data, size_t size)
{
    (void)data;
    ((struct hall *)owner)->received += size;
}

static void on_hall_closed(void *owner, int reason)
{
    struct hall *hall = owner;
    hall->seen[hall->seen_count++] = reason == ERROR_CANCELLED ? 'x' : 'c';
    if (hall->seen_count == 5) {
        io_uv_stop(hall->io);
    }
}

static const struct io_stream_events hall_events = {on_hall_data, on_hall_closed};

static void on_hall_accepted(void *owner, struct io_stream *stream)
{
    struct hall *hall = owner;
    hall->accepted = stream;
    io_stream_watch(hall->io, stream, &hall_events, hall);
    io_stream_pause(hall->io, stream, true);
}

static void on_hall_written(struct io_request *request, int64_t result)
{
    struct hall *hall = request->owner;
    hall->seen[hall->seen_count++] = result == 0 ? 'w' : 'f';
    if (request == &hall->writes[0]) {
        /* The small one was taken into the window; the large one does not fit. */
        io_stream_close(hall->io, hall->connected);
        hall->seen[hall->seen_count++] = '-';
    } else {
        io_stream_pause(hall->io, hall->accepted, false);
    }
}

static void on_hall_connected(struct io_request *request, int64_t result)
{
    struct hall *hall = request->owner;
    struct bytes small = bytes_make(hall->content, 100);
    struct bytes large = bytes_make(hall->content, sizeof hall->content);
    assert_int_equal(result, 0);
    io_stream_watch(hall->io, hall->connected, &hall_events, hall);
    io_stream_write(hall->io, &hall->writes[0], hall->connected, &small, 1);
    io_stream_write(hall->io, &hall->writes[1], hall->connected, &large, 1);
}

static void a_paused_reader_takes_no_more_than_a_window(void **state)
{
    struct hall *hall = test_calloc(1, sizeof *hall);
    struct io_request connect = {.done = on_hall_connected, .owner = hall};
    struct io_listener *listener, *second;
    (void)state;
    hall->io = io_uv_new();
    for (int i = 0; i < 2; i++) {
        hall->writes[i] = (struct io_request){.done = on_hall_written, .owner = hall};
    }
    assert_int_equal(io_listen(hall->io, "loopback:hall", on_hall_accepted, hall, &listener), 0);
    assert_int_equal(io_listen(hall->io, "loopback:hall", on_hall_accepted, hall, &second),
                     ERROR_BUSY);
    assert_int_equal(io_listen(hall->io, "loopback:", on_hall_accepted, hall, &second),
                     ERROR_INVALID);
    io_connect(hall->io, &connect, "loopback:hall", &hall->connected);
    io_uv_run(hall->io);
    assert_memory_equal(hall->seen, "w-f", 3);
    assert_true(strchr(hall->seen, 'x') != NULL);
    assert_true(strchr(hall->seen, 'c') != NULL);
    assert_int_equal(hall->received, 100);
    io_listener_close(hall->io, listener);
    io_uv_free(hall->io);
    test_free(hall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_read_where_the_writer_has_them),
        cmocka_unit_test(a_reader_that_pauses_gets_everything_in_order),
        cmocka_unit_test(the_reader_may_leave_in_the_middle),
        cmocka_unit_test(the_writer_may_leave_in_the_middle),
        cmocka_unit_test(a_paused_reader_takes_no_more_than_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
