"""The processor host beside Kafka Streams: the same input of records of 100 B, run to its end by each.

Ours reads our broker and theirs the peer. The processor is a process of its own; the CPU seconds and
the memory are its, and both are told from the moment on when the first outputs were there: what was out
by then counts for neither, nor does what a virtual machine takes to start. A run whose outputs cannot
all be read back ends in a message and gives no figure. $BENCH_SCALE makes the inputs smaller (0.01), to
try the machinery; $BENCH_RUNS is how many runs a median is of.
"""

from collections import namedtuple
import json
import os
import shutil
import subprocess
import time

from brokers import HERE, Process, peer_jars
from table import median

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
IDLE_SECONDS = 5
CPU_SECONDS_LEAST = 0.05  # five ticks of the kernel's clock
KEYS = max(1000, int(1000000 * SCALE))
KEYS_FEW = max(1000, int(100000 * SCALE))
# Kind of the records, how many of them with us and with the peer, and keys.
INPUTS = {
    "json": ("json", 20000000, 1500000, KEYS),
    "few": ("json", 10000000, 1500000, KEYS_FEW),
    "lines": ("lines", 10000000, 1500000, KEYS),
    "table": ("table", None, None, KEYS),
}
# What one run of a processor came to: records a second, records a CPU second, cores of processor and
# broker that were busy, and memory: at its end, without what is mapped from files, and at most.
Result = namedtuple("Result", "rate thrift cores size size_own size_most")
PATTERN = (r'^(?<host>\S+) (?<ident>\S+) (?<user>\S+) \[(?<ts>[^\]]+)\] '
           r'"(?<method>\S+) (?<path>\S+) [^"]*" (?<status>\d+) (?<bytes>\d+) ')
HEAD = 'local S = require "tidemill"\nlocal app = S.app "@OUT@"\n'
SCRIPTS = {
    "pass": HEAD + 'app:stream("@IN@"):to "@OUT@"\nreturn app\n',
    "pass lua": 'return { input = "json", output = "@OUT@", process = function(r) return r end }\n',
    "route": HEAD + """app:stream("json", { value = "json" }):filter "$.level != 'debug'"
  :branch { { "bad", "$.status >= 500" }, { "rest", true } }
  :to { bad = "@OUT@.errors", rest = "@OUT@" }
return app
""",
    "route lua": """return { input = "json", output = "@OUT@", process = function(r)
  local j = r.json
  if j.level == "debug" then return nil end
  if j.status >= 500 then emit("@OUT@.errors", r) return nil end
  return r
end }
""",
    "patch": """return { input = "json", output = "@OUT@", value = "json", process = function(r)
  r.json.status = 201
  return r
end }
""",
    "regex": HEAD + f"""app:stream("lines"):plugin("regex", {{ pattern = [=[{PATTERN}]=] }}, {{ value = "json" }})
  :to "@OUT@"
return app
""",
    "count disk": HEAD + 'app:stream("@IN@"):group_by_key():count { name = "n" }:to "@OUT@"\nreturn app\n',
    "windows": HEAD + """app:stream("few"):group_by_key():window(S.tumbling("1m")):count { name = "n" }:to "@OUT@"
return app
""",
    "join": HEAD + """app:stream("json"):join(app:table("table", { name = "right" }), { name = "joined" },
  function(left, right) return left .. right end):to "@OUT@"
return app
""",
}


class Job:
    """One thing to do: a script of ours, a topology of theirs, its input and what comes out."""

    def __init__(self, label, script, topology, source="json", store="disk", shares=(10,), least=None,
                 ratio_least=None, is_basic=False):
        self.label, self.script, self.topology = label, script, topology
        self.source, self.store = source, store
        self.shares = shares  # tenths of the input that reach the output and its .errors
        self.least, self.ratio_least = least, ratio_least
        self.is_basic = is_basic  # the cost of exactly once and the gain of threads are told by it


