/* Plugins built by a test, outside of the tree, against a copy of the header as it is installed,
 * and applications that use them, of which a test writes the steps alone.
 *
 * Owns:   a folder of its own, until workshop_close. */
#pragma once

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct workshop {
    char folder[64];
};

static inline void workshop_open(struct workshop *shop)
{
    char command[200];
    snprintf(shop->folder, sizeof shop->folder, "/tmp/tidemill-plugin-XXXXXX");
    assert_non_null(mkdtemp(shop->folder));
    snprintf(command, sizeof command, "cp runtime/plugin/tidemill.h '%s'", shop->folder);
    assert_int_equal(system(command), 0);
}

/* Compiles NAME.so; `flags` may be "". */
static inline void workshop_compile(struct workshop *shop, const char *name, const char *code,
                                    const char *flags)
{
    char path[200];
    char command[1000];
    snprintf(path, sizeof path, "%s/%s.c", shop->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(code, file) >= 0);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command,
             "cd '%s' && cc -Wall -Wextra -Werror -I. %s -shared -fPIC -fvisibility=hidden -o "
             "%s.so %s.c",
             shop->folder, flags, name, name);
    assert_int_equal(system(command), 0);
}

static inline void workshop_build(struct workshop *shop, const char *name, const char *code)
{
    workshop_open(shop);
    workshop_compile(shop, name, code, "");
}

static inline void workshop_close(struct workshop *shop)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", shop->folder);
    assert_int_equal(system(command), 0);
}

/* The example of the guide below a heading; freed with test_free. */
static inline char *workshop_read_example(const char *heading)
{
    char *guide = test_calloc(1, 65536);
    FILE *file = fopen("runtime/plugin/guide.md", "r");
    assert_non_null(file);
    assert_true(fread(guide, 1, 65535, file) > 0);
    fclose(file);
    char *code = strstr(guide, heading);
    assert_non_null(code);
    code = strstr(code, "```c\n") + strlen("```c\n");
    *strstr(code, "```") = 0;
    memmove(guide, code, strlen(code) + 1);
    return guide;
}
