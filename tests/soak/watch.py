"""What must not grow while a broker is kept busy: memory, threads, descriptors, the disk."""

import os
import statistics
import subprocess
import time

from checks import expect

LOOK_SECONDS = 10
GROWTH_MB = 4
DESCRIPTORS = 600  # segment files are held open up to 512


class Watch:
    def __init__(self, broker, data, disk_mb):
        self.broker = broker
        self.data = data
        self.disk_mb = disk_mb
        self.looks = []  # (memory MB, descriptors, threads, disk MB)
        self.began = time.monotonic()
        self.next_look = LOOK_SECONDS

    def seconds(self):
        return time.monotonic() - self.began

    def look(self, more):
        """Each ten seconds, one line; `more` tells what was done."""
        if self.seconds() < self.next_look:
            return
        self.next_look = self.seconds() + LOOK_SECONDS
        pid = self.broker.process.pid
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                memory = next(int(line.split()[1]) for line in status
                              if line.startswith("VmRSS:"))
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
            threads = len(os.listdir(f"/proc/{pid}/task"))
        except (OSError, StopIteration):
            return  # it was killed at this moment
        disk = int(subprocess.run(["du", "-sk", self.data], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.DEVNULL, check=False).stdout.split()[0])
        row = (memory / 1024, descriptors, threads, disk / 1024)
        self.looks.append(row)
        print(f"{self.seconds():6.0f} s: {row[0]:.1f} MB, {row[1]} descriptors, {row[2]} threads, "
              f"{row[3]:.1f} MB of disk, {more()}", flush=True)

    def judge(self):
        half = len(self.looks) // 2
        first, second = self.looks[half // 2:half], self.looks[half:]
        if not first:
            return
        before, after = (statistics.median(row[0] for row in rows) for rows in (first, second))
        expect(after <= before * 1.1 + GROWTH_MB,
               f"memory went from {before:.1f} to {after:.1f} MB")
        before, after = (max(row[2] for row in rows) for rows in (first, second))
        expect(after <= before, f"threads went from {before} to {after}")
        most = max(row[1] for row in self.looks)
        expect(most <= DESCRIPTORS, f"{most} descriptors are open")
        expect(second[-1][3] <= self.disk_mb, f"{second[-1][3]:.0f} MB of disk")
