/* Shows what an application cannot tell apart from other failures: that calls of aggregators and
 * formats are refused past their limits, and outside of them, in these very words, and that what a
 * format makes is judged before anybody sees it. */
#include "log/base/error.h"
#include "runtime/format/format.h"
#include "runtime/transform/aggregator_plugin.h"
#include "runtime/transform/format_plugin.h"
#include "tests/unit/runtime/workshop.h"

/* Writes as many MiB of blanks as the option says, and "1"; and once where nothing can be written.
 */
static const char BLANK[] =
    "#include \"tidemill.h\"\n"
    "static char blanks[1 << 20];\n"
    "static enum tidemill_status b_open(struct tidemill_context *c)\n"
    "{ memset(blanks, ' ', sizeof blanks);\n"
    "  c->host->write(c, tidemill_bytes_make(blanks, 1));\n"
    "  return TIDEMILL_OK; }\n"
    "static enum tidemill_status b_write(struct tidemill_context *c)\n"
    "{ for (int i = 0; i < tidemill_option_integer(c, \"mib\"); i++)\n"
    "    c->host->write(c, tidemill_bytes_make(blanks, sizeof blanks));\n"
    "  c->host->write(c, tidemill_bytes_make(tidemill_option_text(c, \"end\"), 1));\n"
    "  return TIDEMILL_OK; }\n"
    "static enum tidemill_status b_add(struct tidemill_context *c,\n"
    "  const struct tidemill_input *i, struct tidemill_bytes s)\n"
    "{ (void)i, (void)s; return b_write(c); }\n"
    "static enum tidemill_status b_merge(struct tidemill_context *c, struct tidemill_bytes l,\n"
    "  struct tidemill_bytes r) { (void)l, (void)r; return b_write(c); }\n"
    "static enum tidemill_status b_result(struct tidemill_context *c, struct tidemill_bytes s,\n"
    "  int64_t w) { (void)s, (void)w; return b_write(c); }\n"
    "static enum tidemill_status b_decode(struct tidemill_context *c, struct tidemill_bytes v)\n"
    "{ (void)v; return b_write(c); }\n"
    "static const struct tidemill_option options[] = {\n"
    "  {.name = \"mib\", .type = TIDEMILL_OPTION_INT, .fallback = \"0\", .help = \"x\"},\n"
    "  {.name = \"end\", .type = TIDEMILL_OPTION_STRING, .fallback = \"1\", .help = \"x\"}};\n"
    "static const struct tidemill_aggregator a = {.size = sizeof a, .open = b_open,\n"
    "  .add = b_add, .merge = b_merge, .result = b_result};\n"
    "static const struct tidemill_format f = {.size = sizeof f, .open = b_open,\n"
    "  .decode = b_decode, .encode = b_decode};\n"
    "static const struct tidemill_kind k[] = {\n"
    "  {.size = sizeof *k, .type = TIDEMILL_AGGREGATOR, .name = \"blank\", .help = \"x\",\n"
    "   .options = options, .option_count = 2, .aggregator = &a},\n"
    "  {.size = sizeof *k, .type = TIDEMILL_FORMAT, .name = \"blank\", .help = \"x\",\n"
    "   .options = options, .option_count = 2, .format = &f}};\n"
    "TIDEMILL_PLUGIN(\"blank\", \"1\", \"Apache-2.0\", &k[0], &k[1]);\n";

static struct aggregator_plugin *open_aggregator(const struct workshop *shop, const char *name,
                                                 const char *value)
{
    const char *folder = shop->folder;
    struct plugin_setting setting = {.name = name, .value = value};
    struct aggregator_plugin_options options = {
        .name = "blank", .field = "x", .settings = &setting, .setting_count = 1};
    struct aggregator_plugin *opened = NULL;
    struct report report = {0};
    if (aggregator_plugin_open(&folder, 1, &options, &opened, &report) != 0) {
        fail_msg("%s", report.text);
    }
    return opened;
}

/* What add, merge and result say; `sentence` NULL: they are fine. */
static void expect_calls(const struct workshop *shop, const char *name, const char *value,
                         const char *sentence, bool is_of_result)
{
    struct aggregator_plugin *plugin = open_aggregator(shop, name, value);
    const struct aggregator *aggregator = aggregator_plugin_aggregator(plugin);
    struct summary_parameter parameter = {.owner = plugin};
    struct summary_input input = {.token = JSON_ABSENT};
    int wanted = sentence == NULL ? 0 : ERROR_INVALID;
    for (int call = is_of_result ? 2 : 0; call < 3; call++) {
        struct buffer out;
        buffer_init(&out);
        buffer_add_string(&out, "before");
        struct bytes none = {0};
        int error = call == 0   ? aggregator->summary->add(parameter, &input, none, &out)
                    : call == 1 ? aggregator->summary->merge(parameter, none, none, &out)
                                : aggregator->tell(parameter, 0, none, &out);
        assert_int_equal(error, wanted);
        if (sentence != NULL) {
            assert_string_equal(aggregator->summary->reason(plugin), sentence);
        }
        buffer_fini(&out);
    }
    aggregator_plugin_close(plugin);
}

static void an_aggregator_writes_up_to_its_limit(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_build(&shop, "blank", BLANK);
    expect_calls(&shop, "mib", "0", NULL, false);
    expect_calls(&shop, "mib", "1", "the plugin wrote more than 1 MiB", false);
    expect_calls(&shop, "end", "{", "the aggregator's result is not JSON", true);
    workshop_close(&shop);
}

static int open_format(void *owner, const char *name, const struct value_options *options,
                       const struct value_format **out, struct report *report)
{
    const char *folder = ((const struct workshop *)owner)->folder;
    return format_plugin_open(&folder, 1, name, options, out, report);
}

static void expect_decoding(struct workshop *shop, const char *options, const char *sentence)
{
    const struct value_files files = {.open_format = open_format, .owner = shop};
    const struct value_format *format = NULL;
    struct report report = {0};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(format_open(bytes_from_string(options), &files, NULL, &report, &format), 0);
    int error = format->ops->decode(format, BYTES_LITERAL("v"), &out, &report);
    assert_int_equal(error, sentence == NULL ? 0 : ERROR_INVALID);
    assert_string_equal(report.text, sentence == NULL ? "" : sentence);
    format_close(format);
    buffer_fini(&out);
}

static void a_format_writes_json_up_to_its_limit(void **state)
{
    (void)state;
    struct workshop shop;
    workshop_build(&shop, "blank", BLANK);
    expect_decoding(&shop, "\"blank\"", NULL);
    expect_decoding(&shop, "{\"format\":\"blank\",\"mib\":15}", NULL);
    expect_decoding(&shop, "{\"format\":\"blank\",\"mib\":16}",
                    "the plugin wrote more than 16 MiB");
    expect_decoding(&shop, "{\"format\":\"blank\",\"end\":\"{\"}",
                    "the plugin made something of it that is not JSON");
    workshop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_aggregator_writes_up_to_its_limit),
        cmocka_unit_test(a_format_writes_json_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
