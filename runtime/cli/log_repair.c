/* tidemill log repair DIR: says what it would mend, and with --apply mends it. See repair.h. */
#include "log/base/error.h"
#include "runtime/cli/command.h"
#include "runtime/cli/envelope.h"
#include "runtime/cli/repair.h"

struct repair_values {
    const char *output;
    bool is_applied;
};

static int judge(struct command_world *world, const char *path, int error)
{
    if (error == ERROR_BUSY) {
        return command_fail(world, "%s: a broker uses this data directory; stop it first", path);
    }
    if (error == ERROR_UNSUPPORTED) {
        return command_fail(world,
                            "%s: an Apache Kafka keeps its topics here (meta.properties); its own "
                            "broker mends them when it starts",
                            path);
    }
    return command_fail(world, "%s: %s", path, error_text(error));
}

static int print_text(struct command_world *world, const struct repair *repair)
{
    command_print(world, repair->out);
    if (repair->problem_count == 0) {
        fputs("nothing to mend\n", world->out);
        return COMMAND_OK;
    }
    fprintf(world->out, "%lld problem%s; %s%lld offset%s lost%s\n",
            (long long)repair->problem_count, repair->problem_count == 1 ? "" : "s",
            repair->is_applied ? "mended, " : "", (long long)repair->lost_count,
            repair->lost_count == 1 ? "" : "s",
            repair->is_applied ? ", the old bytes are in quarantined/"
                               : "; nothing was changed, --apply does it");
    return repair->is_applied ? COMMAND_OK : COMMAND_FAILED;
}

static int print_json(struct command_world *world, const struct repair *repair)
{
    struct buffer out;
    buffer_init(&out);
    buffer_printf(&out,
                  "{\"logs\":%lld,\"problem_count\":%lld,\"applied\":%s,\"lost_offsets\":%lld,"
                  "\"problems\":",
                  (long long)repair->log_count, (long long)repair->problem_count,
                  repair->is_applied ? "true" : "false", (long long)repair->lost_count);
    envelope_write_json_lines(buffer_bytes(repair->out), &out);
    buffer_add_string(&out, "}\n");
    command_print(world, &out);
    buffer_fini(&out);
    return repair->problem_count == 0 || repair->is_applied ? COMMAND_OK : COMMAND_FAILED;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct repair_values *values = given;
    struct buffer out;
    bool is_json;
    int code = command_read_output(world, values->output, &is_json);
    if (code != COMMAND_OK) {
        return code;
    }
    buffer_init(&out);
    struct repair repair = {.io = world->io, .out = &out, .is_applied = values->is_applied};
    int error = repair_directory(&repair, arguments->items[0]);
    if (error != 0) {
        command_print(world, &out);
        code = judge(world, arguments->items[0], error);
    } else if (repair.log_count == 0) {
        code =
            command_fail(world, "%s: no logs here; name a data directory, such as ./tidemill-data",
                         arguments->items[0]);
    } else {
        code = is_json ? print_json(world, &repair) : print_text(world, &repair);
    }
    buffer_fini(&out);
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "apply", BOOL, struct repair_values, is_applied, NULL,
         "change the files (default: only say what would be done)"),
    COMMAND_OUTPUT_FLAG(struct repair_values, output),
};

const struct command command_log_repair = {
    .noun = "log",
    .verb = "repair",
    .arguments = "DIR",
    .summary = "mends a data directory that the broker does not open",
    .details = "Takes out what is no good batch and keeps what lies behind it, cuts torn ends,\n"
               "removes indexes and snapshots that do not fit, writes the epochs again. Whatever\n"
               "is changed was copied to DIR/quarantined first. Stop the broker before.\n"
               "Without --apply nothing is changed, and the exit code is 1 when something is\n"
               "wrong.\n",
    .examples = "tidemill log repair tidemill-data\n"
                "tidemill log repair tidemill-data --apply && tidemill log verify tidemill-data\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct repair_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
