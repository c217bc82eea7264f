"""What a broker can be doing on its disk when it is stopped: one row each.

A phase prepares a data directory with a healthy broker, once. Then, in a copy of that directory,
it acts until everything it is about has happened on the disk; a fault comes in the middle. Its
last act must show in what the broker answers or in the directory, so that a fault after it is a
fault after the phase. What the phase asked for is in the ledger.
"""

import glob
import os
import re

from checks import wait_for

SOON = ("log.retention.check.interval.ms=20",)


class Phase:
    name = None
    settings = ()
    starts = False  # the start of the broker itself is the phase
    may_fence = False  # for want of room, too

    def prepare(self, ledger, data):
        """With a healthy broker on `data`."""

    def spoil(self, ledger, data):
        """When that broker was killed: what a worse death leaves behind. Only for starts."""

    def act(self, ledger, data):
        """With a healthy broker; must be ready for errors and Gone."""


def logs(data, topic, suffix=".log", index=0):
    return sorted(glob.glob(os.path.join(data, f"{topic}-{index}", "*" + suffix)))


class Roll(Phase):
    """Each append begins a segment: index, trim, producer snapshot, new file, flush."""
    name = "segment roll"

    def prepare(self, ledger, data):
        ledger.create("rolled", 1, segment_ms=1)
        for _ in range(3):
            ledger.produce("rolled")

    def act(self, ledger, data):
        before = len(logs(data, "rolled"))
        while len(logs(data, "rolled")) < before + 2:
            ledger.produce("rolled")


class Checkpoint(Phase):
    """Recovery points and Kafka's two checkpoints, in the background."""
    name = "checkpoint"
    settings = ("log.flush.offset.checkpoint.interval.ms=30",)

    def prepare(self, ledger, data):
        ledger.create("plain", 2)
        ledger.produce("plain")
        wait_for(lambda: self.point(data) > 0, "the first checkpoint")

    def act(self, ledger, data):
        ledger.produce("plain", 1)
        before = self.point(data)

        def is_written():
            ledger.produce("plain")
            return self.point(data) > before
        wait_for(is_written, "the checkpoint")
        ledger.produce("plain")

    def point(self, data):
        path = os.path.join(data, "recovery-point-offset-checkpoint")
        if not os.path.exists(path):
            return -1
        with open(path, encoding="ascii") as file:
            found = re.search(r"^plain 0 (\d+)$", file.read(), re.MULTILINE)
        return int(found.group(1)) if found else -1


class Creation(Phase):
    """Directories, first segments, ids, the metadata log."""
    name = "topic creation"

    def act(self, ledger, data):
        ledger.create("created", 3)
        ledger.produce("created", 2)


class Deletion(Phase):
    """The metadata log, the rename, and the removal of files a little later."""
    name = "topic deletion"

    def prepare(self, ledger, data):
        ledger.create("doomed", 2, segment_ms=1, file_delete_delay_ms=0)
        ledger.create("kept")
        for _ in range(3):
            ledger.produce("doomed")
            ledger.produce("doomed", 1)
            ledger.produce("kept")

    def act(self, ledger, data):
        ledger.delete("doomed")

        def is_removed():
            ledger.start_of(ledger.partitions["kept", 0])
            return ledger.may_fail or not glob.glob(os.path.join(data, "doomed-*"))
        wait_for(is_removed, "the files of a deleted topic to go")
        ledger.create("doomed", 1, file_delete_delay_ms=0)
        ledger.produce("doomed")


class Growth(Phase):
    name = "more partitions"

    def prepare(self, ledger, data):
        ledger.create("grown")
        ledger.produce("grown")

    def act(self, ledger, data):
        ledger.grow("grown", 3)
        ledger.produce("grown", 2)


class Cut(Phase):
    """DeleteRecords: the start is durable before segments leave."""
    name = "record deletion"

    def prepare(self, ledger, data):
        ledger.create("cut", 1, segment_ms=1, file_delete_delay_ms=0)
        for _ in range(5):
            ledger.produce("cut")

    def act(self, ledger, data):
        ledger.cut("cut", 3)
        wait_for(lambda: ledger.start_of(ledger.partitions["cut", 0]) == 3 and
                 (ledger.may_fail or not logs(data, "cut", ".deleted")),
                 "the files of removed segments to go")
        ledger.produce("cut")


