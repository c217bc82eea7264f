/* Members of consumer groups in the hand of a test: what they say and what they are told. */
#pragma once

#include "tests/unit/log/coordinator/coordinator_world.h"

/* A member in the hand of the test. */
struct member {
    struct world *world;
    const char *group;
    const char *id;
    const char *instance;
    int32_t epoch;
    char has[128]; /* "t:0,1 u:2" as the coordinator said last */
    int answer_count;
    int16_t error;
    char message[256];
};

/* What a heartbeat says besides the epoch. */
struct words {
    const char *topics[4];
    const char *regex;
    const char *assignor;
    const char *owned; /* "t:0,1 u:2"; NULL: not said */
    bool has_topics;
    int32_t timeout_ms; /* 0: not said */
};

struct errand {
    struct coordinator_consumer_heartbeat heartbeat;
    struct consumer_group_heartbeat_request in;
    struct member *member;
    struct arena arena;
};

/* A test's *state is its world, with a topic "t" of four partitions. */
#define PLAY(name) cmocka_unit_test_setup_teardown(name, play_set_up, play_tear_down)

static inline int play_set_up(void **state)
{
    struct world *world = world_new(7);
    world->options.consumer_session_timeout_ms = 45000;
    world_set_topic(world, "t", 4);
    *state = world;
    return 0;
}

static inline int play_tear_down(void **state)
{
    world_free(*state);
    return 0;
}

static inline void
print_assignment(const struct world *world,
                 const struct consumer_group_heartbeat_response_assignment *assignment, char *out,
                 size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < assignment->topics.count; i++) {
        const struct consumer_group_heartbeat_response_topic *topic = &assignment->topics.items[i];
        used += (size_t)snprintf(out + used, size - used, "%s%s:", i > 0 ? " " : "",
                                 world->topics[topic->topic_id.octets[0] - 1].name);
        for (int32_t j = 0; j < topic->partitions.count && used + 16 < size; j++) {
            used += (size_t)snprintf(out + used, size - used, "%s%d", j > 0 ? "," : "",
                                     (int)topic->partitions.items[j]);
        }
    }
}

static inline void on_answer(struct coordinator_request *request)
{
    struct errand *errand = (struct errand *)request->owner;
    struct member *member = errand->member;
    const struct consumer_group_heartbeat_response *out = &errand->heartbeat.out;
    member->answer_count++;
    member->error = out->error_code;
    snprintf(member->message, sizeof member->message, "%.*s", BYTES_FORMAT(out->error_message));
    if (out->error_code == 0) {
        member->epoch = out->member_epoch;
    }
    if (out->assignment != NULL) {
        print_assignment(member->world, out->assignment, member->has, sizeof member->has);
    }
    arena_fini(&errand->arena);
    free(errand);
}

/* Reads "t:0,1 u:2". */
static inline void fill_owned(struct errand *errand, const char *text)
{
    struct consumer_group_heartbeat_request *in = &errand->in;
    in->topics.items =
        arena_array(&errand->arena, struct consumer_group_heartbeat_request_topic, 8);
    in->topics.count = 0;
    while (*text != '\0') {
        struct coordinator_topic found;
        size_t size = strcspn(text, ":");
        struct consumer_group_heartbeat_request_topic *topic =
            &in->topics.items[in->topics.count++];
        assert_true(world_find_topic(errand->member->world, bytes_make(text, size), &found));
        topic->topic_id = found.id;
        topic->partitions.items = arena_array(&errand->arena, int32_t, 16);
        text += size;
        do {
            topic->partitions.items[topic->partitions.count++] = atoi(++text);
            text += strcspn(text, ", ");
        } while (*text == ',');
        text += strspn(text, " ");
    }
}

