/* Shows what becomes of other tools' flags: the words of the command that is run, what is refused,
 * and the exit codes of those tools. */
#include "runtime/cli/shim.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct command_world world;
    char *errors;
    size_t errors_size;
    char words[1024]; /* of every command that was run */
    int code;         /* of the command */
};

static int set_up(void **state)
{
    struct stage *stage = test_calloc(1, sizeof *stage);
    stage->sim = sim_new(1, 1);
    stage->world.io = sim_io(stage->sim, 0);
    stage->world.out = stdout;
    stage->world.errors = open_memstream(&stage->errors, &stage->errors_size);
    stage->world.input = -1;
    stage->world.version = "1";
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    fclose(stage->world.errors);
    free(stage->errors);
    sim_free(stage->sim);
    test_free(stage);
    return 0;
}

static int take_line(struct command_world *world, void *owner, int argc, const char *const *argv)
{
    struct stage *stage = owner;
    (void)world;
    for (int i = 1; i < argc; i++) {
        strcat(stage->words, stage->words[0] == '\0' ? "" : " ");
        strcat(stage->words, argv[i]);
    }
    return stage->code;
}

/* `line` is cut at its spaces. */
static int call(struct stage *stage, const char *line)
{
    char *copy = strdup(line), *rest = copy, *word;
    const char *argv[64];
    int argc = 0;
    while ((word = strsep(&rest, " ")) != NULL) {
        argv[argc++] = word;
    }
    stage->words[0] = '\0';
    const struct shim_tool *tool = shim_find(argv[0]);
    int code = tool != NULL ? shim_run(&stage->world, tool, argc, argv, take_line, stage)
                            : shim_kcat_run(&stage->world, argc, argv, take_line, stage);
    free(copy);
    return code;
}

static void expect(struct stage *stage, const char *line, const char *words)
{
    assert_int_equal(call(stage, line), COMMAND_OK);
    assert_string_equal(stage->words, words);
}

static void refuse(struct stage *stage, const char *line, const char *sentence)
{
    fflush(stage->world.errors);
    size_t before = stage->errors_size;
    assert_int_equal(call(stage, line), COMMAND_FAILED);
    assert_string_equal(stage->words, "");
    fflush(stage->world.errors);
    assert_non_null(strstr(stage->errors + before, sentence));
}

static void tools_are_known_by_the_last_part_of_their_name(void **state)
{
    (void)state;
    assert_ptr_equal(shim_find("kafka-topics"), &shim_topics);
    assert_ptr_equal(shim_find("/opt/kafka/bin/kafka-topics.sh"), &shim_topics);
    assert_ptr_equal(shim_find("./kafka-configs"), &shim_configs);
    assert_null(shim_find("tidemill"));
    assert_null(shim_find("kafka-topics.bat"));
    assert_null(shim_find(".sh"));
    assert_true(shim_is_foreign("/opt/kafka/bin/kafka-acls.sh"));
    assert_false(shim_is_foreign("kafka-topics.sh"));
    assert_false(shim_is_foreign("tidemill"));
    assert_false(shim_is_foreign("kafkacat"));
    assert_true(shim_kcat_is("/usr/local/bin/kcat"));
    assert_false(shim_kcat_is("kcatx"));
}

