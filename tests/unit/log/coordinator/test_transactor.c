/* A transactor with logs that live in memory: markers follow decisions, whatever fails in between;
 * time ends what hangs; and at any moment a replay gives the live state. The campaign lets
 * producers with zombie twins work while appends, markers and the process itself fail in every
 * state. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/transaction.h"
#include "log/coordinator/transactor.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { PARTITION_COUNT = 2, SECOND = 1000000000, MARK_MAX = 4096, SEED_COUNT = 60 };

/* A marker that became durable. */
struct mark {
    char topic[16];
    int32_t partition;
    int64_t producer_id;
    int16_t epoch;
    bool is_commit;
};

struct stage {
    struct sim *sim;
    struct io *io;
    struct transactor *transactor;
    struct transactor_options options;
    struct buffer committed[PARTITION_COUNT];
    struct list appends[PARTITION_COUNT];
    struct list identities;
    struct list markers;
    int64_t next_id;
    struct mark marks[MARK_MAX];
    int mark_count;
    int marker_error; /* of the markers to come */
    int append_error; /* of the records to come */
    int fail_percent; /* of markers and records, by chance */
    bool is_frozen;   /* nothing appended is committed */
    bool holds_markers;
    struct arena arena;
};

struct stage_append {
    struct stage *stage;
    struct journal_append *append;
    int32_t partition;
    struct buffer batch;
    struct io_timer timer;
    int error;
    bool is_ready;
    struct list_link link;
};

struct stage_identity {
    struct stage *stage;
    struct transactor_identity *identity;
    struct io_timer timer;
    struct list_link link;
};

struct stage_marker {
    struct stage *stage;
    struct transactor_marker *marker;
    struct mark mark;
    struct io_timer timer;
    int error;
    struct list_link link;
};

static bool stage_has_luck(struct stage *stage)
{
    return sim_random(stage->sim, 100) >= (uint64_t)stage->fail_percent;
}

static void stage_commit(struct stage *stage, int32_t partition)
{
    while (!list_is_empty(&stage->appends[partition])) {
        struct stage_append *first =
            list_member(stage->appends[partition].head.next, struct stage_append, link);
        if (!first->is_ready) {
            return;
        }
        list_remove(&first->link);
        if (first->error == 0) {
            buffer_add_bytes(&stage->committed[partition], buffer_bytes(&first->batch));
        }
        first->append->done(first->append, first->error);
        buffer_fini(&first->batch);
        free(first);
    }
}

static void stage_on_flushed(struct io_timer *timer)
{
    struct stage_append *append = timer->owner;
    append->is_ready = true;
    stage_commit(append->stage, append->partition);
}

static void stage_append(void *owner, int32_t partition, struct journal_append *append,
                         uint8_t *data, size_t size)
{
    struct stage *stage = owner;
    struct stage_append *kept = memory_new(struct stage_append);
    kept->stage = stage;
    kept->append = append;
    kept->partition = partition;
    kept->error = stage_has_luck(stage) ? stage->append_error : ERROR_NO_SPACE;
    kept->timer = (struct io_timer){.fired = stage_on_flushed, .owner = kept};
    buffer_add(&kept->batch, data, size);
    list_add(&stage->appends[partition], &kept->link);
    if (!stage->is_frozen) {
        io_timer_start(stage->io, &kept->timer, sim_random(stage->sim, SECOND / 100) + 1);
    }
}

static void stage_end_marker(struct stage_marker *kept, int error)
{
    struct transactor_marker *marker = kept->marker;
    if (error == 0) {
        assert_true(kept->stage->mark_count < MARK_MAX);
        kept->stage->marks[kept->stage->mark_count++] = kept->mark;
    }
    list_remove(&kept->link);
    free(kept);
    marker->done(marker, error);
}

static void stage_on_marked(struct io_timer *timer)
{
    struct stage_marker *kept = timer->owner;
    stage_end_marker(kept, kept->error);
}

static void stage_write_marker(void *owner, int32_t state_partition,
                               struct transactor_marker *marker)
{
    struct stage *stage = owner;
    struct stage_marker *kept = memory_new(struct stage_marker);
    (void)state_partition;
    kept->stage = stage;
    kept->marker = marker;
    kept->error = stage_has_luck(stage) ? stage->marker_error : ERROR_NO_SPACE;
    snprintf(kept->mark.topic, sizeof kept->mark.topic, "%.*s", BYTES_FORMAT(marker->topic));
    kept->mark.partition = marker->partition;
    kept->mark.producer_id = marker->producer_id;
    kept->mark.epoch = marker->producer_epoch;
    kept->mark.is_commit = marker->is_commit;
    kept->timer = (struct io_timer){.fired = stage_on_marked, .owner = kept};
    list_add(&stage->markers, &kept->link);
    if (!stage->holds_markers) {
        io_timer_start(stage->io, &kept->timer, sim_random(stage->sim, SECOND / 50) + 1);
    }
}

