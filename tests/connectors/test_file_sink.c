/* The file sink: what stands in which file, and that a crash neither loses nor repeats a line. */
#include "tests/connectors/mock.h"

#include <stdlib.h>
#include <unistd.h>

struct world {
    struct mock mock;
    char folder[512];
    int64_t next_offset;
};

static void start(struct world *world)
{
    if (world->mock.context.kind->sink->open(&world->mock.context) != TIDEMILL_OK) {
        fail_msg("%s", world->mock.failure);
    }
}

static void begin(struct world *world, const char *form, const char *const *extra)
{
    char path[700];
    const char *settings[16] = {path};
    mock_folder(world->folder, sizeof world->folder, "sink");
    snprintf(path, sizeof path, "path=%s/%s", world->folder, form);
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        settings[i + 1] = extra[i];
    }
    world->next_offset = 0;
    mock_open(&world->mock, "file", TIDEMILL_SINK, settings);
    if (world->mock.context.kind->validate(&world->mock.context) != TIDEMILL_OK) {
        fail_msg("%s", world->mock.failure);
    }
    start(world);
}

static void end(struct world *world)
{
    char command[600];
    world->mock.context.kind->sink->close(&world->mock.context);
    mock_close(&world->mock);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
}

/* Puts a record of topic "t" with a time of 2026-01-02T03:04:05Z. */
static struct tidemill_verdict put_to(struct world *world, int32_t partition, const char *value)
{
    struct tidemill_record record = tidemill_record_make(
        tidemill_bytes_null(), tidemill_bytes_make(value, value == NULL ? 0 : strlen(value)));
    struct tidemill_verdict verdict = {.status = TIDEMILL_OK};
    record.topic = "t";
    record.partition = partition;
    record.offset = world->next_offset++;
    record.timestamp_ms = 1767323045000;
    if (world->mock.context.kind->sink->put(&world->mock.context, &record, 1, &verdict) !=
        TIDEMILL_OK) {
        fail_msg("%s", world->mock.failure);
    }
    return verdict;
}

static struct tidemill_verdict put(struct world *world, const char *value)
{
    return put_to(world, 0, value);
}

static void flush(struct world *world)
{
    if (world->mock.context.kind->sink->flush(&world->mock.context) != TIDEMILL_OK) {
        fail_msg("%s", world->mock.failure);
    }
}

/* Dies without a flush and starts again where the sink says. */
static void crash(struct world *world)
{
    world->mock.context.kind->sink->close(&world->mock.context);
    start(world);
    assert_int_equal(
        world->mock.context.kind->sink->position(&world->mock.context, "t", 0, &world->next_offset),
        TIDEMILL_OK);
}

static void expect(struct world *world, const char *name, const char *content)
{
    char path[700];
    char found[4096] = "";
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "r");
    if (content == NULL) {
        assert_null(file);
        return;
    }
    if (file == NULL) {
        fail_msg("there is no %s", path);
        return;
    }
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, content);
}

static void files_get_their_names_when_they_are_complete(void **state)
{
    (void)state;
    static const char *const extra[] = {"rotate_rows=2", NULL};
    struct world world;
    begin(&world, "%Y/{topic}-{partition}-{start_offset}.txt", extra);
    put(&world, "a");
    put(&world, "b");
    put(&world, "c");
    expect(&world, "2026/t-0-0.txt", NULL);
    flush(&world);
    expect(&world, "2026/t-0-0.txt", "a\nb\n");
    expect(&world, "2026/t-0-2.txt", NULL);
    expect(&world, "2026/t-0-2.txt.inprogress", "c\n");
    put(&world, "d");
    flush(&world);
    expect(&world, "2026/t-0-2.txt", "c\nd\n");
    end(&world);
}

static void a_crash_undoes_what_was_not_flushed(void **state)
{
    (void)state;
    static const char *const extra[] = {"rotate_rows=3", NULL};
    struct world world;
    begin(&world, "{topic}-{partition}-{start_offset}.txt", extra);
    put(&world, "a");
    flush(&world);
    put(&world, "b");
    crash(&world);
    assert_int_equal(world.next_offset, 1);
    put(&world, "b");
    put(&world, "c");
    put(&world, "d");
    crash(&world);
    assert_int_equal(world.next_offset, 1);
    put(&world, "b");
    put(&world, "c");
    flush(&world);
    expect(&world, "t-0-0.txt", "a\nb\nc\n");
    end(&world);
}

