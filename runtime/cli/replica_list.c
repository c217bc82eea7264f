/* See replica_list.h. Which brokers there are is for the controller to say. */
#include "runtime/cli/replica_list.h"

#include "log/base/text.h"

#include <string.h>

/* "1:2" */
static bool read_list(struct errand *errand, char *text, struct replica_list *out)
{
    char *word;
    int64_t node;
    out->nodes = arena_array(&errand->arena, int32_t, strlen(text) / 2 + 1);
    out->count = 0;
    while ((word = strsep(&text, ":")) != NULL) {
        while (*word == ' ') {
            word++;
        }
        if (text_parse_int64(word, &node) != 0 || node < 0 || node > INT32_MAX) {
            return false;
        }
        out->nodes[out->count++] = (int32_t)node;
    }
    return true;
}

int replica_list_read(struct errand *errand, const char *flag, const char *text,
                      struct replica_list_set *out)
{
    char *rest = arena_string(&errand->arena, bytes_from_string(text)), *word;
    struct replica_list_set lists = {
        .items = arena_array(&errand->arena, struct replica_list, strlen(text) / 2 + 1)};
    while ((word = strsep(&rest, ",")) != NULL) {
        if (!read_list(errand, word, &lists.items[lists.count])) {
            return command_misuse(errand->world,
                                  "%s takes brokers, NODE:NODE for a partition and commas "
                                  "between partitions, not '%s'",
                                  flag, text);
        }
        lists.count++;
    }
    *out = lists;
    return COMMAND_OK;
}
