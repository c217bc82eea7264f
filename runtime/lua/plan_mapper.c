/* Reads mappers and joiners; see plan_mapper.h. */
#include "runtime/lua/plan_mapper.h"

void plan_mapper_read(struct plan_reader *reader, enum script_map_kind kind, const char *place,
                      struct plan_mapper *out)
{
    *out = (struct plan_mapper){.script = {.script = reader->script,
                                           .kind = kind,
                                           .function = plan_reader_reference(reader, "fn")}};
    out->keys.paths = plan_reader_strings(reader, "paths", &out->keys.path_count);
    for (size_t i = 0; i < out->keys.path_count; i++) {
        plan_reader_path(reader, out->keys.paths[i], place);
    }
}

bool plan_mapper_is_written(const struct plan_mapper *plan)
{
    return plan->keys.path_count > 0 || plan->script.function != LUA_NOREF;
}

struct mapper plan_mapper_make(struct plan_mapper *plan)
{
    check(plan_mapper_is_written(plan));
    return plan->keys.path_count > 0 ? key_node_mapper(&plan->keys)
                                     : script_map_make(&plan->script);
}

struct joiner plan_mapper_make_joiner(struct plan_mapper *plan)
{
    return plan->script.function == LUA_NOREF ? joiner_pair()
                                              : script_map_make_joiner(&plan->script);
}
