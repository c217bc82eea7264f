// The Java client: producer, consumer groups of both protocols, admin, transactions. One file, run by
// `java -cp JARS ClientSuite.java`.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class ClientSuite {
    static final String BROKER = System.getenv("BROKER");
    static final List<String> FEATURES =
        List.of(System.getenv().getOrDefault("FEATURES", "").split(" "));
    static final double PATIENCE = Double.parseDouble(System.getenv().getOrDefault("PATIENCE", "40"));
    static final Duration TICK = Duration.ofMillis(50);
    static boolean failed;

    interface Action {
        void run() throws Exception;
    }

    static void check(String name, Action action) {
        try {
            action.run();
            System.out.println("ok java " + name);
        } catch (Throwable error) {
            failed = true;
            System.out.println("not ok java " + name + ": " + String.valueOf(error).replace('\n', '|'));
            error.printStackTrace(System.out);
        }
    }

    static void expectEqual(Object seen, Object wanted, String what) {
        if (!Objects.equals(seen, wanted)) {
            throw new AssertionError(what + ": expected " + wanted + ", saw " + seen);
        }
    }

    static void until(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + (long) (PATIENCE * 1e9);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("waited " + PATIENCE + " s for " + what);
            }
        }
    }

    static String unique(String name) {
        return name + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    static Map<String, Object> config(Object... pairs) {
        Map<String, Object> made = new HashMap<>();
        made.put("bootstrap.servers", BROKER);
        for (int i = 0; i < pairs.length; i += 2) {
            made.put((String) pairs[i], pairs[i + 1]);
        }
        return made;
    }

    static Admin admin = Admin.create(config());

    static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(60, TimeUnit.SECONDS);
    }

    static void create(String topic, int partitions) throws Exception {
        get(admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1)
            .configs(Map.of("retention.ms", "3600000")))).all());
    }

    static List<String> numbered(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(i -> prefix + " " + i + " the same again the same again")
            .collect(Collectors.toList());
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(config(pairs), new StringSerializer(), new StringSerializer());
    }

    static RecordMetadata produce(String topic, int partition, List<String> values, Object... pairs)
        throws Exception {
        try (KafkaProducer<String, String> client = producer(pairs)) {
            RecordMetadata last = null;
            List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
            for (String value : values) {
                sent.add(client.send(new ProducerRecord<>(topic, partition, null, value)));
            }
            client.flush();
            for (var each : sent) {
                last = each.get();
            }
            return last;
        }
    }

    static KafkaConsumer<String, String> consumer(String group, Object... pairs) {
        Map<String, Object> made = config(pairs);
        if (group != null) {
            made.put("group.id", group);
            if (!"consumer".equals(made.get("group.protocol"))) {
                made.put("session.timeout.ms", "6000");
                made.put("heartbeat.interval.ms", "200");
            }
        }
        made.put("auto.offset.reset", "earliest");
        made.put("enable.auto.commit", "false");
        return new KafkaConsumer<>(made, new StringDeserializer(), new StringDeserializer());
    }

    static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> client, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        until(count + " records", () -> {
            client.poll(TICK).forEach(records::add);
            return records.size() >= count;
        });
        return records;
    }

    static List<String> readAll(String topic, int count, Object... pairs) {
        try (KafkaConsumer<String, String> client = consumer(null, pairs)) {
            TopicPartition place = new TopicPartition(topic, 0);
            client.assign(List.of(place));
            client.seekToBeginning(List.of(place));
            return take(client, count).stream().map(ConsumerRecord::value).collect(Collectors.toList());
        }
    }

    static void roundtrip(String codec) throws Exception {
        String topic = unique("java-" + codec);
        create(topic, 1);
        List<String> values = numbered(codec, 2000);
        produce(topic, 0, values, "compression.type", codec, "linger.ms", "20");
        expectEqual(readAll(topic, 2000), values, "values");
    }

    static void seekByTime() throws Exception {
        String topic = unique("java-time");
        TopicPartition place = new TopicPartition(topic, 0);
        create(topic, 1);
        long middle = produce(topic, 0, numbered("early", 40)).timestamp() + 2;
        until("the clock", () -> System.currentTimeMillis() > middle);
        produce(topic, 0, numbered("late", 40), "compression.type", "lz4");
        try (KafkaConsumer<String, String> client = consumer(null)) {
            client.assign(List.of(place));
            expectEqual(client.offsetsForTimes(Map.of(place, middle)).get(place).offset(), 40L, "offset");
            expectEqual(client.endOffsets(List.of(place)).get(place), 80L, "end");
            client.seek(place, 40);
            expectEqual(take(client, 40).get(0).value(), numbered("late", 1).get(0), "first from there");
        }
        for (var row : Map.of(OffsetSpec.earliest(), 0L, OffsetSpec.latest(), 80L,
                              OffsetSpec.forTimestamp(middle), 40L).entrySet()) {
            expectEqual(get(admin.listOffsets(Map.of(place, row.getKey())).partitionResult(place)).offset(),
                        row.getValue(), "listOffsets");
        }
        long newest = get(admin.listOffsets(Map.of(place, OffsetSpec.maxTimestamp()))
            .partitionResult(place)).offset();
        expectEqual(newest >= 40, true, "offset of the newest");
    }

    static void groupOfTwo(Object... pairs) throws Exception {
        String topic = unique("java-group"), group = unique("java-members");
        create(topic, 4);
        Set<String> seen = new HashSet<>();
        KafkaConsumer<String, String> first = consumer(group, pairs), second = consumer(group, pairs);
        BooleanSupplier pollBoth = () -> {
            for (var client : List.of(first, second)) {
                if (!client.subscription().isEmpty()) {
                    client.poll(TICK).forEach(record -> seen.add(record.partition() + " " + record.offset()));
                }
            }
            return true;
        };
        first.subscribe(List.of(topic));
        until("everything for one", () -> pollBoth.getAsBoolean() && first.assignment().size() == 4);
        second.subscribe(List.of(topic));
        until("two for each", () -> pollBoth.getAsBoolean() && first.assignment().size() == 2
            && second.assignment().size() == 2);
        for (int partition = 0; partition < 4; partition++) {
            produce(topic, partition, numbered("record", 10));
        }
        until("the records", () -> pollBoth.getAsBoolean() && seen.size() == 40);
        var described = get(admin.describeConsumerGroups(List.of(group)).all()).get(group);
        expectEqual(described.members().size(), 2, "members described");
        first.unsubscribe();
        first.close();
        until("everything for the other", () -> {
            second.poll(TICK);
            return second.assignment().size() == 4;
        });
        second.close();
    }

    static void commitAndResume() throws Exception {
        String topic = unique("java-resume"), group = unique("java-resumer");
        TopicPartition place = new TopicPartition(topic, 0);
        create(topic, 1);
        produce(topic, 0, numbered("record", 20));
        try (KafkaConsumer<String, String> client = consumer(group)) {
            client.subscribe(List.of(topic));
            take(client, 20);
            client.commitSync(Map.of(place, new OffsetAndMetadata(7, "half way")));
        }
        try (KafkaConsumer<String, String> client = consumer(group)) {
            client.subscribe(List.of(topic));
            expectEqual(take(client, 13).get(0).offset(), 7L, "first offset after the commit");
            expectEqual(client.committed(Set.of(place)).get(place).metadata(), "half way", "metadata");
        }
    }

    static void topics() throws Exception {
        String topic = unique("java-admin");
        create(topic, 2);
        try {
            create(topic, 2);
            throw new AssertionError("a second topic of that name was made");
        } catch (ExecutionException error) {
            expectEqual(error.getCause().getClass(), TopicExistsException.class, "error");
        }
        get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all());
        TopicDescription described = get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
        expectEqual(described.partitions().size(), 3, "partitions");
        Uuid id = described.topicId();
        expectEqual(get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds())
            .get(id).name(), topic, "name by id");
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        get(admin.incrementalAlterConfigs(Map.of(resource, List.of(
            new AlterConfigOp(new ConfigEntry("segment.bytes", "2097152"), AlterConfigOp.OpType.SET),
            new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND)
        ))).all());
        Config config = get(admin.describeConfigs(List.of(resource)).all()).get(resource);
        expectEqual(config.get("segment.bytes").value(), "2097152", "segment.bytes");
        expectEqual(config.get("cleanup.policy").value(), "delete,compact", "cleanup.policy");
        produce(topic, 1, List.of(), "acks", "all");
        try (KafkaProducer<String, String> client = producer()) {
            for (int i = 0; i < 10; i++) {
                client.send(new ProducerRecord<>(topic, 1, "key " + i, "value")).get();
            }
        }
        TopicPartition place = new TopicPartition(topic, 1);
        expectEqual(get(admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(4)))
            .lowWatermarks().get(place)).lowWatermark(), 4L, "low watermark");
        expectEqual(get(admin.describeCluster().nodes()).size(), 1, "brokers");
        if (FEATURES.contains("log-dirs")) {
            expectEqual(get(admin.describeLogDirs(List.of(1)).allDescriptions()).size(), 1, "log dirs");
        }
        get(admin.deleteTopics(List.of(topic)).all());
        expectEqual(get(admin.listTopics().names()).contains(topic), false, "the topic is still listed");
    }

    static void groups() throws Exception {
        String topic = unique("java-groups"), group = unique("java-listed");
        TopicPartition place = new TopicPartition(topic, 0);
        create(topic, 1);
        produce(topic, 0, numbered("record", 10));
        try (KafkaConsumer<String, String> client = consumer(group)) {
            client.subscribe(List.of(topic));
            take(client, 10);
            client.commitSync();
            expectEqual(get(admin.listGroups().all()).stream().anyMatch(
                row -> row.groupId().equals(group) && row.type().get() == GroupType.CLASSIC), true, "listed");
            expectEqual(get(admin.describeConsumerGroups(List.of(group)).all()).get(group).groupState(),
                        GroupState.STABLE, "state");
        }
        get(admin.alterConsumerGroupOffsets(group, Map.of(place, new OffsetAndMetadata(3))).all());
        expectEqual(get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata())
            .get(place).offset(), 3L, "offset");
        get(admin.deleteConsumerGroupOffsets(group, Set.of(place)).all());
        get(admin.deleteConsumerGroups(List.of(group)).all());
        if (!FEATURES.contains("consumer-groups")) {
            return; // such a broker says state Dead, which this client takes for a group
        }
        try {
            get(admin.describeConsumerGroups(List.of(group)).all());
            throw new AssertionError("a deleted group is described");
        } catch (ExecutionException error) {
            expectEqual(error.getCause().getClass(), GroupIdNotFoundException.class, "error");
        }
    }

    static void transactions() throws Exception {
        String source = unique("java-in"), target = unique("java-out"), group = unique("java-txn");
        String id = unique("java-id");
        create(source, 1);
        create(target, 1);
        List<String> values = numbered("record", 10);
        produce(source, 0, values);
        try (var client = producer("transactional.id", id); var reader = consumer(group)) {
            client.initTransactions();
            client.beginTransaction();
            client.send(new ProducerRecord<>(target, 0, null, "never"));
            client.flush();
            client.abortTransaction();
            reader.subscribe(List.of(source));
            client.beginTransaction();
            for (var record : take(reader, 10)) {
                client.send(new ProducerRecord<>(target, 0, null, record.value()));
            }
            TopicPartition place = new TopicPartition(source, 0);
            client.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(10)), reader.groupMetadata());
            client.commitTransaction();
            expectEqual(readAll(target, 10, "isolation.level", "read_committed"), values, "committed");
            expectEqual(readAll(target, 11).get(0), "never", "aborted, for who wants it");
            expectEqual(reader.committed(Set.of(place)).get(place).offset(), 10L, "offset");
            expectEqual(get(admin.listTransactions().all()).stream().anyMatch(
                row -> row.transactionalId().equals(id)), true, "listed");
            get(admin.describeTransactions(List.of(id)).all());
            try (var twin = producer("transactional.id", id)) {
                twin.initTransactions();
                client.beginTransaction();
                client.send(new ProducerRecord<>(target, 0, null, "zombie"));
                try {
                    client.commitTransaction();
                    throw new AssertionError("a fenced producer committed");
                } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                    twin.beginTransaction();
                    twin.send(new ProducerRecord<>(target, 0, null, "twin"));
                    twin.commitTransaction();
                }
            }
            expectEqual(readAll(target, 11, "isolation.level", "read_committed").get(10), "twin", "the twin's");
        }
    }

    public static void main(String[] arguments) {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            check("codec " + codec, () -> roundtrip(codec));
        }
        check("seek by time", ClientSuite::seekByTime);
        check("group of two with a rebalance", ClientSuite::groupOfTwo);
        check("group of two, cooperative", () -> groupOfTwo("partition.assignment.strategy",
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
        if (FEATURES.contains("consumer-groups")) {
            check("KIP-848 group of two", () -> groupOfTwo("group.protocol", "consumer"));
        }
        check("commit and resume", ClientSuite::commitAndResume);
        check("admin topics", ClientSuite::topics);
        check("admin groups", ClientSuite::groups);
        if (FEATURES.contains("transactions")) {
            check("transactions", ClientSuite::transactions);
        }
        admin.close(Duration.ofSeconds(5));
        System.exit(failed ? 1 : 0);
    }
}
