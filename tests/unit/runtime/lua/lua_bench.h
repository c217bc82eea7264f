/* A script from its text, run by the task in miniature. */
#pragma once

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/lua/script.h"
#include "tests/unit/runtime/format/shop.h"
#include "tests/unit/runtime/mill_driver.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lua_bench {
    struct script *script;
    struct report report;
    struct mill_driver driver;
    struct script_limits limits;
    bool is_running;
};

static inline int lua_bench_set_up(void **state)
{
    struct lua_bench *bench = memory_new(struct lua_bench);
    bench->limits = (struct script_limits){.callback_ms = 50, .load_ms = 100};
    *state = bench;
    return 0;
}

static inline void lua_bench_close(struct lua_bench *bench)
{
    if (bench->is_running) {
        mill_driver_fini(&bench->driver);
        bench->is_running = false;
    }
    script_close(bench->script);
    bench->script = NULL;
    bench->report = (struct report){{0}, {0}};
}

static inline int lua_bench_tear_down(void **state)
{
    lua_bench_close(*state);
    free(*state);
    return 0;
}

static inline int lua_bench_read_file(void *owner, const char *file_name, struct buffer *out)
{
    (void)owner;
    if (strcmp(file_name, "helper.lua") == 0) {
        buffer_add_string(out, "local M = {} function M.twice(x) return x * 2 end return M");
        return 0;
    }
    if (strcmp(file_name, "selfish.lua") == 0) {
        buffer_add_string(out, "return require 'selfish'");
        return 0;
    }
    if (strcmp(file_name, "broken.lua") == 0) {
        buffer_add_string(out, "\n\nlocal = 1");
        return 0;
    }
    return strcmp(file_name, "shop.desc") == 0 ? shop_read(NULL, file_name, out) : ERROR_NOT_FOUND;
}

static inline int lua_bench_try(struct lua_bench *bench, const char *text)
{
    struct script_options options = {.name = "app.lua",
                                     .text = bytes_from_string(text),
                                     .limits = bench->limits,
                                     .read_file = lua_bench_read_file};
    return script_open(&options, &bench->report, &bench->script);
}

static inline struct mill_driver *lua_bench_run(struct lua_bench *bench, const char *text)
{
    lua_bench_close(bench);
    int error = lua_bench_try(bench, text);
    if (error != 0) {
        fail_msg("%s: %s", bench->report.place, bench->report.text);
    }
    mill_driver_init(&bench->driver, script_topology(bench->script));
    bench->is_running = true;
    return &bench->driver;
}

/* A file in tiny style whose process has this body; r and ctx are its arguments. */
static inline struct mill_driver *lua_bench_run_body(struct lua_bench *bench, const char *body)
{
    char text[8192];
    snprintf(text, sizeof text,
             "local S = require 'tidemill'\n"
             "return { input = 'in', output = 'out', stores = { s = S.kv {} },\n"
             "process = function(r, ctx) %s end }",
             body);
    return lua_bench_run(bench, text);
}

static inline void lua_bench_expect_refused(struct lua_bench *bench, const char *text,
                                            const char *words)
{
    lua_bench_close(bench);
    if (lua_bench_try(bench, text) != ERROR_INVALID) {
        fail_msg("accepted: %s", text);
    }
    if (strstr(bench->report.text, words) == NULL) {
        fail_msg("'%s' (%s) says nothing of '%s'", bench->report.text, bench->report.place, words);
    }
}

/* Sends one record; it must fail with this kind and words. */
static inline void lua_bench_expect_failure(struct lua_bench *bench, const char *body,
                                            const char *kind, const char *words)
{
    struct mill_driver *driver = lua_bench_run_body(bench, body);
    if (mill_driver_send(driver, "in", "k", "{}", 1) == 0) {
        fail_msg("succeeded: %s", body);
    }
    if (strcmp(driver->context.error_kind, kind) != 0 ||
        strstr(driver->context.error_text, words) == NULL) {
        fail_msg("%s: %s '%s' instead of %s '%s'", body, driver->context.error_kind,
                 driver->context.error_text, kind, words);
    }
    assert_non_null(driver->context.error_node);
}

/* Sends one record with this value; out must then be as given. */
static inline void lua_bench_expect_output(struct lua_bench *bench, const char *body,
                                           const char *value, const char *output)
{
    struct mill_driver *driver = lua_bench_run_body(bench, body);
    if (mill_driver_send(driver, "in", "k", value, 1) != 0) {
        fail_msg("%s: %s %s", body, driver->context.error_place, driver->context.error_text);
    }
    if (strcmp(mill_driver_text(driver, "out"), output) != 0) {
        fail_msg("%s: '%s' instead of '%s'", body, mill_driver_text(driver, "out"), output);
    }
}

#define LUA_BENCH_TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, lua_bench_set_up, lua_bench_tear_down)
