/* Shows that a partition has at most one owner at any moment, that members find their balance after
 * comings, goings and failures, and that commits count only for what is owned. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/member.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { BROKER_COUNT = 2, MEMBERS_MAX = 5, PARTITIONS_MAX = 16, NOBODY = -1 };
enum { STATE_END = 1000000, PROBING_SECONDS = 120 };
enum { KEY_COMMIT = 8, KEY_JOIN = 11, KEY_HEARTBEAT = 12, KEY_SYNC = 14 };
static const uint64_t SECOND = 1000000000;

struct actor {
    struct world *world;
    int number;
    struct client *client;
    struct member *member;
    bool owns[PARTITIONS_MAX];
    int64_t offsets[PARTITIONS_MAX]; /* as told with the assignment */
    int assigned_count;              /* events */
    int revoked_count;
    int lost_count;
    int failed;
    bool is_slow; /* answers `revoked` when told to */
    bool is_asked;
    bool asked[PARTITIONS_MAX];
    bool is_closed;
    bool has_state;
    int64_t position; /* of its state, of all partitions */
    int copy_count;   /* that it was last told to keep, */
    int warmup_count; /* and of them to warm up */
};

struct world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct actor actors[MEMBERS_MAX];
    int owners[PARTITIONS_MAX];
    int32_t partition_count;
    /* With sessions that run out the loser cannot be asked, so two may own for a while. */
    bool is_overlap_allowed;
};

static void check_all(void *owner)
{
    struct world *world = owner;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (world->actors[i].client != NULL) {
            client_check(world->actors[i].client);
        }
        if (world->actors[i].member != NULL) {
            member_check(world->actors[i].member);
        }
    }
}

static void on_assigned(void *owner, const struct member_partition *partitions, size_t count)
{
    struct actor *actor = owner;
    actor->assigned_count++;
    for (size_t i = 0; i < count; i++) {
        int32_t index = partitions[i].partition;
        assert_string_equal(partitions[i].topic, "t");
        assert_false(actor->owns[index]);
        assert_true(actor->world->is_overlap_allowed || actor->world->owners[index] == NOBODY);
        actor->owns[index] = true;
        actor->offsets[index] = partitions[i].offset;
        actor->world->owners[index] = actor->number;
    }
}

static void give_up(struct actor *actor, const struct member_partition *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int32_t index = partitions[i].partition;
        assert_true(actor->owns[index]);
        actor->owns[index] = false;
        if (actor->world->owners[index] == actor->number) {
            actor->world->owners[index] = NOBODY;
        }
    }
}

static void on_revoked(void *owner, const struct member_partition *partitions, size_t count)
{
    struct actor *actor = owner;
    actor->revoked_count++;
    if (!actor->is_slow) {
        give_up(actor, partitions, count);
        member_revoked(actor->member);
        return;
    }
    actor->is_asked = true;
    memset(actor->asked, 0, sizeof actor->asked);
    for (size_t i = 0; i < count; i++) {
        assert_true(actor->owns[partitions[i].partition]);
        actor->asked[partitions[i].partition] = true;
    }
}

static void answer_revoked(struct actor *actor)
{
    actor->is_asked = false;
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        if (actor->asked[i]) {
            struct member_partition partition = {.topic = "t", .partition = i};
            give_up(actor, &partition, 1);
        }
    }
    member_revoked(actor->member);
}

static void on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct actor *actor = owner;
    actor->lost_count++;
    actor->is_asked = false;
    give_up(actor, partitions, count);
}

static void on_failed(void *owner, int error)
{
    ((struct actor *)owner)->failed = error;
}

static void on_standby(void *owner, const struct member_partition *partitions, size_t count)
{
    struct actor *actor = owner;
    actor->copy_count = (int)count;
    actor->warmup_count = 0;
    for (size_t i = 0; i < count; i++) {
        actor->warmup_count += partitions[i].is_warmup;
    }
}

