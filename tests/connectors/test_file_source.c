/* The file source never loses a line and never repeats one, whatever happens to the files. */
#include "tests/connectors/mock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct mock mock;
    char folder[512];
    char log[600];   /* the followed path */
    char first[600]; /* its rotated names */
    char second[600];
};

static void begin(struct world *world, const char *const *extra)
{
    char path[700];
    const char *settings[16] = {path};
    mock_folder(world->folder, sizeof world->folder, "source");
    snprintf(world->log, sizeof world->log, "%s/app.log", world->folder);
    snprintf(world->first, sizeof world->first, "%s/app.log.1", world->folder);
    snprintf(world->second, sizeof world->second, "%s/app.log.2", world->folder);
    snprintf(path, sizeof path, "path=%s/*.log*", world->folder);
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        settings[i + 1] = extra[i];
    }
    mock_open(&world->mock, "file", TIDEMILL_SOURCE, settings);
}

static void end(struct world *world)
{
    char command[600];
    mock_close(&world->mock);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
}

static void expect(const struct mock *mock, const char *values)
{
    struct buffer all;
    buffer_init(&all);
    for (size_t i = 0; i < mock->record_count; i++) {
        buffer_printf(&all, "%s%s", i == 0 ? "" : ",", mock->records[i].value);
    }
    assert_string_equal(buffer_string(&all), values);
    buffer_fini(&all);
}

static void restart(struct world *world)
{
    mock_stop_source(&world->mock);
    mock_start_source(&world->mock);
}

static void lines_become_records(void **state)
{
    (void)state;
    static const char *const extra[] = {"file_header=true", "offset_header=true", NULL};
    struct world world;
    begin(&world, extra);
    mock_append(world.log, "one\ntwo\r\n\nfour\nhalf");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "one,two,,four");
    assert_string_equal(world.mock.records[3].key, world.log);
    assert_non_null(strstr(world.mock.records[3].headers, "app.log;offset=10;"));
    mock_append(world.log, " done\n");
    mock_drain(&world.mock);
    expect(&world.mock, "one,two,,four,half done");
    mock_stop_source(&world.mock);
    end(&world);
}

static void reading_resumes_where_it_ended(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    restart(&world);
    mock_drain(&world.mock);
    mock_append(world.log, "c\n");
    restart(&world);
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c");
    mock_stop_source(&world.mock);
    end(&world);
}

static void a_renamed_file_is_drained_before_the_new_one(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\n");
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 1), TIDEMILL_OK);
    assert_int_equal(rename(world.log, world.first), 0);
    mock_append(world.log, "d\n");
    mock_append(world.first, "c\n");
    mock_drain(&world.mock);
    /* The writer was not told yet and still writes to the old file. */
    mock_append(world.first, "late\n");
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c,d,late");
    restart(&world);
    mock_drain(&world.mock);
    assert_int_equal(world.mock.record_count, 5);
    mock_stop_source(&world.mock);
    end(&world);
}

static void rotations_while_down_lose_nothing(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\n");
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 1), TIDEMILL_OK);
    mock_stop_source(&world.mock);
    assert_int_equal(rename(world.log, world.second), 0);
    mock_append(world.first, "c\n");
    mock_append(world.log, "d\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c,d");
    restart(&world);
    mock_drain(&world.mock);
    assert_int_equal(world.mock.record_count, 4);
    mock_stop_source(&world.mock);
    end(&world);
}

static void copytruncate_starts_anew(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    mock_append(world.first, "a\nb\n");
    assert_int_equal(truncate(world.log, 0), 0);
    mock_append(world.log, "c\n");
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c");
    assert_true(mock_metric(&world.mock, "truncated_total") == 1);
    mock_stop_source(&world.mock);
    end(&world);
}

static void copytruncate_while_down_reads_the_rest_of_the_copy(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\nc\n");
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 2), TIDEMILL_OK);
    mock_stop_source(&world.mock);
    mock_append(world.first, "a\nb\nc\n");
    assert_int_equal(truncate(world.log, 0), 0);
    mock_append(world.log, "d, longer than what was there\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c,d, longer than what was there");
    mock_stop_source(&world.mock);
    end(&world);
}

