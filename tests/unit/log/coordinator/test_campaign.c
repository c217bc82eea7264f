/* Lets members come, go, die and commit at random while topics and groups are deleted, the log
 * refuses and the coordinator restarts; one seed is one run.
 *
 * Held in every run: the state is what a replay gives; every request is answered once; a member
 * gets what the leader of its own generation gave it; an acknowledged offset is there until
 * somebody deletes it. */
#include "tests/unit/log/coordinator/coordinator_world.h"

enum {
    CAMPAIGN_SEED_COUNT = 24,
    CAMPAIGN_STEP_COUNT = 500,
    CAMPAIGN_MEMBER_COUNT = 7,
    CAMPAIGN_GROUP_COUNT = 3,
    CAMPAIGN_TOPIC_COUNT = 2,
};

static const char *const campaign_groups[CAMPAIGN_GROUP_COUNT] = {"alpha", "beta", "gamma"};
static const char *const campaign_topics[CAMPAIGN_TOPIC_COUNT] = {"t", "u"};

/* The last acknowledged commit of a place, and when something that may remove it was asked for. */
struct place {
    int64_t offset; /* -1: none */
    int64_t asked_at;
    int64_t deleted_at;
};

struct campaign {
    struct world *world;
    struct member *members;
    struct place places[CAMPAIGN_GROUP_COUNT][CAMPAIGN_TOPIC_COUNT];
    int64_t clock; /* counts what is asked for; offsets are taken from it */
    int unanswered_count;
    int assigned_count;
    int committed_count;
};

struct member {
    struct campaign *campaign;
    int group;
    const char *instance; /* NULL: dynamic */
    int16_t version;
    int32_t life; /* answers to an earlier life are not heard */
    char id[128];
    int32_t generation;
    bool is_waiting;
    bool is_assigned;
};

/* One request with everything it borrows. */
struct errand {
    struct member *member;
    struct campaign *campaign;
    int32_t life;
    int group;
    int topic;
    int64_t asked_at;
    struct arena arena;
    union {
        struct coordinator_join join;
        struct coordinator_sync sync;
        struct coordinator_commit commit;
        struct coordinator_delete_groups delete_groups;
        struct coordinator_delete_offsets delete_offsets;
    } as;
};

static struct errand *errand_new(struct campaign *campaign, struct member *member, int group)
{
    struct errand *errand = memory_new(struct errand);
    errand->campaign = campaign;
    errand->member = member;
    errand->life = member == NULL ? 0 : member->life;
    errand->group = group;
    errand->asked_at = ++campaign->clock;
    arena_init(&errand->arena, 0);
    campaign->unanswered_count++;
    return errand;
}

static struct coordinator_request errand_request(struct errand *errand,
                                                 void (*done)(struct coordinator_request *request))
{
    return (struct coordinator_request){.done = done, .owner = errand, .arena = &errand->arena};
}

static void errand_end(struct errand *errand)
{
    errand->campaign->unanswered_count--;
    arena_fini(&errand->arena);
    free(errand);
}

static bool errand_is_heard(const struct errand *errand)
{
    return errand->member != NULL && errand->life == errand->member->life;
}

/* Forgets who it was: the next join is a stranger's. */
static void member_die(struct member *member)
{
    member->life++;
    member->is_waiting = false;
    member->is_assigned = false;
    memset(member->id, 0, sizeof member->id);
}

static void member_fail(struct member *member, int16_t code)
{
    member->is_waiting = false;
    member->is_assigned = false;
    if (code == error_code(ERROR_UNKNOWN_MEMBER_ID) ||
        code == error_code(ERROR_FENCED_INSTANCE_ID)) {
        member_die(member);
    }
}

/* Whose assignment it is and of which generation. A static member that comes back under a new id
 * inherits what its old id got (KIP-345), in a generation that may be this one only. */
