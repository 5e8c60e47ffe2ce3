#!/usr/bin/env python3
"""tally.py testlog.json: counts the test cases of a Meson run and names what failed.

Prints "PASSED FAILED SKIPPED" on stdout, and failed programs' output on stderr. Test programs
speak TAP; one that does not counts as one case by its exit code.
"""
import json
import re
import sys


def cases(test):
    """(passed, failed, skipped) of one test program."""
    passed = failed = skipped = 0
    for line in test.get("stdout", "").splitlines():
        if re.match(r"(not )?ok \d+ # SKIP", line):
            skipped += 1
        elif re.match(r"ok \d+", line):
            passed += 1
        elif re.match(r"not ok \d+", line):
            failed += 1
    outcome = test["result"]
    if passed + failed + skipped == 0:
        return (outcome == "OK", outcome not in ("OK", "SKIP"), outcome == "SKIP")
    if failed == 0 and outcome not in ("OK", "SKIP"):
        failed = 1  # It crashed, leaked or hung beside its cases.
    return (passed, failed, skipped)


def main():
    total = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            counts = cases(test)
            total = [a + b for a, b in zip(total, counts)]
            if counts[1]:
                print(f"--- {test['name']}: {test['result']}", file=sys.stderr)
                print(test.get("stdout", "")[-6000:], file=sys.stderr)
                print(test.get("stderr", "")[-6000:], file=sys.stderr)
    print(*(int(n) for n in total))


main()
