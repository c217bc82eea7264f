/* Shows that answers leave in the order of their requests whatever the order they are ready in,
 * that no more requests are out than allowed even when many arrive in one piece, that a client who
 * takes no answers is not read from, and that every slot is given back once, and told what
 * happened, however the connection ends. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/net/connection.h"
#include "log/net/framer.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS_MAX = 400, IN_FLIGHT_MAX = 5, OUTPUT_SIZE_MAX = 64 * 1024 };

static const uint64_t SECOND = 1000000000;

struct world;

struct request {
    struct connection_slot slot;
    struct world *world;
    uint32_t number;
    bool is_out;
    struct buffer content; /* of an answer in pieces */
    size_t sent_size;
    uint32_t asked_count; /* of `next` */
};

struct world {
    struct sim *sim;
    struct io *server_io;
    struct io *client_io;
    struct io_listener *listener;
    struct connection *connection;
    struct request requests[REQUESTS_MAX];
    uint32_t request_count;
    uint32_t piece_count;  /* of data that the client got */
    uint32_t out_count;    /* slots the connection has */
    uint32_t served_count; /* requests not answered yet */
    uint32_t served_max;
    uint32_t done_count;
    uint32_t lost_count;
    bool is_answering_lost; /* inside `lost`, one that waits and is not it */
    int closed_count;
    int refusal;           /* what `request` returns */
    size_t answer_padding; /* bytes */
    uint32_t late_in;      /* one piece in so many comes later; 0: none */
    int piece_error;       /* what the third piece is */
    bool is_answering;     /* inside `request` */
    uint32_t next_answer;  /* answered when a slot is given back; 0: none */

    struct io_stream *stream; /* the client's */
    struct io_request connect;
    struct framer framer;
    uint32_t answer_count;
    int client_closed_count;
};

static void answer(struct world *world, uint32_t index)
{
    struct request *request = &world->requests[index];
    uint8_t head[8];
    endian_write_i32(head, (int32_t)(4 + world->answer_padding));
    endian_write_i32(head + 4, (int32_t)request->number);
    buffer_add(&request->slot.answer, head, sizeof head);
    memset(buffer_reserve(&request->slot.answer, world->answer_padding), 0, world->answer_padding);
    request->slot.answer.size += world->answer_padding;
    world->served_count--;
    connection_answer(&request->slot);
}

/* Random pieces, some of them later. */
static bool give_piece(struct connection_slot *slot, struct bytes *piece, int *error)
{
    struct request *request = list_member(slot, struct request, slot);
    struct world *world = request->world;
    assert_true(request->is_out);
    assert_false(slot->is_awaited);
    request->asked_count++;
    if (request->asked_count == 3 && world->piece_error != 0) {
        *error = world->piece_error;
        return true;
    }
    if (world->late_in > 0 && sim_random(world->sim, world->late_in) == 0) {
        return false;
    }
    size_t left = request->content.size - request->sent_size;
    size_t size = left == 0 ? 0 : 1 + sim_random(world->sim, left);
    *piece = bytes_make(request->content.data + request->sent_size, size);
    request->sent_size += size;
    return true;
}

static void answer_in_pieces(struct world *world, uint32_t index)
{
    struct request *request = &world->requests[index];
    uint8_t head[8];
    endian_write_i32(head, (int32_t)(4 + world->answer_padding));
    endian_write_i32(head + 4, (int32_t)request->number);
    buffer_add(&request->content, head, sizeof head);
    memset(buffer_reserve(&request->content, world->answer_padding), 0, world->answer_padding);
    request->content.size += world->answer_padding;
    request->slot.next = give_piece;
    world->served_count--;
    connection_answer(&request->slot);
}

static void continue_awaited(struct world *world)
{
    for (uint32_t i = 0; i < world->request_count; i++) {
        if (world->requests[i].is_out && world->requests[i].slot.is_awaited) {
            connection_continue(&world->requests[i].slot);
            return; /* one at a time: it is the only one */
        }
    }
}

static void on_slot_done(struct connection_slot *slot)
{
    struct request *request = list_member(slot, struct request, slot);
    buffer_fini(&request->content);
    assert_true(request->is_out);
    request->is_out = false;
    request->world->out_count--;
    request->world->done_count++;
    buffer_fini(&slot->answer);
    uint32_t next = request->world->next_answer;
    request->world->next_answer = 0;
    if (next != 0) {
        answer(request->world, next);
    }
}

