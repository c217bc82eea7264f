/* AlterReplicaLogDirs (key 34, KIP-113): there is one data directory, so a partition can be moved
 * only to where it is. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static int alter_replica_log_dirs_judge(struct request *request, struct bytes path,
                                        struct bytes topic, int32_t index)
{
    const struct server_parts *parts = &request->server->parts;
    if (!bytes_equal_string(path, parts->path)) {
        return ERROR_LOG_DIR_NOT_FOUND;
    }
    if (store_status(parts->store) != 0) {
        return ERROR_KAFKA_STORAGE_ERROR;
    }
    return replica_set_find(parts->replicas, topic, index) == NULL
               ? ERROR_UNKNOWN_TOPIC_OR_PARTITION
               : 0;
}

static void alter_replica_log_dirs_serve(struct request *request, struct bytes path,
                                         const struct alter_replica_log_dirs_request_topic *asked,
                                         struct alter_replica_log_dirs_response_topic *answer)
{
    int32_t count = asked->partitions.count;
    answer->name = asked->name;
    answer->partitions.count = count;
    answer->partitions.items =
        arena_array(&request->arena, struct alter_replica_log_dirs_response_partition, count);
    for (int32_t i = 0; i < count; i++) {
        int32_t index = asked->partitions.items[i];
        answer->partitions.items[i] = (struct alter_replica_log_dirs_response_partition){
            .index = index,
            .error_code =
                error_code(alter_replica_log_dirs_judge(request, path, asked->name, index))};
    }
}

void api_alter_replica_log_dirs(struct request *request)
{
    const struct alter_replica_log_dirs_request *message =
        request_message(request, alter_replica_log_dirs_request);
    struct alter_replica_log_dirs_response response = {0};
    size_t count = 0;
    for (int32_t i = 0; i < message->dirs.count; i++) {
        count += (size_t)message->dirs.items[i].topics.count;
    }
    response.topics.items =
        arena_array(&request->arena, struct alter_replica_log_dirs_response_topic, count);
    for (int32_t i = 0; i < message->dirs.count; i++) {
        const struct alter_replica_log_dirs_request_dir *dir = &message->dirs.items[i];
        for (int32_t j = 0; j < dir->topics.count; j++) {
            alter_replica_log_dirs_serve(request, dir->path, &dir->topics.items[j],
                                         &response.topics.items[response.topics.count++]);
        }
    }
    request_answer(request, &response);
}
