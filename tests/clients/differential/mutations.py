"""Wrong requests made from a right one, by the fields of its schema.

For each field that a version carries: values of the right type that are missing, wrong, unknown,
twice or too large, and bytes that are no such field at all. For the whole body: cut, longer than it
should be, with a tagged field that nobody knows.
"""

import copy

from wire import INTEGERS, Raw, Writer

LONG_TEXT = "x" * 20000
LARGE_BYTES = b"\xff" * 100000
MANY = 100
BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint16": 16, "uint32": 32}


def integers(kind):
    bits = BITS[kind]
    low, high = (0, (1 << bits) - 1) if kind[0] == "u" else (-1 << bits - 1, (1 << bits - 1) - 1)
    return {"-1": -1, "0": 0, "99": 99, "lowest": low, "highest": high} if low else {
        "0": 0, "99": 99, "highest": high}


def values_of(field, kind, value, unknown):
    """{what: another value of the right type}"""
    if kind in BITS:
        return integers(kind)
    if kind == "bool":
        return {"other": not value}
    if kind == "float64":
        return {"negative": -1.0, "not a number": float("nan"), "infinite": float("inf")}
    if kind == "string":
        return {"empty": "", "unknown": unknown, "odd": "a b/ü" + unknown,
                "long": LONG_TEXT + unknown}
    if kind in ("bytes", "records"):
        return {"empty": b"", "garbage": b"\xff\xfe\xfd", "large": LARGE_BYTES}
    if kind == "uuid":
        return {"zero": bytes(16), "unknown": b"\5" * 16}
    if kind == "array":
        return arrays(field, value, unknown)
    return {}


def arrays(field, value, unknown):
    if not value:
        return {"none": []}
    changed = {"none": [], "twice": value * 2, "many": value[:1] * MANY}
    if "element" in field:
        of_element = values_of({}, field["element"], value[0], unknown)
        changed |= {f"of {what}": [other] for what, other in of_element.items()}
    return changed


def raw_of(kind, flexible):
    """{what: bytes that are no value of this type}"""
    if kind in INTEGERS or kind in ("uuid", "struct"):
        return {}
    null, more, less = Writer(flexible), Writer(flexible), Writer(flexible)
    null.length(None, kind)
    if flexible:
        more.varint(1 << 30)
    else:
        more.integer("int16" if kind == "string" else "int32", 32767 if kind == "string" else 1 << 30)
        less.integer("int16" if kind == "string" else "int32", -2)
    wrong = {"null": null, "promises much": more} | ({} if flexible else {"size -2": less})
    return {what: Raw(b"".join(writer.parts)) for what, writer in wrong.items()}


def mutants_of(field, value, version, flexible, unknown):
    kind = field["kind"]
    is_nullable = version >= field["nullable_since"]
    if value is not None:
        for what, other in values_of(field, kind, value, unknown).items():
            if other != value:
                yield what, other
    if is_nullable and value is not None:
        yield "null", None
    for what, other in raw_of(kind, flexible).items():
        if not (what == "null" and is_nullable):
            yield what, other


def places(fields, values, version, path=()):
    """(path, field, value) of each field that this version carries and the request has."""
    for field in fields:
        if not field["since"] <= version <= field["until"] or field["name"] not in values:
            continue
        value, here = values[field["name"]], (*path, field["name"])
        yield here, field, value
        if field["kind"] == "struct" and value:
            yield from places(field["fields"], value, version, here)
        if field["kind"] == "array" and value and "fields" in field:
            yield from places(field["fields"], value[0], version, (*here, 0))


def replaced(values, path, other):
    changed = copy.deepcopy(values)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = other
    return changed


def requests(api, values, version, keep, unknown):
    """(label, path, other value); the fields `keep` stay as they are. `unknown` makes names."""
    flexible = version >= api["flexible"]
    for path, field, value in places(api["request"], values, version):
        name = ".".join(str(step) for step in path if step != 0)
        if path[-1] in keep:
            continue
        for what, other in mutants_of(field, value, version, flexible, unknown()):
            yield f"{name} {what}", path, other


def bodies(flexible):
    """(label, what becomes of the body)"""
    yield "body cut", lambda body: body[:-1]
    yield "body longer", lambda body: body + b"\0more"
    if flexible:
        # Behind the last field stands the count of tagged fields, nearly always 0.
        yield "unknown tag", lambda body: (body if body[-1:] != b"\0" else
                                           body[:-1] + b"\1\x8f\x4e\3abc")
