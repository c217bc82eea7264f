/* Shows the life of classic groups as clients see it: joining, rebalancing, static members, dying,
 * committing, restarting, deleting. Time is virtual; the state is held against a replay of the log
 * after every event. */
#include "tests/unit/log/coordinator/coordinator_world.h"

#define CODE(name) error_code(ERROR_##name)

static int open_world(void **state)
{
    *state = world_new(1);
    return 0;
}

static int close_world(void **state)
{
    world_free((struct world *)*state);
    return 0;
}

/* One client with its last requests. */
struct client {
    struct world *world;
    const char *group;
    const char *instance; /* NULL: dynamic */
    char id[128];
    int32_t generation;
    int16_t version;
    int32_t session_timeout_ms;
    const char *protocols[3]; /* up to the first NULL */
    struct join_group_request_protocol protocol_items[3];
    struct join_group_request join_in;
    struct coordinator_join join;
    struct sync_group_request_assignment assignments[8];
    struct sync_group_request sync_in;
    struct coordinator_sync sync;
    int joined; /* answers */
    int synced;
};

static struct client make_client(struct world *world)
{
    return (struct client){
        .world = world,
        .group = "g",
        .version = 9,
        .session_timeout_ms = 10000,
        .protocols = {"range"},
    };
}

static void on_joined(struct coordinator_request *request)
{
    struct client *client = (struct client *)request->owner;
    struct bytes id = client->join.out.member_id;
    client->joined++;
    assert_in_range(id.size, 0, sizeof client->id - 1);
    memset(client->id, 0, sizeof client->id);
    if (id.size > 0) {
        memcpy(client->id, id.data, id.size);
    }
    if (client->join.out.error_code == 0) {
        client->generation = client->join.out.generation_id;
    }
}

static void join(struct client *client)
{
    int32_t count = 0;
    for (; count < 3 && client->protocols[count] != NULL; count++) {
        client->protocol_items[count] = (struct join_group_request_protocol){
            .name = bytes_from_string(client->protocols[count]),
            .metadata = BYTES_LITERAL("\0\1\0\0\0\1\0\1t\xff\xff\xff\xff\0\0\0\0")};
    }
    client->join_in = (struct join_group_request){
        .group_id = bytes_from_string(client->group),
        .session_timeout_ms = client->session_timeout_ms,
        .rebalance_timeout_ms = 60000,
        .member_id = bytes_from_string(client->id),
        .group_instance_id = bytes_from_string(client->instance),
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocols = {.items = client->protocol_items, .count = count},
    };
    client->join = (struct coordinator_join){
        .request = {.done = on_joined, .owner = client, .arena = &client->world->arena},
        .version = client->version,
        .client_id = BYTES_LITERAL("test"),
        .client_host = BYTES_LITERAL("/127.0.0.1"),
        .in = &client->join_in,
    };
    int joined = client->joined;
    coordinator_join_group(client->world->coordinator, &client->join);
    assert_int_equal(client->joined, joined); /* never inside the call */
}

static void on_synced(struct coordinator_request *request)
{
    ((struct client *)request->owner)->synced++;
}

/* As the leader everybody gets "a:ID". */
static void sync_as(struct client *client, bool is_leader)
{
    int32_t count = 0;
    for (int32_t i = 0; is_leader && i < client->join.out.members.count; i++) {
        struct bytes id = client->join.out.members.items[i].member_id;
        client->assignments[count++] = (struct sync_group_request_assignment){
            .member_id = id,
            .assignment =
                bytes_from_string(arena_printf(&client->world->arena, "a:%.*s", BYTES_FORMAT(id)))};
    }
    client->sync_in = (struct sync_group_request){
        .group_id = bytes_from_string(client->group),
        .generation_id = client->generation,
        .member_id = bytes_from_string(client->id),
        .group_instance_id = bytes_from_string(client->instance),
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocol_name = client->join.out.protocol_name,
        .assignments = {.items = client->assignments, .count = count},
    };
    client->sync = (struct coordinator_sync){
        .request = {.done = on_synced, .owner = client, .arena = &client->world->arena},
        .in = &client->sync_in,
    };
    coordinator_sync_group(client->world->coordinator, &client->sync);
}

static bool is_leader(const struct client *client)
{
    return bytes_equal_string(client->join.out.leader, client->id);
}

