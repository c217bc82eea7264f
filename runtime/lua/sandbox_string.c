/* Bounded functions on strings; see sandbox_string.h. Their results are those of the reference
 * manual, section 6.4. */
#include "runtime/lua/sandbox_string.h"

#include "runtime/lua/matcher.h"
#include "runtime/lua/script_value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    PIECE_SIZE = 1 << 16,       /* after so many bytes somebody looks whether it is late */
    NUMERAL_SIZE_MAX = 1 << 16, /* what is longer, white space aside, is no number */
};

static struct bytes check_bytes(lua_State *lua, int index)
{
    size_t size = 0;
    const char *text = luaL_checklstring(lua, index, &size);
    return bytes_make(text, size);
}

static void init_matcher(struct matcher *matcher, lua_State *lua, struct bytes text,
                         struct bytes pattern)
{
    matcher_init(matcher, text, pattern);
    matcher->is_late = &watchdog_of(lua)->is_late;
}

static void raise_error(lua_State *lua, const struct matcher *matcher)
{
    if (matcher->error != NULL) {
        luaL_error(lua, "%s", matcher->error);
    }
}

/* Pushes one capture; without any, capture 0 is the whole match. */
static void push_capture(lua_State *lua, const struct matcher *matcher, int index,
                         const uint8_t *start, const uint8_t *end)
{
    if (index >= matcher->capture_count) {
        if (index != 0) {
            luaL_error(lua, "invalid capture index %%%d", index + 1);
        }
        lua_pushlstring(lua, (const char *)start, (size_t)(end - start));
        return;
    }
    const struct matcher_capture *capture = &matcher->captures[index];
    if (capture->size == MATCHER_POSITION) {
        lua_pushinteger(lua, capture->start - matcher->text + 1);
    } else if (capture->size == MATCHER_OPEN) {
        luaL_error(lua, "unfinished capture");
    } else {
        lua_pushlstring(lua, (const char *)capture->start, (size_t)capture->size);
    }
}

static int push_captures(lua_State *lua, const struct matcher *matcher, const uint8_t *start,
                         const uint8_t *end, bool needs_whole)
{
    int count = matcher->capture_count == 0 && needs_whole ? 1 : matcher->capture_count;
    luaL_checkstack(lua, count, "too many captures");
    for (int i = 0; i < count; i++) {
        push_capture(lua, matcher, i, start, end);
    }
    return count;
}

/* The place a search begins at, from 0; past the end when there is nothing to search. */
static size_t get_start(lua_State *lua, int index, size_t size)
{
    lua_Integer start = luaL_optinteger(lua, index, 1);
    if (start > 0) {
        return (uint64_t)start - 1 > size ? size + 1 : (size_t)start - 1;
    }
    if (start == 0 || start < -(lua_Integer)size) {
        return 0;
    }
    return size + (size_t)start;
}

