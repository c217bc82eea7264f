"""aiokafka: asyncio producer, consumer groups, admin, transactions."""

import asyncio
import os
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError
from aiokafka.structs import OffsetAndMetadata

import batches
from checks import PATIENCE_SECONDS, Checks, expect, expect_equal, now_ms, unique, wait_past

BROKER = os.environ["BROKER"]
FEATURES = os.environ.get("FEATURES", "").split()


async def create(topic, partitions, **configs):
    admin = AIOKafkaAdminClient(bootstrap_servers=BROKER)
    await admin.start()
    pairs = {name.replace("_", "."): value for name, value in configs.items()}
    answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=pairs)])
    await admin.close()
    return answer


async def produce(topic, values, partition=0, **options):
    client = AIOKafkaProducer(bootstrap_servers=BROKER, acks="all", **options)
    await client.start()
    sent = [await client.send(topic, value, partition=partition) for value in values]
    await client.flush()
    told = [await future for future in sent]
    await client.stop()
    return told


def consumer(*topics, **options):
    return AIOKafkaConsumer(*topics, bootstrap_servers=BROKER, auto_offset_reset="earliest",
                            enable_auto_commit=False, heartbeat_interval_ms=200,
                            session_timeout_ms=6000, metadata_max_age_ms=500, **options)


async def take(client, count):
    records = []

    async def collect():
        while len(records) < count:
            for part in (await client.getmany(timeout_ms=200)).values():
                records.extend(part)

    await asyncio.wait_for(collect(), PATIENCE_SECONDS)
    return records


async def read_all(topic, count, **options):
    client = consumer(**options)
    await client.start()
    place = TopicPartition(topic, 0)
    client.assign([place])
    await client.seek_to_beginning(place)
    records = await take(client, count)
    await client.stop()
    return records


async def roundtrip(codec):
    topic = unique(f"aiokafka-{codec}")
    await create(topic, 1)
    values = [f"{codec} {number} {'the same again ' * 8}".encode() for number in range(2000)]
    sent = await produce(topic, values, compression_type=None if codec == "none" else codec,
                         enable_idempotence=codec == "lz4", linger_ms=20)
    expect_equal([row.offset for row in sent], list(range(2000)), "offsets")
    expect_equal([record.value for record in await read_all(topic, 2000)], values, "values")
    expect_equal(batches.codecs(BROKER, topic), {codec}, "codecs of the batches")


async def seek_by_time():
    topic = unique("aiokafka-time")
    await create(topic, 1)
    early = await produce(topic, [b"early"] * 40)
    middle = wait_past(early[-1].timestamp)
    wait_past(middle)
    await produce(topic, [b"late"] * 40)
    client, place = consumer(), TopicPartition(topic, 0)
    await client.start()
    client.assign([place])
    found = (await client.offsets_for_times({place: middle}))[place]
    expect_equal(found.offset, 40, "offset at the time")
    later = await client.offsets_for_times({place: now_ms() + 3600000})
    expect_equal(later[place], None, "offset in the future")
    client.seek(place, found.offset)
    expect_equal((await take(client, 40))[0].value, b"late", "the first record from there")
    expect_equal(await client.end_offsets([place]), {place: 80}, "end")
    await client.stop()


