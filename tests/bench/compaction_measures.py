"""The measure of compaction under load: updates of keys at full speed, while the cleaner works."""

import os
import time

from brokers import PATIENCE_SECONDS
from raw_measures import MEGABYTE, RUNS, Raw, beside
from table import median

UPDATE_MB = 400
UPDATE_PARTITIONS = 4
UPDATE_KEYS = 100000
SEGMENT_BYTES = 8 << 20  # the growing one is never compacted, so it has to be small
DIRTY_RATIO = 0.5  # min.cleanable.dirty.ratio: both brokers' default
# Both rest for 15 s when nothing is due, which is longer than the whole run.
SETTINGS = ("log.cleaner.backoff.ms=100",)
CHECKPOINT = "cleaner-offset-checkpoint"


class CompactedLogs:
    """How far compaction of a topic is, as the files tell: both brokers have Kafka's formats."""

    def __init__(self, broker, topic):
        self.topic = topic
        self.folder = broker.folder
        if broker.name == "kafka":
            self.folder = os.path.join(broker.folder, "data")

    def clean_offsets(self):
        """Of each partition that was compacted, where it is dirty from."""
        try:
            with open(os.path.join(self.folder, CHECKPOINT)) as file:
                rows = [line.split() for line in file.read().splitlines()[2:]]
        except FileNotFoundError:
            return {}
        return {int(partition): int(offset) for topic, partition, offset in rows
                if topic == self.topic}

    def segments(self, partition):
        """Base offset and size of each, in order; a file may go while it is looked at."""
        folder = os.path.join(self.folder, f"{self.topic}-{partition}")
        found = []
        for name in os.listdir(folder):
            try:
                if name.endswith(".log"):
                    found.append((int(name[:-4]), os.path.getsize(os.path.join(folder, name))))
            except FileNotFoundError:
                pass
        return sorted(found)

    def sizes(self):
        """All bytes, and of each partition the clean ones and those that compaction may take."""
        offsets, whole, parts = self.clean_offsets(), 0, []
        for partition in range(UPDATE_PARTITIONS):
            segments = self.segments(partition)
            full = segments[:-1]
            dirty = sum(size for base, size in full if base >= offsets.get(partition, 0))
            parts.append((sum(size for _, size in full) - dirty, dirty))
            whole += sum(size for _, size in segments)
        return whole, parts

    def await_rest(self):
        """Until nothing is due by the brokers' own rule."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while any(dirty > DIRTY_RATIO * (clean + dirty) for clean, dirty in self.sizes()[1]):
            if time.monotonic() > give_up:
                raise RuntimeError(f"compaction of {self.topic} in {self.folder} does not end")
            time.sleep(0.01)


class Updates:
    """One kind of topic under the load: a list of values of each broker for each thing measured."""

    def __init__(self):
        self.values = {}

    def add(self, broker, what, value):
        self.values.setdefault(what, {}).setdefault(broker.name, []).append(value)

    def row(self, bench, label, unit, what, **bounds):
        values = self.values[what]
        bench.table.row(label, unit, median(values["tidemill"]), beside(values), **bounds)


def update_topic(bench, raw, broker, updates, policy):
    """Produces and, where the topic is compacted, looks how far that is and waits for it."""
    topic = bench.name("updates")
    bench.create(broker, topic, UPDATE_PARTITIONS, f"cleanup.policy={policy}",
                 f"segment.bytes={SEGMENT_BYTES}")
    before = broker.cpu_seconds()
    seconds, quantiles = raw.update(broker, topic, UPDATE_PARTITIONS, UPDATE_MB, UPDATE_KEYS)
    produced = UPDATE_MB * MEGABYTE
    updates.add(broker, "rate", produced / seconds)
    updates.add(broker, "p99", quantiles[1])
    updates.add(broker, "load cost", (broker.cpu_seconds() - before) / (produced / 1e9))
    if policy == "compact":
        logs = CompactedLogs(broker, topic)
        ended = time.monotonic()
        whole, parts = logs.sizes()
        updates.add(broker, "left", whole / produced)
        updates.add(broker, "dirty", sum(dirty for _, dirty in parts) / produced)
        logs.await_rest()
        updates.add(broker, "rest", time.monotonic() - ended)
        updates.add(broker, "left at rest", logs.sizes()[0] / produced)
        updates.add(broker, "cost", (broker.cpu_seconds() - before) / (produced / 1e9))
    bench.command(bench.tidemill, "topic", "rm", "-b", broker.address, topic)


def measure_compaction(bench):
    """The same updates of keys into a topic that deletes what is old, and into a compacted one."""
    raw, brokers = Raw(bench), bench.brokers(*SETTINGS)
    kinds = {"delete": Updates(), "compact": Updates()}
    for run in range(RUNS + 1):
        for broker in brokers:
            for policy, updates in kinds.items():
                update_topic(bench, raw, broker, updates if run else Updates(), policy)
    for broker in brokers:
        broker.discard()
    cpu = {"target": "<= 1/4", "ratio_most": 0.25}
    for policy, label in (("delete", "not compacted"), ("compact", "compacted")):
        updates = kinds[policy]
        updates.row(bench, f"updates of {UPDATE_KEYS:,} keys, 100 B, {label}, bytes", "/s", "rate")
        updates.row(bench, "  p99 of the answers", "s", "p99")
        updates.row(bench, "  broker CPU s per GB, under the load", "", "load cost", **cpu)
    updates.row(bench, "  and until the cleaner rests", "", "cost", **cpu)
    updates.row(bench, "  of the bytes left when the load ends", "%", "left")
    updates.row(bench, "  dirty then", "%", "dirty")
    updates.row(bench, "  the cleaner rests after", "s", "rest")
    updates.row(bench, "  of the bytes left then", "%", "left at rest")


MEASURES = {
    "compaction": measure_compaction,
}
