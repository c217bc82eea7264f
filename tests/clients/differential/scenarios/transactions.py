"""Scenarios: transactions, step by step: who may write, what belongs to it, how it ends, who sees it."""

import time

from wire import batch

NOW = int(time.time() * 1000)
BUSY = 51  # CONCURRENT_TRANSACTIONS


class Producer:
    """A transactional producer in the hand of the scenario."""

    def __init__(self, world, name):
        self.world = world
        self.id = world.name(name)
        self.producer = self.epoch = -1
        self.sequences = {}
        world.until("coordinator", "FindCoordinator", 2, lambda answer: answer["error_code"] == 0,
                    key=self.id, key_type=1)
        self.init()

    def init(self):
        answer = self.world.until("producer", "InitProducerId", 4,
                                  lambda answer: answer["error_code"] == 0,
                                  transactional_id=self.id, transaction_timeout_ms=60000)
        self.producer, self.epoch = answer["producer_id"], answer["producer_epoch"]
        self.sequences = {}

    def who(self, **more):
        return {"transactional_id": self.id, "producer_id": self.producer,
                "producer_epoch": self.epoch, **more}

    def patient(self, api, version, error_of, **values):
        """Asks again while the transaction before is being ended."""
        return self.world.until(api, api, version, lambda answer: error_of(answer) != BUSY, **values)

    def add(self, topic, index=0, version=3):
        answer = self.patient("AddPartitionsToTxn", version, first_error,
                              topics=[{"name": topic, "partitions": [index]}], **self.who())
        return first_error(answer)

    def end(self, is_committed=True, version=3):
        answer = self.patient("EndTxn", version, lambda answer: answer["error_code"],
                              is_committed=is_committed, **self.who())
        if answer["error_code"] == 0 and version >= 5:
            self.sequences = {}
            self.producer, self.epoch = answer["producer_id"], answer["producer_epoch"]
        return answer["error_code"]

    def records(self, sequence, epoch=None):
        return batch([(b"k", b"v")], NOW, attributes=0x10,
                     producer=(self.producer, self.epoch if epoch is None else epoch, sequence))

    def send(self, topic, index=0, version=12, epoch=None, **more):
        """The error of a Produce of the next record."""
        sequence = self.sequences.get((topic, index), 0)
        part = {"index": index, "records": self.records(sequence, epoch)}
        answer = self.patient("Produce", version, produce_error, **{
            "transactional_id": self.id, "acks": -1, "timeout_ms": 10000,
            "topics": [{"name": topic, "partitions": [part]}], **more})
        if produce_error(answer) == 0:
            self.sequences[topic, index] = sequence + 1
        return produce_error(answer)

    def state(self):
        """As described, when nothing is under way."""
        answer = self.world.until(
            "transaction", "DescribeTransactions", 0,
            lambda answer: not answer["transactions"][0]["state"].startswith("Prepare"),
            transactional_ids=[self.id])
        row = answer["transactions"][0]
        for topic in row["topics"]:
            topic["partitions"].sort()
        row["topics"].sort(key=lambda topic: topic["name"])
        return {**row, "start_time_ms": "set" if row["start_time_ms"] > 0 else row["start_time_ms"],
                "producer_epoch": row["producer_epoch"] - self.epoch}

    def reach(self, state, topic, version):
        """Brings a new id into a state."""
        if state == "Empty":
            return self
        if version >= 5:
            self.send(topic)
        else:
            self.add(topic)
        if state != "Ongoing":
            self.end(state == "CompleteCommit", version)
        self.state()
        return self


def first_error(answer):
    return answer["topics"][0]["partitions"][0]["error_code"]


def produce_error(answer):
    return answer["topics"][0]["partitions"][0]["error_code"]


def relative(answer, producer):
    """Epochs as they are seen from the producer's."""
    if answer.get("producer_epoch", -1) >= 0:
        answer = {**answer, "producer_epoch": answer["producer_epoch"] - producer.epoch}
    return answer


def coordinators(world):
    name = world.name("t")
    for version in world.span("FindCoordinator"):
        if version >= 1:
            keys = {"coordinator_keys": [name]} if version >= 4 else {"key": name}
            world.until("coordinator", "FindCoordinator", version, lambda answer: (
                answer["coordinators"][0] if version >= 4 else answer)["error_code"] == 0,
                        key_type=1, **keys)
            world.ask("transaction", "FindCoordinator", version, key_type=1, **keys)
    answer = world.quiet("Metadata", 5, topics=[{"name": "__transaction_state"}])
    world.note("topic", {"is_internal": answer["topics"][0]["is_internal"],
                         "partitions": len(answer["topics"][0]["partitions"])})


