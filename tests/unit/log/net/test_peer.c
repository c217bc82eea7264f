/* Shows that answers find their requests in order, that each exchange is answered once however the
 * connection ends, and that late, wrong and oversized answers end it. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/net/framer.h"
#include "log/net/peer.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;

enum server_habit { ECHO, SILENT, WRONG_ID, TOO_LARGE, HANG_UP };

struct server {
    struct sim *sim;
    struct io *io;
    struct io_listener *listener;
    struct io_stream *stream;
    struct framer framer;
    enum server_habit habit;
    int request_count;
    int32_t ids[200];
};

struct answer_write {
    struct io_request request;
    uint8_t data[64];
};

static void on_answer_written(struct io_request *request, int64_t result)
{
    (void)result;
    free(request->owner);
}

static int on_request(void *owner, struct bytes frame)
{
    struct server *server = owner;
    int32_t id = endian_read_i32(frame.data + 4); /* behind key and version */
    server->ids[server->request_count++] = id;
    if (server->habit == SILENT) {
        return 0;
    }
    if (server->habit == HANG_UP) {
        io_stream_close(server->io, server->stream);
        return ERROR_CLOSED;
    }
    struct answer_write *write = memory_new(struct answer_write);
    bool is_large = server->habit == TOO_LARGE;
    endian_write_i32(write->data, is_large ? 1 << 30 : 12);
    endian_write_i32(write->data + 4, server->habit == WRONG_ID ? id + 1 : id);
    memcpy(write->data + 8, frame.data + 8, 8); /* what the request said */
    write->request = (struct io_request){.done = on_answer_written, .owner = write};
    struct bytes part = bytes_make(write->data, 16);
    io_stream_write(server->io, &write->request, server->stream, &part, 1);
    return 0;
}

static void on_server_data(void *owner, const uint8_t *data, size_t size)
{
    struct server *server = owner;
    int error = framer_feed(&server->framer, data, size, on_request, server);
    assert_true(error == 0 || error == ERROR_CLOSED);
}

static void on_server_closed(void *owner, int reason)
{
    (void)reason;
    ((struct server *)owner)->stream = NULL;
}

static void on_accepted(void *owner, struct io_stream *stream)
{
    static const struct io_stream_events events = {.data = on_server_data,
                                                   .closed = on_server_closed};
    struct server *server = owner;
    server->stream = stream;
    framer_fini(&server->framer);
    framer_init(&server->framer, 1 << 20);
    io_stream_watch(server->io, stream, &events, server);
}

struct exchange {
    struct world *world;
    uint64_t content;
    int told;
    int error;
    int order;
};

struct world {
    struct sim *sim;
    struct server server;
    struct peer *peer;
    bool is_connected;
    bool is_closed;
    int reason;
    int told_count;
    struct exchange exchanges[200];
};

static void check_peer(void *owner)
{
    struct world *world = owner;
    if (!world->is_closed && world->peer != NULL) {
        peer_check(world->peer);
    }
}

static void on_connected(void *owner)
{
    ((struct world *)owner)->is_connected = true;
}

static void on_closed(void *owner, int reason)
{
    struct world *world = owner;
    assert_false(world->is_closed);
    world->is_closed = true;
    world->reason = reason;
}

static bool is_closed(void *owner)
{
    return ((struct world *)owner)->is_closed;
}

static bool is_connected(void *owner)
{
    return ((struct world *)owner)->is_connected;
}

static struct world *world_new(uint64_t seed, enum server_habit habit)
{
    static const struct peer_events events = {.connected = on_connected, .closed = on_closed};
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, 2);
    world->server = (struct server){.sim = world->sim, .io = sim_io(world->sim, 1), .habit = habit};
    framer_init(&world->server.framer, 1 << 20);
    assert_int_equal(
        io_listen(world->server.io, ":9092", on_accepted, &world->server, &world->server.listener),
        0);
    struct peer_options options = {
        .address = "node1:9092", .frame_size_max = 1 << 20, .connect_timeout_ms = 2000};
    world->peer = peer_open(sim_io(world->sim, 0), &options, &events, world);
    sim_on_event(world->sim, check_peer, world);
    return world;
}

