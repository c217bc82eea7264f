/* Two queues for each key, of what the other side did not have yet; see output_diff.h.
 *
 * A difference is decided like this: the nearest two records that are equal are looked for, where
 * both sides go on together. What lies before them is out of order when the other side has it
 * behind them; the rest are pairs that differ, and what is left over. */
#include "runtime/cli/output_diff.h"

#include "log/base/check.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

const char *const output_diff_words[OUTPUT_DIFF_KIND_COUNT] = {
    [OUTPUT_DIFF_MISSING] = "missing",
    [OUTPUT_DIFF_ADDITIONAL] = "additional",
    [OUTPUT_DIFF_DIFFERENT] = "different",
    [OUTPUT_DIFF_DISORDERED] = "out of order",
};

struct output_diff_item {
    struct record record; /* its bytes are ours */
    struct output_diff_item *next;
};

struct output_diff_queue {
    struct output_diff_item *first;
    struct output_diff_item *last;
    size_t count;
};

/* Of one topic and key. */
struct output_diff_key {
    struct output_diff_topic *topic;
    struct output_diff_queue expected;
    struct output_diff_queue found;
    bool is_ordered;
};

/* --- Queues ----------------------------------------------------------------------------------- */

static size_t output_diff_item_size(const struct record *record)
{
    return sizeof(struct output_diff_item) + record->key.size + record->value.size +
           record->headers_encoded.size;
}

static void output_diff_push(struct output_diff *diff, struct output_diff_queue *queue,
                             const struct record *record)
{
    struct output_diff_item *item = memory_new(struct output_diff_item);
    item->record = *record;
    item->record.key = bytes_copy(record->key);
    item->record.value = bytes_copy(record->value);
    item->record.headers_encoded = bytes_copy(record->headers_encoded);
    diff->size += output_diff_item_size(record);
    *(queue->last == NULL ? &queue->first : &queue->last->next) = item;
    queue->last = item;
    queue->count++;
}

static struct output_diff_item *output_diff_at(const struct output_diff_queue *queue, size_t index)
{
    struct output_diff_item *item = queue->first;
    for (size_t i = 0; i < index; i++) {
        item = item->next;
    }
    return item;
}

static void output_diff_drop(struct output_diff *diff, struct output_diff_queue *queue,
                             size_t index)
{
    struct output_diff_item *before = index == 0 ? NULL : output_diff_at(queue, index - 1);
    struct output_diff_item **place = before == NULL ? &queue->first : &before->next;
    struct output_diff_item *item = *place;
    *place = item->next;
    queue->last = queue->last == item ? before : queue->last;
    queue->count--;
    diff->size -= output_diff_item_size(&item->record);
    bytes_free(item->record.key);
    bytes_free(item->record.value);
    bytes_free(item->record.headers_encoded);
    free(item);
}

/* A record without headers has none, or an empty list of them. */
static bool output_diff_is_same(const struct record *left, const struct record *right)
{
    bool has_headers = left->headers_encoded.size > 0 || right->headers_encoded.size > 0;
    return bytes_equal(left->value, right->value) &&
           (!has_headers || bytes_equal(left->headers_encoded, right->headers_encoded));
}

