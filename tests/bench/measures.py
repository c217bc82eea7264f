"""The measures. Each takes the bench, runs what it needs at least three times and adds its rows."""

import os
import re
import resource
import subprocess
import time

from brokers import HERE, PATIENCE_SECONDS, PEER, Kafka, Process, Tidemill
from table import median

RUNS = 3
# What Kafka's own producer sends by default; librdkafka's batches are sixty times larger.
BATCHES = ("batch.size=16384", "linger.ms=5")
SYNC_COUNT = 1500
LINE_COUNT = 2000000
IDLE_SECONDS = 5
COMMIT_SECONDS = 3
COMMIT_PERIOD_MS = 100
# What waits in the client is sent within a commit: little beside what a period brings, and spread
# over all partitions, which the client by itself does only every ten milliseconds.
COMMITTED = ("acks=all", *BATCHES, "queue.buffering.max.messages=4000",
             "sticky.partitioning.linger.ms=0")
PARTITIONS_MANY = 10000
POLL_PARTITIONS = 1000


class Bench:
    """What all measures share: programs, a scratch folder, the table and, perhaps, a peer."""

    def __init__(self, tidemill, load, limit, scratch, table, has_peer):
        self.tidemill = tidemill
        self.load_program = load
        self.limit_program = limit
        self.scratch = scratch
        self.table = table
        self.has_peer = has_peer
        self.serial = 0

    def name(self, stem):
        self.serial += 1
        return f"{stem}-{self.serial}"

    def brokers(self, *settings):
        """One of each, ready; stopped and removed by the caller."""
        brokers = [Tidemill(self.tidemill, os.path.join(self.scratch, self.name("tidemill")),
                            *settings)]
        if self.has_peer:
            brokers.append(Kafka(os.path.join(self.scratch, self.name("kafka")), *settings))
        for broker in brokers:
            broker.await_ready()
        return brokers

    def restarted(self, broker):
        """Stops it; another one in its folder, ready."""
        broker.stop()
        broker = (Kafka(broker.folder) if broker.name == "kafka"
                  else Tidemill(self.tidemill, broker.folder))
        broker.await_ready()
        return broker

    def command(self, *words, seconds=300):
        result = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                                timeout=seconds)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, words))}: {result.stderr.strip()}")
        return result.stdout

    def load(self, *words, seconds=300):
        return [float(word) for word in self.command(self.load_program, *words, seconds=seconds).split()]

    def kernel_cost(self, way):
        """CPU seconds per GB that the kernel alone takes to send or to receive and write."""
        path = os.path.join(self.scratch, self.name("limit"))
        return median([float(self.command(self.limit_program, way, path)) for _ in range(RUNS)])

    def create(self, broker, topic, partitions, *settings):
        words = [word for setting in settings for word in ("-c", setting)]
        self.command(self.tidemill, "topic", "create", "-b", broker.address, "-p", partitions,
                     *words, "-X", "request.timeout.ms=120000", topic)


def pair(values):
    """The medians of both brokers' values, with None where there is no peer."""
    return median(values["tidemill"]), median(values["kafka"]) if "kafka" in values else None


def measure_throughput(bench):
    """Produce and fetch at two sizes, in turn, with the broker's CPU seconds per gigabyte."""
    brokers = bench.brokers()
    for size, count, partitions, label in ((100, 2000000, 1, "100 B, 1 partition"),
                                           (1024, 500000, 16, "1 KiB, 16 partitions")):
        rates = {"produce": {}, "fetch": {}}
        costs = {"produce": {}, "fetch": {}}
        for run in range(RUNS + 1):  # the first one warms the peer's compiler and is not counted
            for broker in brokers:
                topic = bench.name("throughput")
                bench.create(broker, topic, partitions)
                for what, words in (("produce", (size, "acks=1", *BATCHES)),
                                    ("fetch", (partitions,))):
                    before = broker.cpu_seconds()
                    seconds = bench.load(what, broker.address, topic, count, *words)[0]
                    cpu = broker.cpu_seconds() - before
                    if run:
                        rates[what].setdefault(broker.name, []).append(count / seconds)
                        costs[what].setdefault(broker.name, []).append(cpu / (count * size / 1e9))
                bench.command(bench.tidemill, "topic", "rm", "-b", broker.address, topic)
        for what, way in (("produce", "receive"), ("fetch", "send")):
            bench.table.row(f"{what}, {label}, records", "/s", *pair(rates[what]))
            bench.table.row(f"{what}, {label}, broker CPU s per GB", "", *pair(costs[what]),
                            target="<= 1/4", ratio_most=0.25)
            bench.table.row("  beside the kernel's part alone", "", median(costs[what]["tidemill"]),
                            bench.kernel_cost(way), "kernel")
    for broker in brokers:
        broker.discard()


