/* Shows that a sink by pattern reads the topics of now, on a whole broker and with the sinks that
 * are shipped: all that match and no other, those of later from their first record, each record
 * once; and that it can be closed at any moment. */
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/wire/batch.h"
#include "runtime/connect/connector.h"
#include "tests/unit/runtime/real_broker.h"
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const folders[] = {CONNECTORS_FOLDER};
static const uint64_t SECOND = 1000000000;

enum { PATH_SIZE = 400, LOOK_MS = 10000 };

struct world {
    struct real_broker *broker;
    struct sim *sim;
    struct connector *connector;
    char folder[PATH_SIZE / 2]; /* of what the sink writes; empty at first */
    bool is_closed;
};

static void world_path(const struct world *world, const char *name, char *out)
{
    snprintf(out, PATH_SIZE, "%s/%s", world->folder, name);
}

static struct world *world_new(uint64_t seed, const char *name)
{
    char command[PATH_SIZE];
    struct world *world = memory_new(struct world);
    if (getenv("TRACE") == NULL) {
        trace_set_stream(NULL);
    }
    snprintf(world->folder, sizeof world->folder, "%s/%s", SCRATCH_FOLDER, name);
    snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(mkdir(world->folder, 0755), 0);
    world->broker = real_broker_new(seed, 1);
    world->sim = real_broker_sim(world->broker);
    real_broker_start(world->broker, NULL, NULL);
    return world;
}

static void on_closed(void *owner)
{
    ((struct world *)owner)->is_closed = true;
}

static bool is_closed(void *owner)
{
    return ((struct world *)owner)->is_closed;
}

static void stop(struct world *world)
{
    world->is_closed = false;
    connector_close(world->connector, on_closed, world);
    assert_true(sim_run_until(world->sim, is_closed, world, 200 * SECOND));
    world->connector = NULL;
}

static void world_free(struct world *world)
{
    if (world->connector != NULL) {
        stop(world);
    }
    real_broker_free(world->broker);
    free(world);
}

/* A sink of the topics that match, with up to three settings more. */
static void start_as(struct world *world, const char *instance_id, const char *type,
                     const char *pattern, const char *file, const struct plugin_setting *more,
                     size_t more_count)
{
    char path[PATH_SIZE];
    struct report report = {0};
    world_path(world, file, path);
    struct plugin_setting settings[5] = {{"topics.regex", pattern}, {"path", path}};
    for (size_t i = 0; i < more_count; i++) {
        settings[2 + i] = more[i];
    }
    struct connector_definition definition = {.application = "app",
                                              .name = "drain",
                                              .type = type,
                                              .settings = settings,
                                              .setting_count = 2 + more_count,
                                              .instance_id = instance_id,
                                              .left_alone = "logs-clock"};
    struct client_options options = client_options_default();
    options.bootstrap = "node0:9092";
    options.request_timeout_ms = 3000;
    struct io *io = sim_io(world->sim, REAL_BROKER_MACHINE);
    if (connector_new(io, folders, 1, &definition, &world->connector, &report) != 0) {
        fail_msg("%s", report.text);
    }
    connector_start(world->connector, &options);
}

/* Each topic into a file of its name. */
static void start_files(struct world *world, const char *pattern)
{
    static const struct plugin_setting more = {"mode", "append"};
    start_as(world, NULL, "file", pattern, "{topic}", &more, 1);
}

static void put(struct world *world, const char *topic, const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, io_wall_clock(real_broker_client_io(world->broker)),
                      BYTES_LITERAL("k"), bytes_from_string(value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    assert_int_equal(real_broker_produce(world->broker, topic, 0, buffer_bytes(&encoded)), 0);
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void make(struct world *world, const char *topic, const char *value)
{
    real_broker_make_topic(world->broker, topic, 1);
    put(world, topic, value);
}

static bool read_file(const struct world *world, const char *name, char *out, size_t size)
{
    char path[PATH_SIZE];
    world_path(world, name, path);
    FILE *file = fopen(path, "rb");
    out[0] = 0;
    if (file == NULL) {
        return false;
    }
    out[fread(out, 1, size - 1, file)] = 0;
    fclose(file);
    return true;
}

struct wish {
    struct world *world;
    const char *name;
    const char *wanted;
    char found[1000];
};

static bool is_fulfilled(void *owner)
{
    struct wish *wish = owner;
    read_file(wish->world, wish->name, wish->found, sizeof wish->found);
    return strcmp(wish->found, wish->wanted) == 0;
}

static void await_file(struct world *world, const char *name, const char *wanted)
{
    struct wish wish = {.world = world, .name = name, .wanted = wanted};
    if (!sim_run_until(world->sim, is_fulfilled, &wish, 60 * SECOND)) {
        fail_msg("%s: '%s', not '%s'; %s", name, wish.found, wanted,
                 connector_reason(world->connector));
    }
}

/* Nobody wrote it, also after some more looks. */
static void expect_no_file(struct world *world, const char *name)
{
    char found[1000];
    assert_false(read_file(world, name, found, sizeof found));
}

static void it_drains_all_that_match_and_nothing_else(void **state)
{
    (void)state;
    static const char *const others[] = {"other",     "xlogs-a",          "logs-a-changelog",
                                         "__logs-a",  "logs-repartition", "connect-offsets",
                                         "logs-clock"};
    struct world *world = world_new(1, "lookout_all");
    make(world, "logs-a", "a1");
    make(world, "logs-b", "b1");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        make(world, others[i], "no");
    }
    start_files(world, "(__)?logs-.*|connect-.*");
    await_file(world, "logs-a", "a1\n");
    await_file(world, "logs-b", "b1\n");
    real_broker_run_ms(world->broker, 3 * LOOK_MS);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_no_file(world, others[i]);
    }
    await_file(world, "logs-a", "a1\n");
    assert_int_equal(connector_restart_count(world->connector), 0);
    world_free(world);
}

