#!/usr/bin/env python3
"""Crowds and bad manners against the real program: memory must stay under what the README states, one
well-behaved client must go on, and SIGTERM must end with 0. How much that client notices is printed
beside a run without the crowd; only memory (and, without descriptors, idleness) is asserted.
Usage: crowd.py TIDEMILL [SCENE...]
"""

import contextlib
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

from readers import DEADLINE_SECONDS, answer, frame, metadata, resident_mb, text

IDLE = 10000
SLOW = 1000
LIMIT_MB = 400
IDLE_KB = 16  # of memory for a connection that does nothing
DESCRIPTORS = 256
ROUNDS = 300


class Broker:
    """On a folder of its own; `descriptors` limits what it may open."""

    def __init__(self, program, folder, descriptors=None):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.stderr = open(os.path.join(folder, "stderr"), "w+b")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [program, "serve", "--data", os.path.join(folder, "data"), "--listen", "127.0.0.1:0",
             "--http", "none"], stdout=subprocess.PIPE, stderr=self.stderr, text=True,
            preexec_fn=limit if descriptors else None)
        ready = self.process.stdout.readline()
        host, port = ready.split("kafka ")[1].split(",")[0].rsplit(":", 1)
        self.address = (host, int(port))
        self.pid = self.process.pid
        self.base_mb = resident_mb(self.pid)

    def connect(self):
        return socket.create_connection(self.address, DEADLINE_SECONDS)

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) // 1024 for line in status
                        if line.startswith("VmHWM:"))

    def stop(self):
        self.process.terminate()
        code = self.process.wait(DEADLINE_SECONDS)
        self.stderr.close()
        if code != 0:
            raise SystemExit(f"the broker ended with {code}")


def expect(condition, why):
    if not condition:
        raise SystemExit(why)


def create_topic(stream, name):
    topic = text(name) + struct.pack(">ihii", 1, 1, 0, 0)
    stream.sendall(frame(19, 2, struct.pack(">i", 1) + topic + struct.pack(">i", 10000) + b"\0"))
    body = answer(stream)
    at = 4 + 4 + 4 + 2 + len(name)
    return struct.unpack_from(">h", body, at)[0]


class Client:
    """Sends small requests and takes the time of each answer."""

    def __init__(self, broker):
        self.stream = broker.connect()
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        expect(create_topic(self.stream, b"active") in (0, 36), "no topic for the active client")

    def times_ms(self):
        times = []
        for _ in range(ROUNDS):
            start = time.monotonic()
            self.stream.sendall(metadata())
            answer(self.stream)
            times.append((time.monotonic() - start) * 1000)
        times.sort()
        return f"p50 {times[ROUNDS // 2]:.2f} ms, p99 {times[ROUNDS * 99 // 100]:.2f} ms"