def sync_delays(folder):
    """What the disk itself needs to keep 4 KiB at the end of a file, in sorted seconds."""
    path = os.path.join(folder, "sync")
    page = b"x" * 4096
    delays = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for _ in range(SYNC_COUNT):
        start = time.perf_counter()
        os.write(descriptor, page)
        os.fdatasync(descriptor)
        delays.append(time.perf_counter() - start)
    os.close(descriptor)
    os.remove(path)
    return sorted(delays)


def java_produce(broker, topic, count):
    """Kafka's own measuring producer: records a second, as it prints them."""
    result = subprocess.run(
        [PEER, "tool", "org.apache.kafka.tools.ProducerPerformance", "--topic", topic,
         "--num-records", str(count), "--record-size", "1024", "--throughput", "-1",
         "--command-property", f"bootstrap.servers={broker.address}", "acks=all"],
        capture_output=True, text=True, timeout=300)
    found = re.findall(r"([\d.]+) records/sec", result.stdout)
    if result.returncode != 0 or not found:
        raise RuntimeError("ProducerPerformance: " + result.stderr.strip()[-500:])
    return float(found[-1])


def measure_durable(bench):
    """acks=all answered after the sync: throughput over 16 partitions, and delay at 20 k/s."""
    brokers = bench.brokers()
    rates, java_rates, middles, tails = {}, {}, {}, {}
    for run in range(RUNS + 1):
        for broker in brokers:
            settings = ("flush.messages=1",) if broker.name == "kafka" else ()
            topic = bench.name("durable")
            bench.create(broker, topic, 16, *settings)
            count = 60000 if broker.name == "kafka" else 200000
            seconds = bench.load("produce", broker.address, topic, count, 1024, "acks=all",
                                 *BATCHES)[0]
            java_rate = java_produce(broker, topic, count) if bench.has_peer else None
            time.sleep(1)  # writing back must not reach into the next measure
            middle, tail = bench.load("pace", broker.address, topic, 60000, 1024, 20000,
                                      "acks=all", "linger.ms=0")
            if not run:
                continue
            rates.setdefault(broker.name, []).append(count / seconds)
            if java_rate:
                java_rates.setdefault(broker.name, []).append(java_rate)
            middles.setdefault(broker.name, []).append(middle / 1e6)
            tails.setdefault(broker.name, []).append(tail / 1e6)
    for broker in brokers:
        broker.discard()
    bench.table.row("acks=all synced, 16 partitions, 1 KiB, librdkafka", "/s", *pair(rates),
                    target=">= 5 x", ratio_least=5)
    if java_rates:
        bench.table.row("the same, Kafka's ProducerPerformance", "/s", *pair(java_rates),
                        target=">= 5 x", ratio_least=5)
    delays = sync_delays(bench.scratch)
    for label, values, place in (("p50", middles, 0.5), ("p99", tails, 0.99)):
        ours, theirs = pair(values)
        label = f"acks=all synced at 20 k/s, 1 KiB, {label}"
        bench.table.row(label, "s", ours, theirs)
        bench.table.row("  beside one bare fdatasync of 4 KiB", "s", ours,
                        delays[int(len(delays) * place)], "disk")


