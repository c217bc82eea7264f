/* Groups of both kinds that change from one to the other, under everything at once: members of both
 * protocols come, go, die, are slow, change what they read; topics are made, grow and go; the log
 * refuses, the coordinator restarts. One seed is one run.
 *
 * Held after every event (world_check): replay(log) is what must survive, and all numbered
 * invariants of consumer.h and group.h. Held at every answer: nobody is given a partition that a
 * member of the group still uses. At the end, when the faults are over: every group comes to rest,
 * and all that is subscribed to is in use, once.
 *
 * Planted bugs that it found: a revocation that is not waited for (seed 2), answers that do not
 * wait for the log (2), targets that are not written (1), classic members that never hear of
 * released partitions (29), new partitions that nobody notices (34). CAMPAIGN_SEED=N plays one
 * seed. */
#include "tests/unit/log/coordinator/classic_play.h"

enum {
    CAMPAIGN_SEED_COUNT = 40,
    CAMPAIGN_STEP_COUNT = 400,
    CAMPAIGN_CLIENT_COUNT = 9,
    CAMPAIGN_PARTITION_MAX = 8, /* of a topic */
    CAMPAIGN_REST_STEPS = 120,
};

static const char *const campaign_groups[] = {"g", "h"};
static const char *const campaign_topics[] = {"t", "u"};

enum client_state { CLIENT_OUT, CLIENT_WAITING, CLIENT_IN, CLIENT_DEAD };

struct client {
    struct campaign *campaign;
    int number;
    bool is_classic;
    enum client_state state;
    int life; /* of the id: a reborn client is another member */
    char id[16];
    char instance[16];
    int heard;      /* answers so far */
    uint32_t owned; /* what it uses: a bit per partition of "t", then of "u" */
    uint32_t told;  /* what it was last told it may use */
    bool must_sync;
    struct member member;
    struct classic classic;
};

struct campaign {
    struct world *world;
    struct client clients[CAMPAIGN_CLIENT_COUNT];
    int given_count; /* partitions that were given to somebody */
    int converted_count;
    bool is_resting;
};

static bool chance(struct campaign *campaign, uint64_t percent)
{
    return sim_random(campaign->world->sim, 100) < percent;
}

/* "t:0,1 u:2" as bits. */
static uint32_t bits_of(const char *text)
{
    uint32_t bits = 0;
    while (*text != '\0') {
        uint32_t shift = *text == 'u' ? CAMPAIGN_PARTITION_MAX : 0;
        bool is_counted = *text == 't' || *text == 'u';
        text += strcspn(text, ":");
        do {
            int partition = atoi(++text);
            bits |= is_counted ? UINT32_C(1) << (shift + (uint32_t)partition) : 0;
            text += strcspn(text, ", ");
        } while (*text == ',');
        text += strspn(text, " ");
    }
    return bits;
}

static void text_of(uint32_t bits, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int topic = 0; topic < 2; topic++) {
        bool is_first = true;
        for (int i = 0; i < CAMPAIGN_PARTITION_MAX; i++) {
            if ((bits >> (topic * CAMPAIGN_PARTITION_MAX + i)) & 1) {
                used += (size_t)snprintf(out + used, size - used, "%s%s%d",
                                         !is_first  ? ","
                                         : used > 0 ? " "
                                                    : "",
                                         is_first ? (topic == 0 ? "t:" : "u:") : "", i);
                is_first = false;
            }
        }
    }
}

static const char *group_of(const struct client *client)
{
    return client->is_classic ? client->classic.group : client->member.group;
}

static const char *id_of(const struct client *client)
{
    return client->is_classic ? client->classic.id : client->id;
}

/* Whether the coordinator takes the client for a member of its group. */
static bool is_member(struct client *client)
{
    struct world *world = client->campaign->world;
    struct bytes group = bytes_from_string(group_of(client));
    struct consumer_group_describe_response_group consumer;
    struct describe_groups_response_group classic;
    struct arena arena;
    bool is_found = false;
    arena_init(&arena, 0);
    coordinator_describe_consumer_group(world->coordinator, group, &arena, &consumer);
    for (int32_t i = 0; consumer.error_code == 0 && i < consumer.members.count; i++) {
        is_found =
            is_found || (bytes_equal_string(consumer.members.items[i].member_id, id_of(client)) &&
                         consumer.members.items[i].member_epoch >= 0);
    }
    coordinator_describe_group(world->coordinator, 5, group, &arena, &classic);
    for (int32_t i = 0; classic.error_code == 0 && i < classic.members.count; i++) {
        is_found =
            is_found || bytes_equal_string(classic.members.items[i].member_id, id_of(client));
    }
    arena_fini(&arena);
    return is_found;
}

