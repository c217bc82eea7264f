/* What a cluster says of a version that runs, or ran, on a part of the tasks of its application. As
 * it is put into a topic, as JSON:
 *
 *     {"state":"running","at":1764000000000,"share":[1,8],"for_ms":600000,"why":"",
 *      "version":{…}}                             (runtime/app/app_bundle.h)
 *
 * Owns:   the version's files, the sentence.
 * Thread: any, one at a time. */
#pragma once

#include "runtime/app/app_bundle.h"
#include "runtime/app/canary.h"

enum canary_order_state {
    CANARY_ORDER_RUNNING,
    CANARY_ORDER_ROLLED_BACK, /* `why` says what was wrong */
    CANARY_ORDER_PROMOTED,    /* it is the current version, or was */
    CANARY_ORDER_REPLACED,    /* somebody deployed another one */
};

struct canary_order {
    enum canary_order_state state;
    int64_t at_ms; /* when that was said; of one that runs, when it began */
    struct canary_share share;
    int64_t for_ms; /* so long, then it becomes current if it did well; 0: when somebody says so */
    char *why;      /* NULL: nothing was said */
    struct app_bundle bundle;
};

void canary_order_init(struct canary_order *order);
void canary_order_fini(struct canary_order *order);
/* Fills an empty one. */
void canary_order_copy(struct canary_order *to, const struct canary_order *from);
/* From now on it is in this state; `why` may be NULL. */
void canary_order_end(struct canary_order *order, enum canary_order_state state, const char *why,
                      int64_t at_ms);
/* "rolled back" */
const char *canary_order_state_name(enum canary_order_state state);
void canary_order_write(const struct canary_order *order, struct buffer *out);
/* Fills an empty one. ERROR_INVALID with the report filled for anything that canary_order_write
 * does not write. */
must_use int canary_order_read(struct canary_order *order, struct bytes json,
                               struct report *report);
