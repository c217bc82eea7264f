/* Bytes as text; see base64.h. */
#include "runtime/format/base64.h"

#include "log/base/error.h"

#include <string.h>

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct buffer *out, struct bytes data)
{
    for (size_t at = 0; at < data.size; at += 3) {
        size_t count = data.size - at < 3 ? data.size - at : 3;
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; i++) {
            bits = bits << 8 | (i < count ? data.data[at + i] : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            char letter = base64_letters[bits >> (18 - 6 * i) & 63];
            buffer_add_byte(out, (uint8_t)(i <= count ? letter : '='));
        }
    }
}

/* The letters of one group; returns how many bytes they say, or ERROR_MALFORMED. */
static int read_group(const uint8_t *text, bool is_last, uint32_t *bits)
{
    int letters = 4;
    while (is_last && letters > 2 && text[letters - 1] == '=') {
        letters--;
    }
    *bits = 0;
    for (int i = 0; i < 4; i++) {
        const char *found = i >= letters   ? base64_letters
                            : text[i] == 0 ? NULL
                                           : strchr(base64_letters, text[i]);
        if (found == NULL) {
            return ERROR_MALFORMED;
        }
        *bits = *bits << 6 | (uint32_t)(found - base64_letters);
    }
    uint32_t unused = letters == 2 ? 0xffff : letters == 3 ? 0xff : 0;
    return (*bits & unused) == 0 ? letters - 1 : ERROR_MALFORMED;
}

int base64_read(struct buffer *out, struct bytes text)
{
    size_t before = out->size;
    if (text.size % 4 != 0) {
        return ERROR_MALFORMED;
    }
    for (size_t at = 0; at < text.size; at += 4) {
        uint32_t bits = 0;
        int count = read_group(text.data + at, at + 4 == text.size, &bits);
        if (count < 0) {
            out->size = before;
            return ERROR_MALFORMED;
        }
        for (int i = 0; i < count; i++) {
            buffer_add_byte(out, (uint8_t)(bits >> (16 - 8 * i)));
        }
    }
    return 0;
}
