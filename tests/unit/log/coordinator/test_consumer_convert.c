/* Groups that change from one protocol to the other with members in them, both ways, with crashes
 * in between; and members of both kinds in one group. */
#include "log/coordinator/group_log.h"
#include "tests/unit/log/coordinator/consumer_play.h"

/* A member that speaks the classic protocol. */
struct classic {
    struct world *world;
    const char *instance;
    const char *topics; /* "t,u" */
    char id[80];
    char owned[64]; /* "t:0,1" */
    char has[64];   /* what the last SyncGroup brought */
    int32_t generation;
    bool is_leader;
    int joined_count;
    int synced_count;
    int16_t error;
};

struct classic_errand {
    struct coordinator_join join;
    struct coordinator_sync sync;
    struct join_group_request join_in;
    struct sync_group_request sync_in;
    struct join_group_request_protocol protocol;
    struct classic *member;
    struct arena arena;
};

static struct classic classic_of(struct world *world)
{
    return (struct classic){.world = world, .topics = "t", .error = -1};
}

static struct classic_errand *classic_errand_new(struct classic *member)
{
    struct classic_errand *errand = memory_new(struct classic_errand);
    arena_init(&errand->arena, 0);
    errand->member = member;
    return errand;
}

/* "t:0,1 u:2" as topics of the consumer protocol. */
static int32_t classic_read_text(struct arena *arena, const char *text,
                                 struct consumer_protocol_assignment_topic **out)
{
    int32_t count = 0;
    *out = arena_array(arena, struct consumer_protocol_assignment_topic, 8);
    while (*text != '\0') {
        size_t size = strcspn(text, ":");
        struct consumer_protocol_assignment_topic *topic = &(*out)[count++];
        topic->name = bytes_make(text, size);
        topic->partitions.items = arena_array(arena, int32_t, 16);
        text += size;
        do {
            topic->partitions.items[topic->partitions.count++] = atoi(++text);
            text += strcspn(text, ", ");
        } while (*text == ',');
        text += strspn(text, " ");
    }
    return count;
}

static struct bytes classic_metadata(struct classic *member, struct arena *arena)
{
    struct consumer_protocol_subscription subscription = {.generation_id = -1};
    struct consumer_protocol_assignment_topic *owned = NULL;
    struct bytes *names = arena_array(arena, struct bytes, 4);
    struct buffer out;
    subscription.topics.items = names;
    for (const char *at = member->topics; *at != '\0';) {
        size_t size = strcspn(at, ",");
        names[subscription.topics.count++] = bytes_make(at, size);
        at += size + (at[size] == ',');
    }
    int32_t count = classic_read_text(arena, member->owned, &owned);
    subscription.owned_partitions.items =
        arena_array(arena, struct consumer_protocol_subscription_topic, count + 1);
    for (int32_t i = 0; i < count; i++) {
        struct consumer_protocol_subscription_topic *topic =
            &subscription.owned_partitions.items[subscription.owned_partitions.count++];
        topic->name = owned[i].name;
        topic->partitions.items = owned[i].partitions.items;
        topic->partitions.count = owned[i].partitions.count;
    }
    buffer_init(&out);
    state_record_write(&out, &consumer_protocol_subscription_schema, 1, &subscription);
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_fini(&out);
    return copy;
}

static void classic_on_joined(struct coordinator_request *request)
{
    struct classic_errand *errand = (struct classic_errand *)request->owner;
    struct classic *member = errand->member;
    const struct join_group_response *out = &errand->join.out;
    member->joined_count++;
    member->error = out->error_code;
    if (out->error_code == 0 || out->error_code == error_code(ERROR_MEMBER_ID_REQUIRED)) {
        snprintf(member->id, sizeof member->id, "%.*s", BYTES_FORMAT(out->member_id));
    }
    if (out->error_code == 0) {
        member->generation = out->generation_id;
        member->is_leader = bytes_equal(out->leader, out->member_id);
    }
    arena_fini(&errand->arena);
    free(errand);
}

