#!/usr/bin/env python3
"""Publishing on a bad day, shortly; bench/chaos.py has all of it."""
import os

import chaos
from fault import each_store, main

CLIPS, KILLS = (60, 20) if os.environ.get("KN_FAULT_ALL") else (8, 4)


@each_store
def no_accident_and_no_kill_posts_twice_or_lies():
    figures = chaos.Chaos("chaos", CLIPS, 0.3, 11).run(KILLS)
    assert figures["there"] == figures["posts"] == CLIPS * len(chaos.PLATFORMS), figures
    assert figures["kills"] >= 1 and figures["accidents"] >= CLIPS, figures


if __name__ == "__main__":
    main()