static void on_slot_lost(struct connection_slot *slot)
{
    struct request *request = list_member(slot, struct request, slot);
    struct world *world = request->world;
    assert_null(slot->connection);
    world->lost_count++;
    if (world->is_answering_lost && !slot->is_ready) {
        answer(world, request->number);
    }
    uint32_t last = world->request_count - 1;
    if (world->is_answering_lost && !world->requests[last].slot.is_ready) {
        answer(world, last);
    }
}

static int on_request(void *owner, struct connection *connection, struct buffer *frame)
{
    struct world *world = owner;
    if (world->refusal != 0) {
        return world->refusal;
    }
    assert_int_equal(frame->size, 4);
    uint32_t index = world->request_count++;
    struct request *request = &world->requests[index];
    request->world = world;
    request->number = (uint32_t)endian_read_i32(frame->data);
    request->is_out = true;
    request->slot.done = on_slot_done;
    request->slot.lost = on_slot_lost;
    assert_int_equal(request->number, index); /* in the order they were sent */
    connection_begin(connection, &request->slot);
    world->out_count++;
    if (++world->served_count > world->served_max) {
        world->served_max = world->served_count;
    }
    if (world->is_answering) {
        answer(world, index);
    }
    return 0;
}

static void on_connection_closed(void *owner, struct connection *connection, int reason)
{
    struct world *world = owner;
    (void)reason;
    assert_ptr_equal(connection, world->connection);
    world->connection = NULL;
    world->closed_count++;
}

static void on_accepted(void *owner, struct io_stream *stream)
{
    static const struct connection_events events = {.request = on_request,
                                                    .closed = on_connection_closed};
    static const struct connection_limits limits = {
        .frame_size_max = 1000, .in_flight_max = IN_FLIGHT_MAX, .output_size_max = OUTPUT_SIZE_MAX};
    struct world *world = owner;
    world->connection = connection_new(world->server_io, stream, &limits, &events, world);
}

static int on_answer(void *owner, struct bytes frame)
{
    struct world *world = owner;
    assert_int_equal(frame.size, 4 + world->answer_padding);
    assert_int_equal(endian_read_i32(frame.data), world->answer_count);
    world->answer_count++;
    return 0;
}

static void on_client_data(void *owner, const uint8_t *data, size_t size)
{
    struct world *world = owner;
    world->piece_count++;
    assert_int_equal(framer_feed(&world->framer, data, size, on_answer, world), 0);
}

static void on_client_closed(void *owner, int reason)
{
    (void)reason;
    struct world *world = owner;
    world->stream = NULL;
    world->client_closed_count++;
}

static void on_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {.data = on_client_data,
                                                   .closed = on_client_closed};
    struct world *world = request->owner;
    assert_int_equal(result, 0);
    io_stream_watch(world->client_io, world->stream, &events, world);
}

static void check_connection(void *owner)
{
    struct world *world = owner;
    if (world->connection != NULL) {
        connection_check(world->connection);
    }
}

static void run(struct world *world)
{
    sim_run(world->sim, sim_now(world->sim) + SECOND);
}

static struct world *world_new(uint64_t seed)
{
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, 2);
    world->client_io = sim_io(world->sim, 0);
    world->server_io = sim_io(world->sim, 1);
    framer_init(&world->framer, 1 << 20);
    sim_on_event(world->sim, check_connection, world);
    assert_int_equal(io_listen(world->server_io, ":9092", on_accepted, world, &world->listener), 0);
    world->connect = (struct io_request){.done = on_connected, .owner = world};
    io_connect(world->client_io, &world->connect, "node1:9092", &world->stream);
    run(world);
    assert_non_null(world->connection);
    return world;
}

/* Whatever happened, each slot was given back once. */
static void world_free(struct world *world)
{
    if (world->stream != NULL) {
        io_stream_close(world->client_io, world->stream);
    }
    io_listener_close(world->server_io, world->listener);
    run(world);
    assert_null(world->connection);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(world->out_count, 0);
    assert_int_equal(world->done_count, world->request_count);
    framer_fini(&world->framer);
    sim_free(world->sim);
    free(world);
}

struct sending {
    struct io_request request;
    struct buffer data;
};

