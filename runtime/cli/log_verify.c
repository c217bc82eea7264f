/* tidemill log verify DIR: judges a data directory and changes nothing. See audit.h. */
#include "log/base/error.h"
#include "runtime/cli/audit.h"
#include "runtime/cli/command.h"

static int run(struct command_world *world, const void *values, const struct flag_list *arguments)
{
    (void)values;
    struct buffer problems;
    buffer_init(&problems);
    struct audit audit = {.io = world->io, .problems = &problems};
    int error = 0;
    for (size_t i = 0; i < arguments->count && error == 0; i++) {
        error = audit_directory(&audit, arguments->items[i]);
        command_print(world, &problems);
        if (error != 0) {
            command_fail(world, "%s: %s", arguments->items[i], error_text(error));
        }
    }
    buffer_fini(&problems);
    if (error != 0) {
        return COMMAND_FAILED;
    }
    fprintf(world->out,
            "%lld logs, %lld segments, %lld batches, %lld records, %lld bytes: %lld problems\n",
            (long long)audit.log_count, (long long)audit.segment_count,
            (long long)audit.batch_count, (long long)audit.record_count, (long long)audit.size,
            (long long)audit.problem_count);
    return audit.problem_count == 0 ? COMMAND_OK : COMMAND_FAILED;
}

const struct command command_log_verify = {
    .noun = "log",
    .verb = "verify",
    .arguments = "DIR...",
    .summary = "checks the files of a data directory without changing them",
    .details = "Every batch (place, CRC, records, offsets, leader epoch), every index entry,\n"
               "producer snapshots and leader-epoch checkpoints. DIR is a data directory or the\n"
               "directory of one log. Prints one line per problem and then exits with 1.\n"
               "Stop the broker first: the end of a log that grows may look torn.\n",
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
