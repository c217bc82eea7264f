/* The main of a unit test in which bugs are planted too (tests/world).
 *
 * With `expect` among the arguments a bug was planted, and finding none is the failure. */
#pragma once

#include "log/base/check.h"
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline void planted_on_check(const char *condition, const char *file, int line)
{
    printf("check(%s) at %s:%d\n", condition, file, line);
    fflush(stdout);
    _exit(0);
}

static inline bool planted_begin(int count, char **arguments)
{
    bool is_planted = count > 1 && strcmp(arguments[count - 1], "expect") == 0;
    if (is_planted) {
        check_on_failure(planted_on_check);
    }
    return is_planted;
}

/* The exit code. */
static inline int planted_end(bool is_planted, int failed)
{
    if (is_planted) {
        fflush(stdout);
        _exit(failed == 0); /* what failed left its memory as it is; no leak check then */
    }
    return failed;
}
