/* Plays all tasks until nothing is left; see driver.h. */
#include "runtime/driver/driver.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "runtime/driver/driver_global.h"
#include "runtime/driver/driver_task.h"
#include "runtime/topology/inlet.h"

#include <stdlib.h>
#include <string.h>

enum { DRIVER_RECORDS_MAX = 100000 }; /* processed for one step */

struct driver {
    struct driver_options options;
    const struct topology *topology; /* NULL while no task runs */
    struct map topics;
    const struct driver_topic **written;
    size_t written_count;
    struct driver_global *global; /* while tasks run; NULL: the plan has no global tables */
    struct driver_task *tasks;    /* by part, then partition; made by the first start */
    size_t task_count;
    int64_t now_ms;
    struct driver_trail *trail; /* of the record that is watched, or NULL */
    struct report failure;
    bool has_failed;
};

struct driver *driver_new(const struct driver_options *options)
{
    check(options->partitions >= 1 && options->partitions <= DRIVER_PARTITION_MAX);
    struct driver *driver = memory_new(struct driver);
    driver->options = *options;
    map_init(&driver->topics);
    return driver;
}

void driver_free(struct driver *driver)
{
    if (driver == NULL) {
        return;
    }
    for (size_t i = 0; i < driver->task_count; i++) {
        driver_task_fini(&driver->tasks[i]);
    }
    driver_global_free(driver->global);
    for (map_each (&driver->topics, entry)) {
        driver_topic_free(entry->value);
    }
    map_fini(&driver->topics, NULL);
    free(driver->written);
    free(driver->tasks);
    free(driver);
}

static struct driver_topic *driver_topic_of(void *owner, const char *name)
{
    struct driver *driver = owner;
    struct driver_topic *topic = map_find_string(&driver->topics, name);
    if (topic == NULL) {
        topic = driver_topic_new(name);
        map_put(&driver->topics, bytes_from_string(name), topic);
    }
    return topic;
}

static int32_t driver_topic_partitions(const struct driver *driver,
                                       const struct driver_topic *topic)
{
    return topic->partitions > 0 ? topic->partitions : driver->options.partitions;
}

/* A partition that was chosen counts as if topics had as many as ours. */
static int32_t driver_place(const struct driver *driver, const struct driver_topic *topic,
                            const struct record *record)
{
    int32_t partitions = driver_topic_partitions(driver, topic);
    struct bytes key = bytes_is_null(record->partition_key) ? record->key : record->partition_key;
    if (record->partition >= 0) {
        return record->partition % partitions;
    }
    return bytes_is_null(key) ? 0 : hash_partition(key, partitions);
}

static void driver_add_written(struct driver *driver, struct driver_topic *topic)
{
    if (!topic->is_written) {
        size_t count = driver->written_count + 1;
        driver->written = memory_resize(driver->written, count * sizeof *driver->written);
        driver->written[driver->written_count++] = topic;
        topic->is_written = true;
    }
}

static void driver_on_written(void *owner, const struct turn_emit *emit)
{
    struct driver *driver = owner;
    bool is_open = topology_guarantee(driver->topology) == TOPOLOGY_EXACTLY_ONCE;
    struct driver_topic *topic = driver_topic_of(driver, emit->topic);
    struct record record = emit->record;
    record.partition = driver_place(driver, topic, &record);
    driver_add_written(driver, topic);
    struct driver_record *row =
        driver_topic_append(topic, &record, true, false, is_open ? DRIVER_OPEN : DRIVER_COMMITTED);
    if (driver->trail != NULL && driver->trail->task != NULL) {
        row->trail = driver_trail_emit(driver->trail, emit);
        row->trail->record.partition = row->record.partition;
        row->trail->record.offset = row->record.offset;
    }
}

static int driver_fail(struct driver *driver, const struct driver_task *task)
{
    const struct node_context *context = &task->turn.context;
    driver->has_failed = true;
    return report_add(&driver->failure, context->error_place, "the application stopped: %s",
                      context->error_text);
}