static void on_sent(struct io_request *request, int64_t result)
{
    (void)result;
    struct sending *sending = request->owner;
    buffer_fini(&sending->data);
    free(sending);
}

static void send_bytes(struct world *world, struct bytes bytes)
{
    struct sending *sending = memory_new(struct sending);
    buffer_add_bytes(&sending->data, bytes);
    sending->request = (struct io_request){.done = on_sent, .owner = sending};
    struct bytes part = buffer_bytes(&sending->data);
    io_stream_write(world->client_io, &sending->request, world->stream, &part, 1);
}

/* Requests `from` to `to` in one write. */
static void send_requests(struct world *world, uint32_t from, uint32_t to)
{
    struct buffer data = {0};
    for (uint32_t number = from; number < to; number++) {
        uint8_t frame[8];
        endian_write_i32(frame, 4);
        endian_write_i32(frame + 4, (int32_t)number);
        buffer_add(&data, frame, sizeof frame);
    }
    send_bytes(world, buffer_bytes(&data));
    buffer_fini(&data);
}

static void answers_leave_in_request_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *world = world_new(seed);
        send_requests(world, 0, 4);
        run(world);
        assert_int_equal(world->request_count, 4);
        assert_false(connection_is_idle(world->connection));
        answer(world, 3);
        answer(world, 1);
        run(world);
        assert_int_equal(world->answer_count, 0);
        assert_true(connection_held_size(world->connection) >= 16); /* ready, not sent */
        answer(world, 0);
        run(world);
        assert_int_equal(world->answer_count, 2);
        answer(world, 2);
        run(world);
        assert_int_equal(world->answer_count, 4);
        assert_true(connection_is_idle(world->connection));
        assert_int_equal(connection_held_size(world->connection), 0);
        world_free(world);
    }
}

static void random_order_of_answers_is_put_right(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *world = world_new(seed);
        uint32_t sent = 0;
        while (world->answer_count < REQUESTS_MAX) {
            uint32_t more = (uint32_t)sim_random(world->sim, 40);
            more = sent + more > REQUESTS_MAX ? REQUESTS_MAX - sent : more;
            if (more > 0) {
                send_requests(world, sent, sent + more);
                sent += more;
            }
            run(world);
            for (uint32_t i = 0; i < world->request_count; i++) {
                uint32_t index = world->request_count - 1 - i; /* the newest first */
                struct request *request = &world->requests[index];
                if (request->is_out && !request->slot.is_ready && sim_random(world->sim, 2) == 0) {
                    answer(world, index);
                }
            }
        }
        assert_true(world->served_max <= IN_FLIGHT_MAX);
        world_free(world);
    }
}

static void answers_in_pieces_are_whole_and_keep_the_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct world *world = world_new(seed);
        uint32_t sent = 0;
        world->late_in = 3;
        world->answer_padding = 500;
        while (world->answer_count < REQUESTS_MAX / 4 || world->out_count > 0) {
            if (sent < REQUESTS_MAX / 4) {
                send_requests(world, sent, sent + 1);
                sent++;
            }
            run(world);
            for (uint32_t i = 0; i < world->request_count; i++) {
                struct request *request = &world->requests[i];
                if (request->is_out && !request->slot.is_ready && sim_random(world->sim, 2) == 0) {
                    (sim_random(world->sim, 2) == 0 ? answer : answer_in_pieces)(world, i);
                }
            }
            continue_awaited(world);
        }
        world_free(world);
    }
}

static void a_piece_in_error_ends_the_connection(void **state)
{
    (void)state;
    struct world *world = world_new(3);
    world->piece_error = ERROR_IO;
    world->answer_padding = 60000;
    send_requests(world, 0, 3);
    run(world);
    answer(world, 1);
    answer_in_pieces(world, 0);
    run(world);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(world->answer_count, 0);
    answer(world, 2); /* too late, and given back */
    run(world);
    assert_int_equal(world->out_count, 0);
    world_free(world);
}

static void a_slot_whose_piece_is_awaited_outlives_its_connection(void **state)
{
    (void)state;
    struct world *world = world_new(5);
    world->late_in = 1;
    send_requests(world, 0, 1);
    run(world);
    answer_in_pieces(world, 0);
    while (!world->requests[0].slot.is_awaited) {
        assert_true(sim_step(world->sim));
    }
    io_stream_close(world->client_io, world->stream);
    run(world);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(world->out_count, 1);
    connection_continue(&world->requests[0].slot);
    assert_int_equal(world->requests[0].asked_count, 1);
    world_free(world);
}