static void a_topic_of_later_is_read_from_its_first_record(void **state)
{
    (void)state;
    struct world *world = world_new(2, "lookout_later");
    make(world, "logs-a", "a1");
    start_files(world, "logs-.*");
    await_file(world, "logs-a", "a1\n");
    make(world, "logs-b", "b1");
    put(world, "logs-b", "b2");
    await_file(world, "logs-b", "b1\nb2\n");
    put(world, "logs-a", "a2");
    put(world, "logs-b", "b3");
    await_file(world, "logs-a", "a1\na2\n");
    await_file(world, "logs-b", "b1\nb2\nb3\n");
    assert_int_equal(connector_state(world->connector), CONNECTOR_RUNNING);
    assert_int_equal(connector_restart_count(world->connector), 0);
    world_free(world);
}

static void without_any_topic_it_waits_for_the_first_one(void **state)
{
    (void)state;
    struct world *world = world_new(3, "lookout_none");
    start_files(world, "logs-.*");
    real_broker_run_ms(world->broker, 3 * LOOK_MS);
    assert_int_equal(connector_state(world->connector), CONNECTOR_RUNNING);
    make(world, "logs-a", "a1");
    await_file(world, "logs-a", "a1\n");
    world_free(world);
}

static void it_goes_on_where_it_stood_when_it_is_opened_again(void **state)
{
    (void)state;
    struct world *world = world_new(4, "lookout_again");
    make(world, "logs-a", "a1");
    start_files(world, "logs-.*");
    await_file(world, "logs-a", "a1\n");
    stop(world);
    put(world, "logs-a", "a2");
    make(world, "logs-b", "b1");
    start_files(world, "logs-.*");
    await_file(world, "logs-a", "a1\na2\n");
    await_file(world, "logs-b", "b1\n");
    world_free(world);
}

static void a_topic_that_goes_is_forgotten_and_the_others_go_on(void **state)
{
    (void)state;
    struct world *world = world_new(5, "lookout_gone");
    make(world, "logs-a", "a1");
    make(world, "logs-b", "b1");
    start_files(world, "logs-.*");
    await_file(world, "logs-a", "a1\n");
    await_file(world, "logs-b", "b1\n");
    real_broker_remove_topic(world->broker, "logs-b");
    real_broker_run_ms(world->broker, 3 * LOOK_MS);
    put(world, "logs-a", "a2");
    await_file(world, "logs-a", "a1\na2\n");
    real_broker_remove_topic(world->broker, "logs-a");
    real_broker_run_ms(world->broker, 3 * LOOK_MS);
    make(world, "logs-c", "c1");
    await_file(world, "logs-c", "c1\n");
    world_free(world);
}

/* Of what is there at the start only what comes from now on; of later topics everything. */
static void from_the_latest_means_what_was_there_at_the_start(void **state)
{
    (void)state;
    static const struct plugin_setting more[] = {{"mode", "append"}, {"from", "latest"}};
    struct world *world = world_new(6, "lookout_latest");
    make(world, "logs-a", "a1");
    start_as(world, NULL, "file", "logs-.*", "{topic}", more, 2);
    real_broker_run_ms(world->broker, LOOK_MS);
    put(world, "logs-a", "a2");
    await_file(world, "logs-a", "a2\n");
    make(world, "logs-b", "b1");
    await_file(world, "logs-b", "b1\n");
    put(world, "logs-a", "a3");
    await_file(world, "logs-a", "a2\na3\n");
    world_free(world);
}

