/* tidemill app describe, pause and resume: one application of a process. */
#include "runtime/cli/answer.h"
#include "runtime/cli/grid.h"

#include <inttypes.h>

enum { RESTORE_FIGURE_COUNT = 4 };

struct describe_values {
    struct answer_flags answer;
};

static int ask(struct command_world *world, const void *given, const struct flag_list *arguments,
               const char *method, const char *verb, void (*print)(const struct answer *answer))
{
    const struct describe_values *values = given;
    const char *const parts[] = {"apps", arguments->items[0], verb, NULL};
    struct buffer path;
    buffer_init(&path);
    answer_make_path(&path, parts);
    int code = answer_run(world, &values->answer, method, buffer_string(&path), print);
    buffer_fini(&path);
    return code;
}

static void print_summary(const struct answer *answer)
{
    struct buffer *out = &answer->errand->out;
    struct bytes reason = answer_text(answer, JSON_ROOT, "reason");
    int64_t restarts = answer_number(answer, JSON_ROOT, "restarts");
    buffer_printf(out, "%.*s: %.*s", BYTES_FORMAT(answer_text(answer, JSON_ROOT, "name")),
                  BYTES_FORMAT(answer_text(answer, JSON_ROOT, "state")));
    if (json_find(&answer->json, JSON_ROOT, BYTES_LITERAL("counts")) != JSON_ABSENT) {
        buffer_printf(out, ", %.*s, %" PRId64 " commits, %" PRId64 " rolled back",
                      BYTES_FORMAT(answer_text(answer, JSON_ROOT, "guarantee")),
                      answer_number(answer, JSON_ROOT, "commits"),
                      answer_number(answer, JSON_ROOT, "rollbacks"));
    }
    buffer_printf(out, " (%.*s)\n", BYTES_FORMAT(answer_text(answer, JSON_ROOT, "script")));
    if (reason.size > 0) {
        buffer_printf(out, "last failure, %" PRId64 " new starts so far: %.*s\n", restarts,
                      BYTES_FORMAT(reason));
    }
}

static void print_sample(const struct answer *answer, uint32_t canary, const char *name)
{
    uint32_t sample = json_find(&answer->json, canary, bytes_from_string(name));
    double p99_us = 0;
    uint32_t token = json_find(&answer->json, sample, BYTES_LITERAL("p99_us"));
    bool is_timed = token != JSON_ABSENT && json_double(&answer->json, token, &p99_us);
    buffer_printf(&answer->errand->out, "%" PRId64 " records, %" PRId64 " failed",
                  answer_number(answer, sample, "in"), answer_number(answer, sample, "errors"));
    if (is_timed && p99_us > 0) {
        buffer_printf(&answer->errand->out, ", 99 of 100 within %.3g ms", p99_us / 1000);
    }
}

/* A version on a part of the tasks, beside the other. */
static void print_canary(const struct answer *answer)
{
    struct buffer *out = &answer->errand->out;
    uint32_t canary = json_find(&answer->json, JSON_ROOT, BYTES_LITERAL("canary"));
    if (canary == JSON_ABSENT) {
        return;
    }
    buffer_printf(
        out, "version %" PRId64 " on %.*s of the tasks: ", answer_number(answer, canary, "version"),
        BYTES_FORMAT(answer_text(answer, canary, "share")));
    print_sample(answer, canary, "trial");
    buffer_printf(
        out, "\nversion %" PRId64 " on the others: ", answer_number(answer, JSON_ROOT, "version"));
    print_sample(answer, canary, "rest");
    buffer_add_byte(out, '\n');
}

