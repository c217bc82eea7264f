/* Groups that change from one protocol to the other with members in them, both ways, with crashes
 * in between; and members of both kinds in one group. */
#include "tests/unit/log/coordinator/classic_play.h"

/* A classic group of two at rest: each with two partitions of "t". */
static void make_classic_pair(struct world *world, struct classic *a, struct classic *b)
{
    *a = classic_of(world);
    *b = classic_of(world);
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
    assert_string_equal(classic_state(world), "Stable");
}

static void an_empty_group_changes_its_kind_and_keeps_its_offsets(void **state)
{
    struct world *world = *state;
    struct classic a = classic_of(world);
    struct member m = member_of(world, "m");
    classic_join(&a);
    classic_sync(&a, (struct classic *[]){&a}, (const char *[]){"t:0,1,2,3"}, 1);
    classic_leave(&a);
    join(&m, "t");
    check_group(world, "Stable", 2, 1);
    restart(world);
    leave(&m);
    struct classic b = classic_of(world);
    classic_join(&b);
    classic_sync(&b, (struct classic *[]){&b}, (const char *[]){"t:0"}, 1);
    restart(world);
    assert_string_equal(classic_state(world), "Stable");
    assert_int_equal(describe(world)->error_code, error_code(ERROR_GROUP_ID_NOT_FOUND));
}

static void a_group_goes_up_one_member_at_a_time(void **state)
{
    struct world *world = *state;
    struct classic a, b;
    make_classic_pair(world, &a, &b);
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
}

static void whoever_waits_in_a_classic_group_joins_again(void **state)
{
    struct world *world = *state;
    struct classic a, b;
    make_classic_pair(world, &a, &b);
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
}

static void a_group_goes_down_when_its_last_new_member_leaves(void **state)
{
    struct world *world = *state;
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
    leave(&m);
    assert_string_equal(classic_state(world), "PreparingRebalance");
    restart(world);
    assert_string_equal(classic_state(world), "Stable");
    assert_int_equal(classic_beat(&a), 0);
    classic_join(&a);
    assert_true(a.is_leader);
    classic_sync(&a, (struct classic *[]){&a}, (const char *[]){"t:0,1,2,3"}, 1);
    assert_string_equal(a.has, "t:0,1,2,3");
}

static void who_was_downgraded_may_commit_until_it_joins_again(void **state)
{
    struct world *world = *state;
    struct member m = member_of(world, "m");
    struct classic a = classic_of(world);
    struct classic b = classic_of(world);
    join(&m, "t");
    classic_join(&a);
    classic_ask(&a);
    int32_t epoch = a.generation;
    classic_join(&b);
    assert_int_equal(b.generation, epoch + 1); /* `a` does not know yet */
    leave(&m);
    assert_string_equal(classic_state(world), "PreparingRebalance");
    assert_int_equal(commit(world, 8, a.id, epoch - 1, 0), error_code(ERROR_ILLEGAL_GENERATION));
    assert_int_equal(commit(world, 8, a.id, epoch, 0), 0);
    assert_int_equal(classic_beat(&a), ERROR_REBALANCE_IN_PROGRESS);
    classic_ask(&a);
    assert_int_equal(a.error, error_code(ERROR_REBALANCE_IN_PROGRESS));
    classic_join(&b); /* waits for `a` */
    assert_int_equal(commit(world, 8, a.id, epoch, 0), 0);
    classic_join(&a);
    assert_int_equal(a.generation, epoch + 2);
    assert_int_equal(commit(world, 8, a.id, epoch, 0), error_code(ERROR_ILLEGAL_GENERATION));
}

static void a_group_goes_down_when_its_last_new_member_dies(void **state)
{
    struct world *world = *state;
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
}

static void a_static_member_changes_over_under_its_instance(void **state)
{
    struct world *world = *state;
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
}

static void who_does_not_join_again_in_time_is_out(void **state)
{
    struct world *world = *state;
    struct classic a, b;
    make_classic_pair(world, &a, &b);
    struct member m = member_of(world, "m");
    join(&m, "t");
    assert_int_equal(classic_beat(&a), ERROR_REBALANCE_IN_PROGRESS);
    world_run_ms(world, 4000);
    classic_beat(&a);
    classic_beat(&b);
    world_run_ms(world, 1500);
    assert_int_equal(classic_beat(&a), ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(classic_beat(&b), ERROR_REBALANCE_IN_PROGRESS);
}

static void who_never_asks_for_its_share_is_out(void **state)
{
    struct world *world = *state;
    struct member m = member_of(world, "m");
    struct classic a = classic_of(world);
    join(&m, "t");
    classic_join(&a);
    world_run_ms(world, 6000);
    assert_int_equal(classic_beat(&a), ERROR_UNKNOWN_MEMBER_ID);
}

static void requests_of_classic_members_are_fenced(void **state)
{
    struct world *world = *state;
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
}

static void a_policy_may_forbid_changing(void **state)
{
    struct world *world = *state;
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
}

static void a_change_that_the_log_refuses_never_was(void **state)
{
    struct world *world = *state;
    struct classic a, b;
    make_classic_pair(world, &a, &b);
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
}

/* Its heartbeats count, not the JoinGroup that its former self owed. */
static void a_member_may_change_over_under_its_id(void **state)
{
    struct world *world = *state;
    struct classic a, b;
    make_classic_pair(world, &a, &b);
    struct member m = member_of(world, "m");
    struct member same = member_of(world, a.id);
    join(&m, "t");
    assert_int_equal(classic_beat(&a), ERROR_REBALANCE_IN_PROGRESS);
    join(&same, "t");
    for (int i = 0; i < 4; i++) {
        world_run_ms(world, 3000);
        classic_beat(&b);
        beat_owning(&same);
        beat(&m);
    }
    beat(&same);
    assert_int_equal(same.error, 0);
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
    char text[256];
    struct world *world = *state;
    struct classic a, b;
    struct coordinator_explanation explanation;
    make_classic_pair(world, &a, &b);
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAY(a_member_may_change_over_under_its_id),
        PLAY(rebalances_of_both_kinds_are_explained),
        PLAY(an_empty_group_changes_its_kind_and_keeps_its_offsets),
        PLAY(a_group_goes_up_one_member_at_a_time),
        PLAY(whoever_waits_in_a_classic_group_joins_again),
        PLAY(a_group_goes_down_when_its_last_new_member_leaves),
        PLAY(who_was_downgraded_may_commit_until_it_joins_again),
        PLAY(a_group_goes_down_when_its_last_new_member_dies),
        PLAY(a_static_member_changes_over_under_its_instance),
        PLAY(who_does_not_join_again_in_time_is_out),
        PLAY(who_never_asks_for_its_share_is_out),
        PLAY(requests_of_classic_members_are_fenced),
        PLAY(a_policy_may_forbid_changing),
        PLAY(a_change_that_the_log_refuses_never_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
