/* Feeds bytes to what native aggregates keep in a store.
 *
 *      0  the place of an aggregator in the table
 *      1  two summaries, 0xff between them, 0xff, JSON that is added to the first if it is fit
 *
 * Promises: what is no summary is refused or worked with inside its bytes and in memory that
 * follows the input; what came of it can be used again. */
#include "log/base/error.h"
#include "runtime/aggregate/aggregation.h"
#include "runtime/format/scalar.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <math.h>

enum {
    FUZZ_SEPARATOR = 0xff,
    FUZZ_MEMORY_FACTOR = 256,
    FUZZ_MEMORY_MIN = 512 * 1024,
    FUZZ_PARAMETER = 3,
};

static const struct aggregator *fuzz_pick(struct bytes *input)
{
    size_t count = 0;
    while (aggregator_at(count) != NULL) {
        count++;
    }
    return aggregator_at(fuzz_take_byte(input) % count);
}

static bool fuzz_fits(const struct summary_kind *kind, const struct json *json,
                      struct summary_input *input)
{
    bool is_number = number_read(json, JSON_ROOT, &input->number);
    switch (kind->takes) {
    case SUMMARY_NUMBERS:
        return is_number && isfinite(number_real(&input->number));
    case SUMMARY_SCALARS:
        return scalar_is(json, JSON_ROOT);
    case SUMMARY_VALUES:
        return json_token(json, JSON_ROOT)->kind != JSON_NULL;
    }
    return false;
}

static void fuzz_tell(const struct aggregator *aggregator, double parameter, struct bytes summary)
{
    struct buffer json;
    buffer_init(&json);
    int error =
        aggregator->tell((struct summary_parameter){.number = parameter}, 1000, summary, &json);
    check(error == 0 || error == ERROR_CORRUPT || error == ERROR_INVALID);
    buffer_fini(&json);
}

/* The first with the value, merged with the second. */
static void fuzz_change(const struct aggregator *aggregator, struct bytes left, struct bytes right,
                        struct bytes text)
{
    const struct summary_kind *kind = aggregator->summary;
    struct summary_input input = {.time_ms = FUZZ_PARAMETER};
    const struct summary_parameter parameter = {.number = FUZZ_PARAMETER};
    struct buffer added, merged;
    struct json json;
    json_init(&json);
    buffer_init(&added);
    buffer_init(&merged);
    if (json_parse(&json, text) == 0 && fuzz_fits(kind, &json, &input)) {
        input.json = &json;
        input.token = JSON_ROOT;
        if (kind->add(parameter, &input, left, &added) == 0) {
            left = buffer_bytes(&added);
        }
    }
    if (kind->merge(parameter, left, right, &merged) == 0) {
        fuzz_tell(aggregator, aggregator->parameter.is_kept ? FUZZ_PARAMETER : 0.5,
                  buffer_bytes(&merged));
    }
    json_fini(&json);
    buffer_fini(&added);
    buffer_fini(&merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    if (size == 0) {
        return 0;
    }
    const struct aggregator *aggregator = fuzz_pick(&input);
    struct bytes left = fuzz_take_until(&input, FUZZ_SEPARATOR);
    struct bytes right = fuzz_take_until(&input, FUZZ_SEPARATOR);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    fuzz_tell(aggregator, aggregator->parameter.is_kept ? FUZZ_PARAMETER : 0.5, left);
    fuzz_change(aggregator, left, right, input);
    return 0;
}
