/* Feeds bytes to the readers of a data directory's small files.
 *
 *      0  1  's' a producer snapshot behind its CRC    'S' a whole one
 *            'i' a sparse index: how many entries (1), segment size (4), offsets (4), the files
 *            'e' leader-epoch-checkpoint               'm' partition.metadata
 *            'p' rows of recovery-points               'P' the whole file
 *            'k' recovery-point-offset-checkpoint
 *            'a' aborted transactions: segment's base offset (8), count of offsets (4), the file
 *      1     as said
 *
 * Promises: what was read keeps the invariants of its module and is written and read again as the
 * same; what is refused leaves no trace; memory follows the file. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/aborted_index.h"
#include "log/store/epoch_cache.h"
#include "log/store/log_points.h"
#include "log/store/partition_metadata.h"
#include "log/store/producer_state.h"
#include "log/store/small_file.h"
#include "log/store/sparse_index.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

enum { FUZZ_MEMORY_FACTOR = 64, FUZZ_MEMORY_MIN = 1 << 20, FUZZ_SNAPSHOT_HEAD = 6 };

static const char fuzz_directory[] = "/data";

static void fuzz_snapshot_again(const struct producer_state *state)
{
    struct producer_state again;
    struct buffer written;
    int64_t differs = 0;
    buffer_init(&written);
    producer_state_init(&again);
    producer_state_write(state, &written);
    check(producer_state_read(&again, buffer_bytes(&written)) == 0);
    producer_state_check(&again);
    check(producer_state_matches(state, &again, 0, INT64_MAX, &differs));
    check(again.has_lost == state->has_lost);
    check(producer_state_unstable_offset(&again) == producer_state_unstable_offset(state));
    producer_state_fini(&again);
    buffer_fini(&written);
}

static void fuzz_snapshot(struct bytes snapshot)
{
    struct producer_state state;
    producer_state_init(&state);
    int error = producer_state_read(&state, snapshot);
    if (error == 0) {
        producer_state_check(&state);
        check(!state.is_changed);
        fuzz_snapshot_again(&state);
        producer_state_on_flushed(&state, INT64_MAX);
        producer_state_expire(&state, INT64_MAX, 1);
        producer_state_check(&state);
    } else {
        check(error == ERROR_CORRUPT);
        check(state.entries.size == 0);
        check(list_is_empty(&state.transactions));
    }
    producer_state_fini(&state);
}

/* With a good CRC, so that what stands behind it is looked at. */
static void fuzz_snapshot_rest(struct bytes rest)
{
    struct buffer snapshot;
    buffer_init(&snapshot);
    uint8_t *head = buffer_reserve(&snapshot, FUZZ_SNAPSHOT_HEAD);
    endian_write_i16(head, 1);
    endian_write_u32(head + 2, crc32c_update(0, rest.data, rest.size));
    snapshot.size = FUZZ_SNAPSHOT_HEAD;
    buffer_add_bytes(&snapshot, rest);
    fuzz_snapshot(buffer_bytes(&snapshot));
    buffer_fini(&snapshot);
}

static void fuzz_aborts(struct bytes input)
{
    if (input.size < 12) {
        return;
    }
    int64_t base_offset = endian_read_i64(input.data) & INT64_MAX / 2;
    int64_t next_offset = base_offset + endian_read_u32(input.data + 8);
    input = bytes_make(input.data + 12, input.size - 12);
    struct aborted_index index;
    struct buffer again;
    aborted_index_init(&index);
    buffer_init(&again);
    if (aborted_index_read(&index, input, base_offset, next_offset) == 0) {
        aborted_index_check(&index);
        aborted_index_write(&index, &again);
        check(bytes_equal(buffer_bytes(&again), input));
    } else {
        check(index.count == 0);
    }
    aborted_index_fini(&index);
    buffer_fini(&again);
}

static void fuzz_index(struct bytes input)
{
    uint8_t count = fuzz_take_byte(&input);
    if (input.size < 8) {
        return;
    }
    int32_t segment_size = endian_read_i32(input.data) & INT32_MAX;
    int64_t offset_count = endian_read_u32(input.data + 4);
    input = bytes_make(input.data + 8, input.size - 8);
    size_t entries_size = (size_t)count * SPARSE_INDEX_ENTRY_SIZE;
    entries_size = entries_size < input.size ? entries_size : input.size;
    struct bytes entries = bytes_make(input.data, entries_size);
    struct bytes times = bytes_make(input.data + entries_size, input.size - entries_size);
    struct sparse_index index;
    struct buffer entries_again, times_again;
    buffer_init(&entries_again);
    buffer_init(&times_again);
    sparse_index_init(&index);
    if (sparse_index_read(&index, entries, times, segment_size, offset_count) == 0) {
        sparse_index_check(&index);
        sparse_index_write(&index, &entries_again, &times_again);
        check(bytes_equal(buffer_bytes(&entries_again), entries));
        check(bytes_equal(buffer_bytes(&times_again), times));
        int32_t position = sparse_index_find(&index, INT32_MAX);
        check(position == 0 || position < segment_size);
        check(sparse_index_find_place(&index, position) <= position);
        const struct sparse_index_time *time = sparse_index_find_time(&index, INT64_MAX);
        check(time == NULL || time->relative_offset < offset_count || offset_count == 0);
        sparse_index_truncate(&index, (int32_t)(offset_count / 2));
        sparse_index_check(&index);
    } else {
        check(index.entry_count == 0 && index.time_count == 0);
    }
    sparse_index_fini(&index);
    buffer_fini(&times_again);
    buffer_fini(&entries_again);
}

