/* Sliding windows: one ends at each record, one begins behind each that another follows.
 *
 * A window is made when its set of records differs from those of its neighbours: [t - size, t] for
 * a record at t, its left window, and [t + 1, t + 1 + size], its right window, once a later record
 * lies in it. No window begins before the epoch: records in the first `size` milliseconds share
 * [0, size] as their left window. A new record at t
 *     (1) goes into every window that spans t;
 *     (2) gets a left window, made of what the nearest window before it holds, if that is near
 *         enough;
 *     (3) makes the right window of the record before it, if it is the first to lie in it;
 *     (4) gets a right window, if later records lie there already. */
#include "log/base/error.h"
#include "runtime/operators/window_node.h"

#include <limits.h>

/* What a look at the windows around a record found. */
struct surroundings {
    bool has_left;     /* the record's left window is there */
    bool has_right;    /* and its right one */
    bool has_previous; /* a record before it, at */
    int64_t previous_ms;
    bool has_previous_right;          /* whose right window is there */
    struct window_node_content left;  /* for a new left window; null: nothing */
    struct window_node_content right; /* for a new right window; null: nothing */
    struct window_rows_entry first;   /* [0, size] */
    struct window_node_content in_first;
};

struct found_window {
    struct window_rows_entry row;
    struct window_node_content content;
};

struct found {
    struct found_window *windows;
    size_t count;
    size_t capacity;
};

static void add_found(struct found *found, struct arena *arena, const struct found_window *window)
{
    if (found->count == found->capacity) {
        size_t capacity = found->capacity * 2 + 8;
        struct found_window *windows = arena_array(arena, struct found_window, capacity);
        for (size_t i = 0; i < found->count; i++) {
            windows[i] = found->windows[i];
        }
        found->windows = windows;
        found->capacity = capacity;
    }
    found->windows[found->count++] = *window;
}

/* All windows of the key that begin between t - 2 * size and t + 1, by their start. */
static int find_windows(struct window_node *it, struct node_context *context,
                        const struct record *record, struct found *found)
{
    int64_t size_ms = it->options.size_ms;
    struct found_window window;
    int result = 0;
    struct kv_iterator *iterator =
        window_rows_find(&it->rows, record->key, record->timestamp_ms - size_ms);
    while ((result = window_rows_next_found(&it->rows, iterator, record->key, &window.row)) == 1 &&
           window.row.start_ms <= record->timestamp_ms + 1) {
        result = window_node_read(it, context, &window.row, &window.content);
        if (result != 0) {
            break;
        }
        add_found(found, context->arena, &window);
    }
    kv_iterator_free(iterator);
    if (result < 0 && context->error_kind == NULL) {
        return node_fail(&it->node, context, result, "process",
                         "the store %s holds something else than windows", it->options.store);
    }
    return result < 0 ? result : 0;
}

static bool has_window(const struct found *found, int64_t start_ms)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->windows[i].row.start_ms == start_ms) {
            return true;
        }
    }
    return false;
}

static struct window_rows_entry window_from(const struct window_node *it,
                                            const struct record *record, int64_t start_ms)
{
    return (struct window_rows_entry){
        .key = record->key, .start_ms = start_ms, .end_ms = start_ms + it->options.size_ms};
}

/* (3) */
static int make_previous_right(struct window_node *it, struct node_context *context,
                               const struct record *record, const struct found *found,
                               const struct surroundings *around)
{
    struct window_node_content empty = {0};
    struct window_rows_entry row = window_from(it, record, around->previous_ms + 1);
    bool is_wanted = around->has_previous && row.end_ms >= record->timestamp_ms &&
                     !has_window(found, row.start_ms);
    return is_wanted ? window_node_add(it, context, record, &row, &empty) : 0;
}

/* (4) */
static int make_right(struct window_node *it, struct node_context *context,
                      const struct record *record, const struct surroundings *around)
{
    struct window_node_content nothing = {0};
    struct window_rows_entry row = window_from(it, record, record->timestamp_ms + 1);
    bool is_wanted = !around->has_right && !bytes_is_null(around->right.accumulator) &&
                     around->right.time_ms > record->timestamp_ms;
    return is_wanted && !window_node_is_closed(it, row.end_ms)
               ? window_node_put(it, context, record, &row, &nothing, &around->right)
               : 0;
}

