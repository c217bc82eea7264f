/* Shows that words find their command, that help is everywhere, and which exit codes come out. The
 * commands run on the simulated io. */
#include "runtime/cli/cli.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct greet_values {
    int64_t count;
    const char *name;
};

static int greet(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct greet_values *values = given;
    for (int64_t i = 0; i < values->count; i++) {
        fprintf(world->out, "hello %s %s\n", values->name, arguments->items[0]);
    }
    return values->count == 0 ? command_fail(world, "nobody to greet") : COMMAND_OK;
}

static const struct flag greet_flags[] = {
    FLAG('c', "count", INT, struct greet_values, count, "N", "how often"),
    FLAG('n', "name", STRING, struct greet_values, name, "NAME", "whom"),
};
static const struct greet_values greet_initial = {.count = 1, .name = "miller"};
static const struct command greet_command = {
    .noun = "mill",
    .verb = "greet",
    .arguments = "WORD",
    .summary = "says hello",
    COMMAND_FLAGS(greet_flags),
    .values_size = sizeof(struct greet_values),
    .initial = &greet_initial,
    .argument_min = 1,
    .argument_max = 1,
    .run = greet,
};

struct fixture {
    struct sim *sim;
    struct command_world world;
    char *out;
    char *errors;
    size_t out_size;
    size_t errors_size;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.sim = sim_new(1, 1)};
    fixture.world = (struct command_world){
        .io = sim_io(fixture.sim, 0),
        .out = open_memstream(&fixture.out, &fixture.out_size),
        .errors = open_memstream(&fixture.errors, &fixture.errors_size),
        .input = -1,
        .version = "1.2.3",
    };
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    fclose(fixture->world.out);
    fclose(fixture->world.errors);
    free(fixture->out);
    free(fixture->errors);
    sim_free(fixture->sim);
    return 0;
}

static int run(struct fixture *fixture, const char *const *words)
{
    static const struct command *const extra[] = {&greet_command};
    int count = 0;
    while (words[count] != NULL) {
        count++;
    }
    rewind(fixture->world.out);
    rewind(fixture->world.errors);
    int code = cli_run(&fixture->world, extra, 1, count, words);
    fputc('\0', fixture->world.out);
    fputc('\0', fixture->world.errors);
    fflush(fixture->world.out);
    fflush(fixture->world.errors);
    return code;
}

#define RUN(...) run(fixture, (const char *const[]){"tidemill", __VA_ARGS__, NULL})

static void a_command_gets_its_flags_and_arguments(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("mill", "greet", "-c2", "there"), COMMAND_OK);
    assert_string_equal(fixture->out, "hello miller there\nhello miller there\n");
    assert_string_equal(fixture->errors, "");
    assert_int_equal(RUN("mill", "greet", "there", "--name", "you"), COMMAND_OK);
    assert_string_equal(fixture->out, "hello you there\n");
}

static void a_failure_is_one_sentence(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("mill", "greet", "-c", "0", "there"), COMMAND_FAILED);
    assert_string_equal(fixture->errors, "tidemill: nobody to greet\n");
}

static void slips_are_answered_with_the_nearest_word(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("topci", "ls"), COMMAND_MISUSED);
    assert_string_equal(fixture->errors,
                        "tidemill: unknown command 'topci'; did you mean 'topic'?\n");
    assert_int_equal(RUN("group", "sekk"), COMMAND_MISUSED);
    assert_string_equal(fixture->errors,
                        "tidemill: unknown command 'group sekk'; did you mean 'group seek'?\n");
    assert_int_equal(RUN("mill", "greet", "--nam", "x", "y"), COMMAND_MISUSED);
    assert_string_equal(fixture->errors,
                        "tidemill: unknown flag '--nam'; did you mean '--name'?\n");
    assert_int_equal(RUN("zzzzzzzz"), COMMAND_MISUSED);
    assert_string_equal(fixture->errors,
                        "tidemill: unknown command 'zzzzzzzz'; see 'tidemill help'\n");
}

static void arguments_are_counted(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("mill", "greet"), COMMAND_MISUSED);
    assert_string_equal(fixture->errors, "tidemill: 'greet' needs more arguments: tidemill mill "
                                         "greet [FLAGS] WORD\n");
    assert_int_equal(RUN("mill", "greet", "a", "b"), COMMAND_MISUSED);
}

