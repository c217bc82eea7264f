/* How many records a CPU second one core takes through the nodes of a task, without topics: a pass,
 * a route and a patch in Lua, counts over a million keys, windows of native aggregates, a join with
 * a table. Stores are in memory or the overlay over LMDB; a commit comes every hundred thousand
 * records and a checkpoint, which a task writes on another thread and whose time is told apart,
 * every five.
 *
 *     mill [records [name of a measure]] */
#include "log/base/map.h"
#include "log/base/memory.h"
#include "runtime/lua/script.h"
#include "runtime/state/kv_lmdb.h"
#include "runtime/state/state_file.h"
#include "runtime/topology/topology_instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    KEYS = 1000000,
    WINDOW_KEYS = 100000,
    DRAWS = 1 << 22, /* half a million keys of a million; then again from the first */
    COMMIT_EVERY = 100000,
    CHECKPOINT_EVERY = 500000,
};

struct measure {
    const char *name;
    const char *script;
    uint32_t keys; /* 0: one */
    bool is_persistent;
    bool has_table; /* a record for each key comes first, on "table" */
    double target;  /* records a second */
};

static const struct measure measures[] = {
    {.name = "pass",
     .script = "local app = require 'tidemill'.app 'b'\napp:stream('in'):to('out')\nreturn app",
     .target = 4e6},
    {.name = "route",
     .script = "return { input = 'in', output = 'out', process = function(r)\n"
               "  local j = r.json\n"
               "  if j.level == 'debug' then return nil end\n"
               "  if j.status >= 500 then emit('errors', r) end\n"
               "  return r\nend }",
     .target = 2e6},
    {.name = "patch",
     .script = "return { input = 'in', output = 'out', process = function(r)\n"
               "  r.json.host = nil\n  r.json.seen = 1\n  return r\nend }",
     .target = 8e5},
    {.name = "count-memory",
     .script = "local app = require 'tidemill'.app 'b'\n"
               "app:stream('in'):group_by_key():count { name = 'n' }:to('out')\nreturn app",
     .keys = KEYS},
    {.name = "count-persistent",
     .script = "local app = require 'tidemill'.app 'b'\n"
               "app:stream('in'):group_by_key():count { name = 'n' }:to('out')\nreturn app",
     .keys = KEYS,
     .is_persistent = true,
     .target = 1e6},
    {.name = "windows",
     .script = "local S = require 'tidemill'\nlocal app = S.app 'b'\n"
               "app:stream('in', { value = 'json' }):group_by_key():window(S.tumbling '1m')\n"
               "  :aggregate { name = 'w', n = S.count(), errors = S.count '$.status >= 500',\n"
               "    avg = S.avg '$.ms', p50 = S.quantile('$.ms', 0.5),\n"
               "    p99 = S.quantile('$.ms', 0.99), max = S.max '$.ms' }\n"
               "  :emit 'final':to('out')\nreturn app",
     .keys = WINDOW_KEYS,
     .is_persistent = true,
     .target = 1e6},
    {.name = "windows-plain",
     .script =
         "local S = require 'tidemill'\nlocal app = S.app 'b'\n"
         "app:stream('in', { value = 'json' }):group_by_key():window(S.tumbling '1m')\n"
         "  :aggregate { name = 'w', n = S.count(), sum = S.sum '$.ms', max = S.max '$.ms' }\n"
         "  :emit 'final':to('out')\nreturn app",
     .keys = WINDOW_KEYS,
     .is_persistent = true,
     .target = 1e6},
    {.name = "join",
     .script = "local S = require 'tidemill'\nlocal app = S.app 'b'\n"
               "local t = app:table('table', { name = 't', value = 'json' })\n"
               "app:stream('in', { value = 'json' }):join(t):to('out')\nreturn app",
     .keys = WINDOW_KEYS,
     .is_persistent = true,
     .has_table = true},
};

