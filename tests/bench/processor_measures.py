"""The processor host beside Kafka Streams, apart from its rates: what exactly once costs and a second thread
gains, how soon a store is whole again, how late a record comes through, and what a large store holds in memory.

Inputs, brokers and runs are those of streams_measures.py, with $BENCH_SCALE and $BENCH_RUNS.
"""

import os
import re
import shutil
import subprocess
import time

from brokers import free_port
from raw_measures import Raw
from streams_measures import JOBS, KEYS, RUNS, SCALE, Job, Streams
from table import median

# As INPUTS there, but shorter: what is told is how one way of running compares with another.
SHORT = {"json": ("json", 10000000, 1000000, KEYS)}
EACH = {"each": ("each", 1000000, 1000000, KEYS)}
TWICE = {"each": ("each", 2000000, 2000000, KEYS)}
COUNT_EACH = Job(f"count, {KEYS:,} keys, persistent", "count disk", "count", "each")
RESTORED = re.compile(r"read (\d+) changes of its stores from changelogs in ([\d.]+) s")
RATES = (1000, 10000)
TRIP_SECONDS = max(3, int(6 * SCALE))
WARM_SECONDS = max(3, int(10 * SCALE))


def quotient(above, below):
    return above / below if above is not None and below else None


def measure_once(bench):
    """What exactly once leaves at commits of 100 ms: of the rate by the clock, and of what a CPU second brings."""
    streams = Streams(bench, "json", inputs=SHORT)
    for job in (job for job in JOBS if job.is_basic):
        plain, exact = streams.medians(job, {}, {"guarantee": "exactly_once_v2"})
        bench.table.row(f"exactly / at least once, {job.label}", "%",
                        *(quotient(more.rate, less.rate) for less, more in zip(plain, exact)),
                        target=">= 85 %", least=0.85)
        bench.table.row("  of the records/CPU s", "%",
                        *(quotient(more.thrift, less.thrift) for less, more in zip(plain, exact)))
        bench.table.row("  at least once, by the clock", "/s", *(side.rate for side in plain))
        bench.table.row("  exactly once, by the clock", "/s", *(side.rate for side in exact))
    streams.discard()


def measure_threads(bench):
    """Two partitions, by one thread and by two; what cores are busy tells how much there was to gain."""
    streams = Streams(bench, "json", inputs=SHORT, partitions=2)
    for job in (job for job in JOBS if job.is_basic):
        by_threads = streams.medians(job, {"threads": 1}, {"threads": 2})
        for threads, pair in zip(("one thread", "two threads"), by_threads):
            bench.table.row(f"{job.label}, {threads}, by the clock", "/s",
                            *(side.rate for side in pair))
            bench.table.row("  records/CPU s", "/s", *(side.thrift for side in pair))
            bench.table.row(f"  busy, with the broker, of {os.cpu_count()} cores", "",
                            *(side.cores for side in pair))
        bench.table.row("  two threads / one, by the clock", "",
                        *(quotient(two.rate, one.rate) for one, two in zip(*by_threads)))
    streams.discard()


def measure_memory(bench):
    """Of a processor that counts a million keys in a store on disk, every key twice."""
    streams = Streams(bench, "each", inputs=TWICE)
    ours, theirs = streams.medians(COUNT_EACH, {})[0]
    bench.table.row(f"{COUNT_EACH.label}, memory at most", "MB", ours.size_most, theirs.size_most)
    bench.table.row("  when all were counted", "MB", ours.size, theirs.size)
    bench.table.row("  without what is mapped from files", "MB", ours.size_own, theirs.size_own)
    streams.discard()


class Restart:
    """An application that has counted every key once, and loses its stores again and again. The name of the
    process beside them stays: without it our group waits until the old member's session has ended."""

    def __init__(self, streams, broker):
        self.streams, self.bench, self.broker = streams, streams.bench, broker
        self.output = self.bench.name("out")
        self.folder = os.path.join(self.bench.scratch, self.output)
        self.count = streams.counts[broker.name, "each"]
        os.mkdir(self.folder)
        self.bench.create(broker, self.output, 1)
        process, _ = self.start()
        streams.await_outputs(process, broker, self.output, self.count)
        process.stop()

    def start(self):
        http = f"127.0.0.1:{free_port()}"
        words = {"http": http} if self.broker.name == "tidemill" else {}
        return self.streams.starter(self.broker)(self.broker, COUNT_EACH, self.output, "at_least_once",
                                                 self.folder, **words), http

    def read_last(self):
        text = self.bench.command(self.bench.tidemill, "consume", "-b", self.broker.address, "-q", "-o",
                                  "-1", "-c", "1", "-f", "%k %s", self.output)
        return text.split()

    def told(self, process, http):
        """How many changes it says it read, and in how many seconds."""
        text = (self.bench.command(self.bench.tidemill, "app", "logs", "--http", http, self.output)
                if self.broker.name == "tidemill" else process.last_words())
        found = RESTORED.findall(text)
        if not found:
            raise RuntimeError(f"{self.output}: nothing was read from changelogs\n{text}")
        return int(found[-1][0]), float(found[-1][1])

    def run(self, turn):
        """Seconds and CPU seconds from its start until it answered one more record of the first key, seconds
        that it says it read, and its memory."""
        shutil.rmtree(os.path.join(self.folder, "state", self.output))
        self.bench.command(self.streams.fill_program, "each", self.broker.address, "each", 1, 1)
        started = time.monotonic()
        process, http = self.start()
        self.streams.await_count(self.broker, self.output, self.count + turn)
        seconds, cpu, size = time.monotonic() - started, process.cpu_seconds(), process.resident_bytes()
        read_count, read_seconds = self.told(process, http)
        process.stop()
        answer, due = self.read_last(), ["k0000000", str(turn + 1)]
        if answer != due or read_count < self.count:
            raise RuntimeError(f"{self.output}: {answer} instead of {due} after {read_count} changes")
        return seconds, cpu, read_seconds, size


