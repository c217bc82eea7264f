/* Stored values and their versions; see script_migration.h. */
#include "runtime/lua/script_migration.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/lua/script_value.h"

#include <string.h>

void script_migration_add(struct script *script, const struct script_migration *migration)
{
    size_t count = script->migration_count;
    script->migrations =
        memory_resize(script->migrations, (count + 1) * sizeof *script->migrations);
    script->migrations[count] = *migration;
    script->migration_count++;
}

struct script_migration script_migration_find(const struct script *script, const char *store)
{
    for (size_t i = 0; i < script->migration_count; i++) {
        if (strcmp(script->migrations[i].store, store) == 0) {
            return script->migrations[i];
        }
    }
    return (struct script_migration){.store = store, .version = 1, .function = LUA_NOREF};
}

void script_migration_mark(struct buffer *out, int32_t version)
{
    int digit = 31;
    if (version == 1) {
        return;
    }
    buffer_add_byte(out, '\n');
    while (((uint32_t)version >> digit & 1) == 0) {
        digit--;
    }
    for (; digit >= 0; digit--) {
        buffer_add_byte(out, ((uint32_t)version >> digit & 1) != 0 ? '\t' : ' ');
    }
    buffer_add_byte(out, '\n');
}

int script_migration_read(struct bytes *stored)
{
    int32_t version = 0;
    size_t at = 1;
    if (stored->size == 0 || stored->data[0] != '\n') {
        return 1;
    }
    for (; at < stored->size && stored->data[at] != '\n'; at++) {
        uint8_t digit = stored->data[at];
        if ((digit != ' ' && digit != '\t') || version > SCRIPT_MIGRATION_VERSION_MAX) {
            return ERROR_CORRUPT;
        }
        version = version * 2 + (digit == '\t');
    }
    if (at == stored->size || version < 2) {
        return ERROR_CORRUPT;
    }
    *stored = bytes_make(stored->data + at + 1, stored->size - at - 1);
    return version;
}

/* (2) */
static void refuse_later(lua_State *lua, const struct script_migration *migration, int version)
{
    struct script *script = script_of(lua);
    if (script->context != NULL) {
        script->context->ends_task = true;
    }
    script_fail(lua, "decode",
                "the store '%s' holds a value of version %d, and this script knows version %d: run "
                "the version that wrote it, or make the application begin anew ('tidemill app "
                "reset')",
                migration->store, version, (int)migration->version);
}

void script_migration_push(lua_State *lua, const struct script_migration *migration,
                           struct bytes stored)
{
    struct script *script = script_of(lua);
    int version = script_migration_read(&stored);
    if (version > migration->version) {
        refuse_later(lua, migration, version);
    }
    bool is_older = version >= 0 && version < migration->version;
    if (is_older) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, migration->function);
        lua_pushinteger(lua, version);
    }
    if (version < 0 || script_parse(lua, stored) != 0) {
        script_fail(lua, "decode", "the store '%s' holds a value that is not JSON: %s",
                    migration->store,
                    version < 0 ? error_text(version) : script->stored.error_text);
    }
    script_value_push(lua, &script->stored, JSON_ROOT);
    if (is_older) {
        lua_call(lua, 2, 1);
        if (lua_isnil(lua, -1)) {
            luaL_error(lua,
                       "migrate of the store '%s' gave nil for a value of version %d: it "
                       "returns the value as version %d has it",
                       migration->store, version, (int)migration->version);
        }
    }
}
