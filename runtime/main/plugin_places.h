/* The directories where plugins are looked for: those that a person names, then `connectors` beside
 * the program, then that of an installed one.
 *
 * Owns:   the paths of the program's own. What a person named is borrowed.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/flag.h"

enum { PLUGIN_PLACES_MAX = 8, PLUGIN_PLACES_PATH_SIZE = 4096 };

struct plugin_places {
    const char *items[PLUGIN_PLACES_MAX];
    size_t count;
    char own[PLUGIN_PLACES_PATH_SIZE];
    char installed[PLUGIN_PLACES_PATH_SIZE];
};

/* `asked`: of --plugins; NULL for none. What is more than there is room for is left out. */
void plugin_places_find(struct plugin_places *places, const struct flag_list *asked);
