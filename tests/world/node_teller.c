/* Reads what transactions left; see node_teller.h. */
#include "tests/world/node_teller.h"

#include "log/base/error.h"
#include "tests/world/node_rest.h"
#include "tests/world/node_world.h"

#include <inttypes.h>

enum { NODE_TELLER_FETCH_SIZE = 1 << 20, NODE_TELLER_LIMIT_S = 60 };

void node_teller_init(struct node_teller *teller, struct node_world *world)
{
    teller->world = world;
    teller->lane = client_lane_open(world->client);
    teller->is_waiting = false;
}

/* --- Records --- */

static void node_teller_on_fetched(struct node_call *call, int error, const void *answer)
{
    const struct fetch_response *response = answer;
    struct node_ledger_question *question = call->owner;
    struct node_teller *teller = &call->world->teller;
    const struct fetch_response_partition *part =
        error != 0 ? NULL : &response->topics.items[0].partitions.items[0];
    teller->is_waiting = teller->is_waiting && !question->is_audit;
    teller->is_trimmed = part != NULL && call->world->ledger.policy == NODE_POLICY_BOTH &&
                         part->error_code == error_code(ERROR_OFFSET_OUT_OF_RANGE);
    if (teller->is_trimmed && question->is_audit) {
        return;
    }
    if (part == NULL || part->error_code != 0) {
        if (question->is_audit) {
            node_world_fail(call->world, "the audit's records of trade-%d: %s, code %d",
                            (int)call->partition, error_name(error),
                            part == NULL ? 0 : part->error_code);
        }
        return;
    }
    teller->read_count++;
    int64_t next = node_ledger_read(&call->world->ledger, question, part);
    if (question->is_audit) {
        teller->next_offset = next;
    }
    teller->high_watermarks[call->partition] = part->high_watermark;
    teller->stable_offsets[call->partition] = part->last_stable_offset;
}

static void node_teller_fetch(struct node_teller *teller, struct client *client, int lane,
                              int32_t partition, const struct node_ledger_question *asked)
{
    struct node_world *world = teller->world;
    struct node_call *call = node_call_new(world, node_teller_on_fetched, NULL);
    struct fetch_request *request = arena_new(&call->arena, struct fetch_request);
    struct fetch_request_topic *topic = arena_new(&call->arena, struct fetch_request_topic);
    struct node_ledger_question *question = arena_new(&call->arena, struct node_ledger_question);
    int64_t holder_offset = 0;
    *question = *asked;
    question->stable_offset = world->ledger.pages[partition].stable_offset;
    question->holder = node_ledger_holder(&world->ledger, partition, &holder_offset);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partitions.items = arena_new(&call->arena, struct fetch_request_partition);
    topic->partitions.count = 1;
    topic->partitions.items[0] =
        (struct fetch_request_partition){.index = partition,
                                         .current_leader_epoch = -1,
                                         .fetch_offset = question->offset,
                                         .last_fetched_epoch = -1,
                                         .log_start_offset = -1,
                                         .partition_max_bytes = NODE_TELLER_FETCH_SIZE};
    *request = (struct fetch_request){.replica_id = -1,
                                      .min_bytes = 1,
                                      .max_bytes = NODE_TELLER_FETCH_SIZE,
                                      .isolation_level = question->is_committed ? 1 : 0,
                                      .session_epoch = -1,
                                      .topics = {topic, 1}};
    call->owner = question;
    call->partition = partition;
    node_call_send(call, client, lane, API_FETCH, 12, request);
}

/* --- Offsets --- */

static void node_teller_on_offset(struct node_call *call, int error, const void *answer)
{
    const struct offset_fetch_response *response = answer;
    if (call->owner != NULL) { /* an audit */
        call->world->teller.is_waiting = false;
    }
    if (error != 0 || response->error_code != 0) {
        return; /* nobody ever asked for the topic of offsets */
    }
    const struct offset_fetch_response_partition *part =
        &response->topics.items[0].partitions.items[0];
    if (part->error_code == 0) {
        node_ledger_judge_offset(&call->world->ledger, (int)call->number, call->known,
                                 part->committed_offset);
    }
}

static void node_teller_ask_offset(struct node_teller *teller, struct client *client, int lane,
                                   int id, bool is_stable, bool is_audit)
{
    struct node_call *call =
        node_call_new(teller->world, node_teller_on_offset, is_audit ? teller : NULL);
    struct offset_fetch_request *request = arena_new(&call->arena, struct offset_fetch_request);
    struct offset_fetch_request_topic *topic =
        arena_new(&call->arena, struct offset_fetch_request_topic);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partition_indexes.items = arena_new(&call->arena, int32_t);
    topic->partition_indexes.items[0] = 0;
    topic->partition_indexes.count = 1;
    *request = (struct offset_fetch_request){.group_id = bytes_from_string(node_ledger_group(id)),
                                             .topics = {topic, 1},
                                             .require_stable = is_stable};
    call->number = id;
    call->known = teller->world->ledger.found[id];
    node_call_send(call, client, lane, API_OFFSET_FETCH, 7, request);
}

void node_teller_act(struct node_teller *teller)
{
    struct node_world *world = teller->world;
    int32_t partition = (int32_t)node_world_random(world, NODE_LEDGER_PARTITIONS);
    if (!world->trader.is_made) {
        return;
    }
    if (node_world_chance(world, 25)) {
        node_teller_ask_offset(teller, world->client, teller->lane,
                               (int)node_world_random(world, NODE_LEDGER_IDS),
                               node_world_chance(world, 50), false);
        return;
    }
    uint64_t stable = (uint64_t)world->ledger.pages[partition].stable_offset;
    struct node_ledger_question question = {.offset = (int64_t)node_world_random(world, stable + 1),
                                            .is_committed = node_world_chance(world, 70)};
    node_teller_fetch(teller, world->client, teller->lane, partition, &question);
}

