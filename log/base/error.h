/* The names of all expected failures.
 *
 * An expected failure is a negative int: one row of error.def. Zero is success. Foreign errors
 * (errno, libuv, zlib, Lua) are translated at the border where they enter; only the server turns
 * a row into the code that a client is told.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum error_index {
#define ERROR(name, code, retriable, text) ERROR_INDEX_##name,
#include "log/base/error.def"
#undef ERROR
    ERROR_COUNT
};

enum error {
    ERROR_NONE = 0,
#define ERROR(name, code, retriable, text) ERROR_##name = -1 - ERROR_INDEX_##name,
#include "log/base/error.def"
#undef ERROR
};

/* "OFFSET_OUT_OF_RANGE"; "NONE" for 0. Never NULL. */
const char *error_name(int error);
/* A sentence fragment in lower case; "success" for 0. Never NULL. */
const char *error_text(int error);
/* The Kafka error code a client is told; 0 for 0. */
int16_t error_code(int error);
/* The row that stands for a Kafka error code; ERROR_UNKNOWN_SERVER for an unknown one. */
int error_from_code(int16_t code);
/* Whether the same request may succeed later. */
bool error_is_retriable(int error);
/* Translates errno. */
int error_from_errno(int number);
