/* Shows that steps in C stand in a topology like those of a script: a shipped one, and the example
 * of the guide, compiled outside of the tree, with a store; that what they refuse meets the policy
 * of errors; that what cannot go on begins anew; and that what is wrong with them is told by place.
 */
#include "tests/connectors/mmdb.h"
#include "tests/unit/runtime/app/workshop_app.h"

#include <unistd.h>

static void a_pattern_makes_json_of_text(void **state)
{
    (void)state;
    struct app_world *world =
        workshop_world(CONNECTORS_FOLDER, "app:stream('in')\n"
                                          ":plugin('regex', { pattern = '^(?<level>\\\\w+) "
                                          "(?<text>.*)$' }, { value = 'json' })\n"
                                          ":filter [[$.level == 'warn']]:to 'out'");
    app_world_put(world, "in", 0, "k", "info nothing");
    app_world_put(world, "in", 0, "k", "?");
    app_world_put(world, "in", 0, "k", "warn a \"disk\"");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_run(world, APP_WORLD_SECOND_MS);
    workshop_expect_topic(world, "out", "k={\"level\":\"warn\",\"text\":\"a \\\"disk\\\"\"}");
    app_world_await(world, "a-dlq", 1);
    app_world_free(world);
}

static void values_that_do_not_match_pass_or_are_dropped(void **state)
{
    (void)state;
    struct app_world *world = workshop_world(
        CONNECTORS_FOLDER,
        "local s = app:stream('in')\n"
        "s:plugin('regex', { pattern = '(?<n>\\\\d)', mismatch = 'pass' }):to 'out'\n"
        "s:plugin('regex', { pattern = '(?<n>\\\\d)', mismatch = 'drop' }):to 'out'\n");
    app_world_put(world, "in", 0, "k", "none");
    app_world_put(world, "in", 0, "k", "7");
    app_world_start(world, 0);
    app_world_await(world, "out", 3);
    app_world_run(world, APP_WORLD_SECOND_MS);
    assert_int_equal(app_world_count(world, "out"), 3);
    app_world_free(world);
}

static void write_database(const char *path)
{
    static const struct mmdb_network network = {"81.2.69.0", 24,
                                                "{\"country\":{\"iso_code\":\"GB\"}}"};
    struct buffer image;
    buffer_init(&image);
    mmdb_build(6, &network, 1, &image);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(image.data, 1, image.size, file), image.size);
    assert_int_equal(fclose(file), 0);
    buffer_fini(&image);
}

