/* tidemill log repair DIR: says what it would mend, and with --apply mends it. See repair.h. */
#include "log/base/error.h"
#include "runtime/cli/command.h"
#include "runtime/cli/repair.h"

struct repair_values {
    bool is_applied;
};

static int judge(struct command_world *world, const char *path, int error)
{
    if (error == ERROR_BUSY) {
        return command_fail(world, "%s: a broker uses this data directory; stop it first", path);
    }
    return command_fail(world, "%s: %s", path, error_text(error));
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct repair_values *values = given;
    struct buffer out;
    buffer_init(&out);
    struct repair repair = {.io = world->io, .out = &out, .is_applied = values->is_applied};
    int error = repair_directory(&repair, arguments->items[0]);
    command_print(world, &out);
    buffer_fini(&out);
    if (error != 0) {
        return judge(world, arguments->items[0], error);
    }
    if (repair.log_count == 0) {
        return command_fail(world,
                            "%s: no logs here; name a data directory, such as "
                            "./tidemill-data",
                            arguments->items[0]);
    }
    if (repair.problem_count == 0) {
        fputs("nothing to mend\n", world->out);
        return COMMAND_OK;
    }
    fprintf(world->out, "%lld problems; %s%lld offsets lost%s\n", (long long)repair.problem_count,
            values->is_applied ? "mended, " : "", (long long)repair.lost_count,
            values->is_applied ? ", the old bytes are in quarantined/"
                               : "; nothing was changed, --apply does it");
    return values->is_applied ? COMMAND_OK : COMMAND_FAILED;
}

static const struct flag flags[] = {
    FLAG(0, "apply", BOOL, struct repair_values, is_applied, NULL,
         "change the files (default: only say what would be done)"),
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