static void help_is_everywhere(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("help"), COMMAND_OK);
    assert_memory_equal(fixture->out, "Usage: tidemill COMMAND ", 24);
    assert_non_null(strstr(fixture->out, "  mill greet"));
    assert_non_null(strstr(fixture->out, "  consume"));
    assert_int_equal(RUN("mill"), COMMAND_MISUSED);
    assert_int_equal(RUN("mill", "--help"), COMMAND_OK);
    assert_null(strstr(fixture->out, "consume"));
    assert_int_equal(RUN("mill", "greet", "--help"), COMMAND_OK);
    assert_string_equal(fixture->out, "Usage: tidemill mill greet [FLAGS] WORD\n\n"
                                      "Says hello.\n\n"
                                      "Flags:\n"
                                      "  -c, --count N             how often\n"
                                      "  -n, --name NAME           whom\n");
    assert_int_equal(RUN("help", "mill", "greet"), COMMAND_OK);
    assert_non_null(strstr(fixture->out, "Says hello."));
    assert_int_equal(RUN("version"), COMMAND_OK);
    assert_string_equal(fixture->out, "tidemill 1.2.3\n");
}

/* Every row must be well formed: its help is printed and its flags are unique. */
static void every_command_has_help_and_examples_of_itself(void **state)
{
    struct fixture *fixture = *state;
    struct command_list all = cli_own_commands();
    for (size_t i = 0; i < all.count; i++) {
        const struct command *command = all.items[i];
        char name[64];
        snprintf(name, sizeof name, "tidemill %s%s%s", command->noun == NULL ? "" : command->noun,
                 command->noun == NULL ? "" : " ", command->verb);
        if (command->noun == NULL) {
            assert_int_equal(RUN(command->verb, "--help"), COMMAND_OK);
        } else {
            assert_int_equal(RUN(command->noun, command->verb, "--help"), COMMAND_OK);
        }
        assert_memory_equal(fixture->out, "Usage: tidemill ", 16);
        if (command->examples == NULL || strstr(command->examples, name) == NULL) {
            fail_msg("'%s' has no example of itself", name);
        }
    }
}

static void flags_of_commands_are_unique(void **state)
{
    (void)state;
    struct command_list all = cli_own_commands();
    for (size_t i = 0; i < all.count; i++) {
        const struct command *command = all.items[i];
        for (size_t j = 0; j < command->flag_count; j++) {
            for (size_t k = 0; k < j; k++) {
                const struct flag *one = &command->flags[j], *two = &command->flags[k];
                assert_false(one->letter != 0 && one->letter == two->letter);
                assert_false(one->name != NULL && two->name != NULL &&
                             strcmp(one->name, two->name) == 0);
            }
        }
    }
}

static void what_cannot_be_written_is_told(void **state)
{
    struct fixture *fixture = *state;
    FILE *out = fixture->world.out;
    fixture->world.out = fopen("/dev/full", "w");
    assert_non_null(fixture->world.out);
    assert_int_equal(RUN("topic", "ls", "--help"), COMMAND_FAILED);
    fclose(fixture->world.out);
    fixture->world.out = out;
    fflush(fixture->world.errors);
    assert_non_null(strstr(fixture->errors, "what was printed could not be written"));
}

static void wrong_values_do_not_reach_a_broker(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("consume", "t", "-o", "soon"), COMMAND_MISUSED);
    assert_int_equal(RUN("consume", "t", "-f", "%z"), COMMAND_MISUSED);
    assert_int_equal(RUN("consume", "t", "-X", "colour=red"), COMMAND_MISUSED);
    assert_string_equal(fixture->errors, "tidemill: unknown property or value 'colour=red'\n");
    assert_int_equal(RUN("consume"), COMMAND_MISUSED);
    assert_int_equal(RUN("produce", "t", "-z", "rar"), COMMAND_MISUSED);
    assert_int_equal(RUN("produce", "t", "-X", "acks=2"), COMMAND_MISUSED);
    assert_int_equal(RUN("topic", "create", "t", "-p", "0"), COMMAND_MISUSED);
    assert_int_equal(RUN("topic", "ls", "-o", "yaml"), COMMAND_MISUSED);
    assert_int_equal(RUN("group", "seek", "g"), COMMAND_MISUSED);
}

static void files_are_looked_at_without_a_broker(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(RUN("log", "verify", "nowhere"), COMMAND_FAILED);
    assert_string_equal(fixture->errors, "tidemill: nowhere: not found\n");
    assert_int_equal(io_dir_make(fixture->world.io, "data"), 0);
    assert_int_equal(RUN("log", "verify", "data"), COMMAND_OK);
    assert_string_equal(fixture->out,
                        "0 logs, 0 segments, 0 batches, 0 records, 0 bytes: 0 problems\n");
    assert_int_equal(RUN("log", "dump", "data"), COMMAND_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_command_gets_its_flags_and_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_one_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(slips_are_answered_with_the_nearest_word, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(help_is_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(every_command_has_help_and_examples_of_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_told, setup, teardown),
        cmocka_unit_test(flags_of_commands_are_unique),
        cmocka_unit_test_setup_teardown(wrong_values_do_not_reach_a_broker, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_looked_at_without_a_broker, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