static void print_counts(const struct answer *answer)
{
    static const char *const names[] = {"in",       "emitting",    "kept",    "late",
                                        "filtered", "dead_letter", "skipped", "out"};
    struct buffer *out = &answer->errand->out;
    uint32_t counts = json_find(&answer->json, JSON_ROOT, BYTES_LITERAL("counts"));
    if (counts == JSON_ABSENT) {
        return;
    }
    buffer_printf(out, "pending %" PRId64, answer_number(answer, JSON_ROOT, "pending"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buffer_printf(out, ", %s %" PRId64, names[i], answer_number(answer, counts, names[i]));
    }
    buffer_add_byte(out, '\n');
}

static void add_input(struct grid *grid, const struct answer *answer, uint32_t part, uint32_t input)
{
    bool has_offset = json_find(&answer->json, input, BYTES_LITERAL("offset")) != JSON_ABSENT;
    grid_add(grid, answer_text(answer, part, "part"));
    grid_add_number(grid, answer_number(answer, part, "partition"));
    grid_add(grid, answer_text(answer, part, "state"));
    grid_add(grid, answer_text(answer, input, "topic"));
    if (has_offset) {
        grid_add_number(grid, answer_number(answer, input, "offset"));
        grid_add_number(grid, answer_number(answer, input, "pending"));
    } else {
        grid_add_nothing(grid);
        grid_add_nothing(grid);
    }
}

static void print_parts(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"PART", "part", false},   {"PARTITION", "partition", true}, {"STATE", "state", false},
        {"INPUT", "topic", false}, {"OFFSET", "offset", true},       {"PENDING", "pending", true},
    };
    struct grid grid;
    uint32_t count = 0;
    uint32_t parts = answer_list(answer, JSON_ROOT, "parts", &count);
    if (count == 0) {
        return;
    }
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t part = json_element(&answer->json, parts, i);
        uint32_t input_count = 0;
        uint32_t inputs = answer_list(answer, part, "inputs", &input_count);
        for (uint32_t j = 0; j < input_count; j++) {
            add_input(&grid, answer, part, json_element(&answer->json, inputs, j));
        }
    }
    buffer_add_byte(&answer->errand->out, '\n');
    grid_print(&grid, false, &answer->errand->out);
    grid_fini(&grid);
}

/* Copies of stores of tasks that run elsewhere. */
static void print_copies(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"COPY OF", "part", false},
        {"PARTITION", "partition", true},
        {"STATE", "state", false},
        {"LACKS", "lag", true},
    };
    struct grid grid;
    uint32_t count = 0;
    uint32_t parts = answer_list(answer, JSON_ROOT, "parts", &count);
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t part = json_element(&answer->json, parts, i);
        if (json_find(&answer->json, part, BYTES_LITERAL("lag")) == JSON_ABSENT) {
            continue;
        }
        int64_t lag = answer_number(answer, part, "lag");
        grid_add(&grid, answer_text(answer, part, "part"));
        grid_add_number(&grid, answer_number(answer, part, "partition"));
        grid_add(&grid, answer_text(answer, part, "state"));
        if (lag < 0) { /* nobody said yet */
            grid_add_nothing(&grid);
        } else {
            grid_add_number(&grid, lag);
        }
    }
    if (grid.cell_count > 0) {
        buffer_add_byte(&answer->errand->out, '\n');
        grid_print(&grid, false, &answer->errand->out);
    }
    grid_fini(&grid);
}

static void add_restore(struct grid *grid, const struct answer *answer, uint32_t part,
                        uint32_t restore)
{
    int64_t done = answer_number(answer, restore, "done");
    int64_t total = answer_number(answer, restore, "total");
    int64_t elapsed_ms = answer_number(answer, restore, "elapsed_ms");
    grid_add(grid, answer_text(answer, restore, "store"));
    grid_add_number(grid, answer_number(answer, part, "partition"));
    if (total < 0) { /* nothing was read yet */
        for (int i = 0; i < RESTORE_FIGURE_COUNT; i++) {
            grid_add_nothing(grid);
        }
        return;
    }
    grid_add_number(grid, done);
    grid_add_number(grid, total);
    grid_add_number(grid, elapsed_ms > 0 ? done * 1000 / elapsed_ms : done);
    grid_add_number(grid, answer_number(answer, restore, "left_ms") / 1000);
}

