/* Subscriptions worked out per client, pushes judged in Kafka's order; see telemetry.h. */
#include "log/server/telemetry.h"

#include "log/base/crc32c.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/metric.h"
#include "log/server/client_sample.h"
#include "log/wire/compress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TELEMETRY_INTERVAL_MS = 300000, /* of a client without a subscription */
    TELEMETRY_SILENT_INTERVALS = 3,
    TELEMETRY_METRIC_MAX = 1000,   /* prefixes that one client is told */
    TELEMETRY_LOOK_MAX = 10000,    /* that are looked at for it */
    TELEMETRY_CLIENT_ID_MAX = 255, /* bytes of it in a label */
    TELEMETRY_MEMORY_FACTOR = 16,  /* decoding may take so much more than the data */
    TELEMETRY_MEMORY_MIN = 64 * 1024,
};

struct telemetry_instance {
    struct list_link link; /* the longest silent first */
    struct wire_uuid id;
    char *labels;
    char **metrics; /* sorted, each once */
    size_t metric_count;
    int32_t subscription_id;
    int32_t push_interval_ms;
    uint64_t version; /* of the subscriptions it was worked out from */
    int64_t got_ms;   /* -1: never */
    int64_t pushed_ms;
    int64_t seen_ms;
    int last_error;
    bool is_terminated;
    struct client_sample_set samples;
};

struct telemetry {
    struct io *io;
    struct meta *meta;
    struct meta_listener listener;
    uint64_t version;     /* grows when a subscription changes */
    struct map instances; /* id to struct telemetry_instance * */
    struct list silent;
    size_t sample_count;
    size_t dropped_count;
    size_t pushed_count;
};

static void telemetry_on_config(void *owner, int8_t kind, struct bytes name)
{
    (void)name;
    if (kind == META_RESOURCE_CLIENT_METRICS) {
        ((struct telemetry *)owner)->version++;
    }
}

struct telemetry *telemetry_new(struct io *io, struct meta *meta)
{
    struct telemetry *telemetry = memory_new(struct telemetry);
    telemetry->io = io;
    telemetry->meta = meta;
    telemetry->version = 1;
    map_init(&telemetry->instances);
    list_init(&telemetry->silent);
    telemetry->listener =
        (struct meta_listener){.owner = telemetry, .resource_config_changed = telemetry_on_config};
    meta_listen(meta, &telemetry->listener);
    return telemetry;
}

static void telemetry_forget_metrics(struct telemetry_instance *instance)
{
    for (size_t i = 0; i < instance->metric_count; i++) {
        free(instance->metrics[i]);
    }
    free(instance->metrics);
    instance->metrics = NULL;
    instance->metric_count = 0;
}

static void telemetry_instance_free(void *value)
{
    struct telemetry_instance *instance = value;
    telemetry_forget_metrics(instance);
    client_sample_set_fini(&instance->samples);
    free(instance->labels);
    free(instance);
}

void telemetry_free(struct telemetry *telemetry)
{
    if (telemetry != NULL) {
        meta_unlisten(&telemetry->listener);
        map_fini(&telemetry->instances, telemetry_instance_free);
        free(telemetry);
    }
}

static int64_t telemetry_now_ms(const struct telemetry *telemetry)
{
    return (int64_t)(io_now(telemetry->io) / 1000000);
}

static void telemetry_forget(struct telemetry *telemetry, struct telemetry_instance *instance)
{
    telemetry->sample_count -= instance->samples.samples.size;
    list_remove(&instance->link);
    map_remove(&telemetry->instances, bytes_make(&instance->id, sizeof instance->id));
    telemetry_instance_free(instance);
}

