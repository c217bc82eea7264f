"""confluent-kafka: the current librdkafka, with everything that it can ask a broker."""

import os
import sys

from confluent_kafka import (Consumer, ConsumerGroupTopicPartitions, ConsumerGroupType,
                             IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
                                   NewPartitions, NewTopic, OffsetSpec, ResourceType)

import batches
from checks import Checks, expect, expect_equal, now_ms, unique, wait_for, wait_past

BROKER = os.environ["BROKER"]
FEATURES = os.environ.get("FEATURES", "").split()
SECONDS = 60
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


ADMIN = AdminClient({"bootstrap.servers": BROKER})


def admin():
    return ADMIN


def done(futures):
    """The results of an admin call; raises the first error."""
    return {key: future.result(SECONDS) for key, future in futures.items()}


def create(topic, partitions, **configs):
    pairs = {name.replace("_", "."): value for name, value in configs.items()}
    done(admin().create_topics([NewTopic(topic, partitions, 1, config=pairs)]))
    wait_for(lambda: is_known(topic), f"{topic} to be known")  # Kafka's topics come in steps


def is_known(topic):
    try:
        return done(admin().describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
    except KafkaException:
        return False


def produce(topic, values, partition=0, **options):
    """Answers the delivered messages in order."""
    delivered, errors = [], []

    def on_delivery(error, message):
        (errors if error else delivered).append(error or message)

    client = Producer({"bootstrap.servers": BROKER, "linger.ms": 20,
                       **{name.replace("_", "."): value for name, value in options.items()}})
    for value in values:
        client.produce(topic, value, partition=partition, on_delivery=on_delivery)
    expect_equal(client.flush(SECONDS), 0, "messages left over")
    expect_equal(errors, [], "errors")
    return delivered


def consumer(group=None, **options):
    settings = {"bootstrap.servers": BROKER, "group.id": group or unique("confluent-alone"),
                "auto.offset.reset": "earliest", "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 500, **options}
    if options.get("group.protocol") != "consumer":  # these are the broker's to say
        settings |= {"heartbeat.interval.ms": 200, "session.timeout.ms": 6000}
    return Consumer(settings)


def take(client, count):
    messages = []

    def enough():
        for message in client.consume(500, 0.1):
            if message.error():
                raise KafkaException(message.error())
            messages.append(message)
        return len(messages) >= count

    wait_for(enough, lambda: f"{count} records; there are {len(messages)}")
    return messages


def read_all(topic, count, **options):
    client = consumer(**options)
    client.assign([TopicPartition(topic, 0, 0)])
    messages = take(client, count)
    client.close()
    return messages


def roundtrip(codec):
    topic = unique(f"confluent-{codec}")
    create(topic, 1)
    values = [f"{codec} {number} {'the same again ' * 8}".encode() for number in range(2000)]
    sent = produce(topic, values, compression_type=codec)
    expect_equal([message.offset() for message in sent], list(range(2000)), "offsets")
    expect_equal([message.value() for message in read_all(topic, 2000)], values, "values")
    expect_equal(batches.codecs(BROKER, topic), {codec}, "codecs of the batches")


def idempotent():
    topic = unique("confluent-idempotent")
    create(topic, 1)
    values = [str(number).encode() for number in range(1000)]
    produce(topic, values, enable_idempotence=True, batch_num_messages=50)
    expect_equal([message.value() for message in read_all(topic, 1000)], values, "values")


def seek_by_time():
    topic = unique("confluent-time")
    create(topic, 1)
    early = produce(topic, [b"early"] * 40)
    middle = wait_past(early[-1].timestamp()[1])
    wait_past(middle)
    produce(topic, [b"late"] * 40, compression_type="lz4")
    client = consumer()
    found = client.offsets_for_times([TopicPartition(topic, 0, middle)], SECONDS)[0]
    expect_equal(found.offset, 40, "offset at the time")
    later = client.offsets_for_times([TopicPartition(topic, 0, now_ms() + 3600000)], SECONDS)[0]
    expect_equal(later.offset, -1, "offset in the future (the end)")
    expect_equal(client.get_watermark_offsets(TopicPartition(topic, 0), SECONDS), (0, 80), "ends")
    client.assign([found])
    expect_equal(take(client, 40)[0].value(), b"late", "the first record from there")
    client.close()
    place = TopicPartition(topic, 0)
    for spec, wanted in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 80),
                         (OffsetSpec.for_timestamp(middle), 40)):
        rows = done(admin().list_offsets({place: spec}))
        expect_equal(rows[place].offset, wanted, "list_offsets")
    newest = done(admin().list_offsets({place: OffsetSpec.max_timestamp()}))[place]
    expect(newest.offset >= 40, "the newest record is an early one")


