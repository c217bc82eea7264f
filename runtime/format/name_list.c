/* Names in order; see name_list.h. */
#include "runtime/format/name_list.h"

#include "log/base/memory.h"

#include <stdlib.h>

void name_list_fini(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i]);
    }
    free(list->names);
    *list = (struct name_list){0};
}

void name_list_add(struct name_list *list, struct bytes name)
{
    size_t count = list->count;
    if ((count & (count - 1)) == 0) {
        list->names = memory_resize(list->names, (count == 0 ? 1 : 2 * count) * sizeof(char *));
    }
    list->names[list->count++] = bytes_to_string(name);
}

size_t name_list_find(const struct name_list *list, struct bytes name)
{
    size_t at = 0;
    while (at < list->count && !bytes_equal_string(name, list->names[at])) {
        at++;
    }
    return at;
}