static void classic_send_join(struct classic *member)
{
    struct classic_errand *errand = classic_errand_new(member);
    errand->protocol = (struct join_group_request_protocol){
        .name = BYTES_LITERAL("range"), .metadata = classic_metadata(member, &errand->arena)};
    errand->join_in = (struct join_group_request){
        .group_id = BYTES_LITERAL("g"),
        .session_timeout_ms = 10000,
        .rebalance_timeout_ms = 5000,
        .member_id = arena_copy(&errand->arena, bytes_from_string(member->id)),
        .group_instance_id = bytes_from_string(member->instance),
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocols = {.items = &errand->protocol, .count = 1}};
    errand->join = (struct coordinator_join){
        .request = {.done = classic_on_joined, .owner = errand, .arena = &errand->arena},
        .version = 5,
        .client_id = BYTES_LITERAL("old"),
        .client_host = BYTES_LITERAL("/127.0.0.1"),
        .in = &errand->join_in};
    coordinator_join_group(member->world->coordinator, &errand->join);
}

/* Joins, with the id it is told to come back with. The answer may have to wait for others. */
static void classic_join(struct classic *member)
{
    bool is_new = member->id[0] == '\0' && member->instance == NULL;
    classic_send_join(member);
    world_run_ms(member->world, 100);
    if (is_new) {
        assert_int_equal(member->error, error_code(ERROR_MEMBER_ID_REQUIRED));
        classic_send_join(member);
        world_run_ms(member->world, 100);
    }
}

static void classic_on_synced(struct coordinator_request *request)
{
    struct classic_errand *errand = (struct classic_errand *)request->owner;
    struct classic *member = errand->member;
    struct bytes assignment = errand->sync.out.assignment;
    struct consumer_protocol_assignment read;
    member->synced_count++;
    member->error = errand->sync.out.error_code;
    if (member->error == 0) {
        size_t used = 0;
        struct wire_reader reader = {assignment.data + 2, assignment.data + assignment.size};
        assert_true(assignment.size > 2);
        assert_int_equal(
            wire_read(&reader, &consumer_protocol_assignment_schema, 0, &errand->arena, &read), 0);
        member->has[0] = '\0';
        for (int32_t i = 0; i < read.assigned_partitions.count; i++) {
            const struct consumer_protocol_assignment_topic *topic =
                &read.assigned_partitions.items[i];
            used += (size_t)snprintf(member->has + used, sizeof member->has - used,
                                     "%s%.*s:", i > 0 ? " " : "", BYTES_FORMAT(topic->name));
            for (int32_t j = 0; j < topic->partitions.count; j++) {
                used += (size_t)snprintf(member->has + used, sizeof member->has - used, "%s%d",
                                         j > 0 ? "," : "", (int)topic->partitions.items[j]);
            }
        }
    }
    arena_fini(&errand->arena);
    free(errand);
}

/* A leader says who gets what: pairs of a member and "t:0,1". */
static void classic_sync(struct classic *member, struct classic *const *others,
                         const char *const *shares, int count)
{
    struct classic_errand *errand = classic_errand_new(member);
    errand->sync_in = (struct sync_group_request){
        .group_id = BYTES_LITERAL("g"),
        .generation_id = member->generation,
        .member_id = arena_copy(&errand->arena, bytes_from_string(member->id)),
        .group_instance_id = bytes_from_string(member->instance)};
    errand->sync_in.assignments.items =
        arena_array(&errand->arena, struct sync_group_request_assignment, count + 1);
    for (int i = 0; i < count; i++) {
        struct consumer_protocol_assignment assignment = {0};
        struct buffer out;
        assignment.assigned_partitions.count =
            classic_read_text(&errand->arena, shares[i], &assignment.assigned_partitions.items);
        buffer_init(&out);
        state_record_write(&out, &consumer_protocol_assignment_schema, 0, &assignment);
        errand->sync_in.assignments.items[errand->sync_in.assignments.count++] =
            (struct sync_group_request_assignment){
                .member_id = arena_copy(&errand->arena, bytes_from_string(others[i]->id)),
                .assignment = arena_copy(&errand->arena, buffer_bytes(&out))};
        buffer_fini(&out);
    }
    errand->sync = (struct coordinator_sync){
        .request = {.done = classic_on_synced, .owner = errand, .arena = &errand->arena},
        .in = &errand->sync_in};
    coordinator_sync_group(member->world->coordinator, &errand->sync);
    world_run_ms(member->world, 100);
}