/* (3), and (1) with room for so many more. */
static void telemetry_make_room(struct telemetry *telemetry, size_t count)
{
    size_t limit = (size_t)meta_broker_options(telemetry->meta)->client_telemetry_instances_max;
    int64_t now_ms = telemetry_now_ms(telemetry);
    while (!list_is_empty(&telemetry->silent)) {
        struct telemetry_instance *instance =
            list_member(telemetry->silent.head.next, struct telemetry_instance, link);
        int64_t allowed_ms = (int64_t)instance->push_interval_ms * TELEMETRY_SILENT_INTERVALS;
        if (now_ms - instance->seen_ms <= allowed_ms &&
            telemetry->instances.size + count <= limit) {
            return;
        }
        telemetry_forget(telemetry, instance);
    }
}

/* A zero id, or the one that Kafka keeps for itself, is nobody's. */
static bool telemetry_is_nobody(struct wire_uuid id)
{
    static const struct wire_uuid zero;
    static const struct wire_uuid one = {.octets = {[15] = 1}};
    return meta_uuid_equal(id, zero) || meta_uuid_equal(id, one);
}

static char *telemetry_make_labels(const struct telemetry_client *client)
{
    struct buffer labels;
    char id[META_UUID_TEXT_SIZE];
    struct bytes client_id = bytes_from_string(client->facts.values[CLIENT_MATCH_ID]);
    buffer_init(&labels);
    meta_print_uuid(client->instance_id, id);
    if (client_id.size > TELEMETRY_CLIENT_ID_MAX) {
        client_id.size = TELEMETRY_CLIENT_ID_MAX;
    }
    metric_label(&labels, "client_id", client_id);
    metric_label(&labels, "client_instance_id", bytes_from_string(id));
    char *text = bytes_to_string(buffer_bytes(&labels));
    buffer_fini(&labels);
    return text;
}

/* --- What a client is asked for --- */

struct telemetry_search {
    struct telemetry_instance *instance;
    const struct client_match_facts *facts;
    struct map seen; /* prefixes */
    size_t look_count;
    int64_t interval_ms;
    bool has_all;
};

static void telemetry_add_metric(struct telemetry_instance *instance, struct bytes name)
{
    instance->metrics =
        memory_resize(instance->metrics, (instance->metric_count + 1) * sizeof *instance->metrics);
    instance->metrics[instance->metric_count++] = bytes_to_string(name);
}

static void telemetry_add_subscription(void *owner, const struct meta_resource *resource)
{
    struct telemetry_search *search = owner;
    struct client_metrics_options options = {0};
    struct config_layers layers = {.own = &resource->configs};
    config_read_client_metrics(&layers, &options);
    if (client_match_fits(options.match, search->facts)) {
        if (options.interval_ms < search->interval_ms) {
            search->interval_ms = options.interval_ms;
        }
        for (const char *at = options.metrics;
             *at != 0 && search->look_count++ < TELEMETRY_LOOK_MAX;) {
            size_t size = strcspn(at, ",");
            struct bytes name = bytes_make(at, size);
            search->has_all = search->has_all || bytes_equal_string(name, "*");
            if (map_put(&search->seen, name, search) == NULL &&
                search->instance->metric_count < TELEMETRY_METRIC_MAX) {
                telemetry_add_metric(search->instance, name);
            }
            at += size + (at[size] == ',');
        }
    }
    option_fini(client_metrics_options_rows, client_metrics_options_row_count, &options);
}

static int telemetry_compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The same for the same subscriptions and client, in any process. */
static int32_t telemetry_make_id(const struct telemetry_instance *instance)
{
    uint32_t crc = crc32c_update(0, instance->id.octets, sizeof instance->id.octets);
    for (size_t i = 0; i < instance->metric_count; i++) {
        crc = crc32c_update(crc, instance->metrics[i], strlen(instance->metrics[i]) + 1);
    }
    uint8_t interval[4];
    for (size_t i = 0; i < sizeof interval; i++) {
        interval[i] = (uint8_t)((uint32_t)instance->push_interval_ms >> (8 * i));
    }
    return (int32_t)crc32c_update(crc, interval, sizeof interval);
}

