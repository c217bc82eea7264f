/* tidemill store ls, get and range: what applications remember. */
#include "runtime/cli/answer.h"
#include "runtime/cli/grid.h"
#include "runtime/format/record_json.h"

#include <inttypes.h>
#include <time.h>

struct store_values {
    struct answer_flags answer;
    const char *from;
    const char *to;
    const char *prefix;
    int64_t limit;
};

static void print_stores(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"STORE", "name", false}, {"KIND", "kind", false}, {"PARTITIONS", "partitions", false}};
    struct grid grid;
    uint32_t count = 0;
    uint32_t stores = answer_list(answer, JSON_ROOT, "stores", &count);
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t store = json_element(&answer->json, stores, i);
        uint32_t partitions = json_find(&answer->json, store, BYTES_LITERAL("partitions"));
        struct bytes list =
            partitions == JSON_ABSENT ? BYTES_LITERAL("[]") : json_raw(&answer->json, partitions);
        grid_add(&grid, answer_text(answer, store, "name"));
        grid_add(&grid, answer_text(answer, store, "kind"));
        grid_add(&grid, bytes_make(list.data + 1, list.size - 2)); /* without brackets */
    }
    grid_print(&grid, false, &answer->errand->out);
    grid_fini(&grid);
}

/* A string as it is, unless it would break the line; anything else as JSON. */
static void add_value(struct grid *grid, const struct answer *answer, uint32_t row,
                      const char *name)
{
    uint32_t token = json_find(&answer->json, row, bytes_from_string(name));
    struct bytes text = answer_text(answer, row, name);
    bool is_plain = text.size > 0;
    for (size_t i = 0; i < text.size; i++) {
        is_plain = is_plain && text.data[i] >= ' ' && text.data[i] != 0x7f;
    }
    if (is_plain || token == JSON_ABSENT) {
        grid_add(grid, text);
    } else {
        grid_add(grid, json_raw(&answer->json, token));
    }
}

/* 2026-11-27T10:00:00.000Z, or nothing. */
static void add_time(struct grid *grid, const struct answer *answer, uint32_t row, const char *name)
{
    if (json_find(&answer->json, row, bytes_from_string(name)) == JSON_ABSENT) {
        grid_add_nothing(grid);
        return;
    }
    int64_t time_ms = answer_number(answer, row, name);
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[40];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    grid_add_string(grid,
                    arena_printf(&answer->errand->arena, "%s.%03dZ", text, (int)(time_ms % 1000)));
}

static void print_rows(const struct answer *answer)
{
    static const struct grid_column plain[] = {
        {"PARTITION", "partition", true}, {"KEY", "key", false}, {"VALUE", "value", false}};
    static const struct grid_column windowed[] = {{"PARTITION", "partition", true},
                                                  {"KEY", "key", false},
                                                  {"START", "window_start", false},
                                                  {"END", "window_end", false},
                                                  {"VALUE", "value", false}};
    static const struct grid_column versioned[] = {{"PARTITION", "partition", true},
                                                   {"KEY", "key", false},
                                                   {"SINCE", "ts", false},
                                                   {"VALUE", "value", false}};
    struct grid grid;
    uint32_t count = 0;
    uint32_t rows = answer_list(answer, JSON_ROOT, "rows", &count);
    uint32_t first = count == 0 ? JSON_ABSENT : json_element(&answer->json, rows, 0);
    bool is_windowed =
        count > 0 && json_find(&answer->json, first, BYTES_LITERAL("window_start")) != JSON_ABSENT;
    bool is_versioned = count > 0 && !is_windowed &&
                        json_find(&answer->json, first, BYTES_LITERAL("ts")) != JSON_ABSENT;
    if (is_windowed) {
        grid_init(&grid, windowed, sizeof windowed / sizeof *windowed);
    } else if (is_versioned) {
        grid_init(&grid, versioned, sizeof versioned / sizeof *versioned);
    } else {
        grid_init(&grid, plain, sizeof plain / sizeof *plain);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = json_element(&answer->json, rows, i);
        grid_add_number(&grid, answer_number(answer, row, "partition"));
        add_value(&grid, answer, row, "key");
        if (is_windowed) {
            add_time(&grid, answer, row, "window_start");
            add_time(&grid, answer, row, "window_end");
        } else if (is_versioned) {
            add_time(&grid, answer, row, "ts");
        }
        add_value(&grid, answer, row, "value");
    }
    grid_print(&grid, false, &answer->errand->out);
    grid_fini(&grid);
    if (count == 0) {
        command_fail(
            answer->errand->world,
            "there is no such row in the partitions that this process has; 'tidemill store "
            "ls' lists them");
    }
    uint32_t more = json_find(&answer->json, JSON_ROOT, BYTES_LITERAL("more"));
    if (more != JSON_ABSENT && json_token(&answer->json, more)->kind == JSON_TRUE) {
        command_fail(answer->errand->world, "there are more rows; --from, --to and -n choose");
    }
}

