import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Tables: their chains, and aggregations that add and subtract. */
final class Tables {
    private static final String IN = "app:table 'in'";

    private Tables() {
    }

    static void addTo(List<Case> cases) {
        addChains(cases);
        addGrouped(cases);
        addConversions(cases);
    }

    private static Case chain(String name, String words,
                              Function<KTable<String, String>, KTable<String, ?>> chain) {
        return new Case("tables", name, "table", IN + words + ":to 'out'",
                builder -> Words.out(chain.apply(builder.table("in"))));
    }

    private static void addChains(List<Case> cases) {
        cases.add(chain("pass", "", table -> table));
        cases.add(chain("filter", ":filter(is_even)",
                table -> table.filter((key, value) -> Words.isEven(value))));
        cases.add(chain("filter_stored", ":filter(is_even, { store = 'even' })",
                table -> table.filter((key, value) -> Words.isEven(value), Words.stored("even"))));
        cases.add(chain("filter_not", ":filter_not(is_even)",
                table -> table.filterNot((key, value) -> Words.isEven(value))));
        cases.add(chain("map_values", ":map_values(mark)",
                table -> table.mapValues(value -> "m" + value)));
        cases.add(chain("map_values_stored", ":map_values(mark, { store = 'marked' })",
                table -> table.mapValues(value -> "m" + value, Words.stored("marked"))));
        cases.add(chain("filter_map_filter",
                ":filter(is_even):map_values(half):filter(is_even, { store = 'quarters' })",
                table -> table.filter((key, value) -> Words.isEven(value))
                        .mapValues(value -> Integer.toString(Integer.parseInt(value) / 2))
                        .filter((key, value) -> Words.isEven(value), Words.stored("quarters"))));
        cases.add(chain("suppress", ":suppress { every = 6 }", table -> table.suppress(
                Suppressed.untilTimeLimit(Words.ms(6), BufferConfig.unbounded()))));
        cases.add(chain("suppress_full", ":suppress { every = 6, records = 2 }",
                table -> table.suppress(
                        Suppressed.untilTimeLimit(Words.ms(6), BufferConfig.maxRecords(2)))));
        cases.add(new Case("tables", "versioned", "table",
                "app:table('in', { versioned = 20 }):to 'out'",
                builder -> Words.out(builder.table("in", versioned()))));
        cases.add(new Case("tables", "versioned_filter_stored", "table",
                "app:table('in', { versioned = 20 }):filter(is_even, { store = 'even' }):to 'out'",
                builder -> Words.out(builder.<String, String>table("in", versioned()).filter(
                        (key, value) -> Words.isEven(value), Words.stored("even")))));
    }

    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> versioned() {
        return Materialized.as(Stores.persistentVersionedKeyValueStore("in", Words.ms(20)));
    }

    private static void addGrouped(List<Case> cases) {
        for (boolean isVersioned : new boolean[] {false, true}) {
            addGrouped(cases, "count", "count {}", isVersioned, KGroupedTable::count);
            addGrouped(cases, "reduce", "reduce { add = sum, sub = difference }", isVersioned,
                    grouped -> grouped.reduce(Tables::sum, Tables::difference));
            addGrouped(cases, "aggregate",
                    "aggregate { init = '(', add = concat, sub = minus }", isVersioned,
                    grouped -> grouped.aggregate(() -> "(",
                            (key, value, total) -> Words.concat(total, "+" + value),
                            (key, value, total) -> Words.concat(total, "-" + value),
                            Words.stored()));
        }
        cases.add(new Case("tables", "group_by_same_key", "table",
                IN + ":group_by(function(r) return r.key, r.value end)"
                        + ":aggregate { init = '(', add = concat, sub = minus }:to 'out'",
                builder -> Words.out(builder.<String, String>table("in")
                        .groupBy(KeyValue::pair, Grouped.with(Words.TEXT, Words.TEXT))
                        .aggregate(() -> "(",
                                (key, value, total) -> Words.concat(total, "+" + value),
                                (key, value, total) -> Words.concat(total, "-" + value),
                                Words.stored()))));
    }

    /** Grouped by the letter of the value; the numbers are aggregated. */
    private static void addGrouped(List<Case> cases, String name, String words,
            boolean isVersioned, Function<KGroupedTable<String, String>, KTable<String, ?>> what) {
        String options = isVersioned ? ", { versioned = 20 }" : "";
        cases.add(new Case("tables", "group_by_" + name + (isVersioned ? "_versioned" : ""),
                "grouped", "app:table('in'" + options
                        + "):group_by(function(r) return first(r), rest(r) end):" + words
                        + ":to 'out'",
                builder -> {
                    KTable<String, String> table = isVersioned ? builder.table("in", versioned())
                            : builder.table("in");
                    Words.out(what.apply(table.groupBy((key, value) ->
                            KeyValue.pair(Words.first(value), Words.rest(value)),
                            Grouped.with(Words.TEXT, Words.TEXT))));
                }));
    }

    private static String sum(String total, String value) {
        return Integer.toString(Integer.parseInt(total) + Integer.parseInt(value));
    }

    private static String difference(String total, String value) {
        return Integer.toString(Integer.parseInt(total) - Integer.parseInt(value));
    }

    private static void addConversions(List<Case> cases) {
        add(cases, "stream_to_table", ":to_table():to 'out'",
                stream -> Words.out(stream.toTable()));
        add(cases, "stream_to_table_stored", ":to_table { store = 't' }:to 'out'",
                stream -> Words.out(stream.toTable(Words.stored("t"))));
        add(cases, "stream_to_table_rekeyed", ":select_key(last_digit):to_table():to 'out'",
                stream -> Words.out(stream.selectKey((key, value) -> Words.lastDigit(value))
                        .toTable()));
        add(cases, "table_of_aggregate", ":group_by_key():reduce { fn = concat }"
                        + ":filter(ends_even):map_values(mark):to 'out'",
                stream -> Words.out(stream.groupByKey().reduce(Words::concat)
                        .filter((key, value) -> Words.isEven(value.substring(value.length() - 1)))
                        .mapValues(value -> "m" + value)));
    }

    private static void add(List<Case> cases, String name, String words,
                            Consumer<KStream<String, String>> build) {
        cases.add(new Case("tables", name, "plain", "app:stream 'in'" + words,
                builder -> build.accept(builder.stream("in"))));
    }
}
