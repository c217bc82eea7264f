/* Collects the values of an option from all layers, the strongest first; see config.h. */
#include "log/meta/config.h"

#include "log/base/error.h"
#include "log/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct config_alias {
    const char *name;
    const char *broker_name;
    int64_t factor;
};

#define SYNONYM(name, broker_name, factor) {name, broker_name, factor},
static const struct config_alias config_topic_aliases[] = {
#include "log/meta/topic_synonyms.def"
};
static const struct config_alias config_group_aliases[] = {
#include "log/meta/group_synonyms.def"
};
#undef SYNONYM

enum { CONFIG_VALUE_MAX = 16, CONFIG_NUMBER_SIZE = 32 };

/* A kind of resource: its rows and where their values are looked for. */
struct config_table {
    const struct option_row *rows;
    const size_t *row_count;
    enum config_source own_source; /* of the layer `own` */
    const struct config_alias *aliases;
    size_t alias_count;
    bool is_broker; /* its rows are the broker's own */
};

static const struct config_table config_topic_table = {
    .rows = topic_options_rows,
    .row_count = &topic_options_row_count,
    .own_source = CONFIG_SOURCE_TOPIC,
    .aliases = config_topic_aliases,
    .alias_count = sizeof config_topic_aliases / sizeof *config_topic_aliases,
};
static const struct config_table config_broker_table = {
    .rows = broker_options_rows,
    .row_count = &broker_options_row_count,
    .is_broker = true,
};
static const struct config_table config_group_table = {
    .rows = group_options_rows,
    .row_count = &group_options_row_count,
    .own_source = CONFIG_SOURCE_GROUP,
    .aliases = config_group_aliases,
    .alias_count = sizeof config_group_aliases / sizeof *config_group_aliases,
};
static const struct config_table config_client_metrics_table = {
    .rows = client_metrics_options_rows,
    .row_count = &client_metrics_options_row_count,
    .own_source = CONFIG_SOURCE_CLIENT_METRICS,
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

static void config_values_collect_broker(struct config_values *values,
                                         const struct config_layers *layers,
                                         const struct option_row *row)
{
    config_values_add_broker(values, layers, row->name, 1);
    bool is_unset = (row->flags & BROKER_OPTIONS_UNSET) != 0;
    config_values_add(values, row->name, is_unset ? NULL : row->initial, CONFIG_SOURCE_DEFAULT, 1);
}

static void config_values_collect(struct config_values *values, const struct config_table *table,
                                  const struct config_layers *layers, const struct option_row *row)
{
    const struct config_alias *last = NULL;
    values->count = 0;
    if (table->is_broker) {
        config_values_collect_broker(values, layers, row);
        return;
    }
    config_values_add_layer(values, layers->own, row->name, table->own_source, 1);
    for (size_t i = 0; i < table->alias_count; i++) {
        if (strcmp(table->aliases[i].name, row->name) == 0) {
            last = &table->aliases[i];
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

static void config_read(const struct config_table *table, const struct config_layers *layers,
                        void *out)
{
    struct config_values values;
    for (size_t i = 0; i < *table->row_count; i++) {
        config_values_collect(&values, table, layers, &table->rows[i]);
        config_values_apply(&values, &table->rows[i], out);
    }
}

void config_read_topic(const struct config_layers *layers, struct topic_options *out)
{
    config_read(&config_topic_table, layers, out);
}

void config_read_broker(const struct config_layers *layers, struct broker_options *out)
{
    config_read(&config_broker_table, layers, out);
}

void config_read_group(const struct config_layers *layers, struct group_options *out)
{
    config_read(&config_group_table, layers, out);
}

void config_read_client_metrics(const struct config_layers *layers,
                                struct client_metrics_options *out)
{
    config_read(&config_client_metrics_table, layers, out);
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

/* `options` is zeroed, of the table's struct, and freed here. */
static size_t config_describe(const struct config_table *table, const struct config_layers *layers,
                              void *options, struct arena *arena, struct config_entry **out)
{
    struct config_values values;
    size_t count = *table->row_count;
    config_read(table, layers, options);
    *out = arena_array(arena, struct config_entry, count);
    for (size_t i = 0; i < count; i++) {
        config_values_collect(&values, table, layers, &table->rows[i]);
        (*out)[i] = config_describe_option(&values, &table->rows[i], options, arena);
    }
    option_fini(table->rows, count, options);
    return count;
}

size_t config_describe_topic(const struct config_layers *layers, struct arena *arena,
                             struct config_entry **out)
{
    struct topic_options options = {0};
    return config_describe(&config_topic_table, layers, &options, arena, out);
}

size_t config_describe_broker(const struct config_layers *layers, struct arena *arena,
                              struct config_entry **out)
{
    struct broker_options options = {0};
    return config_describe(&config_broker_table, layers, &options, arena, out);
}

size_t config_describe_group(const struct config_layers *layers, struct arena *arena,
                             struct config_entry **out)
{
    struct group_options options = {0};
    return config_describe(&config_group_table, layers, &options, arena, out);
}

size_t config_describe_client_metrics(const struct config_layers *layers, struct arena *arena,
                                      struct config_entry **out)
{
    struct client_metrics_options options = {0};
    return config_describe(&config_client_metrics_table, layers, &options, arena, out);
}
