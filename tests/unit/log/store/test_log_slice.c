/* Shows that a slice is what was asked for, to the batch, wherever it begins and ends; that its
 * bytes can be read in any pieces, cached or not; and that it outlives what happens to its log. */
#include "log/store/log_slice.h"
#include "tests/unit/log/store/fixture.h"

enum { MODEL_BATCHES_MAX = 400 };

/* Where the batches are, as the test knows it. */
struct model {
    struct {
        int64_t base_offset;
        int64_t next_offset;
        size_t size;
    } batches[MODEL_BATCHES_MAX];
    int count;
    struct buffer bytes;
};

static void append_random(struct fixture *fixture, struct model *model, int count, uint64_t seed)
{
    for (int i = 0; i < count; i++) {
        struct log_append out;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int records = 1 + (int)((seed >> 33) % 4);
        size_t value_size = (seed >> 40) % 8 == 0 ? 3000 : (seed >> 45) % 200;
        fixture_build(fixture, NULL, records, 1000 + i, value_size, COMPRESS_NONE);
        assert_int_equal(fixture_append_built(fixture, &out), 0);
        model->batches[model->count].base_offset = out.base_offset;
        model->batches[model->count].next_offset = out.last_offset + 1;
        model->batches[model->count++].size = fixture->batch.size;
        buffer_add_bytes(&model->bytes, buffer_bytes(&fixture->batch));
    }
}

struct opening {
    struct log_slice slice;
    int error;
    bool is_done;
};

static void on_opened(struct log_slice *slice, int error)
{
    struct opening *opening = slice->owner;
    opening->error = error;
    opening->is_done = true;
}

static bool is_done(void *owner)
{
    return ((struct opening *)owner)->is_done;
}

static void await(struct fixture *fixture, struct opening *opening)
{
    assert_true(sim_run_until(fixture->sim, is_done, opening, 10 * FIXTURE_SECOND));
}

static int open_slice(struct fixture *fixture, struct opening *opening, int64_t offset,
                      int64_t limit_offset, size_t size_max, bool is_first_whole)
{
    *opening = (struct opening){.slice = {.offset = offset,
                                          .limit_offset = limit_offset,
                                          .size_max = size_max,
                                          .is_first_whole = is_first_whole,
                                          .done = on_opened,
                                          .owner = opening}};
    if (!log_slice_open(fixture->log, &opening->slice, &opening->error)) {
        await(fixture, opening);
    }
    return opening->error;
}

/* The bytes of the slice, in pieces. */
static void read_slice(struct fixture *fixture, struct opening *opening, size_t piece_size,
                       struct buffer *out)
{
    buffer_clear(out);
    for (size_t at = 0; at < opening->slice.size; at += piece_size) {
        size_t left = opening->slice.size - at;
        size_t size = left < piece_size ? left : piece_size;
        uint8_t *place = buffer_reserve(out, size);
        opening->is_done = false;
        if (!log_slice_read(&opening->slice, at, place, size, &opening->error)) {
            await(fixture, opening);
        }
        assert_int_equal(opening->error, 0);
        out->size += size;
    }
}

/* What a slice must hold: batches from the one with the offset on, none at or beyond the limit, as
 * many as fit, but not more than its segment has. */
static struct bytes expect(const struct model *model, const struct opening *opening)
{
    size_t position = 0;
    int i = 0;
    while (i < model->count && model->batches[i].next_offset <= opening->slice.offset) {
        position += model->batches[i++].size;
    }
    size_t size = 0;
    while (i < model->count && model->batches[i].next_offset <= opening->slice.limit_offset) {
        bool fits = size + model->batches[i].size <= opening->slice.size_max;
        if (!fits && (size > 0 || !opening->slice.is_first_whole)) {
            break;
        }
        size += model->batches[i++].size;
    }
    return bytes_make(model->bytes.data + position, size);
}

static bool is_batch_end(const struct model *model, size_t position)
{
    size_t at = 0;
    for (int i = 0; i < model->count && at < position; i++) {
        at += model->batches[i].size;
    }
    return at == position;
}

static void compare_random_slices(struct fixture *fixture, const struct model *model, int count)
{
    struct buffer bytes;
    buffer_init(&bytes);
    int64_t end_offset = log_end_offset(fixture->log);
    int short_count = 0;
    for (int i = 0; i < count; i++) {
        struct opening opening;
        int64_t offset = (int64_t)sim_random(fixture->sim, (uint64_t)end_offset);
        int64_t limit_offset =
            offset + (int64_t)sim_random(fixture->sim, (uint64_t)(end_offset - offset) + 1);
        if (sim_random(fixture->sim, 3) == 0) {
            limit_offset = log_flushed_offset(fixture->log);
        }
        size_t size_max = sim_random(fixture->sim, sim_random(fixture->sim, 2) ? 3000 : 20000);
        bool is_first_whole = sim_random(fixture->sim, 2) == 0;
        assert_int_equal(
            open_slice(fixture, &opening, offset, limit_offset, size_max, is_first_whole), 0);
        read_slice(fixture, &opening, 1 + sim_random(fixture->sim, 9000), &bytes);
        struct bytes expected = expect(model, &opening);
        log_slice_close(&opening.slice);
        if (bytes.size < expected.size) { /* only where a segment ends */
            size_t position = (size_t)(expected.data - model->bytes.data) + bytes.size;
            assert_true(bytes.size > 0 && is_batch_end(model, position));
            expected.size = bytes.size;
            short_count++;
        }
        assert_true(bytes_equal(buffer_bytes(&bytes), expected));
        store_check(fixture->store);
    }
    assert_true(short_count < count / 4);
    buffer_fini(&bytes);
}

