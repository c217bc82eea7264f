/* Shows that the simulated world repeats itself from its seed, keeps timers and posts in order,
 * and carries streams: in order, in any pieces, with backpressure, through cuts, ends and resets.
 */
#include "log/base/error.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { MESSAGE_COUNT = 50, MESSAGE_SIZE = 1000 };

/* A listener on node 1 that takes one stream, and a client on node 0 that writes messages. */
struct pair {
    struct sim *sim;
    struct io *server;
    struct io *client;
    struct io_stream *accepted;
    struct io_stream *connected;
    struct io_listener *listener;
    struct io_request connect;
    struct io_request writes[MESSAGE_COUNT];
    uint8_t message[MESSAGE_SIZE];
    int connect_result;
    int write_count;   /* called back */
    int failed_writes; /* of those, not with 0 */
    int pieces;
    size_t received;
    int server_closed;
    int client_closed;
};

static void on_server_data(void *owner, const uint8_t *data, size_t size)
{
    struct pair *pair = owner;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(data[i], (uint8_t)((pair->received + i) % MESSAGE_SIZE));
    }
    pair->received += size;
    pair->pieces++;
}

static void on_server_closed(void *owner, int reason)
{
    ((struct pair *)owner)->server_closed = reason;
}

static void on_client_data(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    fail_msg("%zu bytes came back", size);
}

static void on_client_closed(void *owner, int reason)
{
    ((struct pair *)owner)->client_closed = reason;
}

static void on_accepted(void *owner, struct io_stream *stream)
{
    static const struct io_stream_events events = {on_server_data, on_server_closed};
    struct pair *pair = owner;
    pair->accepted = stream;
    io_stream_watch(pair->server, stream, &events, pair);
}

static void on_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {on_client_data, on_client_closed};
    struct pair *pair = request->owner;
    pair->connect_result = (int)result;
    if (result == 0) {
        io_stream_watch(pair->client, pair->connected, &events, pair);
    }
}

static void on_written(struct io_request *request, int64_t result)
{
    struct pair *pair = request->owner;
    assert_ptr_equal(request, &pair->writes[pair->write_count]);
    assert_int_equal(pair->client_closed, 0);
    pair->write_count++;
    pair->failed_writes += result != 0;
}

static void write_messages(struct pair *pair)
{
    struct bytes parts[2] = {bytes_make(pair->message, 400),
                             bytes_make(pair->message + 400, MESSAGE_SIZE - 400)};
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        pair->writes[i] = (struct io_request){.done = on_written, .owner = pair};
        io_stream_write(pair->client, &pair->writes[i], pair->connected, parts, 2);
    }
}

static bool is_connected(void *owner)
{
    struct pair *pair = owner;
    return pair->connect_result != 1 && (pair->connect_result != 0 || pair->accepted != NULL);
}

static void pair_init(struct pair *pair, uint64_t seed)
{
    *pair = (struct pair){.sim = sim_new(seed, 2), .connect_result = 1};
    pair->client = sim_io(pair->sim, 0);
    pair->server = sim_io(pair->sim, 1);
    for (int i = 0; i < MESSAGE_SIZE; i++) {
        pair->message[i] = (uint8_t)i;
    }
    assert_int_equal(io_listen(pair->server, ":9092", on_accepted, pair, &pair->listener), 0);
    pair->connect = (struct io_request){.done = on_connected, .owner = pair};
    io_connect(pair->client, &pair->connect, "node1:9092", &pair->connected);
}

static void pair_connect(struct pair *pair, uint64_t seed)
{
    pair_init(pair, seed);
    assert_true(sim_run_until(pair->sim, is_connected, pair, 1000000000));
    assert_int_equal(pair->connect_result, 0);
}

static void run_out(struct sim *sim)
{
    while (sim_step(sim)) {}
}

static void bytes_arrive_in_order_and_in_other_pieces(void **state)
{
    (void)state;
    struct pair pair;
    pair_connect(&pair, 1);
    write_messages(&pair);
    assert_int_equal(pair.write_count, 0);
    run_out(pair.sim);
    assert_int_equal(pair.write_count, MESSAGE_COUNT);
    assert_int_equal(pair.failed_writes, 0);
    assert_int_equal(pair.received, MESSAGE_COUNT * MESSAGE_SIZE);
    assert_int_not_equal(pair.pieces, MESSAGE_COUNT);
    char local[IO_ADDRESS_SIZE], peer[IO_ADDRESS_SIZE], other[IO_ADDRESS_SIZE];
    io_stream_addresses(pair.client, pair.connected, local, peer);
    assert_string_equal(peer, "node1:9092");
    io_stream_addresses(pair.server, pair.accepted, peer, other);
    assert_string_equal(other, local);
    sim_free(pair.sim);
}

