"""python3-kafka 2.0.2 from Debian: producer, consumer, groups, admin."""

import os
import sys
import threading

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions,
                         NewTopic)
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError
from kafka.structs import OffsetAndMetadata

import batches
from checks import Checks, expect, expect_equal, now_ms, unique, wait_for, wait_past

BROKER = os.environ["BROKER"]
SECONDS = 60


def admin_client():
    return KafkaAdminClient(bootstrap_servers=BROKER)


def create(topic, partitions, **options):
    admin = admin_client()
    admin.create_topics([NewTopic(topic, partitions, 1, **options)])
    admin.close()


def producer(**options):
    return KafkaProducer(bootstrap_servers=BROKER, acks="all", **options)


def produce(topic, values, partition=0, **options):
    """Sends the values and answers the metadata of each, which exists when it was acknowledged."""
    client = producer(**options)
    pending = [client.send(topic, value, partition=partition) for value in values]
    client.flush(SECONDS)
    acknowledged = [future.get(SECONDS) for future in pending]
    client.close()
    return acknowledged


def reader(topic, partitions=(0,), **options):
    """A consumer without a group at the beginning of these partitions."""
    client = KafkaConsumer(bootstrap_servers=BROKER, auto_offset_reset="earliest", **options)
    assigned = [TopicPartition(topic, partition) for partition in partitions]
    client.assign(assigned)
    client.seek_to_beginning(*assigned)
    return client


def take(client, count):
    """The next `count` records of a consumer."""
    records = []

    def enough():
        for part in client.poll(timeout_ms=100).values():
            records.extend(part)
        return len(records) >= count

    wait_for(enough, lambda: f"{count} records; there are {len(records)}")
    expect_equal(len(records), count, "count of records")
    return records


def roundtrip(codec):
    topic = unique(f"python-{codec}")
    create(topic, 1)
    values = [f"{codec} {number} {'the same again ' * 8}".encode() for number in range(2000)]
    sent = produce(topic, values, compression_type=None if codec == "none" else codec)
    expect_equal([row.offset for row in sent], list(range(2000)), "offsets at the producer")
    client = reader(topic)
    records = take(client, 2000)
    client.close()
    expect_equal([record.value for record in records], values, "values")
    expect_equal([record.offset for record in records], list(range(2000)), "offsets")
    expect_equal(batches.codecs(BROKER, topic), {codec}, "codecs of the batches")


def keys_and_headers():
    topic = unique("python-keys")
    create(topic, 1)
    client = producer()
    headers = [("color", b"green"), ("color", b"\x00\xff"), ("empty", b"")]
    client.send(topic, b"value", key=b"key", headers=headers, timestamp_ms=1700000000123)
    client.send(topic, None, key=b"gone")
    client.send(topic, b"", key=None)
    client.flush(SECONDS)
    client.close()
    source = reader(topic)
    first, tombstone, empty = take(source, 3)
    source.close()
    expect_equal((first.key, first.value, first.headers), (b"key", b"value", headers), "record")
    expect_equal(first.timestamp, 1700000000123, "timestamp")
    expect_equal((tombstone.key, tombstone.value), (b"gone", None), "a record without a value")
    expect_equal((empty.key, empty.value), (None, b""), "a record without a key")


def seek_by_time():
    topic = unique("python-time")
    create(topic, 1)
    place = TopicPartition(topic, 0)
    early = produce(topic, [f"early {number}".encode() for number in range(40)])
    middle = wait_past(early[-1].timestamp)
    wait_past(middle)
    produce(topic, [f"late {number}".encode() for number in range(40)], compression_type="lz4")
    client = reader(topic)
    found = client.offsets_for_times({place: middle})[place]
    expect_equal(found.offset, 40, "offset at the time")
    expect(found.timestamp >= middle, f"{found.timestamp} is before {middle}")
    expect_equal(client.offsets_for_times({place: 0})[place].offset, 0, "offset at time 0")
    expect_equal(client.offsets_for_times({place: now_ms() + 3_600_000})[place], None, "future")
    expect_equal(client.beginning_offsets([place]), {place: 0}, "beginning")
    expect_equal(client.end_offsets([place]), {place: 80}, "end")
    client.seek(place, found.offset)
    expect_equal(take(client, 40)[0].value, b"late 0", "first record from there")
    client.close()


class Member:
    """A consumer in a thread of its own: this client blocks while it joins."""

    def __init__(self, group, topic):
        self.values = []
        self.assigned = set()
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, args=(group, topic), daemon=True)
        self.thread.start()

    def work(self, group, topic):
        try:
            client = KafkaConsumer(topic, bootstrap_servers=BROKER, group_id=group,
                                   auto_offset_reset="earliest", session_timeout_ms=10000,
                                   heartbeat_interval_ms=300, metadata_max_age_ms=1000)
            while not self.stopping.is_set():
                for part in client.poll(timeout_ms=100).values():
                    self.values.extend((record.partition, record.value) for record in part)
                self.assigned = {place.partition for place in client.assignment()}
            client.close()
            self.assigned = set()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.stopping.set()
        self.thread.join(SECONDS)
        if self.error:
            raise self.error


def produce_everywhere(topic, name):
    values = set()
    for partition in range(4):
        part = [f"{name} {partition} {number}".encode() for number in range(10)]
        produce(topic, part, partition)
        values.update((partition, value) for value in part)
    return values