static size_t tell_positions(void *owner, struct arena *arena, struct member_position **out)
{
    struct actor *actor = owner;
    size_t count = (size_t)actor->world->partition_count;
    *out = arena_array(arena, struct member_position, count);
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = (struct member_position){"t", (int32_t)i, actor->position, STATE_END};
    }
    return count;
}

static struct world *world_new(uint64_t seed, int32_t partition_count)
{
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, BROKER_COUNT + 1);
    world->cluster = fake_cluster_new(world->sim, BROKER_COUNT);
    world->partition_count = partition_count;
    fake_cluster_add_topic(world->cluster, "t", partition_count);
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        world->owners[i] = NOBODY;
    }
    for (int i = 0; i < MEMBERS_MAX; i++) {
        world->actors[i].world = world;
        world->actors[i].number = i;
    }
    sim_on_event(world->sim, check_all, world);
    return world;
}

static struct actor *join_as(struct world *world, int number, const char *instance_id)
{
    struct actor *actor = &world->actors[number];
    struct client_options client_options = client_options_default();
    client_options.bootstrap = "node1:9092,node2:9092";
    client_options.request_timeout_ms = 3000;
    client_options.metadata_max_age_ms = 5000;
    actor->client = client_new(sim_io(world->sim, 0), &client_options);
    static const char *const topics[] = {"t"};
    struct member_options options = member_options_default("g");
    options.topics = topics;
    options.topic_count = 1;
    options.instance_id = instance_id;
    options.session_timeout_ms = 6000;
    options.heartbeat_interval_ms = 500;
    options.rebalance_timeout_ms = 10000;
    static const char *const homes[MEMBERS_MAX] = {"A", "B", "C", "D", "E"};
    options.home = actor->has_state ? homes[number] : NULL;
    options.probing_interval_ms = PROBING_SECONDS * 1000;
    struct member_events events = {
        .assigned = on_assigned, .revoked = on_revoked, .lost = on_lost, .failed = on_failed};
    events.standby = actor->has_state ? on_standby : NULL;
    events.positions = actor->has_state ? tell_positions : NULL;
    actor->failed = 0;
    actor->member = member_new(actor->client, &options, &events, actor);
    return actor;
}

static void on_closed(void *owner)
{
    ((struct actor *)owner)->is_closed = true;
}

static bool is_closed(void *owner)
{
    return ((struct actor *)owner)->is_closed;
}

static void leave(struct actor *actor)
{
    struct world *world = actor->world;
    actor->is_closed = false;
    actor->is_asked = false;
    struct member *member = actor->member;
    actor->member = NULL;
    member_close(member, on_closed, actor);
    assert_true(sim_run_until(world->sim, is_closed, actor, 20 * SECOND));
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        actor->owns[i] = false;
        if (world->owners[i] == actor->number) {
            world->owners[i] = NOBODY;
        }
    }
    actor->is_closed = false;
    struct client *client = actor->client;
    actor->client = NULL;
    client_close(client, on_closed, actor);
    assert_true(sim_run_until(world->sim, is_closed, actor, 20 * SECOND));
}

/* Members stop owning when they begin to leave: the others may be faster than `closed`. */
static void leave_quietly(struct actor *actor)
{
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        if (actor->world->owners[i] == actor->number) {
            actor->world->owners[i] = NOBODY;
        }
    }
    leave(actor);
}

static void world_free(struct world *world)
{
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (world->actors[i].member != NULL) {
            leave_quietly(&world->actors[i]);
        }
    }
    fake_cluster_free(world->cluster);
    sim_free(world->sim);
    free(world);
}

static int owned_count(const struct actor *actor)
{
    int count = 0;
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        count += actor->owns[i];
    }
    return count;
}

/* Everything is owned, and nobody has two more than another. */
static bool is_balanced(void *owner)
{
    struct world *world = owner;
    int least = PARTITIONS_MAX;
    int most = 0;
    int total = 0;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (world->actors[i].member != NULL && world->actors[i].failed == 0) {
            int count = owned_count(&world->actors[i]);
            least = count < least ? count : least;
            most = count > most ? count : most;
            total += count;
        }
    }
    return total == world->partition_count && most - least <= 1;
}

