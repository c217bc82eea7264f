"""The measures with whole requests that were encoded beforehand (raw.c): the broker is the ceiling."""

import os
import signal
import subprocess
import time

from brokers import PATIENCE_SECONDS, Tidemill
from table import median

RUNS = 3
MEGABYTE = 1000000
PRODUCE_MB = 1000
SYNCED_MB = 50
RECOVERY_MB = 10000
TRIP_SECONDS = 5
PARTITIONS_AT_ONCE = 10000  # what one CreateTopics may bring
IDLE_SECONDS = 10


class Raw:
    """bench_raw of the build that is measured."""

    def __init__(self, bench):
        self.bench = bench
        self.program = os.path.join(os.path.dirname(bench.tidemill), "bench/bench_raw")
        if not os.access(self.program, os.X_OK):
            raise RuntimeError(f"{self.program} is not built (TIDEMILL_TESTS=ON)")

    def run(self, *words):
        """A topic of the peer's is not led at once when its creation was answered (error 6)."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return [float(word) for word in self.bench.command(self.program, *words).split()]
            except RuntimeError as error:
                if "answers error 6" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.2)

    def produce(self, broker, topic, partitions, megabytes, batch, acks, window, *rate):
        """Seconds, and quantiles of the answers in seconds."""
        seconds, *quantiles = self.run("produce", broker.address, topic, partitions, megabytes, 1000,
                                       batch, acks, window, *rate)
        return seconds, [value / 1e6 for value in quantiles]

    def update(self, broker, topic, partitions, megabytes, keys):
        """As produce, acks=1, with records of 100 B that have one of so many keys."""
        seconds, *quantiles = self.run("update", broker.address, topic, partitions, megabytes, 100,
                                       16384, 1, 8, keys)
        return seconds, [value / 1e6 for value in quantiles]


def beside(values, name="kafka"):
    return median(values[name]) if name in values else None


def measure_raw(bench):
    """acks=1 in whole requests, beside the same bytes through loopback alone; and read again, warm."""
    raw, brokers = Raw(bench), bench.brokers()
    for batch, window, label in ((16384, 8, "16 KiB"), (1000000, 4, "1 MB")):
        rates, costs, reads, read_costs, limits = {}, {}, {}, {}, []
        for run in range(RUNS + 1):  # the first one warms the peer's compiler
            limits.append(PRODUCE_MB * MEGABYTE / raw.run("loopback", PRODUCE_MB, batch, window)[0])
            for broker in brokers:
                topic = bench.name("raw")
                bench.create(broker, topic, 1)
                before = broker.cpu_seconds()
                seconds, _ = raw.produce(broker, topic, 1, PRODUCE_MB, batch, 1, window)
                middle = broker.cpu_seconds()
                read_seconds, read_mb = raw.run("fetch", broker.address, topic, 1, PRODUCE_MB)
                after = broker.cpu_seconds()
                bench.command(bench.tidemill, "topic", "rm", "-b", broker.address, topic)
                if not run:
                    continue
                gigabytes = PRODUCE_MB / 1000
                rates.setdefault(broker.name, []).append(PRODUCE_MB * MEGABYTE / seconds)
                costs.setdefault(broker.name, []).append((middle - before) / gigabytes)
                reads.setdefault(broker.name, []).append(read_mb * MEGABYTE / read_seconds)
                read_costs.setdefault(broker.name, []).append((after - middle) / gigabytes)
        for values, costs_of, what in ((rates, costs, "produce acks=1"), (reads, read_costs, "fetch, warm")):
            bench.table.row(f"raw {what}, {label} batches, bytes", "/s", median(values["tidemill"]),
                            beside(values))
            bench.table.row("  broker CPU s per GB", "", median(costs_of["tidemill"]), beside(costs_of),
                            target="<= 1/4", ratio_most=0.25)
            if values is rates:
                bench.table.row("  beside loopback alone", "/s", median(values["tidemill"]),
                                median(limits), "loopback", target=">= 80 %", ratio_least=0.8)
    for broker in brokers:
        broker.discard()


def measure_synced(bench):
    """acks=all on disk in batches of 16 KiB over 1, 16 and 1,000 partitions; Kafka flushes each message."""
    raw, brokers = Raw(bench), bench.brokers()
    for partitions, window in ((1, 16), (16, 64), (1000, 256)):
        rates, tails = {}, {}
        for run in range(RUNS + 1):
            for broker in brokers:
                settings = ("flush.messages=1",) if broker.name == "kafka" else ()
                topic = bench.name("synced")
                bench.create(broker, topic, partitions, *settings)
                raw.produce(broker, topic, partitions, max(1, partitions // 50), 16384, -1, window)
                seconds, _ = raw.produce(broker, topic, partitions, SYNCED_MB, 16384, -1, window)
                _, quantiles = raw.produce(broker, topic, partitions, SYNCED_MB, 16384, -1, window, 50)
                if run:
                    rates.setdefault(broker.name, []).append(SYNCED_MB * MEGABYTE / seconds)
                    tails.setdefault(broker.name, []).append(quantiles)
                bench.command(bench.tidemill, "topic", "rm", "-b", broker.address, topic)
        label = f"{partitions} partition{'s' if partitions > 1 else ''}"
        bench.table.row(f"raw acks=all synced, {label}, bytes", "/s",
                        median(rates["tidemill"]), beside(rates), target=">= 10 x", ratio_least=10)
        for place, name in ((0, "p50"), (1, "p99"), (2, "p99.9")):
            ours = median([quantiles[place] for quantiles in tails["tidemill"]])
            theirs = median([quantiles[place] for quantiles in tails["kafka"]]) if "kafka" in tails else None
            bound = {"target": "<= 2 ms", "most": 0.002} if name == "p99" else {}
            bench.table.row(f"  its delay at 50 MB/s, {name}", "s", ours, theirs, **bound)
    for broker in brokers:
        broker.discard()


def measure_trips(bench):
    """From the moment a record of 100 B is due until a waiting fetch brings it, acks=1, open loop."""
    raw, brokers = Raw(bench), bench.brokers()
    for rate in (1000, 20000, 100000):
        trips = {}
        for run in range(RUNS + 1):
            for broker in brokers:
                topic = bench.name("trip")
                bench.create(broker, topic, 1)
                quantiles = raw.run("e2e", broker.address, topic, rate, TRIP_SECONDS, 100, 1)
                if run:
                    trips.setdefault(broker.name, []).append([value / 1e6 for value in quantiles])
        for place, name in ((0, "p50"), (1, "p99"), (2, "p99.9")):
            of = {broker: median([values[place] for values in all_of]) for broker, all_of in trips.items()}
            bound = {"target": "<= 1 ms", "most": 0.001} if (rate, name) == (20000, "p99") else {}
            bench.table.row(f"end to end at {rate // 1000} k/s, {name}", "s", of["tidemill"], of.get("kafka"),
                            **bound)
    for broker in brokers:
        broker.discard()


def restart_killed(bench, broker):
    """Kills it and starts it again in its folder: the new one, and how long until it answered."""
    folder = broker.folder
    broker.child.send_signal(signal.SIGKILL)
    broker.child.wait()
    broker.alive.remove(broker)
    broker = Tidemill(bench.tidemill, folder)
    return broker, broker.await_ready()


def measure_many(bench):
    """Ten thousand partitions, then a hundred thousand: making them, memory, idling, a restart after kill -9."""
    broker = Tidemill(bench.tidemill, os.path.join(bench.scratch, bench.name("many")))
    broker.await_ready()
    made = 0
    for total in (10000, 100000):
        started = time.monotonic()
        while made < total:
            bench.create(broker, bench.name("many"), PARTITIONS_AT_ONCE)
            made += PARTITIONS_AT_ONCE
        seconds = time.monotonic() - started
        label = f"{total // 1000},000 partitions"
        first = total == 10000
        if first:
            bench.table.row(f"{label}: made in", "s", seconds, target="<= 2 s", most=2)
        else:
            bench.table.row(f"{label}: the other 90,000 made in", "s", seconds)
        bench.table.row("  memory", "MB", broker.resident_bytes(), target="<= 100 MB" if first else None,
                        most=100e6 if first else None)
        time.sleep(2)
        before = broker.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        bench.table.row(f"  idle CPU over {IDLE_SECONDS} s", "%", (broker.cpu_seconds() - before) / IDLE_SECONDS,
                        target="<= 0.5 %", most=0.005)
        broker, seconds = restart_killed(bench, broker)
        bench.table.row("  answers again after kill -9", "s", seconds)
    broker.discard()


def measure_recovery(bench):
    """kill -9 under load with ten gigabytes in the log."""
    raw = Raw(bench)
    broker = Tidemill(bench.tidemill, os.path.join(bench.scratch, bench.name("recovery")))
    broker.await_ready()
    bench.create(broker, "big", 16)
    raw.produce(broker, "big", 16, RECOVERY_MB, 1000000, -1, 32)
    load = subprocess.Popen([raw.program, "produce", broker.address, "big", "16", "10000", "1000", "16384", "1",
                             "64"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    broker, seconds = restart_killed(bench, broker)
    load.wait()
    bench.table.row(f"answers again after kill -9 under load, {RECOVERY_MB // 1000} GB", "s", seconds,
                    target="<= 0.5 s", most=0.5)
    broker.discard()


MEASURES = {
    "raw": measure_raw,
    "synced": measure_synced,
    "trips": measure_trips,
    "many": measure_many,
    "recovery": measure_recovery,
}
