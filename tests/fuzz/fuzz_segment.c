/* Feeds bytes to recovery as the only segment of a log.
 *
 *      0  1  bit 0: the marker of a clean shutdown is there; bit 1: a recovery point is;
 *            bit 2: batches get a good CRC; bit 3: a leader-epoch-checkpoint is there
 *      1  1  the recovery point: offset
 *      2  2  and position
 *      4     00000000000000000000.log
 *
 * Promises: a store opens over any segment; the log is cut to what is whole or offline, with all
 * invariants kept; everything it says it has can be read, or below the recovery point is found to
 * be damaged; opening again after a loss of power, or
 * after a clean end, gives the same; a log that is online takes another batch. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/log_points.h"
#include "log/store/log_read.h"
#include "log/store/partition_metadata.h"
#include "log/store/small_file.h"
#include "log/store/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"
#include "tests/sim/sim.h"

enum {
    FUZZ_HEAD_SIZE = 4,
    FUZZ_CLEAN = 1 << 0,
    FUZZ_POINT = 1 << 1,
    FUZZ_CRC = 1 << 2,
    FUZZ_EPOCHS = 1 << 3,
    FUZZ_READ_SIZE = 1 << 20,
    FUZZ_INFLATED_MAX = 1 << 20,
    FUZZ_MEMORY_FACTOR = 16,
    FUZZ_MEMORY_MIN = 16 << 20,
    FUZZ_BATCH_LENGTH_PLACE = 8,
    FUZZ_BATCH_CRC_PLACE = 17,
    FUZZ_BATCH_ATTRIBUTES_PLACE = 21,
    FUZZ_BATCH_SIZE_MIN = 61,
};

struct fuzz_end {
    int status;
    int64_t start_offset;
    int64_t end_offset;
    int64_t size;
};

static void fuzz_write_crcs(struct buffer *segment)
{
    size_t at = 0;
    while (segment->size - at >= FUZZ_BATCH_SIZE_MIN) {
        uint8_t *batch = segment->data + at;
        int32_t length = endian_read_i32(batch + FUZZ_BATCH_LENGTH_PLACE);
        size_t size = (size_t)(uint32_t)length + FUZZ_BATCH_LENGTH_PLACE + 4;
        if (length < 0 || size > segment->size - at || size < FUZZ_BATCH_SIZE_MIN) {
            return;
        }
        endian_write_u32(batch + FUZZ_BATCH_CRC_PLACE,
                         crc32c_update(0, batch + FUZZ_BATCH_ATTRIBUTES_PLACE,
                                       size - FUZZ_BATCH_ATTRIBUTES_PLACE));
        at += size;
    }
}

static void fuzz_prepare(struct io *io, const uint8_t *head, struct bytes content)
{
    struct wire_uuid id = {{1, 2, 3}};
    struct buffer segment;
    buffer_init(&segment);
    buffer_add_bytes(&segment, content);
    if (head[0] & FUZZ_CRC) {
        fuzz_write_crcs(&segment);
    }
    check(io_dir_make(io, "/data") == 0);
    check(io_dir_make(io, "/data/orders-0") == 0);
    check(partition_metadata_write(io, "/data/orders-0", id) == 0);
    check(partition_metadata_sync(io, "/data/orders-0") == 0);
    check(io_dir_sync(io, "/data") == 0);
    check(io_dir_sync(io, "/") == 0);
    check(small_file_write(io, "/data/orders-0", "00000000000000000000.log",
                           buffer_bytes(&segment)) == 0);
    buffer_fini(&segment);
    if (head[0] & FUZZ_EPOCHS) {
        check(small_file_write(io, "/data/orders-0", "leader-epoch-checkpoint",
                               BYTES_LITERAL("0\n2\n0 0\n3 2\n")) == 0);
    }
    if (head[0] & FUZZ_CLEAN) {
        check(small_file_write(io, "/data", ".kafka_cleanshutdown", BYTES_LITERAL("")) == 0);
    }
    if (head[0] & FUZZ_POINT) {
        struct log_points points;
        log_points_init(&points);
        struct log_point point = {
            .recovery_offset = head[1],
            .position = endian_read_i16(head + 2) & INT16_MAX,
            .has_producers = 1,
        };
        log_points_put(&points, "orders-0", &point);
        check(log_points_write(&points, io, "/data") == 0);
        log_points_fini(&points);
    }
}

static struct store *fuzz_open(struct sim *sim)
{
    struct store_options options = store_options_default("/data");
    struct report report = {.text = ""};
    struct store *store = NULL;
    check(store_open(sim_io(sim, 0), &options, &store, &report) == 0);
    store_check(store);
    return store;
}

/* Walks over everything, as a fetcher does that looks into the records. */
static int fuzz_read_all(struct log *log)
{
    int64_t offset = log_start_offset(log);
    while (offset < log_end_offset(log)) {
        struct log_read read = {
            .offset = offset,
            .limit_offset = log_end_offset(log),
            .size_max = FUZZ_READ_SIZE,
            .is_first_whole = true,
            .may_wait = true,
        };
        int error = 0;
        buffer_init(&read.bytes);
        check(log_read(log, &read, &error));
        if (error != 0 || read.bytes.size == 0) {
            buffer_fini(&read.bytes);
            return error != 0 ? error : ERROR_CORRUPT;
        }
        struct bytes rest = buffer_bytes(&read.bytes);
        while (rest.size > 0) {
            struct batch batch;
            check(batch_read_header(rest, &batch, NULL) == 0);
            check(batch_crc_matches(&batch));
            if (batch_next_offset(&batch) <= offset) {
                buffer_fini(&read.bytes);
                return ERROR_CORRUPT; /* no CRC covers the offset */
            }
            offset = batch_next_offset(&batch);
            rest = bytes_make(rest.data + batch.bytes.size, rest.size - batch.bytes.size);
        }
        buffer_fini(&read.bytes);
    }
    return 0;
}

