import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;

/** The functions of the topologies, all on text; the README says what each does. */
final class Words {
    static final Serde<String> TEXT = Serdes.String();
    static final int KEPT = 8;

    private Words() {
    }

    static String text(Object value) {
        return value == null ? "~" : value.toString();
    }

    static String keep(String text) {
        return text.substring(Math.max(0, text.length() - KEPT));
    }

    static String concat(String accumulator, String value) {
        return keep(text(accumulator) + text(value));
    }

    static String merge(String left, String right) {
        return keep(text(left) + "|" + text(right));
    }

    static String pair(String left, String right) {
        return text(left) + ":" + text(right);
    }

    static String first(String value) {
        return value.startsWith("-") ? null : value.substring(0, 1);
    }

    static String rest(String value) {
        return value.substring(1);
    }

    static String lastDigit(String value) {
        return value == null ? null : value.substring(value.length() - 1);
    }

    static String show(Object value) {
        return value == null ? null : value.toString();
    }

    static boolean isEven(String value) {
        return value != null && Integer.parseInt(value) % 2 == 0;
    }

    static Duration ms(long span) {
        return Duration.ofMillis(span);
    }

    static <S extends StateStore> Materialized<String, String, S> stored() {
        return Materialized.with(TEXT, TEXT);
    }

    static <S extends StateStore> Materialized<String, String, S> stored(String name) {
        return Materialized.<String, String, S>as(name).withKeySerde(TEXT).withValueSerde(TEXT);
    }

    /** Windows are kept far longer than they are open, so that no store decides what is late. */
    static <V, S extends StateStore> Materialized<String, V, S> kept(Serde<V> serde) {
        return Materialized.<String, V, S>with(TEXT, serde).withRetention(ms(3600_000));
    }

    static void out(KStream<String, ?> stream) {
        stream.map((key, value) -> KeyValue.pair(key, show(value))).to("out");
    }

    static void out(KTable<String, ?> table) {
        out(table.toStream());
    }

    /** Writes window start and end behind the key, as columns. */
    static void outWindowed(KTable<Windowed<String>, ?> table) {
        out(table.toStream().selectKey((key, value) -> key.key() + "\t" + key.window().start()
                + "\t" + key.window().end()));
    }
}
