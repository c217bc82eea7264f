/* Shows that libuv and system calls behind the seam keep the seam's promises: files, directories,
 * locks, timers, posts, work, signals and TCP streams, and that no callback runs in its cause. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/io/io_uv.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct world {
    struct io *io;
    char folder[64];
    char path[96];
    char seen[64]; /* one letter per callback */
    size_t seen_count;
    int64_t result;
    struct rlimit limit; /* of descriptors, before the test */
};

static int set_up(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    world->io = io_uv_new();
    strcpy(world->folder, "/tmp/tidemill-test-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    *state = world;
    return 0;
}

/* The same contract for files that are only memory. */
static int set_up_memory(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    world->io = io_uv_new();
    strcpy(world->folder, "memory:/folder");
    assert_int_equal(io_dir_make(world->io, world->folder), 0);
    *state = world;
    return 0;
}

static void remove_entry(void *owner, const char *entry, bool is_directory)
{
    struct world *world = owner;
    char path[400];
    (void)is_directory;
    snprintf(path, sizeof path, "%s/%s", world->folder, entry);
    assert_int_equal(io_path_remove(world->io, path), 0);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    assert_int_equal(io_dir_list(world->io, world->folder, remove_entry, world), 0);
    assert_int_equal(io_path_remove(world->io, world->folder), 0);
    io_uv_free(world->io);
    test_free(world);
    return 0;
}

static const char *path_of(struct world *world, const char *name)
{
    snprintf(world->path, sizeof world->path, "%s/%s", world->folder, name);
    return world->path;
}

static struct io_file *open_file(struct world *world, const char *name)
{
    struct io_file *file = NULL;
    assert_int_equal(
        io_file_open(world->io, path_of(world, name), IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    return file;
}

static void see(struct world *world, char letter)
{
    world->seen[world->seen_count++] = letter;
}

static void see_and_stop(struct io_request *request, int64_t result)
{
    struct world *world = request->owner;
    see(world, 'r');
    world->result = result;
    io_uv_stop(world->io);
}

static void many_parts_are_written_whole_and_read_back(void **state)
{
    enum { PART_COUNT = 2500 };
    struct world *world = *state;
    struct io_file *file = open_file(world, "a");
    struct bytes *parts = test_calloc(PART_COUNT, sizeof *parts);
    uint8_t *content = test_malloc(2 * PART_COUNT);
    size_t total = 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        parts[i] = bytes_make("xyz", i % 3); /* Empty ones too. */
        total += i % 3;
    }
    assert_int_equal(io_file_write(world->io, file, parts, PART_COUNT, 10), 0);
    assert_int_equal(io_file_sync(world->io, file), 0);
    uint64_t size;
    assert_int_equal(io_file_size(world->io, file, &size), 0);
    assert_int_equal(size, total + 10);
    assert_int_equal(io_file_read(world->io, file, content, 2 * PART_COUNT, 10, IO_READ_WAIT),
                     total);
    size_t at = 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        assert_memory_equal(content + at, "xyz", parts[i].size);
        at += parts[i].size;
    }
    int64_t cached = io_file_read(world->io, file, content, 5, total + 8, IO_READ_CACHED);
    assert_true(cached == 2 || cached == ERROR_AGAIN);
    struct io_request request = {.done = see_and_stop, .owner = world};
    io_file_read_async(world->io, &request, file, content, 100, total + 9);
    assert_string_equal(world->seen, "");
    io_uv_run(world->io);
    assert_string_equal(world->seen, "r");
    assert_int_equal(world->result, 1);
    io_file_close(world->io, file);
    test_free(parts);
    test_free(content);
}

/* Whether this part of the file is in memory. */
static bool is_cached(const char *path, size_t position, size_t size)
{
    enum { PAGE_SIZE = 4096 };
    int descriptor = open(path, O_RDONLY);
    unsigned char *pages = test_calloc(1, size / PAGE_SIZE);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, (off_t)position);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mincore(map, size, pages), 0);
    bool is_all = true;
    for (size_t i = 0; i < size / PAGE_SIZE; i++) {
        is_all = is_all && (pages[i] & 1) != 0;
    }
    munmap(map, size);
    test_free(pages);
    close(descriptor);
    return is_all;
}