static void run_for(struct world *world, uint64_t duration_ns)
{
    sim_run(world->sim, sim_now(world->sim) + duration_ns);
}

static void a_single_member_gets_everything(void **state)
{
    (void)state;
    struct world *world = world_new(1, 4);
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    assert_int_equal(actor->offsets[0], -1);
    assert_true(member_id(actor->member).size > 0);
    run_for(world, 20 * SECOND);
    assert_int_equal(actor->assigned_count, 1);
    assert_int_equal(actor->revoked_count, 0);
    leave_quietly(actor);
    assert_int_equal(fake_group_member_count(world->cluster, "g"), 0);
    world_free(world);
}

static void a_second_member_takes_half_and_the_rest_is_not_disturbed(void **state)
{
    (void)state;
    struct world *world = world_new(2, 6);
    struct actor *first = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    join_as(world, 1, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    assert_int_equal(owned_count(first), 3);
    assert_int_equal(first->assigned_count, 1);
    assert_int_equal(first->revoked_count, 1);
    run_for(world, 20 * SECOND);
    assert_true(is_balanced(world));
    leave_quietly(&world->actors[1]);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    assert_int_equal(first->revoked_count, 1);
    world_free(world);
}

static void the_group_waits_for_a_slow_owner(void **state)
{
    (void)state;
    struct world *world = world_new(3, 4);
    struct actor *first = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    first->is_slow = true;
    struct actor *second = join_as(world, 1, NULL);
    run_for(world, 9 * SECOND);
    assert_true(first->is_asked);
    assert_int_equal(owned_count(first), 4);
    assert_int_equal(owned_count(second), 0);
    answer_revoked(first);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    world_free(world);
}

struct committing {
    struct member_commit commit;
    bool is_done;
    int error;
};

static void on_committed(struct member_commit *commit, int error)
{
    struct committing *committing = commit->owner;
    committing->is_done = true;
    committing->error = error;
}

static bool is_committed(void *owner)
{
    return ((struct committing *)owner)->is_done;
}

static void start_commit(struct actor *actor, struct committing *committing,
                         const struct member_partition *partition)
{
    *committing =
        (struct committing){.commit = {.partitions = partition, .count = 1, .done = on_committed}};
    committing->commit.owner = committing;
    member_commit(actor->member, &committing->commit);
    assert_false(committing->is_done);
}

static int commit(struct actor *actor, int32_t partition, int64_t offset)
{
    struct member_partition row = {.topic = "t", .partition = partition, .offset = offset};
    struct committing committing;
    start_commit(actor, &committing, &row);
    assert_true(sim_run_until(actor->world->sim, is_committed, &committing, 10 * SECOND));
    return committing.error;
}

static void a_commit_is_told_to_the_next_owner(void **state)
{
    (void)state;
    struct world *world = world_new(4, 2);
    struct actor *first = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    assert_int_equal(commit(first, 0, 41), 0);
    assert_int_equal(commit(first, 1, 17), 0);
    assert_int_equal(fake_group_committed(world->cluster, "g", "t", 0), 41);
    leave_quietly(first);
    struct actor *second = join_as(world, 1, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    assert_int_equal(second->offsets[0], 41);
    assert_int_equal(second->offsets[1], 17);
    world_free(world);
}

static void what_is_not_owned_cannot_be_committed(void **state)
{
    (void)state;
    struct world *world = world_new(5, 2);
    struct actor *first = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    struct actor *second = join_as(world, 1, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    int32_t others = second->owns[0] ? 0 : 1;
    assert_int_equal(commit(first, others, 5), ERROR_ILLEGAL_GENERATION);
    assert_int_equal(commit(second, others, 6), 0);
    assert_int_equal(fake_group_committed(world->cluster, "g", "t", others), 6);
    world_free(world);
}

static void commits_are_repeated_and_keep_their_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *world = world_new(seed, 2);
        struct actor *actor = join_as(world, 0, NULL);
        assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
        world->cluster->drop_chance = 200000;
        struct member_partition rows[20];
        struct committing committings[20];
        for (int i = 0; i < 20; i++) {
            rows[i] = (struct member_partition){.topic = "t", .offset = i};
            start_commit(actor, &committings[i], &rows[i]);
            if (sim_random(world->sim, 4) == 0) {
                sim_break_streams(world->sim, 1);
            }
            run_for(world, sim_random(world->sim, 3000000));
        }
        int64_t seen = -1;
        while (!committings[19].is_done) {
            assert_true(sim_step(world->sim));
            int64_t now = fake_group_committed(world->cluster, "g", "t", 0);
            assert_true(now >= seen);
            seen = now;
        }
        world->cluster->drop_chance = 0;
        world_free(world);
    }
}

static void closing_waits_for_commits(void **state)
{
    (void)state;
    struct world *world = world_new(6, 1);
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    struct member_partition row = {.topic = "t", .offset = 99};
    struct committing committing;
    start_commit(actor, &committing, &row);
    leave_quietly(actor);
    assert_true(committing.is_done);
    assert_int_equal(committing.error, 0);
    assert_int_equal(fake_group_committed(world->cluster, "g", "t", 0), 99);
    world_free(world);
}

static void a_forgotten_member_loses_and_comes_back(void **state)
{
    (void)state;
    struct world *world = world_new(7, 3);
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    fake_group_expel(world->cluster, "g");
    run_for(world, SECOND);
    assert_int_equal(actor->lost_count, 1);
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    assert_int_equal(commit(actor, 0, 3), 0);
    world_free(world);
}

static void who_asks_is_told_before_the_next_heartbeat(void **state)
{
    (void)state;
    struct world *world = world_new(7, 3);
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    fake_group_expel(world->cluster, "g");
    member_ask(actor->member);
    member_ask(actor->member); /* one question is out already */
    run_for(world, SECOND / 20);
    assert_int_equal(actor->lost_count, 1);
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    world_free(world);
}

/* The first has four partitions with state, the second warms up. */
static struct world *warmup_new(uint64_t seed)
{
    struct world *world = world_new(seed, 4);
    world->actors[0].has_state = world->actors[1].has_state = true;
    world->actors[0].position = STATE_END;
    join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    join_as(world, 1, NULL);
    run_for(world, 20 * SECOND);
    assert_int_equal(owned_count(&world->actors[0]), 4);
    assert_int_equal(world->actors[0].revoked_count, 0);
    assert_int_equal(world->actors[1].copy_count, 2);
    assert_int_equal(world->actors[1].warmup_count, 2);
    return world;
}

static void who_caught_up_asks_and_is_given_its_share(void **state)
{
    (void)state;
    struct world *world = warmup_new(21);
    struct actor *second = &world->actors[1];
    assert_true(member_probe(second->member));
    assert_false(member_probe(second->member)); /* it is on its way */
    run_for(world, 20 * SECOND);
    assert_int_equal(owned_count(second), 0); /* it did not say that it has caught up */
    second->position = STATE_END - 10000;
    assert_true(member_probe(second->member));
    assert_true(sim_run_until(world->sim, is_balanced, world, 5 * SECOND));
    assert_int_equal(second->warmup_count, 0);
    world_free(world);
}

static void the_leader_looks_once_in_a_while(void **state)
{
    (void)state;
    struct world *world = warmup_new(22);
    world->actors[1].position = STATE_END; /* and does not ask */
    run_for(world, (PROBING_SECONDS - 40) * SECOND);
    assert_int_equal(owned_count(&world->actors[1]), 0);
    assert_true(sim_run_until(world->sim, is_balanced, world, 60 * SECOND));
    run_for(world, 2 * PROBING_SECONDS * SECOND);
    assert_int_equal(world->actors[0].revoked_count, 1); /* it stays */
    world_free(world);
}

static void a_member_cut_off_for_a_session_loses_before_it_returns(void **state)
{
    (void)state;
    struct world *world = world_new(8, 3);
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    sim_cut(world->sim, 0, 1);
    sim_cut(world->sim, 0, 2);
    run_for(world, 8 * SECOND);
    assert_int_equal(actor->lost_count, 1);
    assert_int_equal(owned_count(actor), 0);
    sim_mend(world->sim, 0, 1);
    sim_mend(world->sim, 0, 2);
    assert_true(sim_run_until(world->sim, is_balanced, world, 60 * SECOND));
    world_free(world);
}

static void a_moved_coordinator_is_found_again(void **state)
{
    (void)state;
    struct world *world = world_new(9, 3);
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 10 * SECOND));
    world->cluster->coordinator_id = 2;
    fake_cluster_fail(world->cluster, KEY_HEARTBEAT, ERROR_NOT_COORDINATOR, 1, false);
    run_for(world, 5 * SECOND);
    assert_int_equal(actor->lost_count, 0);
    assert_true(is_balanced(world));
    assert_int_equal(commit(actor, 0, 3), 0);
    world_free(world);
}

