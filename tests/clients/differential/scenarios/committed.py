"""Scenarios: what readers of each isolation level are told while transactions begin and end."""

import struct

from scenarios.transactions import NOW, Producer
from wire import batch

ALL = 1 << 20


def end_of(records):
    """The offset behind the last whole batch."""
    at, end = 0, -1
    while len(records) - at >= 61:
        base, size = struct.unpack_from(">qi", records, at)
        if len(records) - at < 12 + size:
            break
        end = base + struct.unpack_from(">i", records, at + 23)[0] + 1
        at += 12 + size
    return end


def read(world, topic, names, offset, isolation, size=ALL, version=11):
    """What a fetch is told, with the names of producers in place of their ids.

    Kafka looks at its index and may tell of transactions that begin behind the records of the answer;
    it tells in the order of the markers. Clients look at neither.
    """
    answer = world.quiet("Fetch", version, replica_id=-1, max_wait_ms=0, min_bytes=1,
                         max_bytes=size, isolation_level=isolation, topics=[
                             {"name": topic, "partitions": [
                                 {"index": 0, "fetch_offset": offset, "partition_max_bytes": size}]}])
    part = answer["topics"][0]["partitions"][0]
    aborted = part["aborted_transactions"]
    end = end_of(part["records"] or b"")
    return {"error": part["error_code"], "watermark": part["high_watermark"],
            "stable": part["last_stable_offset"], "bytes": len(part["records"] or b""),
            "aborted": None if aborted is None else sorted(
                f"{row['first_offset']} {names[row['producer_id']]}" for row in aborted
                if row["first_offset"] < end)}


def committed_readers(world):
    topic = world.make_topic(world.name("readers"))
    producers = {name: Producer(world, f"reader-{name}") for name in "abc"}
    names = {each.producer: name for name, each in producers.items()}

    def latest(isolation):
        answer = world.quiet("ListOffsets", 5, replica_id=-1, isolation_level=isolation, topics=[
            {"name": topic, "partitions": [{"index": 0, "timestamp_ms": -1}]}])
        return answer["topics"][0]["partitions"][0]["offset"]

    def open_ones():
        answer = world.quiet("DescribeProducers", 0,
                             topics=[{"name": topic, "partition_indexes": [0]}])
        rows = answer["topics"][0]["partitions"][0]["active_producers"]
        return sorted(f"{names[row['producer_id']]} {row['current_transaction_start_offset']}"
                      for row in rows)

    def settled(end_offset):
        """Markers are written behind the answer."""
        world.until("marker", "ListOffsets", 5,
                    lambda answer: answer["topics"][0]["partitions"][0]["offset"] >= end_offset,
                    replica_id=-1, isolation_level=0, topics=[
                        {"name": topic, "partitions": [{"index": 0, "timestamp_ms": -1}]}])

    written = 0
    for step, (who, what) in enumerate((
            ("a", "write"), ("b", "write"), ("a", "write"), ("a", "commit"), ("b", "abort"),
            ("c", "write"), ("a", "write"), ("c", "write"), ("a", "abort"), ("b", "write"),
            ("", "plain"), ("c", "abort"), ("b", "commit"), ("a", "write"), ("b", "write"),
            ("b", "abort"), ("", "plain"), ("a", "abort"))):
        if what == "write":
            producers[who].add(topic)
            producers[who].send(topic, version=11)
        elif what == "plain":
            world.quiet("Produce", 7, acks=-1, timeout_ms=10000, topics=[
                {"name": topic, "partitions": [
                    {"index": 0, "records": batch([(b"k", b"v")] * 3, NOW)}]}])
        else:
            producers[who].end(what == "commit")
        written += 3 if what == "plain" else 1
        settled(written)
        world.note(f"{step} {who} {what}", {
            "committed": read(world, topic, names, 0, 1), "all": read(world, topic, names, 0, 0),
            "latest": [latest(0), latest(1)], "open": open_ones()})
    for offset in range(written + 1):
        world.note(f"one byte from {offset}", read(world, topic, names, offset, 1, 1))
        world.note(f"all from {offset}", read(world, topic, names, offset, 1))


SCENARIOS = [committed_readers]
