/* The program: one loop, the signals, the standard streams, and the table of commands.
 *
 * SIGINT and SIGTERM ask the command to end; a second one ends the process at once. Descriptors
 * are taken up to the hard limit: every connection and every open segment is one. */
#include "log/base/hash.h"
#include "log/io/io_uv.h"
#include "runtime/cli/cli.h"
#include "runtime/main/app_deploy.h"
#include "runtime/main/app_plan.h"
#include "runtime/main/app_reset.h"
#include "runtime/main/doctor.h"
#include "runtime/main/play_replay.h"
#include "runtime/main/play_why.h"
#include "runtime/main/run.h"
#include "runtime/main/serve.h"
#include "runtime/main/test.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_KILLED = 130 };

static void run_loop(void *owner)
{
    io_uv_run(owner);
}

static void stop_loop(void *owner)
{
    io_uv_stop(owner);
}

static void on_signal(void *owner, int signal_number)
{
    (void)signal_number;
    struct command_world *world = owner;
    if (world->is_interrupted) {
        _exit(EXIT_KILLED);
    }
    world->is_interrupted = true;
    io_uv_stop(world->io);
}

enum { DESCRIPTORS_MIN = 32 };

/* False, with a sentence, where there are too few: below that not even the loop can be made. */
static bool raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return true;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_max < DESCRIPTORS_MIN) {
        fprintf(stderr,
                "tidemill: this process may open %llu files and needs at least %d; raise the hard "
                "limit (ulimit -Hn, LimitNOFILE= of a systemd unit)\n",
                (unsigned long long)limit.rlim_max, (int)DESCRIPTORS_MIN);
        return false;
    }
    return true;
}

/* Where kcat looks for its properties: $KCAT_CONFIG, or a file at home that need not be there. */
static const char *find_kcat_config(char path[PATH_MAX])
{
    const char *named = getenv("KCAT_CONFIG"), *home = getenv("HOME");
    if (named != NULL && named[0] != '\0') {
        return named;
    }
    snprintf(path, PATH_MAX, "%.4000s/.config/kcat.conf", home == NULL ? "" : home);
    return access(path, R_OK) == 0 ? path : NULL;
}

int main(int argc, char **argv)
{
    char kcat_config[PATH_MAX];
    static const struct command *const commands[] = {&run_command,
                                                     &test_command,
                                                     &app_plan_command,
                                                     &app_reset_command,
                                                     &app_deploy_command,
                                                     &app_deploy_versions_command,
                                                     &app_deploy_promote_command,
                                                     &app_deploy_rollback_command,
                                                     &app_deploy_rm_command,
                                                     &serve_command,
                                                     &doctor_command,
                                                     &play_replay_command,
                                                     &play_why_command};
    if (!raise_descriptor_limit()) {
        return COMMAND_FAILED;
    }
    struct io *io = io_uv_new();
    struct command_world world = {
        .io = io,
        .run = run_loop,
        .stop = stop_loop,
        .owner = io,
        .out = stdout,
        .errors = stderr,
        .input = STDIN_FILENO,
        .brokers = getenv("TIDEMILL_BROKERS"),
        .kcat_config = find_kcat_config(kcat_config),
        .version = TIDEMILL_VERSION,
    };
    uint64_t secret[2];
    io_random(io, secret, sizeof secret);
    hash_set_secret(secret);
    io_uv_on_signal(io, SIGINT, on_signal, &world);
    io_uv_on_signal(io, SIGTERM, on_signal, &world);
    int code = cli_run(&world, commands, sizeof(commands) / sizeof(commands[0]), argc,
                       (const char *const *)argv);
    if (fflush(stdout) != 0 && code == COMMAND_OK) {
        code = COMMAND_FAILED;
    }
    if (world.is_interrupted) {
        _exit(code); /* another thread may still wait for standard input */
    }
    io_uv_free(io);
    return code;
}