static void classic_ask(struct classic *member)
{
    int count = member->synced_count;
    classic_sync(member, NULL, NULL, 0);
    assert_int_equal(member->synced_count, count + 1);
}

static int classic_beat(struct classic *member)
{
    struct heartbeat_request in = {.group_id = BYTES_LITERAL("g"),
                                   .generation_id = member->generation,
                                   .member_id = bytes_from_string(member->id),
                                   .group_instance_id = bytes_from_string(member->instance)};
    int error = coordinator_heartbeat(member->world->coordinator, &in);
    world_run_ms(member->world, 100);
    return error;
}

static void classic_leave(struct classic *member)
{
    struct leave_group_request_member who = {.member_id = bytes_from_string(member->id)};
    struct leave_group_request in = {.group_id = BYTES_LITERAL("g"),
                                     .members = {.items = &who, .count = 1}};
    struct leave_group_response out;
    coordinator_leave_group(member->world->coordinator, 3, &in, &member->world->arena, &out);
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.members.items[0].error_code, 0);
    world_run_ms(member->world, 100);
}

static const char *classic_state(struct world *world)
{
    struct describe_groups_response_group out;
    coordinator_describe_group(world->coordinator, 5, BYTES_LITERAL("g"), &world->arena, &out);
    return arena_string(&world->arena, out.group_state);
}

/* A classic group of two at rest: each with two partitions of "t". */
static void make_classic_pair(struct world **world, struct classic *a, struct classic *b)
{
    setup_world(world);
    *a = classic_of(*world);
    *b = classic_of(*world);
    classic_join(a);
    classic_sync(a, (struct classic *[]){a}, (const char *[]){"t:0,1,2,3"}, 1);
    classic_join(b);
    assert_int_equal(classic_beat(a), ERROR_REBALANCE_IN_PROGRESS);
    classic_join(a);
    assert_true(a->is_leader);
    classic_sync(a, (struct classic *[]){a, b}, (const char *[]){"t:0,1", "t:2,3"}, 2);
    classic_ask(b);
    assert_string_equal(a->has, "t:0,1");
    assert_string_equal(b->has, "t:2,3");
    assert_string_equal(classic_state(*world), "Stable");
}

static void an_empty_group_changes_its_kind_and_keeps_its_offsets(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    struct classic a = classic_of(world);
    struct member m = member_of(world, "m");
    classic_join(&a);
    classic_sync(&a, (struct classic *[]){&a}, (const char *[]){"t:0,1,2,3"}, 1);
    classic_leave(&a);
    join(&m, "t");
    check_group(world, "Stable", 2, 1);
    restart(world);
    say(&m, -1, (struct words){0}, 0);
    struct classic b = classic_of(world);
    classic_join(&b);
    classic_sync(&b, (struct classic *[]){&b}, (const char *[]){"t:0"}, 1);
    restart(world);
    assert_string_equal(classic_state(world), "Stable");
    assert_int_equal(describe(world)->error_code, error_code(ERROR_GROUP_ID_NOT_FOUND));
    world_free(world);
}

