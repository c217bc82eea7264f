"""Scenarios: Produce, Fetch, ListOffsets, and what else looks at a partition's records."""

import time

from wire import batch, varint

HOUR = 3600000
NOW = int(time.time() * 1000)


def produce(world):
    plain = world.make_topic(world.name("produce"), 2)
    keyed = world.make_topic(world.name("produce-keyed"), cleanup_policy="compact")
    small = world.make_topic(world.name("produce-small"), max_message_bytes="200")
    strict = world.make_topic(world.name("produce-strict"), message_timestamp_before_max_ms=str(HOUR),
                              message_timestamp_after_max_ms=str(HOUR))
    stamped = world.make_topic(world.name("produce-stamped"),
                               message_timestamp_type="LogAppendTime")
    world.find_coordinator(world.name("anybody"))
    good = batch([(b"k", b"v")], NOW)

    def ask(label, version, topic, records, index=0, acks=-1, note=world.note, **more):
        answer = world.quiet("Produce", version, acks=acks, timeout_ms=10000, topics=[
            {"name": topic, "partitions": [{"index": index, "records": records}]}], **more)
        note(f"{label} v{version}", world.end if answer is None else answer)

    for version in world.span("Produce"):
        if version < 3:
            continue
        ask("good", version, plain, good)
        ask("unknown topic", version, "no-such-topic", good)
        ask("unknown partition", version, plain, good, 9)
        ask("keyless", version, keyed, batch([(b"k", b"v"), (None, b"v"), (b"k", b"w")], NOW))
        ask("too large", version, small, batch([(b"k", b"v" * 300)], NOW))
        ask("too old", version, strict, batch([(b"k", b"v", NOW),
                                               (b"k", b"w", NOW - 2 * HOUR)], NOW))
        ask("too new", version, strict, batch([(b"k", b"v", NOW + 2 * HOUR)], NOW))
        ask("append time", version, stamped, good)
        ask("bad acks", version, plain, good, acks=5)
        ask("bad crc", version, plain, batch([(b"k", b"v")], NOW, crc_change=1))
    ask("acks one", 7, plain, good, acks=1)
    for label, records in (
            ("two batches", good + good), ("no records", None), ("empty", b""),
            ("truncated", good[:-1]), ("header only", good[:61]), ("short", good[:20]),
            ("magic 0", batch([(b"k", b"v")], NOW, magic=0)),
            ("magic 1", batch([(b"k", b"v")], NOW, magic=1)),
            ("magic 3", batch([(b"k", b"v")], NOW, magic=3)),
            ("count high", batch([(b"k", b"v")], NOW, count=2)),
            ("count low", batch([(b"k", b"v"), (b"k", b"v")], NOW, count=1)),
            ("delta high", batch([(b"k", b"v")], NOW, last_delta=5)),
            ("no record", batch([], NOW)),
            ("control", batch([(b"\0\0\0\0", b"")], NOW, attributes=0x20)),
            ("transactional", batch([(b"k", b"v")], NOW, attributes=0x10, producer=(5, 0, 0))),
            ("bad codec", batch([(b"k", b"v")], NOW, attributes=5)),
            ("base offset", batch([(b"k", b"v")], NOW, base_offset=77)),
            ("garbage", b"\0" * 100),
            ("time -1", batch([(b"k", b"v", -1)], -1)),
            ("time -5", batch([(b"k", b"v", -5)], -5)),
            ("max time", batch([(b"k", b"v")], NOW, max_timestamp=NOW + 5)),
            ("null value", batch([(b"k", None)], NOW)), ("keyless plain", batch([(None, b"v")], NOW)),
            ("no sequence", batch([(b"k", b"v")], NOW, producer=(5, 0, -1))),
            ("no epoch", batch([(b"k", b"v")], NOW, producer=(5, -1, 0))),
            ("trailing", batch([(b"k", b"v")], NOW) + b"\0\0")):
        ask(label, 8, plain, records, 1)
    ask("zstd early", 6, plain, batch([(b"k", b"v")], NOW, attributes=4))
    ask("internal", 8, "__consumer_offsets", good)
    world.ask("nothing", "Produce", 8, acks=-1, timeout_ms=1000, topics=[])
    world.ask("no partitions", "Produce", 8, acks=-1, timeout_ms=1000,
              topics=[{"name": plain, "partitions": []}])
    ask("transaction", 8, plain, good, transactional_id="t")
    fire = batch([(b"k", b"fire and forget")], NOW)
    for label, topic in (("fire", plain), ("fire unknown", "no-such-topic")):
        connection = world.another()
        connection.send("Produce", 8, {"acks": 0, "timeout_ms": 1000, "topics": [
            {"name": topic, "partitions": [{"index": 1, "records": fire}]}]})
        try:
            world.note(label, connection.ask("Metadata", 1, topics=[]))
        except Exception as error:  # pylint: disable=broad-except
            world.note(label, type(error).__name__)
        connection.close()
    compressed = batch([(b"k", b"v")], NOW)
    world.note("size", len(compressed) + len(varint(1)))