static int heartbeat(struct client *client)
{
    return coordinator_heartbeat(client->world->coordinator,
                                 &(struct heartbeat_request){
                                     .group_id = bytes_from_string(client->group),
                                     .generation_id = client->generation,
                                     .member_id = bytes_from_string(client->id),
                                     .group_instance_id = bytes_from_string(client->instance),
                                 });
}

static void expect_assigned(struct client *client)
{
    char expected[160];
    snprintf(expected, sizeof expected, "a:%s", client->id);
    assert_int_equal(client->sync.out.error_code, 0);
    assert_true(bytes_equal_string(client->sync.out.assignment, expected));
}

/* Brings a dynamic client from nothing to its answered join (MEMBER_ID_REQUIRED in between). */
static void enter(struct client *client)
{
    join(client);
    world_run_ms(client->world, 1);
    assert_int_equal(client->join.out.error_code, CODE(MEMBER_ID_REQUIRED));
    assert_true(strlen(client->id) > 0);
    join(client);
    world_run_ms(client->world, 1);
}

/* Lets go of requests that still wait and live on the stack of a test. */
static void end(struct world *world)
{
    world_stop(world);
    world_run_ms(world, 1);
}

static void sync_all(struct client *clients, int count)
{
    for (int i = 0; i < count; i++) {
        sync_as(&clients[i], is_leader(&clients[i]));
    }
    world_run_ms(clients[0].world, 50);
    for (int i = 0; i < count; i++) {
        expect_assigned(&clients[i]);
    }
}

/* A stable group of dynamic members. */
static void gather(struct client *clients, int count)
{
    for (int i = 0; i < count; i++) {
        join(&clients[i]);
        world_run_ms(clients[i].world, 1);
    }
    for (int i = 0; i < count; i++) {
        join(&clients[i]);
    }
    world_run_ms(clients[0].world, 1);
    for (int i = 0; i < count; i++) {
        assert_int_equal(clients[i].join.out.error_code, 0);
    }
    sync_all(clients, count);
}

static struct describe_groups_response_group describe(struct world *world, const char *group)
{
    struct describe_groups_response_group out;
    coordinator_describe_group(world->coordinator, 6, bytes_from_string(group), &world->arena,
                               &out);
    return out;
}

static void expect_state(struct world *world, const char *state)
{
    assert_true(bytes_equal_string(describe(world, "g").group_state, state));
}

static void a_new_member_is_told_its_id_from_version_4_on(void **state)
{
    struct world *world = (struct world *)*state;
    struct client old = make_client(world);
    struct client new = make_client(world);
    old.version = 3;
    old.group = "old";
    join(&old);
    world_run_ms(world, 1);
    assert_int_equal(old.join.out.error_code, 0);
    assert_int_equal(old.join.out.generation_id, 1);
    join(&new);
    world_run_ms(world, 1);
    assert_int_equal(new.join.out.error_code, CODE(MEMBER_ID_REQUIRED));
    assert_int_equal(new.join.out.generation_id, -1);
    assert_memory_equal(new.id, "test-", 5);
    end(world);
}

static void a_group_settles_and_everybody_gets_the_leaders_word(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[3] = {make_client(world), make_client(world), make_client(world)};
    gather(clients, 3);
    expect_state(world, "Stable");
    int leaders = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(heartbeat(&clients[i]), 0);
        assert_int_equal(clients[i].generation, 1);
        leaders += is_leader(&clients[i]);
        assert_int_equal(clients[i].join.out.members.count, is_leader(&clients[i]) ? 3 : 0);
    }
    assert_int_equal(leaders, 1);
    end(world);
}

static void an_assignment_is_given_out_when_it_is_committed(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    enter(&client);
    world->is_frozen = true;
    sync_as(&client, true);
    world_run_ms(world, 1000);
    assert_int_equal(client.synced, 0);
    expect_state(world, "CompletingRebalance");
    end(world);
}

static void a_refused_assignment_starts_over(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    enter(&client);
    world->append_error = ERROR_FENCED;
    sync_as(&client, true);
    world_run_ms(world, 50);
    assert_int_equal(client.sync.out.error_code, CODE(COORDINATOR_NOT_AVAILABLE));
    expect_state(world, "PreparingRebalance");
    world->append_error = 0;
    join(&client);
    world_run_ms(world, 1);
    assert_int_equal(client.generation, 2);
    sync_all(&client, 1);
    end(world);
}

