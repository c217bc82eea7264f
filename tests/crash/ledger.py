"""What one broker was told to do, what it acknowledged, and whether it kept its word.

A Ledger speaks the protocol by itself, one request after the other, so that it knows of each what
was answered. What was asked and not answered may have happened or not: after the next start
either is right, but not half of it, and not twice. `audit` looks, then goes on with the same
producers: what was in doubt is sent again with its old sequence and must be there once.
"""

import copy
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../clients"))
sys.path.insert(0, os.path.join(HERE, "../clients/differential"))

from checks import expect, wait_for  # noqa: E402
from wire import Closed, Connection, Silent, batch, load_apis  # noqa: E402

APIS = load_apis()
OFFSET_OUT_OF_RANGE = 1
STORAGE_ERROR = 56  # KAFKA_STORAGE_ERROR: retriable to every client
RETRIABLE = (3, 5, 6, 7, 13, 14, 15, 16, STORAGE_ERROR)
GROUP = "auditors"
KEYS = 3
FETCH_BYTES = 8 << 20


class Gone(Exception):
    """The broker ended while it was asked."""


class Refused(Exception):
    """The broker answered with an error."""

    def __init__(self, what, code):
        super().__init__(f"{what} was answered with error {code}")
        self.code = code


class Partition:
    """One partition and its only producer, which numbers its batches."""

    def __init__(self, topic, index):
        self.topic = topic
        self.index = index
        self.producer = None
        self.sequence = 0
        self.acknowledged = []  # (offset, value)
        self.doubtful = None    # (sequence, value) of the batch whose answer is not known
        self.start = 0          # no record below it must be there
        self.start_wish = 0     # a start that was asked for and not answered

    def name(self):
        return f"{self.topic}-{self.index}"


