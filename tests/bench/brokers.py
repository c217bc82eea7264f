"""The two brokers under measurement: started on free ports, watched through /proc, stopped by us."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(os.path.dirname(HERE), "peers/kafka/peer")
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 60
# Metadata version 4 of all topics, correlation id 1, client id "bench".
METADATA = struct.pack(">hhih5sib", 3, 4, 1, 5, b"bench", -1, 0)


def free_port():
    """A port such that it and the next one are free: a Kafka takes two."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue


def answers_metadata(port):
    """Whether a broker on this port answers, with at least one broker in the answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
            stream.sendall(struct.pack(">i", len(METADATA)) + METADATA)
            answer = b""
            while len(answer) < 16:  # size, correlation id, throttle time, count of brokers
                part = stream.recv(4096)
                if not part:
                    return False
                answer += part
            return struct.unpack(">iiii", answer[:16])[3] > 0
    except OSError:
        return False


class Process:
    """A child whose CPU time and memory are read from /proc."""

    alive = []  # all that run; a measure that fails leaves its children to stop_all

    def __init__(self, command, errors):
        self.errors = errors
        with open(errors, "ab") as sink:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink,
                                          stderr=sink)
        Process.alive.append(self)

    def cpu_seconds(self):
        with open(f"/proc/{self.child.pid}/stat") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def disk_read_bytes(self):
        """What it had the disk read; what was in the page cache is not in it."""
        with open(f"/proc/{self.child.pid}/io") as counts:
            for line in counts:
                if line.startswith("read_bytes:"):
                    return int(line.split()[1])
        raise RuntimeError("the kernel does not count what a process reads")

    def resident_bytes(self, row="VmRSS"):
        """VmHWM: the most there ever was; RssAnon: without what is mapped from files."""
        with open(f"/proc/{self.child.pid}/status") as status:
            for line in status:
                if line.startswith(row + ":"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("the process has no memory any more")

    def stop(self):
        Process.alive.remove(self)
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def last_words(self):
        with open(self.errors, "rb") as errors:
            return errors.read()[-2000:].decode(errors="replace")


def stop_all():
    for process in list(Process.alive):
        process.stop()


class Broker(Process):
    def __init__(self, name, command, folder):
        self.name = name
        self.folder = folder
        self.started = time.monotonic()
        super().__init__(command, folder + ".out")

    def await_ready(self):
        """Polls until Metadata is answered; the seconds since the start of the program."""
        while not answers_metadata(self.port):
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.last_words()}")
            if time.monotonic() - self.started > PATIENCE_SECONDS:
                raise RuntimeError(f"{self.name} is not ready: {self.last_words()}")
            time.sleep(0.0005)
        self.address = f"127.0.0.1:{self.port}"
        return time.monotonic() - self.started

    def discard(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Tidemill(Broker):
    def __init__(self, program, folder, *settings):
        self.port = free_port()
        words = [word for setting in settings for word in ("--set", setting)]
        super().__init__("tidemill", [program, "serve", "--data", folder, "--listen",
                                      f"127.0.0.1:{self.port}", "--http", "none", *words], folder)


class Kafka(Broker):
    def __init__(self, folder, *settings):
        self.port = free_port()
        super().__init__("kafka", [PEER, "serve", folder, str(self.port), *settings], folder)


def peer_jars():
    """The folder of Kafka's jars, or None and why there is no peer."""
    result = subprocess.run([PEER, "jars"], capture_output=True, text=True)
    if result.returncode == 0:
        return result.stdout.strip(), None
    return None, result.stderr.strip() or "no peer"
