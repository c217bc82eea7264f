/* Views and buffers of bytes; see bytes.h. */
#include "log/base/bytes.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes bytes_from_string(const char *text)
{
    return text == NULL ? (struct bytes){NULL, 0} : bytes_make(text, strlen(text));
}

bool bytes_equal(struct bytes left, struct bytes right)
{
    if (left.data == NULL || right.data == NULL) {
        return left.data == right.data;
    }
    return left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
}

bool bytes_equal_string(struct bytes view, const char *text)
{
    return bytes_equal(view, bytes_from_string(text));
}

int bytes_compare(struct bytes left, struct bytes right)
{
    if (left.data == NULL || right.data == NULL) {
        return (left.data != NULL) - (right.data != NULL);
    }
    size_t shared = left.size < right.size ? left.size : right.size;
    int order = memcmp(left.data, right.data, shared);
    if (order != 0) {
        return order;
    }
    return (left.size > right.size) - (left.size < right.size);
}

size_t bytes_end_of_prefix(uint8_t *prefix, size_t size)
{
    while (size > 0 && prefix[size - 1] == 0xff) {
        size--;
    }
    if (size > 0) {
        prefix[size - 1]++;
    }
    return size;
}

bool bytes_has_prefix(struct bytes view, struct bytes prefix)
{
    return view.size >= prefix.size &&
           (prefix.size == 0 || memcmp(view.data, prefix.data, prefix.size) == 0);
}

char *bytes_to_string(struct bytes view)
{
    if (view.data == NULL) {
        return NULL;
    }
    char *text = memory_alloc(view.size + 1);
    memcpy(text, view.data, view.size);
    text[view.size] = 0;
    return text;
}

struct bytes bytes_copy(struct bytes view)
{
    return bytes_make(bytes_to_string(view), view.size);
}

void bytes_free(struct bytes owned)
{
    free((void *)(uintptr_t)owned.data);
}

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){NULL, 0, 0};
}

void buffer_fini(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

uint8_t *buffer_grow(struct buffer *buffer, size_t extra)
{
    check(extra <= SIZE_MAX / 2 - buffer->size);
    size_t needed = buffer->size + extra;
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity * 2;
        if (capacity < needed) {
            capacity = needed;
        }
        buffer->data = memory_resize(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_add_string(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_remove(struct buffer *buffer, size_t size)
{
    check(size <= buffer->size);
    buffer->size -= size;
    if (buffer->size > 0 && size > 0) {
        memmove(buffer->data, buffer->data + size, buffer->size);
    }
}

void buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
{
    va_list copy;
    va_copy(copy, arguments);
    int size = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    check(size >= 0);
    uint8_t *room = buffer_reserve(buffer, (size_t)size + 1);
    vsnprintf((char *)room, (size_t)size + 1, format, arguments);
    buffer->size += (size_t)size;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    static const uint8_t nothing;
    return bytes_make(buffer->data == NULL ? &nothing : buffer->data, buffer->size);
}

const char *buffer_string(struct buffer *buffer)
{
    uint8_t *end = buffer_reserve(buffer, 1);
    *end = 0;
    return (const char *)buffer->data;
}
