/* Plays an application without a broker: all tasks of its plan, step by step.
 *
 * Owns:   the topics as lists, the stores, the tasks; the plan is borrowed from driver_start to
 *         driver_stop or driver_crash.
 * Keeps:  (1) of all records that are there the one with the smallest time is next, as in a task;
 *             every call returns when nothing is left to do;
 *         (2) what is written is seen, by tasks as by who takes it, when it is committed; at least
 *             once: at once;
 *         (3) after a crash the stores, the positions and stream time are those of the last commit;
 *         (4) time and offsets depend on the calls alone.
 * Thread: one. Once a task has failed (policy "stop", the start of a node), every step fails with
 * the same report. */
#pragma once

#include "log/base/report.h"
#include "runtime/driver/driver_trail.h"
#include "runtime/task/store_rows.h"
#include "runtime/task/turn.h"

struct driver;

enum { DRIVER_PARTITION_MAX = 64 };

struct driver_options {
    int32_t partitions;      /* of topics that nobody gave others; 1 to DRIVER_PARTITION_MAX */
    bool is_commit_explicit; /* only driver_commit and driver_stop commit */
};

struct driver *driver_new(const struct driver_options *options);
void driver_free(struct driver *driver);
/* Gives a topic as many partitions as it has elsewhere; before the first driver_start. A part has
 * as many tasks as the largest of its topics. */
void driver_set_partitions(struct driver *driver, const char *topic, int32_t partitions);
/* Begins the tasks, with what was committed. The same application every time. */
must_use int driver_start(struct driver *driver, const struct topology *topology,
                          struct report *report);
/* Ends the tasks: their nodes stop, then all is committed. */
must_use int driver_stop(struct driver *driver, struct report *report);
/* Ends the tasks at once; what was not committed is forgotten. */
void driver_crash(struct driver *driver);
/* Appends a copy of the record to its topic and processes what there is. The partition is that of
 * the record, or -1: the key decides, without one it is the first. */
must_use int driver_send(struct driver *driver, const struct record *record, struct report *report);
/* The same for a record of a real topic: it keeps its offset, too. */
must_use int driver_feed(struct driver *driver, const struct record *record, struct report *report);
/* The same, and writes down what becomes of it: now, or in a later step when it waits for a
 * decision. */
must_use int driver_watch(struct driver *driver, const struct record *record,
                          struct driver_trail *trail, struct report *report);
/* Has the task of the decision's node and partition repeat it: when all inputs have reached its
 * places, before a record goes beyond them, and not before driver_repeat asks for it or such a
 * record is there. While tasks run, in the order of numbers. False when the application has no such
 * task or node, or had one with this number. */
bool driver_decide(struct driver *driver, const struct driver_decision *decision);
/* Repeats the decisions that were made until then and whose places are reached, the oldest first.
 */
must_use int driver_repeat(struct driver *driver, int64_t until_ms, struct report *report);
/* No more is fed: repeats all that wait. Inputs that end before a place have lost the records up to
 * it. */
must_use int driver_repeat_rest(struct driver *driver, struct report *report);
/* Whether records wait for a decision whose places are not reached. */
bool driver_is_holding(const struct driver *driver);
/* The time by which the application orders a record of a topic that it reads. */
int64_t driver_order_ms(struct driver *driver, const struct record *record);
/* Forgets the records that were committed and that all tasks have passed, taken or not: what a
 * long play needs to stay small. */
void driver_forget(struct driver *driver);
/* Moves the clock, from timer to timer. */
must_use int driver_advance(struct driver *driver, int64_t span_ms, struct report *report);
must_use int driver_commit(struct driver *driver, struct report *report);
/* The next committed output of a topic that was not taken, valid until driver_forget or
 * driver_free; NULL when there is none. */
const struct record *driver_take(struct driver *driver, const char *topic);
/* Topics that the application wrote to, repartition topics included, in the order of their first
 * records. A name is valid until driver_free. */
size_t driver_written_count(const struct driver *driver);
const char *driver_written_at(const struct driver *driver, size_t index);
/* NULL when no running part has this store, or there is no such partition. */
struct kv *driver_store(struct driver *driver, const char *name, int32_t partition);
/* The same as people see it; false when there is none. A global table has partition 0 alone. */
bool driver_open_rows(struct driver *driver, const char *name, int32_t partition,
                      struct store_rows *rows);
int64_t driver_time_ms(const struct driver *driver);
int32_t driver_partitions(const struct driver *driver);
/* Of all tasks, since driver_new. */
void driver_read_counts(const struct driver *driver, struct task_counts *out);
