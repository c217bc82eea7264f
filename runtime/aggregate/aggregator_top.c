/* The values that come most often: topk.
 *
 * Only so many values are counted (Space-Saving, Metwally et al. 2005): a new one takes the place
 * of the rarest and begins with its count, which is remembered as the most that the new one's count
 * may be too large by. What comes more often than one in CANDIDATES * k is among them for sure.
 * Merging adds counts, where one side has forgotten a value its rarest count (Agarwal et al. 2012).
 * The summary is entries of
 *
 *     count  error  size of the text  text        8, 8, 2 bytes, the value as JSON */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/scalar.h"

#include <stdlib.h>

enum {
    CANDIDATES = 8, /* counted values for each that is told */
    K_MAX = 100,
    TEXT_SIZE_MAX = 1024,
    ENTRIES_MAX = CANDIDATES * K_MAX,
    HEAD_SIZE = 18,
};

struct top_entry {
    int64_t count;
    int64_t error;
    struct bytes text;
};

struct top {
    struct top_entry *entries;
    size_t count;
    size_t capacity;
};

static void top_fini(struct top *top)
{
    free(top->entries);
}

/* The texts are borrowed; one more entry has room. */
static int read_top(int64_t k, struct bytes summary, struct top *out)
{
    const uint8_t *at = summary.data;
    const uint8_t *end = summary.data + summary.size;
    out->capacity = (size_t)k * CANDIDATES;
    out->entries = memory_zero(out->capacity + 1, sizeof *out->entries);
    out->count = 0;
    while (at < end) {
        if (end - at < HEAD_SIZE || out->count == out->capacity) {
            return ERROR_CORRUPT;
        }
        struct top_entry entry = {.count = endian_read_i64(at),
                                  .error = endian_read_i64(at + 8),
                                  .text = bytes_make(at + HEAD_SIZE, endian_read_u16(at + 16))};
        at += HEAD_SIZE;
        if ((size_t)(end - at) < entry.text.size || entry.error < 0 || entry.count <= entry.error) {
            return ERROR_CORRUPT;
        }
        at += entry.text.size;
        out->entries[out->count++] = entry;
    }
    return 0;
}

static void write_top(const struct top *top, struct buffer *out)
{
    for (size_t i = 0; i < top->count; i++) {
        const struct top_entry *entry = &top->entries[i];
        summary_put_integer(out, entry->count);
        summary_put_integer(out, entry->error);
        endian_write_u16(buffer_reserve(out, 2), (uint16_t)entry->text.size);
        out->size += 2;
        buffer_add_bytes(out, entry->text);
    }
}

static struct top_entry *find_entry(const struct top *top, struct bytes text)
{
    for (size_t i = 0; i < top->count; i++) {
        if (bytes_equal(top->entries[i].text, text)) {
            return &top->entries[i];
        }
    }
    return NULL;
}

static struct top_entry *find_rarest(const struct top *top)
{
    struct top_entry *rarest = &top->entries[0];
    for (size_t i = 1; i < top->count; i++) {
        if (top->entries[i].count <= rarest->count) {
            rarest = &top->entries[i];
        }
    }
    return rarest;
}

static int add_text(struct top *top, struct bytes text)
{
    struct top_entry *entry = find_entry(top, text);
    if (text.size > TEXT_SIZE_MAX) {
        return ERROR_TOO_LARGE;
    }
    if (entry == NULL && top->count < top->capacity) {
        entry = &top->entries[top->count++];
        entry->text = text;
    } else if (entry == NULL) {
        entry = find_rarest(top);
        entry->error = entry->count;
        entry->text = text;
    }
    return __builtin_add_overflow(entry->count, 1, &entry->count) ? ERROR_TOO_LARGE : 0;
}

