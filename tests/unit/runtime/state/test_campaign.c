/* Shows that a task comes back to one decided commit, in all its stores, wherever it died: a seeded
 * campaign of commits that end at any record of any changelog, with local contents of any age, lost
 * local contents, compaction, stores that are added and removed, and changelogs made anew; against
 * a model that knows which commits were whole. And that a plain reader of a changelog comes to the
 * same contents after the next commit. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/state/replay.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORES = 3, KEYS = 10, INPUTS = 4000, COMMITS = 4000, LIVES = 40 };

static const char *const NAMES[STORES] = {"counts", "seen", "cache"};

/* A changelog: what is in the topic. */
struct row {
    char *key; /* "" for a marker */
    char *value;
    struct bytes marker_key;
    int64_t offset;
};

struct topic {
    struct row *rows;
    size_t count;
    int64_t next_offset;
    int64_t safe_offset; /* behind the marker of the last acknowledged commit */
    char id[STATE_POSITION_ID_SIZE];
};

struct store {
    struct topic topic;
    bool is_declared;
    bool is_in_memory;
    bool is_kept;     /* local contents are those of the local position */
    int local[KEYS];  /* local contents; 0: not there */
    int64_t begun_at; /* the input its contents begin with */
    struct kv *kv;    /* of the living process */
    struct replay *replay;
};

/* What the model knows of one commit. */
struct commit {
    int64_t number;
    int64_t input;
    bool takes_part[STORES];
    bool is_whole[STORES];
    char ids[STORES][STATE_POSITION_ID_SIZE];
    int64_t begun_at[STORES];
};

struct world {
    uint64_t seed;
    bool has_ids;
    struct store stores[STORES];
    struct state_position local; /* commit 0: none */
    int64_t group_input;         /* as committed to the group */
    struct commit commits[COMMITS];
    size_t commit_count;
    const struct commit *acknowledged;
    int next_id;
    int64_t clock_ms;
    /* of the living process */
    struct state_position position;
    int64_t decided;
    int64_t newest;
    int64_t input;
    size_t empty_count;
    size_t undecided_count;
};

static uint32_t roll(struct world *world, uint32_t below)
{
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return (uint32_t)(world->seed >> 16) % below;
}

/* Input number n changes one key of one store, always in the same way. */
static int input_store(int64_t n)
{
    return (int)((uint64_t)n * 2654435761u % 1009 % STORES);
}

static int input_key(int64_t n)
{
    return (int)((uint64_t)n * 40503u % 997 % KEYS);
}

static int input_value(int64_t n)
{
    return (uint64_t)n * 7919u % 101 % 4 == 0 ? 0 : (int)n + 1;
}

static struct bytes key_text(int key, char text[8])
{
    snprintf(text, 8, "k%d", key);
    return bytes_from_string(text);
}

static void put(struct kv *kv, int key, int value)
{
    char name[8];
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    assert_int_equal(
        kv_put(kv, key_text(key, name), value == 0 ? (struct bytes){0} : bytes_from_string(text)),
        0);
}

static void read_values(struct kv *kv, int out[KEYS])
{
    for (int i = 0; i < KEYS; i++) {
        char name[8];
        struct bytes value;
        bool is_there = kv_get(kv, key_text(i, name), &value);
        char *text = is_there ? bytes_to_string(value) : NULL;
        out[i] = is_there ? atoi(text) : 0;
        free(text);
    }
}

/* What a store must hold that began with one input, before another. */
static void fold(int store, int64_t from, int64_t to, int out[KEYS])
{
    memset(out, 0, KEYS * sizeof *out);
    for (int64_t n = from; n < to; n++) {
        if (input_store(n) == store) {
            out[input_key(n)] = input_value(n);
        }
    }
}

/* --- Topics --- */

static void topic_add(struct topic *topic, const struct row *from)
{
    topic->rows = memory_resize(topic->rows, (topic->count + 1) * sizeof *topic->rows);
    struct row *row = &topic->rows[topic->count++];
    *row = *from;
    row->key = memory_string(from->key);
    row->value = memory_string(from->value);
    row->offset = topic->next_offset++;
}

static void row_free(struct row *row)
{
    free(row->key);
    free(row->value);
}

static void topic_make_anew(struct world *world, struct topic *topic)
{
    for (size_t i = 0; i < topic->count; i++) {
        row_free(&topic->rows[i]);
    }
    free(topic->rows);
    *topic = (struct topic){0};
    if (world->has_ids) {
        snprintf(topic->id, sizeof topic->id, "%032d", ++world->next_id);
    }
}

