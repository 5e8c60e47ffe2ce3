#!/usr/bin/env python3
"""chaos.py [sqlite] [postgres]: BENCH_POSTS (1000) posts with accidents in every step of every
protocol, and a publisher that is killed BENCH_KILLS (50) times at random; on each kind of store, if none
is named, as far as PostgreSQL is installed. In the end each clip is on each platform exactly once,
and nothing is called live that is not there; how many posts were UNKNOWN, and what settled them
(`posts retry`, or looking and `posts resolve`), is in the figures.

SEED repeats a sequence. See tests/fault/chaos.py.
"""
import os
import subprocess
import sys

os.environ.setdefault("KN_SOURCE_ROOT", os.getcwd())
os.environ.setdefault("KN_PROGRAM", os.path.abspath("build/kirinuki"))
os.environ.setdefault("KN_BUILD_ROOT", os.path.abspath("build"))
BESIDE = "tests/support/with-postgres.sh"
SKIPPED = 77


def number(name, usual):
    return int(os.environ.get(name, usual))


def run_here():
    sys.path.insert(0, "tests/fault")
    from chaos import main  # pylint: disable=import-outside-toplevel
    figures = main(number("BENCH_POSTS", "1000"), number("BENCH_KILLS", "50"), 0.15,
                   number("SEED", "1"))
    if figures["there"] != figures["posts"] or figures["kills"] < number("BENCH_KILLS", "50") / 2:
        sys.exit("bench: not each post is there once, or the process was hardly ever killed")
    print("aim: posts that are there exactly once, of all: 1.00 (at least 1) reached")


def run_beside_postgres():
    code = subprocess.run([BESIDE, sys.executable, __file__, "here"], check=False).returncode
    if code not in (0, SKIPPED):
        sys.exit(code)


if sys.argv[1:] == ["here"]:
    run_here()
    sys.exit()
os.environ.pop("KN_TEST_POSTGRES", None)
for store in sys.argv[1:] or ["sqlite", "postgres"]:
    print(f"-- {store}", flush=True)
    if store == "postgres":
        run_beside_postgres()
    elif store == "sqlite":
        run_here()
    else:
        sys.exit(f"bench: sqlite or postgres, not {store}")
