/* How many records a second one core takes through node_process: a Lua function that reads two
 * fields of 100 bytes of JSON, drops some and routes the rest, beside the same work without Lua and
 * the reading of JSON alone, so that there is something to compare with in the same run.
 *
 *     lua_route [records] */
#include "log/base/memory.h"
#include "runtime/format/json.h"
#include "runtime/lua/script.h"
#include "runtime/topology/topology_instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char value_text[] = "{\"ts\":1764000000000,\"level\":\"info\",\"status\":200,"
                                 "\"path\":\"/api/v1/users\",\"ms\":12.5,\"host\":\"web-17.fra\"}";

static const char lua_text[] = "return { input = 'in', output = 'out', process = function(r)\n"
                               "  local j = r.json\n"
                               "  if j.level == 'debug' then return nil end\n"
                               "  if j.status >= 500 then emit('errors', r) end\n"
                               "  return r\n"
                               "end }";

static const char native_text[] = "local app = require 'tidemill'.app 'native'\n"
                                  "app:stream('in'):filter(\"$.level != 'debug'\")\n"
                                  "  :filter('$.status < 500'):to('out')\n"
                                  "return app";

static const char empty_text[] = "return { input = 'in', output = 'out',\n"
                                 "  process = function(r) return r end }";

static int64_t emitted;

static int on_emit(struct node_context *context, const char *topic, const struct record *record)
{
    (void)context;
    (void)topic;
    (void)record;
    emitted++;
    return 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void print(const char *name, int64_t count, double seconds)
{
    printf("%-24s %10.0f records/s %8.0f ns\n", name, (double)count / seconds,
           seconds / (double)count * 1e9);
}

static void run_script(const char *name, const char *text, int64_t count)
{
    struct script *script = NULL;
    struct report report = {{0}, {0}};
    struct script_options options = {.name = "bench.lua", .text = bytes_from_string(text)};
    if (script_open(&options, &report, &script) != 0) {
        fprintf(stderr, "%s: %s\n", report.place, report.text);
        exit(1);
    }
    const struct topology *topology = script_topology(script);
    struct topology_instance *instance =
        topology_instance_new(topology, topology_part_at(topology, 0));
    struct node *source = topology_instance_source(instance, "in");
    struct arena arena;
    arena_init(&arena, 0);
    struct node_context context = {.arena = &arena, .emit = on_emit};
    struct record record = {.topic = "in",
                            .key = BYTES_LITERAL("key"),
                            .value = bytes_make(value_text, sizeof value_text - 1)};
    emitted = 0;
    double start = now();
    for (int64_t i = 0; i < count; i++) {
        record.offset = i;
        arena_clear(&arena);
        if (node_process(source, &context, &record) != 0) {
            fprintf(stderr, "%s\n", context.error_text);
            exit(1);
        }
    }
    print(name, count, now() - start);
    if (emitted != count) {
        exit(1);
    }
    arena_fini(&arena);
    topology_instance_free(instance);
    script_close(script);
}

static void run_json(int64_t count)
{
    struct json json;
    json_init(&json);
    int64_t sum = 0;
    double start = now();
    for (int64_t i = 0; i < count; i++) {
        int64_t status = 0;
        if (json_parse(&json, bytes_make(value_text, sizeof value_text - 1)) != 0 ||
            !json_int64(&json, json_find(&json, JSON_ROOT, BYTES_LITERAL("status")), &status)) {
            exit(1);
        }
        sum += status + (json_find(&json, JSON_ROOT, BYTES_LITERAL("level")) != JSON_ABSENT);
    }
    print("json, two fields", count, now() - start);
    json_fini(&json);
    if (sum != count * 201) {
        exit(1);
    }
}

int main(int argument_count, char **arguments)
{
    int64_t count = argument_count > 1 ? atoll(arguments[1]) : 2000000;
    printf("value of %zu bytes\n", sizeof value_text - 1);
    run_json(count);
    run_script("native filters", native_text, count);
    run_script("lua, return r", empty_text, count);
    run_script("lua, filter and route", lua_text, count);
    return 0;
}