static void flags_become_words_of_one_command(void **state)
{
    struct stage *stage = *state;
    expect(stage,
           "kafka-topics --bootstrap-server h:1 --create --topic t --partitions 3 --config a=b",
           "topic create -b h:1 -p 3 -c a=b t");
    expect(stage, "kafka-topics --bootstrap-server=h:1 --delete --topic a,b.* --if-exists",
           "topic rm -b h:1 --if-exists -r a|b.*");
    expect(stage, "kafka-topics --list --bootstrap-server h:1", "topic ls -b h:1 -i");
    expect(stage,
           "kafka-configs --bootstrap-server h --alter --topic t --add-config a=[x,y],b=1 "
           "--delete-config c,d",
           "config set -b h topic t a=x,y b=1 --unset c --unset d -o kafka");
    expect(stage,
           "kafka-configs --bootstrap-server h --alter --entity-type users --entity-default "
           "--entity-type clients --entity-name c --add-config a=1 --delete-config b",
           "quota set -b h --user-default --client c a=1 --unset b -o kafka");
    expect(stage, "kafka-configs --bootstrap-server h --describe --entity-type ips",
           "quota ls -b h --only --ips -o kafka");
    expect(stage, "kafka-configs --bootstrap-server h --describe --user u --client-defaults",
           "quota ls -b h --only --user u --client-default -o kafka");
    expect(stage, "kafka-configs --bootstrap-server h --describe --entity-type client-metrics",
           "config get -b h client-metric -o kafka");
    expect(stage, "kafka-configs --bootstrap-server h --describe --entity-type brokers",
           "config get -b h broker -o kafka");
    expect(stage,
           "kafka-topics --bootstrap-server h --alter --topic t --partitions 2 "
           "--replica-assignment 1:2,2:1",
           "topic alter -b h -p 2 --place 1:2,2:1 t");
    expect(stage, "kafka-topics --bootstrap-server h --describe --topic-id i",
           "topic describe -b h --id i -o kafka");
    expect(stage, "kafka-configs --bootstrap-server h --describe --group g --all",
           "config get -b h --all group g -o kafka");
    expect(stage,
           "kafka-get-offsets --bootstrap-server h --topic-partitions t:0,u:1-3,v.* --time -2",
           "topic offsets -b h --at beginning -i --rule t:0 --rule u:1-3 --rule v.*: -o kafka");
    expect(stage,
           "kafka-get-offsets --bootstrap-server h --topic t --partitions 0,2 "
           "--exclude-internal-topics",
           "topic offsets -b h --rule t:0 --rule t:2 -o kafka");
    expect(stage,
           "kafka-consumer-groups --bootstrap-server h --group g --reset-offsets --topic "
           "t:0,1 --shift-by -5 --execute",
           "group seek -b h --group g t:0 t:1 -o kafka --by -5");
    expect(stage,
           "kafka-consumer-groups --bootstrap-server h --group g --reset-offsets "
           "--all-topics --to-latest --export",
           "group seek -b h --group g --dry-run -o csv --to end");
}

static void groups_are_chosen_by_state_and_type(void **state)
{
    struct stage *stage = *state;
    expect(stage, "kafka-consumer-groups --bootstrap-server h --list --state Stable,empty --type",
           "group ls -b h --in-state Stable,empty --state --type");
    refuse(stage, "kafka-consumer-groups --bootstrap-server h --list --state Empty,Idle",
           "--state takes Stable, Empty,");
    refuse(stage, "kafka-consumer-groups --bootstrap-server h --list --group g",
           "--group does not go with --list");
    refuse(stage, "kafka-consumer-groups --bootstrap-server h --list --validate-regex a",
           "--validate-regex and --list are two things");
}

static void several_groups_are_moved_and_deleted(void **state)
{
    struct stage *stage = *state;
    expect(stage,
           "kafka-consumer-groups --bootstrap-server h --reset-offsets --group g --group f "
           "--topic t --to-latest --execute --export",
           "group seek -b h --group g --group f t -o csv --to end");
    expect(stage,
           "kafka-consumer-groups --bootstrap-server h --reset-offsets --all-groups --all-topics "
           "--to-current",
           "group seek -b h --all --dry-run -o kafka --to current");
    expect(stage, "kafka-consumer-groups --bootstrap-server h --delete --all-groups",
           "group rm -b h --all -o kafka");
    refuse(stage,
           "kafka-consumer-groups --bootstrap-server h --reset-offsets --group g --topic t "
           "--all-topics --to-latest",
           "--topic and --all-topics both say which topics");
    refuse(stage, "kafka-consumer-groups --bootstrap-server h --delete-offsets --group g",
           "--topic NAME is missing");
    refuse(stage,
           "kafka-consumer-groups --bootstrap-server h --delete-offsets --group g --group f "
           "--topic t",
           "--delete-offsets takes one --group");
}