static void fuzz_epochs(struct io *io, struct bytes text)
{
    struct epoch_cache cache, again;
    check(small_file_write(io, fuzz_directory, "leader-epoch-checkpoint", text) == 0);
    epoch_cache_init(&cache);
    epoch_cache_init(&again);
    if (epoch_cache_read(&cache, io, fuzz_directory) == 0) {
        epoch_cache_check(&cache);
        cache.is_written = false;
        check(epoch_cache_write(&cache, io, fuzz_directory) == 0);
        check(epoch_cache_read(&again, io, fuzz_directory) == 0);
        check(again.count == cache.count);
        for (int32_t i = 0; i < cache.count; i++) {
            check(again.entries[i].epoch == cache.entries[i].epoch);
            check(again.entries[i].start_offset == cache.entries[i].start_offset);
        }
        epoch_cache_set_start(&cache, INT64_MAX);
        epoch_cache_truncate(&cache, 0);
        check(cache.count == 0);
    } else {
        check(cache.count == 0);
    }
    epoch_cache_fini(&again);
    epoch_cache_fini(&cache);
}

static void fuzz_metadata(struct io *io, struct bytes text)
{
    struct wire_uuid id, again;
    check(small_file_write(io, fuzz_directory, "partition.metadata", text) == 0);
    if (partition_metadata_read(io, fuzz_directory, &id) == 0) {
        check(io_path_remove(io, "/data/partition.metadata") == 0);
        check(partition_metadata_write(io, fuzz_directory, id) == 0);
        check(partition_metadata_read(io, fuzz_directory, &again) == 0);
        check(memcmp(&id, &again, sizeof id) == 0);
    }
}

static void fuzz_same_points(const struct log_points *points, const struct log_points *again)
{
    check(again->is_whole);
    check(points->rows.size == again->rows.size);
    for (map_each (&points->rows, entry)) {
        const struct log_point *other = map_find(&again->rows, entry->key);
        check(other != NULL && memcmp(other, entry->value, sizeof *other) == 0);
    }
}

static void fuzz_points(struct io *io, const char *name, struct bytes text)
{
    struct log_points points, again;
    check(small_file_write(io, fuzz_directory, name, text) == 0);
    log_points_init(&points);
    log_points_init(&again);
    check(log_points_read(&points, io, fuzz_directory) == 0);
    check(log_points_write(&points, io, fuzz_directory) == 0);
    check(log_points_read(&again, io, fuzz_directory) == 0);
    fuzz_same_points(&points, &again);
    log_points_fini(&again);
    log_points_fini(&points);
}

static void fuzz_points_rows(struct io *io, struct bytes rows)
{
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "1 %zu %u\n", rows.size, (unsigned)crc32c_update(0, rows.data, rows.size));
    buffer_add_bytes(&text, rows);
    fuzz_points(io, "recovery-points", buffer_bytes(&text));
    buffer_fini(&text);
}

static void fuzz_file(uint8_t kind, struct bytes input)
{
    struct sim *sim = sim_new(1, 1);
    struct io *io = sim_io(sim, 0);
    check(io_dir_make(io, fuzz_directory) == 0);
    switch (kind) {
    case 'e':
        fuzz_epochs(io, input);
        break;
    case 'm':
        fuzz_metadata(io, input);
        break;
    case 'p':
        fuzz_points_rows(io, input);
        break;
    case 'P':
        fuzz_points(io, "recovery-points", input);
        break;
    case 'k':
        fuzz_points(io, "recovery-point-offset-checkpoint", input);
        break;
    }
    sim_free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    trace_set_stream(NULL);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    uint8_t kind = fuzz_take_byte(&input);
    switch (kind) {
    case 's':
        fuzz_snapshot_rest(input);
        break;
    case 'S':
        fuzz_snapshot(input);
        break;
    case 'i':
        fuzz_index(input);
        break;
    case 'a':
        fuzz_aborts(input);
        break;
    default:
        fuzz_file(kind, input);
    }
    return 0;
}