static int driver_answer(const struct driver *driver, struct report *report)
{
    if (driver->has_failed) {
        *report = driver->failure;
        return ERROR_INVALID;
    }
    return 0;
}

/* The task whose next record is the oldest; NULL when none has one. */
static struct driver_task *driver_choose(struct driver *driver, struct driver_input **out)
{
    struct driver_task *chosen = NULL;
    for (size_t i = 0; i < driver->task_count; i++) {
        struct driver_input *input = driver_task_choose(&driver->tasks[i]);
        if (input != NULL && (chosen == NULL || input->time_ms < (*out)->time_ms)) {
            chosen = &driver->tasks[i];
            *out = input;
        }
    }
    return chosen;
}

static bool driver_is_older(const struct driver_task *left, const struct driver_task *right)
{
    return driver_clock_next(&left->clock)->made_ms < driver_clock_next(&right->clock)->made_ms;
}

/* The task whose next decision is the oldest of those that are reached, and that were made until
 * then or that records wait for; NULL when there is none. */
static struct driver_task *driver_choose_decision(struct driver *driver, int64_t until_ms)
{
    struct driver_task *chosen = NULL;
    for (size_t i = 0; i < driver->task_count; i++) {
        struct driver_task *task = &driver->tasks[i];
        if (driver_task_is_reached(task) &&
            (driver_clock_next(&task->clock)->made_ms <= until_ms || driver_task_is_held(task)) &&
            (chosen == NULL || driver_is_older(task, chosen))) {
            chosen = task;
        }
    }
    return chosen;
}

static bool driver_process_one(struct driver *driver, struct driver_task *task,
                               struct driver_input *input)
{
    struct driver_trail_row *parent = input->topic->records[input->next]->trail;
    if (driver->trail == NULL || parent == NULL) {
        return driver_task_process(task, input, driver->now_ms);
    }
    task->trail = driver->trail;
    driver_trail_begin(driver->trail, task, input->head, parent);
    bool is_done = driver_task_process(task, input, driver->now_ms);
    driver_trail_end(driver->trail);
    task->trail = NULL;
    return is_done;
}

static void driver_repeat_one(struct driver *driver, struct driver_task *task)
{
    if (!driver_task_repeat(task, driver->now_ms)) {
        driver_fail(driver, task);
    }
}

/* Processes what can be seen; adds how many records and decisions. */
static void driver_process(struct driver *driver, size_t *count)
{
    struct driver_input *input = NULL;
    struct driver_task *task;
    while (!driver->has_failed) {
        if ((task = driver_choose_decision(driver, INT64_MIN)) != NULL) {
            ++*count;
            driver_repeat_one(driver, task);
        } else if ((task = driver_choose(driver, &input)) == NULL) {
            return;
        } else if (++*count > DRIVER_RECORDS_MAX) {
            driver->has_failed = true;
            report_add(&driver->failure, NULL,
                       "one step led to more than %d records, the last one for topic %s: does the "
                       "application feed itself?",
                       DRIVER_RECORDS_MAX, input->topic->name);
        } else if (!driver_process_one(driver, task, input)) {
            driver_fail(driver, task);
        }
    }
}

static void driver_commit_once(struct driver *driver)
{
    for (size_t i = 0; i < driver->task_count; i++) {
        driver_task_commit(&driver->tasks[i]);
    }
    for (map_each (&driver->topics, entry)) {
        driver_topic_decide(entry->value, DRIVER_COMMITTED);
    }
}

/* Until nothing is left: what one part commits the next one sees. */
static void driver_run(struct driver *driver, bool is_committing)
{
    size_t count = 0, before;
    if (driver->topology == NULL) {
        return; /* it could not be started anew */
    }
    do {
        before = count;
        count += driver_global_read(driver->global);
        driver_process(driver, &count);
        if (is_committing && !driver->has_failed) {
            driver_commit_once(driver);
        }
    } while (count > before && is_committing && !driver->has_failed);
}

