/* Versions of stored values: S.kv { version = 2, migrate = fn }, and of accumulators.
 *
 * A value says which version of the script's store wrote it by white space that JSON lets stand in
 * front of it, so that a changelog can still be read with any tool:
 *
 *     line feed, the binary digits of the version (blank: 0, tab: 1), line feed, the value
 *
 * Nothing else ever wrote white space there, and version 1 has none, so what was kept before a
 * store had versions is of version 1 and stays byte for byte as it was.
 *
 * Keeps:  (1) a value is migrated when it is read and kept as it was until the script writes it:
 *             who reads it again before that migrates it again;
 *         (2) a value of a later version than the script knows is never read: the task ends and
 *             begins anew from its commit, until a script comes that knows it;
 *         (3) what is written has the version of the script.
 * Thread: the script's. The functions may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"

struct script_migration {
    const char *store; /* for errors, and to be found by */
    int32_t version;   /* from 1 */
    int function;      /* migrate(old_version, value), LUA_NOREF: there was none before */
};

enum { SCRIPT_MIGRATION_VERSION_MAX = 1000000 };

/* Of a store of the plan; it is kept until the script is closed. */
void script_migration_add(struct script *script, const struct script_migration *migration);
/* Version 1 when nothing was said. */
struct script_migration script_migration_find(const struct script *script, const char *store);

/* What stands in front of a value of this version: nothing, of the first. */
void script_migration_mark(struct buffer *out, int32_t version);
/* Takes the mark off and gives the version; ERROR_CORRUPT for a mark that nobody wrote. */
must_use int script_migration_read(struct bytes *stored);
/* Pushes a stored value as the script's version has it. */
void script_migration_push(lua_State *lua, const struct script_migration *migration,
                           struct bytes stored);
