/* Shows the HTTP port from outside: routes, refusals, large bodies, late answers, and a stop with
 * requests under way. The daemon has a thread and a socket of its own, so this test runs on the
 * real io, with a port the system chooses. */
#include "log/base/error.h"
#include "log/io/io_uv.h"
#include "runtime/admin/http.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct io *io;
    struct http *http;
    int handled_count;
    bool stops_inside; /* the first handler stops the port */
    bool is_stopped;
    struct http_answer *owed; /* of /later */
    char asked[100];          /* its parameter, read when it was answered */
    const struct http_request *request;
    struct io_timer timer;
};

/* One connection with one request. */
struct visitor {
    struct fixture *fixture;
    struct io_request connected;
    struct io_request written;
    struct io_stream *stream;
    struct bytes request;
    struct buffer answer;
    bool is_closed;
};

static void on_stopped(void *owner)
{
    struct fixture *fixture = owner;
    fixture->is_stopped = true;
    fixture->http = NULL;
    io_uv_stop(fixture->io);
}

static unsigned say_hello(void *owner, const struct http_request *request, struct buffer *out,
                          const char **content_type)
{
    struct fixture *fixture = owner;
    const char *name = request->query(request, "name");
    fixture->handled_count++;
    *content_type = "text/plain";
    assert_false(io_uv_is_foreign(fixture->io)); /* on the shard's thread */
    if (fixture->stops_inside && fixture->handled_count == 1) {
        http_stop(fixture->http, on_stopped, fixture);
    }
    buffer_printf(out, "hello %s%s", name == NULL ? "you" : name, request->suffix);
    return 200;
}

static unsigned echo(void *owner, const struct http_request *request, struct buffer *out,
                     const char **content_type)
{
    (void)content_type;
    ((struct fixture *)owner)->handled_count++;
    if (request->body.size == 0) {
        return http_refuse(out, 400, "say %s", "\"something\"");
    }
    buffer_add_bytes(out, request->body);
    return 201;
}

static void answer_now(struct io_timer *timer)
{
    struct fixture *fixture = timer->owner;
    struct buffer body;
    buffer_init(&body);
    buffer_printf(&body, "{\"at\":\"%s\"}", fixture->request->query(fixture->request, "at"));
    http_answer(fixture->owed, 202, &body);
    assert_int_equal(body.size, 0);
}

static void ask_later(void *owner, const struct http_request *request, struct http_answer *answer)
{
    struct fixture *fixture = owner;
    fixture->handled_count++;
    fixture->owed = answer;
    fixture->request = request;
    fixture->timer = (struct io_timer){.fired = answer_now, .owner = fixture};
    io_timer_start(fixture->io, &fixture->timer, 1000000);
    if (fixture->stops_inside) {
        http_stop(fixture->http, on_stopped, fixture);
    }
}

enum { ROUTE_COUNT = 4 };
static struct http_route routes[ROUTE_COUNT];

static int setup(void **state)
{
    static struct fixture fixture;
    struct report report = {0};
    fixture = (struct fixture){.io = io_uv_new()};
    routes[0] = (struct http_route){
        .method = "GET", .path = "/hello", .handle = say_hello, .owner = &fixture};
    routes[1] =
        (struct http_route){.method = "POST", .path = "/echo", .handle = echo, .owner = &fixture};
    routes[2] = (struct http_route){
        .method = "GET", .path = "/below/", .handle = say_hello, .owner = &fixture};
    routes[3] =
        (struct http_route){.method = "GET", .path = "/later", .ask = ask_later, .owner = &fixture};
    assert_int_equal(
        http_start(fixture.io, "127.0.0.1:0", routes, ROUTE_COUNT, &fixture.http, &report), 0);
    *state = &fixture;
    return 0;
}

static void stop(struct fixture *fixture)
{
    http_stop(fixture->http, on_stopped, fixture);
    assert_false(fixture->is_stopped); /* never inside the call */
    while (!fixture->is_stopped) {
        io_uv_run(fixture->io);
    }
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->http != NULL) {
        stop(fixture);
    }
    io_uv_free(fixture->io);
    return 0;
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    buffer_add(&((struct visitor *)owner)->answer, data, size);
}

