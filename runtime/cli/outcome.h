/* What became of the things that a command was to change: sentences for people, with -o json a list
 * of objects:
 *
 *     [{"topic":"a","status":"created","error":null},
 *      {"topic":"b","status":"failed","error":"TOPIC_ALREADY_EXISTS"}]
 *
 * Owns:   the rows, until outcome_close.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/cli/grid.h"

enum { OUTCOME_COLUMNS = 3 };

struct outcome {
    struct errand *errand;
    struct grid_column columns[OUTCOME_COLUMNS];
    struct grid grid;
};

/* `kind` names the things: "topic". */
void outcome_open(struct outcome *outcome, struct errand *errand, const char *kind);
/* Prints the list after success, or when there is something in it. */
void outcome_close(struct outcome *outcome, int code);
/* A row of the list: "created", "changed", "deleted", "exists", "missing"; "valid" when it was only
 * asked for. */
void outcome_add(struct outcome *outcome, struct bytes subject, const char *status);
/* A sentence for people. */
__attribute__((format(printf, 2, 3))) void outcome_say(struct outcome *outcome, const char *format,
                                                       ...);
/* As errand_refuse, with a row of the list. */
int outcome_refuse(struct outcome *outcome, struct bytes subject, int16_t code,
                   struct bytes message);
