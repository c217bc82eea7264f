/* Shows that frames come out as they were put in however the stream is cut, that memory follows
 * the bytes that arrived, and that impossible sizes are refused before anything is allocated. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/net/framer.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { TEST_LIMIT = 1 << 20 };

struct taken {
    struct framer *framer;
    struct buffer frames; /* each with its size in front again */
    size_t count;
    const uint8_t *last; /* where the last frame lay */
    int answer;
};

static int take_frame(void *owner, struct bytes frame)
{
    struct taken *taken = owner;
    uint8_t prefix[4];
    endian_write_u32(prefix, (uint32_t)frame.size);
    buffer_add(&taken->frames, prefix, sizeof prefix);
    buffer_add_bytes(&taken->frames, frame);
    taken->count++;
    taken->last = frame.data;
    return taken->answer;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void add_frame(struct buffer *stream, size_t size, uint8_t fill)
{
    uint8_t prefix[4];
    endian_write_u32(prefix, (uint32_t)size);
    buffer_add(stream, prefix, sizeof prefix);
    if (size > 0) {
        memset(buffer_reserve(stream, size), fill, size);
    }
    stream->size += size;
}

static void frames_survive_any_cutting_of_the_stream(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        struct buffer stream = {0};
        size_t count = 1 + next_random(&random) % 20;
        for (size_t i = 0; i < count; i++) {
            size_t size = next_random(&random) % (i % 5 == 0 ? 20000 : 9);
            add_frame(&stream, size, (uint8_t)next_random(&random));
        }
        struct framer framer;
        framer_init(&framer, TEST_LIMIT);
        struct taken taken = {.framer = &framer};
        size_t at = 0;
        while (at < stream.size) {
            size_t part = 1 + next_random(&random) % (seed % 3 == 0 ? 3 : 9000);
            part = part < stream.size - at ? part : stream.size - at;
            assert_int_equal(framer_feed(&framer, stream.data + at, part, take_frame, &taken), 0);
            framer_check(&framer);
            at += part;
        }
        assert_int_equal(taken.count, count);
        assert_int_equal(taken.frames.size, stream.size);
        assert_memory_equal(taken.frames.data, stream.data, stream.size);
        assert_int_equal(framer_held_size(&framer), 0);
        framer_fini(&framer);
        buffer_fini(&stream);
        buffer_fini(&taken.frames);
    }
}

static void a_whole_frame_is_not_copied(void **state)
{
    (void)state;
    struct buffer stream = {0};
    add_frame(&stream, 10, 'a');
    add_frame(&stream, 20, 'b');
    struct framer framer;
    framer_init(&framer, TEST_LIMIT);
    struct taken taken = {.framer = &framer};
    assert_int_equal(framer_feed(&framer, stream.data, stream.size, take_frame, &taken), 0);
    assert_int_equal(taken.count, 2);
    assert_ptr_equal(taken.last, stream.data + 14 + 4);
    framer_fini(&framer);
    buffer_fini(&stream);
    buffer_fini(&taken.frames);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    const struct {
        uint8_t prefix[4];
        int error;
    } rows[] = {
        {{0xff, 0xff, 0xff, 0xff}, ERROR_MALFORMED},
        {{0x80, 0, 0, 0}, ERROR_MALFORMED},
        {{0x00, 0x10, 0, 1}, ERROR_TOO_LARGE},
        {{0x7f, 0xff, 0xff, 0xff}, ERROR_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t first = 0; first <= 4; first++) {
            struct framer framer;
            framer_init(&framer, TEST_LIMIT);
            struct taken taken = {.framer = &framer};
            int error = framer_feed(&framer, rows[i].prefix, first, take_frame, &taken);
            if (error == 0) {
                error = framer_feed(&framer, rows[i].prefix + first, 4 - first, take_frame, &taken);
            }
            assert_int_equal(error, rows[i].error);
            assert_int_equal(framer.partial.capacity, 0);
            framer_fini(&framer);
        }
    }
}