def group_of_two(protocol):
    topic, group = unique(f"confluent-{protocol}"), unique(f"confluent-{protocol}-group")
    create(topic, 4)
    options = {"group.protocol": protocol}
    seen = {}

    def member(name):
        client = consumer(group, **options, **{"client.id": name})
        client.subscribe([topic])
        seen[name] = set()
        return client

    def poll(name, client):
        message = client.poll(0.02)
        if message is not None and not message.error():
            seen[name].add(message.value())

    first, second = member("first"), None
    try:
        wait_for(lambda: poll("first", first) or len(first.assignment()) == 4, "all of them")
        values = {f"{part} {number}".encode() for part in range(4) for number in range(10)}
        for value in values:
            produce(topic, [value], partition=int(value[:1]))
        wait_for(lambda: poll("first", first) or values <= seen["first"], "the first records")
        second = member("second")

        def are_shared():
            poll("first", first)
            poll("second", second)
            return len(first.assignment()) == 2 and len(second.assignment()) == 2

        wait_for(are_shared, lambda: f"{first.assignment()} and {second.assignment()}")
        more = {b"more " + value for value in values}
        for value in more:
            produce(topic, [value], partition=int(value[5:6]))
        wait_for(lambda: are_shared() and more <= seen["first"] | seen["second"], "the next records")
        described = done(admin().describe_consumer_groups([group]))[group]
        expect_equal(len(described.members), 2, "members")
        expect_equal(described.type.name.lower(), protocol, "type of the group")
        first.close()
        wait_for(lambda: poll("second", second) or len(second.assignment()) == 4, "the rest")
    finally:
        for client in (first, second):
            if client is not None:
                try:
                    client.close()
                except RuntimeError:  # closed already
                    pass


def commit_and_resume():
    topic, group = unique("confluent-resume"), unique("confluent-resumer")
    create(topic, 1)
    produce(topic, [str(number).encode() for number in range(20)])
    client = consumer(group)
    client.subscribe([topic])
    take(client, 20)
    client.commit(offsets=[TopicPartition(topic, 0, 7, "half way")], asynchronous=False)
    client.close()
    client = consumer(group)
    client.subscribe([topic])
    expect_equal([message.offset() for message in take(client, 13)], list(range(7, 20)), "the rest")
    committed = client.committed([TopicPartition(topic, 0)], SECONDS)[0]
    expect_equal((committed.offset, committed.metadata), (7, "half way"), "committed")
    client.close()


def admin_topics():
    topic, client = unique("confluent-admin"), admin()
    create(topic, 2, retention_ms="3600000")
    try:
        create(topic, 2)
        expect(False, "a second topic of that name was made")
    except KafkaException as error:
        expect_equal(error.args[0].code(), KafkaError.TOPIC_ALREADY_EXISTS, "error")
    done(client.create_partitions([NewPartitions(topic, 3)]))
    wait_for(lambda: len(client.list_topics(topic, SECONDS).topics[topic].partitions) == 3,
             "three partitions")
    produce(topic, [b"record"] * 10, partition=2)
    place = TopicPartition(topic, 2, 4)
    deleted = wait_for_result(lambda: done(client.delete_records([place])))
    expect_equal([row.low_watermark for row in deleted.values()], [4], "low watermark")
    if hasattr(client, "describe_topics"):
        from confluent_kafka import TopicCollection
        described = done(client.describe_topics(TopicCollection([topic])))[topic]
        expect_equal(len(described.partitions), 3, "partitions described")
        expect(not described.is_internal and str(described.topic_id) != "", "the description")
    done(client.delete_topics([topic]))
    wait_for(lambda: topic not in client.list_topics(timeout=SECONDS).topics, "the topic to be gone")


def wait_for_result(action):
    return wait_for(action, "an answer")


