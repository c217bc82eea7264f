/* Shows that each codec gives back what it got, reads what other writers make (raw snappy, several
 * gzip members), refuses damage and rubbish, and does not allocate what a bomb asks for. */
#include "log/base/error.h"
#include "log/wire/compress.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { LIMIT = 1024 * 1024 };

/* Half text, half noise, so that every codec has something to do. */
static void fill(struct buffer *out, size_t size)
{
    uint64_t state = 1;
    while (out->size < size) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if ((state >> 60) < 8) {
            buffer_add_string(out, "some text that repeats ");
        } else {
            buffer_add(out, &state, sizeof state);
        }
    }
    out->size = size;
}

static void expect_round_trip(enum compress_codec codec, int level, size_t size)
{
    struct buffer input, packed, output;
    buffer_init(&input);
    buffer_init(&packed);
    buffer_init(&output);
    fill(&input, size);
    buffer_add_string(&packed, "before");
    buffer_add_string(&output, "before");
    assert_int_equal(compress_deflate(codec, level, buffer_bytes(&input), &packed), 0);
    struct bytes body = bytes_make(packed.data + 6, packed.size - 6);
    /* The limit is exact. */
    assert_int_equal(compress_inflate(codec, body, size, &output), 0);
    assert_int_equal(output.size, size + 6);
    assert_memory_equal(output.data, "before", 6);
    assert_true(bytes_equal(bytes_make(output.data + 6, size), buffer_bytes(&input)));
    if (size > 0) {
        output.size = 6;
        assert_int_equal(compress_inflate(codec, body, size - 1, &output), ERROR_TOO_LARGE);
        assert_int_equal(output.size, 6);
    }
    buffer_fini(&input);
    buffer_fini(&packed);
    buffer_fini(&output);
}

static void every_codec_gives_back_what_it_got(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 32768, 32769, 300000};
    for (unsigned codec = 0; codec < COMPRESS_CODEC_COUNT; codec++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            expect_round_trip((enum compress_codec)codec, COMPRESS_LEVEL_DEFAULT, sizes[i]);
        }
    }
    expect_round_trip(COMPRESS_GZIP, 1, 5000);
    expect_round_trip(COMPRESS_GZIP, 9, 5000);
    expect_round_trip(COMPRESS_LZ4, 9, 5000);
    expect_round_trip(COMPRESS_ZSTD, 19, 5000);
    expect_round_trip(COMPRESS_ZSTD, -5, 5000);
}

static void a_level_that_gzip_lacks_is_invalid(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(compress_deflate(COMPRESS_GZIP, 10, BYTES_LITERAL("x"), &out), ERROR_INVALID);
    assert_int_equal(out.size, 0);
    buffer_fini(&out);
}

static void damage_never_passes_the_limit_or_the_input(void **state)
{
    (void)state;
    struct buffer input, packed, output;
    buffer_init(&input);
    buffer_init(&packed);
    buffer_init(&output);
    fill(&input, 600);
    for (unsigned codec = COMPRESS_GZIP; codec < COMPRESS_CODEC_COUNT; codec++) {
        buffer_clear(&packed);
        assert_int_equal(compress_deflate((enum compress_codec)codec, COMPRESS_LEVEL_DEFAULT,
                                          buffer_bytes(&input), &packed),
                         0);
        for (size_t cut = 0; cut < packed.size; cut++) {
            uint8_t *copy = malloc(cut + 1);
            memcpy(copy, packed.data, cut);
            buffer_clear(&output);
            int error =
                compress_inflate((enum compress_codec)codec, bytes_make(copy, cut), 5000, &output);
            /* A xerial stream of no chunks is empty, not damaged. */
            bool is_empty_stream = codec == COMPRESS_SNAPPY && cut == 16;
            assert_true(is_empty_stream ? error == 0 : error < 0);
            assert_int_equal(output.size, 0);
            free(copy);
        }
        for (size_t place = 0; place < packed.size; place++) {
            uint8_t *copy = malloc(packed.size);
            memcpy(copy, packed.data, packed.size);
            copy[place] ^= (uint8_t)(1 + place * 37);
            buffer_clear(&output);
            int error = compress_inflate((enum compress_codec)codec, bytes_make(copy, packed.size),
                                         5000, &output);
            assert_true(error <= 0);
            assert_true(output.capacity <= 5001 || output.capacity <= 64);
            free(copy);
        }
    }
    buffer_fini(&input);
    buffer_fini(&packed);
    buffer_fini(&output);
}

static void rubbish_behind_the_end_is_refused(void **state)
{
    (void)state;
    struct buffer packed, output;
    buffer_init(&packed);
    buffer_init(&output);
    for (unsigned codec = COMPRESS_GZIP; codec < COMPRESS_CODEC_COUNT; codec++) {
        buffer_clear(&packed);
        assert_int_equal(compress_deflate((enum compress_codec)codec, COMPRESS_LEVEL_DEFAULT,
                                          BYTES_LITERAL("hello hello hello"), &packed),
                         0);
        buffer_add_string(&packed, "rubbish");
        assert_int_equal(
            compress_inflate((enum compress_codec)codec, buffer_bytes(&packed), LIMIT, &output),
            ERROR_CORRUPT_MESSAGE);
        assert_int_equal(output.size, 0);
    }
    buffer_fini(&packed);
    buffer_fini(&output);
}

