/* Transactional clients; see node_trader.h. */
#include "tests/world/node_trader.h"

#include "log/base/error.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NODE_TRADER_BATCH_MAX = 3,
    NODE_TRADER_BUDGET = 16,
    NODE_TRADER_NO_LIFE = -1,
    NODE_TRADER_UNINVITED_PERCENT = 4
};

/* Why a request must not be taken. */
enum { NODE_TRADER_IS_OLD = 1, NODE_TRADER_IS_UNINVITED = 2 };

static void node_player_act(struct node_player *player);

static void node_player_forget(struct node_player *player)
{
    player->state = NODE_PLAYER_NEW;
    player->batch_count = 0;
    player->deal = -1;
}

void node_trader_init(struct node_trader *trader, struct node_world *world)
{
    *trader = (struct node_trader){.world = world};
    for (int i = 0; i < NODE_LEDGER_IDS; i++) {
        trader->is_new[i] = node_world_chance(world, 50);
        trader->haunted_life[i] = NODE_TRADER_NO_LIFE;
        trader->top_id[i] = -1;
    }
    node_trader_reopen(trader);
}

void node_trader_reopen(struct node_trader *trader)
{
    struct node_world *world = trader->world;
    trader->is_asking = false;
    for (int i = 0; i < NODE_TRADER_PLAYERS; i++) {
        struct node_player *player = &trader->players[i];
        if (player->is_busy && player->state == NODE_PLAYER_NEW) {
            trader->haunted_life[player->id] = world->process.life;
        }
        player->world = world;
        player->index = i;
        player->id = i / 2;
        player->lane = client_lane_open(world->client);
        player->is_busy = false;
        player->timeout_ms = 1000 + (int32_t)node_world_random(world, 20000);
        node_player_forget(player);
    }
}

void node_trader_end(struct node_trader *trader)
{
    trader->is_ended = true;
}

static const char *node_player_name(const struct node_player *player)
{
    static const char *const names[NODE_LEDGER_IDS] = {"trader.0", "trader.1"};
    return names[player->id];
}

/* --- Requests --- */

static bool node_player_is_old(const struct node_player *player)
{
    const struct node_trader *trader = &player->world->trader;
    int64_t top_id = trader->top_id[player->id];
    return player->producer_id < top_id || (player->producer_id == top_id &&
                                            player->producer_epoch < trader->top_epoch[player->id]);
}

static void node_player_learn(struct node_player *player, int64_t producer_id, int16_t epoch)
{
    struct node_trader *trader = &player->world->trader;
    player->producer_id = producer_id;
    player->producer_epoch = epoch;
    if (!node_player_is_old(player)) {
        trader->top_id[player->id] = producer_id;
        trader->top_epoch[player->id] = epoch;
    }
}

static void node_player_go_on(struct node_player *player)
{
    if (player->budget > 0 && !player->world->trader.is_ended) {
        player->budget--;
        node_player_act(player);
    }
}

static struct node_call *node_player_call(struct node_player *player,
                                          void (*done)(struct node_call *call, int error,
                                                       const void *response))
{
    struct node_call *call = node_call_new(player->world, done, player);
    call->number = player->deal;
    call->known = node_player_is_old(player) ? NODE_TRADER_IS_OLD : 0;
    return call;
}

static void node_player_send(struct node_player *player, struct node_call *call, int16_t api_key,
                             int16_t version, const void *request)
{
    player->is_busy = true;
    node_call_send(call, player->world->client, player->lane, api_key, version, request);
}

/* What an answer says of its request. */
enum node_verdict {
    NODE_VERDICT_DONE,
    NODE_VERDICT_LATER,   /* nothing was done, ask again */
    NODE_VERDICT_UNKNOWN, /* it may have been done */
    NODE_VERDICT_REFUSED, /* the identity or the deal is over */
};

