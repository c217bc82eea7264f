/* The consumer protocol's two messages; see subscription.h. */
#include "runtime/client/subscription.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/wire/messages.h"

#include <string.h>

enum {
    SUBSCRIPTION_VERSION = 3,
    SUBSCRIPTION_SHARE_VERSION = 3,
    SUBSCRIPTION_POSITIONS_VERSION = 0,
    SUBSCRIPTION_PREFIX_SIZE = 2,
};

/* Version and message as bytes in the arena. */
static struct bytes subscription_encode(struct arena *arena, const struct wire_schema *schema,
                                        int16_t version, const void *message)
{
    struct buffer encoded = {0};
    endian_write_i16(buffer_reserve(&encoded, SUBSCRIPTION_PREFIX_SIZE), version);
    encoded.size += SUBSCRIPTION_PREFIX_SIZE;
    wire_write(&encoded, schema, version, message);
    struct bytes copy = arena_copy(arena, buffer_bytes(&encoded));
    buffer_fini(&encoded);
    return copy;
}

/* Later versions only add fields at the end, so they are read as the newest we know. `rest`: what
 * is behind it. */
must_use static int subscription_decode_first(struct arena *arena, const struct wire_schema *schema,
                                              struct bytes data, void *out, struct bytes *rest)
{
    if (data.size < SUBSCRIPTION_PREFIX_SIZE) {
        return ERROR_TRUNCATED;
    }
    int16_t version = endian_read_i16(data.data);
    if (version < 0) {
        return ERROR_MALFORMED;
    }
    struct wire_reader reader = {data.data + SUBSCRIPTION_PREFIX_SIZE, data.data + data.size};
    int error = wire_read(&reader, schema, version < schema->highest ? version : schema->highest,
                          arena, out);
    *rest = bytes_make(reader.at, error == 0 ? (size_t)(reader.end - reader.at) : 0);
    return error;
}

must_use static int subscription_decode(struct arena *arena, const struct wire_schema *schema,
                                        struct bytes data, void *out)
{
    struct bytes rest;
    return subscription_decode_first(arena, schema, data, out, &rest);
}

/* How many partitions from here on are of the same topic. */
static size_t subscription_run(const struct assignor_partition *partitions, size_t count)
{
    size_t run = 1;
    while (run < count && bytes_equal(partitions[run].topic, partitions[0].topic)) {
        run++;
    }
    return run;
}

struct bytes subscription_write(struct arena *arena, const struct subscription *subscription)
{
    struct consumer_protocol_subscription message = {
        .user_data = subscription->user_data,
        .generation_id = subscription->generation,
    };
    message.topics.items = (struct bytes *)(uintptr_t)subscription->topics;
    message.topics.count = (int32_t)subscription->topic_count;
    message.owned_partitions.items =
        arena_array(arena, struct consumer_protocol_subscription_topic, subscription->owned_count);
    struct consumer_protocol_subscription_topic *topic = NULL;
    for (size_t i = 0; i < subscription->owned_count; i++) {
        const struct assignor_partition *owned = &subscription->owned[i];
        if (topic == NULL || !bytes_equal(topic->name, owned->topic)) {
            topic = &message.owned_partitions.items[message.owned_partitions.count++];
            topic->name = owned->topic;
            topic->partitions.items =
                arena_array(arena, int32_t, subscription_run(owned, subscription->owned_count - i));
        }
        topic->partitions.items[topic->partitions.count++] = owned->partition;
    }
    return subscription_encode(arena, &consumer_protocol_subscription_schema, SUBSCRIPTION_VERSION,
                               &message);
}

