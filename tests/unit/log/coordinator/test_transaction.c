/* Every state meets every event: what is allowed leads where the drawing says, all else is refused
 * with Kafka's error; and epochs, ids and partitions become what they should. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/transaction.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { ID = 7, OLD_ID = 6, EPOCH = 3, NOW = 1000, STATE_COUNT = 6 };

static struct transaction *make(enum transaction_state state)
{
    struct transaction *transaction = transaction_new(BYTES_LITERAL("t"));
    transaction->is_new = false;
    transaction->value.state = state;
    transaction->value.producer_id = ID;
    transaction->value.previous_producer_id = ID;
    transaction->value.producer_epoch = EPOCH;
    transaction->value.timeout_ms = 60000;
    transaction->value.last_update_ms = 500;
    transaction->value.start_ms = state == TRANSACTION_EMPTY ? -1 : 400;
    if (state == TRANSACTION_ONGOING || state == TRANSACTION_PREPARE_COMMIT ||
        state == TRANSACTION_PREPARE_ABORT) {
        struct transaction_partitions *partitions = &transaction->value.partitions;
        partitions->items = memory_new(struct transaction_partition);
        partitions->items[0].topic = bytes_copy(BYTES_LITERAL("a"));
        partitions->count = 1;
    }
    transaction_check(transaction);
    return transaction;
}

static const struct transaction_claim own = {ID, EPOCH};
static const struct transaction_claim before = {ID, EPOCH - 1};
static const struct transaction_claim after = {ID, EPOCH + 1};
static const struct transaction_claim stranger = {99, EPOCH};

enum event {
    INIT,          /* InitProducerId without an identity */
    INIT_OWN,      /* with the identity that is there */
    INIT_BEFORE,   /* with an older epoch */
    INIT_STRANGER, /* with another id */
    ADD,
    ADD_BEFORE,
    ADD_STRANGER,
    VERIFY_MEMBER,
    VERIFY_OTHER,
    COMMIT_1, /* EndTxn up to version 4 */
    ABORT_1,
    COMMIT_1_BEFORE,
    COMMIT_2, /* from version 5 on, with the epoch that is there */
    ABORT_2,
    COMMIT_2_AGAIN, /* with the epoch before: asked for again */
    ABORT_2_AGAIN,
    COMMIT_2_AFTER,
    COMMIT_2_STRANGER,
    EVENT_COUNT
};

/* A state that is reached, an error, or nothing to do. */
enum { NOTHING = 100 };
#define TO(state) (TRANSACTION_##state)

static int step_of(struct transaction *transaction, enum event event, struct transaction_step *step)
{
    struct transaction_partition more = {.topic = BYTES_LITERAL("b"), .index = 2};
    switch (event) {
    case INIT:
        return transaction_judge_init(transaction, 1, NULL, -1, NOW, step);
    case INIT_OWN:
        return transaction_judge_init(transaction, 1, &own, -1, NOW, step);
    case INIT_BEFORE:
        return transaction_judge_init(transaction, 1, &before, -1, NOW, step);
    case INIT_STRANGER:
        return transaction_judge_init(transaction, 1, &stranger, -1, NOW, step);
    case ADD:
        return transaction_judge_add(transaction, own, &more, 1, 0, NOW, step);
    case ADD_BEFORE:
        return transaction_judge_add(transaction, before, &more, 1, 0, NOW, step);
    case ADD_STRANGER:
        return transaction_judge_add(transaction, stranger, &more, 1, 0, NOW, step);
    case VERIFY_MEMBER:
        step->is_nothing = true;
        return transaction_judge_partition(transaction, own, BYTES_LITERAL("a"), 0);
    case VERIFY_OTHER:
        step->is_nothing = true;
        return transaction_judge_partition(transaction, own, BYTES_LITERAL("a"), 1);
    case COMMIT_1:
        return transaction_judge_end(transaction, own, true, 0, -1, NOW, step);
    case ABORT_1:
        return transaction_judge_end(transaction, own, false, 0, -1, NOW, step);
    case COMMIT_1_BEFORE:
        return transaction_judge_end(transaction, before, true, 0, -1, NOW, step);
    case COMMIT_2:
        return transaction_judge_end(transaction, own, true, 2, -1, NOW, step);
    case ABORT_2:
        return transaction_judge_end(transaction, own, false, 2, -1, NOW, step);
    case COMMIT_2_AGAIN:
        return transaction_judge_end(transaction, before, true, 2, -1, NOW, step);
    case ABORT_2_AGAIN:
        return transaction_judge_end(transaction, before, false, 2, -1, NOW, step);
    case COMMIT_2_AFTER:
        return transaction_judge_end(transaction, after, true, 2, -1, NOW, step);
    case COMMIT_2_STRANGER:
        return transaction_judge_end(transaction, stranger, true, 2, -1, NOW, step);
    case EVENT_COUNT:
        break;
    }
    fail();
    return 0;
}

