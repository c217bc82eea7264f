/* One LMDB environment per task; see state.h.
 *
 * The environment has one database per persistent store, named after it, and one named "position"
 * with the keys
 *
 *     "position"          the text of state_position
 *     "kept.<store>"      the commit whose contents the store's database has
 *
 * Beside them lies the file "in-use", whose lock says that somebody has the directory open. LMDB
 * cannot say so: its own locks are the process's, and an environment that is open twice in one
 * process loses them all when either is closed.
 *
 * A checkpoint writes all in one transaction. The contents of a store that was not among those of
 * the last checkpoint stay behind with an older commit, and are not taken for the position's. */
#include "runtime/state/state.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/state/kv_lmdb.h"
#include "runtime/state/state_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_STORE_MAX = STATE_FILE_STORE_MAX };

static const char STATE_POSITION_NAME[] = "position";

struct state {
    struct io *io;
    char *directory;
    struct io_file *in_use; /* locked; NULL without a directory */
    MDB_env *environment;   /* NULL when every store is in memory */
    MDB_dbi position_database;
    struct state_position position; /* as opened */
    struct kv *stores[STATE_STORE_MAX];
    bool is_persistent[STATE_STORE_MAX];
    bool is_kept[STATE_STORE_MAX];
    size_t store_count;

    bool may_rebuild; /* the changelogs have everything */
    int error;        /* the environment cannot be used any more */

    struct io_request request; /* the checkpoint's */
    bool is_checkpointing;
    struct buffer checkpoint_text;
    int64_t checkpoint_commit;
    int checkpoint_error;
    void (*done)(void *owner, int error);
    void *owner;
};

static int state_open_databases(struct state *state, const struct state_store_options *stores,
                                MDB_dbi databases[STATE_STORE_MAX])
{
    MDB_txn *transaction;
    int result = mdb_txn_begin(state->environment, NULL, 0, &transaction);
    if (result != 0) {
        return result;
    }
    result = mdb_dbi_open(transaction, STATE_POSITION_NAME, MDB_CREATE, &state->position_database);
    for (size_t i = 0; i < state->store_count && result == 0; i++) {
        char name[300];
        snprintf(name, sizeof name, "store.%s", stores[i].name);
        if (!stores[i].is_in_memory) {
            result = mdb_dbi_open(transaction, name, MDB_CREATE, &databases[i]);
        }
    }
    if (result != 0) {
        mdb_txn_abort(transaction);
        return result;
    }
    result = mdb_txn_commit(transaction);
    if (result == 0) {
        state_file_pad(state->environment);
    }
    return result;
}

