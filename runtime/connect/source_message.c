/* Makes and frees messages; see source_message.h. */
#include "runtime/connect/source_message.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct source_message *source_message_new(enum source_message_kind kind, const char *partition,
                                          const char *offset, size_t size)
{
    struct source_message *message = memory_new(struct source_message);
    message->kind = kind;
    message->partition = memory_string(partition);
    message->offset = memory_string(offset);
    message->size = size;
    return message;
}

void source_message_free(struct source_message *message)
{
    free(message->partition);
    free(message->offset);
    free(message);
}