struct bench {
    const struct measure *measure;
    struct script *script;
    struct topology_instance *instance;
    struct map stores;
    MDB_env *environment;
    char directory[64];
    struct arena arena;
    struct decoded decoded;
    struct node_context context;
    uint32_t *draws; /* ranks of keys, by Zipf's law */
    int64_t emitted;
    int64_t dirty;
    double checkpoint_seconds;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void stop(const char *place, const char *text)
{
    fprintf(stderr, "%s: %s\n", place, text);
    exit(1);
}

static int on_emit(struct node_context *context, const char *topic, const struct record *record)
{
    struct bench *bench = context->owner;
    (void)topic;
    (void)record;
    bench->emitted++;
    return 0;
}

static struct kv *on_store(struct node_context *context, const char *name)
{
    struct bench *bench = context->owner;
    return map_find_string(&bench->stores, name);
}

/* The frequency of the key at rank r is one in r; ranks are spread over the keys. */
static void draw_keys(struct bench *bench, uint32_t keys)
{
    double *sums = memory_zero(keys + 1, sizeof *sums);
    uint64_t seed = 88172645463325252u;
    for (uint32_t i = 0; i < keys; i++) {
        sums[i + 1] = sums[i] + 1.0 / (i + 1);
    }
    for (size_t i = 0; i < DRAWS; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double wanted = (double)(seed >> 11) / 9007199254740992.0 * sums[keys];
        uint32_t low = 0;
        uint32_t high = keys - 1;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (sums[middle + 1] < wanted) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        bench->draws[i] = (uint32_t)((uint64_t)low * 7919 % keys);
    }
    free(sums);
}

static void open_stores(struct bench *bench)
{
    const struct topology *topology = script_topology(bench->script);
    MDB_txn *transaction = NULL;
    snprintf(bench->directory, sizeof bench->directory, "/tmp/tidemill-mill-%d", (int)getpid());
    if (mkdir(bench->directory, 0700) != 0 ||
        state_file_open(bench->directory, &bench->environment) != 0 ||
        mdb_env_set_mapsize(bench->environment, (size_t)4 << 30) != 0 ||
        mdb_txn_begin(bench->environment, NULL, 0, &transaction) != 0) {
        stop(bench->directory, "no environment can be made here");
    }
    for (size_t i = 0; i < topology_store_count(topology); i++) {
        const char *name = topology_store_at(topology, i)->name;
        struct kv *kv = NULL;
        MDB_dbi database;
        if (!bench->measure->is_persistent) {
            kv = kv_new_memory(name);
        } else if (mdb_dbi_open(transaction, name, MDB_CREATE, &database) == 0) {
            kv = kv_new_lmdb(name, bench->environment, database);
        } else {
            stop(name, "no database can be made");
        }
        map_put(&bench->stores, bytes_from_string(name), kv);
    }
    if (mdb_txn_commit(transaction) != 0) {
        stop(bench->directory, "the databases cannot be made");
    }
}

static void close_stores(struct bench *bench)
{
    char path[128];
    for (map_each (&bench->stores, entry)) {
        kv_free(entry->value);
    }
    map_fini(&bench->stores, NULL);
    mdb_env_close(bench->environment);
    snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", bench->directory);
    unlink(path);
    rmdir(bench->directory);
}

static void count_dirty(void *owner, struct bytes key, struct bytes value)
{
    int64_t *count = owner;
    (void)key;
    (void)value;
    (*count)++;
}

static void checkpoint(struct bench *bench, struct kv *kv)
{
    MDB_txn *transaction = NULL;
    kv_lmdb_freeze(kv);
    double start = now();
    if (mdb_txn_begin(bench->environment, NULL, 0, &transaction) != 0 ||
        kv_lmdb_write_frozen(kv, transaction) != 0 || mdb_txn_commit(transaction) != 0) {
        stop(kv_name(kv), "the checkpoint cannot be written");
    }
    bench->checkpoint_seconds += now() - start;
    kv_lmdb_thaw(kv, true);
}

/* As a task does before a record, and now and then behind one. */
static void step(struct bench *bench, int64_t index)
{
    for (map_each (&bench->stores, entry)) {
        if (index > 0 && index % COMMIT_EVERY == 0) {
            kv_each_dirty(entry->value, count_dirty, &bench->dirty);
            kv_mark_committed(entry->value);
        }
        if (index > 0 && index % CHECKPOINT_EVERY == 0 && bench->measure->is_persistent) {
            checkpoint(bench, entry->value);
        }
        kv_savepoint(entry->value);
    }
}

static const char value_text[] =
    "{\"ts\":1764000000000,\"level\":\"info\",\"status\":200,"
    "\"path\":\"/api/v1/users\",\"ms\":1000.5,\"host\":\"web-17.fra\"}";

enum { VALUE_STATUS = 44, VALUE_MS = 77 };

static void write_digits(char *at, int count, unsigned number)
{
    while (count-- > 0) {
        at[count] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void send(struct bench *bench, struct node *source, struct record *record, int64_t index,
                 uint32_t key)
{
    char name[] = "key-0000000";
    char value[sizeof value_text];
    memcpy(value, value_text, sizeof value);
    value[VALUE_STATUS] = index % 50 == 0 ? '5' : '2';
    write_digits(value + VALUE_MS, 3, (key * 2654435761u + (unsigned)index) >> 8);
    write_digits(name + 4, 7, key);
    record->key = bytes_make(name, sizeof name - 1);
    record->value = bytes_make(value, sizeof value - 1);
    record->offset = index;
    record->timestamp_ms = 1764000000000 + index / 10;
    arena_clear(&bench->arena);
    decoded_clear(&bench->decoded);
    bench->context.source = record;
    step(bench, index);
    if (node_process(source, &bench->context, record) != 0) {
        stop(bench->measure->name, bench->context.error_text);
    }
}

static void run(const struct measure *measure, int64_t count)
{
    struct bench bench = {.measure = measure};
    struct report report = {{0}, {0}};
    struct script_options options = {.name = "mill.lua",
                                     .text = bytes_from_string(measure->script)};
    if (script_open(&options, &report, &bench.script) != 0) {
        stop(report.place, report.text);
    }
    bench.draws = memory_zero(DRAWS, sizeof *bench.draws);
    draw_keys(&bench, measure->keys == 0 ? 1 : measure->keys);
    arena_init(&bench.arena, 0);
    decoded_init(&bench.decoded);
    map_init(&bench.stores);
    bench.context = (struct node_context){.arena = &bench.arena,
                                          .decoded = &bench.decoded,
                                          .emit = on_emit,
                                          .store = on_store,
                                          .owner = &bench};
    open_stores(&bench);
    const struct topology *topology = script_topology(bench.script);
    bench.instance = topology_instance_new(topology, topology_part_at(topology, 0));
    if (topology_instance_start(bench.instance, &bench.context) != 0) {
        stop(measure->name, bench.context.error_text);
    }
    struct record record = {.topic = "table"};
    for (uint32_t i = 0; measure->has_table && i < measure->keys; i++) {
        send(&bench, topology_instance_source(bench.instance, "table"), &record, i, i);
    }
    record.topic = "in";
    struct node *source = topology_instance_source(bench.instance, "in");
    bench.emitted = 0;
    bench.checkpoint_seconds = 0;
    double start = now();
    for (int64_t i = 0; i < count; i++) {
        send(&bench, source, &record, i, bench.draws[i % DRAWS]);
    }
    double seconds = now() - start - bench.checkpoint_seconds;
    printf("%-18s %10.0f records/s %6.0f ns", measure->name, (double)count / seconds,
           seconds / (double)count * 1e9);
    printf("  checkpoints %4.0f ns", bench.checkpoint_seconds / (double)count * 1e9);
    printf("  %lld emitted", (long long)bench.emitted);
    if (measure->target > 0) {
        printf("  target %.1f M: %s", measure->target / 1e6,
               (double)count / seconds >= measure->target ? "reached" : "MISSED");
    }
    printf("\n");
    topology_instance_free(bench.instance);
    close_stores(&bench);
    decoded_fini(&bench.decoded);
    arena_fini(&bench.arena);
    free(bench.draws);
    script_close(bench.script);
}

int main(int argument_count, char **arguments)
{
    int64_t count = argument_count > 1 ? atoll(arguments[1]) : 2000000;
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        if (argument_count < 3 || strcmp(arguments[2], measures[i].name) == 0) {
            run(&measures[i], count);
        }
    }
    return 0;
}
