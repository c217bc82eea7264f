/* A regular expression and the names it leaves alone; see topic_pattern.h. */
#include "runtime/topology/topic_pattern.h"

#include "log/base/memory.h"
#include "log/base/topic_regex.h"

#include <stdlib.h>
#include <string.h>

struct topic_pattern {
    struct topic_regex *regex;
};

int topic_pattern_new(const char *text, const char *place, struct topic_pattern **out,
                      struct report *report)
{
    struct arena arena;
    struct topic_regex *regex = NULL;
    struct bytes reason = {NULL, 0};
    arena_init(&arena, 0);
    int error = topic_regex_new(bytes_from_string(text), &arena, &regex, &reason);
    if (error != 0) {
        error = report_add(report, place,
                           "'%s' is no pattern of topics: %.*s; it is written as RE2 has it, like "
                           "\"logs-.*\"",
                           text, BYTES_FORMAT(reason));
    } else {
        struct topic_pattern *pattern = memory_new(struct topic_pattern);
        pattern->regex = regex;
        *out = pattern;
    }
    arena_fini(&arena);
    return error;
}

void topic_pattern_free(struct topic_pattern *pattern)
{
    if (pattern != NULL) {
        topic_regex_free(pattern->regex);
        free(pattern);
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

bool topic_pattern_matches(struct topic_pattern *pattern, const char *name)
{
    return strncmp(name, "__", 2) != 0 && !ends_with(name, "-changelog") &&
           !ends_with(name, "-repartition") &&
           topic_regex_matches(pattern->regex, bytes_from_string(name)) == 1;
}