must_use static int subscription_read_first(struct arena *arena, struct bytes data,
                                            struct subscription *out, struct bytes *rest)
{
    struct consumer_protocol_subscription message;
    int error = subscription_decode_first(arena, &consumer_protocol_subscription_schema, data,
                                          &message, rest);
    if (error != 0) {
        return error;
    }
    size_t owned_count = 0;
    for (int32_t i = 0; i < message.owned_partitions.count; i++) {
        int32_t count = message.owned_partitions.items[i].partitions.count;
        owned_count += count > 0 ? (size_t)count : 0;
    }
    struct assignor_partition *owned = arena_try(arena, owned_count * sizeof *owned);
    if (owned == NULL) {
        return ERROR_NO_MEMORY;
    }
    size_t at = 0;
    for (int32_t i = 0; i < message.owned_partitions.count; i++) {
        const struct consumer_protocol_subscription_topic *topic =
            &message.owned_partitions.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            owned[at++] = (struct assignor_partition){.topic = topic->name,
                                                      .partition = topic->partitions.items[j]};
        }
    }
    *out = (struct subscription){
        .topics = message.topics.items,
        .topic_count = message.topics.count > 0 ? (size_t)message.topics.count : 0,
        .user_data = message.user_data,
        .owned = owned,
        .owned_count = owned_count,
        .generation = message.generation_id,
    };
    return 0;
}

int subscription_read(struct arena *arena, struct bytes data, struct subscription *out)
{
    struct bytes rest;
    return subscription_read_first(arena, data, out, &rest);
}

struct bytes subscription_write_share(struct arena *arena,
                                      const struct assignor_partition *partitions, size_t count,
                                      struct bytes user_data)
{
    struct consumer_protocol_assignment message = {.user_data = user_data};
    message.assigned_partitions.items =
        arena_array(arena, struct consumer_protocol_assignment_topic, count);
    struct consumer_protocol_assignment_topic *topic = NULL;
    for (size_t i = 0; i < count; i++) {
        if (topic == NULL || !bytes_equal(topic->name, partitions[i].topic)) {
            topic = &message.assigned_partitions.items[message.assigned_partitions.count++];
            topic->name = partitions[i].topic;
            topic->partitions.items =
                arena_array(arena, int32_t, subscription_run(&partitions[i], count - i));
        }
        topic->partitions.items[topic->partitions.count++] = partitions[i].partition;
    }
    return subscription_encode(arena, &consumer_protocol_assignment_schema,
                               SUBSCRIPTION_SHARE_VERSION, &message);
}

int subscription_read_share(struct arena *arena, struct bytes data, struct assignor_partition **out,
                            size_t *count, struct bytes *user_data)
{
    struct consumer_protocol_assignment message = {0};
    if (data.size > 0) {
        int error =
            subscription_decode(arena, &consumer_protocol_assignment_schema, data, &message);
        if (error != 0) {
            return error;
        }
    }
    size_t total = 0;
    for (int32_t i = 0; i < message.assigned_partitions.count; i++) {
        int32_t part = message.assigned_partitions.items[i].partitions.count;
        total += part > 0 ? (size_t)part : 0;
    }
    *out = arena_try(arena, total * sizeof **out);
    if (*out == NULL) {
        return ERROR_NO_MEMORY;
    }
    *user_data = message.user_data;
    *count = 0;
    for (int32_t i = 0; i < message.assigned_partitions.count; i++) {
        const struct consumer_protocol_assignment_topic *topic =
            &message.assigned_partitions.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            (*out)[(*count)++] = (struct assignor_partition){
                .topic = topic->name, .partition = topic->partitions.items[j]};
        }
    }
    return 0;
}

static size_t subscription_run_positions(const struct assignor_position *positions, size_t count)
{
    size_t run = 1;
    while (run < count && bytes_equal(positions[run].topic, positions[0].topic)) {
        run++;
    }
    return run;
}