static void stage_let_markers_go(struct stage *stage)
{
    stage->holds_markers = false;
    for (list_each (&stage->markers, link)) {
        struct stage_marker *kept = list_member(link, struct stage_marker, link);
        io_timer_start(stage->io, &kept->timer, 1);
    }
}

static void stage_on_identity(struct io_timer *timer)
{
    struct stage_identity *kept = timer->owner;
    struct transactor_identity *identity = kept->identity;
    int64_t id = kept->stage->next_id++;
    list_remove(&kept->link);
    free(kept);
    identity->done(identity, 0, id);
}

static void stage_take_identity(void *owner, struct transactor_identity *identity)
{
    struct stage *stage = owner;
    struct stage_identity *kept = memory_new(struct stage_identity);
    kept->stage = stage;
    kept->identity = identity;
    kept->timer = (struct io_timer){.fired = stage_on_identity, .owner = kept};
    list_add(&stage->identities, &kept->link);
    io_timer_start(stage->io, &kept->timer, sim_random(stage->sim, SECOND / 1000) + 1);
}

static const struct transactor_events stage_events = {
    .append = stage_append,
    .write_marker = stage_write_marker,
    .take_identity = stage_take_identity,
};

static void stage_check(void *owner)
{
    struct stage *stage = owner;
    if (stage->transactor == NULL) {
        return;
    }
    transactor_check(stage->transactor);
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        transactor_check_replay(stage->transactor, i, buffer_bytes(&stage->committed[i]));
    }
}

static void stage_start(struct stage *stage)
{
    stage->transactor = transactor_new(stage->io, &stage->options, &stage_events, stage);
    struct journal *journal = transactor_journal(stage->transactor);
    journal_set_partition_count(journal, PARTITION_COUNT);
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        journal_load_start(journal, i);
        assert_int_equal(journal_load_batch(journal, i, buffer_bytes(&stage->committed[i])), 0);
        journal_load_end(journal, i);
    }
}

/* What is under way never happened. */
static void stage_drop(struct stage *stage)
{
    struct list_link *link;
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        while ((link = list_take(&stage->appends[i])) != NULL) {
            struct stage_append *append = list_member(link, struct stage_append, link);
            io_timer_stop(stage->io, &append->timer);
            append->append->done(append->append, ERROR_SHUTDOWN);
            buffer_fini(&append->batch);
            free(append);
        }
    }
    while ((link = list_take(&stage->markers)) != NULL) {
        struct stage_marker *kept = list_member(link, struct stage_marker, link);
        io_timer_stop(stage->io, &kept->timer);
        stage_end_marker(kept, ERROR_SHUTDOWN);
    }
    while ((link = list_take(&stage->identities)) != NULL) {
        struct stage_identity *kept = list_member(link, struct stage_identity, link);
        struct transactor_identity *identity = kept->identity;
        io_timer_stop(stage->io, &kept->timer);
        free(kept);
        identity->done(identity, ERROR_SHUTDOWN, -1);
    }
}

static void stage_crash(struct stage *stage)
{
    transactor_free(stage->transactor);
    stage->transactor = NULL;
    stage_drop(stage);
}

static struct stage *stage_new(uint64_t seed)
{
    struct stage *stage = memory_new(struct stage);
    trace_set_stream(NULL);
    stage->sim = sim_new(seed, 1);
    stage->io = sim_io(stage->sim, 0);
    stage->options = transactor_options_default();
    stage->next_id = 1000;
    arena_init(&stage->arena, 0);
    list_init(&stage->markers);
    list_init(&stage->identities);
    for (int i = 0; i < PARTITION_COUNT; i++) {
        list_init(&stage->appends[i]);
    }
    stage_start(stage);
    sim_on_event(stage->sim, stage_check, stage);
    return stage;
}

static void stage_free(struct stage *stage)
{
    stage_crash(stage);
    sim_run(stage->sim, sim_now(stage->sim) + SECOND);
    sim_on_event(stage->sim, NULL, NULL);
    for (int i = 0; i < PARTITION_COUNT; i++) {
        buffer_fini(&stage->committed[i]);
    }
    arena_fini(&stage->arena);
    sim_free(stage->sim);
    free(stage);
}