JOBS = (
    Job("pass-through", "pass", "pass", least=4e6, ratio_least=10, is_basic=True),
    Job("pass-through, a Lua function", "pass lua", "pass"),
    Job("route by two fields", "route", "route", shares=(8, 1), least=2e6, ratio_least=10),
    Job("route by two fields, a Lua function", "route lua", "route", shares=(8, 1)),
    Job("JSON patch, one field", "patch", "patch", least=8e5, ratio_least=10),
    Job("regular expression, access log", "regex", "regex", "lines", ratio_least=10),
    Job(f"count, {KEYS:,} keys, persistent", "count disk", "count", least=1e6, ratio_least=20,
        is_basic=True),
    Job(f"windows of 1 minute, {KEYS_FEW:,} keys", "windows", "windows", "few", least=1e6,
        ratio_least=20),
    Job(f"join with a table of {KEYS:,} keys", "join", "join", ratio_least=20),
)


class Streams:
    """The programs, the brokers with their inputs, and runs of one processor over one of them."""

    def __init__(self, bench, *sources, inputs=INPUTS, partitions=1):
        self.bench = bench
        self.inputs, self.partitions = inputs, partitions
        self.plugins = os.path.join(os.path.dirname(bench.tidemill), "connectors")
        self.fill_program = os.path.join(bench.scratch, "fill")
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", os.path.join(HERE, "fill.c"), "-o",
                        self.fill_program, "-lrdkafka", "-lm"], check=True)
        if bench.has_peer:
            self.jars = peer_jars()[0]
            self.classes = os.path.join(bench.scratch, "classes")
            bench.command("javac", "-nowarn", "-d", self.classes, "-cp", f"{self.jars}/*",
                          os.path.join(HERE, "streams/Beside.java"))
        self.brokers = bench.brokers()
        self.counts = {}
        for broker in self.brokers:
            for source in sources:
                self.fill(broker, source)

    def fill(self, broker, source):
        kind, ours, theirs, keys = self.inputs[source]
        count = keys if kind == "table" else int((ours if broker.name == "tidemill" else theirs) * SCALE)
        count -= count % 10
        self.bench.create(broker, source, self.partitions)
        self.bench.command(self.fill_program, kind, broker.address, source, count, keys, self.partitions)
        self.counts[broker.name, source] = count

    def start_ours(self, broker, job, output, guarantee, folder, http="none", threads=1):
        app = os.path.join(folder, output + ".lua")
        with open(app, "w") as script:
            script.write(SCRIPTS[job.script].replace("@IN@", job.source).replace("@OUT@", output))
        return Process([self.bench.tidemill, "run", "--bootstrap", broker.address, "--http", http,
                        "--plugins", self.plugins, "--guarantee", guarantee, "--commit-interval",
                        "100ms", "--threads", str(threads), "--state", os.path.join(folder, "state"),
                        app], folder + ".err")

    def start_theirs(self, broker, job, output, guarantee, folder, *settings, threads=1):
        return Process(["java", "-Xmx1g", "-cp", f"{self.classes}:{self.jars}/*", "Beside",
                        broker.address, output, job.topology, job.store, guarantee,
                        os.path.join(folder, "state"), job.source, "table", output,
                        f"num.stream.threads={threads}", *settings], folder + ".err")

    def starter(self, broker):
        return self.start_ours if broker.name == "tidemill" else self.start_theirs

    def await_count(self, broker, output, expected):
        """As long as more and more are there; a busy machine may take many minutes."""
        self.bench.load("await", broker.address, output, expected, self.partitions, seconds=3600)

    def await_outputs(self, process, broker, output, expected):
        """Until there are so many, and all can be read back by a reader of what is committed."""
        try:
            self.await_count(broker, output, expected)
            self.bench.load("fetch", broker.address, output, expected, self.partitions)
        except RuntimeError as error:
            raise RuntimeError(f"{output}: {error}\n{process.last_words()}") from None

    def end_offset(self, broker, topic):
        text = self.bench.command(self.bench.tidemill, "topic", "offsets", "-b", broker.address, topic,
                                  "-o", "json")
        return sum(row["offset"] for row in json.loads(text))

    def run(self, job, broker, guarantee="at_least_once", threads=1):
        """A Result; from the first outputs on, to the last."""
        output = self.bench.name("out")
        folder = os.path.join(self.bench.scratch, output)
        os.mkdir(folder)
        count = self.counts[broker.name, job.source]
        topics = [output, output + ".errors"][:len(job.shares)]
        for topic in topics:
            self.bench.create(broker, topic, self.partitions)
        process = self.starter(broker)(broker, job, output, guarantee, folder, threads=threads)
        try:
            due = count * job.shares[0] // 10
            self.await_count(broker, output, 1)
            started, cpu_before, others = time.monotonic(), process.cpu_seconds(), broker.cpu_seconds()
            early = self.end_offset(broker, output) / due
            self.await_count(broker, output, due)
            seconds = time.monotonic() - started
            cpu, others = process.cpu_seconds() - cpu_before, broker.cpu_seconds() - others
            sizes = [process.resident_bytes(row) for row in ("VmRSS", "RssAnon", "VmHWM")]
            for topic, share in zip(topics, job.shares):
                self.await_outputs(process, broker, topic, count * share // 10)
        except RuntimeError as error:
            raise RuntimeError(f"{job.label}: {error}\n{process.last_words()}") from None
        finally:
            process.stop()
        if cpu < CPU_SECONDS_LEAST:
            raise RuntimeError(f"{job.label}: {count} records are too few to measure; raise BENCH_SCALE")
        for topic in topics:
            self.bench.command(self.bench.tidemill, "topic", "rm", "-b", broker.address, topic)
        shutil.rmtree(folder)
        measured = count * (1 - early)
        return Result(measured / seconds, measured / cpu, (cpu + others) / seconds, *sizes)

    def medians(self, job, *ways):
        """For each way (further arguments of `run`) a pair: of ours and of theirs, all of them in turn.
        Without a peer theirs are None each."""
        values = {}
        for _ in range(RUNS):
            for broker in self.brokers:
                for i, way in enumerate(ways):
                    values.setdefault((i, broker.name), []).append(self.run(job, broker, **way))
        return [[middle(values.get((i, name))) for name in ("tidemill", "kafka")]
                for i in range(len(ways))]

    def discard(self):
        for broker in self.brokers:
            broker.discard()


def middle(results):
    return Result(*map(median, zip(*results))) if results else Result(*[None] * len(Result._fields))


def bound(least):
    return {"target": f">= {least / 1e6:g} M/s", "least": least} if least else {}


def measure_streams(bench):
    """Each job by both processors."""
    streams = Streams(bench, *INPUTS)
    for job in JOBS:
        ours, theirs = streams.medians(job, {})[0]
        bench.table.row(f"{job.label}, records/CPU s", "/s", ours.thrift, theirs.thrift, **bound(job.least))
        if job.ratio_least:
            bench.table.row("  the same, beside kafka", "/s", ours.thrift, theirs.thrift,
                            target=f">= {job.ratio_least} x", ratio_least=job.ratio_least)
        bench.table.row("  by the clock", "/s", ours.rate, theirs.rate)
        bench.table.row("  memory", "MB", ours.size, theirs.size)
    streams.discard()


def measure_idle_processor(bench):
    """Memory of a pass-through that has answered one record and has nothing to do."""
    streams = Streams(bench)
    sizes = {}
    for broker in streams.brokers:
        bench.create(broker, "json", 1)
        output = bench.name("idle")
        folder = os.path.join(bench.scratch, output)
        os.mkdir(folder)
        bench.create(broker, output, 1)
        process = streams.starter(broker)(broker, JOBS[0], output, "at_least_once", folder)
        bench.command(streams.fill_program, "json", broker.address, "json", 1, 10)
        streams.await_outputs(process, broker, output, 1)
        time.sleep(IDLE_SECONDS)
        sizes[broker.name] = process.resident_bytes()
        process.stop()
    bench.table.row("an idle processor, memory", "MB", sizes["tidemill"], sizes.get("kafka"))
    streams.discard()


MEASURES = {
    "streams": measure_streams,
    "processor": measure_idle_processor,
}
