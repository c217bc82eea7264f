/* What every fuzz target offers to libFuzzer and to the replaying main. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Runs one input; a broken promise stops the process. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
