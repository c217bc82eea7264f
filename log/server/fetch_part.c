/* Finds a partition's replica and fills its row; see fetch_part.h. */
#include "log/server/fetch_part.h"

#include "log/base/error.h"
#include "log/server/server_state.h"

#include <stdlib.h>
#include <string.h>

enum { FETCH_PART_ABORTS_MIN = 8 };

void fetch_part_init(struct fetch_part *part, struct request *request,
                     struct fetch_session_partition *partition, bool is_committed)
{
    *part = (struct fetch_part){
        .request = request, .partition = partition, .is_committed = is_committed};
    part->answer = (struct fetch_response_partition){
        .index = partition->index,
        .high_watermark = -1,
        .last_stable_offset = -1,
        .log_start_offset = -1,
        .diverging_epoch = {.epoch = -1, .end_offset = -1},
        .current_leader = {.leader_id = -1, .leader_epoch = -1},
        .snapshot_id = {.end_offset = -1, .epoch = -1},
        .aborted_transactions = {.count = is_committed ? 0 : -1},
        .preferred_read_replica = -1,
        .records = BYTES_LITERAL(""),
    };
    partition->part = part;
}

static void fetch_part_fill_offsets(struct fetch_part *part)
{
    struct replica *replica = part->partition->replica;
    part->answer.high_watermark = replica_high_watermark(replica);
    part->answer.last_stable_offset = log_stable_offset(replica_log(replica));
    part->answer.log_start_offset = log_start_offset(replica_log(replica));
}

/* A session remembers the name of an id: when the name is another topic's, the id is of one that is
 * gone. */
static int fetch_part_find(struct fetch_part *part, struct replica **out)
{
    struct fetch_session_topic *topic = part->partition->topic;
    const struct server_parts *parts = &part->request->server->parts;
    const struct meta_topic *found = NULL;
    if (topic->session->uses_ids && bytes_is_null(topic->name)) {
        found = meta_find_topic_id(parts->meta, topic->id);
        if (found == NULL) {
            return ERROR_UNKNOWN_TOPIC_ID;
        }
        fetch_session_set_name(topic, bytes_from_string(found->name));
    } else if (topic->session->uses_ids) {
        found = meta_find_topic(parts->meta, topic->name);
        if (found != NULL && !meta_uuid_equal(found->id, topic->id)) {
            return ERROR_INCONSISTENT_TOPIC_ID;
        }
    }
    *out = replica_set_find(parts->replicas, topic->name, part->partition->index);
    return *out == NULL ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : 0;
}

/* Whether what the client has before its offset is what this log has there (KIP-320, KIP-595). */
static int fetch_part_judge_epoch(struct fetch_part *part)
{
    struct fetch_session_partition *partition = part->partition;
    struct log_position end = {.offset = -1};
    if (partition->fetched_epoch < 0) {
        return 0;
    }
    if (partition->fetched_epoch <= replica_leader_epoch(partition->replica)) {
        log_find_epoch(replica_log(partition->replica), partition->fetched_epoch, &end);
    }
    if (end.offset < 0) {
        return ERROR_OFFSET_OUT_OF_RANGE;
    }
    if (end.leader_epoch < partition->fetched_epoch || end.offset < partition->fetch_offset) {
        part->is_diverged = true;
        part->answer.diverging_epoch.epoch = end.leader_epoch;
        part->answer.diverging_epoch.end_offset = end.offset;
    }
    return 0;
}

static int fetch_part_judge(struct fetch_part *part)
{
    struct fetch_session_partition *partition = part->partition;
    struct log *log = replica_log(partition->replica);
    int error = partition->topic->session->is_of_follower ? ERROR_NOT_LEADER : 0;
    if (error == 0) {
        error = replica_check_epoch(partition->replica, partition->leader_epoch);
    }
    if (error == 0) {
        error = log_status(log);
    }
    if (error == 0) {
        error = fetch_part_judge_epoch(part);
    }
    bool is_outside = partition->fetch_offset < log_start_offset(log) ||
                      partition->fetch_offset > log_end_offset(log);
    return error == 0 && is_outside && !part->is_diverged ? ERROR_OFFSET_OUT_OF_RANGE : error;
}

