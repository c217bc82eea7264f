/* Offsets of partitions and of groups; see admin.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/client/admin_call.h"
#include "runtime/client/offsets.h"

enum { ADMIN_LIST_OFFSETS_KEY = 2 };

/* ListOffsets: metadata first, then one request per leader, one after the other. Partitions whose
 * answer may heal are asked again until the deadline; the others keep their error. */
struct admin_listing {
    admin_offsets_done *done;
    struct admin_offset *offsets;
    int32_t *leaders; /* by offset; -1: answered, or not to be asked now */
    bool *is_settled;
    size_t count;
    bool is_read_committed;
    const char **topics;
    struct client_refresh refresh;
    bool is_refreshing;
    struct arena arena; /* of one request */
    struct list_offsets_request request;
};

/* The leader's epoch, with its node id in *leader_id, or -1 for both. */
static int32_t admin_find_leader(struct admin_call *call, const struct admin_offset *offset,
                                 int32_t *leader_id)
{
    const struct client_topic *topic = client_find_topic(call->client, offset->topic);
    *leader_id = -1;
    if (topic == NULL || offset->partition < 0 || offset->partition >= topic->partition_count) {
        return -1;
    }
    *leader_id = topic->partitions[offset->partition].leader_id;
    return topic->partitions[offset->partition].leader_epoch;
}

static void admin_ask_leader(struct admin_call *call);

static void admin_take_offset(struct admin_call *call, struct bytes topic,
                              const struct list_offsets_response_partition *row)
{
    struct admin_listing *listing = call->state;
    for (size_t i = 0; i < listing->count; i++) {
        struct admin_offset *offset = &listing->offsets[i];
        bool is_it = offset->partition == row->index && bytes_equal_string(topic, offset->topic) &&
                     listing->leaders[i] == call->call.target;
        if (is_it) {
            offset->error = error_from_code(row->error_code);
            offset->offset = row->offset;
            offset->timestamp_ms = row->timestamp_ms;
            listing->is_settled[i] = !error_is_retriable(offset->error);
        }
    }
}

static void admin_on_offsets(struct client_call *sent, int error, int16_t version,
                             const void *response)
{
    (void)version;
    struct admin_call *call = sent->owner;
    struct admin_listing *listing = call->state;
    const struct list_offsets_response *answer = response;
    call->is_sent = false;
    for (size_t i = 0; error != 0 && i < listing->count; i++) {
        if (listing->leaders[i] == sent->target) {
            listing->offsets[i].error = error;
            listing->is_settled[i] = error == ERROR_UNSUPPORTED;
        }
    }
    for (int32_t i = 0; error == 0 && i < answer->topics.count; i++) {
        const struct list_offsets_response_topic *topic = &answer->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            admin_take_offset(call, topic->name, &topic->partitions.items[j]);
        }
    }
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->leaders[i] == sent->target) {
            listing->leaders[i] = -1;
        }
    }
    admin_ask_leader(call);
}

/* One topic per row, one partition per topic: brokers do not mind, and answers name both. */
static void admin_fill_request(struct admin_call *call, int32_t leader_id)
{
    struct admin_listing *listing = call->state;
    arena_clear(&listing->arena);
    listing->request = (struct list_offsets_request){
        .replica_id = -1,
        .isolation_level = listing->is_read_committed,
        .timeout_ms = (int32_t)client_get_options(call->client)->request_timeout_ms,
    };
    struct list_offsets_request_topic *topics =
        arena_array(&listing->arena, struct list_offsets_request_topic, listing->count);
    int32_t count = 0;
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->leaders[i] != leader_id) {
            continue;
        }
        const struct admin_offset *offset = &listing->offsets[i];
        int32_t known_leader_id;
        struct list_offsets_request_partition *row =
            arena_new(&listing->arena, struct list_offsets_request_partition);
        row->index = offset->partition;
        row->current_leader_epoch = admin_find_leader(call, offset, &known_leader_id);
        row->timestamp_ms = offset->time;
        topics[count].name = bytes_from_string(offset->topic);
        topics[count].partitions.items = row;
        topics[count++].partitions.count = 1;
    }
    listing->request.topics.items = topics;
    listing->request.topics.count = count;
}