static MDB_val state_value(struct bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

struct state_kept_key {
    char text[300];
};

static struct bytes state_kept_key(struct state_kept_key *key, const char *store)
{
    snprintf(key->text, sizeof key->text, "kept.%s", store);
    return bytes_from_string(key->text);
}

static bool state_read_kept(struct state *state, MDB_txn *transaction, const char *store)
{
    struct state_kept_key text;
    MDB_val key = state_value(state_kept_key(&text, store));
    MDB_val value;
    int64_t commit;
    if (mdb_get(transaction, state->position_database, &key, &value) != 0 ||
        value.mv_size != sizeof commit) {
        return false;
    }
    memcpy(&commit, value.mv_data, sizeof commit);
    return commit == state->position.commit;
}

/* A missing position is commit 0; one that cannot be read is an error. */
static int state_read_position(struct state *state, const struct state_store_options *stores)
{
    MDB_txn *transaction;
    MDB_val key = state_value(bytes_from_string(STATE_POSITION_NAME));
    MDB_val value;
    int result = mdb_txn_begin(state->environment, NULL, MDB_RDONLY, &transaction);
    if (result != 0) {
        return result;
    }
    result = mdb_get(transaction, state->position_database, &key, &value);
    if (result == 0) {
        result = state_position_parse(&state->position, bytes_make(value.mv_data, value.mv_size));
    } else if (result == MDB_NOTFOUND) {
        result = 0;
    }
    for (size_t i = 0; i < state->store_count && result == 0; i++) {
        state->is_kept[i] =
            !stores[i].is_in_memory && state_read_kept(state, transaction, stores[i].name);
    }
    mdb_txn_abort(transaction);
    return result;
}

static int state_open_persistent(struct state *state, const struct state_store_options *stores,
                                 MDB_dbi databases[STATE_STORE_MAX])
{
    int result = state_file_open(state->directory, &state->environment);
    if (result == 0) {
        result = state_open_databases(state, stores, databases);
    }
    if (result == 0) {
        result = state_read_position(state, stores);
    }
    if (result != 0 && state->environment != NULL) {
        mdb_env_close(state->environment);
        state->environment = NULL;
    }
    return result;
}

static void state_judge_stores(struct state *state, const struct state_store_options *stores)
{
    state->may_rebuild = true;
    for (size_t i = 0; i < state->store_count; i++) {
        state->may_rebuild =
            state->may_rebuild && (stores[i].is_in_memory || stores[i].has_changelog);
    }
}

static int state_tell_damage(const struct state *state, int result, struct report *report)
{
    return report_add(
        report, state->directory,
        "the state file %s/data.mdb is damaged (%s), and not all stores in it have a "
        "changelog to be read from again; put a copy back, or remove the directory to "
        "begin without what was in it",
        state->directory, state_file_reason(result));
}

/* Whatever is wrong with the local files, the changelogs have everything: they are made anew, once.
 */
static int state_open_or_rebuild(struct state *state, const struct state_store_options *stores,
                                 MDB_dbi databases[STATE_STORE_MAX], struct report *report)
{
    state_judge_stores(state, stores);
    int result = state_open_persistent(state, stores, databases);
    if (state_file_is_damage(result) && !state->may_rebuild) {
        return state_tell_damage(state, result, report);
    }
    if (state_file_is_damage(result)) {
        state_file_throw_away(state->io, state->directory, result);
        result = state_open_persistent(state, stores, databases);
    }
    if (result != 0) {
        return report_add(report, state->directory, "the state directory %s cannot be opened: %s",
                          state->directory, state_file_reason(result));
    }
    return 0;
}

static int state_lock_directory(struct state *state, struct report *report)
{
    struct buffer path;
    buffer_init(&path);
    buffer_printf(&path, "%s/in-use", state->directory);
    int error = io_file_open(state->io, buffer_string(&path), IO_OPEN_WRITE | IO_OPEN_CREATE,
                             &state->in_use);
    buffer_fini(&path);
    if (error != 0) {
        state->in_use = NULL;
    } else {
        error = io_file_lock(state->io, state->in_use);
    }
    if (error != 0) {
        report_add(report, state->directory, "the state directory %s cannot be locked: %s",
                   state->directory, error_text(error));
    }
    return error;
}

static int state_open_directory(struct state *state, const struct state_store_options *stores,
                                MDB_dbi databases[STATE_STORE_MAX], struct report *report)
{
    int error = state_file_make_directory(state->io, state->directory);
    if (error != 0) {
        return report_add(report, state->directory, "the state directory %s cannot be made: %s",
                          state->directory, error_text(error));
    }
    error = state_lock_directory(state, report);
    return error != 0 ? error : state_open_or_rebuild(state, stores, databases, report);
}

int state_open(struct io *io, const char *directory, const struct state_store_options *stores,
               size_t store_count, struct state **out, struct report *report)
{
    MDB_dbi databases[STATE_STORE_MAX] = {0};
    if (store_count > STATE_STORE_MAX) {
        return report_add(report, directory, "a task has at most %d stores", STATE_STORE_MAX);
    }
    struct state *state = memory_new(struct state);
    state->io = io;
    state->directory = memory_string(directory);
    state->store_count = store_count;
    state_position_init(&state->position);
    if (directory != NULL) {
        int error = state_open_directory(state, stores, databases, report);
        if (error != 0) {
            io_file_close(io, state->in_use);
            free(state->directory);
            free(state);
            return error;
        }
    }
    for (size_t i = 0; i < store_count; i++) {
        state->is_persistent[i] = directory != NULL && !stores[i].is_in_memory;
        state->stores[i] = state->is_persistent[i]
                               ? kv_new_lmdb(stores[i].name, state->environment, databases[i])
                               : kv_new_memory(stores[i].name);
    }
    *out = state;
    return 0;
}

static int state_find_error(const struct state *state)
{
    int error = state->error;
    for (size_t i = 0; i < state->store_count && error == 0; i++) {
        error = state->is_persistent[i] ? kv_lmdb_error(state->stores[i]) : 0;
    }
    return error;
}

bool state_has_failed(const struct state *state, struct report *report)
{
    int error = state_find_error(state);
    if (error == 0) {
        return false;
    }
    if (state_file_is_damage(error) && !state->may_rebuild) {
        check(state_tell_damage(state, error, report) != 0);
    } else if (state_file_is_damage(error)) {
        report_add(report, state->directory,
                   "the state file %s/data.mdb is damaged (%s); the next start reads it from the "
                   "changelogs again",
                   state->directory, state_file_reason(error));
    } else {
        report_add(
            report, state->directory,
            "the state file %s/data.mdb cannot be used any more (%s); look at its disk, then "
            "start again",
            state->directory, state_file_reason(error));
    }
    return true;
}

void state_close(struct state *state)
{
    if (state == NULL) {
        return;
    }
    check(!state->is_checkpointing);
    state->error = state_find_error(state);
    for (size_t i = 0; i < state->store_count; i++) {
        kv_free(state->stores[i]);
    }
    if (state->environment != NULL) {
        mdb_env_close(state->environment);
    }
    if (state_file_is_damage(state->error) && state->may_rebuild) {
        state_file_throw_away(state->io, state->directory, state->error);
    }
    io_file_close(state->io, state->in_use); /* the last: whoever waits finds it closed */
    state_position_fini(&state->position);
    buffer_fini(&state->checkpoint_text);
    free(state->directory);
    free(state);
}

struct kv *state_store(struct state *state, const char *name)
{
    for (size_t i = 0; i < state->store_count; i++) {
        if (strcmp(kv_name(state->stores[i]), name) == 0) {
            return state->stores[i];
        }
    }
    return NULL;
}

size_t state_store_count(const struct state *state)
{
    return state->store_count;
}

struct kv *state_store_at(struct state *state, size_t index)
{
    check(index < state->store_count);
    return state->stores[index];
}

const struct state_position *state_position(const struct state *state)
{
    return &state->position;
}

bool state_is_persistent(const struct state *state, size_t index)
{
    check(index < state->store_count);
    return state->is_persistent[index];
}

bool state_is_kept(const struct state *state, size_t index)
{
    check(index < state->store_count);
    return state->is_kept[index];
}

void state_savepoint(struct state *state)
{
    for (size_t i = 0; i < state->store_count; i++) {
        kv_savepoint(state->stores[i]);
    }
}

void state_rollback(struct state *state)
{
    for (size_t i = 0; i < state->store_count; i++) {
        kv_rollback(state->stores[i]);
    }
}

bool state_is_changed(const struct state *state)
{
    for (size_t i = 0; i < state->store_count; i++) {
        if (kv_is_changed(state->stores[i])) {
            return true;
        }
    }
    return false;
}

static int state_write_position(struct state *state, MDB_txn *transaction)
{
    MDB_val key = state_value(bytes_from_string(STATE_POSITION_NAME));
    MDB_val value = state_value(buffer_bytes(&state->checkpoint_text));
    int result = mdb_put(transaction, state->position_database, &key, &value, 0);
    for (size_t i = 0; i < state->store_count && result == 0; i++) {
        struct state_kept_key text;
        if (state->is_persistent[i]) {
            key = state_value(state_kept_key(&text, kv_name(state->stores[i])));
            value = state_value(bytes_make(&state->checkpoint_commit, sizeof(int64_t)));
            result = mdb_put(transaction, state->position_database, &key, &value, 0);
        }
    }
    return result;
}

/* On a thread of io_work: touches the frozen entries, the text and the environment only. */
static void state_run_checkpoint(void *owner)
{
    struct state *state = owner;
    MDB_txn *transaction = NULL;
    int result = mdb_txn_begin(state->environment, NULL, 0, &transaction);
    for (size_t i = 0; i < state->store_count && result == 0; i++) {
        if (state->is_persistent[i]) {
            result = kv_lmdb_write_frozen(state->stores[i], transaction);
        }
    }
    if (result == 0) {
        result = state_write_position(state, transaction);
    }
    if (result == 0) {
        result = mdb_txn_commit(transaction);
        if (result == 0) {
            state_file_pad(state->environment);
        }
    } else if (transaction != NULL) {
        mdb_txn_abort(transaction);
    }
    state->checkpoint_error = result;
}

/* What failed checkpoints mean: more room is found, or the environment is lost. */
static void state_judge_checkpoint(struct state *state)
{
    int result = state->checkpoint_error;
    if (state_file_is_damage(result) || result == MDB_PANIC) {
        state->error = result;
    }
    if (result != MDB_MAP_FULL) {
        return;
    }
    for (size_t i = 0; i < state->store_count; i++) {
        if (state->is_persistent[i] && kv_lmdb_is_iterated(state->stores[i])) {
            return; /* not now: what they see would go away */
        }
    }
    state->error = state_file_grow_map(state->environment);
}

static void state_on_checkpointed(struct io_request *request, int64_t result)
{
    (void)result;
    struct state *state = request->owner;
    bool is_written = state->checkpoint_error == 0;
    state->is_checkpointing = false;
    for (size_t i = 0; i < state->store_count; i++) {
        if (state->is_persistent[i]) {
            kv_lmdb_thaw(state->stores[i], is_written);
        }
    }
    state_judge_checkpoint(state);
    if (!is_written) {
        trace(TRACE_WARN, "state.checkpoint_failed", TRACE_STRING("directory", state->directory),
              TRACE_STRING("reason", state_file_reason(state->checkpoint_error)));
    }
    state->done(state->owner, is_written ? 0 : ERROR_IO);
}

void state_checkpoint(struct state *state, const struct state_position *position,
                      void (*done)(void *owner, int error), void *owner)
{
    check(!state->is_checkpointing);
    check(state->environment != NULL);
    state->is_checkpointing = true;
    state->done = done;
    state->owner = owner;
    state->checkpoint_commit = position->commit;
    buffer_clear(&state->checkpoint_text);
    state_position_print(position, &state->checkpoint_text);
    for (size_t i = 0; i < state->store_count; i++) {
        if (state->is_persistent[i]) {
            kv_lmdb_freeze(state->stores[i]);
        }
    }
    state->request = (struct io_request){.done = state_on_checkpointed, .owner = state};
    io_work(state->io, &state->request, state_run_checkpoint);
}

bool state_is_checkpointing(const struct state *state)
{
    return state->is_checkpointing;
}

bool state_has_directory(const struct state *state)
{
    return state->environment != NULL;
}

size_t state_dirty_size(const struct state *state)
{
    size_t size = 0;
    for (size_t i = 0; i < state->store_count; i++) {
        if (state->is_persistent[i]) {
            size += kv_lmdb_changed_size(state->stores[i]);
        }
    }
    return size;
}

void state_check(const struct state *state)
{
    check(state->environment != NULL || !state->is_checkpointing);
    for (size_t i = 0; i < state->store_count; i++) {
        check(state->is_persistent[i] || !state->is_kept[i]);
        kv_check(state->stores[i]);
    }
}
