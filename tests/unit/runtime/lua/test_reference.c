/* Shows that runtime/lua/reference.md is true: every block of Lua in it loads, and every function
 * of the library stands in it. */
#include "runtime/lua/library.h"
#include "tests/unit/runtime/lua/lua_bench.h"

enum { TEXT_SIZE_MAX = 256 * 1024 };

static const char reference_path[] = "runtime/lua/reference.md";

static char *read_text(const char *path)
{
    char *text = test_calloc(1, TEXT_SIZE_MAX);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, TEXT_SIZE_MAX - 1, file);
    assert_true(size > 0 && size < TEXT_SIZE_MAX - 1);
    fclose(file);
    return text;
}

static void every_block_loads(void **state)
{
    struct lua_bench *bench = *state;
    char *text = read_text(reference_path);
    int count = 0;
    char *at = text;
    while ((at = strstr(at, "```lua\n")) != NULL) {
        char *block = at + strlen("```lua\n");
        char *end = strstr(block, "\n```");
        assert_non_null(end);
        *end = 0;
        lua_bench_close(bench);
        if (lua_bench_try(bench, block) != 0) {
            fail_msg("block %d: %s: %s", count + 1, bench->report.place, bench->report.text);
        }
        count++;
        at = end + 1;
    }
    assert_true(count >= 2);
    test_free(text);
}

/* `before` stands in front of the name in the library, and `mark` in the reference. */
static int expect_names(const char *library, const char *reference, const char *before,
                        const char *mark)
{
    int count = 0;
    for (const char *at = library; (at = strstr(at, before)) != NULL;) {
        char wanted[80];
        at += strlen(before);
        int size = (int)strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        snprintf(wanted, sizeof wanted, "%s%.*s", mark, size, at);
        if (strstr(reference, wanted) == NULL) {
            fail_msg("%s does not name %s", reference_path, wanted);
        }
        count++;
    }
    return count;
}

/* All files as one text. */
static char *read_library(void)
{
    struct buffer text;
    buffer_init(&text);
    for (const struct library_file *file = library_files; file->name != NULL; file++) {
        buffer_add(&text, file->text, file->size);
    }
    char *library = test_malloc(text.size + 1);
    memcpy(library, text.data, text.size);
    library[text.size] = 0;
    buffer_fini(&text);
    return library;
}

static void every_function_of_the_library_is_there(void **state)
{
    (void)state;
    char *library = read_library();
    char *reference = read_text(reference_path);
    assert_true(expect_names(library, reference, "\nfunction Stream:", ":") >= 11);
    assert_true(expect_names(library, reference, "\nfunction Group:", ":") >= 3);
    assert_true(expect_names(library, reference, "\nfunction App:", "app:") >= 5);
    assert_true(expect_names(library, reference, "\nfunction S.", "S.") >= 3);
    const char *const others[] = {
        ":map(",    ":map_values(",     ":flat_map(", ":peek(",     "ctx:emit(",  "ctx:forward(",
        "ctx:now(", "ctx:stream_time(", ":prefix(",   ":range(",    ":pairs(",    ":add(",
        "S.null",   "S.table(",         "S.time.iso", "S.time.clf", "S.time.utc", "S.json."};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strstr(reference, others[i]) == NULL) {
            fail_msg("%s does not name %s", reference_path, others[i]);
        }
    }
    test_free(library);
    test_free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_block_loads, lua_bench_set_up, lua_bench_tear_down),
        cmocka_unit_test(every_function_of_the_library_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