static void a_newcomer_makes_the_others_join_again(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    gather(clients, 1);
    join(&clients[1]);
    world_run_ms(world, 1);
    join(&clients[1]);
    world_run_ms(world, 1);
    assert_int_equal(clients[1].joined, 1);
    assert_int_equal(heartbeat(&clients[0]), ERROR_REBALANCE_IN_PROGRESS);
    join(&clients[0]);
    world_run_ms(world, 1);
    assert_int_equal(clients[0].generation, 2);
    assert_int_equal(clients[1].generation, 2);
    sync_all(clients, 2);
    end(world);
}

static void a_silent_member_is_gone_after_its_session(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    gather(clients, 2);
    for (int i = 0; i < 3; i++) {
        world_run_ms(world, 4000);
        int error = heartbeat(&clients[0]);
        assert_int_equal(error, i == 2 ? ERROR_REBALANCE_IN_PROGRESS : 0);
    }
    assert_int_equal(heartbeat(&clients[1]), ERROR_UNKNOWN_MEMBER_ID);
    join(&clients[0]);
    world_run_ms(world, 1);
    assert_int_equal(clients[0].join.out.members.count, 1);
    end(world);
}

static void who_does_not_join_in_time_is_gone(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    clients[0].session_timeout_ms = clients[1].session_timeout_ms = 300000;
    gather(clients, 2);
    struct client *leader = is_leader(&clients[0]) ? &clients[0] : &clients[1];
    struct client *other = is_leader(&clients[0]) ? &clients[1] : &clients[0];
    join(leader); /* a leader that joins again asks for a rebalance */
    world_run_ms(world, 1);
    expect_state(world, "PreparingRebalance");
    world_run_ms(world, 59000);
    expect_state(world, "PreparingRebalance");
    world_run_ms(world, 2000);
    assert_int_equal(leader->generation, 2);
    assert_int_equal(leader->join.out.members.count, 1);
    assert_int_equal(heartbeat(other), ERROR_UNKNOWN_MEMBER_ID);
    end(world);
}

static void who_does_not_sync_in_time_is_gone(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    clients[0].session_timeout_ms = clients[1].session_timeout_ms = 300000;
    for (int i = 0; i < 2; i++) {
        join(&clients[i]);
        world_run_ms(world, 1);
    }
    join(&clients[0]);
    join(&clients[1]);
    world_run_ms(world, 1);
    struct client *leader = is_leader(&clients[0]) ? &clients[0] : &clients[1];
    struct client *other = is_leader(&clients[0]) ? &clients[1] : &clients[0];
    sync_as(leader, true);
    world_run_ms(world, 50);
    expect_state(world, "Stable");
    world_run_ms(world, 61000);
    expect_state(world, "PreparingRebalance");
    assert_int_equal(heartbeat(other), ERROR_UNKNOWN_MEMBER_ID);
    end(world);
}

static void the_protocol_most_prefer_among_those_all_know_wins(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[3] = {make_client(world), make_client(world), make_client(world)};
    static const char *const protocols[3][3] = {
        {"sticky", "range", "robin"}, {"robin", "range", NULL}, {"range", "robin", NULL}};
    for (int i = 0; i < 3; i++) {
        memcpy(clients[i].protocols, protocols[i], sizeof protocols[i]);
    }
    gather(clients, 3);
    assert_true(bytes_equal_string(clients[0].join.out.protocol_name, "range"));
    struct client stranger = make_client(world);
    stranger.protocols[0] = "other";
    join(&stranger);
    world_run_ms(world, 1);
    assert_int_equal(stranger.join.out.error_code, CODE(INCONSISTENT_GROUP_PROTOCOL));
    end(world);
}

static void bad_joins_are_refused(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    client.session_timeout_ms = 5999;
    join(&client);
    world_run_ms(world, 1);
    assert_int_equal(client.join.out.error_code, CODE(INVALID_SESSION_TIMEOUT));
    client.session_timeout_ms = 10000;
    client.group = "";
    join(&client);
    world_run_ms(world, 1);
    assert_int_equal(client.join.out.error_code, CODE(INVALID_GROUP_ID));
    client.group = "g";
    strcpy(client.id, "nobody");
    join(&client);
    world_run_ms(world, 1);
    assert_int_equal(client.join.out.error_code, CODE(UNKNOWN_MEMBER_ID));
    assert_true(bytes_equal_string(describe(world, "g").group_state, "Dead"));
    assert_int_equal(describe(world, "g").error_code, CODE(GROUP_ID_NOT_FOUND));
    end(world);
}