static int setup(void **state)
{
    *state = stage_new(1);
    return 0;
}

static int teardown(void **state)
{
    stage_free(*state);
    return 0;
}

static void stage_run_ms(struct stage *stage, uint64_t ms)
{
    sim_run(stage->sim, sim_now(stage->sim) + ms * 1000000);
}

/* Requests ----------------------------------------------------------------------------------- */

static void on_done(struct coordinator_request *request)
{
    ++*(int *)request->owner;
}

struct init_call {
    struct transactor_init init;
    int done_count;
};

struct add_call {
    struct transactor_add add;
    struct transactor_partition partitions[4];
    int done_count;
};

struct end_call {
    struct transactor_end end;
    int done_count;
};

static struct init_call *send_init(struct stage *stage, const char *id, int64_t producer_id,
                                   int16_t epoch, int32_t timeout_ms)
{
    struct init_call *call = arena_new(&stage->arena, struct init_call);
    call->init = (struct transactor_init){
        .request = {.done = on_done, .owner = &call->done_count, .arena = &stage->arena},
        .claim = {bytes_from_string(id), producer_id, epoch},
        .timeout_ms = timeout_ms,
    };
    transactor_init_producer(stage->transactor, &call->init);
    assert_int_equal(call->done_count, 0); /* never inside the call */
    return call;
}

static struct add_call *send_add(struct stage *stage, struct transactor_claim claim,
                                 const char *topic, int32_t count, bool is_bumped)
{
    struct add_call *call = arena_new(&stage->arena, struct add_call);
    for (int32_t i = 0; i < count; i++) {
        call->partitions[i] = (struct transactor_partition){bytes_from_string(topic), i};
    }
    call->add = (struct transactor_add){
        .request = {.done = on_done, .owner = &call->done_count, .arena = &stage->arena},
        .claim = claim,
        .partitions = call->partitions,
        .count = count,
        .is_bumped = is_bumped,
        .may_wait = is_bumped,
    };
    transactor_add_partitions(stage->transactor, &call->add);
    assert_int_equal(call->done_count, 0);
    return call;
}

static struct end_call *send_end(struct stage *stage, struct transactor_claim claim, bool is_commit,
                                 bool is_bumped)
{
    struct end_call *call = arena_new(&stage->arena, struct end_call);
    call->end = (struct transactor_end){
        .request = {.done = on_done, .owner = &call->done_count, .arena = &stage->arena},
        .claim = claim,
        .is_commit = is_commit,
        .is_bumped = is_bumped,
    };
    transactor_end_transaction(stage->transactor, &call->end);
    assert_int_equal(call->done_count, 0);
    return call;
}

static struct transactor_claim begin(struct stage *stage, const char *id)
{
    struct init_call *call = send_init(stage, id, -1, -1, 60000);
    stage_run_ms(stage, 500);
    assert_int_equal(call->done_count, 1);
    assert_int_equal(call->init.error, 0);
    return (struct transactor_claim){bytes_from_string(id), call->init.producer_id,
                                     call->init.producer_epoch};
}

static int add(struct stage *stage, struct transactor_claim claim, int32_t count)
{
    struct add_call *call = send_add(stage, claim, "t", count, false);
    stage_run_ms(stage, 500);
    assert_int_equal(call->done_count, 1);
    return call->add.error;
}

static int end(struct stage *stage, struct transactor_claim *claim, bool is_commit, bool is_bumped)
{
    struct end_call *call = send_end(stage, *claim, is_commit, is_bumped);
    stage_run_ms(stage, 500);
    assert_int_equal(call->done_count, 1);
    if (call->end.error == 0 && is_bumped) {
        claim->producer_id = call->end.producer_id;
        claim->producer_epoch = call->end.producer_epoch;
    }
    return call->end.error;
}

static const char *state_of(struct stage *stage, const char *id)
{
    struct describe_transactions_response_transaction out;
    transactor_describe(stage->transactor, bytes_from_string(id), &stage->arena, &out);
    return out.error_code == 0 ? bytes_to_string(out.state) : NULL;
}

static void assert_state(struct stage *stage, const char *id, const char *state)
{
    char *found = (char *)(uintptr_t)state_of(stage, id);
    assert_non_null(found);
    assert_string_equal(found, state);
    free(found);
}

/* Tests -------------------------------------------------------------------------------------- */

