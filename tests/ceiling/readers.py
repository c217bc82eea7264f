#!/usr/bin/env python3
"""A thousand connections ask for fifty megabytes each and read nothing. The broker must stay under the
ceiling that its README states (256 MiB of requests and answers, LIMIT_MB for the whole process), and must go on
answering others. Usage: readers.py TIDEMILL
"""

import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time

READERS = 1000
FILL_MB = 64
LIMIT_MB = 400
DEADLINE_SECONDS = 30


def frame(key, version, body):
    head = struct.pack(">hhih", key, version, 1, 7) + b"ceiling"
    return struct.pack(">i", len(head) + len(body)) + head + body


def text(value):
    return struct.pack(">h", len(value)) + value


def metadata():
    return frame(3, 1, struct.pack(">i", 0))


def fetch(topic):
    partition = struct.pack(">iiqqi", 0, -1, 0, -1, 50 << 20)
    topics = struct.pack(">i", 1) + text(topic) + struct.pack(">i", 1) + partition
    return frame(1, 11, struct.pack(">iiiibii", -1, 500, 1, 50 << 20, 0, 0, -1) + topics
                 + struct.pack(">i", 0) + text(b""))


def answer(stream):
    size = struct.unpack(">i", exactly(stream, 4))[0]
    return exactly(stream, size)


def exactly(stream, size):
    parts = b""
    while len(parts) < size:
        part = stream.recv(size - len(parts))
        if not part:
            raise SystemExit("the broker closed the connection")
        parts += part
    return parts


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
    raise SystemExit("no VmRSS")


def peak_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    raise SystemExit("no VmHWM")


def fill(program, address):
    lines = subprocess.Popen([program, "produce", "-b", address, "-t", "ceiling"],
                             stdin=subprocess.PIPE)
    line = b"x" * 1023 + b"\n"
    for _ in range(FILL_MB * 1024):
        lines.stdin.write(line)
    lines.stdin.close()
    if lines.wait() != 0:
        raise SystemExit("filling the topic failed")


def parked(pid, before):
    """Waits until the broker's memory has stopped growing."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    last = before
    calm = 0
    while time.monotonic() < deadline and calm < 10:
        time.sleep(0.05)
        now = resident_mb(pid)
        calm = calm + 1 if now <= last and now > before else 0
        last = now
    return last


def main():
    program = sys.argv[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with tempfile.TemporaryDirectory() as folder:
        broker = subprocess.Popen(
            [program, "serve", "--data", os.path.join(folder, "data"), "--listen", "127.0.0.1:0",
             "--http", "none"], stdout=subprocess.PIPE, text=True)
        ready = broker.stdout.readline()
        address = ready.split("kafka ")[1].split(",")[0]
        host, port = address.rsplit(":", 1)
        fill(program, address)
        before = resident_mb(broker.pid)
        readers = [socket.create_connection((host, int(port))) for _ in range(READERS)]
        connected = resident_mb(broker.pid)
        for reader in readers:
            reader.sendall(fetch(b"ceiling"))
        parked(broker.pid, connected)
        with socket.create_connection((host, int(port)), DEADLINE_SECONDS) as other:
            start = time.monotonic()
            other.sendall(metadata())
            answer(other)
            took_ms = (time.monotonic() - start) * 1000
        peak = peak_mb(broker.pid)
        print(f"before {before} MB, {READERS} connections {connected} MB, peak {peak} MB, "
              f"another client was answered in {took_ms:.1f} ms")
        for reader in readers:
            reader.close()
        broker.terminate()
        code = broker.wait(DEADLINE_SECONDS)
    if code != 0:
        raise SystemExit(f"the broker ended with {code}")
    if peak > LIMIT_MB:
        raise SystemExit(f"{peak} MB is over the ceiling of {LIMIT_MB} MB")


if __name__ == "__main__":
    main()
