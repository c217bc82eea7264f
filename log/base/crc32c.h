/* CRC-32C (Castagnoli, RFC 3720 §12.1), as in record batches.
 * Thread: any. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Starts at crc = 0; the result of one call continues in the next. */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t size);