static void a_transaction_is_marked_in_every_partition(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(claim.producer_epoch, 0);
    assert_int_equal(add(stage, claim, 3), 0);
    assert_state(stage, "x", "Ongoing");
    assert_int_equal(end(stage, &claim, true, true), 0);
    assert_int_equal(claim.producer_epoch, 1);
    assert_state(stage, "x", "CompleteCommit");
    assert_int_equal(stage->mark_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(stage->marks[i].is_commit);
        assert_int_equal(stage->marks[i].epoch, 1); /* larger than that of its records */
    }
}

static void a_marker_is_written_again_until_it_is_durable(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 2), 0);
    stage->marker_error = ERROR_NO_SPACE;
    assert_int_equal(end(stage, &claim, true, false), 0);
    stage_run_ms(stage, 20000);
    assert_state(stage, "x", "PrepareCommit");
    assert_int_equal(add(stage, claim, 1), ERROR_CONCURRENT_TRANSACTIONS);
    stage->marker_error = 0;
    stage_run_ms(stage, 6000);
    assert_state(stage, "x", "CompleteCommit");
    assert_int_equal(stage->mark_count, 2);
}

static void a_partition_that_is_gone_needs_no_marker(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 2), 0);
    stage->marker_error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    assert_int_equal(end(stage, &claim, false, false), 0);
    assert_state(stage, "x", "CompleteAbort");
}

/* Its transaction ended there with the marker of the larger epoch. Nobody else would end it here,
 * and whoever must look at the partition is told. */
static void a_partition_with_a_larger_epoch_takes_no_marker(void **state)
{
    static const int errors[] = {ERROR_TRANSACTION_COORDINATOR_FENCED,
                                 ERROR_INVALID_PRODUCER_EPOCH};
    static const char *const ids[] = {"x", "y"};
    struct stage *stage = *state;
    trace_reset();
    for (int i = 0; i < 2; i++) {
        struct transactor_claim claim = begin(stage, ids[i]);
        assert_int_equal(add(stage, claim, 2), 0);
        stage->marker_error = errors[i];
        assert_int_equal(end(stage, &claim, true, false), 0);
        assert_state(stage, ids[i], "CompleteCommit");
        assert_int_equal(trace_count("transactor.marker_fenced"), 2 * (i + 1));
    }
    assert_int_equal(trace_count("transactor.marker_failed"), 0);
}

/* Of a node that cannot write any more there are many, and each attempt is a line of the trace. */
static void a_completion_is_tried_again_ever_more_rarely(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 1), 0);
    stage->holds_markers = true;
    assert_int_equal(end(stage, &claim, true, false), 0);
    stage->append_error = ERROR_FENCED;
    trace_reset();
    stage_let_markers_go(stage);
    stage_run_ms(stage, 60000);
    assert_state(stage, "x", "PrepareCommit");
    assert_in_range(trace_count("coordinator.write_failed"), 10, 25);
    stage->append_error = 0;
    stage_run_ms(stage, 6000);
    assert_state(stage, "x", "CompleteCommit");
}

static void a_decision_survives_the_process(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 2), 0);
    stage->holds_markers = true;
    assert_int_equal(end(stage, &claim, true, false), 0);
    stage_crash(stage);
    stage->holds_markers = false;
    stage_start(stage);
    stage_run_ms(stage, 1000);
    assert_state(stage, "x", "CompleteCommit");
    assert_int_equal(stage->mark_count, 2);
    assert_true(stage->marks[0].is_commit);
}

static void what_was_not_decided_goes_on_after_the_process(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 2), 0);
    stage->is_frozen = true;
    struct end_call *call = send_end(stage, claim, true, true);
    stage_crash(stage);
    stage_run_ms(stage, 10);
    assert_int_equal(call->done_count, 1);
    assert_int_equal(call->end.error, ERROR_COORDINATOR_NOT_AVAILABLE);
    stage->is_frozen = false;
    stage_start(stage);
    assert_state(stage, "x", "Ongoing");
    assert_int_equal(end(stage, &claim, false, true), 0);
    assert_state(stage, "x", "CompleteAbort");
}

