import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.state.Stores;

/** Steps, aggregations without windows, cogroups, and processors with timers or stores. */
final class Streams {
    private Streams() {
    }

    static void addTo(List<Case> cases) {
        addSteps(cases);
        addAggregations(cases);
        addCogroups(cases);
        addProcessors(cases);
    }

    private static void add(List<Case> cases, String name, String words,
                            Consumer<KStream<String, String>> build) {
        cases.add(new Case("streams", name, "plain", "app:stream 'in'" + words,
                builder -> build.accept(builder.stream("in"))));
    }

    private static void addSteps(List<Case> cases) {
        add(cases, "filter", ":filter(is_even):to 'out'",
                in -> Words.out(in.filter((key, value) -> Words.isEven(value))));
        add(cases, "filter_not", ":filter_not(is_even):to 'out'",
                in -> Words.out(in.filterNot((key, value) -> Words.isEven(value))));
        add(cases, "flat_map", ":flat_map(digits):to 'out'",
                in -> Words.out(in.flatMap((key, value) -> Words.text(value).chars()
                        .mapToObj(digit -> KeyValue.pair(Words.text(key) + (char) digit,
                                value)).toList())));
        add(cases, "branch", ":branch { { 'even', is_even }, { 'null', is_null },"
                + " { 'rest', true } }"
                + ":to { even = 'out_even', null = 'out_null', rest = 'out_rest' }", in -> {
                    Map<String, KStream<String, String>> arms = in.split(Named.as("arm-"))
                            .branch((key, value) -> Words.isEven(value), Branched.as("even"))
                            .branch((key, value) -> value == null, Branched.as("null"))
                            .defaultBranch(Branched.as("rest"));
                    arms.forEach((name, arm) -> arm.to(name.replace("arm-", "out_")));
                });
        cases.add(new Case("streams", "merge", "plain", "local s = app:stream 'in'; "
                + "s:filter(is_even):map_values(mark):merge(s:filter_not(is_even), s):to 'out'",
                builder -> {
                    KStream<String, String> in = builder.stream("in");
                    Words.out(in.filter((key, value) -> Words.isEven(value))
                            .mapValues(value -> "m" + value)
                            .merge(in.filterNot((key, value) -> Words.isEven(value))).merge(in));
                }));
        add(cases, "repartition", ":select_key(last_digit):repartition('r', { partitions = 1 })"
                + ":to 'out'",
                in -> Words.out(in.selectKey((key, value) -> Words.lastDigit(value))
                        .repartition(Repartitioned.<String, String>as("r")
                                .withNumberOfPartitions(1))));
    }

    private static void addAggregations(List<Case> cases) {
        add(cases, "count", ":group_by_key():count {}:to 'out'",
                in -> Words.out(in.groupByKey().count()));
        add(cases, "reduce", ":group_by_key():" + Windows.words("reduce") + ":to 'out'",
                in -> Words.out(in.groupByKey().reduce(Words::concat)));
        add(cases, "aggregate", ":group_by_key():" + Windows.words("aggregate") + ":to 'out'",
                in -> Words.out(in.groupByKey().aggregate(() -> "(",
                        (key, value, total) -> Words.concat(total, value), Words.stored())));
        add(cases, "aggregate_deleting",
                ":group_by_key():aggregate { init = '(', add = concat_or_delete }:to 'out'",
                in -> Words.out(in.groupByKey().aggregate(() -> "(",
                        (key, value, total) -> value.endsWith("7") ? null
                                : Words.concat(total, value), Words.stored())));
        add(cases, "group_by_count", ":group_by(last_digit):count {}:to 'out'",
                in -> Words.out(in.groupBy((key, value) -> Words.lastDigit(value),
                        Grouped.with(Words.TEXT, Words.TEXT)).count()));
        add(cases, "group_by_reduce", ":group_by(last_digit):reduce { fn = concat }:to 'out'",
                in -> Words.out(in.groupBy((key, value) -> Words.lastDigit(value),
                        Grouped.with(Words.TEXT, Words.TEXT)).reduce(Words::concat)));
    }

