/* cmocka with the headers it needs in the order it needs them. */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* The thread sanitizer delivers a signal when the thread calls the kernel the next time, so that an
 * endless loop is never told that its time is up. */
#ifdef __SANITIZE_THREAD__
enum { UNIT_HAS_LATE_SIGNALS = 1 };
#else
enum { UNIT_HAS_LATE_SIGNALS = 0 };
#endif
