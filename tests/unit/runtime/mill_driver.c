/* A task in miniature; see mill_driver.h. */
#include "tests/unit/runtime/mill_driver.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* The parts, then the global ones. */
static size_t part_count(const struct topology *topology)
{
    return topology_part_count(topology) + topology_global_count(topology);
}

static const struct topology_part *part_at(const struct topology *topology, size_t index)
{
    size_t count = topology_part_count(topology);
    return index < count ? topology_part_at(topology, index)
                         : topology_global_at(topology, index - count);
}

static struct mill_driver *driver_of(struct node_context *context)
{
    return context->owner;
}

static int on_emit(struct node_context *context, const char *topic, const struct record *record)
{
    struct mill_driver *driver = driver_of(context);
    if (driver->emit_limit > 0 &&
        (int64_t)(driver->output_count - driver->staged_from) >= driver->emit_limit) {
        return ERROR_NO_MEMORY;
    }
    driver->outputs =
        memory_resize(driver->outputs, (driver->output_count + 1) * sizeof *driver->outputs);
    struct mill_output *output = &driver->outputs[driver->output_count++];
    *output = (struct mill_output){.topic = memory_string(topic), .record = *record};
    output->is_new = true;
    output->record.topic = output->topic;
    output->record.key = bytes_copy(record->key);
    output->record.value = bytes_copy(record->value);
    output->record.headers_encoded = bytes_copy(record->headers_encoded);
    output->record.value_format = VALUE_BYTES; /* a log does not know */
    return 0;
}

static struct kv *on_store(struct node_context *context, const char *name)
{
    return map_find_string(&driver_of(context)->stores, name);
}

static void free_output(struct mill_output *output)
{
    bytes_free(output->record.key);
    bytes_free(output->record.value);
    bytes_free(output->record.headers_encoded);
    free(output->topic);
}

static void begin(struct mill_driver *driver, const struct record *source)
{
    arena_clear(&driver->arena);
    driver->staged_from = driver->output_count;
    decoded_clear(&driver->decoded);
    driver->context.source = source;
    driver->context.stream_time_ms = driver->stream_time_ms;
    driver->context.wall_clock_ms = driver->wall_clock_ms;
    driver->context.error_text[0] = driver->context.error_place[0] = 0;
    driver->context.late_count = 0;
    driver->context.error_kind = NULL;
    driver->context.error_node = NULL;
    for (map_each (&driver->stores, entry)) {
        kv_savepoint(entry->value);
    }
}

static int end(struct mill_driver *driver, int error)
{
    if (error != 0) {
        driver->failures++;
        while (driver->output_count > driver->staged_from) {
            free_output(&driver->outputs[--driver->output_count]);
        }
    }
    for (map_each (&driver->stores, entry)) {
        if (error != 0) {
            kv_rollback(entry->value);
        }
        kv_check(entry->value);
    }
    return error;
}

/* Makes the nodes; how many timers they have. */
static size_t start(struct mill_driver *driver)
{
    size_t all_timers = 0;
    for (size_t i = 0; i < part_count(driver->topology); i++) {
        driver->instances[i] =
            topology_instance_new(driver->topology, part_at(driver->topology, i));
        size_t timer_count = 0;
        topology_instance_timers(driver->instances[i], &timer_count);
        all_timers += timer_count;
        begin(driver, NULL);
        end(driver, topology_instance_start(driver->instances[i], &driver->context));
    }
    return all_timers;
}

void mill_driver_init(struct mill_driver *driver, const struct topology *topology)
{
    *driver = (struct mill_driver){.topology = topology, .stream_time_ms = -1};
    decoded_init(&driver->decoded);
    driver->context.arena = &driver->arena;
    driver->context.decoded = &driver->decoded;
    driver->context.emit = on_emit;
    driver->context.store = on_store;
    driver->context.owner = driver;
    arena_init(&driver->arena, 0);
    map_init(&driver->stores);
    buffer_init(&driver->text);
    for (size_t i = 0; i < topology_store_count(topology); i++) {
        const char *name = topology_store_at(topology, i)->name;
        map_put(&driver->stores, bytes_from_string(name), kv_new_memory(name));
    }
    size_t count = part_count(topology);
    driver->instances = memory_zero(count + 1, sizeof(struct topology_instance *));
    size_t timer_count = start(driver);
    driver->timer_due_ms = memory_zero(timer_count + 1, sizeof *driver->timer_due_ms);
}

void mill_driver_restart(struct mill_driver *driver)
{
    for (size_t i = 0; i < part_count(driver->topology); i++) {
        topology_instance_free(driver->instances[i]);
    }
    start(driver);
}

void mill_driver_fini(struct mill_driver *driver)
{
    for (size_t i = 0; i < part_count(driver->topology); i++) {
        topology_instance_free(driver->instances[i]);
    }
    for (map_each (&driver->stores, entry)) {
        kv_free(entry->value);
    }
    map_fini(&driver->stores, NULL);
    for (size_t i = 0; i < driver->output_count; i++) {
        free_output(&driver->outputs[i]);
    }
    free(driver->outputs);
    free(driver->instances);
    free(driver->timer_due_ms);
    arena_fini(&driver->arena);
    decoded_fini(&driver->decoded);
    buffer_fini(&driver->text);
}

