/* What a person did wrong, in a sentence with a place.
 *
 * Filled by whatever validates configuration, scripts, topologies and command lines; printed by
 * main, sent as error_message by the server. Only the first sentence is kept: what follows it is
 * usually its consequence.
 * Thread: the owner's. */
#pragma once

#include <stdbool.h>

enum { REPORT_TEXT_SIZE = 1024, REPORT_PLACE_SIZE = 256 };

struct report {
    char text[REPORT_TEXT_SIZE];   /* empty when nothing is wrong */
    char place[REPORT_PLACE_SIZE]; /* "app.lua:12" or "server.properties:3"; may be empty */
};

/* `place` may be NULL. Always returns ERROR_INVALID so that callers can return it. */
__attribute__((format(printf, 3, 4))) int report_add(struct report *report, const char *place,
                                                     const char *format, ...);
bool report_is_empty(const struct report *report);
