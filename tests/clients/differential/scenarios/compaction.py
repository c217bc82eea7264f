"""Scenario: the same history, compacted by both brokers, leaves the same batches and records."""

import gzip
import random
import time

from wire import batch, read_batches

NOW = int(time.time() * 1000)
FILLER = 400000  # bytes; three of them fill a segment of the smallest size


def set_broker(world, **options):
    world.quiet("IncrementalAlterConfigs", 1, validate_only=False, resources=[
        {"resource_type": 4, "resource_name": "", "configs": [
            {"name": name.replace("_", "."), "config_operation": 0, "value": value}
            for name, value in options.items()]}])


def append(world, topic, *records, **more):
    answer = world.quiet("Produce", 9, acks=-1, timeout_ms=10000, topics=[
        {"name": topic, "partitions": [{"index": 0, "records": batch(list(records), NOW, **more)}]}])
    return answer["topics"][0]["partitions"][0]["error_code"]


def fill(world, topic, chance):
    """Rolls segments, so that all before is not in the growing one."""
    for _ in range(4):
        append(world, topic, (b"filler", chance.randbytes(FILLER)))


def read_all(world, topic):
    offset = 0
    while True:
        answer = world.quiet("Fetch", 11, max_wait_ms=0, min_bytes=0, max_bytes=50000000, topics=[
            {"name": topic, "partitions": [{"index": 0, "fetch_offset": offset,
                                            "partition_max_bytes": 50000000}]}])
        part = answer["topics"][0]["partitions"][0]
        batches = list(read_batches(part["records"] or b""))
        yield from (found for found in batches if found["last"] >= offset)
        if not batches or offset > part["high_watermark"]:
            return
        offset = batches[-1]["last"] + 1


def describe(found):
    """Without what differs from run to run."""
    times = [found["first"], found["max"]]
    if found["attributes"] & 0x40:
        times[0] = "horizon"
    return {**{key: found[key] for key in ("base", "last", "attributes", "epoch", "sequence", "count")},
            "has producer": found["producer"] >= 0,
            "times": [stamp - NOW if isinstance(stamp, int) and stamp >= 0 else stamp
                      for stamp in times],
            "records": [(offset, stamp - NOW, key, value) for offset, stamp, key, value
                        in found["records"]]}


def note(world, label, batches):
    """Without fillers, nor what is left of them: how far a compaction came is a matter of time."""
    world.note(label, [describe(found) for found in batches
                       if (found["records"] or found["producer"] >= 0) and
                       all(key != b"filler" for _, _, key, _ in found["records"])])


def wait_for(world, topic, *keys):
    """The batches, when each key is there once."""
    deadline = time.monotonic() + 60
    while True:
        batches = list(read_all(world, topic))
        found = [key for batch_found in batches for _, _, key, _ in batch_found["records"]]
        if all(found.count(key) == 1 for key in keys) or time.monotonic() > deadline:
            return batches
        time.sleep(0.1)


def compaction(world):
    chance = random.Random(1)
    producer = world.quiet("InitProducerId", 1, transactional_id=None, transaction_timeout_ms=0)
    identity = (producer["producer_id"], producer["producer_epoch"])
    set_broker(world, log_cleaner_backoff_ms="100")
    topic = world.make_topic(world.name("compaction"), cleanup_policy="compact",
                             segment_bytes="1048576", min_cleanable_dirty_ratio="0",
                             delete_retention_ms="3600000")
    append(world, topic, (b"a", b"1"), (b"b", b"1"), (b"a", b"2"))
    append(world, topic, (b"c", b"1"), (b"d", b"1", NOW - 5), (b"c", b"2"), pack=gzip.compress,
           attributes=1)
    append(world, topic, (b"e", b"1"), producer=(*identity, 0))
    append(world, topic, (b"e", b"2"), (b"f", b"1"), producer=(*identity, 1))
    append(world, topic, (b"g", b"1"))
    append(world, topic, (b"g", None))
    append(world, topic, (b"h", b"1"), (b"h", None), (b"i", b"1"))
    append(world, topic, (b"e", b"3"), (b"f", b"2"))
    append(world, topic, (b"stays", b"1"))
    fill(world, topic, chance)
    note(world, "first", wait_for(world, topic, b"a", b"c", b"e", b"g", b"h"))
    # A second round over what is clean already: the horizon stays, what is new shadows.
    append(world, topic, (b"a", b"3"), (b"d", b"2"))
    fill(world, topic, chance)
    note(world, "second", wait_for(world, topic, b"a", b"d"))


SCENARIOS = [compaction]