static void a_rewritten_file_that_grew_is_noticed(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "old one\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    mock_write(world.log, "r+", "new one\nnew two\n", 16);
    mock_drain(&world.mock);
    expect(&world.mock, "old one,new one,new two");
    mock_stop_source(&world.mock);
    end(&world);
}

static void a_reused_inode_is_a_new_file(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "first file\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    mock_stop_source(&world.mock);
    /* The same inode and a size beyond the offset: only the content tells. */
    mock_write(world.log, "w", "second file\nand more\n", 21);
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "first file,second file,and more");
    mock_stop_source(&world.mock);
    end(&world);
}

static void a_replaced_file_with_the_same_content_goes_on(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    char copy[600];
    snprintf(copy, sizeof copy, "%s/edited", world.folder);
    mock_append(copy, "a\nb\nc\n");
    assert_int_equal(rename(copy, world.log), 0);
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c");
    mock_stop_source(&world.mock);
    end(&world);
}

static void a_long_line_is_cut_and_following_goes_on(void **state)
{
    (void)state;
    static const char *const extra[] = {"max_line_bytes=10", NULL};
    struct world world;
    begin(&world, extra);
    mock_append(world.log, "0123456789\n0123456789abc");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "0123456789,0123456789");
    assert_string_equal(world.mock.records[0].headers, "");
    assert_string_equal(world.mock.records[1].headers, "truncated=true;");
    mock_append(world.log, "def");
    restart(&world);
    mock_drain(&world.mock);
    mock_append(world.log, "ghi\nshort\n");
    mock_drain(&world.mock);
    expect(&world.mock, "0123456789,0123456789,short");
    mock_stop_source(&world.mock);
    end(&world);
}

static void a_line_larger_than_the_window_is_whole(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    size_t size = 1000 * 1000;
    char *line = malloc(size + 1);
    memset(line, 'x', size);
    line[size] = '\n';
    mock_write(world.log, "a", line, size + 1);
    mock_append(world.log, "next\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    assert_int_equal(world.mock.record_count, 2);
    assert_int_equal(world.mock.records[0].value_size, size);
    assert_string_equal(world.mock.records[1].value, "next");
    free(line);
    mock_stop_source(&world.mock);
    end(&world);
}

static void an_unfinished_line_is_emitted_on_rotation(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nlast words");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "a");
    assert_int_equal(rename(world.log, world.first), 0);
    for (int i = 0; i < 4; i++) {
        mock_drain(&world.mock);
    }
    expect(&world.mock, "a,last words");
    mock_stop_source(&world.mock);
    end(&world);
}

static void holes_of_nul_are_skipped(void **state)
{
    (void)state;
    static const char data[] = "\0\0\0\0\0\0\0\0after\n";
    struct world world;
    begin(&world, NULL);
    mock_write(world.log, "w", data, sizeof data - 1);
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "after");
    assert_true(mock_metric(&world.mock, "nul_bytes_total") == 8);
    mock_stop_source(&world.mock);
    end(&world);
}

static void new_files_are_found_and_excluded_ones_are_not(void **state)
{
    (void)state;
    static const char *const extra[] = {"exclude=*.tmp, *secret*", "from=end", NULL};
    struct world world;
    char path[700];
    begin(&world, extra);
    mock_append(world.log, "seen before\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    mock_append(world.log, "new\n");
    snprintf(path, sizeof path, "%s/other.log", world.folder);
    mock_append(path, "other\n");
    snprintf(path, sizeof path, "%s/secret.log", world.folder);
    mock_append(path, "secret\n");
    mock_drain(&world.mock);
    expect(&world.mock, "new,other");
    mock_stop_source(&world.mock);
    end(&world);
}

static void rotated_files_that_match_come_first_and_once(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.second, "a\n");
    mock_append(world.first, "b\n");
    mock_append(world.log, "c\n");
    mock_start_source(&world.mock);
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c");
    for (int i = 0; i < 4; i++) {
        mock_drain(&world.mock);
        restart(&world);
    }
    mock_drain(&world.mock);
    expect(&world.mock, "a,b,c");
    mock_stop_source(&world.mock);
    end(&world);
}

static void what_the_host_refused_is_emitted_again(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\n");
    mock_start_source(&world.mock);
    world.mock.refuses = true;
    assert_int_equal(mock_poll(&world.mock, 10), TIDEMILL_AGAIN);
    world.mock.refuses = false;
    mock_drain(&world.mock);
    expect(&world.mock, "a,b");
    mock_stop_source(&world.mock);
    end(&world);
}