def measure_transactions(bench):
    """Transactions of 100 ms at full speed, beside the same producer without them."""
    brokers = bench.brokers()
    rates, plain_rates, shares, costs, plain_costs = {}, {}, {}, {}, {}
    delays = {}
    for run in range(RUNS + 1):
        for broker in brokers:
            topic = bench.name("transactions")
            bench.create(broker, topic, 16)
            start = broker.cpu_seconds()
            count, seconds, *times = bench.load(
                "commit", broker.address, topic, COMMIT_SECONDS, 1024, COMMIT_PERIOD_MS,
                "transactional.id=bench", *COMMITTED)
            middle = broker.cpu_seconds()
            plain_seconds = bench.load("produce", broker.address, topic, int(count), 1024,
                                       "enable.idempotence=true", *COMMITTED)[0]
            end = broker.cpu_seconds()
            bench.command(bench.tidemill, "topic", "rm", "-b", broker.address, topic)
            if not run:
                continue
            gigabytes = count * 1024 / 1e9
            rates.setdefault(broker.name, []).append(count / seconds)
            plain_rates.setdefault(broker.name, []).append(count / plain_seconds)
            shares.setdefault(broker.name, []).append(plain_seconds / seconds)
            costs.setdefault(broker.name, []).append((middle - start) / gigabytes)
            plain_costs.setdefault(broker.name, []).append((end - middle) / gigabytes)
            for place, microseconds in enumerate(times):
                delays.setdefault(place, {}).setdefault(broker.name, []).append(microseconds / 1e6)
    for broker in brokers:
        broker.discard()
    label = f"transactions of {COMMIT_PERIOD_MS} ms, 1 KiB, 16 partitions, records"
    bench.table.row(label, "/s", *pair(rates))
    bench.table.row("  broker CPU s per GB", "", *pair(costs), target="<= 1/4", ratio_most=0.25)
    bench.table.row("  the same producer without transactions", "/s", *pair(plain_rates))
    bench.table.row("  broker CPU s per GB", "", *pair(plain_costs), target="<= 1/4",
                    ratio_most=0.25)
    bench.table.row("  with transactions / without", "", *pair(shares))
    for place, what in enumerate(("flush and commit, p50", "flush and commit, p99",
                                  "commit alone, p50", "commit alone, p99")):
        bench.table.row(f"  {what}", "s", *pair(delays[place]))


