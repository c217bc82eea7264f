"""Java programs of the tests: the jars of the peer, tools run to their end, servers run beside us."""

import os
import subprocess
import tempfile

from checks import PATIENCE_SECONDS, Failure

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, "../../../peers/kafka")
BROKER = os.environ["BROKER"]
JARS = os.environ["KAFKA_JARS"]
COMMAND = ["java", "-XX:TieredStopAtLevel=1", "-Xmx512m",
           f"-Dlog4j2.configurationFile={os.path.join(PEER, 'log4j2.properties')}", "-cp", JARS + "/*"]


def run(main, *arguments, given=""):
    """What a tool printed; fails when it ends badly."""
    done = subprocess.run([*COMMAND, main, *arguments], input=given, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=3 * PATIENCE_SECONDS)
    if done.returncode != 0:
        raise Failure(f"{main} {' '.join(arguments)}: ended with {done.returncode}: "
                      f"{done.stdout[-400:]}")
    return done.stdout


class Server:
    """A Java program that runs until it is stopped."""

    def __init__(self, main, *arguments):
        self.output = tempfile.NamedTemporaryFile(prefix="jvm-", suffix=".log")
        self.process = subprocess.Popen([*COMMAND, main, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT)

    def last_words(self):
        with open(self.output.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-600:]

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failure(f"ended with {self.process.returncode}: {self.last_words()}")

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        self.process.kill()
        return self.process.wait()