#define BUSY      ERROR_CONCURRENT_TRANSACTIONS
#define FENCED    ERROR_PRODUCER_FENCED
#define WRONG     ERROR_INVALID_TXN_STATE
#define MAPPING   ERROR_INVALID_PRODUCER_ID_MAPPING
#define ABORTABLE ERROR_TRANSACTION_ABORTABLE

/* By event, then EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT. */
static const int expected[EVENT_COUNT][STATE_COUNT] = {
    [INIT] = {TO(EMPTY), TO(PREPARE_EPOCH_FENCE), BUSY, BUSY, TO(EMPTY), TO(EMPTY)},
    [INIT_OWN] = {TO(EMPTY), TO(PREPARE_EPOCH_FENCE), BUSY, BUSY, TO(EMPTY), TO(EMPTY)},
    [INIT_BEFORE] = {FENCED, TO(PREPARE_EPOCH_FENCE), BUSY, BUSY, FENCED, FENCED},
    [INIT_STRANGER] = {FENCED, FENCED, FENCED, FENCED, FENCED, FENCED},
    [ADD] = {TO(ONGOING), TO(ONGOING), BUSY, BUSY, TO(ONGOING), TO(ONGOING)},
    [ADD_BEFORE] = {FENCED, FENCED, FENCED, FENCED, FENCED, FENCED},
    [ADD_STRANGER] = {MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING},
    [VERIFY_MEMBER] = {ABORTABLE, NOTHING, BUSY, BUSY, ABORTABLE, ABORTABLE},
    [VERIFY_OTHER] = {ABORTABLE, ABORTABLE, BUSY, BUSY, ABORTABLE, ABORTABLE},
    [COMMIT_1] = {WRONG, TO(PREPARE_COMMIT), BUSY, WRONG, NOTHING, WRONG},
    [ABORT_1] = {WRONG, TO(PREPARE_ABORT), WRONG, BUSY, WRONG, NOTHING},
    [COMMIT_1_BEFORE] = {FENCED, FENCED, FENCED, FENCED, FENCED, FENCED},
    [COMMIT_2] = {WRONG, TO(PREPARE_COMMIT), FENCED, FENCED, WRONG, WRONG},
    [ABORT_2] = {TO(PREPARE_ABORT), TO(PREPARE_ABORT), FENCED, FENCED, TO(PREPARE_ABORT),
                 TO(PREPARE_ABORT)},
    [COMMIT_2_AGAIN] = {FENCED, FENCED, BUSY, WRONG, NOTHING, WRONG},
    [ABORT_2_AGAIN] = {FENCED, FENCED, WRONG, BUSY, WRONG, NOTHING},
    [COMMIT_2_AFTER] = {FENCED, FENCED, FENCED, FENCED, FENCED, FENCED},
    [COMMIT_2_STRANGER] = {MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING},
};

static void every_state_answers_every_event(void **state)
{
    (void)state;
    fsm_check(&transaction_fsm);
    for (int event = 0; event < EVENT_COUNT; event++) {
        for (int from = 0; from < STATE_COUNT; from++) {
            struct transaction *transaction = make((enum transaction_state)from);
            struct transaction_step step = {0};
            int error = step_of(transaction, (enum event)event, &step);
            int result = error != 0 ? error : step.is_nothing ? NOTHING : (int)step.state;
            if (result != expected[event][from]) {
                fail_msg("event %d in %s gave %d", event,
                         transaction_state_name((enum transaction_state)from), result);
            }
            if (error == 0 && !step.is_nothing) {
                assert_true(fsm_allows(&transaction_fsm, (unsigned)from, step.state));
            }
            transaction_step_fini(&step);
            transaction_free(transaction);
        }
    }
}

/* While a record is on its way nothing else is begun. */
static void nothing_overtakes_a_record(void **state)
{
    (void)state;
    for (int event = 0; event < EVENT_COUNT; event++) {
        struct transaction *transaction = make(TRANSACTION_EMPTY);
        struct transaction_step step = {.state = TRANSACTION_ONGOING};
        transaction_expect(transaction, &step);
        step = (struct transaction_step){0};
        int error = step_of(transaction, (enum event)event, &step);
        bool is_refused_anyway = error == FENCED || error == MAPPING;
        assert_true(error == BUSY || is_refused_anyway);
        transaction_give_up(transaction);
        assert_int_equal(transaction_seen_state(transaction), TRANSACTION_EMPTY);
        transaction_free(transaction);
    }
}