/* --- Audits --- */

static void node_teller_wait(struct node_teller *teller)
{
    struct node_world *world = teller->world;
    uint64_t limit_ns = sim_now(world->sim) + NODE_TELLER_LIMIT_S * NODE_WORLD_SECOND;
    while (teller->is_waiting) {
        if (!sim_step(world->sim) || sim_now(world->sim) > limit_ns) {
            node_world_fail(world, "the teller gets no answer");
        }
    }
}

static void node_teller_on_start(struct node_call *call, int error, const void *answer)
{
    const struct list_offsets_response *response = answer;
    struct node_teller *teller = call->owner;
    const struct list_offsets_response_partition *part =
        error != 0 ? NULL : &response->topics.items[0].partitions.items[0];
    teller->is_waiting = false;
    if (part == NULL || part->error_code != 0) {
        node_world_fail(call->world, "the audit's start of trade-%d: %s, code %d",
                        (int)call->partition, error_name(error),
                        part == NULL ? 0 : part->error_code);
    }
    teller->start_offset = part->offset;
}

static void node_teller_find_start(struct node_teller *teller, struct client *client,
                                   int32_t partition)
{
    struct node_call *call = node_call_new(teller->world, node_teller_on_start, teller);
    struct list_offsets_request *request = arena_new(&call->arena, struct list_offsets_request);
    struct list_offsets_request_topic *topic =
        arena_new(&call->arena, struct list_offsets_request_topic);
    topic->name = BYTES_LITERAL(NODE_LEDGER_TOPIC);
    topic->partitions.items = arena_new(&call->arena, struct list_offsets_request_partition);
    topic->partitions.count = 1;
    topic->partitions.items[0] = (struct list_offsets_request_partition){
        .index = partition, .current_leader_epoch = -1, .timestamp_ms = -2};
    *request = (struct list_offsets_request){.replica_id = -1, .topics = {topic, 1}};
    call->partition = partition;
    teller->is_waiting = true;
    node_call_send(call, client, CLIENT_LANE_COMMON, API_LIST_OFFSETS, -1, request);
    node_teller_wait(teller);
}

/* Whether a reading may end before its level does: compaction may have left nothing there. */
static bool node_teller_may_end(const struct node_teller *teller, bool is_committed)
{
    return is_committed && teller->world->ledger.policy != NODE_POLICY_DELETE;
}

/* Reads from `offset` to the end of this level; false when the log does not begin there any more.
 */
static bool node_teller_read_from(struct node_teller *teller, struct client *client,
                                  struct node_rest *rest)
{
    int32_t partition = rest->partition;
    int empty_count = 0;
    rest->end_offset = INT64_MAX; /* the first answer says */
    for (int64_t offset = rest->start_offset;
         offset < rest->end_offset && empty_count < NODE_AUDITOR_EMPTY_MAX;
         offset = teller->next_offset) {
        struct node_ledger_question question = {
            .offset = offset, .is_committed = rest->is_committed, .is_audit = true};
        teller->is_waiting = true;
        node_teller_fetch(teller, client, CLIENT_LANE_COMMON, partition, &question);
        node_teller_wait(teller);
        if (teller->is_trimmed) {
            return false;
        }
        rest->end_offset = rest->is_committed ? teller->stable_offsets[partition]
                                              : teller->high_watermarks[partition];
        empty_count = teller->next_offset == offset ? empty_count + 1 : 0;
        if (empty_count == NODE_AUDITOR_EMPTY_MAX &&
            !node_teller_may_end(teller, rest->is_committed)) {
            node_world_fail(teller->world,
                            "trade-%d gives nothing at %" PRId64 " and ends at %" PRId64,
                            (int)partition, offset, rest->end_offset);
        }
    }
    return true;
}

/* Reads a partition to its end, as far as readers of this level get. */
static void node_teller_read(struct node_teller *teller, struct client *client, int32_t partition,
                             bool is_committed)
{
    struct node_ledger *ledger = &teller->world->ledger;
    struct node_rest rest = {.partition = partition, .is_committed = is_committed};
    do {
        node_teller_find_start(teller, client, partition);
        node_ledger_begin_reading(ledger, partition);
        rest.start_offset = teller->start_offset;
    } while (!node_teller_read_from(teller, client, &rest));
    if (!is_committed) {
        node_ledger_judge_end(ledger, partition, rest.end_offset);
    }
    rest.active_offset = node_rest_active_offset(ledger, partition);
    node_rest_judge(ledger, &rest);
}

void node_teller_audit(struct node_teller *teller, struct client *client)
{
    if (!teller->world->trader.is_made) {
        return;
    }
    for (int32_t p = 0; p < NODE_LEDGER_PARTITIONS; p++) {
        node_teller_read(teller, client, p, false);
        node_teller_read(teller, client, p, true);
    }
    for (int id = 0; id < NODE_LEDGER_IDS; id++) {
        teller->is_waiting = true;
        node_teller_ask_offset(teller, client, CLIENT_LANE_COMMON, id, false, true);
        node_teller_wait(teller);
    }
}

bool node_teller_settle(struct node_teller *teller, struct client *client)
{
    node_teller_audit(teller, client);
    for (int32_t p = 0; p < NODE_LEDGER_PARTITIONS && teller->world->trader.is_made; p++) {
        if (teller->stable_offsets[p] != teller->high_watermarks[p]) {
            return false;
        }
    }
    node_ledger_settle(&teller->world->ledger);
    return true;
}
