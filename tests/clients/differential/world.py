"""What a scenario talks to: one broker, with a note of every answer under a label.

Answers are normalised: what differs from run to run or machine to machine is replaced by a word.
"""

import re
import time

from wire import Closed, Connection, Silent

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ID_TEXT = re.compile(r"\b[A-Za-z0-9_-]{22}\b")
FRESH = re.compile(r"fresh-\d+\.RUN")
ALIKE_MAX = 8
SENTENCE_MAX = 120
PATIENCE_SECONDS = 30


def is_recent(time_ms):
    return abs(time_ms - time.time() * 1000) < 86400000


def normalise(value, run, name=""):
    if isinstance(value, dict):
        return {key.replace(run, "RUN"): normalise(inner, run, key) for key, inner in value.items()
                if key != "throttle_time_ms"}
    if isinstance(value, (list, tuple)):
        if len(value) > ALIKE_MAX and all(each == value[0] for each in value):
            return [normalise(value[0], run, name), f"{len(value)} times"]
        return [normalise(inner, run, "" if name == "records" else name) for inner in value]
    if name in ("topic_id",) and isinstance(value, bytes):
        return "id" if any(value) else "no id"
    if name == "cluster_id":
        return "cluster"
    if name in ("port",) and value > 0:
        return "port"
    if name == "producer_id" and value >= 0:
        return "producer id"
    if name.endswith(("timestamp_ms", "start_time_ms")) and isinstance(value, int) and is_recent(value):
        return "recent"
    if name == "session_id" and isinstance(value, int) and 99 < value < (1 << 31) - 1:
        return "session"
    if name == "log_append_time_ms" and value >= 0:
        return "now"
    if name.endswith("message") and isinstance(value, str) and len(value) > SENTENCE_MAX:
        value = value[:SENTENCE_MAX] + "…"
    if name == "records" and isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, (str, bytes)) and len(value) > 200 and len(set(value[:200])) == 1:
        return f"{value[:1]!r}... {len(value)} long"
    if isinstance(value, str):
        return FRESH.sub("fresh.RUN", ID_TEXT.sub("ID", UUID.sub("UUID", value.replace(run, "RUN"))))
    if isinstance(value, bytes):
        return value.replace(run.encode(), b"RUN")
    return value


class World:
    def __init__(self, address, apis, run, versions):
        self.address = address
        self.apis = apis
        self.run = run  # the same for both brokers, another in every run
        self.connection = Connection(address, apis)
        self.notes = {}
        self.versions = versions  # {key: (lowest, highest)} that both brokers have
        self.fresh_count = 0
        self.end = None  # how the last request without an answer ended: closed or silent
        self.asked = {}  # {(api, version): how often}

    def name(self, text):
        """A name that no earlier run used."""
        return f"{text}.{self.run}"

    def fresh(self):
        """A name that nothing else has, and that all notes call the same."""
        self.fresh_count += 1
        return self.name(f"fresh-{self.fresh_count:05}")

    def note(self, label, answer):
        if label in self.notes:
            raise KeyError(f"two notes {label}")
        self.notes[label] = normalise(answer, self.run)

    def ask(self, label, api, version, **values):
        """Asks, notes and answers; None when there was no answer."""
        answer = self.quiet(api, version, **values)
        self.note(f"{label} v{version}", self.end if answer is None else answer)
        return answer

    def quiet(self, api, version, **values):
        """None when the connection was closed instead, or nothing came."""
        return self.exchange(api, version, values)

    def exchange(self, api, version, values, change=bytes):
        self.asked[api, version] = self.asked.get((api, version), 0) + 1
        try:
            return self.connection.exchange(api, version, values, change)
        except (Closed, Silent) as end:
            self.end = type(end).__name__.lower()
            return None

    def another(self):
        return Connection(self.address, self.apis)

    def span(self, api):
        """The versions of an API that both brokers and the schema have."""
        low, high = self.versions.get(self.apis[api]["key"], (0, -1))
        return range(max(low, self.apis[api]["lowest"]), min(high, self.apis[api]["highest"]) + 1)

    def until(self, what, api, version, is_good, **values):
        """Asks until the answer is good: Kafka makes topics and coordinators in steps."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.quiet(api, version, **values)
            if answer is not None and is_good(answer):
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {answer}")
            time.sleep(0.02)

    def make_topic(self, name, partitions=1, **configs):
        """A topic whose partitions can be written and read."""
        pairs = [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]
        self.quiet("CreateTopics", 5, timeout_ms=10000, topics=[
            {"name": name, "partition_count": partitions, "replication_factor": 1,
             "configs": pairs}])
        for index in range(partitions):
            self.until(f"topic {name}", "ListOffsets", 1,
                       lambda answer: answer["topics"][0]["partitions"][0]["error_code"] == 0,
                       replica_id=-1, topics=[{"name": name, "partitions": [
                           {"index": index, "timestamp_ms": -1}]}])
        return name

    def topic_id(self, name):
        answer = self.quiet("Metadata", 12, topics=[{"name": name, "topic_id": bytes(16)}])
        return answer["topics"][0]["topic_id"]

    def find_coordinator(self, group):
        self.until("coordinator", "FindCoordinator", 0, lambda answer: answer["error_code"] == 0,
                   key=group)
        self.until("group", "OffsetFetch", 2, lambda answer: answer["error_code"] == 0,
                   group_id=group, topics=None)
