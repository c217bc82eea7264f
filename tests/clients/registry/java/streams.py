"""Kafka Streams as a guest: the word count, stopped, killed, with and without exactly once.

An application of Streams does not leave its group when it ends: whoever follows waits until its session
has run out, so WordCount.java asks for a short one.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import jvm
from checks import Checks, expect_equal, unique, wait_for
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

FEATURES = os.environ.get("FEATURES", "").split()
PARTITIONS = 2


class Counting:
    """One application id, its topics, and what the output topic says in the end."""

    def __init__(self, guarantee):
        self.name = unique("wordcount")
        self.source, self.target = self.name + "-in", self.name + "-out"
        self.guarantee = guarantee
        self.state = tempfile.mkdtemp(prefix="streams-")
        self.app = None
        admin = KafkaAdminClient(bootstrap_servers=jvm.BROKER)
        admin.create_topics([NewTopic(self.source, PARTITIONS, 1), NewTopic(self.target, PARTITIONS, 1)])
        admin.close()

    def start(self):
        program = os.path.join(jvm.HERE, "WordCount.java")
        self.app = jvm.Server(program, self.name, self.source, self.target, self.guarantee, self.state)

    def write(self, lines):
        client = KafkaProducer(bootstrap_servers=jvm.BROKER)
        for number, line in enumerate(lines):
            client.send(self.source, line.encode(), partition=number % PARTITIONS)
        client.flush()
        client.close()

    def read(self):
        """[(word, count)] that are committed so far; by kcat, which knows transactions."""
        done = subprocess.run(["kcat", "-b", jvm.BROKER, "-C", "-t", self.target, "-o", "beginning", "-e",
                               "-q", "-X", "isolation.level=read_committed", "-s", "value=>q",
                               "-f", "%k %s\\n"], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
        rows = [line.split() for line in done.stdout.splitlines()]
        return [(word, int(count)) for word, count in rows]

    def expect(self, wanted):
        def is_so():
            self.app.check_alive()
            return dict(self.read()) == wanted

        wait_for(is_so, lambda: f"{wanted}: {self.read()} {self.app.last_words()}", 90)

    def expect_each_once(self):
        rows = self.read()
        expect_equal(sorted(rows), sorted(set(rows)), "counts that were written")

    def lose(self):
        """Killed, and its state is gone; it starts again from its changelogs."""
        self.app.kill()
        shutil.rmtree(self.state)
        self.start()

    def end(self):
        self.app.kill()
        shutil.rmtree(self.state, ignore_errors=True)


def word_count(guarantee):
    counting = Counting(guarantee)
    counting.start()
    try:
        counting.write(["time and tide", "wait for no man"])
        counting.expect({"time": 1, "and": 1, "tide": 1, "wait": 1, "for": 1, "no": 1, "man": 1})
        expect_equal(counting.app.stop() in (0, 143), True, "the end of the application")
        counting.start()  # with its state
        counting.write(["tide in", "tide out"])
        wanted = {"time": 1, "and": 1, "tide": 3, "wait": 1, "for": 1, "no": 1, "man": 1, "in": 1, "out": 1}
        counting.expect(wanted)
        if guarantee == "at_least_once":
            counting.lose()
            counting.write(["no man is an island"])
            counting.expect({**wanted, "no": 2, "man": 2, "is": 1, "an": 1, "island": 1})
        else:
            counting.write(["no man is an island"] * 500)
            wait_for(lambda: "island" in dict(counting.read()), "the first island")
            counting.write(["no man is an island"] * 500)
            counting.lose()  # in the midst of them
            counting.expect({**wanted, "no": 1001, "man": 1001, "is": 1000, "an": 1000, "island": 1000})
            counting.expect_each_once()
    finally:
        counting.end()


def reset():
    """The application resetter, which deletes internal topics and rewinds the group."""
    counting = Counting("at_least_once")
    counting.start()
    try:
        counting.write(["one two"])
        counting.expect({"one": 1, "two": 1})
        counting.app.stop()
        wait_for(lambda: tells_empty(counting.name), "the group to be empty", 60)
        jvm.run("org.apache.kafka.tools.StreamsResetter", "--bootstrap-server", jvm.BROKER,
                "--application-id", counting.name, "--input-topics", counting.source, "--force")
        shutil.rmtree(counting.state, ignore_errors=True)
        counting.start()
        counting.write(["three"])
        counting.expect({"one": 1, "two": 1, "three": 1})
    finally:
        counting.end()


def tells_empty(group):
    try:
        return "Empty" in jvm.run("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                                  "--bootstrap-server", jvm.BROKER, "--describe", "--state",
                                  "--group", group)
    except subprocess.TimeoutExpired:
        return False


def main():
    checks = Checks()
    checks.run("streams word count, at least once", word_count, "at_least_once")
    if "transactions" in FEATURES:
        checks.run("streams word count, exactly once", word_count, "exactly_once_v2")
    checks.run("streams resetter", reset)
    return checks.finish()


sys.exit(main())
