/* Passes each call on to the kind of store; see kv.h and kv_kind.h. */
#include "runtime/state/kv.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/state/kv_kind.h"

#include <stdlib.h>

void kv_init(struct kv *kv, const struct kv_ops *ops, const char *name)
{
    *kv = (struct kv){.ops = ops, .name = memory_string(name)};
}

void kv_fini(struct kv *kv)
{
    free(kv->name);
}

int64_t kv_count_rows(struct kv *kv)
{
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    int64_t count = 0;
    while (kv_iterator_next(iterator, &key, &value)) {
        count++;
    }
    kv_iterator_free(iterator);
    return count;
}

bool kv_get(struct kv *kv, struct bytes key, struct bytes *value)
{
    check(!bytes_is_null(key));
    return kv->ops->get(kv, key, value);
}

void kv_expect(struct kv *kv, struct bytes key)
{
    check(!bytes_is_null(key));
    kv->ops->expect(kv, key);
}

int kv_put(struct kv *kv, struct bytes key, struct bytes value)
{
    check(!bytes_is_null(key));
    bool is_too_large = key.size > KV_KEY_SIZE_MAX || value.size > KV_VALUE_SIZE_MAX;
    return is_too_large ? ERROR_TOO_LARGE : kv->ops->put(kv, key, value);
}

int kv_touch(struct kv *kv, struct bytes key)
{
    check(!bytes_is_null(key));
    return key.size > KV_KEY_SIZE_MAX ? ERROR_TOO_LARGE : kv->ops->touch(kv, key);
}

int kv_clear(struct kv *kv)
{
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    int error = 0;
    while (error == 0 && kv_iterator_next(iterator, &key, &value)) {
        error = kv_put(kv, key, (struct bytes){0});
    }
    kv_iterator_free(iterator);
    return error;
}

void kv_savepoint(struct kv *kv)
{
    kv->ops->savepoint(kv);
}

void kv_rollback(struct kv *kv)
{
    kv->rollback_count++;
    kv->ops->rollback(kv);
}

bool kv_is_changed(const struct kv *kv)
{
    return kv->ops->is_changed(kv);
}

uint64_t kv_rollback_count(const struct kv *kv)
{
    return kv->rollback_count;
}

int64_t kv_count(struct kv *kv)
{
    return kv->ops->count(kv);
}

struct kv_iterator *kv_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    return kv->ops->iterate(kv, from, to);
}

bool kv_iterator_next(struct kv_iterator *iterator, struct bytes *key, struct bytes *value)
{
    return iterator->next(iterator, key, value);
}

void kv_iterator_free(struct kv_iterator *iterator)
{
    if (iterator != NULL) {
        iterator->free(iterator);
    }
}

void kv_each_dirty(struct kv *kv, void (*each)(void *owner, struct bytes key, struct bytes value),
                   void *owner)
{
    kv->ops->each_dirty(kv, each, owner);
}

void kv_mark_committed(struct kv *kv)
{
    kv->ops->mark_committed(kv);
}

const char *kv_name(const struct kv *kv)
{
    return kv->name;
}

void kv_check(const struct kv *kv)
{
    kv->ops->judge(kv);
}

void kv_free(struct kv *kv)
{
    if (kv != NULL) {
        kv->ops->free(kv);
    }
}
