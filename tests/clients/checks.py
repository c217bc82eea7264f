"""Checks that print one line each, and waiting for conditions with a deadline.

A suite makes one Checks, runs named checks, and ends with sys.exit(checks.finish()). A check that
raises has failed; the others go on. Nothing here sleeps for a fixed time: wait_for looks again
and again until its condition holds or the deadline has passed.
"""

import os
import time
import traceback
import uuid

PATIENCE_SECONDS = float(os.environ.get("PATIENCE", "40"))


class Failure(Exception):
    """A check that does not hold; its text says why."""


def expect(condition, why):
    if not condition:
        raise Failure(why)


def expect_equal(seen, wanted, what):
    if seen != wanted:
        raise Failure(f"{what}: expected {shorten(wanted)}, saw {shorten(seen)}")


def shorten(value):
    text = repr(value)
    return text if len(text) <= 300 else text[:290] + f"… ({len(text)} characters)"


def wait_for(condition, what, seconds=PATIENCE_SECONDS):
    """What condition() answered as soon as it is true; `what` may be a function that tells."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:.0f} s for {what() if callable(what) else what}")
        time.sleep(0.02)


def now_ms():
    return time.time_ns() // 1_000_000


def wait_past(timestamp_ms):
    """A time later than this one, for records that must lie on both sides of it."""
    return wait_for(lambda: now_ms() if now_ms() > timestamp_ms + 1 else 0, "the clock")


def unique(name):
    """A name that no earlier run used: suites may meet a broker that remembers."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


class Checks:
    def __init__(self):
        self.failed = 0

    def run(self, name, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.failed += 1
            why = str(error) if isinstance(error, Failure) else repr(error)
            print(f"not ok {name}: {why}".replace("\n", " | "), flush=True)
            if not isinstance(error, Failure):
                print("    " + traceback.format_exc().replace("\n", "\n    ").rstrip(), flush=True)
        else:
            print(f"ok {name}", flush=True)

    def finish(self):
        return 1 if self.failed else 0
