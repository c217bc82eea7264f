import java.util.List;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.Stores;

/** Every kind of join, over random input and over the tables of Kafka's documentation. */
final class Joins {
    private record Within(String name, long before, long after, long grace) {
        JoinWindows windows() {
            return JoinWindows.ofTimeDifferenceAndGrace(Words.ms(Math.max(before, after)),
                    Words.ms(grace)).before(Words.ms(before)).after(Words.ms(after));
        }

        String words() {
            String span = before == after ? "within = " + before
                    : "before = " + before + ", after = " + after;
            return "{ " + span + ", grace = " + grace + " }";
        }
    }

    private static final List<Within> WITHINS = List.of(
            new Within("within_10_grace_0", 10, 10, 0),
            new Within("within_10_grace_6", 10, 10, 6),
            new Within("before_4_after_9_grace_3", 4, 9, 3),
            new Within("before_8_after_0_grace_0", 8, 0, 0),
            new Within("within_0_grace_5", 0, 0, 5),
            new Within("before_12_after_minus_4_grace_0", 12, -4, 0));
    private static final Within DOCS = new Within("within_15_grace_5", 15, 15, 5);
    private static final long HISTORY = 20;
    private static final String VERSIONED = ", { versioned = " + HISTORY + " }";

    private Joins() {
    }

    static void addTo(List<Case> cases) {
        for (String kind : List.of("inner", "left", "outer")) {
            for (Within within : WITHINS) {
                cases.add(streams("pair", kind, within));
            }
            cases.add(streams("docs_streams", kind, DOCS));
            for (String input : List.of("pair", "docs_tables")) {
                cases.add(tables(input, kind, false));
            }
            for (String input : List.of("pair", "docs_versioned")) {
                cases.add(tables(input, kind, true));
            }
        }
        addSelf(cases);
        for (String kind : List.of("inner", "left")) {
            addStreamTable(cases, kind);
            for (String input : List.of("foreign", "docs_foreign")) {
                cases.add(foreign(input, kind, false));
            }
            cases.add(foreign("foreign", kind, true));
            cases.add(global(kind));
        }
    }

    private static String group(String input) {
        return input.startsWith("docs") ? "docs" : "joins";
    }

    private static String verb(String kind) {
        return kind.equals("inner") ? "join" : kind + "_join";
    }

    private static Case streams(String input, String kind, Within within) {
        return new Case(group(input), "stream_stream_" + kind + "_" + within.name, input,
                "app:stream 'left':" + verb(kind) + "(app:stream 'right', " + within.words()
                        + ", pair):to 'out'",
                builder -> {
                    KStream<String, String> left = builder.stream("left");
                    KStream<String, String> right = builder.stream("right");
                    JoinWindows windows = within.windows();
                    Words.out(switch (kind) {
                        case "left" -> left.leftJoin(right, Words::pair, windows);
                        case "outer" -> left.outerJoin(right, Words::pair, windows);
                        default -> left.join(right, Words::pair, windows);
                    });
                });
    }

    private static void addSelf(List<Case> cases) {
        Within within = new Within("within_6_grace_4", 6, 6, 4);
        String words = "local s = app:stream 'in'; s:join(s, " + within.words()
                + ", pair):to 'out'";
        for (boolean isOptimized : new boolean[] {false, true}) {
            cases.add(new Case("joins", "self" + (isOptimized ? "_optimized" : ""), "plain", words,
                    isOptimized, builder -> {
                        KStream<String, String> stream = builder.stream("in");
                        Words.out(stream.join(stream, Words::pair, within.windows()));
                    }));
        }
    }

    /** The right topic as a table; without a history the newest offset wins. */
    private static KTable<String, String> table(StreamsBuilder builder, String topic,
                                                boolean isVersioned) {
        return isVersioned ? builder.table(topic, Materialized.<String, String>as(
                Stores.persistentVersionedKeyValueStore(topic, Words.ms(HISTORY))))
                : builder.table(topic);
    }

    private static void addStreamTable(List<Case> cases, String kind) {
        cases.add(streamTable("pair", kind, "", false, 0));
        cases.add(streamTable("docs_tables", kind, "", false, 0));
        cases.add(streamTable("pair", kind, "_versioned", true, 0));
        cases.add(streamTable("docs_versioned", kind, "_versioned", true, 0));
        cases.add(streamTable("pair", kind, "_versioned_grace_6", true, 6));
        cases.add(streamTable("docs_versioned", kind, "_versioned_grace_6", true, 6));
    }

    private static Case streamTable(String input, String kind, String suffix, boolean isVersioned,
                                    long grace) {
        String table = "app:table('right'" + (isVersioned ? VERSIONED : "") + ")";
        return new Case(group(input), "stream_table_" + kind + suffix, input,
                "app:stream 'left':" + verb(kind) + "(" + table
                        + (grace > 0 ? ", { grace = " + grace + " }" : "") + ", pair):to 'out'",
                builder -> {
                    KStream<String, String> left = builder.stream("left");
                    KTable<String, String> right = table(builder, "right", isVersioned);
                    Joined<String, String, String> joined = Joined.with(Words.TEXT, Words.TEXT,
                            Words.TEXT, "joined", grace > 0 ? Words.ms(grace) : null);
                    Words.out(kind.equals("left") ? left.leftJoin(right, Words::pair, joined)
                            : left.join(right, Words::pair, joined));
                });
    }

    private static Case tables(String input, String kind, boolean isVersioned) {
        String options = isVersioned ? VERSIONED : "";
        return new Case(group(input), "table_table_" + kind + (isVersioned ? "_versioned" : ""),
                input, "app:table('left'" + options + "):" + verb(kind) + "(app:table('right'"
                        + options + "), pair):to 'out'",
                builder -> {
                    KTable<String, String> left = table(builder, "left", isVersioned);
                    KTable<String, String> right = table(builder, "right", isVersioned);
                    Words.out(switch (kind) {
                        case "left" -> left.leftJoin(right, Words::pair);
                        case "outer" -> left.outerJoin(right, Words::pair);
                        default -> left.join(right, Words::pair);
                    });
                });
    }

    private static Case foreign(String input, String kind, boolean isVersioned) {
        String options = isVersioned ? VERSIONED : "";
        return new Case(group(input), "foreign_key_" + kind + (isVersioned ? "_versioned" : ""),
                input, "app:table('left'" + options + "):" + verb(kind) + "(app:table('right'"
                        + options + "), { on = first }, pair):to 'out'",
                builder -> {
                    KTable<String, String> left = table(builder, "left", isVersioned);
                    KTable<String, String> right = table(builder, "right", isVersioned);
                    Words.out(kind.equals("left")
                            ? left.leftJoin(right, Words::first, Words::pair, Words.stored())
                            : left.join(right, Words::first, Words::pair, Words.stored()));
                });
    }

    private static Case global(String kind) {
        return new Case("joins", "stream_global_" + kind, "foreign",
                "app:stream 'left':" + verb(kind)
                        + "(app:global_table 'right', { on = first }, pair):to 'out'",
                builder -> {
                    KStream<String, String> left = builder.stream("left");
                    GlobalKTable<String, String> right = builder.globalTable("right");
                    Words.out(kind.equals("left")
                            ? left.leftJoin(right, (key, value) -> firstOrNull(value), Words::pair)
                            : left.join(right, (key, value) -> firstOrNull(value), Words::pair));
                });
    }

    private static String firstOrNull(String value) {
        return value == null ? null : Words.first(value);
    }
}
