/* Following what is deployed; see deployment.h.
 *
 *     make the topic  ->  read to its end, keeping the newest of each key  ->  tell all, and go on
 *
 * What fails is done again after a pause: nothing else can be done without the topic. */
#include "runtime/host/deployment.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/wire/messages.h"
#include "runtime/client/fetcher.h"
#include "runtime/client/producer.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEPLOYMENT_PAUSE_MS = 1000,
    DEPLOYMENT_TIMEOUT_MS = 30000,
    DEPLOYMENT_INFLATED_MAX = 64 << 20,
};

struct deployment {
    struct io *io;
    const struct deployment_events *events;
    void *owner;
    struct client *client;
    struct fetcher *fetcher;
    struct producer *producer;
    struct map current; /* name -> struct buffer: what was read before all was */
    bool is_read;       /* to its end, once */
    int64_t next_offset;
    struct io_timer timer;
    struct client_call call; /* makes the topic, with what it names */
    struct create_topics_request request;
    struct create_topics_request_topic topic;
    struct create_topics_request_config config;
    void (*stopped)(void *owner);
    void *stopped_owner;
};

/* --- Records ---------------------------------------------------------------------------------- */

static void deployment_leave_out(const char *key, const struct report *why)
{
    trace(TRACE_WARN, "deployment.record_left_out", TRACE_STRING("topic", DEPLOYMENT_TOPIC),
          TRACE_STRING("key", key), TRACE_STRING("why", why->text));
}

static void deployment_tell_version(struct deployment *deployment, const char *name,
                                    struct bytes value)
{
    struct app_bundle bundle;
    struct report report = {0};
    if (bytes_is_null(value)) {
        deployment->events->removed(deployment->owner, name);
        return;
    }
    app_bundle_init(&bundle);
    if (app_bundle_read(&bundle, value, &report) != 0 || strcmp(bundle.app, name) != 0) {
        deployment_leave_out(name, &report);
    } else {
        deployment->events->deployed(deployment->owner, &bundle);
    }
    app_bundle_fini(&bundle);
}

static void deployment_tell_canary(struct deployment *deployment, const char *name,
                                   struct bytes value)
{
    struct canary_order order;
    struct report report = {0};
    if (bytes_is_null(value)) {
        deployment->events->canary(deployment->owner, name, NULL);
        return;
    }
    canary_order_init(&order);
    if (canary_order_read(&order, value, &report) != 0 || strcmp(order.bundle.app, name) != 0) {
        deployment_leave_out(name, &report);
    } else {
        deployment->events->canary(deployment->owner, name, &order);
    }
    canary_order_fini(&order);
}

/* The place of the '@' in the key of a canary; 0 when it is that of a version. */
static size_t deployment_find_canary(struct bytes key)
{
    size_t size = sizeof DEPLOYMENT_CANARY - 1;
    bool is_one =
        key.size > size && memcmp(key.data + key.size - size, DEPLOYMENT_CANARY, size) == 0;
    return is_one ? key.size - size : 0;
}

static void deployment_tell(struct deployment *deployment, struct bytes key, struct bytes value)
{
    size_t place = deployment_find_canary(key);
    char *name = bytes_to_string(bytes_make(key.data, place > 0 ? place : key.size));
    if (place > 0) {
        deployment_tell_canary(deployment, name, value);
    } else {
        deployment_tell_version(deployment, name, value);
    }
    free(name);
}

static void deployment_free_value(void *value)
{
    buffer_fini(value);
    free(value);
}

static void deployment_keep(struct deployment *deployment, struct bytes key, struct bytes value)
{
    struct buffer *kept = map_remove(&deployment->current, key);
    if (kept != NULL) {
        deployment_free_value(kept);
    }
    if (!bytes_is_null(value)) {
        kept = memory_new(struct buffer);
        buffer_init(kept);
        buffer_add_bytes(kept, value);
        map_put(&deployment->current, key, kept);
    }
}