static struct transaction_step must_step(struct transaction *transaction, enum event event)
{
    struct transaction_step step = {0};
    assert_int_equal(step_of(transaction, event, &step), 0);
    return step;
}

static void the_second_version_bumps_the_epoch_at_every_end(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_ONGOING);
    struct transaction_step step = must_step(transaction, COMMIT_1);
    assert_int_equal(step.next.producer_epoch, EPOCH);
    assert_int_equal(step.next.partitions.count, 1);
    transaction_step_fini(&step);
    step = must_step(transaction, COMMIT_2);
    assert_int_equal(step.next.producer_epoch, EPOCH + 1);
    assert_int_equal(step.last_epoch, EPOCH);
    assert_int_equal(step.next.client_version, 2);
    transaction_step_fini(&step);
    transaction_free(transaction);
}

static void a_fence_bumps_the_epoch(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_ONGOING);
    struct transaction_step step = must_step(transaction, INIT);
    assert_int_equal(step.next.state, TRANSACTION_PREPARE_ABORT);
    assert_int_equal(step.next.producer_epoch, EPOCH + 1);
    assert_int_equal(step.last_epoch, EPOCH);
    assert_int_equal(step.next.partitions.count, 1);
    transaction_step_fini(&step);
    transaction_free(transaction);
}

static void a_bump_that_is_asked_for_again_is_the_same(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_EMPTY);
    transaction->last_epoch = EPOCH - 1;
    struct transaction_step step = must_step(transaction, INIT_BEFORE);
    assert_int_equal(step.next.producer_epoch, EPOCH);
    transaction_step_fini(&step);
    step = must_step(transaction, INIT_OWN);
    assert_int_equal(step.next.producer_epoch, EPOCH + 1);
    assert_int_equal(step.last_epoch, EPOCH);
    transaction_step_fini(&step);
    transaction_free(transaction);
}

static void a_new_id_needs_a_producer_id(void **state)
{
    (void)state;
    struct transaction *transaction = transaction_new(BYTES_LITERAL("new"));
    struct transaction_step step = {0};
    assert_int_equal(transaction_judge_init(transaction, 5, NULL, -1, NOW, &step), ERROR_AGAIN);
    assert_int_equal(transaction_judge_init(transaction, 5, NULL, 42, NOW, &step), 0);
    assert_int_equal(step.next.producer_id, 42);
    assert_int_equal(step.next.producer_epoch, 0);
    assert_int_equal(step.next.timeout_ms, 5);
    assert_int_equal(step.next.start_ms, -1);
    transaction_step_fini(&step);
    transaction_free(transaction);
}

static void epochs_that_run_out_rotate_the_producer_id(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_COMPLETE_COMMIT);
    struct transaction_step step = {0};
    transaction->value.producer_epoch = TRANSACTION_EPOCH_LAST;
    assert_int_equal(transaction_judge_init(transaction, 5, NULL, -1, NOW, &step), ERROR_AGAIN);
    assert_int_equal(transaction_judge_init(transaction, 5, NULL, 42, NOW, &step), 0);
    assert_int_equal(step.next.producer_id, 42);
    assert_int_equal(step.next.previous_producer_id, ID);
    assert_int_equal(step.next.producer_epoch, 0);
    transaction_step_fini(&step);
    transaction_free(transaction);
}

static void apply(struct transaction *transaction, const struct transaction_step *step)
{
    struct batch_builder builder;
    struct buffer bytes;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    struct arena arena;
    struct bytes id;
    struct transaction_log_value value;
    bool is_known = false;
    batch_builder_init(&builder, COMPRESS_NONE);
    buffer_init(&bytes);
    arena_init(&arena, 0);
    transaction_log_write(&builder, NOW, transaction->id, &step->next);
    assert_int_equal(batch_builder_finish(&builder, &bytes), 0);
    assert_int_equal(batch_read_header(buffer_bytes(&bytes), &batch, NULL), 0);
    assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 20), 0);
    assert_int_equal(batch_iterator_next(&iterator, &record), 1);
    assert_int_equal(transaction_log_read(&record, &arena, &id, &value, &is_known), 0);
    assert_true(is_known);
    assert_true(bytes_equal(id, transaction->id));
    transaction_expect(transaction, step);
    assert_int_equal(transaction_apply(transaction, &value, false), 0);
    transaction_check(transaction);
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    buffer_fini(&bytes);
    arena_fini(&arena);
}

