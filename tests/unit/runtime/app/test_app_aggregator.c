/* Shows that an aggregator in C stands in an aggregate beside native ones: with sessions and
 * tables, its states in the store and back from it; that what it refuses or writes wrongly
 * harms its record alone; that states of another meaning are refused; and that libraries with a
 * broken table are refused by their place in the script. */
#include "tests/unit/runtime/app/workshop_app.h"

static void build_mean(struct workshop *shop)
{
    char *code = workshop_read_example("## An aggregator");
    workshop_build(shop, "mean", code);
    test_free(code);
}

/* As app.lua is from now on. */
static void rewrite(struct app_world *world, const char *steps)
{
    char script[2000];
    workshop_write_app(script, sizeof script, steps);
    app_world_write(world->seats[0].io, "app.lua", script);
}

#define MEAN(digits)                                                                               \
    "app:stream('in', { value = 'json' }):group_by_key():aggregate { name = 'm', n = S.count(), "  \
    "mean = S.plugin('mean', '$.ms', { digits = " digits " }) }:to 'out'"

static void the_example_of_the_guide_keeps_a_state(void **state)
{
    (void)state;
    struct workshop shop;
    build_mean(&shop);
    struct app_world *world = workshop_world(shop.folder, MEAN("1"));
    app_world_put(world, "in", 0, "a", "{\"ms\":1}");
    app_world_put(world, "in", 0, "b", "{\"ms\":-7.5}");
    app_world_put(world, "in", 0, "a", "{\"ms\":\"x\"}");
    app_world_put(world, "in", 0, "a", "{\"ms\":2}");
    app_world_put(world, "in", 0, "a", "{}");
    app_world_start(world, 0);
    app_world_await(world, "out", 4);
    app_world_await(world, "a-dlq", 1);
    workshop_expect_topic(
        world, "out",
        "a={\"mean\":1.0,\"n\":1} b={\"mean\":-7.5,\"n\":1} a={\"mean\":1.5,\"n\":2} "
        "a={\"mean\":1.5,\"n\":3}");
    /* The state comes back from the changelog. */
    app_world_stop(&world->seats[0]);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "a", "{\"ms\":6}");
    app_world_await(world, "out", 5);
    workshop_expect_part(world, "out", "a={\"mean\":3.0,\"n\":4}");
    app_world_free(world);
    workshop_close(&shop);
}

static void states_of_other_options_are_not_misread(void **state)
{
    (void)state;
    struct workshop shop;
    build_mean(&shop);
    struct app_world *world = workshop_world(shop.folder, MEAN("1"));
    app_world_put(world, "in", 0, "a", "{\"ms\":1}");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_run(world, APP_WORLD_SECOND_MS);
    app_world_stop(&world->seats[0]);
    rewrite(world, MEAN("2"));
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "a", "{\"ms\":2}");
    app_world_await(world, "a-dlq", 1);
    assert_int_equal(app_world_count(world, "out"), 1);
    app_world_free(world);
    workshop_close(&shop);
}

/* The third record joins the sessions of the first two. */
static void sessions_are_merged(void **state)
{
    (void)state;
    struct workshop shop;
    build_mean(&shop);
    struct app_world *world = workshop_world(
        shop.folder, "app:stream('in', { value = 'json', time = '$.t' }):group_by_key():"
                     "window(S.session('10s', { grace = '1h' })):aggregate { name = 's', mean = "
                     "S.plugin('mean', '$.ms', { digits = 0 }) }:to 'out'");
    app_world_put(world, "in", 0, "a", "{\"ms\":1,\"t\":1700000000000}");
    app_world_put(world, "in", 0, "a", "{\"ms\":5,\"t\":1700000015000}");
    app_world_put(world, "in", 0, "a", "{\"ms\":9,\"t\":1700000008000}");
    app_world_start(world, 0);
    app_world_await(world, "out", 3);
    app_world_run(world, APP_WORLD_SECOND_MS);
    workshop_expect_part(world, "out",
                         "{\"mean\":5,\"window_start\":1700000000000,\"window_end\":"
                         "1700000015000}");
    app_world_free(world);
    workshop_close(&shop);
}

static void tables_take_old_values_away(void **state)
{
    (void)state;
    struct workshop shop;
    build_mean(&shop);
    struct app_world *world = workshop_world(
        shop.folder,
        "app:table('in', { name = 't', value = 'json' }):group_by(function(r) return "
        "'all' end):aggregate { name = 'm', mean = S.plugin('mean', '$.ms', { digits = 0 }) "
        "}:to 'out'");
    app_world_put(world, "in", 0, "a", "{\"ms\":1}");
    app_world_put(world, "in", 0, "b", "{\"ms\":5}");
    app_world_put(world, "in", 0, "a", "{\"ms\":9}");
    app_world_start(world, 0);
    app_world_await(world, "out", 3);
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    struct buffer found;
    buffer_init(&found);
    const char *text = app_world_read(world, "out", 0, &found);
    const char *last = strrchr(text, '=');
    assert_non_null(last);
    assert_string_equal(last, "={\"mean\":7}");
    buffer_fini(&found);
    app_world_free(world);
    workshop_close(&shop);
}