static void an_address_gets_its_country(void **state)
{
    (void)state;
    char folder[] = "/tmp/tidemill-geoip-XXXXXX";
    char path[100];
    char step[300];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/country.mmdb", folder);
    snprintf(step, sizeof step,
             "app:stream('in'):plugin('geoip', { database = '%s', field = '$.from', fields = { "
             "'country', 'asn' }, missing = 'reject' }):to 'out'",
             path);
    write_database(path);
    struct app_world *world = workshop_world(CONNECTORS_FOLDER, step);
    app_world_put(world, "in", 0, "k", "{\"from\":\"81.2.69.142\"}");
    app_world_put(world, "in", 0, "k", "{\"from\":\"192.168.0.1\"}");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_await(world, "a-dlq", 1);
    workshop_expect_topic(world, "out",
                          "k={\"from\":\"81.2.69.142\",\"geo\":{\"country\":\"GB\"}}");
    workshop_expect_topic(world, "a-dlq", "k={\"from\":\"192.168.0.1\"}");
    app_world_free(world);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* (a+)+$ against a long run of a and a b has no end worth waiting for. */
static void a_match_without_end_is_given_up(void **state)
{
    (void)state;
    struct app_world *world = workshop_world(
        CONNECTORS_FOLDER,
        "app:stream('in'):plugin('regex', { pattern = '^(?<n>(a+)+)$', match_limit = "
        "10000 }):to 'out'\n");
    app_world_put(world, "in", 0, "k", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    app_world_put(world, "in", 0, "k", "aaa");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_await(world, "a-dlq", 1);
    app_world_free(world);
}

static void wrong_steps_are_refused_by_place(void **state)
{
    (void)state;
    workshop_expect_refusal(CONNECTORS_FOLDER, "app:stream('in'):plugin('regx', {}):to 'out'",
                            "plugin regx: there is no plugin regx.so in ");
    workshop_expect_refusal(CONNECTORS_FOLDER, "app:stream('in'):plugin('file', {}):to 'out'",
                            "the plugin 'file' has no transform");
    workshop_expect_refusal(CONNECTORS_FOLDER,
                            "app:stream('in'):plugin('regex', { patern = 'x' }):to 'out'",
                            "option 'patern' is not an option of regex; did you mean pattern?");
    workshop_expect_refusal(CONNECTORS_FOLDER,
                            "app:stream('in'):plugin('regex', { pattern = 'a(' }):to 'out'",
                            "plugin regex: the pattern is wrong at character 3: missing closing");
    workshop_expect_refusal(CONNECTORS_FOLDER,
                            "app:stream('in'):plugin('regex', { pattern = 'a' }):to 'out'",
                            "the pattern has no named group");
    workshop_expect_refusal(
        CONNECTORS_FOLDER,
        "app:stream('in'):plugin('regex', { pattern = 'a' }, { store = {} }):to 'out'",
        "plugin has no option 'store'; did you mean 'stores'?");
}

static void the_example_of_the_guide_runs_in_an_app(void **state)
{
    (void)state;
    struct workshop shop;
    char *code = workshop_read_example("## A transform with a store");
    workshop_build(&shop, "first", code);
    test_free(code);
    struct app_world *world = workshop_world(
        shop.folder, "app:stream('in'):plugin('first', {}, { stores = { keys = S.kv { "
                     "value = 'bytes' } } }):to 'out'");
    app_world_put(world, "in", 0, "a", "1");
    app_world_put(world, "in", 0, "a", "2");
    app_world_put(world, "in", 0, NULL, "3");
    app_world_put(world, "in", 0, "b", "4");
    app_world_start(world, 0);
    app_world_await(world, "out", 2);
    app_world_run(world, APP_WORLD_SECOND_MS);
    workshop_expect_topic(world, "out", "a=1 b=4");
    app_world_await(world, "a-dlq", 1);
    /* What it remembers comes back from the changelog. */
    app_world_stop(&world->seats[0]);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "b", "5");
    app_world_put(world, "in", 0, "c", "6");
    app_world_await(world, "out", 3);
    workshop_expect_topic(world, "out", "a=1 b=4 c=6");
    app_world_free(world);
    struct report report = {0};
    world = workshop_world(shop.folder, "app:stream('in'):plugin('first'):to 'out'");
    assert_int_not_equal(app_world_open(world, 0, &report), 0);
    assert_non_null(strstr(report.text, "needs a store 'keys'"));
    app_world_free(world);
    workshop_close(&shop);
}

/* Everything else an instance may do: emit, change headers, timers, and fail. */
static const char PROBE[] =
    "#include \"tidemill.h\"\n"
    "#ifndef KIND\n#define KIND sizeof k\n#endif\n"
    "static enum tidemill_status p_open(struct tidemill_context *c)\n"
    "{ (void)c; return TIDEMILL_OK; }\n"
    "static enum tidemill_status p_process(struct tidemill_context *c,\n"
    "    const struct tidemill_record *r, size_t n)\n"
    "{ (void)n;\n"
    "  char what = r->value.size > 0 ? *(const char *)r->value.data : ' ';\n"
    "  char text[] = \"copied\";\n"
    "  struct tidemill_record out = *r;\n"
    "  out.value = tidemill_bytes_make(text, 6);\n"
    "  c->host->forward(c, &out);\n"
    "  c->host->emit_to(c, \"side\", &out);\n"
    "  text[0] = 'X';\n"
    "  if (what == 'r') return tidemill_fail(c, TIDEMILL_REJECT, \"no r\");\n"
    "  if (what == 't') c->host->emit_to(c, \"no topic\", &out);\n"
    "  if (what == 'f') return tidemill_fail(c, TIDEMILL_FATAL, \"the end\");\n"
    "  return TIDEMILL_OK; }\n"
    "static enum tidemill_status p_tick(struct tidemill_context *c, size_t timer, int64_t at)\n"
    "{ (void)timer, (void)at;\n"
    "  struct tidemill_record out = tidemill_record_make(tidemill_bytes_make(\"t\", 1),\n"
    "                                                   tidemill_bytes_make(\"tick\", 4));\n"
    "  return c->host->emit_to(c, \"ticks\", &out); }\n"
    "static const struct tidemill_option options[] = {{.name = \"every\",\n"
    "  .type = TIDEMILL_OPTION_DURATION, .fallback = \"1h\", .help = \"x\"}};\n"
    "static const struct tidemill_timer timers[] = {{.option = \"every\"}};\n"
    "static const struct tidemill_transform f = {.size = sizeof f, .open = p_open,\n"
    "  .process = p_process, .tick = p_tick, .timers = timers, .timer_count = 1};\n"
    "static const struct tidemill_kind k = {.size = KIND, .type = TIDEMILL_TRANSFORM,\n"
    "  .name = \"probe\", .help = \"x\", .options = options, .option_count = 1,\n"
    "  .transform = &f};\n"
    "TIDEMILL_PLUGIN(\"probe\", \"1\", \"Apache-2.0\", &k);\n";

static void output_of_a_refused_call_is_undone_and_timers_run(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_build(&shop, "probe", PROBE);
    struct app_world *world =
        workshop_world(shop.folder, "app:topic('side', { partitions = 1 })\n"
                                    "app:topic('ticks', { partitions = 1 })\n"
                                    "app:stream('in'):plugin('probe', { every = '1s' }):to 'out'");
    app_world_put(world, "in", 0, "a", "r");
    app_world_put(world, "in", 0, "b", "t");
    app_world_put(world, "in", 0, "c", "okay");
    world->seats[0].failure_count = 0;
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_await(world, "ticks", 2);
    workshop_expect_topic(world, "out", "c=copied");
    workshop_expect_topic(world, "side", "c=copied");
    workshop_expect_topic(world, "a-dlq", "a=r b=t");
    app_world_put(world, "in", 0, "d", "f");
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    assert_int_equal(world->seats[0].failure_count, 1);
    assert_false(world->seats[0].is_final);
    assert_non_null(strstr(world->seats[0].reason, "probe: the end"));
    assert_int_equal(app_world_count(world, "out"), 1);
    assert_int_equal(app_world_count(world, "side"), 1);
    app_world_free(world);
    workshop_close(&shop);
}

/* Its table of the kind ends where that of 1.1 did, and has nothing behind. */
static void a_transform_of_an_earlier_minor_version_runs(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_open(&shop);
    workshop_compile(&shop, "probe", PROBE, "-DKIND='offsetof(struct tidemill_kind, aggregator)'");
    struct app_world *world =
        workshop_world(shop.folder, "app:topic('side', { partitions = 1 })\n"
                                    "app:topic('ticks', { partitions = 1 })\n"
                                    "app:stream('in'):plugin('probe'):to 'out'");
    app_world_put(world, "in", 0, "c", "okay");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    workshop_expect_topic(world, "out", "c=copied");
    app_world_free(world);
    workshop_expect_refusal(shop.folder,
                            "app:stream('in'):group_by_key():aggregate { name = 'm', x = "
                            "S.plugin('probe', '$.v') }",
                            "the plugin 'probe' has no aggregator");
    workshop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_makes_json_of_text),
        cmocka_unit_test(values_that_do_not_match_pass_or_are_dropped),
        cmocka_unit_test(an_address_gets_its_country),
        cmocka_unit_test(a_match_without_end_is_given_up),
        cmocka_unit_test(wrong_steps_are_refused_by_place),
        cmocka_unit_test(the_example_of_the_guide_runs_in_an_app),
        cmocka_unit_test(a_transform_of_an_earlier_minor_version_runs),
        cmocka_unit_test(output_of_a_refused_call_is_undone_and_timers_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
