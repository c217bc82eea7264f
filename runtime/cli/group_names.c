/* See group_names.h. */
#include "runtime/cli/group_names.h"

#include "log/base/error.h"

/* A name list being filled. */
struct names_sink {
    struct errand *errand;
    struct flag_list *list;
};

int group_names_each(struct errand *errand,
                     void (*each)(void *owner, int32_t node_id,
                                  const struct list_groups_response_group *group),
                     void *owner)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    struct list_groups_request request;
    wire_set_defaults(&list_groups_request_schema, &request);
    for (int32_t i = 0; error == 0 && i < metadata->brokers.count; i++) {
        int32_t node_id = metadata->brokers.items[i].node_id;
        const void *found;
        error = errand_call(errand, node_id, API_LIST_GROUPS, -1, &request, &found);
        if (error == 0) {
            const struct list_groups_response *response = found;
            error = response->error_code == 0 ? 0 : error_from_code(response->error_code);
            for (int32_t j = 0; j < response->groups.count; j++) {
                each(owner, node_id, &response->groups.items[j]);
            }
        }
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "listing groups");
}

static void add_name(void *owner, int32_t node_id, const struct list_groups_response_group *group)
{
    struct names_sink *sink = owner;
    (void)node_id;
    flag_list_add(sink->list, arena_string(&sink->errand->arena, group->group_id));
}

int group_names_find(struct errand *errand, struct flag_list *out)
{
    struct names_sink sink = {.errand = errand, .list = out};
    return group_names_each(errand, add_name, &sink);
}
