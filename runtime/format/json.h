/* A strict JSON reader: one pass judges the text and leaves a list of tokens to look things up in.
 *
 * The text is never copied or changed. A token says where a value lies; an object is followed by
 * its members, each a string token (the name) and the tokens of its value; an array by its
 * elements. `next` jumps over a whole value:
 *
 *     {"a":[1,2],"b":true}     0 object next 7
 *                              1 string "a"   2 array next 5   3 number   4 number
 *                              5 string "b"   6 true
 *
 * Owns:   the list of tokens, reused from parse to parse; the text is borrowed.
 * Keeps:  (1) after a successful json_parse token 0 is the whole value and token_count >= 1;
 *         (2) every token lies inside the text, children inside their parent;
 *         (3) token < next <= token_count.
 * Thread: the owner's.
 * Null is a value and differs from an absent member. When a name comes twice, the last one wins.
 * Integers that fit 64 bits are read exactly; all other numbers keep their text until somebody
 * asks for a double. Source: RFC 8259. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

#include <signal.h>

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

enum {
    JSON_DEPTH_MAX = 128,
    JSON_SIZE_MAX = 1 << 30,
    JSON_ROOT = 0,
};

#define JSON_ABSENT UINT32_MAX

struct json_token {
    uint32_t start; /* of a string: behind its quote */
    uint32_t end;   /* of a string: its closing quote */
    uint32_t next;  /* the token after this value */
    uint32_t count; /* members or elements */
    uint8_t kind;
    bool has_escapes; /* a string that must be decoded */
    bool is_integer;  /* a number without fraction and exponent */
    bool is_repeated; /* a name that comes again in its object; after json_mark_repeated */
};

/* As realloc, told the old size; a new size of 0 frees. NULL refuses to grow. */
typedef void *json_resize(void *owner, void *memory, size_t old_size, size_t new_size);

struct json {
    struct bytes text;
    struct json_token *tokens;
    uint32_t token_count;
    uint32_t token_capacity;
    json_resize *resize; /* where the tokens lie; NULL: where everything does */
    void *resize_owner;
    const volatile sig_atomic_t *is_late; /* set from outside when time is up; NULL: never */
    const char *error_text;               /* after a failure: what is wrong, and where */
    size_t error_position;
};

void json_init(struct json *json);
void json_fini(struct json *json);
/* Gives the tokens back when there is room for more than so many. Nothing may be looked up then. */
void json_trim(struct json *json, uint32_t capacity_max);
/* 0, ERROR_MALFORMED, or ERROR_TOO_LARGE for text that is too large or too deep; ERROR_NO_MEMORY
 * when `resize` refused, ERROR_CANCELLED when it is late. */
must_use int json_parse(struct json *json, struct bytes text);

static inline const struct json_token *json_token(const struct json *json, uint32_t token)
{
    return &json->tokens[token];
}

/* The value of a member, or JSON_ABSENT; also when `object` is no object. */
uint32_t json_find(const struct json *json, uint32_t object, struct bytes name);
/* Marks the names in an object that come again behind, in time that grows with their count alone:
 * whoever walks a hostile object must not look each name up. */
void json_mark_repeated(struct json *json, uint32_t object);
/* The element at an index from 0, or JSON_ABSENT; also when `array` is no array. */
uint32_t json_element(const struct json *json, uint32_t array, uint32_t index);
/* The bytes of a value as written, quotes included. */
struct bytes json_raw(const struct json *json, uint32_t token);
/* Whether a string token says `text`. */
bool json_equals(const struct json *json, uint32_t token, struct bytes text);
/* The content of a string token: borrowed from the text or, with escapes, decoded into `scratch`
 * (appended; valid until scratch changes). A lone surrogate becomes U+FFFD. */
struct bytes json_string(const struct json *json, uint32_t token, struct buffer *scratch);
/* False when the token is no integer of 64 bits. */
must_use bool json_int64(const struct json *json, uint32_t token, int64_t *out);
/* False when the token is no number. A number beyond a double is read as infinity. */
must_use bool json_double(const struct json *json, uint32_t token, double *out);
void json_check(const struct json *json);
