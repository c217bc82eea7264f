/* WriteTxnMarkers (key 27): writes the end of a transaction into partitions.
 *
 * Among brokers it is the transaction coordinator's; here only an admin sends it, to end what hangs
 * in a partition and no coordinator knows of. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct write_markers {
    struct request *request;
    struct write_txn_markers_response response;
    int32_t underway_count;
};

struct write_marker {
    struct transactor_marker marker;
    struct write_markers *markers;
    struct write_txn_markers_response_partition *answer;
};

static void write_markers_finish(struct write_markers *markers)
{
    if (--markers->underway_count == 0) {
        request_answer(markers->request, &markers->response);
    }
}

static void write_markers_on_done(struct transactor_marker *marker, int error)
{
    struct write_marker *written = marker->owner;
    written->answer->error_code = error_code(error);
    write_markers_finish(written->markers);
}

/* -1 is no producer, no epoch, no version. */
static bool write_markers_is_nobodys(const struct write_txn_markers_request_marker *asked)
{
    return asked->producer_id == -1 || asked->producer_epoch == -1 ||
           asked->transaction_version == -1;
}

static void write_markers_serve(struct write_markers *markers,
                                const struct write_txn_markers_request_marker *asked,
                                struct bytes topic, int32_t partition,
                                struct write_txn_markers_response_partition *answer)
{
    struct server_parts *parts = &markers->request->server->parts;
    struct write_marker *written = arena_new(&markers->request->arena, struct write_marker);
    answer->index = partition;
    if (replica_set_find(parts->replicas, topic, partition) == NULL) {
        answer->error_code = error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    if (write_markers_is_nobodys(asked)) {
        answer->error_code = error_code(ERROR_UNKNOWN_SERVER); /* Kafka's word for it */
        return;
    }
    written->markers = markers;
    written->answer = answer;
    written->marker = (struct transactor_marker){
        .topic = topic,
        .partition = partition,
        .producer_id = asked->producer_id,
        .producer_epoch = asked->producer_epoch,
        .coordinator_epoch = asked->coordinator_epoch,
        .is_commit = asked->is_committed,
        .done = write_markers_on_done,
        .owner = written,
    };
    markers->underway_count++;
    parts->write_marker(parts->marker_owner, &written->marker);
}

static void write_markers_serve_marker(struct write_markers *markers,
                                       const struct write_txn_markers_request_marker *asked,
                                       struct write_txn_markers_response_marker *answer)
{
    struct arena *arena = &markers->request->arena;
    answer->producer_id = asked->producer_id;
    answer->topics.count = asked->topics.count;
    answer->topics.items =
        arena_array(arena, struct write_txn_markers_response_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct write_txn_markers_request_topic *from = &asked->topics.items[i];
        struct write_txn_markers_response_topic *to = &answer->topics.items[i];
        to->name = from->name;
        to->partitions.count = from->partition_indexes.count;
        to->partitions.items = arena_array(arena, struct write_txn_markers_response_partition,
                                           from->partition_indexes.count);
        for (int32_t j = 0; j < from->partition_indexes.count; j++) {
            write_markers_serve(markers, asked, from->name, from->partition_indexes.items[j],
                                &to->partitions.items[j]);
        }
    }
}

void api_write_txn_markers(struct request *request)
{
    const struct write_txn_markers_request *asked =
        request_message(request, write_txn_markers_request);
    struct write_markers *markers = arena_new(&request->arena, struct write_markers);
    markers->request = request;
    markers->underway_count = 1; /* this call */
    markers->response.markers.count = asked->markers.count;
    markers->response.markers.items = arena_array(
        &request->arena, struct write_txn_markers_response_marker, asked->markers.count);
    for (int32_t i = 0; i < asked->markers.count; i++) {
        write_markers_serve_marker(markers, &asked->markers.items[i],
                                   &markers->response.markers.items[i]);
    }
    write_markers_finish(markers);
}