static void many_requests_in_one_piece_keep_to_the_limit(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    sim_plan(world->sim, 0)->is_fragmenting = false;
    send_requests(world, 0, 100);
    run(world);
    assert_int_equal(world->request_count, IN_FLIGHT_MAX);
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(i < world->request_count);
        answer(world, i);
        run(world);
        uint32_t expected = i + 1 + IN_FLIGHT_MAX < 100 ? i + 1 + IN_FLIGHT_MAX : 100;
        assert_int_equal(world->request_count, expected);
    }
    assert_int_equal(world->answer_count, 100);
    assert_int_equal(world->served_max, IN_FLIGHT_MAX);
    world_free(world);
}

static void answers_inside_the_request_are_sent(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    world->is_answering = true;
    send_requests(world, 0, 300);
    run(world);
    assert_int_equal(world->answer_count, 300);
    world_free(world);
}

static void answers_of_one_turn_leave_in_one_write(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    sim_plan(world->sim, 0)->is_fragmenting = false;
    sim_plan(world->sim, 1)->is_fragmenting = false;
    world->is_answering = true; /* inside the request */
    send_requests(world, 0, 10);
    run(world);
    assert_int_equal(world->answer_count, 10);
    assert_int_equal(world->piece_count, 1);
    world->is_answering = false; /* later, each for itself */
    send_requests(world, 10, 14);
    run(world);
    for (uint32_t i = 14; i-- > 10;) {
        answer(world, i);
    }
    run(world);
    assert_int_equal(world->answer_count, 14);
    assert_int_equal(world->piece_count, 2);
    world_free(world);
}

static void an_empty_answer_sends_nothing_and_keeps_the_order(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    send_requests(world, 0, 3);
    run(world);
    connection_answer(&world->requests[1].slot);
    answer(world, 0);
    run(world);
    assert_int_equal(world->done_count, 2);
    assert_int_equal(world->answer_count, 1);
    world->answer_count = 2;
    answer(world, 2);
    run(world);
    assert_int_equal(world->answer_count, 3);
    world_free(world);
}

static void a_client_that_takes_nothing_is_not_read(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    sim_plan(world->sim, 1)->stream_window = 1024;
    world->answer_padding = OUTPUT_SIZE_MAX / 2;
    world->is_answering = true;
    io_stream_pause(world->client_io, world->stream, true);
    send_requests(world, 0, 50);
    run(world);
    assert_true(world->request_count <= 4); /* two fill it; what the network holds comes on top */
    assert_true(connection_held_size(world->connection) >= OUTPUT_SIZE_MAX);
    io_stream_pause(world->client_io, world->stream, false);
    run(world);
    assert_int_equal(world->answer_count, 50);
    world_free(world);
}

static void slots_are_given_back_when_the_stream_breaks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *world = world_new(seed);
        send_requests(world, 0, 30);
        run(world);
        answer(world, 4); /* ready, its turn never comes */
        answer(world, 0);
        sim_break_streams(world->sim, 0);
        run(world);
        assert_int_equal(world->closed_count, 1);
        assert_int_equal(world->done_count, 2);
        assert_int_equal(world->out_count, world->request_count - 2);
        for (uint32_t i = 1; i < world->request_count; i++) {
            if (i != 4) {
                assert_null(world->requests[i].slot.connection);
                answer(world, i);
            }
        }
        assert_true(world->request_count <= 6); /* one place was free for a moment */
        world_free(world);
    }
}

/* As memory that is given back lets another request of the same connection be answered. */
static void a_slot_given_back_at_the_end_may_answer_another(void **state)
{
    (void)state;
    struct world *world = world_new(3);
    send_requests(world, 0, 4);
    run(world);
    answer(world, 1); /* ready, its turn never comes */
    world->next_answer = 2;
    sim_break_streams(world->sim, 0);
    run(world);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(world->done_count, 2);
    assert_int_equal(world->out_count, 2);
    answer(world, 0);
    answer(world, 3);
    world_free(world);
}