static void a_full_group_takes_nobody(void **state)
{
    struct world *world = (struct world *)*state;
    world_stop(world);
    world->options.group_size_max = 2;
    world_start(world);
    struct client clients[3] = {make_client(world), make_client(world), make_client(world)};
    gather(clients, 2);
    join(&clients[2]);
    world_run_ms(world, 1);
    assert_int_equal(clients[2].join.out.error_code, CODE(GROUP_MAX_SIZE_REACHED));
    end(world);
}

static void an_empty_group_waits_for_more_members(void **state)
{
    struct world *world = (struct world *)*state;
    world_stop(world);
    world->options.initial_rebalance_delay_ms = 3000;
    world_start(world);
    struct client clients[2] = {make_client(world), make_client(world)};
    enter(&clients[0]);
    world_run_ms(world, 2000);
    enter(&clients[1]);
    assert_int_equal(clients[0].joined, 1);
    world_run_ms(world, 3000);
    assert_int_equal(clients[0].joined, 1);
    world_run_ms(world, 1500);
    assert_int_equal(clients[0].generation, 1);
    assert_int_equal(clients[1].generation, 1);
    end(world);
}

static void a_static_member_comes_back_without_a_rebalance(void **state)
{
    struct world *world = (struct world *)*state;
    struct client first = make_client(world);
    struct client again = make_client(world);
    first.instance = again.instance = "i1";
    join(&first);
    world_run_ms(world, 1);
    assert_int_equal(first.join.out.error_code, 0);
    sync_all(&first, 1);
    join(&again);
    world_run_ms(world, 50);
    assert_int_equal(again.join.out.error_code, 0);
    assert_int_equal(again.generation, 1);
    assert_true(again.join.out.skip_assignment);
    assert_string_not_equal(again.id, first.id);
    expect_state(world, "Stable");
    assert_int_equal(heartbeat(&first), ERROR_FENCED_INSTANCE_ID);
    assert_int_equal(heartbeat(&again), 0);
    sync_as(&again, false);
    world_run_ms(world, 1);
    assert_int_equal(again.sync.out.error_code, 0);
    assert_true(bytes_has_prefix(again.sync.out.assignment, BYTES_LITERAL("a:i1-")));
    end(world);
}

static void a_waiting_twin_is_fenced(void **state)
{
    struct world *world = (struct world *)*state;
    struct client other = make_client(world);
    struct client first = make_client(world);
    struct client again = make_client(world);
    gather(&other, 1);
    first.instance = again.instance = "i1";
    join(&first);
    world_run_ms(world, 1);
    assert_int_equal(first.joined, 0);
    join(&again);
    world_run_ms(world, 1);
    assert_int_equal(first.join.out.error_code, CODE(FENCED_INSTANCE_ID));
    join(&other);
    world_run_ms(world, 1);
    assert_int_equal(again.join.out.error_code, 0);
    assert_int_equal(again.generation, 2);
    end(world);
}

static struct leave_group_response leave(struct world *world, const char *id, const char *instance)
{
    struct leave_group_request_member member = {.member_id = bytes_from_string(id),
                                                .group_instance_id = bytes_from_string(instance)};
    struct leave_group_request in = {.group_id = BYTES_LITERAL("g"),
                                     .members = {.items = &member, .count = 1}};
    struct leave_group_response out;
    coordinator_leave_group(world->coordinator, 5, &in, &world->arena, &out);
    assert_int_equal(out.error_code, 0);
    return out;
}

struct deletion {
    struct coordinator_delete_groups request;
    struct delete_groups_request in;
    struct bytes names[4];
    int answered;
};

static void on_deleted(struct coordinator_request *request)
{
    ((struct deletion *)request->owner)->answered++;
}

static void delete_group(struct world *world, struct deletion *deletion, const char *name)
{
    *deletion = (struct deletion){.names = {bytes_from_string(name)}};
    deletion->in.group_names.items = deletion->names;
    deletion->in.group_names.count = 1;
    deletion->request.request =
        (struct coordinator_request){.done = on_deleted, .owner = deletion, .arena = &world->arena};
    deletion->request.in = &deletion->in;
    coordinator_delete_groups(world->coordinator, &deletion->request);
}