static void a_group_goes_up_one_member_at_a_time(void **state)
{
    (void)state;
    struct world *world;
    struct classic a, b;
    make_classic_pair(&world, &a, &b);
    struct member m = member_of(world, "m");
    int32_t generation = a.generation;
    join(&m, "t");
    check_group(world, "Reconciling", generation + 1, 3);
    assert_string_equal(m.has, "");
    restart(world);
    check_group(world, "Reconciling", generation + 1, 3);
    assert_int_equal(classic_beat(&a), ERROR_REBALANCE_IN_PROGRESS);
    assert_int_equal(classic_beat(&b), ERROR_REBALANCE_IN_PROGRESS);
    classic_join(&a); /* it gave up everything first, as eager members do */
    classic_join(&b);
    assert_int_equal(a.error, 0);
    assert_false(a.is_leader);
    assert_int_equal(a.generation, generation + 1);
    classic_ask(&a);
    classic_ask(&b);
    beat(&m);
    assert_int_equal(strlen(a.has) + strlen(b.has) + strlen(m.has), 3 * 3 + 2);
    check_group(world, "Stable", generation + 1, 3);
    assert_int_equal(classic_beat(&a), 0);
    /* The classic ones are restarted with the new protocol. */
    classic_leave(&a);
    classic_leave(&b);
    struct member n = member_of(world, "n");
    join(&n, "t");
    beat(&m);
    beat_owning(&m);
    beat_owning(&m);
    beat_owning(&n);
    restart(world);
    check_group(world, "Stable", generation + 4, 2);
    world_free(world);
}

static void whoever_waits_in_a_classic_group_joins_again(void **state)
{
    (void)state;
    struct world *world;
    struct classic a, b;
    make_classic_pair(&world, &a, &b);
    struct classic c = classic_of(world);
    struct member m = member_of(world, "m");
    classic_join(&c); /* waits for the other two */
    assert_int_equal(c.error, error_code(ERROR_MEMBER_ID_REQUIRED));
    join(&m, "t");
    assert_int_equal(c.error, error_code(ERROR_REBALANCE_IN_PROGRESS));
    classic_join(&c);
    assert_int_equal(c.error, 0);
    classic_ask(&c);
    assert_string_equal(c.has, "");
    check_group(world, "Reconciling", describe(world)->group_epoch, 4);
    world_free(world);
}

static void a_group_goes_down_when_its_last_new_member_leaves(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    struct member m = member_of(world, "m");
    struct classic a = classic_of(world);
    join(&m, "t");
    classic_join(&a);
    assert_int_equal(a.error, 0);
    classic_ask(&a);
    assert_string_equal(a.has, "");
    beat_owning(&m);
    beat_owning(&m);
    assert_string_equal(m.has, "t:0,1");
    assert_int_equal(classic_beat(&a), ERROR_REBALANCE_IN_PROGRESS); /* there is something for it */
    classic_join(&a);
    classic_ask(&a);
    assert_string_equal(a.has, "t:2,3");
    assert_int_equal(classic_beat(&a), 0);
    check_group(world, "Stable", 3, 2);
    say(&m, -1, (struct words){0}, 0);
    assert_string_equal(classic_state(world), "PreparingRebalance");
    restart(world);
    assert_string_equal(classic_state(world), "Stable");
    assert_int_equal(classic_beat(&a), 0);
    classic_join(&a);
    assert_true(a.is_leader);
    classic_sync(&a, (struct classic *[]){&a}, (const char *[]){"t:0,1,2,3"}, 1);
    assert_string_equal(a.has, "t:0,1,2,3");
    world_free(world);
}

static void a_group_goes_down_when_its_last_new_member_dies(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    world->session_timeout_ms = 6000;
    struct member m = member_of(world, "m");
    struct classic a = classic_of(world);
    join(&m, "t");
    classic_join(&a);
    classic_ask(&a);
    for (int i = 0; i < 3; i++) {
        world_run_ms(world, 3000);
        classic_beat(&a);
    }
    assert_string_equal(classic_state(world), "PreparingRebalance");
    world_free(world);
}

