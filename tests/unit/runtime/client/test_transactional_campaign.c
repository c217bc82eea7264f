/* Transactional producers, one of them with a zombie twin, against a whole node that is killed or
 * loses its power at any moment: what committed is read whole, what aborted is not read at all,
 * what nobody knows is one or the other, and in the end nothing stays open.
 *
 * SEED=N runs one seed. The memory of a dead node stays: its objects have nobody to take them down.
 */
#include "runtime/client/fetcher.h"
#include "runtime/client/transactional.h"
#include "tests/unit/log/server/node.h"

#include <stdio.h>

enum {
    SEED_COUNT = 25,
    TURN_COUNT = 160,
    PLAYER_COUNT = 3, /* 0 and 1 have the same id */
    PARTITION_COUNT = 2,
    DEED_MAX = 512,
    VALUE_MAX = 6, /* of one transaction in each partition */
    GRAVE_MAX = 4096,
};

enum fate { FATE_UNKNOWN, FATE_COMMITTED, FATE_ABORTED };

/* One transaction: its values are NUMBER:0, NUMBER:1, … in every partition. */
struct deed {
    int value_count;
    enum fate fate;
    int seen[PARTITION_COUNT];
};

struct player {
    struct campaign *campaign;
    const char *id;
    struct client *client;
    struct transactional *producer;
    struct transactional_wait wait;
    bool is_waiting;
    bool is_closing;
    enum fate wish; /* of the end that is awaited */
    int deed;       /* number of the open one; -1: none */
};

struct campaign {
    struct node *node;
    struct player players[PLAYER_COUNT];
    struct deed deeds[DEED_MAX];
    int deed_count;
    int end_count; /* nodes that died */
    bool is_flag;
};

static struct broker *graves[GRAVE_MAX];
static int grave_count;

/* The node ---------------------------------------------------------------------------------- */

static void end_node(struct campaign *campaign)
{
    struct node *node = campaign->node;
    bool is_power_lost = sim_random(node->sim, 2) == 0;
    sim_on_event(node->sim, NULL, NULL);
    if (is_power_lost) {
        sim_crash(node->sim, 0);
    } else {
        sim_kill(node->sim, 0);
    }
    assert_true(grave_count < GRAVE_MAX);
    graves[grave_count++] = node->broker;
    campaign->end_count++;
    node_run_ms(node, sim_random(node->sim, 500));
    node->io = sim_io(node->sim, 0);
    node->is_ready = false;
    node_start(node);
}

/* Players ------------------------------------------------------------------------------------ */

static void open_player(struct player *player)
{
    struct client_options options = client_options_default();
    struct transactional_options transactional = transactional_options_default();
    options.bootstrap = "node0:9092";
    options.request_timeout_ms = 2000;
    transactional.id = player->id;
    transactional.timeout_ms = 8000;
    transactional.producer.delivery_timeout_ms = 6000;
    player->client = client_new(player->campaign->node->client_io, &options);
    player->producer = transactional_new(player->client, &transactional);
    player->deed = -1;
}

static void on_client_closed(void *owner)
{
    struct player *player = owner;
    player->is_closing = false;
    player->client = NULL;
}

static void on_producer_closed(void *owner)
{
    struct player *player = owner;
    player->producer = NULL;
    client_close(player->client, on_client_closed, player);
}

static void close_player(struct player *player)
{
    player->is_closing = true;
    transactional_close(player->producer, on_producer_closed, player);
}

static void on_wait(struct transactional_wait *wait, int error)
{
    struct player *player = wait->owner;
    player->is_waiting = false;
    if (player->deed >= 0 && player->wish != FATE_UNKNOWN && error == 0) {
        player->campaign->deeds[player->deed].fate = player->wish;
        player->deed = -1;
    }
}

static struct transactional_wait *waiting(struct player *player, enum fate wish)
{
    player->is_waiting = true;
    player->wish = wish;
    player->wait = (struct transactional_wait){.done = on_wait, .owner = player};
    return &player->wait;
}

static void begin(struct player *player)
{
    struct campaign *campaign = player->campaign;
    if (campaign->deed_count < DEED_MAX && transactional_begin(player->producer) == 0) {
        player->deed = campaign->deed_count++;
    }
}

static void send_values(struct player *player)
{
    struct deed *deed = &player->campaign->deeds[player->deed];
    for (int32_t partition = 0; deed->value_count < VALUE_MAX && partition < PARTITION_COUNT;
         partition++) {
        char value[32];
        snprintf(value, sizeof value, "%d:%d", player->deed, deed->value_count);
        struct producer_record record = {.topic = "t",
                                         .partition = partition,
                                         .timestamp_ms = -1,
                                         .value = bytes_from_string(value)};
        if (transactional_send(player->producer, &record) != 0) {
            return; /* it can only be aborted now */
        }
    }
    deed->value_count += deed->value_count < VALUE_MAX;
}

