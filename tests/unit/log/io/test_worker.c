/* Shows that a worker takes its messages in order, wakes when told to, and is interrupted only
 * where it allows it. These are real threads; nothing sleeps. */
#include "log/io/worker.h"
#include "tests/unit/unit.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ROUNDS = 2000, PATIENCE_MS = 60000 };

struct number {
    struct worker_message message;
    int value;
};

static void put_number(struct worker *worker, int value)
{
    struct number *number = test_malloc(sizeof *number);
    *number = (struct number){.value = value};
    worker_put(worker, &number->message);
}

/* Adds what comes until a zero comes; -1 when it came out of order. */
static void add_numbers(struct worker *worker, void *owner)
{
    int *sum = owner;
    int last = 0;
    for (;;) {
        struct worker_message *message = worker_take(worker, PATIENCE_MS);
        int value = message == NULL ? 0 : list_member(message, struct number, message)->value;
        test_free(message);
        if (value == 0) {
            return;
        }
        *sum = *sum < 0 || value != last + 1 ? -1 : *sum + value;
        last = value;
    }
}

static void messages_are_taken_in_the_order_they_were_put(void **state)
{
    (void)state;
    int sum = 0;
    struct worker *worker = worker_thread_start(NULL, "adder", add_numbers, &sum);
    for (int i = 1; i <= 1000; i++) {
        put_number(worker, i);
    }
    put_number(worker, 0);
    worker_join(worker);
    assert_int_equal(sum, 500500);
}

static void wait_for_wake(struct worker *worker, void *owner)
{
    *(bool *)owner = worker_take(worker, PATIENCE_MS) == NULL;
}

static void a_wake_ends_the_wait_without_a_message(void **state)
{
    (void)state;
    bool is_woken = false;
    struct worker *worker = worker_thread_start(NULL, "sleeper", wait_for_wake, &is_woken);
    worker_wake(worker);
    worker_join(worker);
    assert_true(is_woken);
}

/* Something that may be interrupted while it is open. */
struct guarded {
    bool is_open;
    int interrupt_count;
    atomic_bool is_done;
};

static void on_interrupt(void *owner)
{
    struct guarded *guarded = owner;
    guarded->interrupt_count += guarded->is_open ? 1 : 1000000;
}

static void open_and_close(struct worker *worker, void *owner)
{
    struct guarded *guarded = owner;
    for (int i = 0; i < ROUNDS; i++) {
        guarded->is_open = true;
        worker_allow_interrupt(worker, on_interrupt, guarded);
        worker_forbid_interrupt(worker);
        guarded->is_open = false;
    }
    atomic_store(&guarded->is_done, true);
}

static void an_interrupt_never_meets_what_is_closed(void **state)
{
    (void)state;
    struct guarded guarded = {.is_open = false};
    struct worker *worker = worker_thread_start(NULL, "guarded", open_and_close, &guarded);
    int asked_count = 0;
    while (!atomic_load(&guarded.is_done)) {
        worker_interrupt(worker);
        asked_count++;
    }
    worker_join(worker);
    assert_true(guarded.interrupt_count <= asked_count + ROUNDS);
    assert_true(guarded.interrupt_count < 1000000);
}

static void allow_once(struct worker *worker, void *owner)
{
    struct guarded *guarded = owner;
    (void)worker_take(worker, PATIENCE_MS); /* woken: the interrupt came before */
    guarded->is_open = true;
    worker_allow_interrupt(worker, on_interrupt, guarded);
    worker_forbid_interrupt(worker);
    guarded->is_open = false;
    atomic_store(&guarded->is_done, true);
}

static void an_interrupt_that_came_too_early_is_made_up_for(void **state)
{
    (void)state;
    struct guarded guarded = {.is_open = false};
    struct worker *worker = worker_thread_start(NULL, "early", allow_once, &guarded);
    worker_interrupt(worker);
    worker_wake(worker);
    while (!atomic_load(&guarded.is_done)) {}
    worker_interrupt(worker); /* too late */
    worker_join(worker);
    assert_int_equal(guarded.interrupt_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_taken_in_the_order_they_were_put),
        cmocka_unit_test(a_wake_ends_the_wait_without_a_message),
        cmocka_unit_test(an_interrupt_never_meets_what_is_closed),
        cmocka_unit_test(an_interrupt_that_came_too_early_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
