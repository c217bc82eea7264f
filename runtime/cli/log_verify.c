/* tidemill log verify DIR: judges a data directory and changes nothing. See audit.h. */
#include "log/base/error.h"
#include "runtime/cli/audit.h"
#include "runtime/cli/command.h"
#include "runtime/cli/envelope.h"

struct verify_values {
    const char *output;
};

/* Problems are lines of text; in JSON they are strings. */
static void print_json(struct command_world *world, const struct audit *audit,
                       struct bytes problems)
{
    struct buffer out;
    buffer_init(&out);
    buffer_printf(&out,
                  "{\"logs\":%lld,\"segments\":%lld,\"batches\":%lld,\"records\":%lld,"
                  "\"bytes\":%lld,\"problems\":",
                  (long long)audit->log_count, (long long)audit->segment_count,
                  (long long)audit->batch_count, (long long)audit->record_count,
                  (long long)audit->size);
    envelope_write_json_lines(problems, &out);
    buffer_add_string(&out, "}\n");
    command_print(world, &out);
    buffer_fini(&out);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct verify_values *values = given;
    bool is_json;
    int code = command_read_output(world, values->output, &is_json);
    if (code != COMMAND_OK) {
        return code;
    }
    struct buffer problems;
    buffer_init(&problems);
    struct audit audit = {.io = world->io, .problems = &problems};
    int error = 0;
    for (size_t i = 0; i < arguments->count && error == 0; i++) {
        error = audit_directory(&audit, arguments->items[i]);
        if (!is_json) {
            command_print(world, &problems);
        }
        if (error != 0) {
            command_fail(world, "%s: %s", arguments->items[i], error_text(error));
        }
    }
    if (error == 0 && is_json) {
        print_json(world, &audit, buffer_bytes(&problems));
    }
    buffer_fini(&problems);
    if (error != 0) {
        return COMMAND_FAILED;
    }
    if (is_json) {
        return audit.problem_count == 0 ? COMMAND_OK : COMMAND_FAILED;
    }
    fprintf(world->out,
            "%lld logs, %lld segments, %lld batches, %lld records, %lld bytes: %lld problem%s\n",
            (long long)audit.log_count, (long long)audit.segment_count,
            (long long)audit.batch_count, (long long)audit.record_count, (long long)audit.size,
            (long long)audit.problem_count, audit.problem_count == 1 ? "" : "s");
    return audit.problem_count == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static const struct flag flags[] = {
    COMMAND_OUTPUT_FLAG(struct verify_values, output),
};

const struct command command_log_verify = {
    .noun = "log",
    .verb = "verify",
    .arguments = "DIR...",
    .summary = "checks the files of a data directory without changing them",
    .examples = "tidemill log verify /var/lib/tidemill\n"
                "tidemill log verify tidemill-data/orders-0 -o json\n",
    .details = "Every batch (place, CRC, records, offsets, leader epoch), every index entry,\n"
               "producer snapshots and leader-epoch checkpoints. DIR is a data directory or the\n"
               "directory of one log. Prints one line per problem and then exits with 1.\n"
               "Stop the broker first: the end of a log that grows may look torn.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct verify_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
