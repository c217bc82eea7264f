"""Which versions of which APIs were asked how often, and which were not."""


class Coverage:
    def __init__(self, apis):
        self.names = {api["key"]: name for name, api in apis.items()}
        self.asked = {}
        self.covered = set()  # asked with good and bad input by scenarios/coverage.py
        self.kafka = {}
        self.both = {}

    def offered(self, kafka, both):
        self.kafka, self.both = kafka, both

    def add(self, asked, is_covering):
        """`asked`: {(API, version): how often}."""
        if is_covering:
            self.covered.update(asked)
        for place, count in asked.items():
            self.asked[place] = self.asked.get(place, 0) + count

    def holes(self):
        """What both brokers have and is not covered. (Produce says 0-2 and refuses them.)"""
        for key, (low, high) in sorted(self.both.items()):
            name = self.names.get(key, f"key {key}")
            for version in range(low, high + 1):
                if (name, version) not in self.covered and not (name == "Produce" and version < 3):
                    yield f"{name} v{version}"

    def print(self):
        for key, (low, high) in sorted(self.kafka.items()):
            name = self.names.get(key, f"key {key}")
            mine = self.both.get(key)
            if mine is None:
                print(f"{name} v{low}-{high}: not served")
                continue
            counts = [f"v{version} {self.asked.get((name, version), 0)}"
                      for version in range(mine[0], mine[1] + 1)]
            above = f"; not served: v{mine[1] + 1}-{high}" if mine[1] < high else ""
            print(f"{name}: {', '.join(counts)}{above}")
