/* Reads topics and compares them; see app_outcome.h. */
#include "tests/world/app_outcome.h"

#include "log/base/memory.h"
#include "log/wire/batch.h"
#include "runtime/state/kv.h"
#include "runtime/state/replay.h"
#include "tests/world/node_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APP_OUTCOME_INFLATED_MAX = 1 << 24 };

static const char *const app_outcome_topics[] = {"out", "random-late", "ticks"};

enum { APP_OUTCOME_TOPICS = sizeof app_outcome_topics / sizeof *app_outcome_topics };

void app_outcome_init(struct app_outcome *outcome, struct node_world *world, int32_t partitions)
{
    *outcome = (struct app_outcome){.world = world, .partitions = partitions};
    map_init(&outcome->outputs);
    map_init(&outcome->changelogs);
}

/* --- Reading --- */

static void app_outcome_on_ready(void *owner)
{
    (void)owner;
}

static void app_outcome_add_topic(struct app_outcome *outcome, const char *topic)
{
    for (int32_t i = 0; i < outcome->partitions; i++) {
        fetcher_add(outcome->fetcher, topic, i, FETCHER_OFFSET_EARLIEST);
    }
}

void app_outcome_open(struct app_outcome *outcome, const struct topology *topology)
{
    struct client_options options = client_options_default();
    struct fetcher_options fetching = fetcher_options_default();
    options.bootstrap = "node0:9092";
    fetching.is_read_committed = true;
    outcome->client = client_new(sim_io(outcome->world->sim, NODE_WORLD_AUDITOR), &options);
    outcome->fetcher = fetcher_new(outcome->client, &fetching);
    fetcher_on_ready(outcome->fetcher, app_outcome_on_ready, NULL);
    for (int i = 0; i < APP_OUTCOME_TOPICS; i++) {
        app_outcome_add_topic(outcome, app_outcome_topics[i]);
    }
    for (size_t i = 0; i < topology_store_count(topology); i++) {
        struct buffer name;
        buffer_init(&name);
        topology_changelog_name(topology, topology_store_at(topology, i)->name, &name);
        if (topology_store_at(topology, i)->has_changelog) {
            app_outcome_add_topic(outcome, buffer_string(&name));
        }
        buffer_fini(&name);
    }
}

static struct buffer *app_outcome_row(struct map *map, struct bytes name)
{
    struct buffer *text = map_find(map, name);
    if (text == NULL) {
        text = memory_new(struct buffer);
        buffer_init(text);
        (void)map_put(map, name, text);
    }
    return text;
}

