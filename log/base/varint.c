/* Seven bits a byte, least significant first; signed values are zigzag-coded. */
#include "log/base/varint.h"

#include "log/base/error.h"

static int varint_read_bits(const uint8_t **at, const uint8_t *end, unsigned bits, uint64_t *out)
{
    uint64_t value = 0;
    const uint8_t *place = *at;
    for (unsigned shift = 0; shift < bits; shift += 7) {
        if (place == end) {
            return ERROR_TRUNCATED;
        }
        uint8_t byte = *place++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (shift + 7 > bits && byte >> (bits - shift) != 0) {
                return ERROR_MALFORMED;
            }
            *at = place;
            *out = value;
            return 0;
        }
    }
    return ERROR_MALFORMED;
}

int varint_read_unsigned(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    uint64_t value = 0;
    int error = varint_read_bits(at, end, 32, &value);
    if (error == 0) {
        *out = (uint32_t)value;
    }
    return error;
}

int varint_read(const uint8_t **at, const uint8_t *end, int32_t *out)
{
    /* Most lengths and deltas of a record fit one byte. */
    if (*at < end && **at < 0x80) {
        uint32_t byte = *(*at)++;
        *out = (int32_t)(byte >> 1) ^ -(int32_t)(byte & 1);
        return 0;
    }
    uint32_t value = 0;
    int error = varint_read_unsigned(at, end, &value);
    if (error == 0) {
        *out = (int32_t)(value >> 1) ^ -(int32_t)(value & 1);
    }
    return error;
}

int varlong_read(const uint8_t **at, const uint8_t *end, int64_t *out)
{
    if (*at < end && **at < 0x80) {
        uint64_t byte = *(*at)++;
        *out = (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
        return 0;
    }
    uint64_t value = 0;
    int error = varint_read_bits(at, end, 64, &value);
    if (error == 0) {
        *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    }
    return error;
}

static size_t varint_write_bits(uint8_t *out, uint64_t value)
{
    size_t size = 0;
    while (value > 0x7f) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

static uint64_t varint_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

size_t varint_write_unsigned(uint8_t *out, uint32_t value)
{
    return varint_write_bits(out, value);
}

size_t varint_write(uint8_t *out, int32_t value)
{
    return varint_write_bits(out, varint_zigzag(value));
}

size_t varlong_write(uint8_t *out, int64_t value)
{
    return varint_write_bits(out, varint_zigzag(value));
}

static size_t varint_size_bits(uint64_t value)
{
    return value == 0 ? 1 : (size_t)(63 - __builtin_clzll(value)) / 7 + 1;
}

size_t varint_size_unsigned(uint32_t value)
{
    return varint_size_bits(value);
}

size_t varint_size(int32_t value)
{
    return varint_size_bits(varint_zigzag(value));
}

size_t varlong_size(int64_t value)
{
    return varint_size_bits(varint_zigzag(value));
}
