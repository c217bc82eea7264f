/* A coordinator of classic groups for tests, small enough to be right: members join, the first one
 * leads, everybody waits for everybody until the rebalance timeout, offsets are kept. */
#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/wire/frame.h"
#include "tests/unit/runtime/fake_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_OFFSET_COMMIT = 8,
    KEY_OFFSET_FETCH = 9,
    KEY_FIND_COORDINATOR = 10,
    KEY_JOIN = 11,
    KEY_HEARTBEAT = 12,
    KEY_LEAVE = 13,
    KEY_SYNC = 14,
};

struct fake_member {
    struct list_link link;
    char *id;
    char *instance_id; /* NULL: dynamic */
    struct buffer *metadata;
    char **protocols;
    int protocol_count;
    struct buffer assignment;
    struct fake_request *join; /* waiting */
    struct fake_request *sync;
    uint64_t session_end;
    int64_t session_timeout_ms;
};

enum fake_group_state { GROUP_EMPTY, GROUP_JOINING, GROUP_SYNCING, GROUP_STABLE };

struct fake_group {
    int64_t rebalance_timeout_ms; /* of every member */
    struct fake_cluster *cluster;
    enum fake_group_state state;
    int32_t generation;
    char *leader;
    char *protocol;
    struct list members;
    struct map offsets; /* "topic\0partition" to int64_t + 1 in a pointer */
    struct map pending; /* member ids given out with MEMBER_ID_REQUIRED */
    uint64_t join_end;
};

void fake_group_free(void *value);

static struct fake_group *get_group(struct fake_cluster *cluster, struct bytes name)
{
    struct fake_group *group = map_find(&cluster->groups, name);
    if (group == NULL) {
        group = memory_new(struct fake_group);
        group->cluster = cluster;
        list_init(&group->members);
        map_init(&group->offsets);
        map_init(&group->pending);
        map_put(&cluster->groups, name, group);
    }
    return group;
}

static struct fake_member *find_member(struct fake_group *group, struct bytes id)
{
    for (list_each (&group->members, link)) {
        struct fake_member *member = list_member(link, struct fake_member, link);
        if (bytes_equal_string(id, member->id)) {
            return member;
        }
    }
    return NULL;
}

static void forget_protocols(struct fake_member *member)
{
    for (int i = 0; i < member->protocol_count; i++) {
        free(member->protocols[i]);
        buffer_fini(&member->metadata[i]);
    }
    free(member->protocols);
    free(member->metadata);
    member->protocols = NULL;
    member->metadata = NULL;
    member->protocol_count = 0;
}

static void answer_join_error(struct fake_request *request, int error, const char *member_id)
{
    struct join_group_response out = {
        .error_code = error_code(error),
        .generation_id = -1,
        .protocol_name = BYTES_LITERAL(""),
        .leader = BYTES_LITERAL(""),
        .member_id = bytes_from_string(member_id),
    };
    fake_request_answer(request, &out);
}

static void answer_sync(struct fake_request *request, int error, struct bytes assignment)
{
    struct sync_group_response out = {.error_code = error_code(error), .assignment = assignment};
    fake_request_answer(request, &out);
}

static void remove_member(struct fake_member *member)
{
    list_remove(&member->link);
    if (member->join != NULL) {
        answer_join_error(member->join, ERROR_UNKNOWN_MEMBER_ID, "");
    }
    if (member->sync != NULL) {
        answer_sync(member->sync, ERROR_UNKNOWN_MEMBER_ID, BYTES_LITERAL(""));
    }
    forget_protocols(member);
    buffer_fini(&member->assignment);
    free(member->id);
    free(member->instance_id);
    free(member);
}

void fake_group_free(void *value)
{
    struct fake_group *group = value;
    struct list_link *link;
    while ((link = list_take(&group->members)) != NULL) {
        remove_member(list_member(link, struct fake_member, link));
    }
    map_fini(&group->offsets, free);
    map_fini(&group->pending, NULL);
    free(group->leader);
    free(group->protocol);
    free(group);
}

