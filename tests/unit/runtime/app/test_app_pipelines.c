/* Shows that crashes change nothing that can be seen: random pipelines, run once undisturbed and
 * once with fifty kills, stops, rebalances and crashes of the broker, leave the same outputs, the
 * same times, and the same late records, in the same order.
 *
 * What a pipeline does is decided by its seed: a few steps, perhaps a join, perhaps an aggregate in
 * windows. Topics have one partition, and both inputs of a join are there before it starts, so that
 * the order of its records is decided too. SEED=N and COUNT=M run more of them. */
#include "log/base/memory.h"
#include "log/wire/batch.h"
#include "runtime/client/fetcher.h"
#include "tests/unit/runtime/app/seat.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;
static const int64_t BEGIN_MS = 1767225600000; /* not before the world, or retention takes it */

enum {
    SEATS = 2,
    RECORDS = 100,
    DEEDS = 50,
    SEEDS = 8,
    SCRIPT_SIZE = 4000,
};

/* A small generator of its own, so that the same pipeline meets different worlds. */
struct chance {
    uint64_t state;
};

static uint64_t draw(struct chance *chance, uint64_t limit)
{
    chance->state = chance->state * 6364136223846793005u + 1442695040888963407u;
    return (chance->state >> 33) % limit;
}

/* --- Pipelines --- */

static const char *pick(struct chance *chance, const char *const *texts, size_t count)
{
    return texts[draw(chance, count)];
}

#define PICK(chance, texts) pick(chance, texts, sizeof(texts) / sizeof *(texts))

/* True when it reads "side" too. */
static bool write_pipeline(struct chance *chance, char *script)
{
    static const char *const steps[] = {
        "", ":filter '$.n > 30'",
        ":map_values(function(r) return { k = r.json.k, n = r.json.n * 2 } end)",
        ":flat_map(function(r) return { { value = { k = r.json.k, n = 1 } }, r } end)",
        ":process { stores = { last = S.kv {} }, name = 'last', process = function(r, ctx)\n"
        "    local before = ctx.last[r.key] or 0\n"
        "    ctx.last[r.key] = r.json.n\n"
        "    return { value = { k = r.json.k, n = r.json.n + before } }\n"
        "  end, every = { ['stream:70ms'] = function(now, ctx)\n"
        "    for key in ctx.last:pairs() do ctx:emit('ticks', { key = key, value = now }) end\n"
        "  end } }:repartition 'again'"};
    static const char *const joins[] = {
        ":join(app:table('side', { name = 'sides', value = 'json', time = '$.t' }),\n"
        "  { name = 'joined' }, function(l, r) return { k = l.k, n = l.n + r.n } end)",
        ":left_join(app:table('side', { name = 'sides', value = 'json', time = '$.t',\n"
        "  versioned = '200ms' }), { name = 'joined' },\n"
        "  function(l, r) return { k = l.k, n = l.n + (r and r.n or 0) } end)",
        ":outer_join(app:stream('side', { value = 'json', time = '$.t' }),\n"
        "  { name = 'joined', within = '30ms', grace = '20ms' },\n"
        "  function(l, r) return { k = l and l.k or 'r', n = (l and l.n or 0) + (r and r.n or 0) } "
        "end)",
        ":merge(app:stream('side', { value = 'json', time = '$.t' }))"};
    static const char *const groups[] = {":group_by_key()", ":group_by '$.k'"};
    static const char *const windows[] = {
        "", ":window(S.tumbling('50ms', { grace = '10ms' }))", ":window(S.hopping('60ms', '20ms'))",
        ":window(S.sliding('40ms', { grace = '30ms' }))", ":window(S.session('25ms'))"};
    static const char *const folds[] = {
        ":count { name = 'kept' }",
        ":aggregate { name = 'kept', n = S.count(), sum = S.sum '$.n', max = S.max '$.n',\n"
        "  p50 = S.quantile('$.n', 0.5), few = S.collect('$.n', { limit = 3 }) }",
        ":aggregate { name = 'kept', init = '', add = function(a, r) return (a .. "
        "r.json.n):sub(-9) "
        "end,\n  merge = function(l, r) return (l .. '|' .. r):sub(-9) end }"};
    bool has_side = draw(chance, 3) == 0;
    bool has_group = draw(chance, 4) > 0;
    const char *window = PICK(chance, windows);
    snprintf(script, SCRIPT_SIZE,
             "local S = require 'tidemill'\nlocal app = S.app 'random'\n"
             "app:topic('out', { partitions = 1 })\napp:topic('random-late', { partitions = 1 })\n"
             "app:topic('ticks', { partitions = 1 })\n"
             "app:stream('in', { value = 'json', time = '$.t' })\n  %s%s\n  %s%s%s%s:to 'out'\n"
             "return app\n",
             has_side ? PICK(chance, joins) : "", PICK(chance, steps),
             has_group ? PICK(chance, groups) : "", has_group ? window : "",
             has_group ? PICK(chance, folds) : "",
             has_group && window[0] != 0 && draw(chance, 2) == 0 ? ":emit 'final'" : "");
    return has_side;
}

