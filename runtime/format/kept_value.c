/* What tables remember; see kept_value.h. */
#include "runtime/format/kept_value.h"

#include "log/base/error.h"
#include "runtime/format/timed.h"

/* One letter for each format, whose bytes follow. */
static const struct {
    char letter;
    const struct value_format *value_format;
} letters[] = {{'b', VALUE_BYTES}, {'t', VALUE_TEXT}, {'j', VALUE_JSON}};

enum { LETTER_COUNT = sizeof letters / sizeof *letters };

void kept_value_write(struct buffer *out, const struct kept_value *kept)
{
    check(!bytes_is_null(kept->value));
    if (kept->value_format == VALUE_JSON && kept->value.size > 0) {
        timed_write(out, kept->timestamp_ms, kept->value);
        return;
    }
    size_t i = 0;
    while (letters[i].value_format != kept->value_format) {
        i++;
        check(i < LETTER_COUNT);
    }
    timed_write_binary(out, kept->timestamp_ms, bytes_make(&letters[i].letter, 1));
    buffer_add_bytes(out, kept->value);
}

static int read_letter(struct kept_value *kept)
{
    for (size_t i = 0; kept->value.size > 0 && i < LETTER_COUNT; i++) {
        if ((char)kept->value.data[0] == letters[i].letter) {
            kept->value_format = letters[i].value_format;
            kept->value = bytes_make(kept->value.data + 1, kept->value.size - 1);
            return 0;
        }
    }
    return ERROR_CORRUPT;
}

int kept_value_read(struct bytes stored, struct kept_value *out)
{
    struct kept_value kept = {.value_format = VALUE_JSON};
    int error = timed_read(stored, &kept.timestamp_ms, &kept.value);
    if (error == 0 && stored.data[0] == 0) {
        error = read_letter(&kept);
    }
    if (error == 0) {
        *out = kept;
    }
    return error;
}