static void tools_without_a_broker_need_none(void **state)
{
    struct stage *stage = *state;
    expect(stage,
           "kafka-transactions --bootstrap-server h list --duration-filter 9 "
           "--transactional-id-pattern a.*",
           "txn ls -b h -r a.* -o kafka -l 9");
    expect(stage, "kafka-transactions --bootstrap-server h list --duration-filter=-1",
           "txn ls -b h -o kafka");
    expect(stage, "kafka-transactions --bootstrap-server h describe --transactional-id a",
           "txn describe -b h -o kafka a");
    expect(stage,
           "kafka-transactions --bootstrap-server h describe-producers --topic t "
           "--partition 1 --broker-id 2",
           "txn producers -b h -o kafka t:1");
    expect(stage,
           "kafka-transactions --bootstrap-server h find-hanging --topic t "
           "--max-transaction-timeout 20",
           "txn hanging -b h -o kafka -l 20m t");
    expect(stage,
           "kafka-transactions --bootstrap-server h abort --topic t --partition 1 "
           "--producer-id 5 --producer-epoch 0 --coordinator-epoch 0",
           "txn abort -b h -p 5 -t t:1");
    expect(stage,
           "kafka-transactions --bootstrap-server h forceTerminateTransaction "
           "--transactionalId a",
           "txn abort -b h a");
    refuse(stage, "kafka-transactions --bootstrap-server h lits", "did you mean 'list'?");
    refuse(stage, "kafka-transactions --bootstrap-server h", "say what to do: list, describe,");
    refuse(stage, "kafka-transactions --bootstrap-server h abort --topic t --partition 1",
           "say which: --start-offset N or --producer-id N");
    expect(stage, "kafka-delete-records --bootstrap-server h --offset-json-file f.json",
           "topic trim -b h --plan f.json -o kafka");
    expect(stage, "kafka-dump-log --files a.log,b.index --print-data-log --deep-iteration",
           "log dump --deep a.log b.index");
    expect(stage,
           "kafka-producer-perf-test --topic t --num-records 10 --throughput -1 "
           "--record-size 5 --producer-props bootstrap.servers=h:1 acks=1",
           "perf produce -n 10 -s 5 t -b h:1 -X acks=1 --linger 0 --brief");
}

static void what_a_record_looks_like_is_a_format(void **state)
{
    struct stage *stage = *state;
    expect(stage,
           "kafka-console-consumer --bootstrap-server h --topic t --property print.key=true "
           "--property key.separator=%\\ --property print.offset=true --from-beginning",
           "consume -b h -t t --create -f Offset:%o%%\\\\%k%%\\\\%s\n --null-as null -o beginning");
    expect(stage,
           "kafka-console-producer --bootstrap-server h --topic t --property "
           "parse.key=true --request-required-acks all",
           "produce -b h -t t -K \\t --strict -X acks=all --empty -q");
}

static void a_consumer_is_told_what_to_read(void **state)
{
    struct stage *stage = *state;
    expect(stage,
           "kafka-console-consumer --bootstrap-server h --include (?:a|b)\\d --command-property "
           "group.id=g --consumer-property enable.auto.commit=false",
           "consume -b h -X enable.auto.commit=false -r (a|b)[0-9] -G g -f %s\n --null-as null -X "
           "auto.offset.reset=latest");
    expect(stage,
           "kafka-console-consumer --bootstrap-server h --topic t --formatter "
           "org.apache.kafka.tools.consumer.NoOpMessageFormatter --key-deserializer "
           "org.apache.kafka.common.serialization.IntegerDeserializer --property "
           "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer "
           "--skip-message-on-error",
           "consume -b h -t t -E --create -f  -s key=>i$ -s value=>q$ -o end");
    expect(stage, "kafka-console-consumer --bootstrap-server h --topic t --max-messages 0", "");
}

static void the_letters_of_kcat_stay_and_its_modes_become_commands(void **state)
{
    struct stage *stage = *state;
    expect(stage, "kcat -b h -t t -Ceq -o -5 -k unused", "consume -b h -t t -e -q -o -5");
    expect(stage, "kcat -P -b h -tt -K: -l file", "produce -l file -b h -t t -K :");
    expect(stage, "kcat -G g a b -m 3", "consume a b -G g -X request.timeout.ms=3000");
    expect(stage, "kcat -Q -t t:0:-1 -t u:1:5",
           "topic offsets --kcat t:0 --at end topic offsets --kcat u:1 --at @5");
    expect(stage, "kcat -L -J -v -b h", "cluster describe -J -b h");
    expect(stage, "kcat -b h -P -t t -X topic.acks=1 -X queued.min.messages=9 -X nosuch=1",
           "produce -b h -t t -X acks=1 -X nosuch=1");
    expect(stage, "kcat -b h -C -t t -s value=q -E", "consume -b h -t t -s value=q -E");
}

