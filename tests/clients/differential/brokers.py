"""The two brokers: started on free ports in folders of their own, or running already."""

import os
import shutil
import socket
import subprocess
import time

from server import Process
from wire import Connection

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PEER = os.path.join(ROOT, "tests/peers/kafka/peer")
START_SECONDS = 120


class Missing(Exception):
    """There is no Java here, or no jars."""


def ask_offered(address, apis):
    """{key: (lowest, highest)} of a broker, as soon as it answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = Connection(address, apis)
            answer = connection.ask("ApiVersions", 0)
            connection.close()
            return {row["api_key"]: (row["min_version"], row["max_version"])
                    for row in answer["api_keys"]}
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def free_ports():
    """A port that is free, as is the next one, which Kafka's controller takes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue


class Broker:
    """`address` of one that runs already, or None to start one for each file of scenarios."""

    def __init__(self, address, scratch):
        self.given = address
        self.folder = os.path.join(scratch, type(self).__name__)
        self.process = None

    def __enter__(self):
        return self.given or self.launch()

    def __exit__(self, *_):
        if not self.given:
            self.end()
            shutil.rmtree(self.folder, ignore_errors=True)


class Kafka(Broker):
    def launch(self):
        if subprocess.run([PEER, "jars"], stdout=subprocess.DEVNULL).returncode:
            raise Missing()
        port = free_ports()
        self.process = subprocess.Popen([PEER, "serve", self.folder, str(port)],
                                        stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        return f"127.0.0.1:{port}"

    def end(self):
        self.process.terminate()
        self.process.wait()


class Tidemill(Broker):
    def __init__(self, address, scratch, program):
        super().__init__(address, scratch)
        self.program = program

    def launch(self):
        self.process = Process(self.program, self.folder, "serve", "--data", "data")
        return self.process.start()

    def end(self):
        alive = self.process.is_alive()
        self.process.kill()
        if not alive:
            raise RuntimeError("tidemill ended: " + self.process.last_words())