static struct bytes subscription_write_positions(struct arena *arena,
                                                 const struct assignor_member *member)
{
    struct member_positions message = {0};
    message.topics.items =
        arena_array(arena, struct member_positions_topic, member->position_count);
    struct member_positions_topic *topic = NULL;
    for (size_t i = 0; i < member->position_count; i++) {
        const struct assignor_position *row = &member->positions[i];
        if (topic == NULL || !bytes_equal(topic->name, row->topic)) {
            size_t run = subscription_run_positions(row, member->position_count - i);
            topic = &message.topics.items[message.topics.count++];
            topic->name = row->topic;
            topic->partitions.items = arena_array(arena, struct member_positions_partition, run);
        }
        topic->partitions.items[topic->partitions.count++] = (struct member_positions_partition){
            .index = row->partition, .position = row->position, .end = row->end};
    }
    message.warmups.items =
        arena_array(arena, struct member_positions_warmup, member->warming_count);
    struct member_positions_warmup *warmup = NULL;
    for (size_t i = 0; i < member->warming_count; i++) {
        const struct assignor_partition *row = &member->warming[i];
        if (warmup == NULL || !bytes_equal(warmup->name, row->topic)) {
            warmup = &message.warmups.items[message.warmups.count++];
            warmup->name = row->topic;
            warmup->partitions.items =
                arena_array(arena, int32_t, subscription_run(row, member->warming_count - i));
        }
        warmup->partitions.items[warmup->partitions.count++] = row->partition;
    }
    return subscription_encode(arena, &member_positions_schema, SUBSCRIPTION_POSITIONS_VERSION,
                               &message);
}

struct bytes subscription_write_copies(struct arena *arena, const struct assignor_member *member)
{
    struct subscription copies = {.user_data = member->home,
                                  .owned = member->kept,
                                  .owned_count = member->kept_count,
                                  .generation = member->standby_wish};
    struct bytes first = subscription_write(arena, &copies);
    if (!member->tells_positions) {
        return first;
    }
    struct bytes rest = subscription_write_positions(arena, member);
    uint8_t *both = arena_get(arena, first.size + rest.size);
    memcpy(both, first.data, first.size);
    memcpy(both + first.size, rest.data, rest.size);
    return bytes_make(both, first.size + rest.size);
}

static void subscription_read_positions(struct arena *arena, struct bytes data,
                                        struct assignor_member *member)
{
    struct member_positions message;
    if (data.size == 0 ||
        subscription_decode(arena, &member_positions_schema, data, &message) != 0) {
        return;
    }
    size_t count = 0;
    size_t warming_count = 0;
    for (int32_t i = 0; i < message.topics.count; i++) {
        int32_t part = message.topics.items[i].partitions.count;
        count += part > 0 ? (size_t)part : 0;
    }
    for (int32_t i = 0; i < message.warmups.count; i++) {
        int32_t part = message.warmups.items[i].partitions.count;
        warming_count += part > 0 ? (size_t)part : 0;
    }
    struct assignor_position *positions = arena_try(arena, count * sizeof *positions);
    struct assignor_partition *warming = arena_try(arena, warming_count * sizeof *warming);
    if (positions == NULL || warming == NULL) {
        return;
    }
    member->tells_positions = true;
    member->positions = positions;
    member->warming = warming;
    for (int32_t i = 0; i < message.warmups.count; i++) {
        const struct member_positions_warmup *warmup = &message.warmups.items[i];
        for (int32_t j = 0; j < warmup->partitions.count; j++) {
            warming[member->warming_count++] =
                (struct assignor_partition){warmup->name, warmup->partitions.items[j]};
        }
    }
    for (int32_t i = 0; i < message.topics.count; i++) {
        const struct member_positions_topic *topic = &message.topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct member_positions_partition *row = &topic->partitions.items[j];
            positions[member->position_count++] =
                (struct assignor_position){topic->name, row->index, row->position, row->end};
        }
    }
}

void subscription_read_copies(struct arena *arena, struct bytes user_data,
                              struct assignor_member *member)
{
    struct subscription copies;
    struct bytes rest;
    if (user_data.size == 0 || subscription_read_first(arena, user_data, &copies, &rest) != 0) {
        return;
    }
    member->home = copies.user_data;
    member->kept = copies.owned;
    member->kept_count = copies.owned_count;
    member->standby_wish = copies.generation;
    subscription_read_positions(arena, rest, member);
}