static void memory_follows_what_arrived_not_what_was_announced(void **state)
{
    (void)state;
    struct framer framer;
    framer_init(&framer, 100 << 20);
    struct taken taken = {.framer = &framer};
    uint8_t prefix[4];
    uint8_t piece[1000] = {0};
    endian_write_u32(prefix, 100 << 20);
    assert_int_equal(framer_feed(&framer, prefix, 4, take_frame, &taken), 0);
    assert_int_equal(framer_feed(&framer, piece, sizeof piece, take_frame, &taken), 0);
    assert_true(framer.partial.capacity <= 8192);
    assert_int_equal(framer_held_size(&framer), 1004);
    framer_fini(&framer);
}

static void a_large_buffer_is_given_back_after_its_frame(void **state)
{
    (void)state;
    struct buffer stream = {0};
    add_frame(&stream, 500000, 'x');
    struct framer framer;
    framer_init(&framer, TEST_LIMIT);
    struct taken taken = {.framer = &framer};
    assert_int_equal(framer_feed(&framer, stream.data, 300000, take_frame, &taken), 0);
    assert_int_equal(
        framer_feed(&framer, stream.data + 300000, stream.size - 300000, take_frame, &taken), 0);
    assert_int_equal(taken.count, 1);
    assert_int_equal(framer.partial.capacity, 0);
    framer_fini(&framer);
    buffer_fini(&stream);
    buffer_fini(&taken.frames);
}

static void a_taker_stops_the_feeding(void **state)
{
    (void)state;
    struct buffer stream = {0};
    add_frame(&stream, 10, 'a');
    add_frame(&stream, 20, 'b');
    struct framer framer;
    framer_init(&framer, TEST_LIMIT);
    struct taken taken = {.framer = &framer, .answer = ERROR_CANCELLED};
    assert_int_equal(framer_feed(&framer, stream.data, stream.size, take_frame, &taken),
                     ERROR_CANCELLED);
    assert_int_equal(taken.count, 1);
    framer_fini(&framer);
    buffer_fini(&stream);
    buffer_fini(&taken.frames);
}

struct keeper {
    struct framer *framer;
    struct buffer kept;
    const uint8_t *lay;
};

static int keep_frame(void *owner, struct bytes frame)
{
    struct keeper *keeper = owner;
    keeper->lay = frame.data;
    buffer_fini(&keeper->kept);
    framer_keep(keeper->framer, frame, &keeper->kept);
    return 0;
}

static void a_kept_frame_in_pieces_stays_where_it_lay(void **state)
{
    (void)state;
    struct buffer stream = {0};
    add_frame(&stream, 5000, 'k');
    struct framer framer;
    framer_init(&framer, TEST_LIMIT);
    struct keeper keeper = {.framer = &framer};
    for (int round = 0; round < 2; round++) {
        assert_int_equal(framer_feed(&framer, stream.data, 100, keep_frame, &keeper), 0);
        assert_int_equal(
            framer_feed(&framer, stream.data + 100, stream.size - 100, keep_frame, &keeper), 0);
        assert_ptr_equal(keeper.kept.data, keeper.lay);
        assert_memory_equal(keeper.kept.data, stream.data + 4, 5000);
        assert_int_equal(framer.partial.capacity, 0);
    }
    assert_int_equal(framer_feed(&framer, stream.data, stream.size, keep_frame, &keeper), 0);
    assert_ptr_not_equal(keeper.kept.data, keeper.lay);
    assert_memory_equal(keeper.kept.data, stream.data + 4, 5000);
    buffer_fini(&keeper.kept);
    framer_fini(&framer);
    buffer_fini(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_survive_any_cutting_of_the_stream),
        cmocka_unit_test(a_whole_frame_is_not_copied),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(memory_follows_what_arrived_not_what_was_announced),
        cmocka_unit_test(a_large_buffer_is_given_back_after_its_frame),
        cmocka_unit_test(a_taker_stops_the_feeding),
        cmocka_unit_test(a_kept_frame_in_pieces_stays_where_it_lay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