static void a_paused_reader_stops_the_writer(void **state)
{
    (void)state;
    struct pair pair;
    pair_connect(&pair, 2);
    sim_plan(pair.sim, 0)->stream_window = 10 * MESSAGE_SIZE;
    io_stream_pause(pair.server, pair.accepted, true);
    write_messages(&pair);
    run_out(pair.sim);
    assert_int_equal(pair.write_count, 10);
    assert_int_equal(pair.received, 0);
    io_stream_pause(pair.server, pair.accepted, false);
    run_out(pair.sim);
    assert_int_equal(pair.write_count, MESSAGE_COUNT);
    assert_int_equal(pair.received, MESSAGE_COUNT * MESSAGE_SIZE);
    sim_free(pair.sim);
}

static void a_close_cancels_waiting_writes_and_ends_the_other_side(void **state)
{
    (void)state;
    struct pair pair;
    pair_connect(&pair, 3);
    sim_plan(pair.sim, 0)->stream_window = 10 * MESSAGE_SIZE;
    write_messages(&pair);
    io_stream_close(pair.client, pair.connected);
    assert_int_equal(pair.client_closed, 0);
    run_out(pair.sim);
    assert_int_equal(pair.write_count, MESSAGE_COUNT);
    assert_int_equal(pair.failed_writes, MESSAGE_COUNT - 10);
    assert_int_equal(pair.client_closed, ERROR_CANCELLED);
    assert_int_equal(pair.server_closed, ERROR_CLOSED);
    assert_true(pair.received >= 10 * MESSAGE_SIZE);
    sim_free(pair.sim);
}

static void a_broken_stream_ends_on_both_sides(void **state)
{
    (void)state;
    struct pair pair;
    pair_connect(&pair, 4);
    write_messages(&pair);
    sim_break_streams(pair.sim, 1);
    run_out(pair.sim);
    assert_int_equal(pair.write_count, MESSAGE_COUNT);
    assert_int_equal(pair.client_closed, ERROR_CLOSED);
    assert_int_equal(pair.server_closed, ERROR_CLOSED);
    assert_true(pair.received < MESSAGE_COUNT * MESSAGE_SIZE);
    sim_free(pair.sim);
}

static bool is_half_connected(void *owner)
{
    return ((struct pair *)owner)->connect_result == 0;
}

static void a_stream_that_broke_before_it_was_accepted_is_not_handed_over(void **state)
{
    (void)state;
    int unaccepted_count = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct pair pair;
        pair_init(&pair, seed);
        sim_plan(pair.sim, 1)->network = (struct sim_range){0, 0};
        assert_true(sim_run_until(pair.sim, is_half_connected, &pair, 1000000000));
        sim_break_streams(pair.sim, 1);
        run_out(pair.sim);
        unaccepted_count += pair.accepted == NULL;
        assert_true(pair.accepted == NULL || pair.server_closed == ERROR_CLOSED);
        assert_int_equal(pair.client_closed, ERROR_CLOSED);
        sim_free(pair.sim);
    }
    assert_true(unaccepted_count > 0);
}

static void a_dead_process_is_silent_and_its_peers_notice(void **state)
{
    (void)state;
    struct pair pair;
    pair_connect(&pair, 5);
    write_messages(&pair);
    sim_kill(pair.sim, 0);
    io_stream_close(pair.client, pair.connected);
    run_out(pair.sim);
    assert_int_equal(pair.write_count, 0);
    assert_int_equal(pair.client_closed, 0);
    assert_int_equal(pair.server_closed, ERROR_CLOSED);
    sim_crash(pair.sim, 1);
    struct io *again = sim_io(pair.sim, 1);
    assert_int_equal(io_listen(again, ":9092", on_accepted, &pair, &pair.listener), 0);
    sim_free(pair.sim);
}

