import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Asks Kafka Streams: plays every input through every case and writes down what comes out.
 *
 *     java Play FOLDER [rocksdb]
 *
 * Writes FOLDER/inputs, FOLDER/outputs, FOLDER/cases.tsv and FOLDER/murmur2.tsv. Stores are in
 * memory, where what is too old is gone at once and not with its segment; rocksdb says otherwise.
 */
public final class Play {
    private static final String APPLICATION = "conformance";

    private final Path scratch;
    private final boolean isRocksdb;

    private Play(Path scratch, boolean isRocksdb) {
        this.scratch = scratch;
        this.isRocksdb = isRocksdb;
    }

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        Path scratch = Files.createTempDirectory("conformance");
        try {
            new Play(scratch, arguments.length > 1).all(folder);
        } finally {
            remove(scratch);
        }
    }

    private void all(Path folder) throws IOException {
        Map<String, List<String>> inputs = Inputs.all();
        for (Map.Entry<String, List<String>> input : inputs.entrySet()) {
            write(folder.resolve("inputs/" + input.getKey() + ".tsv"), input.getValue());
        }
        List<String> index = new ArrayList<>();
        for (Case one : cases()) {
            for (Map.Entry<String, List<String>> input : inputs.entrySet()) {
                String[] familyAndSeed = input.getKey().split("-");
                if (!familyAndSeed[0].equals(one.input())) {
                    continue;
                }
                String output = one.group() + "/" + one.name() + "-" + familyAndSeed[1];
                index.add(input.getKey() + "\t" + output + "\t" + one.topology());
                write(folder.resolve("outputs/" + output + ".tsv"), play(one, input.getValue()));
            }
        }
        write(folder.resolve("cases.tsv"), index);
        write(folder.resolve("murmur2.tsv"), Murmur2.table());
    }

    private static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        Windows.addTo(cases);
        Joins.addTo(cases);
        Tables.addTo(cases);
        Streams.addTo(cases);
        return cases;
    }

    private List<String> play(Case one, List<String> input) {
        Properties settings = settings(one);
        StreamsBuilder builder = new StreamsBuilder();
        one.build().accept(builder);
        List<String> output = new ArrayList<>();
        try (TopologyTestDriver driver = new TopologyTestDriver(builder.build(settings), settings,
                Instant.ofEpochMilli(0))) {
            double dropped = 0;
            for (int step = 1; step <= input.size(); step++) {
                send(driver, input.get(step - 1).split("\t"));
                for (String failure : Failures.take()) {
                    output.add(step + "\t@failed\t" + failure);
                }
                double droppedNow = dropped(driver);
                if (droppedNow != dropped) {
                    output.add(step + "\t@dropped\t" + (long) (droppedNow - dropped));
                    dropped = droppedNow;
                }
                drain(driver, step, output);
            }
        } catch (RuntimeException problem) {
            throw new IllegalStateException(one.group() + "/" + one.name(), problem);
        }
        return output;
    }

    private Properties settings(Case one) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, scratch.toString());
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, Failures.class);
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG,
                one.isOptimized() ? StreamsConfig.OPTIMIZE : StreamsConfig.NO_OPTIMIZATION);
        if (!isRocksdb) {
            settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
                    "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$"
                            + "InMemoryDslStoreSuppliers");
        }
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
        settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
        return settings;
    }

    private static void send(TopologyTestDriver driver, String[] columns) {
        if (columns[0].equals("@wall")) {
            driver.advanceWallClockTime(Words.ms(Long.parseLong(columns[1])));
            return;
        }
        StringSerializer text = new StringSerializer();
        driver.createInputTopic(columns[0], text, text).pipeInput(new TestRecord<>(
                orNull(columns[2]), orNull(columns[3]),
                Instant.ofEpochMilli(Long.parseLong(columns[1]))));
    }

    private static double dropped(TopologyTestDriver driver) {
        return driver.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("dropped-records-total"))
                .mapToDouble(metric -> (double) metric.getValue().metricValue()).sum();
    }

    private static void drain(TopologyTestDriver driver, int step, List<String> output) {
        StringDeserializer text = new StringDeserializer();
        for (String topic : new TreeSet<>(driver.producedTopicNames())) {
            if (topic.startsWith(APPLICATION + "-")) {
                continue;
            }
            for (TestRecord<String, String> record
                    : driver.createOutputTopic(topic, text, text).readRecordsToList()) {
                String key = record.key() == null ? "\\N" : record.key();
                String columns = key.contains("\t") ? key : key + "\t-\t-";
                output.add(step + "\t" + topic + "\t" + record.timestamp() + "\t" + columns + "\t"
                        + (record.value() == null ? "\\N" : record.value()));
            }
        }
    }

    private static String orNull(String column) {
        return column.equals("\\N") ? null : column;
    }

    private static void write(Path file, List<String> lines) throws IOException {
        Files.createDirectories(file.getParent());
        Files.write(file, lines);
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