static void an_offset_written_by_a_person_is_believed(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    mock_append(world.log, "a\nb\nc\n");
    char partition[700];
    snprintf(partition, sizeof partition, "{\"path\": \"%s\"}", world.log);
    const struct tidemill_saved_offset saved = {partition, "{\"offset\": 2}"};
    assert_int_equal(world.mock.context.kind->source->open(&world.mock.context, &saved, 1),
                     TIDEMILL_OK);
    mock_drain(&world.mock);
    expect(&world.mock, "b,c");
    mock_stop_source(&world.mock);
    end(&world);
}

/* With a rescan an hour away only the events can end these polls in time. */
static void events_and_interrupts_end_a_waiting_poll(void **state)
{
    (void)state;
    static const char *const extra[] = {"rescan_interval=1h", NULL};
    const int64_t hour_ms = 3600000;
    struct world world;
    begin(&world, extra);
    const struct tidemill_source *source = world.mock.context.kind->source;
    mock_append(world.log, "a\n");
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 10), TIDEMILL_OK);
    char path[600];
    snprintf(path, sizeof path, "%s/new.log", world.folder);
    mock_append(path, "b\n");
    while (world.mock.record_count < 2) {
        assert_true(source->poll(&world.mock.context, 10, 1 << 20, hour_ms) <= TIDEMILL_AGAIN);
    }
    source->interrupt(&world.mock.context);
    while (source->poll(&world.mock.context, 10, 1 << 20, hour_ms) != TIDEMILL_AGAIN) {}
    expect(&world.mock, "a,b");
    mock_stop_source(&world.mock);
    end(&world);
}

/* --- Oldest first --- */

static const char *const oldest_first[] = {"oldest_first=true", NULL};

static void append_to(const struct world *world, const char *name, const char *text)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    mock_append(path, text);
}

/* Says when a file was written to. */
static void date(const struct world *world, const char *name, int64_t second)
{
    char path[700];
    const struct timespec times[2] = {{.tv_sec = second}, {.tv_sec = second}};
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_dated(const struct world *world, const char *name, const char *text,
                        int64_t second)
{
    append_to(world, name, text);
    date(world, name, second);
}

/* One record a poll, so that whatever could come in between does. */
static void crawl(struct world *world)
{
    for (size_t before = SIZE_MAX; before != world->mock.record_count;) {
        before = world->mock.record_count;
        for (int i = 0; i < 4; i++) {
            assert_true(mock_poll(&world->mock, 1) <= TIDEMILL_AGAIN);
        }
    }
}

static void without_an_order_files_are_read_side_by_side(void **state)
{
    (void)state;
    struct world world;
    begin(&world, NULL);
    write_dated(&world, "a.log", "a1\na2\n", 300);
    write_dated(&world, "b.log", "b1\nb2\n", 100);
    mock_start_source(&world.mock);
    crawl(&world);
    expect(&world.mock, "b1,a1,b2,a2");
    mock_stop_source(&world.mock);
    end(&world);
}

static void the_oldest_file_is_drained_before_the_next_one_begins(void **state)
{
    (void)state;
    struct world world;
    begin(&world, oldest_first);
    write_dated(&world, "a.log", "a1\na2\na3\n", 300);
    write_dated(&world, "b.log", "b1\nb2\n", 100);
    write_dated(&world, "d.log", "d1\nd2\n", 200);
    write_dated(&world, "c.log", "c1\nc2\n", 200); /* as old as d, and its name is before it */
    mock_start_source(&world.mock);
    crawl(&world);
    expect(&world.mock, "b1,b2,c1,c2,d1,d2,a1,a2,a3");
    mock_stop_source(&world.mock);
    end(&world);
}

static void what_was_begun_is_drained_though_it_was_written_to_since(void **state)
{
    (void)state;
    struct world world;
    begin(&world, oldest_first);
    write_dated(&world, "a.log", "a1\na2\n", 100);
    write_dated(&world, "b.log", "b1\n", 200);
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 1), TIDEMILL_OK);
    append_to(&world, "a.log", "a3\n"); /* it is the youngest now */
    write_dated(&world, "0.log", "older\n", 50);
    crawl(&world);
    world.mock.now_ms += 2000;
    crawl(&world);
    expect(&world.mock, "a1,a2,a3,b1,older");
    mock_stop_source(&world.mock);
    end(&world);
}