static void draining_answers_what_is_out_and_closes(void **state)
{
    (void)state;
    struct world *world = world_new(3);
    send_requests(world, 0, 20);
    run(world);
    connection_drain(world->connection);
    run(world);
    assert_int_equal(world->closed_count, 0);
    for (uint32_t i = 5; i-- > 0;) {
        answer(world, i);
    }
    run(world);
    assert_int_equal(world->answer_count, 5);
    assert_int_equal(world->request_count, 5);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(world->client_closed_count, 1);
    world_free(world);
}

static void draining_an_idle_connection_closes_it(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    connection_drain(world->connection);
    run(world);
    assert_int_equal(world->closed_count, 1);
    world_free(world);
}

static void a_held_connection_waits(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    connection_pause(world->connection, true);
    send_requests(world, 0, 3);
    run(world);
    assert_int_equal(world->request_count, 0);
    connection_pause(world->connection, false);
    run(world);
    assert_int_equal(world->request_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        answer(world, i);
    }
    world_free(world);
}

/* Answers still leave; the longest of several times counts. */
static void a_muted_connection_takes_requests_later(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    send_requests(world, 0, 1);
    sim_run(world->sim, sim_now(world->sim) + SECOND);
    assert_int_equal(world->request_count, 1);
    connection_mute(world->connection, 30 * SECOND);
    connection_mute(world->connection, SECOND);
    answer(world, 0);
    send_requests(world, 1, 3);
    sim_run(world->sim, sim_now(world->sim) + 20 * SECOND);
    assert_int_equal(world->request_count, 1);
    assert_int_equal(world->answer_count, 1);
    sim_run(world->sim, sim_now(world->sim) + 20 * SECOND);
    assert_int_equal(world->request_count, 3);
    answer(world, 1);
    answer(world, 2);
    world_free(world);
}

static void a_refused_or_oversized_frame_ends_the_connection(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    send_requests(world, 0, 1);
    run(world);
    world->refusal = ERROR_MALFORMED;
    send_requests(world, 1, 4);
    run(world);
    assert_int_equal(world->closed_count, 1);
    answer(world, 0);
    world_free(world);

    world = world_new(2);
    uint8_t large[4];
    endian_write_i32(large, 1001);
    send_bytes(world, bytes_make(large, sizeof large));
    run(world);
    assert_int_equal(world->closed_count, 1);
    world_free(world);
}

/* What waits is told once, may answer itself and others inside the call, or later. */
static void what_waits_is_told_that_its_connection_is_gone(void **state)
{
    (void)state;
    for (int is_answering_lost = 0; is_answering_lost <= 1; is_answering_lost++) {
        struct world *world = world_new(1);
        send_requests(world, 0, 4);
        run(world);
        answer(world, 1); /* ready, behind one that waits */
        world->is_answering_lost = is_answering_lost;
        io_stream_close(world->client_io, world->stream);
        run(world);
        assert_int_equal(world->closed_count, 1);
        assert_int_equal(world->lost_count, is_answering_lost ? 2 : 3);
        assert_int_equal(world->out_count, is_answering_lost ? 0 : 3);
        for (uint32_t i = 0; i < 4; i++) {
            if (!world->requests[i].slot.is_ready) {
                answer(world, i);
            }
        }
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_leave_in_request_order),
        cmocka_unit_test(random_order_of_answers_is_put_right),
        cmocka_unit_test(answers_in_pieces_are_whole_and_keep_the_order),
        cmocka_unit_test(a_piece_in_error_ends_the_connection),
        cmocka_unit_test(a_slot_whose_piece_is_awaited_outlives_its_connection),
        cmocka_unit_test(many_requests_in_one_piece_keep_to_the_limit),
        cmocka_unit_test(answers_inside_the_request_are_sent),
        cmocka_unit_test(answers_of_one_turn_leave_in_one_write),
        cmocka_unit_test(an_empty_answer_sends_nothing_and_keeps_the_order),
        cmocka_unit_test(a_client_that_takes_nothing_is_not_read),
        cmocka_unit_test(slots_are_given_back_when_the_stream_breaks),
        cmocka_unit_test(a_slot_given_back_at_the_end_may_answer_another),
        cmocka_unit_test(draining_answers_what_is_out_and_closes),
        cmocka_unit_test(draining_an_idle_connection_closes_it),
        cmocka_unit_test(a_held_connection_waits),
        cmocka_unit_test(a_muted_connection_takes_requests_later),
        cmocka_unit_test(a_refused_or_oversized_frame_ends_the_connection),
        cmocka_unit_test(what_waits_is_told_that_its_connection_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