static void frames_end_to_end_are_one_original(void **state)
{
    (void)state;
    static const enum compress_codec codecs[] = {COMPRESS_GZIP, COMPRESS_SNAPPY, COMPRESS_ZSTD};
    struct buffer packed, output;
    buffer_init(&packed);
    buffer_init(&output);
    for (size_t i = 0; i < 3; i++) {
        buffer_clear(&packed);
        buffer_clear(&output);
        for (int part = 0; part < 3; part++) {
            assert_int_equal(compress_deflate(codecs[i], COMPRESS_LEVEL_DEFAULT,
                                              BYTES_LITERAL("member "), &packed),
                             0);
        }
        assert_int_equal(compress_inflate(codecs[i], buffer_bytes(&packed), LIMIT, &output), 0);
        assert_string_equal(buffer_string(&output), "member member member ");
    }
    buffer_fini(&packed);
    buffer_fini(&output);
}

static void raw_snappy_is_read(void **state)
{
    (void)state;
    /* 11 bytes: a literal of 3 and a copy of 8 from 3 bytes back. */
    const uint8_t raw[] = {11, 2 << 2, 'a', 'b', 'c', (8 - 4) << 2 | 1, 3};
    struct buffer output;
    buffer_init(&output);
    assert_int_equal(compress_inflate(COMPRESS_SNAPPY, bytes_make(raw, sizeof raw), LIMIT, &output),
                     0);
    assert_string_equal(buffer_string(&output), "abcabcabcab");
    buffer_fini(&output);
}

static void a_snappy_size_that_lies_allocates_nothing(void **state)
{
    (void)state;
    const uint8_t raw[] = {0xff, 0xff, 0xff, 0xff, 0x07, 0, 'a'};
    struct buffer output;
    buffer_init(&output);
    assert_int_equal(
        compress_inflate(COMPRESS_SNAPPY, bytes_make(raw, sizeof raw), INT32_MAX, &output),
        ERROR_CORRUPT_MESSAGE);
    assert_int_equal(output.capacity, 0);
    buffer_fini(&output);
}

/* A gibibyte of zeros, streamed into gzip without ever being in memory. */
static void make_gzip_bomb(struct buffer *out)
{
    static uint8_t zeros[LIMIT];
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 1024; i++) {
        stream.next_in = zeros;
        stream.avail_in = sizeof zeros;
        do {
            stream.next_out = buffer_reserve(out, 65536);
            stream.avail_out = 65536;
            deflate(&stream, i == 1023 ? Z_FINISH : Z_NO_FLUSH);
            out->size += 65536 - stream.avail_out;
        } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
}

static void make_zstd_bomb(struct buffer *out)
{
    static uint8_t zeros[LIMIT];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    for (int i = 0; i < 1024; i++) {
        ZSTD_inBuffer source = {zeros, sizeof zeros, 0};
        size_t left = 1;
        while (source.pos < source.size || (i == 1023 && left != 0)) {
            ZSTD_outBuffer target = {buffer_reserve(out, 65536), 65536, 0};
            left = ZSTD_compressStream2(context, &target, &source,
                                        i == 1023 ? ZSTD_e_end : ZSTD_e_continue);
            out->size += target.pos;
        }
    }
    ZSTD_freeCCtx(context);
}

static void expect_bomb_refused(enum compress_codec codec, void (*make)(struct buffer *out))
{
    struct buffer bomb, output;
    buffer_init(&bomb);
    buffer_init(&output);
    make(&bomb);
    assert_int_equal(compress_inflate(codec, buffer_bytes(&bomb), LIMIT, &output), ERROR_TOO_LARGE);
    assert_int_equal(output.size, 0);
    assert_true(output.capacity <= LIMIT + 1);
    buffer_fini(&bomb);
    buffer_fini(&output);
}

static void bombs_are_refused_at_the_limit(void **state)
{
    (void)state;
    expect_bomb_refused(COMPRESS_GZIP, make_gzip_bomb);
    expect_bomb_refused(COMPRESS_ZSTD, make_zstd_bomb);
}

static void names_and_codecs_match(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COMPRESS_CODEC_COUNT; i++) {
        enum compress_codec codec = COMPRESS_CODEC_COUNT;
        assert_int_equal(compress_codec_parse(compress_codec_name((enum compress_codec)i), &codec),
                         0);
        assert_int_equal(codec, i);
    }
    enum compress_codec codec;
    assert_int_equal(compress_codec_parse("brotli", &codec), ERROR_INVALID);
    assert_null(compress_codec_name((enum compress_codec)7));
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(compress_inflate((enum compress_codec)7, BYTES_LITERAL("x"), LIMIT, &out),
                     ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_back_what_it_got),
        cmocka_unit_test(a_level_that_gzip_lacks_is_invalid),
        cmocka_unit_test(damage_never_passes_the_limit_or_the_input),
        cmocka_unit_test(rubbish_behind_the_end_is_refused),
        cmocka_unit_test(frames_end_to_end_are_one_original),
        cmocka_unit_test(raw_snappy_is_read),
        cmocka_unit_test(a_snappy_size_that_lies_allocates_nothing),
        cmocka_unit_test(bombs_are_refused_at_the_limit),
        cmocka_unit_test(names_and_codecs_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