static void on_closed(void *owner, int reason)
{
    (void)reason;
    struct visitor *visitor = owner;
    visitor->is_closed = true;
    io_uv_stop(visitor->fixture->io);
}

static void on_written(struct io_request *request, int64_t result)
{
    (void)request;
    (void)result;
}

static void on_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {.data = on_data, .closed = on_closed};
    struct visitor *visitor = request->owner;
    struct io *io = visitor->fixture->io;
    if (result != 0) {
        on_closed(visitor, (int)result);
        return;
    }
    io_stream_watch(io, visitor->stream, &events, visitor);
    visitor->written = (struct io_request){.done = on_written, .owner = visitor};
    io_stream_write(io, &visitor->written, visitor->stream, &visitor->request, 1);
}

static void begin(struct visitor *visitor, struct fixture *fixture, const char *request)
{
    *visitor = (struct visitor){.fixture = fixture, .request = bytes_from_string(request)};
    visitor->connected = (struct io_request){.done = on_connected, .owner = visitor};
    buffer_init(&visitor->answer);
    io_connect(fixture->io, &visitor->connected, http_address(fixture->http), &visitor->stream);
}

static void wait_for_end(struct visitor *visitor)
{
    while (!visitor->is_closed) {
        io_uv_run(visitor->fixture->io);
    }
}

/* Sends a request that asks to close the connection, and compares parts of the answer. */
static void expect(struct fixture *fixture, const char *request, const char *status,
                   const char *part)
{
    struct visitor visitor;
    begin(&visitor, fixture, request);
    wait_for_end(&visitor);
    const char *answer = buffer_string(&visitor.answer);
    assert_true(strlen(answer) > strlen(status));
    assert_memory_equal(answer, status, strlen(status));
    assert_non_null(strstr(answer, part));
    buffer_fini(&visitor.answer);
}

#define END " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void a_route_answers_on_the_shard(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "GET /hello" END "\r\n", "HTTP/1.1 200", "\r\n\r\nhello you");
    expect(fixture, "GET /hello?name=me" END "\r\n", "HTTP/1.1 200", "\r\n\r\nhello me");
    expect(fixture, "GET /hello" END "\r\n", "HTTP/1.1 200", "Content-Type: text/plain\r\n");
    assert_int_equal(fixture->handled_count, 3);
}

static void a_route_with_a_slash_takes_what_is_below(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "GET /below/a/b" END "\r\n", "HTTP/1.1 200", "hello youa/b");
    expect(fixture, "GET /below" END "\r\n", "HTTP/1.1 404", "nothing is at /below");
}

static void a_head_request_has_no_body(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "HEAD /hello" END "\r\n", "HTTP/1.1 200", "Content-Length: 9\r\n");
    assert_int_equal(fixture->handled_count, 1);
}

static void refusals_are_json_sentences(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "GET /nowhere" END "\r\n", "HTTP/1.1 404",
           "{\"error_code\":404,\"message\":\"nothing is at /nowhere\"}");
    expect(fixture, "DELETE /hello" END "\r\n", "HTTP/1.1 405", "Allow: GET\r\n");
    expect(fixture, "POST /echo" END "Content-Length: 0\r\n\r\n", "HTTP/1.1 400",
           "\"message\":\"say \\\"something\\\"\"");
    assert_int_equal(fixture->handled_count, 1);
}

static void a_body_reaches_its_handler(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "POST /echo" END "Content-Length: 5\r\n\r\nwater", "HTTP/1.1 201",
           "\r\n\r\nwater");
}

static void a_web_page_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "POST /echo" END "Origin: http://evil\r\nContent-Length: 5\r\n\r\nwater",
           "HTTP/1.1 403", "web pages");
    assert_int_equal(fixture->handled_count, 0);
    expect(fixture, "GET /hello" END "Origin: http://nice\r\n\r\n", "HTTP/1.1 200", "hello");
}

