#!/usr/bin/python3
"""The rules of the README as a program, held against what Kafka Streams answered.

    rules.py

Computes outputs of windows, joins, tables, timers and the versioned store from the inputs alone
and compares them with the recorded ones, in their order and with their steps. Prints what differs;
exits with 1 then. It is written to be read: where a sentence is doubtful, look here.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NULL = "\\N"
NEVER = 1 << 62
TOO_OLD = -(1 << 63)


def read(folder, name):
    with open(os.path.join(HERE, folder, name + ".tsv"), encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def steps_of(name):
    """(step, topic, timestamp, key, value), with None for null."""
    for step, (topic, timestamp, key, value) in enumerate(read("inputs", name), 1):
        yield step, topic, int(timestamp), none(key), none(value)


def none(text):
    return None if text == NULL else text


def line(step, timestamp, key, value, start="-", end="-"):
    return [str(column) for column in (step, "out", timestamp, NULL if key is None else key, start,
                                       end, NULL if value is None else value)]


def dropped(step, count):
    return [str(step), "@dropped", str(count)]


def keep(text):
    return text[-8:]


def concat(accumulator, value):
    return keep(("~" if accumulator is None else accumulator) + ("~" if value is None else value))


def pair(left, right):
    return ("~" if left is None else left) + ":" + ("~" if right is None else right)


class Count:
    initial = 0

    @staticmethod
    def add(count, _value):
        return count + 1

    @staticmethod
    def merge(left, right):
        return left + right


class Reduce:
    initial = None

    @staticmethod
    def add(accumulator, value):
        return value if accumulator is None else concat(accumulator, value)

    merge = add


class Aggregate:
    initial = "("
    add = staticmethod(concat)

    @staticmethod
    def merge(left, right):
        return keep(left + "|" + right)


FOLDS = {"count": Count, "reduce": Reduce, "aggregate": Aggregate}


def time_windows(name, fold, size, advance, grace, is_final):
    time, windows, lines = -1, {}, []
    for step, _, timestamp, key, value in steps_of(name):
        if key is None:
            lines.append(dropped(step, 1))
            continue
        before, time = time, max(time, timestamp)
        updates, late = [], 0
        for start in range(max(0, timestamp - size + advance) // advance * advance, timestamp + 1,
                           advance):
            if start + size <= time - grace:
                late += 1
                continue
            accumulator, newest = windows.pop((start, key), (fold.initial, -1))
            accumulator, newest = fold.add(accumulator, value), max(newest, timestamp)
            if accumulator is not None:
                windows[start, key] = accumulator, newest
            updates.append(line(step, newest, key, accumulator, start, start + size))
        if late:
            lines.append(dropped(step, late))
        if is_final:
            updates = [line(step, newest, key, accumulator, start, start + size)
                       for (start, key), (accumulator, newest) in sorted(windows.items())
                       if before < start + size + grace <= time]
        lines += updates
    return lines


def sessions(name, fold, gap, grace, is_final):
    time, open_sessions, lines = -1, {}, []
    for step, _, timestamp, key, value in steps_of(name):
        if key is None:
            lines.append(dropped(step, 1))
            continue
        before, time = time, max(time, timestamp)
        accumulator, first, last, updates = fold.initial, timestamp, timestamp, []
        touched = sorted(bounds for bounds in open_sessions if bounds[1] == key
                         and bounds[0] >= timestamp - gap and bounds[2] <= timestamp + gap)
        for end, _, start in touched:
            accumulator = fold.merge(accumulator, open_sessions[end, key, start])
            first, last = min(first, start), max(last, end)
        if last < time - gap - grace:
            lines.append(dropped(step, 1))
        else:
            if (first, last) != (timestamp, timestamp):
                for end, _, start in touched:
                    del open_sessions[end, key, start]
                    updates.append(line(step, end, key, None, start, end))
            accumulator = fold.add(accumulator, value)
            open_sessions.pop((last, key, first), None)
            if accumulator is not None:
                open_sessions[last, key, first] = accumulator
            updates.append(line(step, last, key, accumulator, first, last))
        if is_final:
            updates = [line(step, end, key, accumulator, start, end)
                       for (end, key, start), accumulator in sorted(open_sessions.items())
                       if before <= end + gap + grace < time]
        lines += updates
    return lines


class Side:
    """One side of a stream-stream join: what it keeps, and how far it looks into the other."""

    def __init__(self, before, after, retention, is_left, emits_unmatched):
        self.before, self.after, self.retention = before, after, retention
        self.is_left, self.emits_unmatched = is_left, emits_unmatched
        self.records, self.newest = [], -1

    def put(self, timestamp, key, value):
        self.newest = max(self.newest, timestamp)
        if value is not None and timestamp > self.newest - self.retention:
            self.records.append((timestamp, key, value))

    def matches(self, key, first, last):
        first = max(0, first, self.newest - self.retention + 1)
        return sorted((record for record in self.records
                       if record[1] == key and first <= record[0] <= last),
                      key=lambda record: record[0])

    def pair(self, value, other=None):
        return pair(value, other) if self.is_left else pair(other, value)


def stream_join(name, kind, before, after, grace):
    retention = before + after + grace
    left = Side(before, after, retention, True, kind != "inner")
    right = Side(after, before, retention, False, kind == "outer")
    time, unmatched, lines = -1, [], []
    oldest = NEVER  # what Kafka takes for the oldest unmatched timestamp
    for step, topic, timestamp, key, value in steps_of(name):
        this, other = (left, right) if topic == "left" else (right, left)
        time = max(time, timestamp)
        if key is None:
            if value is not None and this.emits_unmatched:
                lines.append(line(step, timestamp, key, this.pair(value)))
            continue
        this.put(timestamp, key, value)
        if value is None:
            continue
        if timestamp == time and oldest + this.after + grace < time:
            oldest, still_open, kept, stops = NEVER, set(), [], False
            for entry in sorted(unmatched, key=lambda entry: entry[:3]):
                when, is_left, its_key, its_value = entry
                side = left if is_left else right
                if not stops:
                    oldest = when
                stops = stops or len(still_open) == 2
                if not stops and when + side.after + grace < time:
                    lines.append(line(step, when, its_key, side.pair(its_value)))
                else:
                    still_open.add(is_left)
                    kept.append(entry)
            unmatched = kept
        matches = other.matches(key, timestamp - this.before, timestamp + this.after)
        for when, _, its_value in matches:
            lines.append(line(step, max(timestamp, when), key, this.pair(value, its_value)))
            unmatched = [entry for entry in unmatched if entry[:3] != (when, other.is_left, key)]
        if not matches and this.emits_unmatched:
            if timestamp + this.after < time:
                lines.append(line(step, timestamp, key, this.pair(value)))
            else:
                oldest = min(oldest, timestamp)
                unmatched.append((timestamp, this.is_left, key, value))
    return lines


class PlainTable:
    def __init__(self):
        self.values = {}

    def put(self, key, value, _timestamp):
        self.values[key] = value

    def as_of(self, key, timestamp):
        return self.values.get(key), timestamp


class VersionedTable:
    def __init__(self, history):
        self.history, self.newest, self.versions = history, -1, {}

    def put(self, key, value, timestamp):
        """When the version ends, -1 for the newest."""
        if timestamp < self.newest - self.history:
            return TOO_OLD
        self.newest = max(self.newest, timestamp)
        versions = self.versions.setdefault(key, {})
        versions[timestamp] = value
        return min((other for other in versions if other > timestamp), default=-1)

    def as_of(self, key, timestamp):
        """The version at that time; of what is older than the history, only if it still holds."""
        versions = self.versions.get(key, {})
        times = [time for time in versions if time <= timestamp]
        if not times or (timestamp < self.newest - self.history and max(times) != max(versions)):
            return None, None
        return versions[max(times)], max(times)

    def newest_of(self, key):
        return self.as_of(key, max(self.versions.get(key, {0: None})))


def stream_table(name, kind, history, grace):
    table = VersionedTable(history) if history else PlainTable()
    time, waiting, lines = -1, [], []
    for step, topic, timestamp, key, value in steps_of(name):
        if topic == "right":
            if key is not None:
                table.put(key, value, timestamp)
            continue
        if value is None or (key is None and (kind == "inner" or grace)):
            continue
        time = max(time, timestamp)
        due_until = time - grace if grace else NEVER
        waiting.append((timestamp, key or "", step, value))
        due = sorted(entry for entry in waiting if entry[0] <= due_until)
        waiting = [entry for entry in waiting if entry[0] > due_until]
        for when, its_key, _, its_value in due:
            found = table.as_of(its_key, when)[0] if its_key else None
            if found is not None or kind == "left":
                lines.append(line(step, when, its_key or None, pair(its_value, found)))
    return lines


def versioned_store(name):
    table, time, lines = VersionedTable(20), -1, []
    for step, _, timestamp, key, value in steps_of(name):
        time = max(time, timestamp)
        if key is None:
            continue
        told = [str(table.put(key, value, timestamp))]
        found = [table.newest_of(key)]
        found += [table.as_of(key, time - age) for age in (0, 7, 19, 20, 21, 40)]
        told += ["~" if text is None else f"{text}@{when}" for text, when in found]
        lines.append(line(step, timestamp, key, " ".join(told)))
    return lines


def table_join(name, kind):
    tables, lines = {"left": {}, "right": {}}, []

    def result(key):
        left, right = (tables[side].get(key, (None,))[0] for side in ("left", "right"))
        has_result = {"inner": left is not None and right is not None, "left": left is not None,
                      "outer": left is not None or right is not None}[kind]
        return pair(left, right) if has_result else None

    for step, topic, timestamp, key, value in steps_of(name):
        if key is None:
            continue
        before = result(key)
        if value is None:
            tables[topic].pop(key, None)
        else:
            tables[topic][key] = value, timestamp
        after, other = result(key), tables["right" if topic == "left" else "left"].get(key)
        is_news = before is not None or after is not None
        if kind == "inner" or (kind == "left" and topic == "right"):
            is_news = other is not None
        elif kind == "left":
            is_news = is_news or other is not None
        if is_news:
            lines.append(line(step, max(timestamp, other[1]) if other else timestamp, key, after))
    return lines


def filter_table(name):
    return [line(step, timestamp, key, value if value and int(value) % 2 == 0 else None)
            for step, _, timestamp, key, value in steps_of(name) if key is not None]


def group_table(name):
    values, groups, lines = {}, {}, []
    for step, _, timestamp, key, value in steps_of(name):
        if key is None:
            continue
        changes = [("-", values.get(key)), ("+", value)]
        values[key] = value
        changes = [(text[0], sign + text[1:]) for sign, text in changes
                   if text is not None and not text.startswith("-")]
        for index, (group, change) in enumerate(changes):
            accumulator, newest = groups.get(group, ("(", -1))
            groups[group] = concat(accumulator, change), max(newest, timestamp)
            is_half = index == 0 and len(changes) == 2 and changes[1][0] == group
            if not is_half:
                lines.append(line(step, groups[group][1], group, groups[group][0]))
    return lines


def punctuate(name, which):
    span, time, wall, seen, lines = 10, -1, 0, "", []
    due = {"stream": 0, "wall": span}
    for step, columns in enumerate(read("inputs", name), 1):
        if columns[0] == "@wall":
            wall += int(columns[1])
            timer, now = "wall", wall
        else:
            time = max(time, int(columns[1]))
            timer, now, seen = "stream", time, concat(seen, columns[3])
        if which in (timer, "both") and now >= due[timer]:
            lines.append(line(step, now, timer, f"{seen}@{time}"))
            seen, due[timer] = "", (now // span + 1) * span
    return lines


def time_windows_of(name, size, advance, grace, aggregation, emission):
    return time_windows(name, FOLDS[aggregation], int(size), int(advance or size), int(grace),
                        emission != "updates")


def sessions_of(name, gap, grace, aggregation, emission):
    return sessions(name, FOLDS[aggregation], int(gap), int(grace), emission == "final")


def stream_join_of(name, kind, within, before, minus, after, grace):
    before, after = int(within or before), int(within or after)
    return stream_join(name, kind, before, -after if minus else after, int(grace))


# The case with its group -> who computes it, and whether @ lines are compared too.
RULES = [
    (r"\w+/(?:tumbling|hopping)_(\d+)(?:_by_(\d+))?_grace_(\d+)_([a-z]+)_(updates|final|closed)",
     time_windows_of, True),
    (r"\w+/session_(\d+)_grace_(\d+)_([a-z]+)_(updates|final)", sessions_of, True),
    (r"\w+/stream_stream_([a-z]+)_(?:within_(\d+)|before_(\d+)_after_(minus_)?(\d+))_grace_(\d+)",
     stream_join_of, False),
    (r"\w+/stream_table_([a-z]+)(_versioned)?(?:_grace_(\d+))?",
     lambda name, kind, versioned, grace: stream_table(name, kind, 20 if versioned else 0,
                                                       int(grace or 0)), False),
    (r"\w+/table_table_([a-z]+)", table_join, False),
    (r"tables/filter(?:_stored)?", filter_table, False),
    (r"tables/group_by_aggregate", group_table, False),
    (r"streams/punctuate_([a-z]+)", punctuate, True),
    (r"streams/versioned_store", versioned_store, False),
]


def differences():
    for name, output, _ in read("", "cases"):
        case = output.rsplit("-", 1)[0]
        for pattern, compute, has_notes in RULES:
            match = re.fullmatch(pattern, case)
            if not match:
                continue
            recorded = read("outputs", output)
            if not has_notes:
                recorded = [columns for columns in recorded if not columns[1].startswith("@")]
            computed = compute(name, *match.groups())
            yield output, next(((theirs, ours) for theirs, ours in zip(recorded, computed)
                                if theirs != ours), None if len(recorded) == len(computed)
                               else (f"{len(recorded)} lines", f"{len(computed)} lines"))


def main():
    compared = failed = 0
    for output, difference in differences():
        compared += 1
        if difference:
            failed += 1
            print(f"{output}: recorded {difference[0]}, by the rules {difference[1]}")
    print(f"{compared} outputs compared, {failed} differ")
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
