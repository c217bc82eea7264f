/* Exactly once: whatever was processed since the last commit is one transaction; see app.h.
 *
 * The producer takes records only while the transaction is open, so tasks need not know of it. It
 * is opened here without a word to anybody: the cluster hears of it with the first record. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_state.h"

#include <stdio.h>

enum {
    /* As Kafka Streams has it: so long readers wait for who died and does not come back. */
    APP_TRANSACTION_TIMEOUT_MS = 10000,
    APP_TRANSACTION_INTERVAL_MS_MAX = 5000, /* between commits, for that timeout to do */
    APP_TRANSACTION_ID_SIZE = 400, /* names of applications and instances are shorter together */
};

static enum transactional_state app_transaction_state(const struct app *app)
{
    return transactional_get_state(app->transactional);
}

/* --- The start --- */

/* Two processes never share an instance id (runtime/main/instance.h), which has no dash but for the
 * short number of a further worker, and nothing else ends so: no two applications and instances
 * make one id. Who has none gets a name that nobody had before. */
static void app_transaction_print_id(struct app *app, char id[APP_TRANSACTION_ID_SIZE])
{
    if (app->options.instance_id != NULL) {
        snprintf(id, APP_TRANSACTION_ID_SIZE, "%s-%s", app_name(app), app->options.instance_id);
        return;
    }
    uint64_t number;
    io_random(app->io, &number, sizeof number);
    snprintf(id, APP_TRANSACTION_ID_SIZE, "%s-%016llx", app_name(app), (unsigned long long)number);
}

/* It is open from one commit to the next, and a while for the commit. */
static int32_t app_transaction_timeout_ms(const struct app *app)
{
    int64_t interval_ms = app->options.commit_interval_ms;
    check(interval_ms <= INT32_MAX - APP_TRANSACTION_TIMEOUT_MS);
    return interval_ms <= APP_TRANSACTION_INTERVAL_MS_MAX
               ? APP_TRANSACTION_TIMEOUT_MS
               : APP_TRANSACTION_TIMEOUT_MS + (int32_t)interval_ms;
}

void app_transaction_open(struct app *app)
{
    struct transactional_options options = transactional_options_default();
    char id[APP_TRANSACTION_ID_SIZE];
    app_transaction_print_id(app, id);
    options.id = id;
    options.timeout_ms = app_transaction_timeout_ms(app);
    app->transactional = transactional_new(app->client, &options);
    app->producer = transactional_producer(app->transactional);
}

static bool app_transaction_is_lacking(int error)
{
    return error == ERROR_UNSUPPORTED || error == ERROR_UNSUPPORTED_VERSION;
}

static void app_transaction_tell(struct app *app, const char *trouble, int error)
{
    char reason[500];
    const char *way_out = "where outputs may be repeated after a crash, say app:guarantee "
                          "\"at_least_once\", or run --guarantee at_least_once";
    if (app_transaction_is_lacking(error)) {
        snprintf(reason, sizeof reason,
                 "the cluster has no transactions, which exactly once needs; %s", way_out);
    } else {
        snprintf(reason, sizeof reason, "%s: %s", trouble, error_text(error));
    }
    app_fail(app, reason, app_transaction_is_lacking(error));
}

static void app_transaction_on_ready(struct transactional_wait *wait, int error)
{
    struct app *app = wait->owner;
    if (app->is_closing) {
        return; /* given up with its producer */
    }
    if (error != 0) {
        app_transaction_tell(app,
                             "transactions cannot begin, which exactly once needs and "
                             "at_least_once (run --guarantee) does not",
                             error);
    } else {
        app_run(app);
    }
}

void app_transaction_start(struct app *app)
{
    app->transaction_wait =
        (struct transactional_wait){.done = app_transaction_on_ready, .owner = app};
    transactional_init(app->transactional, &app->transaction_wait);
}

bool app_transaction_begin(struct app *app)
{
    if (app->transactional == NULL) {
        return true;
    }
    if (app_transaction_state(app) == TRANSACTIONAL_READY && !app->is_aborting) {
        check(transactional_begin(app->transactional) == 0);
    }
    return app_transaction_state(app) == TRANSACTIONAL_OPEN;
}

/* --- The commit --- */

/* What the group's coordinator knows us by, as long as nothing was lost since the commit began. */
static int app_transaction_identify(void *owner, struct transactional_reader *reader,
                                    bool is_refused)
{
    struct app *app = owner;
    int32_t generation = member_generation(app->member);
    if (member_loss_count(app->member) != app->loss_count || generation < 0) {
        return ERROR_ILLEGAL_GENERATION;
    }
    if (is_refused && generation == reader->generation) {
        member_ask(app->member);
        return member_is_joining(app->member) ? ERROR_AGAIN : ERROR_ILLEGAL_GENERATION;
    }
    reader->member_id = member_id(app->member);
    reader->instance_id = bytes_from_string(app->options.instance_id);
    reader->generation = generation;
    return 0;
}

static void app_transaction_on_committed(struct transactional_wait *wait, int error)
{
    app_commit_finish(wait->owner, error);
}

static void app_transaction_on_sent(void *owner, int error)
{
    struct app *app = owner;
    if (error != 0 && app->commit_error == 0) {
        app->commit_error = error;
    }
    if (--app->waiting_count > 0) {
        return;
    }
    if (app->commit_error != 0) {
        app_commit_finish(app, app->commit_error);
        return;
    }
    app->transaction_wait =
        (struct transactional_wait){.done = app_transaction_on_committed, .owner = app};
    transactional_commit(app->transactional, &app->transaction_wait);
}

