"""Scenarios: what each codec can be made to do wrong, in a topic whose records the broker looks into."""

import gzip
import time
import zlib

from wire import batch, varint

NOW = int(time.time() * 1000)


def snappy_raw(content):
    """One block of literals: the size, then chunks of at most 60 bytes."""
    size = len(content)
    head = b""
    while size > 0x7f:
        head += bytes([size & 0x7f | 0x80])
        size >>= 7
    head += bytes([size])
    return head + b"".join(bytes([len(part) - 1 << 2]) + part for part in
                           (content[i:i + 60] for i in range(0, len(content), 60)))


XERIAL = b"\x82SNAPPY\0" + (1).to_bytes(4, "big") * 2


def xerial(content, change=0):
    block = snappy_raw(content)
    return XERIAL + (len(block) + change).to_bytes(4, "big") + block


def lz4(content, end=b"\0\0\0\0", checksum=0x82, change=0):
    """A frame of one block that is not compressed."""
    size = len(content) + change | 0x80000000
    return (b"\x04\x22\x4d\x18\x60\x40" + bytes([checksum]) + size.to_bytes(4, "little") + content +
            end)


def zstd(content, size=None, window=False):
    """A frame of one raw block."""
    size = len(content) if size is None else size
    head = b"\x60" + (size - 256 & 0xffff).to_bytes(2, "little")
    if window:
        head = b"\x00\xff"  # a window of terabytes
    return b"\x28\xb5\x2f\xfd" + head + (len(content) << 3 | 1).to_bytes(3, "little") + content


PACKS = {
    "gzip": (1, gzip.compress, {
        "cut": lambda content: gzip.compress(content)[:-5],
        "one byte": lambda content: gzip.compress(content)[:1],
        "nothing": lambda content: b"",
        "other magic": lambda content: b"\0" + gzip.compress(content)[1:],
        "wrong checksum": lambda content: gzip.compress(content)[:-8] + b"\0\0\0\0" +
                          gzip.compress(content)[-4:],
        "wrong size": lambda content: gzip.compress(content)[:-4] + b"\1\1\1\1",
        "plain": lambda content: content,
        "zlib": zlib.compress,
        "empty stream": lambda content: gzip.compress(b""),
        "half the records": lambda content: gzip.compress(content[:len(content) // 2]),
        "bytes behind the records": lambda content: gzip.compress(content + b"\0\0\0"),
    }),
    "snappy": (2, xerial, {
        "raw": snappy_raw,
        "cut": lambda content: xerial(content)[:-5],
        "nothing": lambda content: b"",
        "head only": lambda content: XERIAL,
        "half a head": lambda content: XERIAL[:9],
        "no blocks but a size": lambda content: XERIAL + b"\0\0\0\x05",
        "size too small": lambda content: xerial(content, -1),
        "size too large": lambda content: xerial(content, 1),
        "size of gigabytes": lambda content: XERIAL + b"\x7f\xff\xff\xff" + snappy_raw(content),
        "size below zero": lambda content: XERIAL + b"\xff\xff\xff\xff" + snappy_raw(content),
        "block that promises too much": lambda content: XERIAL + b"\0\0\0\x06\xff\xff\xff\xff\x07\0",
        "plain": lambda content: content,
        "half the records": lambda content: xerial(content[:len(content) // 2]),
        "bytes behind the records": lambda content: xerial(content + b"\0\0\0"),
    }),
    "lz4": (3, lz4, {
        "cut": lambda content: lz4(content)[:-9],
        "no end": lambda content: lz4(content, end=b""),
        "nothing": lambda content: b"",
        "head only": lambda content: lz4(content)[:7],
        "other magic": lambda content: b"\x05" + lz4(content)[1:],
        "wrong head checksum": lambda content: lz4(content, checksum=0x83),
        "size too large": lambda content: lz4(content, change=9),
        "block of gigabytes": lambda content: lz4(content, change=0x7ff00000),
        "plain": lambda content: content,
        "half the records": lambda content: lz4(content[:len(content) // 2]),
        "bytes behind the records": lambda content: lz4(content + b"\0\0\0"),
    }),
    "zstd": (4, zstd, {
        "cut": lambda content: zstd(content)[:-5],
        "nothing": lambda content: b"",
        "head only": lambda content: zstd(content)[:7],
        "other magic": lambda content: b"\x29" + zstd(content)[1:],
        "lies of its size": lambda content: zstd(content, size=len(content) + 50),
        "window of terabytes": lambda content: zstd(content, window=True),
        "plain": lambda content: content,
        "half the records": lambda content: zstd(content[:len(content) // 2]),
        "bytes behind the records": lambda content: zstd(content + b"\0\0\0"),
    }),
}


def compression(world):
    keyed = world.make_topic(world.name("compression"), cleanup_policy="compact")

    def ask(label, records):
        answer = world.quiet("Produce", 9, acks=-1, timeout_ms=10000, topics=[
            {"name": keyed, "partitions": [{"index": 0, "records": records}]}])
        part = "no answer"
        if answer is not None:
            part = answer["topics"][0]["partitions"][0]
            part = {"error_code": part["error_code"],
                    "record_errors": [row["batch_index"] for row in part["record_errors"]]}
        world.note(label, part)

    rows = [(b"key-%d" % i, b"value" * 40) for i in range(3)]
    for name, (code, good, wrongs) in PACKS.items():
        ask(f"{name}: good", batch(rows, NOW, attributes=code, pack=good))
        ask(f"{name}: count high", batch(rows, NOW, attributes=code, pack=good, count=4,
                                         last_delta=3))
        ask(f"{name}: count low", batch(rows, NOW, attributes=code, pack=good, count=2,
                                        last_delta=1))
        ask(f"{name}: keyless", batch([rows[0], (None, b"v"), rows[1]], NOW, attributes=code,
                                      pack=good))
        for wrong, pack in wrongs.items():
            ask(f"{name}: {wrong}", batch(rows, NOW, attributes=code, pack=pack))
    ask("no codec of that number", batch(rows, NOW, attributes=7))
    ask("plain", batch(rows, NOW))
    ask("plain, bytes behind the records", batch(rows, NOW, pack=lambda content: content + b"\0"))
    ask("plain, half the records", batch(rows, NOW, pack=lambda content: content[:200]))
    ask("record size lies", batch(rows, NOW, pack=lambda content: varint(5) + content[2:]))


def own_bits(world):
    """Bits of a batch that are the broker's to set."""
    rows = [(b"k", b"v"), (b"k", b"w")]
    for name, settings in (("plain", {}), ("stamped", {"message_timestamp_type": "LogAppendTime"}),
                           ("packed", {"compression_type": "gzip"})):
        topic = world.make_topic(world.name(name), **settings)
        for label, bits in (("append time", 8), ("horizon", 0x40), ("unused", 0x80)):
            for code, pack in ((0, None), (1, gzip.compress)):
                answer = world.quiet("Produce", 9, acks=-1, timeout_ms=10000, topics=[
                    {"name": topic, "partitions": [
                        {"index": 0, "records": batch(rows, NOW, attributes=bits | code,
                                                      pack=pack)}]}])
                part = answer["topics"][0]["partitions"][0]
                world.note(f"{name}: {label}, codec {code}",
                           (part["error_code"], part["base_offset"],
                            [row["batch_index"] for row in part["record_errors"]]))


SCENARIOS = [compression, own_bits]