/* Stores that are read from their changelogs before their task begins. */
static void print_restores(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"RESTORING", "store", false}, {"PARTITION", "partition", true},
        {"DONE", "done", true},        {"OF", "total", true},
        {"PER SECOND", "rate", true},  {"SECONDS LEFT", "left", true},
    };
    struct grid grid;
    uint32_t part_count = 0;
    uint32_t parts = answer_list(answer, JSON_ROOT, "parts", &part_count);
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < part_count; i++) {
        uint32_t part = json_element(&answer->json, parts, i);
        uint32_t count = 0;
        uint32_t restores = answer_list(answer, part, "restoring", &count);
        for (uint32_t j = 0; j < count; j++) {
            add_restore(&grid, answer, part, json_element(&answer->json, restores, j));
        }
    }
    if (grid.cell_count > 0) {
        buffer_add_byte(&answer->errand->out, '\n');
        grid_print(&grid, false, &answer->errand->out);
    }
    grid_fini(&grid);
}

static void print_connectors(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"CONNECTOR", "name", false}, {"KIND", "kind", false},        {"STATE", "state", false},
        {"RECORDS", "records", true}, {"RESTARTS", "restarts", true}, {"REASON", "reason", false},
    };
    struct grid grid;
    uint32_t count = 0;
    uint32_t connectors = answer_list(answer, JSON_ROOT, "connectors", &count);
    if (count == 0) {
        return;
    }
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t connector = json_element(&answer->json, connectors, i);
        grid_add(&grid, answer_text(answer, connector, "name"));
        grid_add(&grid, answer_text(answer, connector, "kind"));
        grid_add(&grid, answer_text(answer, connector, "state"));
        grid_add_number(&grid, answer_number(answer, connector, "records"));
        grid_add_number(&grid, answer_number(answer, connector, "restarts"));
        grid_add(&grid, answer_text(answer, connector, "reason"));
    }
    buffer_add_byte(&answer->errand->out, '\n');
    grid_print(&grid, false, &answer->errand->out);
    grid_fini(&grid);
}

static void print_description(const struct answer *answer)
{
    print_summary(answer);
    print_canary(answer);
    print_counts(answer);
    print_parts(answer);
    print_copies(answer);
    print_restores(answer);
    print_connectors(answer);
}

static int describe(struct command_world *world, const void *values,
                    const struct flag_list *arguments)
{
    return ask(world, values, arguments, "GET", NULL, print_description);
}

static int pause_app(struct command_world *world, const void *values,
                     const struct flag_list *arguments)
{
    return ask(world, values, arguments, "POST", "pause", print_summary);
}

static int resume_app(struct command_world *world, const void *values,
                      const struct flag_list *arguments)
{
    return ask(world, values, arguments, "POST", "resume", print_summary);
}

static const struct flag flags[] = {
    ANSWER_FLAGS(struct describe_values),
};

const struct command command_app_describe = {
    .noun = "app",
    .verb = "describe",
    .arguments = "APP",
    .summary = "tells how far an application is",
    .examples = "tidemill app describe words\n",
    .details =
        "OFFSET is that of the next record of an input that is not finished; what is between\n"
        "there and the end of the topic is told by 'tidemill group describe APP'. A store that\n"
        "is read from its changelog is shown with the offsets done and to be done; other tasks\n"
        "go on meanwhile.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct describe_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = describe,
};

const struct command command_app_pause = {
    .noun = "app",
    .verb = "pause",
    .arguments = "APP",
    .summary = "stops processing until it is resumed",
    .examples = "tidemill app pause words\n",
    .details =
        "What is under way is committed; partitions stay with the process, sources and sinks\n"
        "go on. It lasts over failures of the application, not over the end of the process.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct describe_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = pause_app,
};

const struct command command_app_resume = {
    .noun = "app",
    .verb = "resume",
    .arguments = "APP",
    .summary = "lets a paused application go on",
    .examples = "tidemill app resume words\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct describe_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = resume_app,
};