static void slices_of_any_log_are_what_was_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.count = 0};
    fixture->settings.segment_size = 90000;
    log_set_settings(fixture->log, &fixture->settings);
    append_random(fixture, &model, 200, 11);
    compare_random_slices(fixture, &model, 1000);
    fixture_settle(fixture);
    append_random(fixture, &model, 100, 12); /* these are not flushed */
    compare_random_slices(fixture, &model, 1000);
    buffer_fini(&model.bytes);
}

static void slices_come_from_the_disk_as_well(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.count = 0};
    fixture->settings.segment_size = 90000;
    log_set_settings(fixture->log, &fixture->settings);
    append_random(fixture, &model, 200, 13);
    fixture_settle(fixture);
    sim_plan(fixture->sim, 0)->read_again = 500000;
    compare_random_slices(fixture, &model, 500);
    sim_plan(fixture->sim, 0)->read_again = 1000000;
    compare_random_slices(fixture, &model, 200);
    buffer_fini(&model.bytes);
}

static void a_reader_that_goes_on_looks_at_one_place_only(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.count = 0};
    append_random(fixture, &model, 100, 14);
    fixture_settle(fixture);
    struct opening opening;
    int64_t offset = 0;
    while (offset < log_end_offset(fixture->log)) {
        uint64_t before = sim_operation_count(fixture->sim, 0);
        assert_int_equal(
            open_slice(fixture, &opening, offset, log_flushed_offset(fixture->log), 4000, true), 0);
        assert_true(sim_operation_count(fixture->sim, 0) - before <= 4);
        assert_true(opening.slice.size > 0);
        struct buffer bytes;
        buffer_init(&bytes);
        read_slice(fixture, &opening, 64 << 10, &bytes);
        for (size_t at = 0; at < bytes.size;) {
            struct batch batch;
            assert_int_equal(
                batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, NULL), 0);
            assert_int_equal(batch.base_offset, offset);
            offset = batch_next_offset(&batch);
            at += batch.bytes.size;
        }
        buffer_fini(&bytes);
        log_slice_close(&opening.slice);
    }
    buffer_fini(&model.bytes);
}

static void a_slice_can_be_read_after_its_log_was_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.count = 0};
    append_random(fixture, &model, 20, 15);
    fixture_settle(fixture);
    struct opening opening;
    struct buffer bytes;
    buffer_init(&bytes);
    assert_int_equal(
        open_slice(fixture, &opening, 0, log_flushed_offset(fixture->log), 1 << 20, true), 0);
    assert_int_equal(opening.slice.size, model.bytes.size);
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    fixture->log = NULL;
    sim_run(fixture->sim, sim_now(fixture->sim) + 100 * FIXTURE_SECOND);
    read_slice(fixture, &opening, 5000, &bytes);
    assert_true(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&model.bytes)));
    log_slice_close(&opening.slice);
    buffer_fini(&bytes);
    buffer_fini(&model.bytes);
}

static void bytes_that_were_cut_off_are_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct opening opening;
    uint8_t place[10];
    fixture_append(fixture, 1);
    fixture_append(fixture, 1);
    fixture_settle(fixture);
    assert_int_equal(open_slice(fixture, &opening, 0, 2, 1 << 20, true), 0);
    assert_int_equal(log_truncate(fixture->log, 1), 0);
    fixture_append(fixture, 1);
    int error = 0;
    assert_true(log_slice_read(&opening.slice, 0, place, sizeof place, &error));
    assert_int_equal(error, ERROR_CANCELLED);
    log_slice_close(&opening.slice);
}

static void a_file_shorter_than_its_segment_is_damage(void **state)
{
    struct fixture *fixture = *state;
    struct opening opening;
    fixture_append(fixture, 5);
    fixture_settle(fixture);
    assert_int_equal(open_slice(fixture, &opening, 0, 5, 1 << 20, true), 0);
    struct io *io = sim_io(fixture->sim, 0);
    struct io_file *file = NULL;
    assert_int_equal(
        io_file_open(io, "/data/orders-0/00000000000000000000.log", IO_OPEN_WRITE, &file), 0);
    assert_int_equal(io_file_truncate(io, file, 30), 0);
    io_file_close(io, file);
    uint8_t place[100];
    opening.is_done = false;
    if (!log_slice_read(&opening.slice, 0, place, sizeof place, &opening.error)) {
        await(fixture, &opening);
    }
    assert_int_equal(opening.error, ERROR_CORRUPT);
    log_slice_close(&opening.slice);
    log_slice_close(&opening.slice); /* once more is fine */
}