/* Everything else: shows what it is given, and does wrong what the value tells it to. A state is
 * the last result. */
static const char PROBE[] =
    "#include \"tidemill.h\"\n"
    "#ifndef TABLE\n#define TABLE sizeof f\n#endif\n"
    "#ifndef TAKES\n#define TAKES TIDEMILL_TAKES_VALUES\n#endif\n"
    "#ifndef MERGE\n#define MERGE p_merge\n#endif\n"
    "#ifndef KIND\n#define KIND sizeof k\n#endif\n"
    "#ifndef FUNCTIONS\n#define FUNCTIONS &f\n#endif\n"
    "static enum tidemill_status write_text(struct tidemill_context *c, const char *t)\n"
    "{ return c->host->write(c, tidemill_bytes_make(t, strlen(t))); }\n"
    "static int is(const struct tidemill_input *i, const char *t)\n"
    "{ return i->type == TIDEMILL_STRING && i->text.size == strlen(t) &&\n"
    "         memcmp(i->text.data, t, strlen(t)) == 0; }\n"
    "static enum tidemill_status p_add(struct tidemill_context *c,\n"
    "    const struct tidemill_input *i, struct tidemill_bytes s)\n"
    "{ char text[200];\n"
    "  (void)s;\n"
    "  if (is(i, \"reject\")) return tidemill_fail(c, TIDEMILL_REJECT, \"no such value\");\n"
    "  if (is(i, \"silent\")) return TIDEMILL_REJECT;\n"
    "  if (is(i, \"fatal\")) return tidemill_fail(c, TIDEMILL_FATAL, \"the end\");\n"
    "  if (is(i, \"large\")) return write_text(c, \"L\");\n"
    "  if (is(i, \"junk\")) return write_text(c, \"{\");\n"
    "  snprintf(text, sizeof text, \"[%u,%d,%lld,%g,%zu]\", i->type, i->size == sizeof *i,\n"
    "    (long long)i->integer, i->real, i->text.size);\n"
    "  return write_text(c, text); }\n"
    "static enum tidemill_status p_merge(struct tidemill_context *c, struct tidemill_bytes l,\n"
    "    struct tidemill_bytes r) { (void)l; return c->host->write(c, r); }\n"
    "static enum tidemill_status p_result(struct tidemill_context *c, struct tidemill_bytes s,\n"
    "    int64_t span) \n"
    "{ static char large[1 << 20];\n"
    "  (void)span;\n"
    "  if (s.size != 1) return c->host->write(c, s);\n"
    "  memset(large, ' ', sizeof large);\n"
    "  c->host->write(c, tidemill_bytes_make(large, sizeof large));\n"
    "  write_text(c, \"1\"); return TIDEMILL_OK; }\n"
    "static const struct tidemill_aggregator f = {.size = TABLE, .takes = TAKES,\n"
    "  .add = p_add, .merge = MERGE, .result = p_result};\n"
    "const void *use(void);\nconst void *use(void) { return (const void *)(size_t)p_merge; }\n"
    "static const struct tidemill_kind k = {.size = KIND, .type = TIDEMILL_AGGREGATOR,\n"
    "  .capabilities = TIDEMILL_PATH_OPTIONAL, .name = \"probe\", .help = \"x\",\n"
    "  .aggregator = FUNCTIONS};\n"
    "const void *use2(void);\nconst void *use2(void) { return &f; }\n"
    "TIDEMILL_PLUGIN(\"probe\", \"1\", \"Apache-2.0\", &k);\n";

#define PROBED                                                                                     \
    "app:stream('in', { value = 'json' }):group_by_key():aggregate { name = 'p', x = "             \
    "S.plugin('probe', '$.v') }:to 'out'"

static void it_sees_values_by_their_type(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_build(&shop, "probe", PROBE);
    struct app_world *world = workshop_world(shop.folder, PROBED);
    app_world_put(world, "in", 0, "a", "{\"v\":9007199254740993}");
    app_world_put(world, "in", 0, "a", "{\"v\":-2.5}");
    app_world_put(world, "in", 0, "a", "{\"v\":\"\\u00e4\"}");
    app_world_put(world, "in", 0, "a", "{\"v\":true}");
    app_world_put(world, "in", 0, "a", "{\"v\":[1, 2]}");
    app_world_put(world, "in", 0, "a", "{\"v\":{\"w\":1}}");
    app_world_start(world, 0);
    app_world_await(world, "out", 6);
    workshop_expect_topic(world, "out",
                          "a={\"x\":[1,1,9007199254740993,9.0072e+15,16]} a={\"x\":[2,1,0,-2.5,4]} "
                          "a={\"x\":[3,1,0,0,2]} a={\"x\":[4,1,1,0,4]} a={\"x\":[5,1,0,0,6]} "
                          "a={\"x\":[6,1,0,0,7]}");
    app_world_free(world);
    world = workshop_world(shop.folder,
                           "app:stream('in', { value = 'json' }):group_by_key():aggregate { name "
                           "= 'p', x = S.plugin('probe') }:to 'out'");
    app_world_put(world, "in", 0, "a", "{}");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    workshop_expect_topic(world, "out", "a={\"x\":[1,1,1,1,0]}");
    app_world_free(world);
    workshop_close(&shop);
}