static void a_body_that_is_too_large_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer request;
    buffer_init(&request);
    buffer_printf(&request, "POST /echo" END "Content-Length: %d\r\n\r\n", HTTP_BODY_SIZE_MAX + 1);
    memset(buffer_reserve(&request, HTTP_BODY_SIZE_MAX + 1), 'x', HTTP_BODY_SIZE_MAX + 1);
    request.size += HTTP_BODY_SIZE_MAX + 1;
    expect(fixture, buffer_string(&request), "HTTP/1.1 413", "the body is too large");
    assert_int_equal(fixture->handled_count, 0);
    buffer_fini(&request);
}

static void a_port_that_is_taken_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct report report = {0};
    struct http *second;
    assert_int_equal(
        http_start(fixture->io, http_address(fixture->http), routes, ROUTE_COUNT, &second, &report),
        ERROR_INVALID);
    assert_non_null(strstr(report.text, http_address(fixture->http)));
    assert_non_null(strstr(report.text, "in use"));
}

static void an_address_is_judged(void **state)
{
    struct fixture *fixture = *state;
    static const char *const addresses[] = {"", "8080", "host:", "127.0.0.1:65536", "a:b"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct report report = {0};
        struct http *second;
        assert_int_equal(
            http_start(fixture->io, addresses[i], routes, ROUTE_COUNT, &second, &report),
            ERROR_INVALID);
        assert_non_null(strstr(report.text, "use HOST:PORT"));
    }
}

/* The first request stops the port; the others are before, in, or behind that moment. */
static void a_stop_waits_for_requests_under_way(void **state)
{
    enum { ROUND_COUNT = 20, VISITOR_COUNT = 8 };
    struct fixture *fixture = *state;
    struct visitor visitors[VISITOR_COUNT];
    fixture->stops_inside = true;
    for (int round = 0; round < ROUND_COUNT; round++) {
        struct report report = {0};
        for (int i = 0; i < VISITOR_COUNT; i++) {
            begin(&visitors[i], fixture, "GET /hello" END "\r\n");
        }
        while (!fixture->is_stopped) {
            io_uv_run(fixture->io);
        }
        int handled_count = fixture->handled_count;
        assert_in_range(handled_count, 1, VISITOR_COUNT);
        int answered_count = 0;
        for (int i = 0; i < VISITOR_COUNT; i++) {
            wait_for_end(&visitors[i]);
            answered_count += strstr(buffer_string(&visitors[i].answer), "hello you") != NULL;
            buffer_fini(&visitors[i].answer);
        }
        assert_int_equal(fixture->handled_count, handled_count);
        assert_int_equal(answered_count, handled_count);
        fixture->handled_count = 0;
        fixture->is_stopped = false;
        assert_int_equal(
            http_start(fixture->io, "127.0.0.1:0", routes, ROUTE_COUNT, &fixture->http, &report),
            0);
    }
}

static void a_route_may_answer_later(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, "GET /later?at=noon" END "\r\n", "HTTP/1.1 202", "\r\n\r\n{\"at\":\"noon\"}");
    assert_int_equal(fixture->handled_count, 1);
}

static void a_stop_waits_for_an_answer_that_is_owed(void **state)
{
    struct fixture *fixture = *state;
    struct visitor visitor;
    fixture->stops_inside = true;
    begin(&visitor, fixture, "GET /later?at=night" END "\r\n");
    wait_for_end(&visitor);
    while (!fixture->is_stopped) {
        io_uv_run(fixture->io);
    }
    assert_non_null(strstr(buffer_string(&visitor.answer), "{\"at\":\"night\"}"));
    buffer_fini(&visitor.answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_route_answers_on_the_shard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_route_with_a_slash_takes_what_is_below, setup, teardown),
        cmocka_unit_test_setup_teardown(a_head_request_has_no_body, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_are_json_sentences, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_reaches_its_handler, setup, teardown),
        cmocka_unit_test_setup_teardown(a_web_page_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_that_is_too_large_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_that_is_taken_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_waits_for_requests_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_route_may_answer_later, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_waits_for_an_answer_that_is_owed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