static void member_check_assignment(const struct member *member, struct bytes assignment,
                                    struct arena *arena)
{
    const char *expected = arena_printf(arena, "%d:%s", (int)member->generation, member->id);
    size_t size = member->instance == NULL ? strlen(expected) : strcspn(expected, ":") + 1;
    if (assignment.size < size || memcmp(assignment.data, expected, size) != 0 ||
        (member->instance == NULL && assignment.size != size)) {
        fail_msg("expected %s, got %.*s", expected, BYTES_FORMAT(assignment));
    }
}

static void member_on_synced(struct coordinator_request *request)
{
    struct errand *errand = request->owner;
    struct member *member = errand->member;
    const struct sync_group_response *out = &errand->as.sync.out;
    if (errand_is_heard(errand) && out->error_code != 0) {
        member_fail(member, out->error_code);
    } else if (errand_is_heard(errand)) {
        member_check_assignment(member, out->assignment, &errand->arena);
        member->is_waiting = false;
        member->is_assigned = true;
        errand->campaign->assigned_count++;
    }
    errand_end(errand);
}

static void member_sync(struct member *member, const struct join_group_response *joined)
{
    struct errand *errand = errand_new(member->campaign, member, member->group);
    struct arena *arena = &errand->arena;
    struct sync_group_request *in = arena_new(arena, struct sync_group_request);
    int32_t count = joined->members.count;
    *in = (struct sync_group_request){.group_id = bytes_from_string(campaign_groups[member->group]),
                                      .generation_id = member->generation,
                                      .member_id =
                                          bytes_from_string(arena_printf(arena, "%s", member->id)),
                                      .group_instance_id = bytes_from_string(member->instance),
                                      .protocol_type = BYTES_LITERAL("consumer"),
                                      .protocol_name = BYTES_LITERAL("range")};
    in->assignments.items = arena_array(arena, struct sync_group_request_assignment, count + 1);
    in->assignments.count = count;
    for (int32_t i = 0; i < count; i++) {
        struct bytes id = arena_copy(arena, joined->members.items[i].member_id);
        in->assignments.items[i] = (struct sync_group_request_assignment){
            .member_id = id,
            .assignment = bytes_from_string(
                arena_printf(arena, "%d:%.*s", (int)member->generation, BYTES_FORMAT(id)))};
    }
    member->is_waiting = true;
    errand->as.sync =
        (struct coordinator_sync){.request = errand_request(errand, member_on_synced), .in = in};
    coordinator_sync_group(member->campaign->world->coordinator, &errand->as.sync);
}

static void member_on_joined(struct coordinator_request *request)
{
    struct errand *errand = request->owner;
    struct member *member = errand->member;
    const struct join_group_response *out = &errand->as.join.out;
    bool is_told = out->error_code == error_code(ERROR_MEMBER_ID_REQUIRED);
    if (!errand_is_heard(errand)) {
        errand_end(errand);
        return;
    }
    member->is_waiting = false;
    if (out->error_code != 0 && !is_told) {
        member_fail(member, out->error_code);
        errand_end(errand);
        return;
    }
    assert_in_range(out->member_id.size, 1, sizeof member->id - 1);
    memset(member->id, 0, sizeof member->id);
    memcpy(member->id, out->member_id.data, out->member_id.size);
    /* Between two processes of the coordinator nobody is there to sync with. */
    if (!is_told && member->campaign->world->coordinator != NULL) {
        member->generation = out->generation_id;
        member_sync(member, out);
    }
    errand_end(errand);
}

