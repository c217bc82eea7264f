/* A JSON text with changes on top: reads see the changes, and writing splices them into the text,
 * so that every byte that was not changed is reproduced as it was.
 *
 * Owns:   the tokens of its text, the changes and the texts of new values; its own text is
 *         borrowed.
 * Memory: what `json.resize` gives, or where everything lies; new values take from where the text
 *         they are in does.
 * Keeps:  (1) without a change json_patch_write reproduces the text byte for byte;
 *         (2) a place stays usable until json_patch_clear, also when its value was replaced since
 *         (changes made through it are then lost);
 *         (3) members keep their order; new ones come last.
 * Thread: the owner's. */
#pragma once

#include "runtime/format/json.h"

struct json_edit;

enum { JSON_PATCH_DEPTH_MAX = 16 };

struct json_patch {
    struct json json;
    struct json_edit *edits;
    size_t edit_count;
    size_t edit_capacity;
    struct json_patch *values; /* every new value ever given to this text */
    struct json_patch *next;   /* in the list of whom this is a new value */
    uint8_t *own_text;         /* of a new value */
    size_t own_size;
    uint32_t depth; /* how many patches this one is a new value in */
};

/* A value inside a patched text. */
struct json_place {
    struct json_patch *patch;
    uint32_t token;
};

void json_patch_init(struct json_patch *patch);
void json_patch_fini(struct json_patch *patch);
/* Forgets the changes and reads another text. Errors as json_parse. */
must_use int json_patch_parse(struct json_patch *patch, struct bytes text);
/* Forgets text and changes; keeps memory for the next. */
void json_patch_clear(struct json_patch *patch);
/* The same, but gives back what more than so many tokens and any change took. */
void json_patch_trim(struct json_patch *patch, uint32_t token_capacity_max);
bool json_patch_is_changed(const struct json_patch *patch);

static inline struct json_place json_patch_root(struct json_patch *patch)
{
    return (struct json_place){patch, JSON_ROOT};
}
static inline enum json_kind json_place_kind(struct json_place place)
{
    return (enum json_kind)place.patch->json.tokens[place.token].kind;
}

/* False when there is no such member, or `object` is no object. */
bool json_place_find(struct json_place object, struct bytes name, struct json_place *out);
/* Index from 0; false past the end, or when `array` is no array. */
bool json_place_element(struct json_place array, uint32_t index, struct json_place *out);
/* Members or elements; 0 for a scalar. */
uint32_t json_place_count(struct json_place place);
/* Sets a member; `text` is JSON and is copied. Errors as json_parse; ERROR_MALFORMED for a name
 * that is not UTF-8, ERROR_TOO_LARGE for new values inside new values past JSON_PATCH_DEPTH_MAX.
 * As of all that change something: ERROR_NO_MEMORY when json.resize refused, and nothing is changed
 * then. */
must_use int json_place_set(struct json_place object, struct bytes name, struct bytes text);
/* Does nothing when there is no such member. When memory is refused and the member stood there more
 * than once, some of them may be gone. */
must_use int json_place_remove(struct json_place object, struct bytes name);
/* Replaces an element, or adds one when the index is the count. ERROR_INVALID past that. */
must_use int json_place_set_element(struct json_place array, uint32_t index, struct bytes text);
/* Removes the last element. */
must_use int json_place_remove_last(struct json_place array);

/* Walks the members or elements of a container in order. Zeroed but for `container` at first. */
struct json_walk {
    struct json_place container;
    uint32_t token;
    size_t edit;
    bool is_started;
};
/* Names of an object's members are decoded into `scratch` (cleared first) or borrowed. */
bool json_walk_next(struct json_walk *walk, struct buffer *scratch, struct bytes *name,
                    struct json_place *value);

/* Appends the text of one value with all changes. */
void json_place_write(struct json_place place, struct buffer *out);
/* Appends the whole text, also what stands around the value. */
void json_patch_write(const struct json_patch *patch, struct buffer *out);