/* A client uses what it was given. */
static void use(struct client *client, uint32_t given)
{
    struct campaign *campaign = client->campaign;
    for (int i = 0; i < CAMPAIGN_CLIENT_COUNT; i++) {
        struct client *other = &campaign->clients[i];
        if (other == client || other->state == CLIENT_DEAD ||
            strcmp(group_of(other), group_of(client)) != 0) {
            continue;
        }
        if ((other->owned & given) != 0 && is_member(other)) {
            fail_msg("%s was given %x of which %s uses %x", id_of(client), given, id_of(other),
                     other->owned);
        }
    }
    campaign->given_count += given != 0;
    client->owned |= given;
}

static void drop_all(struct client *client)
{
    client->owned = 0;
    client->told = 0;
}

static void be_born(struct client *client)
{
    struct world *world = client->campaign->world;
    const char *group = campaign_groups[sim_random(world->sim, 2)];
    bool is_static = chance(client->campaign, 30);
    snprintf(client->id, sizeof client->id, "c%d-%d", client->number, ++client->life);
    snprintf(client->instance, sizeof client->instance, "i%d", client->number);
    client->is_classic = chance(client->campaign, 40);
    client->member = member_of(world, client->id);
    client->member.group = group;
    client->member.instance = is_static ? client->instance : NULL;
    client->classic = classic_of(world);
    client->classic.group = group;
    client->classic.topics = chance(client->campaign, 50) ? "t" : "t,u";
    client->state = CLIENT_OUT;
    client->heard = 0;
    client->must_sync = false;
    drop_all(client);
}

/* Dead clients' partitions may be given to others; their answers are not heard. */
static void die(struct client *client)
{
    client->state = CLIENT_DEAD;
    drop_all(client);
}

/* Consumer members ----------------------------------------------------------------------------- */

static void choose_topics(struct client *client, struct words *words)
{
    switch (sim_random(client->campaign->world->sim, 4)) {
    case 0:
        words->topics[0] = "t";
        words->regex = "";
        break;
    case 1:
        words->topics[0] = "u";
        words->topics[1] = "t";
        words->regex = "";
        break;
    case 2:
        words->has_topics = true;
        words->regex = "[tu]";
        break;
    default:
        words->topics[0] = "v"; /* comes and goes */
        words->topics[1] = "t";
        words->regex = "";
        break;
    }
}

static void consumer_hear(struct client *client)
{
    struct member *member = &client->member;
    client->heard = member->answer_count;
    client->state = member->epoch > 0 ? CLIENT_IN : CLIENT_OUT;
    if (member->error == error_code(ERROR_UNKNOWN_MEMBER_ID) ||
        member->error == error_code(ERROR_FENCED_MEMBER_EPOCH) ||
        member->error == error_code(ERROR_FENCED_INSTANCE_ID) ||
        member->error == error_code(ERROR_GROUP_ID_NOT_FOUND)) {
        drop_all(client);
        member->epoch = 0;
        client->state = CLIENT_OUT;
    } else if (member->error == 0) {
        uint32_t told = bits_of(member->has);
        use(client, told & ~client->owned);
        client->told = told;
    } else if (member->error != error_code(ERROR_COORDINATOR_NOT_AVAILABLE) &&
               member->error != error_code(ERROR_UNRELEASED_INSTANCE_ID)) {
        fail_msg("%s: error %d: %s", client->id, member->error, member->message);
    }
}

static void consumer_say(struct client *client)
{
    struct campaign *campaign = client->campaign;
    struct words words = {0};
    char owned[128];
    int32_t epoch = client->member.epoch;
    if (client->state == CLIENT_OUT) {
        drop_all(client);
        client->member.has[0] = '\0';
        words.owned = "";
        words.timeout_ms = 5000;
        choose_topics(client, &words);
        epoch = 0;
    } else {
        if (!chance(campaign, 30)) {
            client->owned &= client->told; /* what is not to be used any more is given up */
        }
        text_of(client->owned, owned, sizeof owned);
        if (campaign->is_resting || chance(campaign, 70)) {
            words.owned = owned;
        }
        if (!campaign->is_resting && chance(campaign, 5)) {
            choose_topics(client, &words);
        }
    }
    client->state = CLIENT_WAITING;
    send(&client->member, epoch, &words);
}

static void consumer_go(struct client *client)
{
    bool is_away = client->member.instance != NULL && chance(client->campaign, 50);
    struct words words = {0};
    struct member *farewell =
        memory_new(struct member); /* hears the answer that nobody waits for */
    *farewell = client->member;
    send(farewell, is_away ? -2 : -1, &words);
    die(client);
    world_run_ms(client->campaign->world, 200);
    free(farewell);
}