/* A static member comes back under its name, and wants something else. */
static void a_static_member_gets_the_topics_of_later_too(void **state)
{
    (void)state;
    static const struct plugin_setting more = {"mode", "append"};
    struct world *world = world_new(7, "lookout_static");
    make(world, "logs-a", "a1");
    start_as(world, "one", "file", "logs-.*", "{topic}", &more, 1);
    await_file(world, "logs-a", "a1\n");
    make(world, "logs-b", "b1");
    await_file(world, "logs-b", "b1\n");
    put(world, "logs-a", "a2");
    await_file(world, "logs-a", "a1\na2\n");
    world_free(world);
}

/* --- SQLite --- */

/* "name=count name=count" of the tables of records. */
static void read_tables(const struct world *world, char *out, size_t size)
{
    char path[PATH_SIZE];
    sqlite3 *database = NULL;
    sqlite3_stmt *names = NULL;
    size_t used = 0;
    world_path(world, "all.db", path);
    out[0] = 0;
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(database,
                           "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE "
                           "'\\_%' ESCAPE '\\' ORDER BY name",
                           -1, &names, NULL) == SQLITE_OK) {
        while (sqlite3_step(names) == SQLITE_ROW) {
            char text[200];
            sqlite3_stmt *count = NULL;
            const char *name = (const char *)sqlite3_column_text(names, 0);
            snprintf(text, sizeof text, "SELECT count(*) FROM \"%s\"", name);
            assert_int_equal(sqlite3_prepare_v2(database, text, -1, &count, NULL), SQLITE_OK);
            assert_int_equal(sqlite3_step(count), SQLITE_ROW);
            used += (size_t)snprintf(out + used, size - used, "%s%s=%d", used == 0 ? "" : " ", name,
                                     sqlite3_column_int(count, 0));
            sqlite3_finalize(count);
        }
        sqlite3_finalize(names);
    }
    sqlite3_close(database);
}

static bool has_tables(void *owner)
{
    struct wish *wish = owner;
    read_tables(wish->world, wish->found, sizeof wish->found);
    return strcmp(wish->found, wish->wanted) == 0;
}

static void await_tables(struct world *world, const char *wanted)
{
    struct wish wish = {.world = world, .wanted = wanted};
    for (int i = 0; i < 60 && !has_tables(&wish); i++) {
        real_broker_run_ms(world->broker, 1000);
    }
    assert_string_equal(wish.found, wanted);
}

/* What it refuses goes to a topic that its pattern matches, too, and is not refused for ever. */
static void its_own_dead_letters_are_left_alone(void **state)
{
    (void)state;
    static const struct plugin_setting more = {"dead_letter_topic", "logs-dead"};
    struct world *world = world_new(8, "lookout_sqlite");
    make(world, "logs-a", "{\"n\":1}");
    make(world, "logs-dead", "{\"n\":2}");
    start_as(world, NULL, "sqlite", ".*", "all.db", &more, 1);
    await_tables(world, "logs-a=1");
    put(world, "logs-a", "this is no JSON");
    put(world, "logs-a", "{\"n\":3}");
    make(world, "logs-b", "{\"n\":4}");
    await_tables(world, "logs-a=2 logs-b=1");
    real_broker_run_ms(world->broker, 3 * LOOK_MS);
    await_tables(world, "logs-a=2 logs-b=1");
    assert_int_equal(real_broker_end_offset(world->broker, "logs-dead", 0, true), 2);
    assert_int_equal(connector_restart_count(world->connector), 0);
    world_free(world);
}

/* --- Moments --- */

/* Also while it looks, and while one task makes room for the next. */
static void it_closes_at_any_moment_and_loses_nothing(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 3000; event_count += 61) {
        struct world *world = world_new(9, "lookout_close");
        make(world, "logs-a", "a1");
        start_files(world, "logs-.*");
        await_file(world, "logs-a", "a1\n");
        make(world, "logs-b", "b1");
        real_broker_run_ms(world->broker, LOOK_MS - 1000);
        for (int i = 0; i < event_count; i++) {
            sim_step(world->sim);
        }
        stop(world);
        put(world, "logs-a", "a2");
        start_files(world, "logs-.*");
        await_file(world, "logs-a", "a1\na2\n");
        await_file(world, "logs-b", "b1\n");
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_drains_all_that_match_and_nothing_else),
        cmocka_unit_test(a_topic_of_later_is_read_from_its_first_record),
        cmocka_unit_test(without_any_topic_it_waits_for_the_first_one),
        cmocka_unit_test(it_goes_on_where_it_stood_when_it_is_opened_again),
        cmocka_unit_test(a_topic_that_goes_is_forgotten_and_the_others_go_on),
        cmocka_unit_test(from_the_latest_means_what_was_there_at_the_start),
        cmocka_unit_test(a_static_member_gets_the_topics_of_later_too),
        cmocka_unit_test(its_own_dead_letters_are_left_alone),
        cmocka_unit_test(it_closes_at_any_moment_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