/* The left window of a record in the first `size` milliseconds is [0, size]. */
static int place_early(struct window_node *it, struct node_context *context,
                       const struct record *record, const struct found *found)
{
    struct surroundings around = {.first = window_from(it, record, 0)};
    int error = 0;
    for (size_t i = 0; error == 0 && i < found->count; i++) {
        const struct found_window *window = &found->windows[i];
        if (window->row.start_ms == 0) {
            around.in_first = window->content;
            around.has_previous = window->content.time_ms < record->timestamp_ms;
            around.previous_ms = window->content.time_ms;
        } else if (window->row.start_ms <= record->timestamp_ms) {
            around.right = window->content;
            error = window_node_add(it, context, record, &window->row, &window->content);
        } else {
            around.has_right = true;
        }
    }
    if (bytes_is_null(around.right.accumulator) && around.in_first.time_ms > record->timestamp_ms) {
        around.right = around.in_first; /* all of it is later than the record */
    }
    error = error == 0 ? make_right(it, context, record, &around) : error;
    error = error == 0 ? make_previous_right(it, context, record, found, &around) : error;
    return error == 0 ? window_node_add(it, context, record, &around.first, &around.in_first)
                      : error;
}

/* (1), the latest window first, and what is known then of the surroundings. */
static int enter_windows(struct window_node *it, struct node_context *context,
                         const struct record *record, const struct found *found,
                         struct surroundings *around)
{
    int error = 0;
    for (size_t i = found->count; error == 0 && i > 0; i--) {
        const struct found_window *window = &found->windows[i - 1];
        if (window->row.start_ms > record->timestamp_ms) {
            around->has_right = true;
            continue;
        }
        if (window->row.end_ms < record->timestamp_ms) {
            around->left = window->content;
            around->has_previous = true;
            around->previous_ms = window->content.time_ms;
            break;
        }
        if (window->row.end_ms == record->timestamp_ms) {
            around->has_left = true;
            if (window->content.time_ms < record->timestamp_ms) {
                around->has_previous = true;
                around->previous_ms = window->content.time_ms;
            }
        } else if (bytes_is_null(around->right.accumulator)) {
            around->right = window->content;
        }
        error = window_node_add(it, context, record, &window->row, &window->content);
    }
    return error;
}

static int window_sliding_place(struct window_node *it, struct node_context *context,
                                const struct record *record)
{
    int64_t size_ms = it->options.size_ms;
    if (window_node_is_closed(it, record->timestamp_ms + size_ms)) { /* and all before it */
        struct window_rows_entry left = window_from(it, record, record->timestamp_ms - size_ms);
        return window_node_late(it, context, record, &left);
    }
    struct found found = {0};
    int error = find_windows(it, context, record, &found);
    if (error != 0) {
        return error;
    }
    if (record->timestamp_ms < size_ms) {
        return place_early(it, context, record, &found);
    }
    struct surroundings around = {0};
    error = enter_windows(it, context, record, &found, &around);
    error = error == 0 ? make_previous_right(it, context, record, &found, &around) : error;
    if (error == 0 && !around.has_left) { /* (2) */
        struct window_node_content none = {0};
        struct window_rows_entry left = window_from(it, record, record->timestamp_ms - size_ms);
        bool is_near = around.has_previous && around.previous_ms >= left.start_ms;
        error = window_node_add(it, context, record, &left, is_near ? &around.left : &none);
    }
    return error == 0 ? make_right(it, context, record, &around) : error;
}

static int64_t window_sliding_linger(int64_t size_ms, int64_t grace_ms)
{
    (void)size_ms;
    return grace_ms + 1;
}

/* A record that is not late yet, at t, is made windows of those that end from t - size on. */
static int64_t window_sliding_retain(int64_t size_ms, bool is_final)
{
    (void)is_final;
    return 2 * size_ms + 2;
}

const struct window_kind window_kind_sliding = {.name = "sliding",
                                                .place = window_sliding_place,
                                                .linger = window_sliding_linger,
                                                .retain = window_sliding_retain,
                                                .is_by_key = true};
