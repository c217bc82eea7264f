/* What a kind of store must be able to do; kv.h says what each call promises.
 *
 * A kind begins its struct with `struct kv` and calls kv_init and kv_fini.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv.h"

struct kv_ops {
    bool (*get)(struct kv *kv, struct bytes key, struct bytes *value);
    void (*expect)(struct kv *kv, struct bytes key);
    int (*put)(struct kv *kv, struct bytes key, struct bytes value); /* the key's size is judged */
    int (*touch)(struct kv *kv, struct bytes key);
    void (*savepoint)(struct kv *kv);
    void (*rollback)(struct kv *kv);
    bool (*is_changed)(const struct kv *kv);
    int64_t (*count)(struct kv *kv);
    struct kv_iterator *(*iterate)(struct kv *kv, struct bytes from, struct bytes to);
    void (*each_dirty)(struct kv *kv,
                       void (*each)(void *owner, struct bytes key, struct bytes value),
                       void *owner);
    void (*mark_committed)(struct kv *kv);
    void (*judge)(const struct kv *kv); /* kv_check; `check` is a macro */
    void (*free)(struct kv *kv);
};

struct kv {
    const struct kv_ops *ops;
    char *name;
    uint64_t rollback_count;
};

/* An iterator of any kind begins with this. */
struct kv_iterator {
    bool (*next)(struct kv_iterator *iterator, struct bytes *key, struct bytes *value);
    void (*free)(struct kv_iterator *iterator);
};

/* The `count` of a kind that goes through all it has. */
int64_t kv_count_rows(struct kv *kv);
void kv_init(struct kv *kv, const struct kv_ops *ops, const char *name);
void kv_fini(struct kv *kv);
