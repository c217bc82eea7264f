/* Shows that a source finds again how far it came: from the stored offsets and from the marks
 * behind them, its own and nobody else's. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/connect/source_mark.h"
#include "runtime/connect/source_offsets.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;
static const char PLACE[] = "{\"path\":\"a.txt\"}";

struct bench {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    struct client *fetch_client;
    struct producer *producer;
    struct source_offsets *offsets;
    bool is_done;
    int error;
};

static int set_up(void **state)
{
    trace_set_stream(NULL);
    struct bench *bench = memory_new(struct bench);
    struct client_options client_options = client_options_default();
    struct producer_options producer_options = producer_options_default();
    client_options.bootstrap = "node1:9092";
    bench->sim = sim_new(1, 2);
    bench->cluster = fake_cluster_new(bench->sim, 1);
    bench->client = client_new(sim_io(bench->sim, 0), &client_options);
    bench->fetch_client = client_new(sim_io(bench->sim, 0), &client_options);
    bench->producer = producer_new(bench->client, &producer_options);
    fake_cluster_add_topic(bench->cluster, SOURCE_OFFSETS_TOPIC, 1);
    fake_cluster_add_topic(bench->cluster, "notes", 1);
    *state = bench;
    return 0;
}

static void on_done(void *owner, int error)
{
    struct bench *bench = owner;
    bench->is_done = true;
    bench->error = error;
}

static void on_closed(void *owner)
{
    on_done(owner, 0);
}

static bool is_done(void *owner)
{
    return ((struct bench *)owner)->is_done;
}

static void wait(struct bench *bench)
{
    assert_true(sim_run_until(bench->sim, is_done, bench, 30 * SECOND));
    assert_int_equal(bench->error, 0);
    bench->is_done = false;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    source_offsets_free(bench->offsets);
    producer_close(bench->producer, on_closed, bench);
    wait(bench);
    client_close(bench->client, on_closed, bench);
    wait(bench);
    client_close(bench->fetch_client, on_closed, bench);
    wait(bench);
    fake_cluster_free(bench->cluster);
    sim_free(bench->sim);
    free(bench);
    return 0;
}

/* As after a start of the connector. */
static void load(struct bench *bench, const char *connector)
{
    struct source_offsets_options options = {.connector = connector,
                                             .topic = "notes",
                                             .offsets_topic = SOURCE_OFFSETS_TOPIC,
                                             .has_marks = true};
    source_offsets_free(bench->offsets);
    bench->offsets =
        source_offsets_new(bench->client, bench->fetch_client, bench->producer, &options);
    source_offsets_load(bench->offsets, on_done, bench);
    wait(bench);
}

/* A record of the connector's, with its mark, as the source task writes it. */
static void mark(struct bench *bench, const char *connector, const char *offset)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    struct batch_header headers[2];
    struct arena arena;
    arena_init(&arena, 0);
    source_mark_write(&arena, connector, PLACE, offset, headers);
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1, (struct bytes){NULL, 0}, BYTES_LITERAL("line"), headers, 2);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, "notes", 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
    arena_fini(&arena);
}

static const char *offset_of(struct bench *bench)
{
    const struct source_offsets_entry *entry =
        map_find(source_offsets_map(bench->offsets), bytes_from_string(PLACE));
    return entry == NULL ? NULL : entry->offset;
}

static void checkpoint(struct bench *bench)
{
    source_offsets_checkpoint(bench->offsets, on_done, bench);
    wait(bench);
}

static void a_new_connector_begins_behind_what_the_topic_holds(void **state)
{
    struct bench *bench = *state;
    mark(bench, "words:notes", "{\"n\":1}"); /* of a life that was forgotten */
    load(bench, "words:notes");
    assert_null(offset_of(bench));
    mark(bench, "words:notes", "{\"n\":2}");
    load(bench, "words:notes");
    assert_string_equal(offset_of(bench), "{\"n\":2}");
}

static void the_newest_mark_counts(void **state)
{
    struct bench *bench = *state;
    load(bench, "words:notes");
    for (int i = 0; i < 5; i++) {
        char offset[32];
        snprintf(offset, sizeof offset, "{\"n\":%d}", i);
        mark(bench, "words:notes", offset);
    }
    load(bench, "words:notes");
    assert_string_equal(offset_of(bench), "{\"n\":4}");
}

static void what_was_stored_is_there_without_the_marks(void **state)
{
    struct bench *bench = *state;
    load(bench, "words:notes");
    mark(bench, "words:notes", "{\"n\":1}");
    source_offsets_put(bench->offsets, bytes_from_string(PLACE), BYTES_LITERAL("{\"n\":1}"), 0);
    checkpoint(bench);
    fake_cluster_get(bench->cluster, "notes", 0)->start_offset = 1; /* retention took the mark */
    load(bench, "words:notes");
    assert_string_equal(offset_of(bench), "{\"n\":1}");
    mark(bench, "words:notes", "{\"n\":2}");
    load(bench, "words:notes");
    assert_string_equal(offset_of(bench), "{\"n\":2}");
}

static void a_failed_checkpoint_is_made_good_by_the_next(void **state)
{
    struct bench *bench = *state;
    enum { PRODUCE = 0 };
    load(bench, "words:notes");
    mark(bench, "words:notes", "{\"n\":1}");
    source_offsets_put(bench->offsets, bytes_from_string(PLACE), BYTES_LITERAL("{\"n\":1}"), 0);
    fake_cluster_fail(bench->cluster, PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
    source_offsets_checkpoint(bench->offsets, on_done, bench);
    assert_true(sim_run_until(bench->sim, is_done, bench, 30 * SECOND));
    assert_int_equal(bench->error, ERROR_TOPIC_AUTHORIZATION_FAILED);
    assert_true(source_offsets_is_changed(bench->offsets));
    bench->is_done = false;
    checkpoint(bench);
    load(bench, "words:notes");
    assert_string_equal(offset_of(bench), "{\"n\":1}");
}

static void two_applications_do_not_share_a_position(void **state)
{
    struct bench *bench = *state;
    load(bench, "one:notes");
    mark(bench, "one:notes", "{\"n\":9}");
    source_offsets_put(bench->offsets, bytes_from_string(PLACE), BYTES_LITERAL("{\"n\":9}"), 0);
    checkpoint(bench);
    load(bench, "two:notes");
    assert_null(offset_of(bench));
    mark(bench, "one:notes", "{\"n\":10}");
    load(bench, "two:notes");
    assert_null(offset_of(bench));
    load(bench, "one:notes");
    assert_string_equal(offset_of(bench), "{\"n\":10}");
}

static void a_long_id_is_whole(void **state)
{
    struct bench *bench = *state;
    char id[451];
    memset(id, 'a', sizeof id);
    id[249] = ':';
    id[450] = 0;
    load(bench, id);
    source_offsets_put(bench->offsets, bytes_from_string(PLACE), BYTES_LITERAL("{\"n\":1}"), -1);
    checkpoint(bench);
    load(bench, id);
    assert_string_equal(offset_of(bench), "{\"n\":1}");
    id[449] = 'b';
    load(bench, id);
    assert_null(offset_of(bench));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_connector_begins_behind_what_the_topic_holds),
        TEST(the_newest_mark_counts),
        TEST(what_was_stored_is_there_without_the_marks),
        TEST(a_failed_checkpoint_is_made_good_by_the_next),
        TEST(two_applications_do_not_share_a_position),
        TEST(a_long_id_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