static void world_free(struct world *world)
{
    if (!world->is_closed) {
        peer_close(world->peer);
        assert_true(sim_run_until(world->sim, is_closed, world, 10 * SECOND));
    }
    sim_run(world->sim, sim_now(world->sim) + 5 * SECOND);
    if (world->server.stream != NULL) {
        io_stream_close(world->server.io, world->server.stream);
    }
    io_listener_close(world->server.io, world->server.listener);
    sim_run(world->sim, sim_now(world->sim) + SECOND);
    framer_fini(&world->server.framer);
    sim_free(world->sim);
    free(world);
}

static void on_answer(void *owner, int error, struct bytes response)
{
    struct exchange *exchange = owner;
    exchange->told++;
    exchange->error = error;
    exchange->order = exchange->world->told_count++;
    assert_false(exchange->world->is_closed);
    if (error == 0 && response.data != NULL) {
        assert_int_equal(response.size, 12);
        assert_int_equal(endian_read_u64(response.data + 4), exchange->content);
    }
}

static struct peer_exchange *send_request(struct world *world, int index, int kind,
                                          int64_t timeout_ms)
{
    struct exchange *exchange = &world->exchanges[index];
    *exchange = (struct exchange){.world = world, .content = (uint64_t)index * 7919};
    struct buffer frame = {0};
    uint8_t *data = buffer_reserve(&frame, 20);
    memset(data, 0, 20);
    endian_write_i32(data, 16);
    endian_write_u64(data + 12, exchange->content);
    frame.size = 20;
    struct peer_exchange *sent =
        peer_send(world->peer, &frame, kind, timeout_ms, on_answer, exchange);
    assert_null(frame.data);
    assert_int_equal(exchange->told, 0);
    return sent;
}

static void run_for(struct world *world, uint64_t duration_ns)
{
    sim_run(world->sim, sim_now(world->sim) + duration_ns);
}

static void answers_come_in_order_also_for_requests_from_before_the_connection(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct world *world = world_new(seed, ECHO);
        for (int i = 0; i < 200; i++) {
            send_request(world, i, PEER_ANSWERED, 5000);
            if (i % 17 == 0) {
                run_for(world, sim_random(world->sim, 2000000));
            }
        }
        run_for(world, SECOND);
        for (int i = 0; i < 200; i++) {
            assert_int_equal(world->exchanges[i].told, 1);
            assert_int_equal(world->exchanges[i].error, 0);
            assert_int_equal(world->exchanges[i].order, i);
            assert_int_equal(world->server.ids[i], i);
        }
        world_free(world);
    }
}

static void a_refused_connection_tells_everybody(void **state)
{
    (void)state;
    struct world *world = world_new(1, ECHO);
    io_listener_close(world->server.io, world->server.listener);
    send_request(world, 0, PEER_ANSWERED, 5000);
    send_request(world, 1, PEER_UNANSWERED, 5000);
    assert_true(sim_run_until(world->sim, is_closed, world, 10 * SECOND));
    assert_int_equal(world->reason, ERROR_REFUSED);
    assert_int_equal(world->exchanges[0].error, ERROR_REFUSED);
    assert_int_equal(world->exchanges[1].told, 1);
    assert_int_equal(
        io_listen(world->server.io, ":9092", on_accepted, &world->server, &world->server.listener),
        0);
    world_free(world);
}

static void a_connect_that_hangs_is_given_up(void **state)
{
    (void)state;
    struct world *world = world_new(2, ECHO);
    sim_cut(world->sim, 0, 1);
    send_request(world, 0, PEER_ANSWERED, 60000);
    uint64_t start = sim_now(world->sim);
    assert_true(sim_run_until(world->sim, is_closed, world, 10 * SECOND));
    assert_true(sim_now(world->sim) - start <= 2 * SECOND + SECOND / 10);
    assert_int_equal(world->reason, ERROR_TIMEOUT);
    assert_int_equal(world->exchanges[0].told, 1);
    sim_mend(world->sim, 0, 1);
    world_free(world);
}

