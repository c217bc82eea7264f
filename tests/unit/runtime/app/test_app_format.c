/* Shows that a format in C reads and writes the values of an application, with its options; that
 * what it refuses or makes wrongly harms its record alone; and that formats that are missing,
 * wrongly written or broken are refused by their place in the script. */
#include "tests/unit/runtime/app/workshop_app.h"

static void build_hex(struct workshop *shop)
{
    char *code = workshop_read_example("## A format");
    workshop_build(shop, "hex", code);
    test_free(code);
}

static void the_example_of_the_guide_reads_and_writes(void **state)
{
    (void)state;
    struct workshop shop;
    build_hex(&shop);
    struct app_world *world = workshop_world(
        shop.folder, "local s = app:stream('in', { value = { format = 'hex', upper = true } })\n"
                     "s:filter([[$ != '6B']]):to('out', { value = 'json' })\n"
                     "app:topic('back', { partitions = 1 })\n"
                     "s:to('back', { value = { format = 'hex' } })");
    app_world_put(world, "in", 0, "a", "jk");
    app_world_put(world, "in", 0, "b", "k");
    app_world_put(world, "in", 0, "c", "");
    app_world_start(world, 0);
    app_world_await(world, "back", 3);
    app_world_await(world, "out", 2);
    app_world_run(world, APP_WORLD_SECOND_MS);
    workshop_expect_topic(world, "out", "a=\"6A6B\" c=\"\"");
    workshop_expect_topic(world, "back", "a=jk b=k c=");
    app_world_free(world);
    workshop_close(&shop);
}

static void tables_keep_its_values(void **state)
{
    (void)state;
    struct workshop shop;
    build_hex(&shop);
    struct app_world *world =
        workshop_world(shop.folder, "app:table('in', { name = 't', value = { format = 'hex' } })"
                                    ":filter_not([[$ == '6b']]):to('out', { value = 'json' })");
    app_world_put(world, "in", 0, "a", "j");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_run(world, APP_WORLD_SECOND_MS);
    app_world_stop(&world->seats[0]);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "a", "k"); /* was there, and is there no more */
    app_world_await(world, "out", 2);
    workshop_expect_topic(world, "out", "a=\"6a\" a=");
    app_world_free(world);
    workshop_close(&shop);
}

static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    struct workshop shop;
    build_hex(&shop);
    struct app_world *world = workshop_world(
        shop.folder,
        "app:stream('in', { value = 'json' }):to('out', { value = { format = 'hex' } })");
    app_world_put(world, "in", 0, "a", "\"6a\"");
    app_world_put(world, "in", 0, "a", "\"6\"");
    app_world_put(world, "in", 0, "a", "\"6x\"");
    app_world_put(world, "in", 0, "a", "66");
    app_world_put(world, "in", 0, "a", "\"6b\"");
    app_world_start(world, 0);
    app_world_await(world, "out", 2);
    app_world_await(world, "a-dlq", 3);
    workshop_expect_topic(world, "out", "a=j a=k");
    workshop_expect_topic(world, "a-dlq", "a=\"6\" a=\"6x\" a=66");
    app_world_free(world);
    workshop_close(&shop);
}

/* Does wrong what the value tells it to. */
static const char PROBE[] =
    "#include \"tidemill.h\"\n"
    "#ifndef TABLE\n#define TABLE sizeof f\n#endif\n"
    "#ifndef KIND\n#define KIND sizeof k\n#endif\n"
    "#ifndef DECODE\n#define DECODE p_decode\n#endif\n"
    "#ifndef FUNCTIONS\n#define FUNCTIONS &f\n#endif\n"
    "static enum tidemill_status write_text(struct tidemill_context *c, const char *t)\n"
    "{ return c->host->write(c, tidemill_bytes_make(t, strlen(t))); }\n"
    "static int is(struct tidemill_bytes v, const char *t)\n"
    "{ return v.size == strlen(t) && memcmp(v.data, t, v.size) == 0; }\n"
    "static enum tidemill_status p_decode(struct tidemill_context *c, struct tidemill_bytes v)\n"
    "{ static char large[1 << 20];\n"
    "  if (is(v, \"reject\")) return tidemill_fail(c, TIDEMILL_REJECT, \"no such value\");\n"
    "  if (is(v, \"fatal\")) return TIDEMILL_FATAL;\n"
    "  if (is(v, \"junk\")) return write_text(c, \"{\");\n"
    "  if (is(v, \"nothing\")) return TIDEMILL_OK;\n"
    "  memset(large, ' ', sizeof large);\n"
    "  if (is(v, \"large\")) for (int i = 0; i < 17; i++)\n"
    "    c->host->write(c, tidemill_bytes_make(large, sizeof large));\n"
    "  return write_text(c, tidemill_option_text(c, \"list\")); }\n"
    "const void *use(void);\n"
    "static const struct tidemill_option options[] = {\n"
    "  {.name = \"list\", .type = TIDEMILL_OPTION_STRING, .fallback = \"1\", .help = \"x\"}};\n"
    "static const struct tidemill_format f = {.size = TABLE, .decode = DECODE};\n"
    "static const struct tidemill_kind k = {.size = KIND, .type = TIDEMILL_FORMAT,\n"
    "  .name = \"probe\", .help = \"x\", .options = options, .option_count = 1,\n"
    "  .format = FUNCTIONS};\n"
    "const void *use(void) { return is((struct tidemill_bytes){0, 0}, \"\") ? (const void *)&f\n"
    "  : (const void *)(size_t)p_decode; }\n"
    "TIDEMILL_PLUGIN(\"probe\", \"1\", \"Apache-2.0\", &k);\n";

