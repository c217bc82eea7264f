/* Applications that use plugins built by a test, of which the test writes the steps alone. */
#pragma once

#include "tests/unit/runtime/app/app_world.h"
#include "tests/unit/runtime/workshop.h"

/* `steps` is line 4 of the script. */
static inline void workshop_write_app(char *script, size_t size, const char *steps)
{
    snprintf(script, size,
             "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
             "app:topic('a-dlq', { partitions = 1 }) app:topic('out', { partitions = 1 })\n"
             "%s\nreturn app\n",
             steps);
}

static inline struct app_world *workshop_world(const char *folder, const char *steps)
{
    char script[2000];
    workshop_write_app(script, sizeof script, steps);
    struct app_world *world = app_world_new(1, script);
    fake_cluster_add_topic(world->cluster, "in", 1);
    world->connectors = folder;
    return world;
}

/* What stands in partition 0 of a topic. */
static inline void workshop_expect_topic(struct app_world *world, const char *topic,
                                         const char *text)
{
    struct buffer found;
    buffer_init(&found);
    assert_string_equal(app_world_read(world, topic, 0, &found), text);
    buffer_fini(&found);
}

/* A part of it. */
static inline void workshop_expect_part(struct app_world *world, const char *topic,
                                        const char *text)
{
    struct buffer found;
    buffer_init(&found);
    if (strstr(app_world_read(world, topic, 0, &found), text) == NULL) {
        fail_msg("%s has \"%s\" and not \"%s\"", topic, buffer_string(&found), text);
    }
    buffer_fini(&found);
}

static inline void workshop_expect_refusal(const char *folder, const char *steps,
                                           const char *sentence)
{
    struct app_world *world = workshop_world(folder, steps);
    struct report report = {0};
    assert_int_not_equal(app_world_open(world, 0, &report), 0);
    assert_string_equal(report.place, "app.lua:4");
    if (strstr(report.text, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", report.text, sentence);
    }
    app_world_free(world);
}
