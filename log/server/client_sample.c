/* Turns OpenTelemetry's data points into named numbers; see client_sample.h.
 *
 * A message of two bytes may become a struct of a hundred: what decoding may take is bounded by an
 * allocator with a ceiling. */
#include "log/server/client_sample.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/metric.h"
#include "log/server/otlp.pb-c.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENT_SAMPLE_NAME_MAX = 255,    /* bytes */
    CLIENT_SAMPLE_LABELS_MAX = 1024, /* bytes */
    CLIENT_SAMPLE_ATTRIBUTE_MAX = 8, /* of a resource, and of a point */
    CLIENT_SAMPLE_POINT_MAX = 20000, /* looked at in one push */
    CLIENT_SAMPLE_DELTA = 1,
};

struct client_sample_budget {
    size_t left;
};

/* One push on its way into the samples. */
struct client_sample_push {
    struct client_sample_set *samples;
    const char *labels;
    size_t limit;
    size_t point_count;
    size_t *dropped_count;
};

static void client_sample_free(void *value)
{
    struct client_sample *sample = (struct client_sample *)value;
    free(sample->name);
    free(sample->labels);
    free(sample);
}

void client_sample_set_init(struct client_sample_set *samples)
{
    map_init(&samples->samples);
}

void client_sample_set_fini(struct client_sample_set *samples)
{
    map_fini(&samples->samples, client_sample_free);
}

static void *client_sample_alloc(void *data, size_t size)
{
    struct client_sample_budget *budget = data;
    if (size > budget->left) {
        return NULL;
    }
    budget->left -= size;
    return memory_alloc(size);
}

static void client_sample_release(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

/* "org.apache.kafka.x-y" becomes "org_apache_kafka_x_y"; other names get a "client_" in front, so
 * that no client can speak for this broker. */
static char *client_sample_name(const char *otlp)
{
    static const char own[] = "org.apache.kafka.";
    struct buffer name;
    buffer_init(&name);
    if (strncmp(otlp, own, sizeof own - 1) != 0) {
        buffer_add_string(&name, "client_");
    }
    for (const char *at = otlp; *at != 0 && name.size < CLIENT_SAMPLE_NAME_MAX; at++) {
        buffer_add_byte(&name, isalnum((unsigned char)*at) ? (uint8_t)*at : '_');
    }
    char *text = bytes_to_string(buffer_bytes(&name));
    buffer_fini(&name);
    return text;
}

static void client_sample_value_text(const Otlp__AnyValue *value, struct buffer *text)
{
    buffer_clear(text);
    switch (value == NULL ? OTLP__ANY_VALUE__VALUE__NOT_SET : value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        buffer_add_string(text, value->string_value);
        return;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        buffer_add_string(text, value->bool_value ? "true" : "false");
        return;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        buffer_printf(text, "%lld", (long long)value->int_value);
        return;
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        buffer_printf(text, "%.17g", value->double_value);
        return;
    case OTLP__ANY_VALUE__VALUE__NOT_SET:
    case _OTLP__ANY_VALUE__VALUE__CASE_IS_INT_SIZE:
        return;
    }
}

/* (3): a name that is there already is left out. */
static bool client_sample_has_label(const struct buffer *labels, const char *name)
{
    struct buffer start;
    buffer_init(&start);
    buffer_printf(&start, "%s=\"", name);
    const char *text = labels->size == 0 ? "" : (const char *)labels->data;
    bool is_there = false;
    for (size_t i = 0; i + start.size <= labels->size && !is_there; i++) {
        is_there = (i == 0 || text[i - 1] == ',') && memcmp(text + i, start.data, start.size) == 0;
    }
    buffer_fini(&start);
    return is_there;
}

static void client_sample_add_attributes(struct buffer *labels, Otlp__KeyValue *const *attributes,
                                         size_t count)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < count && i < CLIENT_SAMPLE_ATTRIBUTE_MAX; i++) {
        char *name = client_sample_name(attributes[i]->key);
        const char *bare = strncmp(name, "client_", 7) == 0 ? name + 7 : name;
        client_sample_value_text(attributes[i]->value, &text);
        bool is_name = isalpha((unsigned char)bare[0]) || (bare[0] == '_' && bare[1] != '_');
        if (is_name && text.size > 0 && !client_sample_has_label(labels, bare)) {
            metric_label(labels, bare, buffer_bytes(&text));
        }
        free(name);
    }
    buffer_fini(&text);
}