    private static CogroupedKStream<String, String> cogroup(StreamsBuilder builder) {
        Grouped<String, String> grouped = Grouped.with(Words.TEXT, Words.TEXT);
        return builder.<String, String>stream("left").groupByKey(grouped)
                .<String>cogroup((key, value, total) -> Words.concat(total, "l" + value))
                .cogroup(builder.<String, String>stream("right").groupByKey(grouped),
                        (key, value, total) -> Words.concat(total, "r" + value));
    }

    private static void addCogroup(List<Case> cases, String name, String window,
                                   Consumer<CogroupedKStream<String, String>> build) {
        cases.add(new Case("streams", "cogroup" + name, "pair",
                "S.cogroup { { app:stream 'left':group_by_key(), add = concat_l },"
                        + " { app:stream 'right':group_by_key(), add = concat_r } }" + window
                        + ":aggregate { init = '(', merge = merge }:to 'out'",
                builder -> build.accept(cogroup(builder))));
    }

    private static void addCogroups(List<Case> cases) {
        addCogroup(cases, "", "",
                both -> Words.out(both.aggregate(() -> "(", Words.stored())));
        addCogroups(cases, "", 5);
        addCogroups(cases, "_patient", 1000); // nothing is late
    }

    private static void addCogroups(List<Case> cases, String suffix, long grace) {
        String end = ", grace = " + grace + " })";
        addCogroup(cases, "_tumbling" + suffix, ":window(S.tumbling { size = 10" + end,
                both -> Words.outWindowed(both.windowedBy(
                        TimeWindows.ofSizeAndGrace(Words.ms(10), Words.ms(grace)))
                        .aggregate(() -> "(", Words.kept(Words.TEXT))));
        addCogroup(cases, "_sliding" + suffix, ":window(S.sliding { size = 10" + end,
                both -> Words.outWindowed(both.windowedBy(
                        SlidingWindows.ofTimeDifferenceAndGrace(Words.ms(10), Words.ms(grace)))
                        .aggregate(() -> "(", Words.kept(Words.TEXT))));
        addCogroup(cases, "_session" + suffix, ":window(S.session { gap = 5" + end,
                both -> Words.outWindowed(both.windowedBy(
                        SessionWindows.ofInactivityGapAndGrace(Words.ms(5), Words.ms(grace)))
                        .aggregate(() -> "(", (key, left, right) -> Words.merge(left, right),
                                Words.kept(Words.TEXT))));
    }

    private static void addProcessors(List<Case> cases) {
        Duration ten = Words.ms(10);
        process(cases, "punctuate_stream", "every = { ['stream:10'] = tick }",
                () -> new Processors.Ticker(ten, null));
        process(cases, "punctuate_wall", "every = { ['10'] = tick }",
                () -> new Processors.Ticker(null, ten));
        process(cases, "punctuate_both", "every = { ['stream:10'] = tick, ['10'] = tick }",
                () -> new Processors.Ticker(ten, ten));
        cases.add(new Case("streams", "versioned_store", "table",
                "app:stream 'in':process { stores = { v = S.versioned { history = 20 } },"
                        + " process = put_and_look }:to 'out'",
                builder -> {
                    builder.addStateStore(Stores.versionedKeyValueStoreBuilder(
                            Stores.persistentVersionedKeyValueStore("v", Words.ms(20)),
                            Words.TEXT, Words.TEXT));
                    builder.<String, String>stream("in")
                            .process(Processors.Versions::new, "v").to("out");
                }));
    }

    private static void process(List<Case> cases, String name, String words,
                                Supplier<Processor<String, String, String,
                                        String>> processor) {
        cases.add(new Case("streams", name, "clock",
                "app:stream 'in':process { process = remember, " + words + " }:to 'out'",
                builder -> builder.<String, String>stream("in").process(processor::get)
                        .to("out")));
    }
}
