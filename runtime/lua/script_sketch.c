/* Sketches as texts; see script_sketch.h. */
#include "runtime/lua/script_sketch.h"

#include "log/base/error.h"
#include "runtime/format/base64.h"

/* Reads the text at an index into one of the script's sketches, which outlive a raised error. */
static struct sketch *read_sketch(lua_State *lua, int index, int place)
{
    struct script *script = script_of(lua);
    struct sketch *sketch = &script->sketches[place];
    sketch_clear(sketch);
    if (lua_isnoneornil(lua, index)) {
        return sketch;
    }
    size_t size = 0;
    const char *text = luaL_checklstring(lua, index, &size);
    struct buffer *encoded = script_scratch(script, 0);
    if (base64_read(encoded, bytes_make(text, size)) != 0 ||
        sketch_decode(sketch, buffer_bytes(encoded)) != 0) {
        luaL_argerror(lua, index, "a sketch, as add and merge return it, was expected");
    }
    return sketch;
}

static int push_sketch(lua_State *lua, const struct sketch *sketch)
{
    struct script *script = script_of(lua);
    struct buffer *encoded = script_scratch(script, 0);
    struct buffer *text = script_scratch(script, 1);
    sketch_encode(sketch, encoded);
    base64_write(text, buffer_bytes(encoded));
    lua_pushlstring(lua, (const char *)buffer_bytes(text).data, text->size);
    return 1;
}

static int run_add(lua_State *lua)
{
    int count = lua_gettop(lua);
    struct sketch *sketch = read_sketch(lua, 1, 0);
    for (int i = 2; i <= count; i++) {
        int error = sketch_add(sketch, luaL_checknumber(lua, i));
        if (error != 0) {
            luaL_argerror(lua, i, error_text(error));
        }
    }
    return push_sketch(lua, sketch);
}

static int run_merge(lua_State *lua)
{
    struct sketch *sketch = read_sketch(lua, 1, 0);
    int error = sketch_merge(sketch, read_sketch(lua, 2, 1));
    return error == 0 ? push_sketch(lua, sketch) : luaL_argerror(lua, 2, error_text(error));
}

static int run_quantile(lua_State *lua)
{
    double value = 0;
    double q = luaL_checknumber(lua, 2);
    luaL_argcheck(lua, q >= 0 && q <= 1, 2, "a quantile is from 0 to 1");
    if (sketch_quantile(read_sketch(lua, 1, 0), q, &value)) {
        lua_pushnumber(lua, value);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

static int run_count(lua_State *lua)
{
    lua_pushinteger(lua, (lua_Integer)read_sketch(lua, 1, 0)->count);
    return 1;
}

void script_sketch_push(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"add", run_add},
                                         {"merge", run_merge},
                                         {"quantile", run_quantile},
                                         {"count", run_count},
                                         {NULL, NULL}};
    luaL_newlib(lua, functions);
}
