/* Reads the words of a script; see play_emits.h. */
#include "runtime/main/play_emits.h"

#include <ctype.h>
#include <string.h>

/* A name, the text of a string as it stands there, or one character; nothing at the end. */
enum play_emits_kind { PLAY_EMITS_END, PLAY_EMITS_NAME, PLAY_EMITS_STRING, PLAY_EMITS_CHARACTER };

struct play_emits_token {
    enum play_emits_kind kind;
    struct bytes text;
};

/* "[[" or "[==[": how many characters; 0 for anything else. */
static size_t play_emits_long_open(struct bytes text)
{
    size_t size = 1;
    while (size < text.size && text.data[0] == '[' && text.data[size] == '=') {
        size++;
    }
    return size < text.size && text.data[0] == '[' && text.data[size] == '[' ? size + 1 : 0;
}

static struct bytes play_emits_skip(struct bytes text, size_t size)
{
    size = size < text.size ? size : text.size;
    return bytes_make(text.data + size, text.size - size);
}

/* Behind "[==[": the text up to "]==]". */
static struct bytes play_emits_read_long(struct bytes *text, size_t open)
{
    struct bytes rest = play_emits_skip(*text, open);
    size_t size = 0;
    bool is_closed = false;
    while (size + open <= rest.size && !is_closed) {
        is_closed = rest.data[size] == ']' && rest.data[size + open - 1] == ']';
        for (size_t i = 1; is_closed && i + 1 < open; i++) {
            is_closed = rest.data[size + i] == '=';
        }
        size += !is_closed;
    }
    size = is_closed ? size : rest.size;
    *text = play_emits_skip(rest, size + open);
    return bytes_make(rest.data, size);
}

static struct bytes play_emits_read_short(struct bytes *text)
{
    struct bytes rest = play_emits_skip(*text, 1);
    size_t size = 0;
    while (size < rest.size && rest.data[size] != text->data[0] && rest.data[size] != '\n') {
        size += rest.data[size] == '\\' ? 2 : 1;
    }
    size = size < rest.size ? size : rest.size;
    *text = play_emits_skip(rest, size + 1);
    return bytes_make(rest.data, size);
}

/* White space and comments. */
static void play_emits_skip_blanks(struct bytes *text)
{
    while (text->size > 0) {
        if (isspace(text->data[0])) {
            *text = play_emits_skip(*text, 1);
        } else if (text->size > 1 && text->data[0] == '-' && text->data[1] == '-') {
            *text = play_emits_skip(*text, 2);
            size_t open = play_emits_long_open(*text);
            if (open > 0) {
                (void)play_emits_read_long(text, open);
            }
            while (open == 0 && text->size > 0 && text->data[0] != '\n') {
                *text = play_emits_skip(*text, 1);
            }
        } else {
            return;
        }
    }
}

static bool play_emits_is_word(uint8_t character)
{
    return isalnum(character) || character == '_';
}

static struct play_emits_token play_emits_next(struct bytes *text)
{
    struct play_emits_token token = {.kind = PLAY_EMITS_END};
    play_emits_skip_blanks(text);
    if (text->size == 0) {
        return token;
    }
    size_t open = play_emits_long_open(*text), size = 0;
    if (open > 0 || text->data[0] == '"' || text->data[0] == '\'') {
        token.kind = PLAY_EMITS_STRING;
        token.text = open > 0 ? play_emits_read_long(text, open) : play_emits_read_short(text);
        return token;
    }
    while (size < text->size && play_emits_is_word(text->data[size])) {
        size++;
    }
    token.kind = size > 0 ? PLAY_EMITS_NAME : PLAY_EMITS_CHARACTER;
    token.text = bytes_make(text->data, size > 0 ? size : 1);
    *text = play_emits_skip(*text, token.text.size);
    return token;
}

static bool play_emits_is(const struct play_emits_token *token, char character)
{
    return token->kind == PLAY_EMITS_CHARACTER && token->text.data[0] == (uint8_t)character;
}

/* Behind the word emit. `:emit "final"` and `:emit { every = … }` are steps of a stream. */
static void play_emits_look(struct play *play, struct bytes text)
{
    struct play_emits_token first = play_emits_next(&text);
    if (first.kind == PLAY_EMITS_STRING || play_emits_is(&first, '{')) {
        return;
    }
    struct play_emits_token topic = play_emits_next(&text), behind = play_emits_next(&text);
    if (!play_emits_is(&first, '(') || topic.kind != PLAY_EMITS_STRING) {
        play->is_open = play->is_open || !play_emits_is(&topic, '{');
    } else if (play_emits_is(&behind, ',')) {
        const char *name = arena_string(&play->errand->arena, topic.text);
        if (!play_is_read(play->topology, name)) {
            play_add_output(play, name);
        }
    } else {
        play->is_open = play->is_open || !play_emits_is(&behind, ')');
    }
}

static bool play_emits_is_known(const struct play *play, const char *name)
{
    bool is_known = play_is_read(play->topology, name);
    for (size_t i = 0; i < play->named_count && !is_known; i++) {
        is_known = strcmp(play->named[i], name) == 0;
    }
    return is_known;
}

static void play_emits_add_named(struct play *play, struct bytes text,
                                 const struct metadata_response *metadata)
{
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *topic = &metadata->topics.items[i];
        if (!topic->is_internal && bytes_equal(topic->name, text)) {
            const char *name = arena_string(&play->errand->arena, text);
            if (!play_emits_is_known(play, name)) {
                play->named[play->named_count++] = name;
            }
            return;
        }
    }
}

static void play_emits_read(struct play *play, struct bytes text,
                            const struct metadata_response *metadata)
{
    struct play_emits_token token;
    while ((token = play_emits_next(&text)).kind != PLAY_EMITS_END) {
        if (token.kind == PLAY_EMITS_STRING) {
            play_emits_add_named(play, token.text, metadata);
        } else if (token.kind == PLAY_EMITS_NAME && bytes_equal_string(token.text, "emit")) {
            play_emits_look(play, text);
        }
    }
}

void play_emits_find(struct play *play, const struct app_bundle *files,
                     const struct metadata_response *metadata)
{
    play->named = arena_array(&play->errand->arena, const char *, metadata->topics.count + 1);
    for (size_t i = 0; i < files->count; i++) {
        size_t size = strlen(files->files[i].name);
        if (size > 4 && strcmp(files->files[i].name + size - 4, ".lua") == 0) {
            play_emits_read(play, buffer_bytes(&files->files[i].content), metadata);
        }
    }
    for (size_t i = 0; i < topology_node_count(play->topology); i++) {
        const struct topology_node *node = topology_node_at(play->topology, (int)i);
        play->is_open = play->is_open || strcmp(node->kind, "plugin") == 0;
    }
}
