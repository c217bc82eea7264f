/* Shows that every topic an application names is there before it runs, with the partitions it
 * needs, and that a topic which cannot be made is named. */
#include "log/base/error.h"
#include "log/base/hash.h"
#include "tests/unit/runtime/app/app_world.h"

enum { KEY_METADATA = 3, KEY_CREATE_TOPICS = 19 };

static const char WORDS[] = "local S = require 'tidemill'\n"
                            "local app = S.app 'words'\n"
                            "app:topic('out', { partitions = 5 })\n"
                            "app:stream('in', { value = 'text' })\n"
                            "  :map(function(r) return { key = r.value, value = r.value } end)\n"
                            "  :group_by(function(r) return r.value end)\n"
                            "  :count { name = 'seen' }\n"
                            "  :to 'out'\n"
                            "app:stream('other'):to 'elsewhere'\n"
                            "return app\n";

static int32_t partitions_of(struct app_world *world, const char *topic)
{
    const struct fake_topic *found = map_find(&world->cluster->topics, bytes_from_string(topic));
    return found == NULL ? 0 : found->partition_count;
}

static bool has_failed(void *owner)
{
    return ((struct app_seat *)owner)->failure_count > 0;
}

static void every_topic_is_there_with_the_partitions_it_needs(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(1, WORDS);
    world->cluster->is_creating_topics = true; /* with four partitions */
    fake_cluster_add_topic(world->cluster, "in", 3);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "k", "tide");
    app_world_await(world, "out", 1);
    assert_int_equal(partitions_of(world, "out"), 5);       /* as declared */
    assert_int_equal(partitions_of(world, "other"), 4);     /* read */
    assert_int_equal(partitions_of(world, "elsewhere"), 4); /* written */
    const char *internal = NULL;
    for (map_each (&world->cluster->topics, entry)) {
        const struct fake_topic *topic = entry->value;
        internal = strstr(topic->name, "-repartition") == NULL ? internal : topic->name;
    }
    assert_non_null(internal);
    /* As the largest topic that is read, whatever is written; and a changelog as its part. */
    assert_int_equal(partitions_of(world, internal), 4);
    assert_int_equal(partitions_of(world, "words-seen-changelog"), 4);
    app_world_free(world);
}

static void topics_that_are_there_are_left_as_they_are(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(2, WORDS);
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "in", 3);
    app_world_start(world, 0);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    app_world_stop(&world->seats[0]);
    size_t count = world->cluster->topics.size;
    app_world_start(world, 0);
    app_world_put(world, "in", 1, "k", "tide");
    app_world_await(world, "out", 1);
    assert_int_equal(world->cluster->topics.size, count);
    assert_int_equal(world->seats[0].failure_count, 0);
    app_world_free(world);
}

static void a_topic_that_cannot_be_made_is_named_and_the_start_may_be_tried_again(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(3, WORDS);
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "in", 3);
    fake_cluster_fail(world->cluster, KEY_CREATE_TOPICS, ERROR_TOPIC_AUTHORIZATION_FAILED, 1,
                      false);
    struct app_seat *seat = app_world_start(world, 0);
    assert_true(sim_run_until(world->sim, has_failed, seat, 60 * APP_WORLD_SECOND));
    assert_string_equal(seat->reason, "topic out cannot be made: topic authorization failed");
    assert_false(seat->is_final);
    app_world_stop(seat);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "k", "tide");
    app_world_await(world, "out", 1);
    app_world_free(world);
}

static void unequal_topics_that_meet_in_a_store_are_refused(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(4, "local S = require 'tidemill'\n"
                                               "local app = S.app 'twins'\n"
                                               "app:stream({ 'left', 'right' }):group_by_key()\n"
                                               "  :count { name = 'seen' }:to 'out'\n"
                                               "return app\n");
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "left", 2);
    fake_cluster_add_topic(world->cluster, "right", 3);
    struct app_seat *seat = app_world_start(world, 0);
    assert_true(sim_run_until(world->sim, has_failed, seat, 60 * APP_WORLD_SECOND));
    assert_non_null(
        strstr(seat->reason, "'left' (2 partitions) and 'right' (3) meet in one store"));
    app_world_free(world);
}

