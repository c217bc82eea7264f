/* Looks rows of error.def up by value and by Kafka code. */
#include "log/base/error.h"

#include <errno.h>
#include <stddef.h>

struct error_row {
    const char *name;
    int16_t code;
    bool is_retriable;
    const char *text;
};

static const struct error_row error_rows[] = {
#define ERROR(name, code, retriable, text) {#name, code, retriable, text},
#include "log/base/error.def"
#undef ERROR
};

static const struct error_row *error_row(int error)
{
    static const struct error_row success = {"NONE", 0, false, "success"};
    static const struct error_row unknown = {"UNKNOWN", -1, false, "an unknown error"};
    if (error == 0) {
        return &success;
    }
    if (error > 0 || error < -(int)ERROR_COUNT) {
        return &unknown;
    }
    return &error_rows[-1 - error];
}

const char *error_name(int error)
{
    return error_row(error)->name;
}

const char *error_text(int error)
{
    return error_row(error)->text;
}

int16_t error_code(int error)
{
    return error_row(error)->code;
}

bool error_is_retriable(int error)
{
    return error_row(error)->is_retriable;
}

int error_from_code(int16_t code)
{
    if (code == 0) {
        return 0;
    }
    /* Kafka's own rows follow ours; -1 is the first of them. */
    for (int i = ERROR_INDEX_UNKNOWN_SERVER; i < (int)ERROR_COUNT; i++) {
        if (error_rows[i].code == code) {
            return -1 - i;
        }
    }
    return ERROR_UNKNOWN_SERVER;
}

int error_from_errno(int number)
{
    switch (number) {
    case 0:
        return 0;
    case EAGAIN:
    case EINTR:
        return ERROR_AGAIN;
    case ENOMEM:
        return ERROR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return ERROR_NO_SPACE;
    case EMFILE:
    case ENFILE:
        return ERROR_NO_DESCRIPTORS;
    case EROFS:
        return ERROR_READ_ONLY;
    case ENOENT:
    case ENOTDIR:
    case EADDRNOTAVAIL:
        return ERROR_NOT_FOUND;
    case EISDIR:
        return ERROR_IS_DIRECTORY;
    case EEXIST:
    case ENOTEMPTY:
        return ERROR_EXISTS;
    case EACCES:
    case EPERM:
        return ERROR_DENIED;
    case EBUSY:
    case EADDRINUSE:
        return ERROR_BUSY;
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
        return ERROR_CLOSED;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return ERROR_REFUSED;
    case ECANCELED:
        return ERROR_CANCELLED;
    case ETIMEDOUT:
        return ERROR_TIMEOUT;
    default:
        return ERROR_IO;
    }
}
