/* Shows the exact text a scraper reads, and that no label value can break the page. */
#include "log/base/metric.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

static struct metric_registry *registry;

static int open_registry(void **state)
{
    (void)state;
    registry = metric_registry_new();
    return 0;
}

static int close_registry(void **state)
{
    (void)state;
    metric_registry_free(registry);
    return 0;
}

static void expect_page(const char *expected)
{
    struct buffer page;
    buffer_init(&page);
    metric_write_all(registry, &page);
    assert_string_equal(buffer_string(&page), expected);
    buffer_fini(&page);
}

static void rows_stand_under_their_family_in_order_of_registration(void **state)
{
    (void)state;
    struct metric *read =
        metric_get(registry, METRIC_COUNTER, "read_total", "topic=\"b\"", "Records read.");
    metric_set(metric_get(registry, METRIC_GAUGE, "connections", NULL, "Open connections."), 3);
    metric_get(registry, METRIC_COUNTER, "read_total", "topic=\"a\"", "Records read.");
    metric_add(read, 40);
    metric_add(read, 2);
    expect_page("# HELP read_total Records read.\n"
                "# TYPE read_total counter\n"
                "read_total{topic=\"b\"} 42\n"
                "read_total{topic=\"a\"} 0\n"
                "# HELP connections Open connections.\n"
                "# TYPE connections gauge\n"
                "connections 3\n");
}

static void the_same_name_and_labels_are_the_same_row(void **state)
{
    (void)state;
    struct metric *row = metric_get(registry, METRIC_GAUGE, "size", "a=\"1\"", "Size.");
    assert_ptr_equal(metric_get(registry, METRIC_GAUGE, "size", "a=\"1\"", "Size."), row);
    assert_ptr_not_equal(metric_get(registry, METRIC_GAUGE, "size", "a=\"2\"", "Size."), row);
    assert_ptr_not_equal(metric_get(registry, METRIC_GAUGE, "size", NULL, "Size."), row);
}

static void a_removed_row_is_written_no_more(void **state)
{
    (void)state;
    struct metric *first = metric_get(registry, METRIC_GAUGE, "lag", "g=\"1\"", "Lag.");
    struct metric *second = metric_get(registry, METRIC_GAUGE, "lag", "g=\"2\"", "Lag.");
    metric_remove(registry, first);
    expect_page("# HELP lag Lag.\n# TYPE lag gauge\nlag{g=\"2\"} 0\n");
    metric_remove(registry, second);
    expect_page("");
    metric_set(metric_get(registry, METRIC_GAUGE, "lag", "g=\"1\"", "Lag."), 1);
    expect_page("# HELP lag Lag.\n# TYPE lag gauge\nlag{g=\"1\"} 1\n");
}

static void values_are_written_exactly(void **state)
{
    (void)state;
    struct metric *row = metric_get(registry, METRIC_GAUGE, "v", NULL, "V.");
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.5, "0.5"},
        {-3, "-3"},
        {1e15, "1000000000000000"},
        {9007199254740992.0, "9007199254740992"},
        {1e300, "1.0000000000000001e+300"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer expected;
        buffer_init(&expected);
        buffer_printf(&expected, "# HELP v V.\n# TYPE v gauge\nv %s\n", cases[i].text);
        metric_set(row, cases[i].value);
        expect_page(buffer_string(&expected));
        buffer_fini(&expected);
    }
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "path", BYTES_LITERAL("C:\\x \"y\"\nz"));
    metric_label(&labels, "client", BYTES_LITERAL("\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82"));
    metric_label(&labels, "none", (struct bytes){NULL, 0});
    assert_string_equal(
        buffer_string(&labels),
        "path=\"C:\\\\x \\\"y\\\"\\nz\",client=\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82\""
        ",none=\"\"");
    buffer_fini(&labels);
}

static void bytes_that_are_no_text_become_question_marks(void **state)
{
    (void)state;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "a", BYTES_LITERAL("\x80|\xc3|\xc0\x80|\xed\xa0\x80|\xe0\x80\x80|\xff"));
    metric_label(&labels, "b", BYTES_LITERAL("\xf0\x80\x80\x80|\xf4\x90\x80\x80|\xe2\x82"));
    assert_string_equal(buffer_string(&labels), "a=\"?|?|\?\?|\?\?\?|\?\?\?|?\","
                                                "b=\"\?\?\?\?|\?\?\?\?|\?\?\"");
    buffer_fini(&labels);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_registry, close_registry)

static void a_histogram_counts_what_is_below_its_bounds(void **state)
{
    (void)state;
    struct metric *metric = metric_get(registry, METRIC_HISTOGRAM, "h_seconds", "a=\"b\"", "Help.");
    struct buffer out;
    buffer_init(&out);
    metric_observe(metric, 0.0005);
    metric_observe(metric, 0.003);
    metric_observe(metric, 100);
    metric_write_all(registry, &out);
    const char *text = buffer_string(&out);
    assert_non_null(strstr(text, "# TYPE h_seconds histogram\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"0.0025\"} 1\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"0.005\"} 2\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"30\"} 2\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "h_seconds_sum{a=\"b\"} 100.0035"));
    assert_non_null(strstr(text, "h_seconds_count{a=\"b\"} 3\n"));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_stand_under_their_family_in_order_of_registration),
        TEST(the_same_name_and_labels_are_the_same_row),
        TEST(a_removed_row_is_written_no_more),
        TEST(values_are_written_exactly),
        TEST(label_values_are_escaped),
        TEST(bytes_that_are_no_text_become_question_marks),
        TEST(a_histogram_counts_what_is_below_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