static void deployment_take_record(struct deployment *deployment, struct bytes key,
                                   struct bytes value)
{
    bool is_looked_at =
        !bytes_is_null(key) && key.size > 0 && memchr(key.data, 0, key.size) == NULL &&
        (memchr(key.data, '@', key.size) == NULL || deployment_find_canary(key) > 0);
    if (is_looked_at && deployment->is_read) {
        deployment_tell(deployment, key, value);
    } else if (is_looked_at) {
        deployment_keep(deployment, key, value);
    }
}

static void deployment_tell_all(struct deployment *deployment)
{
    deployment->is_read = true;
    for (int is_canary = 0; is_canary < 2; is_canary++) { /* versions first */
        for (map_each (&deployment->current, entry)) {
            if ((deployment_find_canary(entry->key) > 0) == (is_canary == 1)) {
                deployment_tell(deployment, entry->key, buffer_bytes(entry->value));
            }
        }
    }
    map_fini(&deployment->current, deployment_free_value);
    map_init(&deployment->current);
}

static int deployment_take_batch(struct deployment *deployment, const struct fetcher_batch *fetched)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, &fetched->batch, DEPLOYMENT_INFLATED_MAX);
    if (error != 0) {
        return error;
    }
    while ((error = batch_iterator_next(&iterator, &record)) == 1) {
        if (record.offset >= fetched->position) {
            deployment_take_record(deployment, record.key, record.value);
            deployment->next_offset = record.offset + 1;
        }
    }
    batch_iterator_close(&iterator);
    return error;
}

/* --- Its life --------------------------------------------------------------------------------- */

static void deployment_make_topic(struct deployment *deployment);

static void deployment_on_pause_end(struct io_timer *timer)
{
    deployment_make_topic(timer->owner);
}

static void deployment_try_later(struct deployment *deployment, int error)
{
    if (deployment->stopped != NULL) {
        return;
    }
    trace(TRACE_WARN, "deployment.not_read", TRACE_STRING("topic", DEPLOYMENT_TOPIC),
          TRACE_STRING("error", error_name(error)));
    fetcher_remove(deployment->fetcher, DEPLOYMENT_TOPIC, 0);
    io_timer_start(deployment->io, &deployment->timer, (uint64_t)DEPLOYMENT_PAUSE_MS * 1000000);
}

static void deployment_on_ready(void *owner)
{
    struct deployment *deployment = owner;
    struct fetcher_batch fetched;
    int result;
    while ((result = fetcher_take(deployment->fetcher, NULL, 0, &fetched)) == 1) {
        int error = deployment_take_batch(deployment, &fetched);
        fetcher_release(deployment->fetcher, &fetched);
        if (error != 0) {
            deployment_try_later(deployment, error);
            return;
        }
    }
    if (result < 0) {
        deployment_try_later(deployment, result);
    } else if (!deployment->is_read &&
               fetcher_is_at_end(deployment->fetcher, DEPLOYMENT_TOPIC, 0)) {
        deployment_tell_all(deployment);
    }
}

static void deployment_on_topic(struct client_call *call, int error, int16_t version,
                                const void *response)
{
    (void)version;
    struct deployment *deployment = call->owner;
    if (error == 0) {
        const struct create_topics_response *made = response;
        error = made->topics.count == 1 ? error_from_code(made->topics.items[0].error_code)
                                        : ERROR_MALFORMED;
    }
    if (error != 0 && error != ERROR_TOPIC_ALREADY_EXISTS) {
        deployment_try_later(deployment, error);
        return;
    }
    fetcher_add(deployment->fetcher, DEPLOYMENT_TOPIC, 0,
                deployment->next_offset > 0 ? deployment->next_offset : FETCHER_OFFSET_EARLIEST);
}

static void deployment_make_topic(struct deployment *deployment)
{
    deployment->config = (struct create_topics_request_config){
        .name = BYTES_LITERAL("cleanup.policy"), .value = BYTES_LITERAL("compact")};
    deployment->topic =
        (struct create_topics_request_topic){.name = BYTES_LITERAL(DEPLOYMENT_TOPIC),
                                             .partition_count = 1,
                                             .replication_factor = -1,
                                             .configs = {.items = &deployment->config, .count = 1}};
    deployment->request = (struct create_topics_request){
        .topics = {.items = &deployment->topic, .count = 1}, .timeout_ms = DEPLOYMENT_TIMEOUT_MS};
    deployment->call = (struct client_call){.target = CLIENT_CONTROLLER,
                                            .api_key = API_CREATE_TOPICS,
                                            .version_max = -1,
                                            .request = &deployment->request,
                                            .done = deployment_on_topic,
                                            .owner = deployment};
    client_send(deployment->client, &deployment->call);
}