static enum node_verdict node_player_judge(struct node_call *call, int code, const char *what)
{
    struct node_player *player = call->owner;
    player->is_busy = false;
    if (code == 0) {
        if (call->known != 0) {
            node_world_fail(call->world, "%s: %s %s was taken (deal %" PRId64 ")",
                            node_player_name(player),
                            call->known == NODE_TRADER_IS_UNINVITED ? "an uninvited" : "a zombie's",
                            what, call->number);
        }
        return NODE_VERDICT_DONE;
    }
    if (code == error_code(ERROR_CONCURRENT_TRANSACTIONS)) {
        return NODE_VERDICT_LATER;
    }
    if (code == error_code(ERROR_INVALID_PRODUCER_EPOCH) ||
        code == error_code(ERROR_PRODUCER_FENCED) || code == error_code(ERROR_INVALID_TXN_STATE) ||
        code == error_code(ERROR_INVALID_PRODUCER_ID_MAPPING) ||
        code == error_code(ERROR_TRANSACTION_ABORTABLE)) {
        call->world->trader.zombie_count += call->known == NODE_TRADER_IS_OLD;
        return NODE_VERDICT_REFUSED;
    }
    return NODE_VERDICT_UNKNOWN;
}

/* After anything but an end: only an abort is left, or nothing. */
static void node_player_suffer(struct node_player *player, enum node_verdict verdict)
{
    if (verdict == NODE_VERDICT_REFUSED) {
        node_player_forget(player);
    } else if (verdict == NODE_VERDICT_UNKNOWN) {
        player->state = NODE_PLAYER_SPOILED;
    } else if (verdict == NODE_VERDICT_LATER) {
        node_player_go_on(player);
    }
}

/* --- InitProducerId --- */

static void node_player_on_found(struct node_call *call, int error, const void *response)
{
    struct node_player *player = call->owner;
    (void)error;
    (void)response; /* asking makes the topics of coordinators */
    player->is_busy = false;
    node_player_go_on(player);
}

static void node_player_seek(struct node_player *player)
{
    struct node_call *call = node_player_call(player, node_player_on_found);
    struct find_coordinator_request *request =
        arena_new(&call->arena, struct find_coordinator_request);
    bool is_group = node_world_chance(player->world, 30);
    request->key =
        bytes_from_string(is_group ? node_ledger_group(player->id) : node_player_name(player));
    request->key_type = is_group ? 0 : 1;
    node_player_send(player, call, API_FIND_COORDINATOR, 3, request);
}

static void node_player_on_init(struct node_call *call, int error, const void *answer)
{
    const struct init_producer_id_response *response = answer;
    struct node_player *player = call->owner;
    struct node_world *world = call->world;
    player->is_busy = false;
    if (error != 0) {
        world->trader.haunted_life[player->id] = call->life;
        return;
    }
    if (response->error_code == error_code(ERROR_COORDINATOR_NOT_AVAILABLE) ||
        response->error_code == error_code(ERROR_NOT_COORDINATOR)) {
        node_player_seek(player);
        return;
    }
    if (response->error_code != 0) {
        node_player_go_on(player);
        return;
    }
    node_ledger_take_over(&world->ledger, player->id);
    node_player_learn(player, response->producer_id, response->producer_epoch);
    memset(player->sequences, 0, sizeof player->sequences);
    player->state = NODE_PLAYER_READY;
    node_player_go_on(player);
}

static void node_player_init(struct node_player *player)
{
    struct node_call *call = node_player_call(player, node_player_on_init);
    struct init_producer_id_request *request =
        arena_new(&call->arena, struct init_producer_id_request);
    *request = (struct init_producer_id_request){.transactional_id =
                                                     bytes_from_string(node_player_name(player)),
                                                 .transaction_timeout_ms = player->timeout_ms,
                                                 .producer_id = -1,
                                                 .producer_epoch = -1};
    node_ledger_threaten(&player->world->ledger, player->id);
    node_player_send(player, call, API_INIT_PRODUCER_ID, 4, request);
}

/* --- Into the deal --- */

static void node_player_on_added(struct node_call *call, int error, const void *answer)
{
    const struct add_partitions_to_txn_response *response = answer;
    struct node_player *player = call->owner;
    enum node_verdict verdict = node_player_judge(
        call,
        error != 0 ? error_code(error) : response->topics.items[0].partitions.items[0].error_code,
        "partition");
    node_player_suffer(player, verdict);
    if (verdict == NODE_VERDICT_DONE) {
        player->is_added[call->partition] = true;
        node_player_go_on(player);
    }
}

