/* GetTelemetrySubscriptions (key 71, KIP-714): what a client is asked to tell about itself. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"
#include "log/wire/compress.h"

void api_get_telemetry_subscriptions(struct request *request)
{
    static int8_t codecs[] = {COMPRESS_ZSTD, COMPRESS_LZ4, COMPRESS_GZIP, COMPRESS_SNAPPY};
    const struct get_telemetry_subscriptions_request *asked =
        request_message(request, get_telemetry_subscriptions_request);
    struct server *server = request->server;
    struct telemetry_client client = {.instance_id = asked->client_instance_id};
    struct telemetry_answer answer = {0};
    struct get_telemetry_subscriptions_response response = {0};
    request_client_facts(request, &client.facts);
    response.error_code = error_code(telemetry_subscribe(server->telemetry, &client, &answer));
    if (response.error_code == 0) {
        response.client_instance_id = answer.instance_id;
        response.subscription_id = answer.subscription_id;
        response.push_interval_ms = answer.push_interval_ms;
        response.telemetry_max_bytes =
            (int32_t)meta_broker_options(server->parts.meta)->telemetry_max_bytes;
        response.accepted_compression_types.items = codecs;
        response.accepted_compression_types.count = sizeof codecs;
        response.requested_metrics.count = (int32_t)answer.metric_count;
        response.requested_metrics.items =
            arena_array(&request->arena, struct bytes, answer.metric_count);
        for (size_t i = 0; i < answer.metric_count; i++) {
            response.requested_metrics.items[i] = bytes_from_string(answer.metrics[i]);
        }
    }
    request_answer(request, &response);
}