/* Asks the next leader; without one, settles. */
static void admin_ask_leader(struct admin_call *call)
{
    struct admin_listing *listing = call->state;
    int32_t leader_id = -1;
    int error = 0;
    for (size_t i = 0; i < listing->count; i++) {
        leader_id = leader_id < 0 ? listing->leaders[i] : leader_id;
        if (!listing->is_settled[i]) {
            error = listing->offsets[i].error;
        }
    }
    if (leader_id < 0) {
        admin_call_settle(call, error, NULL);
        return;
    }
    admin_fill_request(call, leader_id);
    call->call = (struct client_call){
        .target = leader_id,
        .api_key = ADMIN_LIST_OFFSETS_KEY,
        .version_max = -1,
        .request = &listing->request,
        .done = admin_on_offsets,
        .owner = call,
    };
    call->is_sent = true;
    client_send(call->client, &call->call);
}

static void admin_on_leaders(struct client_refresh *refresh, int error)
{
    struct admin_call *call = refresh->owner;
    struct admin_listing *listing = call->state;
    listing->is_refreshing = false;
    if (error != 0) {
        admin_call_settle(call, error, NULL);
        return;
    }
    for (size_t i = 0; i < listing->count; i++) {
        struct admin_offset *offset = &listing->offsets[i];
        listing->leaders[i] = -1;
        if (listing->is_settled[i]) {
            continue;
        }
        admin_find_leader(call, offset, &listing->leaders[i]);
        const struct client_topic *topic = client_find_topic(call->client, offset->topic);
        offset->error = listing->leaders[i] >= 0 ? ERROR_MALFORMED /* until it is answered */
                        : topic != NULL && topic->error != 0 ? topic->error
                                                             : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        /* What metadata does not know is not there; that is an answer. */
        listing->is_settled[i] = offset->error == ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    admin_ask_leader(call);
}

static void admin_begin_listing(struct admin_call *call)
{
    struct admin_listing *listing = call->state;
    listing->refresh = (struct client_refresh){.topics = listing->topics,
                                               .topic_count = listing->count,
                                               .done = admin_on_leaders,
                                               .owner = call};
    listing->is_refreshing = true;
    client_refresh_metadata(call->client, &listing->refresh);
}

static void admin_stop_listing(struct admin_call *call)
{
    struct admin_listing *listing = call->state;
    if (listing->is_refreshing) {
        client_refresh_cancel(&listing->refresh);
    }
    arena_fini(&listing->arena);
}

static void admin_finish_listing(struct admin_call *call, int error, const void *response)
{
    (void)response;
    struct admin_listing *listing = call->state;
    listing->done(call->owner, error, listing->offsets, listing->count);
    arena_fini(&listing->arena);
}

struct admin_call *admin_list_offsets(struct client *client, const struct admin_offset *offsets,
                                      size_t count, bool is_read_committed,
                                      admin_offsets_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_listing *listing = arena_new(&call->arena, struct admin_listing);
    listing->done = done;
    listing->count = count;
    listing->is_read_committed = is_read_committed;
    listing->offsets = arena_array(&call->arena, struct admin_offset, count);
    listing->leaders = arena_array(&call->arena, int32_t, count);
    listing->is_settled = arena_array(&call->arena, bool, count);
    listing->topics = arena_array(&call->arena, const char *, count);
    arena_init(&listing->arena, 0);
    for (size_t i = 0; i < count; i++) {
        listing->topics[i] = arena_string(&call->arena, bytes_from_string(offsets[i].topic));
        listing->offsets[i] = (struct admin_offset){
            .topic = listing->topics[i],
            .partition = offsets[i].partition,
            .time = offsets[i].time,
            .offset = -1,
            .timestamp_ms = -1,
        };
    }
    call->state = listing;
    call->begin = admin_begin_listing;
    call->stop = admin_stop_listing;
    call->finish = admin_finish_listing;
    admin_call_start(call);
    return call;
}

static struct member_partition *admin_copy_partitions(struct admin_call *call,
                                                      const struct member_partition *partitions,
                                                      size_t count)
{
    struct member_partition *copies = arena_array(&call->arena, struct member_partition, count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = partitions[i];
        copies[i].topic = arena_string(&call->arena, bytes_from_string(partitions[i].topic));
        copies[i].metadata = partitions[i].metadata.data == NULL
                                 ? (struct bytes){NULL, 0}
                                 : arena_copy(&call->arena, partitions[i].metadata);
    }
    return copies;
}

struct admin_committed {
    admin_committed_done *done;
    struct offsets_fetch fetch;
    bool is_fetching;
    const struct member_partition *partitions; /* the answer */
    size_t count;
};

static void admin_on_fetched(struct offsets_fetch *fetch, int error,
                             const struct member_partition *partitions, size_t count)
{
    struct admin_call *call = fetch->owner;
    struct admin_committed *state = call->state;
    state->is_fetching = false;
    state->partitions = partitions;
    state->count = count;
    admin_call_settle(call, error, NULL);
}

static void admin_begin_fetch(struct admin_call *call)
{
    struct admin_committed *state = call->state;
    state->fetch.coordinator_id = call->locator.node_id;
    state->is_fetching = true;
    offsets_fetch_start(call->client, &state->fetch);
}

static void admin_stop_fetch(struct admin_call *call)
{
    struct admin_committed *state = call->state;
    if (state->is_fetching) {
        offsets_fetch_stop(&state->fetch);
    }
}

static void admin_finish_fetch(struct admin_call *call, int error, const void *response)
{
    (void)response;
    const struct admin_committed *state = call->state;
    state->done(call->owner, error, error == 0 ? state->partitions : NULL,
                error == 0 ? state->count : 0);
}

struct admin_call *admin_fetch_offsets(struct client *client, const char *group,
                                       const struct member_partition *partitions, size_t count,
                                       admin_committed_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_committed *state = arena_new(&call->arena, struct admin_committed);
    call->group = arena_copy(&call->arena, bytes_from_string(group));
    call->target = ADMIN_CALL_TARGET_GROUP;
    call->state = state;
    call->begin = admin_begin_fetch;
    call->stop = admin_stop_fetch;
    call->finish = admin_finish_fetch;
    state->done = done;
    state->fetch = (struct offsets_fetch){
        .group = call->group,
        .partitions = partitions == NULL ? NULL : admin_copy_partitions(call, partitions, count),
        .count = partitions == NULL ? 0 : count,
        .done = admin_on_fetched,
        .owner = call,
    };
    admin_call_start(call);
    return call;
}

struct admin_committing {
    admin_done *done;
    struct offsets_commit commit;
    bool is_committing;
};

static void admin_on_committed(struct offsets_commit *commit, int error)
{
    struct admin_call *call = commit->owner;
    struct admin_committing *state = call->state;
    state->is_committing = false;
    admin_call_settle(call, error, NULL);
}

static void admin_begin_commit(struct admin_call *call)
{
    struct admin_committing *state = call->state;
    state->commit.coordinator_id = call->locator.node_id;
    state->is_committing = true;
    offsets_commit_start(call->client, &state->commit);
}

static void admin_stop_commit(struct admin_call *call)
{
    struct admin_committing *state = call->state;
    if (state->is_committing) {
        offsets_commit_stop(&state->commit);
    }
}

static void admin_finish_commit(struct admin_call *call, int error, const void *response)
{
    (void)response;
    const struct admin_committing *state = call->state;
    state->done(call->owner, error, admin_call_text(call, error));
}

struct admin_call *admin_commit_offsets(struct client *client, const char *group,
                                        const struct member_partition *partitions, size_t count,
                                        admin_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_committing *state = arena_new(&call->arena, struct admin_committing);
    call->group = arena_copy(&call->arena, bytes_from_string(group));
    call->target = ADMIN_CALL_TARGET_GROUP;
    call->state = state;
    call->begin = admin_begin_commit;
    call->stop = admin_stop_commit;
    call->finish = admin_finish_commit;
    state->done = done;
    state->commit = (struct offsets_commit){
        .identity = {.group = call->group, .member_id = BYTES_LITERAL(""), .generation = -1},
        .partitions = admin_copy_partitions(call, partitions, count),
        .count = count,
        .done = admin_on_committed,
        .owner = call,
    };
    admin_call_start(call);
    return call;
}