static bool is_plain(lua_State *lua, struct bytes pattern)
{
    for (size_t i = 0; i < pattern.size; i++) {
        watchdog_check(lua);
        if (pattern.data[i] == 0 || strchr("^$*+?.([%-", pattern.data[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static int find_plain(lua_State *lua, struct bytes text, struct bytes wanted, size_t start)
{
    const uint8_t *found =
        wanted.size == 0 ? text.data + start
                         : memmem(text.data + start, text.size - start, wanted.data, wanted.size);
    if (found == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushinteger(lua, found - text.data + 1);
    lua_pushinteger(lua, found - text.data + (lua_Integer)wanted.size);
    return 2;
}

static int search(lua_State *lua, bool is_find)
{
    struct bytes text = check_bytes(lua, 1);
    struct bytes pattern = check_bytes(lua, 2);
    size_t start = get_start(lua, 3, text.size);
    if (start > text.size) {
        lua_pushnil(lua);
        return 1;
    }
    if (is_find && (lua_toboolean(lua, 4) || is_plain(lua, pattern))) {
        return find_plain(lua, text, pattern, start);
    }
    struct matcher matcher;
    init_matcher(&matcher, lua, text, pattern);
    bool is_anchored = pattern.size > 0 && pattern.data[0] == '^';
    for (const uint8_t *at = text.data + start; at <= matcher.text_end; at++) {
        matcher.capture_count = 0;
        const uint8_t *end = matcher_match(&matcher, at, pattern.data + is_anchored);
        raise_error(lua, &matcher);
        if (end != NULL && is_find) {
            lua_pushinteger(lua, at - text.data + 1);
            lua_pushinteger(lua, end - text.data);
            return push_captures(lua, &matcher, at, end, false) + 2;
        }
        if (end != NULL) {
            return push_captures(lua, &matcher, at, end, true);
        }
        if (is_anchored) {
            break;
        }
    }
    lua_pushnil(lua);
    return 1;
}

static int string_find(lua_State *lua)
{
    return search(lua, true);
}

static int string_match(lua_State *lua)
{
    return search(lua, false);
}

/* Upvalues: text, pattern, where to go on, where the last match ended (or -1). */
static int gmatch_step(lua_State *lua)
{
    struct bytes text = check_bytes(lua, lua_upvalueindex(1));
    struct bytes pattern = check_bytes(lua, lua_upvalueindex(2));
    const uint8_t *at = text.data + lua_tointeger(lua, lua_upvalueindex(3));
    lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));
    struct matcher matcher;
    init_matcher(&matcher, lua, text, pattern);
    for (; at <= matcher.text_end; at++) {
        matcher.capture_count = 0;
        const uint8_t *end = matcher_match(&matcher, at, pattern.data);
        raise_error(lua, &matcher);
        if (end != NULL && end - text.data != last) {
            lua_pushinteger(lua, end - text.data);
            lua_copy(lua, -1, lua_upvalueindex(3));
            lua_replace(lua, lua_upvalueindex(4));
            return push_captures(lua, &matcher, at, end, true);
        }
    }
    return 0;
}

static int string_gmatch(lua_State *lua)
{
    struct bytes text = check_bytes(lua, 1);
    check_bytes(lua, 2);
    size_t start = get_start(lua, 3, text.size);
    lua_settop(lua, 2);
    lua_pushinteger(lua, (lua_Integer)start);
    lua_pushinteger(lua, -1);
    lua_pushcclosure(lua, gmatch_step, 4);
    return 1;
}

/* A replacement text: %0 is the match, %1 to %9 captures, %% a percent sign. */
static void add_text(lua_State *lua, luaL_Buffer *out, const struct matcher *matcher,
                     const uint8_t *start, const uint8_t *end)
{
    struct bytes text = check_bytes(lua, 3);
    for (size_t i = 0; i < text.size; i++) {
        watchdog_check(lua);
        if (text.data[i] != '%') {
            luaL_addchar(out, (char)text.data[i]);
            continue;
        }
        i++;
        uint8_t next = i < text.size ? text.data[i] : 0;
        if (next == '%') {
            luaL_addchar(out, '%');
        } else if (next == '0') {
            luaL_addlstring(out, (const char *)start, (size_t)(end - start));
        } else if (next >= '1' && next <= '9') {
            push_capture(lua, matcher, next - '1', start, end);
            luaL_tolstring(lua, -1, NULL); /* a position is a number */
            lua_remove(lua, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(lua, "invalid use of '%%' in replacement string");
        }
    }
}

/* True when the match was replaced by something. */
static void add_replacement(lua_State *lua, luaL_Buffer *out, struct matcher *matcher,
                            const uint8_t *start, const uint8_t *end)
{
    switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION: {
        lua_pushvalue(lua, 3);
        int count = push_captures(lua, matcher, start, end, true);
        lua_call(lua, count, 1);
        break;
    }
    case LUA_TTABLE:
        push_capture(lua, matcher, 0, start, end);
        lua_gettable(lua, 3);
        break;
    default:
        add_text(lua, out, matcher, start, end);
        return;
    }
    if (!lua_toboolean(lua, -1)) {
        lua_pop(lua, 1);
        luaL_addlstring(out, (const char *)start, (size_t)(end - start));
        return;
    }
    if (!lua_isstring(lua, -1)) {
        luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
    }
    luaL_addvalue(out);
}

static int string_gsub(lua_State *lua)
{
    struct bytes text = check_bytes(lua, 1);
    struct bytes pattern = check_bytes(lua, 2);
    int kind = lua_type(lua, 3);
    luaL_argexpected(lua,
                     kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION ||
                         kind == LUA_TTABLE,
                     3, "string/function/table");
    lua_Integer limit = luaL_optinteger(lua, 4, (lua_Integer)text.size + 1);
    bool is_anchored = pattern.size > 0 && pattern.data[0] == '^';
    struct matcher matcher;
    init_matcher(&matcher, lua, text, pattern);
    const uint8_t *at = text.data;
    const uint8_t *last = NULL;
    lua_Integer count = 0;
    luaL_Buffer out;
    luaL_buffinit(lua, &out);
    while (count < limit) {
        matcher.capture_count = 0;
        const uint8_t *end = matcher_match(&matcher, at, pattern.data + is_anchored);
        raise_error(lua, &matcher);
        if (end != NULL && end != last) {
            count++;
            watchdog_check(lua); /* each may add a text of any size */
            add_replacement(lua, &out, &matcher, at, end);
            at = last = end;
        } else if (at < matcher.text_end) {
            luaL_addchar(&out, (char)*at++);
        } else {
            break;
        }
        if (is_anchored) {
            break;
        }
    }
    luaL_addlstring(&out, (const char *)at, (size_t)(matcher.text_end - at));
    luaL_pushresult(&out);
    lua_pushinteger(lua, count);
    return 2;
}

static int string_rep(lua_State *lua)
{
    struct bytes text = check_bytes(lua, 1);
    lua_Integer count = luaL_checkinteger(lua, 2);
    size_t separator_size = 0;
    const char *separator = luaL_optlstring(lua, 3, "", &separator_size);
    size_t limit = script_of(lua)->limits.memory_size;
    size_t each = text.size + separator_size;
    if (count <= 0 || each == 0) {
        lua_pushliteral(lua, "");
        return 1;
    }
    if ((uint64_t)count > limit / each) {
        script_fail(lua, "memory", "string.rep would make a string larger than the memory limit");
    }
    size_t size = each * (size_t)count - separator_size;
    luaL_Buffer out;
    char *at = luaL_buffinitsize(lua, &out, size);
    while (count-- > 0) {
        memcpy(at, text.data, text.size);
        at += text.size;
        if (count > 0 && separator_size > 0) {
            memcpy(at, separator, separator_size);
            at += separator_size;
        }
    }
    luaL_pushresultsize(&out, size);
    return 1;
}

/* --- Long strings in pieces ------------------------------------------------------------------- */

static void make_upper(char *out, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)toupper(at[i]);
    }
}

static void make_lower(char *out, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)tolower(at[i]);
    }
}