static void a_new_producer_fences_and_aborts_what_goes_on(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim zombie = begin(stage, "x");
    assert_int_equal(add(stage, zombie, 2), 0);
    struct init_call *call = send_init(stage, "x", -1, -1, 60000);
    stage_run_ms(stage, 500);
    assert_int_equal(call->init.error, ERROR_CONCURRENT_TRANSACTIONS);
    assert_state(stage, "x", "CompleteAbort");
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(claim.producer_id, zombie.producer_id);
    assert_true(claim.producer_epoch > zombie.producer_epoch + 1);
    assert_int_equal(add(stage, zombie, 1), ERROR_PRODUCER_FENCED);
    assert_int_equal(end(stage, &zombie, true, false), ERROR_PRODUCER_FENCED);
    assert_int_equal(end(stage, &zombie, true, true), ERROR_PRODUCER_FENCED);
    assert_int_equal(transactor_verify(stage->transactor, &zombie, BYTES_LITERAL("t"), 0),
                     ERROR_PRODUCER_FENCED);
}

static void what_takes_too_long_is_aborted(void **state)
{
    struct stage *stage = *state;
    struct init_call *call = send_init(stage, "x", -1, -1, 5000);
    stage_run_ms(stage, 500);
    struct transactor_claim claim = {BYTES_LITERAL("x"), call->init.producer_id, 0};
    assert_int_equal(add(stage, claim, 2), 0);
    stage_run_ms(stage, 3000);
    assert_state(stage, "x", "Ongoing");
    stage_run_ms(stage, 20000);
    assert_state(stage, "x", "CompleteAbort");
    assert_int_equal(stage->mark_count, 2);
    assert_false(stage->marks[0].is_commit);
    assert_int_equal(stage->marks[0].epoch, 1);
    assert_int_equal(end(stage, &claim, true, true), ERROR_INVALID_TXN_STATE);
    struct transactor_stats stats;
    transactor_read_stats(stage->transactor, &stats);
    assert_int_equal(stats.timed_out_count, 1);
    assert_int_equal(stats.aborted_count, 1);
    /* It may come back under the epoch that ended it, as with Kafka. */
    call = send_init(stage, "x", claim.producer_id, claim.producer_epoch, 5000);
    stage_run_ms(stage, 500);
    assert_int_equal(call->init.error, 0);
    assert_int_equal(call->init.producer_epoch, 1);
}

static void timeouts_out_of_range_are_refused(void **state)
{
    struct stage *stage = *state;
    int32_t wrong[] = {0, -1, 900001};
    for (int i = 0; i < 3; i++) {
        struct init_call *call = send_init(stage, "x", -1, -1, wrong[i]);
        stage_run_ms(stage, 500);
        assert_int_equal(call->init.error, ERROR_INVALID_TRANSACTION_TIMEOUT);
    }
    struct init_call *call = send_init(stage, "", -1, -1, 1000);
    stage_run_ms(stage, 500);
    assert_int_equal(call->init.error, ERROR_INVALID_REQUEST);
    assert_null(state_of(stage, "x"));
}

static void an_idle_id_is_forgotten(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 1), 0);
    assert_int_equal(end(stage, &claim, true, false), 0);
    stage_run_ms(stage, (uint64_t)stage->options.expiration_ms - 3600000);
    assert_state(stage, "x", "CompleteCommit");
    stage_run_ms(stage, 3 * 3600000);
    assert_null(state_of(stage, "x"));
    assert_int_equal(add(stage, claim, 1), ERROR_INVALID_PRODUCER_ID_MAPPING);
    struct transactor_claim next = begin(stage, "x");
    assert_true(next.producer_id != claim.producer_id);
}

static void the_next_transaction_waits_for_the_end_of_the_last(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    assert_int_equal(add(stage, claim, 2), 0);
    struct end_call *ended = send_end(stage, claim, true, true);
    while (ended->done_count == 0) {
        sim_run(stage->sim, sim_now(stage->sim) + 100000);
    }
    claim.producer_epoch = ended->end.producer_epoch;
    struct add_call *first = send_add(stage, claim, "t", 1, true);
    struct add_call *second = send_add(stage, claim, "u", 1, true);
    stage_run_ms(stage, 500);
    assert_int_equal(first->done_count, 1);
    assert_int_equal(first->add.error, 0);
    assert_int_equal(second->add.error, 0);
    assert_state(stage, "x", "Ongoing");
    /* But not for ever. */
    stage->holds_markers = true;
    assert_int_equal(end(stage, &claim, true, true), 0);
    struct add_call *third = send_add(stage, claim, "t", 1, true);
    stage_run_ms(stage, 500);
    assert_int_equal(third->done_count, 1);
    assert_int_equal(third->add.error, ERROR_CONCURRENT_TRANSACTIONS);
}

