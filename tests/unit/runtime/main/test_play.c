/* Wants to show: a play has the partitions of the cluster, is fed what the application does not
 * write itself, knows the topics of emit that its script names, begins and ends where it is told,
 * and repeats those decisions about time that lie in its slice, wherever the offsets of a
 * repartition topic lie. */
#include "log/base/error.h"
#include "runtime/main/play.h"
#include "tests/unit/runtime/errand_bench.h"

#include <stdio.h>
#include <string.h>

static const char COPY[] = "local S = require 'tidemill'\n"
                           "local app = S.app 'copy'\n"
                           "app:stream('in', { value = 'text' }):to 'mid'\n"
                           "app:stream('mid', { value = 'text' }):to 'out'\n"
                           "return app\n";
static const char JOIN[] = "local S = require 'tidemill'\n"
                           "local app = S.app 'join'\n"
                           "app:stream('in', { value = 'text' })\n"
                           "  :join(app:table('names', { value = 'text', name = 'n' }),\n"
                           "        function(left, right) return left .. right end):to 'out'\n"
                           "return app\n";
/* One part reads "in"; the other a repartition topic, whose keys are the values. */
static const char PAUSE[] =
    "local S = require 'tidemill'\n"
    "local app = S.app 'pause'\n"
    "local lines = app:stream('in', { value = 'text' })\n"
    "lines:group_by_key():window(S.tumbling('1s', { idle = '1s' }))\n"
    "  :count { name = 'near' }:emit 'final':to 'near-out'\n"
    "lines:group_by(function(r) return r.value end):window(S.tumbling('1s', { idle = '1s' }))\n"
    "  :count { name = 'far' }:emit 'final':to 'far-out'\n"
    "return app\n";
#define REPARTITION "pause-far-repartition"