static void node_player_add(struct node_player *player, int32_t partition)
{
    struct node_call *call = node_player_call(player, node_player_on_added);
    struct add_partitions_to_txn_request *request =
        arena_new(&call->arena, struct add_partitions_to_txn_request);
    struct add_partitions_to_txn_request_own_topic *topic =
        arena_new(&call->arena, struct add_partitions_to_txn_request_own_topic);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partitions.items = arena_new(&call->arena, int32_t);
    topic->partitions.items[0] = partition;
    topic->partitions.count = 1;
    *request = (struct add_partitions_to_txn_request){
        .transactional_id = bytes_from_string(node_player_name(player)),
        .producer_id = player->producer_id,
        .producer_epoch = player->producer_epoch,
        .topics = {topic, 1}};
    call->partition = partition;
    node_player_send(player, call, API_ADD_PARTITIONS_TO_TXN, 3, request);
}

static void node_player_on_written(struct node_call *call, int error, const void *answer)
{
    const struct produce_response *response = answer;
    struct node_player *player = call->owner;
    struct node_ledger *ledger = &call->world->ledger;
    const struct produce_response_partition *part =
        error != 0 ? NULL : &response->topics.items[0].partitions.items[0];
    int code = part == NULL ? error_code(error) : part->error_code;
    enum node_verdict verdict = node_player_judge(call, code, "batch");
    int first = ledger->deals[call->number].sent[call->partition] - player->batch_count;
    if (verdict == NODE_VERDICT_DONE) {
        for (int i = 0; i < player->batch_count; i++) {
            node_ledger_acked(ledger, (int)call->number, call->partition, first + i,
                              part->base_offset + i);
        }
        player->sequences[call->partition] += player->batch_count;
        player->batch_count = 0;
        call->world->trader.batch_count++;
        node_player_go_on(player);
    } else if (verdict != NODE_VERDICT_UNKNOWN || node_world_chance(call->world, 40)) {
        node_player_suffer(player, verdict); /* or the batch is sent again as it was */
    }
}

static struct bytes node_player_build(struct node_player *player, struct arena *arena)
{
    const struct node_deal *deal = &player->world->ledger.deals[player->deal];
    int first = deal->sent[player->batch_partition] - player->batch_count;
    struct batch_builder builder;
    struct buffer batch;
    buffer_init(&batch);
    batch_builder_init(&builder, (enum compress_codec)node_world_random(player->world, 5));
    builder.attributes = BATCH_TRANSACTIONAL;
    builder.producer_id = player->producer_id;
    builder.producer_epoch = player->producer_epoch;
    builder.base_sequence = player->sequences[player->batch_partition];
    for (int i = 0; i < player->batch_count; i++) {
        node_ledger_write(&player->world->ledger, player->deal, player->batch_partition, first + i,
                          &builder);
    }
    check(batch_builder_finish(&builder, &batch) == 0);
    struct bytes out = arena_copy(arena, buffer_bytes(&batch));
    batch_builder_fini(&builder);
    buffer_fini(&batch);
    return out;
}

static void node_player_write(struct node_player *player)
{
    struct node_call *call = node_player_call(player, node_player_on_written);
    struct produce_request *request = arena_new(&call->arena, struct produce_request);
    struct produce_request_topic *topic = arena_new(&call->arena, struct produce_request_topic);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partitions.items = arena_new(&call->arena, struct produce_request_partition);
    topic->partitions.count = 1;
    topic->partitions.items[0] = (struct produce_request_partition){
        .index = player->batch_partition, .records = node_player_build(player, &call->arena)};
    *request =
        (struct produce_request){.transactional_id = bytes_from_string(node_player_name(player)),
                                 .acks = -1,
                                 .timeout_ms = 10000,
                                 .topics = {topic, 1}};
    call->partition = player->batch_partition;
    if (!player->world->trader.is_new[player->id] && !player->is_added[call->partition]) {
        call->known |= NODE_TRADER_IS_UNINVITED;
    }
    node_player_send(player, call, API_PRODUCE, player->world->trader.is_new[player->id] ? 12 : 11,
                     request);
}

