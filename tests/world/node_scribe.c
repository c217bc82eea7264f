/* Sends batches again and leaves gaps; see node_scribe.h. */
#include "tests/world/node_scribe.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <string.h>

enum node_scribe_purpose { NODE_SCRIBE_WRITE, NODE_SCRIBE_REPEAT, NODE_SCRIBE_SKIP };

void node_scribe_init(struct node_scribe *scribe, struct node_world *world)
{
    *scribe = (struct node_scribe){.world = world, .producer_id = -1};
    node_scribe_reopen(scribe);
}

void node_scribe_reopen(struct node_scribe *scribe)
{
    scribe->lane = client_lane_open(scribe->world->client);
    scribe->is_asking = false;
    for (int i = 0; i < NODE_MODEL_TOPIC_COUNT; i++) {
        for (int k = 0; k < NODE_SCRIBE_PARTITIONS; k++) {
            scribe->desks[i][k].life = -1;
            scribe->desks[i][k].is_busy = false;
        }
    }
}

/* --- Producer ids --- */

static void node_scribe_on_id(struct node_call *call, int error, const void *answer)
{
    const struct init_producer_id_response *response = answer;
    struct node_scribe *scribe = call->owner;
    scribe->is_asking = false;
    if (error != 0 || response->error_code != 0) {
        return;
    }
    for (size_t i = 0; i < scribe->id_count; i++) {
        if (scribe->ids[i] == response->producer_id) {
            node_world_fail(call->world, "producer id %" PRId64 " was given out twice",
                            response->producer_id);
        }
    }
    check(scribe->id_count < NODE_SCRIBE_ID_MAX);
    scribe->ids[scribe->id_count++] = response->producer_id;
    scribe->producer_id = response->producer_id;
}

static void node_scribe_ask_id(struct node_scribe *scribe)
{
    struct node_call *call = node_call_new(scribe->world, node_scribe_on_id, scribe);
    struct init_producer_id_request *request =
        arena_new(&call->arena, struct init_producer_id_request);
    request->producer_id = -1;
    request->producer_epoch = -1;
    request->transaction_timeout_ms = 60000;
    scribe->is_asking = true;
    node_call_send(call, scribe->world->client, scribe->lane, API_INIT_PRODUCER_ID, -1, request);
}

/* --- Batches --- */

static void node_scribe_judge(struct node_call *call, struct node_desk *desk,
                              struct node_scroll *scroll, int64_t offset)
{
    struct node_world *world = call->world;
    if (scroll->offset >= 0 && scroll->offset != offset) {
        node_world_fail(
            world, "%s-%d: the batch at %" PRId64 " was sent again and answered with %" PRId64,
            world->model.topics[call->topic].name, (int)call->partition, scroll->offset, offset);
    }
    scroll->offset = offset;
    for (int i = 0; i < scroll->count; i++) {
        node_model_acked(&world->model, scroll->serials[i], desk->asked_at, call->partition,
                         offset + i, true);
    }
}