/* A small batch of the model at the end. */
static void append_small(struct fixture *fixture, struct model *model)
{
    struct log_append out;
    fixture_build(fixture, NULL, 1, 1000, 50, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    model->batches[model->count].base_offset = out.base_offset;
    model->batches[model->count].next_offset = out.last_offset + 1;
    model->batches[model->count++].size = fixture->batch.size;
    buffer_add_bytes(&model->bytes, buffer_bytes(&fixture->batch));
}

static int read_count;

static enum sim_verdict count_reads(void *owner, const struct sim_call *call)
{
    (void)owner;
    read_count += call->operation == SIM_FILE_READ;
    return SIM_GO_ON;
}

/* Opens and reads what lies from the offset on, and compares; how often the file was read. */
static int follow(struct fixture *fixture, const struct model *model, int64_t offset)
{
    struct opening opening;
    struct buffer bytes;
    buffer_init(&bytes);
    read_count = 0;
    assert_int_equal(
        open_slice(fixture, &opening, offset, log_end_offset(fixture->log), 1 << 20, true), 0);
    read_slice(fixture, &opening, 100, &bytes);
    assert_true(bytes_equal(buffer_bytes(&bytes), expect(model, &opening)));
    log_slice_close(&opening.slice);
    store_check(fixture->store);
    buffer_fini(&bytes);
    return read_count;
}

/* The first time nobody has kept it; from then on every small batch at the end is at hand. */
static void who_follows_reads_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.count = 0};
    buffer_init(&model.bytes);
    append_small(fixture, &model);
    sim_on_operation(fixture->sim, count_reads, NULL);
    assert_true(follow(fixture, &model, 0) > 0);
    for (int64_t offset = 1; offset < 100; offset++) {
        append_small(fixture, &model);
        assert_int_equal(follow(fixture, &model, offset), 0);
        if (offset % 10 == 0) { /* another, a little behind */
            follow(fixture, &model, offset - 2);
        }
    }
    for (int i = 0; i < 70; i++) { /* nobody reads for long */
        append_small(fixture, &model);
    }
    assert_true(follow(fixture, &model, 169) > 0);
    append_small(fixture, &model);
    assert_int_equal(follow(fixture, &model, 170), 0);
    sim_on_operation(fixture->sim, NULL, NULL);
    buffer_fini(&model.bytes);
}

/* What is held stays readable, whatever becomes of the log; what was cut is not. */
static void newest_bytes_outlive_their_log_and_no_cut(void **state)
{
    struct fixture *fixture = *state;
    struct model model = {.count = 0};
    struct opening opening;
    struct buffer bytes;
    buffer_init(&model.bytes);
    buffer_init(&bytes);
    append_small(fixture, &model);
    follow(fixture, &model, 0);
    append_small(fixture, &model);
    append_small(fixture, &model);
    assert_int_equal(open_slice(fixture, &opening, 1, 3, 1 << 20, true), 0);
    assert_int_equal(log_truncate(fixture->log, 2), 0);
    uint8_t byte = 0;
    int error = 0;
    assert_true(log_slice_read(&opening.slice, 0, &byte, 1, &error));
    assert_int_equal(error, ERROR_CANCELLED);
    log_slice_close(&opening.slice);
    model.count = 2;
    model.bytes.size -= fixture->batch.size;
    append_small(fixture, &model);
    follow(fixture, &model, 1);
    append_small(fixture, &model);
    assert_int_equal(open_slice(fixture, &opening, 3, 4, 1 << 20, true), 0);
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    sim_on_operation(fixture->sim, count_reads, NULL);
    read_count = 0;
    read_slice(fixture, &opening, 10, &bytes);
    assert_int_equal(read_count, 0);
    assert_true(bytes_equal(buffer_bytes(&bytes), expect(&model, &opening)));
    log_slice_close(&opening.slice);
    sim_on_operation(fixture->sim, NULL, NULL);
    buffer_fini(&model.bytes);
    buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        CASE(slices_of_any_log_are_what_was_asked_for),
        CASE(slices_come_from_the_disk_as_well),
        CASE(a_reader_that_goes_on_looks_at_one_place_only),
        CASE(a_slice_can_be_read_after_its_log_was_deleted),
        CASE(bytes_that_were_cut_off_are_not_read),
        CASE(a_file_shorter_than_its_segment_is_damage),
        CASE(who_follows_reads_no_file),
        CASE(newest_bytes_outlive_their_log_and_no_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