static int change_case(lua_State *lua, void (*change)(char *out, const uint8_t *at, size_t size))
{
    struct bytes text = check_bytes(lua, 1);
    luaL_Buffer out;
    char *at = luaL_buffinitsize(lua, &out, text.size);
    for (size_t i = 0; i < text.size; i += PIECE_SIZE) {
        size_t rest = text.size - i;
        watchdog_check(lua);
        change(at + i, text.data + i, rest < PIECE_SIZE ? rest : PIECE_SIZE);
    }
    luaL_pushresultsize(&out, text.size);
    return 1;
}

static int string_upper(lua_State *lua)
{
    return change_case(lua, make_upper);
}

static int string_lower(lua_State *lua)
{
    return change_case(lua, make_lower);
}

static int string_reverse(lua_State *lua)
{
    struct bytes text = check_bytes(lua, 1);
    luaL_Buffer out;
    char *at = luaL_buffinitsize(lua, &out, text.size);
    for (size_t i = 0; i < text.size; i++) {
        watchdog_check(lua);
        at[i] = (char)text.data[text.size - 1 - i];
    }
    luaL_pushresultsize(&out, text.size);
    return 1;
}

/* From 1, as the library counts from the end, too; 0: before the first. */
static lua_Integer get_position(lua_State *lua, int index, lua_Integer none, size_t size)
{
    lua_Integer position = luaL_optinteger(lua, index, none);
    if (position >= 0) {
        return position;
    }
    return position < -(lua_Integer)size ? 0 : (lua_Integer)size + position + 1;
}

/* The last byte of a piece, which the next byte does not continue. Should more continue it than any
 * character has, it holds one that is none, and where it ends does not matter. */
static lua_Integer end_of_piece(struct bytes text, lua_Integer from, lua_Integer to)
{
    enum { CHARACTER_SIZE_MAX = 6 };
    lua_Integer end = to - from < PIECE_SIZE ? to : from + PIECE_SIZE - 1;
    for (int i = 0; i < CHARACTER_SIZE_MAX && end < to && (text.data[end] & 0xc0) == 0x80; i++) {
        end++;
    }
    return end;
}