struct deployment *deployment_start(struct io *io, const struct client_options *options,
                                    const struct deployment_events *events, void *owner)
{
    struct fetcher_options fetcher_options = fetcher_options_default();
    struct producer_options producer_options = producer_options_default();
    struct client_options client_options = *options;
    struct deployment *deployment = memory_new(struct deployment);
    fetcher_options.reset = FETCHER_RESET_EARLIEST;
    fetcher_options.is_read_committed = true; /* what is deployed is a transaction */
    client_options.client_id = "tidemill-deployment";
    deployment->io = io;
    deployment->events = events;
    deployment->owner = owner;
    deployment->client = client_new(io, &client_options);
    deployment->fetcher = fetcher_new(deployment->client, &fetcher_options);
    deployment->producer = producer_new(deployment->client, &producer_options);
    deployment->timer = (struct io_timer){.fired = deployment_on_pause_end, .owner = deployment};
    map_init(&deployment->current);
    fetcher_on_ready(deployment->fetcher, deployment_on_ready, deployment);
    deployment_make_topic(deployment);
    return deployment;
}

static void deployment_on_client_closed(void *owner)
{
    struct deployment *deployment = owner;
    void (*stopped)(void *owner) = deployment->stopped;
    void *stopped_owner = deployment->stopped_owner;
    io_timer_stop(deployment->io, &deployment->timer);
    map_fini(&deployment->current, deployment_free_value);
    free(deployment);
    stopped(stopped_owner);
}

static void deployment_on_producer_closed(void *owner)
{
    struct deployment *deployment = owner;
    client_close(deployment->client, deployment_on_client_closed, deployment);
}

static void deployment_on_fetcher_closed(void *owner)
{
    struct deployment *deployment = owner;
    producer_close(deployment->producer, deployment_on_producer_closed, deployment);
}

void deployment_stop(struct deployment *deployment, void (*stopped)(void *owner), void *owner)
{
    deployment->stopped = stopped;
    deployment->stopped_owner = owner;
    io_timer_stop(deployment->io, &deployment->timer);
    fetcher_on_ready(deployment->fetcher, NULL, NULL);
    fetcher_close(deployment->fetcher, deployment_on_fetcher_closed, deployment);
}

static void deployment_on_put(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)owner;
    (void)partition;
    (void)offset;
    if (error != 0) {
        trace(TRACE_WARN, "deployment.not_put", TRACE_STRING("topic", DEPLOYMENT_TOPIC),
              TRACE_STRING("error", error_name(error)));
    }
}

static void deployment_send(struct deployment *deployment, const char *key, struct bytes value)
{
    const struct producer_record record = {.topic = DEPLOYMENT_TOPIC,
                                           .partition = 0,
                                           .timestamp_ms = -1,
                                           .key = bytes_from_string(key),
                                           .value = value,
                                           .done = deployment_on_put};
    int error = producer_send(deployment->producer, &record);
    if (error != 0) {
        deployment_on_put(NULL, error, 0, -1);
    }
}

void deployment_put(struct deployment *deployment, const struct app_bundle *bundle)
{
    struct buffer value;
    buffer_init(&value);
    app_bundle_write(bundle, &value);
    deployment_send(deployment, bundle->app, buffer_bytes(&value));
    buffer_fini(&value);
}

void deployment_put_canary(struct deployment *deployment, const struct canary_order *order)
{
    struct buffer key;
    struct buffer value;
    buffer_init(&key);
    buffer_init(&value);
    buffer_printf(&key, "%s%s", order->bundle.app, DEPLOYMENT_CANARY);
    canary_order_write(order, &value);
    deployment_send(deployment, buffer_string(&key), buffer_bytes(&value));
    buffer_fini(&key);
    buffer_fini(&value);
}