static bool has_protocol(const struct fake_member *member, const char *name)
{
    for (int i = 0; i < member->protocol_count; i++) {
        if (strcmp(member->protocols[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static char *choose_protocol(struct fake_group *group)
{
    struct fake_member *first = list_member(group->members.head.next, struct fake_member, link);
    for (int i = 0; i < first->protocol_count; i++) {
        bool is_shared = true;
        for (list_each (&group->members, link)) {
            is_shared = is_shared && has_protocol(list_member(link, struct fake_member, link),
                                                  first->protocols[i]);
        }
        if (is_shared) {
            return memory_string(first->protocols[i]);
        }
    }
    return memory_string(first->protocols[0]);
}

static void answer_join(struct fake_group *group, struct fake_member *member, bool is_comeback)
{
    struct fake_request *request = member->join;
    struct arena *arena = &request->arena;
    struct join_group_response out = {
        .generation_id = group->generation,
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocol_name = bytes_from_string(group->protocol),
        .leader = bytes_from_string(group->leader),
        .member_id = bytes_from_string(member->id),
    };
    if (strcmp(group->leader, member->id) == 0) {
        out.skip_assignment = is_comeback; /* KIP-814 */
        out.members.items = arena_array(arena, struct join_group_response_member, 64);
        for (list_each (&group->members, link)) {
            struct fake_member *other = list_member(link, struct fake_member, link);
            struct join_group_response_member *row = &out.members.items[out.members.count++];
            row->member_id = bytes_from_string(other->id);
            row->group_instance_id = bytes_from_string(other->instance_id);
            for (int i = 0; i < other->protocol_count; i++) {
                if (strcmp(other->protocols[i], group->protocol) == 0) {
                    row->metadata = buffer_bytes(&other->metadata[i]);
                }
            }
        }
    }
    member->join = NULL;
    fake_request_answer(request, &out);
}

static void finish_join(struct fake_group *group)
{
    uint64_t now = sim_now(group->cluster->sim);
    bool is_complete = true;
    for (list_each (&group->members, link)) {
        is_complete = is_complete && list_member(link, struct fake_member, link)->join != NULL;
    }
    if (group->state != GROUP_JOINING || (!is_complete && now < group->join_end)) {
        return;
    }
    for (list_each (&group->members, late)) {
        struct fake_member *member = list_member(late, struct fake_member, link);
        if (member->join == NULL) {
            remove_member(member);
        }
    }
    if (list_is_empty(&group->members)) {
        group->state = GROUP_EMPTY;
        return;
    }
    group->generation++;
    group->state = GROUP_SYNCING;
    free(group->protocol);
    group->protocol = choose_protocol(group);
    if (group->leader == NULL || find_member(group, bytes_from_string(group->leader)) == NULL) {
        free(group->leader);
        group->leader =
            memory_string(list_member(group->members.head.next, struct fake_member, link)->id);
    }
    for (list_each (&group->members, told)) {
        answer_join(group, list_member(told, struct fake_member, link), false);
    }
}

static void start_join(struct fake_group *group)
{
    if (group->state == GROUP_JOINING) {
        return;
    }
    group->state = GROUP_JOINING;
    group->join_end =
        sim_now(group->cluster->sim) + (uint64_t)group->rebalance_timeout_ms * 1000000u;
    for (list_each (&group->members, link)) {
        struct fake_member *member = list_member(link, struct fake_member, link);
        if (member->sync != NULL) {
            struct fake_request *sync = member->sync;
            member->sync = NULL;
            answer_sync(sync, ERROR_REBALANCE_IN_PROGRESS, BYTES_LITERAL(""));
        }
    }
}

/* Members whose session ran out are looked for whenever somebody calls. */
static void expire_members(struct fake_group *group)
{
    uint64_t now = sim_now(group->cluster->sim);
    bool has_lost = false;
    for (list_each (&group->members, link)) {
        struct fake_member *member = list_member(link, struct fake_member, link);
        if (member->join == NULL && member->session_end < now) {
            remove_member(member);
            has_lost = true;
        }
    }
    if (has_lost && group->state != GROUP_EMPTY) {
        start_join(group);
    }
    finish_join(group);
}

static void touch(struct fake_group *group, struct fake_member *member)
{
    member->session_end =
        sim_now(group->cluster->sim) + (uint64_t)member->session_timeout_ms * 1000000u;
}

static void on_join_timer(struct io_timer *timer)
{
    struct fake_request *request = timer->owner;
    finish_join(request->owner);
}

static void take_protocols(struct fake_member *member, const struct join_group_request *in)
{
    forget_protocols(member);
    member->protocol_count = in->protocols.count;
    member->protocols = memory_zero((size_t)in->protocols.count, sizeof *member->protocols);
    member->metadata = memory_zero((size_t)in->protocols.count, sizeof *member->metadata);
    for (int32_t i = 0; i < in->protocols.count; i++) {
        member->protocols[i] = bytes_to_string(in->protocols.items[i].name);
        buffer_add_bytes(&member->metadata[i], in->protocols.items[i].metadata);
    }
}

static struct fake_member *add_member(struct fake_group *group, struct bytes id,
                                      struct bytes instance)
{
    struct fake_member *member = memory_new(struct fake_member);
    char name[64];
    if (id.size == 0) {
        snprintf(name, sizeof name, "member-%d", (int)group->cluster->next_member++);
        member->id = memory_string(name);
    } else {
        member->id = bytes_to_string(id);
    }
    member->instance_id = bytes_to_string(instance);
    list_add(&group->members, &member->link);
    return member;
}

static struct fake_member *find_instance(struct fake_group *group, struct bytes instance)
{
    for (list_each (&group->members, link)) {
        struct fake_member *member = list_member(link, struct fake_member, link);
        if (instance.data != NULL && member->instance_id != NULL &&
            bytes_equal_string(instance, member->instance_id)) {
            return member;
        }
    }
    return NULL;
}

/* The error ordered for this request, or that of its session timeout. */
static int judge_join(struct fake_cluster *cluster, const struct join_group_request *in)
{
    struct fake_fault *fault = &cluster->faults[KEY_JOIN];
    if (fault->count > 0) {
        fault->count--;
        return fault->error;
    }
    return in->session_timeout_ms < cluster->session_timeout_min_ms ? ERROR_INVALID_SESSION_TIMEOUT
                                                                    : 0;
}

static void handle_join(struct fake_group *group, struct fake_request *request)
{
    const struct join_group_request *in = request->message;
    struct fake_member *member = find_member(group, in->member_id);
    struct fake_member *instance = find_instance(group, in->group_instance_id);
    bool is_comeback = in->member_id.size == 0 && instance != NULL;
    int error = judge_join(group->cluster, in);
    if (error != 0) {
        answer_join_error(request, error, "");
        return;
    }
    if (is_comeback) {
        /* A static member that came back takes over under a new id. */
        char name[64];
        snprintf(name, sizeof name, "member-%d", (int)group->cluster->next_member++);
        if (instance->join != NULL) {
            struct fake_request *old = instance->join;
            instance->join = NULL;
            answer_join_error(old, ERROR_FENCED_INSTANCE_ID, "");
        }
        if (group->leader != NULL && strcmp(group->leader, instance->id) == 0) {
            free(group->leader);
            group->leader = memory_string(name);
        }
        free(instance->id);
        instance->id = memory_string(name);
        member = instance;
    } else if (in->member_id.size > 0 && instance != NULL && instance != member) {
        answer_join_error(request, ERROR_FENCED_INSTANCE_ID, "");
        return;
    } else if (in->member_id.size == 0 && in->group_instance_id.data == NULL &&
               request->version >= 4) {
        char name[64];
        snprintf(name, sizeof name, "member-%d", (int)group->cluster->next_member++);
        map_put(&group->pending, bytes_from_string(name), group);
        answer_join_error(request, ERROR_MEMBER_ID_REQUIRED, name);
        return;
    } else if (member == NULL && in->member_id.size > 0 &&
               map_remove(&group->pending, in->member_id) == NULL) {
        answer_join_error(request, ERROR_UNKNOWN_MEMBER_ID, "");
        return;
    }
    if (member == NULL) {
        member = add_member(group, in->member_id, in->group_instance_id);
    }
    take_protocols(member, in);
    member->session_timeout_ms = in->session_timeout_ms;
    touch(group, member);
    if (member->join != NULL) {
        struct fake_request *old = member->join;
        member->join = NULL;
        answer_join_error(old, ERROR_UNKNOWN_MEMBER_ID, "");
    }
    member->join = request;
    group->rebalance_timeout_ms = in->rebalance_timeout_ms;
    if (is_comeback && group->state == GROUP_STABLE && request->version >= 9) {
        answer_join(group, member, true);
        return;
    }
    start_join(group);
    request->owner = group;
    request->timer = (struct io_timer){.fired = on_join_timer, .owner = request};
    uint64_t now = sim_now(group->cluster->sim);
    io_timer_start(request->broker->io, &request->timer,
                   group->join_end > now ? group->join_end - now : 0);
    finish_join(group);
}

/* ERROR_NONE when the member may speak for this generation. */
static int judge_member(struct fake_group *group, struct bytes id, struct bytes instance,
                        int32_t generation, struct fake_member **out)
{
    struct fake_member *owner = find_instance(group, instance);
    *out = find_member(group, id);
    if (owner != NULL && owner != *out) {
        return ERROR_FENCED_INSTANCE_ID;
    }
    if (*out == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    return generation != group->generation ? ERROR_ILLEGAL_GENERATION : 0;
}

static void handle_sync(struct fake_group *group, struct fake_request *request)
{
    const struct sync_group_request *in = request->message;
    struct fake_member *member;
    int error =
        judge_member(group, in->member_id, in->group_instance_id, in->generation_id, &member);
    if (error == 0 && group->state == GROUP_JOINING) {
        error = ERROR_REBALANCE_IN_PROGRESS;
    }
    if (error != 0) {
        answer_sync(request, error, BYTES_LITERAL(""));
        return;
    }
    touch(group, member);
    if (group->state == GROUP_STABLE) {
        answer_sync(request, 0, buffer_bytes(&member->assignment));
        return;
    }
    if (member->sync != NULL) {
        struct fake_request *old = member->sync;
        member->sync = NULL;
        answer_sync(old, ERROR_UNKNOWN_MEMBER_ID, BYTES_LITERAL(""));
    }
    member->sync = request;
    if (strcmp(member->id, group->leader) != 0) {
        return;
    }
    for (list_each (&group->members, cleared)) {
        buffer_clear(&list_member(cleared, struct fake_member, link)->assignment);
    }
    for (int32_t i = 0; i < in->assignments.count; i++) {
        struct fake_member *target = find_member(group, in->assignments.items[i].member_id);
        check(target != NULL);
        buffer_add_bytes(&target->assignment, in->assignments.items[i].assignment);
    }
    group->state = GROUP_STABLE;
    for (list_each (&group->members, link)) {
        struct fake_member *told = list_member(link, struct fake_member, link);
        if (told->sync != NULL) {
            struct fake_request *sync = told->sync;
            told->sync = NULL;
            answer_sync(sync, 0, buffer_bytes(&told->assignment));
        }
    }
}

static void handle_heartbeat(struct fake_group *group, struct fake_request *request)
{
    const struct heartbeat_request *in = request->message;
    struct fake_member *member;
    int error =
        judge_member(group, in->member_id, in->group_instance_id, in->generation_id, &member);
    if (member != NULL) {
        touch(group, member);
    }
    if (error == 0 && group->state == GROUP_JOINING) {
        error = ERROR_REBALANCE_IN_PROGRESS;
    }
    struct fake_fault *fault = &group->cluster->faults[KEY_HEARTBEAT];
    if (fault->count > 0) {
        fault->count--;
        error = fault->error;
    }
    struct heartbeat_response out = {.error_code = error_code(error)};
    fake_request_answer(request, &out);
}

static void handle_leave(struct fake_group *group, struct fake_request *request)
{
    const struct leave_group_request *in = request->message;
    struct leave_group_response out = {0};
    struct bytes id = request->version >= 3 ? in->members.items[0].member_id : in->member_id;
    struct fake_member *member = find_member(group, id);
    if (member == NULL) {
        out.error_code = error_code(ERROR_UNKNOWN_MEMBER_ID);
    } else {
        remove_member(member);
        if (list_is_empty(&group->members)) {
            group->state = GROUP_EMPTY;
        } else {
            start_join(group);
            finish_join(group);
        }
    }
    fake_request_answer(request, &out);
}

static struct bytes offset_key(struct arena *arena, struct bytes topic, int32_t partition)
{
    return bytes_from_string(arena_printf(arena, "%.*s/%d", BYTES_FORMAT(topic), (int)partition));
}

static void handle_commit(struct fake_group *group, struct fake_request *request)
{
    const struct offset_commit_request *in = request->message;
    struct offset_commit_response out = {0};
    struct fake_member *member = NULL;
    int error = 0;
    if (in->generation_id_or_member_epoch >= 0 || !list_is_empty(&group->members)) {
        error = judge_member(group, in->member_id, in->group_instance_id,
                             in->generation_id_or_member_epoch, &member);
    }
    if (error == 0 && group->state == GROUP_SYNCING) {
        error = ERROR_REBALANCE_IN_PROGRESS;
    }
    out.topics.count = in->topics.count;
    out.topics.items =
        arena_array(&request->arena, struct offset_commit_response_topic, (size_t)in->topics.count);
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct offset_commit_request_topic *topic = &in->topics.items[i];
        out.topics.items[i].name = topic->name;
        out.topics.items[i].partitions.count = topic->partitions.count;
        out.topics.items[i].partitions.items =
            arena_array(&request->arena, struct offset_commit_response_partition,
                        (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct offset_commit_request_partition *row = &topic->partitions.items[j];
            out.topics.items[i].partitions.items[j] = (struct offset_commit_response_partition){
                .index = row->index, .error_code = error_code(error)};
            if (error == 0) {
                int64_t *offset = memory_new(int64_t);
                *offset = row->committed_offset;
                free(map_put(&group->offsets, offset_key(&request->arena, topic->name, row->index),
                             offset));
            }
        }
    }
    fake_request_answer(request, &out);
}

static void handle_offset_fetch(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct offset_fetch_request *in = request->message;
    struct arena *arena = &request->arena;
    struct offset_fetch_response out = {0};
    check(request->version >= 8);
    const struct offset_fetch_request_group *wish = &in->groups.items[0];
    struct fake_group *group = get_group(cluster, wish->group_id);
    out.groups.count = 1;
    out.groups.items = arena_array(arena, struct offset_fetch_response_group, 1);
    struct offset_fetch_response_group *row = &out.groups.items[0];
    row->group_id = wish->group_id;
    int32_t count = wish->topics.count < 0 ? 0 : wish->topics.count;
    row->topics.count = count;
    row->topics.items = arena_array(arena, struct offset_fetch_response_group_topic, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        const struct offset_fetch_request_group_topic *topic = &wish->topics.items[i];
        struct offset_fetch_response_group_topic *told = &row->topics.items[i];
        told->name = topic->name;
        told->partitions.count = topic->partition_indexes.count;
        told->partitions.items = arena_array(arena, struct offset_fetch_response_group_partition,
                                             (size_t)topic->partition_indexes.count);
        for (int32_t j = 0; j < topic->partition_indexes.count; j++) {
            int32_t index = topic->partition_indexes.items[j];
            int64_t *offset = map_find(&group->offsets, offset_key(arena, topic->name, index));
            told->partitions.items[j] = (struct offset_fetch_response_group_partition){
                .index = index,
                .committed_offset = offset == NULL ? -1 : *offset,
                .committed_leader_epoch = -1,
                .metadata = BYTES_LITERAL(""),
            };
        }
    }
    fake_request_answer(request, &out);
}

static void handle_find(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct find_coordinator_request *in = request->message;
    struct find_coordinator_response out = {0};
    struct arena *arena = &request->arena;
    struct bytes host = bytes_from_string(arena_printf(arena, "node%d", cluster->coordinator_id));
    out.node_id = cluster->coordinator_id;
    out.host = host;
    out.port = FAKE_PORT;
    out.coordinators.count = 1;
    out.coordinators.items = arena_array(arena, struct find_coordinator_response_coordinator, 1);
    out.coordinators.items[0] = (struct find_coordinator_response_coordinator){
        .key = request->version >= 4 ? in->coordinator_keys.items[0] : in->key,
        .node_id = cluster->coordinator_id,
        .host = host,
        .port = FAKE_PORT,
    };
    fake_request_answer(request, &out);
}

/* The group a request is about, NULL for those that name it otherwise. */
static struct bytes group_of(const struct fake_request *request)
{
    switch (request->api->key) {
    case KEY_JOIN:
        return ((const struct join_group_request *)request->message)->group_id;
    case KEY_SYNC:
        return ((const struct sync_group_request *)request->message)->group_id;
    case KEY_HEARTBEAT:
        return ((const struct heartbeat_request *)request->message)->group_id;
    case KEY_LEAVE:
        return ((const struct leave_group_request *)request->message)->group_id;
    case KEY_OFFSET_COMMIT:
        return ((const struct offset_commit_request *)request->message)->group_id;
    default:
        return (struct bytes){NULL, 0};
    }
}

bool fake_group_handle(struct fake_cluster *cluster, struct fake_request *request)
{
    if (request->api->key == KEY_FIND_COORDINATOR) {
        handle_find(cluster, request);
        return true;
    }
    if (request->api->key == KEY_OFFSET_FETCH) {
        handle_offset_fetch(cluster, request);
        return true;
    }
    struct bytes name = group_of(request);
    if (name.data == NULL) {
        return false;
    }
    struct fake_group *group = get_group(cluster, name);
    expire_members(group);
    switch (request->api->key) {
    case KEY_JOIN:
        handle_join(group, request);
        break;
    case KEY_SYNC:
        handle_sync(group, request);
        break;
    case KEY_HEARTBEAT:
        handle_heartbeat(group, request);
        break;
    case KEY_LEAVE:
        handle_leave(group, request);
        break;
    default:
        handle_commit(group, request);
        break;
    }
    return true;
}

int64_t fake_group_committed(struct fake_cluster *cluster, const char *group, const char *topic,
                             int32_t partition)
{
    struct fake_group *found = map_find_string(&cluster->groups, group);
    struct arena arena;
    arena_init(&arena, 0);
    int64_t *offset =
        found == NULL
            ? NULL
            : map_find(&found->offsets, offset_key(&arena, bytes_from_string(topic), partition));
    arena_fini(&arena);
    return offset == NULL ? -1 : *offset;
}

int fake_group_member_count(struct fake_cluster *cluster, const char *group)
{
    struct fake_group *found = map_find_string(&cluster->groups, group);
    int count = 0;
    if (found != NULL) {
        for (list_each (&found->members, link)) {
            count++;
        }
    }
    return count;
}

void fake_group_expel(struct fake_cluster *cluster, const char *group)
{
    struct fake_group *found = map_find_string(&cluster->groups, group);
    struct list_link *link;
    while ((link = list_take(&found->members)) != NULL) {
        remove_member(list_member(link, struct fake_member, link));
    }
    found->state = GROUP_EMPTY;
    found->generation++;
}