def admin_configs():
    topic, client = unique("confluent-configs"), admin()
    create(topic, 1, retention_ms="3600000")
    name = ConfigResource(ResourceType.TOPIC, topic)

    def value_of(key):
        return done(client.describe_configs([name]))[name][key].value

    expect_equal(value_of("retention.ms"), "3600000", "set when it was made")
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("segment.bytes", "2097152", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND),
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE)])
    done(client.incremental_alter_configs([change]))
    wait_for(lambda: value_of("segment.bytes") == "2097152", "the new value")
    expect_equal(value_of("cleanup.policy"), "delete,compact", "appended")
    expect_equal(value_of("retention.ms"), "604800000", "deleted")
    cluster = client.describe_cluster().result(SECONDS)
    expect_equal(len(cluster.nodes), 1, "brokers")


def admin_groups():
    topic, group = unique("confluent-groups"), unique("confluent-listed")
    create(topic, 1)
    produce(topic, [b"record"] * 10)
    member, client = consumer(group), admin()
    member.subscribe([topic])
    take(member, 10)
    member.commit(asynchronous=False)
    listed = client.list_consumer_groups().result(SECONDS)
    rows = {row.group_id: row for row in listed.valid}
    expect_equal(rows[group].type, ConsumerGroupType.CLASSIC, "type")
    expect_equal(rows[group].state.name, "STABLE", "state")
    member.close()
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])
    wait_for_result(lambda: done(client.alter_consumer_group_offsets([wanted])))
    found = done(client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
    expect_equal([(row.topic, row.offset) for row in found.topic_partitions], [(topic, 3)], "offsets")
    done(client.delete_consumer_groups([group]))
    listed = client.list_consumer_groups().result(SECONDS)
    expect(group not in [row.group_id for row in listed.valid], "the group is still there")


def transactions():
    source, target = unique("confluent-txn-in"), unique("confluent-txn-out")
    group, name = unique("confluent-txn-group"), unique("confluent-txn-id")
    for topic in (source, target):
        create(topic, 1)
    produce(source, [str(number).encode() for number in range(10)])
    client = Producer({"bootstrap.servers": BROKER, "transactional.id": name})
    client.init_transactions(SECONDS)
    client.begin_transaction()
    client.produce(target, b"never", partition=0)
    client.flush(SECONDS)
    client.abort_transaction(SECONDS)
    reader = consumer(group)
    reader.subscribe([source])
    client.begin_transaction()
    for message in take(reader, 10):
        client.produce(target, message.value(), partition=0)
    client.send_offsets_to_transaction(reader.position(reader.assignment()),
                                       reader.consumer_group_metadata(), SECONDS)
    client.commit_transaction(SECONDS)
    reader.close()
    committed = [message.value() for message in read_all(target, 10)]
    expect_equal(committed, [str(number).encode() for number in range(10)], "what was committed")
    everything = read_all(target, 11, **{"isolation.level": "read_uncommitted"})
    expect_equal(everything[0].value(), b"never", "what was aborted, for who wants it")
    again = consumer(group)
    found = again.committed([TopicPartition(source, 0)], SECONDS)[0]
    expect_equal(found.offset, 10, "offset committed in the transaction")
    again.close()
    twin = Producer({"bootstrap.servers": BROKER, "transactional.id": name})
    twin.init_transactions(SECONDS)
    client.begin_transaction()
    client.produce(target, b"zombie", partition=0)
    try:
        client.commit_transaction(SECONDS)
        expect(False, "a fenced producer committed")
    except KafkaException as error:
        expect(error.args[0].fatal(), f"the zombie's error: {error}")
    end = done(admin().list_offsets({TopicPartition(target, 0): OffsetSpec.latest()},
                                    isolation_level=IsolationLevel.READ_COMMITTED))
    expect(end[TopicPartition(target, 0)].offset >= 12, "the last stable offset")


def main():
    checks = Checks()
    for codec in CODECS:
        checks.run(f"confluent codec {codec}", roundtrip, codec)
    checks.run("confluent idempotent producer", idempotent)
    checks.run("confluent seek by time", seek_by_time)
    checks.run("confluent classic group with a rebalance", group_of_two, "classic")
    if "consumer-groups" in FEATURES:
        checks.run("confluent KIP-848 group with a rebalance", group_of_two, "consumer")
    checks.run("confluent commit and resume", commit_and_resume)
    checks.run("confluent admin topics", admin_topics)
    checks.run("confluent admin configs", admin_configs)
    checks.run("confluent admin groups", admin_groups)
    if "transactions" in FEATURES:
        checks.run("confluent transactions", transactions)
    return checks.finish()


sys.exit(main())
