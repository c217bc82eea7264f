/* What tables remember; see kept_value.h. */
#include "runtime/format/kept_value.h"

#include "log/base/error.h"
#include "runtime/format/timed.h"

#include <string.h>

static const char letters[] = {[VALUE_BYTES] = 'b', [VALUE_TEXT] = 't', [VALUE_JSON] = 'j'};

void kept_value_write(struct buffer *out, const struct kept_value *kept)
{
    check(!bytes_is_null(kept->value));
    if (kept->value_format == VALUE_JSON && kept->value.size > 0) {
        timed_write(out, kept->timestamp_ms, kept->value);
        return;
    }
    timed_write_binary(out, kept->timestamp_ms, bytes_make(&letters[kept->value_format], 1));
    buffer_add_bytes(out, kept->value);
}

int kept_value_read(struct bytes stored, struct kept_value *out)
{
    struct kept_value kept = {.value_format = VALUE_JSON};
    int error = timed_read(stored, &kept.timestamp_ms, &kept.value);
    if (error == 0 && stored.data[0] == 0) {
        const char *letter =
            kept.value.size == 0 ? NULL : memchr(letters, kept.value.data[0], sizeof letters);
        if (letter == NULL) {
            return ERROR_CORRUPT;
        }
        kept.value_format = (enum value_format)(letter - letters);
        kept.value = bytes_make(kept.value.data + 1, kept.value.size - 1);
    }
    if (error == 0) {
        *out = kept;
    }
    return error;
}
