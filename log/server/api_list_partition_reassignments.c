/* ListPartitionReassignments (key 46, KIP-455): with one broker none is ever under way. */
#include "log/server/api.h"

void api_list_partition_reassignments(struct request *request)
{
    struct list_partition_reassignments_response response = {0};
    request_answer(request, &response);
}