class Retention(Phase):
    """Whole segments leave by size."""
    name = "retention"
    settings = SOON

    def prepare(self, ledger, data):
        ledger.create("retained", 1, segment_ms=1, file_delete_delay_ms=0, retention_bytes=400)
        for _ in range(3):
            ledger.produce("retained")

    def act(self, ledger, data):
        partition = ledger.partitions["retained", 0]
        before = ledger.start_of(partition)
        wait_for(lambda: ledger.produce("retained") or ledger.start_of(partition) > before + 1,
                 "retention")


class Compaction(Phase):
    """Full segments become one: the new file, its rows, the swap, what goes."""
    name = "compaction"
    may_fence = True  # a swap that is decided cannot stay half done; the next start ends it
    settings = ("log.cleaner.backoff.ms=20", "log.flush.offset.checkpoint.interval.ms=50")

    def prepare(self, ledger, data):
        ledger.create("compacted", 1, segment_ms=1, cleanup_policy="compact",
                      min_cleanable_dirty_ratio="0.9", file_delete_delay_ms=0)
        for _ in range(8):
            ledger.produce("compacted")

    def act(self, ledger, data):
        partition = ledger.partitions["compacted", 0]
        ledger.configure("compacted", min_cleanable_dirty_ratio="0.01")
        ledger.produce("compacted")

        def is_compacted():
            found, _ = ledger.read(partition)
            return ledger.may_fail or len(found) <= 6
        wait_for(is_compacted, "compaction")
        ledger.produce("compacted")


class Commit(Phase):
    """Committed offsets, and the group's topic when it is not there yet."""
    name = "offset commit"
    settings = ("offsets.topic.num.partitions=3",)

    def prepare(self, ledger, data):
        ledger.create("plain")
        ledger.produce("plain")

    def act(self, ledger, data):
        ledger.find_coordinator()
        for offset in range(1, 4):
            ledger.commit("plain", offset)


class Stop(Phase):
    """A clean end: snapshots, epochs, indexes, recovery points, the marker."""
    name = "clean stop"
    stops = True

    def prepare(self, ledger, data):
        ledger.create("plain", 2)
        ledger.create("rolled", 1, segment_ms=1)
        for _ in range(3):
            ledger.produce("plain", 1)
            ledger.produce("rolled")

    def act(self, ledger, data):
        ledger.produce("plain", 1)
        ledger.produce("rolled")
        ledger.stop_broker()


class FirstStart(Phase):
    name = "first start"
    starts = True


class CleanStart(Phase):
    """After a clean stop: the marker goes."""
    name = "clean start"
    starts = True
    is_clean = True

    def prepare(self, ledger, data):
        Stop.prepare(self, ledger, data)


class Recovery(Phase):
    """After a kill, with a torn tail, a half-made topic, a half-deleted one, and leftovers."""
    name = "recovery"
    starts = True

    def prepare(self, ledger, data):
        Stop.prepare(self, ledger, data)
        ledger.create("torn")
        ledger.produce("torn")
        ledger.produce("torn")

    def spoil(self, ledger, data):
        path = logs(data, "torn")[-1]
        with open(path, "rb") as file:
            content = file.read()
        with open(path, "ab") as file:  # the head of a batch that was being written
            file.write(content[:70])
        empty = os.path.join(data, "unborn-0")
        os.mkdir(empty)
        with open(os.path.join(empty, "0" * 20 + ".log"), "wb"):
            pass
        buried = os.path.join(data, "buried-0.0123456789abcdef0123456789abcdef-delete")
        os.mkdir(buried)
        with open(os.path.join(buried, "0" * 20 + ".log"), "wb") as file:
            file.write(content)
        for name in ("0" * 20 + ".log.deleted", "leader-epoch-checkpoint.tmp"):
            with open(os.path.join(data, "torn-0", name), "wb") as file:
                file.write(content)


PHASES = [Roll, Checkpoint, Creation, Deletion, Growth, Cut, Retention, Compaction, Commit, Stop,
          FirstStart, CleanStart, Recovery]
