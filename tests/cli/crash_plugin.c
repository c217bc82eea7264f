/* A plugin that does what a plugin must not: it crashes, and it tries to start a program.
 *
 * Option `mine`: a file. A record whose value is "poison" is passed while the file is not there,
 * and breaks the process while it is. "execute" passes a record that says how exec was refused;
 * "signal" one that says how a signal to the parent was. With $CRASH_ON_LOAD it does not even load.
 */
#include "runtime/plugin/tidemill.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void crash_now(void)
{
    volatile char *volatile nowhere = NULL;
    *nowhere = 1;
}

__attribute__((constructor)) static void crash_on_load(void)
{
    if (getenv("CRASH_ON_LOAD") != NULL) {
        crash_now();
    }
}

static int is_value(const struct tidemill_record *record, const char *text)
{
    return record->value.size == strlen(text) &&
           memcmp(record->value.data, text, record->value.size) == 0;
}

/* Of a child, which exec would replace; there is none when fork is refused. */
static int execute_errno(void)
{
    char *const arguments[] = {"true", NULL};
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    if (child > 0) {
        return 0;
    }
    execv("/bin/true", arguments);
    return errno;
}

static enum tidemill_status crash_open(struct tidemill_context *context)
{
    (void)context;
    return TIDEMILL_OK;
}

static enum tidemill_status crash_process(struct tidemill_context *context,
                                          const struct tidemill_record *records, size_t count)
{
    enum tidemill_status status = TIDEMILL_OK;
    for (size_t i = 0; i < count && status == TIDEMILL_OK; i++) {
        struct tidemill_record record = records[i];
        char text[64];
        int code = -1;
        if (is_value(&record, "poison") &&
            access(tidemill_option_text(context, "mine"), F_OK) == 0) {
            crash_now();
        }
        if (is_value(&record, "execute")) {
            code = execute_errno();
        } else if (is_value(&record, "signal")) {
            code = kill(getppid(), 0) == 0 ? 0 : errno;
        }
        if (code >= 0) {
            snprintf(text, sizeof text, "%s: %s", code == EPERM ? "refused" : "done",
                     strerror(code));
            record.value = tidemill_bytes_make(text, strlen(text));
        }
        status = context->host->forward(context, &record);
    }
    return status;
}

static const struct tidemill_option options[] = {
    {.name = "mine", .type = TIDEMILL_OPTION_STRING, .help = "Crashes while this file is there."}};
static const struct tidemill_transform functions = {
    .size = sizeof functions, .open = crash_open, .process = crash_process};
static const struct tidemill_kind kind = {.size = sizeof kind,
                                          .type = TIDEMILL_TRANSFORM,
                                          .capabilities = TIDEMILL_KEEPS_KEY,
                                          .name = "crash",
                                          .help = "Crashes on a poisonous record.",
                                          .options = options,
                                          .option_count = 1,
                                          .transform = &functions};
TIDEMILL_PLUGIN("crash", "1.0", "Apache-2.0", &kind);
