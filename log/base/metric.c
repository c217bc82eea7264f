/* Rows of numbers under family names, and the text a scraper reads; see metric.h.
 *
 * Rows are found by name and labels through a map and written through the lists of their families,
 * so registering is cheap and writing needs no sorting. */
#include "log/base/metric.h"

#include "log/base/check.h"
#include "log/base/list.h"
#include "log/base/map.h"
#include "log/base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double metric_bounds[METRIC_BUCKET_COUNT] = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

struct metric_family {
    const char *name;
    const char *help;
    enum metric_kind kind;
    struct list rows;
};

struct metric_row {
    struct metric metric;
    struct list_link link; /* in its family */
};

struct metric_registry {
    struct map families; /* name -> struct metric_family, in order of registration */
    struct map rows;     /* name{labels} -> struct metric_row */
};

struct metric_registry *metric_registry_new(void)
{
    struct metric_registry *registry = memory_new(struct metric_registry);
    map_init(&registry->families);
    map_init(&registry->rows);
    return registry;
}

static void metric_free(void *row)
{
    free(((struct metric_row *)row)->metric.labels);
    free(((struct metric_row *)row)->metric.counts);
    free(row);
}

void metric_registry_free(struct metric_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    map_fini(&registry->rows, metric_free);
    map_fini(&registry->families, free);
    free(registry);
}

static struct metric_family *metric_family(struct metric_registry *registry, enum metric_kind kind,
                                           const char *name, const char *help)
{
    struct metric_family *family = map_find_string(&registry->families, name);
    if (family == NULL) {
        family = memory_new(struct metric_family);
        *family = (struct metric_family){.name = name, .help = help, .kind = kind};
        list_init(&family->rows);
        map_put(&registry->families, bytes_from_string(name), family);
    }
    check(family->kind == kind);
    return family;
}

static void metric_key(struct buffer *key, const char *name, const char *labels)
{
    buffer_init(key);
    buffer_add_string(key, name);
    buffer_add_byte(key, '{');
    buffer_add_string(key, labels);
}

struct metric *metric_get(struct metric_registry *registry, enum metric_kind kind, const char *name,
                          const char *labels, const char *help)
{
    struct metric_family *family = metric_family(registry, kind, name, help);
    struct buffer key;
    metric_key(&key, name, labels == NULL ? "" : labels);
    struct metric_row *row = map_find(&registry->rows, buffer_bytes(&key));
    if (row == NULL) {
        row = memory_new(struct metric_row);
        row->metric = (struct metric){.name = family->name,
                                      .labels = memory_string(labels == NULL ? "" : labels),
                                      .help = family->help,
                                      .kind = kind};
        if (kind == METRIC_HISTOGRAM) {
            row->metric.counts = memory_zero(METRIC_BUCKET_COUNT + 1, sizeof(uint64_t));
        }
        list_add(&family->rows, &row->link);
        map_put(&registry->rows, buffer_bytes(&key), row);
    }
    buffer_fini(&key);
    return &row->metric;
}

void metric_remove(struct metric_registry *registry, struct metric *metric)
{
    struct buffer key;
    metric_key(&key, metric->name, metric->labels);
    struct metric_row *row = map_remove(&registry->rows, buffer_bytes(&key));
    buffer_fini(&key);
    check(row != NULL);
    check(&row->metric == metric);
    list_remove(&row->link);
    metric_free(row);
}

/* The size of the UTF-8 character at the start of `view`; 0 when it is none. One bad client id must
 * not make a scraper refuse the whole page. */
static size_t metric_character_size(struct bytes view)
{
    uint8_t first = view.data[0];
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size == 0 || first > 0xf4 || size > view.size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((view.data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if (size > 2) {
        uint8_t second = view.data[1];
        bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
        bool is_surrogate = first == 0xed && second > 0x9f;
        bool is_beyond = first == 0xf4 && second > 0x8f;
        return is_overlong || is_surrogate || is_beyond ? 0 : size;
    }
    return size;
}

static void metric_escape(struct buffer *out, struct bytes text)
{
    while (text.size > 0) {
        size_t size = metric_character_size(text);
        if (size == 0) {
            buffer_add_byte(out, '?');
            size = 1;
        } else if (*text.data == '\n') {
            buffer_add_string(out, "\\n");
        } else {
            if (*text.data == '\\' || *text.data == '"') {
                buffer_add_byte(out, '\\');
            }
            buffer_add(out, text.data, size);
        }
        text = bytes_make(text.data + size, text.size - size);
    }
}

void metric_label(struct buffer *labels, const char *name, struct bytes value)
{
    if (labels->size > 0) {
        buffer_add_byte(labels, ',');
    }
    buffer_printf(labels, "%s=\"", name);
    metric_escape(labels, value);
    buffer_add_byte(labels, '"');
}

static void metric_write_value(struct buffer *out, double value)
{
    if (isnan(value)) {
        buffer_add_string(out, "NaN");
    } else if (isinf(value)) {
        buffer_add_string(out, value > 0 ? "+Inf" : "-Inf");
    } else if (fabs(value) < 9007199254740992.0 && floor(value) == value) {
        buffer_printf(out, "%lld", (long long)value);
    } else {
        buffer_printf(out, "%.17g", value);
    }
}

void metric_write_sample(struct buffer *out, const char *name, const char *labels, double value)
{
    buffer_add_string(out, name);
    if (labels[0] != 0) {
        buffer_add_byte(out, '{');
        buffer_add_string(out, labels);
        buffer_add_byte(out, '}');
    }
    buffer_add_byte(out, ' ');
    metric_write_value(out, value);
    buffer_add_byte(out, '\n');
}

void metric_observe(struct metric *metric, double seconds)
{
    size_t bucket = 0;
    check(metric->kind == METRIC_HISTOGRAM);
    while (bucket < METRIC_BUCKET_COUNT && seconds > metric_bounds[bucket]) {
        bucket++;
    }
    metric->counts[bucket]++;
    metric->value += seconds;
}

/* The buckets add up: each counts what is not above its bound. */
static void metric_write_histogram(struct buffer *out, const struct metric *metric)
{
    uint64_t count = 0;
    const char *comma = metric->labels[0] == 0 ? "" : ",";
    for (size_t i = 0; i <= METRIC_BUCKET_COUNT; i++) {
        count += metric->counts[i];
        buffer_printf(out, "%s_bucket{%s%sle=\"", metric->name, metric->labels, comma);
        if (i < METRIC_BUCKET_COUNT) {
            buffer_printf(out, "%g", metric_bounds[i]);
        } else {
            buffer_add_string(out, "+Inf");
        }
        buffer_printf(out, "\"} %llu\n", (unsigned long long)count);
    }
    buffer_printf(out, "%s_sum", metric->name);
    metric_write_sample(out, "", metric->labels, metric->value);
    buffer_printf(out, "%s_count", metric->name);
    metric_write_sample(out, "", metric->labels, (double)count);
}

void metric_write_all(const struct metric_registry *registry, struct buffer *out)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    for (map_each (&registry->families, entry)) {
        struct metric_family *family = entry->value;
        if (list_is_empty(&family->rows)) {
            continue;
        }
        buffer_printf(out, "# HELP %s %s\n", family->name, family->help);
        buffer_printf(out, "# TYPE %s %s\n", family->name, kinds[family->kind]);
        for (list_each (&family->rows, link)) {
            const struct metric *metric = &list_member(link, struct metric_row, link)->metric;
            if (metric->kind == METRIC_HISTOGRAM) {
                metric_write_histogram(out, metric);
            } else {
                metric_write_sample(out, metric->name, metric->labels, metric->value);
            }
        }
    }
}
