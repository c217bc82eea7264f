/* tidemill tap: records as a node of an application is given them, live. */
#include "runtime/cli/answer.h"
#include "runtime/cli/envelope.h"

#include <inttypes.h>

enum { TAP_PLACE_SIZE = 2048 }; /* a number for each thread of the process */

struct tap_values {
    struct answer_flags answer;
    int64_t count;
};

/* How far a tap is. */
struct tap {
    struct command_world *world;
    const struct tap_values *values;
    const char *app;
    const char *node;
    char last[TAP_PLACE_SIZE]; /* where the answer before said that the next is to begin */
    int64_t printed_count;
};

static void print_text(const struct answer *answer, uint32_t record, const char *name,
                       struct buffer *out)
{
    uint32_t token = json_find(&answer->json, record, bytes_from_string(name));
    bool is_string = token != JSON_ABSENT && json_token(&answer->json, token)->kind == JSON_STRING;
    if (is_string) {
        envelope_write_text(answer_text(answer, record, name), out);
    } else if (token != JSON_ABSENT) {
        buffer_add_bytes(out, json_raw(&answer->json, token));
    }
}

static void print_record(const struct answer *answer, uint32_t record, struct buffer *out)
{
    buffer_printf(out, "%" PRId64 " ", answer_number(answer, record, "partition"));
    print_text(answer, record, "key", out);
    if (json_find(&answer->json, record, BYTES_LITERAL("window_start")) != JSON_ABSENT) {
        buffer_printf(out, " [%" PRId64 ",%" PRId64 "]",
                      answer_number(answer, record, "window_start"),
                      answer_number(answer, record, "window_end"));
    }
    buffer_add_byte(out, ' ');
    print_text(answer, record, "value", out);
    buffer_add_byte(out, '\n');
}

static bool is_enough(const struct tap *tap)
{
    return tap->values->count > 0 && tap->printed_count >= tap->values->count;
}

static void print_records(struct tap *tap, const struct answer *answer)
{
    struct buffer *out = &answer->errand->out;
    uint32_t count = 0;
    uint32_t records = answer_list(answer, JSON_ROOT, "records", &count);
    int64_t lost = answer_number(answer, JSON_ROOT, "lost");
    if (lost > 0) {
        fprintf(tap->world->errors, "tidemill: %" PRId64 " records came too fast to be shown\n",
                lost);
    }
    for (uint32_t i = 0; i < count && !is_enough(tap); i++) {
        uint32_t record = json_element(&answer->json, records, i);
        if (answer->errand->is_json) {
            buffer_add_bytes(out, json_raw(&answer->json, record));
            buffer_add_byte(out, '\n');
        } else {
            print_record(answer, record, out);
        }
        tap->printed_count++;
    }
}

/* A number, or a text when several threads have records. */
static void keep_place(struct tap *tap, const struct answer *answer)
{
    struct bytes text = answer_text(answer, JSON_ROOT, "last");
    if (text.size > 0) {
        snprintf(tap->last, sizeof tap->last, "%.*s", BYTES_FORMAT(text));
    } else {
        snprintf(tap->last, sizeof tap->last, "%" PRId64, answer_number(answer, JSON_ROOT, "last"));
    }
}

/* One look, with a client of its own, so that nothing adds up. False when there is to be no other.
 */
static bool look(struct tap *tap, int *code)
{
    const struct errand_flags flags = {.output = tap->values->answer.output};
    const char *const parts[] = {"apps", tap->app, "tap", tap->node, NULL};
    struct errand errand;
    struct answer answer;
    struct buffer path;
    *code = errand_open(&errand, tap->world, &flags, NULL, NULL);
    if (*code != COMMAND_OK) {
        return false;
    }
    buffer_init(&path);
    answer_make_path(&path, parts);
    buffer_printf(&path, "?after=%s", tap->last);
    *code = answer_ask(&answer, &errand, tap->values->answer.http, "GET", buffer_string(&path));
    buffer_fini(&path);
    if (*code == COMMAND_OK) {
        print_records(tap, &answer);
        keep_place(tap, &answer);
    }
    answer_fini(&answer);
    bool goes_on = *code == COMMAND_OK && command_print(tap->world, &errand.out) &&
                   command_flush(tap->world) && !is_enough(tap) && errand_pause(&errand) == 0;
    errand_close(&errand);
    return goes_on;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct tap_values *values = given;
    struct tap tap = {.world = world,
                      .values = values,
                      .app = arguments->items[0],
                      .node = arguments->items[1],
                      .last = "-1"};
    bool ignored;
    int code = command_read_output(world, values->answer.output, &ignored);
    if (code == COMMAND_OK) {
        while (look(&tap, &code)) {}
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('c', "count", INT, struct tap_values, count, "COUNT", "end after so many records"),
    ANSWER_FLAGS(struct tap_values),
};

const struct command command_tap = {
    .verb = "tap",
    .arguments = "APP NODE",
    .summary = "shows records as a step of an application is given them",
    .examples = "tidemill tap shop spent\n"
                "tidemill tap shop to-1 -c 10 -o json\n",
    .details =
        "Prints partition, key and value of each record that the node is given from now on,\n"
        "also of one that fails behind it. 'tidemill app plan APP' names the nodes. What comes\n"
        "faster than it can be shown is counted and left out; records wait for nobody.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct tap_values),
    .argument_min = 2,
    .argument_max = 2,
    .run = run,
};