static void drop_cache(const char *path)
{
    int descriptor = open(path, O_RDONLY);
    assert_int_equal(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(descriptor);
}

static bool comes_to_cache(const char *path, size_t position, size_t size)
{
    for (int waited_ms = 0; waited_ms < 10000; waited_ms++) {
        if (is_cached(path, position, size)) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

/* How far the system reads ahead by itself differs from machine to machine: here it must not. */
static void a_paced_file_is_read_as_far_ahead_as_it_was_told(void **state)
{
    enum { PIECE = 16 << 10, AHEAD = 256 << 10, SIZE = 4 << 20 };
    struct world *world = *state;
    struct io_file *file = open_file(world, "a");
    char path[sizeof world->path];
    strcpy(path, world->path);
    uint8_t *content = test_calloc(1, SIZE);
    struct bytes part = bytes_make(content, SIZE);
    assert_int_equal(io_file_write(world->io, file, &part, 1, 0), 0);
    assert_int_equal(io_file_sync(world->io, file), 0);
    drop_cache(path);
    bool is_on_disk = !is_cached(path, 0, SIZE); /* some file systems are only memory */
    io_file_pace(world->io, file, AHEAD);
    int64_t count = io_file_read(world->io, file, content, PIECE, 0, IO_READ_CACHED);
    assert_int_equal(count, is_on_disk ? ERROR_AGAIN : PIECE);
    struct io_request request = {.done = see_and_stop, .owner = world};
    io_file_read_async(world->io, &request, file, content, PIECE, PIECE);
    io_uv_run(world->io);
    assert_int_equal(world->result, PIECE);
    assert_true(comes_to_cache(path, PIECE, AHEAD));
    assert_int_equal(is_cached(path, 0, PIECE), !is_on_disk);
    assert_int_equal(is_cached(path, PIECE + AHEAD, PIECE), !is_on_disk);
    count = io_file_read(world->io, file, content, AHEAD, PIECE, IO_READ_CACHED);
    assert_int_equal(count, AHEAD);
    io_file_pace(world->io, file, 0);
    count = io_file_read(world->io, file, content, SIZE, 0, IO_READ_WAIT);
    assert_int_equal(count, SIZE);
    io_file_close(world->io, file);
    test_free(content);
}

static void list_entry(void *owner, const char *entry, bool is_directory)
{
    strcat(owner, entry);
    strcat(owner, is_directory ? "/ " : " ");
}

static void paths_and_directories_follow_the_contract(void **state)
{
    struct world *world = *state;
    struct io *io = world->io;
    struct io_file *file;
    char names[64] = "", from[96];
    io_file_close(io, open_file(world, "b"));
    assert_int_equal(
        io_file_open(io, path_of(world, "b"), IO_OPEN_CREATE | IO_OPEN_EXCLUSIVE, &file),
        ERROR_EXISTS);
    assert_int_equal(io_file_open(io, path_of(world, "missing"), IO_OPEN_READ, &file),
                     ERROR_NOT_FOUND);
    assert_int_equal(io_dir_make(io, path_of(world, "d")), 0);
    assert_int_equal(io_dir_make(io, path_of(world, "d")), ERROR_EXISTS);
    strcpy(from, path_of(world, "b"));
    assert_int_equal(io_path_rename(io, from, path_of(world, "a")), 0);
    assert_int_equal(io_dir_sync(io, world->folder), 0);
    assert_int_equal(io_dir_list(io, world->folder, list_entry, names), 0);
    assert_string_equal(names, "a d/ ");
    struct io_file_info info;
    assert_int_equal(io_path_info(io, path_of(world, "d"), &info), 0);
    assert_true(info.is_directory);
    assert_int_equal(io_path_info(io, path_of(world, "a"), &info), 0);
    assert_false(info.is_directory);
    assert_in_range(info.modified_ms, io_wall_clock(io) - 60000, io_wall_clock(io) + 60000);
}

static void a_volume_tells_its_space_and_memory_has_no_bounds(void **state)
{
    struct world *world = *state;
    struct io_space space;
    assert_int_equal(io_path_space(world->io, world->folder, &space), 0);
    assert_true(space.total_size > 0);
    assert_in_range(space.usable_size, 0, space.total_size);
    assert_int_equal(io_path_space(world->io, path_of(world, "none"), &space), ERROR_NOT_FOUND);
    assert_int_equal(io_path_space(world->io, "memory:/", &space), ERROR_UNSUPPORTED);
}

static void a_process_tells_what_it_takes(void **state)
{
    struct world *world = *state;
    struct io_process process;
    assert_int_equal(io_process(world->io, &process), 0);
    assert_true(process.resident_size > 100000);
    assert_true(process.cpu_ns >= 0);
    assert_in_range(process.open_file_count, 3, 1000);
    assert_in_range(process.started_ms, 1, io_wall_clock(world->io));
}

static void a_locked_file_is_refused_to_others_until_it_is_closed(void **state)
{
    struct world *world = *state;
    struct io_file *first = open_file(world, "lock");
    struct io_file *second = open_file(world, "lock");
    assert_int_equal(io_file_lock(world->io, first), 0);
    assert_int_equal(io_file_lock(world->io, second), ERROR_BUSY);
    io_file_close(world->io, first);
    assert_int_equal(io_file_lock(world->io, second), 0);
    io_file_close(world->io, second);
}

static void space_is_reserved_without_changing_the_size(void **state)
{
    struct world *world = *state;
    struct io_file *file = open_file(world, "a");
    uint64_t size = 1;
    int error = io_file_allocate(world->io, file, 0, 1 << 20);
    assert_true(error == 0 || error == ERROR_UNSUPPORTED);
    assert_int_equal(io_file_size(world->io, file, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(io_file_truncate(world->io, file, 100), 0);
    assert_int_equal(io_file_size(world->io, file, &size), 0);
    assert_int_equal(size, 100);
    io_file_close(world->io, file);
}

static void see_work(void *owner)
{
    see(owner, 'w');
}

static void an_async_sync_and_work_call_back_from_the_loop(void **state)
{
    struct world *world = *state;
    struct io_file *file = open_file(world, "a");
    struct io_request request = {.done = see_and_stop, .owner = world};
    io_file_sync_async(world->io, &request, file);
    assert_string_equal(world->seen, "");
    io_uv_run(world->io);
    io_work(world->io, &request, see_work);
    io_uv_run(world->io);
    assert_string_equal(world->seen, "rwr");
    assert_int_equal(world->result, 0);
    io_file_close(world->io, file);
}

static void see_timer(struct io_timer *timer)
{
    struct world *world = timer->owner;
    see(world, (char)('0' + world->result++));
    if (world->result == 2) {
        io_uv_stop(world->io);
    }
}

static void timers_fire_in_order_and_never_early(void **state)
{
    struct world *world = *state;
    struct io_timer timers[3];
    for (int i = 0; i < 3; i++) {
        timers[i] = (struct io_timer){.fired = see_timer, .owner = world};
    }
    uint64_t start_ns = io_now(world->io);
    io_timer_start(world->io, &timers[0], 60000000000);
    io_timer_start(world->io, &timers[1], 1);
    io_timer_start(world->io, &timers[2], 1000000);
    io_timer_start(world->io, &timers[0], 5000000);
    io_timer_stop(world->io, &timers[2]);
    io_timer_stop(world->io, &timers[2]);
    io_uv_run(world->io);
    assert_string_equal(world->seen, "01");
    assert_true(io_now(world->io) - start_ns >= 5000000);
    assert_null(timers[0].private_state);
}

static void see_post(struct io_request *request, int64_t result)
{
    see(request->owner, 'p');
    assert_int_equal(result, 0);
}

static void posts_run_in_order_from_the_loop(void **state)
{
    struct world *world = *state;
    struct io_request requests[3] = {
        {.done = see_post, .owner = world},
        {.done = see_post, .owner = world},
        {.done = see_and_stop, .owner = world},
    };
    for (int i = 0; i < 3; i++) {
        io_post(world->io, &requests[i]);
    }
    assert_string_equal(world->seen, "");
    io_uv_run(world->io);
    assert_string_equal(world->seen, "ppr");
}

static void see_signal(void *owner, int signal_number)
{
    struct world *world = owner;
    see(world, signal_number == SIGUSR1 ? 's' : '?');
    io_uv_stop(world->io);
}

static void a_signal_is_told_on_the_loop(void **state)
{
    struct world *world = *state;
    io_uv_on_signal(world->io, SIGUSR1, see_signal, world);
    kill(getpid(), SIGUSR1);
    io_uv_run(world->io);
    assert_string_equal(world->seen, "s");
}

static void random_bytes_differ(void **state)
{
    struct world *world = *state;
    uint8_t first[32], second[32], large[1000] = {0};
    io_random(world->io, first, sizeof first);
    io_random(world->io, second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    io_random(world->io, large, sizeof large);
    int zeros = 0;
    for (size_t i = 0; i < sizeof large; i++) {
        zeros += large[i] == 0;
    }
    assert_in_range(zeros, 0, 100);
}

static void on_idle_end(struct io_timer *timer)
{
    io_uv_stop(((struct world *)timer->owner)->io);
}

static void ignore_stream(void *owner, struct io_stream *stream)
{
    (void)owner;
    (void)stream;
}

static void an_idle_loop_sleeps(void **state)
{
    struct world *world = *state;
    struct io_timer timer = {.fired = on_idle_end, .owner = world};
    struct io_listener *listener;
    struct rusage before, after;
    assert_int_equal(io_listen(world->io, "127.0.0.1:0", ignore_stream, world, &listener), 0);
    io_timer_start(world->io, &timer, 100000000);
    getrusage(RUSAGE_SELF, &before);
    io_uv_run(world->io);
    getrusage(RUSAGE_SELF, &after);
    /* A loop that polls would be interrupted or yield thousands of times. */
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 20);
    assert_in_range((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                        after.ru_utime.tv_usec - before.ru_utime.tv_usec,
                    0, 50000);
    io_listener_close(world->io, listener);
}

enum { MESSAGE_SIZE = 300000, MESSAGE_COUNT = 100 };

/* An echo: the client writes, the server counts, closes when it has all. */
struct talk {
    struct world *world;
    struct io_listener *listener;
    struct io_stream *server;
    struct io_stream *client;
    struct io_request connect;
    struct io_request writes[MESSAGE_COUNT];
    struct bytes parts[100];
    uint8_t message[MESSAGE_SIZE];
    char local[IO_ADDRESS_SIZE], peer[IO_ADDRESS_SIZE];
    uint64_t received;
    int write_count;
    int failed_writes;
    int server_closed;
    int client_closed;
    int connect_result;
    bool is_paused; /* the server, from the start */
    bool is_in_call;
};

static void on_server_data(void *owner, const uint8_t *data, size_t size)
{
    struct talk *talk = owner;
    for (size_t i = 0; i < size; i++) {
        if (data[i] != (uint8_t)((talk->received + i) % MESSAGE_SIZE % 251)) {
            fail_msg("byte %zu is wrong", (size_t)talk->received + i);
        }
    }
    talk->received += size;
    if (talk->received == (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT) {
        io_stream_close(talk->world->io, talk->server);
        assert_int_equal(talk->server_closed, 0);
    }
}

static void stop_when_both_closed(struct talk *talk)
{
    if (talk->server_closed != 0 && talk->client_closed != 0) {
        io_uv_stop(talk->world->io);
    }
}

static void on_server_closed(void *owner, int reason)
{
    struct talk *talk = owner;
    talk->server_closed = reason;
    stop_when_both_closed(talk);
}

static void on_client_data(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    fail_msg("%zu bytes came back", size);
}

static void on_client_closed(void *owner, int reason)
{
    struct talk *talk = owner;
    assert_int_equal(talk->write_count, MESSAGE_COUNT);
    talk->client_closed = reason;
    stop_when_both_closed(talk);
}

static void on_accepted(void *owner, struct io_stream *stream)
{
    static const struct io_stream_events events = {on_server_data, on_server_closed};
    struct talk *talk = owner;
    talk->server = stream;
    io_stream_watch(talk->world->io, stream, &events, talk);
    io_stream_pause(talk->world->io, stream, talk->is_paused);
}

static void on_written(struct io_request *request, int64_t result)
{
    struct talk *talk = request->owner;
    assert_false(talk->is_in_call);
    assert_ptr_equal(request, &talk->writes[talk->write_count]);
    talk->write_count++;
    talk->failed_writes += result != 0;
}

static void on_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {on_client_data, on_client_closed};
    struct talk *talk = request->owner;
    assert_false(talk->is_in_call);
    talk->connect_result = (int)result;
    if (result != 0) {
        io_uv_stop(talk->world->io);
        return;
    }
    io_stream_watch(talk->world->io, talk->client, &events, talk);
    io_stream_addresses(talk->world->io, talk->client, talk->local, talk->peer);
    talk->is_in_call = true;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        talk->writes[i] = (struct io_request){.done = on_written, .owner = talk};
        io_stream_write(talk->world->io, &talk->writes[i], talk->client, talk->parts, 100);
    }
    talk->is_in_call = false;
}

static struct talk *talk_new(struct world *world, const char *address)
{
    struct talk *talk = test_calloc(1, sizeof *talk);
    char bound[IO_ADDRESS_SIZE];
    talk->world = world;
    talk->connect_result = 1;
    for (size_t i = 0; i < MESSAGE_SIZE; i++) {
        talk->message[i] = (uint8_t)(i % 251);
    }
    for (size_t i = 0; i < 100; i++) {
        talk->parts[i] = bytes_make(talk->message + i * 3000, 3000);
    }
    assert_int_equal(io_listen(world->io, address, on_accepted, talk, &talk->listener), 0);
    io_listener_address(world->io, talk->listener, bound);
    assert_int_equal(bound[strlen(bound) - 2] == ':' && bound[strlen(bound) - 1] == '0', 0);
    talk->connect = (struct io_request){.done = on_connected, .owner = talk};
    talk->is_in_call = true;
    io_connect(world->io, &talk->connect, bound, &talk->client);
    talk->is_in_call = false;
    return talk;
}

static void a_stream_carries_everything_and_ends_on_both_sides(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", ":0", "localhost:0", "loopback:self"};
    struct world *world = *state;
    for (size_t i = 0; i < 4; i++) {
        struct talk *talk = talk_new(world, addresses[i]);
        io_uv_run(world->io);
        assert_int_equal(talk->connect_result, 0);
        assert_int_equal(talk->received, (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT);
        assert_int_equal(talk->failed_writes, 0);
        assert_int_equal(talk->server_closed, ERROR_CANCELLED);
        assert_int_equal(talk->client_closed, ERROR_CLOSED);
        char bound[IO_ADDRESS_SIZE];
        io_listener_address(world->io, talk->listener, bound);
        assert_string_equal(strrchr(talk->peer, ':'), strrchr(bound, ':'));
        io_listener_close(world->io, talk->listener);
        test_free(talk);
    }
}

enum { SENDING_SIZE = 6 << 20, SENDING_PIECE_SIZE = 5000 };

/* A file that is sent, partly without being copied, and what arrives of it. */
struct sending {
    struct world *world;
    struct io_file *file;
    struct io_listener *listener;
    struct io_stream *client;
    struct io_request connect;
    struct io_request write;
    uint8_t piece[SENDING_PIECE_SIZE];
    size_t piece_size;
    uint64_t position;
    uint64_t sent_size; /* without being copied */
    uint64_t received_size;
    bool is_reader_slow;
    struct io_timer wake;
    struct io_stream *server;
};

static uint8_t sending_byte(uint64_t position)
{
    return (uint8_t)(position * 7 + position / 4093);
}

static void sending_step(struct sending *sending);

static void on_sending_written(struct io_request *request, int64_t result)
{
    struct sending *sending = request->owner;
    assert_int_equal(result, 0);
    sending->position += sending->piece_size;
    sending_step(sending);
}

static void sending_step(struct sending *sending)
{
    struct io *io = sending->world->io;
    size_t left = SENDING_SIZE - sending->position;
    size_t sent = io_stream_send_file(io, sending->client, sending->file, sending->position, left);
    assert_true(sent <= left);
    sending->position += sent;
    sending->sent_size += sent;
    left -= sent;
    if (left == 0) {
        io_stream_close(io, sending->client);
        return;
    }
    sending->piece_size = left < SENDING_PIECE_SIZE ? left : SENDING_PIECE_SIZE;
    assert_int_equal(io_file_read(io, sending->file, sending->piece, sending->piece_size,
                                  sending->position, IO_READ_WAIT),
                     sending->piece_size);
    struct bytes part = bytes_make(sending->piece, sending->piece_size);
    sending->write = (struct io_request){.done = on_sending_written, .owner = sending};
    io_stream_write(io, &sending->write, sending->client, &part, 1);
}

static void on_sending_data(void *owner, const uint8_t *data, size_t size)
{
    struct sending *sending = owner;
    for (size_t i = 0; i < size; i++) {
        if (data[i] != sending_byte(sending->received_size + i)) {
            fail_msg("byte %zu is another", (size_t)(sending->received_size + i));
        }
    }
    sending->received_size += size;
}

static void on_sending_closed(void *owner, int reason)
{
    struct sending *sending = owner;
    assert_int_equal(reason, ERROR_CLOSED);
    io_uv_stop(sending->world->io);
}

static void on_sending_woken(struct io_timer *timer)
{
    struct sending *sending = timer->owner;
    io_stream_pause(sending->world->io, sending->server, false);
}

static void on_sending_accepted(void *owner, struct io_stream *stream)
{
    static const struct io_stream_events events = {on_sending_data, on_sending_closed};
    struct sending *sending = owner;
    sending->server = stream;
    io_stream_watch(sending->world->io, stream, &events, sending);
    if (sending->is_reader_slow) {
        io_stream_pause(sending->world->io, stream, true);
        sending->wake = (struct io_timer){.fired = on_sending_woken, .owner = sending};
        io_timer_start(sending->world->io, &sending->wake, 20000000);
    }
}

static void on_sender_data(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    fail_msg("nobody sent %zu bytes", size);
}

static void on_sender_closed(void *owner, int reason)
{
    (void)owner;
    assert_int_equal(reason, ERROR_CANCELLED);
}

static void on_sending_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {on_sender_data, on_sender_closed};
    struct sending *sending = request->owner;
    assert_int_equal(result, 0);
    io_stream_watch(sending->world->io, sending->client, &events, sending);
    sending_step(sending);
}

static struct io_file *sending_make_file(struct world *world)
{
    struct io_file *file = NULL;
    uint8_t *content = test_calloc(1, SENDING_SIZE);
    for (uint64_t i = 0; i < SENDING_SIZE; i++) {
        content[i] = sending_byte(i);
    }
    struct bytes part = bytes_make(content, SENDING_SIZE);
    assert_int_equal(
        io_file_open(world->io, path_of(world, "sent"), IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_write(world->io, file, &part, 1, 0), 0);
    test_free(content);
    return file;
}

/* Over TCP most of it goes from the page cache, however slow the reader is; the loopback copies. */
static void a_file_is_sent_whole_with_and_without_copies(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", "127.0.0.1:0", "loopback:sent"};
    struct world *world = *state;
    struct io_file *file = sending_make_file(world);
    for (int i = 0; i < 3; i++) {
        struct sending *sending = test_calloc(1, sizeof *sending);
        char bound[IO_ADDRESS_SIZE];
        sending->world = world;
        sending->file = file;
        sending->is_reader_slow = i == 1;
        assert_int_equal(
            io_listen(world->io, addresses[i], on_sending_accepted, sending, &sending->listener),
            0);
        io_listener_address(world->io, sending->listener, bound);
        sending->connect = (struct io_request){.done = on_sending_connected, .owner = sending};
        io_connect(world->io, &sending->connect, bound, &sending->client);
        io_uv_run(world->io);
        assert_int_equal(sending->received_size, SENDING_SIZE);
        assert_true(i == 2 ? sending->sent_size == 0 : sending->sent_size > SENDING_SIZE / 4);
        io_listener_close(world->io, sending->listener);
        test_free(sending);
    }
    io_file_close(world->io, file);
}

static void close_client(struct io_timer *timer)
{
    struct talk *talk = timer->owner;
    io_stream_close(talk->world->io, talk->client);
    io_stream_pause(talk->world->io, talk->server, false);
}

static void closing_cancels_the_writes_a_paused_reader_holds_up(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", "loopback:self"};
    struct world *world = *state;
    for (size_t i = 0; i < 2; i++) {
        struct talk *talk = talk_new(world, addresses[i]);
        struct io_timer timer = {.fired = close_client, .owner = talk};
        talk->is_paused = true;
        io_timer_start(world->io, &timer, 100000000);
        io_uv_run(world->io);
        assert_int_equal(talk->write_count, MESSAGE_COUNT);
        assert_true(talk->failed_writes > 0);
        assert_int_equal(talk->client_closed, ERROR_CANCELLED);
        assert_int_equal(talk->server_closed, ERROR_CLOSED);
        assert_true(talk->received < (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT);
        io_listener_close(world->io, talk->listener);
        test_free(talk);
    }
}

static void nobody_listening_and_bad_addresses_are_refused(void **state)
{
    static const struct {
        const char *address;
        int error;
    } cases[] = {
        {"127.0.0.1:1", ERROR_REFUSED}, {"loopback:nobody", ERROR_REFUSED},
        {"no-port", ERROR_INVALID},     {"[::1:9092", ERROR_INVALID},
        {"host:99999", ERROR_INVALID},
    };
    struct world *world = *state;
    struct io_listener *listener;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct io_request request = {.done = see_and_stop, .owner = world};
        struct io_stream *stream;
        world->seen_count = 0;
        io_connect(world->io, &request, cases[i].address, &stream);
        assert_int_equal(world->seen_count, 0);
        io_uv_run(world->io);
        assert_int_equal(world->result, cases[i].error);
    }
    assert_int_equal(io_listen(world->io, "no-port", ignore_stream, world, &listener),
                     ERROR_INVALID);
}

enum { CROWD_COUNT = 2000 };

struct crowd {
    struct world *world;
    struct io_request requests[CROWD_COUNT];
    struct io_stream *streams[CROWD_COUNT];
    struct io_request post;
    int count;        /* of requests called back */
    int count_before; /* the post */
};

static void count_request(struct io_request *request, int64_t result)
{
    struct crowd *crowd = request->owner;
    assert_true(result < 0);
    if (++crowd->count == CROWD_COUNT) {
        io_uv_stop(crowd->world->io);
    }
}

static void note_count(struct io_request *request, int64_t result)
{
    struct crowd *crowd = request->owner;
    (void)result;
    crowd->count_before = crowd->count;
}

static void many_answers_at_once_do_not_hold_up_what_comes_in(void **state)
{
    struct crowd *crowd = test_calloc(1, sizeof *crowd);
    crowd->world = *state;
    for (int i = 0; i < CROWD_COUNT; i++) {
        crowd->requests[i] = (struct io_request){.done = count_request, .owner = crowd};
        io_connect(crowd->world->io, &crowd->requests[i], "no port", &crowd->streams[i]);
    }
    crowd->post = (struct io_request){.done = note_count, .owner = crowd};
    io_post(crowd->world->io, &crowd->post);
    io_uv_run(crowd->world->io);
    assert_true(crowd->count_before < CROWD_COUNT / 10);
    test_free(crowd);
}

static void a_port_has_one_listener(void **state)
{
    struct world *world = *state;
    struct io_listener *first, *second;
    char bound[IO_ADDRESS_SIZE];
    assert_int_equal(io_listen(world->io, "127.0.0.1:0", ignore_stream, world, &first), 0);
    io_listener_address(world->io, first, bound);
    assert_int_equal(io_listen(world->io, bound, ignore_stream, world, &second), ERROR_BUSY);
    io_listener_close(world->io, first);
}

static void stop_when_connected(struct io_request *request, int64_t result)
{
    struct world *world = request->owner;
    world->result = result;
    io_uv_stop(world->io);
}

/* "localhost" is 127.0.0.1 for one client and ::1 for another. */
static void a_name_is_listened_to_on_all_its_addresses(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    struct world *world = *state;
    struct io_listener *listener, *other;
    struct io_stream *stream;
    char bound[IO_ADDRESS_SIZE], address[IO_ADDRESS_SIZE];
    bool has_both = io_listen(world->io, "[::1]:0", ignore_stream, world, &other) == 0;
    if (has_both) {
        io_listener_close(world->io, other);
    }
    assert_int_equal(io_listen(world->io, "localhost:0", ignore_stream, world, &listener), 0);
    io_listener_address(world->io, listener, bound);
    for (size_t i = 0; i < (has_both ? 2 : 1); i++) {
        struct io_request request = {.done = stop_when_connected, .owner = world};
        snprintf(address, sizeof address, "%s%s", hosts[i], strrchr(bound, ':'));
        io_connect(world->io, &request, address, &stream);
        io_uv_run(world->io);
        assert_int_equal(world->result, 0);
        io_stream_close(world->io, stream);
        assert_int_equal(io_listen(world->io, address, ignore_stream, world, &other), ERROR_BUSY);
    }
    io_listener_close(world->io, listener);
    /* What is closed is closed on all of them. */
    snprintf(address, sizeof address, "localhost%s", strrchr(bound, ':'));
    io_uv_free(world->io);
    world->io = io_uv_new();
    assert_int_equal(io_listen(world->io, address, ignore_stream, world, &listener), 0);
    io_listener_close(world->io, listener);
}

static void free_descriptors(struct io_timer *timer)
{
    struct world *world = timer->owner;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &world->limit), 0);
}

/* A conversation whose listener looks away for as long as the process may open so few: it is told
 * of once, and is asked again now and then, not all the time. */
static void talk_short_of_descriptors(struct world *world, rlim_t count,
                                      void (*free_them)(struct io_timer *timer))
{
    struct io_timer timer = {.fired = free_them, .owner = world};
    struct talk *talk = talk_new(world, "127.0.0.1:0");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &world->limit), 0);
    struct rlimit few = world->limit;
    few.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    trace_reset();
    trace_set_stream(NULL);
    io_timer_start(world->io, &timer, 150000000);
    io_uv_run(world->io);
    trace_set_stream(stderr);
    assert_in_range(trace_count("io.accept_paused"), 1, 3);
    assert_int_equal(trace_count("io.accept_failed"), 1);
    assert_int_equal(talk->received, (uint64_t)MESSAGE_SIZE * MESSAGE_COUNT);
    io_listener_close(world->io, talk->listener);
    test_free(talk);
}

/* What is open stays open; nothing new fits. */
static void without_descriptors_connections_wait_and_the_loop_sleeps(void **state)
{
    talk_short_of_descriptors(*state, 3, free_descriptors);
}

static void open_file_and_free_descriptors(struct io_timer *timer)
{
    struct world *world = timer->owner;
    io_file_close(world->io, open_file(world, "log"));
    free_descriptors(timer);
}

/* Three of every four are taken when the conversation has begun: the others are no connection's. */
static void the_last_descriptors_are_for_files(void **state)
{
    struct world *world = *state;
    int next = dup(STDERR_FILENO); /* and two for the listener and the client */
    assert_int_equal(close(next), 0);
    talk_short_of_descriptors(world, (rlim_t)(next + 2) * 4 / 3, open_file_and_free_descriptors);
}

static void memory_ends_with_its_names_and_its_readers(void **state)
{
    struct world *world = *state;
    struct io *io = world->io;
    struct io_file *file = open_file(world, "a"), *other = open_file(world, "b");
    const struct bytes text = BYTES_LITERAL("tide");
    char out[8] = "", from[96], names[64] = "";
    struct io_file_info info;
    assert_int_equal(io_file_write(io, file, &text, 1, 0), 0);
    assert_int_equal(io_path_info(io, path_of(world, "a"), &info), 0);
    assert_int_equal(info.size, text.size);
    /* A directory with entries stays; so does a name on the way that is no directory. */
    assert_int_equal(io_path_remove(io, world->folder), ERROR_EXISTS);
    assert_int_equal(io_dir_make(io, "memory:/none/d"), ERROR_NOT_FOUND);
    assert_int_equal(io_dir_make(io, "memory:/folder/a/d"), ERROR_NOT_FOUND);
    assert_int_equal(io_path_remove(io, "memory:"), ERROR_BUSY);
    /* A name that is replaced, and one that is removed, stay readable while they are open. */
    strcpy(from, path_of(world, "b"));
    assert_int_equal(io_path_rename(io, from, path_of(world, "a")), 0);
    assert_int_equal(io_dir_list(io, world->folder, list_entry, names), 0);
    assert_string_equal(names, "a ");
    assert_int_equal(io_path_remove(io, path_of(world, "a")), 0);
    assert_int_equal(io_file_read(io, file, out, sizeof out, 0, IO_READ_CACHED), text.size);
    assert_string_equal(out, "tide");
    assert_int_equal(io_path_info(io, path_of(world, "a"), &info), ERROR_NOT_FOUND);
    io_file_close(io, file);
    io_file_close(io, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_paced_file_is_read_as_far_ahead_as_it_was_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_parts_are_written_whole_and_read_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_process_tells_what_it_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_volume_tells_its_space_and_memory_has_no_bounds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(paths_and_directories_follow_the_contract, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_locked_file_is_refused_to_others_until_it_is_closed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(space_is_reserved_without_changing_the_size, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_async_sync_and_work_call_back_from_the_loop, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_parts_are_written_whole_and_read_back, set_up_memory,
                                        tear_down),
        cmocka_unit_test_setup_teardown(paths_and_directories_follow_the_contract, set_up_memory,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_locked_file_is_refused_to_others_until_it_is_closed,
                                        set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(space_is_reserved_without_changing_the_size, set_up_memory,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_async_sync_and_work_call_back_from_the_loop,
                                        set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(memory_ends_with_its_names_and_its_readers, set_up_memory,
                                        tear_down),
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_never_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posts_run_in_order_from_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_is_told_on_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_bytes_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_loop_sleeps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_sent_whole_with_and_without_copies, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_sent_whole_with_and_without_copies, set_up_memory,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stream_carries_everything_and_ends_on_both_sides, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_cancels_the_writes_a_paused_reader_holds_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_listening_and_bad_addresses_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_answers_at_once_do_not_hold_up_what_comes_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_port_has_one_listener, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_listened_to_on_all_its_addresses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_descriptors_connections_wait_and_the_loop_sleeps,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_descriptors_are_for_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
