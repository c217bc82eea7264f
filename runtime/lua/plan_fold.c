/* Reads what an aggregation does; see plan_fold.h. */
#include "runtime/lua/plan_fold.h"

#include "runtime/lua/script_fold.h"
#include "runtime/operators/fold_count.h"

#include <string.h>

static struct fold *make_count(void *owner)
{
    (void)owner;
    return fold_count_new();
}

static struct plan_fold read_count(struct plan_reader *reader)
{
    (void)reader;
    return (struct plan_fold){.make = make_count, .can_subtract = true, .can_merge = true};
}

static struct plan_fold read_functions(struct plan_reader *reader, bool is_reduce)
{
    struct script_fold_plan *plan = arena_new(&reader->script->arena, struct script_fold_plan);
    *plan = (struct script_fold_plan){.script = reader->script,
                                      .is_reduce = is_reduce,
                                      .init = plan_reader_reference(reader, "init"),
                                      .add = plan_reader_reference(reader, "fn"),
                                      .subtract = plan_reader_reference(reader, "sub"),
                                      .merge = plan_reader_reference(reader, "merge")};
    luaL_argcheck(reader->lua, plan->add != LUA_NOREF, 1, "a broken plan");
    luaL_argcheck(reader->lua, is_reduce || plan->init != LUA_NOREF, 1, "a broken plan");
    if (plan->init != LUA_NOREF) {
        plan->has_value = lua_rawgeti(reader->lua, LUA_REGISTRYINDEX, plan->init) != LUA_TFUNCTION;
        lua_pop(reader->lua, 1);
    }
    if (is_reduce) {
        plan->merge = plan->add;
    }
    return (struct plan_fold){.make = script_fold_make,
                              .owner = plan,
                              .can_subtract = plan->subtract != LUA_NOREF,
                              .can_merge = plan->merge != LUA_NOREF};
}

static struct plan_fold read_aggregate(struct plan_reader *reader)
{
    return read_functions(reader, false);
}

static struct plan_fold read_reduce(struct plan_reader *reader)
{
    return read_functions(reader, true);
}

struct plan_fold plan_fold_read(struct plan_reader *reader)
{
    static const struct {
        const char *name;
        struct plan_fold (*read)(struct plan_reader *reader);
    } rows[] = {{"count", read_count}, {"aggregate", read_aggregate}, {"reduce", read_reduce}};
    const char *name = plan_reader_string(reader, "fold");
    for (size_t i = 0; name != NULL && i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].read(reader);
        }
    }
    luaL_error(reader->lua, "a broken plan");
    return (struct plan_fold){0};
}