static void send_offset(struct player *player)
{
    struct transactional_reader reader = {
        .group = "g", .member_id = BYTES_LITERAL(""), .generation = -1};
    struct member_partition *partition =
        arena_new(&player->campaign->node->arena, struct member_partition);
    *partition = (struct member_partition){.topic = "t", .offset = player->deed};
    transactional_send_offsets(player->producer, &reader, partition, 1,
                               waiting(player, FATE_UNKNOWN));
}

static void act(struct player *player)
{
    uint64_t dice = sim_random(player->campaign->node->sim, 10);
    if (player->is_waiting || player->is_closing) {
        return;
    }
    if (player->producer == NULL) {
        open_player(player);
        return;
    }
    transactional_check(player->producer);
    switch (transactional_get_state(player->producer)) {
    case TRANSACTIONAL_NEW:
        transactional_init(player->producer, waiting(player, FATE_UNKNOWN));
        return;
    case TRANSACTIONAL_READY:
        begin(player);
        return;
    case TRANSACTIONAL_OPEN:
        if (dice < 5) {
            send_values(player);
        } else if (dice < 6) {
            send_offset(player);
        } else if (dice < 9) {
            transactional_commit(player->producer, waiting(player, FATE_COMMITTED));
        } else {
            transactional_abort(player->producer, waiting(player, FATE_ABORTED));
        }
        return;
    case TRANSACTIONAL_ABORTABLE:
        transactional_abort(player->producer, waiting(player, FATE_ABORTED));
        return;
    case TRANSACTIONAL_FATAL:
        close_player(player);
        return;
    case TRANSACTIONAL_INITIALIZING:
    case TRANSACTIONAL_COMMITTING:
    case TRANSACTIONAL_ABORTING:
    case TRANSACTIONAL_STATE_COUNT:
        break;
    }
    fail();
}

static bool is_quiet(void *owner)
{
    const struct campaign *campaign = owner;
    for (int i = 0; i < PLAYER_COUNT; i++) {
        const struct player *player = &campaign->players[i];
        if (player->is_waiting || player->is_closing) {
            return false;
        }
    }
    return true;
}

static bool is_flag(void *owner)
{
    return ((struct campaign *)owner)->is_flag;
}

/* Judging ------------------------------------------------------------------------------------ */

static void on_ready(void *owner)
{
    (void)owner;
}

static bool is_at_end(void *owner)
{
    struct fetcher *fetcher = owner;
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        if (!fetcher_is_at_end(fetcher, "t", i)) {
            return false;
        }
    }
    return true;
}

static void count_batch(struct campaign *campaign, const struct fetcher_batch *taken)
{
    struct batch_iterator iterator;
    struct batch_record record;
    assert_int_equal(batch_iterator_open(&iterator, &taken->batch, 1 << 20), 0);
    while (batch_iterator_next(&iterator, &record) == 1) {
        int number = 0;
        int index = 0;
        char value[32];
        snprintf(value, sizeof value, "%.*s", BYTES_FORMAT(record.value));
        assert_int_equal(sscanf(value, "%d:%d", &number, &index), 2);
        struct deed *deed = &campaign->deeds[number];
        assert_int_equal(deed->seen[taken->partition], index); /* in order, each once */
        deed->seen[taken->partition]++;
    }
    batch_iterator_close(&iterator);
}

static bool take_all(void *owner)
{
    void **pair = owner;
    struct campaign *campaign = pair[0];
    struct fetcher *fetcher = pair[1];
    struct fetcher_batch taken;
    while (fetcher_take(fetcher, NULL, 0, &taken) == 1) {
        count_batch(campaign, &taken);
        fetcher_release(fetcher, &taken);
    }
    return is_at_end(fetcher);
}

static void on_flag(void *owner)
{
    ((struct campaign *)owner)->is_flag = true;
}

static void read_all(struct campaign *campaign)
{
    struct client_options options = client_options_default();
    struct fetcher_options fetching = fetcher_options_default();
    options.bootstrap = "node0:9092";
    fetching.is_read_committed = true;
    struct client *client = client_new(campaign->node->client_io, &options);
    struct fetcher *fetcher = fetcher_new(client, &fetching);
    void *pair[] = {campaign, fetcher};
    fetcher_on_ready(fetcher, on_ready, NULL);
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        fetcher_add(fetcher, "t", i, FETCHER_OFFSET_EARLIEST);
    }
    assert_true(sim_run_until(campaign->node->sim, take_all, pair, 60 * UINT64_C(1000000000)));
    campaign->is_flag = false;
    fetcher_close(fetcher, on_flag, campaign);
    assert_true(sim_run_until(campaign->node->sim, is_flag, campaign, UINT64_C(1000000000) * 60));
    campaign->is_flag = false;
    client_close(client, on_flag, campaign);
    assert_true(sim_run_until(campaign->node->sim, is_flag, campaign, UINT64_C(1000000000) * 60));
}

