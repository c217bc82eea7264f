/* Clients of a fake cluster; see client_bench.h. */
#include "tests/unit/runtime/client_bench.h"

#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdlib.h>
#include <string.h>

static void check_all(void *owner)
{
    struct client_bench *bench = owner;
    if (!bench->is_open) {
        return;
    }
    client_check(bench->client);
    client_check(bench->fetch_client);
    producer_check(bench->producer);
    fetcher_check(bench->fetcher);
    if (bench->judge != NULL) {
        bench->judge(bench->owner);
    }
}

static void open_clients(struct client_bench *bench, size_t buffer_size)
{
    struct client_options options = client_options_default();
    struct producer_options producer_options = producer_options_default();
    struct fetcher_options fetcher_options = fetcher_options_default();
    options.bootstrap = "node1:9092";
    options.request_timeout_ms = 3000;
    if (buffer_size > 0) {
        producer_options.buffer_size = buffer_size;
    }
    fetcher_options.wait_max_ms = 100;
    bench->client = client_new(sim_io(bench->sim, 0), &options);
    bench->fetch_client = client_new(sim_io(bench->sim, 0), &options);
    bench->producer = producer_new(bench->client, &producer_options);
    bench->fetcher = fetcher_new(bench->fetch_client, &fetcher_options);
    bench->is_open = true;
}

static void on_closed(void *owner)
{
    ((struct client_bench *)owner)->closing_count--;
}

static bool are_parts_closed(void *owner)
{
    return ((struct client_bench *)owner)->closing_count == 2;
}

static bool is_closed(void *owner)
{
    return ((struct client_bench *)owner)->closing_count == 0;
}

static void close_clients(struct client_bench *bench)
{
    bench->is_open = false;
    bench->closing_count = 4;
    producer_close(bench->producer, on_closed, bench);
    fetcher_close(bench->fetcher, on_closed, bench);
    client_bench_run_until(bench, are_parts_closed, bench);
    client_close(bench->client, on_closed, bench);
    client_close(bench->fetch_client, on_closed, bench);
    client_bench_run_until(bench, is_closed, bench);
}

struct client_bench *client_bench_new(uint64_t seed, size_t buffer_size)
{
    trace_set_stream(NULL);
    struct client_bench *bench = memory_new(struct client_bench);
    bench->sim = sim_new(seed, 2);
    bench->cluster = fake_cluster_new(bench->sim, 1);
    open_clients(bench, buffer_size);
    sim_on_event(bench->sim, check_all, bench);
    return bench;
}

void client_bench_free(struct client_bench *bench)
{
    close_clients(bench);
    sim_on_event(bench->sim, NULL, NULL);
    fake_cluster_free(bench->cluster);
    sim_free(bench->sim);
    buffer_fini(&bench->text);
    free(bench);
}

void client_bench_restart(struct client_bench *bench)
{
    close_clients(bench);
    open_clients(bench, 0);
}

void client_bench_run(struct client_bench *bench, uint64_t duration_ns)
{
    sim_run(bench->sim, sim_now(bench->sim) + duration_ns);
}

void client_bench_run_until(struct client_bench *bench, bool (*condition)(void *owner), void *owner)
{
    check(condition(owner) ||
          sim_run_until(bench->sim, condition, owner, 20ull * CLIENT_BENCH_SECOND));
}

void client_bench_append(struct client_bench *bench, const char *topic, int32_t partition,
                         int64_t timestamp_ms, const char *key, const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, timestamp_ms, bytes_from_string(key), bytes_from_string(value),
                      NULL, 0);
    check(batch_builder_finish(&builder, &encoded) == 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, topic, partition),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

void client_bench_make_anew(struct client_bench *bench, const char *topic)
{
    struct fake_topic *old = map_remove(&bench->cluster->topics, bytes_from_string(topic));
    struct wire_uuid id = old->id;
    int32_t partition_count = old->partition_count;
    fake_topic_free(old);
    fake_cluster_add_topic(bench->cluster, topic, partition_count)->id = id;
    ((struct fake_topic *)map_find_string(&bench->cluster->topics, topic))->id.octets[0]++;
}

void client_bench_each(struct client_bench *bench, const char *topic, int32_t partition,
                       void (*each)(void *owner, const struct client_bench_record *record),
                       void *owner)
{
    const struct fake_partition *found = fake_cluster_get(bench->cluster, topic, partition);
    for (size_t i = 0; i < found->batch_count; i++) {
        struct batch batch;
        struct batch_iterator iterator;
        struct batch_record record;
        check(batch_read_header(buffer_bytes(&found->batches[i].data), &batch, NULL) == 0);
        check(batch_iterator_open(&iterator, &batch, 1 << 24) == 0);
        while (batch_iterator_next(&iterator, &record) == 1) {
            each(owner, &(struct client_bench_record){.offset = record.offset,
                                                      .timestamp_ms = record.timestamp_ms,
                                                      .key = record.key,
                                                      .value = record.value,
                                                      .headers_encoded = record.headers_encoded,
                                                      .header_count = record.header_count});
        }
        batch_iterator_close(&iterator);
    }
}

static void add_text(void *owner, const struct client_bench_record *record)
{
    struct buffer *text = owner;
    if (record->key.size > 0 && record->key.data[0] == 0) {
        return;
    }
    if (text->size > 0) {
        buffer_add_byte(text, ' ');
    }
    buffer_add_bytes(text, bytes_is_null(record->key) ? BYTES_LITERAL("-") : record->key);
    buffer_add_byte(text, '=');
    buffer_add_bytes(text, bytes_is_null(record->value) ? BYTES_LITERAL("-") : record->value);
}

const char *client_bench_text(struct client_bench *bench, const char *topic, int32_t partition)
{
    buffer_clear(&bench->text);
    client_bench_each(bench, topic, partition, add_text, &bench->text);
    return buffer_string(&bench->text);
}