async def group_of_two():
    topic, group = unique("aiokafka-group"), unique("aiokafka-members")
    await create(topic, 4)
    first, second = consumer(topic, group_id=group), consumer(topic, group_id=group)
    seen, running = set(), [first, second]

    async def until(condition, what):
        async def loop():
            while not condition():
                for client in running:
                    if client.assignment():
                        for part in (await client.getmany(timeout_ms=20)).values():
                            seen.update(record.value for record in part)
                await asyncio.sleep(0.02)
        try:
            await asyncio.wait_for(loop(), PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            expect(False, f"waited for {what}: {first.assignment()} {second.assignment()}")

    await first.start()
    await until(lambda: len(first.assignment()) == 4, "everything for one")
    for partition in range(4):
        await produce(topic, [f"{partition}".encode()], partition)
    await until(lambda: len(seen) == 4, "the records")
    await second.start()
    await until(lambda: len(first.assignment()) == len(second.assignment()) == 2, "two for each")
    for partition in range(4):
        await produce(topic, [f"more {partition}".encode()], partition)
    await until(lambda: len(seen) == 8, "the next records")
    running.remove(first)
    await first.stop()
    await until(lambda: len(second.assignment()) == 4, "everything for the one that stays")
    await second.stop()


async def commit_and_resume():
    topic, group = unique("aiokafka-resume"), unique("aiokafka-resumer")
    await create(topic, 1)
    await produce(topic, [str(number).encode() for number in range(20)])
    place = TopicPartition(topic, 0)
    client = consumer(topic, group_id=group)
    await client.start()
    await take(client, 20)
    await client.commit({place: OffsetAndMetadata(7, "half way")})
    await client.stop()
    client = consumer(topic, group_id=group)
    await client.start()
    expect_equal(await client.committed(place), 7, "committed")
    expect_equal([record.offset for record in await take(client, 13)], list(range(7, 20)), "rest")
    await client.stop()


async def wait_for_config(client, topic, name, value):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    async def loop():
        while True:
            rows = (await client.describe_configs([resource]))[0].resources[0][4]
            if value == {row[0]: row[1] for row in rows}[name]:
                return
            await asyncio.sleep(0.02)
    try:
        await asyncio.wait_for(loop(), PATIENCE_SECONDS)
    except asyncio.TimeoutError:
        expect(False, f"waited for {name}={value}")


async def admin():
    topic, group = unique("aiokafka-admin"), unique("aiokafka-listed")
    await create(topic, 2, retention_ms="3600000")
    answer = await create(topic, 2)
    expect_equal([row[1] for row in answer.topic_errors], [TopicAlreadyExistsError.errno], "again")
    client = AIOKafkaAdminClient(bootstrap_servers=BROKER)
    await client.start()
    await client.create_partitions({topic: NewPartitions(3)})
    described = await client.describe_topics([topic])
    expect_equal(len(described[0]["partitions"]), 3, "partitions")
    await wait_for_config(client, topic, "retention.ms", "3600000")
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic,
                                               {"segment.bytes": "2097152"})])
    await wait_for_config(client, topic, "segment.bytes", "2097152")
    await produce(topic, [b"record"] * 5)
    member = consumer(topic, group_id=group)
    await member.start()
    await take(member, 5)
    await member.commit()
    groups = await client.list_consumer_groups()
    expect((group, "consumer") in [tuple(row[:2]) for row in groups], "the group is not listed")
    await member.stop()
    offsets = await client.list_consumer_group_offsets(group)
    expect_equal(offsets[TopicPartition(topic, 0)].offset, 5, "offset of the group")
    await client.delete_topics([topic])
    expect(topic not in await client.list_topics(), "the topic is still there")
    await client.close()


async def transactions():
    source, target, group = unique("aiokafka-in"), unique("aiokafka-out"), unique("aiokafka-txn")
    await create(source, 1)
    await create(target, 1)
    await produce(source, [b"one", b"two"])
    client = AIOKafkaProducer(bootstrap_servers=BROKER, transactional_id=unique("aiokafka-id"))
    await client.start()
    await client.begin_transaction()
    await client.send_and_wait(target, b"never", partition=0)
    await client.abort_transaction()
    async with client.transaction():
        for value in (b"one", b"two"):
            await client.send(target, value, partition=0)
        await client.send_offsets_to_transaction({TopicPartition(source, 0): 2}, group)
    await client.stop()
    records = await read_all(target, 2, isolation_level="read_committed")
    expect_equal([record.value for record in records], [b"one", b"two"], "committed")
    member = consumer(source, group_id=group)
    await member.start()
    expect_equal(await member.committed(TopicPartition(source, 0)), 2, "offset of the transaction")
    await member.stop()


def main():
    checks = Checks()

    def run(name, function, *arguments):
        checks.run(f"aiokafka {name}", lambda: asyncio.run(function(*arguments)))

    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        run(f"codec {codec}", roundtrip, codec)
    for name, function in (("seek by time", seek_by_time),
                           ("group of two with a rebalance", group_of_two),
                           ("commit and resume", commit_and_resume), ("admin", admin)):
        run(name, function)
    if "transactions" in FEATURES:
        run("transactions", transactions)
    return checks.finish()


sys.exit(main())
