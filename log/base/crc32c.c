/* CRC-32C by the SSE4.2 instruction where the processor has it, three streams at a time so that
 * its latency is hidden, and by a table elsewhere. The three partial sums are joined by shifting
 * through zeros: multiplication by x^n modulo the polynomial, from tables made once. */
#include "log/base/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { CRC32C_BLOCK_SIZE = 1024, CRC32C_POLYNOMIAL = (int)0x82f63b78u };

static struct {
    pthread_once_t once;
    uint32_t bytes[256];
    uint32_t shift_block[4][256]; /* advances a sum over CRC32C_BLOCK_SIZE zero bytes */
    bool has_instruction;
} crc32c_table = {.once = PTHREAD_ONCE_INIT};

static uint32_t crc32c_zeros(uint32_t crc, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc = crc32c_table.bytes[crc & 0xff] ^ crc >> 8;
    }
    return crc;
}

static void crc32c_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? (uint32_t)CRC32C_POLYNOMIAL : 0);
        }
        crc32c_table.bytes[i] = crc;
    }
    for (uint32_t place = 0; place < 4; place++) {
        for (uint32_t i = 0; i < 256; i++) {
            crc32c_table.shift_block[place][i] = crc32c_zeros(i << (8 * place), CRC32C_BLOCK_SIZE);
        }
    }
    crc32c_table.has_instruction = __builtin_cpu_supports("sse4.2") != 0;
}

static uint32_t crc32c_plain(uint32_t crc, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc = crc32c_table.bytes[(crc ^ data[i]) & 0xff] ^ crc >> 8;
    }
    return crc;
}

static uint32_t crc32c_shift(uint32_t crc)
{
    return crc32c_table.shift_block[0][crc & 0xff] ^ crc32c_table.shift_block[1][crc >> 8 & 0xff] ^
           crc32c_table.shift_block[2][crc >> 16 & 0xff] ^ crc32c_table.shift_block[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_fast(uint32_t crc, const uint8_t *data,
                                                              size_t size)
{
    while (size >= 3 * CRC32C_BLOCK_SIZE) {
        uint64_t first = crc;
        uint64_t second = 0;
        uint64_t third = 0;
        for (size_t i = 0; i < CRC32C_BLOCK_SIZE; i += 8) {
            uint64_t words[3];
            memcpy(&words[0], data + i, 8);
            memcpy(&words[1], data + CRC32C_BLOCK_SIZE + i, 8);
            memcpy(&words[2], data + 2 * CRC32C_BLOCK_SIZE + i, 8);
            first = __builtin_ia32_crc32di(first, words[0]);
            second = __builtin_ia32_crc32di(second, words[1]);
            third = __builtin_ia32_crc32di(third, words[2]);
        }
        crc = crc32c_shift((uint32_t)first) ^ (uint32_t)second;
        crc = crc32c_shift(crc) ^ (uint32_t)third;
        data += 3 * CRC32C_BLOCK_SIZE;
        size -= 3 * CRC32C_BLOCK_SIZE;
    }
    uint64_t sum = crc;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        sum = __builtin_ia32_crc32di(sum, word);
    }
    crc = (uint32_t)sum;
    for (; size > 0; size--, data++) {
        crc = __builtin_ia32_crc32qi(crc, *data);
    }
    return crc;
}

uint32_t crc32c_update(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&crc32c_table.once, crc32c_prepare);
    uint32_t sum = ~crc;
    sum =
        crc32c_table.has_instruction ? crc32c_fast(sum, data, size) : crc32c_plain(sum, data, size);
    return ~sum;
}