static void what_goes_wrong_harms_its_record_alone(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_build(&shop, "probe", PROBE);
    struct app_world *world = workshop_world(shop.folder, PROBED);
    app_world_put(world, "in", 0, "a", "{\"v\":\"reject\"}");
    app_world_put(world, "in", 0, "a", "{\"v\":\"silent\"}");
    app_world_put(world, "in", 0, "a", "{\"v\":\"large\"}");
    app_world_put(world, "in", 0, "a", "{\"v\":\"junk\"}");
    app_world_put(world, "in", 0, "a", "{\"v\":1}");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_run(world, APP_WORLD_SECOND_MS);
    workshop_expect_topic(world, "out", "a={\"x\":[1,1,1,1,1]}");
    workshop_expect_topic(
        world, "a-dlq",
        "a={\"v\":\"reject\"} a={\"v\":\"silent\"} a={\"v\":\"large\"} a={\"v\":\"junk\"}");
    app_world_put(world, "in", 0, "a", "{\"v\":\"fatal\"}");
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    assert_int_equal(world->seats[0].failure_count, 1);
    assert_false(world->seats[0].is_final);
    assert_non_null(strstr(world->seats[0].reason, "probe of 'x': the end"));
    app_world_free(world);
    workshop_close(&shop);
}

static void wrong_aggregators_are_refused_by_place(void **state)
{
    (void)state;
    struct workshop shop;
    build_mean(&shop);
    workshop_compile(&shop, "probe", PROBE, "");
    workshop_expect_refusal(
        shop.folder,
        "app:stream('in'):group_by_key():aggregate { name = 'm', x = S.plugin('men', "
        "'$.ms') }",
        "plugin men: there is no plugin men.so in ");
    workshop_expect_refusal(
        shop.folder,
        "app:stream('in'):group_by_key():aggregate { name = 'm', x = S.plugin('mean', "
        "'$.ms', { digts = 1 }) }",
        "plugin mean: option 'digts' is not an option of mean; did you mean digits?");
    workshop_expect_refusal(
        shop.folder,
        "app:stream('in'):group_by_key():aggregate { name = 'm', x = S.plugin('mean') }",
        "mean needs a path like \"$.ms\"");
    workshop_expect_refusal(
        shop.folder,
        "app:stream('in'):group_by_key():aggregate { name = 'm', x = S.plugin('mean', "
        "'$[') }",
        "$[");
    workshop_expect_refusal(shop.folder, "app:stream('in'):plugin('mean'):to 'out'",
                            "the plugin 'mean' has no transform");
    workshop_expect_refusal(
        shop.folder,
        "app:table('in', { name = 't', value = 'json' }):group_by(function(r) "
        "return 'k' end):aggregate { name = 'm', x = S.plugin('probe', '$.v') }",
        "probe cannot be used on a table: it cannot take an old value away");
    workshop_close(&shop);
}

/* Tables of other sizes, of an older interface, or with functions missing. */
static void broken_tables_are_refused(void **state)
{
    (void)state;
    static const char *const flags[] = {
        "-DTABLE=0",
        "-DTABLE='sizeof f - 1'",
        "-DTABLE='offsetof(struct tidemill_aggregator, close)'",
        "-DTAKES=3",
        "-DTAKES=4000000000u",
        "-DMERGE=NULL",
        "-DFUNCTIONS=NULL",
        "-DKIND='offsetof(struct tidemill_kind, aggregator)'",
        "-DKIND='offsetof(struct tidemill_kind, aggregator) + 7'",
        "-DKIND=8",
        "-DKIND=0",
    };
    struct workshop shop;
    workshop_open(&shop);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        workshop_compile(&shop, "probe", PROBE, flags[i]);
        workshop_expect_refusal(shop.folder, PROBED,
                                strncmp(flags[i], "-DKIND=8", 8) == 0 ||
                                        strncmp(flags[i], "-DKIND=0", 8) == 0
                                    ? "has a kind with a broken name or size"
                                    : "kind probe lacks functions it needs");
    }
    /* A table of a later version is longer, and fine. */
    workshop_compile(&shop, "probe", PROBE, "-DTABLE='sizeof f + 8' -DKIND='sizeof k + 8'");
    struct app_world *world = workshop_world(shop.folder, PROBED);
    struct report report = {0};
    assert_int_equal(app_world_open(world, 0, &report), 0);
    app_world_free(world);
    workshop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_guide_keeps_a_state),
        cmocka_unit_test(states_of_other_options_are_not_misread),
        cmocka_unit_test(sessions_are_merged),
        cmocka_unit_test(tables_take_old_values_away),
        cmocka_unit_test(it_sees_values_by_their_type),
        cmocka_unit_test(what_goes_wrong_harms_its_record_alone),
        cmocka_unit_test(wrong_aggregators_are_refused_by_place),
        cmocka_unit_test(broken_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