/* Another batch, behind the partition's own request when transactions are those of v1. */
static void node_player_go_write(struct node_player *player)
{
    struct node_world *world = player->world;
    struct node_deal *deal = &world->ledger.deals[player->deal];
    int32_t partition = (int32_t)node_world_random(world, NODE_LEDGER_PARTITIONS);
    int count = 1 + (int)node_world_random(world, NODE_TRADER_BATCH_MAX);
    bool is_invited = world->trader.is_new[player->id] || player->is_added[partition];
    if (!is_invited && !node_world_chance(world, NODE_TRADER_UNINVITED_PERCENT)) {
        node_player_add(player, partition);
    } else if (deal->sent[partition] + count <= NODE_LEDGER_RECORD_MAX) {
        deal->sent[partition] += count;
        player->batch_partition = partition;
        player->batch_count = count;
        node_player_write(player);
    }
}

/* --- Offsets --- */

static void node_player_on_group_added(struct node_call *call, int error, const void *answer)
{
    const struct add_offsets_to_txn_response *response = answer;
    struct node_player *player = call->owner;
    enum node_verdict verdict =
        node_player_judge(call, error != 0 ? error_code(error) : response->error_code, "group");
    node_player_suffer(player, verdict);
    if (verdict == NODE_VERDICT_DONE) {
        player->is_group_added = true;
        node_player_go_on(player);
    }
}

static void node_player_add_group(struct node_player *player)
{
    struct node_call *call = node_player_call(player, node_player_on_group_added);
    struct add_offsets_to_txn_request *request =
        arena_new(&call->arena, struct add_offsets_to_txn_request);
    *request = (struct add_offsets_to_txn_request){
        .transactional_id = bytes_from_string(node_player_name(player)),
        .producer_id = player->producer_id,
        .producer_epoch = player->producer_epoch,
        .group_id = bytes_from_string(node_ledger_group(player->id))};
    node_player_send(player, call, API_ADD_OFFSETS_TO_TXN, 3, request);
}

static void node_player_on_offset(struct node_call *call, int error, const void *answer)
{
    const struct txn_offset_commit_response *response = answer;
    struct node_player *player = call->owner;
    int code =
        error != 0 ? error_code(error) : response->topics.items[0].partitions.items[0].error_code;
    enum node_verdict verdict = node_player_judge(call, code, "offset");
    if (code == error_code(ERROR_COORDINATOR_NOT_AVAILABLE) ||
        code == error_code(ERROR_NOT_COORDINATOR)) {
        node_player_suffer(player, verdict);
        node_player_seek(player); /* makes the topic of offsets */
        return;
    }
    node_player_suffer(player, verdict);
    if (verdict == NODE_VERDICT_DONE) {
        call->world->ledger.deals[call->number].is_offset_told = true;
        node_player_go_on(player);
    }
}

static void node_player_send_offset(struct node_player *player)
{
    bool is_new = player->world->trader.is_new[player->id];
    struct node_call *call;
    if (!is_new && !player->is_group_added) {
        node_player_add_group(player);
        return;
    }
    call = node_player_call(player, node_player_on_offset);
    struct txn_offset_commit_request *request =
        arena_new(&call->arena, struct txn_offset_commit_request);
    struct txn_offset_commit_request_topic *topic =
        arena_new(&call->arena, struct txn_offset_commit_request_topic);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partitions.items = arena_new(&call->arena, struct txn_offset_commit_request_partition);
    topic->partitions.count = 1;
    topic->partitions.items[0] = (struct txn_offset_commit_request_partition){
        .committed_offset = player->deal, .committed_leader_epoch = -1};
    *request = (struct txn_offset_commit_request){
        .transactional_id = bytes_from_string(node_player_name(player)),
        .group_id = bytes_from_string(node_ledger_group(player->id)),
        .producer_id = player->producer_id,
        .producer_epoch = player->producer_epoch,
        .generation_id = -1,
        .member_id = BYTES_LITERAL(""),
        .topics = {topic, 1}};
    player->world->ledger.deals[player->deal].has_offset = true;
    node_player_send(player, call, API_TXN_OFFSET_COMMIT, is_new ? 5 : 3, request);
}

/* --- The end --- */