static void what_goes_wrong_harms_its_record_alone(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_build(&shop, "probe", PROBE);
    struct app_world *world = workshop_world(
        shop.folder,
        "app:stream('in', { value = { format = 'probe', list = { '[1', true, '2]' } } })"
        ":filter [[$[0] == 1]]:to('out', { value = 'json' })");
    app_world_put(world, "in", 0, "a", "reject");
    app_world_put(world, "in", 0, "a", "fatal");
    app_world_put(world, "in", 0, "a", "junk");
    app_world_put(world, "in", 0, "a", "nothing");
    app_world_put(world, "in", 0, "a", "large");
    app_world_put(world, "in", 0, "a", "good");
    app_world_start(world, 0);
    app_world_await(world, "out", 1);
    app_world_await(world, "a-dlq", 5);
    workshop_expect_topic(world, "out", "a=[1,true,2]");
    workshop_expect_topic(world, "a-dlq", "a=reject a=fatal a=junk a=nothing a=large");
    assert_int_equal(world->seats[0].failure_count, 0);
    app_world_free(world);
    /* Also when nobody looks into the value. */
    world = workshop_world(shop.folder,
                           "app:stream('in', { value = 'probe' }):to('out', { value = 'json' })");
    app_world_put(world, "in", 0, "a", "junk");
    app_world_start(world, 0);
    app_world_await(world, "a-dlq", 1);
    assert_int_equal(app_world_count(world, "out"), 0);
    app_world_free(world);
    world = workshop_world(shop.folder,
                           "app:stream('in', { value = 'json' }):to('out', { value = { format = "
                           "'probe' } })");
    app_world_put(world, "in", 0, "a", "1");
    app_world_start(world, 0);
    app_world_await(world, "a-dlq", 1); /* it can only be read */
    app_world_free(world);
    workshop_close(&shop);
}

static void expect_refusal(const struct workshop *shop, const char *value, const char *sentence)
{
    char step[500];
    snprintf(step, sizeof step, "app:stream('in', { value = %s }):to 'out'", value);
    workshop_expect_refusal(shop->folder, step, sentence);
}

static void wrong_formats_are_refused_by_place(void **state)
{
    (void)state;
    struct workshop shop;
    build_hex(&shop);
    expect_refusal(&shop, "'hx'", "there is no format 'hx'");
    expect_refusal(&shop, "'JSON '", "there is no format 'JSON '");
    expect_refusal(&shop, "'jsn'", "there is no format 'jsn'; did you mean 'json'?");
    expect_refusal(&shop, "{ format = 'hex', uper = true }",
                   "the format hex: option 'uper' is not an option of hex; did you mean upper?");
    expect_refusal(&shop, "{ format = 'hex', upper = 'maybe' }", "the format hex: option 'upper' ");
    expect_refusal(&shop, "{ format = 'hex', upper = { a = 1 } }",
                   "the format hex: the option 'upper' must be a text, a number, a boolean or a "
                   "list of them");
    workshop_compile(&shop, "other",
                     "#include \"tidemill.h\"\n"
                     "static enum tidemill_status o(struct tidemill_context *c)\n"
                     "{ (void)c; return TIDEMILL_OK; }\n"
                     "static enum tidemill_status p(struct tidemill_context *c,\n"
                     "  const struct tidemill_record *r, size_t n)\n"
                     "{ (void)c, (void)r, (void)n; return TIDEMILL_OK; }\n"
                     "static const struct tidemill_transform f = {.size = sizeof f, .open = o,\n"
                     "  .process = p};\n"
                     "static const struct tidemill_kind k = {.size = sizeof k,\n"
                     "  .type = TIDEMILL_TRANSFORM, .name = \"other\", .help = \"x\",\n"
                     "  .transform = &f};\n"
                     "TIDEMILL_PLUGIN(\"other\", \"1\", \"Apache-2.0\", &k);\n",
                     "");
    expect_refusal(&shop, "'other'", "the format other: the plugin 'other' has no format");
    workshop_close(&shop);
}

static void broken_tables_are_refused(void **state)
{
    (void)state;
    static const char *const flags[] = {
        "-DTABLE=0",
        "-DTABLE='sizeof f - 1'",
        "-DTABLE='offsetof(struct tidemill_format, close)'",
        "-DDECODE=NULL",
        "-DFUNCTIONS=NULL",
        "-DKIND='offsetof(struct tidemill_kind, format)'",
        "-DKIND='offsetof(struct tidemill_kind, format) + 7'",
    };
    struct workshop shop;
    workshop_open(&shop);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        workshop_compile(&shop, "probe", PROBE, flags[i]);
        expect_refusal(&shop, "'probe'", "kind probe lacks functions it needs");
    }
    workshop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_guide_reads_and_writes),
        cmocka_unit_test(tables_keep_its_values),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(what_goes_wrong_harms_its_record_alone),
        cmocka_unit_test(wrong_formats_are_refused_by_place),
        cmocka_unit_test(broken_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