static void a_late_answer_ends_the_connection(void **state)
{
    (void)state;
    struct world *world = world_new(3, SILENT);
    assert_true(sim_run_until(world->sim, is_connected, world, SECOND));
    send_request(world, 0, PEER_ANSWERED, 4000);
    send_request(world, 1, PEER_ANSWERED, 1000);
    send_request(world, 2, PEER_ANSWERED, 9000);
    uint64_t start = sim_now(world->sim);
    assert_true(sim_run_until(world->sim, is_closed, world, 10 * SECOND));
    assert_true(sim_now(world->sim) - start < SECOND + SECOND / 10);
    assert_int_equal(world->exchanges[0].error, ERROR_CLOSED);
    assert_int_equal(world->exchanges[1].error, ERROR_TIMEOUT);
    assert_int_equal(world->exchanges[2].error, ERROR_CLOSED);
    world_free(world);
}

static void answers_out_of_line_end_the_connection(void **state)
{
    (void)state;
    static const struct {
        enum server_habit habit;
        int error;
    } rows[] = {{WRONG_ID, ERROR_MALFORMED}, {TOO_LARGE, ERROR_TOO_LARGE}, {HANG_UP, ERROR_CLOSED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *world = world_new(4, rows[i].habit);
        send_request(world, 0, PEER_ANSWERED, 5000);
        send_request(world, 1, PEER_ANSWERED, 5000);
        assert_true(sim_run_until(world->sim, is_closed, world, 2 * SECOND));
        assert_int_equal(world->reason, rows[i].error);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(world->exchanges[j].told, 1);
            assert_int_equal(world->exchanges[j].error, rows[i].error);
        }
        world_free(world);
    }
}

static void a_request_without_an_answer_is_told_when_it_was_sent(void **state)
{
    (void)state;
    struct world *world = world_new(5, SILENT);
    send_request(world, 0, PEER_UNANSWERED, 5000);
    run_for(world, SECOND);
    assert_int_equal(world->exchanges[0].told, 1);
    assert_int_equal(world->exchanges[0].error, 0);
    assert_int_equal(world->server.request_count, 1);
    world_free(world);
}

static void a_cancelled_exchange_keeps_its_place(void **state)
{
    (void)state;
    struct world *world = world_new(6, ECHO);
    send_request(world, 0, PEER_ANSWERED, 5000);
    struct peer_exchange *second = send_request(world, 1, PEER_ANSWERED, 5000);
    send_request(world, 2, PEER_ANSWERED, 5000);
    peer_cancel(second);
    run_for(world, SECOND);
    assert_int_equal(world->exchanges[0].told, 1);
    assert_int_equal(world->exchanges[1].told, 0);
    assert_int_equal(world->exchanges[2].told, 1);
    assert_int_equal(world->exchanges[2].error, 0);
    world_free(world);
}

/* Closed, broken and crashed at random moments: one fate each. */
static void every_exchange_has_one_fate_however_it_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world *world = world_new(seed, seed % 3 == 0 ? SILENT : ECHO);
        uint64_t count = sim_random(world->sim, 40);
        for (uint64_t i = 0; i < count; i++) {
            send_request(world, (int)i,
                         seed % 3 == 0 && i % 5 == 0 ? PEER_UNANSWERED : PEER_ANSWERED, 5000);
            run_for(world, sim_random(world->sim, 200000));
        }
        if (seed % 2 == 0) {
            peer_close(world->peer);
            assert_false(world->is_closed);
        } else {
            sim_kill(world->sim, 1);
        }
        if (seed % 2 == 0) {
            assert_true(sim_run_until(world->sim, is_closed, world, 10 * SECOND));
            assert_int_equal(world->reason, ERROR_CANCELLED);
        } else {
            sim_run_until(world->sim, is_closed, world, 10 * SECOND);
        }
        for (uint64_t i = 0; world->is_closed && i < count; i++) {
            assert_int_equal(world->exchanges[i].told, 1);
        }
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_order_also_for_requests_from_before_the_connection),
        cmocka_unit_test(a_refused_connection_tells_everybody),
        cmocka_unit_test(a_connect_that_hangs_is_given_up),
        cmocka_unit_test(a_late_answer_ends_the_connection),
        cmocka_unit_test(answers_out_of_line_end_the_connection),
        cmocka_unit_test(a_request_without_an_answer_is_told_when_it_was_sent),
        cmocka_unit_test(a_cancelled_exchange_keeps_its_place),
        cmocka_unit_test(every_exchange_has_one_fate_however_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
