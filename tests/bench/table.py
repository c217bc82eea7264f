"""The table: one row per measure, with a peer or a limit beside it and a target to judge by."""

import os
import platform
import statistics
import time


def median(values):
    return statistics.median(values)


def text_of(value, unit):
    if value is None:
        return "-"
    if unit == "/s":
        for size, letter in ((1e6, " M"), (1e3, " k")):
            if value >= size:
                return f"{value / size:.3g}{letter}/s"
        return f"{value:.3g}/s"
    if unit == "MB":
        return f"{value / 1e6:.1f} MB"
    if unit == "s":
        if value >= 1:
            return f"{value:.2f} s"
        return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.0f} us"
    if unit == "%":
        return f"{value * 100:.2f} %"
    return f"{value:.2f} {unit}".strip()


class Table:
    def __init__(self, out):
        self.out = out

    def head(self, disk):
        with open("/proc/cpuinfo") as info:
            model = next((line.split(":", 1)[1].strip() for line in info
                          if line.startswith("model name")), "unknown processor")
        print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({model}), "
              f"Linux {platform.release()}, {disk}\n", file=self.out)
        self.line("measure", "tidemill", "beside it", "ratio", "target", "")
        self.line("---", "---:", "---:", "---:", "---", "---")

    def line(self, *cells):
        widths = (47, 10, 22, 7, 14, 7)
        print("| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)) + " |",
              file=self.out, flush=True)

    def row(self, measure, unit, ours, other=None, other_name="kafka", target=None, most=None,
            least=None, ratio_most=None, ratio_least=None):
        """A target is a bound on our value or on the ratio; without what it needs it is open."""
        ratio = ours / other if other else None
        bounds = ((most, ours, True), (least, ours, False),
                  (ratio_most, ratio, True), (ratio_least, ratio, False))
        verdict = ""
        for bound, value, is_most in bounds:
            if bound is not None and value is not None:
                verdict = "reached" if (value <= bound if is_most else value >= bound) else "MISSED"
        beside = f"{text_of(other, unit)} {other_name}" if other is not None else "-"
        self.line(measure, text_of(ours, unit), beside, f"{ratio:.2f}" if ratio else "-",
                  target or "-", verdict)
