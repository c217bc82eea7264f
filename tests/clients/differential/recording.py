"""What a real Apache Kafka answered, kept in the tree: one text file per scenario.

    recorded/versions.txt         `KEY LOW HIGH` of each API it offers
    recorded/topics/metadata.txt  of metadata() in scenarios/topics.py: `== label v3-7`, the answer

Answers are Python's literals, one line where they fit. Versions of one label with the same answer share a
heading, so a change of Kafka's or of a scenario shows in a diff as the few lines that it is. Made by
`run --record`, never by hand.
"""

import ast
import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")
WIDTH = 110


def layout(value, indent=0, room=0):
    """repr(value) over several lines if it does not fit; `room` is taken behind and before it."""
    text = repr(value)
    if len(text) + indent + room <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return text
    inner = indent + 1
    if isinstance(value, dict):
        parts = [f"{key!r}: " + layout(item, inner, len(repr(key)) + 3)
                 for key, item in value.items()]
    else:
        parts = [layout(item, inner, 1) for item in value]
    left, right = "{}" if isinstance(value, dict) else "[]"
    return left + (",\n" + " " * inner).join(parts) + right


def split_label(label):
    """`good v7` -> `good`, 7; a label without a version -> itself, None."""
    bare, version = re.fullmatch(r"(.*?)(?: v(\d+))?", label, re.DOTALL).groups()
    return bare, None if version is None else int(version)


def print_versions(versions):
    """[3, 4, 5, 9] -> 3-5,9"""
    spans = []
    for version in versions:
        if spans and spans[-1][1] == version - 1:
            spans[-1][1] = version
        else:
            spans.append([version, version])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def read_versions(text):
    for span in text.split(","):
        low, _, high = span.partition("-")
        yield from range(int(low), int(high or low) + 1)


def path_of(*names):
    return os.path.join(FOLDER, *names) + ".txt"


def write(file_name, scenario, notes):
    """`notes`: {label: answer}."""
    lines, labels = ["# Answers of a real Apache Kafka, written by `run --record`."], {}
    for label, answer in notes.items():
        bare, version = split_label(label)
        alike = labels.setdefault(bare, {})
        alike.setdefault(repr(answer), (answer, []))[1].append(version)
    for bare, alike in labels.items():
        for answer, versions in alike.values():
            tail = "" if versions == [None] else f" v{print_versions(sorted(versions))}"
            lines += [f"== {bare}{tail}", layout(answer)]
    path = path_of(file_name, scenario)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def read(file_name, scenario):
    """{label: answer}; empty where nothing was recorded."""
    notes, path = {}, path_of(file_name, scenario)
    if not os.path.exists(path):
        return notes
    with open(path, encoding="utf-8") as file:
        blocks = re.split(r"^== ", file.read(), flags=re.MULTILINE)[1:]
    for block in blocks:
        label, _, text = block.partition("\n")
        answer = ast.literal_eval(text)
        bare, versions = re.fullmatch(r"(.*?)(?: v([\d,-]+))?", label).groups()
        labels = [bare] if versions is None else [f"{bare} v{v}" for v in read_versions(versions)]
        notes.update((each, answer) for each in labels)
    return notes


def write_offered(offered):
    os.makedirs(FOLDER, exist_ok=True)
    with open(path_of("versions"), "w", encoding="utf-8") as file:
        file.write("# Key, lowest and highest version of what a real Apache Kafka offers.\n")
        for key, (low, high) in sorted(offered.items()):
            file.write(f"{key} {low} {high}\n")


def read_offered():
    with open(path_of("versions"), encoding="utf-8") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return {int(key): (int(low), int(high)) for key, low, high in rows}
