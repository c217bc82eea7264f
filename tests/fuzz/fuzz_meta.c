/* Feeds bytes to the picture of the cluster as commands: size (1), command, and so on.
 *
 * Promises: a command is taken or refused, and one that is refused changed nothing that the
 * invariants see; the same commands give the same picture. Snapshots do not exist yet: the picture
 * is always the fold of the whole log. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/meta/meta.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <string.h>

enum { FUZZ_MEMORY_FACTOR = 256, FUZZ_MEMORY_MIN = 64 * 1024 };

struct fuzz_listener {
    struct meta_listener listener; /* first */
    int created;
    int deleted;
    bool is_looking; /* after every command; it is what takes the time */
};

static void fuzz_on_created(void *owner, const struct meta_topic *topic)
{
    struct fuzz_listener *listener = owner;
    check(topic->partition_count > 0);
    listener->created++;
}

static void fuzz_on_deleted(void *owner, const struct meta_topic *topic)
{
    struct fuzz_listener *listener = owner;
    check(topic->name != NULL);
    listener->deleted++;
}

static void fuzz_look(const struct meta *meta, const struct fuzz_listener *listener)
{
    meta_check(meta);
    check(meta_topic_count(meta) == (size_t)(listener->created - listener->deleted));
    for (size_t i = 0; i < meta_topic_count(meta); i++) {
        const struct meta_topic *topic = meta_topic_at(meta, i);
        check(meta_find_topic(meta, bytes_from_string(topic->name)) == topic);
        check(meta_find_topic_id(meta, topic->id) == topic);
        check(meta_find_partition(topic, topic->partition_count) == NULL);
    }
}

static void fuzz_apply(struct meta *meta, const struct fuzz_listener *listener, struct bytes input)
{
    while (input.size > 0) {
        size_t size = fuzz_take_byte(&input);
        size = size < input.size ? size : input.size;
        int64_t next_id = meta_next_producer_id(meta);
        int error = meta_apply(meta, bytes_make(input.data, size));
        check(error == 0 || error == ERROR_CORRUPT || error == ERROR_UNSUPPORTED ||
              error == ERROR_INVALID);
        check(meta_next_producer_id(meta) == next_id || error == 0);
        if (listener->is_looking) {
            fuzz_look(meta, listener);
        }
        input = bytes_make(input.data + size, input.size - size);
    }
}

static struct meta *fuzz_fold(struct bytes input, struct fuzz_listener *listener, bool is_looking)
{
    struct meta *meta = meta_new(1, NULL);
    *listener = (struct fuzz_listener){
        .listener = {.owner = listener,
                     .topic_created = fuzz_on_created,
                     .topic_deleted = fuzz_on_deleted},
        .is_looking = is_looking,
    };
    meta_listen(meta, &listener->listener);
    fuzz_apply(meta, listener, input);
    return meta;
}

static void fuzz_same(const struct meta *left, const struct meta *right)
{
    check(strcmp(meta_cluster_id(left), meta_cluster_id(right)) == 0);
    check(meta_registration_count(left) == meta_registration_count(right));
    check(meta_registered_node(left) == meta_registered_node(right));
    check(meta_feature_epoch(left) == meta_feature_epoch(right));
    check(meta_topic_count(left) == meta_topic_count(right));
    check(meta_quotas(left)->limits.size == meta_quotas(right)->limits.size);
    for (size_t i = 0; i < meta_topic_count(left); i++) {
        const struct meta_topic *topic = meta_topic_at(left, i);
        const struct meta_topic *other = meta_topic_at(right, i);
        check(strcmp(topic->name, other->name) == 0);
        check(topic->partition_count == other->partition_count);
        check(topic->configs.size == other->configs.size);
        check(topic->options.retention_ms == other->options.retention_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_listener first_listener, second_listener;
    trace_set_stream(NULL);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    struct meta *first = fuzz_fold(bytes_make(data, size), &first_listener, true);
    struct meta *second = fuzz_fold(bytes_make(data, size), &second_listener, false);
    fuzz_same(first, second);
    meta_unlisten(&first_listener.listener);
    meta_unlisten(&second_listener.listener);
    meta_free(first);
    meta_free(second);
    return 0;
}