static void consumer_step(struct client *client)
{
    if (client->state == CLIENT_WAITING) {
        if (client->member.answer_count == client->heard) {
            return;
        }
        consumer_hear(client);
    }
    if (!client->campaign->is_resting && client->state == CLIENT_IN &&
        chance(client->campaign, 3)) {
        consumer_go(client);
        return;
    }
    consumer_say(client);
}

/* Classic members ------------------------------------------------------------------------------ */

static bool classic_is_lost(int error)
{
    return error == error_code(ERROR_UNKNOWN_MEMBER_ID) ||
           error == error_code(ERROR_ILLEGAL_GENERATION) ||
           error == error_code(ERROR_FENCED_INSTANCE_ID) ||
           error == error_code(ERROR_INCONSISTENT_GROUP_PROTOCOL);
}

/* A leader gives the partitions of both topics to its members in turn. */
static void classic_lead(struct client *client)
{
    struct classic *classic = &client->classic;
    struct world *world = client->campaign->world;
    static struct classic others[8];
    struct classic *addresses[8];
    char texts[8][128];
    const char *shares[8];
    uint32_t bits[8] = {0};
    int next = 0;
    for (int topic = 0; topic < 2; topic++) {
        struct coordinator_topic found;
        int32_t count = world_find_topic(world, bytes_from_string(campaign_topics[topic]), &found)
                            ? found.partition_count
                            : 0;
        for (int i = 0; i < count && classic->member_count > 0; i++) {
            bits[next++ % classic->member_count] |= UINT32_C(1)
                                                    << (topic * CAMPAIGN_PARTITION_MAX + i);
        }
    }
    for (int32_t i = 0; i < classic->member_count; i++) {
        memcpy(others[i].id, classic->members[i], sizeof others[i].id);
        addresses[i] = &others[i];
        text_of(bits[i], texts[i], sizeof texts[i]);
        shares[i] = texts[i];
    }
    classic_send_sync(classic, addresses, shares, classic->member_count);
}

static void classic_hear(struct client *client)
{
    struct classic *classic = &client->classic;
    client->heard = classic->joined_count + classic->synced_count;
    if (classic->error == 0 && client->must_sync) {
        client->must_sync = false;
        if (classic->is_leader) {
            classic_lead(client);
        } else {
            classic_send_sync(classic, NULL, NULL, 0);
        }
        return; /* still waiting */
    }
    client->state = CLIENT_OUT;
    client->must_sync = false;
    if (classic->error == 0) {
        use(client, bits_of(classic->has));
        client->state = CLIENT_IN;
    } else if (classic_is_lost(classic->error)) {
        classic->id[0] = '\0';
    }
}

static void classic_step(struct client *client)
{
    struct classic *classic = &client->classic;
    if (client->state == CLIENT_WAITING) {
        if (classic->joined_count + classic->synced_count != client->heard) {
            classic_hear(client);
        }
        return;
    }
    if (client->state == CLIENT_OUT) {
        drop_all(client);
        client->state = CLIENT_WAITING;
        client->must_sync = true;
        classic_send_join(classic);
        return;
    }
    if (!client->campaign->is_resting && chance(client->campaign, 3)) {
        classic_leave(classic);
        die(client);
        return;
    }
    struct heartbeat_request in = {.group_id = bytes_from_string(classic->group),
                                   .generation_id = classic->generation,
                                   .member_id = bytes_from_string(classic->id)};
    int error = coordinator_heartbeat(client->campaign->world->coordinator, &in);
    if (error != 0) {
        drop_all(client); /* an eager member gives up everything before it joins again */
        client->state = CLIENT_OUT;
        if (classic_is_lost(error_code(error))) {
            classic->id[0] = '\0';
        }
    }
}

/* Everything at once --------------------------------------------------------------------------- */

static void step_client(struct client *client)
{
    if (client->state == CLIENT_DEAD) {
        if (!client->campaign->is_resting && chance(client->campaign, 10)) {
            be_born(client);
        }
    } else if (!client->campaign->is_resting && client->state == CLIENT_IN &&
               chance(client->campaign, 1)) {
        die(client);
    } else if (client->is_classic) {
        classic_step(client);
    } else {
        consumer_step(client);
    }
}

static void step_topics(struct world *world)
{
    const char *name = campaign_topics[sim_random(world->sim, 2)];
    struct coordinator_topic found;
    int32_t count =
        world_find_topic(world, bytes_from_string(name), &found) ? found.partition_count : 0;
    if (sim_random(world->sim, 3) == 0) {
        world_set_topic(world, "v", world_find_topic(world, BYTES_LITERAL("v"), &found) ? 0 : 2);
    } else if (count < CAMPAIGN_PARTITION_MAX) {
        world_set_topic(world, name, count + 1);
    }
}