static void a_cut_link_delays_and_a_missing_listener_refuses(void **state)
{
    (void)state;
    struct pair pair;
    pair_connect(&pair, 6);
    sim_cut(pair.sim, 0, 1);
    write_messages(&pair);
    run_out(pair.sim);
    assert_int_equal(pair.received, 0);
    sim_mend(pair.sim, 1, 0);
    run_out(pair.sim);
    assert_int_equal(pair.received, MESSAGE_COUNT * MESSAGE_SIZE);
    io_listener_close(pair.server, pair.listener);
    struct io_stream *stream;
    pair.connect_result = 1;
    io_connect(pair.client, &pair.connect, "node1:9092", &stream);
    run_out(pair.sim);
    assert_int_equal(pair.connect_result, ERROR_REFUSED);
    sim_free(pair.sim);
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    uint64_t hashes[3];
    for (int i = 0; i < 3; i++) {
        struct pair pair;
        pair_init(&pair, i == 2 ? 8 : 7);
        assert_true(sim_run_until(pair.sim, is_connected, &pair, 1000000000));
        sim_plan(pair.sim, 0)->stream_break = 10000;
        write_messages(&pair);
        struct io_file *file;
        struct bytes part = BYTES_LITERAL("content");
        assert_int_equal(io_file_open(pair.client, "a", IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
        assert_int_equal(io_file_write(pair.client, file, &part, 1, 0), 0);
        run_out(pair.sim);
        hashes[i] = sim_trace_hash(pair.sim);
        sim_free(pair.sim);
    }
    assert_true(hashes[0] == hashes[1]);
    assert_true(hashes[0] != hashes[2]);
}

struct order {
    char seen[16];
    size_t count;
    struct io_timer timers[4];
    struct io_request requests[4];
    struct sim *sim;
};

static void on_fired(struct io_timer *timer)
{
    struct order *order = timer->owner;
    order->seen[order->count++] = (char)('0' + (timer - order->timers));
}

static void timers_fire_once_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct order order = {.sim = sim_new(9, 1)};
    struct io *io = sim_io(order.sim, 0);
    uint64_t start_ns = io_now(io);
    for (int i = 0; i < 4; i++) {
        order.timers[i] = (struct io_timer){.fired = on_fired, .owner = &order};
        io_timer_start(io, &order.timers[i], 100 + 10 * (uint64_t)i);
    }
    io_timer_start(io, &order.timers[0], 200);
    io_timer_stop(io, &order.timers[2]);
    io_timer_stop(io, &order.timers[2]);
    sim_run(order.sim, start_ns + 150);
    assert_string_equal(order.seen, "13");
    assert_int_equal(io_now(io), start_ns + 150);
    run_out(order.sim);
    assert_string_equal(order.seen, "130");
    assert_int_equal(io_now(io), start_ns + 200);
    sim_free(order.sim);
}

static void on_posted(struct io_request *request, int64_t result)
{
    struct order *order = request->owner;
    assert_int_equal(result, 0);
    order->seen[order->count++] = (char)('0' + (request - order->requests));
}

static void on_work(void *owner)
{
    struct order *order = owner;
    order->seen[order->count++] = 'w';
}

static void posts_keep_their_order_and_work_runs_before_its_callback(void **state)
{
    (void)state;
    struct order order = {.sim = sim_new(10, 1)};
    struct io *io = sim_io(order.sim, 0);
    for (int i = 0; i < 4; i++) {
        order.requests[i] = (struct io_request){.done = on_posted, .owner = &order};
    }
    for (int i = 0; i < 3; i++) {
        io_post(io, &order.requests[i]);
    }
    assert_int_equal(order.count, 0);
    run_out(order.sim);
    io_work(io, &order.requests[3], on_work);
    run_out(order.sim);
    assert_string_equal(order.seen, "012w3");
    sim_free(order.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_in_order_and_in_other_pieces),
        cmocka_unit_test(a_paused_reader_stops_the_writer),
        cmocka_unit_test(a_close_cancels_waiting_writes_and_ends_the_other_side),
        cmocka_unit_test(a_broken_stream_ends_on_both_sides),
        cmocka_unit_test(a_stream_that_broke_before_it_was_accepted_is_not_handed_over),
        cmocka_unit_test(a_dead_process_is_silent_and_its_peers_notice),
        cmocka_unit_test(a_cut_link_delays_and_a_missing_listener_refuses),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(timers_fire_once_in_the_order_of_their_times),
        cmocka_unit_test(posts_keep_their_order_and_work_runs_before_its_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
