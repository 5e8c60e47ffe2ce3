#!/usr/bin/env python3
"""peers_table.py QUEUES.jsonl BATCHES.jsonl: what bench/peers.sh has measured, as two tables.

Only ratios within one run say something, so each column also tells how far ours is from the best
of the peers. Floors (no leases, retries or events) are shown and are no peers.
"""
import collections
import json
import statistics
import sys

COLUMNS = [("single", "one by one /s"), ("batch", "batch /s"), ("drain", "drain /s"),
           ("sleep", "20 ms jobs /s"), ("p50", "start p50 ms"), ("p99", "p99 ms")]
OURS = "kirinuki"


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.startswith("{")]


def medians(found):
    return {key: statistics.median(values) for key, values in found.items()}


def queues(path):
    found = collections.defaultdict(list)
    for row in lines(path):
        if row.get("error"):
            print(f"  {row['name']}, {row['what']}: {row['error'][:150]}")
        elif row["what"] == "latency":
            for which in ("p50", "p99"):
                found[row["name"], which].append(row["lat"][which])
        else:
            found[row["name"], row["what"]].append(row["rate"])
    return medians(found)


def best_of_peers(found, column):
    peers = [v for (name, what), v in found.items()
             if what == column and not name.startswith((OURS, "floor"))]
    return peers and (min if column.startswith("p") else max)(peers)


def print_queues(found):
    names = list(dict.fromkeys(name for name, _ in found))
    print(f"\n{'queue':20}" + "".join(f"{title:>16}" for _, title in COLUMNS))
    for name in sorted(names, key=lambda n: (not n.startswith(OURS), n.startswith("floor"))):
        cells = [found.get((name, what)) for what, _ in COLUMNS]
        print(f"{name:20}" + "".join(f"{'-':>16}" if c is None else f"{c:16,.1f}" for c in cells))
    for name in (n for n in names if n.startswith(OURS)):
        row = f"{name + ', x best':20}"
        for what, _ in COLUMNS:
            ours, best = found.get((name, what)), best_of_peers(found, what)
            ratio = ours and best and (best / ours if what.startswith("p") else ours / best)
            row += f"{ratio:15.2f}x" if ratio else f"{'-':>16}"
        print(row)


def print_batches(rows):
    found = collections.defaultdict(list)
    for row in rows:
        if row["case"] != "loadavg":
            found[row["case"], row["label"]].append(row["median_ms"])
    found = medians(found)
    labels = list(dict.fromkeys(label for _, label in found))
    for kind in ("read", "insert"):
        print(f"\n{'1,000 ' + kind + 's, ms':46}" + "".join(f"{label:>12}" for label in labels))
        for case in (c for c in dict.fromkeys(c for c, _ in found) if c.startswith(kind)):
            print(f"{case[len(kind) + 1:]:46}" +
                  "".join(f"{found.get((case, label), float('nan')):12.2f}" for label in labels))


def main():
    print_queues(queues(sys.argv[1]))
    print_batches(lines(sys.argv[2]))


main()
