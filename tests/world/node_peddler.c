/* Plain batches between transactions; see node_peddler.h. */
#include "tests/world/node_peddler.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

enum { NODE_PEDDLER_REPEAT_PERCENT = 25 };

static void node_peddler_begin(struct node_peddler *peddler)
{
    peddler->producer_id = -1;
    for (int i = 0; i < NODE_LEDGER_PARTITIONS; i++) {
        struct node_pitch *pitch = &peddler->pitches[i];
        pitch->deal = -1;
        pitch->sequence = 0;
        pitch->is_open = false;
    }
}

void node_peddler_init(struct node_peddler *peddler, struct node_world *world)
{
    *peddler = (struct node_peddler){.world = world};
    for (int i = 0; i < NODE_LEDGER_PARTITIONS; i++) {
        buffer_init(&peddler->pitches[i].batch);
    }
    node_peddler_begin(peddler);
    node_peddler_reopen(peddler);
}

void node_peddler_reopen(struct node_peddler *peddler)
{
    peddler->lane = client_lane_open(peddler->world->client);
    peddler->is_asking = false;
    for (int i = 0; i < NODE_LEDGER_PARTITIONS; i++) {
        peddler->pitches[i].is_busy = false;
    }
}

static void node_peddler_on_id(struct node_call *call, int error, const void *answer)
{
    const struct init_producer_id_response *response = answer;
    struct node_peddler *peddler = call->owner;
    peddler->is_asking = false;
    if (error == 0 && response->error_code == 0) {
        peddler->producer_id = response->producer_id;
    }
}

static void node_peddler_ask_id(struct node_peddler *peddler)
{
    struct node_call *call = node_call_new(peddler->world, node_peddler_on_id, peddler);
    struct init_producer_id_request *request =
        arena_new(&call->arena, struct init_producer_id_request);
    request->producer_id = -1;
    request->producer_epoch = -1;
    request->transaction_timeout_ms = 60000;
    peddler->is_asking = true;
    node_call_send(call, peddler->world->client, peddler->lane, API_INIT_PRODUCER_ID, -1, request);
}

/* A producer of whom the log lost everything may be unknown, where something may be lost. */
static void node_peddler_refused(struct node_call *call, const struct node_pitch *pitch, int code)
{
    struct node_peddler *peddler = call->owner;
    if (call->world->ledger.policy != NODE_POLICY_BOTH) {
        node_world_fail(
            call->world,
            "trade-%d: the plain batch of deal %d (%d records, sent %s, next is %d) was "
            "refused with code %d",
            (int)call->partition, pitch->deal, pitch->count, pitch->is_open ? "in order" : "again",
            (int)pitch->sequence, code);
    }
    node_peddler_begin(peddler);
}

static void node_peddler_on_written(struct node_call *call, int error, const void *answer)
{
    const struct produce_response *response = answer;
    struct node_peddler *peddler = call->owner;
    struct node_ledger *ledger = &call->world->ledger;
    struct node_pitch *pitch = &peddler->pitches[call->partition];
    const struct produce_response_partition *part =
        error != 0 ? NULL : &response->topics.items[0].partitions.items[0];
    pitch->is_busy = false;
    if (part == NULL || pitch->deal != call->number) {
        return;
    }
    if (part->error_code == error_code(ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER) ||
        part->error_code == error_code(ERROR_INVALID_PRODUCER_EPOCH) ||
        part->error_code == error_code(ERROR_UNKNOWN_PRODUCER_ID)) {
        node_peddler_refused(call, pitch, part->error_code);
    } else if (part->error_code == 0) {
        for (int i = 0; i < pitch->count; i++) {
            node_ledger_acked(ledger, pitch->deal, call->partition, i, part->base_offset + i);
        }
        ledger->deals[pitch->deal].fate = NODE_FATE_COMMITTED;
        peddler->written_count += pitch->is_open;
        peddler->repeated_count += !pitch->is_open;
        pitch->is_open = false;
    }
}

static void node_peddler_send(struct node_peddler *peddler, int32_t partition)
{
    struct node_pitch *pitch = &peddler->pitches[partition];
    struct node_call *call = node_call_new(peddler->world, node_peddler_on_written, peddler);
    struct produce_request *request = arena_new(&call->arena, struct produce_request);
    struct produce_request_topic *topic = arena_new(&call->arena, struct produce_request_topic);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partitions.items = arena_new(&call->arena, struct produce_request_partition);
    topic->partitions.count = 1;
    topic->partitions.items[0] = (struct produce_request_partition){
        .index = partition, .records = arena_copy(&call->arena, buffer_bytes(&pitch->batch))};
    *request = (struct produce_request){.acks = -1, .timeout_ms = 10000, .topics = {topic, 1}};
    call->partition = partition;
    call->number = pitch->deal;
    pitch->is_busy = true;
    node_call_send(call, peddler->world->client, peddler->lane, API_PRODUCE, 11, request);
}

static void node_peddler_write(struct node_peddler *peddler, int32_t partition)
{
    struct node_world *world = peddler->world;
    struct node_pitch *pitch = &peddler->pitches[partition];
    struct batch_builder builder;
    int deal = node_ledger_begin_plain(&world->ledger);
    if (deal < 0) {
        return;
    }
    pitch->deal = deal;
    pitch->count = 1 + (int)node_world_random(world, NODE_LEDGER_RECORD_MAX / 2);
    batch_builder_init(&builder, (enum compress_codec)node_world_random(world, 5));
    builder.producer_id = peddler->producer_id;
    builder.producer_epoch = 0;
    builder.base_sequence = pitch->sequence;
    for (int i = 0; i < pitch->count; i++) {
        node_ledger_write(&world->ledger, deal, partition, i, &builder);
    }
    world->ledger.deals[deal].sent[partition] = pitch->count;
    buffer_clear(&pitch->batch);
    check(batch_builder_finish(&builder, &pitch->batch) == 0);
    batch_builder_fini(&builder);
    pitch->sequence += pitch->count;
    pitch->is_open = true;
    node_peddler_send(peddler, partition);
}

void node_peddler_act(struct node_peddler *peddler)
{
    struct node_world *world = peddler->world;
    int32_t partition = (int32_t)node_world_random(world, NODE_LEDGER_PARTITIONS);
    struct node_pitch *pitch = &peddler->pitches[partition];
    if (!world->trader.is_made || world->trader.is_ended || pitch->is_busy) {
        return;
    }
    if (peddler->producer_id < 0) {
        if (!peddler->is_asking) {
            node_peddler_ask_id(peddler);
        }
        return;
    }
    bool is_again = pitch->deal >= 0 && node_world_chance(world, NODE_PEDDLER_REPEAT_PERCENT);
    if (pitch->is_open || is_again) {
        node_peddler_send(peddler, partition);
    } else {
        node_peddler_write(peddler, partition);
    }
}
