/* Shows accumulators of several aggregators: those that keep the same share it, the result is one
 * sorted object, and an accumulator of other aggregators or damaged bytes are refused. */
#include "log/base/error.h"
#include "runtime/aggregate/aggregation.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static struct aggregation_field field(const char *name, const char *aggregator, const char *path)
{
    return (struct aggregation_field){
        .name = name, .aggregator = aggregator_find(aggregator), .path = path, .parameter = 0.5};
}

static struct aggregation *make(const char *path)
{
    const struct aggregation_field fields[] = {
        field("z", "count", NULL),  field("p50", "quantile", path), field("p99", "quantile", path),
        field("sum", "sum", "$.a"), field("avg", "avg", "$.a"),     field("other", "avg", "$.b"),
    };
    return aggregation_new(fields, sizeof fields / sizeof *fields);
}

/* Adds the number 2 to every summary. */
static void add(const struct aggregation *it, struct bytes accumulator, struct buffer *out)
{
    struct bytes summaries[8];
    struct summary_input input = {.token = JSON_ABSENT, .number = number_from_integer(2)};
    assert_int_equal(aggregation_split(it, accumulator, summaries), 0);
    aggregation_begin(it, out);
    for (size_t i = 0; i < it->summary_count; i++) {
        size_t start = out->size;
        assert_int_equal(
            it->summaries[i].kind->add((struct summary_parameter){0}, &input, summaries[i], out),
            0);
        aggregation_end_summary(out, i, start);
    }
}

static void what_is_the_same_is_kept_once(void **state)
{
    (void)state;
    struct aggregation *it = make("$.a");
    struct buffer first, second, json;
    struct bytes summaries[8];
    const int64_t window[2] = {0, 10};
    const struct aggregation_field *failed;
    buffer_init(&first);
    buffer_init(&second);
    buffer_init(&json);
    assert_int_equal(it->field_count, 6);
    assert_int_equal(it->summary_count, 4);
    add(it, (struct bytes){0}, &first);
    add(it, buffer_bytes(&first), &second);
    assert_int_equal(aggregation_split(it, buffer_bytes(&second), summaries), 0);
    assert_int_equal(aggregation_tell(it, summaries, NULL, &json, &failed), 0);
    assert_string_equal(buffer_string(&json),
                        "{\"avg\":2.0,\"other\":2.0,\"p50\":2.0,\"p99\":2.0,\"sum\":4,\"z\":2}");
    buffer_clear(&json);
    assert_int_equal(aggregation_tell(it, summaries, window, &json, &failed), 0);
    assert_non_null(strstr(buffer_string(&json), ",\"window_start\":0,\"window_end\":10}"));
    buffer_fini(&first);
    buffer_fini(&second);
    buffer_fini(&json);
    aggregation_free(it);
}

static void other_aggregators_are_another_layout(void **state)
{
    (void)state;
    struct aggregation *it = make("$.a");
    struct aggregation *other = make("$.c");
    struct bytes summaries[8];
    struct buffer out;
    buffer_init(&out);
    add(it, (struct bytes){0}, &out);
    assert_int_equal(aggregation_split(other, buffer_bytes(&out), summaries), ERROR_INVALID);
    for (size_t size = 0; size < out.size; size++) {
        uint8_t *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut, out.data, size);
        assert_int_equal(aggregation_split(it, bytes_make(cut, size), summaries), ERROR_CORRUPT);
        free(cut);
    }
    buffer_add_byte(&out, 0);
    assert_int_equal(aggregation_split(it, buffer_bytes(&out), summaries), ERROR_CORRUPT);
    out.data[0] = 2;
    assert_int_equal(aggregation_split(it, buffer_bytes(&out), summaries), ERROR_CORRUPT);
    buffer_fini(&out);
    aggregation_free(it);
    aggregation_free(other);
}

static void fields_are_judged(void **state)
{
    (void)state;
    struct report report = {{0}, {0}};
    struct aggregation_field good = field("a", "sum", "$.a");
    struct aggregation_field bad = field("a\xff", "sum", "$.a");
    assert_int_equal(aggregation_validate(&good, "app.lua:1", &report), 0);
    assert_int_equal(aggregation_validate(&bad, "app.lua:1", &report), ERROR_INVALID);
    assert_string_equal(report.place, "app.lua:1");
    good.condition = "$.a";
    assert_int_equal(aggregation_validate(&good, NULL, &report), ERROR_INVALID);
    assert_null(aggregator_find("median"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_the_same_is_kept_once),
        cmocka_unit_test(other_aggregators_are_another_layout),
        cmocka_unit_test(fields_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