static void app_transaction_on_offsets(struct transactional_wait *wait, int error)
{
    app_transaction_on_sent(wait->owner, error);
}

static void app_transaction_send_offsets(struct app *app)
{
    struct transactional_reader reader = {.group = app_name(app),
                                          .generation = -1,
                                          .identify = app_transaction_identify,
                                          .owner = app};
    size_t count = app_commit_gather_places(app);
    check(count > 0); /* or nobody would judge our generation */
    app->loss_count = member_loss_count(app->member);
    app->offsets_wait =
        (struct transactional_wait){.done = app_transaction_on_offsets, .owner = app};
    app->waiting_count++;
    transactional_send_offsets(app->transactional, &reader, app->commit_places, count,
                               &app->offsets_wait);
}

void app_transaction_commit(struct app *app)
{
    app->commit_error = 0;
    app->waiting_count = 1; /* this call */
    app_commit_send_changelogs(app, app_transaction_on_sent);
    app_transaction_send_offsets(app);
    app_transaction_on_sent(app, 0);
}

/* --- Failures --- */

/* Whether the same work, done once more, may well commit. */
static bool app_transaction_heals(int error)
{
    switch (error) {
    case ERROR_ILLEGAL_GENERATION:
    case ERROR_UNKNOWN_MEMBER_ID:
    case ERROR_INVALID_PRODUCER_EPOCH:
    case ERROR_INVALID_TXN_STATE:
    case ERROR_TRANSACTION_ABORTABLE:
    case ERROR_TIMEOUT:
        return true;
    default:
        return false;
    }
}

static void app_transaction_on_aborted(struct transactional_wait *wait, int error)
{
    struct app *app = wait->owner;
    app->is_aborting = false;
    if (app->close_stage == APP_CLOSE_ABORT) {
        app_close_next(app);
    } else if (error != 0) {
        app_transaction_fail(app, error);
    } else {
        app_tasks_process(app);
    }
}

/* True when there is an end to be waited for. */
bool app_transaction_abort(struct app *app)
{
    enum transactional_state state = app_transaction_state(app);
    check(!app->is_committing);
    if (app->is_abandoned || (state != TRANSACTIONAL_OPEN && state != TRANSACTIONAL_ABORTABLE)) {
        return app->is_aborting;
    }
    app->is_aborting = true;
    app->transaction_wait =
        (struct transactional_wait){.done = app_transaction_on_aborted, .owner = app};
    transactional_abort(app->transactional, &app->transaction_wait);
    return true;
}

void app_transaction_roll_back(struct app *app)
{
    if (app->transactional != NULL && !app->is_committing) {
        (void)app_transaction_abort(app);
        app_tasks_roll_back(app);
    }
}

void app_transaction_fail(struct app *app, int error)
{
    if (app_transaction_state(app) == TRANSACTIONAL_FATAL || !app_transaction_heals(error)) {
        app_transaction_tell(app, "a commit failed", error);
        return;
    }
    trace(TRACE_WARN, "app.rolled_back", TRACE_STRING("app", app_name(app)),
          TRACE_STRING("error", error_name(error)));
    app->rollback_count++;
    app_transaction_roll_back(app);
}

void app_transaction_look(struct app *app)
{
    bool is_quiet = app->transactional != NULL && !app->is_committing && !app->is_aborting;
    if (is_quiet && (app_transaction_state(app) == TRANSACTIONAL_ABORTABLE ||
                     app_transaction_state(app) == TRANSACTIONAL_FATAL)) {
        app_transaction_fail(app, transactional_error(app->transactional));
    }
}

/* --- The end --- */

static void app_transaction_on_closed(void *owner)
{
    struct app *app = owner;
    app->transactional = NULL;
    if (app->close_stage == APP_CLOSE_PRODUCER) {
        app_close_next(app);
    }
}

/* The cluster does not answer, and its patience with the transaction is over: whoever waits for us
 * is let go. */
static void app_transaction_on_end_time(struct io_timer *timer)
{
    struct app *app = timer->owner;
    if (app->close_stage != APP_CLOSE_COMMIT && app->close_stage != APP_CLOSE_ABORT) {
        return;
    }
    trace(TRACE_WARN, "app.transaction_abandoned", TRACE_STRING("app", app_name(app)));
    app->state = APP_FAILED;
    app->is_abandoned = true;
    transactional_close(app->transactional, app_transaction_on_closed, app);
}

void app_transaction_begin_close(struct app *app)
{
    app->end_timer = (struct io_timer){.fired = app_transaction_on_end_time, .owner = app};
    io_timer_start(app->io, &app->end_timer, (uint64_t)APP_TRANSACTION_TIMEOUT_MS * 1000000);
}

void app_transaction_close(struct app *app)
{
    if (app->transactional == NULL) {
        app_close_next(app); /* abandoned, and gone */
    } else if (!app->is_abandoned) {
        transactional_close(app->transactional, app_transaction_on_closed, app);
    }
}

void app_transaction_check(const struct app *app)
{
    enum transactional_state state = app_transaction_state(app);
    check(!app->is_committing || !app->is_aborting);
    check(!app->is_committing || state == TRANSACTIONAL_OPEN || state == TRANSACTIONAL_COMMITTING ||
          state == TRANSACTIONAL_READY || state == TRANSACTIONAL_ABORTABLE ||
          state == TRANSACTIONAL_FATAL);
    check(!app->is_aborting || state != TRANSACTIONAL_OPEN);
    transactional_check(app->transactional);
}
