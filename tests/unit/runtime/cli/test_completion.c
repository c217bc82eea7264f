/* Shows what kinds of words are completed with what, and that every command and flag of a table is
 * in each script. */
#include "runtime/cli/completion.h"
#include "tests/unit/unit.h"

#include <string.h>

struct tune_values {
    const char *topic;
    const char *output;
    bool is_loud;
};

static const struct flag tune_flags[] = {
    FLAG('t', "topic", STRING, struct tune_values, topic, "TOPIC", "what it's about"),
    FLAG('o', "output", STRING, struct tune_values, output, "text|json", "how: as it [should] be"),
    FLAG(0, "loud", BOOL, struct tune_values, is_loud, NULL, "say more"),
};
static const struct command tune = {
    .noun = "mill",
    .verb = "tune",
    .arguments = "GROUP...",
    .summary = "tunes the mill's wheels",
    COMMAND_FLAGS(tune_flags),
};
static const struct command stop = {.verb = "stop", .arguments = "", .summary = "stops"};
static const struct command *const items[] = {&tune, &stop};
static const struct command_list commands = {.items = items, .count = 2};

static void values_are_known_by_their_names(void **state)
{
    (void)state;
    assert_int_equal(completion_kind_of("TOPIC"), COMPLETION_TOPIC);
    assert_int_equal(completion_kind_of("[TOPIC[:PARTITION]...]"), COMPLETION_TOPIC);
    assert_int_equal(completion_kind_of("GROUP TOPIC..."), COMPLETION_GROUP);
    assert_int_equal(completion_kind_of("FILE|DIR..."), COMPLETION_FILE);
    assert_int_equal(completion_kind_of("APP.lua..."), COMPLETION_FILE);
    assert_int_equal(completion_kind_of("text|json"), COMPLETION_WORDS);
    assert_int_equal(completion_kind_of("N"), COMPLETION_NONE);
    assert_int_equal(completion_kind_of(NULL), COMPLETION_NONE);
}

static void expect_words(void (*print)(const struct command_list *list, struct buffer *out),
                         const char *const *words, size_t count)
{
    struct buffer out;
    buffer_init(&out);
    print(&commands, &out);
    for (size_t i = 0; i < count; i++) {
        if (strstr(buffer_string(&out), words[i]) == NULL) {
            fail_msg("'%s' is missing in:\n%s", words[i], buffer_string(&out));
        }
    }
    buffer_fini(&out);
}

static void every_word_is_in_the_script_of_bash(void **state)
{
    (void)state;
    static const char *const words[] = {
        "[-]='mill stop version help'",
        "[mill]='tune '",
        "['mill tune']='-t --topic -o --output --loud --help'",
        "['mill tune --output']='text json'",
        "['mill tune -t']='@topic'",
        "['mill tune ']='@group'",
    };
    expect_words(completion_print_bash, words, sizeof words / sizeof words[0]);
}

static void every_word_is_in_the_script_of_zsh(void **state)
{
    (void)state;
    static const char *const words[] = {
        "'mill:commands of this kind'",
        "'stop:stops'",
        "'tune:tunes the mill'\\''s wheels'",
        "'--topic[what it'\\''s about]:TOPIC:_tidemill_topics'",
        "'-o[how\\: as it \\[should\\] be]:text|json:(text json)'",
        "'--loud[say more]'",
        "'*:GROUP...:_tidemill_groups'",
    };
    expect_words(completion_print_zsh, words, sizeof words / sizeof words[0]);
}

static void every_word_is_in_the_script_of_fish(void **state)
{
    (void)state;
    static const char *const words[] = {
        "'__tidemill_words 1' -a stop -d 'stops'",
        "'__tidemill_words 2 mill' -a tune -d 'tunes the mill'\\''s wheels'",
        "'__tidemill_is mill tune' -s t -l topic -r -a '(__tidemill_ask topic)'",
        "'__tidemill_is mill tune' -s o -l output -r -a 'text json'",
        "'__tidemill_is mill tune' -l loud -d 'say more'",
        "'__tidemill_is mill tune' -a '(__tidemill_ask group)'",
    };
    expect_words(completion_print_fish, words, sizeof words / sizeof words[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_known_by_their_names),
        cmocka_unit_test(every_word_is_in_the_script_of_bash),
        cmocka_unit_test(every_word_is_in_the_script_of_zsh),
        cmocka_unit_test(every_word_is_in_the_script_of_fish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