def group_of_two():
    topic, group = unique("python-group"), unique("python-members")
    everyone = {0, 1, 2, 3}
    create(topic, 4)
    first = Member(group, topic)
    second = None
    try:
        wait_for(lambda: first.assigned == everyone, "all partitions for the only member")
        wanted = produce_everywhere(topic, "alone")
        wait_for(lambda: wanted <= set(first.values), "the records of all partitions")
        second = Member(group, topic)
        wait_for(lambda: len(first.assigned) == 2 and len(second.assigned) == 2,
                 lambda: f"two partitions each: {first.assigned} and {second.assigned}")
        expect_equal(first.assigned | second.assigned, everyone, "partitions of both")
        more = produce_everywhere(topic, "together")
        wait_for(lambda: more <= set(first.values) | set(second.values), "the next records")
        first.stop()
        wait_for(lambda: second.assigned == everyone, "all partitions for the one that stays")
        last = produce_everywhere(topic, "again")
        wait_for(lambda: last <= set(second.values), "the last records")
    finally:
        first.stop()
        if second:
            second.stop()
    expect_equal(sorted(first.values + second.values), sorted(wanted | more | last),
                 "everything, once")


def commit_and_resume():
    topic, group = unique("python-resume"), unique("python-resumer")
    create(topic, 1)
    place = TopicPartition(topic, 0)
    produce(topic, [str(number).encode() for number in range(20)])

    def member():
        client = KafkaConsumer(bootstrap_servers=BROKER, group_id=group,
                               auto_offset_reset="earliest", enable_auto_commit=False)
        client.assign([place])
        return client

    client = member()
    expect_equal(client.committed(place), None, "before the first commit")
    take(client, 20)
    client.commit({place: OffsetAndMetadata(7, "half way")})
    client.close()
    client = member()
    expect_equal(client.committed(place, metadata=True), OffsetAndMetadata(7, "half way"),
                 "committed offset")
    expect_equal([record.offset for record in take(client, 13)], list(range(7, 20)), "the rest")
    client.close()


def admin_topics():
    topic = unique("python-admin")
    admin = admin_client()
    admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
    described = admin.describe_topics([topic])[0]
    expect_equal(described["error_code"], 0, "error of describe")
    expect_equal(sorted(row["partition"] for row in described["partitions"]), [0, 1], "partitions")
    try:
        admin.create_topics([NewTopic(topic, 2, 1)])
        expect(False, "a second topic of the same name was made")
    except TopicAlreadyExistsError:
        pass
    admin.create_partitions({topic: NewPartitions(3)})
    wait_for(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 3, "3 partitions")
    produce(topic, [b"in the new partition"], partition=2)
    admin.delete_topics([topic])
    wait_for(lambda: topic not in admin.list_topics(), "the topic to be gone")
    try:
        admin.delete_topics([topic])
        expect(False, "a topic was deleted twice")
    except UnknownTopicOrPartitionError:
        pass
    admin.close()


def config_of(admin, topic):
    """name -> value, as DescribeConfigs answers (versions 0 to 2 have the same first two)."""
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])[0]
    error, message, _, name, rows = answer.resources[0]
    expect_equal((error, message or "", name), (0, "", topic), "describe configs")
    return {row[0]: row[1] for row in rows}


def admin_configs():
    topic = unique("python-configs")
    create(topic, 1, topic_configs={"retention.ms": "3600000"})
    admin = admin_client()
    before = config_of(admin, topic)
    expect_equal(before["retention.ms"], "3600000", "set when it was made")
    expect_equal(before["cleanup.policy"], "delete", "default")
    expect_equal(before["max.message.bytes"], "1048588", "default")
    changed = ConfigResource(ConfigResourceType.TOPIC, topic, {"segment.bytes": "2097152"})
    admin.alter_configs([changed])
    wait_for(lambda: config_of(admin, topic)["segment.bytes"] == "2097152", "the new value")
    expect_equal(config_of(admin, topic)["retention.ms"], "604800000",
                 "AlterConfigs replaces what was set before")
    admin.close()


def admin_groups():
    topic, group = unique("python-groups"), unique("python-listed")
    create(topic, 4)
    wanted = produce_everywhere(topic, "one")
    member = Member(group, topic)
    wait_for(lambda: wanted <= set(member.values), "the records")
    admin = admin_client()
    expect((group, "consumer") in admin.list_consumer_groups(), "the group is not listed")
    described = wait_for(lambda: next((row for row in admin.describe_consumer_groups([group])
                                       if row.state == "Stable"), None), "a stable group")
    expect_equal(len(described.members), 1, "count of members")
    assigned = described.members[0].member_assignment.assignment
    expect_equal([(name, sorted(rows)) for name, rows in assigned], [(topic, [0, 1, 2, 3])],
                 "assignment")
    member.stop()  # commits as it leaves
    offsets = admin.list_consumer_group_offsets(group)
    expect_equal({place.partition: row.offset for place, row in offsets.items()},
                 {partition: 10 for partition in range(4)}, "committed offsets")
    answer = admin.delete_consumer_groups([group])
    expect_equal([(name, error.errno) for name, error in answer], [(group, 0)], "delete")
    expect((group, "consumer") not in admin.list_consumer_groups(), "the group is still listed")
    admin.close()


def main():
    checks = Checks()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.run(f"python codec {codec}", roundtrip, codec)
    checks.run("python keys and headers", keys_and_headers)
    checks.run("python seek by time", seek_by_time)
    checks.run("python group of two with a rebalance", group_of_two)
    checks.run("python commit and resume", commit_and_resume)
    checks.run("python admin topics", admin_topics)
    checks.run("python admin configs", admin_configs)
    checks.run("python admin groups", admin_groups)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