static bool app_outcome_is_output(const char *topic)
{
    for (int i = 0; i < APP_OUTCOME_TOPICS; i++) {
        if (strcmp(topic, app_outcome_topics[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool app_outcome_is_marker(struct bytes key)
{
    return bytes_equal(key, replay_marker_key(0)) || bytes_equal(key, replay_marker_key(1));
}

static void app_outcome_name(const char *changelog, int32_t partition, struct bytes key,
                             struct buffer *out)
{
    buffer_clear(out);
    buffer_printf(out, "%s-%d ", changelog, (int)partition);
    buffer_add_bytes(out, key);
}

/* A removed key has an empty row, as if it had never been. */
static void app_outcome_keep(struct app_outcome *outcome, const struct fetcher_batch *taken,
                             const struct batch_record *record)
{
    struct buffer name;
    buffer_init(&name);
    outcome->record_count++;
    if (app_outcome_is_output(taken->topic)) {
        buffer_printf(&name, "%s %.*s", taken->topic, BYTES_FORMAT(record->key));
        struct buffer *text = app_outcome_row(&outcome->outputs, buffer_bytes(&name));
        buffer_printf(text, "%.*s @%lld\n", BYTES_FORMAT(record->value),
                      (long long)record->timestamp_ms);
    } else if (!app_outcome_is_marker(record->key)) {
        app_outcome_name(taken->topic, taken->partition, record->key, &name);
        struct buffer *text = app_outcome_row(&outcome->changelogs, buffer_bytes(&name));
        buffer_clear(text);
        if (!bytes_is_null(record->value)) {
            buffer_add_byte(text, '=');
            buffer_add_bytes(text, record->value);
        }
    }
    buffer_fini(&name);
}

void app_outcome_take(struct app_outcome *outcome)
{
    struct fetcher_batch taken;
    while (fetcher_take(outcome->fetcher, NULL, 0, &taken) == 1) {
        struct batch_iterator iterator;
        struct batch_record record;
        check(batch_iterator_open(&iterator, &taken.batch, APP_OUTCOME_INFLATED_MAX) == 0);
        while (batch_iterator_next(&iterator, &record) == 1) {
            if (record.offset >= taken.position) {
                app_outcome_keep(outcome, &taken, &record);
            }
        }
        batch_iterator_close(&iterator);
        fetcher_release(outcome->fetcher, &taken);
    }
}

/* --- Judging --- */

static const struct buffer app_outcome_nothing;

static const struct buffer *app_outcome_find(const struct map *map, struct bytes name)
{
    const struct buffer *text = map_find(map, name);
    return text == NULL ? &app_outcome_nothing : text;
}

/* The next line of a text, with its end; empty at the end. */
static struct bytes app_outcome_line(const struct buffer *text, size_t position)
{
    struct bytes rest = bytes_make(text->data + position, text->size - position);
    const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
    return bytes_make(rest.data, end == NULL ? rest.size : (size_t)(end - rest.data) + 1);
}

static bool app_outcome_has_line(const struct buffer *text, struct bytes wanted)
{
    for (size_t place = 0; place < text->size; place += app_outcome_line(text, place).size) {
        if (bytes_equal(app_outcome_line(text, place), wanted)) {
            return true;
        }
    }
    return false;
}

/* Each line at least once, in their order, and no others. */
static bool app_outcome_repeats(const struct buffer *calm, const struct buffer *text)
{
    size_t reached = 0;
    for (size_t place = 0; place < text->size;) {
        struct bytes line = app_outcome_line(text, place);
        if (!app_outcome_has_line(calm, line)) {
            return false;
        }
        if (reached < calm->size && bytes_equal(line, app_outcome_line(calm, reached))) {
            reached += line.size;
        }
        place += line.size;
    }
    return reached == calm->size;
}

static struct bytes app_outcome_last_line(const struct buffer *text)
{
    size_t start = text->size;
    while (start > 0 && (start == text->size || text->data[start - 1] != '\n')) {
        start--;
    }
    return bytes_make(text->data + start, text->size - start);
}

static size_t app_outcome_count_lines(const struct buffer *text)
{
    size_t count = 0;
    for (size_t place = 0; place < text->size; place += app_outcome_line(text, place).size) {
        count++;
    }
    return count;
}

static bool app_outcome_fits(const struct buffer *calm, const struct buffer *text,
                             const struct app_pipeline *pipeline)
{
    if (!pipeline->is_exactly_once) {
        return app_outcome_repeats(calm, text);
    }
    if (pipeline->is_loose) {
        return app_outcome_count_lines(calm) == app_outcome_count_lines(text) &&
               bytes_equal(app_outcome_last_line(calm), app_outcome_last_line(text));
    }
    return bytes_equal(buffer_bytes(calm), buffer_bytes(text));
}

static void app_outcome_tell(struct buffer *why, struct bytes name, const struct buffer *calm,
                             const struct buffer *text)
{
    size_t same = 0;
    while (same < calm->size && same < text->size && calm->data[same] == text->data[same]) {
        same++;
    }
    size_t start = same < 20 ? 0 : same - 20;
    buffer_printf(why, "'%.*s' is '%.*s' where '%.*s' was due", BYTES_FORMAT(name),
                  (int)(text->size - start > 90 ? 90 : text->size - start),
                  text->size == 0 ? "" : (const char *)text->data + start,
                  (int)(calm->size - start > 90 ? 90 : calm->size - start),
                  calm->size == 0 ? "" : (const char *)calm->data + start);
    for (size_t i = 0; i < why->size; i++) {
        bool is_plain = why->data[i] >= ' ' && why->data[i] < 127;
        why->data[i] = is_plain ? why->data[i] : why->data[i] == '\n' ? ';' : '.';
    }
}

static void app_outcome_compare_outputs(const struct app_outcome *calm,
                                        const struct app_outcome *outcome,
                                        const struct app_pipeline *pipeline, const struct map *keys,
                                        struct buffer *why)
{
    for (map_each (keys, entry)) {
        const struct buffer *left = app_outcome_find(&calm->outputs, entry->key);
        const struct buffer *right = app_outcome_find(&outcome->outputs, entry->key);
        if (why->size == 0 && !app_outcome_fits(left, right, pipeline)) {
            app_outcome_tell(why, entry->key, left, right);
        }
    }
}

static void app_outcome_compare_changelogs(const struct app_outcome *calm,
                                           const struct app_outcome *outcome,
                                           const struct map *keys, struct buffer *why)
{
    for (map_each (keys, entry)) {
        const struct buffer *left = app_outcome_find(&calm->changelogs, entry->key);
        const struct buffer *right = app_outcome_find(&outcome->changelogs, entry->key);
        if (why->size == 0 && !bytes_equal(buffer_bytes(left), buffer_bytes(right))) {
            app_outcome_tell(why, entry->key, left, right);
        }
    }
}

void app_outcome_compare(const struct app_outcome *calm, const struct app_outcome *outcome,
                         const struct app_pipeline *pipeline, struct buffer *why)
{
    buffer_clear(why);
    if (!pipeline->is_exactly_once && pipeline->is_shuffled) {
        return; /* what is repeated in between counts again: nothing of it is promised */
    }
    app_outcome_compare_outputs(calm, outcome, pipeline, &calm->outputs, why);
    app_outcome_compare_outputs(calm, outcome, pipeline, &outcome->outputs, why);
    app_outcome_compare_changelogs(calm, outcome, &calm->changelogs, why);
    app_outcome_compare_changelogs(calm, outcome, &outcome->changelogs, why);
}

/* Rows of the changelog that are not empty. */
static int64_t app_outcome_count(const struct app_outcome *outcome, struct bytes prefix)
{
    int64_t count = 0;
    for (map_each (&outcome->changelogs, entry)) {
        const struct buffer *text = entry->value;
        count += text->size > 0 && entry->key.size >= prefix.size &&
                 memcmp(entry->key.data, prefix.data, prefix.size) == 0;
    }
    return count;
}

void app_outcome_compare_store(const struct app_outcome *outcome, const char *changelog,
                               int32_t partition, struct kv *kv, struct buffer *why)
{
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct buffer name;
    struct buffer stored;
    struct bytes key;
    struct bytes value;
    int64_t count = 0;
    buffer_init(&name);
    buffer_init(&stored);
    buffer_clear(why);
    for (; why->size == 0 && kv_iterator_next(iterator, &key, &value); count++) {
        buffer_clear(&stored);
        buffer_add_byte(&stored, '=');
        buffer_add_bytes(&stored, value);
        app_outcome_name(changelog, partition, key, &name);
        const struct buffer *told = app_outcome_find(&outcome->changelogs, buffer_bytes(&name));
        if (!bytes_equal(buffer_bytes(&stored), buffer_bytes(told))) {
            buffer_add_string(why, "in the store ");
            app_outcome_tell(why, buffer_bytes(&name), told, &stored);
        }
    }
    kv_iterator_free(iterator);
    app_outcome_name(changelog, partition, (struct bytes){0}, &name);
    int64_t due = app_outcome_count(outcome, buffer_bytes(&name));
    if (why->size == 0 && count != due) {
        buffer_printf(why, "%s-%d has %lld keys, its store %lld", changelog, (int)partition,
                      (long long)due, (long long)count);
    }
    buffer_fini(&name);
    buffer_fini(&stored);
}