def write_lines(path):
    """JSON of 100 bytes: one in ten below the filter, one in ten for the other route."""
    block = []
    for i in range(1000):
        level = "debug" if i % 10 == 3 else "info"
        status = 503 if i % 10 == 7 else 200
        text = f'{{"ts":{1764000000000 + i},"level":"{level}","status":{status},"path":"/api/v1/u","host":"web-'
        block.append(text + f'{i:x}'.rjust(98 - len(text), "0") + '"}\n')
    with open(path, "w") as lines:
        for _ in range(LINE_COUNT // 1000):
            lines.write("".join(block))


ROUTE = """return {{ input = "{input}", output = "{output}", process = function(r)
  local j = r.json
  if j.level == "debug" then return nil end
  if j.status >= 500 then emit("{output}.errors", r) return nil end
  return r
end }}
"""
TAIL = """local app = require "tidemill".app "{output}"
app:topic("{output}", {{ partitions = 1 }})
app:source("{output}", {{ type = "file", path = "{input}", topic = "{output}" }})
return app
"""


def run_app(bench, broker, text, source, expected):
    """Runs one app against the broker until `expected` records came out: per CPU second, and per
    second from the first record out."""
    output = bench.name("out")
    folder = os.path.join(bench.scratch, output)
    os.mkdir(folder)
    app = os.path.join(folder, output + ".lua")
    with open(app, "w") as script:
        script.write(text.format(input=source, output=output))
    for topic in (output, output + ".errors"):
        bench.create(broker, topic, 1)
    runner = Process([bench.tidemill, "run", "--bootstrap", broker.address, "--http", "none",
                      "--state", os.path.join(folder, "state"), app], folder + ".err")
    try:
        seconds = bench.load("await", broker.address, output, expected, 1)[0]
        cpu = runner.cpu_seconds()
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{runner.last_words()}") from None
    finally:
        runner.stop()
    return LINE_COUNT / cpu, LINE_COUNT / seconds


def lua_alone(bench):
    """The same script on records that are in memory, when that program is built."""
    program = os.path.join(os.path.dirname(bench.tidemill), "bench/bench_lua_route")
    if not os.access(program, os.X_OK):
        return None
    found = re.search(r"(\d+) records/s", bench.command(program, 500000))
    return float(found.group(1)) if found else None


def measure_mill(bench):
    """A Lua filter and route from topic to topics, and a file into a topic; the runner is a process
    of its own, so its CPU seconds are those of the path."""
    path = os.path.join(bench.scratch, "lines.jsonl")
    write_lines(path)
    broker = Tidemill(bench.tidemill, os.path.join(bench.scratch, bench.name("tidemill")))
    broker.await_ready()
    bench.create(broker, "lines", 1)
    bench.command(bench.tidemill, "produce", "-q", "-b", broker.address, "-l", path, "lines")

    routes = [run_app(bench, broker, ROUTE, "lines", LINE_COUNT * 8 // 10) for _ in range(RUNS)]
    bench.table.row("Lua filter and route, 100 B, records/CPU s", "/s", median([r[0] for r in routes]),
                    lua_alone(bench), "Lua alone", target=">= 1 M/s", least=1e6)
    bench.table.row("  by the clock", "/s", median([r[1] for r in routes]))

    tails = [run_app(bench, broker, TAIL, path, LINE_COUNT) for _ in range(RUNS)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bench.command("wc", "-l", path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    limit = LINE_COUNT / max(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
                             0.001)
    bench.table.row("file tail to topic, 100 B, lines/CPU s", "/s", median([t[0] for t in tails]),
                    limit, "wc -l", target=">= 1 M/s", least=1e6)
    bench.table.row("  by the clock", "/s", median([t[1] for t in tails]))
    broker.discard()
    os.remove(path)


def measure_idle(bench):
    """Start-up, and what a broker without work takes; then with ten thousand idle partitions."""
    starts, sizes, loads, many = {}, {}, {}, {}
    makers = [lambda folder: Tidemill(bench.tidemill, folder)]
    if bench.has_peer:
        makers.append(Kafka)
    for make in makers:
        folder = os.path.join(bench.scratch, bench.name("idle"))
        broker = make(folder)
        broker.await_ready()  # makes the folder
        for _ in range(RUNS):
            broker.stop()
            broker = make(folder)
            starts.setdefault(broker.name, []).append(broker.await_ready())
        time.sleep(1)
        before = broker.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        loads[broker.name] = [(broker.cpu_seconds() - before) / IDLE_SECONDS]
        sizes[broker.name] = [broker.resident_bytes()]
        for half in ("many", "more"):  # a Kafka refuses more than 10,000 records in one request
            bench.create(broker, half, PARTITIONS_MANY // 2)
        give_up = time.monotonic() + PATIENCE_SECONDS
        previous = broker.cpu_seconds()
        while time.monotonic() < give_up:  # until the creation has settled
            time.sleep(2)
            if broker.cpu_seconds() - previous < 0.2:
                break
            previous = broker.cpu_seconds()
        many[broker.name] = [broker.resident_bytes()]
        broker.discard()
    bench.table.row("start to the first answered Metadata", "s", *pair(starts), target="<= 20 ms",
                    most=0.020)
    bench.table.row("idle memory", "MB", *pair(sizes), target="<= 15 MB", most=15e6)
    bench.table.row(f"idle CPU over {IDLE_SECONDS} s", "%", *pair(loads))
    bench.table.row("memory with 10,000 idle partitions", "MB", *pair(many), target="<= 120 MB",
                    most=120e6)


def measure_polls(bench):
    """What a consumer that follows many partitions without news costs its broker, per poll."""
    raw = os.path.join(os.path.dirname(bench.tidemill), "bench/bench_raw")
    if not os.access(raw, os.X_OK):
        raise RuntimeError(f"{raw} is not built (cmake -DTIDEMILL_TESTS=ON)")
    brokers = bench.brokers()
    for how, count in (("session", 3000), ("whole", 300)):
        costs = {}
        for run in range(RUNS + 1):  # the first one warms the peer's compiler and is not counted
            for broker in brokers:
                if run == 0 and how == "session":
                    bench.create(broker, "polls", POLL_PARTITIONS)
                    time.sleep(2)
                before = broker.cpu_seconds()
                bench.command(raw, "polls", broker.address, "polls", POLL_PARTITIONS, count, how)
                if run:
                    costs.setdefault(broker.name, []).append(
                        (broker.cpu_seconds() - before) / count)
        words = "in a session" if how == "session" else "named each time"
        bench.table.row(f"idle poll of {POLL_PARTITIONS:,} partitions, {words}, broker CPU", "s",
                        *pair(costs))
    for broker in brokers:
        broker.discard()


MEASURES = {
    "polls": measure_polls,
    "throughput": measure_throughput,
    "durable": measure_durable,
    "transactions": measure_transactions,
    "mill": measure_mill,
    "idle": measure_idle,
}
