/* The codecs of record batches; see compress.h.
 *
 * Inflating grows the output by doubling, never past its limit, and only as fast as the codec
 * produces: a batch that claims to be large costs nothing until it is. One byte beyond the limit is
 * room enough to see that there is more.
 *
 * Xerial's snappy framing, as the Java client writes it:
 *
 *       0  8  82 'S' 'N' 'A' 'P' 'P' 'Y' 00
 *       8  4  version 1
 *      12  4  lowest compatible version 1
 *      16     chunks: size 4, one raw snappy block of at most 32 KiB originally
 */
#include "log/wire/compress.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#define ZLIB_CONST /* input stays untouched */
#include <lz4frame.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
    COMPRESS_ROOM_MIN = 16 * 1024,
    COMPRESS_GZIP_WINDOW = 15 + 16, /* 15 bits; 16 asks zlib for gzip's header and trailer */
    COMPRESS_GZIP_MEMORY = 8,
    COMPRESS_XERIAL_HEADER_SIZE = 16,
    COMPRESS_XERIAL_CHUNK_SIZE = 32 * 1024,
    COMPRESS_SNAPPY_RATIO_MAX = 32,    /* a copy makes 64 bytes of 3; the rest is margin */
    COMPRESS_ZSTD_WINDOW_LOG_MIN = 23, /* what levels up to 19 ask for */
    COMPRESS_ZSTD_WINDOW_LOG_MAX = 27, /* what the Java client accepts */
};

static const uint8_t compress_xerial_header[COMPRESS_XERIAL_HEADER_SIZE] = {
    0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
};

static const char *const compress_names[COMPRESS_CODEC_COUNT] = {
    [COMPRESS_NONE] = "none", [COMPRESS_GZIP] = "gzip", [COMPRESS_SNAPPY] = "snappy",
    [COMPRESS_LZ4] = "lz4",   [COMPRESS_ZSTD] = "zstd",
};

const char *compress_codec_name(enum compress_codec codec)
{
    return (unsigned)codec < COMPRESS_CODEC_COUNT ? compress_names[codec] : NULL;
}

int compress_codec_parse(const char *name, enum compress_codec *out)
{
    for (unsigned i = 0; i < COMPRESS_CODEC_COUNT; i++) {
        if (strcmp(name, compress_names[i]) == 0) {
            *out = (enum compress_codec)i;
            return 0;
        }
    }
    return ERROR_INVALID;
}

/* Compressing. */

static int compress_deflate_gzip(int level, struct bytes input, struct buffer *out)
{
    z_stream stream = {0};
    int zlib_level = level == COMPRESS_LEVEL_DEFAULT ? Z_DEFAULT_COMPRESSION : level;
    if (input.size > UINT32_MAX / 2) {
        return ERROR_TOO_LARGE;
    }
    int result = deflateInit2(&stream, zlib_level, Z_DEFLATED, COMPRESS_GZIP_WINDOW,
                              COMPRESS_GZIP_MEMORY, Z_DEFAULT_STRATEGY);
    if (result != Z_OK) {
        return result == Z_MEM_ERROR ? ERROR_NO_MEMORY : ERROR_INVALID;
    }
    uLong bound = deflateBound(&stream, (uLong)input.size);
    stream.next_in = input.data;
    stream.avail_in = (uInt)input.size;
    stream.next_out = buffer_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    result = deflate(&stream, Z_FINISH);
    check(result == Z_STREAM_END);
    out->size += stream.total_out;
    deflateEnd(&stream);
    return 0;
}