static void judge(const struct campaign *campaign)
{
    for (int i = 0; i < campaign->deed_count; i++) {
        const struct deed *deed = &campaign->deeds[i];
        int seen = deed->seen[0];
        assert_int_equal(seen, deed->seen[1]); /* never torn */
        switch (deed->fate) {
        case FATE_COMMITTED:
            assert_int_equal(seen, deed->value_count);
            break;
        case FATE_ABORTED:
            assert_int_equal(seen, 0);
            break;
        case FATE_UNKNOWN:
            assert_true(seen == 0 || seen == deed->value_count);
            break;
        }
    }
}

/* The group's offset is the number of a transaction that may have committed. */
static void judge_offset(struct campaign *campaign)
{
    int32_t index = 0;
    struct offset_fetch_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partition_indexes = {&index, 1}}};
    struct offset_fetch_request request = {
        .group_id = BYTES_LITERAL("g"), .topics = {topics, 1}, .require_stable = true};
    const struct offset_fetch_response *response =
        node_ask(campaign->node, API_OFFSET_FETCH, 7, &request);
    const struct offset_fetch_response_partition *row =
        &response->topics.items[0].partitions.items[0];
    assert_int_equal(row->error_code, 0); /* nothing holds it any more */
    assert_true(row->committed_offset < 0 ||
                campaign->deeds[row->committed_offset].fate != FATE_ABORTED);
}

static int settle(struct campaign *campaign)
{
    struct node *node = campaign->node;
    int committed_count = 0;
    assert_true(sim_run_until(node->sim, is_quiet, campaign, 200 * UINT64_C(1000000000)));
    for (int i = 0; i < PLAYER_COUNT; i++) {
        if (campaign->players[i].producer != NULL) {
            close_player(&campaign->players[i]);
        }
    }
    assert_true(sim_run_until(node->sim, is_quiet, campaign, 60 * UINT64_C(1000000000)));
    node_run_ms(node, 40000); /* what is open runs into its timeout */
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        assert_int_equal(node_end_offset(campaign->node, "t", i, 0),
                         node_end_offset(campaign->node, "t", i, 1));
    }
    read_all(campaign);
    judge(campaign);
    judge_offset(campaign);
    for (int i = 0; i < campaign->deed_count; i++) {
        committed_count += campaign->deeds[i].fate == FATE_COMMITTED;
    }
    return committed_count;
}

static int run_seed(uint64_t seed, int *end_count)
{
    struct campaign *campaign = memory_new(struct campaign);
    campaign->node = node_new();
    for (uint64_t i = 0; i < seed * 97; i++) {
        (void)sim_random(campaign->node->sim, 2); /* another way of the same dice */
    }
    node_start(campaign->node);
    node_make_topic(campaign->node, "t", PARTITION_COUNT, NULL);
    node_find_coordinator(campaign->node);
    for (int i = 0; i < PLAYER_COUNT; i++) {
        campaign->players[i].campaign = campaign;
        campaign->players[i].id = i < 2 ? "x" : "y";
    }
    for (int turn = 0; turn < TURN_COUNT; turn++) {
        struct player *player = &campaign->players[sim_random(campaign->node->sim, PLAYER_COUNT)];
        act(player);
        if (player->is_waiting && sim_random(campaign->node->sim, 8) == 0) {
            /* In the middle of what it asked for. */
            sim_run(campaign->node->sim,
                    sim_now(campaign->node->sim) + sim_random(campaign->node->sim, 8 * NODE_MS));
            end_node(campaign);
        }
        node_run_ms(campaign->node, sim_random(campaign->node->sim, 60));
        if (sim_random(campaign->node->sim, 40) == 0) {
            end_node(campaign);
        }
    }
    int committed_count = settle(campaign);
    *end_count += campaign->end_count;
    node_free(campaign->node);
    free(campaign);
    return committed_count;
}

static void transactions_are_whole_whatever_the_node_meets(void **state)
{
    (void)state;
    const char *only = getenv("SEED");
    int committed_count = 0;
    int end_count = 0;
    for (uint64_t seed = 1; only == NULL && seed <= SEED_COUNT; seed++) {
        committed_count += run_seed(seed, &end_count);
    }
    if (only != NULL) {
        committed_count = run_seed(strtoull(only, NULL, 10), &end_count);
    }
    assert_true(committed_count > (only == NULL ? SEED_COUNT : 0));
    assert_true(end_count > 0 || only != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_are_whole_whatever_the_node_meets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