/* As Kafka Streams has it: orders of four partitions by a table of two. */
static void what_is_brought_to_a_table_has_the_partitions_of_the_table(void **state)
{
    (void)state;
    struct app_world *world =
        app_world_new(6, "local S = require 'tidemill'\n"
                         "local app = S.app 'shop'\n"
                         "app:stream('orders', { value = 'json' }):select_key '$.of'\n"
                         "  :join(app:table('customers', { name = 'customers', value = 'text' }),\n"
                         "    function(order, name) return name end):to 'out'\nreturn app\n");
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "orders", 4);
    fake_cluster_add_topic(world->cluster, "customers", 2);
    struct app_seat *seat = app_world_start(world, 0);
    int32_t partition = hash_partition(BYTES_LITERAL("c"), 2);
    app_world_put(world, "customers", partition, "c", "Ann");
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    app_world_put(world, "orders", 3, "1", "{\"of\":\"c\"}");
    app_world_await(world, "out", 1);
    assert_int_equal(seat->failure_count, 0);
    assert_int_equal(partitions_of(world, "shop-customers-join-repartition"), 2);
    app_world_free(world);
}

static void tables_by_a_foreign_key_have_partitions_of_their_own(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(
        7, "local S = require 'tidemill'\n"
           "local app = S.app 'shop'\n"
           "local customers = app:table('customers', { name = 'c', value = 'text' })\n"
           "app:table('orders', { name = 'o', value = 'json' })\n"
           "  :left_join(customers, { name = 'j', on = '$.of' },\n"
           "    function(order, name) return name or '?' end):to 'out'\nreturn app\n");
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "orders", 3);
    fake_cluster_add_topic(world->cluster, "customers", 2);
    struct app_seat *seat = app_world_start(world, 0);
    app_world_put(world, "orders", hash_partition(BYTES_LITERAL("1"), 3), "1", "{\"of\":\"c\"}");
    app_world_await(world, "out", 1);
    app_world_put(world, "customers", hash_partition(BYTES_LITERAL("c"), 2), "c", "Ann");
    app_world_await(world, "out", 2);
    assert_int_equal(seat->failure_count, 0);
    assert_int_equal(partitions_of(world, "shop-j-subscriptions-repartition"), 2);
    assert_int_equal(partitions_of(world, "shop-j-answers-repartition"), 3);
    app_world_free(world);
}

static void a_changelog_that_is_too_small_is_named(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(5, WORDS);
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "in", 3);
    fake_cluster_add_topic(world->cluster, "words-seen-changelog", 2);
    struct app_seat *seat = app_world_start(world, 0);
    assert_true(sim_run_until(world->sim, has_failed, seat, 60 * APP_WORLD_SECOND));
    assert_non_null(strstr(seat->reason, "words-seen-changelog has 2 partitions and 4 tasks"));
    app_world_free(world);
}

static void it_closes_while_topics_are_made(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 200; event_count += 3) {
        struct app_world *world = app_world_new((uint64_t)event_count + 1, WORDS);
        world->cluster->is_creating_topics = true;
        fake_cluster_add_topic(world->cluster, "in", 3);
        struct app_seat *seat = app_world_start(world, 0);
        for (int i = 0; i < event_count; i++) {
            sim_step(world->sim);
        }
        app_world_stop(seat);
        app_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_is_there_with_the_partitions_it_needs),
        cmocka_unit_test(topics_that_are_there_are_left_as_they_are),
        cmocka_unit_test(a_topic_that_cannot_be_made_is_named_and_the_start_may_be_tried_again),
        cmocka_unit_test(unequal_topics_that_meet_in_a_store_are_refused),
        cmocka_unit_test(what_is_brought_to_a_table_has_the_partitions_of_the_table),
        cmocka_unit_test(tables_by_a_foreign_key_have_partitions_of_their_own),
        cmocka_unit_test(a_changelog_that_is_too_small_is_named),
        cmocka_unit_test(it_closes_while_topics_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