static void node_player_on_ended(struct node_call *call, int error, const void *answer)
{
    const struct end_txn_response *response = answer;
    struct node_player *player = call->owner;
    struct node_trader *trader = &call->world->trader;
    struct node_deal *deal = &call->world->ledger.deals[call->number];
    enum node_verdict verdict =
        node_player_judge(call, error != 0 ? error_code(error) : response->error_code, "end");
    if (verdict == NODE_VERDICT_REFUSED) {
        if (player->end_count == 1) {
            deal->fate = NODE_FATE_ABORTED;
        }
        node_player_forget(player);
        return;
    }
    if (verdict != NODE_VERDICT_DONE) {
        return; /* it is asked for again */
    }
    deal->fate = player->is_commit ? NODE_FATE_COMMITTED : NODE_FATE_ABORTED;
    trader->committed_count += player->is_commit;
    trader->aborted_count += !player->is_commit;
    bool is_tainted = player->is_tainted || player->end_count > 1;
    node_player_forget(player);
    if (trader->is_new[player->id]) {
        node_player_learn(player, response->producer_id, response->producer_epoch);
        memset(player->sequences, 0, sizeof player->sequences);
        player->state = NODE_PLAYER_READY;
    } else if (!is_tainted) {
        player->state = NODE_PLAYER_READY;
    }
    node_player_go_on(player);
}

static void node_player_end(struct node_player *player)
{
    struct node_call *call = node_player_call(player, node_player_on_ended);
    struct end_txn_request *request = arena_new(&call->arena, struct end_txn_request);
    *request =
        (struct end_txn_request){.transactional_id = bytes_from_string(node_player_name(player)),
                                 .producer_id = player->producer_id,
                                 .producer_epoch = player->producer_epoch,
                                 .is_committed = player->is_commit};
    player->end_count++;
    node_player_send(player, call, API_END_TXN, player->world->trader.is_new[player->id] ? 5 : 4,
                     request);
}

static void node_player_go_end(struct node_player *player, bool is_commit)
{
    struct node_deal *deal = &player->world->ledger.deals[player->deal];
    player->is_tainted = player->state == NODE_PLAYER_SPOILED;
    player->state = NODE_PLAYER_ENDING;
    player->is_commit = is_commit;
    player->end_count = 0;
    deal->may_be_ended = true;
    deal->fate = is_commit ? NODE_FATE_MAY_COMMIT : deal->fate;
    node_player_end(player);
}

/* --- Acting --- */

static void node_player_begin(struct node_player *player)
{
    struct node_world *world = player->world;
    int64_t now_ms = io_wall_clock(client_io(world->client));
    player->deal = node_ledger_begin(&world->ledger, player->id, now_ms + player->timeout_ms);
    if (player->deal < 0) {
        return;
    }
    struct node_deal *deal = &world->ledger.deals[player->deal];
    struct node_player *twin = &world->trader.players[player->index ^ 1];
    deal->may_be_ended = world->trader.haunted_life[player->id] == world->process.life ||
                         (twin->is_busy && twin->state == NODE_PLAYER_NEW);
    player->state = NODE_PLAYER_OPEN;
    player->batch_count = 0;
    memset(player->is_added, 0, sizeof player->is_added);
    player->is_group_added = false;
    node_player_go_write(player);
}

static void node_player_play(struct node_player *player)
{
    struct node_world *world = player->world;
    const struct node_deal *deal = &world->ledger.deals[player->deal];
    uint64_t pick = node_world_random(world, 100);
    bool is_clean = player->batch_count == 0 && (!deal->has_offset || deal->is_offset_told);
    bool has_written = deal->sent[0] + deal->sent[1] + deal->sent[2] > 0;
    if (player->batch_count > 0) {
        node_player_write(player);
    } else if (pick < 45) {
        node_player_go_write(player);
    } else if (pick < 60) {
        node_player_send_offset(player);
    } else if (pick < 85 && is_clean && has_written) {
        node_player_go_end(player, true);
    } else if (pick < 93 && has_written) {
        node_player_go_end(player, false);
    } else if (pick >= 98) {
        node_player_forget(player); /* it died; the deal runs into its timeout */
    }
}

