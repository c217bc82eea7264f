/* Stops the process when an assertion fails, after saying where and what came before. */
#include "log/base/check.h"

#include "log/base/trace.h"

#include <stdio.h>
#include <stdlib.h>

static void (*failure_handler)(const char *condition, const char *file, int line);

void check_on_failure(void (*handler)(const char *condition, const char *file, int line))
{
    failure_handler = handler;
}

void check_failed(const char *condition, const char *file, int line)
{
    if (failure_handler != NULL) {
        failure_handler(condition, file, line);
    }
    fprintf(stderr, "tidemill: a bug: check(%s) failed at %s:%d\n", condition, file, line);
    trace_print_recent(stderr);
    abort();
}