static void member_join(struct member *member)
{
    struct errand *errand = errand_new(member->campaign, member, member->group);
    struct join_group_request *in = arena_new(&errand->arena, struct join_group_request);
    struct join_group_request_protocol *protocol =
        arena_new(&errand->arena, struct join_group_request_protocol);
    *protocol = (struct join_group_request_protocol){
        .name = BYTES_LITERAL("range"),
        .metadata = BYTES_LITERAL("\0\1\0\0\0\1\0\1t\xff\xff\xff\xff\0\0\0\0")};
    *in = (struct join_group_request){
        .group_id = bytes_from_string(campaign_groups[member->group]),
        .session_timeout_ms = 6000,
        .rebalance_timeout_ms = 3000,
        .member_id = bytes_from_string(arena_printf(&errand->arena, "%s", member->id)),
        .group_instance_id = bytes_from_string(member->instance),
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocols = {.items = protocol, .count = 1}};
    member->is_waiting = true;
    member->is_assigned = false;
    errand->as.join = (struct coordinator_join){.request = errand_request(errand, member_on_joined),
                                                .version = member->version,
                                                .client_id = BYTES_LITERAL("campaign"),
                                                .client_host = BYTES_LITERAL("/127.0.0.1"),
                                                .in = in};
    coordinator_join_group(member->campaign->world->coordinator, &errand->as.join);
}

static void member_beat(struct member *member)
{
    int error = coordinator_heartbeat(
        member->campaign->world->coordinator,
        &(struct heartbeat_request){.group_id = bytes_from_string(campaign_groups[member->group]),
                                    .generation_id = member->generation,
                                    .member_id = bytes_from_string(member->id),
                                    .group_instance_id = bytes_from_string(member->instance)});
    if (error != 0) {
        member_fail(member, error_code(error));
    }
}

static void member_leave(struct member *member)
{
    struct arena arena;
    struct leave_group_request_member one = {.member_id = bytes_from_string(member->id),
                                             .group_instance_id =
                                                 bytes_from_string(member->instance)};
    struct leave_group_request in = {.group_id = bytes_from_string(campaign_groups[member->group]),
                                     .members = {.items = &one, .count = 1}};
    struct leave_group_response out;
    arena_init(&arena, 0);
    coordinator_leave_group(member->campaign->world->coordinator, 5, &in, &arena, &out);
    arena_fini(&arena);
    member_die(member);
}

/* What a reader sees of a place now. */
static int64_t campaign_fetch(struct campaign *campaign, int group, int topic)
{
    struct arena arena;
    int32_t partition = 0;
    struct offset_fetch_request_group_topic asked = {
        .name = bytes_from_string(campaign_topics[topic]),
        .partition_indexes = {.items = &partition, .count = 1}};
    struct offset_fetch_request_group in = {.group_id = bytes_from_string(campaign_groups[group]),
                                            .topics = {.items = &asked, .count = 1}};
    struct offset_fetch_response_group out;
    arena_init(&arena, 0);
    coordinator_fetch_offsets(campaign->world->coordinator, &in, false, &arena, &out);
    assert_int_equal(out.error_code, 0);
    int64_t offset = out.topics.items[0].partitions.items[0].committed_offset;
    arena_fini(&arena);
    return offset;
}

/* Offsets rise with the order of commits, so a reader may be ahead of an answer, never behind. */
static void campaign_check_places(struct campaign *campaign)
{
    for (int i = 0; i < CAMPAIGN_GROUP_COUNT; i++) {
        for (int j = 0; j < CAMPAIGN_TOPIC_COUNT; j++) {
            const struct place *place = &campaign->places[i][j];
            if (place->offset >= 0 && place->deleted_at < place->asked_at) {
                assert_true(campaign_fetch(campaign, i, j) >= place->offset);
            }
        }
    }
}

static void campaign_on_committed(struct coordinator_request *request)
{
    struct errand *errand = request->owner;
    struct campaign *campaign = errand->campaign;
    struct place *place = &campaign->places[errand->group][errand->topic];
    int16_t code = errand->as.commit.out.topics.items[0].partitions.items[0].error_code;
    if (code == 0 && errand->asked_at > place->asked_at) {
        place->offset = errand->asked_at;
        place->asked_at = errand->asked_at;
        campaign->committed_count++;
    }
    errand_end(errand);
}