static bool row_is_same_key(const struct row *left, const struct row *right)
{
    return strcmp(left->key, right->key) == 0 && bytes_equal(left->marker_key, right->marker_key);
}

/* Keeps the newest record of each key below an offset. */
static void topic_compact(struct topic *topic, int64_t below)
{
    size_t kept = 0;
    for (size_t i = 0; i < topic->count; i++) {
        bool is_superseded = false;
        for (size_t j = i + 1; j < topic->count && topic->rows[j].offset < below; j++) {
            is_superseded = is_superseded || row_is_same_key(&topic->rows[i], &topic->rows[j]);
        }
        if (is_superseded) {
            row_free(&topic->rows[i]);
        } else {
            topic->rows[kept++] = topic->rows[i];
        }
    }
    topic->count = kept;
}

static void expect_plain_reader_agrees(const struct store *store)
{
    int plain[KEYS] = {0};
    int values[KEYS];
    for (size_t i = 0; i < store->topic.count; i++) {
        const struct row *row = &store->topic.rows[i];
        if (row->key[0] != 0) {
            plain[atoi(row->key + 1)] = row->value == NULL ? 0 : atoi(row->value);
        }
    }
    read_values(store->kv, values);
    assert_memory_equal(plain, values, sizeof values);
}

/* --- The model: what must be decided --- */

static bool commit_names(const struct world *world, const struct commit *commit, int store)
{
    const struct store *now = &world->stores[store];
    return commit->takes_part[store] && now->is_declared &&
           strcmp(commit->ids[store], now->topic.id) == 0;
}

/* Whether a store is left that took part in it. */
static bool is_known(const struct world *world, const struct commit *commit)
{
    for (int i = 0; i < STORES; i++) {
        if (commit_names(world, commit, i)) {
            return true;
        }
    }
    return false;
}

/* Whether its marker is with every store that took part and is left. */
static bool is_whole(const struct world *world, const struct commit *commit)
{
    for (int i = 0; i < STORES; i++) {
        if (commit_names(world, commit, i) && !commit->is_whole[i]) {
            return false;
        }
    }
    return true;
}

static bool is_decided(const struct world *world, const struct commit *commit)
{
    for (int i = 0; i < STORES; i++) {
        if (commit->takes_part[i] && !commit_names(world, commit, i)) {
            return false;
        }
    }
    return is_whole(world, commit);
}

/* The commit that was chosen, if it may be; NULL for the beginning. */
static const struct commit *judge_choice(const struct world *world, int64_t number)
{
    const struct commit *chosen = NULL;
    for (size_t i = 0; i < world->commit_count; i++) {
        const struct commit *commit = &world->commits[i];
        if (commit->number == number) {
            chosen = commit;
        }
        /* Nothing that was decided is passed over. */
        bool is_passed = commit->number > number;
        assert_false(is_passed && commit == world->acknowledged && is_known(world, commit));
        assert_false(is_passed && is_decided(world, commit));
    }
    assert_true(number == 0 || chosen != NULL);
    if (chosen != NULL) {
        assert_true(is_whole(world, chosen));
        assert_true(is_known(world, chosen));
    }
    return chosen;
}

/* --- One life of the process --- */

static void restore_store(struct world *world, int index)
{
    struct store *store = &world->stores[index];
    bool is_kept = store->is_kept && !store->is_in_memory;
    int64_t offset;
    store->kv = kv_new_memory(NAMES[index]);
    store->replay = replay_new(store->kv);
    for (int i = 0; i < KEYS; i++) {
        put(store->kv, i, store->is_in_memory ? 0 : store->local[i]);
    }
    kv_mark_committed(store->kv);
    assert_int_equal(
        replay_open(store->replay, is_kept ? &world->local : NULL, store->topic.id, &offset), 0);
    assert_true(offset <= store->topic.next_offset);
    for (size_t i = 0; i < store->topic.count; i++) {
        const struct row *row = &store->topic.rows[i];
        bool is_marker = row->key[0] == 0;
        if (row->offset >= offset) {
            assert_int_equal(replay_read(store->replay, row->offset,
                                         is_marker ? row->marker_key : bytes_from_string(row->key),
                                         bytes_from_string(row->value)),
                             0);
            replay_check(store->replay);
        }
    }
}