def idempotence(world):
    topic = world.make_topic(world.name("idempotent"))
    world.until("producer ids", "InitProducerId", 4, lambda answer: answer["error_code"] == 0,
                transactional_id=None, transaction_timeout_ms=60000)
    for version in world.span("InitProducerId"):
        world.ask("new", "InitProducerId", version, transactional_id=None,
                  transaction_timeout_ms=60000)
        world.ask("empty", "InitProducerId", version, transactional_id="",
                  transaction_timeout_ms=60000)
        if version >= 3:
            world.ask("with epoch", "InitProducerId", version, transactional_id=None,
                      transaction_timeout_ms=60000, producer_id=3, producer_epoch=1)
            world.ask("half", "InitProducerId", version, transactional_id=None,
                      transaction_timeout_ms=60000, producer_id=3, producer_epoch=-1)
    world.ask("no timeout", "InitProducerId", 4, transactional_id=None, transaction_timeout_ms=0)
    producer = world.quiet("InitProducerId", 4, transactional_id=None,
                           transaction_timeout_ms=60000)["producer_id"]
    other = world.quiet("InitProducerId", 4, transactional_id=None,
                        transaction_timeout_ms=60000)["producer_id"]

    def send(label, epoch, sequence, count=1, identity=producer):
        records = batch([(b"k", b"v")] * count, NOW, producer=(identity, epoch, sequence))
        world.ask(label, "Produce", 9, acks=-1, timeout_ms=10000, topics=[
            {"name": topic, "partitions": [{"index": 0, "records": records}]}])

    send("first", 0, 0)
    send("second", 0, 1, 2)
    send("second again", 0, 1, 2)
    send("first again", 0, 0)
    send("gap", 0, 5)
    send("part of second", 0, 2)
    for sequence in range(3, 9):
        send(f"sequence {sequence}", 0, sequence)
    send("long ago", 0, 0)
    send("new epoch gap", 1, 9)
    send("new epoch", 1, 0)
    send("old epoch", 0, 9)
    send("other from 4", 0, 4, identity=other)
    send("other from 0", 0, 0, identity=other)
    answer = world.quiet("DescribeProducers", 0, topics=[{"name": topic, "partition_indexes": [0, 9]}])
    for part in answer["topics"][0]["partitions"]:
        for row in part["active_producers"]:
            row["producer_id"] -= producer
            row["coordinator_epoch"] = row["coordinator_epoch"]
        part["active_producers"].sort(key=lambda row: row["producer_id"])
    world.note("producers", answer["topics"][0]["partitions"])
    world.ask("producers unknown", "DescribeProducers", 0,
              topics=[{"name": "no-such-topic", "partition_indexes": [0]}])


def fill(world, name, partitions=1, batches=6):
    topic = world.make_topic(world.name(name), partitions)
    for index in range(partitions):
        for number in range(batches):
            records = batch([(b"%d" % index, b"%d" % number * 100, NOW + number * 10 + i)
                             for i in range(2)], NOW)
            world.quiet("Produce", 7, acks=-1, timeout_ms=10000, topics=[
                {"name": topic, "partitions": [{"index": index, "records": records}]}])
    return topic


def topic_id(world, name):
    answer = world.quiet("Metadata", 12, allow_auto_topic_creation=False, topics=[{"name": name}])
    return answer["topics"][0]["topic_id"]