class Ledger:
    def __init__(self):
        self.connection = None
        self.partitions = {}     # (topic, index): Partition, of topics that must be there
        self.doubtful_topics = {}  # name: (count, partitions as known); made or deleted, who knows
        self.doubtful_counts = {}  # name: a growth without an answer
        self.commits = {}        # (topic, index): the offsets that may be the committed one
        self.records = 0
        self.may_fail = False    # nobody waits for what a failed call leaves undone

    def copy(self):
        """As it is, without the connection."""
        self.hang_up()
        return copy.deepcopy(self)

    def dial(self, address):
        self.hang_up()
        self.connection = Connection(address, APIS)

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def ask(self, api, version, **values):
        try:
            return self.connection.ask(api, version, **values)
        except (Closed, ConnectionError) as error:
            self.connection.close()
            raise Gone(api) from error
        except Silent as error:
            raise Gone(f"{api}: no answer") from error

    # --- Topics -----------------------------------------------------------------------------

    def create(self, topic, count=1, **configs):
        """Names of configurations with underscores for dots."""
        rows = [{"name": name.replace("_", "."), "value": str(value)}
                for name, value in configs.items()]
        self.doubtful_topics[topic] = (count, {})
        answer = self.ask("CreateTopics", 5, timeout_ms=10000, topics=[
            {"name": topic, "partition_count": count, "replication_factor": 1, "configs": rows}])
        code = answer["topics"][0]["error_code"]
        if code == 36 and topic not in self.partitions:
            code = 0  # asked before without an answer
        if code != 0:
            raise Refused(f"the creation of {topic}", code)
        del self.doubtful_topics[topic]
        self.note_topic(topic, count)

    def note_topic(self, topic, count):
        for index in range(count):
            self.partitions.setdefault((topic, index), Partition(topic, index))

    def delete(self, topic):
        mine = [key for key in self.partitions if key[0] == topic]
        kept = {key: self.partitions.pop(key) for key in mine}
        if topic not in self.doubtful_topics:
            self.doubtful_topics[topic] = (len(mine), kept)
        answer = self.ask("DeleteTopics", 5, topic_names=[topic], timeout_ms=10000)
        code = answer["topics"][0]["error_code"]
        if code == 3 and not mine:
            code = 0
        if code != 0:
            raise Refused(f"the deletion of {topic}", code)
        del self.doubtful_topics[topic]

    def grow(self, topic, count):
        self.doubtful_counts[topic] = count
        answer = self.ask("CreatePartitions", 2, timeout_ms=10000, validate_only=False,
                          topics=[{"name": topic, "count": count, "assignments": None}])
        code = answer["results"][0]["error_code"]
        if code == 37:
            code = 0  # it has them already
        if code != 0:
            raise Refused(f"the growth of {topic}", code)
        del self.doubtful_counts[topic]
        self.note_topic(topic, count)

    def configure(self, topic, **configs):
        rows = [{"name": name.replace("_", "."), "config_operation": 0, "value": str(value)}
                for name, value in configs.items()]
        answer = self.ask("IncrementalAlterConfigs", 1, resources=[
            {"resource_type": 2, "resource_name": topic, "configs": rows}], validate_only=False)
        code = answer["resources"][0]["error_code"]
        if code != 0:
            raise Refused(f"a setting of {topic}", code)

    # --- Records ----------------------------------------------------------------------------

    def produce(self, topic, index=0, size=40):
        """One batch of one record, acks = all; what is in doubt is sent first."""
        partition = self.partitions[topic, index]
        if partition.producer is None:
            answer = self.ask("InitProducerId", 4, transactional_id=None,
                              transaction_timeout_ms=60000)
            if answer["error_code"] != 0:
                raise Refused("InitProducerId", answer["error_code"])
            partition.producer = answer["producer_id"]
        if partition.doubtful is None:
            value = f"{partition.name()} {partition.sequence} ".encode().ljust(size, b".")
            partition.doubtful = (partition.sequence, value)
            partition.sequence += 1
        sequence, value = partition.doubtful
        records = batch([(b"k%d" % key_of(value), value)], int(time.time() * 1000),
                        producer=(partition.producer, 0, sequence))
        answer = self.ask("Produce", 9, acks=-1, timeout_ms=10000, topics=[
            {"name": topic, "partitions": [{"index": index, "records": records}]}])
        part = answer["topics"][0]["partitions"][0]
        if part["error_code"] != 0:
            raise Refused(f"a batch for {partition.name()}", part["error_code"])
        partition.acknowledged.append((part["base_offset"], value))
        partition.doubtful = None
        self.records += 1

    def produce_anything(self):
        """So that what only the first request of all does is done."""
        for topic, index in sorted(self.partitions)[:1]:
            self.produce(topic, index)

    def cut(self, topic, offset, index=0):
        """DeleteRecords."""
        partition = self.partitions[topic, index]
        partition.start_wish = offset
        answer = self.ask("DeleteRecords", 2, timeout_ms=10000, topics=[
            {"name": topic, "partitions": [{"index": index, "offset": offset}]}])
        code = answer["topics"][0]["partitions"][0]["error_code"]
        if code != 0:
            raise Refused(f"the cut of {partition.name()}", code)
        partition.start = max(partition.start, offset)

    # --- Groups -----------------------------------------------------------------------------

    def find_coordinator(self):
        def is_found():
            answer = self.ask("FindCoordinator", 3, key=GROUP, key_type=0)
            if answer["error_code"] == STORAGE_ERROR:
                raise Refused("FindCoordinator", STORAGE_ERROR)
            return answer["error_code"] == 0
        wait_for(is_found, "the coordinator")

    def commit(self, topic, offset, index=0):
        known = self.commits.setdefault((topic, index), [-1])
        known.append(offset)
        answer = self.ask("OffsetCommit", 8, group_id=GROUP, generation_id_or_member_epoch=-1,
                          member_id="", topics=[{"name": topic, "partitions": [
                              {"index": index, "committed_offset": offset, "committed_metadata": ""}]}])
        code = answer["topics"][0]["partitions"][0]["error_code"]
        if code != 0:
            raise Refused(f"the commit for {topic}-{index}", code)
        del known[:-1]

    def committed(self, topic, index=0):
        answer = self.ask("OffsetFetch", 7, group_id=GROUP, require_stable=False, topics=[
            {"name": topic, "partition_indexes": [index]}])
        if answer["error_code"] != 0:
            raise Refused("OffsetFetch", answer["error_code"])
        return answer["topics"][0]["partitions"][0]["committed_offset"]

    # --- The audit --------------------------------------------------------------------------

    def fetch(self, partition, offset):
        """Records from the offset on, and the log's start and end."""
        answer = self.ask("Fetch", 11, max_wait_ms=0, max_bytes=FETCH_BYTES, topics=[
            {"name": partition.topic, "partitions": [
                {"index": partition.index, "fetch_offset": offset,
                 "partition_max_bytes": FETCH_BYTES}]}])
        part = answer["topics"][0]["partitions"][0]
        if part["error_code"] != 0:
            raise Refused(f"a fetch of {partition.name()} at {offset}", part["error_code"])
        return list(records_of(part["records"] or b"")), part["high_watermark"]

    def start_of(self, partition):
        answer = self.ask("ListOffsets", 5, replica_id=-1, topics=[
            {"name": partition.topic, "partitions": [
                {"index": partition.index, "timestamp_ms": -2}]}])
        part = answer["topics"][0]["partitions"][0]
        if part["error_code"] != 0:
            raise Refused(f"ListOffsets of {partition.name()}", part["error_code"])
        return part["offset"]

    def read(self, partition):
        """Everything that is there: {offset: value}, and the start. Retention may move the start
        between the question for it and the fetch."""
        while True:
            start = self.start_of(partition)
            try:
                return self.read_from(partition, start), start
            except Refused as refusal:
                if refusal.code != OFFSET_OUT_OF_RANGE or self.start_of(partition) == start:
                    raise

    def read_from(self, partition, start):
        found, at = {}, start
        while True:
            records, end = self.fetch(partition, at)
            fresh = [(offset, value) for offset, value in records if offset >= at]
            if not fresh:
                expect(at >= end or partition_is_compacted(partition),
                       f"{partition.name()} gives nothing at {at} below its end {end}")
                return found
            for offset, value in fresh:
                expect(offset not in found, f"{partition.name()} gives offset {offset} twice")
                found[offset] = value
            at = fresh[-1][0] + 1

    def audit(self):
        self.audit_topics()
        for partition in self.partitions.values():
            self.audit_partition(partition)
        if self.commits:
            self.find_coordinator()
        for (topic, index), offsets in self.commits.items():
            seen = self.committed(topic, index)
            expect(seen in offsets, f"the committed offset of {topic}-{index} is {seen}; "
                   f"it was {offsets}")

    def audit_topics(self):
        answer = self.ask("Metadata", 9, topics=None, allow_auto_topic_creation=False)
        seen = {}
        for topic in answer["topics"]:
            expect(topic["error_code"] == 0, f"Metadata says {topic['error_code']} of "
                   f"{topic['name']}")
            seen[topic["name"]] = len(topic["partitions"])
        for topic, (count, kept) in list(self.doubtful_topics.items()):
            if topic in seen:
                expect(seen[topic] == count, f"{topic} has {seen[topic]} of {count} partitions")
                self.partitions.update(kept)
                self.note_topic(topic, count)
            del self.doubtful_topics[topic]
        for topic, count in list(self.doubtful_counts.items()):
            if seen.get(topic) == count:
                self.note_topic(topic, count)
            del self.doubtful_counts[topic]
        wanted = {}
        for topic, index in self.partitions:
            wanted[topic] = max(wanted.get(topic, 0), index + 1)
        seen = {name: count for name, count in seen.items() if not name.startswith("__")}
        expect(seen == wanted, f"the topics are {seen}; they must be {wanted}")

    def audit_partition(self, partition):
        found, start = self.read(partition)
        expect(start in (partition.start, partition.start_wish) or
               partition_is_trimmed(partition, start),
               f"{partition.name()} begins at {start}; it must begin at {partition.start}")
        wanted = {offset: value for offset, value in partition.acknowledged if offset >= start}
        last = {key_of(value): offset for offset, value in sorted(wanted.items())}
        for offset, value in wanted.items():
            expect(offset in found or (partition_is_compacted(partition) and
                                       offset != last[key_of(value)]),
                   f"{partition.name()} lost the acknowledged offset {offset}")
            expect(found.get(offset, value) == value,
                   f"{partition.name()} has {found.get(offset)!r} at {offset} instead of {value!r}")
        extra = sorted(set(found) - set(wanted))
        doubtful = [partition.doubtful[1]] if partition.doubtful else []
        expect([found[offset] for offset in extra] in ([], doubtful),
               f"{partition.name()} has {[(at, found[at]) for at in extra]} that nobody waited for")
        if not partition_is_compacted(partition):
            expect(sorted(found) == list(range(start, start + len(found))),
                   f"{partition.name()} has holes: {sorted(found)}")
        if extra:
            partition.extra_offset = extra[0]
        partition.start = start

    def go_on(self):
        """Everything works, with the producers of before: twice per partition, so that sequences
        are judged by what was recovered."""
        for (topic, index), partition in sorted(self.partitions.items()):
            expected = getattr(partition, "extra_offset", None)
            was_doubtful = partition.doubtful is not None
            self.produce(topic, index)
            if expected is not None and was_doubtful:
                expect(partition.acknowledged[-1][0] == expected,
                       f"{partition.name()} took its batch at {expected} once more, at "
                       f"{partition.acknowledged[-1][0]}")
            partition.extra_offset = None
            self.produce(topic, index)


def key_of(value):
    """Of three, in turn: as `produce` chooses them."""
    return int(value.split()[1]) % KEYS


def partition_is_compacted(partition):
    return partition.topic.startswith("compacted")


def partition_is_trimmed(partition, start):
    """Retention may take any whole segments of these."""
    return partition.topic.startswith("retained") and start >= partition.start


def records_of(data):
    """(offset, value) of every record in uncompressed batches; a cut batch at the end is left."""
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            return
        count, = struct.unpack_from(">i", data, at + 57)
        place = at + 61
        is_control = struct.unpack_from(">h", data, at + 21)[0] & 0x20
        for _ in range(count):
            size, place = read_varint(data, place)
            end = place + size
            place += 1
            _, place = read_varint(data, place)
            delta, place = read_varint(data, place)
            key_size, place = read_varint(data, place)
            place += max(key_size, 0)
            value_size, place = read_varint(data, place)
            if not is_control:
                yield base + delta, data[place:place + max(value_size, 0)]
            place = end
        at += 12 + length


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value >> 1 ^ -(value & 1), at