static int tick_due(struct mill_driver *driver, enum topology_clock clock, int64_t now_ms)
{
    int result = 0;
    size_t index = 0;
    for (size_t i = 0; i < part_count(driver->topology); i++) {
        size_t count = 0;
        const struct topology_instance_timer *timers =
            topology_instance_timers(driver->instances[i], &count);
        for (size_t j = 0; j < count; j++, index++) {
            const struct topology_instance_timer *timer = &timers[j];
            int64_t due_ms = now_ms / timer->interval_ms * timer->interval_ms;
            if (timer->clock != clock || due_ms <= driver->timer_due_ms[index]) {
                continue;
            }
            driver->timer_due_ms[index] = due_ms;
            begin(driver, NULL);
            int error = timer->node->ops->tick(timer->node, &driver->context, timer->timer, due_ms);
            result = result == 0 ? end(driver, error) : (end(driver, error), result);
        }
    }
    return result;
}

static int process(struct mill_driver *driver, const struct record *record)
{
    int result = 0;
    for (size_t i = 0; i < part_count(driver->topology); i++) {
        struct node *source = topology_instance_source(driver->instances[i], record->topic);
        if (source == NULL) {
            continue;
        }
        if (record->timestamp_ms > driver->stream_time_ms) {
            driver->stream_time_ms = record->timestamp_ms;
        }
        begin(driver, record);
        int error = end(driver, node_process(source, &driver->context, record));
        result = error != 0 ? error : result;
    }
    return result;
}

/* Reads again what was emitted to topics of the plan. */
static void pump(struct mill_driver *driver)
{
    for (size_t i = 0; i < driver->output_count; i++) {
        if (driver->outputs[i].is_new) {
            driver->outputs[i].is_new = false;
            struct record record = driver->outputs[i].record;
            record.partition = 0;
            record.offset = driver->next_offset++;
            process(driver, &record);
        }
    }
}

int mill_driver_send_record(struct mill_driver *driver, const struct record *record)
{
    int error = process(driver, record);
    if (error != 0) {
        return error; /* the context still tells about it */
    }
    pump(driver);
    tick_due(driver, TOPOLOGY_STREAM_TIME, driver->stream_time_ms);
    pump(driver);
    return 0;
}

int mill_driver_send(struct mill_driver *driver, const char *topic, const char *key,
                     const char *value, int64_t timestamp_ms)
{
    struct record record = {.topic = topic,
                            .offset = driver->next_offset++,
                            .timestamp_ms = timestamp_ms,
                            .key = bytes_from_string(key),
                            .value = bytes_from_string(value)};
    return mill_driver_send_record(driver, &record);
}

int mill_driver_advance(struct mill_driver *driver, int64_t span_ms)
{
    driver->wall_clock_ms += span_ms;
    int error = tick_due(driver, TOPOLOGY_WALL_CLOCK, driver->wall_clock_ms);
    if (error == 0) {
        pump(driver);
    }
    return error;
}

int mill_driver_idle(struct mill_driver *driver)
{
    int result = 0;
    for (size_t i = 0; i < topology_part_count(driver->topology); i++) {
        size_t count = 0;
        const struct topology_instance_idler *idlers =
            topology_instance_idlers(driver->instances[i], &count);
        for (size_t j = 0; j < count; j++) {
            struct node *node = idlers[j].node;
            int64_t time_ms = node->ops->horizon(node);
            if (time_ms != INT64_MIN) {
                begin(driver, NULL);
                int error = end(driver, node->ops->advance(node, &driver->context, time_ms));
                result = error != 0 ? error : result;
            }
        }
        pump(driver);
    }
    return result;
}

int mill_driver_stop(struct mill_driver *driver)
{
    int result = 0;
    for (size_t i = 0; i < part_count(driver->topology); i++) {
        begin(driver, NULL);
        int error = end(driver, topology_instance_stop(driver->instances[i], &driver->context));
        result = error != 0 ? error : result;
    }
    return result;
}

static void add_view(struct buffer *text, struct bytes view)
{
    buffer_add_bytes(text, bytes_is_null(view) ? BYTES_LITERAL("-") : view);
}

const char *mill_driver_text(struct mill_driver *driver, const char *topic)
{
    buffer_clear(&driver->text);
    for (size_t i = 0; i < driver->output_count; i++) {
        if (strcmp(driver->outputs[i].topic, topic) != 0) {
            continue;
        }
        if (driver->text.size > 0) {
            buffer_add_byte(&driver->text, ' ');
        }
        add_view(&driver->text, driver->outputs[i].record.key);
        buffer_add_byte(&driver->text, '=');
        add_view(&driver->text, driver->outputs[i].record.value);
    }
    return buffer_string(&driver->text);
}

const struct record *mill_driver_last(const struct mill_driver *driver, const char *topic)
{
    for (size_t i = driver->output_count; i > 0; i--) {
        if (strcmp(driver->outputs[i - 1].topic, topic) == 0) {
            return &driver->outputs[i - 1].record;
        }
    }
    return NULL;
}

struct kv *mill_driver_store(struct mill_driver *driver, const char *name)
{
    return map_find_string(&driver->stores, name);
}
