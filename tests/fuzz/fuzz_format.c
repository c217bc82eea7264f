/* Feeds bytes to the decoders of runtime/format that are not JSON's (fuzz_json.c).
 *
 *      0  1  'd' an encoded sketch, 0xff, doubles that are added to it
 *      1     as said
 *
 * Promises: what was decoded keeps its invariants and is encoded and decoded again as the same;
 * memory follows the input. */
#include "log/base/error.h"
#include "runtime/format/sketch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <string.h>

enum {
    FUZZ_SEPARATOR = 0xff,
    FUZZ_MEMORY_FACTOR = 64,
    FUZZ_MEMORY_MIN = 256 * 1024,
};

static void fuzz_sketch_again(const struct sketch *sketch)
{
    struct buffer first, second;
    struct sketch again = {0};
    buffer_init(&first);
    buffer_init(&second);
    sketch_encode(sketch, &first);
    check(sketch_decode(&again, buffer_bytes(&first)) == 0);
    sketch_encode(&again, &second);
    check(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    sketch_fini(&again);
    buffer_fini(&first);
    buffer_fini(&second);
}

static void fuzz_sketch(struct bytes input)
{
    struct bytes encoded = fuzz_take_until(&input, FUZZ_SEPARATOR);
    struct sketch sketch = {0};
    struct sketch added = {0};
    double value = 0;
    int error = sketch_decode(&sketch, encoded);
    check(error == 0 || error == ERROR_CORRUPT);
    sketch_check(&sketch);
    for (size_t at = 0; at + sizeof value <= input.size; at += sizeof value) {
        memcpy(&value, input.data + at, sizeof value);
        error = sketch_add(&added, value);
        check(error == 0 || error == ERROR_INVALID);
    }
    error = sketch_merge(&sketch, &added);
    check(error == 0 || error == ERROR_TOO_LARGE);
    sketch_check(&sketch);
    fuzz_sketch_again(&sketch);
    check(sketch_quantile(&sketch, 0.5, &value) == (sketch.count > 0));
    check(sketch.count == 0 || (value >= sketch.min && value <= sketch.max));
    sketch_fini(&sketch);
    sketch_fini(&added);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    switch (fuzz_take_byte(&input)) {
    case 'd':
        fuzz_sketch(input);
        break;
    }
    return 0;
}
