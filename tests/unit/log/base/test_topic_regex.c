/* What RE2 knows matches as RE2 matches; what it does not know is refused with the place; nothing
 * takes long. */
#include "log/base/error.h"
#include "log/base/topic_regex.h"
#include "tests/unit/unit.h"

#include <string.h>

struct sample {
    const char *pattern;
    const char *matching; /* names, separated by blanks */
    const char *others;
};

static const struct sample samples[] = {
    {"a", "a", "aa ab b"},
    {"logs.*", "logs logs-1 logs.web", "alogs log"},
    {"logs\\..+", "logs.web", "logs logs-web logs."},
    {"(a|b)-[0-9]+", "a-1 b-22", "a- c-1 a-1x"},
    {"(?i)Orders", "orders ORDERS", "order"},
    {"(?i:o)rders", "orders Orders", "oRders"},
    {"(?P<kind>x|y)z", "xz yz", "z xyz"},
    {"(?<kind>x|y)z", "xz yz", "z xyz"},
    {"^t$", "t", "tt"},
    {"\\At\\z", "t", "tt"},
    {"\\Qa.b\\E*", "a.b a.bb a.", "aXb"},
    {"\\Qa.b", "a.b", "axb"},
    {"x{2}", "xx", "x xxx"},
    {"x{2,}", "xx xxx", "x"},
    {"x{1,2}", "x xx", "xxx"},
    {"x{,2}", "x{,2}", "x xx"},
    {"x*?y+?", "y xxyy", "x"},
    {"[^a-c]\\d\\D\\w\\W", "x1-2.", "a1-2."},
    {"[[:alpha:]_]+", "ab_c", "ab1"},
    {"[]a]+", "]a a", "b"},
    {"[a\\-z]+", "a-z", "b"},
    {"\\x61\\x{62}\\143", "abc", "ab"},
    {"\\pL\\p{Nd}", "a1", "1a"},
    {"a||b", "a b", "ab"},
    {"(?U)a+", "aaa", "b"},
    {"a\\.b", "a.b", "axb"},
    {"(a*)*b", "b ab aab", "a"},
    {"a-b_c\\-\\_", "a-b_c-_", "a"},
    {"\xc3\xa9*a", "a", "b"},
};

static void each_word(struct topic_regex *regex, const char *words, int expected)
{
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        assert_int_equal(topic_regex_matches(regex, bytes_make(words, size)), expected);
        words += size + strspn(words + size, " ");
    }
}

static void names_match_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct arena arena;
        struct topic_regex *regex = NULL;
        struct bytes reason = {0};
        arena_init(&arena, 0);
        int error = topic_regex_new(bytes_from_string(samples[i].pattern), &arena, &regex, &reason);
        if (error != 0) {
            fail_msg("%s: %.*s", samples[i].pattern, BYTES_FORMAT(reason));
        }
        each_word(regex, samples[i].matching, 1);
        each_word(regex, samples[i].others, 0);
        topic_regex_free(regex);
        arena_fini(&arena);
    }
}

static const char *const refused[][2] = {
    {"[a", "missing closing ]: `[a`"},
    {"a(", NULL},
    {"a)", NULL},
    {"*", "missing argument to repetition operator: `*`"},
    {"a|*", "missing argument to repetition operator: `*`"},
    {"(*ACCEPT)", "missing argument to repetition operator: `*`"},
    {"a**", "invalid nested repetition operator: `**`"},
    {"a*+", "invalid nested repetition operator: `*+`"},
    {"a{2}{3}", "invalid nested repetition operator: `{2}{`"},
    {"a{1001}", "invalid repeat count: `{1001}`"},
    {"(a)\\1", "invalid escape sequence: `\\1`"},
    {"a(?=b)", "invalid or unsupported Perl syntax: `(?=`"},
    {"a(?<=b)", "invalid named capture: `(?<=`"},
    {"(?>a)", "invalid or unsupported Perl syntax: `(?>`"},
    {"(?x)a", "invalid or unsupported Perl syntax: `(?x`"},
    {"(?R)", "invalid or unsupported Perl syntax: `(?R`"},
    {"\\K", "invalid escape sequence: `\\K`"},
    {"\\C", "invalid escape sequence: `\\C`"},
    {"\\8", "invalid escape sequence: `\\8`"},
    {"\\", "trailing backslash at end of expression: `\\`"},
    {"[z-a]", NULL},
    {"\\p{Nonsense}", NULL},
    {"(?P<>a)", "invalid named capture: `(?P<>`"},
    {"(?P<n", "invalid named capture: `(?P<n`"},
    {"\xff", NULL},
};

static void what_re2_lacks_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct arena arena;
        struct topic_regex *regex = NULL;
        struct bytes reason = {0};
        arena_init(&arena, 0);
        if (topic_regex_new(bytes_from_string(refused[i][0]), &arena, &regex, &reason) == 0) {
            fail_msg("%s was accepted", refused[i][0]);
        }
        assert_true(reason.size > 0);
        if (refused[i][1] != NULL && !bytes_equal_string(reason, refused[i][1])) {
            fail_msg("%s: %.*s", refused[i][0], BYTES_FORMAT(reason));
        }
        arena_fini(&arena);
    }
}

/* Patterns that take a backtracking matcher ages. */
static void nothing_backtracks(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a*)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)(.*)b",
                                           "(a?){60}a{60}b"};
    char name[250];
    memset(name, 'a', sizeof name);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct arena arena;
        struct topic_regex *regex = NULL;
        struct bytes reason = {0};
        arena_init(&arena, 0);
        assert_int_equal(topic_regex_new(bytes_from_string(patterns[i]), &arena, &regex, &reason),
                         0);
        assert_true(topic_regex_matches(regex, bytes_make(name, sizeof name)) <= 0);
        topic_regex_free(regex);
        arena_fini(&arena);
    }
}

static void too_many_states_are_an_error(void **state)
{
    (void)state;
    struct arena arena;
    struct topic_regex *regex = NULL;
    struct bytes reason = {0};
    arena_init(&arena, 0);
    struct bytes pattern = BYTES_LITERAL("(a?a?a?a?a?a?a?a?a?a?){500}");
    assert_int_equal(topic_regex_new(pattern, &arena, &regex, &reason), 0);
    assert_int_equal(topic_regex_matches(regex, BYTES_LITERAL("aaaaaaaaaaaaaaaaaaaaaaaaaa")),
                     ERROR_TOO_LARGE);
    topic_regex_free(regex);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_whole),
        cmocka_unit_test(what_re2_lacks_is_refused_with_its_place),
        cmocka_unit_test(nothing_backtracks),
        cmocka_unit_test(too_many_states_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