/* As many tasks as the largest of its topics has partitions. */
static int32_t driver_part_partitions(struct driver *driver, const struct topology_part *part)
{
    int32_t partitions = 0;
    for (size_t i = 0; i < part->topic_count; i++) {
        int32_t count = driver_topic_partitions(driver, driver_topic_of(driver, part->topics[i]));
        partitions = count > partitions ? count : partitions;
    }
    return partitions;
}

static void driver_make_tasks(struct driver *driver, const struct topology *topology)
{
    for (size_t i = 0; i < topology_part_count(topology); i++) {
        const struct topology_part *part = topology_part_at(topology, i);
        int32_t partitions = driver_part_partitions(driver, part);
        size_t count = driver->task_count + (size_t)partitions;
        driver->tasks = memory_resize(driver->tasks, (count + 1) * sizeof *driver->tasks);
        for (int32_t j = 0; j < partitions; j++) {
            struct driver_task *task = &driver->tasks[driver->task_count++];
            driver_task_init(task, part, j, driver_topic_of, driver_on_written, driver);
            task->part = i;
        }
    }
}

int driver_start(struct driver *driver, const struct topology *topology, struct report *report)
{
    check(driver->topology == NULL);
    driver->topology = topology;
    driver->global = driver_global_new(topology, driver_topic_of, driver);
    (void)driver_global_read(driver->global);
    if (driver->tasks == NULL) {
        driver_make_tasks(driver, topology);
    }
    for (size_t i = 0; i < driver->task_count && !driver->has_failed; i++) {
        const struct topology_part *part = topology_part_at(topology, driver->tasks[i].part);
        if (!driver_task_open(&driver->tasks[i], topology, part,
                              driver_global_tables(driver->global), driver->now_ms)) {
            driver_fail(driver, &driver->tasks[i]);
        }
    }
    driver_run(driver, !driver->options.is_commit_explicit);
    return driver_answer(driver, report);
}

static void driver_close(struct driver *driver)
{
    for (size_t i = 0; i < driver->task_count; i++) {
        driver_task_close(&driver->tasks[i]);
    }
    driver_global_free(driver->global);
    driver->global = NULL;
    driver->topology = NULL;
}

int driver_stop(struct driver *driver, struct report *report)
{
    driver_run(driver, false);
    for (size_t i = 0; i < driver->task_count && !driver->has_failed; i++) {
        if (!driver_task_stop(&driver->tasks[i], driver->now_ms)) {
            driver_fail(driver, &driver->tasks[i]);
        }
    }
    if (!driver->has_failed) {
        driver_commit_once(driver);
    }
    driver_close(driver);
    return driver_answer(driver, report);
}

void driver_crash(struct driver *driver)
{
    for (map_each (&driver->topics, entry)) {
        driver_topic_decide(entry->value, DRIVER_UNDONE);
    }
    driver_close(driver);
}

void driver_set_partitions(struct driver *driver, const char *topic, int32_t partitions)
{
    check(driver->tasks == NULL && partitions >= 1);
    driver_topic_of(driver, topic)->partitions = partitions;
}

bool driver_is_holding(const struct driver *driver)
{
    for (size_t i = 0; i < driver->task_count; i++) {
        if (driver->tasks[i].is_running && driver_task_is_held(&driver->tasks[i])) {
            return true;
        }
    }
    return false;
}

static int driver_take_in(struct driver *driver, const struct record *record, bool keeps_offset,
                          struct driver_trail *trail, struct report *report)
{
    struct driver_topic *topic = driver_topic_of(driver, record->topic);
    struct record placed = *record;
    placed.partition = driver_place(driver, topic, record);
    struct driver_record *row =
        driver_topic_append(topic, &placed, false, keeps_offset, DRIVER_COMMITTED);
    row->trail = trail == NULL ? NULL : &trail->root;
    driver->trail = trail == NULL ? driver->trail : trail;
    driver_run(driver, !driver->options.is_commit_explicit);
    driver->trail = driver_is_holding(driver) ? driver->trail : NULL;
    return driver_answer(driver, report);
}