static void a_crash_between_commit_and_rename_is_finished(void **state)
{
    (void)state;
    static const char *const extra[] = {"rotate_rows=2", NULL};
    struct world world;
    char from[700];
    char to[700];
    begin(&world, "{topic}-{partition}-{start_offset}.txt", extra);
    put(&world, "a");
    put(&world, "b");
    flush(&world);
    snprintf(from, sizeof from, "%s/t-0-0.txt", world.folder);
    snprintf(to, sizeof to, "%s/t-0-0.txt.inprogress", world.folder);
    assert_int_equal(rename(from, to), 0);
    crash(&world);
    assert_int_equal(world.next_offset, 2);
    expect(&world, "t-0-0.txt", "a\nb\n");
    end(&world);
}

static void uncommitted_bytes_are_cut_off_an_appended_file(void **state)
{
    (void)state;
    static const char *const extra[] = {"mode=append", NULL};
    struct world world;
    char path[700];
    begin(&world, "all.txt", extra);
    put(&world, "a");
    put_to(&world, 1, "b");
    flush(&world);
    snprintf(path, sizeof path, "%s/all.txt", world.folder);
    mock_append(path, "half a li");
    crash(&world);
    world.next_offset = 2;
    put(&world, "c");
    flush(&world);
    expect(&world, "all.txt", "a\nb\nc\n");
    end(&world);
}

static void time_and_size_complete_a_file(void **state)
{
    (void)state;
    static const char *const extra[] = {"rotate_interval=10s", "rotate_bytes=8", NULL};
    struct world world;
    begin(&world, "{partition}-{start_offset}", extra);
    put(&world, "a");
    flush(&world);
    expect(&world, "0-0", NULL);
    world.mock.now_ms += 10000;
    flush(&world);
    expect(&world, "0-0", "a\n");
    put(&world, "1234567");
    flush(&world);
    expect(&world, "0-1", "1234567\n");
    end(&world);
}

static void json_and_csv_are_judged(void **state)
{
    (void)state;
    static const char *const json[] = {"format=jsonl", "mode=append", NULL};
    static const char *const csv[] = {"format=csv", "fields=a, b", "mode=append", NULL};
    struct world world;
    begin(&world, "out", json);
    put(&world, "{\"a\":\n 1}");
    assert_int_equal(put(&world, "{").status, TIDEMILL_REJECT);
    assert_int_equal(put(&world, NULL).status, TIDEMILL_REJECT);
    flush(&world);
    expect(&world, "out", "{\"a\":  1}\n");
    end(&world);
    begin(&world, "out", csv);
    put(&world, "{\"b\":\"say \\\"x\\\", y\",\"a\":12345678901234567}");
    put(&world, "{\"a\":null,\"b\":[1,2]}");
    assert_string_equal(put(&world, "7").reason, "the value is no JSON object");
    flush(&world);
    expect(&world, "out", "a,b\r\n12345678901234567,\"say \"\"x\"\", y\"\r\n,\"[1,2]\"\r\n");
    end(&world);
}

static void paths_that_would_collide_are_refused(void **state)
{
    (void)state;
    static const char *const settings[] = {"path=/tmp/x/{topic}", NULL};
    struct mock mock;
    mock_open(&mock, "file", TIDEMILL_SINK, settings);
    assert_int_equal(mock.context.kind->validate(&mock.context), TIDEMILL_FATAL);
    assert_non_null(strstr(mock.failure, "{start_offset}"));
    mock_close(&mock);
}

static void random_crashes_neither_lose_nor_repeat(void **state)
{
    (void)state;
    static const char *const extra[] = {"rotate_rows=7", NULL};
    struct world world;
    uint64_t random = 7;
    char text[32];
    begin(&world, "{partition}-{start_offset}", extra);
    while (world.next_offset < 400) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t choice = random >> 33;
        if (choice % 16 == 0) {
            crash(&world);
            world.next_offset = world.next_offset < 0 ? 0 : world.next_offset;
        } else if (choice % 16 < 4) {
            flush(&world);
        } else {
            snprintf(text, sizeof text, "%lld", (long long)world.next_offset);
            put(&world, text);
        }
    }
    flush(&world);
    for (int64_t first = 0; first + 7 <= 400; first += 7) {
        char name[32];
        char content[128] = "";
        snprintf(name, sizeof name, "0-%lld", (long long)first);
        for (int64_t i = first; i < first + 7; i++) {
            snprintf(content + strlen(content), sizeof content - strlen(content), "%lld\n",
                     (long long)i);
        }
        expect(&world, name, content);
    }
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_get_their_names_when_they_are_complete),
        cmocka_unit_test(a_crash_undoes_what_was_not_flushed),
        cmocka_unit_test(a_crash_between_commit_and_rename_is_finished),
        cmocka_unit_test(uncommitted_bytes_are_cut_off_an_appended_file),
        cmocka_unit_test(time_and_size_complete_a_file),
        cmocka_unit_test(json_and_csv_are_judged),
        cmocka_unit_test(paths_that_would_collide_are_refused),
        cmocka_unit_test(random_crashes_neither_lose_nor_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
