/* Collects the values of an option from all layers, the strongest first; see config.h. */
#include "log/meta/config.h"

#include "log/base/error.h"
#include "log/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct config_alias {
    const char *topic_name;
    const char *broker_name;
    int64_t factor;
};

static const struct config_alias config_aliases[] = {
#define SYNONYM(topic_name, broker_name, factor) {topic_name, broker_name, factor},
#include "log/meta/topic_synonyms.def"
#undef SYNONYM
};

enum {
    CONFIG_ALIAS_COUNT = sizeof config_aliases / sizeof *config_aliases,
    CONFIG_VALUE_MAX = 16,
    CONFIG_NUMBER_SIZE = 32
};

/* The values of one option, the strongest first. */
struct config_values {
    struct config_synonym items[CONFIG_VALUE_MAX];
    int64_t factors[CONFIG_VALUE_MAX];
    size_t count;
};

static void config_values_add(struct config_values *values, const char *name, const char *value,
                              enum config_source source, int64_t factor)
{
    check(values->count < CONFIG_VALUE_MAX);
    values->factors[values->count] = factor;
    values->items[values->count++] =
        (struct config_synonym){.name = name, .value = value, .source = source};
}

static void config_values_add_layer(struct config_values *values, const struct map *layer,
                                    const char *name, enum config_source source, int64_t factor)
{
    const char *value = layer == NULL ? NULL : (const char *)map_find_string(layer, name);
    if (value != NULL) {
        config_values_add(values, name, value, source, factor);
    }
}

static void config_values_add_broker(struct config_values *values,
                                     const struct config_layers *layers, const char *name,
                                     int64_t factor)
{
    config_values_add_layer(values, layers->broker, name, CONFIG_SOURCE_BROKER, factor);
    config_values_add_layer(values, layers->all_brokers, name, CONFIG_SOURCE_ALL_BROKERS, factor);
    config_values_add_layer(values, layers->file, name, CONFIG_SOURCE_FILE, factor);
}

static void config_values_collect_topic(struct config_values *values,
                                        const struct config_layers *layers,
                                        const struct option_row *row)
{
    values->count = 0;
    config_values_add_layer(values, layers->topic, row->name, CONFIG_SOURCE_TOPIC, 1);
    const struct config_alias *last = NULL;
    for (size_t i = 0; i < CONFIG_ALIAS_COUNT; i++) {
        if (strcmp(config_aliases[i].topic_name, row->name) == 0) {
            last = &config_aliases[i];
            config_values_add_broker(values, layers, last->broker_name, last->factor);
        }
    }
    const struct option_row *base = last == NULL ? NULL : broker_options_find(last->broker_name);
    if (base == NULL || (base->flags & BROKER_OPTIONS_UNSET) != 0) {
        config_values_add(values, row->name, row->initial, CONFIG_SOURCE_DEFAULT, 1);
    } else {
        config_values_add(values, base->name, base->initial, CONFIG_SOURCE_DEFAULT, last->factor);
    }
}

static void config_values_collect_broker(struct config_values *values,
                                         const struct config_layers *layers,
                                         const struct option_row *row)
{
    values->count = 0;
    config_values_add_broker(values, layers, row->name, 1);
    bool is_unset = (row->flags & BROKER_OPTIONS_UNSET) != 0;
    config_values_add(values, row->name, is_unset ? NULL : row->initial, CONFIG_SOURCE_DEFAULT, 1);
}

/* -1 hours is no limit, as -1 milliseconds is. */
static const char *config_scale(int64_t number, int64_t factor, char out[CONFIG_NUMBER_SIZE])
{
    int64_t scaled = number;
    if (number > 0 && __builtin_mul_overflow(number, factor, &scaled)) {
        scaled = INT64_MAX;
    }
    snprintf(out, CONFIG_NUMBER_SIZE, "%" PRId64, scaled);
    return out;
}