def settle(broker):
    """Waits until all that was sent is read: memory and processor rest."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    last, calm = None, 0
    while time.monotonic() < deadline and calm < 5:
        now = (resident_mb(broker.pid), round(broker.cpu_seconds(), 1))
        calm = calm + 1 if now == last else 0
        last = now
        time.sleep(0.05)


def report(name, broker, client, alone, more=""):
    print(f"{name}: {broker.base_mb} MB at first, peak {broker.peak_mb()} MB{more}; the active "
          f"client: {client.times_ms()} (alone: {alone})", flush=True)
    expect(broker.peak_mb() <= LIMIT_MB, f"{broker.peak_mb()} MB is over {LIMIT_MB} MB")


def idle(broker, client, alone):
    """Ten thousand connections that were answered once and do nothing."""
    crowd = []
    for _ in range(IDLE):
        crowd.append(broker.connect())
    for stream in crowd[::10]:
        stream.sendall(metadata())
    for stream in crowd[::10]:
        answer(stream)
    grown = resident_mb(broker.pid) - broker.base_mb
    report("idle", broker, client, alone, f", {grown * 1024 / IDLE:.1f} KB each of {IDLE}")
    expect(grown * 1024 <= IDLE * IDLE_KB, f"{grown} MB for {IDLE} idle connections")
    return crowd


def slow(broker, client, alone):
    """A byte now and then of a frame that says it is large; never the whole of it."""
    crowd = [broker.connect() for _ in range(SLOW)]
    request = struct.pack(">i", 50 << 20) + metadata()[4:]
    for at in range(12):
        for stream in crowd:
            stream.sendall(request[at:at + 1])
    settle(broker)
    report("slow", broker, client, alone)
    return crowd


def lengths(broker, client, alone):
    """Frames of 2 GiB and of 99 MiB, of which a kilobyte comes."""
    crowd = [broker.connect() for _ in range(2 * SLOW)]
    for index, stream in enumerate(crowd):
        size = 0x7fffffff if index % 2 else 99 << 20
        with contextlib.suppress(OSError):
            stream.sendall(struct.pack(">i", size) + metadata()[4:] + bytes(1000))
    closed = 0
    for stream in crowd[1::2]:
        with contextlib.suppress(OSError):
            stream.settimeout(DEADLINE_SECONDS)
            expect(stream.recv(1) == b"", "a frame of 2 GiB was answered")
        closed += 1
    settle(broker)
    report("lengths", broker, client, alone, f", {closed} of {SLOW} were shown the door")
    return crowd


def half_closed(broker, client, alone):
    """They ask, and say at once that they will say no more; some go without reading."""
    crowd = [broker.connect() for _ in range(SLOW)]
    for index, stream in enumerate(crowd):
        stream.sendall(metadata() * 20)
        if index % 2:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
        else:
            stream.shutdown(socket.SHUT_WR)
    settle(broker)
    report("half-closed", broker, client, alone)
    return crowd[::2]


def burst(broker, client, alone):
    """All at once, without waiting for each other."""
    crowd = []
    for _ in range(2 * SLOW):
        stream = socket.socket()
        stream.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            stream.connect(broker.address)
        crowd.append(stream)
    deadline = time.monotonic() + DEADLINE_SECONDS
    waiting = {stream.fileno(): stream for stream in crowd}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLOUT)
    while waiting and time.monotonic() < deadline:
        for number, _ in poll.poll(100):
            expect(waiting[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0,
                   "a connection of the burst was refused")
            poll.unregister(number)
            del waiting[number]
    expect(not waiting, f"{len(waiting)} of {len(crowd)} connections were not made")
    for stream in crowd:
        stream.setblocking(True)
        stream.sendall(metadata())
    for stream in crowd:
        answer(stream)
    report("burst", broker, client, alone)
    return crowd


def descriptors(broker, client, alone):
    """More connections than the process may open files: those wait, the loop rests, a topic that
    cannot be made yet is made later."""
    crowd = [broker.connect() for _ in range(2 * DESCRIPTORS)]
    settle(broker)
    before = broker.cpu_seconds()
    time.sleep(1)
    busy = broker.cpu_seconds() - before
    code = create_topic(client.stream, b"later")
    report("descriptors", broker, client, alone,
           f", {busy * 100:.0f} % of a processor, a topic was answered {code}")
    expect(busy < 0.5, f"{busy:.2f} s of processor in a second in which nothing can be done")
    for stream in crowd:
        stream.close()
    with broker.connect() as stream:
        stream.sendall(metadata())
        answer(stream)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while create_topic(stream, b"later") not in (0, 36):
            expect(time.monotonic() < deadline, "no topic when there are descriptors again")
            time.sleep(0.1)
    return []


SCENES = [idle, slow, lengths, half_closed, burst, descriptors]


def main():
    program = sys.argv[1]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < IDLE + 1000:
        print(f"skipped: only {hard} descriptors may be opened here")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for scene in SCENES:
        if sys.argv[2:] and scene.__name__ not in sys.argv[2:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker(program, folder, DESCRIPTORS if scene is descriptors else None)
            try:
                client = Client(broker)
                alone = client.times_ms()
                crowd = scene(broker, client, alone)
                for stream in crowd:
                    stream.close()
                broker.stop()
            finally:
                if broker.process.poll() is None:
                    broker.process.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
