"""Transactional producers, and a reader of what is committed that knows what it has to see.

Each trader goes on one request at a time, so that their transactions interleave: a generator per
trader, thrown away when the broker is gone. A deal is a transaction: records in some partitions and
the offset of a group, which count together or not at all. What became of a deal is told by the
answer to its end; without one it is in doubt, and either there as a whole or not at all.
"""

import os
import random
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../clients"))
sys.path.insert(0, os.path.join(HERE, "../clients/differential"))

from checks import expect, wait_for  # noqa: E402
from wire import Closed, Connection, Silent, batch, load_apis, read_batches  # noqa: E402

TOPIC = "trade"
PARTITIONS = 3
LATER = (14, 15, 16, 51)  # the coordinator loads or is not found, a transaction is being ended
TRANSACTIONAL, CONTROL = 0x10, 0x20
TIMEOUT_MS = 120000
FETCH_BYTES = 4 << 20


class Gone(Exception):
    """The broker ended while it was asked."""


class Line:
    """One connection that is dialled again after each start."""

    def __init__(self, apis):
        self.apis = apis
        self.connection = None

    def dial(self, address):
        if self.connection is not None:
            self.connection.close()
        self.connection = Connection(address, self.apis)

    def ask(self, api, version, **values):
        try:
            return self.connection.ask(api, version, **values)
        except (Closed, Silent, OSError) as error:
            self.connection.close()
            raise Gone(api) from error


class Deal:
    def __init__(self, trader, number):
        self.trader = trader
        self.number = number
        self.fate = "open"  # then aborted, committed, or doubtful
        self.values = {}    # partition: what was sent, in order
        self.seen = {}      # partition: what the reader was given, in order


class Trader:
    def __init__(self, trade, index):
        self.trade = trade
        self.name = f"trader-{index}"
        self.is_new = index % 2 == 0  # transactions v2, or what clients did before
        self.line = Line(trade.apis)
        self.deal = None
        self.offset = {-1}  # that the group may have
        self.steps = None

    def begin_again(self, address):
        """There is a new broker; what was open is over."""
        self.line.dial(address)
        if self.deal is not None and self.deal.fate == "open":
            self.deal.fate = "aborted"
        self.deal = None
        self.steps = self.live()

    def ask(self, api, version, code_of, **values):
        """Asks until there is a verdict; one request per step."""
        while True:
            answer = self.line.ask(api, version, transactional_id=self.name, **values)
            code = code_of(answer)
            yield
            if code == 0:
                return answer
            expect(code in LATER, f"{self.name}: {api} was answered with error {code}")

    def live(self):
        yield from self.init()
        while True:
            if self.trade.is_resting:
                yield
            else:
                yield from self.deal_once()

    def init(self):
        while self.line.ask("FindCoordinator", 3, key=self.name, key_type=1)["error_code"] != 0:
            yield
        answer = yield from self.ask("InitProducerId", 4, lambda answer: answer["error_code"],
                                     transaction_timeout_ms=TIMEOUT_MS, producer_id=-1,
                                     producer_epoch=-1)
        self.learn(answer)

    def learn(self, answer):
        self.producer = {"producer_id": answer["producer_id"],
                         "producer_epoch": answer["producer_epoch"]}
        self.sequences = {}

    def deal_once(self):
        trade = self.trade
        self.deal = trade.new_deal(self)
        for partition in trade.random.choices(range(PARTITIONS), k=trade.random.randint(1, 5)):
            yield from self.write(partition)
        if trade.random.random() < 0.5:
            yield from self.send_offset()
        yield from self.end(trade.random.random() < 0.7)

    def write(self, partition):
        deal = self.deal
        if not self.is_new and partition not in deal.values:
            yield from self.ask(
                "AddPartitionsToTxn", 3,
                lambda answer: answer["topics"][0]["partitions"][0]["error_code"],
                topics=[{"name": TOPIC, "partitions": [partition]}], **self.producer)
        known = deal.values.setdefault(partition, [])
        fresh = [f"{deal.number}:{partition}:{len(known) + i}"
                 for i in range(self.trade.random.randint(1, 4))]
        known.extend(fresh)
        sequence = self.sequences.get(partition, 0)
        records = batch([(b"key", value.encode().ljust(200, b".")) for value in fresh],
                        int(time.time() * 1000), attributes=TRANSACTIONAL,
                        producer=(*self.producer.values(), sequence))
        self.sequences[partition] = sequence + len(fresh)
        yield from self.ask(
            "Produce", 12 if self.is_new else 11,
            lambda answer: answer["topics"][0]["partitions"][0]["error_code"],
            acks=-1, timeout_ms=10000,
            topics=[{"name": TOPIC, "partitions": [{"index": partition, "records": records}]}])
        self.trade.records += len(fresh)

    def send_offset(self):
        if not self.is_new:
            yield from self.ask("AddOffsetsToTxn", 3, lambda answer: answer["error_code"],
                                group_id=self.name, **self.producer)
        yield from self.ask(
            "TxnOffsetCommit", 5 if self.is_new else 3,
            lambda answer: answer["topics"][0]["partitions"][0]["error_code"],
            group_id=self.name, generation_id=-1, member_id="", **self.producer,
            topics=[{"name": TOPIC, "partitions": [
                {"index": 0, "committed_offset": self.deal.number, "committed_metadata": ""}]}])
        self.deal.has_offset = True

    def end(self, is_commit):
        deal = self.deal
        has_offset = getattr(deal, "has_offset", False)
        deal.fate = "doubtful" if is_commit else "aborted"
        if is_commit and has_offset:
            self.offset.add(deal.number)
        answer = yield from self.ask("EndTxn", 5 if self.is_new else 4,
                                     lambda answer: answer["error_code"],
                                     is_committed=is_commit, **self.producer)
        if is_commit:
            deal.fate = "committed"
            self.offset = {deal.number} if has_offset else self.offset
        self.trade.counts[deal.fate] += 1
        if self.is_new:
            self.learn(answer)


