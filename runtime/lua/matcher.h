/* Lua's patterns (reference manual, section 6.4.1), matched within a budget of steps.
 *
 * The library's own matcher can run for years inside one call of string.find, where no watchdog
 * reaches it: ("a"):rep(30000):find((".-"):rep(6) .. "b"). This one gives up, when its steps are
 * used up or when somebody says that it is late.
 *
 * A plain value; nothing is allocated.
 *
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

#include <signal.h>

enum {
    MATCHER_CAPTURES_MAX = 32,
    MATCHER_DEPTH_MAX = 200,
    MATCHER_STEPS_MAX = 10 * 1000 * 1000, /* of one call in Lua: some tens of milliseconds */
    MATCHER_OPEN = -1,                    /* a capture that is not closed */
    MATCHER_POSITION = -2,                /* "()": captures where it is */
};

struct matcher_capture {
    const uint8_t *start;
    ptrdiff_t size; /* or one of the above */
};

struct matcher {
    const uint8_t *text;
    const uint8_t *text_end;
    const uint8_t *pattern_end;
    const volatile sig_atomic_t *is_late; /* set from outside when time is up; NULL: never */
    int64_t steps;
    int depth;
    int capture_count;
    const char *error; /* why it gave up or what is wrong with the pattern; NULL: nothing */
    struct matcher_capture captures[MATCHER_CAPTURES_MAX];
};

void matcher_init(struct matcher *matcher, struct bytes text, struct bytes pattern);
/* Matches exactly at `at`, the pattern without its leading ^. Returns where the match ends, or
 * NULL: no match, or matcher->error. Steps add up over calls. */
const uint8_t *matcher_match(struct matcher *matcher, const uint8_t *at, const uint8_t *pattern);