/* The topic has six partitions from now on. */
static void grow_topic(struct world *world)
{
    struct fake_topic *topic = map_find_string(&world->cluster->topics, "t");
    struct fake_partition *grown = memory_zero(6, sizeof *grown);
    memcpy(grown, topic->partitions, 2 * sizeof *grown);
    for (int32_t i = 2; i < 6; i++) {
        grown[i] = (struct fake_partition){.index = i, .leader_id = 1};
    }
    free(topic->partitions);
    topic->partitions = grown;
    topic->partition_count = 6;
    world->partition_count = 6;
}

static void new_partitions_are_dealt_out(void **state)
{
    (void)state;
    struct world *world = world_new(10, 2);
    join_as(world, 0, NULL);
    join_as(world, 1, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    grow_topic(world);
    assert_true(sim_run_until(world->sim, is_balanced, world, 30 * SECOND));
    world_free(world);
}

static bool is_stable(void *owner)
{
    struct actor *actor = owner;
    return member_generation(actor->member) >= 0;
}

/* Sooner than metadata grows old (5 s). */
static void a_topic_that_comes_later_is_dealt_out_soon(void **state)
{
    (void)state;
    struct world *world = world_new(10, 2);
    fake_topic_free(map_remove(&world->cluster->topics, BYTES_LITERAL("t")));
    struct actor *actor = join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_stable, actor, 5 * SECOND));
    run_for(world, SECOND);
    assert_false(is_balanced(world));
    fake_cluster_add_topic(world->cluster, "t", 2);
    assert_true(sim_run_until(world->sim, is_balanced, world, 2 * SECOND));
    world_free(world);
}

