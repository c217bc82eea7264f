/* Scripts by seed; see app_pipeline.h.
 *
 * A pipeline is a row of choices: what "in" meets, what happens to its records, how they are
 * grouped, in which windows, and how they are folded. What a choice makes of the order of records
 * stands beside it. */
#include "tests/world/app_pipeline.h"

#include "log/base/check.h"

#include <stdio.h>
#include <string.h>

/* Not before the world's clock, or retention takes them. */
static const int64_t APP_PIPELINE_BEGIN_MS = 1767225600000;

struct app_choice {
    const char *text;
    bool has_side;
    bool is_keyless; /* what follows needs its records in other partitions */
};

static const struct app_choice app_pipeline_joins[] = {
    {.text = ""},
    {.text = ""},
    {.text = ""},
    {.text = ""},
    {.text = ""},
    {.text = ""},
    {.text = ":join(app:table('side', { name = 'sides', value = 'json', time = '$.t' }),\n"
             "  { name = 'joined' }, function(l, r) return { k = l.k, n = l.n + r.n } end)",
     .has_side = true},
    {.text = ":left_join(app:table('side', { name = 'sides', value = 'json', time = '$.t',\n"
             "  versioned = '150ms' }), { name = 'joined' },\n"
             "  function(l, r) return { k = l.k, n = l.n - (r and r.n or 7) } end)",
     .has_side = true},
    {.text = ":join(app:stream('side', { value = 'json', time = '$.t' }),\n"
             "  { name = 'joined', within = '25ms', grace = '40ms' },\n"
             "  function(l, r) return { k = r.k, n = l.n * 100 + r.n } end)",
     .has_side = true},
    {.text = ":outer_join(app:stream('side', { value = 'json', time = '$.t' }),\n"
             "  { name = 'joined', within = '20ms', grace = '15ms' }, function(l, r)\n"
             "    return { k = l and l.k or 'r', n = (l and l.n or 0) + (r and r.n or 0) } end)",
     .has_side = true},
    {.text = ":merge(app:stream('side', { value = 'json', time = '$.t' }))", .has_side = true},
};

static const struct app_choice app_pipeline_steps[] = {
    {.text = ""},
    {.text = ":filter '$.n > 25'"},
    {.text = ":map_values(function(r) return { k = r.json.k, n = r.json.n * 3 } end)"},
    {.text = ":flat_map(function(r) return { { value = { k = r.json.k, n = 2 } }, r } end)",
     .is_keyless = true},
    {.text = ":process { stores = { last = S.kv {} }, name = 'last', process = function(r, ctx)\n"
             "    local before = ctx.last[r.key] or 0\n"
             "    ctx.last[r.key] = r.json.n % 7 ~= 3 and r.json.n or nil\n"
             "    if r.json.n % 9 == 4 then error 'undo it' end\n"
             "    return { value = { k = r.json.k, n = r.json.n + before } }\n"
             "  end, every = { ['stream:60ms'] = function(now, ctx)\n"
             "    for key, n in ctx.last:pairs() do\n"
             "      ctx:emit('ticks', { key = key, value = now .. ':' .. n })\n"
             "    end\n"
             "  end } }",
     .is_keyless = true},
    {.text = ":process { stores = { seen = S.kv { memory = true } }, name = 'seen',\n"
             "  process = function(r, ctx)\n"
             "    ctx.seen[r.key] = (ctx.seen[r.key] or 0) + 1\n"
             "    return { value = { k = r.json.k, n = r.json.n * 100 + ctx.seen[r.key] } }\n"
             "  end }",
     .is_keyless = true},
    {.text = ":repartition 'again'", .is_keyless = true},
};

static const struct app_choice app_pipeline_groups[] = {
    {.text = ":group_by_key()"},
    {.text = ":group_by '$.k'", .is_keyless = true},
};

static const char *const app_pipeline_windows[] = {
    "", ":window(S.tumbling('50ms', { grace = '10ms' }))", ":window(S.hopping('60ms', '20ms'))",
    ":window(S.sliding('40ms', { grace = '30ms' }))", ":window(S.session('25ms'))"};

/* What a table tells anew takes back what it told before. */
static const char *const app_pipeline_tables[] = {
    "", ":filter '$.n > 25'", ":filter '$.n > 25':group_by '$.k':count { name = 'kept' }",
    ":group_by '$.k':aggregate { name = 'kept', n = S.count(), sum = S.sum '$.n' }"};

/* Of the last `safe` the last value does not hang on the order. */
static const char *const app_pipeline_folds[] = {
    ":aggregate { name = 'kept', init = '', add = function(a, r)\n"
    "    return (a .. r.json.n):sub(-9) end,\n"
    "  merge = function(l, r) return (l .. '|' .. r):sub(-9) end }",
    ":aggregate { name = 'kept', n = S.count(), p50 = S.quantile('$.n', 0.5),\n"
    "  few = S.collect('$.n', { limit = 3 }) }",
    ":count { name = 'kept' }",
    ":aggregate { name = 'kept', n = S.count(), sum = S.sum '$.n', max = S.max '$.n' }"};

enum { APP_PIPELINE_FOLDS = 4, APP_PIPELINE_SAFE_FOLDS = 2 };

uint64_t app_pipeline_draw(struct app_pipeline *pipeline, uint64_t below)
{
    pipeline->state = pipeline->state * 6364136223846793005u + 1442695040888963407u;
    return (pipeline->state >> 33) % below;
}

#define APP_PIPELINE_PICK(pipeline, texts)                                                         \
    ((texts)[app_pipeline_draw(pipeline, sizeof(texts) / sizeof *(texts))])

/* What it does behind its inputs. */
struct app_tail {
    const char *group;
    const char *window;
    const char *fold;
    const char *emit;
};

