/* Text that grows. See builder.h. */
#include "connectors/shared/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must_have(void *memory)
{
    if (memory == NULL) {
        fputs("a connector ran out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *builder_alloc(size_t count, size_t size)
{
    return must_have(calloc(count == 0 ? 1 : count, size));
}

void *builder_resize(void *memory, size_t count, size_t size)
{
    return must_have(reallocarray(memory, count == 0 ? 1 : count, size));
}

char *builder_copy(const char *text)
{
    return must_have(strdup(text));
}

void builder_fini(struct builder *builder)
{
    free(builder->data);
    *builder = (struct builder){.data = NULL};
}

void builder_clear(struct builder *builder)
{
    builder->size = 0;
}

char *builder_reserve(struct builder *builder, size_t extra)
{
    if (builder->capacity - builder->size < extra || builder->data == NULL) {
        size_t capacity = builder->capacity * 2 + extra + 64;
        builder->data = builder_resize(builder->data, capacity, 1);
        builder->capacity = capacity;
    }
    return builder->data + builder->size;
}

void builder_add(struct builder *builder, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(builder_reserve(builder, size), data, size);
        builder->size += size;
    }
}

void builder_add_text(struct builder *builder, const char *text)
{
    builder_add(builder, text, strlen(text));
}

void builder_add_byte(struct builder *builder, char byte)
{
    builder_add(builder, &byte, 1);
}

void builder_add_integer(struct builder *builder, int64_t number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%lld", (long long)number);
    builder_add(builder, text, (size_t)size);
}

const char *builder_text(struct builder *builder)
{
    *builder_reserve(builder, 1) = '\0';
    return builder->data;
}
