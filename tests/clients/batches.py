"""Which codecs the batches of a partition really have, asked with a Fetch request of our own.

Clients send uncompressed batches without a word when the broker's version ranges make them believe
that it knows no compression, so reading the records back proves nothing about the codec.

    batches.py BROKER TOPIC         prints the codecs of partition 0
"""

import socket
import struct
import sys

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def _text(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the broker closed the connection")
        data += part
    return data


def _fetch(broker, topic, partition, offset):
    """Fetch v4, the oldest that carries batches of today's format."""
    host, port = broker.rsplit(":", 1)
    body = struct.pack(">iiiib", -1, 100, 0, 64 << 20, 0) + struct.pack(">i", 1) + _text(topic)
    body += struct.pack(">iiqi", 1, partition, offset, 64 << 20)
    request = struct.pack(">hhi", 1, 4, 7) + _text("batches") + body
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", _receive(connection, 4))[0]
        return _receive(connection, size)


def codecs(broker, topic, partition=0, offset=0):
    """The names of the codecs of all batches from the offset on that one answer holds."""
    answer = _fetch(broker, topic, partition, offset)
    at = 4 + 4 + 4  # correlation id, throttle time, count of topics
    at += 2 + struct.unpack_from(">h", answer, at)[0] + 4
    _, error, _, _, aborted = struct.unpack_from(">ihqqi", answer, at)
    if error != 0:
        raise ConnectionError(f"Fetch of {topic} [{partition}] answered error {error}")
    at += 4 + 2 + 8 + 8 + 4 + max(aborted, 0) * 16
    size = struct.unpack_from(">i", answer, at)[0]
    records = answer[at + 4 : at + 4 + size]
    names, at = set(), 0
    while at + 61 <= len(records):
        length, = struct.unpack_from(">i", records, at + 8)
        attributes, = struct.unpack_from(">h", records, at + 21)
        names.add(CODECS[attributes & 7])
        at += 12 + length
    return names


if __name__ == "__main__":
    print(*sorted(codecs(sys.argv[1], sys.argv[2])))