static void node_scribe_on_written(struct node_call *call, int error, const void *answer)
{
    const struct produce_response *response = answer;
    struct node_world *world = call->world;
    struct node_scribe *scribe = call->owner;
    struct node_desk *desk = &scribe->desks[call->topic][call->partition];
    const struct node_topic *known = &world->model.topics[call->topic];
    const struct produce_response_partition *part =
        error != 0 ? NULL : &response->topics.items[0].partitions.items[0];
    enum node_scribe_purpose purpose = (enum node_scribe_purpose)(call->number & 3);
    bool is_same = desk->life == known->life && call->known == desk->life &&
                   node_model_is_certain(&world->model, call->topic, desk->asked_at);
    desk->is_busy = false;
    if (!is_same) {
        desk->life = -1; /* begins anew */
        return;
    }
    if (part == NULL || (part->error_code != 0 &&
                         part->error_code != error_code(ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER) &&
                         part->error_code != error_code(ERROR_INVALID_PRODUCER_EPOCH) &&
                         part->error_code != error_code(ERROR_UNKNOWN_PRODUCER_ID))) {
        return; /* not known; the newest stays open */
    }
    if (purpose == NODE_SCRIBE_SKIP) {
        if (part->error_code == 0) {
            node_world_fail(world, "%s-%d: a batch behind a gap was taken", known->name,
                            (int)call->partition);
        }
        scribe->refused_count++;
        return;
    }
    if (part->error_code != 0) {
        if (!known->is_trimmed) {
            const struct node_scroll *scroll = &desk->scrolls[call->number >> 2];
            node_world_fail(world,
                            "%s-%d: the batch of sequence %d (at %" PRId64 ", %d records, sent %s, "
                            "next is %d) was refused with code %d",
                            known->name, (int)call->partition, (int)scroll->sequence,
                            scroll->offset, scroll->count,
                            purpose == NODE_SCRIBE_REPEAT ? "again" : "in order",
                            (int)desk->next_sequence, part->error_code);
        }
        desk->life = -1;
        return;
    }
    struct node_scroll *scroll = &desk->scrolls[call->number >> 2];
    node_scribe_judge(call, desk, scroll, part->base_offset);
    desk->is_open = purpose == NODE_SCRIBE_WRITE ? false : desk->is_open;
    scribe->written_count += purpose == NODE_SCRIBE_WRITE;
    scribe->repeated_count += purpose == NODE_SCRIBE_REPEAT;
}

static void node_scribe_send(struct node_scribe *scribe, int topic, int32_t partition, int index,
                             struct bytes batch, enum node_scribe_purpose purpose)
{
    struct node_world *world = scribe->world;
    struct node_desk *desk = &scribe->desks[topic][partition];
    struct node_call *call = node_call_new(world, node_scribe_on_written, scribe);
    struct produce_request *request = arena_new(&call->arena, struct produce_request);
    struct produce_request_topic *asked = arena_new(&call->arena, struct produce_request_topic);
    asked->partitions.items = arena_new(&call->arena, struct produce_request_partition);
    asked->partitions.count = 1;
    asked->name = bytes_from_string(world->model.topics[topic].name);
    asked->partitions.items[0] = (struct produce_request_partition){
        .index = partition, .records = arena_copy(&call->arena, batch)};
    *request = (struct produce_request){.acks = -1, .timeout_ms = 10000, .topics = {asked, 1}};
    call->topic = topic;
    call->partition = partition;
    call->known = desk->life;
    call->number = (int64_t)purpose | (int64_t)index << 2;
    desk->is_busy = true;
    node_call_send(call, world->client, scribe->lane, API_PRODUCE, 11, request);
}

static void node_scribe_build(struct node_scribe *scribe, int topic, int32_t partition,
                              struct node_scroll *scroll, int32_t sequence)
{
    struct node_world *world = scribe->world;
    struct node_desk *desk = &scribe->desks[topic][partition];
    struct batch_builder builder;
    batch_builder_init(&builder, (enum compress_codec)node_world_random(world, 5));
    builder.producer_id = desk->producer_id;
    builder.producer_epoch = 0;
    builder.base_sequence = sequence;
    scroll->count = 1 + (int)node_world_random(world, NODE_SCRIBE_RECORD_MAX);
    scroll->sequence = sequence;
    scroll->offset = -1;
    for (int i = 0; i < scroll->count; i++) {
        struct node_content content;
        int64_t now_ms = io_wall_clock(client_io(world->client));
        scroll->serials[i] =
            node_model_send(&world->model, topic, partition, -1, true, now_ms, false);
        node_model_content(&world->model, scroll->serials[i], &content);
        batch_builder_add(&builder, now_ms, content.key, content.value, &content.header,
                          content.header_count);
    }
    buffer_clear(&scroll->batch);
    check(batch_builder_finish(&builder, &scroll->batch) == 0);
    batch_builder_fini(&builder);
}