static void a_static_member_changes_over_under_its_instance(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    struct classic a = classic_of(world);
    struct member m = member_of(world, "m");
    a.instance = m.instance = "i";
    classic_join(&a);
    classic_sync(&a, (struct classic *[]){&a}, (const char *[]){"t:0,1,2,3"}, 1);
    join(&m, "t"); /* takes over from its classic self without having left */
    assert_string_equal(m.has, "t:0,1,2,3");
    assert_int_equal(classic_beat(&a), ERROR_FENCED_INSTANCE_ID);
    check_group(world, "Stable", describe(world)->group_epoch, 1);
    struct classic again = classic_of(world);
    again.instance = "i";
    classic_join(&again); /* and back: nobody is left that speaks the new protocol */
    world_run_ms(world, 100);
    assert_string_equal(classic_state(world), "PreparingRebalance");
    say(&m, m.epoch, (struct words){0}, ERROR_GROUP_ID_NOT_FOUND);
    world_free(world);
}

static void who_does_not_join_again_in_time_is_out(void **state)
{
    (void)state;
    struct world *world;
    struct classic a, b;
    make_classic_pair(&world, &a, &b);
    struct member m = member_of(world, "m");
    join(&m, "t");
    assert_int_equal(classic_beat(&a), ERROR_REBALANCE_IN_PROGRESS);
    world_run_ms(world, 4000);
    classic_beat(&a);
    classic_beat(&b);
    world_run_ms(world, 1500);
    assert_int_equal(classic_beat(&a), ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(classic_beat(&b), ERROR_REBALANCE_IN_PROGRESS);
    world_free(world);
}

static void who_never_asks_for_its_share_is_out(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    struct member m = member_of(world, "m");
    struct classic a = classic_of(world);
    join(&m, "t");
    classic_join(&a);
    world_run_ms(world, 6000);
    assert_int_equal(classic_beat(&a), ERROR_UNKNOWN_MEMBER_ID);
    world_free(world);
}

static void requests_of_classic_members_are_fenced(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    struct member m = member_of(world, "m");
    struct classic a = classic_of(world);
    join(&m, "t");
    classic_join(&a);
    a.generation += 1;
    assert_int_equal(classic_beat(&a), ERROR_ILLEGAL_GENERATION);
    classic_ask(&a);
    assert_int_equal(a.error, error_code(ERROR_ILLEGAL_GENERATION));
    a.generation -= 1;
    struct classic stranger = classic_of(world);
    snprintf(stranger.id, sizeof stranger.id, "m"); /* it speaks the other protocol */
    stranger.generation = m.epoch;
    assert_int_equal(classic_beat(&stranger), ERROR_UNKNOWN_MEMBER_ID);
    world_free(world);
}

static void a_policy_may_forbid_changing(void **state)
{
    (void)state;
    struct world *world;
    setup_world(&world);
    world_stop(world);
    world->options.can_upgrade = world->options.can_downgrade = false;
    world_start(world);
    struct classic a = classic_of(world);
    struct member m = member_of(world, "m");
    classic_join(&a);
    say(&m, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000},
        ERROR_GROUP_ID_NOT_FOUND);
    assert_string_equal(m.message, "Cannot upgrade classic group g to consumer group because "
                                   "online upgrade is disabled.");
    classic_leave(&a);
    join(&m, "t"); /* an empty group may always */
    struct classic b = classic_of(world);
    classic_send_join(&b);
    world_run_ms(world, 100);
    assert_int_equal(b.error, error_code(ERROR_INCONSISTENT_GROUP_PROTOCOL));
    world_free(world);
}