static void add_parameter(struct buffer *path, const char **mark, const char *name,
                          const char *value)
{
    if (value != NULL) {
        buffer_printf(path, "%s%s=", *mark, name);
        http_call_add_name(path, value);
        *mark = "&";
    }
}

static int ask(struct command_world *world, const struct store_values *values,
               const struct flag_list *arguments, const char *key)
{
    const char *const parts[] = {"apps", arguments->items[0], "stores", arguments->items[1], NULL};
    const char *mark = "?";
    struct buffer path;
    buffer_init(&path);
    answer_make_path(&path, parts);
    add_parameter(&path, &mark, "key", key);
    add_parameter(&path, &mark, "from", values->from);
    add_parameter(&path, &mark, "to", values->to);
    add_parameter(&path, &mark, "prefix", values->prefix);
    if (values->limit > 0) {
        buffer_printf(&path, "%slimit=%" PRId64, mark, values->limit);
    }
    int code = answer_run(world, &values->answer, "GET", buffer_string(&path), print_rows);
    buffer_fini(&path);
    return code;
}

static int ls(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct store_values *values = given;
    const char *const parts[] = {"apps", arguments->items[0], "stores", NULL};
    struct buffer path;
    buffer_init(&path);
    answer_make_path(&path, parts);
    int code = answer_run(world, &values->answer, "GET", buffer_string(&path), print_stores);
    buffer_fini(&path);
    return code;
}

static int get(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    return ask(world, given, arguments, arguments->items[2]);
}

static int range(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct store_values *values = given;
    if (values->prefix != NULL && (values->from != NULL || values->to != NULL)) {
        return command_misuse(world, "--prefix says where keys begin and end; leave out --from and "
                                     "--to");
    }
    return ask(world, values, arguments, NULL);
}

static const struct flag few_flags[] = {
    ANSWER_FLAGS(struct store_values),
};

static const struct flag range_flags[] = {
    FLAG(0, "from", STRING, struct store_values, from, "KEY", "the first key"),
    FLAG(0, "to", STRING, struct store_values, to, "KEY", "the key behind the last one"),
    FLAG(0, "prefix", STRING, struct store_values, prefix, "TEXT", "keys that begin with it"),
    FLAG('n', "limit", INT, struct store_values, limit, "COUNT",
         "the most rows (default: 1000, at most 100000)"),
    ANSWER_FLAGS(struct store_values),
};

const struct command command_store_ls = {
    .noun = "store",
    .verb = "ls",
    .arguments = "APP",
    .summary = "lists the stores of an application",
    .examples = "tidemill store ls shop\n",
    .details = "PARTITIONS are those whose tasks run in the process.\n",
    COMMAND_FLAGS(few_flags),
    .values_size = sizeof(struct store_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = ls,
};

const struct command command_store_get = {
    .noun = "store",
    .verb = "get",
    .arguments = "APP STORE KEY",
    .summary = "prints what a store has for a key",
    .examples = "tidemill store get shop spent carla\n",
    .details = "Of windows all of the key, of stores with history all versions, the newest first.\n"
               "What is seen is the state of the moment, with what is not committed yet.\n",
    COMMAND_FLAGS(few_flags),
    .values_size = sizeof(struct store_values),
    .argument_min = 3,
    .argument_max = 3,
    .run = get,
};

const struct command command_store_range = {
    .noun = "store",
    .verb = "range",
    .arguments = "APP STORE",
    .summary = "prints rows of a store",
    .examples = "tidemill store range shop spent --from a --to m\n"
                "tidemill store range shop spent --prefix car -n 10 -o json\n",
    .details =
        "The partitions of the process one after the other, each in the order of its store:\n"
        "by key, windows by their end. Keys are compared byte by byte.\n",
    COMMAND_FLAGS(range_flags),
    .values_size = sizeof(struct store_values),
    .argument_min = 2,
    .argument_max = 2,
    .run = range,
};
