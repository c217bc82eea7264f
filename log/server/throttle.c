/* Measures by share, bounded in number; see throttle.h. */
#include "log/server/throttle.h"

#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/server/rate.h"

#include <math.h>
#include <stdlib.h>

/* One share's measure of one kind; the bucket is used by mutations, the rate by all others. */
struct throttle_measure {
    struct list_link link; /* the longest unused first */
    struct rate rate;
    struct rate_bucket bucket;
    size_t key_size;
    uint8_t key[];
};

struct throttle {
    struct io *io;
    const struct meta *meta;
    struct map measures; /* kind and entity to struct throttle_measure * */
    struct list used;
    struct rate accepts;
};

struct throttle *throttle_new(struct io *io, const struct meta *meta)
{
    struct throttle *throttle = memory_new(struct throttle);
    throttle->io = io;
    throttle->meta = meta;
    map_init(&throttle->measures);
    list_init(&throttle->used);
    rate_init(&throttle->accepts);
    return throttle;
}

void throttle_free(struct throttle *throttle)
{
    if (throttle != NULL) {
        map_fini(&throttle->measures, free);
        free(throttle);
    }
}

bool throttle_is_active(const struct throttle *throttle)
{
    return !quota_table_is_empty(meta_quotas(throttle->meta));
}

static int64_t throttle_now_ms(const struct throttle *throttle)
{
    return (int64_t)(io_now(throttle->io) / 1000000);
}

static struct rate_shape throttle_shape(const struct throttle *throttle, enum quota_kind kind)
{
    const struct broker_options *options = meta_broker_options(throttle->meta);
    bool is_mutation = kind == QUOTA_CONTROLLER_MUTATION_RATE;
    int32_t window_count =
        is_mutation ? options->controller_quota_window_num : options->quota_window_num;
    return (struct rate_shape){
        .window_count = window_count < 2 ? 2 : window_count,
        .window_ms = 1000 * (int64_t)(is_mutation ? options->controller_quota_window_size_seconds
                                                  : options->quota_window_size_seconds)};
}

static void throttle_forget(struct throttle *throttle, struct throttle_measure *measure)
{
    list_remove(&measure->link);
    map_remove(&throttle->measures, bytes_make(measure->key, measure->key_size));
    free(measure);
}

static struct throttle_measure *throttle_add(struct throttle *throttle, struct bytes key)
{
    size_t limit = (size_t)meta_broker_options(throttle->meta)->quota_state_max;
    while (throttle->measures.size >= limit) { /* (1) */
        throttle_forget(throttle,
                        list_member(throttle->used.head.next, struct throttle_measure, link));
    }
    struct throttle_measure *measure = memory_zero(1, sizeof *measure + key.size);
    rate_init(&measure->rate);
    rate_bucket_init(&measure->bucket);
    measure->key_size = key.size;
    for (size_t i = 0; i < key.size; i++) {
        measure->key[i] = key.data[i];
    }
    map_put(&throttle->measures, key, measure);
    list_add(&throttle->used, &measure->link);
    return measure;
}

static struct throttle_measure *throttle_get(struct throttle *throttle, enum quota_kind kind,
                                             const struct quota_entity *entity)
{
    struct buffer key;
    buffer_init(&key);
    buffer_add_byte(&key, (uint8_t)kind); /* (2) */
    quota_entity_add_key(entity, &key);
    struct throttle_measure *measure = map_find(&throttle->measures, buffer_bytes(&key));
    if (measure == NULL) {
        measure = throttle_add(throttle, buffer_bytes(&key));
    } else {
        list_remove(&measure->link);
        list_add(&throttle->used, &measure->link);
    }
    buffer_fini(&key);
    return measure;
}

static bool throttle_find(const struct throttle *throttle, enum quota_kind kind,
                          const struct throttle_client *client, struct quota_found *out)
{
    return throttle_is_active(throttle) &&
           quota_table_resolve(meta_quotas(throttle->meta), kind, client->user, client->client_id,
                               out);
}

/* Request time is given back within a window: no request waits longer for what others took. */
int32_t throttle_record(struct throttle *throttle, enum quota_kind kind,
                        const struct throttle_client *client, double amount)
{
    struct quota_found found;
    if (!throttle_find(throttle, kind, client, &found)) {
        return 0;
    }
    struct rate_shape shape = throttle_shape(throttle, kind);
    int64_t now_ms = throttle_now_ms(throttle);
    struct throttle_measure *measure = throttle_get(throttle, kind, &found.shared_by);
    rate_add(&measure->rate, &shape, amount, now_ms);
    int64_t delay_ms = rate_delay_ms(&measure->rate, &shape, found.limit, now_ms);
    if (kind == QUOTA_REQUEST_PERCENTAGE && delay_ms > shape.window_ms) {
        delay_ms = shape.window_ms;
    }
    return (int32_t)delay_ms;
}

