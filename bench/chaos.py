#!/usr/bin/env python3
"""chaos.py: BENCH_POSTS (1000) posts with accidents in every step of every protocol, and a publisher
that is killed BENCH_KILLS (50) times at random. In the end each clip is on each platform exactly once,
and nothing is called live that is not there; how many posts were UNKNOWN, and what settled them
(`posts retry`, or looking and `posts resolve`), is in the figures.

SEED repeats a sequence. See tests/fault/chaos.py.
"""
import os
import sys

os.environ.setdefault("KN_SOURCE_ROOT", os.getcwd())
os.environ.setdefault("KN_PROGRAM", os.path.abspath("build/kirinuki"))
sys.path.insert(0, "tests/fault")
# pylint: disable=wrong-import-position
from chaos import main  # noqa: E402


def number(name, usual):
    return int(os.environ.get(name, usual))


figures = main(number("BENCH_POSTS", "1000"), number("BENCH_KILLS", "50"), 0.15,
               number("SEED", "1"))
if figures["there"] != figures["posts"] or figures["kills"] < number("BENCH_KILLS", "50") / 2:
    sys.exit("bench: not each post is there once, or the process was hardly ever killed")
print("aim: posts that are there exactly once, of all: 1.00 (at least 1) reached")