static void what_is_not_there_is_refused(void **state)
{
    struct stage *stage = *state;
    refuse(stage, "kafka-topics --list", "--bootstrap-server HOST:PORT is missing");
    refuse(stage, "kafka-topics --bootstrap-server h --lst", "did you mean '--list'?");
    refuse(stage, "kafka-topics --bootstrap-server h", "say what to do: --list");
    refuse(stage, "kafka-topics --bootstrap-server h --list --create", "only one of --list");
    refuse(stage, "kafka-topics --list --bootstrap-server", "--bootstrap-server needs a value");
    refuse(stage, "kafka-topics --bootstrap-server h --create", "--topic NAME is missing");
    refuse(stage, "kafka-configs --bootstrap-server h --describe --entity-type planets",
           "'planets' have no settings here");
    refuse(stage, "kafka-configs --bootstrap-server h --describe", "say whose settings:");
    refuse(stage, "kafka-configs --bootstrap-server h --alter --entity-type users --add-config a=1",
           "--entity-name NAME or --entity-default is missing for users");
    refuse(stage,
           "kafka-configs --bootstrap-server h --alter --user u --add-config SCRAM-SHA-256=x",
           "users have no passwords here");
    refuse(stage, "kafka-configs --bootstrap-server h --describe --user u --topic t",
           "--entity-type topics stands alone");
    refuse(stage, "kafka-configs --bootstrap-server h --describe --topic t --user u",
           "--entity-type topics stands alone");
    refuse(stage, "kafka-configs --bootstrap-server h --describe --user u --entity-default",
           "more names than types");
    refuse(stage,
           "kafka-configs --bootstrap-server h --describe --entity-type groups "
           "--entity-default",
           "groups have no defaults");
    refuse(stage, "kafka-console-consumer --bootstrap-server h --topic t --formatter x",
           "classes of Java cannot be loaded");
    refuse(stage,
           "kafka-console-consumer --bootstrap-server h --topic t --value-deserializer io.x.Avro",
           "value.deserializer=io.x.Avro: classes of Java cannot be loaded");
    refuse(stage, "kafka-console-consumer --bootstrap-server h --topic t --include t",
           "say what to read: --topic NAME or --include REGEX");
    refuse(stage, "kafka-console-consumer --bootstrap-server h --include t --partition 0",
           "--partition needs --topic");
    refuse(stage,
           "kafka-console-consumer --bootstrap-server h --topic t --group g --command-property "
           "group.id=f",
           "two groups are named, 'g' and 'f'");
    refuse(stage, "kafka-console-producer --bootstrap-server h --topic t --line-reader x",
           "--line-reader: classes of Java cannot be loaded");
    refuse(stage, "kafka-get-offsets --bootstrap-server h --topic t --partitions 5-7",
           "--partitions takes N,N");
    refuse(stage, "kafka-topics --bootstrap-server h --alter --topic t --config a=b",
           "--config does not go with --alter; kafka-configs --alter");
    refuse(stage, "kafka-topics --bootstrap-server h --create --topic t --topic u",
           "--topic stands twice");
    refuse(stage, "kafka-consumer-groups --bootstrap-server h --group g --reset-offsets --topic t",
           "say once where to");
    refuse(stage,
           "kafka-consumer-groups --bootstrap-server h --group g --reset-offsets --topic t "
           "--by-duration 5m",
           "--by-duration takes PnDTnHnMnS");
    refuse(stage, "kcat -t t -y", "unknown flag '-y'");
    refuse(stage, "kcat -b h", "say what to do");
    refuse(stage, "kcat -C -t t -r http://h", "there is no registry of schemas here");
    refuse(stage, "kcat -b h -X dump", "-X dump: there is no librdkafka here");
    refuse(stage, "kcat -M 3", "there is no mock cluster here");
    refuse(stage, "kcat -Q -t t:0", "-Q takes -t TOPIC:PARTITION:TIME");
}

static void a_misuse_ends_as_the_tool_would(void **state)
{
    struct stage *stage = *state;
    stage->code = COMMAND_MISUSED;
    assert_int_equal(call(stage, "kafka-topics --bootstrap-server h --list"), COMMAND_FAILED);
    assert_int_equal(call(stage, "kcat -L -b h"), COMMAND_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_known_by_the_last_part_of_their_name),
        cmocka_unit_test_setup_teardown(flags_become_words_of_one_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(groups_are_chosen_by_state_and_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_groups_are_moved_and_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tools_without_a_broker_need_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_record_looks_like_is_a_format, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_is_told_what_to_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_letters_of_kcat_stay_and_its_modes_become_commands,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_misuse_ends_as_the_tool_would, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