double throttle_room(const struct throttle *throttle, enum quota_kind kind,
                     const struct throttle_client *client)
{
    struct quota_found found;
    if (!throttle_find(throttle, kind, client, &found)) {
        return INFINITY;
    }
    struct rate_shape shape = throttle_shape(throttle, kind);
    return found.limit * (double)((shape.window_count - 1) * shape.window_ms) / 1000;
}

bool throttle_take_mutations(struct throttle *throttle, const struct throttle_client *client,
                             double count, bool is_strict)
{
    struct quota_found found;
    enum quota_kind kind = QUOTA_CONTROLLER_MUTATION_RATE;
    if (!throttle_find(throttle, kind, client, &found)) {
        return true;
    }
    struct rate_shape shape = throttle_shape(throttle, kind);
    int64_t now_ms = throttle_now_ms(throttle);
    struct rate_bucket *bucket = &throttle_get(throttle, kind, &found.shared_by)->bucket;
    rate_bucket_take(bucket, &shape, found.limit, 0, now_ms);
    if (is_strict && rate_bucket_delay_ms(bucket, found.limit) > 0) {
        return false;
    }
    rate_bucket_take(bucket, &shape, found.limit, count, now_ms);
    return true;
}

int32_t throttle_mutation_delay_ms(struct throttle *throttle, const struct throttle_client *client)
{
    struct quota_found found;
    if (!throttle_find(throttle, QUOTA_CONTROLLER_MUTATION_RATE, client, &found)) {
        return 0;
    }
    const struct throttle_measure *measure =
        throttle_get(throttle, QUOTA_CONTROLLER_MUTATION_RATE, &found.shared_by);
    return (int32_t)rate_bucket_delay_ms(&measure->bucket, found.limit);
}

/* One that is refused does not count. */
static int64_t throttle_count(struct rate *rate, const struct rate_shape *shape, double limit,
                              int64_t now_ms)
{
    rate_add(rate, shape, 1, now_ms);
    int64_t delay_ms = rate_delay_ms(rate, shape, limit, now_ms);
    if (delay_ms > 0) {
        rate_add(rate, shape, -1, now_ms);
    }
    return delay_ms;
}

int32_t throttle_connection(struct throttle *throttle, struct bytes address)
{
    enum quota_kind kind = QUOTA_CONNECTION_CREATION_RATE;
    double limit = quota_table_resolve_address(meta_quotas(throttle->meta), kind, address);
    if (limit == 0) {
        return 0;
    }
    struct quota_entity entity = {0};
    entity.parts[QUOTA_ENTITY_IP] = (struct quota_entity_name){.is_given = true, .name = address};
    struct rate_shape shape = throttle_shape(throttle, kind);
    struct throttle_measure *measure = throttle_get(throttle, kind, &entity);
    return (int32_t)throttle_count(&measure->rate, &shape, limit, throttle_now_ms(throttle));
}

int32_t throttle_accept(struct throttle *throttle)
{
    int32_t limit = meta_broker_options(throttle->meta)->max_connection_creation_rate;
    if (limit == INT32_MAX) {
        return 0;
    }
    struct rate_shape shape = throttle_shape(throttle, QUOTA_CONNECTION_CREATION_RATE);
    int64_t now_ms = throttle_now_ms(throttle);
    rate_add(&throttle->accepts, &shape, 1, now_ms);
    return (int32_t)rate_delay_ms(&throttle->accepts, &shape, limit, now_ms);
}

size_t throttle_measure_count(const struct throttle *throttle)
{
    return throttle->measures.size;
}

void throttle_check(const struct throttle *throttle)
{
    size_t count = 0;
    for (const struct list_link *link = throttle->used.head.next; link != &throttle->used.head;
         link = link->next) {
        const struct throttle_measure *measure =
            list_member(link, const struct throttle_measure, link);
        check(map_find(&throttle->measures, bytes_make(measure->key, measure->key_size)) ==
              measure);
        check(measure->key[0] < QUOTA_KINDS); /* (2) */
        count++;
    }
    check(count == throttle->measures.size);
}