/* What the coordinator did not answer, it will never answer: members ask again. */
static void crash(struct campaign *campaign)
{
    restart(campaign->world);
    world_run_ms(campaign->world, 1);
}

static void step(struct campaign *campaign)
{
    struct world *world = campaign->world;
    uint64_t pick = sim_random(world->sim, 1000);
    if (pick < 8) {
        crash(campaign);
    } else if (pick < 30) {
        step_topics(world);
    } else if (pick < 45) {
        world->append_error = world->append_error == 0 ? ERROR_NOT_ENOUGH_REPLICAS : 0;
    } else {
        step_client(&campaign->clients[sim_random(world->sim, CAMPAIGN_CLIENT_COUNT)]);
    }
    world_run_ms(world, sim_random(world->sim, 120));
}

/* Without faults everything comes to rest. */
static void come_to_rest(struct campaign *campaign)
{
    campaign->is_resting = true;
    campaign->world->append_error = 0;
    for (int i = 0; i < CAMPAIGN_REST_STEPS; i++) {
        for (int j = 0; j < CAMPAIGN_CLIENT_COUNT; j++) {
            step_client(&campaign->clients[j]);
        }
        world_run_ms(campaign->world, 1000);
    }
}

static void check_rest(struct campaign *campaign, const char *group)
{
    uint32_t used = 0;
    int alive_count = 0;
    for (int i = 0; i < CAMPAIGN_CLIENT_COUNT; i++) {
        const struct client *client = &campaign->clients[i];
        if (client->state != CLIENT_DEAD && strcmp(group_of(client), group) == 0) {
            alive_count++;
            assert_int_equal(used & client->owned, 0);
            used |= client->owned;
        }
    }
    struct coordinator_explanation explanation;
    struct arena arena;
    arena_init(&arena, 0);
    if (alive_count > 0) {
        assert_int_equal(coordinator_explain_group(campaign->world->coordinator,
                                                   bytes_from_string(group), &arena, &explanation),
                         0);
        if (strcmp(explanation.state, "Stable") != 0) {
            fail_msg("%s is %s with %d of %d members", group, explanation.state,
                     (int)explanation.member_count, alive_count);
        }
        assert_int_equal(explanation.member_count, alive_count);
        struct coordinator_topic found = {0};
        world_find_topic(campaign->world, BYTES_LITERAL("t"), &found);
        uint32_t all = (UINT32_C(1) << found.partition_count) - 1; /* everybody reads "t" */
        /* Leaders of classic groups do not watch topics here. */
        if (strcmp(explanation.kind, "consumer") == 0 && (used & all) != all) {
            fail_msg("%s: %x of %x is in use", group, used & all, all);
        }
        for (int32_t i = 0; i < explanation.rebalance_count; i++) {
            for (int32_t j = 0; j < explanation.rebalances[i].cause_count; j++) {
                campaign->converted_count +=
                    strcmp(explanation.rebalances[i].causes[j].kind, "converted") == 0;
            }
        }
    }
    arena_fini(&arena);
}

static void one_run(uint64_t seed, int *given_count, int *converted_count)
{
    struct campaign campaign = {0};
    campaign.world = world_new(seed);
    campaign.world->session_timeout_ms = 12000;
    world_set_topic(campaign.world, "t", 2);
    for (int i = 0; i < CAMPAIGN_CLIENT_COUNT; i++) {
        campaign.clients[i] = (struct client){.campaign = &campaign, .number = i};
        be_born(&campaign.clients[i]);
    }
    for (int i = 0; i < CAMPAIGN_STEP_COUNT; i++) {
        step(&campaign);
    }
    come_to_rest(&campaign);
    check_rest(&campaign, "g");
    check_rest(&campaign, "h");
    *given_count += campaign.given_count;
    *converted_count += campaign.converted_count;
    world_free(campaign.world);
}

static void whatever_happens_a_partition_has_one_owner(void **state)
{
    (void)state;
    int given_count = 0;
    int converted_count = 0;
    const char *only = getenv("CAMPAIGN_SEED");
    for (uint64_t seed = 1; seed <= CAMPAIGN_SEED_COUNT; seed++) {
        uint64_t chosen = only == NULL ? seed : strtoull(only, NULL, 10);
        print_message("seed %llu\n", (unsigned long long)chosen);
        one_run(chosen, &given_count, &converted_count);
        if (only != NULL) {
            return;
        }
    }
    assert_true(given_count > 100 * CAMPAIGN_SEED_COUNT / 10); /* it did something */
    assert_true(converted_count > CAMPAIGN_SEED_COUNT / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_a_partition_has_one_owner),
    };
    trace_set_level(TRACE_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