static struct client_sample *client_sample_get(struct client_sample_push *push, const char *name,
                                               struct bytes labels)
{
    struct client_sample_set *samples = push->samples;
    struct buffer key;
    buffer_init(&key);
    buffer_add_string(&key, name);
    buffer_add_byte(&key, '{');
    buffer_add_bytes(&key, labels);
    struct client_sample *sample = map_find(&samples->samples, buffer_bytes(&key));
    if (sample == NULL && samples->samples.size < push->limit &&
        labels.size <= CLIENT_SAMPLE_LABELS_MAX) {
        sample = memory_new(struct client_sample);
        sample->name = memory_string(name);
        sample->labels = bytes_to_string(labels);
        map_put(&samples->samples, buffer_bytes(&key), sample);
    }
    buffer_fini(&key);
    return sample;
}

static double client_sample_number(const Otlp__NumberDataPoint *point)
{
    return point->value_case == OTLP__NUMBER_DATA_POINT__VALUE_AS_INT ? (double)point->as_int
                                                                      : point->as_double;
}

static void client_sample_take_points(struct client_sample_push *push, const Otlp__Metric *metric,
                                      const Otlp__Resource *resource)
{
    bool is_sum = metric->data_case == OTLP__METRIC__DATA_SUM;
    size_t count = is_sum ? metric->sum->n_data_points : metric->gauge->n_data_points;
    Otlp__NumberDataPoint **points = is_sum ? metric->sum->data_points : metric->gauge->data_points;
    char *name = client_sample_name(metric->name);
    struct buffer labels;
    buffer_init(&labels);
    for (size_t i = 0; i < count; i++) {
        if (push->point_count++ >= CLIENT_SAMPLE_POINT_MAX) {
            *push->dropped_count += count - i;
            break;
        }
        buffer_clear(&labels);
        buffer_add_string(&labels, push->labels);
        client_sample_add_attributes(&labels, points[i]->attributes, points[i]->n_attributes);
        if (resource != NULL) {
            client_sample_add_attributes(&labels, resource->attributes, resource->n_attributes);
        }
        struct client_sample *sample = client_sample_get(push, name, buffer_bytes(&labels));
        if (sample == NULL) {
            ++*push->dropped_count;
            continue;
        }
        double number = client_sample_number(points[i]);
        bool is_delta = is_sum && metric->sum->aggregation_temporality == CLIENT_SAMPLE_DELTA;
        sample->is_counter = is_sum && metric->sum->is_monotonic;
        sample->value = is_delta ? sample->value + number : number;
    }
    buffer_fini(&labels);
    free(name);
}

static void client_sample_take(struct client_sample_push *push, const Otlp__MetricsData *data)
{
    for (size_t i = 0; i < data->n_resource_metrics; i++) {
        const Otlp__ResourceMetrics *resource = data->resource_metrics[i];
        for (size_t j = 0; j < resource->n_scope_metrics; j++) {
            const Otlp__ScopeMetrics *scope = resource->scope_metrics[j];
            for (size_t k = 0; k < scope->n_metrics; k++) {
                if (scope->metrics[k]->data_case == OTLP__METRIC__DATA__NOT_SET) {
                    ++*push->dropped_count; /* a histogram or a summary */
                } else {
                    client_sample_take_points(push, scope->metrics[k], resource->resource);
                }
            }
        }
    }
}

int client_sample_set_read(struct client_sample_set *samples, struct bytes data, const char *labels,
                           size_t limit, size_t memory_max, size_t *dropped_count)
{
    struct client_sample_budget budget = {.left = memory_max};
    ProtobufCAllocator allocator = {
        .alloc = client_sample_alloc, .free = client_sample_release, .allocator_data = &budget};
    struct client_sample_push push = {
        .samples = samples, .labels = labels, .limit = limit, .dropped_count = dropped_count};
    Otlp__MetricsData *message = otlp__metrics_data__unpack(&allocator, data.size, data.data);
    if (message == NULL) {
        return ERROR_INVALID_RECORD;
    }
    client_sample_take(&push, message);
    otlp__metrics_data__free_unpacked(message, &allocator);
    return 0;
}

static int client_sample_compare(const void *left, const void *right)
{
    const struct client_sample *first = *(struct client_sample *const *)left;
    const struct client_sample *second = *(struct client_sample *const *)right;
    int order = strcmp(first->name, second->name);
    return order != 0 ? order : strcmp(first->labels, second->labels);
}

void client_sample_write(struct client_sample **all, size_t count, struct buffer *out)
{
    qsort(all, count, sizeof(struct client_sample *), client_sample_compare);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(all[i]->name, all[i - 1]->name) != 0) {
            buffer_printf(out, "# HELP %s Pushed by clients.\n# TYPE %s %s\n", all[i]->name,
                          all[i]->name, all[i]->is_counter ? "counter" : "gauge");
        }
        metric_write_sample(out, all[i]->name, all[i]->labels, all[i]->value);
    }
}