static void telemetry_work_out(struct telemetry *telemetry, struct telemetry_instance *instance,
                               const struct telemetry_client *client)
{
    char id[META_UUID_TEXT_SIZE];
    struct client_match_facts facts = client->facts;
    struct telemetry_search search = {
        .instance = instance, .facts = &facts, .interval_ms = TELEMETRY_INTERVAL_MS};
    map_init(&search.seen);
    meta_print_uuid(instance->id, id);
    facts.values[CLIENT_MATCH_INSTANCE_ID] = id;
    telemetry_forget_metrics(instance);
    meta_each_resource(telemetry->meta, META_RESOURCE_CLIENT_METRICS, telemetry_add_subscription,
                       &search);
    map_fini(&search.seen, NULL);
    if (search.has_all) {
        telemetry_forget_metrics(instance);
        telemetry_add_metric(instance, BYTES_LITERAL(""));
    }
    if (instance->metric_count > 1) {
        qsort(instance->metrics, instance->metric_count, sizeof *instance->metrics,
              telemetry_compare);
    }
    instance->push_interval_ms = (int32_t)search.interval_ms;
    instance->subscription_id = telemetry_make_id(instance);
    instance->version = telemetry->version;
}

static struct telemetry_instance *telemetry_get(struct telemetry *telemetry,
                                                const struct telemetry_client *client)
{
    struct bytes key = bytes_make(&client->instance_id, sizeof client->instance_id);
    struct telemetry_instance *instance = map_find(&telemetry->instances, key);
    if (instance == NULL) {
        telemetry_make_room(telemetry, 1);
        instance = memory_new(struct telemetry_instance);
        instance->id = client->instance_id;
        instance->labels = telemetry_make_labels(client);
        instance->got_ms = instance->pushed_ms = -1;
        client_sample_set_init(&instance->samples);
        map_put(&telemetry->instances, key, instance);
    }
    if (instance->version != telemetry->version) {
        telemetry_work_out(telemetry, instance, client);
    }
    instance->seen_ms = telemetry_now_ms(telemetry);
    list_remove(&instance->link);
    list_add(&telemetry->silent, &instance->link);
    return instance;
}

/* --- Requests --- */

static bool telemetry_is_early(const struct telemetry_instance *instance, int64_t now_ms)
{
    int64_t last_ms =
        instance->got_ms > instance->pushed_ms ? instance->got_ms : instance->pushed_ms;
    return last_ms >= 0 && now_ms - last_ms < instance->push_interval_ms;
}

/* Who was told to ask again need not wait for it. */
int telemetry_subscribe(struct telemetry *telemetry, const struct telemetry_client *client,
                        struct telemetry_answer *out)
{
    struct telemetry_client known = *client;
    while (telemetry_is_nobody(known.instance_id)) {
        io_random(telemetry->io, known.instance_id.octets, sizeof known.instance_id.octets);
    }
    struct telemetry_instance *instance = telemetry_get(telemetry, &known);
    int64_t now_ms = telemetry_now_ms(telemetry);
    bool is_sent_back = instance->last_error == ERROR_UNKNOWN_SUBSCRIPTION_ID ||
                        instance->last_error == ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    if (telemetry_is_early(instance, now_ms) && !is_sent_back) {
        return ERROR_THROTTLING_QUOTA_EXCEEDED;
    }
    instance->got_ms = now_ms;
    instance->last_error = 0;
    *out = (struct telemetry_answer){.instance_id = instance->id,
                                     .subscription_id = instance->subscription_id,
                                     .push_interval_ms = instance->push_interval_ms,
                                     .metrics = (const char *const *)instance->metrics,
                                     .metric_count = instance->metric_count};
    return 0;
}