static int16_t delete_code(struct world *world, const char *name)
{
    struct deletion deletion;
    delete_group(world, &deletion, name);
    world_run_ms(world, 50);
    assert_int_equal(deletion.answered, 1);
    return deletion.request.out.results.items[0].error_code;
}

static void leaving_and_deleting_at_once_works(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    gather(&client, 1);
    assert_int_equal(delete_code(world, "g"), CODE(NON_EMPTY_GROUP));
    assert_int_equal(leave(world, "nobody", NULL).members.items[0].error_code,
                     CODE(UNKNOWN_MEMBER_ID));
    assert_int_equal(leave(world, client.id, NULL).members.items[0].error_code, 0);
    expect_state(world, "Empty");
    assert_int_equal(delete_code(world, "g"), 0);
    expect_state(world, "Dead");
    assert_int_equal(delete_code(world, "g"), CODE(GROUP_ID_NOT_FOUND));
    end(world);
}

/* Whoever is told that a group is not there may rely on it. */
static void a_group_is_not_gone_before_its_deletion_is_durable(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    struct deletion deletion;
    gather(&client, 1);
    assert_int_equal(leave(world, client.id, NULL).members.items[0].error_code, 0);
    world_run_ms(world, 50);
    world->append_error = ERROR_IO;
    delete_group(world, &deletion, "g");
    assert_int_equal(delete_code(world, "g"), CODE(COORDINATOR_NOT_AVAILABLE));
    world_run_ms(world, 50);
    assert_int_equal(deletion.answered, 1);
    expect_state(world, "Empty"); /* it came back */
    world->append_error = 0;
    assert_int_equal(delete_code(world, "g"), 0);
    assert_int_equal(delete_code(world, "g"), CODE(GROUP_ID_NOT_FOUND));
    end(world);
}

static void static_members_leave_by_instance_and_are_fenced_by_id(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    client.instance = "i1";
    join(&client);
    world_run_ms(world, 1);
    sync_all(&client, 1);
    assert_int_equal(leave(world, "other", "i1").members.items[0].error_code,
                     CODE(FENCED_INSTANCE_ID));
    assert_int_equal(leave(world, "", "i2").members.items[0].error_code, CODE(UNKNOWN_MEMBER_ID));
    assert_int_equal(leave(world, "", "i1").members.items[0].error_code, 0);
    expect_state(world, "Empty");
    end(world);
}

struct commit {
    struct coordinator_commit request;
    struct offset_commit_request in;
    struct offset_commit_request_topic topic;
    struct offset_commit_request_partition partition;
    int answered;
};

static void on_committed(struct coordinator_request *request)
{
    ((struct commit *)request->owner)->answered++;
}

static void commit_start(struct world *world, struct commit *commit, struct client *client,
                         const char *topic, int32_t partition, int64_t offset)
{
    *commit = (struct commit){
        .topic = {.name = bytes_from_string(topic)},
        .partition = {.index = partition,
                      .committed_offset = offset,
                      .committed_leader_epoch = 5,
                      .committed_metadata = BYTES_LITERAL("note")},
        .in = {.group_id = BYTES_LITERAL("g"),
               .generation_id_or_member_epoch = client == NULL ? -1 : client->generation,
               .member_id = client == NULL ? BYTES_LITERAL("") : bytes_from_string(client->id),
               .retention_time_ms = -1},
    };
    commit->topic.partitions.items = &commit->partition;
    commit->topic.partitions.count = 1;
    commit->in.topics.items = &commit->topic;
    commit->in.topics.count = 1;
    commit->request.in = &commit->in;
    commit->request.request =
        (struct coordinator_request){.done = on_committed, .owner = commit, .arena = &world->arena};
    coordinator_commit_offsets(world->coordinator, &commit->request);
    assert_int_equal(commit->answered, 0);
}

static int16_t commit_code(const struct commit *commit)
{
    assert_int_equal(commit->answered, 1);
    return commit->request.out.topics.items[0].partitions.items[0].error_code;
}

