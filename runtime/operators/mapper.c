/* Asking mappers; see mapper.h. */
#include "runtime/operators/mapper.h"

int mapper_map(const struct mapper *mapper, struct node *node, struct node_context *context,
               const struct record *record, struct record *out)
{
    *out = *record;
    return mapper->map(mapper->owner, node, context, record, out);
}

void mapper_free(const struct mapper *mapper)
{
    if (mapper->free != NULL) {
        mapper->free(mapper->owner);
    }
}
