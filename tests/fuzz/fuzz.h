/* What every fuzz target offers to libFuzzer and to the replaying main, and how inputs that hold
 * several things are taken apart. */
#pragma once

#include "log/base/bytes.h"

/* Runs one input; a broken promise stops the process. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the front of the input up to the next `end`, which is dropped, or all of it. */
static inline struct bytes fuzz_take_until(struct bytes *input, uint8_t end)
{
    size_t size = 0;
    while (size < input->size && input->data[size] != end) {
        size++;
    }
    struct bytes part = bytes_make(input->data, size);
    size_t used = size + (size < input->size);
    *input = bytes_make(input->data + used, input->size - used);
    return part;
}

/* Takes one byte from the front; 0 when nothing is left. */
static inline uint8_t fuzz_take_byte(struct bytes *input)
{
    if (input->size == 0) {
        return 0;
    }
    uint8_t byte = *input->data;
    *input = bytes_make(input->data + 1, input->size - 1);
    return byte;
}
