"""Runs suites of clients one after the other against one broker; for `run` and `registry/run`.

The broker is `tidemill serve` on a folder of its own, or the one that $BROKER names (host:port). A
suite is a command that prints `ok NAME` or `not ok NAME: why` per check. It is told in $BROKER where
the broker is, and in $FEATURES which features it serves.
"""

import os
import socket
import struct
import subprocess
import tempfile

from server import Process

SKIPPED = 77
SUITE_SECONDS = 600
# A transaction that is too old is looked for every 10 seconds otherwise.
ABORT_CHECK = "transaction.abort.timed.out.transaction.cleanup.interval.ms=500"
FEATURES = {"transactions": 24, "log-dirs": 35, "consumer-groups": 68}  # by a key of ApiVersions


class Missing(Exception):
    """What a suite needs and this machine has not; its text says what."""


def features_of(broker):
    """The features that a broker serves, by its answer to ApiVersions 0."""
    host, port = broker.rsplit(":", 1)
    with socket.create_connection((host.strip("[]"), int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
        answer = connection.makefile("rb")
        size, = struct.unpack(">i", answer.read(4))
        rows = answer.read(size)[10:]
    keys = {struct.unpack_from(">h", rows, at)[0] for at in range(0, len(rows) - 5, 6)}
    return " ".join(name for name, key in FEATURES.items() if key in keys)


def run_suite(name, prepare, broker, scratch):
    """`prepare(name, scratch)` answers (command, more environment) or raises Missing."""
    try:
        command, more = prepare(name, scratch)
    except Missing as reason:
        print(f"skipped {name}: {reason}", flush=True)
        return SKIPPED
    print(f"--- {name} against {broker}", flush=True)
    environment = dict(os.environ, BROKER=broker, TMPDIR=scratch, FEATURES=features_of(broker), **more)
    try:
        return 1 if subprocess.run(command, env=environment, timeout=SUITE_SECONDS,
                                   stdin=subprocess.DEVNULL).returncode else 0
    except subprocess.TimeoutExpired:
        print(f"not ok {name}: did not end within {SUITE_SECONDS} s", flush=True)
        return 1


def run_suites(names, prepare, tidemill):
    """The exit code: 0, 1 when something failed, 77 when every suite was skipped."""
    results = []
    with tempfile.TemporaryDirectory(prefix="tidemill-clients-") as scratch:
        server = None
        broker = os.environ.get("BROKER")
        if not broker:
            server = Process(tidemill, os.path.join(scratch, "server"), "serve", "--data", "data", "--set",
                             ABORT_CHECK)
            broker = server.start()
        try:
            for name in names:
                results.append(run_suite(name, prepare, broker, scratch))
        finally:
            if server:
                code = server.stop()
                if code != 0:
                    print(f"not ok server: ended with {code} after SIGTERM")
                    results.append(1)
                if 1 in results:
                    print(server.last_words())
    if 1 in results:
        return 1
    return SKIPPED if all(result == SKIPPED for result in results) else 0
