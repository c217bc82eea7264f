"""The measures of reading what is old: from the disk, and beside a tail that must not notice."""

import glob
import os
import subprocess
import time

from raw_measures import MEGABYTE, RUNS, Raw, beside
from table import median

COLD_MB = 500
COLD_SHARE_LEAST = 0.9  # of the bytes must come from the disk, or they were not cold
CATCHUP_MB = 500
TAIL_RATE = 2000
TAIL_SECONDS = 3
READ_SIZE = 1 << 20


class OldFiles:
    """A topic's record files as they are at first, synced; later records are left alone."""

    def __init__(self, broker, topic):
        self.sizes = {}
        for path in glob.glob(f"{broker.folder}/**/{topic}-*/*.log", recursive=True):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            self.sizes[path] = os.fstat(descriptor).st_size
            os.close(descriptor)

    def drop(self):
        """Out of the page cache, which needs no rights and disturbs nobody else."""
        for path, size in self.sizes.items():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, size, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

    def disk_rate(self):
        """Bytes a second of reading them one by one from the disk, in pieces of 1 MiB."""
        piece = bytearray(READ_SIZE)
        self.drop()
        start = time.perf_counter()
        for path, size in self.sizes.items():
            descriptor = os.open(path, os.O_RDONLY)
            for place in range(0, size, READ_SIZE):
                os.preadv(descriptor, [piece], place)
            os.close(descriptor)
        return sum(self.sizes.values()) / (time.perf_counter() - start)


def cold_fetch(raw, broker, topic, partitions, files):
    """Bytes a second and broker CPU seconds per GB; fails when the cache could not be dropped."""
    files.drop()
    cpu, disk = broker.cpu_seconds(), broker.disk_read_bytes()
    seconds, megabytes = raw.run("fetch", broker.address, topic, partitions, COLD_MB)
    cpu, disk = broker.cpu_seconds() - cpu, broker.disk_read_bytes() - disk
    if disk < COLD_SHARE_LEAST * megabytes * MEGABYTE:
        raise RuntimeError(f"{broker.name} had {disk / MEGABYTE:.0f} MB of {megabytes:.0f} MB read "
                           f"from the disk: {broker.folder} cannot be dropped from the page cache")
    return megabytes * MEGABYTE / seconds, cpu / (megabytes / 1000)


def print_cold(bench, label, results, limits):
    rates, costs = ({name: [result[place] for result in of] for name, of in results.items()}
                    for place in (0, 1))
    bench.table.row(f"{label}, bytes", "/s", median(rates["tidemill"]), beside(rates))
    bench.table.row("  broker CPU s per GB", "", median(costs["tidemill"]), beside(costs),
                    target="<= 1/4", ratio_most=0.25)
    bench.table.row("  beside reading the files alone", "/s", median(rates["tidemill"]),
                    median(limits), "disk")


def measure_cold(bench):
    """Everything from the start and from the disk; then again by brokers that just started."""
    raw, brokers = Raw(bench), bench.brokers()
    for partitions, words in ((16, "16 partitions"), (1, "1 partition")):
        topic = bench.name("cold")
        files, results, limits = {}, {}, []
        for broker in brokers:
            bench.create(broker, topic, partitions)
            raw.produce(broker, topic, partitions, COLD_MB, 16384, -1, 64)
            files[broker.name] = OldFiles(broker, topic)
        for run in range(RUNS + 1):
            limits.append(files["tidemill"].disk_rate())
            for broker in brokers:
                result = cold_fetch(raw, broker, topic, partitions, files[broker.name])
                if run:
                    results.setdefault(broker.name, []).append(result)
        print_cold(bench, f"cold catch-up, {words}", results, limits)
    results = {}
    for run in range(RUNS):
        for place, broker in enumerate(brokers):
            brokers[place] = bench.restarted(broker)
            results.setdefault(broker.name, []).append(
                cold_fetch(raw, brokers[place], topic, 1, files[broker.name]))
    print_cold(bench, "cold after a restart, 1 partition", results, limits)
    for broker in brokers:
        broker.discard()


class Tail:
    """A paced producer and the consumer that waits for its records, at the end of a topic."""

    def __init__(self, raw, broker, topic):
        words = [raw.program, "e2e", broker.address, topic, TAIL_RATE, TAIL_SECONDS, 100, 1]
        self.child = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)

    def is_running(self):
        return self.child.poll() is None

    def delays(self):
        """p50 and p99 in seconds."""
        out, errors = self.child.communicate()
        if self.child.returncode != 0:
            raise RuntimeError(f"the tail: {errors.strip()}")
        return [float(word) / 1e6 for word in out.split()[:2]]


def tail_alone(raw, broker, topic):
    """Its delays, and the broker's CPU seconds."""
    before = broker.cpu_seconds()
    return Tail(raw, broker, topic).delays(), broker.cpu_seconds() - before


def tail_beside_catchup(raw, broker, topic, files):
    """Its delays, the broker's CPU seconds, and seconds and megabytes of the catch-ups beside it,
    one after the other until the tail ends."""
    before = broker.cpu_seconds()
    tail = Tail(raw, broker, topic)
    seconds, megabytes = 0, 0
    while tail.is_running():
        files.drop()
        took, read = raw.run("fetch", broker.address, topic, 1, CATCHUP_MB)
        seconds, megabytes = seconds + took, megabytes + read
    return tail.delays(), broker.cpu_seconds() - before, seconds, megabytes


def measure_catchup(bench):
    """One consumer reads the old records of a partition, from the disk, while another follows."""
    raw, brokers = Raw(bench), bench.brokers()
    topic = bench.name("catchup")
    files, rates, costs, calm, busy = {}, {}, {}, {}, {}
    for broker in brokers:
        bench.create(broker, topic, 1)
        raw.produce(broker, topic, 1, CATCHUP_MB, 16384, -1, 16)
        files[broker.name] = OldFiles(broker, topic)
    for run in range(RUNS + 1):
        for broker in brokers:
            calm_delays, calm_cpu = tail_alone(raw, broker, topic)
            busy_delays, busy_cpu, seconds, megabytes = tail_beside_catchup(
                raw, broker, topic, files[broker.name])
            if not run:
                continue
            rates.setdefault(broker.name, []).append(megabytes * MEGABYTE / seconds)
            costs.setdefault(broker.name, []).append((busy_cpu - calm_cpu) / (megabytes / 1000))
            calm.setdefault(broker.name, []).append(calm_delays)
            busy.setdefault(broker.name, []).append(busy_delays)
    for broker in brokers:
        broker.discard()
    bench.table.row("cold catch-up beside a tail, 1 partition, bytes", "/s",
                    median(rates["tidemill"]), beside(rates))
    bench.table.row("  broker CPU s per GB, without the tail's", "", median(costs["tidemill"]),
                    beside(costs), target="<= 1/4", ratio_most=0.25)
    for delays, how in ((calm, "alone"), (busy, "beside the catch-up")):
        for place, name in ((0, "p50"), (1, "p99")):
            of = {broker: median([values[place] for values in all_of])
                  for broker, all_of in delays.items()}
            bench.table.row(f"  the tail at {TAIL_RATE // 1000} k/s {how}, {name}", "s",
                            of["tidemill"], of.get("kafka"))


MEASURES = {
    "cold": measure_cold,
    "catchup": measure_catchup,
}