def fetch(world):
    topic = fill(world, "fetch", 3)
    ids = {topic: topic_id(world, topic), "no-such-topic": bytes(range(16)),
           "": bytes(16)}

    def ask(label, version, *parts, topic=topic, **more):
        rows = [{"index": index, "fetch_offset": offset, "partition_max_bytes": size, **extra}
                for index, offset, size, extra in parts]
        settings = {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1 << 20, **more}
        started = time.monotonic()
        answer = world.quiet("Fetch", version, **settings, topics=[
            {"name": topic, "topic_id": ids[topic], "partitions": rows}])
        waited = time.monotonic() - started
        for entry in answer["topics"]:
            for part in entry["partitions"]:
                records = part["records"]
                part["records"] = None if records is None else len(records)
        world.note(f"{label} v{version}", answer)
        return waited

    for version in world.span("Fetch"):
        ask("start", version, (0, 0, 1 << 20, {}))
        ask("committed", version, (0, 0, 1 << 20, {}), isolation_level=1)
        ask("middle", version, (0, 3, 1 << 20, {}))
        ask("end", version, (0, 12, 1 << 20, {}))
        ask("past", version, (0, 13, 1 << 20, {}))
        ask("negative", version, (0, -1, 1 << 20, {}))
        ask("unknown", version, (0, 0, 1 << 20, {}), topic="no-such-topic")
        ask("no partition", version, (9, 0, 1 << 20, {}))
        ask("one byte", version, (0, 0, 1, {}))
        ask("one byte each", version, (0, 0, 1, {}), (1, 0, 1, {}))
        ask("one byte in all", version, (0, 0, 1 << 20, {}), (1, 0, 1 << 20, {}), max_bytes=1)
        ask("a part", version, (0, 0, 700, {}), (1, 0, 1 << 20, {}))
        ask("all", version, (0, 0, 1 << 20, {}), (1, 5, 1 << 20, {}), (2, 12, 1 << 20, {}))
        ask("in total", version, (0, 0, 1 << 20, {}), (1, 0, 1 << 20, {}), max_bytes=1700)
    for epoch in (-1, 0, 1):
        ask(f"epoch {epoch}", 9, (0, 0, 1 << 20, {"current_leader_epoch": epoch}))
        ask(f"fetched epoch {epoch}", 12, (0, 0, 1 << 20, {"last_fetched_epoch": epoch}))
    for version in (12, 13, 15, 16, 18):
        ask("old epoch", version, (0, 0, 1 << 20, {"current_leader_epoch": -5}))
        ask("new epoch", version, (0, 0, 1 << 20, {"current_leader_epoch": 7}))
    ask("no id", 13, (0, 0, 1 << 20, {}), topic="")
    ask("no id", 18, (0, 0, 1 << 20, {}), topic="")
    ask("zero bytes", 11, (0, 0, 0, {}))
    ask("no bytes at all", 11, (0, 0, 1 << 20, {}), max_bytes=0)
    ask("same twice", 11, (0, 0, 1 << 20, {}), (0, 4, 1 << 20, {}))
    ask("nothing", 11)
    ask("unknown isolation", 11, (0, 0, 1 << 20, {}), isolation_level=7)
    ask("error beside good", 11, (0, 0, 1 << 20, {}), (9, 0, 1 << 20, {}), min_bytes=1 << 20,
        max_wait_ms=5000)
    for label, session, epoch in (("new session", 0, 0), ("no session", 0, -1),
                                  ("unknown session", 77, 1), ("end of session", 77, -1)):
        answer = world.quiet("Fetch", 11, replica_id=-1, max_wait_ms=0, min_bytes=0,
                             max_bytes=1000, session_id=session, session_epoch=epoch, topics=[
                                 {"name": topic, "partitions": [
                                     {"index": 2, "fetch_offset": 12, "partition_max_bytes": 10}]}])
        answer["session_id"] = "id" if answer["session_id"] else 0
        world.note(label, answer)
    waited = ask("wait", 11, (0, 12, 1 << 20, {}), max_wait_ms=300)
    world.note("waited", 0.25 < waited < 3)
    waited = ask("no wait", 11, (0, 12, 1 << 20, {}), max_wait_ms=5000, min_bytes=0)
    world.note("did not wait", waited < 3)


