// Kafka Streams as it is measured beside `tidemill run`: one topology, chosen by its name, one thread.
//
//     Beside BROKERS APP TOPOLOGY STORE GUARANTEE STATE_DIR INPUT TABLE OUTPUT [NAME=VALUE ...]
//
// TOPOLOGY is pass, bytes (pass, of any bytes), route, patch, regex, count, windows or join; STORE is
// memory or disk (RocksDB); GUARANTEE is exactly_once_v2 or at_least_once; NAME=VALUE is a setting over
// those below. Records are not gathered in a cache before they go on: every input has its output, as
// with ours, so that outputs can be counted. What is read from changelogs is told on standard error.
// Ends on SIGTERM, and leaves its group, so that the next one need not wait until it is missed.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.StateRestoreListener;
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

    static Topology topology(String[] words) {
        StreamsBuilder builder = new StreamsBuilder();
        String output = words[8];
        if (words[2].equals("bytes")) {
            builder.stream(words[6], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
            return builder.build();
        }
        KStream<String, String> input = builder.stream(words[6]);
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
        return builder.build();
    }

    // How many changes were read from a changelog, and in how long.
    static class Told implements StateRestoreListener {
        final Map<TopicPartition, Long> began = new ConcurrentHashMap<>();

        public void onRestoreStart(TopicPartition changelog, String store, long from, long to) {
            began.put(changelog, System.nanoTime());
        }

        public void onBatchRestored(TopicPartition changelog, String store, long to, long count) {
        }

        public void onRestoreEnd(TopicPartition changelog, String store, long count) {
            System.err.printf("read %d changes of its stores from changelogs in %.1f s%n", count,
                (System.nanoTime() - began.get(changelog)) / 1e9);
        }
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
        for (int i = 9; i < words.length; i++) {
            String[] setting = words[i].split("=", 2);
            settings.put(setting[0], setting[1]);
        }

        KafkaStreams streams = new KafkaStreams(topology(words), settings);
        streams.setGlobalStateRestoreListener(new Told());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(CloseOptions.groupMembershipOperation(
                CloseOptions.GroupMembershipOperation.LEAVE_GROUP).withTimeout(Duration.ofSeconds(5)));
            Runtime.getRuntime().halt(0);
        }));
        streams.start();
    }
}
