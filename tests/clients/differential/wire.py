"""Kafka's requests and responses as dictionaries, walked by the schemas of log/wire/schema.

A field that is not given has its default; a field that its version does not carry is left out. The
tables are ours, so what they say wrong is wrong here too: the real broker notices, as it refuses
what it cannot read and answers what we cannot read to the end.
"""

import glob
import gzip
import json
import os
import socket
import struct
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
INTEGERS = {"bool": ">B", "int8": ">b", "int16": ">h", "int32": ">i", "int64": ">q",
            "uint16": ">H", "uint32": ">I", "float64": ">d"}
TEXTS = ("string", "bytes", "records")
PATIENCE_SECONDS = 8


def load_apis():
    """{name: api} of the schema files, read with the help of lua5.4."""
    here = os.path.dirname(os.path.abspath(__file__))
    files = sorted(glob.glob(os.path.join(ROOT, "log/wire/schema/*.lua")))
    text = subprocess.run(["lua5.4", os.path.join(here, "schemas.lua"), *files], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return {api["name"]: api for api in json.loads(text)}


class Raw(bytes):
    """Stands for a field's value; written as it is, so that it may be wrong."""


class Malformed(Exception):
    """An answer that does not follow its schema."""


class Writer:
    def __init__(self, flexible):
        self.parts = []
        self.flexible = flexible

    def integer(self, kind, value):
        self.parts.append(struct.pack(INTEGERS[kind], value))

    def varint(self, value):
        while value > 0x7f:
            self.parts.append(bytes([value & 0x7f | 0x80]))
            value >>= 7
        self.parts.append(bytes([value]))

    def length(self, count, kind):
        """`count` None stands for null."""
        if self.flexible:
            self.varint(0 if count is None else count + 1)
        else:
            self.integer("int16" if kind == "string" else "int32", -1 if count is None else count)

    def value(self, kind, value, field, version):
        if isinstance(value, Raw):
            self.parts.append(value)
        elif kind in INTEGERS:
            self.integer(kind, value)
        elif kind == "uuid":
            self.parts.append(value)
        elif kind in TEXTS:
            raw = value.encode() if isinstance(value, str) else value
            self.length(None if raw is None else len(raw), kind)
            self.parts.append(raw or b"")
        elif kind == "array":
            self.length(None if value is None else len(value), kind)
            for element in value or []:
                self.element(element, field, version)
        elif version >= field["nullable_since"]:
            self.integer("int8", -1 if value is None else 1)
            if value is not None:
                self.message(field["fields"], value, version)
        else:
            self.message(field["fields"], value, version)

    def element(self, element, field, version):
        if "fields" in field:
            self.message(field["fields"], element, version)
        else:
            self.value(field["element"], element, field, version)

    def message(self, fields, values, version):
        unknown = set(values) - {field["name"] for field in fields}
        if unknown:
            raise KeyError(f"no such fields: {unknown}")
        tagged = []
        for field in fields:
            if not field["since"] <= version <= field["until"]:
                continue
            value = values.get(field["name"], default_of(field))
            if field["tag"] < 0:
                self.value(field["kind"], value, field, version)
            elif field["name"] in values:
                tagged.append((field, value))
        if self.flexible:
            self.tags(tagged, version)

    def tags(self, tagged, version):
        self.varint(len(tagged))
        for field, value in sorted(tagged, key=lambda pair: pair[0]["tag"]):
            inner = Writer(True)
            inner.value(field["kind"], value, field, version)
            content = b"".join(inner.parts)
            self.varint(field["tag"])
            self.varint(len(content))
            self.parts.append(content)


def default_of(field):
    if field["default"] == "null":
        return None
    if field["default"] is not False:
        return field["default"]
    empty = {"string": "", "bytes": b"", "records": b"", "array": [], "struct": {},
             "uuid": bytes(16)}
    return empty.get(field["kind"], 0)


class Reader:
    def __init__(self, data, flexible):
        self.data = data
        self.at = 0
        self.flexible = flexible

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise Malformed(f"{count} bytes wanted at {self.at} of {len(self.data)}")
        self.at += count
        return self.data[self.at - count:self.at]

    def integer(self, kind):
        value, = struct.unpack(INTEGERS[kind], self.take(struct.calcsize(INTEGERS[kind])))
        return bool(value) if kind == "bool" else value

    def varint(self):
        value = shift = 0
        while True:
            byte, = self.take(1)
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def length(self, kind):
        if self.flexible:
            return self.varint() - 1
        return self.integer("int16" if kind == "string" else "int32")

    def value(self, kind, field, version):
        if kind in INTEGERS:
            return self.integer(kind)
        if kind == "uuid":
            return self.take(16)
        if kind in TEXTS:
            count = self.length(kind)
            if count < 0:
                return None
            raw = self.take(count)
            return raw.decode() if kind == "string" else raw
        if kind == "array":
            count = self.length(kind)
            return None if count < 0 else [self.element(field, version) for _ in range(count)]
        if version >= field["nullable_since"] and self.integer("int8") < 0:
            return None
        return self.message(field["fields"], version)

    def element(self, field, version):
        if "fields" in field:
            return self.message(field["fields"], version)
        return self.value(field["element"], field, version)

    def message(self, fields, version):
        carried = [field for field in fields if field["since"] <= version <= field["until"]]
        values = {field["name"]: self.value(field["kind"], field, version)
                  for field in carried if field["tag"] < 0}
        if self.flexible:
            by_tag = {field["tag"]: field for field in carried if field["tag"] >= 0}
            for _ in range(self.varint()):
                field = by_tag.get(self.varint())
                end = self.varint() + self.at
                if field is None:
                    self.take(end - self.at)
                    continue
                values[field["name"]] = self.value(field["kind"], field, version)
                if self.at != end:
                    raise Malformed(f"the tagged field {field['name']} has another size")
        return values


class Closed(Exception):
    """The broker ended the connection instead of answering."""


class Silent(Exception):
    """The broker neither answered nor ended the connection."""


class Connection:
    """Requests one after the other; opened anew after the broker closed it."""

    def __init__(self, address, apis):
        host, port = address.rsplit(":", 1)
        self.address = (host.strip("[]"), int(port))
        self.apis = apis
        self.socket = None
        self.correlation = 0
        self.patience_seconds = PATIENCE_SECONDS

    def open(self):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, self.patience_seconds)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def read(self, count):
        parts = []
        while count > 0:
            try:
                part = self.socket.recv(min(count, 1 << 20))
            except TimeoutError as error:
                self.close()
                raise Silent() from error
            except ConnectionError:
                part = b""
            if not part:
                self.close()
                raise Closed()
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def read_frame(self):
        size, = struct.unpack(">i", self.read(4))
        return self.read(size)

    def send(self, name, version, values, client_id="differential", change=bytes):
        """Sends and does not wait; with more than one under way, take answers in order. `change` is
        given the body, and answers what is sent in its place."""
        api = self.apis[name]
        self.open()
        self.correlation += 1
        flexible = version >= api["flexible"]
        head = Writer(False)
        head.integer("int16", api["key"])
        head.integer("int16", version)
        head.integer("int32", self.correlation)
        head.value("string", client_id, None, 0)
        if flexible:
            head.parts.append(b"\0")
        body = Writer(flexible)
        body.message(api["request"], values, version)
        content = b"".join(head.parts) + change(b"".join(body.parts))
        self.socket.sendall(struct.pack(">i", len(content)) + content)

    def take(self, name, version, body_version=None):
        api = self.apis[name]
        body_version = version if body_version is None else body_version
        flexible = body_version >= api["flexible"]
        reader = Reader(self.read_frame(), flexible)
        reader.integer("int32")
        if flexible and name != "ApiVersions":
            reader.varint()
        answer = reader.message(api["response"], body_version)
        if reader.at != len(reader.data):
            raise Malformed(f"{len(reader.data) - reader.at} bytes behind the answer to {name}")
        return answer

    def ask(self, name, version, **values):
        return self.exchange(name, version, values)

    def exchange(self, name, version, values, change=bytes):
        self.send(name, version, values, change=change)
        return self.take(name, version)


