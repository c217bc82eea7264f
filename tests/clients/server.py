"""A tidemill process of our own: started on free ports, known by its ready line, stopped by us."""

import os
import re
import select
import signal
import subprocess
import time

READY = re.compile(rb"^tidemill \S+ ready: (?:kafka|applications on) ([^\s,]+:\d+), http ([^\s,]+)", re.MULTILINE)
START_SECONDS = 60  # sanitizers on a busy machine
STOP_SECONDS = 60


class Process:
    """`tidemill ARGUMENTS` on free ports, in a folder of its own."""

    def __init__(self, program, folder, *arguments):
        self.folder = folder
        self.command = [os.path.abspath(program), *arguments, "--listen", "127.0.0.1:0",
                        "--http", "127.0.0.1:0"]
        self.process = None
        self.http = None  # its address, or "off"
        self.stderr_path = os.path.join(folder, "stderr")

    def launch(self):
        """Does not wait until it is ready."""
        os.makedirs(self.folder, exist_ok=True)
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=stderr,
                                            stdin=subprocess.DEVNULL, cwd=self.folder)

    def start(self):
        """Waits for the ready line on stdout; answers the address in it."""
        self.launch()
        output = b""
        deadline = time.monotonic() + START_SECONDS
        descriptor = self.process.stdout.fileno()
        while not (match := READY.search(output)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                self.kill()
                raise RuntimeError(f"no ready line within {START_SECONDS} s: {output!r}")
            part = os.read(descriptor, 4096)
            if not part:
                code = self.process.wait()
                raise RuntimeError(f"tidemill ended with {code}: {output!r}\n{self.last_words()}")
            output += part
        self.http = match.group(2).decode()
        return match.group(1).decode()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return "no end"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def is_alive(self):
        return self.process.poll() is None

    def last_words(self):
        with open(self.stderr_path, "rb") as stderr:
            return stderr.read()[-4000:].decode(errors="replace")
