/* Borrowed views and owned buffers of bytes.
 *
 * `struct bytes` is a view: it is copied freely, never freed, and valid as long as what it points
 * into. `data == NULL` means null (Kafka's absent value), which differs from an empty value
 * (`data != NULL, size == 0`); a zero-initialised view is null.
 * `struct buffer` owns its memory and grows; whoever holds it calls buffer_fini.
 * Thread: the owner's. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)("" text), sizeof(text) - 1})
/* printf("%.*s", BYTES_FORMAT(view)) */
#define BYTES_FORMAT(view) (int)(view).size, (view).data == NULL ? "" : (const char *)(view).data

static inline struct bytes bytes_make(const void *data, size_t size)
{
    return (struct bytes){(const uint8_t *)data, size};
}

static inline bool bytes_is_null(struct bytes view)
{
    return view.data == NULL;
}

/* NULL gives null. */
struct bytes bytes_from_string(const char *text);
/* Null equals only null. */
bool bytes_equal(struct bytes left, struct bytes right);
bool bytes_equal_string(struct bytes view, const char *text);
/* Unsigned lexical order; null sorts first. */
int bytes_compare(struct bytes left, struct bytes right);
bool bytes_has_prefix(struct bytes view, struct bytes prefix);
/* Makes of `size` bytes, a prefix, the smallest of what is larger than everything that begins with
 * it: they are changed, and how many are left is returned; 0: nothing is larger. */
size_t bytes_end_of_prefix(uint8_t *prefix, size_t size);
/* A copy with a terminating NUL that the caller frees with free(); NULL for null. */
char *bytes_to_string(struct bytes view);
/* An owned copy, freed by casting away const from `.data` through bytes_free. */
struct bytes bytes_copy(struct bytes view);
void bytes_free(struct bytes owned);

struct buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

void buffer_init(struct buffer *buffer);
void buffer_fini(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);
/* The way of buffer_reserve when there is not enough room. */
uint8_t *buffer_grow(struct buffer *buffer, size_t extra);

/* Makes room for `extra` more bytes and returns where they go; the size does not change. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t extra)
{
    bool has_room = buffer->data != NULL && extra <= buffer->capacity - buffer->size;
    return has_room ? buffer->data + buffer->size : buffer_grow(buffer, extra);
}

static inline void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    uint8_t *room = buffer_reserve(buffer, size);
    if (size > 0) {
        memcpy(room, data, size);
    }
    buffer->size += size;
}

static inline void buffer_add_bytes(struct buffer *buffer, struct bytes view)
{
    buffer_add(buffer, view.data, view.size);
}

static inline void buffer_add_byte(struct buffer *buffer, uint8_t value)
{
    *buffer_reserve(buffer, 1) = value;
    buffer->size++;
}

void buffer_add_string(struct buffer *buffer, const char *text);
/* Removes `size` bytes from the front. */
void buffer_remove(struct buffer *buffer, size_t size);
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *buffer, const char *format,
                                                         ...);
void buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments);
/* Never null, also when empty. */
struct bytes buffer_bytes(const struct buffer *buffer);
/* The content as a C string, valid until the buffer changes. */
const char *buffer_string(struct buffer *buffer);