static void a_refused_record_changes_nothing(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin(stage, "x");
    stage->append_error = ERROR_NO_SPACE;
    assert_int_equal(add(stage, claim, 1), ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_state(stage, "x", "Empty");
    struct init_call *call = send_init(stage, "y", -1, -1, 1000);
    stage_run_ms(stage, 500);
    assert_int_equal(call->init.error, ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_null(state_of(stage, "y"));
    stage->append_error = 0;
    assert_int_equal(add(stage, claim, 1), 0);
}

/* As if the id had been begun so often. */
static struct transactor_claim begin_at_epoch(struct stage *stage, const char *id, int16_t epoch)
{
    struct bytes name = bytes_from_string(id);
    struct transaction_value value = {.state = TRANSACTION_EMPTY,
                                      .producer_id = 500,
                                      .previous_producer_id = 500,
                                      .next_producer_id = -1,
                                      .producer_epoch = epoch,
                                      .timeout_ms = 60000,
                                      .last_update_ms = io_wall_clock(stage->io),
                                      .start_ms = -1};
    struct batch_builder builder;
    int32_t partition = journal_partition_of(transactor_journal(stage->transactor), name);
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write(&builder, value.last_update_ms, name, &value);
    stage_crash(stage);
    assert_int_equal(batch_builder_finish(&builder, &stage->committed[partition]), 0);
    batch_builder_fini(&builder);
    stage_start(stage);
    return (struct transactor_claim){name, value.producer_id, epoch};
}

static void epochs_that_run_out_give_a_new_producer(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim claim = begin_at_epoch(stage, "x", INT16_MAX - 1);
    int64_t id = claim.producer_id;
    assert_int_equal(add(stage, claim, 1), 0);
    struct transactor_claim last = claim;
    assert_int_equal(end(stage, &claim, true, true), 0);
    assert_true(claim.producer_id != id);
    assert_int_equal(claim.producer_epoch, 0);
    assert_int_equal(end(stage, &last, true, true), 0); /* asked for again */
    assert_int_equal(last.producer_id, claim.producer_id);
    assert_int_equal(add(stage, claim, 1), 0);
    claim = begin_at_epoch(stage, "y", INT16_MAX - 1);
    struct transactor_claim next = begin(stage, "y");
    assert_true(next.producer_id != claim.producer_id);
    assert_int_equal(next.producer_epoch, 0);
    assert_int_equal(add(stage, claim, 1), ERROR_INVALID_PRODUCER_ID_MAPPING);
}

static void ids_are_listed_by_what_is_asked(void **state)
{
    struct stage *stage = *state;
    struct transactor_claim busy = begin(stage, "busy");
    struct transactor_claim idle = begin(stage, "idle");
    struct bytes states[] = {BYTES_LITERAL("Ongoing"), BYTES_LITERAL("Nonsense")};
    struct list_transactions_request in = {.duration_filter_ms = -1};
    struct list_transactions_response out;
    assert_int_equal(add(stage, busy, 1), 0);
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.transactions.count, 2);
    in.state_filters.items = states;
    in.state_filters.count = 2;
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.transactions.count, 1);
    assert_int_equal(out.transactions.items[0].producer_id, busy.producer_id);
    assert_int_equal(out.unknown_state_filters.count, 1);
    in.state_filters.count = 0;
    in.producer_id_filters.items = &idle.producer_id;
    in.producer_id_filters.count = 1;
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.transactions.count, 1);
    in.producer_id_filters.count = 0;
    in.duration_filter_ms = 60000;
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.transactions.count, 0);
    in.duration_filter_ms = -1;
    in.transactional_id_pattern = BYTES_LITERAL("b.*y");
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.transactions.count, 1);
    in.transactional_id_pattern = BYTES_LITERAL("bus");
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.transactions.count, 0); /* the whole id */
    in.transactional_id_pattern = BYTES_LITERAL("(");
    transactor_list(stage->transactor, &in, &stage->arena, &out);
    assert_int_equal(out.error_code, 128);
}

/* The campaign ------------------------------------------------------------------------------- */

/* A transaction as its producer saw it. */
struct fate {
    int64_t producer_id;
    int16_t marker_epoch;
    int32_t partition_count;
    bool is_commit;
};

enum { PRODUCER_COUNT = 4, FATE_MAX = 2000 };

struct player {
    char id[8];
    struct transactor_claim claim;
    bool has_identity;
    int32_t partition_count; /* of the open transaction; 0: none */
    struct init_call *init;
    struct add_call *add;
    struct end_call *end;
    bool is_commit;
    bool is_zombie; /* another had a larger epoch when the request was sent */
};

