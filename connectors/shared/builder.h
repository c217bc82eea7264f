/* Text that grows, for connectors.
 *
 * Owns:   its memory. An allocation that fails stops the process; callers bound what they add.
 * Thread: the owner's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct builder {
    char *data;
    size_t size; /* without the NUL that builder_text adds */
    size_t capacity;
};

void builder_fini(struct builder *builder);
void builder_clear(struct builder *builder);
/* Room for `extra` more bytes; returns where they go. */
char *builder_reserve(struct builder *builder, size_t extra);
void builder_add(struct builder *builder, const void *data, size_t size);
void builder_add_text(struct builder *builder, const char *text);
void builder_add_byte(struct builder *builder, char byte);
void builder_add_integer(struct builder *builder, int64_t number);
/* The content with a NUL behind it, valid until the next change. */
const char *builder_text(struct builder *builder);
/* Allocation that stops the process instead of failing; freed with free(). */
void *builder_alloc(size_t count, size_t size);
void *builder_resize(void *memory, size_t count, size_t size);
char *builder_copy(const char *text);
