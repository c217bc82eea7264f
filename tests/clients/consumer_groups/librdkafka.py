"""A current librdkafka (the wheel confluent-kafka) in consumer groups: shares and rebalances, commits and
resumes, a static member, an expression over topics, and a group rolled from the classic protocol.

    librdkafka.py HOST:PORT RUN

Prints `ok NAME` or `not ok NAME: why`; exits with 0 or 1, with 77 without the wheel.
"""

import sys
import threading
import time

try:
    from confluent_kafka import Consumer, Producer, libversion
    from confluent_kafka.admin import AdminClient, NewTopic
except ImportError:
    print("skipped: confluent-kafka is not installed")
    sys.exit(77)

PARTITIONS = 4
PATIENCE_SECONDS = 60
BROKER, RUN = sys.argv[1:3]
ADMIN = AdminClient({"bootstrap.servers": BROKER})


def until(what, condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what}")
        time.sleep(0.02)


def make_topic(name):
    topic = f"{name}.{RUN}"
    ADMIN.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result()
    return topic


def produce(topic, count):
    producer = Producer({"bootstrap.servers": BROKER})
    for number in range(count):
        producer.produce(topic, f"record {number}", partition=number % PARTITIONS)
    assert producer.flush(PATIENCE_SECONDS) == 0


class Member:
    """Polls in a thread of its own and commits what it polled, until it is closed."""

    def __init__(self, group, topics, seen, protocol="consumer", instance=None):
        settings = {"bootstrap.servers": BROKER, "group.id": f"{group}.{RUN}",
                    "group.protocol": protocol, "auto.offset.reset": "earliest",
                    "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 1000}
        if protocol == "classic":
            settings |= {"partition.assignment.strategy": "range", "heartbeat.interval.ms": 300,
                         "session.timeout.ms": 10000}
        if instance:
            settings["group.instance.id"] = instance
        self.consumer = Consumer(settings)
        self.consumer.subscribe(topics)
        self.seen = seen
        self.assigned = set()
        self.failure = None
        self.is_stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            while not self.is_stopping.is_set():
                for record in self.consumer.consume(100, 0.05):
                    assert record.error() is None, record.error()
                    self.seen.append((record.topic(), record.partition(), record.offset()))
                    self.consumer.commit(record, asynchronous=False)
                self.assigned = {(row.topic, row.partition)
                                 for row in self.consumer.assignment()}
            self.consumer.close()
        except Exception as error:  # noqa: BLE001  (whatever it is, the case fails with it)
            self.failure = error
        self.assigned = set()

    def close(self):
        self.is_stopping.set()
        self.thread.join()


def count(members):
    """Assigned partitions; -1 when two members have the same."""
    for member in members:
        if member.failure:
            raise member.failure
    total = sum(len(member.assigned) for member in members)
    return total if total == len(set().union(*(m.assigned for m in members))) else -1


def two_members(members, seen):
    topic = make_topic("rd-two")
    produce(topic, 200)
    members.append(Member("rd-two", [topic], seen))
    until("whole assignment", lambda: count(members) == PARTITIONS)
    members.append(Member("rd-two", [topic], seen))
    until("shares", lambda: count(members) == PARTITIONS and len(members[1].assigned) == 2)
    produce(topic, 200)
    until("records", lambda: len(set(seen)) == 400)
    members.pop().close()
    until("everything again", lambda: count(members) == PARTITIONS)
    members.pop().close()
    members.append(Member("rd-two", [topic], seen))
    until("assignment", lambda: count(members) == PARTITIONS)
    produce(topic, 40)
    until("new records", lambda: len(set(seen)) == 440)
    assert len(seen) == 440, f"{len(seen) - 440} records twice"


def expression(members, seen):
    one = make_topic("rd-rx-one")
    members.append(Member("rd-rx", [f"^rd-rx-(one|two)[.]{RUN}"], seen))
    until("one topic", lambda: count(members) == PARTITIONS)
    two = make_topic("rd-rx-two")
    make_topic("rd-rx-three")
    until("two topics", lambda: count(members) == 2 * PARTITIONS)
    produce(one, 20)
    produce(two, 20)
    until("records", lambda: len(set(seen)) == 40)


def static_member(members, seen):
    topic = make_topic("rd-static")
    members += [Member("rd-static", [topic], seen, instance=name) for name in ("a", "b")]
    until("shares", lambda: count(members) == PARTITIONS and len(members[0].assigned) == 2)
    before, others = members[0].assigned, members[1].assigned
    members[0].close()
    members[0] = Member("rd-static", [topic], seen, instance="a")
    until("the same share", lambda: members[0].assigned == before)
    assert members[1].assigned == others, "others moved"


def rolling(members, seen):
    topic = make_topic("rd-rolling")
    members += [Member("rd-rolling", [topic], seen, "classic") for _ in range(2)]
    until("classic shares", lambda: count(members) == PARTITIONS)
    sent = 0
    for protocol in ("consumer", "classic"):
        for index in range(2):
            produce(topic, 100)
            sent += 100
            members[index].close()
            members[index] = Member("rd-rolling", [topic], seen, protocol)
            until(f"shares with {index + 1} of {protocol}",
                  lambda: count(members) == PARTITIONS and all(m.assigned for m in members))
    until("all records", lambda: len(set(seen)) == sent)
    assert len(seen) == sent, f"{len(seen) - sent} records twice"


def main():
    failures = 0
    version = libversion()[0]
    for case in (two_members, expression, static_member, rolling):
        members = []
        name = f"librdkafka {version}: {case.__name__.replace('_', ' ')}"
        try:
            case(members, [])
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001
            failures += 1
            print(f"not ok {name}: {error!r}", flush=True)
        for member in members:
            member.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
