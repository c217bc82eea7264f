/* Numbers of JSON; see number.h. */
#include "runtime/format/number.h"

#include "runtime/format/json_writer.h"

bool number_read(const struct json *json, uint32_t token, struct number *out)
{
    struct number number = {0};
    number.is_integer = json_int64(json, token, &number.integer);
    if (!number.is_integer && !json_double(json, token, &number.real)) {
        return false;
    }
    *out = number;
    return true;
}

double number_real(const struct number *number)
{
    return number->is_integer ? (double)number->integer : number->real;
}

static int compare_mixed(int64_t integer, double real)
{
    if (real != real) {
        return 2;
    }
    if (real >= 9223372036854775808.0) {
        return -1;
    }
    if (real < -9223372036854775808.0) {
        return 1;
    }
    int64_t whole = (int64_t)real;
    if (integer != whole) {
        return integer < whole ? -1 : 1;
    }
    double rest = real - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

int number_compare(const struct number *left, const struct number *right)
{
    if (left->is_integer && right->is_integer) {
        return left->integer < right->integer ? -1 : left->integer > right->integer;
    }
    if (left->is_integer) {
        return compare_mixed(left->integer, right->real);
    }
    if (right->is_integer) {
        int result = compare_mixed(right->integer, left->real);
        return result == 2 ? 2 : -result;
    }
    if (left->real != left->real || right->real != right->real) {
        return 2;
    }
    return left->real < right->real ? -1 : left->real > right->real;
}

int number_write(struct buffer *out, const struct number *number)
{
    if (number->is_integer) {
        json_writer_int64(out, number->integer);
        return 0;
    }
    return json_writer_double(out, number->real);
}