static void a_static_member_comes_back_to_its_share(void **state)
{
    (void)state;
    struct world *world = world_new(11, 4);
    join_as(world, 0, "one");
    join_as(world, 1, "two");
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    leave_quietly(&world->actors[1]);
    assert_int_equal(fake_group_member_count(world->cluster, "g"), 2);
    join_as(world, 1, "two");
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    assert_int_equal(fake_group_member_count(world->cluster, "g"), 2);
    world_free(world);
}

/* It is told to leave the assignment as it is, and did not see what changed meanwhile. */
static void a_static_leader_that_comes_back_deals_what_is_new(void **state)
{
    (void)state;
    struct world *world = world_new(13, 2);
    join_as(world, 0, "one");
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    join_as(world, 1, "two");
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    leave_quietly(&world->actors[0]);
    grow_topic(world);
    join_as(world, 0, "one");
    assert_true(sim_run_until(world->sim, is_balanced, world, 30 * SECOND));
    world_free(world);
}

static bool is_asked(void *owner)
{
    return ((struct actor *)owner)->is_asked;
}

/* It claimed a partition when it joined, restarts before it gives it up, and gets its smaller share
 * without a rebalance: nobody is left who would join again to hand the partition on. */
static void what_a_static_member_took_along_is_dealt_out(void **state)
{
    (void)state;
    struct world *world = world_new(14, 4);
    join_as(world, 0, NULL);
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    struct actor *restarting = join_as(world, 1, "two");
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    restarting->is_slow = true;
    join_as(world, 2, NULL);
    assert_true(sim_run_until(world->sim, is_asked, restarting, 20 * SECOND));
    leave_quietly(restarting);
    restarting->is_slow = false;
    join_as(world, 1, "two");
    assert_true(sim_run_until(world->sim, is_balanced, world, 40 * SECOND));
    world_free(world);
}

