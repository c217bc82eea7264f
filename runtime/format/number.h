/* A number as JSON says it: an integer of 64 bits, exact, or a double.
 *
 * A plain value. Thread: any. */
#pragma once

#include "runtime/format/json.h"

struct number {
    bool is_integer;
    int64_t integer;
    double real; /* when it is no integer */
};

static inline struct number number_from_integer(int64_t integer)
{
    return (struct number){.is_integer = true, .integer = integer};
}

static inline struct number number_from_double(double real)
{
    return (struct number){.real = real};
}

/* False when the token is no number. A number beyond a double is read as infinity. */
must_use bool number_read(const struct json *json, uint32_t token, struct number *out);
/* The nearest double. */
double number_real(const struct number *number);
/* -1, 0 or 1 without losing digits; 2 when one of them is not-a-number. */
int number_compare(const struct number *left, const struct number *right);
/* ERROR_INVALID for infinities and not-a-number, which JSON cannot say. */
must_use int number_write(struct buffer *out, const struct number *number);