static int compress_deflate_snappy(struct bytes input, struct buffer *out)
{
    buffer_add(out, compress_xerial_header, sizeof compress_xerial_header);
    for (size_t done = 0; done < input.size;) {
        size_t chunk = input.size - done;
        chunk = chunk < COMPRESS_XERIAL_CHUNK_SIZE ? chunk : COMPRESS_XERIAL_CHUNK_SIZE;
        size_t size = snappy_max_compressed_length(chunk);
        uint8_t *room = buffer_reserve(out, 4 + size);
        snappy_status status =
            snappy_compress((const char *)input.data + done, chunk, (char *)room + 4, &size);
        check(status == SNAPPY_OK);
        endian_write_i32(room, (int32_t)size);
        out->size += 4 + size;
        done += chunk;
    }
    return 0;
}

/* Java reads independent blocks only. */
static int compress_deflate_lz4(int level, struct bytes input, struct buffer *out)
{
    const LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level == COMPRESS_LEVEL_DEFAULT ? 0 : level,
    };
    size_t bound = LZ4F_compressFrameBound(input.size, &preferences);
    uint8_t *room = buffer_reserve(out, bound);
    size_t size = LZ4F_compressFrame(room, bound, input.data, input.size, &preferences);
    if (LZ4F_isError(size)) {
        return ERROR_INVALID;
    }
    out->size += size;
    return 0;
}

static int compress_deflate_zstd(int level, struct bytes input, struct buffer *out)
{
    size_t bound = ZSTD_compressBound(input.size);
    if (ZSTD_isError(bound)) {
        return ERROR_TOO_LARGE;
    }
    uint8_t *room = buffer_reserve(out, bound);
    int zstd_level = level == COMPRESS_LEVEL_DEFAULT ? ZSTD_CLEVEL_DEFAULT : level;
    size_t size = ZSTD_compress(room, bound, input.data, input.size, zstd_level);
    if (ZSTD_isError(size)) {
        return ERROR_INVALID;
    }
    out->size += size;
    return 0;
}

int compress_deflate(enum compress_codec codec, int level, struct bytes input, struct buffer *out)
{
    switch (codec) {
    case COMPRESS_NONE:
        buffer_add_bytes(out, input);
        return 0;
    case COMPRESS_GZIP:
        return compress_deflate_gzip(level, input, out);
    case COMPRESS_SNAPPY:
        return compress_deflate_snappy(input, out);
    case COMPRESS_LZ4:
        return compress_deflate_lz4(level, input, out);
    case COMPRESS_ZSTD:
        return compress_deflate_zstd(level, input, out);
    case COMPRESS_CODEC_COUNT:
        break;
    }
    return ERROR_UNSUPPORTED_COMPRESSION_TYPE;
}

/* Inflating. */

/* Where the original goes. */
struct compress_sink {
    struct buffer *out;
    size_t start; /* of the original in `out` */
    size_t limit; /* its largest size */
};

static size_t compress_sink_size(const struct compress_sink *sink)
{
    return sink->out->size - sink->start;
}

/* Makes room for `extra` bytes, at most one byte past the limit. The buffer would double past it on
 * its own, so its capacity is set here. */
static uint8_t *compress_sink_reserve(struct compress_sink *sink, size_t extra)
{
    struct buffer *out = sink->out;
    size_t most = sink->start + sink->limit + 1;
    size_t needed = out->size + extra;
    check(needed <= most);
    if (needed > out->capacity) {
        size_t capacity = out->capacity * 2;
        capacity = capacity < needed + COMPRESS_ROOM_MIN ? needed + COMPRESS_ROOM_MIN : capacity;
        out->capacity = capacity < most ? capacity : most;
        out->data = memory_resize(out->data, out->capacity);
    }
    return out->data + out->size;
}

/* Room for at least one byte, and how much there is. */
static uint8_t *compress_sink_room(struct compress_sink *sink, size_t *size)
{
    uint8_t *room = compress_sink_reserve(sink, 1);
    size_t most = sink->start + sink->limit + 1;
    *size = (sink->out->capacity < most ? sink->out->capacity : most) - sink->out->size;
    return room;
}

static bool compress_sink_is_over(const struct compress_sink *sink)
{
    return compress_sink_size(sink) > sink->limit;
}