def identities(world):
    for version in world.span("InitProducerId"):
        producer = Producer(world, f"identity-{version}")

        def ask(label, **more):
            answer = world.quiet("InitProducerId", version, **{
                "transactional_id": producer.id, "transaction_timeout_ms": 60000, **more})
            world.note(f"{label} v{version}", relative(answer, producer))
            return answer

        ask("bumped")
        ask("bumped again")
        ask("no timeout", transaction_timeout_ms=0)
        ask("negative timeout", transaction_timeout_ms=-1)
        ask("long timeout", transaction_timeout_ms=900001)
        ask("longest timeout", transaction_timeout_ms=900000)
        ask("empty id", transactional_id="")
        if version >= 3:
            producer.init()
            claim = {"producer_id": producer.producer, "producer_epoch": producer.epoch}
            ask("with epoch", **claim)
            ask("asked for again", **claim)
            ask("older", **{**claim, "producer_epoch": producer.epoch - 1})
            ask("newer", **{**claim, "producer_epoch": producer.epoch + 5})
            ask("other id", **{**claim, "producer_id": producer.producer + 100000})
            ask("id 0", producer_id=0, producer_epoch=0)
            ask("new with identity", transactional_id=producer.id + "-new", **claim)


def every_state(world):
    """Each state meets each request; v1 is what clients did before KIP-890."""
    topic = world.make_topic(world.name("states"), 2)
    world.find_coordinator(world.name("group"))
    for version, word in ((3, "v1"), (5, "v2")):
        for state in ("Empty", "Ongoing", "CompleteCommit", "CompleteAbort"):
            def ask(label, api, api_version, change=None, **values):
                producer = Producer(world, f"{word}-{state}-{label}".replace(" ", "-"))
                producer.reach(state, topic, version)
                answer = world.quiet(api, api_version, **{**producer.who(), **values,
                                                          **(change(producer) if change else {})})
                world.note(f"{word} {state} {label}", relative(answer, producer))
                world.note(f"{word} {state} {label} then", producer.state())

            def stale(producer):
                return {"producer_epoch": producer.epoch - 1}

            def stranger(producer):
                return {"producer_id": producer.producer + 100000}

            part = [{"name": topic, "partitions": [1]}]
            ask("add", "AddPartitionsToTxn", 3, topics=part)
            ask("add stale", "AddPartitionsToTxn", 3, stale, topics=part)
            ask("add stale v1", "AddPartitionsToTxn", 1, stale, topics=part)
            ask("add stranger", "AddPartitionsToTxn", 3, stranger, topics=part)
            ask("offsets", "AddOffsetsToTxn", 3, group_id="g")
            ask("offsets stale", "AddOffsetsToTxn", 3, stale, group_id="g")
            ask("offsets stale v1", "AddOffsetsToTxn", 1, stale, group_id="g")
            for result, is_committed in (("commit", True), ("abort", False)):
                ask(result, "EndTxn", version, is_committed=is_committed)
                ask(f"{result} stale", "EndTxn", version, stale, is_committed=is_committed)
                ask(f"{result} stranger", "EndTxn", version, stranger, is_committed=is_committed)
            ask("commit newer", "EndTxn", version,
                lambda producer: {"producer_epoch": producer.epoch + 1}, is_committed=True)
            ask("commit stale v1", "EndTxn", 1, stale, is_committed=True)


def twice(world):
    """Ends that are asked for again, with the epoch of before."""
    topic = world.make_topic(world.name("twice"))
    for result in (True, False):
        for again in (True, False):
            producer = Producer(world, f"twice-{result}-{again}")
            producer.send(topic)
            before = producer.who()
            producer.end(result, 5)
            producer.state()
            world.note(f"{result} then {again}", relative(world.quiet(
                "EndTxn", 5, is_committed=again, **before), producer))
    answer = world.quiet("EndTxn", 3, transactional_id=world.name("nobody"), producer_id=1,
                         producer_epoch=0, is_committed=True)
    world.note("unknown", answer)
    world.note("empty", world.quiet("EndTxn", 3, transactional_id="", producer_id=1,
                                    producer_epoch=0, is_committed=True))