static void expect_store(struct world *world, int index, const struct commit *chosen)
{
    struct store *store = &world->stores[index];
    int values[KEYS];
    int model[KEYS];
    bool is_part = chosen != NULL && commit_names(world, chosen, index);
    store->begun_at = is_part ? chosen->begun_at[index] : world->input;
    world->empty_count += !is_part;
    fold(index, store->begun_at, world->input, model);
    read_values(store->kv, values);
    assert_memory_equal(values, model, sizeof model);
}

static void restore(struct world *world)
{
    const struct accord_log *logs[STORES];
    size_t count = 0;
    for (int i = 0; i < STORES; i++) {
        if (world->stores[i].is_declared) {
            restore_store(world, i);
            logs[count++] = replay_log(world->stores[i].replay);
        }
    }
    const struct state_position *decided = accord_choose(logs, count, &world->local);
    assert_non_null(decided);
    const struct commit *chosen = judge_choice(world, decided->commit);
    int64_t input = state_position_input(decided, "events", 0);
    world->input = input >= 0 ? input : world->group_input;
    if (chosen != NULL) {
        assert_int_equal(world->input, chosen->input);
    }
    state_position_copy(&world->position, decided);
    state_position_clear_changelogs(&world->position);
    world->decided = world->newest = decided->commit;
    for (int i = 0; i < STORES; i++) {
        struct store *store = &world->stores[i];
        if (store->is_declared) {
            const struct accord_log *log = replay_log(store->replay);
            assert_int_equal(replay_decide(store->replay, decided), 0);
            kv_check(store->kv);
            expect_store(world, i, chosen);
            world->newest = log->newest > world->newest ? log->newest : world->newest;
            state_position_set_changelog(&world->position, NAMES[i], store->topic.id,
                                         replay_end_offset(store->replay));
        }
    }
}

static void process(struct world *world)
{
    int64_t n = world->input++;
    for (int i = 0; i < STORES; i++) {
        struct store *store = &world->stores[i];
        if (!store->is_declared) {
            continue;
        }
        kv_savepoint(store->kv);
        if (roll(world, 5) == 0) { /* a record that fails */
            put(store->kv, (int)roll(world, KEYS), (int)roll(world, 2));
            kv_rollback(store->kv);
        }
        if (input_store(n) == i) {
            put(store->kv, input_key(n), input_value(n));
        }
    }
}

static void add_change(void *owner, struct bytes key, struct bytes value)
{
    struct topic *group = owner;
    char *name = bytes_to_string(key);
    char *text = bytes_to_string(value);
    topic_add(group, &(struct row){.key = name, .value = text});
    free(name);
    free(text);
}

/* Appends as much of a store's group as `share` percent; whether that is all. */
static bool append_group(struct world *world, struct store *store, uint32_t share)
{
    struct topic group = {0};
    struct buffer text = {0};
    char marker[] = "";
    kv_each_dirty(store->kv, add_change, &group);
    state_position_print(&world->position, &text);
    char *value = memory_string(buffer_string(&text));
    topic_add(&group, &(struct row){.key = marker,
                                    .value = value,
                                    .marker_key = replay_marker_key(world->position.commit)});
    size_t count = (group.count * share + 50) / 100;
    for (size_t i = 0; i < group.count; i++) {
        if (i < count) {
            topic_add(&store->topic, &group.rows[i]);
        }
        row_free(&group.rows[i]);
    }
    bool is_whole = count == group.count;
    free(group.rows);
    free(value);
    buffer_fini(&text);
    return is_whole;
}

static void checkpoint(struct world *world)
{
    state_position_copy(&world->local, &world->position);
    for (int i = 0; i < STORES; i++) {
        struct store *store = &world->stores[i];
        store->is_kept = store->is_declared && !store->is_in_memory;
        if (store->is_kept) {
            read_values(store->kv, store->local);
        }
    }
}

static void acknowledge(struct world *world)
{
    world->decided = world->position.commit;
    world->acknowledged = &world->commits[world->commit_count - 1];
    if (roll(world, 4) > 0) {
        world->group_input = world->input;
    }
    for (int i = 0; i < STORES; i++) {
        struct store *store = &world->stores[i];
        if (store->is_declared) {
            kv_mark_committed(store->kv);
            store->topic.safe_offset = store->topic.next_offset;
            state_position_set_changelog(&world->position, NAMES[i], NULL,
                                         store->topic.next_offset);
            expect_plain_reader_agrees(store);
        }
    }
    if (roll(world, 3) == 0) {
        checkpoint(world);
    }
}

