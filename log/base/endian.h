/* Big-endian integers at any address, as Kafka stores and sends them.
 * Thread: any. */
#pragma once

#include <stdint.h>
#include <string.h>

#define ENDIAN_PAIR(bits, swap)                                                                    \
    static inline uint##bits##_t endian_read_u##bits(const void *at)                               \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        memcpy(&value, at, sizeof value);                                                          \
        return swap(value);                                                                        \
    }                                                                                              \
    static inline int##bits##_t endian_read_i##bits(const void *at)                                \
    {                                                                                              \
        return (int##bits##_t)endian_read_u##bits(at);                                             \
    }                                                                                              \
    static inline void endian_write_u##bits(void *at, uint##bits##_t value)                        \
    {                                                                                              \
        value = swap(value);                                                                       \
        memcpy(at, &value, sizeof value);                                                          \
    }                                                                                              \
    static inline void endian_write_i##bits(void *at, int##bits##_t value)                         \
    {                                                                                              \
        endian_write_u##bits(at, (uint##bits##_t)value);                                           \
    }

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian machine");
ENDIAN_PAIR(16, __builtin_bswap16)
ENDIAN_PAIR(32, __builtin_bswap32)
ENDIAN_PAIR(64, __builtin_bswap64)
