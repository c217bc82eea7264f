"""Scenarios: fetch sessions (KIP-227), step by step, with names and with ids."""

from scenarios.records import NOW, fill, topic_id
from wire import batch

ALL = 1 << 20


class Reader:
    """One session of one client; notes what each fetch was answered, shortly."""

    def __init__(self, world, version, topics, label):
        self.world = world
        self.version = version
        self.names = topics
        self.ids = {topic: topic_id(world, topic) for topic in topics}
        self.ids["nowhere"] = bytes(range(16))
        self.label = label
        self.session = 0
        self.step = 0
        self.seen = {}

    def topic(self, name):
        return {"name": name, "topic_id": self.ids[name]}

    def row(self, index, offset, size=ALL, **more):
        return {"index": index, "fetch_offset": offset, "partition_max_bytes": size, **more}

    def name_of(self, entry):
        if self.version < 13:
            return entry["name"] if entry["name"] in self.ids else "unknown name"
        for name, identity in self.ids.items():
            if identity == entry["topic_id"]:
                return name
        return "no id" if not any(entry["topic_id"]) else "unknown id"

    def told(self, answer):
        rows = []
        for entry in answer["topics"]:
            name = self.name_of(entry)
            place = self.names.index(name) if name in self.names else name
            for part in entry["partitions"]:
                rows.append(f"{place}/{part['index']} error {part['error_code']}"
                            f" hw {part['high_watermark']} start {part.get('log_start_offset')}"
                            f" bytes {len(part['records'] or b'')}")
        return rows

    def fetch(self, what, epoch, *rows, session=None, forget=(), version=None, **more):
        """`rows`: (topic, row ...) each."""
        version = version or self.version
        settings = {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": ALL, **more}
        if forget:
            settings["forgotten_topics"] = [{**self.topic(name), "partitions": list(indexes)}
                                            for name, indexes in forget]
        answer = self.world.quiet(
            "Fetch", version, session_id=self.session if session is None else session,
            session_epoch=epoch,
            topics=[{**self.topic(name), "partitions": list(parts)} for name, *parts in rows],
            **settings)
        self.step += 1
        note = "no answer"
        if answer is not None:
            given = answer["session_id"]
            word = "none" if given == 0 else "same" if given == self.session else "new"
            if given:
                self.session = given
            note = {"error": answer["error_code"], "session": word, "rows": self.told(answer)}
        self.world.note(f"{self.label}{self.step} {what} v{self.version}", note)
        return answer


def produce(world, topic, index):
    world.quiet("Produce", 7, acks=-1, timeout_ms=10000, topics=[
        {"name": topic, "partitions": [{"index": index, "records": batch([(b"k", b"v")], NOW)}]}])


def sessions(world):
    for version in world.span("Fetch"):
        if version >= 7:
            one_session(world, version)


def one_session(world, version):
    topic = fill(world, f"session{version}", 3, 2)
    other = fill(world, f"session-other{version}", 1, 1)
    reader = Reader(world, version, [topic, other], "")
    row = reader.row
    reader.fetch("create", 0, (topic, row(0, 0), row(1, 0), row(2, 0)))
    reader.fetch("all at the end", 1, (topic, row(0, 4), row(1, 4), row(2, 4)))
    reader.fetch("nothing new", 2)
    produce(world, topic, 1)
    reader.fetch("one has more", 3)
    reader.fetch("and still", 4)
    reader.fetch("taken", 5, (topic, row(1, 5)))
    reader.fetch("nothing again", 6)
    reader.fetch("forget", 7, forget=[(topic, [0])])
    produce(world, topic, 0)
    reader.fetch("forgotten is silent", 8)
    reader.fetch("added again", 9, (topic, row(0, 4)))
    reader.fetch("another topic", 10, (topic, row(0, 5)), (other, row(0, 0)))
    reader.fetch("wrong epoch", 50)
    reader.fetch("right epoch after it", 11, (other, row(0, 2)))
    reader.fetch("the same epoch again", 11)
    reader.fetch("forget what is not there", 12, forget=[(topic, [7]), (other, [3])])
    reader.fetch("no such partition", 13, (topic, row(9, 0)))
    reader.fetch("which stays", 14)
    reader.fetch("out of range", 15, (topic, row(2, 77)), forget=[(topic, [9])])
    reader.fetch("which stays too", 16)
    reader.fetch("in range again", 17, (topic, row(2, 4)))
    reader.fetch("no such topic", 18, ("nowhere", row(0, 0)))
    reader.fetch("stays without topic", 19)
    reader.fetch("without it", 20, forget=[("nowhere", [0])])
    world.quiet("DeleteRecords", 2, timeout_ms=10000, topics=[
        {"name": topic, "partitions": [{"index": 1, "offset": 2}]}])
    reader.fetch("start moved", 21)
    reader.fetch("start told", 22)
    reader.fetch("forgotten and named", 23, (topic, row(1, 2)), forget=[(topic, [1])])
    reader.fetch("forget all", 24, forget=[(topic, [0, 1, 2]), (other, [0])])
    reader.fetch("after all are forgotten", 25)


def session_edges(world):
    topic = fill(world, "edges", 2, 2)
    row = {"index": 0, "fetch_offset": 0, "partition_max_bytes": ALL}
    for version in (7, 12, 13, 18):
        reader = Reader(world, version, [topic], "")
        reader.fetch("unknown session", 1, (topic, row), session=12345)
        reader.fetch("epoch without session", 3, (topic, row), session=0)
        reader.fetch("negative session", 1, (topic, row), session=-7)
        reader.fetch("negative epoch", -2, (topic, row), session=0)
        reader.fetch("empty create", 0)
        reader.fetch("empty goes on", 1)
        reader.fetch("create", 0, (topic, row), session=0)
        reader.fetch("close", -1, (topic, row))
        reader.fetch("after the close", 1)
        reader.fetch("create again", 0, (topic, row), session=0)
        reader.fetch("close with nothing", -1)
        reader.fetch("create for a new one", 0, (topic, row), session=0)
        first = reader.session
        reader.fetch("a new one in its place", 0, (topic, row))
        reader.fetch("the first is gone", 1, session=first)
        reader.fetch("twice in it", 0, (topic, {**row, "fetch_offset": 4}, row), session=0)
        reader.fetch("twice in it goes on", 1)
        reader.fetch("twice in one", 2, (topic, {**row, "fetch_offset": 4}, row))
        reader.fetch("topic twice", 3, (topic, row), (topic, {**row, "index": 1}))
        reader.fetch("create with unknown", 0, (topic, {**row, "index": 5}), ("nowhere", row),
                     session=0)
        reader.fetch("goes on with unknown", 1)


def session_mixed(world):
    """A session with names is not one with ids."""
    topic = fill(world, "mixed", 1, 1)
    row = {"index": 0, "fetch_offset": 2, "partition_max_bytes": ALL}
    for low, high in ((12, 13), (7, 18)):
        reader = Reader(world, low, [topic], "names ")
        reader.fetch("create", 0, (topic, row))
        reader.fetch("with ids", 1, (topic, row), version=high)
        reader.fetch("with names", 1, (topic, row))
        reader = Reader(world, high, [topic], "ids ")
        reader.fetch("create", 0, (topic, row))
        reader.fetch("with names", 1, (topic, row), version=low)
        reader.fetch("with ids", 1, (topic, row))


def session_turns(world):
    """Who was answered comes last."""
    topic = fill(world, "turns", 3, 4)
    for version in (11, 16):
        reader = Reader(world, version, [topic], "")
        parts = [reader.row(index, 0) for index in range(3)]
        reader.fetch("create", 0, (topic, *parts), max_bytes=1)
        for epoch in range(1, 6):
            reader.fetch(f"again {epoch}", epoch, max_bytes=1)
        reader.fetch("larger", 6, max_bytes=1300)
        reader.fetch("larger again", 7, max_bytes=1300)
        reader.fetch("one moved", 8, (topic, reader.row(1, 8)), max_bytes=1)
        reader.fetch("after it", 9, max_bytes=1)


def session_of_gone_topics(world):
    for version in (12, 13):
        topic = fill(world, f"gone{version}", 1, 1)
        stays = fill(world, f"stays{version}", 1, 1)
        reader = Reader(world, version, [topic, stays], "")
        reader.fetch("create", 0, (topic, reader.row(0, 2)), (stays, reader.row(0, 2)))
        world.quiet("DeleteTopics", 5, topic_names=[topic], timeout_ms=10000)
        world.until("gone", "Metadata", 4,
                    lambda answer: answer["topics"][0]["error_code"] == 3,
                    topics=[{"name": topic}], allow_auto_topic_creation=False)
        reader.fetch("is gone", 1)
        reader.fetch("still gone", 2)
        world.make_topic(topic)
        reader.fetch("made again", 3)


def session_waits(world):
    topic = fill(world, "waits", 2, 1)
    for version in (11, 17):
        reader = Reader(world, version, [topic], "")
        parts = [reader.row(index, 2) for index in range(2)]
        reader.fetch("create", 0, (topic, *parts), max_wait_ms=100)
        reader.fetch("waits in vain", 1, max_wait_ms=200)
        reader.fetch("an error does not wait", 2, (topic, reader.row(1, 99)), max_wait_ms=20000)
        reader.fetch("no wait for nothing", 3, forget=[(topic, [0, 1])], max_wait_ms=20000)


def followers(world):
    """Who says that it is a replica of a partition and is none."""
    topic = fill(world, "followers", 1, 2)
    row = {"index": 0, "fetch_offset": 0, "partition_max_bytes": ALL}
    for version in (11, 14, 15, 18):
        for replica in (-2, -3, 1, 7):
            reader = Reader(world, version, [topic], f"{replica} ")
            who = ({"replica_id": replica} if version < 15 else
                   {"replica_state": {"replica_id": replica, "replica_epoch": -1}})
            reader.fetch("reads", -1, (topic, row), **who)
            reader.fetch("creates", 0, (topic, row), **who)
        who = {"replica_id": 7} if version < 15 else {"replica_state": {"replica_id": 7}}
        world.ask("is told the leader", "Fetch", version, max_wait_ms=0, min_bytes=1, max_bytes=ALL,
                  session_epoch=-1, topics=[{"name": topic, "topic_id": topic_id(world, topic),
                                             "partitions": [row]}], **who)
        reader = Reader(world, version, [topic], "consumer ")
        reader.fetch("tells a start", -1, (topic, {**row, "log_start_offset": 3}))
        if version >= 12:
            reader.fetch("another cluster", -1, (topic, row), cluster_id="other")
        if version >= 11:
            reader.fetch("a rack", -1, (topic, row), rack_id="rack-1")


SCENARIOS = [sessions, session_edges, session_mixed, session_turns, session_of_gone_topics,
             session_waits, followers]
