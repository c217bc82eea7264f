"""Scenarios: frames that are not as they should be, and what comes of their connection."""

import struct

from wire import Closed, Silent


def header(key, version, client=b"raw", correlation=7):
    name = struct.pack(">h", -1) if client is None else struct.pack(">h", len(client)) + client
    return struct.pack(">hhi", key, version, correlation) + name


def exchange(world, *contents):
    """What comes back for frames that are sent in one piece, each told by its correlation id."""
    connection = world.another()
    connection.open()
    connection.socket.sendall(b"".join(struct.pack(">i", len(each)) + each for each in contents))
    seen = []
    try:
        for _ in contents:
            frame = connection.read_frame()
            seen.append((struct.unpack(">i", frame[:4])[0], len(frame) > 4))
    except Closed:
        seen.append("closed")
    except Silent:
        seen.append("silent")
    connection.close()
    return seen


METADATA, VERSIONS, PRODUCE = 3, 18, 0
NO_TOPICS = struct.pack(">i", 0)


def frames(world):
    good = header(METADATA, 1) + NO_TOPICS
    world.note("good", exchange(world, good))
    world.note("no client id", exchange(world, header(METADATA, 1, None) + NO_TOPICS))
    world.note("empty client id", exchange(world, header(METADATA, 1, b"") + NO_TOPICS))
    world.note("three at once", exchange(world, good, header(METADATA, 1, b"b", 8) + NO_TOPICS,
                                         header(METADATA, 1, b"c", 9) + NO_TOPICS))
    world.note("same correlation", exchange(world, good, good))
    world.note("bytes behind", exchange(world, good + b"more"))
    world.note("cut", exchange(world, good[:-1]))
    world.note("header only", exchange(world, header(METADATA, 1)))
    world.note("half a header", exchange(world, good[:6]))
    world.note("nothing", exchange(world, b""))
    world.note("unknown key", exchange(world, header(500, 0)))
    world.note("negative key", exchange(world, header(-1, 0)))
    world.note("old key", exchange(world, header(4, 0)))
    world.note("high version", exchange(world, header(METADATA, 99) + NO_TOPICS))
    world.note("negative version", exchange(world, header(METADATA, -1) + NO_TOPICS))
    world.note("produce 2", exchange(world, header(PRODUCE, 2) + struct.pack(">hii", 1, 1000, 0)))
    world.note("good then bad", exchange(world, good, header(500, 0)))
    world.note("huge array", exchange(world, header(METADATA, 1) + struct.pack(">i", 1 << 30)))
    world.note("negative array", exchange(world, header(METADATA, 1) + struct.pack(">i", -2)))
    world.note("long string", exchange(world, header(METADATA, 1) + struct.pack(">ih", 1, 32767)))
    world.note("versions 99", exchange(world, header(VERSIONS, 99), good))
    world.note("versions 3 cut", exchange(world, header(VERSIONS, 3)))
    world.note("unknown tag", exchange(world, header(VERSIONS, 3) + b"\0" + b"\2x\2y" +
                                       b"\1\x63\3abc"))
    world.note("header tag", exchange(world, header(VERSIONS, 3) + b"\1\x63\1z" + b"\2x\2y\0"))
    world.note("tag twice", exchange(world, header(VERSIONS, 3) + b"\0" + b"\2x\2y" +
                                     b"\2\x63\1a\x63\1b"))
    for label, size in (("negative size", -5), ("too large", 1 << 30), ("empty", 0)):
        connection = world.another()
        connection.open()
        connection.socket.sendall(struct.pack(">i", size))
        try:
            connection.read_frame()
            world.note(label, "answered")
        except (Closed, Silent) as end:
            world.note(label, type(end).__name__)
        connection.close()


SCENARIOS = [frames]