/* --- The world --- */

struct world {
    struct real_broker *broker;
    struct sim *sim;
    struct seat seats[SEATS];
    struct chance inputs;
    int put_count;
    bool is_flag;
};

static void world_check(void *owner)
{
    struct world *world = owner;
    for (int i = 0; i < SEATS; i++) {
        if (world->seats[i].app != NULL) {
            app_check(world->seats[i].app);
        }
    }
}

static void put(struct world *world, const char *topic, int64_t time_ms)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    char key[8];
    char value[80];
    int64_t late_ms = (int64_t)draw(&world->inputs, 4) == 0 ? (int64_t)draw(&world->inputs, 90) : 0;
    snprintf(key, sizeof key, "k%d", (int)draw(&world->inputs, 3));
    snprintf(value, sizeof value, "{\"k\":\"%c\",\"n\":%d,\"t\":%lld}",
             (char)('a' + draw(&world->inputs, 3)), (int)draw(&world->inputs, 100),
             (long long)(time_ms - late_ms));
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, io_wall_clock(real_broker_client_io(world->broker)),
                      bytes_from_string(key), bytes_from_string(value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    assert_int_equal(real_broker_produce(world->broker, topic, 0, buffer_bytes(&encoded)), 0);
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void put_next(struct world *world, bool has_side)
{
    int64_t time_ms = BEGIN_MS + 7 * (int64_t)world->put_count++;
    put(world, "in", time_ms);
    if (has_side && world->put_count % 2 == 0) {
        put(world, "side", time_ms);
    }
}

static struct world *world_new(uint64_t seed, uint64_t inputs, const char *script)
{
    struct world *world = memory_new(struct world);
    world->inputs.state = inputs;
    world->broker = real_broker_new(seed, SEATS);
    world->sim = real_broker_sim(world->broker);
    real_broker_start(world->broker, world_check, world);
    real_broker_make_topic(world->broker, "in", 1);
    real_broker_make_topic(world->broker, "side", 1);
    for (int i = 0; i < SEATS; i++) {
        seat_init(&world->seats[i], world->sim, i, script);
    }
    return world;
}

static void world_free(struct world *world)
{
    for (int i = 0; i < SEATS; i++) {
        if (world->seats[i].app != NULL) {
            seat_stop(&world->seats[i]);
        }
    }
    sim_on_event(world->sim, NULL, NULL);
    real_broker_free(world->broker);
    free(world);
}

/* --- Deeds --- */

/* Whoever runs them starts anew what failed for a passing reason. */
static void revive(struct world *world)
{
    for (int i = 0; i < SEATS; i++) {
        struct seat *seat = &world->seats[i];
        if (seat->app != NULL && seat->reason[0] != 0) {
            seat_stop(seat);
            seat_start(seat);
        }
    }
}

static void do_deed(struct world *world)
{
    struct seat *seat = &world->seats[sim_random(world->sim, SEATS)];
    uint64_t events = sim_random(world->sim, 600);
    for (uint64_t i = 0; i < events; i++) {
        sim_step(world->sim);
    }
    revive(world);
    if (seat->app == NULL) {
        seat_start(seat);
        return;
    }
    switch (sim_random(world->sim, 6)) {
    case 0:
        seat_stop(seat);
        break;
    case 1:
        real_broker_kill(world->broker);
        real_broker_start(world->broker, world_check, world);
        break;
    case 2:
        real_broker_expel(world->broker, "random", 0);
        break;
    default:
        seat_murder(seat);
        seat_start(seat);
    }
}

/* --- What comes out --- */

struct reading {
    struct fetcher *fetcher;
    struct buffer text;
    size_t wanted; /* bytes */
};

static bool take(void *owner)
{
    struct reading *reading = owner;
    struct fetcher_batch taken;
    while (fetcher_take(reading->fetcher, NULL, 0, &taken) == 1) {
        struct batch_iterator iterator;
        struct batch_record record;
        assert_int_equal(batch_iterator_open(&iterator, &taken.batch, 1 << 20), 0);
        while (batch_iterator_next(&iterator, &record) == 1) {
            buffer_printf(&reading->text, "%s %.*s=%.*s @%lld\n", taken.topic,
                          BYTES_FORMAT(record.key), BYTES_FORMAT(record.value),
                          (long long)record.timestamp_ms);
        }
        batch_iterator_close(&iterator);
        fetcher_release(reading->fetcher, &taken);
    }
    return reading->wanted > 0 && reading->text.size >= reading->wanted;
}

static void on_flag(void *owner)
{
    ((struct world *)owner)->is_flag = true;
}

static bool is_flag(void *owner)
{
    return ((struct world *)owner)->is_flag;
}

static void await_flag(struct world *world)
{
    assert_true(sim_run_until(world->sim, is_flag, world, 60 * SECOND));
    world->is_flag = false;
}

static void on_ready(void *owner)
{
    (void)owner;
}

/* Appends what is committed in a topic; waits until it is as long as `wanted`, if that is known,
 * and a while longer. */
static void read_topic(struct world *world, const char *topic, size_t wanted, struct buffer *out)
{
    struct client_options options = client_options_default();
    struct fetcher_options fetching = fetcher_options_default();
    options.bootstrap = "node0:9092";
    fetching.is_read_committed = true;
    struct client *client = client_new(real_broker_client_io(world->broker), &options);
    struct reading reading = {.fetcher = fetcher_new(client, &fetching), .wanted = wanted};
    fetcher_on_ready(reading.fetcher, on_ready, NULL);
    fetcher_add(reading.fetcher, topic, 0, FETCHER_OFFSET_EARLIEST);
    (void)sim_run_until(world->sim, take, &reading, (wanted > 0 ? 100 : 1) * SECOND);
    real_broker_run_ms(world->broker, 15000);
    (void)take(&reading);
    buffer_add_bytes(out, buffer_bytes(&reading.text));
    buffer_fini(&reading.text);
    fetcher_close(reading.fetcher, on_flag, world);
    await_flag(world);
    client_close(client, on_flag, world);
    await_flag(world);
}

static const char *const topics[] = {"out", "random-late", "ticks"};

enum { TOPICS = sizeof topics / sizeof *topics };

/* What a run left in each of them. */
struct outcome {
    struct buffer texts[TOPICS];
};

/* `wanted`: of the run without deeds; NULL: this is it. */
static void run_pipeline(uint64_t seed, const char *script, bool has_side,
                         const struct outcome *wanted, struct outcome *out)
{
    struct world *world = world_new(wanted == NULL ? seed : seed + 1000000, seed, script);
    world->seats[0].instance_id = seed % 2 == 0 ? "one" : NULL;
    while (has_side && world->put_count < RECORDS) {
        put_next(world, true);
    }
    seat_start(&world->seats[0]);
    for (int i = 0; wanted != NULL && i < DEEDS; i++) {
        for (int k = 0; k < 2 && world->put_count < RECORDS; k++) {
            put_next(world, has_side);
        }
        do_deed(world);
    }
    while (world->put_count < RECORDS) {
        put_next(world, has_side);
    }
    revive(world);
    if (world->seats[0].app == NULL) {
        seat_start(&world->seats[0]);
    }
    for (int i = 0; i < TOPICS; i++) {
        read_topic(world, topics[i], wanted == NULL ? 0 : wanted->texts[i].size, &out->texts[i]);
    }
    world_free(world);
}

static void expect_same(uint64_t seed, const char *script, struct buffer *calm,
                        struct buffer *disturbed)
{
    const char *left = buffer_string(calm);
    const char *right = buffer_string(disturbed);
    if (strcmp(left, right) == 0) {
        return;
    }
    int line = 1;
    while (*left != 0 && *left == *right) {
        line += *left == '\n';
        left++;
        right++;
    }
    fail_msg("seed %llu, line %d: '%.60s' became '%.60s' in\n%s", (unsigned long long)seed, line,
             left, right, script);
}

static int run_seed(uint64_t seed)
{
    char script[SCRIPT_SIZE];
    struct chance chance = {.state = seed * 7919 + 17};
    struct outcome calm = {0};
    struct outcome disturbed = {0};
    for (int i = 0; i < 8; i++) {
        draw(&chance, 2);
    }
    bool has_side = write_pipeline(&chance, script);
    run_pipeline(seed, script, has_side, NULL, &calm);
    run_pipeline(seed, script, has_side, &calm, &disturbed);
    int size = (int)calm.texts[0].size;
    for (int i = 0; i < TOPICS; i++) {
        expect_same(seed, script, &calm.texts[i], &disturbed.texts[i]);
        buffer_fini(&calm.texts[i]);
        buffer_fini(&disturbed.texts[i]);
    }
    return size;
}

static void what_comes_out_does_not_depend_on_crashes(void **state)
{
    (void)state;
    const char *first = getenv("SEED");
    const char *count = getenv("COUNT");
    uint64_t seed = first == NULL ? 1 : strtoull(first, NULL, 10);
    uint64_t end = seed + (count == NULL ? (first == NULL ? SEEDS : 1) : strtoull(count, NULL, 10));
    int size = 0;
    for (; seed < end; seed++) {
        size += run_seed(seed);
    }
    assert_true(size > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_out_does_not_depend_on_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