static int compress_inflate_none(struct bytes input, struct compress_sink *sink)
{
    if (input.size > sink->limit) {
        return ERROR_TOO_LARGE;
    }
    buffer_add_bytes(sink->out, input);
    return 0;
}

/* A gzip file may have several members end to end (RFC 1952 §2.2). */
static int compress_inflate_members(z_stream *stream, struct compress_sink *sink)
{
    for (;;) {
        size_t room = 0;
        stream->next_out = compress_sink_room(sink, &room);
        room = room < UINT32_MAX ? room : UINT32_MAX;
        stream->avail_out = (uInt)room;
        int result = inflate(stream, Z_NO_FLUSH);
        sink->out->size += room - stream->avail_out;
        if (compress_sink_is_over(sink)) {
            return ERROR_TOO_LARGE;
        }
        if (result == Z_STREAM_END) {
            if (stream->avail_in == 0) {
                return 0;
            }
            result = inflateReset(stream);
        }
        if (result == Z_MEM_ERROR) {
            return ERROR_NO_MEMORY;
        }
        bool is_stuck = stream->avail_in == 0 && stream->avail_out > 0;
        if (result != Z_OK || is_stuck) {
            return ERROR_CORRUPT_MESSAGE;
        }
    }
}

static int compress_inflate_gzip(struct bytes input, struct compress_sink *sink)
{
    if (input.size > UINT32_MAX) {
        return ERROR_TOO_LARGE;
    }
    z_stream stream = {.next_in = input.data, .avail_in = (uInt)input.size};
    if (inflateInit2(&stream, COMPRESS_GZIP_WINDOW) != Z_OK) {
        return ERROR_NO_MEMORY;
    }
    int error = compress_inflate_members(&stream, sink);
    inflateEnd(&stream);
    return error;
}

/* Snappy says the original's size first; a size that no block of this length can have is a lie. */
static int compress_inflate_block(struct bytes block, struct compress_sink *sink)
{
    size_t size = 0;
    const char *data = (const char *)block.data;
    if (snappy_uncompressed_length(data, block.size, &size) != SNAPPY_OK ||
        size / COMPRESS_SNAPPY_RATIO_MAX > block.size) {
        return ERROR_CORRUPT_MESSAGE;
    }
    if (size > sink->limit - compress_sink_size(sink)) {
        return ERROR_TOO_LARGE;
    }
    char *room = (char *)compress_sink_reserve(sink, size == 0 ? 1 : size);
    if (snappy_uncompress(data, block.size, room, &size) != SNAPPY_OK) {
        return ERROR_CORRUPT_MESSAGE;
    }
    sink->out->size += size;
    return 0;
}

static bool compress_is_xerial(struct bytes input)
{
    return input.size >= COMPRESS_XERIAL_HEADER_SIZE &&
           memcmp(input.data, compress_xerial_header, 8) == 0;
}

static int compress_inflate_xerial(struct bytes input, struct compress_sink *sink)
{
    const uint8_t *at = input.data + COMPRESS_XERIAL_HEADER_SIZE;
    const uint8_t *end = input.data + input.size;
    while (at < end) {
        /* Streams end to end are one stream. */
        if (compress_is_xerial(bytes_make(at, (size_t)(end - at)))) {
            at += COMPRESS_XERIAL_HEADER_SIZE;
            continue;
        }
        if (end - at < 4) {
            return ERROR_CORRUPT_MESSAGE;
        }
        int32_t size = endian_read_i32(at);
        at += 4;
        if (size < 0 || size > end - at) {
            return ERROR_CORRUPT_MESSAGE;
        }
        int error = compress_inflate_block(bytes_make(at, (size_t)size), sink);
        if (error != 0) {
            return error;
        }
        at += size;
    }
    return 0;
}

