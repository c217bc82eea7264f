/* Where plugins are; see plugin_places.h. */
#include "runtime/main/plugin_places.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAM_PLACES = 2 };

void plugin_places_find(struct plugin_places *places, const struct flag_list *asked)
{
    char program[PLUGIN_PLACES_PATH_SIZE];
    places->count = 0;
    for (size_t i = 0; asked != NULL && i < asked->count; i++) {
        if (places->count < PLUGIN_PLACES_MAX - PROGRAM_PLACES) {
            places->items[places->count++] = asked->items[i];
        }
    }
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0) {
        return;
    }
    program[size] = 0;
    *strrchr(program, '/') = 0;
    snprintf(places->own, sizeof places->own, "%.4000s/connectors", program);
    snprintf(places->installed, sizeof places->installed, "%.4000s/../lib/tidemill/connectors",
             program);
    places->items[places->count++] = places->own;
    places->items[places->count++] = places->installed;
}
