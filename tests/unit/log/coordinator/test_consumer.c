/* Consumer groups (KIP-848): each event in each state of member and group, crashes in between, and
 * a log that refuses. After every event the state is held against a replay, and no partition has
 * two owners (consumer_check). */
#include "tests/unit/log/coordinator/consumer_play.h"

/* Joining ------------------------------------------------------------------------------------- */

static void the_first_member_gets_everything(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    join(&a, "t");
    assert_int_equal(a.epoch, 2);
    assert_string_equal(a.has, "t:0,1,2,3");
    check_group(world, "Stable", 2, 1);
    beat(&a);
    assert_int_equal(a.epoch, 2);
}

static void a_second_member_waits_until_the_first_gave_up(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    join(&b, "t");
    assert_int_equal(b.epoch, 3);
    assert_string_equal(b.has, "");
    check_group(world, "Reconciling", 3, 2);
    beat(&a); /* it does not say what it has: it is told what to keep, at its old epoch */
    assert_int_equal(a.epoch, 2);
    assert_string_equal(a.has, "t:0,1");
    beat(&b);
    assert_string_equal(b.has, "");
    say(&a, a.epoch, (struct words){.owned = "t:0,1,2,3"}, 0); /* still busy */
    assert_int_equal(a.epoch, 2);
    beat(&b);
    assert_string_equal(b.has, "");
    beat_owning(&a);
    assert_int_equal(a.epoch, 3);
    check_group(world, "Reconciling", 3, 2);
    beat(&b);
    assert_string_equal(b.has, "t:2,3");
    check_group(world, "Stable", 3, 2);
}

static void a_member_that_leaves_frees_what_it_had(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    join(&b, "t");
    leave(&a);
    assert_int_equal(a.epoch, -1);
    check_group(world, "Assigning", 4, 1);
    beat(&b);
    assert_int_equal(b.epoch, 4);
    assert_string_equal(b.has, "t:0,1,2,3");
    leave(&b);
    check_group(world, "Empty", 5, 0);
    say(&b, -1, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
}

static void a_member_may_subscribe_to_nothing_and_to_what_is_not_there(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    say(&a, 0, (struct words){.has_topics = true, .owned = "", .timeout_ms = 5000}, 0);
    assert_int_equal(a.epoch, 1);
    assert_string_equal(a.has, "");
    say(&a, a.epoch, (struct words){.topics = {"later"}}, 0);
    assert_int_equal(a.epoch, 2);
    world_set_topic(world, "later", 2);
    beat(&a);
    assert_int_equal(a.epoch, 3);
    assert_string_equal(a.has, "later:0,1");
}

static void requests_are_judged(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    say(&a, 0, (struct words){.topics = {"t"}, .owned = ""}, ERROR_INVALID_REQUEST);
    assert_string_equal(a.message, "RebalanceTimeoutMs must be provided in first request.");
    say(&a, 0, (struct words){.topics = {"t"}, .owned = "t:0", .timeout_ms = 1},
        ERROR_INVALID_REQUEST);
    say(&a, 0, (struct words){.owned = "", .timeout_ms = 1}, ERROR_INVALID_REQUEST);
    say(&a, -2, (struct words){0}, ERROR_INVALID_REQUEST);
    say(&a, -3, (struct words){0}, ERROR_INVALID_REQUEST);
    say(&a, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 1, .assignor = "mine"},
        ERROR_UNSUPPORTED_ASSIGNOR);
    assert_string_equal(
        a.message, "ServerAssignor mine is not supported. Supported assignors: uniform,range.");
    say(&a, 0, (struct words){.regex = "a(?=b)", .owned = "", .timeout_ms = 1},
        ERROR_INVALID_REGULAR_EXPRESSION);
    assert_string_equal(a.message, "SubscribedTopicRegex `a(?=b)` is not a valid regular "
                                   "expression: invalid or unsupported Perl syntax: `(?=`.");
    say(&a, 3, (struct words){0}, ERROR_GROUP_ID_NOT_FOUND);
    a.id = "";
    say(&a, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 1},
        ERROR_INVALID_REQUEST);
    a = member_of(world, "a");
    a.group = "";
    say(&a, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 1},
        ERROR_INVALID_REQUEST);
}

static void a_full_group_takes_nobody_new(void **state)
{
    struct world *world = *state;
    world_stop(world);
    world->options.consumer_group_size_max = 1;
    world_start(world);
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    say(&b, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000},
        ERROR_GROUP_MAX_SIZE_REACHED);
    join(&a, "t");
}

/* Epochs --------------------------------------------------------------------------------------- */

