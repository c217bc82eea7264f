/* Producers of every kind; see node_writer.h. */
#include "tests/world/node_writer.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "tests/world/node_world.h"

#include <stdlib.h>

/* A record on its way. */
struct node_letter {
    struct node_writer *writer;
    int64_t serial;
    int64_t asked_at;
    int life; /* of the process when it was sent */
    bool is_told;
};

static void node_writer_open(struct node_writer *writer)
{
    struct node_world *world = writer->world;
    static const int16_t acks[NODE_WRITER_COUNT] = {-1, -1, 1, 0};
    writer->options = producer_options_default();
    writer->options.acks = acks[writer->index];
    writer->options.is_idempotent = writer->index == 0;
    writer->options.codec = (enum compress_codec)node_world_random(world, 5);
    writer->options.linger_ns = (int64_t)node_world_random(world, 20 * NODE_WORLD_MILLISECOND);
    writer->options.batch_size = node_world_chance(world, 50) ? 1000 : 256 * 1024;
    writer->options.delivery_timeout_ms = 5000 + (int64_t)node_world_random(world, 60000);
    writer->producer = producer_new(world->client, &writer->options);
}

void node_writers_init(struct node_writers *writers, struct node_world *world)
{
    for (int i = 0; i < NODE_WRITER_COUNT; i++) {
        writers->items[i] = (struct node_writer){.world = world, .index = i};
        for (int t = 0; t < NODE_MODEL_TOPIC_COUNT; t++) {
            for (int p = 0; p < NODE_MODEL_PARTITION_MAX; p++) {
                writers->items[i].told[t][p].life = -1;
            }
        }
        node_writer_open(&writers->items[i]);
    }
}

static void node_writer_judge_order(struct node_writer *writer, const struct node_letter *letter,
                                    int32_t partition, int64_t offset)
{
    struct node_world *world = writer->world;
    int topic = world->model.records[letter->serial].topic;
    struct node_told *told = &writer->told[topic][partition];
    bool is_certain = node_model_is_certain(&world->model, topic, letter->asked_at);
    if (!is_certain || writer->options.acks != -1) {
        return; /* what is not flushed may be lost, and its offset be given again */
    }
    /* In a topic that was made anew under a producer that goes on with its sequences the broker
     * takes whichever it sees first, as Kafka does: what was sent before the first answer may be
     * there in another order. */
    int64_t life = world->model.topics[topic].life;
    int64_t since = told->life == life ? told->since : world->model.clock;
    if (told->life == life && letter->asked_at > since && offset <= told->offset) {
        node_world_fail(world, "%s-%d: a record was told offset %lld after %lld",
                        world->model.topics[topic].name, (int)partition, (long long)offset,
                        (long long)told->offset);
    }
    *told = (struct node_told){.life = life, .offset = offset, .since = since};
}

static void node_writer_on_told(void *owner, int error, int32_t partition, int64_t offset)
{
    struct node_letter *letter = owner;
    struct node_writer *writer = letter->writer;
    struct node_world *world = writer->world;
    if (letter->is_told) {
        node_world_fail(world, "the fate of record %lld was told twice", (long long)letter->serial);
    }
    letter->is_told = true;
    writer->pending_count--;
    world->model.clock++;
    if (error != 0) {
        world->writers.failed_count++;
    } else if (writer->options.acks == -1 ||
               (writer->options.acks == 1 && letter->life == world->process.life)) {
        world->writers.acked_count++;
        node_writer_judge_order(writer, letter, partition, offset);
        node_model_acked(&world->model, letter->serial, letter->asked_at, partition, offset,
                         writer->options.acks == -1);
    }
    free(letter);
}

static void node_writer_send(struct node_writer *writer, int topic, int32_t partition)
{
    struct node_world *world = writer->world;
    struct node_content content;
    struct node_letter *letter = memory_new(struct node_letter);
    int64_t now_ms = io_wall_clock(client_io(world->client));
    int64_t timestamp_ms = now_ms - (int64_t)node_world_random(world, 3000);
    letter->writer = writer;
    letter->life = world->process.life;
    letter->asked_at = ++world->model.clock;
    letter->serial = node_model_send(&world->model, topic, partition, writer->index,
                                     writer->options.is_idempotent, timestamp_ms, true);
    node_model_content(&world->model, letter->serial, &content);
    struct producer_record record = {.topic = world->model.topics[topic].name,
                                     .partition = partition,
                                     .timestamp_ms = timestamp_ms,
                                     .key = content.key,
                                     .value = content.value,
                                     .headers = &content.header,
                                     .header_count = content.header_count,
                                     .done = node_writer_on_told,
                                     .owner = letter};
    writer->pending_count++;
    int error = producer_send(writer->producer, &record);
    if (error != 0) {
        if (error != ERROR_AGAIN) {
            node_world_fail(world, "a record was not taken: %s", error_name(error));
        }
        writer->pending_count--;
        free(letter);
    }
}

void node_writers_act(struct node_writers *writers)
{
    struct node_writer *writer =
        &writers->items[node_world_random(writers->items[0].world, NODE_WRITER_COUNT)];
    struct node_world *world = writer->world;
    int topic = (int)node_world_random(world, NODE_MODEL_TOPIC_COUNT);
    int32_t partition = (int32_t)node_world_random(world, 3) - 1;
    int count = 1 + (int)node_world_random(world, 12);
    for (int i = 0; i < count; i++) {
        node_writer_send(writer, topic, partition);
    }
}

int64_t node_writers_pending(const struct node_writers *writers)
{
    int64_t count = 0;
    for (int i = 0; i < NODE_WRITER_COUNT; i++) {
        count += writers->items[i].pending_count;
    }
    return count;
}

void node_writers_check(const struct node_writers *writers)
{
    for (int i = 0; i < NODE_WRITER_COUNT; i++) {
        producer_check(writers->items[i].producer);
    }
}
