// The Java consumer in consumer groups (KIP-848): two members, expressions over topics, a static member
// that is restarted, and a group that is rolled from the classic protocol to the consumer protocol and
// back while records flow.
//
//     java -cp JARS ConsumerGroups.java HOST:PORT RUN
//
// Prints `ok NAME` or `not ok NAME: why`. Exits with 0 or 1.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class ConsumerGroups {
    static final int PARTITIONS = 6;
    static final int PATIENCE_SECONDS = 60;
    static String broker;
    static String run;
    static Admin admin;
    static int failures = 0;

    interface Case { void run() throws Exception; }

    static void check(String name, Case body) {
        try {
            body.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            failures++;
            System.out.println("not ok " + name + ": " + error);
        }
    }

    static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!condition.call()) {
            if (System.nanoTime() > deadline) throw new AssertionError("no " + what);
            Thread.sleep(20);
        }
    }

    static String makeTopic(String name) throws Exception {
        String topic = name + "." + run;
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
        return topic;
    }

    // What all members of a group saw: "topic-partition@offset", and how often.
    static class Seen {
        final ConcurrentHashMap<String, AtomicInteger> counts = new ConcurrentHashMap<>();

        void add(ConsumerRecord<String, String> record) {
            counts.computeIfAbsent(record.topic() + "-" + record.partition() + "@" + record.offset(),
                                   key -> new AtomicInteger()).incrementAndGet();
        }

        long repeated() {
            return counts.values().stream().filter(count -> count.get() > 1).count();
        }
    }

    // A member in a thread of its own: polls, commits what it polled, until it is told to stop.
    static class Member implements AutoCloseable {
        final Thread thread;
        final AtomicBoolean isStopping = new AtomicBoolean();
        volatile Set<TopicPartition> assigned = Set.of();
        volatile Throwable failure;

        Member(String group, String protocol, String instance, Seen seen, Object subscription) {
            Properties settings = new Properties();
            settings.put("bootstrap.servers", broker);
            settings.put("group.id", group);
            settings.put("group.protocol", protocol);
            settings.put("auto.offset.reset", "earliest");
            settings.put("enable.auto.commit", "false");
            if (instance != null) settings.put("group.instance.id", instance);
            if (protocol.equals("classic")) {
                settings.put("session.timeout.ms", "10000");
                settings.put("heartbeat.interval.ms", "300");
            }
            thread = new Thread(() -> work(settings, seen, subscription));
            thread.start();
        }

        void work(Properties settings, Seen seen, Object subscription) {
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
                     settings, new StringDeserializer(), new StringDeserializer())) {
                if (subscription instanceof SubscriptionPattern pattern) {
                    consumer.subscribe(pattern);
                } else {
                    consumer.subscribe(List.of((String) subscription));
                }
                while (!isStopping.get()) {
                    ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
                    records.forEach(seen::add);
                    if (!records.isEmpty()) consumer.commitSync();
                    assigned = Set.copyOf(consumer.assignment());
                }
            } catch (Throwable error) {
                failure = error;
            }
            assigned = Set.of();
        }

        @Override public void close() throws InterruptedException {
            isStopping.set(true);
            thread.join();
        }
    }

    static int assigned(Collection<Member> members) {
        Set<TopicPartition> all = new HashSet<>();
        int count = 0;
        for (Member member : members) {
            if (member.failure != null) throw new AssertionError(member.failure);
            all.addAll(member.assigned);
            count += member.assigned.size();
        }
        return count == all.size() ? count : -1;
    }

    static void produce(String topic, int count) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", broker);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                 settings, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, "record " + i));
            }
        }
    }

    static void twoMembers() throws Exception {
        String topic = makeTopic("two");
        String group = "two." + run;
        Seen seen = new Seen();
        produce(topic, 600);
        try (Member first = new Member(group, "consumer", null, seen, topic)) {
            await("whole assignment", () -> assigned(List.of(first)) == PARTITIONS);
            try (Member second = new Member(group, "consumer", null, seen, topic)) {
                await("shares", () -> assigned(List.of(first, second)) == PARTITIONS
                                      && first.assigned.size() == PARTITIONS / 2);
                produce(topic, 600);
                await("records", () -> seen.counts.size() == 1200);
                ConsumerGroupDescription group1 =
                    admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                if (group1.members().size() != 2 || !group1.type().toString().equals("Consumer"))
                    throw new AssertionError(group1);
            }
            await("everything again", () -> assigned(List.of(first)) == PARTITIONS);
        }
        if (seen.repeated() > 0) throw new AssertionError(seen.repeated() + " records twice");
        admin.deleteConsumerGroups(List.of(group)).all().get();
    }

    static void expressions() throws Exception {
        String one = makeTopic("rx-one");
        Seen seen = new Seen();
        SubscriptionPattern pattern = new SubscriptionPattern("rx-(one|two)\\." + run);
        try (Member member = new Member("rx." + run, "consumer", null, seen, pattern)) {
            await("one topic", () -> assigned(List.of(member)) == PARTITIONS);
            String two = makeTopic("rx-two");
            makeTopic("rx-three");
            await("two topics", () -> assigned(List.of(member)) == 2 * PARTITIONS);
            produce(one, 60);
            produce(two, 60);
            await("records", () -> seen.counts.size() == 120);
        }
        try (Member member = new Member("rx-bad." + run, "consumer", null, seen,
                                        new SubscriptionPattern("a(?=b)"))) {
            await("refusal", () -> member.failure != null);
            if (!(member.failure instanceof
                  org.apache.kafka.common.errors.InvalidRegularExpression)) {
                throw new AssertionError(member.failure);
            }
        }
    }

    static void staticMember() throws Exception {
        String topic = makeTopic("static");
        String group = "static." + run;
        Seen seen = new Seen();
        try (Member other = new Member(group, "consumer", "other", seen, topic)) {
            Member first = new Member(group, "consumer", "me", seen, topic);
            await("shares", () -> assigned(List.of(first, other)) == PARTITIONS
                                  && first.assigned.size() == PARTITIONS / 2);
            Set<TopicPartition> before = first.assigned;
            Set<TopicPartition> others = other.assigned;
            first.close();
            try (Member again = new Member(group, "consumer", "me", seen, topic)) {
                await("the same share", () -> again.assigned.equals(before));
                if (!other.assigned.equals(others)) throw new AssertionError("others moved");
            }
        }
    }

    // Members are restarted one at a time, with the other protocol, while records flow.
    static void rolling() throws Exception {
        String topic = makeTopic("rolling");
        String group = "rolling." + run;
        Seen seen = new Seen();
        int sent = 0;
        Member[] members = new Member[3];
        for (int i = 0; i < members.length; i++)
            members[i] = new Member(group, "classic", null, seen, topic);
        await("classic shares", () -> assigned(Arrays.asList(members)) == PARTITIONS);
        for (String protocol : List.of("consumer", "classic")) {
            for (int i = 0; i < members.length; i++) {
                produce(topic, 300);
                sent += 300;
                members[i].close();
                members[i] = new Member(group, protocol, null, seen, topic);
                await("shares with " + (i + 1) + " of " + protocol,
                      () -> assigned(Arrays.asList(members)) == PARTITIONS
                            && Arrays.stream(members).noneMatch(m -> m.assigned.isEmpty()));
            }
            String type = admin.listGroups().all().get().stream()
                .filter(row -> row.groupId().equals(group)).findFirst().get().type().get().toString();
            if (!type.equalsIgnoreCase(protocol)) throw new AssertionError("a " + type + " group");
        }
        int expected = sent;
        await("all records", () -> seen.counts.size() == expected);
        for (Member member : members) member.close();
        if (seen.repeated() > 0) throw new AssertionError(seen.repeated() + " records twice");
    }

    public static void main(String[] arguments) throws Exception {
        broker = arguments[0];
        run = arguments[1];
        admin = Admin.create(Map.of("bootstrap.servers", broker));
        check("java: two members share and rebalance", ConsumerGroups::twoMembers);
        check("java: expressions over topics", ConsumerGroups::expressions);
        check("java: a static member comes back", ConsumerGroups::staticMember);
        check("java: rolled to the consumer protocol and back", ConsumerGroups::rolling);
        admin.close();
        System.exit(failures == 0 ? 0 : 1);
    }
}