static void a_second_member_of_the_same_instance_fences_the_first(void **state)
{
    (void)state;
    struct world *world = world_new(12, 2);
    world->is_overlap_allowed = true;
    struct actor *first = join_as(world, 0, "one");
    assert_true(sim_run_until(world->sim, is_balanced, world, 20 * SECOND));
    struct actor *second = join_as(world, 1, "one");
    run_for(world, 20 * SECOND);
    assert_int_equal(first->failed, ERROR_FENCED_INSTANCE_ID);
    assert_int_equal(owned_count(first), 0);
    assert_int_equal(first->lost_count, 1);
    assert_int_equal(owned_count(second), 2);
    world_free(world);
}

/* Joins, leaves, broken connections and lost answers; no two owners at any moment, and in the end
 * a balance. */
static void chaos_never_gives_a_partition_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *world = world_new(seed, 7);
        for (int i = 0; i < 60; i++) {
            struct actor *actor = &world->actors[sim_random(world->sim, MEMBERS_MAX)];
            if (actor->member == NULL) {
                actor->is_slow = sim_random(world->sim, 2) == 0;
                actor->is_asked = false;
                join_as(world, actor->number, NULL);
            } else if (sim_random(world->sim, 4) == 0) {
                leave_quietly(actor);
            } else if (actor->is_asked) {
                answer_revoked(actor);
            }
            if (sim_random(world->sim, 8) == 0) {
                sim_break_streams(world->sim, 1 + (int)sim_random(world->sim, BROKER_COUNT));
            }
            /* Short enough that no session runs out. */
            run_for(world, sim_random(world->sim, SECOND / 2));
        }
        for (int i = 0; i < MEMBERS_MAX; i++) {
            world->actors[i].is_slow = false;
            if (world->actors[i].is_asked) {
                answer_revoked(&world->actors[i]);
            }
        }
        if (world->actors[0].member == NULL) {
            join_as(world, 0, NULL);
        }
        assert_true(sim_run_until(world->sim, is_balanced, world, 60 * SECOND));
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_member_gets_everything),
        cmocka_unit_test(a_second_member_takes_half_and_the_rest_is_not_disturbed),
        cmocka_unit_test(the_group_waits_for_a_slow_owner),
        cmocka_unit_test(a_commit_is_told_to_the_next_owner),
        cmocka_unit_test(what_is_not_owned_cannot_be_committed),
        cmocka_unit_test(commits_are_repeated_and_keep_their_order),
        cmocka_unit_test(closing_waits_for_commits),
        cmocka_unit_test(a_forgotten_member_loses_and_comes_back),
        cmocka_unit_test(who_asks_is_told_before_the_next_heartbeat),
        cmocka_unit_test(who_caught_up_asks_and_is_given_its_share),
        cmocka_unit_test(the_leader_looks_once_in_a_while),
        cmocka_unit_test(a_member_cut_off_for_a_session_loses_before_it_returns),
        cmocka_unit_test(a_moved_coordinator_is_found_again),
        cmocka_unit_test(new_partitions_are_dealt_out),
        cmocka_unit_test(a_topic_that_comes_later_is_dealt_out_soon),
        cmocka_unit_test(a_static_member_comes_back_to_its_share),
        cmocka_unit_test(a_static_leader_that_comes_back_deals_what_is_new),
        cmocka_unit_test(what_a_static_member_took_along_is_dealt_out),
        cmocka_unit_test(a_second_member_of_the_same_instance_fences_the_first),
        cmocka_unit_test(chaos_never_gives_a_partition_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
