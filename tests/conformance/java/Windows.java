import java.util.List;
import java.util.function.Function;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;

/** Every kind of window with every aggregation and every way to emit. */
final class Windows {
    private static final String[] AGGREGATIONS = {"count", "reduce", "aggregate"};

    /** The two faces that a windowed stream has, as one. */
    private interface Shape {
        KTable<Windowed<String>, ?> aggregate(String aggregation, boolean isFinal,
                                              KGroupedStream<String, String> grouped);
    }

    private record Kind(String name, String words, Shape shape) {
    }

    private record Emission(String name, String words, boolean isFinal,
                            Suppressed<? super Windowed<String>> suppressed) {
    }

    private static final List<Emission> EMISSIONS = List.of(
            new Emission("updates", "", false, null),
            new Emission("final", ":emit 'final'", true, null),
            new Emission("closed", ":suppress 'until_closed'", false,
                    Suppressed.untilWindowCloses(BufferConfig.unbounded())),
            new Emission("limited", ":suppress { every = 6 }", false,
                    Suppressed.untilTimeLimit(Words.ms(6), BufferConfig.unbounded())));

    private static final List<Kind> KINDS = List.of(
            tumbling(10, 0), tumbling(10, 7), hopping(10, 5, 0), hopping(10, 3, 4),
            sliding(10, 0), sliding(10, 8), session(5, 0), session(5, 12));

    private static final List<Kind> EDGE_KINDS = List.of(
            tumbling(10, 0), tumbling(10, 5), hopping(10, 5, 0), hopping(10, 3, 5),
            hopping(10, 1, 5), sliding(1, 0), sliding(10, 0), sliding(10, 5), session(0, 0),
            session(5, 0), session(10, 0), session(10, 5));

    private Windows() {
    }

    static void addTo(List<Case> cases) {
        for (Kind kind : KINDS) {
            for (String aggregation : AGGREGATIONS) {
                for (Emission emission : EMISSIONS) {
                    cases.add(one("plain", kind, aggregation, emission));
                }
            }
        }
        for (Kind kind : EDGE_KINDS) {
            for (Emission emission : EMISSIONS) {
                cases.add(one("edges", kind, "aggregate", emission));
            }
        }
        // A full buffer pushes out its oldest, however young.
        cases.add(one("plain", tumbling(10, 7), "aggregate", new Emission("full",
                ":suppress { every = 6, records = 3 }", false,
                Suppressed.untilTimeLimit(Words.ms(6), BufferConfig.maxRecords(3)))));
    }

    private static Case one(String input, Kind kind, String aggregation, Emission emission) {
        String group = input.equals("edges") ? "edges" : "windows";
        return new Case(group, kind.name + "_" + aggregation + "_" + emission.name, input,
                "app:stream 'in':group_by_key():window(" + kind.words + "):" + words(aggregation)
                        + emission.words + ":to 'out'",
                builder -> build(builder, kind.shape, aggregation, emission));
    }

    static String words(String aggregation) {
        return switch (aggregation) {
            case "reduce" -> "reduce { fn = concat }";
            case "aggregate" -> "aggregate { init = '(', add = concat, merge = merge }";
            default -> "count {}";
        };
    }

    private static void build(StreamsBuilder builder, Shape shape, String aggregation,
                              Emission emission) {
        KTable<Windowed<String>, ?> table = shape.aggregate(aggregation, emission.isFinal,
                builder.<String, String>stream("in")
                        .groupByKey(Grouped.with(Words.TEXT, Words.TEXT)));
        Words.outWindowed(emission.suppressed == null ? table
                : table.suppress(emission.suppressed));
    }

    private static Kind tumbling(long size, long grace) {
        TimeWindows windows = TimeWindows.ofSizeAndGrace(Words.ms(size), Words.ms(grace));
        return time("tumbling_" + size + "_grace_" + grace,
                "S.tumbling { size = " + size + ", grace = " + grace + " }",
                grouped -> grouped.windowedBy(windows));
    }

    private static Kind hopping(long size, long advance, long grace) {
        TimeWindows windows = TimeWindows.ofSizeAndGrace(Words.ms(size), Words.ms(grace))
                .advanceBy(Words.ms(advance));
        return time("hopping_" + size + "_by_" + advance + "_grace_" + grace,
                "S.hopping { size = " + size + ", advance = " + advance + ", grace = " + grace
                        + " }",
                grouped -> grouped.windowedBy(windows));
    }

    private static Kind sliding(long size, long grace) {
        SlidingWindows windows =
                SlidingWindows.ofTimeDifferenceAndGrace(Words.ms(size), Words.ms(grace));
        return time("sliding_" + size + "_grace_" + grace,
                "S.sliding { size = " + size + ", grace = " + grace + " }",
                grouped -> grouped.windowedBy(windows));
    }

    private static Kind session(long gap, long grace) {
        SessionWindows windows =
                SessionWindows.ofInactivityGapAndGrace(Words.ms(gap), Words.ms(grace));
        return new Kind("session_" + gap + "_grace_" + grace,
                "S.session { gap = " + gap + ", grace = " + grace + " }",
                (aggregation, isFinal, grouped) -> aggregate(aggregation, isFinal,
                        grouped.windowedBy(windows)));
    }

    private static Kind time(String name, String words,
            Function<KGroupedStream<String, String>,
                    TimeWindowedKStream<String, String>> windowed) {
        return new Kind(name, words, (aggregation, isFinal, grouped) -> aggregate(aggregation,
                isFinal, windowed.apply(grouped)));
    }

    private static KTable<Windowed<String>, ?> aggregate(String aggregation, boolean isFinal,
            TimeWindowedKStream<String, String> windowed) {
        TimeWindowedKStream<String, String> stream =
                isFinal ? windowed.emitStrategy(EmitStrategy.onWindowClose()) : windowed;
        return switch (aggregation) {
            case "reduce" -> stream.reduce(Words::concat, Words.kept(Words.TEXT));
            case "aggregate" -> stream.aggregate(() -> "(",
                    (key, value, sum) -> Words.concat(sum, value), Words.kept(Words.TEXT));
            default -> stream.count(Words.kept(Serdes.Long()));
        };
    }

    private static KTable<Windowed<String>, ?> aggregate(String aggregation, boolean isFinal,
            SessionWindowedKStream<String, String> windowed) {
        SessionWindowedKStream<String, String> stream =
                isFinal ? windowed.emitStrategy(EmitStrategy.onWindowClose()) : windowed;
        return switch (aggregation) {
            case "reduce" -> stream.reduce(Words::concat, Words.kept(Words.TEXT));
            case "aggregate" -> stream.aggregate(() -> "(",
                    (key, value, sum) -> Words.concat(sum, value),
                    (key, left, right) -> Words.merge(left, right), Words.kept(Words.TEXT));
            default -> stream.count(Words.kept(Serdes.Long()));
        };
    }
}