def partitions(world):
    topic = world.make_topic(world.name("partitions"), 3)
    for version in world.span("AddPartitionsToTxn"):
        producer = Producer(world, f"partitions-{version}")

        def ask(label, topics, verify=False, **more):
            who = producer.who(**more)
            if version >= 4:
                answer = world.quiet("AddPartitionsToTxn", version, transactions=[
                    {**who, "is_verify_only": verify, "topics": topics}])
            else:
                answer = world.quiet("AddPartitionsToTxn", version, topics=topics, **who)
            for one in answer.get("transactions", [answer]):
                for row in one["topics"]:
                    row["partitions"].sort(key=lambda part: part["index"])
                one["topics"].sort(key=lambda row: row["name"])
            world.note(f"{label} v{version}", answer)

        def rows(*indexes, name=topic):
            return [{"name": name, "partitions": list(indexes)}]

        if version >= 4:
            ask("not yet", rows(0), True)
        ask("added", rows(0))
        if version >= 4:
            ask("is part", rows(0), True)
            ask("some are", rows(0, 1), True)
            ask("verified stale", rows(0), True, producer_epoch=producer.epoch - 1)
            ask("verified stranger", rows(0), True, producer_id=producer.producer + 100000)
            ask("verified unknown", rows(0), True, transactional_id="nobody")
        ask("same again", rows(0))
        ask("more", rows(1, 2))
        ask("unknown partition", rows(0, 9))
        ask("unknown topic", rows(0) + rows(0, name="no-such-topic"))
        ask("nothing", [])
        ask("stale", rows(0), producer_epoch=producer.epoch - 1)
        ask("unknown id", rows(0), transactional_id="nobody")
        ask("empty id", rows(0), transactional_id="")


def producing(world):
    topic = world.make_topic(world.name("producing"), 2)
    for version in world.span("Produce"):
        if not 3 <= version <= 12:
            continue
        producer = Producer(world, f"producing-{version}")

        def ask(label, index=0, epoch=None, **more):
            sequence = producer.sequences.get((topic, index), 0)
            part = {"index": index, "records": producer.records(sequence, epoch)}
            answer = world.until("produce", "Produce", version, lambda answer: produce_error(answer) not in (19, BUSY), **{
                "transactional_id": producer.id, "acks": -1, "timeout_ms": 10000,
                "topics": [{"name": topic, "partitions": [part]}], **more})
            row = answer["topics"][0]["partitions"][0]
            world.note(f"{label} v{version}", {key: row.get(key) for key in ("error_code", "error_message")})
            if row["error_code"] == 0:
                producer.sequences[topic, index] = sequence + 1

        ask("without id", transactional_id=None)
        ask("outside")
        if version < 12:
            producer.add(topic)
        ask("inside")
        ask("inside again")
        ask("other partition", 1)
        ask("old epoch", 0, producer.epoch - 1)
        ask("wrong id", 1, transactional_id="nobody")
        world.note(f"state v{version}", producer.state())
        world.note(f"end v{version}", producer.end(True, 5 if version >= 12 else 3))
        world.note(f"ended v{version}", producer.state())
        ask("after the end")


def group_offsets(world):
    topic = world.make_topic(world.name("offsets"), 2)
    for version in world.span("TxnOffsetCommit"):
        group = world.name(f"offsets-{version}")
        world.find_coordinator(group)
        producer = Producer(world, f"offsets-{version}")

        def ask(label, offset=10, name=topic, **more):
            answer = producer.patient("TxnOffsetCommit", version, first_error, **{
                **producer.who(), "group_id": group, "topics": [{"name": name, "partitions": [
                    {"index": 0, "committed_offset": offset, "committed_metadata": "m"}]}], **more})
            world.note(f"{label} v{version}", answer)

        def look(label):
            for is_stable in (False, True):
                world.ask(f"{label} {version} stable {is_stable}", "OffsetFetch", 7, group_id=group,
                          topics=[{"name": topic, "partition_indexes": [0]}],
                          require_stable=is_stable)

        ask("before")
        if version < 5:
            world.note(f"added v{version}", world.quiet("AddOffsetsToTxn", 3, group_id=group, **producer.who()))
        ask("good")
        look("open")
        world.ask(f"all open {version}", "OffsetFetch", 7, group_id=group, topics=None, require_stable=True)
        ask("unknown topic", name="no-such-topic")
        ask("old epoch", producer_epoch=producer.epoch - 1)
        ask("other id", producer_id=producer.producer + 100000)
        ask("unknown", transactional_id="nobody")
        if version >= 3:
            ask("generation", generation_id=5, member_id="m")
            ask("member", member_id="m")
        producer.end(True, 5 if version >= 5 else 3)
        producer.state()
        look("committed")
        if version >= 5:
            ask("next", 20)
            producer.end(False, 5)
            producer.state()
            look("aborted")