static void campaign_commit(struct campaign *campaign, struct member *member, int group)
{
    struct errand *errand = errand_new(campaign, member, group);
    struct arena *arena = &errand->arena;
    struct offset_commit_request *in = arena_new(arena, struct offset_commit_request);
    struct offset_commit_request_topic *topic =
        arena_new(arena, struct offset_commit_request_topic);
    struct offset_commit_request_partition *partition =
        arena_new(arena, struct offset_commit_request_partition);
    errand->topic = (int)sim_random(campaign->world->sim, CAMPAIGN_TOPIC_COUNT);
    *partition = (struct offset_commit_request_partition){.committed_offset = errand->asked_at,
                                                          .committed_leader_epoch = -1};
    *topic = (struct offset_commit_request_topic){
        .name = bytes_from_string(campaign_topics[errand->topic]),
        .partitions = {.items = partition, .count = 1}};
    const char *id = member == NULL ? "" : member->id;
    *in = (struct offset_commit_request){
        .group_id = bytes_from_string(campaign_groups[group]),
        .generation_id_or_member_epoch = member == NULL ? -1 : member->generation,
        .member_id = bytes_from_string(arena_printf(arena, "%s", id)),
        .group_instance_id = bytes_from_string(member == NULL ? NULL : member->instance),
        .retention_time_ms = -1,
        .topics = {.items = topic, .count = 1}};
    errand->as.commit = (struct coordinator_commit){
        .request = errand_request(errand, campaign_on_committed), .in = in};
    coordinator_commit_offsets(campaign->world->coordinator, &errand->as.commit);
}

static void campaign_on_deleted(struct coordinator_request *request)
{
    errand_end(request->owner);
}

static void campaign_delete_group(struct campaign *campaign, int group)
{
    struct errand *errand = errand_new(campaign, NULL, group);
    struct delete_groups_request *in = arena_new(&errand->arena, struct delete_groups_request);
    in->group_names.items = arena_new(&errand->arena, struct bytes);
    in->group_names.items[0] = bytes_from_string(campaign_groups[group]);
    in->group_names.count = 1;
    for (int i = 0; i < CAMPAIGN_TOPIC_COUNT; i++) {
        campaign->places[group][i].deleted_at = errand->asked_at;
    }
    errand->as.delete_groups = (struct coordinator_delete_groups){
        .request = errand_request(errand, campaign_on_deleted), .in = in};
    coordinator_delete_groups(campaign->world->coordinator, &errand->as.delete_groups);
}

static void campaign_delete_offsets(struct campaign *campaign, int group, int topic)
{
    struct errand *errand = errand_new(campaign, NULL, group);
    struct arena *arena = &errand->arena;
    struct offset_delete_request *in = arena_new(arena, struct offset_delete_request);
    in->group_id = bytes_from_string(campaign_groups[group]);
    in->topics.items = arena_new(arena, struct offset_delete_request_topic);
    in->topics.count = 1;
    in->topics.items[0].name = bytes_from_string(campaign_topics[topic]);
    in->topics.items[0].partitions.items = arena_new(arena, struct offset_delete_request_partition);
    in->topics.items[0].partitions.count = 1;
    campaign->places[group][topic].deleted_at = errand->asked_at;
    errand->as.delete_offsets = (struct coordinator_delete_offsets){
        .request = errand_request(errand, campaign_on_deleted), .in = in};
    coordinator_delete_offsets(campaign->world->coordinator, &errand->as.delete_offsets);
}

static void campaign_delete_topic(struct campaign *campaign, int topic)
{
    int64_t now = ++campaign->clock;
    for (int i = 0; i < CAMPAIGN_GROUP_COUNT; i++) {
        campaign->places[i][topic].deleted_at = now;
    }
    coordinator_on_topic_deleted(campaign->world->coordinator,
                                 bytes_from_string(campaign_topics[topic]));
}

static void campaign_restart(struct campaign *campaign)
{
    world_stop(campaign->world);
    world_run_ms(campaign->world, sim_random(campaign->world->sim, 20) + 1);
    world_start(campaign->world);
}