static void an_unfinished_line_holds_nobody_up(void **state)
{
    (void)state;
    struct world world;
    begin(&world, oldest_first);
    write_dated(&world, "a.log", "a1\nhal", 100);
    write_dated(&world, "b.log", "b1\n", 200);
    mock_start_source(&world.mock);
    crawl(&world);
    expect(&world.mock, "a1,b1");
    append_to(&world, "a.log", "f\n");
    crawl(&world);
    expect(&world.mock, "a1,b1,half");
    mock_stop_source(&world.mock);
    end(&world);
}

/* The rest of what was rotated, then by age: the file at the path is the youngest. */
static void a_rotation_meanwhile_keeps_the_order(void **state)
{
    (void)state;
    struct world world;
    begin(&world, oldest_first);
    write_dated(&world, "app.log", "a1\na2\na3\n", 100);
    write_dated(&world, "b.log", "b1\nb2\n", 200);
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 1), TIDEMILL_OK);
    assert_int_equal(rename(world.log, world.first), 0);
    write_dated(&world, "app.log", "a4\na5\n", 300);
    world.mock.now_ms += 2000; /* it looks at the names again */
    crawl(&world);
    expect(&world.mock, "a1,a2,a3,b1,b2,a4,a5");
    mock_stop_source(&world.mock);
    end(&world);
}

/* Rotated files are read by their own ages, between those of another path. */
static void rotated_files_take_their_own_turns(void **state)
{
    (void)state;
    struct world world;
    begin(&world, oldest_first);
    write_dated(&world, "app.log.2", "a1\n", 100);
    write_dated(&world, "b.log", "b1\n", 150);
    write_dated(&world, "app.log.1", "a2\n", 200);
    write_dated(&world, "c.log", "c1\n", 250);
    write_dated(&world, "app.log", "a3\n", 60); /* never before what it took the place of */
    mock_start_source(&world.mock);
    crawl(&world);
    expect(&world.mock, "a1,b1,a2,a3,c1");
    mock_stop_source(&world.mock);
    end(&world);
}