static int16_t commit_offset(struct world *world, struct client *client, const char *topic,
                             int32_t partition, int64_t offset)
{
    struct commit commit;
    commit_start(world, &commit, client, topic, partition, offset);
    world_run_ms(world, 50);
    return commit_code(&commit);
}

static int64_t fetch_offset(struct world *world, const char *topic, int32_t partition)
{
    struct offset_fetch_request_group_topic asked = {.name = bytes_from_string(topic)};
    asked.partition_indexes.items = &partition;
    asked.partition_indexes.count = 1;
    struct offset_fetch_request_group in = {.group_id = BYTES_LITERAL("g")};
    in.topics.items = &asked;
    in.topics.count = 1;
    struct offset_fetch_response_group out;
    coordinator_fetch_offsets(world->coordinator, &in, false, &world->arena, &out);
    assert_int_equal(out.error_code, 0);
    return out.topics.items[0].partitions.items[0].committed_offset;
}

static void offsets_are_seen_when_their_commit_is_answered(void **state)
{
    struct world *world = (struct world *)*state;
    struct commit commit;
    commit_start(world, &commit, NULL, "t", 0, 17);
    assert_int_equal(fetch_offset(world, "t", 0), -1);
    world_run_ms(world, 50);
    assert_int_equal(commit_code(&commit), 0);
    assert_int_equal(fetch_offset(world, "t", 0), 17);
    assert_int_equal(fetch_offset(world, "t", 1), -1);
    struct offset_fetch_request_group in = {.group_id = BYTES_LITERAL("g"),
                                            .topics = {.count = -1}};
    struct offset_fetch_response_group out;
    coordinator_fetch_offsets(world->coordinator, &in, false, &world->arena, &out);
    assert_int_equal(out.topics.count, 1);
    assert_int_equal(out.topics.items[0].partitions.count, 1);
    assert_int_equal(out.topics.items[0].partitions.items[0].committed_leader_epoch, 5);
    assert_true(bytes_equal_string(out.topics.items[0].partitions.items[0].metadata, "note"));
    end(world);
}

static void a_refused_commit_changes_nothing(void **state)
{
    struct world *world = (struct world *)*state;
    assert_int_equal(commit_offset(world, NULL, "t", 0, 1), 0);
    world->append_error = ERROR_NOT_LEADER;
    assert_int_equal(commit_offset(world, NULL, "t", 0, 2), CODE(NOT_COORDINATOR));
    assert_int_equal(fetch_offset(world, "t", 0), 1);
    world->append_error = 0;
    assert_int_equal(commit_offset(world, NULL, "t", 10, 2), CODE(UNKNOWN_TOPIC_OR_PARTITION));
    end(world);
}

static void commits_are_for_members_of_this_generation(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    struct client stranger = make_client(world);
    stranger.generation = 1;
    assert_int_equal(commit_offset(world, &stranger, "t", 0, 1), CODE(ILLEGAL_GENERATION));
    gather(&client, 1);
    assert_int_equal(commit_offset(world, &client, "t", 0, 1), 0);
    assert_int_equal(commit_offset(world, &stranger, "t", 0, 2), CODE(UNKNOWN_MEMBER_ID));
    assert_int_equal(commit_offset(world, NULL, "t", 0, 3), CODE(UNKNOWN_MEMBER_ID));
    client.generation = 0;
    assert_int_equal(commit_offset(world, &client, "t", 0, 4), CODE(ILLEGAL_GENERATION));
    assert_int_equal(fetch_offset(world, "t", 0), 1);
    end(world);
}

static void a_commit_while_the_rebalance_completes_is_refused(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    gather(clients, 1);
    join(&clients[1]);
    world_run_ms(world, 1);
    join(&clients[1]);
    world_run_ms(world, 1);
    assert_int_equal(commit_offset(world, &clients[0], "t", 0, 1), 0); /* while preparing */
    join(&clients[0]);
    world_run_ms(world, 1);
    assert_int_equal(commit_offset(world, &clients[0], "t", 0, 2), CODE(REBALANCE_IN_PROGRESS));
    sync_all(clients, 2);
    assert_int_equal(commit_offset(world, &clients[0], "t", 0, 3), 0);
    end(world);
}