int fetch_part_open(struct fetch_part *part)
{
    struct replica *replica = NULL;
    if (part->partition->replica == NULL) {
        int error = fetch_part_find(part, &replica);
        if (error != 0) {
            return error;
        }
        fetch_session_watch(part->partition, replica);
    }
    return fetch_part_judge(part);
}

/* Who asks with an old epoch, or as a copy of what is only here, is told the leader. */
static void fetch_part_point_to_leader(struct fetch_part *part)
{
    bool is_there = part->partition->replica != NULL;
    if (is_there && part->request->version >= FETCH_PART_ENDPOINT_VERSION) {
        part->answer.current_leader.leader_id = part->request->server->parts.node_id;
        part->answer.current_leader.leader_epoch = replica_leader_epoch(part->partition->replica);
    }
}

void fetch_part_close_slice(struct fetch_part *part)
{
    if (part->slice != NULL) {
        log_slice_close(part->slice);
    }
}

void fetch_part_fail(struct fetch_part *part, int error)
{
    if (error == ERROR_NOT_FOUND) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (error == ERROR_FENCED_LEADER_EPOCH || error == ERROR_NOT_LEADER) {
        fetch_part_point_to_leader(part);
    }
    if (error == ERROR_UNKNOWN_TOPIC_OR_PARTITION || error == ERROR_UNKNOWN_TOPIC_ID) {
        part->answer.aborted_transactions.count = 0; /* as Kafka: none, not null */
    }
    part->answer.error_code = error_code(error);
    fetch_part_close_slice(part);
    fetch_session_unwatch(part->partition);
}

bool fetch_part_is_at_end(const struct fetch_part *part)
{
    struct replica *replica = part->partition->replica;
    return replica == NULL || part->is_diverged ||
           part->partition->fetch_offset >= replica_limit(replica, part->is_committed);
}

struct fetch_part_aborts {
    struct arena *arena;
    struct fetch_response_aborted_transaction *items;
    int32_t count;
    int32_t capacity;
};

static void fetch_part_on_aborted(void *owner, const struct log_aborted *aborted)
{
    struct fetch_part_aborts *aborts = owner;
    if (aborts->count == aborts->capacity) {
        struct fetch_response_aborted_transaction *old = aborts->items;
        aborts->capacity = aborts->capacity == 0 ? FETCH_PART_ABORTS_MIN : aborts->capacity * 2;
        aborts->items = arena_array(aborts->arena, struct fetch_response_aborted_transaction,
                                    (size_t)aborts->capacity);
        if (old != NULL) {
            memcpy(aborts->items, old, (size_t)aborts->count * sizeof *old);
        }
    }
    aborts->items[aborts->count++] = (struct fetch_response_aborted_transaction){
        .producer_id = aborted->producer_id, .first_offset = aborted->first_offset};
}

static int fetch_part_compare_aborted(const void *left, const void *right)
{
    int64_t one = ((const struct fetch_response_aborted_transaction *)left)->first_offset;
    int64_t other = ((const struct fetch_response_aborted_transaction *)right)->first_offset;
    return one < other ? -1 : one > other; /* no two begin at the same offset */
}

/* Clients go through them in the order in which they begin. */
static int fetch_part_fill_aborts(struct fetch_part *part)
{
    struct fetch_part_aborts aborts = {.arena = &part->request->arena};
    if (!part->is_committed || fetch_part_size(part) == 0) {
        return 0;
    }
    int error =
        log_each_aborted(replica_log(part->partition->replica), part->partition->fetch_offset,
                         part->slice->next_offset, fetch_part_on_aborted, &aborts);
    if (error == 0 && aborts.count > 0) {
        qsort(aborts.items, (size_t)aborts.count, sizeof *aborts.items, fetch_part_compare_aborted);
        part->answer.aborted_transactions.items = aborts.items;
        part->answer.aborted_transactions.count = aborts.count;
    }
    return error;
}

void fetch_part_finish(struct fetch_part *part)
{
    if (part->partition->replica == NULL) {
        return;
    }
    int error = fetch_part_fill_aborts(part);
    if (error != 0) {
        fetch_part_fail(part, error);
        return;
    }
    fetch_part_fill_offsets(part);
    part->answer.records = bytes_make("", fetch_part_size(part));
}
