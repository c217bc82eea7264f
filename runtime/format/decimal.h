/* The text of a double, exact and quick, for numbers of everyday size.
 *
 * Thread: any. */
#pragma once

#include <stddef.h>

enum { DECIMAL_SIZE_MAX = 24 };

/* Writes what printf's %.15g, %.16g or %.17g gives, whichever reads back the same first, and
 * returns its size; 0 for a number that this is not made for: whose magnitude is not in 1e-4 to
 * 1e14. No terminating NUL. */
size_t decimal_write(char *out, double value);
