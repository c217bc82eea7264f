"""Where two sets of notes differ, told in lines that a person can read."""

import os
import re

from recording import print_versions, split_label

VALUE_MAX = 200
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

LINE_MAX = 300


def differences(kafka, ours, path=""):
    """(path, kafka's, ours) of each place where two answers are not the same."""
    if isinstance(kafka, dict) and isinstance(ours, dict):
        for key in sorted(set(kafka) | set(ours)):
            if key not in kafka or key not in ours:
                yield f"{path}.{key}", kafka.get(key, "absent"), ours.get(key, "absent")
            else:
                yield from differences(kafka[key], ours[key], f"{path}.{key}")
    elif isinstance(kafka, list) and isinstance(ours, list) and len(kafka) == len(ours):
        for index, pair in enumerate(zip(kafka, ours)):
            yield from differences(*pair, f"{path}[{index}]")
    elif kafka != ours:
        yield path, kafka, ours


def compare(kafka, ours):
    """(label, path, kafka's, ours) of each difference between two scenarios' notes."""
    for label in dict.fromkeys([*kafka, *ours]):
        if label not in kafka:
            yield label, "", "not recorded", ours[label]
        elif label not in ours:
            yield label, "", kafka[label], "not asked"
        else:
            for path, left, right in differences(kafka[label], ours[label]):
                yield label, path, left, right


def compare_offered(kafka, ours):
    """What we offer must lie within what Kafka offers, from the same minimum on."""
    for key, (low, high) in sorted(ours.items()):
        kafka_low, kafka_high = kafka.get(key, (0, -1))
        if low > kafka_low or high > kafka_high:
            yield f"key {key}", "", (kafka_low, kafka_high), (low, high)


def load_error_names():
    """{code: name} of the second half of error.def, which is Kafka's."""
    with open(os.path.join(ROOT, "log/base/error.def"), encoding="utf-8") as file:
        rows = re.findall(r"^ERROR\((\w+), (-?\d+),", file.read(), re.MULTILINE)
    return {int(code): name for name, code in rows} | {0: "NONE"}


class Judge:
    """Collects what differs and tells it, alike but for the version in one line."""

    def __init__(self, accepted):
        self.accepted = accepted
        self.lines = {}
        self.different = self.meant = 0
        self.error_names = load_error_names()

    def show(self, path, value):
        name = self.error_names.get(value) if path.endswith("error_code") else None
        text = repr(value) if name is None else f"{value} {name}"
        return text if len(text) <= VALUE_MAX else text[:VALUE_MAX] + "…"

    def add(self, scenario, label, path, kafka, ours):
        bare, version = split_label(label)
        reason = self.accepted.find(scenario, label, path, kafka, ours)
        if reason is None:
            self.different += 1
        else:
            self.meant += 1
        line = (reason, scenario, bare, path, self.show(path, kafka), self.show(path, ours))
        self.lines.setdefault(line, []).append(version)

    def print(self, with_accepted):
        for line, versions in self.lines.items():
            reason, scenario, bare, path, kafka, ours = line
            if reason is None or with_accepted:
                word = "differs" if reason is None else f"accepted ({reason})"
                where = "" if None in versions else f" v{print_versions(sorted(versions))}"
                print(f"{word} {scenario}: {bare}{where} {path}: kafka {kafka}, ours {ours}",
                      flush=True)