static int top_add(struct summary_parameter parameter, const struct summary_input *input,
                   struct bytes summary, struct buffer *out)
{
    struct top top = {0};
    struct buffer scratch;
    buffer_init(&scratch);
    int error = read_top((int64_t)parameter.number, summary, &top);
    error = error == 0 ? add_text(&top, scalar_text(input->json, input->token, &scratch)) : error;
    if (error == 0) {
        write_top(&top, out);
    }
    buffer_fini(&scratch);
    top_fini(&top);
    return error;
}

/* The most frequent first. */
static int compare_entries(const void *left, const void *right)
{
    const struct top_entry *a = left;
    const struct top_entry *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return bytes_compare(a->text, b->text);
}

static int64_t forgotten_count(const struct top *top)
{
    return top->count < top->capacity ? 0 : find_rarest(top)->count;
}

/* Appends the entries of `top` with what `other` says of them; of two lists only the first adds
 * what both have. */
static int unite(const struct top *top, const struct top *other, bool is_first, struct top *out)
{
    int64_t forgotten = forgotten_count(other);
    for (size_t i = 0; i < top->count; i++) {
        struct top_entry entry = top->entries[i];
        const struct top_entry *same = find_entry(other, entry.text);
        if (same != NULL && !is_first) {
            continue;
        }
        if (__builtin_add_overflow(entry.count, same == NULL ? forgotten : same->count,
                                   &entry.count)) {
            return ERROR_TOO_LARGE;
        }
        entry.error += same == NULL ? forgotten : same->error;
        out->entries[out->count++] = entry;
    }
    return 0;
}

static int merge_tops(const struct top *left, const struct top *right, struct buffer *out)
{
    struct top both = {.entries =
                           memory_zero(left->count + right->count + 1, sizeof *both.entries)};
    int error = unite(left, right, true, &both);
    error = error == 0 ? unite(right, left, false, &both) : error;
    qsort(both.entries, both.count, sizeof *both.entries, compare_entries);
    if (both.count > left->capacity) {
        both.count = left->capacity;
    }
    if (error == 0) {
        write_top(&both, out);
    }
    top_fini(&both);
    return error;
}

static int top_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                     struct buffer *out)
{
    struct top tops[2] = {{0}, {0}};
    int error = read_top((int64_t)parameter.number, left, &tops[0]);
    error = error == 0 ? read_top((int64_t)parameter.number, right, &tops[1]) : error;
    error = error == 0 ? merge_tops(&tops[0], &tops[1], out) : error;
    top_fini(&tops[0]);
    top_fini(&tops[1]);
    return error;
}

static void write_entry(const struct top_entry *entry, struct buffer *json)
{
    buffer_add_string(json, "{\"count\":");
    json_writer_int64(json, entry->count);
    buffer_add_string(json, ",\"error\":");
    json_writer_int64(json, entry->error);
    buffer_add_string(json, ",\"value\":");
    buffer_add_bytes(json, entry->text);
    buffer_add_byte(json, '}');
}

static int tell_topk(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                     struct buffer *json)
{
    (void)span_ms;
    struct top top = {0};
    int error = read_top((int64_t)parameter.number, summary, &top);
    if (error == 0) {
        qsort(top.entries, top.count, sizeof *top.entries, compare_entries);
        buffer_add_byte(json, '[');
        for (size_t i = 0; i < top.count && i < (size_t)parameter.number; i++) {
            if (i > 0) {
                buffer_add_byte(json, ',');
            }
            write_entry(&top.entries[i], json);
        }
        buffer_add_byte(json, ']');
    }
    top_fini(&top);
    return error;
}

static const struct summary_kind aggregator_top_kind = {
    .name = "top",
    .takes = SUMMARY_SCALARS,
    .full = "a value is longer than 1024 bytes, or a count passes 64 bits",
    .add = top_add,
    .merge = top_merge};

const struct aggregator aggregator_top_rows[] = {
    {.name = "topk",
     .argument = AGGREGATOR_PATH,
     .parameter = {.name = "k", .is_integer = true, .is_kept = true, .min = 1, .max = K_MAX},
     .summary = &aggregator_top_kind,
     .tell = tell_topk},
    {0}};