/* Upvalue: the library's, which counts piece by piece. */
static int utf8_length(lua_State *lua)
{
    lua_CFunction count_piece = lua_tocfunction(lua, lua_upvalueindex(1));
    struct bytes text = check_bytes(lua, 1);
    lua_Integer size = (lua_Integer)text.size;
    lua_settop(lua, 4);
    lua_Integer from = get_position(lua, 2, 1, text.size);
    lua_Integer to = get_position(lua, 3, -1, text.size);
    if (size <= PIECE_SIZE || from < 1 || from > size + 1 || to > size) {
        return count_piece(lua); /* one that is short, or an error */
    }
    lua_Integer count = 0;
    while (from <= to) {
        lua_Integer end = end_of_piece(text, from, to);
        watchdog_check(lua);
        lua_pushinteger(lua, from);
        lua_replace(lua, 2);
        lua_pushinteger(lua, end);
        lua_replace(lua, 3);
        if (count_piece(lua) != 1) {
            return 2; /* nil and the place of what is no UTF-8 */
        }
        count += lua_tointeger(lua, -1);
        lua_settop(lua, 4);
        from = end + 1;
    }
    lua_pushinteger(lua, count);
    return 1;
}

/* From 0; the end is no continuation. */
static bool is_continuation(struct bytes text, lua_Integer at)
{
    return at < (lua_Integer)text.size && (text.data[at] & 0xc0) == 0x80;
}

static lua_Integer go_back(lua_State *lua, struct bytes text, lua_Integer at, lua_Integer *count)
{
    while (*count < 0 && at > 0) {
        do {
            watchdog_check(lua);
            at--;
        } while (at > 0 && is_continuation(text, at));
        ++*count;
    }
    return at;
}

static lua_Integer go_on(lua_State *lua, struct bytes text, lua_Integer at, lua_Integer *count)
{
    while (*count > 0 && at < (lua_Integer)text.size) {
        do {
            watchdog_check(lua);
            at++;
        } while (is_continuation(text, at));
        --*count;
    }
    return at;
}