static struct app_tail app_pipeline_choose_tail(struct app_pipeline *pipeline, bool *is_keyless)
{
    struct app_tail tail = {"", "", "", ""};
    if (app_pipeline_draw(pipeline, 5) == 0) {
        return tail;
    }
    const struct app_choice *group = &APP_PIPELINE_PICK(pipeline, app_pipeline_groups);
    tail.group = group->text;
    tail.window = APP_PIPELINE_PICK(pipeline, app_pipeline_windows);
    tail.fold = APP_PIPELINE_PICK(pipeline, app_pipeline_folds);
    bool is_final = app_pipeline_draw(pipeline, 2) == 0;
    pipeline->is_shuffled = pipeline->is_shuffled || *is_keyless || group->is_keyless;
    bool is_many = pipeline->is_shuffled && app_pipeline_draw(pipeline, 2) == 0;
    if (is_many && !pipeline->has_side) {
        pipeline->is_loose = true;
        tail.window = "";
        tail.fold = app_pipeline_folds[APP_PIPELINE_FOLDS - 1 -
                                       app_pipeline_draw(pipeline, APP_PIPELINE_SAFE_FOLDS)];
    }
    bool is_held = (pipeline->state >> 40) % 4 == 0; /* not drawn: other choices stay */
    tail.emit = tail.window[0] != 0 && is_final  ? ":emit 'final'"
                : is_held && !pipeline->is_loose ? ":emit { every = '30ms' }"
                                                 : "";
    return tail;
}

static void app_pipeline_choose_table(struct app_pipeline *pipeline, struct buffer *out)
{
    const char *tail = APP_PIPELINE_PICK(pipeline, app_pipeline_tables);
    pipeline->is_shuffled = strstr(tail, "group_by") != NULL;
    pipeline->is_in_waves = app_pipeline_draw(pipeline, 4) == 0;
    pipeline->partitions = pipeline->is_shuffled ? 1 : 1 + (int32_t)app_pipeline_draw(pipeline, 3);
    buffer_printf(out, "app:table('in', { name = 'ins', value = 'json', time = '$.t' })\n  %s",
                  tail);
}

/* Steps whose results hang on the order of records cannot follow several partitions. */
static void app_pipeline_choose(struct app_pipeline *pipeline, struct buffer *out)
{
    const struct app_choice *join = &APP_PIPELINE_PICK(pipeline, app_pipeline_joins);
    const struct app_choice *step = &APP_PIPELINE_PICK(pipeline, app_pipeline_steps);
    bool is_keyless = step->is_keyless;
    pipeline->has_side = join->has_side;
    pipeline->is_in_waves = join->has_side || app_pipeline_draw(pipeline, 4) == 0;
    pipeline->is_shuffled = strncmp(step->text, ":repartition", 12) == 0;
    struct app_tail tail = app_pipeline_choose_tail(pipeline, &is_keyless);
    bool is_many = pipeline->is_loose || !pipeline->is_shuffled;
    pipeline->partitions = is_many ? 1 + (int32_t)app_pipeline_draw(pipeline, 3) : 1;
    pipeline->is_loose = pipeline->is_loose && pipeline->partitions > 1;
    buffer_printf(out, "app:stream('in', { value = 'json', time = '$.t' })\n  %s%s\n  %s%s%s%s",
                  join->text, step->text, tail.group, tail.window, tail.fold, tail.emit);
}

void app_pipeline_init(struct app_pipeline *pipeline, uint64_t seed)
{
    struct buffer body;
    *pipeline = (struct app_pipeline){.state = seed * 7919 + 4242};
    for (int i = 0; i < 8; i++) {
        (void)app_pipeline_draw(pipeline, 2);
    }
    buffer_init(&body);
    pipeline->is_exactly_once = app_pipeline_draw(pipeline, 10) < 7;
    if (app_pipeline_draw(pipeline, 8) == 0) {
        app_pipeline_choose_table(pipeline, &body);
    } else {
        app_pipeline_choose(pipeline, &body);
    }
    int size = snprintf(pipeline->script, sizeof pipeline->script,
                        "local S = require 'tidemill'\nlocal app = S.app 'random'\n%s"
                        "app:errors { policy = 'skip' }\n"
                        "for _, name in ipairs { 'out', 'random-late', 'ticks' } do\n"
                        "  app:topic(name, { partitions = %d })\nend\n%s:to 'out'\nreturn app\n",
                        pipeline->is_exactly_once ? "" : "app:guarantee 'at_least_once'\n",
                        (int)pipeline->partitions, buffer_string(&body));
    check(size > 0 && size < (int)sizeof pipeline->script);
    buffer_fini(&body);
}

void app_pipeline_write_record(struct app_pipeline *pipeline, int number, struct buffer *key,
                               struct buffer *value)
{
    bool is_late = app_pipeline_draw(pipeline, 4) == 0;
    int64_t late_ms = is_late ? (int64_t)app_pipeline_draw(pipeline, 90) : 0;
    int64_t age_ms = 7 * ((int64_t)(number - 1) % APP_PIPELINE_WAVE);
    late_ms = pipeline->is_in_waves && late_ms > age_ms ? age_ms : late_ms;
    int64_t time_ms = APP_PIPELINE_BEGIN_MS + 7 * (int64_t)number - late_ms;
    buffer_clear(key);
    buffer_clear(value);
    buffer_printf(key, "k%d", (int)app_pipeline_draw(pipeline, 5));
    int letter = 'a' + (int)app_pipeline_draw(pipeline, 3);
    buffer_printf(value, "{\"k\":\"%c\",\"n\":%d,\"t\":%lld}", letter,
                  (int)app_pipeline_draw(pipeline, 100), (long long)time_ms);
}