class Reader:
    """Reads what is committed, from where it was, as clients do."""

    def __init__(self, trade):
        self.trade = trade
        self.line = Line(trade.apis)
        self.positions = [0] * PARTITIONS
        self.ends = [(-1, 0)] * PARTITIONS  # stable offset, high watermark

    def read(self, partition):
        """One fetch; False when it gave nothing."""
        answer = self.line.ask("Fetch", 11, max_wait_ms=0, max_bytes=FETCH_BYTES,
                               isolation_level=1, topics=[{"name": TOPIC, "partitions": [
                                   {"index": partition,
                                    "fetch_offset": self.positions[partition],
                                    "partition_max_bytes": FETCH_BYTES}]}])
        part = answer["topics"][0]["partitions"][0]
        if part["error_code"] in LATER:
            return True
        expect(part["error_code"] == 0, f"a fetch of {TOPIC}-{partition} at "
               f"{self.positions[partition]} was answered with error {part['error_code']}")
        self.ends[partition] = (part["last_stable_offset"], part["high_watermark"])
        rows = sorted((row["first_offset"], row["producer_id"])
                      for row in part["aborted_transactions"] or [])
        is_new, aborted = False, set()
        for found in read_batches(part["records"] or b""):
            while rows and rows[0][0] <= found["last"]:
                aborted.add(rows.pop(0)[1])
            if found["attributes"] & CONTROL:
                if struct.unpack(">hh", found["records"][0][2])[1] == 0:
                    aborted.discard(found["producer"])
            elif found["producer"] not in aborted:
                self.take(partition, found["records"])
            self.positions[partition] = max(self.positions[partition], found["last"] + 1)
            is_new = True
        return is_new

    def take(self, partition, records):
        for offset, _, _, value in records:
            if offset < self.positions[partition]:
                continue
            text = value.decode().rstrip(".")
            deal = self.trade.deals.get(int(text.split(":")[0]))
            expect(deal is not None, f"{TOPIC}-{partition} gives {text} at {offset}, which was "
                   "given before, or aborted")
            deal.seen.setdefault(partition, []).append(text)

    def read_all(self):
        for partition in range(PARTITIONS):
            while self.read(partition):
                pass

    def is_at_end(self):
        """Nothing is open, and everything was given."""
        self.read_all()
        return all(stable == watermark and position >= stable for position, (stable, watermark)
                   in zip(self.positions, self.ends))


