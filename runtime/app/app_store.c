/* Looking into stores; see app_store.h. */
#include "runtime/app/app_store.h"

#include "log/base/error.h"
#include "runtime/app/app_state.h"
#include "runtime/format/record_json.h"

#include <string.h>

/* The store of the next partition that has it; false: none has. */
static bool app_store_open_next(struct app *app, struct app_store_look *look,
                                struct store_rows *rows)
{
    struct app_task *next = NULL;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        bool is_next = row->task != NULL && !row->is_closing && row->partition >= look->partition &&
                       (next == NULL || row->partition < next->partition);
        if (is_next && task_is_running(row->task) && task_store(row->task, look->store) != NULL) {
            next = row;
        }
    }
    if (next == NULL || !task_open_rows(next->task, look->store, rows)) {
        return false;
    }
    if (next->partition != look->partition) {
        buffer_clear(&look->place); /* another store, from its start */
    }
    look->partition = next->partition;
    return true;
}

static bool app_store_wants(const struct app_store_look *look, struct bytes key)
{
    if (!bytes_is_null(look->key)) {
        return bytes_equal(key, look->key);
    }
    return (bytes_is_null(look->from) || bytes_compare(key, look->from) >= 0) &&
           (bytes_is_null(look->to) || bytes_compare(key, look->to) < 0);
}

static bool app_store_take(void *owner, const struct record *record)
{
    struct app_store_look *look = owner;
    if (!app_store_wants(look, record->key)) {
        return true;
    }
    if (look->count >= look->count_max || look->out->size > APP_STORE_SIZE_MAX) {
        look->has_more = true;
        return false;
    }
    struct record shown = *record;
    shown.topic = NULL;
    shown.partition = look->partition;
    shown.offset = -1;
    buffer_add_string(look->out, look->count > 0 ? "," : "");
    record_json_write(look->out, &shown);
    look->count++;
    return true;
}

/* 1: the store has nothing more; 0: it has; or ERROR_CORRUPT. */
static int app_store_read(struct app_store_look *look, struct store_rows *rows)
{
    struct record record;
    if (!bytes_is_null(look->key) && store_rows_has_plain_keys(rows)) {
        int found = store_rows_get(rows, look->key, &record);
        if (found == 1) {
            (void)app_store_take(look, &record);
        }
        return found < 0 ? found : 1;
    }
    bool is_bounded = store_rows_has_plain_keys(rows);
    if (is_bounded && look->place.size == 0) {
        buffer_add_bytes(&look->place, look->from);
    }
    return store_rows_walk(rows, &look->place, is_bounded ? look->to : (struct bytes){0},
                           APP_STORE_STEP_COUNT, app_store_take, look);
}

static enum app_store_result app_store_read_one(struct app_store_look *look,
                                                struct store_rows *rows)
{
    bool is_hidden = store_rows_is_hidden(rows);
    int result = is_hidden ? 1 : app_store_read(look, rows);
    store_rows_fini(rows);
    if (is_hidden) {
        return APP_STORE_HIDDEN;
    }
    if (result < 0) {
        return APP_STORE_CORRUPT;
    }
    if (look->has_more) {
        return APP_STORE_DONE;
    }
    if (result == 1) {
        look->partition++;
        buffer_clear(&look->place);
    }
    return APP_STORE_AGAIN;
}

static const struct topology_store *app_store_find(const struct app *app, const char *name)
{
    for (size_t i = 0; i < topology_store_count(app->topology); i++) {
        const struct topology_store *store = topology_store_at(app->topology, i);
        if (strcmp(store->name, name) == 0) {
            return store;
        }
    }
    return NULL;
}

enum app_store_result app_store_step(struct app *app, struct app_store_look *look)
{
    const struct topology_store *store = app_store_find(app, look->store);
    struct store_rows rows;
    if (store == NULL) {
        return APP_STORE_UNKNOWN;
    }
    if (!store->is_global) {
        return app_store_open_next(app, look, &rows) ? app_store_read_one(look, &rows)
                                                     : APP_STORE_DONE;
    }
    if (look->partition > 0 || !global_open_rows(app->global, look->store, &rows)) {
        return APP_STORE_DONE;
    }
    return app_store_read_one(look, &rows);
}

bool app_store_is_global(const struct app *app, const char *store)
{
    const struct topology_store *found = app_store_find(app, store);
    return found != NULL && found->is_global;
}

void app_store_go_on(struct app_store_look *look)
{
    look->partition = 0;
    buffer_clear(&look->place);
}

void app_store_end(struct app_store_look *look)
{
    buffer_fini(&look->place);
}