static int utf8_offset(lua_State *lua)
{
    struct bytes text = check_bytes(lua, 1);
    lua_Integer size = (lua_Integer)text.size;
    lua_Integer count = luaL_checkinteger(lua, 2);
    lua_Integer at = get_position(lua, 3, count >= 0 ? 1 : size + 1, text.size) - 1;
    luaL_argcheck(lua, at >= 0 && at <= size, 3, "position out of bounds");
    if (count == 0) {
        for (; at > 0 && is_continuation(text, at); at--) {
            watchdog_check(lua);
        }
    } else if (is_continuation(text, at)) {
        return luaL_error(lua, "initial position is a continuation byte");
    } else if (count < 0) {
        at = go_back(lua, text, at, &count);
    } else {
        count--;
        at = go_on(lua, text, at, &count);
    }
    if (count == 0) {
        lua_pushinteger(lua, at + 1);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct bytes strip(lua_State *lua, struct bytes text)
{
    for (; text.size > 0 && is_space(text.data[0]); text.data++, text.size--) {
        watchdog_check(lua);
    }
    for (; text.size > 0 && is_space(text.data[text.size - 1]); text.size--) {
        watchdog_check(lua);
    }
    return text;
}

static bool is_long(lua_State *lua, int index)
{
    return lua_type(lua, index) == LUA_TSTRING && lua_rawlen(lua, index) > PIECE_SIZE;
}

/* Leaves what stands between white space of a long string, or nothing of one that is no number. */
static void shorten_numeral(lua_State *lua, int index)
{
    if (is_long(lua, index)) {
        struct bytes text = strip(lua, check_bytes(lua, index));
        bool is_short = text.size <= NUMERAL_SIZE_MAX;
        lua_pushlstring(lua, (const char *)text.data, is_short ? text.size : 0);
        lua_replace(lua, index);
    }
}

/* Upvalue: the library's. */
static int base_tonumber(lua_State *lua)
{
    lua_CFunction read = lua_tocfunction(lua, lua_upvalueindex(1));
    shorten_numeral(lua, 1);
    return read(lua);
}

/* A metamethod of strings. Upvalues: the library's, its name. An operand on the right that is no
 * string and has the metamethod gets the one on the left as it is. */
static int calculate(lua_State *lua)
{
    lua_CFunction calculate_short = lua_tocfunction(lua, lua_upvalueindex(1));
    if (is_long(lua, 1) && lua_type(lua, 2) != LUA_TSTRING &&
        luaL_getmetafield(lua, 2, lua_tostring(lua, lua_upvalueindex(2))) != LUA_TNIL) {
        lua_insert(lua, 1);
        lua_call(lua, 2, 1);
        return 1;
    }
    shorten_numeral(lua, 1);
    shorten_numeral(lua, 2);
    return calculate_short(lua);
}

/* Gives the function in the field of the table at the top the one that is there as its upvalue. */
static void wrap(lua_State *lua, const char *field, lua_CFunction function)
{
    lua_getfield(lua, -1, field);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, field);
}

void sandbox_string_open_utf8(lua_State *lua)
{
    wrap(lua, "len", utf8_length);
    wrap(lua, "offset", utf8_offset);
}

void sandbox_string_open_base(lua_State *lua)
{
    wrap(lua, "tonumber", base_tonumber);
}

void sandbox_string_push(lua_State *lua, int index)
{
    index = lua_absindex(lua, index);
    switch (lua_type(lua, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING:
        luaL_tolstring(lua, index, NULL);
        return;
    default:
        break;
    }
    if (script_value_is_null(lua, index)) {
        lua_pushliteral(lua, "null");
    } else if (luaL_callmeta(lua, index, "__tostring")) {
        if (!lua_isstring(lua, -1)) {
            luaL_error(lua, "'__tostring' must return a string");
        }
    } else {
        lua_pushstring(lua, luaL_typename(lua, index));
    }
}

/* As %q: between quotes, with escapes that a reader of Lua takes back. */
static void push_quoted(lua_State *lua, struct bytes text)
{
    luaL_Buffer out;
    luaL_buffinit(lua, &out);
    luaL_addchar(&out, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool is_followed = i + 1 < text.size && isdigit(text.data[i + 1]);
        watchdog_check(lua);
        if (byte == '"' || byte == '\\' || byte == '\n') {
            luaL_addchar(&out, '\\');
            luaL_addchar(&out, (char)byte);
        } else if (iscntrl(byte)) {
            char digits[8];
            snprintf(digits, sizeof digits, is_followed ? "\\%03d" : "\\%d", byte);
            luaL_addstring(&out, digits);
        } else {
            luaL_addchar(&out, (char)byte);
        }
    }
    luaL_addchar(&out, '"');
    luaL_pushresult(&out);
}

/* Quotes a long argument of %q, and makes that a %s in the format, which is copied for it. */
static struct bytes quote_long(lua_State *lua, struct bytes format, size_t place, int argument)
{
    push_quoted(lua, check_bytes(lua, argument));
    lua_replace(lua, argument);
    lua_pushlstring(lua, (const char *)format.data, place);
    lua_pushliteral(lua, "s");
    lua_pushlstring(lua, (const char *)format.data + place + 1, format.size - place - 1);
    lua_concat(lua, 3);
    lua_replace(lua, 1);
    return check_bytes(lua, 1);
}

/* Looks at the format for what would print an address or take long, then lets the library do the
 * work. */
static int string_format(lua_State *lua)
{
    struct bytes format = check_bytes(lua, 1);
    int argument = 1;
    for (size_t i = 0; i + 1 < format.size; i++) {
        watchdog_check(lua);
        if (format.data[i] != '%') {
            continue;
        }
        if (format.data[++i] == '%') {
            continue;
        }
        while (i < format.size && format.data[i] != 0 &&
               strchr("-+ #0123456789.", format.data[i]) != NULL) {
            i++;
        }
        argument++;
        uint8_t conversion = i < format.size ? format.data[i] : 0;
        if (conversion == 'p') {
            return luaL_error(lua, "string.format does not know %%p here");
        }
        if (conversion == 's' && argument <= lua_gettop(lua)) {
            sandbox_string_push(lua, argument);
            lua_replace(lua, argument);
        } else if (conversion == 'q' && format.data[i - 1] == '%' && is_long(lua, argument)) {
            format = quote_long(lua, format, i, argument);
        }
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, 1);
    return 1;
}

/* In the metatable of strings. */
static void wrap_arithmetic(lua_State *lua)
{
    static const char *const names[] = {"__add", "__sub", "__mul",  "__mod",
                                        "__pow", "__div", "__idiv", "__unm"};
    lua_pushliteral(lua, "");
    check(lua_getmetatable(lua, -1));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getfield(lua, -1, names[i]);
        lua_pushstring(lua, names[i]);
        lua_pushcclosure(lua, calculate, 2);
        lua_setfield(lua, -2, names[i]);
    }
    lua_pop(lua, 2);
}

void sandbox_string_open(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"find", string_find},   {"match", string_match},     {"gmatch", string_gmatch},
        {"gsub", string_gsub},   {"rep", string_rep},         {"upper", string_upper},
        {"lower", string_lower}, {"reverse", string_reverse}, {NULL, NULL}};
    luaL_setfuncs(lua, functions, 0);
    wrap(lua, "format", string_format);
    wrap_arithmetic(lua);
    lua_pushnil(lua);
    lua_setfield(lua, -2, "dump");
}