class Trade:
    def __init__(self, seed, trader_count):
        self.apis = load_apis()
        self.random = random.Random(seed)
        self.deals = {}
        self.numbers = 0
        self.records = 0
        self.counts = {"committed": 0, "aborted": 0, "doubtful": 0}
        self.is_resting = False
        self.line = Line(self.apis)
        self.reader = Reader(self)
        self.traders = [Trader(self, index) for index in range(trader_count)]

    def new_deal(self, trader):
        self.numbers += 1
        self.deals[self.numbers] = Deal(trader, self.numbers)
        return self.deals[self.numbers]

    def dial(self, address):
        self.line.dial(address)
        self.reader.line.dial(address)
        for trader in self.traders:
            trader.begin_again(address)

    def settle(self):
        """The topic, and the coordinators."""
        rows = {"segment.ms": "2000", "retention.bytes": "8000000", "file.delete.delay.ms": "0"}
        answer = self.line.ask("CreateTopics", 5, timeout_ms=10000, topics=[
            {"name": TOPIC, "partition_count": PARTITIONS, "replication_factor": 1,
             "configs": [{"name": name, "value": value} for name, value in rows.items()]}])
        expect(answer["topics"][0]["error_code"] == 0, f"the topic: {answer}")
        wait_for(lambda: self.line.ask("FindCoordinator", 3, key="trader-0",
                                       key_type=0)["error_code"] == 0, "the coordinator")

    def turn(self):
        """One step of somebody."""
        next(self.random.choice(self.traders).steps)
        if self.random.random() < 0.1:
            self.reader.read(self.random.randrange(PARTITIONS))

    def rest(self):
        """Every trader comes to the end of its deal."""
        self.is_resting = True
        for trader in self.traders:
            while trader.deal is None or trader.deal.fate in ("open", "doubtful"):
                next(trader.steps)
                if trader.deal is None and self.is_idle(trader):
                    break
        self.is_resting = False

    @staticmethod
    def is_idle(trader):
        return trader.steps.gi_yieldfrom is None

    def audit(self):
        """Nothing is open: each deal is there once, as a whole, or not at all."""
        self.rest()
        wait_for(self.reader.is_at_end, "the end of all transactions")
        for deal in self.deals.values():
            is_there = deal.seen != {}
            expect(not is_there or deal.fate != "aborted",
                   f"deal {deal.number} was aborted and gives {deal.seen}")
            expect(is_there or deal.fate != "committed",
                   f"deal {deal.number} is committed and gives nothing of {deal.values}")
            expect(not is_there or deal.seen == deal.values,
                   f"deal {deal.number} ({deal.fate}) gives {deal.seen} of {deal.values}")
            self.counts["doubtful"] += deal.fate == "doubtful"
            self.settle_offset(deal, is_there)
        for trader in self.traders:
            self.audit_offset(trader)
        self.deals.clear()

    @staticmethod
    def settle_offset(deal, is_there):
        """What the group may have is what the last deal that is there said."""
        offsets = deal.trader.offset
        if deal.fate == "doubtful" and getattr(deal, "has_offset", False):
            deal.trader.offset = {deal.number} if is_there else offsets - {deal.number}

    def audit_offset(self, trader):
        def find():
            answer = self.line.ask("OffsetFetch", 7, group_id=trader.name, require_stable=True,
                                   topics=[{"name": TOPIC, "partition_indexes": [0]}])
            part = answer["topics"][0]["partitions"][0] if answer["topics"] else None
            return None if answer["error_code"] != 0 or part["error_code"] != 0 else part
        seen = wait_for(find, f"the offset of {trader.name}")["committed_offset"]
        expect(seen in trader.offset,
               f"the offset of {trader.name} is {seen}; it was {sorted(trader.offset)}")