int driver_send(struct driver *driver, const struct record *record, struct report *report)
{
    return driver_take_in(driver, record, false, NULL, report);
}

int driver_feed(struct driver *driver, const struct record *record, struct report *report)
{
    return driver_take_in(driver, record, true, NULL, report);
}

int driver_watch(struct driver *driver, const struct record *record, struct driver_trail *trail,
                 struct report *report)
{
    return driver_take_in(driver, record, true, trail, report);
}

int64_t driver_order_ms(struct driver *driver, const struct record *record)
{
    for (size_t i = 0; i < driver->task_count; i++) {
        struct driver_task *task = &driver->tasks[i];
        for (size_t j = 0; task->is_running && j < task->input_count; j++) {
            struct driver_input *input = &task->inputs[j];
            if (strcmp(input->topic->name, record->topic) == 0) {
                decoded_clear(&input->decoded);
                return inlet_time(input->source, &input->decoded, record);
            }
        }
    }
    return driver_global_reads(driver->global, driver_topic_of(driver, record->topic))
               ? INT64_MIN /* it is read before all others */
               : record->timestamp_ms;
}

/* --- Decisions of others --- */

bool driver_decide(struct driver *driver, const struct driver_decision *decision)
{
    check(driver->topology != NULL);
    for (size_t i = 0; i < driver->task_count; i++) {
        struct driver_task *task = &driver->tasks[i];
        if (task->is_running && task->partition == decision->partition &&
            topology_instance_find_idler(task->instance, decision->node) != NULL) {
            return driver_clock_add(&task->clock, decision);
        }
    }
    return false;
}

int driver_repeat(struct driver *driver, int64_t until_ms, struct report *report)
{
    struct driver_task *task;
    while (!driver->has_failed && (task = driver_choose_decision(driver, until_ms)) != NULL) {
        driver_repeat_one(driver, task);
        driver_run(driver, !driver->options.is_commit_explicit);
    }
    return driver_answer(driver, report);
}

int driver_repeat_rest(struct driver *driver, struct report *report)
{
    struct driver_task *chosen;
    int error = driver_repeat(driver, INT64_MAX, report);
    do {
        chosen = NULL;
        for (size_t i = 0; i < driver->task_count && error == 0; i++) {
            struct driver_task *task = &driver->tasks[i];
            if (task->is_running && driver_clock_next(&task->clock) != NULL &&
                (chosen == NULL || driver_is_older(task, chosen))) {
                chosen = task;
            }
        }
        if (chosen != NULL) {
            driver_repeat_one(driver, chosen);
            driver_run(driver, !driver->options.is_commit_explicit);
            error = driver_repeat(driver, INT64_MAX, report);
        }
    } while (chosen != NULL);
    return error;
}

/* How many records of a topic no task will look at again. */
static size_t driver_passed(const struct driver *driver, const struct driver_topic *topic)
{
    size_t passed = topic->count;
    for (size_t i = 0; i < driver->task_count; i++) {
        for (size_t j = 0; j < driver->tasks[i].input_count; j++) {
            const struct driver_input *input = &driver->tasks[i].inputs[j];
            if (input->topic == topic && input->committed < passed) {
                passed = input->committed;
            }
        }
    }
    for (size_t i = 0; i < passed; i++) {
        if (topic->records[i]->fate == DRIVER_OPEN) {
            return i;
        }
    }
    return passed;
}