static void an_end_rotates_when_epochs_run_out_and_can_be_asked_for_again(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_ONGOING);
    struct transaction_claim last = {ID, TRANSACTION_EPOCH_LAST};
    struct transaction_step step = {0};
    transaction->value.producer_epoch = TRANSACTION_EPOCH_LAST;
    assert_int_equal(transaction_judge_end(transaction, last, true, 2, -1, NOW, &step),
                     ERROR_AGAIN);
    assert_int_equal(transaction_judge_end(transaction, last, true, 2, 42, NOW, &step), 0);
    assert_int_equal(step.next.producer_epoch, INT16_MAX);
    assert_int_equal(step.next.next_producer_id, 42);
    apply(transaction, &step);
    transaction_step_fini(&step);
    transaction_complete(transaction, NOW, &step);
    apply(transaction, &step);
    transaction_step_fini(&step);
    assert_int_equal(transaction->value.producer_id, 42);
    assert_int_equal(transaction->value.producer_epoch, 0);
    assert_int_equal(transaction->value.previous_producer_id, ID);
    assert_int_equal(transaction_judge_end(transaction, last, true, 2, -1, NOW, &step), 0);
    assert_true(step.is_nothing);
    assert_int_equal(transaction_judge_end(transaction, last, false, 2, -1, NOW, &step),
                     ERROR_INVALID_TXN_STATE);
    transaction_free(transaction);
}

static void partitions_are_each_once_and_survive_the_log(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_EMPTY);
    struct transaction_partition some[] = {{BYTES_LITERAL("b"), 2},
                                           {BYTES_LITERAL("a"), 1},
                                           {BYTES_LITERAL("b"), 2},
                                           {BYTES_LITERAL("a"), 0}};
    struct transaction_step step = {0};
    assert_int_equal(transaction_judge_add(transaction, own, some, 4, 2, NOW, &step), 0);
    apply(transaction, &step);
    transaction_step_fini(&step);
    assert_int_equal(transaction->value.partitions.count, 3);
    assert_int_equal(transaction->value.start_ms, NOW);
    assert_true(transaction_has_partition(transaction, BYTES_LITERAL("a"), 1));
    assert_false(transaction_has_partition(transaction, BYTES_LITERAL("a"), 2));
    assert_int_equal(transaction_judge_add(transaction, own, some, 4, 2, NOW + 1, &step), 0);
    assert_true(step.is_nothing);
    transaction_step_fini(&step);
    transaction_free(transaction);
}

static void values_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_EMPTY);
    struct transaction_log_value value = {.producer_id = 1, .state = 6};
    assert_int_equal(transaction_apply(transaction, &value, true), ERROR_CORRUPT);
    value.state = -1;
    assert_int_equal(transaction_apply(transaction, &value, true), ERROR_CORRUPT);
    value = (struct transaction_log_value){.producer_id = 1, .producer_epoch = -1};
    assert_int_equal(transaction_apply(transaction, &value, true), ERROR_CORRUPT);
    assert_int_equal(transaction->value.producer_id, ID);
    transaction_free(transaction);
}

/* Whoever wrote it: outside of a transaction there are no partitions. */
static void partitions_that_cannot_be_are_forgotten(void **state)
{
    (void)state;
    struct transaction *transaction = make(TRANSACTION_EMPTY);
    int32_t index = 0;
    struct transaction_log_value_topic topic = {.name = BYTES_LITERAL("a"), .indexes = {&index, 1}};
    struct transaction_log_value value = {.producer_id = ID,
                                          .producer_epoch = EPOCH,
                                          .state = TRANSACTION_COMPLETE_COMMIT,
                                          .partitions = {&topic, 1}};
    assert_int_equal(transaction_apply(transaction, &value, true), 0);
    transaction_check(transaction);
    assert_int_equal(transaction->value.partitions.count, 0);
    transaction_free(transaction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_answers_every_event),
        cmocka_unit_test(nothing_overtakes_a_record),
        cmocka_unit_test(the_second_version_bumps_the_epoch_at_every_end),
        cmocka_unit_test(a_fence_bumps_the_epoch),
        cmocka_unit_test(a_bump_that_is_asked_for_again_is_the_same),
        cmocka_unit_test(a_new_id_needs_a_producer_id),
        cmocka_unit_test(epochs_that_run_out_rotate_the_producer_id),
        cmocka_unit_test(an_end_rotates_when_epochs_run_out_and_can_be_asked_for_again),
        cmocka_unit_test(partitions_are_each_once_and_survive_the_log),
        cmocka_unit_test(values_that_cannot_be_are_refused),
        cmocka_unit_test(partitions_that_cannot_be_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