/* The first push may follow the answer at once: clients spread it by themselves. */
static int telemetry_judge(struct telemetry *telemetry, struct telemetry_instance *instance,
                           const struct telemetry_push *push)
{
    int64_t now_ms = telemetry_now_ms(telemetry);
    int64_t size_max = meta_broker_options(telemetry->meta)->telemetry_max_bytes;
    bool is_first = instance->got_ms > instance->pushed_ms;
    bool is_early = instance->pushed_ms >= 0 && telemetry_is_early(instance, now_ms);
    if (instance->is_terminated) {
        return ERROR_INVALID_REQUEST;
    }
    if (is_early && !is_first && !push->is_terminating) {
        return ERROR_THROTTLING_QUOTA_EXCEEDED;
    }
    instance->pushed_ms = now_ms;
    if (push->subscription_id != instance->subscription_id) {
        return ERROR_UNKNOWN_SUBSCRIPTION_ID;
    }
    if (push->compression < 0 || push->compression >= COMPRESS_CODEC_COUNT) {
        return ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    return (int64_t)push->metrics.size > size_max ? ERROR_TELEMETRY_TOO_LARGE : 0;
}

static int telemetry_read(struct telemetry *telemetry, struct telemetry_instance *instance,
                          const struct telemetry_push *push)
{
    const struct broker_options *options = meta_broker_options(telemetry->meta);
    size_t size_max = (size_t)options->telemetry_max_bytes;
    size_t own_count = instance->samples.samples.size;
    size_t limit = (size_t)options->client_telemetry_metrics_max;
    size_t others_count = telemetry->sample_count - own_count;
    struct buffer plain;
    buffer_init(&plain);
    int error =
        compress_inflate((enum compress_codec)push->compression, push->metrics, size_max, &plain);
    if (error == 0) {
        size_t memory_max = plain.size * TELEMETRY_MEMORY_FACTOR + TELEMETRY_MEMORY_MIN;
        error = client_sample_set_read(&instance->samples, buffer_bytes(&plain), instance->labels,
                                       others_count < limit ? limit - others_count : 0, memory_max,
                                       &telemetry->dropped_count);
    }
    telemetry->sample_count = others_count + instance->samples.samples.size;
    buffer_fini(&plain);
    if (error == ERROR_TOO_LARGE) {
        return ERROR_TELEMETRY_TOO_LARGE;
    }
    return error == 0 ? 0 : ERROR_INVALID_RECORD;
}

int telemetry_take(struct telemetry *telemetry, const struct telemetry_client *client,
                   const struct telemetry_push *push)
{
    if (telemetry_is_nobody(client->instance_id)) {
        return ERROR_INVALID_REQUEST;
    }
    struct telemetry_instance *instance = telemetry_get(telemetry, client);
    int error = telemetry_judge(telemetry, instance, push);
    if (error == 0 && push->metrics.size > 0) {
        error = telemetry_read(telemetry, instance, push);
    }
    if (error == 0) {
        telemetry->pushed_count++;
        instance->is_terminated = push->is_terminating;
    }
    instance->last_error = error;
    return error;
}

void telemetry_write_metrics(struct telemetry *telemetry, struct buffer *out)
{
    telemetry_make_room(telemetry, 0);
    struct client_sample **all = memory_zero(telemetry->sample_count + 1, sizeof *all);
    size_t count = 0;
    for (map_each (&telemetry->instances, entry)) {
        const struct telemetry_instance *instance = entry->value;
        for (map_each (&instance->samples.samples, sample)) {
            all[count++] = sample->value;
        }
    }
    check(count == telemetry->sample_count);
    client_sample_write(all, count, out);
    free(all);
}

void telemetry_read_stats(const struct telemetry *telemetry, struct telemetry_stats *out)
{
    *out = (struct telemetry_stats){.instance_count = telemetry->instances.size,
                                    .sample_count = telemetry->sample_count,
                                    .push_count = telemetry->pushed_count,
                                    .dropped_count = telemetry->dropped_count};
}

void telemetry_check(const struct telemetry *telemetry)
{
    size_t sample_count = 0;
    for (map_each (&telemetry->instances, entry)) {
        const struct telemetry_instance *instance = entry->value;
        sample_count += instance->samples.samples.size;
        check(list_has(&instance->link));
        check(instance->version <= telemetry->version);
    }
    check(sample_count == telemetry->sample_count);
}