def order_of_offsets(world):
    """A plain commit between the offsets of a transaction and its end."""
    topic = world.make_topic(world.name("order"))
    group = world.name("order")
    world.find_coordinator(group)
    producer = Producer(world, "order")
    row = {"index": 0, "committed_metadata": ""}
    producer.patient("TxnOffsetCommit", 5, first_error, group_id=group, topics=[
        {"name": topic, "partitions": [{**row, "committed_offset": 10}]}], **producer.who())
    world.ask("plain", "OffsetCommit", 6, group_id=group, generation_id_or_member_epoch=-1,
              member_id="", topics=[{"name": topic, "partitions": [{**row, "committed_offset": 5}]}])
    producer.end(True, 5)
    producer.state()
    world.ask("fetched", "OffsetFetch", 7, group_id=group, require_stable=True,
              topics=[{"name": topic, "partition_indexes": [0]}])


def listing(world):
    topic = world.make_topic(world.name("listing"))
    busy = Producer(world, "listing-busy").reach("Ongoing", topic, 5)
    done = Producer(world, "listing-done").reach("CompleteCommit", topic, 5)

    def ask(label, version, **filters):
        answer = world.quiet("ListTransactions", version, **filters)
        mine = [row for row in answer["transactions"] if world.run in row["transactional_id"]]
        world.note(f"{label} v{version}", {**answer, "transactions": sorted(
            mine, key=lambda row: row["transactional_id"])})

    for version in world.span("ListTransactions"):
        ask("all", version)
        ask("ongoing", version, state_filters=["Ongoing"])
        ask("unknown state", version, state_filters=["Ongoing", "Nonsense", "ongoing"])
        ask("by producer", version, producer_id_filters=[done.producer, 999999])
        if version >= 1:
            ask("long", version, duration_filter_ms=600000)
            ask("short", version, duration_filter_ms=0)
        if version >= 2:
            for label, pattern in (("empty", ""), ("whole", "listing-b.*"), ("part", "listing"),
                                   ("broken", "("), ("no RE2", "(?=x)")):
                ask(f"pattern {label}", version, transactional_id_pattern=pattern)
    world.ask("none", "DescribeTransactions", 0, transactional_ids=[])
    world.ask("unknown", "DescribeTransactions", 0, transactional_ids=["nobody", ""])
    world.note("busy", busy.state())
    world.note("done", done.state())


def markers(world):
    """What an admin does about a transaction that hangs, and what the log remembers."""
    topic = world.make_topic(world.name("markers"), 2)
    producer = Producer(world, "markers")
    producer.init()
    producer.reach("Ongoing", topic, 5)

    def ask(label, version=1, epoch=None, coordinator=0, indexes=(0,), name=topic):
        world.ask(label, "WriteTxnMarkers", version, markers=[{
            "producer_id": producer.producer,
            "producer_epoch": producer.epoch if epoch is None else epoch, "is_committed": False,
            "coordinator_epoch": coordinator,
            "topics": [{"name": name, "partition_indexes": list(indexes)}]}])

    def remembered(label):
        answer = world.quiet("DescribeProducers", 0, topics=[{"name": topic, "partition_indexes": [0]}])
        rows = answer["topics"][0]["partitions"][0]["active_producers"]
        world.note(label, [{**row, "producer_epoch": row["producer_epoch"] - producer.epoch,
                            "last_timestamp_ms": "time"} for row in rows])

    remembered("open")
    ask("unknown topic", name="no-such-topic")
    ask("unknown partition", indexes=(9,))
    ask("old epoch", epoch=producer.epoch - 1)
    ask("same epoch")
    remembered("ended")
    ask("again")
    ask("newer coordinator", coordinator=7)
    ask("older coordinator", coordinator=6)
    ask("no epoch", epoch=-1)
    ask("other partition", indexes=(1,))
    world.ask("nothing", "WriteTxnMarkers", 1, markers=[])


SCENARIOS = [coordinators, identities, every_state, twice, partitions, producing, group_offsets,
             order_of_offsets, listing, markers]