void driver_forget(struct driver *driver)
{
    for (map_each (&driver->topics, entry)) {
        struct driver_topic *topic = entry->value;
        size_t passed =
            driver_global_reads(driver->global, topic) /* at each start, from the first */
                ? 0
                : driver_passed(driver, topic);
        driver_topic_forget(topic, passed);
        for (size_t i = 0; i < driver->task_count; i++) {
            for (size_t j = 0; j < driver->tasks[i].input_count; j++) {
                struct driver_input *input = &driver->tasks[i].inputs[j];
                input->next -= input->topic == topic ? passed : 0;
                input->committed -= input->topic == topic ? passed : 0;
            }
        }
    }
}

static int64_t driver_due_ms(const struct driver *driver)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < driver->task_count; i++) {
        int64_t task_due_ms = driver_task_due_ms(&driver->tasks[i]);
        due_ms = task_due_ms < due_ms ? task_due_ms : due_ms;
    }
    return due_ms;
}

int driver_advance(struct driver *driver, int64_t span_ms, struct report *report)
{
    check(span_ms >= 0 && span_ms <= INT64_MAX - driver->now_ms);
    int64_t until_ms = driver->now_ms + span_ms;
    while (!driver->has_failed && driver_due_ms(driver) <= until_ms) {
        driver->now_ms = driver_due_ms(driver);
        for (size_t i = 0; i < driver->task_count && !driver->has_failed; i++) {
            if (!driver_task_tick(&driver->tasks[i], driver->now_ms)) {
                driver_fail(driver, &driver->tasks[i]);
            }
        }
        driver_run(driver, !driver->options.is_commit_explicit);
    }
    driver->now_ms = until_ms;
    return driver_answer(driver, report);
}

int driver_commit(struct driver *driver, struct report *report)
{
    driver_run(driver, true);
    return driver_answer(driver, report);
}

const struct record *driver_take(struct driver *driver, const char *topic)
{
    struct driver_topic *found = map_find_string(&driver->topics, topic);
    return found == NULL ? NULL : driver_topic_take(found);
}

size_t driver_written_count(const struct driver *driver)
{
    return driver->written_count;
}

const char *driver_written_at(const struct driver *driver, size_t index)
{
    check(index < driver->written_count);
    return driver->written[index]->name;
}

static struct driver_task *driver_keeper(struct driver *driver, const char *name, int32_t partition)
{
    for (size_t i = 0; i < driver->task_count; i++) {
        struct driver_task *task = &driver->tasks[i];
        if (task->partition == partition && task->is_running &&
            state_store(task->stores, name) != NULL) {
            return task;
        }
    }
    return NULL;
}

struct kv *driver_store(struct driver *driver, const char *name, int32_t partition)
{
    const struct driver_task *task = driver_keeper(driver, name, partition);
    return task == NULL ? NULL : state_store(task->stores, name);
}

bool driver_open_rows(struct driver *driver, const char *name, int32_t partition,
                      struct store_rows *rows)
{
    const struct driver_task *task = driver_keeper(driver, name, partition);
    if (task == NULL) {
        return partition == 0 &&
               global_tables_open_rows(driver_global_tables(driver->global), name, rows);
    }
    const struct topology_store *store = NULL;
    for (size_t i = 0; store == NULL; i++) {
        const struct topology_store *other = topology_store_at(driver->topology, i);
        store = strcmp(other->name, name) == 0 ? other : NULL;
    }
    store_rows_init(rows, store, state_store(task->stores, name), task->instance,
                    &task->turn.context);
    return true;
}

int64_t driver_time_ms(const struct driver *driver)
{
    return driver->now_ms;
}

int32_t driver_partitions(const struct driver *driver)
{
    return driver->options.partitions;
}

void driver_read_counts(const struct driver *driver, struct task_counts *out)
{
    *out = (struct task_counts){0};
    for (size_t i = 0; i < driver->task_count; i++) {
        task_counts_add(out, &driver->tasks[i].earlier);
        task_counts_add(out, &driver->tasks[i].turn.counts);
    }
}
