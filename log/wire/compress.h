/* The four compression codecs of record batches, through their libraries.
 *
 * Snappy is written with xerial framing as the Java client writes it and read both framed and raw;
 * lz4 is the frame format; gzip is RFC 1952.
 *
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum compress_codec {
    COMPRESS_NONE = 0,
    COMPRESS_GZIP = 1,
    COMPRESS_SNAPPY = 2,
    COMPRESS_LZ4 = 3,
    COMPRESS_ZSTD = 4,
    COMPRESS_CODEC_COUNT
};

enum { COMPRESS_LEVEL_DEFAULT = INT32_MIN };

/* "none", "gzip", "snappy", "lz4", "zstd"; NULL outside the enum. */
const char *compress_codec_name(enum compress_codec codec);
/* ERROR_INVALID for an unknown name. */
must_use int compress_codec_parse(const char *name, enum compress_codec *out);

/* Appends the compressed input. ERROR_INVALID for a level that the codec does not have. */
must_use int compress_deflate(enum compress_codec codec, int level, struct bytes input,
                              struct buffer *out);
/* Appends the original. ERROR_TOO_LARGE beyond `size_limit` bytes, found before they are allocated;
 * the decoders' windows come on top (lz4 4 MiB, zstd 8 MiB or the limit up to 128 MiB).
 * ERROR_CORRUPT_MESSAGE for damage or trailing rubbish. */
must_use int compress_inflate(enum compress_codec codec, struct bytes input, size_t size_limit,
                              struct buffer *out);