static void epochs_are_fenced(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    say(&a, 9, (struct words){0}, ERROR_FENCED_MEMBER_EPOCH);
    say(&a, 1, (struct words){.owned = "t:0"}, ERROR_FENCED_MEMBER_EPOCH);
    say(&b, 1, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
    join(&b, "t");
    beat_owning(&a); /* told to give up two */
    beat_owning(&a); /* and so it did: epoch 3 after 2 */
    assert_int_equal(a.epoch, 3);
    /* The answer was lost: the epoch before is as good, if it has no more than it should. */
    say(&a, 2, (struct words){.owned = "t:0,1"}, 0);
    assert_int_equal(a.epoch, 3);
    say(&a, 2, (struct words){.owned = "t:0,1,2"}, ERROR_FENCED_MEMBER_EPOCH);
    say(&a, 2, (struct words){0}, ERROR_FENCED_MEMBER_EPOCH);
    join(&a, "t"); /* it lost its memory and comes anew */
    assert_int_equal(a.epoch, 3);
    assert_string_equal(a.has, "t:0,1");
}

static void silence_ends_a_session(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    join(&b, "t");
    for (int i = 0; i < 3; i++) {
        world_run_ms(world, 20000);
        beat(&b);
    }
    assert_string_equal(b.has, "t:0,1,2,3");
    say(&a, a.epoch, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
    world_run_ms(world, 60000);
    check_group(world, "Empty", 5, 0);
}

static void a_group_may_have_a_session_of_its_own(void **state)
{
    struct world *world = *state;
    world->session_timeout_ms = 100000;
    struct member a = member_of(world, "a");
    join(&a, "t");
    world_run_ms(world, 90000);
    beat(&a);
}

static void who_gives_up_nothing_in_time_is_out(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    join(&b, "t");
    for (int i = 0; i < 4; i++) {
        say(&a, a.epoch, (struct words){.owned = "t:0,1,2,3"}, 0);
        world_run_ms(world, 1000);
    }
    world_run_ms(world, 1000);
    say(&a, a.epoch, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
    beat(&b);
    assert_string_equal(b.has, "t:0,1,2,3");
}

/* Subscriptions -------------------------------------------------------------------------------- */

static void topics_come_grow_and_go(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    say(&a, 0, (struct words){.topics = {"u", "t", "u"}, .owned = "", .timeout_ms = 5000}, 0);
    assert_string_equal(a.has, "t:0,1,2,3");
    world_set_topic(world, "u", 1);
    beat(&a);
    assert_string_equal(a.has, "t:0,1,2,3 u:0");
    world_set_topic(world, "t", 5);
    beat(&a);
    assert_string_equal(a.has, "t:0,1,2,3,4 u:0");
    assert_int_equal(a.epoch, 4);
    world_set_topic(world, "other", 5);
    beat(&a);
    assert_int_equal(a.epoch, 4);
    world_set_topic(world, "t", 0);
    beat(&a);
    assert_string_equal(a.has, "u:0");
    beat_owning(&a);
    check_group(world, "Stable", 5, 1);
}

static void what_is_not_subscribed_any_more_is_given_up(void **state)
{
    struct world *world = *state;
    world_set_topic(world, "u", 2);
    struct member a = member_of(world, "a");
    join(&a, "t");
    say(&a, a.epoch, (struct words){.topics = {"u"}, .owned = "t:0,1,2,3"}, 0);
    assert_int_equal(a.epoch, 2); /* it has to give up first */
    assert_string_equal(a.has, "");
    beat_owning(&a);
    assert_int_equal(a.epoch, 3);
    assert_string_equal(a.has, "u:0,1");
}

static void expressions_stand_for_topics(void **state)
{
    struct world *world = *state;
    world_set_topic(world, "__tt", 2);
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    say(&a, 0, (struct words){.regex = ".*t+", .owned = "", .timeout_ms = 5000}, 0);
    assert_int_equal(a.epoch, 2);
    assert_string_equal(a.has, "t:0,1,2,3"); /* never an internal one */
    world_set_topic(world, "tt", 1);
    beat(&a);
    assert_string_equal(a.has, "t:0,1,2,3 tt:0");
    say(&b, 0, (struct words){.regex = ".*t+", .owned = "", .timeout_ms = 5000}, 0);
    leave(&a);
    restart(world);
    beat(&b);
    assert_string_equal(b.has, "t:0,1,2,3 tt:0");
    say(&b, b.epoch, (struct words){.topics = {"tt"}, .regex = ""}, 0);
    beat_owning(&b);
    assert_string_equal(b.has, "tt:0");
}

static void the_assignor_most_ask_for_deals(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    assert_true(bytes_equal_string(describe(world)->assignor_name, ""));
    join(&a, "t");
    assert_true(bytes_equal_string(describe(world)->assignor_name, "uniform"));
    say(&a, a.epoch, (struct words){.assignor = "range"}, 0);
    assert_true(bytes_equal_string(describe(world)->assignor_name, "range"));
}

/* Static members ------------------------------------------------------------------------------- */

static void a_static_member_comes_back_under_another_id(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    struct member c = member_of(world, "c");
    a.instance = c.instance = "i";
    b.instance = "j";
    join(&a, "t");
    join(&b, "t");
    beat_owning(&a);
    beat_owning(&a);
    beat(&b);
    say(&c, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000},
        ERROR_UNRELEASED_INSTANCE_ID);
    say(&a, -2, (struct words){0}, 0);
    assert_int_equal(a.epoch, -2);
    check_group(world, "Reconciling", 3, 2);
    beat(&b); /* nothing changes for the others */
    assert_string_equal(b.has, "t:2,3");
    restart(world);
    join(&c, "t");
    assert_int_equal(c.epoch, 3);
    assert_string_equal(c.has, "t:0,1");
    check_group(world, "Stable", 3, 2);
    say(&a, 3, (struct words){0}, ERROR_FENCED_INSTANCE_ID);
    say(&a, -1, (struct words){0}, ERROR_FENCED_INSTANCE_ID);
    leave(&c);
    say(&c, 3, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
}

static void a_static_member_that_stays_away_is_gone(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    a.instance = "i";
    join(&a, "t");
    say(&a, -2, (struct words){0}, 0);
    world_run_ms(world, 50000);
    check_group(world, "Empty", 3, 0);
}

/* The log -------------------------------------------------------------------------------------- */

static void nothing_is_answered_before_it_is_committed(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    world->is_frozen = true;
    send(&a, 0, &(struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000});
    world_run_ms(world, 1000);
    send(&a, 2, &(struct words){0}); /* sees what is not committed: waits too */
    world_run_ms(world, 1000);
    assert_int_equal(a.answer_count, 0);
    restart(world);
    world_run_ms(world, 10);
    assert_int_equal(a.answer_count, 2);
    assert_int_equal(a.error, error_code(ERROR_COORDINATOR_NOT_AVAILABLE));
    assert_int_equal(describe(world)->error_code, error_code(ERROR_GROUP_ID_NOT_FOUND));
}

static void a_crash_in_any_state_forgets_nothing_that_was_told(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    restart(world); /* STABLE */
    beat(&a);
    join(&b, "t");
    restart(world); /* b UNRELEASED */
    beat_owning(&a);
    assert_string_equal(a.has, "t:0,1");
    restart(world); /* a UNREVOKED */
    beat(&b);
    assert_string_equal(b.has, "");
    beat_owning(&a);
    assert_int_equal(a.epoch, 3);
    restart(world);
    beat(&b);
    assert_string_equal(b.has, "t:2,3");
    check_group(world, "Stable", 3, 2);
    leave(&a);
    restart(world); /* ASSIGNING */
    check_group(world, "Assigning", 4, 1);
    beat(&b);
    assert_string_equal(b.has, "t:0,1,2,3");
    world_run_ms(world, 50000); /* sessions go on after a restart */
    check_group(world, "Empty", 5, 0);
}

static void a_rebalance_timeout_goes_on_after_a_restart(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    join(&b, "t");
    beat(&a);
    restart(world);
    world_run_ms(world, 6000);
    say(&a, a.epoch, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
}

static void what_the_log_refuses_never_was(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    world->append_error = ERROR_NOT_ENOUGH_REPLICAS;
    say(&b, 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000},
        ERROR_COORDINATOR_NOT_AVAILABLE);
    world->append_error = 0;
    check_group(world, "Assigning", 3, 1); /* whatever was meant for it is made anew */
    beat(&a);
    assert_string_equal(a.has, "t:0,1,2,3");
    join(&b, "t");
    assert_int_equal(b.epoch, 4);
}

/* The first of two writes that build upon each other is refused, the second is not. */
static void a_write_upon_a_refused_one_is_mended(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    struct member c = member_of(world, "c");
    join(&a, "t");
    world->append_error = ERROR_NOT_ENOUGH_REPLICAS;
    send(&b, 0, &(struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000});
    world->append_error = 0;
    send(&c, 0, &(struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000});
    world_run_ms(world, 100);
    assert_int_equal(b.error, error_code(ERROR_COORDINATOR_NOT_AVAILABLE));
    assert_int_equal(c.error, 0);
    beat_owning(&a);
    beat_owning(&a);
    beat(&c);
    say(&b, 3, (struct words){0}, ERROR_UNKNOWN_MEMBER_ID);
    beat_owning(&a);
    beat(&c);
    assert_string_equal(c.has, "t:2,3");
    restart(world);
    check_group(world, "Stable", describe(world)->group_epoch, 2);
}

/* Offsets and admins --------------------------------------------------------------------------- */

static void commits_are_fenced_by_epochs(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct member b = member_of(world, "b");
    join(&a, "t");
    assert_int_equal(commit(world, 9, "a", 2, 0), 0);
    assert_int_equal(commit(world, 9, "a", 3, 0), error_code(ERROR_STALE_MEMBER_EPOCH));
    assert_int_equal(commit(world, 9, "b", 2, 0), error_code(ERROR_UNKNOWN_MEMBER_ID));
    assert_int_equal(commit(world, 8, "a", 2, 0), error_code(ERROR_UNSUPPORTED_VERSION));
    assert_int_equal(commit(world, 9, "", -1, 0), error_code(ERROR_UNKNOWN_MEMBER_ID));
    join(&b, "t");
    beat_owning(&a);
    beat_owning(&a);
    beat(&b);
    /* KIP-1251: it has had partition 0 since epoch 2, partition 2 it has no more. */
    assert_int_equal(commit(world, 9, "a", 2, 0), 0);
    assert_int_equal(commit(world, 9, "a", 2, 2), error_code(ERROR_STALE_MEMBER_EPOCH));
    assert_int_equal(commit(world, 9, "b", 2, 2), error_code(ERROR_STALE_MEMBER_EPOCH));
    leave(&a);
    leave(&b);
    assert_int_equal(commit(world, 9, "", -1, 0), 0); /* an admin */
}

static int16_t fetch(struct world *world, const char *member, int32_t epoch)
{
    struct offset_fetch_request_group in = {.group_id = BYTES_LITERAL("g"),
                                            .member_id = bytes_from_string(member),
                                            .member_epoch = epoch,
                                            .topics = {.count = -1}};
    struct offset_fetch_response_group out;
    coordinator_fetch_offsets(world->coordinator, &in, false, &world->arena, &out);
    return out.error_code;
}

static void fetches_are_fenced_by_epochs(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    join(&a, "t");
    assert_int_equal(fetch(world, NULL, -1), 0);
    assert_int_equal(fetch(world, "a", 2), 0);
    assert_int_equal(fetch(world, "a", 1), error_code(ERROR_STALE_MEMBER_EPOCH));
    assert_int_equal(fetch(world, "b", 2), error_code(ERROR_UNKNOWN_MEMBER_ID));
}

struct deletion {
    struct coordinator_delete_groups groups;
    struct delete_groups_request in;
    struct bytes id;
    bool is_done;
};

static void on_deleted(struct coordinator_request *request)
{
    ((struct deletion *)request->owner)->is_done = true;
}

static int16_t delete_group(struct world *world)
{
    struct deletion deletion = {.in = {.group_names = {.items = &deletion.id, .count = 1}},
                                .id = BYTES_LITERAL("g")};
    deletion.groups = (struct coordinator_delete_groups){
        .request = {.done = on_deleted, .owner = &deletion, .arena = &world->arena},
        .in = &deletion.in};
    coordinator_delete_groups(world->coordinator, &deletion.groups);
    world_run_ms(world, 100);
    assert_true(deletion.is_done);
    return deletion.groups.out.results.items[0].error_code;
}

static void an_empty_group_is_deleted_for_good(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    join(&a, "t");
    assert_int_equal(delete_group(world), error_code(ERROR_NON_EMPTY_GROUP));
    leave(&a);
    world->append_error = ERROR_NOT_ENOUGH_REPLICAS;
    assert_int_not_equal(delete_group(world), 0);
    world->append_error = 0;
    assert_int_equal(delete_group(world), 0);
    restart(world);
    assert_int_equal(describe(world)->error_code, error_code(ERROR_GROUP_ID_NOT_FOUND));
    join(&a, "t");
    assert_int_equal(a.epoch, 2);
}

static int32_t count_listed(struct world *world, const char *kind, const char *group_state)
{
    struct bytes kind_name = bytes_from_string(kind);
    struct bytes state_name = bytes_from_string(group_state);
    struct list_groups_request in = {
        .types_filter = {.items = &kind_name, .count = kind != NULL},
        .states_filter = {.items = &state_name, .count = group_state != NULL}};
    struct list_groups_response out;
    coordinator_list_groups(world->coordinator, &in, &world->arena, &out);
    return out.groups.count;
}

static void groups_are_listed_by_kind_and_state(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    join(&a, "t");
    assert_int_equal(count_listed(world, NULL, NULL), 1);
    assert_int_equal(count_listed(world, "classic", NULL), 0);
    assert_int_equal(count_listed(world, "Consumer", NULL), 1);
    assert_int_equal(count_listed(world, "consumer", "Stable"), 1);
    assert_int_equal(count_listed(world, "consumer", "Reconciling"), 0);
}

static void old_descriptions_say_dead(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    struct describe_groups_response_group out;
    join(&a, "t");
    coordinator_describe_group(world->coordinator, 5, BYTES_LITERAL("g"), &world->arena, &out);
    assert_int_equal(out.error_code, 0);
    assert_true(bytes_equal_string(out.group_state, "Dead"));
    coordinator_describe_group(world->coordinator, 6, BYTES_LITERAL("g"), &world->arena, &out);
    assert_int_equal(out.error_code, error_code(ERROR_GROUP_ID_NOT_FOUND));
    assert_true(bytes_equal_string(out.error_message, "Group g is not a classic group."));
}

static void offsets_expire_with_the_empty_group(void **state)
{
    struct world *world = *state;
    struct member a = member_of(world, "a");
    join(&a, "t");
    assert_int_equal(commit(world, 9, "a", 2, 0), 0);
    leave(&a);
    for (int day = 0; day < 9; day++) {
        sim_run(world->sim, sim_now(world->sim) + 86400LL * WORLD_SECOND);
    }
    assert_int_equal(count_listed(world, NULL, NULL), 0);
}

/* Records too large for one batch are cut. */
static void a_large_group_is_written_in_pieces(void **state)
{
    enum { MEMBER_COUNT = 60 };
    struct world *world = *state;
    world_set_topic(world, "big", 200000);
    struct member members[MEMBER_COUNT];
    static char ids[MEMBER_COUNT][8];
    for (int i = 0; i < MEMBER_COUNT; i++) {
        snprintf(ids[i], sizeof ids[i], "m%d", i);
        members[i] = member_of(world, ids[i]);
        say(&members[i], 0, (struct words){.topics = {"t"}, .owned = "", .timeout_ms = 5000}, 0);
    }
    sim_on_event(world->sim, NULL, NULL); /* checking it after every event takes long */
    for (int i = 0; i < 3; i++) {
        members[i].has[0] = '\0';
        send(&members[i], members[i].epoch, &(struct words){.topics = {"big", "t"}});
        world_run_ms(world, 100);
        assert_int_equal(members[i].error, 0);
    }
    assert_true(world->append_count > MEMBER_COUNT + 3);
    restart(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAY(the_first_member_gets_everything),
        PLAY(a_second_member_waits_until_the_first_gave_up),
        PLAY(a_member_that_leaves_frees_what_it_had),
        PLAY(a_member_may_subscribe_to_nothing_and_to_what_is_not_there),
        PLAY(requests_are_judged),
        PLAY(a_full_group_takes_nobody_new),
        PLAY(epochs_are_fenced),
        PLAY(silence_ends_a_session),
        PLAY(a_group_may_have_a_session_of_its_own),
        PLAY(who_gives_up_nothing_in_time_is_out),
        PLAY(topics_come_grow_and_go),
        PLAY(what_is_not_subscribed_any_more_is_given_up),
        PLAY(expressions_stand_for_topics),
        PLAY(the_assignor_most_ask_for_deals),
        PLAY(a_static_member_comes_back_under_another_id),
        PLAY(a_static_member_that_stays_away_is_gone),
        PLAY(nothing_is_answered_before_it_is_committed),
        PLAY(a_crash_in_any_state_forgets_nothing_that_was_told),
        PLAY(a_rebalance_timeout_goes_on_after_a_restart),
        PLAY(what_the_log_refuses_never_was),
        PLAY(a_write_upon_a_refused_one_is_mended),
        PLAY(commits_are_fenced_by_epochs),
        PLAY(fetches_are_fenced_by_epochs),
        PLAY(an_empty_group_is_deleted_for_good),
        PLAY(groups_are_listed_by_kind_and_state),
        PLAY(old_descriptions_say_dead),
        PLAY(offsets_expire_with_the_empty_group),
        PLAY(a_large_group_is_written_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