static void a_restart_keeps_members_and_offsets(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    gather(clients, 2);
    assert_int_equal(commit_offset(world, &clients[0], "t", 3, 99), 0);
    world_stop(world);
    world_start(world);
    expect_state(world, "Stable");
    assert_int_equal(fetch_offset(world, "t", 3), 99);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(heartbeat(&clients[i]), 0);
        sync_as(&clients[i], false);
    }
    world_run_ms(world, 1);
    expect_assigned(&clients[0]);
    expect_assigned(&clients[1]);
    world_run_ms(world, 11000);
    assert_int_equal(heartbeat(&clients[0]), ERROR_UNKNOWN_MEMBER_ID);
    end(world);
}

static void a_deleted_topic_takes_its_offsets_along(void **state)
{
    struct world *world = (struct world *)*state;
    struct commit late;
    assert_int_equal(commit_offset(world, NULL, "t", 0, 1), 0);
    assert_int_equal(commit_offset(world, NULL, "u", 0, 2), 0);
    commit_start(world, &late, NULL, "t", 1, 3);
    coordinator_on_topic_deleted(world->coordinator, BYTES_LITERAL("t"));
    assert_int_equal(fetch_offset(world, "t", 0), -1);
    world_run_ms(world, 50);
    assert_int_equal(fetch_offset(world, "t", 0), -1);
    assert_int_equal(fetch_offset(world, "t", 1), -1);
    assert_int_equal(fetch_offset(world, "u", 0), 2);
    world->missing_topic = "u"; /* deleted while nobody could write */
    world_stop(world);
    world_start(world);
    assert_int_equal(fetch_offset(world, "u", 0), -1);
    world_run_ms(world, 50);
    world->missing_topic = NULL;
    assert_int_equal(commit_offset(world, NULL, "u", 0, 4), 0);
    assert_int_equal(fetch_offset(world, "u", 0), 4);
    end(world);
}

static void offsets_of_an_empty_group_expire(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    gather(&client, 1);
    assert_int_equal(commit_offset(world, &client, "t", 0, 1), 0);
    leave(world, client.id, NULL);
    world_run_ms(world, 7ULL * 86400000 - 1000000);
    assert_int_equal(fetch_offset(world, "t", 0), 1);
    world_run_ms(world, 3000000);
    assert_int_equal(fetch_offset(world, "t", 0), -1);
    expect_state(world, "Dead");
    struct buffer text;
    buffer_init(&text);
    for (int32_t i = 0; i < WORLD_PARTITION_COUNT; i++) {
        coordinator_print(world->coordinator, i, &text);
    }
    assert_int_equal(text.size, 0);
    buffer_fini(&text);
    end(world);
}

static void single_offsets_are_deleted_unless_they_are_read(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    gather(&client, 1);
    assert_int_equal(commit_offset(world, &client, "t", 0, 1), 0);
    assert_int_equal(commit_offset(world, &client, "u", 0, 2), 0);
    struct offset_delete_request_partition partition = {.index = 0};
    struct offset_delete_request_topic topics[2] = {{.name = BYTES_LITERAL("t")},
                                                    {.name = BYTES_LITERAL("u")}};
    for (int i = 0; i < 2; i++) {
        topics[i].partitions.items = &partition;
        topics[i].partitions.count = 1;
    }
    struct offset_delete_request in = {.group_id = BYTES_LITERAL("g"),
                                       .topics = {.items = topics, .count = 2}};
    struct commit answer = {0};
    struct coordinator_delete_offsets request = {
        .request = {.done = on_committed, .owner = &answer, .arena = &world->arena}, .in = &in};
    coordinator_delete_offsets(world->coordinator, &request);
    world_run_ms(world, 50);
    assert_int_equal(answer.answered, 1);
    assert_int_equal(request.out.error_code, 0);
    assert_int_equal(request.out.topics.items[0].partitions.items[0].error_code,
                     CODE(GROUP_SUBSCRIBED_TO_TOPIC));
    assert_int_equal(request.out.topics.items[1].partitions.items[0].error_code, 0);
    assert_int_equal(fetch_offset(world, "t", 0), 1);
    assert_int_equal(fetch_offset(world, "u", 0), -1);
    end(world);
}