def list_offsets(world):
    topic = fill(world, "offsets")
    empty = world.make_topic(world.name("offsets-empty"))

    def ask(label, version, time_ms, topic=topic, index=0, epoch=None, **more):
        row = {"index": index, "timestamp_ms": time_ms}
        if epoch is not None:
            row["current_leader_epoch"] = epoch
        if version >= 10:
            more["timeout_ms"] = 1000
        answer = world.quiet("ListOffsets", version, replica_id=-1, **more, topics=[
            {"name": topic, "partitions": [row]}])
        if answer is not None:
            for part in answer["topics"][0]["partitions"]:
                if part["timestamp_ms"] >= NOW:
                    part["timestamp_ms"] -= NOW
        world.note(f"{label} v{version}", world.end if answer is None else answer)

    for version in world.span("ListOffsets"):
        for special in range(-1, -8, -1):
            ask(f"special {special}", version, special)
            ask(f"empty {special}", version, special, empty)
        ask("time 0", version, 0)
        ask("before", version, NOW - 1)
        ask("exact", version, NOW + 20)
        ask("between", version, NOW + 15)
        ask("inside", version, NOW + 21)
        ask("last", version, NOW + 51)
        ask("after", version, NOW + 52)
        ask("empty by time", version, NOW, empty)
        ask("unknown", version, -1, "no-such-topic")
        ask("no partition", version, -1, index=9)
        if version >= 2:
            ask("committed", version, -1, isolation_level=1)
        if version >= 4:
            ask("epoch 0", version, -1, epoch=0)
            ask("epoch 1", version, -1, epoch=1)
    row = {"index": 0, "timestamp_ms": -1}
    world.ask("twice", "ListOffsets", 5, replica_id=-1,
              topics=[{"name": topic, "partitions": [row, row]}])
    world.ask("nothing", "ListOffsets", 5, replica_id=-1, topics=[])


def leader_epochs(world):
    topic = fill(world, "epochs")
    for version in world.span("OffsetForLeaderEpoch"):
        for current in (-1, 0, 1):
            for epoch in (-1, 0, 1, 5):
                world.ask(f"current {current} epoch {epoch}", "OffsetForLeaderEpoch", version,
                          **({"replica_id": -1} if version >= 3 else {}), topics=[
                              {"name": topic, "partitions": [
                                  {"index": 0, "current_leader_epoch": current,
                                   "leader_epoch": epoch}]}])
        world.ask("unknown", "OffsetForLeaderEpoch", version, topics=[
            {"name": "no-such-topic", "partitions": [
                {"index": 0, "current_leader_epoch": -1, "leader_epoch": 0}]}])


def delete_records(world):
    topic = fill(world, "delete-records")

    def ask(label, version, offset, name=topic, index=0):
        world.ask(label, "DeleteRecords", version, timeout_ms=10000, topics=[
            {"name": name, "partitions": [{"index": index, "offset": offset}]}])

    for version in world.span("DeleteRecords"):
        ask("some", version, 3 + version)
        ask("fewer", version, 1)
        ask("past", version, 99)
        ask("negative", version, -2)
        ask("unknown", version, 1, "no-such-topic")
        ask("no partition", version, 1, index=9)
    ask("all", 2, -1)
    for policy in ("compact", "compact,delete", ""):
        ask(f"policy {policy}", 2, 0, world.make_topic(
            world.name(f"policy-{policy.replace(',', '-')}"), cleanup_policy=policy))
    world.find_coordinator("g")
    ask("internal", 2, 0, "__consumer_offsets")
    ask("bad name", 2, 0, "a b")
    answer = world.quiet("Fetch", 11, replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1000,
                         topics=[{"name": topic, "partitions": [
                             {"index": 0, "fetch_offset": 2, "partition_max_bytes": 1000}]}])
    world.note("fetch below", answer)
    world.ask("earliest", "ListOffsets", 5, replica_id=-1, topics=[
        {"name": topic, "partitions": [{"index": 0, "timestamp_ms": -2}]}])


SCENARIOS = [produce, idempotence, fetch, list_offsets, leader_epochs, delete_records]
