"""Checks of a command line: what a command printed and how it ended."""

import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "clients"))

from server import Process  # noqa: E402  (the way to a process that tests/clients has)

COMMAND_SECONDS = 120  # sanitizers on a busy machine
AWAIT_SECONDS = 90


def await_true(condition):
    """What the condition gives when it holds, or at the end of our patience."""
    deadline = time.monotonic() + AWAIT_SECONDS
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


class Cases:
    """Counts what held; `folder` is empty at the start and goes away."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.scratch = tempfile.TemporaryDirectory(prefix="tidemill-cli-")
        self.folder = self.scratch.name
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("KAFKA_", "TIDEMILL_"))}
        self.failures = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def run(self, *arguments, stdin=b"", program=None):
        return subprocess.run([program or self.program, *arguments], input=stdin,
                              cwd=self.folder, env=self.environment, timeout=COMMAND_SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def check(self, name, problem):
        """Only None is no problem: an answer that should not have been empty is one."""
        is_good = problem is None
        print(f"ok {name}" if is_good else f"not ok {name}: {problem or 'nothing was answered'}", flush=True)
        self.failures += not is_good

    def expect(self, name, code, sentence, *arguments, stdin=b""):
        """The command ends with `code` and says `sentence`, once, on standard error."""
        done = self.run(*arguments, stdin=stdin)
        errors = done.stderr.decode(errors="replace")
        problem = None
        if done.returncode != code:
            problem = f"ended with {done.returncode}, not {code}: {errors!r}"
        elif sentence not in errors:
            problem = f"said {errors!r}, not {sentence!r}"
        self.check(name, problem)

    def serve(self, *flags, folder="broker"):
        """A broker of our own, and its address for the commands that follow."""
        process = Process(self.program, self.path(folder), "serve", *flags)
        self.environment["TIDEMILL_BROKERS"] = process.start()
        return process

    def end(self):
        self.scratch.cleanup()
        return 1 if self.failures else 0
