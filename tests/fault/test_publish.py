#!/usr/bin/env python3
"""Publishing on a bad day, shortly; bench/chaos.py has all of it."""
import chaos
from scenario import case, main


@case
def no_accident_and_no_kill_posts_twice_or_lies():
    figures = chaos.Chaos("chaos", 6, 0.15, 11).run(4)
    assert figures["there"] == figures["posts"] == 24, figures
    assert figures["kills"] >= 2 and figures["accidents"] >= 10, figures


if __name__ == "__main__":
    main()
