/* Groups of a changelog; see replay.h. */
#include "runtime/state/replay.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct replay_change {
    struct bytes key;   /* owned */
    struct bytes value; /* owned; null: removed */
    int64_t offset;
};

struct replay_group {
    struct replay_change *changes;
    size_t count;
    size_t capacity;
};

struct replay {
    struct kv *kv;
    struct accord_log log;
    struct replay_group open; /* since the last marker */
    struct replay_group held; /* of the accord's held commit */
    struct replay_group rival;
    struct kv *stale; /* keys whose newest record was forgotten, with its offset */
    struct state_position marker;
    int64_t base_offset; /* behind the base's marker, */
    int64_t held_offset; /* behind that of the held group, */
    int64_t rival_offset;
    int64_t end_offset; /* and behind the last record read */
    int64_t count;
    bool is_repairing;
};

struct bytes replay_marker_key(int64_t commit)
{
    return commit % 2 == 0 ? BYTES_LITERAL("\0tidemill.commit.0")
                           : BYTES_LITERAL("\0tidemill.commit.1");
}

static bool replay_is_marker(struct bytes key)
{
    return bytes_equal(key, replay_marker_key(0)) || bytes_equal(key, replay_marker_key(1));
}

/* --- Groups --- */

static void replay_group_clear(struct replay_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        bytes_free(group->changes[i].key);
        bytes_free(group->changes[i].value);
    }
    group->count = 0;
}

static void replay_group_add(struct replay_group *group, int64_t offset, struct bytes key,
                             struct bytes value)
{
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? 64 : group->capacity * 2;
        group->changes = memory_resize(group->changes, group->capacity * sizeof *group->changes);
    }
    group->changes[group->count++] = (struct replay_change){
        .key = bytes_copy(key), .value = bytes_copy(value), .offset = offset};
}

/* The store and the changelog agree on the key again, unless a newer record was forgotten: a stray
 * group may come before the one it overtook is applied. */
static int replay_refresh(struct replay *replay, const struct replay_change *change)
{
    struct bytes value;
    int64_t offset;
    if (!kv_get(replay->stale, change->key, &value)) {
        return 0;
    }
    memcpy(&offset, value.data, sizeof offset);
    return offset > change->offset ? 0 : kv_put(replay->stale, change->key, (struct bytes){0});
}

static int replay_apply(struct replay *replay, struct replay_group *group)
{
    int error = 0;
    for (size_t i = 0; i < group->count && error == 0; i++) {
        const struct replay_change *change = &group->changes[i];
        error = kv_put(replay->kv, change->key, change->value);
        if (error == 0) {
            error = replay_refresh(replay, change);
        }
    }
    replay_group_clear(group);
    /* What comes from the changelog needs not go there again. */
    kv_mark_committed(replay->kv);
    kv_mark_committed(replay->stale);
    return error;
}

static int replay_forget(struct replay *replay, struct replay_group *group)
{
    int error = 0;
    for (size_t i = 0; i < group->count && error == 0; i++) {
        const struct replay_change *change = &group->changes[i];
        error =
            kv_put(replay->stale, change->key, bytes_make(&change->offset, sizeof change->offset));
    }
    replay_group_clear(group);
    return error;
}

/* --- Reading --- */

struct replay *replay_new(struct kv *kv)
{
    struct replay *replay = memory_new(struct replay);
    replay->kv = kv;
    replay->stale = kv_new_memory(kv_name(kv));
    accord_log_init(&replay->log, kv_name(kv));
    state_position_init(&replay->marker);
    return replay;
}

void replay_free(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    replay_group_clear(&replay->open);
    replay_group_clear(&replay->held);
    replay_group_clear(&replay->rival);
    free(replay->open.changes);
    free(replay->held.changes);
    free(replay->rival.changes);
    kv_free(replay->stale);
    accord_log_fini(&replay->log);
    state_position_fini(&replay->marker);
    free(replay);
}

static int replay_throw_away(struct replay *replay)
{
    int error = kv_clear(replay->kv);
    kv_mark_committed(replay->kv);
    return error;
}

int replay_open(struct replay *replay, const struct state_position *opened, const char *topic_id,
                int64_t *offset)
{
    if (accord_log_open(&replay->log, opened, topic_id)) {
        *offset = state_position_changelog(opened, replay->log.store)->offset;
        replay->base_offset = replay->end_offset = *offset;
        return 0;
    }
    *offset = -1;
    return replay_throw_away(replay);
}