static struct fuzz_end fuzz_look(struct store *store, bool is_believed)
{
    struct log *log = store_find_log(store, "orders", 0);
    struct fuzz_end end = {.status = ERROR_NOT_FOUND};
    struct log_position found;
    if (log == NULL) {
        return end;
    }
    end = (struct fuzz_end){log_status(log), log_start_offset(log), log_end_offset(log),
                            log_size(log)};
    check(end.start_offset <= end.end_offset);
    if (end.status != 0) {
        check(end.status == ERROR_CORRUPT);
        return end;
    }
    /* What lies below a recovery point is believed; whoever reads it learns of damage. */
    int error = fuzz_read_all(log);
    check(error == 0 || (is_believed && error == ERROR_CORRUPT));
    check(log_find_time(log, 0, end.end_offset, &found) <= 0); /* looks into records */
    error = log_check_replay(log);
    check(error == 0 || (is_believed && error == ERROR_CORRUPT));
    log_find_epoch(log, INT32_MAX, &found);
    return end;
}

static void fuzz_same(struct fuzz_end left, struct fuzz_end right)
{
    check(left.status == right.status);
    check(left.start_offset == right.start_offset);
    check(left.end_offset == right.end_offset);
    check(left.size == right.size);
}

static void fuzz_append(struct store *store, bool is_believed)
{
    struct log *log = store_find_log(store, "orders", 0);
    struct batch_builder builder;
    struct buffer batch;
    struct log_append append;
    buffer_init(&batch);
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1, BYTES_LITERAL("k"), BYTES_LITERAL("v"), NULL, 0);
    check(batch_builder_finish(&builder, &batch) == 0);
    int64_t end_offset = log_end_offset(log);
    int32_t epoch = log_last_epoch(log);
    int error =
        log_append(log, batch.data, batch.size, epoch < 0 ? 0 : epoch, LOG_ORIGIN_CLIENT, &append);
    check(error == 0 || (is_believed && error == ERROR_CORRUPT));
    check(error != 0 || append.base_offset == end_offset);
    check(log_end_offset(log) == end_offset + (error == 0));
    store_check(store);
    batch_builder_fini(&builder);
    buffer_fini(&batch);
}

static void fuzz_on_closed(void *owner)
{
    *(bool *)owner = true;
}

static bool fuzz_is_closed(void *owner)
{
    return *(const bool *)owner;
}

static void fuzz_close(struct sim *sim, struct store *store)
{
    bool is_closed = false;
    store_close(store, fuzz_on_closed, &is_closed);
    check(sim_run_until(sim, fuzz_is_closed, &is_closed, UINT64_C(1000000000000)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FUZZ_HEAD_SIZE) {
        return 0;
    }
    trace_set_stream(NULL);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    struct sim *sim = sim_new(1, 1);
    bool is_clean = data[0] & FUZZ_CLEAN;
    bool is_believed = data[0] & FUZZ_POINT;
    fuzz_prepare(sim_io(sim, 0), data, bytes_make(data + FUZZ_HEAD_SIZE, size - FUZZ_HEAD_SIZE));
    struct store *store = fuzz_open(sim);
    struct fuzz_end first = fuzz_look(store, is_believed);
    sim_crash(sim, 0);
    store_abandon(store);
    store = fuzz_open(sim);
    struct fuzz_end second = fuzz_look(store, is_believed);
    if (!is_clean) {
        fuzz_same(first, second);
    }
    fuzz_close(sim, store);
    store = fuzz_open(sim);
    struct fuzz_end third = fuzz_look(store, is_believed);
    fuzz_same(second, third);
    if (third.status == 0) {
        fuzz_append(store, is_believed);
    }
    fuzz_close(sim, store);
    sim_free(sim);
    return 0;
}