# Record batches ------------------------------------------------------------------------------

def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def varint(value):
    value = value << 1 ^ value >> 63
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(value):
    return varint(-1) if value is None else varint(len(value)) + value


def record(offset_delta, timestamp_delta, key, value):
    body = (b"\0" + varint(timestamp_delta) + varint(offset_delta) + sized(key) + sized(value) +
            varint(0))
    return varint(len(body)) + body


def read_batches(data):
    """What batches say of themselves and, where they are not compressed or gzip, their records."""
    at = 0
    while at + 61 <= len(data):
        base, size = struct.unpack_from(">qi", data, at)
        attributes, last_delta, first, highest, producer, epoch, sequence, count = (
            struct.unpack_from(">hiqqqhii", data, at + 21))
        content = data[at + 61:at + 12 + size]
        if attributes & 7 == 1 and count:
            content = gzip.decompress(content)
        records = []
        reader = Reader(content, False)
        for _ in range(count if attributes & 7 < 2 else 0):
            reader.zigzag()
            reader.take(1)
            time_delta = reader.zigzag()
            offset = base + reader.zigzag()
            sizes_and_views = [reader.take(length) if (length := reader.zigzag()) >= 0 else None
                               for _ in range(2)]
            for _ in range(reader.zigzag()):
                reader.take(reader.zigzag())
                length = reader.zigzag()
                reader.take(max(length, 0))
            records.append((offset, first + time_delta, *sizes_and_views))
        yield {"base": base, "last": base + last_delta, "attributes": attributes, "first": first,
               "max": highest, "producer": producer, "epoch": epoch, "sequence": sequence,
               "count": count, "records": records}
        at += 12 + size


def batch(records, timestamp, *, magic=2, attributes=0, producer=(-1, -1, -1), crc_change=0,
          count=None, last_delta=None, max_timestamp=None, base_offset=0, pack=None):
    """`records`: (key, value) or (key, value, timestamp) each; `pack` turns their bytes into what is
    sent (a codec, or what it can be made to do wrong)."""
    times = [item[2] if len(item) > 2 else timestamp for item in records]
    content = b"".join(record(i, times[i] - times[0], item[0], item[1])
                       for i, item in enumerate(records))
    content = pack(content) if pack else content
    count = len(records) if count is None else count
    last_delta = len(records) - 1 if last_delta is None else last_delta
    first = times[0] if times else timestamp
    highest = max(times, default=timestamp) if max_timestamp is None else max_timestamp
    covered = struct.pack(">hiqqqhii", attributes, last_delta, first, highest, *producer,
                          count) + content
    head = struct.pack(">ibI", -1, magic, crc32c(covered) ^ crc_change)
    return struct.pack(">qi", base_offset, len(head) + len(covered)) + head + covered
