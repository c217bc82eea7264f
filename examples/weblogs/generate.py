#!/usr/bin/python3
"""A large access log in the combined format, the same for the same seed.

    examples/weblogs/generate.py [--broken N] [--rate N] LINES [SEED] >access.log

Requests come at `--rate` a second (200) from 2026-11-01 on; some visitors come often, most rarely;
one service fails for a while in every half hour. Every N-th line is torn (`--broken`, 1000; 0:
none). What the numbers must be is printed to stderr as `MINUTE CLASS REQUESTS` lines.
"""

import argparse
import collections
import datetime
import random
import sys

PATHS = ["/", "/index.html", "/style.css", "/app.js", "/login", "/api/v1/orders", "/api/v1/items",
         "/search", "/images/logo.png", "/favicon.ico", "/robots.txt", "/admin"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
          "curl/7.88.1", "Prometheus/2.42.0", "-"]
METHODS = ["GET"] * 16 + ["POST"] * 3 + ["HEAD"]
BEGIN = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)


def status_of(source, path, second):
    if path.startswith("/api") and second % 1800 < 90 and source.random() < 0.6:
        return source.choice([500, 502, 503])
    if path == "/admin":
        return 403
    return source.choices([200, 301, 304, 404], weights=[85, 3, 9, 3])[0]


def request(source, number, rate):
    """The line of a request, the minute it belongs to, and its status."""
    at = BEGIN + datetime.timedelta(seconds=number // rate)
    path = source.choices(PATHS, weights=range(len(PATHS), 0, -1))[0]
    status = status_of(source, path, number // rate)
    visitor = int(source.paretovariate(1.1)) % 65536
    host = f"10.{visitor % 7}.{visitor // 256}.{visitor % 256}"
    query = f"?q={source.randrange(10000)}" if path == "/search" else ""
    user = source.choice(["-"] * 9 + ["anna"])
    size = "-" if status == 304 else str(source.randrange(120, 60000))
    referer = source.choice(["-", "https://example.org/"])
    line = (f'{host} - {user} [{at:%d/%b/%Y:%H:%M:%S} +0000] '
            f'"{source.choice(METHODS)} {path}{query} HTTP/1.1" {status} {size} '
            f'"{referer}" "{source.choice(AGENTS)}"')
    return line, f"{at:%Y-%m-%dT%H:%M:00.000Z}", status


def main():
    parser = argparse.ArgumentParser(description="A seeded access log in the combined format.")
    parser.add_argument("--broken", type=int, default=1000, metavar="N")
    parser.add_argument("--rate", type=int, default=200, metavar="N")
    parser.add_argument("lines", type=int)
    parser.add_argument("seed", nargs="?", default="1")
    arguments = parser.parse_args()
    source = random.Random(arguments.seed)
    counts = collections.Counter()
    for number in range(arguments.lines):
        line, minute, status = request(source, number, arguments.rate)
        if arguments.broken and (number + 1) % arguments.broken == 0:
            line = line[:source.randrange(1, 40)]
        else:
            counts[f"{minute} {status // 100}xx"] += 1
        sys.stdout.write(line + "\n")
    for key in sorted(counts):
        print(key, counts[key], file=sys.stderr)


main()