static void node_player_act(struct node_player *player)
{
    if (player->is_busy) {
        return;
    }
    switch (player->state) {
    case NODE_PLAYER_NEW:
        node_player_init(player);
        return;
    case NODE_PLAYER_READY:
        node_player_begin(player);
        return;
    case NODE_PLAYER_OPEN:
        node_player_play(player);
        return;
    case NODE_PLAYER_SPOILED:
        node_player_go_end(player, false);
        return;
    case NODE_PLAYER_ENDING:
        if (node_world_chance(player->world, 15)) {
            node_player_forget(player);
        } else {
            node_player_end(player);
        }
        return;
    }
}

static void node_trader_on_made(struct node_call *call, int error, const void *answer)
{
    const struct create_topics_response *response = answer;
    struct node_trader *trader = call->owner;
    trader->is_asking = false;
    int code = error != 0 ? error_code(error) : response->topics.items[0].error_code;
    trader->is_made = code == 0 || code == error_code(ERROR_TOPIC_ALREADY_EXISTS);
}

/* --- The topic --- */

struct node_trader_configs {
    struct arena *arena;
    struct create_topics_request_config *items;
    int32_t count;
};

static void node_trader_set(struct node_trader_configs *configs, const char *name,
                            const char *value)
{
    configs->items[configs->count++] =
        (struct create_topics_request_config){bytes_from_string(name), bytes_from_string(value)};
}

/* Compacted all the time, in segments of a few batches. */
static void node_trader_configure(struct node_trader *trader, struct node_trader_configs *configs)
{
    struct node_world *world = trader->world;
    const struct node_ledger *ledger = &world->ledger;
    if (ledger->policy == NODE_POLICY_DELETE) {
        return;
    }
    configs->items = arena_array(configs->arena, struct create_topics_request_config, 8);
    node_trader_set(configs, "cleanup.policy",
                    ledger->policy == NODE_POLICY_BOTH ? "compact,delete" : "compact");
    node_trader_set(configs, "min.cleanable.dirty.ratio",
                    node_world_chance(world, 80) ? "0" : "0.4");
    node_trader_set(configs, "segment.ms",
                    arena_printf(configs->arena, "%d", 20 + (int)node_world_random(world, 3000)));
    node_trader_set(configs, "delete.retention.ms",
                    arena_printf(configs->arena, "%" PRId64, ledger->delete_retention_ms));
    node_trader_set(configs, "retention.ms",
                    arena_printf(configs->arena, "%" PRId64, ledger->retention_ms));
    node_trader_set(configs, "min.compaction.lag.ms", node_world_chance(world, 80) ? "0" : "2000");
}

static void node_trader_make(struct node_trader *trader)
{
    struct node_call *call = node_call_new(trader->world, node_trader_on_made, trader);
    struct create_topics_request *request = arena_new(&call->arena, struct create_topics_request);
    struct node_trader_configs configs = {.arena = &call->arena};
    node_trader_configure(trader, &configs);
    request->topics.items = arena_new(&call->arena, struct create_topics_request_topic);
    request->topics.count = 1;
    request->topics.items[0] =
        (struct create_topics_request_topic){.name = BYTES_LITERAL(NODE_LEDGER_TOPIC),
                                             .partition_count = NODE_LEDGER_PARTITIONS,
                                             .replication_factor = -1,
                                             .configs = {configs.items, configs.count}};
    request->timeout_ms = 10000;
    trader->is_asking = true;
    node_call_send(call, trader->world->client, trader->players[0].lane, API_CREATE_TOPICS, -1,
                   request);
}

void node_trader_act(struct node_trader *trader)
{
    struct node_world *world = trader->world;
    if (!trader->is_made) {
        if (!trader->is_asking) {
            node_trader_make(trader);
        }
        return;
    }
    /* Of the twins the first plays more often: the other takes over and wakes up late. */
    for (int id = 0; id < NODE_LEDGER_IDS; id++) {
        struct node_player *player = &trader->players[id * 2];
        if (node_world_chance(world, 10)) {
            player++;
        }
        player->budget = 2 + (int)node_world_random(world, NODE_TRADER_BUDGET);
        node_player_act(player);
    }
}