static void write_script(struct errand_bench *bench, const char *text)
{
    struct io *io = bench->world.io;
    struct io_file *file;
    struct bytes part = bytes_from_string(text);
    assert_int_equal(io_file_open(io, "app.lua", IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_truncate(io, file, 0), 0);
    assert_int_equal(io_file_write(io, file, &part, 1, 0), 0);
    io_file_close(io, file);
}

static void append(struct errand_bench *bench, const char *topic, int32_t partition,
                   int64_t timestamp_ms, const char *key, const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, timestamp_ms, bytes_from_string(key), bytes_from_string(value),
                      NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, topic, partition),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void append_marker(struct errand_bench *bench, const char *topic)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = 1;
    builder.producer_epoch = 0;
    batch_builder_add_marker(&builder, 1, true, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, topic, 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static int open_play(struct errand_bench *bench, struct play *play, const char *script)
{
    static const struct flag_list none = {0};
    write_script(bench, script);
    return play_open(play, &bench->errand, "app.lua", &none);
}

static void choose(struct play *play, int64_t from, int64_t to, struct play_slice *slice)
{
    const struct offset_spec start = {from < 0 ? OFFSET_SPEC_BEGINNING : OFFSET_SPEC_ABSOLUTE,
                                      from};
    const struct offset_spec end = {to < 0 ? OFFSET_SPEC_END : OFFSET_SPEC_ABSOLUTE, to};
    assert_int_equal(play_choose(play, 1, &start, &end, slice), COMMAND_OK);
}

/* Plays the slice from `from` to `to` (-1: all) and tells what comes to these topics:
 * "key=value@time", in the order of the topics. */
static void assert_play(struct errand_bench *bench, const char *script, int64_t from, int64_t to,
                        const char *const topics[3], const char *text)
{
    struct play play;
    struct play_slice slice;
    struct record record;
    struct buffer out;
    const struct record *output;
    int64_t time_ms;
    bool has_begun = false;
    buffer_init(&out);
    assert_int_equal(open_play(bench, &play, script), COMMAND_OK);
    choose(&play, from, to, &slice);
    struct slice_reader *reader =
        slice_reader_new(&bench->errand, slice.ranges, slice.count, play_order_ms, &play);
    int more;
    while ((more = slice_reader_next(reader, INT64_MAX, &record, &time_ms)) == 1) {
        if (!has_begun) {
            assert_int_equal(play_begin(&play, &slice, time_ms), COMMAND_OK);
            has_begun = true;
        }
        assert_int_equal(play_feed(&play, &record, NULL), COMMAND_OK);
    }
    assert_int_equal(more, 0);
    assert_int_equal(play_end(&play, to < 0), COMMAND_OK);
    for (int i = 0; i < 3 && topics[i] != NULL; i++) {
        while ((output = driver_take(play.driver, topics[i])) != NULL) {
            buffer_printf(&out, "%s%.*s=%.*s@%d", out.size == 0 ? "" : " ",
                          BYTES_FORMAT(output->key), BYTES_FORMAT(output->value),
                          (int)output->timestamp_ms);
        }
    }
    slice_reader_free(reader);
    play_close(&play);
    assert_string_equal(buffer_string(&out), text);
    buffer_fini(&out);
}

static void what_the_application_writes_itself_is_not_fed(void **state)
{
    struct errand_bench *bench = *state;
    struct play play;
    struct play_slice slice;
    fake_cluster_add_topic(bench->cluster, "in", 3);
    fake_cluster_add_topic(bench->cluster, "mid", 2);
    append(bench, "in", 0, 5, "k", "x");
    append(bench, "mid", 1, 1, "k", "written before");
    assert_int_equal(open_play(bench, &play, COPY), COMMAND_OK);
    choose(&play, -1, -1, &slice);
    assert_int_equal(slice.count, 3);
    for (size_t i = 0; i < slice.count; i++) {
        assert_string_equal(slice.ranges[i].topic, "in");
        assert_int_equal(slice.ranges[i].partition, i);
        assert_int_equal(slice.ranges[i].end, i == 0);
    }
    assert_true(slice.is_from_start);
    assert_true(play_is_written(&play, "mid"));
    assert_false(play_is_written(&play, "in"));
    assert_int_equal(play.output_count, 3); /* and the dead letters */
    play_close(&play);
    static const char *const topics[3] = {"mid", "out"};
    assert_play(bench, COPY, -1, -1, topics, "k=x@5 k=x@5");
}

static void an_input_that_is_not_there_is_told(void **state)
{
    struct errand_bench *bench = *state;
    struct play play;
    assert_int_equal(open_play(bench, &play, COPY), COMMAND_FAILED);
    assert_non_null(strstr(errand_bench_errors(bench), "in: no such topic, which app.lua reads"));
    play_close(&play);
    assert_int_equal(open_play(bench, &play, "return {"), COMMAND_FAILED);
    assert_non_null(strstr(errand_bench_errors(bench), "app.lua:1"));
    play_close(&play);
}

static void tables_are_read_from_their_start(void **state)
{
    struct errand_bench *bench = *state;
    struct play play;
    struct play_slice slice;
    fake_cluster_add_topic(bench->cluster, "in", 1);
    fake_cluster_add_topic(bench->cluster, "names", 1);
    append(bench, "names", 0, 1, "k", "A");
    append(bench, "names", 0, 2, "k", "B");
    append(bench, "in", 0, 3, "k", "x");
    append(bench, "in", 0, 4, "k", "y");
    assert_int_equal(open_play(bench, &play, JOIN), COMMAND_OK);
    choose(&play, 1, -1, &slice);
    assert_int_equal(slice.count, 2);
    assert_string_equal(slice.ranges[0].topic, "in");
    assert_int_equal(slice.ranges[0].start, 1);
    assert_string_equal(slice.ranges[1].topic, "names");
    assert_int_equal(slice.ranges[1].start, 0);
    assert_false(slice.is_from_start);
    assert_true(play_is_prelude(&slice, &(struct record){.topic = "names"}));
    assert_false(play_is_prelude(&slice, &(struct record){.topic = "in"}));
    const char *notes[PLAY_NOTE_MAX];
    play_notes(&play, &slice, notes);
    assert_non_null(strstr(notes[0], "the stores are empty at the start"));
    assert_null(notes[1]);
    play_close(&play);
    static const char *const topics[3] = {"out"};
    assert_play(bench, JOIN, 1, -1, topics, "k=yB@4");
    assert_play(bench, JOIN, -1, 1, topics, "k=xA@3"); /* what comes later is not known */
}

/* --- What emit may write --- */

/* A script in which these lines stand where nobody runs them; "" for no topic. */
static void assert_emits(struct errand_bench *bench, const char *lines, const char *output,
                         const char *uncompared, bool is_open)
{
    struct play play;
    struct buffer script;
    buffer_init(&script);
    buffer_printf(&script,
                  "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                  "app:stream 'in':to 'out'\n"
                  "local function never(ctx, r)\n%s\nend\nreturn app\n",
                  lines);
    assert_int_equal(open_play(bench, &play, buffer_string(&script)), COMMAND_OK);
    assert_int_equal(play.output_count, output[0] == 0 ? 2 : 3);
    assert_true(output[0] == 0 || play_is_written(&play, output));
    const char **names = play_uncompared(&play);
    assert_string_equal(names[0] == NULL ? "" : names[0], uncompared);
    assert_true(names[0] == NULL || names[1] == NULL);
    assert_int_equal(play.is_open, is_open);
    play_close(&play);
    buffer_fini(&script);
}

static void the_words_of_a_script_tell_what_emit_writes(void **state)
{
    struct errand_bench *bench = *state;
    fake_cluster_add_topic(bench->cluster, "in", 1);
    fake_cluster_add_topic(bench->cluster, "mine", 1);
    assert_emits(bench, "ctx:emit('mine', r)", "mine", "", false);
    assert_emits(bench, "ctx:emit( -- here\n [[new]] , r)", "new", "", false);
    assert_emits(bench, "--[=[ ]] ' ]=] ctx:emit([==[a]=]==], r)", "a]=", "", false);
    assert_emits(bench, "emit(\"a\\\"b\", r)", "a\\\"b", "", false);
    assert_emits(bench, "ctx:emit('in', r)", "", "", false); /* it is read: see looped */
    assert_emits(bench, "return r:emit 'mine', r:emit('mine'), r:emit { 'mine' }", "", "", false);
    assert_emits(bench, "local remit = 'mine' -- emit(remit)", "", "", false);
    assert_emits(bench, "local x = 'mine' ctx:emit(x, r)", "", "mine", true);
    assert_emits(bench, "local x, e = [==[mine]==], emit", "", "mine", true);
    assert_emits(bench, "ctx:emit('min' .. 'e', r)", "", "", true);
    assert_emits(bench, "-- 'mine'\nctx:emit(r.topic, r)", "", "", true);
}

/* --- Decisions about time --- */

static void make_pause(struct errand_bench *bench)
{
    fake_cluster_add_topic(bench->cluster, "in", 1);
    fake_cluster_add_topic(bench->cluster, REPARTITION, 1);
    fake_cluster_add_topic(bench->cluster, "pause-clock", 1);
}

static void decide(struct errand_bench *bench, int64_t made_ms, const char *node, int number,
                   int time_ms, const char *topic, int place)
{
    char text[200];
    snprintf(text, sizeof text, "commit %d\nfollows 0\nstream_time %d\ninput %s 0 %d\n", number,
             time_ms, topic, place);
    append(bench, "pause-clock", 0, made_ms, node, text);
}

/* Without a decision both are counted in the one window, which stays open. */
static void a_decision_closes_where_it_was_made(void **state)
{
    struct errand_bench *bench = *state;
    static const char *const topics[3] = {"near-out", "pause-late"};
    make_pause(bench);
    append(bench, "in", 0, 100, "k", "x");
    append(bench, "in", 0, 200, "k", "x");
    assert_play(bench, PAUSE, -1, -1, topics, "");
    decide(bench, 5000, "near", 1, 1000, "in", 1);
    assert_play(bench, PAUSE, -1, -1, topics, "[\"k\",0,1000]=1@100 k=x@200");
    decide(bench, 6000, "gone", 1, 9000, "in", 1); /* of a step that is no more */
    assert_play(bench, PAUSE, -1, -1, topics, "[\"k\",0,1000]=1@100 k=x@200");
    assert_play(bench, PAUSE, -1, 1, topics, "[\"k\",0,1000]=1@100"); /* at the end of the slice */
    assert_play(bench, PAUSE, 1, -1, topics, "k=x@200");              /* at its start */
}

static void decisions_outside_of_the_slice_are_not_taken(void **state)
{
    struct errand_bench *bench = *state;
    static const char *const topics[3] = {"near-out", "pause-late"};
    make_pause(bench);
    for (int i = 1; i <= 4; i++) {
        append(bench, "in", 0, 100 * i, "k", "x");
    }
    decide(bench, 5000, "near", 1, 1000, "in", 1);
    assert_play(bench, PAUSE, 2, -1, topics, ""); /* before it */
    decide(bench, 6000, "near", 2, 1000, "in", 4);
    assert_play(bench, PAUSE, 2, 3, topics, ""); /* and behind */
    assert_play(bench, PAUSE, 2, -1, topics, "[\"k\",0,1000]=2@400");
}

/* The cluster's repartition topic has ends of transactions between its records, a play's has not.
 */
static void places_in_a_repartition_topic_are_counted(void **state)
{
    struct errand_bench *bench = *state;
    static const char *const topics[3] = {"far-out", "pause-late"};
    make_pause(bench);
    for (int i = 1; i <= 4; i++) {
        append(bench, "in", 0, 100 * i, "k", "x");
        append(bench, REPARTITION, 0, 100 * i, "x", "x");
        append_marker(bench, REPARTITION);
    }
    decide(bench, 5000, "far", 1, 1000, REPARTITION, 5); /* behind three records */
    assert_play(bench, PAUSE, -1, -1, topics, "[\"x\",0,1000]=3@300 x=x@400");
    assert_play(bench, PAUSE, 1, -1, topics, "[\"x\",0,1000]=2@300 x=x@400"); /* one came before */
    assert_play(bench, PAUSE, -1, 2, topics, ""); /* the decision was behind */
}

/* The script that is played writes less than the one that decided did. */
static void what_was_never_reached_closes_at_the_end(void **state)
{
    struct errand_bench *bench = *state;
    static const char *const topics[3] = {"far-out", "pause-late"};
    make_pause(bench);
    append(bench, "in", 0, 100, "k", "x");
    append(bench, REPARTITION, 0, 100, "x", "x");
    append(bench, REPARTITION, 0, 100, "x", "by another version");
    decide(bench, 5000, "far", 1, 1000, REPARTITION, 2);
    assert_play(bench, PAUSE, -1, -1, topics, "[\"x\",0,1000]=1@100");
}

static void notes_tell_of_pauses_without_decisions(void **state)
{
    struct errand_bench *bench = *state;
    struct play play;
    struct play_slice slice;
    const char *notes[PLAY_NOTE_MAX];
    make_pause(bench);
    append(bench, "in", 0, 100, "k", "x");
    assert_int_equal(open_play(bench, &play, PAUSE), COMMAND_OK);
    choose(&play, -1, -1, &slice);
    assert_int_equal(play_begin(&play, &slice, 100), COMMAND_OK);
    play_notes(&play, &slice, notes);
    assert_non_null(strstr(notes[0], "it closed none here"));
    assert_null(notes[1]);
    play_close(&play);
    decide(bench, 5000, "far", 1, 1000, REPARTITION, 2);
    fake_cluster_get(bench->cluster, REPARTITION, 0)->start_offset = 1;
    fake_cluster_get(bench->cluster, REPARTITION, 0)->next_offset = 1;
    assert_int_equal(open_play(bench, &play, PAUSE), COMMAND_OK);
    choose(&play, -1, -1, &slice);
    assert_int_equal(play_begin(&play, &slice, 100), COMMAND_OK);
    play_notes(&play, &slice, notes);
    assert_non_null(strstr(notes[0], "has lost its first records"));
    assert_null(notes[1]);
    play_close(&play);
}

static void what_is_no_decision_is_told(void **state)
{
    struct errand_bench *bench = *state;
    struct play play;
    struct play_slice slice;
    make_pause(bench);
    append(bench, "in", 0, 100, "k", "x");
    append(bench, "pause-clock", 0, 5000, "near", "close it");
    assert_int_equal(open_play(bench, &play, PAUSE), COMMAND_OK);
    choose(&play, -1, -1, &slice);
    assert_int_equal(play_begin(&play, &slice, 100), COMMAND_FAILED);
    assert_string_equal(errand_bench_errors(bench),
                        "tidemill: pause-clock:0:0 is no decision about time\n");
    play_close(&play);
}

int main(void)
{
#define PLAY_TEST(name)                                                                            \
    cmocka_unit_test_setup_teardown(name, errand_bench_setup, errand_bench_teardown)
    const struct CMUnitTest tests[] = {
        PLAY_TEST(what_the_application_writes_itself_is_not_fed),
        PLAY_TEST(an_input_that_is_not_there_is_told),
        PLAY_TEST(tables_are_read_from_their_start),
        PLAY_TEST(the_words_of_a_script_tell_what_emit_writes),
        PLAY_TEST(a_decision_closes_where_it_was_made),
        PLAY_TEST(decisions_outside_of_the_slice_are_not_taken),
        PLAY_TEST(places_in_a_repartition_topic_are_counted),
        PLAY_TEST(what_was_never_reached_closes_at_the_end),
        PLAY_TEST(notes_tell_of_pauses_without_decisions),
        PLAY_TEST(what_is_no_decision_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