static inline void send(struct member *member, int32_t epoch, const struct words *words)
{
    struct errand *errand = memory_new(struct errand);
    arena_init(&errand->arena, 0);
    errand->member = member;
    errand->in = (struct consumer_group_heartbeat_request){
        .group_id = bytes_from_string(member->group),
        .member_id = bytes_from_string(member->id),
        .member_epoch = epoch,
        .instance_id = bytes_from_string(member->instance),
        .rebalance_timeout_ms = words->timeout_ms == 0 ? -1 : words->timeout_ms,
        .subscribed_topic_names = {.count = -1},
        .subscribed_topic_regex = bytes_from_string(words->regex),
        .server_assignor = bytes_from_string(words->assignor),
        .topics = {.count = -1},
    };
    if (words->has_topics || words->topics[0] != NULL) {
        struct bytes *names = arena_array(&errand->arena, struct bytes, 4);
        errand->in.subscribed_topic_names.items = names;
        errand->in.subscribed_topic_names.count = 0;
        for (int i = 0; i < 4 && words->topics[i] != NULL; i++) {
            names[errand->in.subscribed_topic_names.count++] = bytes_from_string(words->topics[i]);
        }
    }
    if (words->owned != NULL) {
        fill_owned(errand, words->owned);
    }
    errand->heartbeat = (struct coordinator_consumer_heartbeat){
        .request = {.done = on_answer, .owner = errand, .arena = &errand->arena},
        .version = 1,
        .client_id = BYTES_LITERAL("client"),
        .client_host = BYTES_LITERAL("/127.0.0.1"),
        .in = &errand->in};
    coordinator_consumer_heartbeat(member->world->coordinator, &errand->heartbeat);
}

/* Sends, waits for the answer, and expects the error. */
static inline void say(struct member *member, int32_t epoch, struct words words, int error)
{
    int count = member->answer_count;
    send(member, epoch, &words);
    assert_int_equal(member->answer_count, count); /* never inside the call */
    world_run_ms(member->world, 100);
    assert_int_equal(member->answer_count, count + 1);
    if (member->error != error_code(error)) {
        fail_msg("%s: error %d (%s), expected %d", member->id, member->error, member->message,
                 error_code(error));
    }
}

static inline struct member member_of(struct world *world, const char *id)
{
    return (struct member){.world = world, .group = "g", .id = id};
}

static inline void join(struct member *member, const char *topic)
{
    say(member, 0, (struct words){.topics = {topic}, .owned = "", .timeout_ms = 5000}, 0);
}

static inline void leave(struct member *member)
{
    say(member, -1, (struct words){0}, 0);
}

static inline void beat(struct member *member)
{
    say(member, member->epoch, (struct words){0}, 0);
}

/* Says that it has what it was told to have. */
static inline void beat_owning(struct member *member)
{
    char owned[128];
    memcpy(owned, member->has, sizeof owned);
    say(member, member->epoch, (struct words){.owned = owned}, 0);
}

static inline const struct consumer_group_describe_response_group *describe(struct world *world)
{
    struct consumer_group_describe_response_group *out =
        arena_new(&world->arena, struct consumer_group_describe_response_group);
    coordinator_describe_consumer_group(world->coordinator, BYTES_LITERAL("g"), &world->arena, out);
    return out;
}

static inline void check_group(struct world *world, const char *state, int32_t epoch,
                               int32_t members)
{
    const struct consumer_group_describe_response_group *group = describe(world);
    assert_int_equal(group->error_code, 0);
    if (!bytes_equal_string(group->group_state, state)) {
        fail_msg("state is %.*s, not %s", BYTES_FORMAT(group->group_state), state);
    }
    assert_int_equal(group->group_epoch, epoch);
    assert_int_equal(group->members.count, members);
}

static inline void restart(struct world *world)
{
    world_stop(world);
    world_start(world);
    world_check(world);
}

/* A commit of one offset of "t", and its answer. */
struct commit {
    struct coordinator_commit commit;
    struct offset_commit_request in;
    struct offset_commit_request_topic topic;
    struct offset_commit_request_partition partition;
    struct arena arena;
    bool is_done;
};

static inline void on_committed(struct coordinator_request *request)
{
    ((struct commit *)request->owner)->is_done = true;
}

static inline int16_t commit(struct world *world, int16_t version, const char *member,
                             int32_t epoch, int32_t partition)
{
    struct commit commit = {
        .in = {.group_id = BYTES_LITERAL("g"),
               .generation_id_or_member_epoch = epoch,
               .member_id = bytes_from_string(member),
               .retention_time_ms = -1,
               .topics = {.items = &commit.topic, .count = 1}},
        .topic = {.name = BYTES_LITERAL("t"),
                  .partitions = {.items = &commit.partition, .count = 1}},
        .partition = {.index = partition, .committed_offset = 5},
    };
    arena_init(&commit.arena, 0);
    commit.commit = (struct coordinator_commit){
        .request = {.done = on_committed, .owner = &commit, .arena = &commit.arena},
        .version = version,
        .in = &commit.in};
    coordinator_commit_offsets(world->coordinator, &commit.commit);
    world_run_ms(world, 100);
    assert_true(commit.is_done);
    int16_t error = commit.commit.out.topics.items[0].partitions.items[0].error_code;
    arena_fini(&commit.arena);
    return error;
}