/* The second of two was begun when the process died; an older one came meanwhile. */
static void a_restart_goes_on_with_what_was_begun(void **state)
{
    (void)state;
    struct world world;
    begin(&world, oldest_first);
    write_dated(&world, "a.log", "a1\n", 100);
    write_dated(&world, "b.log", "b1\nb2\nb3\n", 200);
    mock_start_source(&world.mock);
    assert_int_equal(mock_poll(&world.mock, 2), TIDEMILL_OK);
    assert_int_equal(mock_poll(&world.mock, 1), TIDEMILL_OK);
    expect(&world.mock, "a1,b1,b2");
    write_dated(&world, "c.log", "c1\n", 50);
    restart(&world);
    crawl(&world);
    expect(&world.mock, "a1,b1,b2,b3,c1");
    mock_stop_source(&world.mock);
    end(&world);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

enum { ROTATED_MAX = 60 };

static void rotate(struct world *world)
{
    for (int i = ROTATED_MAX; i > 0; i--) {
        char from[620];
        char to[620];
        snprintf(to, sizeof to, "%s.%d", world->log, i);
        snprintf(from, sizeof from, "%s.%d", world->log, i - 1);
        (void)rename(i == 1 ? world->log : from, to);
    }
}

/* Lines are numbered for each path. */
static void write_lines(const struct world *world, const char *name, uint64_t count,
                        size_t *written)
{
    char text[64];
    for (; count > 0; count--) {
        snprintf(text, sizeof text, "%s %zu\n", name, ++*written);
        append_to(world, name, text);
    }
}

/* Every number of each path exactly once and in order. */
static void expect_lines(const struct world *world, uint64_t seed, const char *const *names,
                         const size_t *written, size_t count)
{
    size_t read[2] = {0};
    for (size_t i = 0; i < world->mock.record_count; i++) {
        const char *value = world->mock.records[i].value;
        char text[64];
        size_t name = 0;
        while (name < count && strncmp(value, names[name], strlen(names[name])) != 0) {
            name++;
        }
        assert_true(name < count);
        snprintf(text, sizeof text, "%s %zu", names[name], ++read[name]);
        if (strcmp(value, text) != 0) {
            fail_msg("seed %llu: record %zu is %s", (unsigned long long)seed, i + 1, value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (read[i] != written[i]) {
            fail_msg("seed %llu: %zu of %zu lines", (unsigned long long)seed, read[i], written[i]);
        }
    }
}

/* Writes numbered lines, rotates, polls a little, and crashes with only a part of the emitted
 * batches stored. */
static void audit(uint64_t seed, const char *const *extra)
{
    static const char *const names[] = {"app.log", "b.log"};
    struct world world;
    uint64_t random = seed;
    size_t written[2] = {0};
    begin(&world, extra);
    mock_start_source(&world.mock);
    for (int step = 0; step < 120; step++) {
        uint64_t choice = next_random(&random) % 10;
        if (choice < 4) {
            size_t name = next_random(&random) % 3 == 0;
            write_lines(&world, names[name], next_random(&random) % 20, &written[name]);
        } else if (choice < 5) {
            rotate(&world);
        } else if (choice < 8) {
            world.mock.now_ms += (int64_t)(next_random(&random) % 700);
            (void)mock_poll(&world.mock, 1 + next_random(&random) % 15);
        } else if (choice < 9) {
            mock_drain(&world.mock);
        } else {
            /* Batches end where an offset is; a crash keeps any prefix of them. */
            size_t kept = world.mock.record_count;
            kept -= next_random(&random) % (1 + (kept < 20 ? kept : 20));
            while (kept > 0 && world.mock.records[kept - 1].source_offset == NULL) {
                kept--;
            }
            mock_stop_source(&world.mock);
            mock_forget(&world.mock, kept);
            mock_start_source(&world.mock);
        }
    }
    mock_drain(&world.mock);
    expect_lines(&world, seed, names, written, 2);
    mock_stop_source(&world.mock);
    end(&world);
}

static void crashes_and_rotations_lose_and_repeat_nothing(void **state)
{
    (void)state;
    static const char *const side_by_side[] = {"rotate_wait=1s", NULL};
    static const char *const in_order[] = {"rotate_wait=1s", "oldest_first=true", NULL};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        audit(seed, seed % 3 == 0 ? in_order : side_by_side);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_records),
        cmocka_unit_test(reading_resumes_where_it_ended),
        cmocka_unit_test(a_renamed_file_is_drained_before_the_new_one),
        cmocka_unit_test(rotations_while_down_lose_nothing),
        cmocka_unit_test(copytruncate_starts_anew),
        cmocka_unit_test(copytruncate_while_down_reads_the_rest_of_the_copy),
        cmocka_unit_test(a_rewritten_file_that_grew_is_noticed),
        cmocka_unit_test(a_reused_inode_is_a_new_file),
        cmocka_unit_test(a_replaced_file_with_the_same_content_goes_on),
        cmocka_unit_test(a_long_line_is_cut_and_following_goes_on),
        cmocka_unit_test(a_line_larger_than_the_window_is_whole),
        cmocka_unit_test(an_unfinished_line_is_emitted_on_rotation),
        cmocka_unit_test(holes_of_nul_are_skipped),
        cmocka_unit_test(new_files_are_found_and_excluded_ones_are_not),
        cmocka_unit_test(rotated_files_that_match_come_first_and_once),
        cmocka_unit_test(what_the_host_refused_is_emitted_again),
        cmocka_unit_test(an_offset_written_by_a_person_is_believed),
        cmocka_unit_test(events_and_interrupts_end_a_waiting_poll),
        cmocka_unit_test(without_an_order_files_are_read_side_by_side),
        cmocka_unit_test(the_oldest_file_is_drained_before_the_next_one_begins),
        cmocka_unit_test(what_was_begun_is_drained_though_it_was_written_to_since),
        cmocka_unit_test(an_unfinished_line_holds_nobody_up),
        cmocka_unit_test(a_rotation_meanwhile_keeps_the_order),
        cmocka_unit_test(rotated_files_take_their_own_turns),
        cmocka_unit_test(a_restart_goes_on_with_what_was_begun),
        cmocka_unit_test(crashes_and_rotations_lose_and_repeat_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