static void a_list_is_filtered_by_state_and_type(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    client.group = "stable";
    gather(&client, 1);
    assert_int_equal(commit_offset(world, NULL, "t", 0, 1), 0);
    struct bytes stable = BYTES_LITERAL("stable");
    struct bytes consumer = BYTES_LITERAL("consumer");
    struct list_groups_request in = {0};
    struct list_groups_response out;
    coordinator_list_groups(world->coordinator, &in, &world->arena, &out);
    assert_int_equal(out.groups.count, 2);
    in.states_filter.items = &stable;
    in.states_filter.count = 1;
    coordinator_list_groups(world->coordinator, &in, &world->arena, &out);
    assert_int_equal(out.groups.count, 1);
    assert_true(bytes_equal_string(out.groups.items[0].group_id, "stable"));
    assert_true(bytes_equal_string(out.groups.items[0].group_state, "Stable"));
    in.types_filter.items = &consumer;
    in.types_filter.count = 1;
    coordinator_list_groups(world->coordinator, &in, &world->arena, &out);
    assert_int_equal(out.groups.count, 0);
    end(world);
}

static void a_partition_that_is_away_or_loading_says_so(void **state)
{
    struct world *world = (struct world *)*state;
    struct client client = make_client(world);
    gather(&client, 1);
    int32_t index =
        journal_partition_of(coordinator_journal(world->coordinator), BYTES_LITERAL("g"));
    sim_on_event(world->sim, NULL, NULL);
    journal_unload(coordinator_journal(world->coordinator), index);
    assert_int_equal(heartbeat(&client), ERROR_NOT_COORDINATOR);
    journal_load_start(coordinator_journal(world->coordinator), index);
    assert_int_equal(heartbeat(&client), ERROR_COORDINATOR_LOAD_IN_PROGRESS);
    assert_int_equal(journal_load_batch(coordinator_journal(world->coordinator), index,
                                        buffer_bytes(&world->committed[index])),
                     0);
    journal_load_end(coordinator_journal(world->coordinator), index);
    assert_int_equal(heartbeat(&client), 0);
    end(world);
}

static void everybody_who_waits_is_answered_at_the_end(void **state)
{
    struct world *world = (struct world *)*state;
    struct client clients[2] = {make_client(world), make_client(world)};
    struct commit commit;
    gather(clients, 1);
    join(&clients[1]);
    world_run_ms(world, 1);
    join(&clients[1]);
    world->is_frozen = true;
    commit_start(world, &commit, &clients[0], "t", 0, 1);
    world_stop(world);
    assert_int_equal(commit.answered, 0);
    world_run_ms(world, 1);
    assert_int_equal(clients[1].join.out.error_code, CODE(COORDINATOR_NOT_AVAILABLE));
    assert_int_equal(commit_code(&commit), CODE(COORDINATOR_NOT_AVAILABLE));
    end(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_member_is_told_its_id_from_version_4_on),
        TEST(a_group_settles_and_everybody_gets_the_leaders_word),
        TEST(an_assignment_is_given_out_when_it_is_committed),
        TEST(a_refused_assignment_starts_over),
        TEST(a_newcomer_makes_the_others_join_again),
        TEST(a_silent_member_is_gone_after_its_session),
        TEST(who_does_not_join_in_time_is_gone),
        TEST(who_does_not_sync_in_time_is_gone),
        TEST(the_protocol_most_prefer_among_those_all_know_wins),
        TEST(bad_joins_are_refused),
        TEST(a_full_group_takes_nobody),
        TEST(an_empty_group_waits_for_more_members),
        TEST(a_static_member_comes_back_without_a_rebalance),
        TEST(a_waiting_twin_is_fenced),
        TEST(leaving_and_deleting_at_once_works),
        TEST(a_group_is_not_gone_before_its_deletion_is_durable),
        TEST(static_members_leave_by_instance_and_are_fenced_by_id),
        TEST(offsets_are_seen_when_their_commit_is_answered),
        TEST(a_refused_commit_changes_nothing),
        TEST(commits_are_for_members_of_this_generation),
        TEST(a_commit_while_the_rebalance_completes_is_refused),
        TEST(a_restart_keeps_members_and_offsets),
        TEST(a_deleted_topic_takes_its_offsets_along),
        TEST(offsets_of_an_empty_group_expire),
        TEST(single_offsets_are_deleted_unless_they_are_read),
        TEST(a_list_is_filtered_by_state_and_type),
        TEST(a_partition_that_is_away_or_loading_says_so),
        TEST(everybody_who_waits_is_answered_at_the_end),
    };
    trace_set_stream(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