/* The first of at most `count_max` that equals the record; SIZE_MAX when none does. */
static size_t output_diff_find(const struct output_diff_queue *queue, size_t count_max,
                               const struct record *record)
{
    const struct output_diff_item *item = queue->first;
    for (size_t i = 0; item != NULL && i < count_max; i++, item = item->next) {
        if (output_diff_is_same(&item->record, record)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* --- Decisions -------------------------------------------------------------------------------- */

/* Tells of a difference, and drops it; SIZE_MAX is what a side has not. */
static void output_diff_tell(struct output_diff *diff, struct output_diff_key *key,
                             enum output_diff_kind kind, size_t expected, size_t found)
{
    bool has_expected = expected != SIZE_MAX, has_found = found != SIZE_MAX;
    const struct output_diff_row row = {
        .topic = key->topic->name,
        .kind = kind,
        .expected = has_expected ? &output_diff_at(&key->expected, expected)->record : NULL,
        .found = has_found ? &output_diff_at(&key->found, found)->record : NULL,
    };
    key->topic->counts[kind]++;
    diff->each(diff->owner, &row);
    if (has_expected) {
        output_diff_drop(diff, &key->expected, expected);
    }
    if (has_found) {
        output_diff_drop(diff, &key->found, found);
    }
}

/* Where both go on together: the nearest equal records. False when there are none. */
static bool output_diff_meet(const struct output_diff_key *key, size_t *expected, size_t *found)
{
    size_t nearest = SIZE_MAX;
    const struct output_diff_item *item = key->expected.first;
    for (size_t i = 0; item != NULL && i < OUTPUT_DIFF_WINDOW && i < nearest; i++) {
        size_t j = output_diff_find(&key->found, OUTPUT_DIFF_WINDOW, &item->record);
        if (j != SIZE_MAX && i + j < nearest) {
            nearest = i + j;
            *expected = i;
            *found = j;
        }
        item = item->next;
    }
    return nearest != SIZE_MAX;
}

/* Of the records before the meeting, those that the other side has behind it. */
static void output_diff_take_disordered(struct output_diff *diff, struct output_diff_key *key,
                                        size_t *expected, size_t *found)
{
    for (size_t i = 0; i < *expected;) {
        size_t other = output_diff_find(&key->found, OUTPUT_DIFF_WINDOW,
                                        &output_diff_at(&key->expected, i)->record);
        if (other == SIZE_MAX) {
            i++;
            continue;
        }
        output_diff_tell(diff, key, OUTPUT_DIFF_DISORDERED, i, other);
        --*expected;
    }
    for (size_t i = 0; i < *found;) {
        size_t other = output_diff_find(&key->expected, OUTPUT_DIFF_WINDOW,
                                        &output_diff_at(&key->found, i)->record);
        if (other == SIZE_MAX) {
            i++;
            continue;
        }
        output_diff_tell(diff, key, OUTPUT_DIFF_DISORDERED, other, i);
        --*found;
    }
}

/* The heads differ. */
static void output_diff_decide(struct output_diff *diff, struct output_diff_key *key)
{
    size_t expected = 0, found = 0;
    if (!output_diff_meet(key, &expected, &found)) {
        output_diff_tell(diff, key, OUTPUT_DIFF_DIFFERENT, 0, 0);
        return;
    }
    output_diff_take_disordered(diff, key, &expected, &found);
    for (; expected > 0 && found > 0; expected--, found--) {
        output_diff_tell(diff, key, OUTPUT_DIFF_DIFFERENT, 0, 0);
    }
    for (; expected > 0; expected--) {
        output_diff_tell(diff, key, OUTPUT_DIFF_MISSING, 0, SIZE_MAX);
    }
    for (; found > 0; found--) {
        output_diff_tell(diff, key, OUTPUT_DIFF_ADDITIONAL, SIZE_MAX, 0);
    }
}

static void output_diff_settle(struct output_diff *diff, struct output_diff_key *key, bool is_final)
{
    while (key->is_ordered && key->expected.count > 0 && key->found.count > 0) {
        bool can_decide = is_final || (key->expected.count >= OUTPUT_DIFF_WINDOW &&
                                       key->found.count >= OUTPUT_DIFF_WINDOW);
        if (output_diff_is_same(&key->expected.first->record, &key->found.first->record)) {
            output_diff_drop(diff, &key->expected, 0);
            output_diff_drop(diff, &key->found, 0);
            key->topic->equal_count++;
        } else if (can_decide) {
            output_diff_decide(diff, key);
        } else {
            return;
        }
    }
}

/* --- Public ----------------------------------------------------------------------------------- */

void output_diff_init(struct output_diff *diff, size_t size_max,
                      void (*each)(void *owner, const struct output_diff_row *row), void *owner)
{
    *diff = (struct output_diff){.size_max = size_max, .each = each, .owner = owner};
    map_init(&diff->topics);
    map_init(&diff->keys);
}

void output_diff_fini(struct output_diff *diff)
{
    for (map_each (&diff->keys, entry)) {
        struct output_diff_key *key = entry->value;
        while (key->expected.count > 0) {
            output_diff_drop(diff, &key->expected, 0);
        }
        while (key->found.count > 0) {
            output_diff_drop(diff, &key->found, 0);
        }
    }
    for (map_each (&diff->topics, entry)) {
        free(((struct output_diff_topic *)entry->value)->name);
    }
    map_fini(&diff->keys, free);
    map_fini(&diff->topics, free);
}

void output_diff_add_topic(struct output_diff *diff, const char *name)
{
    if (map_find_string(&diff->topics, name) == NULL) {
        struct output_diff_topic *topic = memory_new(struct output_diff_topic);
        topic->name = memory_string(name);
        map_put(&diff->topics, bytes_from_string(name), topic);
    }
}

/* Topic, a zero, and the key, if there is one. */
static void output_diff_write_key(const struct record *record, struct buffer *out)
{
    buffer_add_string(out, record->topic);
    buffer_add_byte(out, 0);
    buffer_add_byte(out, !bytes_is_null(record->key));
    buffer_add_bytes(out, record->key);
}

static struct output_diff_key *output_diff_key_of(struct output_diff *diff,
                                                  const struct record *record, struct bytes name)
{
    struct output_diff_key *key = map_find(&diff->keys, name);
    if (key == NULL) {
        output_diff_add_topic(diff, record->topic);
        key = memory_new(struct output_diff_key);
        key->topic = map_find_string(&diff->topics, record->topic);
        key->is_ordered = !bytes_is_null(record->key);
        map_put(&diff->keys, name, key);
    }
    return key;
}

int output_diff_add(struct output_diff *diff, const struct record *record, bool is_expected)
{
    struct buffer name;
    buffer_init(&name);
    output_diff_write_key(record, &name);
    struct output_diff_key *key = output_diff_key_of(diff, record, buffer_bytes(&name));
    struct output_diff_queue *own = is_expected ? &key->expected : &key->found;
    struct output_diff_queue *other = is_expected ? &key->found : &key->expected;
    size_t equal = key->is_ordered ? SIZE_MAX : output_diff_find(other, SIZE_MAX, record);
    if (equal != SIZE_MAX) {
        output_diff_drop(diff, other, equal);
        key->topic->equal_count++;
    } else {
        output_diff_push(diff, own, record);
        output_diff_settle(diff, key, false);
    }
    if (key->expected.count == 0 && key->found.count == 0) {
        free(map_remove(&diff->keys, buffer_bytes(&name)));
    }
    buffer_fini(&name);
    return diff->size > diff->size_max ? ERROR_TOO_LARGE : 0;
}

void output_diff_finish(struct output_diff *diff)
{
    for (map_each (&diff->keys, entry)) {
        struct output_diff_key *key = entry->value;
        output_diff_settle(diff, key, true);
        while (key->expected.count > 0) {
            output_diff_tell(diff, key, OUTPUT_DIFF_MISSING, 0, SIZE_MAX);
        }
        while (key->found.count > 0) {
            output_diff_tell(diff, key, OUTPUT_DIFF_ADDITIONAL, SIZE_MAX, 0);
        }
    }
}

bool output_diff_is_equal(const struct output_diff *diff)
{
    for (map_each (&diff->topics, entry)) {
        const struct output_diff_topic *topic = entry->value;
        for (size_t i = 0; i < OUTPUT_DIFF_KIND_COUNT; i++) {
            if (topic->counts[i] > 0) {
                return false;
            }
        }
    }
    return diff->size == 0;
}