static void campaign_act_as(struct campaign *campaign, struct member *member)
{
    uint64_t chance = sim_random(campaign->world->sim, 100);
    if (chance < 4) {
        member_die(member);
    } else if (member->is_waiting) {
        return;
    } else if (!member->is_assigned) {
        member_join(member);
    } else if (chance < 10) {
        member_leave(member);
    } else if (chance < 50) {
        campaign_commit(campaign, member, member->group);
    } else {
        member_beat(member);
    }
}

static void campaign_step(struct campaign *campaign)
{
    struct sim *sim = campaign->world->sim;
    uint64_t chance = sim_random(sim, 100);
    int group = (int)sim_random(sim, CAMPAIGN_GROUP_COUNT);
    int topic = (int)sim_random(sim, CAMPAIGN_TOPIC_COUNT);
    campaign->world->append_error = sim_random(sim, 40) == 0 ? ERROR_NOT_LEADER : 0;
    if (chance < 2) {
        campaign_delete_topic(campaign, topic);
    } else if (chance < 6) {
        campaign_delete_group(campaign, group);
    } else if (chance < 9) {
        campaign_delete_offsets(campaign, group, topic);
    } else if (chance < 10) {
        campaign_restart(campaign);
    } else if (chance < 16) {
        campaign_commit(campaign, NULL, group);
    } else {
        campaign_act_as(campaign, &campaign->members[sim_random(sim, CAMPAIGN_MEMBER_COUNT)]);
    }
    world_run_ms(campaign->world,
                 sim_random(sim, 10) == 0 ? sim_random(sim, 5000) : sim_random(sim, 12));
    world_check(campaign->world);
    campaign_check_places(campaign);
}

static void campaign_run(struct campaign *campaign, uint64_t seed)
{
    static const char *const instances[] = {"one", "one", "two"};
    struct member members[CAMPAIGN_MEMBER_COUNT] = {0};
    campaign->world = world_new(seed);
    campaign->members = members;
    sim_on_event(campaign->world->sim, NULL, NULL); /* after each step is often enough */
    for (int i = 0; i < CAMPAIGN_MEMBER_COUNT; i++) {
        members[i].campaign = campaign;
        members[i].group = i % CAMPAIGN_GROUP_COUNT;
        members[i].version = i % 2 == 0 ? 9 : 3;
        /* Twins fight for an instance in the first group. */
        members[i].instance = members[i].group == 0 ? instances[i / CAMPAIGN_GROUP_COUNT] : NULL;
    }
    for (int i = 0; i < CAMPAIGN_GROUP_COUNT * CAMPAIGN_TOPIC_COUNT; i++) {
        campaign->places[i / CAMPAIGN_TOPIC_COUNT][i % CAMPAIGN_TOPIC_COUNT].offset = -1;
    }
    for (int i = 0; i < CAMPAIGN_STEP_COUNT; i++) {
        campaign_step(campaign);
    }
    campaign_restart(campaign);
    campaign_check_places(campaign);
    world_stop(campaign->world);
    world_run_ms(campaign->world, 1000);
    assert_int_equal(campaign->unanswered_count, 0);
    world_free(campaign->world);
}

static void whatever_happens_the_log_tells_the_state(void **state)
{
    (void)state;
    const char *only = getenv("CAMPAIGN_SEED"); /* repeats one run */
    uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
    uint64_t count = only == NULL ? CAMPAIGN_SEED_COUNT : 1;
    int assigned_count = 0;
    int committed_count = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct campaign campaign = {0};
        fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        campaign_run(&campaign, seed);
        assigned_count += campaign.assigned_count;
        committed_count += campaign.committed_count;
    }
    /* A campaign in which nothing happens would hold too. */
    assert_true(assigned_count > 10 * (int)count);
    assert_true(committed_count > 10 * (int)count);
    fprintf(stderr, "%d assignments, %d commits\n", assigned_count, committed_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_log_tells_the_state),
    };
    trace_set_stream(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
