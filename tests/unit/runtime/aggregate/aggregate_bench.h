/* One aggregator fed with JSON texts, and the checks that hold for each: its results do not depend
 * on how the values were spread over summaries that were merged, and bytes that it did not write
 * are refused or worked with, never run over. */
#pragma once

#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"
#include "tests/unit/runtime/format/random_json.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct aggregate_bench {
    const struct aggregator *aggregator;
    double parameter;
    int64_t span_ms;
    struct buffer summaries[3]; /* the test works with [0] */
    struct buffer result;
};

static inline void aggregate_bench_init(struct aggregate_bench *bench, const char *name,
                                        double parameter)
{
    *bench = (struct aggregate_bench){.aggregator = aggregator_find(name), .parameter = parameter};
    assert_non_null(bench->aggregator);
}

static inline void aggregate_bench_fini(struct aggregate_bench *bench)
{
    for (int i = 0; i < 3; i++) {
        buffer_fini(&bench->summaries[i]);
    }
    buffer_fini(&bench->result);
}

static inline struct summary_parameter
aggregate_bench_parameter(const struct aggregate_bench *bench)
{
    return (struct summary_parameter){
        .number = bench->aggregator->parameter.is_kept ? bench->parameter : 0};
}

static inline struct bytes aggregate_bench_summary(const struct aggregate_bench *bench, int which)
{
    const struct buffer *summary = &bench->summaries[which];
    return summary->size == 0 ? (struct bytes){0} : buffer_bytes(summary);
}

/* Takes what was written as the new summary. */
static inline int aggregate_bench_take(struct aggregate_bench *bench, int which, int error,
                                       struct buffer *out)
{
    if (error == 0) {
        buffer_fini(&bench->summaries[which]);
        bench->summaries[which] = *out;
    } else {
        buffer_fini(out);
    }
    return error;
}

/* NULL is a record without a path to look at. */
static inline int aggregate_bench_change(struct aggregate_bench *bench, int which, const char *text,
                                         int64_t time_ms, bool is_added)
{
    const struct summary_kind *kind = bench->aggregator->summary;
    struct summary_input input = {
        .time_ms = time_ms, .token = JSON_ABSENT, .number = number_from_integer(1)};
    struct json json;
    struct buffer out;
    json_init(&json);
    buffer_init(&out);
    if (text != NULL) {
        assert_int_equal(json_parse(&json, bytes_from_string(text)), 0);
        input.json = &json;
        input.token = JSON_ROOT;
        bool is_number = number_read(&json, JSON_ROOT, &input.number);
        assert_true(is_number || kind->takes != SUMMARY_NUMBERS);
    }
    int error = (is_added ? kind->add : kind->subtract)(
        aggregate_bench_parameter(bench), &input, aggregate_bench_summary(bench, which), &out);
    json_fini(&json);
    return aggregate_bench_take(bench, which, error, &out);
}

static inline void aggregate_bench_add(struct aggregate_bench *bench, const char *text)
{
    assert_int_equal(aggregate_bench_change(bench, 0, text, 0, true), 0);
}

static inline void aggregate_bench_subtract(struct aggregate_bench *bench, const char *text)
{
    assert_int_equal(aggregate_bench_change(bench, 0, text, 0, false), 0);
}

/* The right one into the left one. */
static inline int aggregate_bench_merge(struct aggregate_bench *bench, int left, int right)
{
    struct buffer out;
    buffer_init(&out);
    int error = bench->aggregator->summary->merge(aggregate_bench_parameter(bench),
                                                  aggregate_bench_summary(bench, left),
                                                  aggregate_bench_summary(bench, right), &out);
    return aggregate_bench_take(bench, left, error, &out);
}

static inline int aggregate_bench_tell(struct aggregate_bench *bench, int which, int64_t span_ms)
{
    buffer_clear(&bench->result);
    return bench->aggregator->tell((struct summary_parameter){.number = bench->parameter}, span_ms,
                                   aggregate_bench_summary(bench, which), &bench->result);
}

static inline const char *aggregate_bench_text_of(struct aggregate_bench *bench, int which)
{
    assert_int_equal(aggregate_bench_tell(bench, which, bench->span_ms), 0);
    return buffer_string(&bench->result);
}

static inline const char *aggregate_bench_text(struct aggregate_bench *bench)
{
    return aggregate_bench_text_of(bench, 0);
}

static inline double aggregate_bench_number(struct aggregate_bench *bench, int which)
{
    return strtod(aggregate_bench_text_of(bench, which), NULL);
}

/* One after the other; the result must be `text`. */
static inline void aggregate_bench_expect(const char *name, double parameter,
                                          const char *const *values, const char *text)
{
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, name, parameter);
    for (; *values != NULL; values++) {
        aggregate_bench_add(&bench, *values);
    }
    assert_string_equal(aggregate_bench_text(&bench), text);
    aggregate_bench_fini(&bench);
}

/* Uses any bytes as the summary in every way; errors are fine. */
static inline void aggregate_bench_use(struct aggregate_bench *bench, struct bytes summary)
{
    buffer_clear(&bench->summaries[1]);
    buffer_add_bytes(&bench->summaries[1], summary);
    (void)aggregate_bench_change(bench, 1, "7", 3, true);
    (void)aggregate_bench_merge(bench, 1, 0);
    (void)aggregate_bench_tell(bench, 1, 1000);
}

/* The summary at hand, cut at every byte and with every byte changed. */
static inline void aggregate_bench_damage(struct aggregate_bench *bench)
{
    size_t size = bench->summaries[0].size;
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    for (size_t i = 0; i < size; i++) {
        uint8_t *cut = malloc(i + 1); /* exactly as large, for the sanitizer */
        assert_non_null(cut);
        memcpy(cut, bench->summaries[0].data, i);
        aggregate_bench_use(bench, bytes_make(cut, i));
        free(cut);
        memcpy(copy, bench->summaries[0].data, size);
        copy[i] ^= (uint8_t)(1 + i % 255);
        aggregate_bench_use(bench, bytes_make(copy, size));
    }
    free(copy);
}