struct campaign {
    struct stage *stage;
    struct player players[PRODUCER_COUNT]; /* two of each id: one of them is a zombie */
    struct fate fates[FATE_MAX];           /* whose end was answered */
    int fate_count;
    int crash_count;
    int zombie_count;
    struct transactor_claim newest[PRODUCER_COUNT / 2]; /* of each id, as answered */
};

static void player_lose(struct player *player)
{
    player->has_identity = false;
    player->partition_count = 0;
}

static void player_hear_init(struct campaign *campaign, struct player *player)
{
    if (player->init->init.error == 0) {
        campaign->newest[player->id[1] - '0'] =
            (struct transactor_claim){.producer_id = player->init->init.producer_id,
                                      .producer_epoch = player->init->init.producer_epoch};
        player->has_identity = true;
        player->partition_count = 0;
        player->claim.producer_id = player->init->init.producer_id;
        player->claim.producer_epoch = player->init->init.producer_epoch;
    }
    player->init = NULL;
}

static void player_hear_add(struct player *player)
{
    if (player->add->add.error == 0) {
        assert_false(player->is_zombie);
        player->partition_count = player->add->add.count > player->partition_count
                                      ? player->add->add.count
                                      : player->partition_count;
    } else if (player->add->add.error == ERROR_PRODUCER_FENCED ||
               player->add->add.error == ERROR_INVALID_PRODUCER_ID_MAPPING) {
        player_lose(player);
    }
    player->add = NULL;
}

static void player_hear_end(struct campaign *campaign, struct player *player)
{
    const struct transactor_end *ended = &player->end->end;
    if (ended->error == 0) {
        assert_false(player->is_zombie);
        assert_true(campaign->fate_count < FATE_MAX);
        assert_true(ended->producer_epoch > player->claim.producer_epoch);
        campaign->fates[campaign->fate_count++] = (struct fate){
            ended->producer_id, ended->producer_epoch, player->partition_count, player->is_commit};
        player->claim.producer_epoch = ended->producer_epoch;
        player->partition_count = 0;
    } else if (ended->error != ERROR_CONCURRENT_TRANSACTIONS &&
               ended->error != ERROR_COORDINATOR_NOT_AVAILABLE) {
        player_lose(player);
    }
    player->end = NULL;
}

static void player_hear(struct campaign *campaign, struct player *player)
{
    if (player->init != NULL && player->init->done_count > 0) {
        player_hear_init(campaign, player);
    }
    if (player->add != NULL && player->add->done_count > 0) {
        player_hear_add(player);
    }
    if (player->end != NULL && player->end->done_count > 0) {
        player_hear_end(campaign, player);
    }
}

static void player_act(struct campaign *campaign, struct player *player)
{
    struct stage *stage = campaign->stage;
    uint64_t dice = sim_random(stage->sim, 10);
    player_hear(campaign, player);
    if (player->init != NULL || player->add != NULL || player->end != NULL) {
        return;
    }
    const struct transactor_claim *newest = &campaign->newest[player->id[1] - '0'];
    player->is_zombie = newest->producer_id == player->claim.producer_id &&
                        newest->producer_epoch > player->claim.producer_epoch;
    campaign->zombie_count += player->has_identity && player->is_zombie;
    if (!player->has_identity) {
        if (dice < 4) {
            player->init = send_init(stage, player->id, -1, -1, 3000);
        }
    } else if (dice < 5 || player->partition_count == 0) {
        player->add = send_add(stage, player->claim, player->id,
                               (int32_t)sim_random(stage->sim, 3) + 1, true);
    } else if (dice < 9) {
        player->is_commit = sim_random(stage->sim, 2) == 0;
        player->end = send_end(stage, player->claim, player->is_commit, true);
    }
}

static int count_marks(const struct stage *stage, const struct fate *fate, bool is_commit)
{
    bool seen[4] = {false};
    int count = 0;
    for (int i = 0; i < stage->mark_count; i++) {
        const struct mark *mark = &stage->marks[i];
        if (mark->producer_id == fate->producer_id && mark->epoch == fate->marker_epoch &&
            mark->is_commit == is_commit && !seen[mark->partition]) {
            seen[mark->partition] = true;
            count++;
        }
    }
    return count;
}

