"""Kafka Connect as a guest: its file source and sink, standalone and distributed."""

import json
import os
import shutil
import socket
import sys
import tempfile
import urllib.error
import urllib.request

import jvm
from checks import Checks, expect, expect_equal, unique, wait_for

WORKER = """
bootstrap.servers={broker}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=500
listeners=http://127.0.0.1:{port}
plugin.discovery=service_load
plugin.path={jars}
"""
STANDALONE = "offset.storage.file.filename={folder}/offsets\n"
DISTRIBUTED = """
group.id={name}
offset.storage.topic={name}-offsets
config.storage.topic={name}-configs
status.storage.topic={name}-status
offset.storage.replication.factor=1
config.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=3
scheduled.rebalance.max.delay.ms=0
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Place:
    """A folder with a file that is read and a file that is written."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="connect-")
        self.name = unique("connect")
        self.port = free_port()
        self.written = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, count):
        with open(self.path("source.txt"), "a", encoding="utf-8") as file:
            file.writelines(f"line {number}\n" for number in range(self.written, self.written + count))
        self.written += count

    def wait(self, worker):
        """Every line must come out once; the last one may wait for more behind it."""
        wanted = [f"line {number}" for number in range(self.written)]

        def are_there():
            worker.check_alive()
            return os.path.exists(self.path("sink.txt")) and self.lines() == wanted

        wait_for(are_there, lambda: f"{self.written} lines; {worker.last_words()}", 120)

    def lines(self):
        with open(self.path("sink.txt"), encoding="utf-8") as file:
            return file.read().splitlines()

    def connectors(self):
        source = {"name": f"{self.name}-source", "tasks.max": "1", "topic": self.name,
                  "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
                  "file": self.path("source.txt")}
        sink = {"name": f"{self.name}-sink", "tasks.max": "1", "topics": self.name,
                "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
                "file": self.path("sink.txt")}
        return source, sink

    def properties(self, name, rows):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in rows.items())
        return self.path(name)

    def worker(self, more):
        text = (WORKER + more).format(broker=jvm.BROKER, port=self.port, jars=jvm.JARS,
                                      folder=self.folder, name=self.name)
        with open(self.path("worker"), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path("worker")

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def standalone():
    place = Place()
    place.write(100)
    source, sink = place.connectors()
    files = [place.worker(STANDALONE), place.properties("source", source), place.properties("sink", sink)]
    main = "org.apache.kafka.connect.cli.ConnectStandalone"
    worker = jvm.Server(main, *files)
    try:
        place.wait(worker)
        expect_equal(worker.stop() in (0, 143), True, "the end of the worker")
        place.write(50)
        worker = jvm.Server(main, *files)  # goes on where its offsets say
        place.wait(worker)
    finally:
        worker.kill()
        place.end()


def distributed():
    place = Place()
    place.write(100)
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    files = [place.worker(DISTRIBUTED)]
    worker = jvm.Server(main, *files)

    def is_ready():
        worker.check_alive()
        try:
            place.ask("GET", "/connectors")
            return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    try:
        wait_for(is_ready, worker.last_words, 120)
        for connector in place.connectors():
            place.ask("POST", "/connectors", {"name": connector["name"], "config": connector})
        place.wait(worker)
        expect(all(place.ask("GET", f"/connectors/{connector['name']}/status")
                   ["connector"]["state"] == "RUNNING" for connector in place.connectors()), "running")
        worker.kill()
        place.write(50)
        worker = jvm.Server(main, *files)  # its connectors and offsets are in topics
        wait_for(is_ready, worker.last_words, 120)
        wait_for(lambda: set(f"line {number}" for number in range(place.written)) == set(place.lines()),
                 lambda: f"all lines; {worker.last_words()}", 120)
    finally:
        worker.kill()
        place.end()


def main():
    checks = Checks()
    checks.run("connect standalone, file to file", standalone)
    checks.run("connect distributed, file to file", distributed)
    return checks.finish()


sys.exit(main())