int replay_rebuild(struct replay *replay)
{
    accord_log_rebuild(&replay->log);
    replay->base_offset = replay->end_offset = 0;
    return replay_throw_away(replay);
}

static void replay_move_base(struct replay *replay, int64_t offset)
{
    replay->base_offset = offset > replay->base_offset ? offset : replay->base_offset;
}

/* What became of the groups that waited; the held one is empty then. */
static int replay_settle_held(struct replay *replay, enum accord_verdict verdict)
{
    bool is_rival = verdict == ACCORD_RIVAL;
    int error = replay_forget(replay, is_rival ? &replay->held : &replay->rival);
    if (error != 0) {
        return error;
    }
    if (verdict == ACCORD_BESIDE) {
        struct replay_group empty = replay->rival;
        replay->rival = replay->held;
        replay->rival_offset = replay->held_offset;
        replay->held = empty;
        return 0;
    }
    if (verdict == ACCORD_INSTEAD) {
        return replay_forget(replay, &replay->held);
    }
    replay_move_base(replay, is_rival ? replay->rival_offset : replay->held_offset);
    return replay_apply(replay, is_rival ? &replay->rival : &replay->held);
}

static int replay_end_group(struct replay *replay, struct bytes text)
{
    int error = state_position_parse(&replay->marker, text);
    if (error == 0 &&
        (replay->marker.follows < 0 || replay->marker.commit <= replay->marker.follows)) {
        error = ERROR_CORRUPT;
    }
    if (error != 0) {
        return error;
    }
    enum accord_verdict verdict = accord_log_step(&replay->log, &replay->marker);
    if (verdict == ACCORD_STRAY) {
        return replay_forget(replay, &replay->open);
    }
    error = replay_settle_held(replay, verdict);
    struct replay_group empty = replay->held;
    replay->held = replay->open;
    replay->open = empty;
    replay->held_offset = replay->end_offset;
    return error;
}

int replay_read(struct replay *replay, int64_t offset, struct bytes key, struct bytes value)
{
    replay->end_offset = offset + 1;
    if (replay_is_marker(key)) {
        return replay_end_group(replay, value);
    }
    if (!bytes_is_null(key)) {
        replay_group_add(&replay->open, offset, key, value);
        replay->count++;
    }
    return 0;
}

/* --- The end --- */

static int replay_touch_stale(struct replay *replay)
{
    struct kv_iterator *iterator = kv_iterate(replay->stale, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    int error = 0;
    while (error == 0 && kv_iterator_next(iterator, &key, &value)) {
        error = kv_touch(replay->kv, key);
        replay->is_repairing = true;
    }
    kv_iterator_free(iterator);
    return error;
}

int replay_decide(struct replay *replay, const struct state_position *decided)
{
    enum accord_fate fate = accord_log_fate(&replay->log, decided);
    bool is_held = fate == ACCORD_FATE_HELD;
    bool is_rival = fate == ACCORD_FATE_RIVAL;
    int error = is_rival ? 0 : replay_forget(replay, &replay->rival);
    if (error == 0 && !is_held) {
        error = replay_forget(replay, &replay->held);
    }
    if (error == 0 && (is_held || is_rival)) {
        error = replay_apply(replay, is_held ? &replay->held : &replay->rival);
    }
    if (error == 0) {
        error = replay_forget(replay, &replay->open);
    }
    if (error == 0 && fate == ACCORD_FATE_EMPTY) {
        replay->is_repairing = kv_count(replay->kv) > 0;
        error = kv_clear(replay->kv); /* not committed: the changelog is told */
    }
    return error != 0 ? error : replay_touch_stale(replay);
}

const struct accord_log *replay_log(const struct replay *replay)
{
    return &replay->log;
}

int64_t replay_end_offset(const struct replay *replay)
{
    return replay->end_offset;
}

int64_t replay_base_offset(const struct replay *replay)
{
    return replay->base_offset;
}

bool replay_is_sound(struct replay *replay)
{
    return kv_count(replay->stale) == 0;
}

int64_t replay_count(const struct replay *replay)
{
    return replay->count;
}

bool replay_is_repairing(const struct replay *replay)
{
    return replay->is_repairing;
}

void replay_check(const struct replay *replay)
{
    accord_log_check(&replay->log);
    kv_check(replay->kv);
    kv_check(replay->stale);
    check(replay->log.has_held || replay->held.count == 0);
    check(replay->log.has_rival || replay->rival.count == 0);
    check(replay->base_offset <= replay->end_offset && replay->held_offset <= replay->end_offset);
}
