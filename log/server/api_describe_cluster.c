/* DescribeCluster (key 60, KIP-700). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/operations.h"
#include "log/server/server_state.h"

enum { DESCRIBE_CLUSTER_BROKERS = 1, DESCRIBE_CLUSTER_CONTROLLERS = 2 };

void api_describe_cluster(struct request *request)
{
    const struct describe_cluster_request *asked =
        request_message(request, describe_cluster_request);
    struct server *server = request->server;
    struct describe_cluster_response_broker broker = {
        .broker_id = server->parts.node_id,
        .rack = bytes_from_string(meta_broker_options(server->parts.meta)->broker_rack)};
    struct describe_cluster_response response = {
        .endpoint_type = DESCRIBE_CLUSTER_BROKERS,
        .cluster_id = bytes_from_string(meta_cluster_id(server->parts.meta)),
        .controller_id = server->parts.node_id,
        .brokers = {.items = &broker, .count = 1},
        .cluster_authorized_operations =
            operations_told(asked->include_cluster_authorized_operations, OPERATIONS_OF_CLUSTER)};
    request_advertised_address(request, &broker.host, &broker.port);
    if (request->version >= 1 && asked->endpoint_type != DESCRIBE_CLUSTER_BROKERS) {
        bool is_known = asked->endpoint_type == DESCRIBE_CLUSTER_CONTROLLERS;
        response.error_code =
            error_code(is_known ? ERROR_MISMATCHED_ENDPOINT_TYPE : ERROR_UNSUPPORTED_ENDPOINT_TYPE);
        response.error_message = BYTES_LITERAL("this listener serves brokers, not controllers");
        response.cluster_id = BYTES_LITERAL("");
        response.controller_id = -1;
        response.brokers.count = 0;
    }
    request_answer(request, &response);
}
