/* Assertions that stay on in release.
 *
 * Owns:   nothing.
 * Keeps:  a condition that must hold is checked where it matters; a broken one stops the
 *         process with its text, its place and the last trace lines. Wrong input from outside
 *         is never checked here; it is answered with an error.
 * Thread: any. */
#pragma once

#define check(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            check_failed(#condition, __FILE__, __LINE__);                                          \
        }                                                                                          \
    } while (0)

/* A function whose result says whether it worked. */
#define must_use __attribute__((warn_unused_result))

__attribute__((noreturn)) void check_failed(const char *condition, const char *file, int line);

/* Called once with the broken condition before the process stops; tests of assertions may leave
 * through longjmp. NULL restores the default. */
void check_on_failure(void (*handler)(const char *condition, const char *file, int line));