/* All or nothing: what was answered is marked everywhere in one way, and nowhere in the other. */
static void campaign_judge(const struct campaign *campaign)
{
    const struct stage *stage = campaign->stage;
    for (int i = 0; i < campaign->fate_count; i++) {
        const struct fate *fate = &campaign->fates[i];
        assert_true(count_marks(stage, fate, fate->is_commit) >= fate->partition_count);
        assert_int_equal(count_marks(stage, fate, !fate->is_commit), 0);
    }
    for (int i = 0; i < stage->mark_count; i++) {
        for (int j = 0; j < i; j++) {
            bool is_same = stage->marks[i].producer_id == stage->marks[j].producer_id &&
                           stage->marks[i].epoch == stage->marks[j].epoch;
            assert_true(!is_same || stage->marks[i].is_commit == stage->marks[j].is_commit);
        }
    }
}

static void campaign_crash(struct campaign *campaign)
{
    stage_crash(campaign->stage);
    campaign->crash_count++;
    stage_run_ms(campaign->stage, 5); /* who waited is told */
    for (int i = 0; i < PRODUCER_COUNT; i++) {
        player_hear(campaign, &campaign->players[i]);
    }
    stage_start(campaign->stage);
}

/* When faults end, everything ends: nothing stays open or undecided. */
static void campaign_settle(struct campaign *campaign)
{
    struct stage *stage = campaign->stage;
    stage->fail_percent = 0;
    stage_run_ms(stage, 60000);
    for (int i = 0; i < PRODUCER_COUNT; i++) {
        player_hear(campaign, &campaign->players[i]);
        assert_null(campaign->players[i].init);
        assert_null(campaign->players[i].add);
        assert_null(campaign->players[i].end);
        char *found = (char *)(uintptr_t)state_of(stage, campaign->players[i].id);
        if (found != NULL) {
            assert_true(strcmp(found, "Empty") == 0 || strncmp(found, "Complete", 8) == 0);
        }
        free(found);
    }
}

static void campaign_run(uint64_t seed, int *zombie_count)
{
    struct campaign *campaign = memory_new(struct campaign);
    struct stage *stage = stage_new(seed);
    campaign->stage = stage;
    stage->options.abort_check_ms = 500;
    stage_crash(stage);
    stage_start(stage);
    stage->fail_percent = (int)sim_random(stage->sim, 20);
    for (int i = 0; i < PRODUCER_COUNT; i++) {
        snprintf(campaign->players[i].id, sizeof campaign->players[i].id, "p%d", i / 2);
        campaign->players[i].claim.transactional_id = bytes_from_string(campaign->players[i].id);
    }
    for (int turn = 0; turn < 400; turn++) {
        player_act(campaign, &campaign->players[sim_random(stage->sim, PRODUCER_COUNT)]);
        sim_run(stage->sim, sim_now(stage->sim) + sim_random(stage->sim, SECOND / 50));
        if (sim_random(stage->sim, 40) == 0) {
            campaign_crash(campaign);
        }
    }
    campaign_settle(campaign);
    campaign_judge(campaign);
    assert_true(campaign->crash_count > 0);
    assert_true(campaign->fate_count > 0);
    *zombie_count += campaign->zombie_count;
    stage_free(stage);
    free(campaign);
}

static void no_transaction_is_lost_or_torn_whatever_fails(void **state)
{
    (void)state;
    const char *only = getenv("SEED");
    int zombie_count = 0;
    for (uint64_t seed = 1; seed <= SEED_COUNT && only == NULL; seed++) {
        campaign_run(seed, &zombie_count);
    }
    if (only != NULL) {
        campaign_run(strtoull(only, NULL, 10), &zombie_count);
    } else {
        assert_true(zombie_count > SEED_COUNT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_transaction_is_marked_in_every_partition),
        TEST(a_marker_is_written_again_until_it_is_durable),
        TEST(a_partition_that_is_gone_needs_no_marker),
        TEST(a_partition_with_a_larger_epoch_takes_no_marker),
        TEST(a_completion_is_tried_again_ever_more_rarely),
        TEST(a_decision_survives_the_process),
        TEST(what_was_not_decided_goes_on_after_the_process),
        TEST(a_new_producer_fences_and_aborts_what_goes_on),
        TEST(what_takes_too_long_is_aborted),
        TEST(timeouts_out_of_range_are_refused),
        TEST(an_idle_id_is_forgotten),
        TEST(the_next_transaction_waits_for_the_end_of_the_last),
        TEST(a_refused_record_changes_nothing),
        TEST(epochs_that_run_out_give_a_new_producer),
        TEST(ids_are_listed_by_what_is_asked),
        cmocka_unit_test(no_transaction_is_lost_or_torn_whatever_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
