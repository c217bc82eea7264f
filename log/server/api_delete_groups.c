/* DeleteGroups (key 42, KIP-229). Answered when every removal is in the log. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct delete_groups {
    struct request *request;
    struct delete_groups_response response;
    int32_t waiting_count; /* groups without a result, and one for the loop that begins them */
};

struct delete_groups_row {
    struct delete_groups *all;
    int32_t index;
};

static void delete_groups_answer(struct delete_groups *all)
{
    if (--all->waiting_count == 0) {
        request_answer(all->request, &all->response);
    }
}

static void delete_groups_on_deleted(void *owner, int error)
{
    struct delete_groups_row *row = owner;
    row->all->response.results.items[row->index].error_code = error_code(error);
    delete_groups_answer(row->all);
}

void api_delete_groups(struct request *request)
{
    const struct delete_groups_request *asked = request_message(request, delete_groups_request);
    struct delete_groups *all = arena_new(&request->arena, struct delete_groups);
    int32_t count = asked->group_names.count;
    struct delete_groups_row *rows = arena_array(&request->arena, struct delete_groups_row, count);
    *all = (struct delete_groups){.request = request, .waiting_count = count + 1};
    all->response.results.count = count;
    all->response.results.items =
        arena_array(&request->arena, struct delete_groups_response_result, count);
    for (int32_t i = 0; i < count; i++) {
        rows[i] = (struct delete_groups_row){.all = all, .index = i};
        all->response.results.items[i] =
            (struct delete_groups_response_result){.group_id = asked->group_names.items[i]};
        int error = coordinator_delete_group(request->server->parts.coordinator,
                                             asked->group_names.items[i], delete_groups_on_deleted,
                                             &rows[i]);
        if (error != 0) {
            delete_groups_on_deleted(&rows[i], error);
        }
    }
    delete_groups_answer(all);
}
