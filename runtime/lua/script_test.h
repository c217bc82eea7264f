/* Tests that a script registered with require "tidemill.test".
 *
 * What a test does to the application goes through a table of functions: the application is
 * another script, made anew for each test, so that callbacks never nest.
 * Thread: the script's. */
#pragma once

#include "log/base/report.h"
#include "runtime/lua/script.h"

enum script_test_step {
    SCRIPT_TEST_COMMIT,
    SCRIPT_TEST_CRASH,
    SCRIPT_TEST_RESTART,
    SCRIPT_TEST_REBALANCE,
};

struct script_test_options {
    const char *file; /* lies beside the script; NULL: the script itself */
    int32_t partitions;
    bool is_commit_explicit;
    const char *const *topics; /* that are there for streams by pattern; valid during the call */
    size_t topic_count;
};

/* What drives the application; those that return an int give 0 or ERROR_INVALID with the report
 * filled. All but `begin` are called only after it succeeded. */
struct script_test_host {
    /* Ends the one before. */
    int (*begin)(void *owner, const struct script_test_options *options, struct report *report);
    int (*send)(void *owner, const struct record *record, struct report *report);
    int (*step)(void *owner, enum script_test_step step, struct report *report);
    int (*advance)(void *owner, int64_t span_ms, struct report *report);
    const struct record *(*take)(void *owner, const char *topic); /* NULL: no more */
    /* Tells the rows of a store as they come out of the step that keeps them: 1, 0 when there is no
     * such store or partition, or a negative error. */
    int (*look)(void *owner, const char *name, int32_t partition,
                bool (*each)(void *each_owner, const struct record *record), void *each_owner);
    int64_t (*time_ms)(void *owner);
};

size_t script_test_count(const struct script *script);
/* Valid as long as the script. */
const char *script_test_name(struct script *script, size_t index);
/* 0, or ERROR_INVALID with the first difference and its place. */
must_use int script_test_run(struct script *script, size_t index,
                             const struct script_test_host *host, void *owner,
                             struct report *report);

struct lua_State;
/* For require: pushes the functions behind library/test.lua. */
void script_test_push(struct lua_State *lua);