static void node_scribe_write(struct node_scribe *scribe, int topic, int32_t partition)
{
    struct node_desk *desk = &scribe->desks[topic][partition];
    struct node_scroll oldest = desk->scrolls[NODE_SCRIBE_LAST - 1];
    memmove(&desk->scrolls[1], &desk->scrolls[0], (NODE_SCRIBE_LAST - 1) * sizeof desk->scrolls[0]);
    desk->scrolls[0] = oldest; /* its buffer is used again */
    desk->scroll_count += desk->scroll_count < NODE_SCRIBE_LAST;
    node_scribe_build(scribe, topic, partition, &desk->scrolls[0], desk->next_sequence);
    desk->next_sequence += desk->scrolls[0].count;
    desk->is_open = true;
    node_scribe_send(scribe, topic, partition, 0, buffer_bytes(&desk->scrolls[0].batch),
                     NODE_SCRIBE_WRITE);
}

/* Its records are never acknowledged, so that being seen anywhere is no surprise to the model but
 * to the judge of this file. */
static void node_scribe_skip(struct node_scribe *scribe, int topic, int32_t partition)
{
    struct node_desk *desk = &scribe->desks[topic][partition];
    struct node_scroll scroll = {0};
    node_scribe_build(scribe, topic, partition, &scroll,
                      desk->next_sequence + 1 + (int32_t)node_world_random(scribe->world, 3));
    for (int i = 0; i < scroll.count; i++) {
        scribe->world->model.records[scroll.serials[i]].is_forbidden = true;
    }
    node_scribe_send(scribe, topic, partition, 0, buffer_bytes(&scroll.batch), NODE_SCRIBE_SKIP);
    buffer_fini(&scroll.batch);
}

static void node_scribe_begin(struct node_scribe *scribe, struct node_desk *desk, int topic)
{
    struct node_world *world = scribe->world;
    desk->life = world->model.topics[topic].life;
    desk->asked_at = ++world->model.clock;
    desk->producer_id = scribe->producer_id;
    scribe->producer_id = -1; /* each beginning has an id of its own */
    desk->next_sequence = 0;
    desk->scroll_count = 0;
    desk->is_open = false;
}

void node_scribe_act(struct node_scribe *scribe)
{
    struct node_world *world = scribe->world;
    int topic = (int)node_world_random(world, NODE_MODEL_TOPIC_COUNT);
    const struct node_topic *known = &world->model.topics[topic];
    if (!scribe->is_asking && (scribe->producer_id < 0 || node_world_chance(world, 10))) {
        node_scribe_ask_id(scribe);
    }
    if (!node_model_is_certain(&world->model, topic, world->model.clock)) {
        return;
    }
    int32_t limit = known->partition_count_min < NODE_SCRIBE_PARTITIONS ? known->partition_count_min
                                                                        : NODE_SCRIBE_PARTITIONS;
    int32_t partition = (int32_t)node_world_random(world, (uint64_t)limit);
    struct node_desk *desk = &scribe->desks[topic][partition];
    if (desk->is_busy) {
        return;
    }
    if (desk->life != known->life) {
        if (scribe->producer_id < 0) {
            return;
        }
        node_scribe_begin(scribe, desk, topic);
    }
    if (desk->is_open) {
        node_scribe_send(scribe, topic, partition, 0, buffer_bytes(&desk->scrolls[0].batch),
                         NODE_SCRIBE_WRITE);
    } else if (desk->scroll_count > 0 && node_world_chance(world, 50)) {
        int index = (int)node_world_random(world, (uint64_t)desk->scroll_count);
        node_scribe_send(scribe, topic, partition, index, buffer_bytes(&desk->scrolls[index].batch),
                         NODE_SCRIBE_REPEAT);
    } else if (desk->scroll_count > 0 && !known->is_trimmed && node_world_chance(world, 20)) {
        node_scribe_skip(scribe, topic, partition);
    } else {
        node_scribe_write(scribe, topic, partition);
    }
}