def measure_restore(bench):
    """A store of a million keys without its files: until the application answers, from its changelog alone."""
    streams = Streams(bench, "each", inputs=EACH)
    restarts = [Restart(streams, broker) for broker in streams.brokers]
    values = {}
    for turn in range(1, RUNS + 1):
        for restart in restarts:
            values.setdefault(restart.broker.name, []).append(restart.run(turn))
    ours, theirs = ([median(column) for column in zip(*values[name])] if name in values else [None] * 4
                    for name in ("tidemill", "kafka"))
    bench.table.row(f"restore, {KEYS:,} keys: answers after", "s", ours[0], theirs[0], target="<= 2 s",
                    most=2)
    changelog = restarts[0].output + "-n-changelog"
    alone = median([bench.load("fetch", restarts[0].broker.address, changelog, KEYS, 1)[0]
                    for _ in range(RUNS)])
    bench.table.row("  beside reading the changelog alone", "s", ours[0], alone, "fetch")
    bench.table.row("  of it reading changes, as it says", "s", ours[2], theirs[2])
    bench.table.row("  CPU s until then", "s", ours[1], theirs[1])
    bench.table.row("  memory", "MB", ours[3], theirs[3])
    streams.discard()


def trips_through(streams, raw, broker, guarantee, *settings):
    """By rate the medians of p50 and p99, in seconds, through a processor that runs already."""
    bench = streams.bench
    job = Job("pass-through", "pass", "bytes", source=bench.name("trip"))
    output = bench.name("out")
    folder = os.path.join(bench.scratch, output)
    os.mkdir(folder)
    for topic in (job.source, output):
        bench.create(broker, topic, 1)
    process = streams.starter(broker)(broker, job, output, guarantee, folder, *settings)
    try:
        bench.load("produce", broker.address, job.source, 1, 100)
        streams.await_outputs(process, broker, output, 1)
        raw.run("e2e", broker.address, job.source, max(RATES), WARM_SECONDS, 100, 1, output)
        trips = {rate: [raw.run("e2e", broker.address, job.source, rate, TRIP_SECONDS, 100, 1, output)[:2]
                        for _ in range(RUNS)] for rate in RATES}
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{broker.name}, {guarantee}: {error}\n{process.last_words()}") from None
    process.stop()
    return {rate: [median(column) / 1e6 for column in zip(*trips[rate])] for rate in RATES}


def trips_alone(bench, raw, broker):
    """The same without a processor: a record is read where it was written."""
    topic = bench.name("trip")
    bench.create(broker, topic, 1)
    trips = {rate: [raw.run("e2e", broker.address, topic, rate, TRIP_SECONDS, 100, 1)[:2]
                    for _ in range(RUNS)] for rate in RATES}
    return {rate: [median(column) / 1e6 for column in zip(*trips[rate])] for rate in RATES}


def measure_latency(bench):
    """Through a pass-through: from the moment a record of 100 B is due until a waiting fetch of the output has
    it, open loop. What is not committed is not read."""
    streams, raw = Streams(bench), Raw(bench)
    ours, theirs = (streams.brokers + [None])[:2]
    for guarantee, label in (("at_least_once", "at least once"), ("exactly_once_v2", "exactly once")):
        through = trips_through(streams, raw, ours, guarantee)
        beside = [("kafka", trips_through(streams, raw, theirs, guarantee)),
                  ("kafka, linger 0", trips_through(streams, raw, theirs, guarantee,
                                                    "producer.linger.ms=0"))] if theirs else []
        if guarantee == "at_least_once":
            beside.append(("no processor", trips_alone(bench, raw, ours)))
        for rate in RATES:
            for place, name in ((0, "p50"), (1, "p99")):
                is_bound = guarantee == "at_least_once" and name == "p50"
                bounds = {"target": "<= 1 ms", "most": 0.001} if is_bound else {}
                rows = [(other, trips[rate][place]) for other, trips in beside] or [("", None)]
                for i, (other, value) in enumerate(rows):
                    label_of = f"through, {label}, {rate // 1000} k/s, {name}" if i == 0 else "  the same"
                    bench.table.row(label_of, "s", through[rate][place], value, other,
                                    **(bounds if i == 0 else {}))
    streams.discard()


MEASURES = {
    "once": measure_once,
    "threads": measure_threads,
    "memory": measure_memory,
    "restore": measure_restore,
    "latency": measure_latency,
}