/* Parses the strongest value into its field, in the unit of the row. */
static void config_values_apply(const struct config_values *values, const struct option_row *row,
                                void *out)
{
    const char *value = values->items[0].value;
    int64_t factor = values->factors[0];
    int64_t number = 0;
    char scaled[CONFIG_NUMBER_SIZE];
    if (value == NULL) {
        option_set_default(row, out);
        return;
    }
    if (factor != 1 && text_parse_int64(value, &number) == 0) {
        value = config_scale(number, factor, scaled);
    }
    if (option_parse(row, value, out, NULL) != 0) {
        option_set_default(row, out);
    }
}

void config_read_topic(const struct config_layers *layers, struct topic_options *out)
{
    struct config_values values;
    for (size_t i = 0; i < topic_options_row_count; i++) {
        config_values_collect_topic(&values, layers, &topic_options_rows[i]);
        config_values_apply(&values, &topic_options_rows[i], out);
    }
}

void config_read_broker(const struct config_layers *layers, struct broker_options *out)
{
    struct config_values values;
    for (size_t i = 0; i < broker_options_row_count; i++) {
        config_values_collect_broker(&values, layers, &broker_options_rows[i]);
        config_values_apply(&values, &broker_options_rows[i], out);
    }
}

/* A default that is no value is left out. */
static void config_copy_synonyms(const struct config_values *values, bool is_sensitive,
                                 struct arena *arena, struct config_entry *entry)
{
    struct config_synonym *copies = arena_array(arena, struct config_synonym, values->count);
    for (size_t i = 0; i < values->count; i++) {
        const struct config_synonym *from = &values->items[i];
        if (from->value == NULL) {
            continue;
        }
        copies[entry->synonym_count++] = (struct config_synonym){
            .name = arena_string(arena, bytes_from_string(from->name)),
            .value = is_sensitive ? NULL : arena_string(arena, bytes_from_string(from->value)),
            .source = from->source,
        };
    }
    entry->synonyms = copies;
}

/* `options` holds the value that is in force. */
static struct config_entry config_describe_option(const struct config_values *values,
                                                  const struct option_row *row, const void *options,
                                                  struct arena *arena)
{
    bool is_sensitive = (row->flags & OPTION_SENSITIVE) != 0;
    struct config_entry entry = {
        .name = row->name,
        .source = values->items[0].source,
        .is_read_only = (row->flags & OPTION_READ_ONLY) != 0,
        .is_sensitive = is_sensitive,
        .type = option_kafka_type(row),
        .doc = row->doc,
    };
    config_copy_synonyms(values, is_sensitive, arena, &entry);
    if (!is_sensitive && values->items[0].value != NULL) {
        struct buffer text;
        buffer_init(&text);
        option_print(row, options, &text);
        entry.value = arena_string(arena, buffer_bytes(&text));
        buffer_fini(&text);
    }
    return entry;
}

size_t config_describe_topic(const struct config_layers *layers, struct arena *arena,
                             struct config_entry **out)
{
    struct config_values values;
    struct topic_options options = {0};
    config_read_topic(layers, &options);
    *out = arena_array(arena, struct config_entry, topic_options_row_count);
    for (size_t i = 0; i < topic_options_row_count; i++) {
        config_values_collect_topic(&values, layers, &topic_options_rows[i]);
        (*out)[i] = config_describe_option(&values, &topic_options_rows[i], &options, arena);
    }
    topic_options_fini(&options);
    return topic_options_row_count;
}

size_t config_describe_broker(const struct config_layers *layers, struct arena *arena,
                              struct config_entry **out)
{
    struct config_values values;
    struct broker_options options = {0};
    config_read_broker(layers, &options);
    *out = arena_array(arena, struct config_entry, broker_options_row_count);
    for (size_t i = 0; i < broker_options_row_count; i++) {
        config_values_collect_broker(&values, layers, &broker_options_rows[i]);
        (*out)[i] = config_describe_option(&values, &broker_options_rows[i], &options, arena);
    }
    broker_options_fini(&options);
    return broker_options_row_count;
}