static void a_change_that_the_log_refuses_never_was(void **state)
{
    (void)state;
    struct world *world;
    struct classic a, b;
    make_classic_pair(&world, &a, &b);
    struct member m = member_of(world, "m");
    world->append_error = ERROR_NOT_ENOUGH_REPLICAS;
    say(&m, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000},
        ERROR_COORDINATOR_NOT_AVAILABLE);
    world->append_error = 0;
    assert_string_equal(classic_state(world), "Stable");
    assert_int_equal(classic_beat(&a), 0);
    join(&m, "t");
    classic_leave(&a);
    classic_leave(&b);
    struct classic c = classic_of(world);
    classic_join(&c);
    classic_ask(&c);
    world->append_error = ERROR_NOT_ENOUGH_REPLICAS;
    say(&m, -1, (struct words){0}, ERROR_COORDINATOR_NOT_AVAILABLE);
    world->append_error = 0;
    assert_int_equal(describe(world)->members.count, 2);
    beat(&m);
    world_free(world);
}

/* What the coordinator tells of the newest rebalance, as "kind member: detail; ...". */
static void explain(struct world *world, int32_t index, char *out, size_t size)
{
    struct coordinator_explanation explanation;
    size_t used = 0;
    assert_int_equal(coordinator_explain_group(world->coordinator, BYTES_LITERAL("g"),
                                               &world->arena, &explanation),
                     0);
    assert_true(index < explanation.rebalance_count);
    const struct coordinator_rebalance *rebalance = &explanation.rebalances[index];
    for (int32_t i = 0; i < rebalance->cause_count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "; " : "",
                                 rebalance->causes[i].kind);
    }
    assert_true(rebalance->ended_ms >= rebalance->began_ms || rebalance->ended_ms == -1);
}

static void rebalances_of_both_kinds_are_explained(void **state)
{
    (void)state;
    char text[256];
    struct world *world;
    struct classic a, b;
    struct coordinator_explanation explanation;
    make_classic_pair(&world, &a, &b);
    explain(world, 0, text, sizeof text);
    assert_string_equal(text, "joined");
    struct member m = member_of(world, "m");
    join(&m, "t");
    explain(world, 0, text, sizeof text);
    assert_string_equal(text, "converted; joined");
    classic_leave(&a);
    classic_leave(&b);
    world_set_topic(world, "t", 6);
    beat(&m);
    explain(world, 0, text, sizeof text);
    assert_string_equal(text, "converted; joined; left; left; topics");
    assert_int_equal(coordinator_explain_group(world->coordinator, BYTES_LITERAL("g"),
                                               &world->arena, &explanation),
                     0);
    assert_string_equal(explanation.kind, "consumer");
    assert_string_equal(explanation.state, "Stable");
    assert_int_equal(explanation.rebalances[0].generation, m.epoch);
    assert_int_equal(explanation.rebalances[0].member_count, 1);
    say(&m, m.epoch, (struct words){.topics = {"t", "u"}}, 0);
    explain(world, 0, text, sizeof text);
    assert_string_equal(text, "subscribed");
    world_run_ms(world, 60000);
    explain(world, 0, text, sizeof text);
    assert_string_equal(text, "silent");
    assert_int_equal(coordinator_explain_group(world->coordinator, BYTES_LITERAL("nobody"),
                                               &world->arena, &explanation),
                     ERROR_GROUP_ID_NOT_FOUND);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rebalances_of_both_kinds_are_explained),
        cmocka_unit_test(an_empty_group_changes_its_kind_and_keeps_its_offsets),
        cmocka_unit_test(a_group_goes_up_one_member_at_a_time),
        cmocka_unit_test(whoever_waits_in_a_classic_group_joins_again),
        cmocka_unit_test(a_group_goes_down_when_its_last_new_member_leaves),
        cmocka_unit_test(a_group_goes_down_when_its_last_new_member_dies),
        cmocka_unit_test(a_static_member_changes_over_under_its_instance),
        cmocka_unit_test(who_does_not_join_again_in_time_is_out),
        cmocka_unit_test(who_never_asks_for_its_share_is_out),
        cmocka_unit_test(requests_of_classic_members_are_fenced),
        cmocka_unit_test(a_policy_may_forbid_changing),
        cmocka_unit_test(a_change_that_the_log_refuses_never_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
