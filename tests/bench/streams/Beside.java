// Kafka Streams as it is measured beside `tidemill run`: one topology, chosen by its name, one thread.
//
//     Beside BROKERS APP TOPOLOGY STORE GUARANTEE STATE_DIR INPUT TABLE OUTPUT
//
// TOPOLOGY is pass, route, patch, regex, count, windows or join; STORE is memory or disk (RocksDB);
// GUARANTEE is exactly_once_v2 or at_least_once. Records are not gathered in a cache before they go
// on: every input has its output, as with ours, so that outputs can be counted. Ends on SIGTERM.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

public class Beside {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Pattern LINE = Pattern.compile(
        "^(\\S+) (\\S+) (\\S+) \\[([^\\]]+)\\] \"(\\S+) (\\S+) [^\"]*\" (\\d+) (\\d+) ");
    static final String[] NAMES = {"host", "ident", "user", "ts", "method", "path", "status", "bytes"};

    // A record goes on as it came, as with ours.
    record Parsed(String text, JsonNode node) {}

    static JsonNode read(String text) {
        try {
            return JSON.readTree(text);
        } catch (java.io.IOException error) {
            throw new IllegalArgumentException(error);
        }
    }

    static String patch(String text) {
        ObjectNode node = (ObjectNode) read(text);
        node.put("status", 201);
        return node.toString();
    }

    static String parse(String line) {
        Matcher matcher = LINE.matcher(line);
        if (!matcher.find())
            throw new IllegalArgumentException("no line of an access log: " + line);
        ObjectNode node = JSON.createObjectNode();
        for (int i = 0; i < NAMES.length; i++)
            node.put(NAMES[i], matcher.group(i + 1));
        return node.toString();
    }

    static void route(KStream<String, String> input, String output) {
        KStream<String, Parsed> parsed = input.mapValues(text -> new Parsed(text, read(text)))
            .filter((key, record) -> !record.node.get("level").asText().equals("debug"));
        parsed.filter((key, record) -> record.node.get("status").asInt() >= 500)
            .mapValues(record -> record.text).to(output + ".errors");
        parsed.filter((key, record) -> record.node.get("status").asInt() < 500)
            .mapValues(record -> record.text).to(output);
    }

    static void count(KStream<String, String> input, String store, String output) {
        Materialized<String, Long, KeyValueStore<Bytes, byte[]>> kept = Materialized.as(
            store.equals("memory") ? Stores.inMemoryKeyValueStore("n") : Stores.persistentKeyValueStore("n"));
        input.groupByKey().count(kept.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream().mapValues(value -> Long.toString(value)).to(output);
    }

    static void windows(KStream<String, String> input, String output) {
        Materialized<String, Long, WindowStore<Bytes, byte[]>> kept = Materialized.as("n");
        input.groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
            .count(kept.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long())).toStream()
            .map((key, value) -> new org.apache.kafka.streams.KeyValue<>(
                key.key() + "@" + key.window().start(), Long.toString(value)))
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
    }

    public static void main(String[] words) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, words[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, words[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, words[4]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, words[5]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");

        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> input = builder.stream(words[6]);
        String output = words[8];
        switch (words[2]) {
            case "pass" -> input.to(output);
            case "route" -> route(input, output);
            case "patch" -> input.mapValues(Beside::patch).to(output);
            case "regex" -> input.mapValues(Beside::parse).to(output);
            case "count" -> count(input, words[3], output);
            case "windows" -> windows(input, output);
            case "join" -> input.join(builder.<String, String>table(words[7]), (left, right) -> left + right)
                .to(output);
            default -> throw new IllegalArgumentException("no topology " + words[2]);
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(5));
            Runtime.getRuntime().halt(0);
        }));
        streams.start();
    }
}
