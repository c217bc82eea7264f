"""kcat from Debian, run as people run it. It has no admin commands: topics with several partitions
are made by python3-kafka, everything else is kcat alone."""

import json
import os
import re
import subprocess
import sys
import threading

from kafka.admin import KafkaAdminClient, NewTopic

import batches
from checks import Checks, expect, expect_equal, now_ms, unique, wait_for, wait_past

BROKER = os.environ["BROKER"]
SECONDS = 60
ASSIGNED = re.compile(r"rebalanced \(memberid \S+\): (assigned|revoked):(.*)")


def kcat(*arguments, stdin=b""):
    done = subprocess.run(["kcat", "-b", BROKER, *arguments], input=stdin, timeout=SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect(done.returncode == 0,
           f"kcat {' '.join(arguments)} ended with {done.returncode}: {done.stderr!r}")
    return done.stdout.decode()


def produce(topic, text, *arguments):
    kcat("-P", "-t", topic, "-X", "acks=all", *arguments, stdin=text.encode())


def consume(topic, *arguments, start="beginning", form="%s\n"):
    text = kcat("-C", "-t", topic, "-o", start, "-e", "-q", "-f", form, *arguments)
    return text.splitlines()


def create(topic, partitions):
    admin = KafkaAdminClient(bootstrap_servers=BROKER)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    admin.close()


def roundtrip(codec):
    topic = unique(f"kcat-{codec}")
    lines = [f"{codec} line {number} " + "the same again " * 8 for number in range(2000)]
    arguments = [] if codec == "none" else ["-z", codec]
    produce(topic, "\n".join(lines) + "\n", "-p", "0", *arguments)
    expect_equal(consume(topic), lines, "lines")
    expect_equal(batches.codecs(BROKER, topic), {codec}, "codecs of the batches")


def keys_and_headers():
    topic = unique("kcat-keys")
    produce(topic, "k1:one\nk2:two\n:empty key\nk4:\n", "-K:", "-p", "0", "-H", "color=green",
            "-H", "color=blue", "-H", "flag")
    seen = consume(topic, form="%k|%s|%h|%K|%S\n")
    headers = "color=green,color=blue,flag=NULL"
    expect_equal(seen, [f"k1|one|{headers}|2|3", f"k2|two|{headers}|2|3",
                        f"|empty key|{headers}|0|9", f"k4||{headers}|2|0"], "records")


def nulls_differ_from_empty():
    topic = unique("kcat-nulls")
    produce(topic, "k:\n", "-K:", "-p", "0", "-Z")
    produce(topic, "k:\n", "-K:", "-p", "0")
    produce(topic, "no key\n", "-p", "0")
    expect_equal(consume(topic, form="%K %S\n"), ["1 -1", "1 0", "-1 6"], "sizes of key and value")


def large_record():
    topic = unique("kcat-large")
    line = "x" * 950_000
    produce(topic, line + "\n", "-p", "0")
    seen = consume(topic)
    expect(seen == [line], f"{[len(text) for text in seen]} bytes came back instead of 950000")


def offsets():
    topic = unique("kcat-offsets")
    produce(topic, "".join(f"{number}\n" for number in range(100)), "-p", "0")
    expect_equal(consume(topic, "-p", "0", start="97"), ["97", "98", "99"], "from an offset")
    expect_equal(consume(topic, "-p", "0", start="-2"), ["98", "99"], "from the tail")
    expect_equal(consume(topic, "-p", "0", "-c", "2", start="10", form="%o=%s\n"),
                 ["10=10", "11=11"], "count")
    expect_equal(consume(topic, start="end"), [], "from the end")


def timestamp_of_last(topic):
    return int(consume(topic, form="%T\n")[-1])


def seek_by_time():
    topic = unique("kcat-time")
    produce(topic, "".join(f"early {number}\n" for number in range(50)), "-p", "0", "-z", "gzip")
    middle = wait_past(timestamp_of_last(topic))
    wait_past(middle)
    produce(topic, "".join(f"late {number}\n" for number in range(50)), "-p", "0", "-z", "gzip")
    late = [f"late {number}" for number in range(50)]
    early = [f"early {number}" for number in range(50)]
    expect_equal(consume(topic, start=f"s@{middle}"), late, "from a time")
    both = kcat("-C", "-t", topic, "-p", "0", "-o", "s@0", "-o", f"e@{middle}", "-e", "-q",
                "-f", "%s\n").splitlines()
    expect_equal(both, early, "until a time")
    for timestamp, offset in ((0, 0), (middle, 50), (now_ms() + 3_600_000, -1)):
        expect_equal(kcat("-Q", "-t", f"{topic}:0:{timestamp}").split()[-1], str(offset),
                     f"-Q at {timestamp}")


def metadata():
    topic = unique("kcat-metadata")
    create(topic, 3)
    answer = json.loads(kcat("-L", "-J", "-t", topic))
    expect_equal([entry["topic"] for entry in answer["topics"]], [topic], "topics")
    partitions = answer["topics"][0]["partitions"]
    brokers = [broker["id"] for broker in answer["brokers"]]
    expect_equal(sorted(row["partition"] for row in partitions), [0, 1, 2], "partitions")
    for row in partitions:
        expect(row["leader"] in brokers, f"the leader {row['leader']} is no broker")
        expect_equal(row["isrs"], [{"id": row["leader"]}], "in-sync replicas")
    expect(answer["controllerid"] in brokers, "the controller is no broker")
    expect_equal([broker["name"] for broker in answer["brokers"]], [BROKER], "address")
    everything = json.loads(kcat("-L", "-J"))
    expect(topic in [entry["topic"] for entry in everything["topics"]], "-L lacks the topic")


def idempotent():
    topic = unique("kcat-idempotent")
    lines = [str(number) for number in range(5000)]
    produce(topic, "\n".join(lines) + "\n", "-p", "0", "-X", "enable.idempotence=true", "-X",
            "batch.num.messages=100")
    expect_equal(consume(topic), lines, "lines")


class Member:
    """kcat -G in the background; keeps what it was assigned and what it read."""

    def __init__(self, group, topic):
        self.assigned = set()
        self.values = []
        self.process = subprocess.Popen(
            ["kcat", "-b", BROKER, "-u", "-G", group, "-X", "auto.offset.reset=earliest",
             "-X", "session.timeout.ms=10000", "-X", "heartbeat.interval.ms=300",
             "-X", "topic.metadata.refresh.interval.ms=1000", "-f", "%s\n", topic],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.threads = [threading.Thread(target=self.read_values, daemon=True),
                        threading.Thread(target=self.read_events, daemon=True)]
        for thread in self.threads:
            thread.start()

    def read_values(self):
        for line in self.process.stdout:
            self.values.append(line.rstrip("\n"))

    def read_events(self):
        for line in self.process.stderr:
            event = ASSIGNED.search(line)
            if event:
                found = set(re.findall(r"\[(\d+)\]", event.group(2)))
                self.assigned = found if event.group(1) == "assigned" else set()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(SECONDS)
        for thread in self.threads:
            thread.join(SECONDS)


def produce_everywhere(topic, name):
    values = set()
    for partition in range(4):
        part = [f"{name} {partition} {number}" for number in range(10)]
        produce(topic, "\n".join(part) + "\n", "-p", str(partition))
        values.update(part)
    return values


def group_of_two():
    topic, group = unique("kcat-group"), unique("kcat-members")
    everyone = {"0", "1", "2", "3"}
    create(topic, 4)
    members = [Member(group, topic)]
    try:
        wait_for(lambda: members[0].assigned == everyone, "all partitions for the only member")
        wanted = produce_everywhere(topic, "alone")
        wait_for(lambda: wanted <= set(members[0].values), "the records of all partitions")
        members.append(Member(group, topic))
        wait_for(lambda: len(members[0].assigned) == 2 and len(members[1].assigned) == 2,
                 lambda: f"two partitions each: {[member.assigned for member in members]}")
        expect_equal(members[0].assigned | members[1].assigned, everyone, "partitions of both")
        second = produce_everywhere(topic, "together")
        wait_for(lambda: second <= set(members[0].values) | set(members[1].values),
                 "the records at both members")
        for member in members:
            mine = {value.split()[1] for value in member.values if value.startswith("together")}
            expect_equal(mine, member.assigned, "partitions a member read")
        members[0].stop()
        wait_for(lambda: members[1].assigned == everyone, "all partitions for the one that stays")
        third = produce_everywhere(topic, "again")
        wait_for(lambda: third <= set(members[1].values), "the last records")
    finally:
        for member in members:
            member.stop()
    values = members[0].values + members[1].values
    expect_equal(sorted(values), sorted(wanted | second | third), "everything, once")


def commit_and_resume():
    topic, group = unique("kcat-resume"), unique("kcat-resumer")
    create(topic, 2)

    def read():
        text = kcat("-G", group, "-e", "-q", "-f", "%s\n", "-X", "auto.offset.reset=earliest",
                    topic)
        return sorted(text.split())

    produce(topic, "a\nb\n", "-p", "0")
    produce(topic, "c\n", "-p", "1")
    expect_equal(read(), ["a", "b", "c"], "first run")
    expect_equal(read(), [], "second run without news")
    produce(topic, "d\n", "-p", "1")
    expect_equal(read(), ["d"], "third run")


def main():
    checks = Checks()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.run(f"kcat codec {codec}", roundtrip, codec)
    checks.run("kcat keys and headers", keys_and_headers)
    checks.run("kcat nulls differ from empty", nulls_differ_from_empty)
    checks.run("kcat record of 950 kB", large_record)
    checks.run("kcat offsets", offsets)
    checks.run("kcat seek by time", seek_by_time)
    checks.run("kcat metadata", metadata)
    checks.run("kcat idempotent producer", idempotent)
    checks.run("kcat group of two with a rebalance", group_of_two)
    checks.run("kcat commit and resume", commit_and_resume)
    return checks.finish()


sys.exit(main())
