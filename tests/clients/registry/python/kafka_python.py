"""kafka-python's current release: the data paths of suite_python.py, the new admin, transactions."""

import os
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

from checks import Checks, expect, expect_equal, unique, wait_for
from suite_python import (BROKER, Member, admin_client, commit_and_resume, create, group_of_two,
                          keys_and_headers, produce, reader, roundtrip, seek_by_time, take)

FEATURES = os.environ.get("FEATURES", "").split()


def admin_topics():
    topic, admin = unique("kafka-python-admin"), admin_client()
    admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
    try:
        admin.create_topics([NewTopic(topic, 2, 1)])
        expect(False, "a second topic of the same name was made")
    except TopicAlreadyExistsError:
        pass
    admin.create_partitions({topic: NewPartitions(3)})
    wait_for(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 3, "3 partitions")
    produce(topic, [b"in the new partition"] * 5, partition=2)
    place = TopicPartition(topic, 2)
    deleted = admin.delete_records({place: 3})
    expect_equal([row["low_watermark"] for row in deleted.values()], [3], "low watermark")
    admin.delete_topics([topic])
    wait_for(lambda: topic not in admin.list_topics(), "the topic to be gone")
    admin.close()


def admin_configs():
    topic, admin = unique("kafka-python-configs"), admin_client()
    create(topic, 1, topic_configs={"retention.ms": "3600000"})

    def told(text):
        return text in repr(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))

    expect(told("3600000"), "what was set when it was made")
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic,
                                        {"segment.bytes": "2097152"})])
    wait_for(lambda: told("2097152") and told("3600000"), "the new value beside the old")
    admin.close()


def admin_groups():
    topic, group = unique("kafka-python-groups"), unique("kafka-python-listed")
    create(topic, 1)
    produce(topic, [b"record"] * 10)
    member = Member(group, topic)
    wait_for(lambda: len(member.values) == 10, "the records")
    admin = admin_client()
    expect(group in [row["group_id"] for row in admin.list_groups()], "the group is not listed")
    wait_for(lambda: "Stable" in repr(admin.describe_groups([group])), "a stable group")
    member.stop()
    place = TopicPartition(topic, 0)
    wait_for(lambda: "10" in repr(admin.list_group_offsets({group: [place]})), "the offsets")
    admin.alter_group_offsets(group, {place: OffsetAndMetadata(4, "", -1)})
    wait_for(lambda: "offset=4" in repr(admin.list_group_offsets({group: [place]})).replace(
        "'offset': ", "offset="), "the new offset")
    admin.delete_groups([group])
    expect(group not in [row["group_id"] for row in admin.list_groups()], "the group is still there")
    admin.close()


def transactions():
    source, target = unique("kafka-python-in"), unique("kafka-python-out")
    group = unique("kafka-python-txn")
    create(source, 1)
    create(target, 1)
    produce(source, [b"one", b"two"])
    client = KafkaProducer(bootstrap_servers=BROKER, transactional_id=unique("kafka-python-id"))
    client.init_transactions()
    client.begin_transaction()
    client.send(target, b"never", partition=0).get(20)
    client.abort_transaction()
    client.begin_transaction()
    for value in (b"one", b"two"):
        client.send(target, value, partition=0)
    place = TopicPartition(source, 0)
    client.send_offsets_to_transaction({place: OffsetAndMetadata(2, "", -1)}, group)
    client.commit_transaction()
    client.close()
    committed = reader(target, isolation_level="read_committed")
    expect_equal([record.value for record in take(committed, 2)], [b"one", b"two"], "committed")
    committed.close()
    member = KafkaConsumer(bootstrap_servers=BROKER, group_id=group)
    expect_equal(member.committed(place), 2, "offset committed in the transaction")
    member.close()


def main():
    checks = Checks()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.run(f"kafka-python codec {codec}", roundtrip, codec)
    for name, function in (("keys and headers", keys_and_headers), ("seek by time", seek_by_time),
                           ("group of two with a rebalance", group_of_two),
                           ("commit and resume", commit_and_resume),
                           ("admin topics", admin_topics), ("admin configs", admin_configs),
                           ("admin groups", admin_groups)):
        checks.run(f"kafka-python {name}", function)
    if "transactions" in FEATURES:
        checks.run("kafka-python transactions", transactions)
    return checks.finish()


sys.exit(main())