static int compress_inflate_lz4_frame(LZ4F_dctx *context, struct bytes input,
                                      struct compress_sink *sink)
{
    size_t done = 0;
    for (;;) {
        size_t produced = 0;
        size_t consumed = input.size - done;
        uint8_t *room = compress_sink_room(sink, &produced);
        size_t hint = LZ4F_decompress(context, room, &produced, input.data + done, &consumed, NULL);
        if (LZ4F_isError(hint)) {
            return ERROR_CORRUPT_MESSAGE;
        }
        done += consumed;
        sink->out->size += produced;
        if (compress_sink_is_over(sink)) {
            return ERROR_TOO_LARGE;
        }
        if (hint == 0) {
            return done == input.size ? 0 : ERROR_CORRUPT_MESSAGE;
        }
        if (produced == 0 && consumed == 0) {
            return ERROR_CORRUPT_MESSAGE; /* wants more than there is */
        }
    }
}

static int compress_inflate_lz4(struct bytes input, struct compress_sink *sink)
{
    LZ4F_dctx *context = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) {
        return ERROR_NO_MEMORY;
    }
    int error = compress_inflate_lz4_frame(context, input, sink);
    LZ4F_freeDecompressionContext(context);
    return error;
}

/* The decoder allocates the window a frame asks for. */
static int compress_zstd_window_log(size_t limit)
{
    int log = COMPRESS_ZSTD_WINDOW_LOG_MIN;
    while (log < COMPRESS_ZSTD_WINDOW_LOG_MAX && (size_t)1 << log < limit) {
        log++;
    }
    return log;
}

static int compress_inflate_zstd_frames(ZSTD_DCtx *context, struct bytes input,
                                        struct compress_sink *sink)
{
    ZSTD_inBuffer source = {input.data, input.size, 0};
    for (;;) {
        ZSTD_outBuffer target = {.pos = 0};
        target.dst = compress_sink_room(sink, &target.size);
        size_t consumed = source.pos;
        size_t hint = ZSTD_decompressStream(context, &target, &source);
        if (ZSTD_isError(hint)) {
            return ERROR_CORRUPT_MESSAGE;
        }
        sink->out->size += target.pos;
        if (compress_sink_is_over(sink)) {
            return ERROR_TOO_LARGE;
        }
        if (hint == 0 && source.pos == source.size) {
            return 0;
        }
        if (target.pos == 0 && source.pos == consumed) {
            return ERROR_CORRUPT_MESSAGE; /* wants more than there is */
        }
    }
}

static int compress_inflate_zstd(struct bytes input, struct compress_sink *sink)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL) {
        return ERROR_NO_MEMORY;
    }
    size_t result =
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, compress_zstd_window_log(sink->limit));
    check(!ZSTD_isError(result));
    int error = compress_inflate_zstd_frames(context, input, sink);
    ZSTD_freeDCtx(context);
    return error;
}

static int compress_inflate_to(enum compress_codec codec, struct bytes input,
                               struct compress_sink *sink)
{
    switch (codec) {
    case COMPRESS_NONE:
        return compress_inflate_none(input, sink);
    case COMPRESS_GZIP:
        return compress_inflate_gzip(input, sink);
    case COMPRESS_SNAPPY:
        return compress_is_xerial(input) ? compress_inflate_xerial(input, sink)
                                         : compress_inflate_block(input, sink);
    case COMPRESS_LZ4:
        return compress_inflate_lz4(input, sink);
    case COMPRESS_ZSTD:
        return compress_inflate_zstd(input, sink);
    case COMPRESS_CODEC_COUNT:
        break;
    }
    return ERROR_UNSUPPORTED_COMPRESSION_TYPE;
}

int compress_inflate(enum compress_codec codec, struct bytes input, size_t size_limit,
                     struct buffer *out)
{
    check(size_limit < SIZE_MAX / 4);
    struct compress_sink sink = {.out = out, .start = out->size, .limit = size_limit};
    int error = compress_inflate_to(codec, input, &sink);
    if (error != 0) {
        out->size = sink.start;
    }
    return error;
}
