"""rsyslog's omkafka from Debian: a log collector that writes what it is told into a topic."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from checks import Checks, expect, expect_equal, unique, wait_for

BROKER = os.environ["BROKER"]
STOP_SECONDS = 30

SETTINGS = """
global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log" CreatePath="off")
module(load="omkafka")
template(name="line" type="string" string="%programname%:%msg%")
action(type="omkafka" broker="{broker}" topic="{topic}" template="line"
       confParam=["compression.codec={codec}", "socket.keepalive.enable=true"]
       resubmitOnFailure="on" key="host")
"""


class Rsyslog:
    """rsyslogd in a folder of its own, listening on a socket of its own."""

    def __init__(self, topic, codec):
        self.folder = tempfile.mkdtemp(prefix="rsyslog-", dir="/tmp")  # socket paths are short
        settings = os.path.join(self.folder, "conf")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(folder=self.folder, broker=BROKER, topic=topic, codec=codec))
        self.log = open(os.path.join(self.folder, "stderr"), "wb")
        self.process = subprocess.Popen(
            [shutil.which("rsyslogd") or "/usr/sbin/rsyslogd", "-n", "-f", settings, "-i",
             os.path.join(self.folder, "pid")], stderr=self.log, stdout=self.log)
        wait_for(lambda: os.path.exists(os.path.join(self.folder, "log")), self.last_words)

    def write(self, lines):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(os.path.join(self.folder, "log"))
            for line in lines:
                connection.send(f"<14>tide: {line}".encode())

    def last_words(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return "rsyslogd: " + file.read()[-300:]

    def stop(self):
        self.process.terminate()
        self.process.wait(STOP_SECONDS)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def collect(codec):
    topic = unique(f"rsyslog-{codec}")
    admin = KafkaAdminClient(bootstrap_servers=BROKER)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    lines = [f"line {number} of the log" for number in range(200)]
    daemon = Rsyslog(topic, codec)
    client = KafkaConsumer(bootstrap_servers=BROKER, auto_offset_reset="earliest")
    place = TopicPartition(topic, 0)
    client.assign([place])
    client.seek_to_beginning(place)
    records = []
    try:
        daemon.write(lines)

        def are_there():
            for part in client.poll(timeout_ms=100).values():
                records.extend(part)
            return len(records) >= len(lines)

        wait_for(are_there, lambda: f"{len(records)} of {len(lines)}; {daemon.last_words()}")
    finally:
        daemon.stop()
        client.close()
    wanted = [f"tide: {line}" for line in lines]
    expect_equal([record.value.decode() for record in records], wanted, "lines")
    expect(all(record.key == b"host" for record in records), "a record without its key")


def main():
    checks = Checks()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.run(f"rsyslog codec {codec}", collect, codec)
    return checks.finish()


sys.exit(main())
