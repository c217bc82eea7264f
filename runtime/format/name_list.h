/* A few names in order.
 *
 * Owns:   the names.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"

struct name_list {
    char **names;
    size_t count;
};

void name_list_fini(struct name_list *list);
/* Appends a copy. */
void name_list_add(struct name_list *list, struct bytes name);
/* The place of a name, or `count`. */
size_t name_list_find(const struct name_list *list, struct bytes name);