/* False when the process died in it. */
static bool commit(struct world *world)
{
    bool is_dying = roll(world, 4) == 0;
    bool is_decided = true;
    assert_true(world->commit_count < COMMITS);
    struct commit *commit = &world->commits[world->commit_count++];
    world->clock_ms += roll(world, 3); /* commits may be faster */
    world->newest = accord_next(world->newest, world->decided, world->clock_ms);
    world->position.commit = world->newest;
    world->position.follows = world->decided;
    state_position_set_input(&world->position, "events", 0, world->input);
    *commit = (struct commit){.number = world->newest, .input = world->input};
    for (int i = 0; i < STORES; i++) {
        struct store *store = &world->stores[i];
        if (store->is_declared) {
            uint32_t share = !is_dying || roll(world, 3) == 0 ? 100 : roll(world, 101);
            commit->takes_part[i] = true;
            commit->begun_at[i] = store->begun_at;
            commit->is_whole[i] = append_group(world, store, share);
            is_decided = is_decided && commit->is_whole[i];
            snprintf(commit->ids[i], STATE_POSITION_ID_SIZE, "%s", store->topic.id);
        }
    }
    world->undecided_count += !is_decided;
    if (is_dying || roll(world, 8) == 0) {
        return false; /* decided or not, nobody was told */
    }
    acknowledge(world);
    return true;
}

static void die(struct world *world)
{
    for (int i = 0; i < STORES; i++) {
        struct store *store = &world->stores[i];
        if (store->is_declared) {
            replay_free(store->replay);
            kv_free(store->kv);
        }
    }
}

static void live(struct world *world)
{
    bool is_alive = true;
    restore(world);
    for (uint32_t i = roll(world, 6); i > 0 && is_alive; i--) {
        for (uint32_t j = roll(world, 8); j > 0; j--) {
            process(world);
        }
        is_alive = commit(world);
    }
    die(world);
}

/* --- What happens while nothing lives --- */

static void lose_local(struct world *world)
{
    state_position_fini(&world->local);
    for (int i = 0; i < STORES; i++) {
        world->stores[i].is_kept = false;
        memset(world->stores[i].local, 0, sizeof world->stores[i].local);
    }
}

static void deploy(struct world *world)
{
    int index = (int)roll(world, STORES);
    struct store *store = &world->stores[index];
    if (roll(world, 2) == 0) {
        store->is_in_memory = !store->is_in_memory;
    } else {
        store->is_declared = !store->is_declared;
    }
    bool is_any = false;
    for (int i = 0; i < STORES; i++) {
        is_any = is_any || world->stores[i].is_declared;
    }
    store->is_declared = store->is_declared || !is_any;
}

/* Whether nobody can doubt which commit was the last: then only are stores and changelogs changed.
 */
static bool is_clear(const struct world *world)
{
    return world->commit_count > 0 &&
           world->acknowledged == &world->commits[world->commit_count - 1];
}

static void rest(struct world *world)
{
    world->clock_ms += 50;
    if (roll(world, 8) == 0) {
        lose_local(world);
    }
    for (int i = 0; i < STORES; i++) {
        struct topic *topic = &world->stores[i].topic;
        if (roll(world, 4) == 0) {
            topic_compact(topic, topic->safe_offset - (int64_t)roll(world, 3));
        }
        if (world->has_ids && is_clear(world) && roll(world, 20) == 0) {
            topic_make_anew(world, topic);
        }
    }
    if (is_clear(world) && roll(world, 4) == 0) {
        deploy(world);
    }
}

static void stores_come_back_to_one_decided_commit(void **state)
{
    (void)state;
    size_t undecided_count = 0;
    size_t empty_count = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct world *world = memory_new(struct world);
        fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        world->seed = seed * 2654435761u;
        roll(world, 2);
        world->has_ids = roll(world, 2) == 0;
        for (int i = 0; i < STORES; i++) {
            topic_make_anew(world, &world->stores[i].topic);
            world->stores[i].is_declared = i == 0 || roll(world, 4) > 0;
            world->stores[i].is_in_memory = roll(world, 2) == 0;
        }
        for (int i = 0; i < LIVES; i++) {
            live(world);
            rest(world);
        }
        undecided_count += world->undecided_count;
        empty_count += world->empty_count;
        for (int i = 0; i < STORES; i++) {
            world->has_ids = false;
            topic_make_anew(world, &world->stores[i].topic);
        }
        state_position_fini(&world->local);
        state_position_fini(&world->position);
        free(world);
    }
    /* The campaign would be worth nothing without them. */
    assert_true(undecided_count > 1000);
    assert_true(empty_count > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_come_back_to_one_decided_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
